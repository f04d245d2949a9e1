//! [`Store`]: frames as the journal keeps them, copied close together and forgotten in the order they came.
//!
//! A frame is a small part of a read buffer that others are parts of too: kept where it is, it would keep all of that. What
//! is passed on changed is kept as its changes only.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::protocol::{Patch, Span, Spliced};

/// Memory is taken in pieces of this size: some dozen calls.
const CHUNK: usize = 16 * 1024;
/// Longer frames have a piece of their own, so that little is left free at the end of one.
const OWN_ABOVE: usize = CHUNK / 4;
/// Longer ones keep the memory they are in, most of which is theirs: copying would take time.
const SHARE_ABOVE: usize = 64 * 1024;
/// Stands for the length of a patch that is a number.
const NUMBER: u32 = u32::MAX;

/// Where something is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Counts pieces; it may begin again.
    chunk: u32,
    start: u32,
    len: u32,
}

impl Place {
    /// Nothing is kept.
    pub(super) const NONE: Self = Self { chunk: 0, start: 0, len: u32::MAX };

    pub(super) const fn is_some(self) -> bool {
        self.len != u32::MAX
    }
}

#[derive(Debug)]
enum Chunk {
    Filling(Vec<u8>),
    Whole(Bytes),
}

/// The frames.
#[derive(Debug)]
pub(super) struct Store {
    chunks: VecDeque<Chunk>,
    /// The number of `chunks[0]`.
    first: u32,
    /// The number of the piece that is being filled.
    filling: u32,
    /// The last that was kept where it is. A list that is asked for again and again takes memory once.
    shared: (usize, usize),
}

impl Default for Store {
    fn default() -> Self {
        let chunks = VecDeque::from([Chunk::Filling(Vec::new())]);
        Self { chunks, first: 0, filling: 0, shared: (0, 0) }
    }
}

impl Store {
    /// Everything kept from now on is kept until [`Store::forget`] is told something later.
    pub(super) const fn now(&self) -> u32 {
        self.filling
    }

    /// Forgets what was kept before `then`.
    pub(super) fn forget(&mut self, then: u32) {
        while self.first != then && self.first != self.filling {
            self.chunks.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Keeps a frame. Gives its place and how many bytes of memory it takes.
    #[inline(always)]
    pub(super) fn keep(&mut self, frame: &Bytes) -> (Place, usize) {
        if frame.len() <= OWN_ABOVE { (self.copy(frame), frame.len()) } else { self.keep_large(frame) }
    }

    fn keep_large(&mut self, frame: &Bytes) -> (Place, usize) {
        let Ok(len) = u32::try_from(frame.len()) else { return (Place::NONE, 0) };
        let chunk = if frame.len() <= SHARE_ABOVE { Bytes::copy_from_slice(frame) } else { frame.clone() };
        let at = (chunk.as_ptr() as usize, chunk.len());
        let n_bytes = if std::mem::replace(&mut self.shared, at) == at { 0 } else { chunk.len() };
        (Place { chunk: self.push(Chunk::Whole(chunk)), start: 0, len }, n_bytes)
    }

    /// Keeps what was changed in a frame. `is_base`: the frame kept beside it is its base; else all of it is kept.
    pub(super) fn keep_changes(&mut self, spliced: &Spliced, is_base: bool) -> (Place, usize) {
        if !is_base {
            let whole = spliced.to_bytes();
            let len = u32::try_from(whole.len()).unwrap_or(0);
            let mut text = Vec::with_capacity(HEAD + whole.len());
            write_change(&mut text, Span { start: 0, end: NUMBER }, len, &whole);
            return self.keep(&text.into());
        }
        let n_bytes = spliced.patches().map(|(_, patch)| HEAD + patch_len(patch)).sum();
        if n_bytes <= OWN_ABOVE {
            return (self.put(n_bytes, |into| write_changes(into, spliced)), n_bytes);
        }
        let mut text = Vec::with_capacity(n_bytes);
        write_changes(&mut text, spliced);
        self.keep(&text.into())
    }

    /// What is kept in a place.
    pub(super) fn get(&self, place: Place) -> Option<Bytes> {
        match self.chunk(place)? {
            Chunk::Filling(bytes) => Some(Bytes::copy_from_slice(bytes.get(place.range())?)),
            Chunk::Whole(bytes) => Some(bytes.clone()),
        }
    }

    /// A frame with its changes, which are kept in a place.
    pub(super) fn get_changed(&self, base: Option<&Bytes>, place: Place) -> Option<Spliced> {
        let text = self.get(place)?;
        let mut spliced = Spliced::new(base.cloned().unwrap_or_default());
        let mut rest = &text[..];
        let mut number = |n: usize| {
            let (head, tail) = rest.split_at_checked(n)?;
            rest = tail;
            Some(head)
        };
        let four = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?));
        while let Some(start) = number(4) {
            let (start, end, len) = (four(start)?, four(number(4)?)?, four(number(4)?)?);
            let patch = match len {
                NUMBER => Patch::Number(u64::from_le_bytes(number(8)?.try_into().ok()?)),
                len => Patch::Bytes(text.slice_ref(number(len as usize)?)),
            };
            if let (Patch::Bytes(whole), NUMBER) = (&patch, end) {
                return Some(match base {
                    // What came is not what this was made of: all of it is different.
                    Some(base) => {
                        let mut spliced = Spliced::new(base.clone());
                        spliced.patch(Span { start: 0, end: u32::try_from(base.len()).ok()? }, patch);
                        spliced
                    }
                    None => Spliced::new(whole.clone()),
                });
            }
            spliced.patch(Span { start, end }, patch);
        }
        Some(spliced)
    }

