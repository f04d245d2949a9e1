//! [`Row`]: a flow as the journal keeps it, its frames in the [`Store`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::flow::{Begun, Flow, FlowKind, Frames, Status, Timing};
use super::head::{HeadOf, Hop, Hops, PackedHead};
use super::method_name::MethodName;
use super::names::{LastNames, Names};
use super::rounds::Rounds;
use super::store::{Place, Store};
use crate::protocol::{CallId, SessionId, Spliced};

/// Fixed cost of a row besides its frames and names: the row, and what the journal keeps of it beside.
pub(super) const ROW_BYTES: usize = size_of::<Row>() + 32;
/// What one operation of several rounds may keep, in frames of the largest size: more would push everything else out.
const ROUNDS_SHARE: usize = 4;

/// The parts of a [`Timing`].
const N_PARTS: usize = 6;

/// A [`Flow`] as it is kept.
#[derive(Debug)]
pub(super) struct Row {
    kind: FlowKind,
    pub(super) at: SystemTime,
    session: Option<SessionId>,
    names: Arc<Names>,
    pub(super) status: Status,
    /// Nanoseconds: proxy, queue, server, client, held, send.
    timing: [u64; N_PARTS],
    pub(super) wire_id: Option<u64>,
    parent: Option<CallId>,
    pub(super) n_progress: u32,
    n_bytes_in: u32,
    pub(super) n_bytes_out: u32,
    pub(super) n_open: u16,
    pub(super) is_held: bool,
    n_rounds: u16,
    asked: Side,
    answered: Side,
    /// From the second round on; the frames stand there then.
    rounds: Option<Box<Rounds>>,
    /// What HTTP said around them, by [`HeadOf`]; `None` where nothing went by HTTP.
    heads: Option<Box<[Place; HeadOf::COUNT]>>,
    /// What it takes of the ring's bytes, besides its rounds.
    n_stored: usize,
}

/// The frames of one way: as it came, and what was changed when it was passed on.
#[derive(Clone, Copy, Debug)]
struct Side {
    came: Place,
    changed: Place,
    /// It was made here: what stands in the place of what came is only what the changes are made to.
    is_ours: bool,
}

impl Side {
    const NONE: Self = Self { came: Place::NONE, changed: Place::NONE, is_ours: false };

    /// Keeps those frames that are not too large. Gives the bytes they take.
    fn keep(&mut self, store: &mut Store, max: usize, came: Option<&Bytes>, passed: Option<&Spliced>) -> usize {
        let mut n_bytes = 0;
        if let Some(came) = came.filter(|b| b.len() <= max) {
            (self.came, n_bytes) = store.keep(came);
        }
        let Some(passed) = passed.filter(|p| p.base().len() <= max) else { return n_bytes };
        let is_alone = !self.came.is_some();
        if is_alone {
            let (place, n) = store.keep(passed.base());
            (self.came, self.is_ours) = (place, true);
            n_bytes += n;
        }
        // Mostly it is what has just been kept: nothing is read again then.
        let is_same = |came: &Bytes| std::ptr::eq(&came[..], &passed.base()[..]);
        let is_base = is_alone || came.is_some_and(is_same) || store.is(self.came, passed.base());
        let (place, n) = store.keep_changes(passed, is_base);
        self.changed = place;
        n_bytes + n
    }

    fn get(self, store: &Store) -> (Option<Bytes>, Option<Spliced>) {
        let base = store.get(self.came);
        let passed = store.get_changed(base.as_ref(), self.changed);
        (base.filter(|_| !self.is_ours), passed)
    }
}

impl Row {
    /// The row of a client's request that begins.
    pub(super) fn begun(begun: Begun<'_>, store: &mut Store, last: &mut LastNames, max_frame: usize) -> Self {
        let n_bytes_in = begun.n_bytes();
        let Begun { at, session, client, backend, method, target, parent, received } = begun;
        let (names, n_names) = last.keep(Names { client, backend, method, target });
        let mut asked = Side::NONE;
        let n_stored = ROW_BYTES + n_names + asked.keep(store, max_frame, Some(received), None);
        Self { parent, n_bytes_in, asked, n_stored, ..Self::empty(FlowKind::Call, at, session, names) }
    }

    pub(super) fn new(flow: Flow, store: &mut Store, last: &mut LastNames, max_frame: usize) -> Self {
        let Flow { kind, at, session, client, backend, method, target, status, wire_id, parent, .. } = flow;
        let Flow { n_progress, n_bytes_in, n_bytes_out, n_open, is_held, n_rounds, frames, timing, .. } = flow;
        let (names, n_names) = last.keep(Names { client, backend, method: MethodName::Other(method), target });
        let (mut asked, mut answered) = (Side::NONE, Side::NONE);
        let n_stored = ROW_BYTES
            + n_names
            + asked.keep(store, max_frame, frames.received.as_ref(), frames.sent.as_ref())
            + answered.keep(store, max_frame, frames.returned.as_ref(), frames.answered.as_ref());
        Self {
            status,
            timing: nanos(timing),
            wire_id,
            parent,
            n_progress,
            n_bytes_in,
            n_bytes_out,
            n_open,
            is_held,
            n_rounds,
            asked,
            answered,
            n_stored,
            ..Self::empty(kind, at, session, names)
        }
    }

