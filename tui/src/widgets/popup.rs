//! What lies over a screen, drawn: help, copy menu, long texts, questions.

use mcp_proxy_core::observe::filter;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::wrapped::Wrapped;
use super::{help, number, palette, pane, text};
use crate::app::cursor::Cursor;
use crate::app::layout::{centered, frame as parts, inside};
use crate::app::model::Model;
use crate::app::popup::{CopyEntry, Popup, Rename};
use crate::app::theme::{Theme, Tone};
use crate::input::context::Context;
use crate::input::keymap::Keymap;
use crate::screens::catalog::form_view;
use crate::screens::config;
use crate::screens::inspect::layer_view;

/// Draws the layers, the last on top.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    if model.theme.accessible && !model.popups.is_empty() {
        // Who hears the screen would hear the edges of what lies below.
        frame.render_widget(Clear, parts(model.size).body);
    }
    for (i, popup) in model.popups.iter().enumerate() {
        let on_top = i + 1 == model.popups.len();
        match popup {
            Popup::Form(form) => form_view::draw(model, form, on_top, frame),
            Popup::Help { contexts, cursor } => help_popup(model, contexts, *cursor, frame),
            Popup::Copy { entries, cursor } => copy(model, entries, *cursor, frame),
            Popup::Palette(open) => palette::draw(model, open, frame),
            Popup::Reader { title, text, top } => reader(model, popup, title, text, *top, frame),
            Popup::Inspect(layer) => layer_view::draw(model, layer, frame),
            Popup::Confirm { question, detail, yes, .. } => confirm(model, question, detail, *yes, frame),
            Popup::Save { yes } => config::questions::save(model, *yes, frame),
            Popup::Changed => config::questions::changed(model, frame),
            Popup::AddServer(add) => config::add_view::draw(model, add, on_top, frame),
            Popup::Rename(open) => rename(model, open, frame),
        }
    }
}

/// The area of a popup with entries.
fn menu_area(model: &Model, popup: &Popup) -> Rect {
    let body = parts(model.size).body;
    match popup {
        Popup::Help { contexts, .. } => {
            let n = u16::try_from(help_lines(&model.keys, contexts, 0, model.theme).len()).unwrap_or(u16::MAX);
            centered(body, 80, n.saturating_add(2))
        }
        Popup::Copy { entries, .. } => {
            let n = u16::try_from(entries.len()).unwrap_or(u16::MAX);
            centered(body, 64, n.saturating_add(2))
        }
        Popup::Reader { text, .. } => {
            let width = body.width.saturating_sub(6).min(110);
            let n = text.wrapped(usize::from(width).saturating_sub(4)).len();
            centered(
                body,
                width,
                u16::try_from(n).unwrap_or(u16::MAX).saturating_add(2).min(body.height.saturating_sub(2)),
            )
        }
        Popup::Confirm { .. } => centered(body, 60, 6),
        Popup::Form(_)
        | Popup::Palette(_)
        | Popup::Inspect(_)
        | Popup::Save { .. }
        | Popup::Changed
        | Popup::AddServer(_)
        | Popup::Rename(_) => body,
    }
}

/// Lines of a popup that are on the screen at once.
#[must_use]
pub(crate) fn page(model: &Model, popup: &Popup) -> usize {
    match popup {
        Popup::Palette(_) => palette::page(model),
        Popup::Inspect(layer) => layer_view::page(model, layer),
        _ => usize::from(inside(menu_area(model, popup)).height),
    }
}

/// How many lines the text of a reader has at this size.
#[must_use]
pub(crate) fn reader_lines(model: &Model, popup: &Popup) -> usize {
    let Popup::Reader { text, .. } = popup else { return 0 };
    let width = parts(model.size).body.width.saturating_sub(6).min(110);
    text.wrapped(usize::from(width).saturating_sub(4)).len()
}

fn help_lines(keys: &Keymap, contexts: &[Context], cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut out: Vec<Line<'static>> =
        help::entries(keys, contexts).into_iter().map(|b| help::line(&b, cells, theme)).collect();
    // In the filter line the keys are few: what can be written matters more.
    if contexts.contains(&Context::Filter) {
        out.extend(filter::HELP.iter().map(|(write, matches)| {
            let write = text::pad(write, 16, theme.symbols().ellipsis);
            let matches = text::fit(matches, cells.saturating_sub(18), theme.symbols().ellipsis);
            Line::from(vec![Span::raw(" "), Span::styled(write, theme.strong()), Span::raw(" "), Span::raw(matches)])
        }));
    }
    out
}

fn help_popup(model: &Model, contexts: &[Context], cursor: Cursor, frame: &mut Frame<'_>) {
    let popup = Popup::Help { contexts: contexts.to_vec(), cursor };
    let area = menu_area(model, &popup);
    let cells = usize::from(inside(area).width);
    let lines = help_lines(&model.keys, contexts, cells, model.theme);
    let title = format!("Keys: {}", contexts.first().map_or("", |c| c.title()));
    menu(model, area, &title, "Enter does it, Esc closes", &lines, cursor, frame);
}

