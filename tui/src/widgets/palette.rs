//! The palette, drawn: a field, and what matches below it with the key of each.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::{number, pane, text};
use crate::app::layout::{centered, frame as parts, inside};
use crate::app::model::Model;
use crate::app::palette::{Entry, Palette};

/// Cells of the longest kind, and one more.
const KIND: usize = 12;

/// Where it lies.
fn area(model: &Model) -> Rect {
    let body = parts(model.size).body;
    centered(body, 84, body.height.saturating_sub(2).min(24))
}

/// Entries on the screen at once.
#[must_use]
pub(crate) fn page(model: &Model) -> usize {
    usize::from(inside(area(model)).height.saturating_sub(1))
}

/// Draws it.
pub(crate) fn draw(model: &Model, palette: &Palette, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let area = area(model);
    frame.render_widget(Clear, area);
    let inner = inside(area);
    let cells = usize::from(inner.width);
    let found = format!("{} found", number::count(palette.shown.len() as u64));
    let block = pane::block(theme, true).title(pane::title("Find")).title_bottom(pane::title(&found).right_aligned());
    frame.render_widget(block, area);
    let mut field = palette.input.line(cells.saturating_sub(3), theme);
    field.spans.insert(0, Span::styled(" : ", theme.key()));
    frame.render_widget(field, Rect { height: 1.min(inner.height), ..inner });
    let rows = inner.y.saturating_add(1)..inner.bottom();
    for (y, (row, at)) in rows.zip(palette.shown.iter().enumerate().skip(palette.cursor.top)) {
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(line(&palette.entries[*at], cells, model), place);
        if row == palette.cursor.at {
            frame.buffer_mut().set_style(place, theme.cursor(true));
        }
    }
}

fn line(entry: &Entry, cells: usize, model: &Model) -> Line<'static> {
    let theme = model.theme;
    let ellipsis = theme.symbols().ellipsis;
    let keys = text::width(&entry.keys);
    let room = cells.saturating_sub(KIND + 3 + keys);
    Line::from(vec![
        Span::styled(format!(" {}", text::pad(entry.kind, KIND, ellipsis)), theme.dim()),
        Span::raw(text::pad(&entry.text, room, ellipsis)),
        Span::raw(" "),
        Span::styled(entry.keys.clone(), theme.key()),
        Span::raw(" "),
    ])
}
