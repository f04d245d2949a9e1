//! [`Settling`]: what a server by URL has been told and has not confirmed yet. On a pipe the next message is read after it in any
//! case; over HTTP each is a request of its own, and a call sent beside it may be read first.

use std::time::{Duration, Instant};

use crate::protocol::WireId;

/// Calls wait so long for a server to confirm. One that does not is not held against its clients.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many are waited for; there are as many as levels and subscriptions change within a round trip.
const MAX_OPEN: usize = 64;

/// What is not confirmed yet.
#[derive(Debug, Default)]
pub(super) struct Settling {
    open: Vec<WireId>,
    until: Option<Instant>,
}

impl Settling {
    /// The server has been told by the request `wire`.
    pub(super) fn begin(&mut self, wire: WireId, now: Instant) {
        if !self.holds(now) {
            self.open.clear();
            self.until = Some(now + PATIENCE);
        }
        if self.open.len() < MAX_OPEN {
            self.open.push(wire);
        }
    }

    /// It is confirmed, or will not be. `true`: it was the last one.
    pub(super) fn end(&mut self, wire: WireId) -> bool {
        let n = self.open.len();
        self.open.retain(|w| *w != wire);
        self.open.is_empty() && n > 0
    }

    /// Whether a call has to wait.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.wake(now).is_some()
    }

    /// When calls need not wait any longer, if that is still to come.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|at| now < *at && !self.open.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_for_all_of_it_but_not_for_ever() {
        let now = Instant::now();
        let mut settling = Settling::default();
        assert!(!settling.holds(now) && !settling.end(WireId(1)));
        settling.begin(WireId(1), now);
        settling.begin(WireId(2), now + PATIENCE / 2);
        assert!(settling.holds(now) && !settling.end(WireId(1)));
        assert!(settling.holds(now + PATIENCE / 2), "the second one is open");
        assert!(!settling.holds(now + PATIENCE), "it is not begun anew by it");
        assert_eq!(settling.wake(now), Some(now + PATIENCE));
        assert_eq!(settling.wake(now + PATIENCE), None, "what is past wakes nobody again and again");
        assert!(settling.end(WireId(2)) && !settling.holds(now));
        // What was given up does not count for what comes later.
        settling.begin(WireId(3), now);
        settling.begin(WireId(4), now + PATIENCE);
        assert!(settling.holds(now + PATIENCE) && settling.end(WireId(4)));
    }

    #[test]
    fn its_size_is_bounded() {
        let now = Instant::now();
        let mut settling = Settling::default();
        for n in 0..1000 {
            settling.begin(WireId(n), now);
        }
        assert_eq!(settling.open.len(), MAX_OPEN);
    }
}
