//! Lines of details: names with their values, and headings.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use crate::app::theme::Theme;

/// Cells of a name.
const NAME: usize = 10;
/// Lines of a value.
const LINES: usize = 4;

/// `name   value`, the value wrapped.
pub(crate) fn named(name: &str, value: &str, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let lines = text::wrap(value, cells.saturating_sub(NAME + 2), LINES);
    let line = |(i, piece): (usize, String)| {
        let name = text::pad(if i == 0 { name } else { "" }, NAME, "");
        Line::from(vec![Span::styled(format!(" {name}"), theme.dim()), Span::raw(piece)])
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// `first` and more facts beside it; what does not fit goes on below it.
pub(crate) fn in_a_row(first: Vec<Span<'static>>, more: &[String], cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(first)];
    for fact in more {
        let (sep, fact) = (theme.symbols().sep, text::clean(fact).into_owned());
        let room = cells.saturating_sub(1);
        let line = match lines.last_mut() {
            Some(line) if line.width() + text::width(sep) + text::width(&fact) <= room => {
                line.spans.push(Span::styled(sep, theme.dim()));
                line
            }
            _ => {
                lines.push(Line::raw("   "));
                let Some(line) = lines.last_mut() else { continue };
                line
            }
        };
        line.spans.push(Span::raw(text::fit(&fact, room.saturating_sub(3), theme.symbols().ellipsis)));
    }
    lines
}

/// A heading with a blank line above.
pub(crate) fn heading(out: &mut Vec<Line<'static>>, title: &str, style: Style) {
    out.push(Line::default());
    out.push(Line::styled(format!(" {title}"), style));
}
