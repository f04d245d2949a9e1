//! The last flows, in a ring bounded by count and bytes.
//!
//! Ids are positions: 0, 1, 2 … without gaps, so finding a flow is an index. Writers and readers share it under one
//! short lock held by the [`super::Observer`].

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::flow::{Begun, Flow, Status, Timing};
use super::head::{HeadOf, PackedHead};
use super::names::LastNames;
use super::row::Row;
use super::store::Store;
use crate::protocol::{CallId, Spliced};

/// Rows that are allocated and freed together: a ring that grows copies nothing.
const BLOCK: u64 = 64;
/// The largest frame kept is the ring's bytes divided by this.
const FRAME_SHARE: usize = 16;
/// How many changes are remembered for readers that ask what changed since they looked: that many at most, and no more
/// than what fits a sixteenth of the ring's bytes.
const N_CHANGES: usize = 8192;

/// The ring.
#[derive(Debug)]
pub struct Journal {
    blocks: VecDeque<Vec<Row>>,
    /// What is asked of rows when they are dropped, the oldest first: by then no row is near at hand.
    stored: VecDeque<Stored>,
    /// Id of the oldest row; older ones may still stand in its block.
    first: u64,
    /// The id the next flow gets.
    next: u64,
    store: Store,
    last_names: LastNames,
    n_bytes: usize,
    max_flows: usize,
    max_bytes: usize,
    /// A frame over this many bytes is not kept: a few of them would push everything else out.
    max_frame: usize,
    /// Ids of changed rows; the last one belongs to `version`.
    changes: VecDeque<u64>,
    max_changes: usize,
    version: u64,
    /// Rows that have not ended, where somebody looks at them.
    open: Option<BTreeSet<u64>>,
}

/// Of a row that is kept.
#[derive(Debug)]
struct Stored {
    /// What it takes of the ring's bytes.
    n_bytes: usize,
    /// Its frames are not older than this.
    since: u32,
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

impl Journal {
    /// An empty ring that keeps at most `max_flows` rows and `max_bytes` bytes.
    #[must_use]
    pub fn new(max_flows: usize, max_bytes: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            stored: VecDeque::new(),
            first: 0,
            next: 0,
            store: Store::default(),
            last_names: LastNames::default(),
            n_bytes: 0,
            max_flows: max_flows.max(1),
            max_bytes,
            max_frame: max_bytes / FRAME_SHARE,
            changes: VecDeque::new(),
            max_changes: (max_bytes / FRAME_SHARE / size_of::<u64>()).clamp(1, N_CHANGES),
            version: 0,
            open: None,
        }
    }

    /// From now on what has not ended is known without going through all rows.
    pub fn keep_open(&mut self) {
        if self.open.is_none() {
            let is_open = |id: &u64| self.row(CallId(*id)).is_some_and(|row| row.status == Status::Pending);
            self.open = Some((self.first..self.next).filter(is_open).collect());
        }
    }

    /// Rows that have not ended, the oldest first, without frames; at most `limit`. Empty where they are not kept.
    #[must_use]
    pub fn open(&self, limit: usize) -> Vec<Flow> {
        let ids = self.open.iter().flatten().take(limit);
        ids.filter_map(|id| Some(self.row(CallId(*id))?.flow(CallId(*id)))).collect()
    }

    /// The id the next flow gets.
    #[must_use]
    pub const fn next_id(&self) -> CallId {
        CallId(self.next)
    }

    /// A client's request begins.
    pub fn begun(&mut self, begun: Begun<'_>) -> CallId {
        let since = self.store.now();
        let row = Row::begun(begun, &mut self.store, &mut self.last_names, self.max_frame);
        self.add(row, since)
    }

    /// Adds a row; its `id` is set here.
    pub fn push(&mut self, flow: Flow) -> CallId {
        let since = self.store.now();
        let row = Row::new(flow, &mut self.store, &mut self.last_names, self.max_frame);
        self.add(row, since)
    }

    #[inline(always)]
    fn add(&mut self, row: Row, since: u32) -> CallId {
        let id = self.next;
        self.next += 1;
        if let Some(open) = self.open.as_mut().filter(|_| row.status == Status::Pending) {
            open.insert(id);
        }
        let n_bytes = row.n_bytes();
        self.stored.push_back(Stored { n_bytes, since });
        self.n_bytes += n_bytes;
        if id.is_multiple_of(BLOCK) {
            self.blocks.push_back(Vec::with_capacity(BLOCK as usize));
        }
        if let Some(block) = self.blocks.back_mut() {
            block.push(row);
        }
        self.changed(id);
        self.trim();
        CallId(id)
    }

    /// A flow was passed on under `wire_id`.
    pub fn sent(&mut self, id: CallId, wire_id: u64, sent: &Spliced) {
        self.update(id, |row, store, max| {
            row.wire_id = Some(wire_id);
            row.keep_asked(store, max, None, Some(sent));
        });
    }

    /// A round of a flow is over, and another one begins: its frames make room for those of the next.
    pub fn turn(&mut self, id: CallId, now: SystemTime, returned: Option<&Bytes>, answered: Option<&Spliced>) {
        self.update(id, |row, store, max| {
            row.keep_answered(store, max, returned, answered);
            row.turn(store, max, now);
        });
    }

