//! What a person has marked, and what they wrote beside it.

/// Flows marked at once, at most.
pub(crate) const MAX_MARKS: usize = 10_000;
/// The longest comment, in characters.
pub(crate) const MAX_COMMENT: usize = 500;

/// A marked flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What was written about it; empty: nothing.
    pub(crate) comment: String,
}
