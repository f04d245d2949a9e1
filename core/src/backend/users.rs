//! [`Users`]: who has used one instance, and who uses it now. What it says may be about any of them.

use std::sync::Arc;
use std::time::Instant;

use foldhash::HashMap;

use super::call::{Call, Outcome};
use super::instance::Instance;
use super::peer::{Level, Peer, Principal};
use super::tenant::Tenant;
use crate::protocol::SessionId;

/// Who has used one instance.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// Whose call came last: most come from the same.
    last: Option<SessionId>,
    ever: Ever,
    /// The sessions that have used it and are still there. Of what stands for one call, only those that want log lines: where others
    /// are is found among the pending calls.
    now: HashMap<SessionId, Arc<Peer>>,
}

/// The users since the instance began.
#[derive(Debug, Default)]
enum Ever {
    #[default]
    Nobody,
    One(Arc<Peer>),
    Many,
}

impl Users {
    /// `true`: one that did not use it before, and is kept in mind.
    fn add(&mut self, peer: &Arc<Peer>) -> bool {
        self.last = Some(peer.id);
        self.ever = match std::mem::take(&mut self.ever) {
            Ever::Nobody => Ever::One(peer.clone()),
            Ever::One(first) if first.is_same_user(peer) => Ever::One(first),
            Ever::One(_) | Ever::Many => Ever::Many,
        };
        if peer.parks && peer.wanted_level().is_none() {
            return false;
        }
        self.now.insert(peer.id, peer.clone()).is_none()
    }

    /// `true`: it was kept in mind.
    pub(super) fn leave(&mut self, session: SessionId) -> bool {
        self.last = self.last.filter(|l| *l != session);
        self.now.remove(&session).is_some()
    }

    /// Whether nobody has ever used it.
    pub(super) const fn is_nobody(&self) -> bool {
        matches!(self.ever, Ever::Nobody)
    }

    /// Whether nobody but the user of `peer` has ever used it.
    pub(super) fn is_only(&self, peer: &Peer) -> bool {
        matches!(&self.ever, Ever::One(first) if first.is_same_user(peer))
    }

    fn is_owners_only(&self) -> bool {
        match &self.ever {
            Ever::Nobody => true,
            Ever::One(first) => first.owns,
            Ever::Many => false,
        }
    }
}

/// Who may hear what an instance says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// This session.
    Session(SessionId),
    /// The sessions of one user.
    Client(Principal),
    /// Whoever has the lease.
    Holder,
    /// Nobody without proof.
    Strangers,
}

impl Instance {
    /// A call of `peer` is about to be sent.
    pub(super) fn is_used_by(&mut self, peer: &Arc<Peer>) {
        if self.users.last == Some(peer.id) {
            return;
        }
        if self.users.add(peer) && peer.wanted_level().is_some() {
            self.send_level();
        }
    }

    /// A call has ended with its server's answer. Who stands for this one call is no user any more.
    pub(super) fn is_answered(&mut self, call: Box<Call>, outcome: Outcome, sent: (Instant, Instant)) {
        if call.peer.parks && self.users.leave(call.peer.id) && self.level.is_some() {
            // It may have been the one who wanted the most.
            self.send_level();
        }
        call.end(outcome, Some(sent));
    }

    pub(super) fn audience(&self) -> Audience {
        match &self.port.tenant {
            Tenant::Session(session) => Audience::Session(*session),
            Tenant::Client(principal) => Audience::Client(principal.clone()),
            Tenant::Kind(principal, _) if !principal.is_anonymous() => Audience::Client(principal.clone()),
            Tenant::Lease(_) => Audience::Holder,
            Tenant::Everybody if self.ctx.is_owned && self.users.is_owners_only() => Audience::Client(Principal::own()),
            Tenant::Everybody | Tenant::Kind(..) => Audience::Strangers,
        }
    }

    /// The lowest level the sessions want that use this instance.
    pub(super) fn lowest_level(&self) -> Option<Level> {
        match self.audience() {
            Audience::Session(session) => self.ctx.peers.get(session)?.wanted_level(),
            Audience::Client(principal) => {
                let sessions = self.ctx.peers.of(&principal);
                let began = self.users.now.values().filter(|p| p.parks);
                sessions.iter().chain(began).filter_map(|p| p.wanted_level()).chain(self.level_of_calls()).min()
            }
            Audience::Strangers if self.port.server().share_logs => {
                self.ctx.peers.all().iter().filter_map(|p| p.wanted_level()).min()
            }
            Audience::Holder | Audience::Strangers => {
                self.users.now.values().filter_map(|p| p.wanted_level()).chain(self.level_of_calls()).min()
            }
        }
    }

    /// The lowest level wanted with the calls that are under way. A client may want another one in a later round of a call.
    fn level_of_calls(&self) -> Option<Level> {
        let calls = self.pending.calls();
        calls.into_iter().filter(|(_, c)| c.peer.parks).filter_map(|(_, c)| c.peer.wanted_level()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Mailbox;

    fn peer(id: u64, principal: Principal) -> Arc<Peer> {
        Arc::new(Peer::new(SessionId(id), principal, Mailbox::new(1)))
    }

    #[test]
    fn two_sessions_of_a_user_are_one_user_but_not_without_a_name() {
        let (a, b) = (peer(1, Principal::token("x")), peer(2, Principal::token("x")));
        let mut users = Users::default();
        assert!(users.add(&a) && users.add(&b));
        assert!(users.is_only(&a) && users.is_only(&b));
        let (c, d) = (peer(3, Principal::anonymous()), peer(4, Principal::anonymous()));
        let mut users = Users::default();
        assert!(users.add(&c) && !users.add(&c));
        assert!(users.is_only(&c) && !users.is_only(&d));
        users.leave(c.id);
        assert!(users.add(&d));
        assert!(!users.is_only(&d), "what c asked for may still come");
    }
}
