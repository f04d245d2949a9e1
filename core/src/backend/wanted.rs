//! [`Wanted`]: which sessions want updates of which resources of one server.
//!
//! It outlives instances and reloads: after a restart the server is asked again for what is still wanted. Written by the
//! server's task, taken over by the task that follows it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::protocol::SessionId;

/// The server's own URIs, decoded, and who wants them. No URI without a session.
#[derive(Debug, Default)]
pub struct Wanted(Mutex<BTreeMap<String, Vec<SessionId>>>);

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<SessionId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `session` wants updates of `uri`. `true`: nobody did before.
    pub(super) fn add(&self, uri: &str, session: SessionId) -> bool {
        let mut all = self.lock();
        let sessions = all.entry(uri.to_owned()).or_default();
        if !sessions.contains(&session) {
            sessions.push(session);
        }
        *sessions == [session]
    }

    /// `session` does not want them any more. `true`: it was the last who did.
    pub(super) fn remove(&self, uri: &str, session: SessionId) -> bool {
        let mut all = self.lock();
        let Some(sessions) = all.get_mut(uri) else { return false };
        sessions.retain(|s| *s != session);
        let last = sessions.is_empty();
        if last {
            all.remove(uri);
        }
        last
    }

    /// A session has left. Gives the URIs nobody wants any more.
    pub(super) fn leave(&self, session: SessionId) -> Vec<String> {
        let mut all = self.lock();
        let mut unwanted = Vec::new();
        if all.is_empty() {
            return unwanted;
        }
        all.retain(|uri, sessions| {
            sessions.retain(|s| *s != session);
            if sessions.is_empty() {
                unwanted.push(uri.clone());
            }
            !sessions.is_empty()
        });
        unwanted
    }

    /// Forgets sessions that are not there any more.
    pub(super) fn keep(&self, is_there: impl Fn(SessionId) -> bool) {
        self.lock().retain(|_, sessions| {
            sessions.retain(|s| is_there(*s));
            !sessions.is_empty()
        });
    }

    /// Whether somebody but `session` wants updates of `uri`.
    pub(super) fn by_others(&self, uri: &str, session: SessionId) -> bool {
        self.lock().get(uri).is_some_and(|all| all.iter().any(|s| *s != session))
    }

    /// Everything wanted, in order.
    pub(super) fn uris(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Who wants updates of exactly this.
    pub(super) fn of(&self, uri: &str) -> Vec<SessionId> {
        self.lock().get(uri).cloned().unwrap_or_default()
    }

    /// Everything wanted and by whom.
    pub(super) fn all(&self) -> Vec<(String, SessionId)> {
        self.lock().iter().flat_map(|(uri, sessions)| sessions.iter().map(|s| (uri.clone(), *s))).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whom an update of `uri` concerns: who wants it or something above it (MCP 2025-11-25, server/resources,
    /// subscriptions).
    pub(super) fn concerned(&self, uri: &str) -> Vec<SessionId> {
        let covers = |wanted: &str| {
            uri.strip_prefix(wanted)
                .is_some_and(|r| r.is_empty() || wanted.ends_with(['/', '?', '#']) || r.starts_with(['/', '?', '#']))
        };
        let all = self.lock();
        let mut sessions: Vec<SessionId> =
            all.iter().filter(|(wanted, _)| covers(wanted)).flat_map(|(_, s)| s.iter().copied()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    #[test]
    fn the_server_hears_of_the_first_and_of_the_last() {
        let wanted = Wanted::default();
        assert!(wanted.add("x://1", A));
        assert!(!wanted.add("x://1", B));
        assert!(wanted.by_others("x://1", A));
        assert!(!wanted.remove("x://1", A));
        assert!(!wanted.remove("x://1", A), "it did not want it any more");
        assert!(wanted.remove("x://1", B));
        assert!(wanted.is_empty());
    }

    #[test]
    fn who_leaves_wants_nothing() {
        let wanted = Wanted::default();
        wanted.add("x://1", A);
        wanted.add("x://1", B);
        wanted.add("x://2", A);
        assert_eq!(wanted.leave(A), ["x://2"]);
        wanted.keep(|s| s != B);
        assert!(wanted.is_empty());
    }

    #[test]
    fn an_update_concerns_who_wants_it_or_what_is_above_it() {
        let wanted = Wanted::default();
        wanted.add("f:///a", A);
        wanted.add("f:///a/b", B);
        assert_eq!(wanted.concerned("f:///a/b"), [A, B]);
        assert_eq!(wanted.concerned("f:///a"), [A]);
        assert_eq!(wanted.concerned("f:///ab"), []);
    }
}
