//! Other values in a few places of raw bytes; every other byte stays as it came.
//!
//! Never looks into the bytes and never copies them before somebody asks for one piece. Input: a message's bytes and
//! spans in them; output: runs of bytes in order, for a writer that can take several.

use std::ops::Range;

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
    /// A span outside the bytes is refused in the same way.
    #[inline]
    pub fn patch(&mut self, span: Span, patch: Patch) {
        // Most come in their order.
        let before = self.patches.last().map_or(0, |(before, _)| before.end);
        if before < span.start && span.start <= span.end && span.end as usize <= self.base.len() {
            return self.patches.push((span, patch));
        }
        self.patch_between(span, patch);
    }

    fn patch_between(&mut self, span: Span, patch: Patch) {
        // By start, then end: an insertion comes before what replaces the bytes after it.
        let order = |s: Span| (s.start, s.end);
        let place = self.patches.partition_point(|(s, _)| order(*s) <= order(span));
        let fits = span.start <= span.end
            && span.end as usize <= self.base.len()
            && self.patches[..place].last().is_none_or(|(before, _)| before.end <= span.start)
            && self.patches.get(place).is_none_or(|(after, _)| span.end <= after.start);
        debug_assert!(fits, "patch {span:?} overlaps another one or leaves the bytes: {:?}", self.patches);
        if fits {
            self.patches.insert(place, (span, patch));
        }
    }

    /// Length of the result in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let cut: usize = self.patches.iter().map(|(s, _)| (s.end - s.start) as usize).sum();
        let put: usize = self.patches.iter().map(|(_, p)| p.len()).sum();
        self.base.len() - cut + put
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

    /// Calls `put` with each run of bytes of the result, in order; none is empty.
    #[inline(always)]
    pub fn for_each_run(&self, mut put: impl FnMut(Run<'_>)) {
        self.for_each_piece(
            #[inline(always)]
            |piece| match piece {
                Piece::Base(start, end) => put(Run::Shared(&self.base, start..end)),
                Piece::Patch(Patch::Bytes(bytes)) => put(Run::Shared(bytes, 0..bytes.len())),
                Piece::Patch(Patch::Number(n)) => put(Run::Short(itoa::Buffer::new().format(*n).as_bytes())),
            },
        );
    }

    /// The result in one piece; shares the base's memory if nothing was changed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        if self.is_untouched() {
            return self.base.clone();
        }
        let mut result = Vec::with_capacity(self.len());
        self.for_each_piece(|piece| match piece {
            Piece::Base(start, end) => result.extend_from_slice(&self.base[start..end]),
            Piece::Patch(Patch::Bytes(bytes)) => result.extend_from_slice(bytes),
            Piece::Patch(Patch::Number(n)) => result.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
        });
        Bytes::from(result)
    }

    #[inline(always)]
    fn for_each_piece<'a>(&'a self, mut put: impl FnMut(Piece<'a>)) {
        let mut done = 0;
        for (span, patch) in &self.patches {
            if done < span.start {
                put(Piece::Base(done as usize, span.start as usize));
            }
            if patch.len() > 0 {
                put(Piece::Patch(patch));
            }
            done = span.end;
        }
        if (done as usize) < self.base.len() {
            put(Piece::Base(done as usize, self.base.len()));
        }
    }
}

