//! What may stand where one types, drawn beside it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::state::Open;
use super::view::LIST_ROWS;
use crate::app::layout::{self, inside};
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::{pane, text};

/// Draws them under the word they would take the place of, or above it.
pub(super) fn draw(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let Some(completion) = &open.completion else { return };
    let Some((x, y)) = open.editor.cursor_cell(inside(area)) else { return };
    let screen = layout::frame(model.size).body;
    let name = completion.entries.iter().map(|e| text::width(&e.text)).max().unwrap_or(0).clamp(8, 28);
    let kind = completion.entries.iter().map(|e| text::width(&e.kind)).max().unwrap_or(0).min(18);
    let width = u16::try_from(name + kind + 44).unwrap_or(80).min(screen.width.saturating_sub(2)).max(30);
    let selected = completion.entries.get(completion.cursor.at);
    let doc = selected
        .map_or_else(Vec::new, |e| text::wrap(&e.doc.replace('`', ""), usize::from(width).saturating_sub(4), 3));
    let n = completion.entries.len().min(LIST_ROWS);
    let wanted = u16::try_from(n + doc.len() + usize::from(!doc.is_empty())).unwrap_or(10) + 2;
    // Below the cursor, or where there is no room above it.
    let below = screen.bottom().saturating_sub(y + 1);
    let above = y.saturating_sub(screen.y);
    let (top, height) = if below >= wanted || below >= above {
        (y + 1, wanted.min(below))
    } else {
        (y - wanted.min(above), wanted.min(above))
    };
    if height < 3 {
        return;
    }
    let word = u16::try_from(
        open.editor.buffer().line(open.editor.cursor().line)
            [open.spot.word.start.min(open.editor.cursor().byte)..open.editor.cursor().byte]
            .chars()
            .count(),
    )
    .unwrap_or(0);
    let left = x.saturating_sub(word + 2).min(screen.right().saturating_sub(width)).max(screen.x);
    let place = Rect { x: left, y: top, width, height };
    frame.render_widget(Clear, place);
    let count = format!("{} of {}", completion.cursor.at + 1, completion.entries.len());
    let block = pane::block(theme, true)
        .title_bottom(pane::title("Tab takes it"))
        .title_bottom(pane::title(&count).right_aligned());
    frame.render_widget(block, place);
    let inner = inside(place);
    let cells = usize::from(inner.width);
    let rows = inner.y..inner.bottom().min(inner.y + u16::try_from(n).unwrap_or(8));
    for (y, (at, entry)) in rows.zip(completion.entries.iter().enumerate().skip(completion.cursor.top)) {
        let here = Rect { y, height: 1, ..inner };
        let gap = if kind > 0 { 2 } else { 0 };
        let room = cells.saturating_sub(name + kind + gap + 4);
        let first = entry.doc.replace('`', "");
        frame.render_widget(
            Line::from(vec![
                Span::raw(format!(" {}  ", text::pad(&entry.text, name, s.ellipsis))),
                Span::styled(
                    format!("{}{}", text::pad(&entry.kind, kind, s.ellipsis), " ".repeat(gap)),
                    theme.tone(Tone::Busy),
                ),
                Span::styled(text::pad(&first, room, s.ellipsis), theme.dim()),
            ]),
            here,
        );
        if at == completion.cursor.at {
            frame.buffer_mut().set_style(here, theme.cursor(true));
        }
    }
    let from = inner.y + u16::try_from(n).unwrap_or(8);
    if !doc.is_empty() && from < inner.bottom() {
        frame.render_widget(Line::styled(s.rule.repeat(cells), theme.dim()), Rect { y: from, height: 1, ..inner });
        for (y, line) in (from + 1..inner.bottom()).zip(doc) {
            frame.render_widget(Line::raw(format!(" {line}")), Rect { y, height: 1, ..inner });
        }
    }
}
