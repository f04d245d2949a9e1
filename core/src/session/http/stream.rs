//! [`Stream`]: one event stream: what waits to be read, and what was read lately for whoever lost it.
//!
//! The session writes, one response body reads. A body that is dropped costs nothing: the messages stay, and
//! `Last-Event-ID` only sets the place from which the next body reads. Bounded: notifications are left out first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::protocol::Spliced;
use crate::transport::http::{EventId, Runs, event, priming};

/// Messages waiting to be read, at most (protocol.md 4). An answer that finds no room ends its session.
const MAX_WAITING: usize = 1000;
/// The same in bytes.
const MAX_WAITING_BYTES: usize = 32 << 20;
/// Notifications leave this share of the room to answers and questions.
const NOTE_SHARE: (usize, usize) = (3, 4);
/// Notifications kept for a stream that nobody reads at the moment.
const MAX_UNREAD_NOTES: usize = 64;
/// Events kept after they were read.
const MAX_KEPT: usize = 256;
/// The same in bytes.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// What kind of events a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without ids: what was read is gone (2026-07-28).
    Plain,
    /// Without ids, named `message` (HTTP+SSE of 2024-11-05).
    Named,
    /// With ids, kept for a while (2025-03-26 and later).
    Numbered,
    /// The same, opened by an event that only has an id (2025-11-25).
    Primed,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Weight {
    /// May be left out when the reader does not keep up.
    Note,
    /// An answer or a question: never lost while the session lives.
    Owed,
}

/// The reader does not keep up with what it is owed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::session) struct Overflow;

/// One event stream.
#[derive(Debug)]
pub(in crate::session) struct Stream {
    id: u64,
    style: Style,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// The oldest first.
    events: VecDeque<Runs>,
    /// The number of the first of them.
    first: u64,
    /// The number of the next one to be read.
    next: u64,
    n_bytes: usize,
    n_bytes_waiting: usize,
    /// Since when there is nothing more to come.
    done: Option<Instant>,
    /// Counts the readers; only the last one gets anything.
    reader: u64,
    is_read: bool,
    waker: Option<Waker>,
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn n_waiting(&self) -> usize {
        usize::try_from(self.end() - self.next).unwrap_or(usize::MAX)
    }

    fn put(&mut self, runs: Runs) {
        self.n_bytes += runs.len();
        self.n_bytes_waiting += runs.len();
        self.events.push_back(runs);
    }

