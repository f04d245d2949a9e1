//! JSON as it came, seen without parsing it into values: places in bytes, folded lines, masks.
//!
//! Never panics and never recurses on what it is given: bytes may be cut off, hostile, or no JSON at all.

pub(crate) mod change;
pub(crate) mod diff;
pub(crate) mod find;
pub(crate) mod mask;
pub(crate) mod pretty;
pub(crate) mod scan;
pub(crate) mod tree;
