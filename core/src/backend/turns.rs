//! Whose turn it is with an instance under lease: one session at a time, and between two of them a ping. What the server says
//! before it has answered that may still be of the one before, and is nobody's. What it lists differently was changed by whose turn it
//! is, who is told of it before the next one's.

use std::time::Duration;

use super::call::Call;
use super::instance::Instance;
use super::pending::Own;
use super::tenant::Tenant;
use super::wire::Wire;
use crate::protocol::{Era, Method};

/// A turn ends so long after it might have while the server lists something new; one that goes on is left to whose turn it was.
const LISTS: Duration = Duration::from_secs(1);

/// What is between two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// The next one's calls wait for the answer.
    Closed,
    /// They do not, and were sent right behind the ping. For servers that have said nothing yet but answers: one that reads in turn
    /// answers the ping before anything of the next call. Of one that does not its very first word is lost, and reaches nobody else. One
    /// that was stuck gets a call that might have been made elsewhere.
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
            if self.changes_lists() {
                let until = *self.turn_until.get_or_insert(self.now + LISTS);
                self.stale |= until <= self.now;
            }
            // Looked at again when the lists are there, or at the end of that time.
            if self.stale || self.changes_lists() {
                return;
            }
            self.send_own(Own::Barrier, Method::Ping, "{}");
            // Requests by HTTP may overtake each other.
            if matches!(self.wire, Wire::Pipe(_)) && !self.port.pool.has_said_more() {
                self.barrier = Some(Barrier::Open);
                self.leaves_turn();
                self.take_from_backlog();
            } else {
                self.barrier = Some(Barrier::Closed);
            }
        }
    }

    /// The server has answered what is between two sessions: everything it says from now on is of the next one.
    pub(super) fn is_handed_over(&mut self) {
        if self.barrier.take() == Some(Barrier::Closed) && !self.changes_lists() {
            self.leaves_turn();
        }
        self.take_from_backlog();
    }

    fn leaves_turn(&mut self) {
        (self.holder, self.turn_until) = (None, None);
    }

    /// It says that its lists have changed, by whose turn it is. While the ping has not been answered nobody knows who that is: it serves
    /// nobody any more, and they are not told.
    pub(super) fn knows_whose_turn(&mut self) -> bool {
        if matches!(self.port.tenant, Tenant::Lease(_)) {
            self.port.pool.says_more();
        }
        self.stale |= self.barrier == Some(Barrier::Open);
        self.barrier != Some(Barrier::Open)
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
            || (!self.stale
                && self.barrier != Some(Barrier::Closed)
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
