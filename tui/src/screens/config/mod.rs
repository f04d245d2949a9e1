//! The configuration file: an outline, its text, what is wrong with it while it is typed, what saving would change, and saving.
//!
//! The file is read, written, checked and opened in another editor by the runtime; what is asked of it and told by it is in [`talk`].

pub(crate) mod add;
pub(crate) mod add_view;
#[cfg(test)]
mod behaviour;
mod below;
mod complete;
mod diff;
mod offers;
mod offers_view;
pub(crate) mod outline;
mod place;
pub(crate) mod questions;
pub(crate) mod save;
mod servers;
pub(crate) mod state;
pub(crate) mod talk;
pub(crate) mod update;
pub(crate) mod view;
