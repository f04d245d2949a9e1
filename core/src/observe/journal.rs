//! The last flows, in a ring bounded by count and bytes.
//!
//! Ids are positions: 0, 1, 2 … without gaps, so finding a flow is an index. Writers and readers share it under one
//! short lock held by the [`super::Observer`].

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::flow::{Flow, Frames, Round};
use crate::protocol::{CallId, Spliced};

/// Fixed cost of a row, counted towards the ring's bytes besides its frames: the row, and small allocations it shares.
const ROW_BYTES: usize = size_of::<Flow>() + 128;
/// The largest frame kept is the ring's bytes divided by this.
const FRAME_SHARE: usize = 16;
/// What one operation of several rounds may keep, in frames of the largest size: more would push everything else out.
const ROUNDS_SHARE: usize = 4;
/// How many changes are remembered for readers that ask what changed since they looked.
const N_CHANGES: usize = 8192;

/// The ring.
#[derive(Debug)]
pub struct Journal {
    rows: VecDeque<Flow>,
    /// Id of `rows[0]`.
    first: u64,
    n_bytes: usize,
    max_flows: usize,
    max_bytes: usize,
    /// A frame over this many bytes is not kept: a few of them would push everything else out.
    max_frame: usize,
    /// Ids of changed rows; the last one belongs to `version`.
    changes: VecDeque<u64>,
    version: u64,
}

/// Rows of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalWindow {
    /// The oldest id still kept.
    pub first: CallId,
    /// The id the next flow will have.
    pub next: CallId,
    /// The rows asked for that still exist, ascending by id, without their frames.
    pub rows: Vec<Flow>,
    /// Counts changes: equal numbers mean equal windows.
    pub version: u64,
}

fn n_bytes(flow: &Flow) -> usize {
    let rounds = flow.rounds.iter().map(|r| size_of::<Round>() + frame_bytes(&r.frames));
    frame_bytes(&flow.frames) + rounds.sum::<usize>()
}

fn frame_bytes(frames: &Frames) -> usize {
    let spliced = |s: &Option<Spliced>| s.as_ref().map_or(0, |s| s.patches().count() * 48);
    frames.received.as_ref().map_or(0, bytes::Bytes::len)
        + frames.returned.as_ref().map_or(0, bytes::Bytes::len)
        + spliced(&frames.sent)
        + spliced(&frames.answered)
}

/// Forgets frames over `max` bytes; their sizes stay in the row.
fn drop_large(frames: &mut Frames, max: usize) {
    if frames.received.as_ref().is_some_and(|b| b.len() > max) {
        frames.received = None;
        frames.sent = None;
    }
    if frames.sent.as_ref().is_some_and(|s| s.base().len() > max) {
        frames.sent = None;
    }
    if frames.returned.as_ref().is_some_and(|b| b.len() > max) {
        frames.returned = None;
    }
    if frames.answered.as_ref().is_some_and(|s| s.base().len() > max) {
        frames.answered = None;
    }
}

/// Forgets the frames of early rounds while those of all rounds have over `max` bytes.
fn drop_rounds(flow: &mut Flow, max: usize) {
    let mut n_bytes: usize = flow.rounds.iter().map(|r| frame_bytes(&r.frames)).sum();
    // The first one says what it was about: it goes last.
    let order = (1..flow.rounds.len()).chain(std::iter::once(0));
    for i in order {
        if n_bytes <= max {
            return;
        }
        if let Some(round) = flow.rounds.get_mut(i) {
            n_bytes -= frame_bytes(&round.frames);
            round.frames = Frames::default();
        }
    }
}

impl Journal {
    /// An empty ring that keeps at most `max_flows` rows and `max_bytes` bytes.
    #[must_use]
    pub fn new(max_flows: usize, max_bytes: usize) -> Self {
        Self {
            rows: VecDeque::new(),
            first: 0,
            n_bytes: 0,
            max_flows: max_flows.max(1),
            max_bytes,
            max_frame: max_bytes / FRAME_SHARE,
            changes: VecDeque::new(),
            version: 0,
        }
    }

    /// The id the next flow gets.
    #[must_use]
    pub fn next_id(&self) -> CallId {
        CallId(self.first + self.rows.len() as u64)
    }

    /// Adds a row; its `id` is set here.
    pub fn push(&mut self, mut flow: Flow) -> CallId {
        let id = self.next_id();
        flow.id = id;
        drop_large(&mut flow.frames, self.max_frame);
        self.n_bytes += ROW_BYTES + n_bytes(&flow);
        self.rows.push_back(flow);
        self.changed(id);
        self.trim();
        id
    }

    /// Changes a row that is still kept.
    pub fn update(&mut self, id: CallId, change: impl FnOnce(&mut Flow)) {
        let max = self.max_frame;
        let Some(row) = id.0.checked_sub(self.first).and_then(|i| self.rows.get_mut(i as usize)) else { return };
        let before = n_bytes(row);
        change(row);
        drop_large(&mut row.frames, max);
        if !row.rounds.is_empty() {
            drop_rounds(row, max.saturating_mul(ROUNDS_SHARE));
        }
        self.n_bytes = self.n_bytes + n_bytes(row) - before;
        self.changed(id);
        self.trim();
    }

    fn changed(&mut self, id: CallId) {
        self.version += 1;
        if self.changes.len() == N_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(id.0);
    }

