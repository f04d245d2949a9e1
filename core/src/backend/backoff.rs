//! How long to wait before a server is started again. Pure.

use std::time::Duration;

/// The pause after `n_failures` failures in a row (1 for the first): doubling from `min` to `max`, with `jitter` from 0
/// to 1 taking away up to half of it, so that servers that died together do not start together.
#[must_use]
pub(super) fn pause(n_failures: u32, min: Duration, max: Duration, jitter: f64) -> Duration {
    let doublings = n_failures.saturating_sub(1).min(20);
    let full = min.saturating_mul(1 << doublings).min(max);
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0 to 1, different every time.
#[must_use]
pub(super) fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(std::time::Instant::now());
    // 53 bits are what an f64 holds exactly.
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit_and_jitter_takes_at_most_half() {
        let (min, max) = (Duration::from_millis(500), Duration::from_secs(60));
        let check = |n, jitter, ms| assert_eq!(pause(n, min, max, jitter), Duration::from_millis(ms), "{n} {jitter}");
        check(1, 0.0, 500);
        check(2, 0.0, 1000);
        check(5, 0.0, 8000);
        check(8, 0.0, 60_000);
        check(4_000_000_000, 0.0, 60_000);
        check(2, 1.0, 500);
        check(2, 0.5, 750);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        assert!((0..1000).map(|_| jitter()).all(|j| (0.0..=1.0).contains(&j)));
    }
}