    /// The client has come again with a flow that is still the same operation.
    pub fn received_again(&mut self, id: CallId, received: &Bytes) {
        self.update(id, |row, store, max| row.keep_asked(store, max, Some(received), None));
    }

    /// What HTTP said around a message of a flow.
    pub fn head(&mut self, id: CallId, of: HeadOf, head: &PackedHead) {
        self.update(id, |row, store, max| row.keep_head(store, max, of, head));
    }

    /// Progress of a flow was passed back.
    pub fn progress(&mut self, id: CallId) {
        self.update(id, |row, _, _| row.n_progress += 1);
    }

    /// A question that belongs to a flow is open.
    pub fn opened(&mut self, id: CallId) {
        self.update(id, |row, _, _| row.n_open = row.n_open.saturating_add(1));
    }

    /// A question that belongs to a flow is open no more.
    pub fn closed(&mut self, id: CallId) {
        self.update(id, |row, _, _| row.n_open = row.n_open.saturating_sub(1));
    }

    /// A message of a flow is held for somebody at the terminal, or is no more.
    pub fn held(&mut self, id: CallId, is_held: bool) {
        self.update(id, |row, _, _| row.is_held = is_held);
    }

    /// The answer of a flow was written, so long after it was ready.
    pub fn written(&mut self, id: CallId, send: Duration) {
        self.update(id, |row, _, _| row.set_send(send));
    }

    /// A flow has ended. Gives when it began, as far as it is kept.
    pub fn end(
        &mut self,
        id: CallId,
        status: &Status,
        timing: Timing,
        returned: Option<&Bytes>,
        answered: Option<&Spliced>,
    ) -> Option<SystemTime> {
        if let Some(open) = &mut self.open {
            open.remove(&id.0);
        }
        let mut began = None;
        self.update(id, |row, store, max| {
            began = Some(row.at);
            row.status = status.clone();
            row.is_held = false;
            row.set_timing(timing);
            // What we answered ourselves came from nobody: then it is what was passed back.
            let n_bytes = returned.map(Bytes::len).or_else(|| answered.map(Spliced::len)).unwrap_or(0);
            row.n_bytes_out = u32::try_from(n_bytes).unwrap_or(u32::MAX);
            row.keep_answered(store, max, returned, answered);
        });
        began
    }

    /// Changes a row that is still kept.
    fn update(&mut self, id: CallId, change: impl FnOnce(&mut Row, &mut Store, usize)) {
        let Some(at) = self.place(id) else { return };
        let Some(row) = self.blocks.get_mut(at.0).and_then(|b| b.get_mut(at.1)) else { return };
        change(row, &mut self.store, self.max_frame);
        let n_bytes = row.n_bytes();
        if let Some(stored) = self.stored.get_mut((id.0 - self.first) as usize) {
            self.n_bytes = self.n_bytes + n_bytes - std::mem::replace(&mut stored.n_bytes, n_bytes);
        }
        self.changed(id.0);
        self.trim();
    }

    fn changed(&mut self, id: u64) {
        self.version += 1;
        if self.changes.len() == self.max_changes {
            self.changes.pop_front();
        }
        self.changes.push_back(id);
    }

    /// Block and place in it of a row that is still kept.
    fn place(&self, id: CallId) -> Option<(usize, usize)> {
        let is_kept = (self.first..self.next).contains(&id.0);
        is_kept.then(|| ((id.0 / BLOCK - self.first / BLOCK) as usize, (id.0 % BLOCK) as usize))
    }

    fn row(&self, id: CallId) -> Option<&Row> {
        let (block, at) = self.place(id)?;
        self.blocks.get(block)?.get(at)
    }

    #[inline(always)]
    fn is_over(&self) -> bool {
        let n = self.next - self.first;
        n > 1 && (n > self.max_flows as u64 || self.n_bytes > self.max_bytes)
    }

    /// Drops the oldest rows until both bounds hold; the newest row stays.
    #[inline(always)]
    fn trim(&mut self) {
        if self.is_over() {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let before = self.first;
        while self.is_over() {
            self.n_bytes -= self.stored.pop_front().map_or(0, |stored| stored.n_bytes);
            self.first += 1;
            if self.first.is_multiple_of(BLOCK) {
                self.blocks.pop_front();
            }
        }
        if self.first != before
            && let Some(oldest) = self.stored.front()
        {
            self.store.forget(oldest.since);
        }
        while self.open.as_ref().and_then(BTreeSet::first).is_some_and(|id| *id < self.first) {
            self.open.as_mut().map(BTreeSet::pop_first);
        }
    }

    /// One row without its frames.
    #[must_use]
    pub fn glance(&self, id: CallId) -> Option<Flow> {
        self.row(id).map(|row| row.flow(id))
    }

    /// One row with its frames.
    #[must_use]
    pub fn get(&self, id: CallId) -> Option<Flow> {
        self.row(id).map(|row| row.whole_flow(id, &self.store))
    }

    /// Up to `limit` rows from `from` on, without frames.
    #[must_use]
    pub fn window(&self, from: CallId, limit: usize) -> JournalWindow {
        let ids = (from.0.max(self.first)..self.next).take(limit).map(CallId);
        let rows = ids.filter_map(|id| Some(self.row(id)?.flow(id))).collect();
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
#[path = "journal_tests.rs"]
mod tests;