    /// Drops the oldest rows until both bounds hold; the newest row stays.
    fn trim(&mut self) {
        let mut n_over = 0;
        while self.rows.len() - n_over > self.max_flows
            || (self.n_bytes > self.max_bytes && self.rows.len() - n_over > 1)
        {
            self.n_bytes -= ROW_BYTES + n_bytes(&self.rows[n_over]);
            n_over += 1;
        }
        // Dropped where they are: an old row is far from every cache, and moving it out would read all of it.
        self.rows.drain(..n_over);
        self.first += n_over as u64;
    }

    /// One row with its frames.
    #[must_use]
    pub fn get(&self, id: CallId) -> Option<&Flow> {
        id.0.checked_sub(self.first).and_then(|i| self.rows.get(i as usize))
    }

    /// Up to `limit` rows from `from` on, without frames.
    #[must_use]
    pub fn window(&self, from: CallId, limit: usize) -> JournalWindow {
        let skip = from.0.saturating_sub(self.first) as usize;
        let rows = self.rows.iter().skip(skip).take(limit);
        let rows = rows.map(Flow::without_frames).collect();
        JournalWindow { first: CallId(self.first), next: self.next_id(), rows, version: self.version }
    }

    /// Ids of rows that changed after `since`, ascending and without repetition, and the version now; `None` when that
    /// is too long ago to know.
    #[must_use]
    pub fn changes_since(&self, since: u64) -> (Option<Vec<CallId>>, u64) {
        let n = self.version.saturating_sub(since) as usize;
        if n > self.changes.len() {
            return (None, self.version);
        }
        let mut ids: Vec<CallId> = self.changes.iter().rev().take(n).map(|id| CallId(*id)).collect();
        ids.sort_unstable();
        ids.dedup();
        (Some(ids), self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::super::flow::{FlowKind, Status, Timing};
    use super::*;

    fn flow(n_bytes: usize) -> Flow {
        Flow {
            id: CallId(0),
            kind: FlowKind::Call,
            at: SystemTime::UNIX_EPOCH,
            session: None,
            client: "c".into(),
            backend: None,
            method: "ping".into(),
            target: None,
            status: Status::Pending,
            timing: Timing::default(),
            wire_id: None,
            n_progress: 0,
            parent: None,
            n_bytes_in: 0,
            n_bytes_out: 0,
            n_open: 0,
            n_rounds: 0,
            rounds: Vec::new(),
            frames: Frames { received: Some(Bytes::from(vec![b'x'; n_bytes])), ..Frames::default() },
        }
    }

    #[test]
    fn rounds_are_kept_within_the_bytes_and_the_first_one_longest() {
        let mut journal = Journal::new(100, 64_000);
        let other = journal.push(flow(10));
        let id = journal.push(flow(900));
        for n in 0..100 {
            journal.update(id, |f| f.turn(SystemTime::UNIX_EPOCH));
            journal.update(id, |f| f.frames.returned = Some(Bytes::from(vec![b'0' + n % 10; 700])));
        }
        let row = journal.get(id).expect("the newest stays");
        assert_eq!((row.n_rounds, row.rounds.len()), (100, 32));
        assert!(row.rounds[0].frames.received.is_some(), "what it was about");
        let kept: usize = row.rounds.iter().map(|r| frame_bytes(&r.frames)).sum();
        assert!((8_000..=16_000).contains(&kept), "{kept}");
        assert!(journal.get(other).is_some(), "others are not pushed out");
        let told: usize = journal.rows.iter().map(|r| ROW_BYTES + n_bytes(r)).sum();
        assert_eq!(journal.n_bytes, told);
    }

    #[test]
    fn keeps_the_newest_by_count() {
        let mut journal = Journal::new(3, usize::MAX);
        for _ in 0..5 {
            journal.push(flow(1));
        }
        let window = journal.window(CallId(0), 10);
        assert_eq!(window.rows.iter().map(|f| f.id.0).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((window.first, window.next), (CallId(2), CallId(5)));
        assert!(journal.get(CallId(1)).is_none());
    }

    #[test]
    fn keeps_the_newest_by_bytes_and_counts_updates() {
        let mut journal = Journal::new(100, 3 * (ROW_BYTES + 100));
        for _ in 0..3 {
            journal.push(flow(100));
        }
        assert_eq!(journal.window(CallId(0), 10).rows.len(), 3);
        journal.update(CallId(2), |f| f.frames.returned = Some(Bytes::from(vec![0; 50])));
        assert_eq!(journal.window(CallId(0), 10).rows.len(), 2, "the oldest goes when a younger one grows");
    }

    #[test]
    fn a_large_frame_is_not_kept_but_its_row_is() {
        let mut journal = Journal::new(100, 16_000);
        let id = journal.push(flow(1001));
        assert!(journal.get(id).is_some_and(|f| f.frames.received.is_none()));
        let id = journal.push(flow(1000));
        assert!(journal.get(id).is_some_and(|f| f.frames.received.is_some()));
    }

    #[test]
    fn tells_what_changed_or_that_it_cannot() {
        let mut journal = Journal::new(100_000, usize::MAX);
        journal.push(flow(0));
        journal.push(flow(0));
        let (_, version) = journal.changes_since(0);
        journal.update(CallId(0), |f| f.status = Status::Ok);
        assert_eq!(journal.changes_since(version), (Some(vec![CallId(0)]), version + 1));
        for _ in 0..=N_CHANGES {
            journal.push(flow(0));
        }
        assert_eq!(journal.changes_since(version).0, None);
    }
}
