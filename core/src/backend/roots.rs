//! [`Roots`]: what modern clients said their roots are. They say it only when they are asked, in a round of its own, and
//! servers ask often; so an answer is good for a while (protocol.md, 3.6).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;

use super::call::Call;
use super::instance::Instance;
use super::peer::{Peer, Principal};
use super::users::Audience;
use crate::protocol::Method;

/// An answer is good for so long.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Users whose answers are kept, at most; as many as there may be tokens in use.
const MAX_USERS: usize = 1024;
/// Longest answer kept, in bytes: some hundred folders.
const MAX_BYTES: usize = 64 << 10;

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

impl Instance {
    /// A server that asked for roots before any client was there hears that there are some now, with the first call of a
    /// client that has them; what it asks then is answered in that call.
    pub(super) fn tells_of_roots(&mut self, call: &Call) {
        if !self.rootless || !call.peer.parks || !call.facts.can("roots") || !self.is_of(&call.peer) {
            return;
        }
        self.rootless = false;
        self.notify(Method::RootsChanged, None);
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
