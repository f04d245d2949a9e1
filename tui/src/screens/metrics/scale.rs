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

/// The worst is so many times the usual at least before a chart goes by steps.
const FAR: f64 = 50.0;

impl Scale {
    /// The one that shows both the usual values and the highest.
    pub(super) fn of(usual: &[f64], max: f64) -> Self {
        let least = usual.iter().copied().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
        if least.is_finite() && max >= least * FAR {
            Self::Tenfold(10_f64.powf(least.log10().floor()), max)
        } else {
            Self::Even(max)
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
        assert_eq!(Scale::of(&[0.010, 0.0, 0.020], 0.400), Scale::Even(0.400));
        let far = Scale::of(&[0.0004, 0.0], 4.0);
        let Scale::Tenfold(least, max) = far else { panic!("{far:?}") };
        assert!((least - 0.0001).abs() < 1e-12 && (max - 4.0).abs() < 1e-12);
        let heights = far.heights(&[0.0, 0.0001, 0.020, 4.0]);
        assert!(heights[0] == 0.0 && heights[1] > 0.0 && heights[1] < 0.01, "{heights:?}");
        assert!((heights[2] - 0.5).abs() < 0.01 && (heights[3] - 1.0).abs() < 1e-9, "{heights:?}");
        assert_eq!(Scale::of(&[], 0.0), Scale::Even(0.0));
        assert_eq!(Scale::Even(0.0).heights(&[0.0]), [0.0]);
    }
}
