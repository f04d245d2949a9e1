//! A line of bars: calls in each of the last seconds.

use crate::app::theme::Theme;

/// Bars for the newest values, the newest at the right, `cells` wide; each bar is the highest of its seconds.
#[must_use]
pub(crate) fn spark(values: &[u16], cells: usize, theme: Theme) -> String {
    // The rate stands beside it as a number.
    if theme.accessible {
        return String::new();
    }
    let levels = theme.symbols().levels;
    let per_cell = values.len().div_ceil(cells.max(1)).max(1);
    let max = values.iter().copied().max().unwrap_or(0);
    let bars: Vec<&str> = values
        .rchunks(per_cell)
        .take(cells)
        .map(|chunk| {
            let n = chunk.iter().copied().max().unwrap_or(0);
            let top = levels.len() - 1;
            let level = if n == 0 { 0 } else { (usize::from(n) * top).div_ceil(usize::from(max).max(1)).clamp(1, top) };
            levels[level]
        })
        .collect();
    bars.into_iter().rev().collect()
}

/// Calls a second over the last ten seconds.
#[must_use]
pub(crate) fn per_second(values: &[u16]) -> String {
    let recent = &values[values.len().saturating_sub(10)..];
    let sum: u32 = recent.iter().map(|n| u32::from(*n)).sum();
    let tenths = sum * 10 / u32::try_from(recent.len().max(1)).unwrap_or(1);
    if tenths >= 1000 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_values() {
        let theme = Theme::default();
        assert_eq!(spark(&[0, 1, 4, 8], 4, theme), "▁▂▅█");
        assert_eq!(spark(&[0; 60], 10, theme), "▁".repeat(10));
        assert_eq!(spark(&[0, 9, 0, 0, 0, 3], 3, theme), "█▁▄");
        assert_eq!(spark(&[], 3, theme), "");
    }

    #[test]
    fn rates() {
        assert_eq!(per_second(&[0; 60]), "0.0");
        assert_eq!(per_second(&[4; 60]), "4.0");
        assert_eq!(per_second(&[200; 60]), "200");
    }
}