    #[inline(always)]
    fn empty(kind: FlowKind, at: SystemTime, session: Option<SessionId>, names: Arc<Names>) -> Self {
        Self {
            kind,
            at,
            session,
            names,
            status: Status::Pending,
            timing: [0; N_PARTS],
            wire_id: None,
            parent: None,
            n_progress: 0,
            n_bytes_in: 0,
            n_bytes_out: 0,
            n_open: 0,
            is_held: false,
            n_rounds: 0,
            asked: Side::NONE,
            answered: Side::NONE,
            rounds: None,
            heads: None,
            n_stored: ROW_BYTES,
        }
    }

    /// What it takes of the ring's bytes.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_stored + self.rounds.as_ref().map_or(0, |r| r.n_bytes())
    }

    /// Keeps those frames of the request that have at most `max` bytes.
    pub(super) fn keep_asked(&mut self, store: &mut Store, max: usize, came: Option<&Bytes>, passed: Option<&Spliced>) {
        match &mut self.rounds {
            Some(rounds) => rounds.keep_asked(max, came, passed),
            None => self.n_stored += self.asked.keep(store, max, came, passed),
        }
    }

    /// Keeps those frames of the answer that have at most `max` bytes.
    pub(super) fn keep_answered(
        &mut self,
        store: &mut Store,
        max: usize,
        came: Option<&Bytes>,
        passed: Option<&Spliced>,
    ) {
        match &mut self.rounds {
            Some(rounds) => rounds.keep_answered(max, came, passed),
            None => {
                self.answered = Side::NONE;
                self.n_stored += self.answered.keep(store, max, came, passed);
            }
        }
    }

    /// Keeps what HTTP said around a message.
    pub(super) fn keep_head(&mut self, store: &mut Store, max: usize, of: HeadOf, head: &PackedHead) {
        let text = head.bytes();
        if text.len() > max {
            return;
        }
        let (place, n_bytes) = store.keep(text);
        if self.heads.is_none() {
            self.n_stored += size_of::<[Place; HeadOf::COUNT]>();
        }
        self.heads.get_or_insert_with(|| Box::new([Place::NONE; HeadOf::COUNT]))[of as usize] = place;
        self.n_stored += n_bytes;
    }

    fn hops(&self, store: &Store) -> Option<Box<Hops>> {
        let heads = self.heads.as_ref()?;
        let head = |of: HeadOf| Some(PackedHead::of(store.get(heads[of as usize])?).unpack());
        Some(Box::new(Hops {
            client: Hop { request: head(HeadOf::ClientRequest), response: head(HeadOf::ClientResponse) },
            server: Hop { request: head(HeadOf::ServerRequest), response: head(HeadOf::ServerResponse) },
        }))
    }

    /// The present round is over, and another one begins: its frames make room for those of the next.
    pub(super) fn turn(&mut self, store: &Store, max: usize, now: SystemTime) {
        let after = now.duration_since(self.at).unwrap_or_default();
        let wire_id = self.wire_id.take();
        self.n_rounds = self.n_rounds.saturating_add(1);
        let frames = self.frames(store);
        (self.asked, self.answered) = (Side::NONE, Side::NONE);
        let rounds = self.rounds.get_or_insert_with(|| Box::new(Rounds::new(frames)));
        rounds.turn(after, wire_id, max.saturating_mul(ROUNDS_SHARE));
    }

    /// Its answer was written, so long after it was ready.
    pub(super) fn set_send(&mut self, send: Duration) {
        self.timing[N_PARTS - 1] = u64::try_from(send.as_nanos()).unwrap_or(u64::MAX);
    }

    pub(super) fn set_timing(&mut self, timing: Timing) {
        self.timing = nanos(timing);
    }

    /// The flow with its frames.
    pub(super) fn whole_flow(&self, id: CallId, store: &Store) -> Flow {
        let (rounds, frames) = match &self.rounds {
            Some(rounds) => rounds.get(),
            None => (Vec::new(), self.frames(store)),
        };
        Flow { rounds, frames, hops: self.hops(store), ..self.flow(id) }
    }

    fn frames(&self, store: &Store) -> Frames {
        let (received, sent) = self.asked.get(store);
        let (returned, answered) = self.answered.get(store);
        Frames { received, sent, returned, answered }
    }

    /// The flow, without its frames: cheap to hand out by the hundred.
    pub(super) fn flow(&self, id: CallId) -> Flow {
        let [proxy, queue, server, client, held, send] = self.timing.map(Duration::from_nanos);
        Flow {
            id,
            kind: self.kind,
            at: self.at,
            session: self.session,
            client: self.names.client.clone(),
            backend: self.names.backend.clone(),
            method: self.names.method.text(),
            target: self.names.target.clone(),
            status: self.status.clone(),
            timing: Timing { proxy, queue, server, client, held, send },
            wire_id: self.wire_id,
            n_progress: self.n_progress,
            parent: self.parent,
            n_bytes_in: self.n_bytes_in,
            n_bytes_out: self.n_bytes_out,
            n_open: self.n_open,
            is_held: self.is_held,
            n_rounds: self.n_rounds,
            rounds: Vec::new(),
            frames: Frames::default(),
            hops: None,
        }
    }
}

fn nanos(timing: Timing) -> [u64; N_PARTS] {
    [timing.proxy, timing.queue, timing.server, timing.client, timing.held, timing.send]
        // Half a millennium fits.
        .map(|d| d.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(d.subsec_nanos())))
}