    fn trim(&mut self, n_kept: usize, n_bytes_kept: usize) {
        while self.first < self.next
            && (self.next - self.first > n_kept as u64 || self.n_bytes - self.n_bytes_waiting > n_bytes_kept)
        {
            let Some(old) = self.events.pop_front() else { return };
            self.first += 1;
            self.n_bytes -= old.len();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream {
    pub(super) fn new(style: Style) -> Arc<Self> {
        // Numbers are never used twice in a process: an id of another session's stream finds nothing in this one.
        static N_STREAMS: AtomicU64 = AtomicU64::new(1);
        let id = N_STREAMS.fetch_add(1, Ordering::Relaxed);
        let stream = Self { id, style, ring: Mutex::default() };
        if style == Style::Primed {
            stream.ring().put(priming(EventId { stream: id, n: 0 }));
        }
        Arc::new(stream)
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn has_ids(&self) -> bool {
        matches!(self.style, Style::Numbered | Style::Primed)
    }

    /// Adds a message.
    pub(in crate::session) fn push(&self, message: &Spliced, weight: Weight) -> Result<(), Overflow> {
        let mut ring = self.ring();
        if ring.done.is_some() {
            return Ok(());
        }
        let share = |n: usize| n / NOTE_SHARE.1 * NOTE_SHARE.0;
        let waiting = (ring.n_waiting(), ring.n_bytes_waiting);
        match weight {
            Weight::Note if waiting.0 >= share(MAX_WAITING) || waiting.1 >= share(MAX_WAITING_BYTES) => return Ok(()),
            Weight::Note if !ring.is_read && waiting.0 >= MAX_UNREAD_NOTES => return Ok(()),
            Weight::Owed if waiting.0 >= MAX_WAITING || waiting.1 >= MAX_WAITING_BYTES => return Err(Overflow),
            _ => {}
        }
        let name = (self.style == Style::Named).then_some("message");
        let id = self.has_ids().then(|| EventId { stream: self.id, n: ring.end() });
        ring.put(event(name, id, message));
        ring.wake();
        Ok(())
    }

    /// Adds an event that is no message: the `endpoint` of HTTP+SSE.
    pub(super) fn push_raw(&self, runs: Runs) {
        let mut ring = self.ring();
        ring.put(runs);
        ring.wake();
    }

    /// Nothing more will come.
    pub(in crate::session) fn finish(&self) {
        let mut ring = self.ring();
        if ring.done.is_none() {
            ring.done = Some(Instant::now());
        }
        ring.wake();
    }

    /// Since when nothing more comes.
    pub(super) fn done_since(&self) -> Option<Instant> {
        self.ring().done
    }

    /// Whether somebody reads it.
    pub(super) fn is_read(&self) -> bool {
        self.ring().is_read
    }

    /// Bytes held.
    pub(super) fn n_bytes(&self) -> usize {
        self.ring().n_bytes
    }

    /// Somebody begins to read in the place of whoever did: from what was not read yet, or after the event `after`.
    pub(super) fn attach(self: &Arc<Self>, after: Option<u64>) -> Reader {
        let mut ring = self.ring();
        ring.reader += 1;
        ring.is_read = true;
        if let Some(n) = after {
            let next = n.saturating_add(1).clamp(ring.first, ring.end());
            let skipped = usize::try_from(next - ring.first).unwrap_or(usize::MAX);
            ring.n_bytes_waiting = ring.events.iter().skip(skipped).map(Runs::len).sum();
            ring.next = next;
        }
        // Whoever read before has to see that it is not the reader any more.
        ring.wake();
        Reader { stream: self.clone(), number: ring.reader }
    }
}

/// The one who reads a stream. Another one may take its place.
#[derive(Debug)]
pub(super) struct Reader {
    stream: Arc<Stream>,
    number: u64,
}

impl Reader {
    /// The next event; `None` at the end, or when another reader took over.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Runs>> {
        let mut ring = self.stream.ring();
        if ring.reader != self.number {
            return Poll::Ready(None);
        }
        let at = usize::try_from(ring.next - ring.first).unwrap_or(usize::MAX);
        let Some(runs) = ring.events.get(at).cloned() else {
            if ring.done.is_some() {
                return Poll::Ready(None);
            }
            if !ring.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                ring.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        };
        ring.next += 1;
        ring.n_bytes_waiting -= runs.len();
        if self.stream.has_ids() {
            ring.trim(MAX_KEPT, MAX_KEPT_BYTES);
        } else {
            ring.trim(0, 0);
        }
        Poll::Ready(Some(runs))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut ring = self.stream.ring();
        if ring.reader == self.number {
            ring.is_read = false;
            ring.waker = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(n: usize) -> Spliced {
        Spliced::new(Bytes::from(format!("{{\"n\":{n}}}")))
    }

    /// What can be read now, ids cut off; `$` at the end.
    fn read(reader: &Reader) -> Vec<String> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        loop {
            match reader.poll_next(&mut cx) {
                Poll::Pending => return all,
                Poll::Ready(None) => {
                    all.push("$".to_owned());
                    return all;
                }
                Poll::Ready(Some(mut runs)) => {
                    let text = runs.next_part().map(|p| String::from_utf8_lossy(&p).into_owned()).unwrap_or_default();
                    all.push(text.split_once("data: ").map_or(text.clone(), |(_, d)| d.trim_end().to_owned()));
                }
            }
        }
    }

    #[test]
    fn what_was_missed_is_read_again() {
        let stream = Stream::new(Style::Numbered);
        let first = stream.attach(None);
        for n in 0..4 {
            stream.push(&message(n), Weight::Note).expect("room");
        }
        assert_eq!(read(&first).len(), 4);
        drop(first);
        stream.push(&message(4), Weight::Owed).expect("room");
        stream.finish();
        let again = stream.attach(Some(1));
        assert_eq!(read(&again), ["{\"n\":2}", "{\"n\":3}", "{\"n\":4}", "$"]);
        assert_eq!(read(&stream.attach(None)), ["$"]);
        assert_eq!(read(&stream.attach(Some(u64::MAX))), ["$"]);
    }

    #[test]
    fn a_second_reader_takes_over() {
        let stream = Stream::new(Style::Primed);
        let first = stream.attach(None);
        assert_eq!(read(&first), [""], "the priming event");
        let second = stream.attach(None);
        stream.push(&message(1), Weight::Note).expect("room");
        assert_eq!(read(&first), ["$"]);
        drop(first);
        assert!(stream.is_read(), "the second one is not disturbed");
        assert_eq!(read(&second), ["{\"n\":1}"]);
    }

    #[test]
    fn notifications_are_left_out_first_and_answers_overflow() {
        let stream = Stream::new(Style::Plain);
        let reader = stream.attach(None);
        for n in 0..2 * MAX_WAITING {
            stream.push(&message(n), Weight::Note).expect("dropped, not refused");
        }
        let n_notes = MAX_WAITING / 4 * 3;
        for n in 0..MAX_WAITING - n_notes {
            stream.push(&message(n), Weight::Owed).expect("room was left");
        }
        assert_eq!(stream.push(&message(0), Weight::Owed), Err(Overflow));
        assert_eq!(read(&reader).len(), MAX_WAITING);
        assert_eq!(stream.n_bytes(), 0, "nothing is kept without ids");
        stream.push(&message(0), Weight::Owed).expect("room again");
    }

    #[test]
    fn what_was_read_is_kept_within_bounds() {
        let stream = Stream::new(Style::Numbered);
        let reader = stream.attach(None);
        for n in 0..3 * MAX_KEPT {
            stream.push(&message(n), Weight::Owed).expect("room");
            read(&reader);
        }
        assert_eq!(read(&stream.attach(Some(0))).len(), MAX_KEPT);
        let big = Spliced::new(Bytes::from(vec![b'x'; MAX_KEPT_BYTES / 2]));
        let reader = stream.attach(None);
        for _ in 0..6 {
            stream.push(&big, Weight::Owed).expect("room");
            read(&reader);
        }
        assert!(stream.n_bytes() <= MAX_KEPT_BYTES);
    }

    #[test]
    fn a_stream_nobody_reads_keeps_few_notifications_and_all_it_owes() {
        let stream = Stream::new(Style::Numbered);
        for n in 0..200 {
            stream.push(&message(n), Weight::Note).expect("dropped");
        }
        stream.push(&message(999), Weight::Owed).expect("room");
        let all = read(&stream.attach(None));
        assert_eq!((all.len(), all.last().map(String::as_str)), (MAX_UNREAD_NOTES + 1, Some("{\"n\":999}")));
    }
}
