//! The screen Clients.

pub(crate) mod detail;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod view;
