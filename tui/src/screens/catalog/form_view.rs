//! How the form looks.

use mcp_proxy_core::control::ItemKind;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::form::{Call, Field, Focus, Form};
use super::schema::{self, Kind, Step};
use crate::app::layout::{self, inside};
use crate::app::model::Model;
use crate::app::popup::Popup;
use crate::app::theme::{Theme, Tone};
use crate::widgets::{json_view, number, pane, text};

/// Where things are: the frame, the fields, the answer.
fn areas(model: &Model, form: &Form) -> [Rect; 3] {
    let body = layout::frame(model.size).body;
    let narrow = layout::breadth(model.size) == layout::Breadth::Narrow;
    let width = if narrow { body.width } else { body.width.saturating_sub(8).min(120) };
    let cells = usize::from(width.saturating_sub(2));
    let wanted = u16::try_from(lines(form, cells, model.theme).0.len()).unwrap_or(u16::MAX);
    let height =
        if narrow || !matches!(form.call, Call::None) { body.height } else { wanted.saturating_add(2).max(10) };
    let area = layout::centered(body, width, height);
    let inner = inside(area);
    // The answer gets at least half once there is one.
    let fields = if matches!(form.call, Call::None) { inner.height } else { wanted.clamp(1, inner.height / 2) };
    let [fields, answer] = Layout::vertical([Constraint::Length(fields), Constraint::Min(0)]).areas(inner);
    [area, fields, answer]
}

/// How many lines a readable answer has at this size.
#[must_use]
pub(crate) fn readable_lines(model: &Model, form: &Form) -> usize {
    let cells = usize::from(areas(model, form)[2].width);
    form.readable.as_ref().map_or(0, |r| r.lines(cells, model.theme).len())
}

/// Lines of the answer shown at once.
#[must_use]
pub(crate) fn answer_rows(model: &Model) -> usize {
    let form = model.popups.iter().rev().find_map(|p| match p {
        Popup::Form(form) => Some(form),
        _ => None,
    });
    form.map_or(0, |f| usize::from(areas(model, f)[2].height.saturating_sub(1)))
}

/// Draws the form.
pub(crate) fn draw(model: &Model, form: &Form, on_top: bool, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let [area, fields_area, answer_area] = areas(model, form);
    frame.render_widget(Clear, area);
    let verb = match form.kind {
        ItemKind::Tool => "Call",
        ItemKind::Prompt => "Get prompt",
        ItemKind::Resource | ItemKind::Template => "Read",
    };
    let title = format!("{verb} {}", form.exposed);
    let block = pane::block(theme, on_top)
        .title(pane::title(&title))
        .title(pane::title(&format!("server {}", form.backend)).right_aligned())
        .title_bottom(pane::title(form.on_enter()));
    let block =
        if form.is_raw() { block.title_bottom(pane::title("all arguments as JSON").right_aligned()) } else { block };
    frame.render_widget(block, area);
    let (lines, selected) = lines(form, usize::from(fields_area.width), theme);
    let page = usize::from(fields_area.height);
    // The selected field with its description stays on the screen.
    let top = (selected + 3).saturating_sub(page).min(lines.len().saturating_sub(page));
    for (y, line) in (fields_area.y..fields_area.bottom()).zip(lines.into_iter().skip(top)) {
        frame.render_widget(line, Rect { y, height: 1, ..fields_area });
    }
    if answer_area.height > 0 {
        answer(model, form, on_top, answer_area, frame);
    }
}

/// The lines of all fields, and the line of the selected one.
fn lines(form: &Form, cells: usize, theme: Theme) -> (Vec<Line<'static>>, usize) {
    if form.fields.is_empty() {
        let text = match form.kind {
            ItemKind::Resource => " Enter reads it.",
            _ => " It takes no arguments. Enter sends.",
        };
        return (vec![Line::styled(text, theme.dim())], 0);
    }
    let name = form.fields.iter().map(|f| text::width(&label(f))).max().unwrap_or(0).clamp(4, cells / 3);
    let mut out = Vec::new();
    let mut selected = 0;
    for (at, field) in form.fields.iter().enumerate() {
        let here = at == form.at && form.focus == Focus::Fields;
        if at == form.at {
            selected = out.len();
        }
        out.push(field_line(field, here, name, cells, theme));
        let indent = " ".repeat(name + 5);
        let room = cells.saturating_sub(name + 6);
        if let Some(error) = &field.error {
            let text = text::fit(&format!("{} {error}", theme.symbols().bad), room, theme.symbols().ellipsis);
            out.push(Line::styled(format!("{indent}{text}"), theme.tone(Tone::Bad)));
        } else if here {
            for piece in text::wrap(&about(field), room, 3) {
                out.push(Line::styled(format!("{indent}{piece}"), theme.dim()));
            }
        }
    }
    (out, selected)
}

/// The name of a field; in a row of a list, which stands above, without the list's.
fn label(field: &Field) -> String {
    let a = &field.argument;
    match a.path.iter().position(|step| matches!(step, Step::Item(_))) {
        Some(row) => format!("  {}", schema::way(&a.path[row..])),
        None => a.name.clone(),
    }
}

