//! The screen Metrics.

mod scale;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod view;
