//! The whole of the terminal as a value: a model, messages that change it, effects it asks for, a view of it.
//!
//! Everything here is pure. The clock, the terminal and the proxy are touched in [`crate::runtime`] only.

pub(crate) mod cursor;
pub(crate) mod effect;
pub(crate) mod layout;
pub(crate) mod memory;
pub(crate) mod messages;
pub(crate) mod model;
pub(crate) mod mouse;
pub(crate) mod msg;
pub(crate) mod palette;
pub(crate) mod popup;
pub(crate) mod theme;
pub(crate) mod update;
pub(crate) mod view;
