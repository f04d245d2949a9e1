//! Whose turn it is with an instance under lease: one session at a time, and between two of them a ping. What the server says
//! before it has answered that may still be of the one before, and is nobody's.

use super::call::Call;
use super::instance::Instance;
use super::pending::Own;
use super::wire::Wire;
use crate::protocol::{Era, Method};

/// What is between two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// The next one's calls wait for the answer.
    Closed,
    /// They do not, and were sent right behind the ping. For servers that have said nothing yet but answers: reading in turn, such a one
    /// answers the ping before anything of the next call, and if not, its first word of all is lost and no leak.
    Open,
}

impl Instance {
    /// The next session's turn is near, once nothing of the one before is running.
    pub(super) fn hand_over(&mut self) {
        let Some(next) = self.backlog.front().filter(|(_, c)| c.seat.is_some()).map(|(_, c)| c.peer.id) else { return };
        if self.era() == Era::Modern
            || self.barrier.is_some()
            || self.pending.holder().is_some()
            || self.is_leased_for_task()
        {
            return;
        }
        if self.port.lease.bound().is_some_and(|b| b != next) {
            self.stale = true;
        } else if self.holder.is_some_and(|h| h != next) {
            self.send_own(Own::Barrier, Method::Ping, "{}");
            // Requests by HTTP may overtake each other.
            if matches!(self.wire, Wire::Pipe(_)) && !self.port.pool.has_said_more() {
                self.barrier = Some(Barrier::Open);
                self.holder = None;
                self.take_from_backlog();
            } else {
                self.barrier = Some(Barrier::Closed);
            }
        }
    }

    /// The server has answered what is between two sessions: everything it says from now on is of the next one.
    pub(super) fn is_handed_over(&mut self) {
        if self.barrier.take() == Some(Barrier::Closed) {
            self.holder = None;
        }
        self.take_from_backlog();
    }

    /// Whether a call need not wait behind those that came before it.
    pub(super) fn may_begin(&self, call: &Call) -> bool {
        call.seat.is_none() || (self.backlog.is_empty() && self.has_lease(call))
    }

    /// Whether its session is the one that is served, or may be the next. A modern server says to which call a question belongs
    /// and needs no lease.
    pub(super) fn has_lease(&self, call: &Call) -> bool {
        call.seat.is_none()
            || self.era() == Era::Modern
            || (self.barrier != Some(Barrier::Closed)
                && self.holder.is_none_or(|h| h == call.peer.id)
                && self.port.lease.bound().is_none_or(|b| b == call.peer.id))
    }

    /// A call that was sent is not waited for any more, and the server may be at work on it still.
    pub(super) fn leaves_traces(&self, call: &Call) {
        if call.seat.is_some() && self.era() == Era::Legacy {
            self.port.lease.bind(call.peer.id);
        }
    }
}
