//! Two blocks of lines beside each other.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The cells a line takes.
fn width(line: &Line<'_>) -> usize {
    line.width()
}

/// `left`, padded to `cells`, a rule, and `right`; as many lines as the longer of them has.
pub(crate) fn beside(
    left: Vec<Line<'static>>,
    right: Vec<Line<'static>>,
    cells: usize,
    rule: &'static str,
    style: Style,
) -> Vec<Line<'static>> {
    let n = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let line = |_| {
        let mut spans = left.next().unwrap_or_default();
        let used = width(&spans);
        spans.spans.push(Span::raw(" ".repeat(cells.saturating_sub(used))));
        spans.spans.push(Span::styled(rule, style));
        spans.spans.extend(right.next().unwrap_or_default().spans);
        spans
    };
    (0..n).map(line).collect()
}
