//! [`MethodName`]: the name of a method as a row keeps it. Those we know cost nothing to keep.

use std::sync::{Arc, LazyLock};

use crate::protocol::Method;

/// The names, made once.
static NAMES: LazyLock<[Arc<str>; Method::COUNT]> = LazyLock::new(|| Method::ALL.map(|m| m.name().into()));

/// The name of a method.
#[derive(Clone, Debug)]
pub enum MethodName {
    /// That of one we know.
    Known(Method),
    /// Any other.
    Other(Arc<str>),
}

impl MethodName {
    /// The name as text: of one we know always the same.
    pub(crate) fn text(&self) -> Arc<str> {
        match self {
            Self::Known(method) => NAMES[*method as usize].clone(),
            Self::Other(name) => name.clone(),
        }
    }
}
