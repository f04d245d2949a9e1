//! The screen Catalog: what is offered, and a form to try it.

mod about;
mod bounds;
pub(crate) mod form;
pub(crate) mod form_view;
pub(crate) mod limits;
mod object;
pub(crate) mod result;
mod rows;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod template;
pub(crate) mod update;
pub(crate) mod view;
