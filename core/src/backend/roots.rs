//! [`Roots`]: what modern clients said their roots are. They say it only when they are asked, in a round of its own, and
//! servers ask often; so an answer is good for a while (protocol.md, 3.6).
//!
//! Servers ask as soon as they are open, when no call is there to be asked in, and work with what they were told then. So
//! [`RootsSaid`]: the first call whose client has roots is sent to such a server once it knows them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;

use super::call::Call;
use super::instance::Instance;
use super::peer::{Peer, Principal};
use super::pending::Own;
use super::users::Audience;
use super::wire::Parcel;
use crate::protocol::{CallId, Method, Spliced, WireId};

/// An answer is good for so long.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Users whose answers are kept, at most; as many as there may be tokens in use.
const MAX_USERS: usize = 1024;
/// Longest answer kept, in bytes: some hundred folders.
const MAX_BYTES: usize = 64 << 10;
/// A server that has heard that there are roots now asks for them within this time, or does not want to know.
const ASKS: Duration = Duration::from_millis(250);
/// One that is told something of them has taken it in after this time at the latest.
const TAKES_IN: Duration = Duration::from_secs(1);
/// What it confirms by its answer that it has read what came before.
const CONFIRM: &str = "ping";

/// The answers, by user. Who says no name is never known again.
#[derive(Debug, Default)]
pub struct Roots(Mutex<HashMap<Principal, (Instant, Bytes)>>);

impl Roots {
    fn lock(&self) -> MutexGuard<'_, HashMap<Principal, (Instant, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has said its roots: the result, as raw JSON.
    pub(super) fn learn(&self, principal: &Principal, result: &[u8], now: Instant) {
        if principal.is_anonymous() || result.len() > MAX_BYTES {
            return;
        }
        let mut all = self.lock();
        if all.len() >= MAX_USERS {
            all.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
        }
        if all.len() < MAX_USERS || all.contains_key(principal) {
            all.insert(principal.clone(), (now, Bytes::copy_from_slice(result)));
        }
    }

    /// What it said, if that is not long ago.
    pub(super) fn of(&self, principal: &Principal, now: Instant) -> Option<Bytes> {
        let all = self.lock();
        all.get(principal).filter(|(at, _)| now.saturating_duration_since(*at) < FRESH).map(|(_, r)| r.clone())
    }
}

/// What one server has been told of roots.
#[derive(Debug, Default)]
pub(super) struct RootsSaid {
    /// It asked when no client was there to say them: it is told when one is.
    rootless: bool,
    /// It is new, and others of this server have asked as soon as they could.
    will_ask: bool,
    /// It has asked.
    has_asked: bool,
    /// The call that is sent once it knows those of its client.
    first: Option<First>,
}

/// A call that is among the pending ones already, so that what the server asks finds it, and has not been sent.
#[derive(Debug)]
struct First {
    wire: WireId,
    call: CallId,
    out: Spliced,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The server is told that there are roots, or is new. It has heard when it has answered this request, or then at the latest.
    Told { confirms: WireId, since: Instant, until: Instant },
    /// It has heard: it asks until then, or not at all.
    Heard(Instant),
    /// Its client has been asked.
    Asked,
    /// The server has the answer. It is done with it when it has answered this request, or then at the latest.
    Knows { confirms: WireId, until: Instant },
}

impl RootsSaid {
    /// When it does not go on waiting.
    pub(super) fn wake(&self) -> Option<Instant> {
        match self.first.as_ref()?.stage {
            Stage::Told { until, .. } | Stage::Heard(until) | Stage::Knows { until, .. } => Some(until),
            Stage::Asked => None,
        }
    }

    /// Whether this call waits here. It does not any more.
    pub(super) fn forget(&mut self, wire: WireId) -> bool {
        self.first.take_if(|first| first.wire == wire).is_some()
    }

    /// The call that waits here, if one does. It does not any more.
    pub(super) fn take(&mut self) -> Option<WireId> {
        self.first.take().map(|first| first.wire)
    }
}

impl Instance {
    /// It is open, and may be one that asks for roots as soon as that is so.
    pub(super) fn may_want_roots(&mut self) {
        self.roots.will_ask = self.port.pool.asks_for_roots();
    }

    /// It asked for roots, and nobody was there to say them.
    pub(super) fn got_no_roots(&mut self) {
        self.roots.rootless = true;
        self.has_asked_for_roots();
        self.port.pool.has_asked_for_roots();
        self.send_first();
    }