    /// Whether this is the frame kept in a place.
    pub(super) fn is(&self, place: Place, frame: &[u8]) -> bool {
        match self.chunk(place) {
            Some(Chunk::Filling(bytes)) => bytes.get(place.range()) == Some(frame),
            // The same memory most of the time: nothing is read then.
            Some(Chunk::Whole(bytes)) => std::ptr::eq(&bytes[..], frame) || bytes == frame,
            None => false,
        }
    }

    fn chunk(&self, place: Place) -> Option<&Chunk> {
        self.chunks.get(place.chunk.wrapping_sub(self.first) as usize).filter(|_| place.is_some())
    }

    fn push(&mut self, chunk: Chunk) -> u32 {
        self.chunks.push_back(chunk);
        self.first.wrapping_add(self.chunks.len() as u32 - 1)
    }

    fn copy(&mut self, bytes: &[u8]) -> Place {
        self.put(bytes.len(), |into| into.extend_from_slice(bytes))
    }

    /// Keeps the few bytes that `write` adds, of which there are `n_bytes`.
    #[inline(always)]
    fn put(&mut self, n_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Place {
        loop {
            let number = self.filling;
            if let Some(Chunk::Filling(chunk)) = self.chunks.get_mut(number.wrapping_sub(self.first) as usize) {
                if chunk.capacity() == 0 {
                    chunk.reserve_exact(CHUNK);
                }
                if chunk.capacity() - chunk.len() >= n_bytes {
                    let start = chunk.len() as u32;
                    write(chunk);
                    return Place { chunk: number, start, len: n_bytes as u32 };
                }
            }
            self.filling = self.push(Chunk::Filling(Vec::new()));
        }
    }
}

/// What stands before the bytes of a change.
const HEAD: usize = 12;

fn patch_len(patch: &Patch) -> usize {
    match patch {
        Patch::Number(_) => size_of::<u64>(),
        Patch::Bytes(bytes) => bytes.len(),
    }
}

fn write_changes(into: &mut Vec<u8>, spliced: &Spliced) {
    for (span, patch) in spliced.patches() {
        match patch {
            Patch::Number(n) => write_change(into, span, NUMBER, &n.to_le_bytes()),
            // Longer than `u32` it is in no frame that is kept.
            Patch::Bytes(bytes) => write_change(into, span, u32::try_from(bytes.len()).unwrap_or(0), bytes),
        }
    }
}

#[inline(always)]
fn write_change(into: &mut Vec<u8>, span: Span, len: u32, bytes: &[u8]) {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&span.start.to_le_bytes());
    head[4..8].copy_from_slice(&span.end.to_le_bytes());
    head[8..].copy_from_slice(&len.to_le_bytes());
    into.extend_from_slice(&head);
    into.extend_from_slice(bytes);
}

