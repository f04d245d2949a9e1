//! The requests one instance has not answered yet. A plain value, owned by the task that serves the instance.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use super::call::Call;
use super::offer::ItemKind;
use crate::protocol::{RequestId, SessionId, WireId};

/// Wire ids are counted up by us: they need no hashing against collisions made on purpose.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// A request of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// `server/discover`
    Discover,
    /// `initialize`
    Initialize,
    /// One page of a list.
    List(ItemKind),
    /// `subscriptions/listen`
    Listen,
    /// The `ping` between two sessions of an instance under lease.
    Barrier,
    /// Somebody wants to know whether it is there.
    Ping,
    /// How the task stands, or has ended, that was made of the call under this id.
    Task(WireId),
    /// How the task of this id has ended (the server's own), that is held for its client.
    Held(Box<str>),
    /// Anything whose answer is only looked at for errors; the text says what it was.
    Other(&'static str),
}

/// Who is waiting.
#[derive(Debug)]
pub(super) enum Origin {
    /// A client.
    Call(Box<Call>),
    /// We.
    Own(Own),
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    /// When it was written.
    pub(super) sent: Instant,
    /// Since when the server has been silent about it.
    pub(super) silent_since: Instant,
    /// Longest silence.
    pub(super) timeout: Duration,
    /// Longest time in all.
    pub(super) max_timeout: Duration,
    /// Questions of the server that a client has not answered yet: silence does not count meanwhile.
    pub(super) n_asking: u32,
    /// There was such a question.
    pub(super) was_asked: bool,
}

