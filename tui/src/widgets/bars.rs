//! A chart of bars: one a column, eight levels a row, the newest at the right.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::theme::Theme;

/// Draws values between 0 and `max`, as many as there are columns; the last stands at the right.
pub(crate) fn draw(values: &[f64], max: f64, style: Style, area: Rect, theme: Theme, frame: &mut Frame<'_>) {
    if theme.accessible {
        return;
    }
    let levels = theme.symbols().levels;
    for (x, value) in columns(values, area) {
        let eighths = height(*value, max, area.height, levels.len());
        for row in 0..usize::from(area.height) {
            let filled = eighths.saturating_sub(row * levels.len()).min(levels.len());
            let Some(symbol) = filled.checked_sub(1).map(|at| levels[at]) else { break };
            put(frame, x, area.bottom() - 1 - u16::try_from(row).unwrap_or(0), symbol, style);
        }
    }
}

/// The same in whole rows of a shade, to be drawn over.
pub(crate) fn shade(values: &[f64], max: f64, style: Style, area: Rect, theme: Theme, frame: &mut Frame<'_>) {
    if theme.accessible {
        return;
    }
    let symbol = theme.symbols().shade;
    for (x, value) in columns(values, area) {
        for row in 0..height(*value, max, area.height, 1) {
            put(frame, x, area.bottom() - 1 - u16::try_from(row).unwrap_or(0), symbol, style);
        }
    }
}

/// The columns with their values.
fn columns(values: &[f64], area: Rect) -> impl Iterator<Item = (u16, &f64)> {
    (area.x..area.right()).rev().zip(values.iter().rev())
}

/// How many parts of a cell a value is high; something is never nothing.
fn height(value: f64, max: f64, rows: u16, parts: usize) -> usize {
    let all = usize::from(rows) * parts;
    if value <= 0.0 || max <= 0.0 {
        return 0;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cells of a screen"
    )]
    let n = (value / max * all as f64).round() as usize;
    n.clamp(1, all)
}

fn put(frame: &mut Frame<'_>, x: u16, y: u16, symbol: &str, style: Style) {
    if let Some(cell) = frame.buffer_mut().cell_mut((x, y)) {
        cell.set_symbol(symbol).set_style(style);
    }
}
