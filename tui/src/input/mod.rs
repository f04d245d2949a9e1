//! What a key does, in one table: it feeds the keys themselves, the hint line, the help popup and `docs/keys.md`.

pub(crate) mod action;
pub(crate) mod context;
mod custom;
pub(crate) mod key;
pub(crate) mod keymap;
