//! [`Waiting`]: calls that came while no instance serves. They can be taken back, and none waits for ever.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::call::Call;
use super::port::{Mail, Port};
use crate::protocol::walk;

/// Calls waiting for the next instance, at most; more are refused as busy.
const MAX_WAITING: usize = 4096;

/// Calls that wait for the next instance, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    calls: VecDeque<(Instant, Box<Call>)>,
    /// Something came that needs a running server.
    woken: bool,
}

impl Waiting {
    /// Takes in what came for an instance that is not there. Gives a call back that is too many.
    pub(super) fn take_in(&mut self, mail: Mail, port: &Port, now: Instant) -> Option<Box<Call>> {
        match mail {
            Mail::Call(call) => return self.push(call, now),
            Mail::Cancel { session, client_id, .. } => {
                self.calls.retain(|(_, c)| c.peer.id != session || c.client_id != client_id);
            }
            Mail::Subscribe { session, uri } => {
                if let Some(uri) = walk::decode(&uri) {
                    port.wanted.add(&uri, session);
                    self.woken = true;
                }
            }
            Mail::Unsubscribe { session, uri } => {
                if let Some(uri) = walk::decode(&uri) {
                    port.wanted.remove(&uri, session);
                }
            }
            Mail::Follow { session, task, on: true } => {
                port.wanted_tasks.add(&task, session);
                self.woken = true;
            }
            Mail::Follow { session, task, on: false } => drop(port.wanted_tasks.remove(&task, session)),
            // Of an instance that is gone, or of no use to one that has not begun.
            Mail::UpcallAnswer { .. } | Mail::Over(_) | Mail::Notification(_) | Mail::Level | Mail::EndTask(_) => {}
        }
        None
    }

    /// One more call. Gives it back if there are too many.
    pub(super) fn push(&mut self, call: Box<Call>, now: Instant) -> Option<Box<Call>> {
        self.woken = true;
        if self.calls.len() >= MAX_WAITING {
            return Some(call);
        }
        self.calls.push_back((now, call));
        None
    }

    /// Whether the server has to be started for something. Asked once: what was answered by a start or a refusal counts
    /// no more.
    pub(super) fn wakes(&mut self) -> bool {
        std::mem::take(&mut self.woken) || !self.calls.is_empty()
    }

    /// Calls of clients that have left are nobody's.
    pub(super) fn forget_left(&mut self) {
        self.calls.retain(|(_, c)| !c.peer.mailbox.is_closed());
    }

    /// When the first of them has waited for `patience`.
    pub(super) fn nearest(&self, patience: Duration) -> Option<Instant> {
        self.calls.front().and_then(|(since, _)| since.checked_add(patience))
    }

    /// Takes out those that have waited for `patience`.
    pub(super) fn expired(&mut self, patience: Duration, now: Instant) -> VecDeque<Box<Call>> {
        let mut over = VecDeque::new();
        while self.calls.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) >= patience) {
            over.extend(self.calls.pop_front().map(|(_, call)| call));
        }
        over
    }

    /// Takes all out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Box<Call>> + '_ {
        self.woken = false;
        self.calls.drain(..).map(|(_, call)| call)
    }
}
