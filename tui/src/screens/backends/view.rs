//! How Backends looks: a table of servers, and all about the selected one.

use mcp_proxy_core::control::{BackendState, BackendView};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use super::detail;
use super::state::Tab;
use crate::app::layout::{self, Breadth, Share, breadth, inside};
use crate::app::model::{Model, Screen};
use crate::app::theme::Tone;
use crate::widgets::table::{Cell, Column, Table, column};
use crate::widgets::{number, pane, spark, text};

/// Where things are: sums, list, details.
fn areas(model: &Model) -> [Rect; 3] {
    let body = layout::frame(model.size).body;
    let [sums, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    let none = Rect { height: 0, ..body };
    let n = u16::try_from(model.servers().len()).unwrap_or(u16::MAX).max(1);
    match breadth(model.size) {
        Breadth::Narrow if model.backends.in_detail => [sums, none, body],
        // Nothing has no details.
        _ if model.backends.share == Share::List || model.servers().is_empty() => [sums, body, none],
        _ if model.backends.share == Share::Details => [sums, none, body],
        // What is left below a short list is worth a look at the selected one.
        Breadth::Narrow => match layout::below_list(body, n) {
            Some([list, detail]) => [sums, list, detail],
            None => [sums, body, none],
        },
        Breadth::Normal => {
            let list = n.saturating_add(3).min(body.height / 2);
            let [list, detail] = Layout::vertical([Constraint::Length(list), Constraint::Min(0)]).areas(body);
            [sums, list, detail]
        }
        Breadth::Wide => {
            let [list, detail] =
                Layout::horizontal([Constraint::Percentage(52), Constraint::Percentage(48)]).areas(body);
            [sums, list, detail]
        }
    }
}

/// Whether the details are on the screen.
#[must_use]
pub(crate) fn shows_detail(model: &Model) -> bool {
    areas(model)[2].height > 0
}

/// Servers the list shows at once.
#[must_use]
pub(crate) fn list_rows(model: &Model) -> usize {
    usize::from(inside(areas(model)[1]).height.saturating_sub(1))
}

/// The list, for the mouse: the area of its rows.
#[must_use]
pub(crate) fn list_area(model: &Model) -> Rect {
    let inner = inside(areas(model)[1]);
    Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner }
}

/// Lines of the details, and how many fit.
#[must_use]
pub(crate) fn detail_size(model: &Model) -> (usize, usize) {
    let inner = inside(areas(model)[2]);
    let n = model.server().map_or(0, |b| detail::lines(model, b, usize::from(inner.width)).len());
    (n, usize::from(inner.height))
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let [top, list_area, detail_area] = areas(model);
    frame.render_widget(sums(model, usize::from(top.width)), top);
    if list_area.height > 0 {
        list(model, list_area, frame);
    }
    if detail_area.height > 0 {
        detail_pane(model, detail_area, frame);
    }
}

fn sums(model: &Model, cells: usize) -> Line<'static> {
    let theme = model.theme;
    let Some(snapshot) = &model.snapshot else { return Line::styled(" looking at the servers", theme.dim()) };
    let t = &snapshot.totals;
    let mut all = [0_u16; 60];
    for b in &snapshot.backends {
        for (sum, n) in all.iter_mut().zip(b.per_second) {
            *sum = sum.saturating_add(n);
        }
    }
    let mut parts = vec![
        format!("{} req/s {}", spark::per_second(&all), spark::spark(&all, 12, theme)),
        format!("in flight {}", t.n_in_flight),
    ];
    if t.latency.n > 0 {
        let l = t.latency;
        parts.push(format!(
            "p50 {}  p95 {}  p99 {}",
            number::latency(l.p50),
            number::latency(l.p95),
            number::latency(l.p99)
        ));
    }
    parts.extend([
        format!("errors {}", number::percent(t.n_errors, t.n_calls)),
        number::plural(snapshot.clients.len() as u64, "client"),
        number::plural(t.n_calls, "call"),
        format!("{} tokens", number::bytes(snapshot.backends.iter().map(|b| b.n_tokens as u64).sum())),
    ]);
    // What does not fit is left out whole.
    let mut line = String::new();
    for part in parts {
        let more = format!("{}{part}", if line.is_empty() { " " } else { "   " });
        if text::width(&line) + text::width(&more) < cells {
            line.push_str(&more);
        }
    }
    Line::raw(line)
}

/// A state as a symbol with a word, and how loud.
#[must_use]
pub(crate) fn state(b: &BackendView, model: &Model) -> (String, Tone) {
    state_of(&b.state, model)
}

/// The same of any instance.
#[must_use]
pub(crate) fn state_of(state: &BackendState, model: &Model) -> (String, Tone) {
    let s = model.theme.symbols();
    let (symbol, tone) = match state {
        BackendState::Ready => (s.full, Tone::Good),
        BackendState::Starting | BackendState::Handshaking | BackendState::Stopping => (s.half, Tone::Busy),
        BackendState::Backoff { .. } => (s.dotted, Tone::Warn),
        BackendState::Parked => (s.bad, Tone::Bad),
        BackendState::Idle | BackendState::Stopped | BackendState::Disabled => (s.empty, Tone::Quiet),
    };
    let word = match state {
        BackendState::Backoff { until } => {
            format!("retry {}", number::span(until.duration_since(model.now).unwrap_or_default()))
        }
        _ => state.word().to_owned(),
    };
    (if symbol.is_empty() { word } else { format!("{symbol} {word}") }, tone)
}

