//! The screen Logs.

pub(crate) mod said;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod view;
