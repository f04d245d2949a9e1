//! From a file to a checked [`Config`].

mod model;
mod secret;

pub use model::*;
pub use secret::Secret;
