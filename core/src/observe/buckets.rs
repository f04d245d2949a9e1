//! [`Buckets`]: a histogram with fixed bounds, the same for everything measured, so that series can be added up.

use std::time::Duration;

/// Upper bounds in microseconds: from what the proxy itself takes to what calls are given. What is slower counts in the
/// last bucket, which has no bound.
pub const BOUNDS_US: [u64; 19] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// How many measured times fell between the bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Buckets {
    /// One more, in microseconds.
    pub fn record(&mut self, us: u64) {
        self.counts[BOUNDS_US.partition_point(|bound| *bound < us)] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// All of `other` too.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Bounds, each with how many took as long or less.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let running = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS_US.iter().map(|us| Duration::from_micros(*us)).zip(running)
    }

    /// How many there are.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All times together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_a_bound_is_within_it() {
        let mut buckets = Buckets::default();
        for us in [0, 50, 51, 60_000_000, 60_000_001] {
            buckets.record(us);
        }
        let cumulative: Vec<u64> = buckets.cumulative().map(|(_, n)| n).collect();
        assert_eq!((cumulative[0], cumulative[1], cumulative.last().copied()), (2, 3, Some(4)));
        assert_eq!((buckets.n(), buckets.sum()), (5, Duration::from_micros(120_000_102)));
        let mut twice = buckets.clone();
        twice.add(&buckets);
        assert_eq!((twice.n(), twice.sum()), (10, 2 * buckets.sum()));
    }
}