impl Patch {
    fn len(&self) -> usize {
        match self {
            Self::Number(n) => n.checked_ilog10().map_or(1, |log| log as usize + 1),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A part of the result: bytes of the base from one place to another, or a patch.
enum Piece<'a> {
    Base(usize, usize),
    Patch(&'a Patch),
}

/// A run of result bytes.
#[derive(Debug)]
pub enum Run<'a> {
    /// A part of the base or a patch: may be kept without a copy.
    Shared(&'a Bytes, Range<usize>),
    /// A few bytes made here (a number): copy them.
    Short(&'a [u8]),
}

impl Run<'_> {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes, range) => &bytes[range.clone()],
            Self::Short(bytes) => bytes,
        }
    }

    /// The bytes, to be kept: of memory that is shared where there is such.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Shared(bytes, range) => bytes.slice(range.clone()),
            Self::Short(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Patch {
        Patch::Bytes(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn spliced(base: &str, patches: &[(usize, usize, Patch)]) -> Spliced {
        let mut spliced = Spliced::new(Bytes::copy_from_slice(base.as_bytes()));
        for (start, end, patch) in patches {
            spliced.patch(Span::new(*start, *end), patch.clone());
        }
        spliced
    }

    /// All the ways to the result agree.
    #[track_caller]
    fn check(base: &str, patches: &[(usize, usize, Patch)], expected: &str) {
        let spliced = spliced(base, patches);
        assert_eq!(spliced.to_bytes(), expected);
        assert_eq!(spliced.len(), expected.len());
        assert_eq!(spliced.is_empty(), expected.is_empty());
        assert_eq!(spliced.is_untouched(), patches.is_empty());
        assert_eq!(spliced.base(), base);
        let mut runs = Vec::new();
        spliced.for_each_run(|run| {
            assert!(!run.bytes().is_empty());
            assert_eq!(run.to_bytes(), run.bytes());
            runs.extend_from_slice(run.bytes());
        });
        assert_eq!(runs, expected.as_bytes());
    }

    #[test]
    fn patches_stand_in_the_place_of_their_spans() {
        check("", &[], "");
        check("abcdef", &[], "abcdef");
        check("abcdef", &[(1, 3, bytes("XYZ"))], "aXYZdef");
        check("abcdef", &[(0, 6, bytes(""))], "");
        check("abcdef", &[(0, 1, bytes("")), (5, 6, bytes(""))], "bcde");
        check("abcdef", &[(4, 6, Patch::Number(0)), (0, 1, Patch::Number(u64::MAX))], "18446744073709551615bcd0");
        check("", &[(0, 0, bytes("x"))], "x");
        check("abc", &[(3, 3, bytes("x")), (0, 0, bytes("y"))], "yabcx");
    }

    #[test]
    fn insertions_at_one_place_keep_their_order_and_come_first() {
        check("ab", &[(1, 1, bytes("1")), (1, 1, bytes("2")), (1, 1, bytes("3"))], "a123b");
        check("abc", &[(1, 2, bytes("X")), (1, 1, bytes("1")), (2, 2, bytes("2"))], "a1X2c");
        check("abc", &[(2, 2, bytes("2")), (1, 1, bytes("1")), (1, 2, bytes("X"))], "a1X2c");
    }

    #[test]
    fn numbers_are_written_as_usual() {
        for n in [0, 1, 9, 10, 11, 99, 100, 12_345_678_901, u64::MAX - 1, u64::MAX] {
            check("x", &[(0, 1, Patch::Number(n))], &n.to_string());
        }
    }

    #[test]
    fn runs_of_the_base_share_its_memory() {
        let spliced = spliced("abcdef", &[(2, 4, Patch::Number(7))]);
        let mut places = Vec::new();
        spliced.for_each_run(|run| {
            if let Run::Shared(..) = run {
                places.push(run.to_bytes().as_ptr());
            }
        });
        assert_eq!(places, [spliced.base().as_ptr(), spliced.base()[4..].as_ptr()]);
        let untouched = Spliced::new(spliced.base().clone());
        assert_eq!(untouched.to_bytes().as_ptr(), spliced.base().as_ptr());
    }

    #[test]
    fn patches_are_told_in_order() {
        let spliced = spliced("abcdef", &[(4, 5, bytes("Y")), (0, 1, Patch::Number(1))]);
        let told: Vec<_> = spliced.patches().map(|(span, patch)| (span.start, patch.clone())).collect();
        assert_eq!(told, [(0, Patch::Number(1)), (4, bytes("Y"))]);
    }

    /// Debug builds must say so; release builds must keep what was there.
    #[test]
    fn overlaps_are_a_mistake() {
        for (start, end) in [(0, 3), (2, 3), (1, 4), (3, 6), (2, 4), (1, 6), (5, 9), (7, 7), (4, 1)] {
            let mut spliced = spliced("abcdef", &[(1, 4, bytes("X"))]);
            let patch = std::panic::AssertUnwindSafe(|| {
                spliced.patch(Span { start, end }, bytes("Y"));
                spliced.to_bytes()
            });
            let kept = std::panic::catch_unwind(patch).ok();
            let expected = (!cfg!(debug_assertions)).then_some("aXef");
            assert_eq!(kept.as_deref(), expected.map(str::as_bytes), "{start}..{end}");
        }
    }
}
