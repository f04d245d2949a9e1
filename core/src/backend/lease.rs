//! [`Lease`]: who has calls with an instance that serves one session at a time, and whose traces are left in it.
//!
//! Looked at by sessions that choose an instance, written by them and by the instance's own task. A [`Seat`] is given back
//! by being dropped, however its call ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::protocol::SessionId;

/// The calls an instance under lease has been given, and whose traces are in it.
#[derive(Debug, Default)]
pub(super) struct Lease(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Sessions in the order of their calls, one for each call not ended.
    seats: VecDeque<SessionId>,
    /// Something of this session may be left in the instance: a call it has not answered, or its roots.
    bound: Option<SessionId>,
}

/// One call's place with an instance under lease.
#[derive(Debug)]
pub struct Seat {
    lease: Arc<Lease>,
    session: SessionId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.lease.lock();
        if let Some(at) = state.seats.iter().position(|s| *s == self.session) {
            state.seats.remove(at);
        }
    }
}

/// How well an instance suits a session's next call; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It serves this session now, or has its roots.
    Own,
    /// Nobody has calls with it, and nothing of anybody is left in it.
    Free,
    /// Nobody has calls with it, but it has to be started anew first.
    Used,
    /// So many calls come first.
    Busy(usize),
}

impl Lease {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a call of `session`.
    pub(super) fn seat(self: &Arc<Self>, session: SessionId) -> Seat {
        self.lock().seats.push_back(session);
        Seat { lease: self.clone(), session }
    }

    /// How well it suits `session`.
    pub(super) fn fit(&self, session: SessionId) -> Fit {
        let state = self.lock();
        let is_own = match state.seats.front() {
            // Who shares it with a queue of others waits there; only who has it to itself is served at once.
            Some(_) => state.seats.iter().all(|s| *s == session),
            None => state.bound == Some(session),
        };
        match (is_own, state.seats.len(), state.bound) {
            (true, ..) => Fit::Own,
            (false, 0, None) => Fit::Free,
            (false, 0, Some(_)) => Fit::Used,
            (false, n, _) => Fit::Busy(n),
        }
    }

    /// The session whose call is the next or running one.
    pub(super) fn first(&self) -> Option<SessionId> {
        self.lock().seats.front().copied()
    }

    /// Something of `session` may be left in the instance.
    pub(super) fn bind(&self, session: SessionId) {
        self.lock().bound = Some(session);
    }

    /// Whose traces are in the instance.
    pub(super) fn bound(&self) -> Option<SessionId> {
        self.lock().bound
    }

    /// A new instance knows nobody.
    pub(super) fn renew(&self) {
        self.lock().bound = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    #[test]
    fn a_call_that_ends_gives_its_place_back() {
        let lease = Arc::new(Lease::default());
        assert_eq!(lease.fit(A), Fit::Free);
        let one = lease.seat(A);
        let two = lease.seat(A);
        assert_eq!((lease.fit(A), lease.fit(B)), (Fit::Own, Fit::Busy(2)));
        let third = lease.seat(B);
        assert_eq!((lease.fit(A), lease.fit(B)), (Fit::Busy(3), Fit::Busy(3)), "A has to wait behind B now");
        drop((one, two));
        assert_eq!((lease.first(), lease.fit(B)), (Some(B), Fit::Own));
        drop(third);
        assert_eq!((lease.first(), lease.fit(A)), (None, Fit::Free));
    }

    #[test]
    fn what_somebody_left_behind_is_for_nobody_else() {
        let lease = Arc::new(Lease::default());
        lease.bind(A);
        assert_eq!((lease.fit(A), lease.fit(B)), (Fit::Own, Fit::Used));
        lease.renew();
        assert_eq!(lease.fit(B), Fit::Free);
    }
}
