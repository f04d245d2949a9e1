//! [`Sessions`]: the open HTTP sessions by their ids, within bounds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::HashMap;

use super::handle::Handle;
use super::stream::Style;
use crate::backend::Principal;
use crate::catalog::Scope;
use crate::protocol::Revision;

/// Sessions at once, at most: each costs a few kilobytes.
const MAX_SESSIONS: usize = 20_000;
/// Sessions of one principal, at most; everybody without a token is one.
const MAX_OF_ONE: usize = 15_000;
/// Where there are too many, one that was not used for so long gives way to a new one.
const GIVES_WAY: Duration = Duration::from_secs(60);
/// Bytes of a session id: 256 bits (protocol.md 7).
const ID_BYTES: usize = 32;

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOpened {
    /// There are enough.
    #[error("{0} sessions are open already: end some (HTTP DELETE), or wait for idle ones to end")]
    TooMany(usize),
    /// The system has no random numbers.
    #[error("the system gives no random numbers for a session id: {0}")]
    NoChance(#[from] getrandom::Error),
}

/// The open sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    all: Mutex<Table>,
    start: Instant,
}

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<Arc<str>, Arc<Handle>>,
    by_principal: HashMap<Principal, usize>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { all: Mutex::default(), start: Instant::now() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seconds(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    /// A new session of `principal`.
    pub(super) fn open(
        &self,
        principal: &Principal,
        scope: &Scope,
        revision: Revision,
        style: Style,
    ) -> Result<Arc<Handle>, NotOpened> {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes)?;
        let id: Arc<str> = URL_SAFE_NO_PAD.encode(bytes).into();
        let mut table = self.table();
        let n = table.by_principal.get(principal).copied().unwrap_or_default();
        if n >= MAX_OF_ONE && !table.make_room(self.seconds(), Some(principal)) {
            return Err(NotOpened::TooMany(MAX_OF_ONE));
        }
        if table.by_id.len() >= MAX_SESSIONS && !table.make_room(self.seconds(), None) {
            return Err(NotOpened::TooMany(MAX_SESSIONS));
        }
        *table.by_principal.entry(principal.clone()).or_default() += 1;
        let handle = Arc::new(Handle::new(id.clone(), principal.clone(), scope.server.clone(), revision, style));
        handle.touch(self.seconds());
        table.by_id.insert(id, handle.clone());
        Ok(handle)
    }

    /// The session `id` if it is this principal's; to anybody else it does not exist.
    pub(super) fn find(&self, id: &str, principal: &Principal) -> Option<Arc<Handle>> {
        let handle =
            self.table().by_id.get(id).cloned().filter(|h| h.principal == *principal && !h.mail.is_closed())?;
        handle.touch(self.seconds());
        Some(handle)
    }

    pub(super) fn remove(&self, id: &str) {
        self.table().remove(id);
    }

    /// Ends what nobody has used for `idle`, and what was opened by somebody who could not do so now.
    pub(super) fn sweep(&self, idle: Duration, is_welcome: impl Fn(&Principal) -> bool) {
        let now = self.seconds();
        let all: Vec<Arc<Handle>> = self.table().by_id.values().cloned().collect();
        for handle in all {
            handle.forget_old(Instant::now());
            if handle.is_in_use() {
                handle.touch(now);
            }
            if handle.unused(now) > idle || !is_welcome(&handle.principal) {
                handle.end();
            }
        }
    }
}

impl Table {
    fn remove(&mut self, id: &str) {
        if let Some(handle) = self.by_id.remove(id)
            && let Some(n) = self.by_principal.get_mut(&handle.principal)
        {
            *n -= 1;
            if *n == 0 {
                self.by_principal.remove(&handle.principal);
            }
        }
    }

    /// Ends the session that was not used for longest, if its client has been away for a while: of `principal`, or of anybody.
    fn make_room(&mut self, now: u32, principal: Option<&Principal>) -> bool {
        let is_one = |h: &&Arc<Handle>| principal.is_none_or(|p| h.principal == *p) && h.unused(now) >= GIVES_WAY;
        let away = self.by_id.values().filter(is_one).filter(|h| !h.is_in_use());
        let Some(oldest) = away.max_by_key(|h| h.unused(now)).cloned() else { return false };
        oldest.end();
        self.remove(&oldest.id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::Posted;
    use super::*;

    #[test]
    fn a_session_ends_when_its_opener_is_not_welcome_any_more() {
        let sessions = Sessions::new();
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        let open = |who| sessions.open(who, &Scope::default(), Revision::V2025_11_25, Style::Primed).expect("room");
        let (of_a, of_b) = (open(&a), open(&b));
        sessions.sweep(Duration::from_secs(3600), |principal| *principal == b);
        let mut mail = std::collections::VecDeque::new();
        of_a.mail.drain(&mut mail);
        assert!(matches!(mail.pop_front(), Some(Posted::End)));
        assert!(sessions.find(&of_a.id, &a).is_none(), "it is over at once");
        of_b.mail.drain(&mut mail);
        assert!(mail.is_empty());
    }

    #[test]
    fn a_session_that_is_used_does_not_end() {
        let hour = Duration::from_secs(3600);
        let start = Instant::now().checked_sub(2 * hour).expect("a machine that has run for a while");
        let sessions = Sessions { all: Mutex::default(), start };
        let a = Principal::token("a");
        let open = || {
            let handle = sessions.open(&a, &Scope::default(), Revision::V2025_11_25, Style::Primed).expect("room");
            handle.touch(0);
            handle
        };
        let (idle, reads, waits) = (open(), open(), open());
        let _reader = reads.get().attach(None);
        let _waiting = waits.is_waited_for();
        sessions.sweep(hour, |_| true);
        assert_eq!([&idle, &reads, &waits].map(|h| h.mail.is_closed()), [true, false, false]);
    }

    #[test]
    fn who_has_been_away_longest_gives_way() {
        let sessions = Sessions::new();
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        let open = |who| sessions.open(who, &Scope::default(), Revision::V2025_11_25, Style::Primed).expect("room");
        let (first, second, other) = (open(&a), open(&a), open(&b));
        second.touch(10);
        let reader = other.get().attach(None);
        let make_room = |now, who| sessions.table().make_room(now, who);
        assert!(!make_room(59, Some(&a)), "nobody has been away for long");
        assert!(make_room(1000, Some(&a)));
        assert!(first.mail.is_closed() && !second.mail.is_closed());
        assert!(make_room(1000, None) && second.mail.is_closed(), "the other one is there");
        assert!(!make_room(1000, None));
        drop(reader);
        assert!(make_room(1000, None) && other.mail.is_closed());
        assert!(sessions.table().by_principal.is_empty());
    }

    #[test]
    fn a_session_exists_for_whoever_opened_it() {
        let sessions = Sessions::new();
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        let open = || sessions.open(&a, &Scope::default(), Revision::V2025_11_25, Style::Primed).expect("room");
        let (first, second) = (open(), open());
        assert_ne!(first.id, second.id);
        assert!(first.id.len() == 43 && first.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert!(sessions.find(&first.id, &a).is_some());
        assert!(sessions.find(&first.id, &b).is_none());
        sessions.remove(&first.id);
        assert!(sessions.find(&first.id, &a).is_none());
        second.close();
        assert!(sessions.find(&second.id, &a).is_none(), "it has ended");
        sessions.remove(&second.id);
        assert!(sessions.table().by_principal.is_empty());
    }
}
