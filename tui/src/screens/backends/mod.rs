//! The screen Backends.

pub(crate) mod detail;
mod health;
mod log;
pub(crate) mod order;
pub(crate) mod setup;
pub(crate) mod state;
mod tools;
pub(crate) mod update;
pub(crate) mod view;