fn copy(model: &Model, entries: &[CopyEntry], cursor: Cursor, frame: &mut Frame<'_>) {
    let popup = Popup::Copy { entries: entries.to_vec(), cursor };
    let area = menu_area(model, &popup);
    let cells = usize::from(inside(area).width);
    let theme = model.theme;
    let ellipsis = theme.symbols().ellipsis;
    let line = |e: &CopyEntry| {
        let size = number::size(e.n_bytes() as u64);
        let room = cells.saturating_sub(25 + size.len() + 2);
        Line::from(vec![
            Span::styled(format!(" {} ", text::pad(e.what, 23, ellipsis)), theme.strong()),
            Span::styled(text::pad(&e.preview(), room, ellipsis), theme.dim()),
            Span::raw(format!(" {size} ")),
        ])
    };
    let lines: Vec<Line<'_>> = entries.iter().map(line).collect();
    menu(model, area, "Copy", "secrets are masked", &lines, cursor, frame);
}

/// A frame with entries, the selected one marked.
pub(crate) fn menu(
    model: &Model,
    area: Rect,
    title: &str,
    below: &str,
    lines: &[Line<'_>],
    cursor: Cursor,
    frame: &mut Frame<'_>,
) {
    let theme = model.theme;
    frame.render_widget(Clear, area);
    let inner = inside(area);
    let mut block = pane::block(theme, true).title(pane::title(title)).title_bottom(pane::title(below));
    if lines.len() > usize::from(inner.height) {
        let at = format!("{} of {}", cursor.at + 1, lines.len());
        block = block.title(pane::title(&at).right_aligned());
    }
    frame.render_widget(block, area);
    for (y, (at, line)) in (inner.y..inner.bottom()).zip(lines.iter().enumerate().skip(cursor.top)) {
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(line, place);
        if at == cursor.at {
            frame.buffer_mut().set_style(place, theme.cursor(true));
        }
    }
}

fn reader(model: &Model, popup: &Popup, title: &str, content: &Wrapped, top: usize, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let area = menu_area(model, popup);
    frame.render_widget(Clear, area);
    let inner = inside(area);
    let lines = content.wrapped(usize::from(inner.width).saturating_sub(2));
    let page = usize::from(inner.height);
    let top = top.min(lines.len().saturating_sub(page));
    let mut block = pane::block(theme, true).title(pane::title(title));
    if lines.len() > page {
        let seen = format!("lines {}-{} of {}", top + 1, top + page, lines.len());
        block = block.title_bottom(pane::title(&seen).right_aligned());
    }
    frame.render_widget(block, area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
        frame.render_widget(Line::raw(format!(" {line}")), Rect { y, height: 1, ..inner });
    }
}

/// The two answers to a question, one of them marked.
pub(crate) fn buttons((no, yes): (&str, &str), is_yes: bool, theme: Theme) -> Line<'static> {
    let button = |text: &str, marked: bool| {
        let marker = if marked { theme.symbols().cursor } else { " " };
        Span::styled(format!("{marker} {text} "), if marked { theme.cursor(true) } else { theme.tone(Tone::Plain) })
    };
    Line::from(vec![Span::raw(" "), button(no, !is_yes), Span::raw("   "), button(yes, is_yes)])
}

fn rename(model: &Model, open: &Rename, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let area = centered(parts(model.size).body, 64, 5);
    frame.render_widget(Clear, area);
    let title = format!("Another name for {} of {}", open.tool, open.server);
    frame.render_widget(
        pane::block(theme, true).title(pane::title(&text::fit(&title, 58, theme.symbols().ellipsis))),
        area,
    );
    let inner = inside(area);
    let prefix = text::fit(&open.prefix, 24, theme.symbols().ellipsis);
    let room = usize::from(inner.width).saturating_sub(2 + text::width(&prefix));
    let mut field = open.input.line(room, theme);
    field.spans.insert(0, Span::styled(format!(" {prefix}"), theme.dim()));
    let about = " For good: it is written into the configuration.";
    for (y, line) in (inner.y..inner.bottom()).zip([field, Line::default(), Line::styled(about, theme.dim())]) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

fn confirm(model: &Model, question: &str, detail: &str, yes: bool, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let cells = 58;
    let question = text::wrap(question, cells - 2, 2);
    let detail = text::wrap(detail, cells - 2, 3);
    let rows = u16::try_from(question.len() + detail.len() + 4).unwrap_or(10);
    let area = centered(parts(model.size).body, 60, rows);
    frame.render_widget(Clear, area);
    frame.render_widget(pane::block(theme, true), area);
    let inner = inside(area);
    let mut lines: Vec<Line<'_>> =
        question.into_iter().map(|q| Line::styled(format!(" {q}"), theme.strong())).collect();
    lines.extend(detail.into_iter().map(|d| Line::styled(format!(" {d}"), theme.dim())));
    lines.push(Line::default());
    lines.push(buttons(("n  no", "y  yes"), yes, theme));
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}