impl Place {
    const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: usize) -> Bytes {
        (0..n).map(|i| b'a' + (i % 23) as u8).collect()
    }

    #[test]
    fn frames_of_every_length_come_back_until_they_are_forgotten() {
        let mut store = Store::default();
        let mut kept = Vec::new();
        for n in [0, 1, 300, OWN_ABOVE, OWN_ABOVE + 1, SHARE_ABOVE, SHARE_ABOVE + 1].repeat(20) {
            kept.push((store.now(), n, store.keep(&frame(n)).0));
        }
        for (_, n, place) in &kept {
            assert_eq!(store.get(*place), Some(frame(*n)), "{n}");
            assert!(store.is(*place, &frame(*n)) && !store.is(*place, b"another"));
        }
        let (then, ..) = kept[kept.len() / 2];
        store.forget(then);
        for (when, n, place) in &kept {
            assert_eq!(store.get(*place).is_some(), *when >= then || place.chunk >= then, "{n}");
        }
        assert!(store.chunks.len() < kept.len() / 2);
        assert_eq!(store.get(Place::NONE), None);
    }

    #[test]
    fn numbers_of_pieces_may_begin_again() {
        let mut store = Store { first: u32::MAX - 1, filling: u32::MAX - 1, ..Store::default() };
        for _ in 0..10 {
            let then = store.now();
            let (a, b) = (store.keep(&frame(OWN_ABOVE)).0, store.keep(&frame(SHARE_ABOVE)).0);
            store.forget(then);
            assert_eq!((store.get(a), store.get(b)), (Some(frame(OWN_ABOVE)), Some(frame(SHARE_ABOVE))));
        }
        assert!(store.filling < 10);
    }

    #[test]
    fn a_small_frame_does_not_keep_the_buffer_it_is_in_and_a_large_one_is_not_copied() {
        let mut store = Store::default();
        let buffer = frame(1 << 20);
        let _ = store.keep(&buffer.slice(100..400));
        let _ = store.keep(&buffer.slice(0..SHARE_ABOVE));
        assert!(buffer.is_unique());
        let (_, n_bytes) = store.keep(&buffer);
        assert!(!buffer.is_unique());
        assert_eq!((n_bytes, store.keep(&buffer).1), (1 << 20, 0), "the same again takes no more");
    }

    #[test]
    fn changes_come_back_as_they_were() {
        let mut store = Store::default();
        let base = frame(300);
        let mut spliced = Spliced::new(base.clone());
        spliced.patch(Span { start: 10, end: 20 }, Patch::Number(u64::MAX));
        spliced.patch(Span { start: 30, end: 30 }, Patch::Bytes(frame(5)));
        spliced.patch(Span { start: 40, end: 50 }, Patch::Bytes(Bytes::new()));
        let patches = |s: &Spliced| s.patches().map(|(s, p)| (s, p.clone())).collect::<Vec<_>>();
        let (place, _) = store.keep_changes(&spliced, true);
        let back = store.get_changed(Some(&base), place).expect("kept");
        assert_eq!((back.to_bytes(), patches(&back)), (spliced.to_bytes(), patches(&spliced)));
        let (place, _) = store.keep_changes(&spliced, false);
        assert_eq!(store.get_changed(None, place).map(|s| s.to_bytes()), Some(spliced.to_bytes()));
        let other = frame(7);
        assert_eq!(store.get_changed(Some(&other), place).map(|s| s.to_bytes()), Some(spliced.to_bytes()));
        let (place, n_bytes) = store.keep_changes(&Spliced::new(base.clone()), true);
        assert_eq!((store.get_changed(Some(&base), place).map(|s| s.to_bytes()), n_bytes), (Some(base), 0));
    }
}
