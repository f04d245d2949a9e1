//! The scale of a chart.

/// How high a value stands. Where the usual is far below the worst a line of its own height would say nothing of it: each step up
/// is then ten times as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From 0 to this.
    Even(f64),
    /// From the first to the second.
    Tenfold(f64, f64),
}

/// A value is flat at the foot where the worst is so many times it: a low chart draws it as it draws nearly nothing.
const FAR: f64 = 32.0;
/// A chart goes by steps where one in so many of the usual values is flat otherwise: one quick minute beside slow ones may be.
const SOME: usize = 3;

impl Scale {
    /// The one that shows both the usual values and the highest.
    pub(super) fn of(usual: &[f64], max: f64) -> Self {
        let mut there: Vec<f64> = usual.iter().copied().filter(|v| *v > 0.0).collect();
        there.sort_by(f64::total_cmp);
        let n_flat = there.iter().take_while(|v| max >= **v * FAR).count();
        match there.first() {
            Some(least) if n_flat * SOME >= there.len() => Self::Tenfold(10_f64.powf(least.log10().floor()), max),
            _ => Self::Even(max),
        }
    }

    /// What the title says of it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Even(_) => "",
            Self::Tenfold(..) => " (log scale)",
        }
    }

    /// What stands at the foot, unless it is nothing.
    pub(super) const fn lowest(self) -> Option<f64> {
        match self {
            Self::Even(_) => None,
            Self::Tenfold(least, _) => Some(least),
        }
    }

    /// Values between 0 and 1; something is never nothing.
    pub(super) fn heights(self, values: &[f64]) -> Vec<f64> {
        let height = |value: &f64| match self {
            _ if *value <= 0.0 => 0.0,
            Self::Even(max) => value / max,
            Self::Tenfold(least, max) => ((value / least).ln() / (max / least).ln()).clamp(f64::MIN_POSITIVE, 1.0),
        };
        values.iter().map(height).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_goes_by_steps_where_the_worst_is_far_away() {
        assert_eq!(Scale::of(&[0.010, 0.0, 0.020], 0.300), Scale::Even(0.300));
        let far = Scale::of(&[0.0004, 0.0], 4.0);
        let Scale::Tenfold(least, max) = far else { panic!("{far:?}") };
        assert!((least - 0.0001).abs() < 1e-12 && (max - 4.0).abs() < 1e-12);
        let heights = far.heights(&[0.0, 0.0001, 0.020, 4.0]);
        assert!(heights[0] == 0.0 && heights[1] > 0.0 && heights[1] < 0.01, "{heights:?}");
        assert!((heights[2] - 0.5).abs() < 0.01 && (heights[3] - 1.0).abs() < 1e-9, "{heights:?}");
        let slow = [0.100, 0.0001, 0.0, 0.120, 0.090];
        assert_eq!(Scale::of(&slow, 0.400), Scale::Even(0.400), "one quick minute beside slow ones");
        let mixed = [0.100, 0.0001, 0.0002, 0.120, 0.090];
        assert!(matches!(Scale::of(&mixed, 0.400), Scale::Tenfold(..)), "two in five");
        assert_eq!(Scale::of(&[], 0.0), Scale::Even(0.0));
        assert_eq!(Scale::Even(0.0).heights(&[0.0]), [0.0]);
    }
}
