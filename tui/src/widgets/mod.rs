//! What several screens draw with.

pub(crate) mod bars;
pub(crate) mod columns;
pub(crate) mod editor;
pub(crate) mod facts;
pub(crate) mod flow_table;
pub(crate) mod help;
pub(crate) mod hint;
pub(crate) mod input;
pub(crate) mod json_view;
pub(crate) mod number;
pub(crate) mod palette;
pub(crate) mod pane;
pub(crate) mod popup;
pub(crate) mod spark;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod wrapped;
