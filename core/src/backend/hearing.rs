//! [`Hearing`]: whose the log lines are that a modern server writes on a pipe it shares.
//!
//! Such a server writes log lines only while it handles a request that asks for them (MCP 2026-07-28, server/utilities/logging); on a
//! pipe a line does not say for which. So the calls of one user at a time ask for them. Who comes meanwhile is not kept waiting: the
//! call is made without asking.

use std::sync::Arc;

use super::call::Call;
use super::instance::Instance;
use super::peer::Peer;
use super::pending::Own;
use super::shape;
use super::users::Audience;
use super::wire::Wire;
use crate::protocol::{Era, Method, WireId};

/// Whose log lines come.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// Who asked for them last.
    last: Option<Arc<Peer>>,
    /// The calls that asked and may run still.
    running: Vec<WireId>,
    /// Our request between the calls of two users. What comes before its answer may be of the one before.
    barrier: Option<WireId>,
}

impl Instance {
    /// Whether lines on this wire are told apart by who has asked for them.
    fn is_heard_by_turns(&self) -> bool {
        self.era() == Era::Modern && matches!(self.wire, Wire::Pipe(_)) && self.audience() == Audience::Strangers
    }

    /// Whether `call` has to wait for the server's word that it is done with what was before: the last one who heard was another
    /// user. It does not wait for long.
    pub(super) fn hushes(&mut self, call: &Call) -> bool {
        if !self.is_heard_by_turns() || self.is_anybodys() || !self.may_hear(call) {
            return false;
        }
        if self.hearing.last.replace(call.peer.clone()).is_none_or(|last| last.is_same_user(&call.peer)) {
            return false;
        }
        let meta = shape::modern_meta(&self.ctx.identity, "{}", None);
        let barrier = self.send_own(Own::Other(HUSH), Method::Discover, &format!(r#"{{"_meta":{{{meta}}}}}"#));
        self.hearing.barrier = Some(barrier);
        self.settling.begin(barrier, self.now);
        true
    }

    /// Lines are for all who want them.
    fn is_anybodys(&self) -> bool {
        self.port.server().share_logs
    }

    /// Whether nobody else hears at the moment, and `call` has a right to.
    fn may_hear(&mut self, call: &Call) -> bool {
        let asks = call.peer.level().or(call.facts.level).is_some();
        if !asks && call.facts.revision.era() == Era::Modern {
            return false;
        }
        if !asks && !self.users.is_only(&call.peer) {
            // It would take what comes, but has not asked for it.
            return false;
        }
        let pending = &self.pending;
        self.hearing.running.retain(|wire| pending.call(*wire).is_some());
        let is_others = |wire: &WireId| pending.call(*wire).is_some_and(|c| !c.peer.is_same_user(&call.peer));
        !self.hearing.running.iter().any(is_others)
    }

    /// Whether `call`, which is sent next, may ask for log lines, if its client wants them.
    pub(super) fn hears(&mut self, call: &Call) -> bool {
        if !self.is_heard_by_turns() || self.is_anybodys() {
            return true;
        }
        let hears = self.may_hear(call);
        if hears {
            self.hearing.running.push(self.pending.next_id());
        }
        hears
    }

    /// One of our requests was answered: what comes from now on may be of the calls behind it.
    pub(super) fn is_hushed(&mut self, wire: WireId) {
        self.hearing.barrier = self.hearing.barrier.filter(|barrier| *barrier != wire);
    }

    /// The call that a log line is of, where that is found out by turns.
    pub(super) fn heard_by(&self) -> Option<&Call> {
        if self.hearing.barrier.is_some() || !self.is_heard_by_turns() {
            return None;
        }
        self.hearing.running.iter().find_map(|wire| self.pending.call(*wire))
    }
}

/// What our request between the calls of two users is called.
const HUSH: &str = "server/discover";