/// Why the selected server failed, where its card is not on the screen.
#[must_use]
pub(crate) fn failure_note(model: &Model) -> Option<(Tone, String)> {
    let b = model.server().filter(|_| model.screen == Screen::Backends && !shows_detail(model))?;
    let failure = b.failure.as_ref().filter(|_| b.state != BackendState::Ready)?;
    let (_, tone) = state(b, model);
    // The end of a line is cut off: what the server said last tells more than our sentence about it.
    let why = failure.stderr.last().map_or(&*failure.message, |last| last.trim());
    Some((tone, format!("{} (d) {}: {why}", model.theme.symbols().bad, b.name)))
}

/// The columns; the name takes what is left.
const TABLE: Table = Table { columns: &COLUMNS, min_name: 12 };
const COLUMNS: [Column; 13] = [
    column("SERVER", 0, false, 0),
    column("KIND", 5, false, 5),
    column("STATE", 12, false, 0),
    column("UP", 4, true, 2),
    column("INFL", 4, true, 3),
    column("REQ/S", 5, true, 4),
    column("60 s", 10, false, 6),
    column("P50", 6, true, 3),
    column("P95", 6, true, 1),
    column("P99", 6, true, 4),
    column("ERR%", 5, true, 1),
    column("T/R/P", 9, true, 2),
    column("TOKENS", 6, true, 3),
];
fn cells_of(b: &BackendView, model: &Model) -> Vec<Cell> {
    let theme = model.theme;
    let none = theme.symbols().none;
    let (word, tone) = state(b, model);
    let plain = Style::new;
    let up =
        if b.state == BackendState::Ready { number::age(number::since(model.now, b.since)) } else { none.to_owned() };
    let measured = |d| if b.latency.n == 0 { none.to_owned() } else { number::latency(d) };
    let error = if b.n_calls == 0 { none.to_owned() } else { number::percent(b.n_errors, b.n_calls) };
    let error_tone = if b.n_errors * 20 > b.n_calls { Tone::Bad } else { Tone::Plain };
    let offers = format!("{}/{}/{}", b.n_tools, b.n_resources, b.n_prompts);
    // One that was never there has not said that it has nothing.
    let has_listed = b.state == BackendState::Ready || b.n_tools + b.n_resources + b.n_prompts > 0;
    vec![
        (b.name.to_string(), theme.strong()),
        (b.kind.to_owned(), plain()),
        (word, theme.tone(tone)),
        (up, plain()),
        (b.n_in_flight.to_string(), plain()),
        (spark::per_second(&b.per_second), plain()),
        (spark::spark(&b.per_second, 10, theme), theme.tone(Tone::Busy)),
        (measured(b.latency.p50), plain()),
        (measured(b.latency.p95), plain()),
        (measured(b.latency.p99), plain()),
        (error, theme.tone(error_tone)),
        (if has_listed { offers } else { none.to_owned() }, plain()),
        (if b.n_tokens == 0 { none.to_owned() } else { number::bytes(b.n_tokens as u64) }, plain()),
    ]
}

fn list(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let active = !model.backends.in_detail && model.popups.is_empty();
    let mut block = pane::block(theme, active).title(pane::title("Servers"));
    let n = model.servers().len();
    if n > 1 {
        let order = format!("sort: {}", model.backends.order.title());
        block = block.title(pane::title(&order).right_aligned());
    }
    if n > 0 {
        let at = format!("{} of {n}", model.backends.cursor.at + 1);
        block = block.title_bottom(pane::title(&at).right_aligned());
    }
    frame.render_widget(block, area);
    let inner = inside(area);
    if n == 0 {
        let text = if model.snapshot.is_some() {
            " No server is configured. `mcp-proxy init` writes a commented configuration."
        } else {
            ""
        };
        return frame.render_widget(Line::styled(text, theme.dim()), Rect { height: 1, ..inner });
    }
    let rows = model.servers().iter().skip(model.backends.cursor.top).map(|b| cells_of(b, model));
    TABLE.draw(inner, rows, model.backends.cursor, active, theme, frame);
}

fn detail_pane(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let active = model.backends.in_detail && model.popups.is_empty();
    let Some(b) = model.server() else {
        return frame.render_widget(pane::block(theme, active), area);
    };
    let lines = detail::lines(model, b, usize::from(inside(area).width));
    let tabs = Tab::ALL.into_iter().map(|t| (t.title(), t == model.backends.tab));
    let block = pane::block(theme, active).title(pane::title(&b.name)).title_bottom(pane::tabs(tabs, theme));
    pane::framed(block, lines, model.backends.detail_top, area, frame);
}