impl Entry {
    /// When it is given up. `subscriptions/listen` never is: its answer is its end. A question about a task ends with the call
    /// that became one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if matches!(self.origin, Origin::Own(Own::Listen | Own::Task(_) | Own::Held(_))) {
            return None;
        }
        let last = self.sent.checked_add(self.max_timeout)?;
        if self.n_asking > 0 {
            return Some(last);
        }
        Some(last.min(self.silent_since.checked_add(self.timeout)?))
    }

    /// The limit over which it was given up, with the key it is set by.
    pub(super) fn limit_reached(&self, now: Instant) -> String {
        let is_last = self.sent.checked_add(self.max_timeout).is_some_and(|last| last <= now);
        if is_last {
            format!("{:?} in all (`max_timeout`)", self.max_timeout)
        } else {
            format!("{:?} (`timeout`)", self.timeout)
        }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct PendingTable {
    entries: HashMap<u64, Entry, BuildHasherDefault<IdHasher>>,
    last: u64,
    n_calls: usize,
    nearest: Option<Instant>,
}

impl PendingTable {
    /// The id the next request gets.
    pub(super) const fn next_id(&self) -> WireId {
        WireId(self.last + 1)
    }

    /// Enters a request under [`PendingTable::next_id`].
    pub(super) fn register(&mut self, entry: Entry) -> WireId {
        self.last += 1;
        self.n_calls += usize::from(matches!(entry.origin, Origin::Call(_)));
        self.comes_nearer(entry.deadline());
        self.entries.insert(self.last, entry);
        WireId(self.last)
    }

    /// Takes a request out: it was answered, or is not waited for any more.
    pub(super) fn complete(&mut self, id: WireId) -> Option<Entry> {
        let entry = self.entries.remove(&id.0)?;
        self.n_calls -= usize::from(matches!(entry.origin, Origin::Call(_)));
        Some(entry)
    }

    /// Puts a request back that was taken out: it was answered, and that is not its end.
    pub(super) fn restore(&mut self, id: WireId, entry: Entry) {
        self.n_calls += usize::from(matches!(entry.origin, Origin::Call(_)));
        self.comes_nearer(entry.deadline());
        self.entries.insert(id.0, entry);
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut Entry> {
        self.entries.get_mut(&id.0)
    }

    /// The client's call under this id.
    pub(super) fn call(&self, id: WireId) -> Option<&Call> {
        match &self.entries.get(&id.0)?.origin {
            Origin::Call(call) => Some(call),
            Origin::Own(_) => None,
        }
    }

    /// The request of our own under this id.
    pub(super) fn own(&self, id: WireId) -> Option<&Own> {
        match &self.entries.get(&id.0)?.origin {
            Origin::Own(own) => Some(own),
            Origin::Call(_) => None,
        }
    }

    /// The first request of our own that is such.
    pub(super) fn find_own(&self, is_it: impl Fn(&Own) -> bool) -> Option<WireId> {
        let of = |e: &Entry| matches!(&e.origin, Origin::Own(own) if is_it(own));
        self.entries.iter().find(|(_, e)| of(e)).map(|(id, _)| WireId(*id))
    }

    /// Clients' calls in the table.
    pub(super) const fn n_calls(&self) -> usize {
        self.n_calls
    }

    /// The wire id of a client's call.
    pub(super) fn find(&self, session: SessionId, client_id: &RequestId) -> Option<WireId> {
        let of = |e: &Entry| matches!(&e.origin, Origin::Call(c) if c.peer.id == session && c.client_id == *client_id);
        self.entries.iter().find(|(_, e)| of(e)).map(|(id, _)| WireId(*id))
    }

    /// Clients' calls, oldest first.
    pub(super) fn calls(&self) -> Vec<(WireId, &Call)> {
        let mut calls: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(id, e)| match &e.origin {
                Origin::Call(call) => Some((WireId(*id), &**call)),
                Origin::Own(_) => None,
            })
            .collect();
        calls.sort_by_key(|(id, _)| *id);
        calls
    }

    /// The calls of this session.
    pub(super) fn calls_of(&self, session: SessionId) -> Vec<WireId> {
        let is_its = |e: &Entry| matches!(&e.origin, Origin::Call(call) if call.peer.id == session);
        self.entries.iter().filter(|(_, e)| is_its(e)).map(|(id, _)| WireId(*id)).collect()
    }

    /// Calls whose client is away and has been asked something.
    pub(super) fn parked(&self) -> Vec<WireId> {
        let is_it = |e: &Entry| e.n_asking > 0 && matches!(&e.origin, Origin::Call(call) if call.peer.parks);
        self.entries.iter().filter(|(_, e)| is_it(e)).map(|(id, _)| WireId(*id)).collect()
    }

    /// The session that has the lease: whose calls with a seat are running.
    pub(super) fn holder(&self) -> Option<SessionId> {
        self.entries.values().find_map(|e| match &e.origin {
            Origin::Call(call) if call.seat.is_some() => Some(call.peer.id),
            _ => None,
        })
    }

    /// Takes out what is over its deadline.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<(WireId, Entry)> {
        let over: Vec<u64> =
            self.entries.iter().filter(|(_, e)| e.deadline().is_some_and(|d| d <= now)).map(|(id, _)| *id).collect();
        over.into_iter().filter_map(|id| Some((WireId(id), self.complete(WireId(id))?))).collect()
    }

    /// An instant not later than any deadline, and not much earlier: kept with every request, exact after
    /// [`PendingTable::look_again`].
    pub(super) const fn nearest(&self) -> Option<Instant> {
        self.nearest
    }

    /// Finds the earliest deadline anew; asked when a timer went off.
    pub(super) fn look_again(&mut self) {
        self.nearest = self.entries.values().filter_map(Entry::deadline).min();
    }

    fn comes_nearer(&mut self, deadline: Option<Instant>) {
        self.nearest = self.nearest.into_iter().chain(deadline).min();
    }

    /// A question that arose from this request was passed to a client.
    pub(super) fn asks(&mut self, id: WireId) {
        if let Some(entry) = self.entries.get_mut(&id.0) {
            entry.n_asking += 1;
            entry.was_asked = true;
        }
    }

    /// The question was answered.
    pub(super) fn is_told(&mut self, id: WireId, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id.0) else { return };
        entry.n_asking = entry.n_asking.saturating_sub(1);
        entry.silent_since = now;
        let deadline = entry.deadline();
        self.comes_nearer(deadline);
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Entry> {
        self.n_calls = 0;
        self.nearest = None;
        let mut all: Vec<_> = self.entries.drain().collect();
        all.sort_by_key(|(id, _)| *id);
        all.into_iter().map(|(_, e)| e).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timeout: u64, max: u64, now: Instant) -> Entry {
        Entry {
            origin: Origin::Own(Own::Other("test")),
            sent: now,
            silent_since: now,
            timeout: Duration::from_secs(timeout),
            max_timeout: Duration::from_secs(max),
            n_asking: 0,
            was_asked: false,
        }
    }

    #[test]
    fn an_answer_is_taken_once() {
        let mut table = PendingTable::default();
        let id = table.register(entry(1, 1, Instant::now()));
        assert!(table.complete(id).is_some());
        assert!(table.complete(id).is_none(), "a second answer finds nothing");
    }

    #[test]
    fn silence_ends_a_request_but_not_while_a_human_is_asked() {
        let now = Instant::now();
        let mut table = PendingTable::default();
        let id = table.register(entry(10, 100, now));
        let at = |s| now + Duration::from_secs(s);
        assert!(table.expired(at(9)).is_empty());
        table.get_mut(id).expect("there").silent_since = at(5);
        assert!(table.expired(at(14)).is_empty(), "progress resets the silence");
        table.get_mut(id).expect("there").n_asking = 1;
        assert!(table.expired(at(99)).is_empty());
        assert_eq!(table.expired(at(100)).len(), 1, "the total stays");
    }
}
