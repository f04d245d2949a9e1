//! What stands below the text: what the cursor is on, and what saving changes.

use mcp_proxy_core::config::{Level, Plan};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::state::Open;
use super::view::sign;
use super::{complete, save};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::{pane, text};

/// Lines that a reason may take.
const WHY_LINES: usize = 3;

/// What the cursor is on: what is wrong there, else what the key is for.
pub(super) fn here(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let cells = usize::from(area.width).saturating_sub(4);
    let at = open.editor.cursor();
    let mut lines: Vec<Line<'static>> = Vec::new();
    for p in open.problems_on(at.line) {
        let (tone, sign) = sign(p.level, theme);
        for (i, piece) in text::wrap(&p.message, cells.saturating_sub(9), 3).into_iter().enumerate() {
            let head = if i == 0 { format!(" {sign} {} ", p.code) } else { "         ".to_owned() };
            lines.push(Line::from(vec![Span::styled(head, theme.tone(tone)), Span::raw(piece)]));
        }
        for (word, note) in &p.notes {
            for (i, piece) in text::wrap(note, cells.saturating_sub(9), 3).into_iter().enumerate() {
                let head = if i == 0 { text::pad(word, 7, "") } else { " ".repeat(7) };
                lines.push(Line::from(vec![Span::styled(format!(" {head} "), theme.dim()), Span::raw(piece)]));
            }
        }
    }
    let mut title = "Here".to_owned();
    if let Some((path, kind, doc)) = complete::about(&open.spot, open.editor.buffer().line(at.line)) {
        title = format!("{path}: {kind}");
        let doc = doc.replace('`', "");
        lines.extend(text::wrap(&doc, cells, 12).into_iter().map(|l| Line::styled(format!(" {l}"), Style::new())));
    } else if lines.is_empty() {
        let nothing = "nothing to say about this line; Ctrl-N offers what may stand here";
        lines.extend(text::wrap(nothing, cells, 3).into_iter().map(|l| Line::styled(format!(" {l}"), theme.dim())));
    }
    pane::text(&title, lines, 0, false, area, theme, frame);
}

/// What saving would change, or has changed.
pub(super) fn plan(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let cells = usize::from(area.width).saturating_sub(3);
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(saved) = open.saved.as_ref().filter(|_| !open.is_modified) {
        lines.extend(text::wrap(saved, cells, 3).into_iter().map(|l| Line::raw(format!(" {l}"))));
    }
    match &open.checked {
        None => lines.push(Line::styled(format!(" {} checking", s.wait), theme.dim())),
        Some(checked) => {
            for p in checked.problems.iter().filter(|p| p.level == Level::Error) {
                let (tone, sign) = sign(p.level, theme);
                let at = p.at.map_or_else(String::new, |(l, ..)| format!("line {}: ", l + 1));
                said(&format!("{sign} {at}{}", p.message), tone, cells, theme, &mut lines);
            }
            match &checked.plan {
                Some(plan) if !plan.is_empty() => lines.extend(plan_lines(plan, cells, theme)),
                _ if !lines.is_empty() => {}
                _ => {
                    let (tone, text) = save::plan_line(checked, open.is_modified);
                    lines.push(Line::styled(format!(" {text}"), theme.tone(tone)));
                }
            }
            let elsewhere = checked.problems.iter().filter(|p| p.at.is_none() && p.level == Level::Warning);
            for p in elsewhere {
                said(&format!("{} {}", s.warn, p.message), Tone::Warn, cells, theme, &mut lines);
            }
        }
    }
    let is_bad = open.checked.as_ref().is_some_and(|c| c.n_of(Level::Error) > 0);
    let title = match (is_bad, open.is_modified) {
        (true, _) => "Not fit to be saved",
        (false, true) => "On save",
        (false, false) => "In force",
    };
    pane::text(title, lines, 0, false, area, theme, frame);
}

/// A sentence that begins with a sign, wrapped.
fn said(sentence: &str, tone: Tone, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    for (i, piece) in text::wrap(sentence, cells.saturating_sub(3), WHY_LINES).into_iter().enumerate() {
        out.push(Line::styled(format!("{}{piece}", if i == 0 { " " } else { "   " }), theme.tone(tone)));
    }
}

/// The rows of a plan in columns.
pub(crate) fn plan_lines(plan: &Plan, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let s = theme.symbols();
    let rows = save::plan_rows(plan);
    let name = rows.iter().map(|r| text::width(&r.who)).max().unwrap_or(0).clamp(4, 20);
    let word = rows.iter().map(|r| text::width(&r.what)).max().unwrap_or(0);
    let indent = name + word + 7;
    let line = |row: save::Row| {
        let mut pieces = text::wrap(&row.why, cells.saturating_sub(indent).max(8), WHY_LINES).into_iter();
        let first = Line::from(vec![
            Span::styled(format!(" {} ", row.sign), theme.tone(row.tone)),
            Span::raw(format!("{}  ", text::pad(&row.who, name, s.ellipsis))),
            Span::styled(format!("{}  ", text::pad(&row.what, word, s.ellipsis)), theme.tone(row.tone)),
            Span::styled(pieces.next().unwrap_or_default(), theme.dim()),
        ]);
        let more = pieces.map(|p| Line::styled(format!("{}{p}", " ".repeat(indent)), theme.dim()));
        std::iter::once(first).chain(more).collect::<Vec<_>>()
    };
    rows.into_iter().flat_map(line).collect()
}
