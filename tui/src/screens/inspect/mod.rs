//! The screen Inspect: every call as it happens, and what was in it.

pub(crate) mod detail;
pub(crate) mod layout;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod view;
