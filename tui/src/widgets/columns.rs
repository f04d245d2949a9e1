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
        // A line's own style is for all of it: the other half keeps its own.
        let whole = std::mem::take(&mut spans.style);
        for span in &mut spans.spans {
            span.style = whole.patch(span.style);
        }
        spans.spans.push(Span::styled(rule, style));
        let other = right.next().unwrap_or_default();
        spans.spans.extend(other.spans.into_iter().map(|s| Span { style: other.style.patch(s.style), ..s }));
        spans
    };
    (0..n).map(line).collect()
}
