//! [`History`]: the last hour in steps, for whoever draws it. Kept only where somebody has asked for it (a screen): some
//! 40 kB a server otherwise spent for nobody.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a step is.
pub const STEP: Duration = Duration::from_secs(10);
/// Steps kept: an hour.
pub const N_STEPS: usize = 360;

/// Latency is told apart by half octaves from this on, in microseconds.
const FIRST_US: u64 = 64;
/// Half octaves: up to a quarter of an hour; what is slower counts in the last one.
const N_BUCKETS: usize = 48;

/// What happened in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Requests that ended in it.
    pub n: u32,
    /// Of these, with an error or `isError`.
    pub n_errors: u32,
    /// Latency of those a server answered, to a fifth; zero without any.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
    /// 99th percentile.
    pub p99: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    n: u32,
    n_errors: u32,
    latency: [u16; N_BUCKETS],
}

impl Step {
    const EMPTY: Self = Self { n: 0, n_errors: 0, latency: [0; N_BUCKETS] };

    /// The middle of the bucket in which so many of a thousand answered requests are reached.
    fn per_mille(&self, share: u64) -> Duration {
        let n: u64 = self.latency.iter().map(|n| u64::from(*n)).sum();
        let wanted = (n * share).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, count) in self.latency.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return middle(at);
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a latency.
fn bucket(us: u64) -> usize {
    // What is slower than the last bucket begins is in it all the same.
    let us = us.min(FIRST_US << (N_BUCKETS / 2));
    let Some(octave) = (us / FIRST_US).checked_ilog2() else { return 0 };
    let from = FIRST_US << octave;
    // The half octave begins at √2 times the octave, about 1.414.
    let half = usize::from(us >= from + from * 414 / 1000);
    (octave as usize * 2 + half).min(N_BUCKETS - 1)
}

/// The geometric middle of a bucket.
fn middle(at: usize) -> Duration {
    let from = FIRST_US << (at / 2);
    let us = if at.is_multiple_of(2) { from * 1189 / 1000 } else { from * 1682 / 1000 };
    Duration::from_micros(us)
}

/// The last hour.
#[derive(Debug)]
pub struct History {
    /// By step modulo [`N_STEPS`].
    steps: Box<[Step]>,
    /// The step written last.
    now: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { steps: vec![Step::EMPTY; N_STEPS].into_boxed_slice(), now: 0 }
    }
}

/// The number of the step that is `since` after the start.
fn number(since: Duration) -> u64 {
    since.as_secs() / STEP.as_secs()
}

impl History {
    fn tick(&mut self, step: u64) {
        let n_passed = step.saturating_sub(self.now).min(N_STEPS as u64);
        for s in 1..=n_passed {
            self.steps[((self.now + s) % N_STEPS as u64) as usize] = Step::EMPTY;
        }
        self.now = self.now.max(step);
    }

    /// A request has ended, so long after the start; `us`: what it took, if a server answered.
    pub fn ended(&mut self, since: Duration, us: Option<u64>, failed: bool) {
        let step = number(since);
        self.tick(step);
        if self.now - step >= N_STEPS as u64 {
            return;
        }
        let step = &mut self.steps[(step % N_STEPS as u64) as usize];
        step.n = step.n.saturating_add(1);
        step.n_errors = step.n_errors.saturating_add(u32::from(failed));
        if let Some(us) = us {
            let count = &mut step.latency[bucket(us)];
            *count = count.saturating_add(1);
        }
    }

    /// The steps up to `since` after the start, oldest first: an hour of them, or what has passed so far.
    #[must_use]
    pub fn points(&mut self, since: Duration) -> Vec<Point> {
        let step = number(since);
        self.tick(step);
        let first = (self.now + 1).saturating_sub(N_STEPS as u64);
        (first..=self.now)
            .map(|s| {
                let step = &self.steps[(s % N_STEPS as u64) as usize];
                let [p50, p95, p99] = [500, 950, 990].map(|share| step.per_mille(share));
                Point { n: step.n, n_errors: step.n_errors, p50, p95, p99 }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn steps_are_kept_for_an_hour_and_read_in_order() {
        let mut h = History::default();
        h.ended(at(1), Some(1_000), false);
        h.ended(at(12), Some(2_000), true);
        h.ended(at(19), None, false);
        let points = h.points(at(35));
        let counts: Vec<_> = points.iter().map(|p| (p.n, p.n_errors)).collect();
        assert_eq!(counts, [(1, 0), (2, 1), (0, 0), (0, 0)]);
        assert_eq!(points[2].p99, Duration::ZERO);
        let points = h.points(at(3_605));
        assert_eq!((points.len(), points[0].n, points[1].n), (N_STEPS, 2, 0));
        // What comes too late for the ring is not put into somebody else's step.
        h.ended(at(2), Some(5), true);
        assert_eq!(h.points(at(3_605)).iter().map(|p| p.n).sum::<u32>(), 2);
        assert!(h.points(at(1_000_000)).iter().all(|p| p.n == 0));
    }

    #[test]
    fn percentiles_are_right_to_a_fifth() {
        for us in [1, 64, 70, 90, 128, 1_000, 5_000, 5_800, 77_000, 1_234_567, 59_000_000] {
            let mut h = History::default();
            h.ended(at(0), Some(us), false);
            let p = h.points(at(0))[0].p50.as_micros() as f64;
            let us = (us as f64).max(64.0);
            assert!((p / us - 1.0).abs() <= 0.2, "{us}: {p}");
        }
        let mut h = History::default();
        for ms in 1..=100 {
            h.ended(at(0), Some(ms * 1_000), false);
        }
        let p = h.points(at(0))[0];
        assert!((40..=60).contains(&p.p50.as_millis()) && (77..=115).contains(&p.p95.as_millis()), "{p:?}");
        assert!(p.p50 <= p.p95 && p.p95 <= p.p99);
    }

    #[test]
    fn the_slowest_and_the_fastest_have_a_place() {
        assert_eq!((bucket(0), bucket(63), bucket(u64::MAX)), (0, 0, N_BUCKETS - 1));
        for at in 1..N_BUCKETS {
            assert!(middle(at) > middle(at - 1));
            assert_eq!(bucket(u64::try_from(middle(at).as_micros()).expect("small")), at);
        }
    }
}
