//! [`Quantiles`]: how often which time was measured, told apart by its leading binary digits.
//!
//! The memory it takes grows with the longest time that was recorded, not with their number.

/// A histogram whose steps are at most one part in `2^DIGITS` of the value.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles<const DIGITS: u32> {
    counts: Vec<u32>,
    n: u64,
    max: u64,
}

impl<const DIGITS: u32> Quantiles<DIGITS> {
    /// The step a value falls into. Below `2^(DIGITS + 1)` each value has its own.
    fn step(value: u64) -> usize {
        let octave = value.checked_ilog2().unwrap_or(0).saturating_sub(DIGITS);
        ((octave as usize) << DIGITS) + (value >> octave) as usize
    }

    /// The largest value of a step.
    const fn last(step: usize) -> u64 {
        let octave = (step >> DIGITS).saturating_sub(1);
        let digits = (step - (octave << DIGITS)) as u64;
        ((digits + 1) << octave) - 1
    }

    /// One more. Its owner bounds the values, and so the memory.
    pub(super) fn record(&mut self, value: u64) {
        let step = Self::step(value);
        if step >= self.counts.len() {
            self.counts.reserve_exact(step + 1 - self.counts.len());
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] = self.counts[step].saturating_add(1);
        self.n += 1;
        self.max = self.max.max(value);
    }

    /// How many were recorded.
    pub(super) const fn n(&self) -> u64 {
        self.n
    }

    /// The largest recorded.
    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// The value that so many of a thousand do not exceed, at most a step too high; 0 if none was recorded.
    pub(super) fn per_mille(&self, n: u64) -> u64 {
        let wanted = (self.n.saturating_mul(n)).div_ceil(1000).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Self::last(step).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_and_are_as_narrow_as_promised() {
        let far = (0..56).map(|i| (1 << i) + i).chain([u64::MAX / 2 - 1]);
        for value in (0..5000).chain(far) {
            let step = Quantiles::<4>::step(value);
            let last = Quantiles::<4>::last(step);
            assert!(last >= value && last - value <= value / 16, "{value} {last}");
            assert_eq!(Quantiles::<4>::step(last), step, "{value}");
            assert_eq!(Quantiles::<4>::step(last + 1), step + 1, "{value}");
        }
    }

    #[test]
    fn quantiles_are_those_of_a_sorted_list() {
        let mut of = Quantiles::<6>::default();
        assert_eq!((of.n(), of.per_mille(500), of.max()), (0, 0, 0));
        let mut values: Vec<u64> = (0..1000_u64).map(|i| i * i * 37 % 1_000_003).collect();
        values.iter().for_each(|v| of.record(*v));
        values.sort_unstable();
        for n in [1, 10, 500, 950, 990, 1000] {
            let (is, exact) = (of.per_mille(n), values[n as usize - 1]);
            assert!(is >= exact && is - exact <= exact / 64, "{n}: {is} {exact}");
        }
        assert_eq!((of.n(), of.max()), (1000, values[999]));
    }
}
