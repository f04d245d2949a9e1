//! What an instance does when time has passed: the one timer for all it waits for, and what is over by then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::call::{Call, Outcome};
use super::instance::{End, Instance};
use super::pending::{Origin, Own};
use super::port::Control;
use super::status::BackendState;
use super::tenant::Tenant;
use crate::observe::Status;

/// An instance beside the base one, or one that only made lists, is ended after this time without a call.
const UNUSED: Duration = Duration::from_secs(5 * 60);
/// One beside the base one that was only asked for its lists: its client may call now, or not at all.
const LISTED: Duration = Duration::from_secs(60);

impl Instance {
    /// Looks at everything that may be due.
    pub(super) fn on_timer(&mut self) -> Option<End> {
        if self.relist_at.is_some_and(|at| at <= self.now) {
            self.relist_at = None;
            // Before it is ready nobody knows what it has; its lists are asked for then in any case.
            if self.port.status.state() == BackendState::Ready {
                self.relist();
            }
        }
        if self.listen_at.is_some_and(|at| at <= self.now) {
            self.open_listen();
        }
        for (wire, entry) in self.pending.expired(self.now) {
            let limit = entry.limit_reached(self.now);
            match entry.origin {
                Origin::Call(call) => {
                    let text = format!("server `{}` did not answer within {limit}", self.port.name());
                    let fault = self.fault(&text, "timeout");
                    self.leaves_traces(&call);
                    call.end(Outcome::TimedOut(fault), Some((entry.sent, self.now)));
                    self.cancel_upstream(wire, "timed out");
                }
                Origin::Own(own) => {
                    self.end_own(wire, Status::TimedOut);
                    match own {
                        Own::List(kind) => self.give_up_list(kind),
                        // It does not even answer a ping: a new one takes over.
                        Own::Barrier => self.stale = true,
                        Own::Ping => self.on_pinged(None),
                        _ => {}
                    }
                }
            }
        }
        self.pending.look_again();
        self.roots_are_due();
        self.tasks_are_due();
        if !self.backlog.is_empty() {
            self.expire_backlog();
            self.take_from_backlog();
        }
        if self.drain_until.is_some_and(|at| at <= self.now) {
            return Some(End::Told(Control::Shutdown { drain: true }));
        }
        if self.idle_deadline().is_some_and(|at| at <= self.now) {
            let is_awaited = match &self.port.tenant {
                // Its state follows its user, who is still here.
                Tenant::Client(principal) => !self.ctx.peers.of(principal).is_empty(),
                _ => false,
            };
            if !is_awaited {
                return Some(End::Idle);
            }
            self.idle_since = self.now;
        }
        None
    }

    /// A call that has waited for its turn as long as the server may be silent about it will not get one in time.
    fn expire_backlog(&mut self) {
        let (over, wait) = std::mem::take(&mut self.backlog)
            .into_iter()
            .partition(|(since, call)| self.now.saturating_duration_since(*since) >= call.timeout);
        self.backlog = wait;
        let over: VecDeque<(Instant, Box<Call>)> = over;
        for (since, call) in over {
            let text = format!(
                "server `{}` has been busy with other calls for {:.1?}: this one was not sent",
                self.port.name(),
                self.now - since
            );
            let fault = self.fault(&text, "busy");
            call.end(Outcome::TimedOut(fault), None);
        }
    }

    /// When an instance without calls and subscriptions is stopped: that of a lazy server, and those beside the base one. The
    /// base one too, where all callers have gone to others: it has made the lists, and a call or a list wakes it.
    fn idle_deadline(&self) -> Option<Instant> {
        let server = &self.server;
        let is_idle = self.pending.n_calls() == 0
            && self.backlog.is_empty()
            && self.port.wanted.is_empty()
            && self.port.wanted_tasks.is_empty()
            && !self.runs_tasks();
        if !is_idle {
            return None;
        }
        let is_lazy = server.start != crate::config::StartPolicy::Eager;
        let after = match self.port.tenant {
            // As long as its session.
            Tenant::Session(_) => None,
            Tenant::Lease(_) | Tenant::Kind(..) if self.users.is_nobody() => Some(LISTED),
            Tenant::Client(_) | Tenant::Lease(_) | Tenant::Kind(..) => Some(UNUSED),
            Tenant::Everybody if is_lazy => server.idle_timeout,
            Tenant::Everybody => self.port.pool.is_used().then_some(UNUSED),
        };
        self.idle_since.checked_add(after?)
    }

    /// Sets the one timer to the earliest thing that may happen. Deadlines only move away between turns (progress, an
    /// answered call), so an earlier wake-up is harmless and the timer is touched only when something gets nearer.
    pub(super) fn arm(&mut self) {
        let first = self.backlog.front().and_then(|(since, call)| since.checked_add(call.timeout));
        let stale = self.stale_until.filter(|_| self.pending.n_calls() == 0 && !self.runs_tasks());
        let settled = self.settling.wake(self.now).filter(|_| !self.backlog.is_empty());
        let all = [
            settled,
            // Passed, it is looked at with the next thing that happens.
            self.turn_until.filter(|at| *at > self.now && !self.backlog.is_empty()),
            self.relist_at,
            self.listen_at,
            self.drain_until,
            self.outdated_until,
            stale,
            self.idle_deadline(),
            self.pending.nearest(),
            self.tasking.wake(),
            self.awaited.wake(),
            self.held.wake(),
            self.roots.wake(),
            first,
        ];
        let earliest = all.into_iter().flatten().min();
        let Some(earliest) = earliest else { return };
        if self.wake_at.is_none_or(|at| earliest < at) {
            self.wake_at = Some(earliest);
            self.sleep.as_mut().reset(earliest.into());
        }
    }
}
