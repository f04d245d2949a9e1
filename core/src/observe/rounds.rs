//! [`Rounds`]: the frames of an operation that takes several rounds. Such are few, and each may take many.

use std::time::Duration;

use bytes::Bytes;

use super::flow::{Frames, Round};
use crate::protocol::{Patch, Spliced};

/// Rounds of one operation whose frames are kept, at most: a bridge makes 8, a server behind us may ask as often as it likes.
const MAX_ROUNDS: usize = 32;
/// A longer frame has most of the memory it is in; a shorter one would keep a buffer that others are parts of.
const SHARE_ABOVE: usize = 64 * 1024;

/// The frames of an operation.
#[derive(Debug)]
pub(super) struct Rounds {
    /// The first one first, as far as they are kept.
    past: Vec<Round>,
    /// Those of the present round.
    now: Frames,
}

impl Rounds {
    pub(super) const fn new(first: Frames) -> Self {
        Self { past: Vec::new(), now: first }
    }

    /// The present round is over, and another one begins. All together keep at most `max` bytes.
    pub(super) fn turn(&mut self, after: Duration, wire_id: Option<u64>, max: usize) {
        if self.past.is_empty() {
            // Most have one more round, and that may be long in coming.
            self.past.reserve_exact(1);
        }
        self.past.push(Round { after, wire_id, frames: std::mem::take(&mut self.now) });
        if self.past.len() > MAX_ROUNDS {
            // The first one says what it was about.
            self.past.remove(1);
        }
        let mut n_bytes: usize = self.past.iter().map(|r| n_bytes(&r.frames)).sum();
        // For the same reason it goes last.
        for i in (1..self.past.len()).chain([0]) {
            if n_bytes <= max {
                return;
            }
            let frames = std::mem::take(&mut self.past[i].frames);
            n_bytes -= self::n_bytes(&frames);
        }
    }

    /// Keeps those frames of the request that have at most `max` bytes.
    pub(super) fn keep_asked(&mut self, max: usize, came: Option<&Bytes>, passed: Option<&Spliced>) {
        if came.is_some() {
            self.now.received = kept(max, came);
        }
        self.now.sent = kept_changed(max, self.now.received.as_ref(), passed);
    }

    /// Keeps those frames of the answer that have at most `max` bytes.
    pub(super) fn keep_answered(&mut self, max: usize, came: Option<&Bytes>, passed: Option<&Spliced>) {
        self.now.returned = kept(max, came);
        self.now.answered = kept_changed(max, self.now.returned.as_ref(), passed);
    }

    /// The rounds before, and the frames of the present one.
    pub(super) fn get(&self) -> (Vec<Round>, Frames) {
        (self.past.clone(), self.now.clone())
    }

    /// The memory they take.
    pub(super) fn n_bytes(&self) -> usize {
        let past: usize = self.past.iter().map(|r| size_of::<Round>() + n_bytes(&r.frames)).sum();
        size_of::<Self>() + past + n_bytes(&self.now)
    }
}

fn kept(max: usize, frame: Option<&Bytes>) -> Option<Bytes> {
    let small = |b: &Bytes| if b.len() > SHARE_ABOVE { b.clone() } else { Bytes::copy_from_slice(b) };
    frame.filter(|b| b.len() <= max).map(small)
}

/// The same changes in memory of their own; `base` is what the frame they are made to may be kept as.
fn kept_changed(max: usize, base: Option<&Bytes>, spliced: Option<&Spliced>) -> Option<Spliced> {
    let spliced = spliced?;
    let base = base.filter(|b| *b == spliced.base()).cloned().or_else(|| kept(max, Some(spliced.base())))?;
    let mut own = Spliced::new(base);
    for (span, patch) in spliced.patches() {
        own.patch(
            span,
            match patch {
                Patch::Bytes(bytes) => Patch::Bytes(Bytes::copy_from_slice(bytes)),
                Patch::Number(n) => Patch::Number(*n),
            },
        );
    }
    Some(own)
}

fn n_bytes(frames: &Frames) -> usize {
    let came = |b: &Option<Bytes>| b.as_ref().map_or(0, Bytes::len);
    let passed = |s: &Option<Spliced>, came: &Option<Bytes>| {
        let base = |s: &Spliced| if came.is_some() { 0 } else { s.base().len() };
        s.as_ref().map_or(0, |s| s.patches().count() * 48 + base(s))
    };
    came(&frames.received)
        + came(&frames.returned)
        + passed(&frames.sent, &frames.received)
        + passed(&frames.answered, &frames.returned)
}
