//! The frame around a part of the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};

use super::text;
use crate::app::layout::inside;
use crate::app::theme::Theme;

/// A frame; `active` when its pane has the keys.
pub(crate) fn block(theme: Theme, active: bool) -> Block<'static> {
    Block::new().borders(Borders::ALL).border_set(theme.border()).border_style(theme.frame(active))
}

/// Text in a frame's line, with a blank on each side.
pub(crate) fn title(text: &str) -> Line<'static> {
    Line::from(format!(" {} ", text::clean(text)))
}

/// Names of tabs for a frame's line, the chosen one between brackets: it reads without colour too.
pub(crate) fn tabs<'a>(names: impl Iterator<Item = (&'a str, bool)>, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (name, chosen) in names {
        let shown = if chosen { format!("[{name}]") } else { name.to_owned() };
        spans.push(Span::styled(shown, if chosen { theme.strong() } else { theme.dim() }));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

/// A frame with lines in it from the line `top` on; where not all fit, it says which are seen.
pub(crate) fn text(
    name: &str,
    lines: Vec<Line<'static>>,
    top: usize,
    active: bool,
    area: Rect,
    theme: Theme,
    frame: &mut Frame<'_>,
) {
    framed(block(theme, active).title(title(name)), lines, top, area, frame);
}

/// The same in a frame that has its titles already.
pub(crate) fn framed(
    mut block: Block<'static>,
    lines: Vec<Line<'static>>,
    top: usize,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let inner = inside(area);
    let page = usize::from(inner.height);
    let top = top.min(lines.len().saturating_sub(page));
    if lines.len() > page {
        let seen = format!("lines {}-{} of {}", top + 1, (top + page).min(lines.len()), lines.len());
        block = block.title_bottom(title(&seen).right_aligned());
    }
    frame.render_widget(block, area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines.into_iter().skip(top)) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}
