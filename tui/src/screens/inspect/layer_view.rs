//! How the layers of Inspect look.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::compare::said;
use super::layer::{Draft, EXPORTS, Layer, Prompt};
use super::update::list_cells;
use crate::app::effect::Edited;
use crate::app::layout::{Breadth, breadth, centered, frame as parts, inside};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::json::mask;
use crate::widgets::editor::{self, Remark};
use crate::widgets::flow_table::{self, Look};
use crate::widgets::{number, pane, popup, text};

/// Where it lies.
fn area(model: &Model, layer: &Layer) -> Rect {
    let body = parts(model.size).body;
    let rows = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).saturating_add(2);
    match layer {
        Layer::Prompt(prompt) => centered(body, 92, rows(prompt_lines(prompt, 90, model.theme).len())),
        Layer::Export { .. } => centered(body, 64, rows(EXPORTS.len())),
        Layer::Related { entries, .. } => centered(body, 92, rows(entries.len())),
        Layer::Columns { .. } => centered(body, 44, rows(flow_table::choices(0, flow_table::Chosen::default()).len())),
        Layer::Edit(_) => {
            let width = if body.width < 110 { body.width } else { body.width.saturating_sub(8).min(120) };
            centered(body, width, body.height.saturating_sub(if body.height > 24 { 4 } else { 0 }))
        }
        Layer::Compare(_) => {
            let (w, h) = (body.width.saturating_sub(4).min(150), body.height.saturating_sub(2));
            centered(body, w, h.min(rows(compare_lines(model, layer))))
        }
    }
}

/// Lines on the screen at once.
#[must_use]
pub(crate) fn page(model: &Model, layer: &Layer) -> usize {
    let rows = usize::from(inside(area(model, layer)).height);
    // Below a text there is what is wrong with it.
    if matches!(layer, Layer::Edit(_)) { rows.saturating_sub(1) } else { rows }
}

/// Puts cursors on the screen.
pub(crate) fn settle(model: &Model, layer: &mut Layer) {
    let (page, mut cells) = (page(model, layer), usize::from(inside(area(model, layer)).width));
    if let Layer::Edit(draft) = layer {
        cells = cells.saturating_sub(usize::from(draft.editor.gutter()));
    }
    layer.settle(page, cells);
}

/// Draws it.
pub(crate) fn draw(model: &Model, layer: &Layer, frame: &mut Frame<'_>) {
    let area = area(model, layer);
    let cells = usize::from(inside(area).width);
    let theme = model.theme;
    match layer {
        Layer::Prompt(prompt) => {
            frame.render_widget(Clear, area);
            frame.render_widget(pane::block(theme, true).title(pane::title(&prompt.title)), area);
            let inner = inside(area);
            for (y, line) in (inner.y..inner.bottom()).zip(prompt_lines(prompt, cells, theme)) {
                frame.render_widget(line, Rect { y, height: 1, ..inner });
            }
        }
        Layer::Export { rows, cursor } => {
            let title = match rows.as_slice() {
                [(id, _)] => format!("Export {id}"),
                all => format!("Export {}", number::plural(all.len() as u64, "marked flow")),
            };
            let line = |(_, name, about): &(_, &str, &str)| {
                Line::from(vec![
                    Span::styled(format!(" {} ", text::pad(name, 9, "")), theme.strong()),
                    Span::styled(text::fit(about, cells.saturating_sub(12), theme.symbols().ellipsis), theme.dim()),
                ])
            };
            let lines: Vec<Line<'_>> = EXPORTS.iter().map(line).collect();
            popup::menu(
                model,
                area,
                &title,
                "Enter copies, w writes a file; secrets are masked",
                &lines,
                *cursor,
                frame,
            );
        }
        Layer::Related { of, entries, cursor } => {
            let lines: Vec<Line<'_>> = entries
                .iter()
                .map(|(how, id)| {
                    Line::from(vec![
                        Span::styled(format!(" {} ", text::pad(how, 26, "")), theme.dim()),
                        Span::styled(text::pad(&id.to_string(), 8, ""), theme.strong()),
                        Span::raw(glance(model, id.0, cells.saturating_sub(37))),
                    ])
                })
                .collect();
            popup::menu(model, area, &format!("What belongs to {of}"), "Enter goes there", &lines, *cursor, frame);
        }
        Layer::Columns { cursor } => {
            let order = model.inspect.rows.order();
            let s = theme.symbols();
            let lines: Vec<Line<'_>> = flow_table::choices(list_cells(model), model.inspect.columns)
                .into_iter()
                .map(|(_, column, title, shown)| {
                    let sorted = match order.filter(|(by, _)| *by == column) {
                        Some((_, down)) => format!("{} {}", if down { s.down } else { s.up }, column.order(down)),
                        None if shown => String::new(),
                        None => "not shown".to_owned(),
                    };
                    let mark = if shown { s.good } else { " " };
                    Line::from(vec![
                        Span::styled(format!(" {mark} "), theme.tone(Tone::Good)),
                        Span::raw(text::pad(title, 21, "")),
                        Span::styled(sorted, theme.dim()),
                    ])
                })
                .collect();
            let is_narrow = breadth(model.size) == Breadth::Narrow;
            let title = if is_narrow { "Columns of wider windows" } else { "Columns" };
            popup::menu(model, area, title, "Space shows or hides, Enter orders", &lines, *cursor, frame);
        }
        Layer::Edit(draft) => edit(model, draft, area, frame),
        Layer::Compare(compared) => {
            frame.render_widget(Clear, area);
            let lines = lines_of(model, layer, cells);
            let page = usize::from(inside(area).height);
            let title = format!("Compare {}", compared.title);
            let top = compared.top.min(lines.len().saturating_sub(page));
            pane::text(&title, lines, top, true, area, theme, frame);
        }
    }
}

