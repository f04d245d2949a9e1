//! [`Standings`]: whether a server was up, over the last hour and in the past. Written when that changes, read by who looks.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Changes kept: a server that never stays up for half a minute has that many in an hour.
const N_CHANGES: usize = 256;

/// How a server stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody wants it to run: disabled, stopped, asleep.
    Off,
    /// On its way up.
    Starting,
    /// Serving calls.
    Up,
    /// Ended, and not up again.
    Down,
}

/// What one part of the past was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// For so long it was up.
    pub up: Duration,
    /// For so long it was down.
    pub down: Duration,
    /// For so long it was on its way up.
    pub starting: Duration,
}

/// The changes of one server.
#[derive(Clone, Debug, Default)]
pub struct Standings(VecDeque<(SystemTime, Standing)>);

impl Standings {
    /// From now on it stands like this.
    pub fn is_now(&mut self, at: SystemTime, standing: Standing) {
        if self.0.back().is_some_and(|(_, last)| *last == standing) {
            return;
        }
        if self.0.len() == N_CHANGES {
            self.0.pop_front();
        }
        self.0.push_back((at, standing));
    }

    /// The `n` parts of the past, each `long`, the last of which ends `now`; oldest first.
    #[must_use]
    pub fn slices(&self, now: SystemTime, long: Duration, n: usize) -> Vec<Slice> {
        let mut out = vec![Slice::default(); n];
        let ends = self.0.iter().skip(1).map(|(at, _)| *at).chain([now]);
        for ((from, standing), to) in self.0.iter().zip(ends) {
            // Counted back from now: the clock may have been set meanwhile, so nothing is taken for granted.
            let ago = |at: SystemTime| now.duration_since(at).unwrap_or_default();
            let (begin, end) = (ago(*from), ago(to));
            for (i, slice) in out.iter_mut().rev().enumerate() {
                let newest = long.saturating_mul(u32::try_from(i).unwrap_or(u32::MAX));
                let within = begin.min(newest.saturating_add(long)).saturating_sub(end.max(newest));
                match standing {
                    Standing::Off => {}
                    Standing::Starting => slice.starting += within,
                    Standing::Up => slice.up += within,
                    Standing::Down => slice.down += within,
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_past_is_cut_into_parts() {
        let start = SystemTime::UNIX_EPOCH + s(10_000);
        let mut standings = Standings::default();
        standings.is_now(start, Standing::Starting);
        standings.is_now(start + s(10), Standing::Up);
        standings.is_now(start + s(10), Standing::Up);
        standings.is_now(start + s(100), Standing::Down);
        standings.is_now(start + s(110), Standing::Off);
        let slices = standings.slices(start + s(180), s(60), 4);
        let seconds: Vec<_> = slices.iter().map(|p| (p.starting, p.up, p.down)).collect();
        assert_eq!(seconds[0], (s(0), s(0), s(0)), "it was not known yet");
        assert_eq!(seconds[1], (s(10), s(50), s(0)));
        assert_eq!(seconds[2], (s(0), s(40), s(10)));
        assert_eq!(seconds[3], (s(0), s(0), s(0)));
    }

    #[test]
    fn a_server_that_flaps_and_a_clock_that_is_set_back_are_harmless() {
        let start = SystemTime::UNIX_EPOCH + s(10_000);
        let mut standings = Standings::default();
        for i in 0..10 * N_CHANGES as u64 {
            standings.is_now(start + s(i), if i % 2 == 0 { Standing::Up } else { Standing::Down });
        }
        assert_eq!(standings.0.len(), N_CHANGES);
        let now = start + s(10 * N_CHANGES as u64);
        let slice = standings.slices(now, s(60), 1)[0];
        assert_eq!((slice.up, slice.down), (s(30), s(30)));
        assert_eq!(standings.slices(start - s(1), s(60), 2), [Slice::default(); 2]);
        assert_eq!(standings.slices(now, s(60), 0), []);
    }
}
