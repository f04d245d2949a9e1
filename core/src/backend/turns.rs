//! Whose turn it is with an instance under lease: one session at a time, and between two of them a ping. What the server says
//! before it has answered that may still be of the one before, and is nobody's. What it lists differently was changed by whose turn it
//! is, who is told of it before the next one's.

use std::time::Duration;

use super::call::Call;
use super::instance::Instance;
use super::pending::Own;
use crate::protocol::{Era, Method};

/// A turn ends so long after it might have while the server lists something new; one that goes on is left to whose turn it was.
const LISTS: Duration = Duration::from_secs(1);

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
                // Looked at again when the lists are there, or at the end of that time.
                self.stale |= until <= self.now;
            } else if !self.stale {
                self.barrier = Some(self.send_own(Own::Barrier, Method::Ping, "{}"));
            }
        }
    }

    /// The server has answered what is between two sessions: everything it says from now on is of the next one.
    pub(super) fn is_handed_over(&mut self) {
        self.barrier = None;
        if !self.changes_lists() {
            (self.holder, self.turn_until) = (None, None);
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
            || (!self.stale
                && self.barrier.is_none()
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
