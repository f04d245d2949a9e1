//! The screen Inspect: every call as it happens, and what was in it.

pub(crate) mod compare;
pub(crate) mod detail;
pub(crate) mod facts;
pub(crate) mod files;
pub(crate) mod find;
pub(crate) mod heads;
pub(crate) mod hold;
pub(crate) mod layer;
pub(crate) mod layer_view;
pub(crate) mod layout;
pub(crate) mod marks;
pub(crate) mod order;
pub(crate) mod replay;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod view;
