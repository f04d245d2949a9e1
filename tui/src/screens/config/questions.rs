//! The questions of this screen: whether to save, and what to do with a file that has changed on disk.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::below::plan_lines;
use crate::app::layout::{self, centered, inside};
use crate::app::model::Model;
use crate::widgets::{pane, popup};

/// The question before saving.
pub(crate) fn save(model: &Model, yes: bool, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let Some(open) = model.config.open() else { return };
    let body = layout::frame(model.size).body;
    let width = body.width.saturating_sub(4).min(90);
    let cells = usize::from(width).saturating_sub(3);
    let mut lines = vec![Line::styled(format!(" Save {} and go by it?", open.shown), theme.strong()), Line::default()];
    match open.checked.as_ref().and_then(|c| c.plan.as_ref()) {
        Some(plan) if !plan.is_empty() => lines.extend(plan_lines(plan, cells, theme)),
        _ => lines.push(Line::styled(" Nothing that runs changes.", theme.dim())),
    }
    let n_clients = model.sessions().len();
    let stay = if n_clients > 0 {
        format!(
            "{} connected. ",
            if n_clients == 1 { "1 client stays".to_owned() } else { format!("{n_clients} clients stay") }
        )
    } else {
        String::new()
    };
    lines.push(Line::default());
    lines.push(Line::styled(format!(" {stay}The old file is kept as {}.bak.", open.name()), theme.dim()));
    lines.push(Line::default());
    let most = usize::from(body.height).saturating_sub(3);
    if lines.len() > most {
        // The question and its end stay.
        let n_left = lines.len() - most + 1;
        lines.drain(most.saturating_sub(4)..most.saturating_sub(4) + n_left);
        lines.insert(most.saturating_sub(4), Line::styled(format!(" and {n_left} more"), theme.dim()));
    }
    lines.push(popup::buttons(("n  not now", "y  save"), yes, theme));
    let area = centered(body, width, u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    frame.render_widget(Clear, area);
    frame.render_widget(pane::block(theme, true).title(pane::title("On save")), area);
    let inner = inside(area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

/// The question when the file on disk is another one.
pub(crate) fn changed(model: &Model, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let Some(open) = model.config.open() else { return };
    let body = layout::frame(model.size).body;
    let key = |key: &'static str, what: &'static str| {
        Line::from(vec![Span::styled(format!("   {key}  "), theme.key()), Span::raw(what)])
    };
    let lines = [
        Line::styled(format!(" {} was changed on disk by somebody else.", open.name()), theme.strong()),
        Line::styled(" Your changes here are not saved yet.", theme.dim()),
        Line::default(),
        key("k", "keep mine: save over it (theirs is kept as .bak)"),
        key("t", "take theirs: it replaces the text here (undo brings yours back)"),
        key("d", "see the difference"),
        key("Esc", "leave it for now"),
    ];
    let area = centered(body, 72, u16::try_from(lines.len() + 2).unwrap_or(9));
    frame.render_widget(Clear, area);
    frame.render_widget(pane::block(theme, true).title(pane::title("Changed on disk")), area);
    let inner = inside(area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}