/// What a field is about, with its choices.
fn about(field: &Field) -> String {
    let mut about = field.argument.about.clone();
    if let Kind::Rows(_) = field.argument.kind {
        // What can be done is read first.
        let end = if about.is_empty() { "" } else { "\n" };
        about.insert_str(0, &format!("Right adds one, Left takes the last one away{end}"));
    }
    if let Kind::Choice(choices) = &field.argument.kind {
        let names: Vec<String> = choices.iter().take(20).map(schema::shown).collect();
        let end = if about.is_empty() { "" } else { "\n" };
        about.push_str(&format!("{end}one of: {}", names.join(", ")));
    }
    about
}

fn field_line(field: &Field, here: bool, name: usize, cells: usize, theme: Theme) -> Line<'static> {
    let s = theme.symbols();
    let a = &field.argument;
    let word = a.kind.word();
    let hint = if a.is_needed() { format!("{word}, needed") } else { word };
    let room = cells.saturating_sub(name + 8 + text::width(&hint));
    let secret = crate::json::mask::is_secret(a.name.as_bytes(), false) && matches!(a.kind, Kind::Text);
    let value: Vec<Span<'static>> = match &a.kind {
        Kind::Choice(_) | Kind::Boolean | Kind::Rows(_) => {
            let is_list = matches!(a.kind, Kind::Rows(_));
            let shown = match field.input.text() {
                "" => "(left out)".to_owned(),
                "0" if is_list => "empty".to_owned(),
                n if is_list => format!("{n} below"),
                text => text.to_owned(),
            };
            let shown = if here { format!("< {shown} >") } else { shown };
            vec![Span::styled(text::fit(&shown, room, s.ellipsis), if here { theme.strong() } else { Style::new() })]
        }
        _ if secret => {
            let stars = "*".repeat(field.input.text().chars().count().min(room.saturating_sub(1)));
            let cursor = if here { Span::styled(" ", theme.cursor(true)) } else { Span::raw("") };
            vec![Span::raw(stars), cursor]
        }
        _ if here => field.input.line(room, theme).spans,
        _ => {
            // What the schema proposes looks different from what was typed.
            let style = if field.input.is_proposal() { theme.dim() } else { Style::new() };
            vec![Span::styled(text::fit(field.input.text(), room, s.ellipsis), style)]
        }
    };
    let marker = if here { s.cursor } else { " " };
    let label = text::fit(&label(field), name, s.ellipsis);
    let blanks = " ".repeat(name + 2 - text::width(&label));
    let star = if a.is_needed() { "*" } else { " " };
    let mut spans = vec![
        Span::raw(format!(" {marker}")),
        Span::styled(label, if here { theme.strong() } else { Style::new() }),
        Span::styled(format!("{star}{blanks}"), theme.tone(Tone::Warn)),
    ];
    spans.extend(value);
    let used = Line::from(spans.clone()).width();
    let blanks = cells.saturating_sub(used + text::width(&hint) + 1);
    spans.push(Span::raw(" ".repeat(blanks)));
    spans.push(Span::styled(hint, theme.dim()));
    Line::from(spans)
}

fn answer(model: &Model, form: &Form, on_top: bool, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let (text, tone) = match &form.call {
        Call::None => return,
        Call::Running { since, .. } => {
            let took = number::span(number::since(model.now, *since));
            (format!("{} waiting {took}, Esc cancels", s.wait), Tone::Busy)
        }
        Call::Cancelled => (format!("{} cancelled", s.empty), Tone::Quiet),
        Call::Failed(why) => (format!("{} {why}", s.bad), Tone::Bad),
        Call::Answered { failed: true, took } => (format!("{} failed in {}", s.bad, number::latency(*took)), Tone::Bad),
        Call::Answered { took, .. } => (format!("{} answered in {}", s.good, number::latency(*took)), Tone::Good),
    };
    let cells = usize::from(area.width);
    let text = text::fit(&format!("{} {text} ", s.rule.repeat(2)), cells, s.ellipsis);
    let rest = s.rule.repeat(cells.saturating_sub(text::width(&text)));
    let line = Line::from(vec![Span::styled(text, theme.tone(tone)), Span::styled(rest, theme.dim())]);
    frame.render_widget(line, Rect { height: 1, ..area });
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if let Some(readable) = form.readable.as_ref().filter(|_| !form.as_json) {
        let lines = readable.lines(usize::from(below.width), theme);
        let top = form.top.min(lines.len().saturating_sub(usize::from(below.height)));
        for (y, line) in (below.y..below.bottom()).zip(lines.into_iter().skip(top)) {
            frame.render_widget(line, Rect { y, height: 1, ..below });
        }
        return;
    }
    let active = on_top && form.focus == Focus::Answer;
    let left_out: Vec<Line<'static>> = json_view::left_out(&form.answer, theme).into_iter().collect();
    json_view::draw(&form.answer, &left_out, form.cursor, active, theme, below, frame);
}