    /// A server that asked for roots before any client was there hears that there are some now, with the first call of a
    /// client that has them; what it asks then is asked in that call. The call has to wait for that: when it has answered this
    /// request, it has heard.
    pub(super) fn tells_of_roots(&mut self, call: &Call) -> Option<WireId> {
        let RootsSaid { rootless, will_ask, .. } = self.roots;
        if !(rootless || will_ask) || !call.peer.parks || !call.facts.can("roots") || !self.is_of(&call.peer) {
            return None;
        }
        (self.roots.rootless, self.roots.will_ask) = (false, false);
        if rootless {
            self.notify(Method::RootsChanged, None);
        }
        self.roots.first.is_none().then(|| self.confirms_roots())
    }

    /// This call is sent when the server knows the roots of its client.
    pub(super) fn sends_later(&mut self, wire: WireId, call: CallId, out: Spliced, confirms: WireId) {
        let stage = Stage::Told { confirms, since: self.now, until: self.now + TAKES_IN };
        self.roots.first = Some(First { wire, call, out, stage });
    }

    fn has_asked_for_roots(&mut self) {
        (self.roots.has_asked, self.roots.will_ask) = (true, false);
    }

    /// It has asked for roots; `calls` are those it may have arisen from.
    pub(super) fn asks_for_roots(&mut self, calls: &[WireId]) {
        self.has_asked_for_roots();
        if let Some(first) = self.roots.first.as_mut().filter(|first| calls.contains(&first.wire)) {
            first.stage = Stage::Asked;
        }
    }

    /// How an answer to it is sent: what a call waits for must not be overtaken by that.
    pub(super) fn parcel_of_roots(&self, calls: &[WireId]) -> Parcel {
        let waits = self.roots.first.as_ref().is_some_and(|first| calls.contains(&first.wire));
        if waits { Parcel::Ahead } else { Parcel::Note }
    }

    /// It has been answered; `calls` are those its question may have arisen from.
    pub(super) fn knows_roots(&mut self, calls: &[WireId]) {
        if self.roots.first.as_ref().is_none_or(|first| !calls.contains(&first.wire)) {
            return;
        }
        let confirms = self.confirms_roots();
        if let Some(first) = &mut self.roots.first {
            first.stage = Stage::Knows { confirms, until: self.now + TAKES_IN };
        }
    }

    /// Asks it something that it answers when it has read what it was told before.
    fn confirms_roots(&mut self) -> WireId {
        self.send_own(Own::Other(CONFIRM), Method::Ping, "{}")
    }

    /// It has answered a request of ours, or will not.
    pub(super) fn has_confirmed(&mut self, wire: WireId) {
        let Some(first) = &mut self.roots.first else { return };
        match first.stage {
            // One that took a while to answer takes as long to ask.
            Stage::Told { confirms, since, .. } if confirms == wire => {
                first.stage = Stage::Heard(self.now + ASKS.max(self.now.saturating_duration_since(since)));
            }
            Stage::Knows { confirms, .. } if confirms == wire => self.send_first(),
            _ => {}
        }
    }

    /// Time has passed.
    pub(super) fn roots_are_due(&mut self) {
        if self.roots.wake().is_none_or(|at| self.now < at) {
            return;
        }
        if !self.roots.has_asked {
            self.port.pool.asks_for_roots_late();
        }
        self.send_first();
    }

    /// The call that waited is sent now, if one did and is still wanted.
    pub(super) fn send_first(&mut self) {
        let Some(First { wire, call, out, .. }) = self.roots.first.take() else { return };
        let Some(entry) = self.pending.get_mut(wire) else { return };
        (entry.sent, entry.silent_since) = (self.now, self.now);
        self.wire.push_of(&out, Parcel::Request(wire), Some(call));
        self.ctx.observer.sent(call, wire.0, &out);
    }

    /// Whether nobody else's roots are its roots.
    fn is_of(&self, peer: &Peer) -> bool {
        match self.audience() {
            Audience::Client(principal) => principal == peer.principal,
            Audience::Holder => self.holder == Some(peer.id),
            Audience::Session(_) | Audience::Strangers => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_good_for_a_while_and_for_one_user() {
        let (roots, now) = (Roots::default(), Instant::now());
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        roots.learn(&a, b"{}", now);
        roots.learn(&Principal::anonymous(), b"{}", now);
        let later = |s| now + Duration::from_secs(s);
        assert_eq!(roots.of(&a, later(299)).as_deref(), Some(&b"{}"[..]));
        assert_eq!(roots.of(&a, later(300)), None);
        assert_eq!(roots.of(&b, now), None);
        assert_eq!(roots.of(&Principal::anonymous(), now), None);
        for n in 0..MAX_USERS {
            roots.learn(&Principal::token(&n.to_string()), b"1", now);
        }
        assert_eq!(roots.lock().len(), MAX_USERS);
        roots.learn(&b, b"2", later(301));
        assert!(roots.of(&b, later(301)).is_some());
        assert_eq!(roots.lock().len(), 1);
    }
}