fn edit(model: &Model, draft: &Draft, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let (title, send) = match &draft.what {
        Edited::Call { of, method, .. } => (format!("Params of {method}, from {of}"), "Ctrl-S sends it as a new call"),
        Edited::Held(call) => (format!("The held message of {call}"), "Ctrl-S lets it go on so"),
        Edited::Answer(call) => (format!("An answer to {call}"), "Ctrl-S answers with it"),
    };
    frame.render_widget(Clear, area);
    let place = draft.editor.cursor();
    let at = format!("{}:{}", place.line + 1, draft.editor.buffer().column(place) + 1);
    let block = pane::block(theme, true)
        .title(pane::title(&title))
        .title(pane::title(&at).right_aligned())
        .title_bottom(pane::title(&format!("{send}, F4 opens $EDITOR, Esc leaves")));
    frame.render_widget(block, area);
    let inner = inside(area);
    let text_area = Rect { height: inner.height.saturating_sub(1), ..inner };
    let remarks = |line: usize| match &draft.mistake {
        Some((at, byte, why)) if *at == line => {
            vec![Remark { tone: Tone::Bad, sign: s.bad, text: why.clone(), range: *byte..byte.saturating_add(1) }]
        }
        _ => Vec::new(),
    };
    let look = editor::Look { theme, is_active: true, remarks: &remarks, masks: Some(&mask::starred) };
    editor::draw(&draft.editor, &look, text_area, frame);
    let line = match (&draft.refused, &draft.mistake) {
        (Some(why), _) => Line::styled(format!(" {} {why}", s.bad), theme.tone(Tone::Bad)),
        (None, Some((line, _, why))) => {
            Line::styled(format!(" {} line {}: {why}", s.bad, line + 1), theme.tone(Tone::Bad))
        }
        (None, None) => Line::styled(format!(" {} JSON", s.good), theme.tone(Tone::Good)),
    };
    frame.render_widget(line, Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner });
}

/// A row of the list in a few words, if it is on the screen.
fn glance(model: &Model, id: u64, cells: usize) -> String {
    let Some(flow) = model.inspect.window.iter().find(|f| f.id.0 == id) else { return String::new() };
    let look = Look { theme: model.theme, now: model.now, utc_offset: model.utc_offset };
    let status = flow_table::status(flow, look).0;
    let target = flow.target.as_deref().unwrap_or_default();
    text::fit(&format!("{}  {} {target}", status, flow.method), cells, model.theme.symbols().ellipsis)
}

fn prompt_lines(prompt: &Prompt, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut field = prompt.input.line(cells.saturating_sub(3), theme);
    field.spans.insert(0, Span::styled(" > ", theme.key()));
    let mut out = vec![field];
    match &prompt.error {
        Some(error) => {
            // The last line says what is wrong, below its place.
            let below = error.lines().nth(1).unwrap_or_default();
            let below = text::fit(below, cells.saturating_sub(3), theme.symbols().ellipsis);
            out.push(Line::styled(format!("   {below}"), theme.tone(Tone::Bad)));
        }
        None => out.push(Line::default()),
    }
    out.extend(
        text::wrap(prompt.about, cells.saturating_sub(2), 3)
            .into_iter()
            .map(|l| Line::styled(format!(" {l}"), theme.dim())),
    );
    out
}

/// How many lines a comparison has.
#[must_use]
pub(crate) fn compare_lines(model: &Model, layer: &Layer) -> usize {
    lines_of(model, layer, 80).len()
}

fn lines_of(model: &Model, layer: &Layer, cells: usize) -> Vec<Line<'static>> {
    let Layer::Compare(compared) = layer else { return Vec::new() };
    let theme = model.theme;
    let s = theme.symbols();
    let mut out = Vec::new();
    for (name, diff) in &compared.parts {
        if !out.is_empty() {
            out.push(Line::default());
        }
        out.push(Line::from(vec![
            Span::styled(format!(" {} {name} ", s.rule.repeat(2)), theme.strong()),
            Span::styled(said(diff), theme.dim()),
        ]));
        for change in &diff.changes {
            let path = if change.path.is_empty() { "all of it" } else { &change.path };
            out.push(Line::styled(text::fit(&format!("   {path}"), cells, s.ellipsis), theme.json_key()));
            for (sign, value, tone) in [("-", &change.old, Tone::Bad), ("+", &change.new, Tone::Good)] {
                if !value.is_empty() {
                    let line = text::fit(&format!("     {sign} {value}"), cells, s.ellipsis);
                    out.push(Line::styled(line, theme.tone(tone)));
                }
            }
        }
    }
    out
}
