//! How Metrics looks: whose, requests and latency over time, how they ended, the slowest tools, and what we use ourselves.
//! Every chart says its unit and its window.

use std::time::Duration;

use mcp_proxy_core::control::{BackendView, HISTORY_STEP, MetricsView, Outcome, Point};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::scale::Scale;
use super::state::{Subject, Window};
use crate::app::cursor::Cursor;
use crate::app::layout::{self, Breadth, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::table::{Cell, Column, Table, column};
use crate::widgets::{bars, number, pane, spark, text};

/// Cells of the list of servers.
const LIST: u16 = 30;
/// Cells left of a chart for its highest value.
const AXIS: u16 = 7;
/// Rows of the table of how requests ended, with its frame.
const ENDINGS: u16 = 8;

/// Where things are.
struct Areas {
    top: Rect,
    list: Rect,
    requests: Rect,
    latency: Rect,
    ended: Rect,
    tools: Rect,
}

fn areas(model: &Model) -> Areas {
    let body = layout::frame(model.size).body;
    let [top, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    // Who hears the lines one by one hears of one thing after the other.
    let is_heard = model.theme.accessible;
    let list = if breadth(model.size) == Breadth::Narrow || is_heard { 0 } else { LIST };
    let [list, rest] = Layout::horizontal([Constraint::Length(list), Constraint::Min(0)]).areas(body);
    // Room for more tools, and for the error codes.
    let more = match rest.height {
        0..30 => 0,
        30..40 => 3,
        _ => 8,
    };
    if is_heard {
        let [requests, latency, ended, tools] = stacked(rest, ENDINGS + more);
        return Areas { top, list, requests, latency, ended, tools };
    }
    let below = if rest.height >= 3 * ENDINGS - 4 { ENDINGS + more } else { 0 };
    let [charts, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(below)]).areas(rest);
    let [requests, latency] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(charts);
    let [ended, tools] = Layout::horizontal([Constraint::Length(34), Constraint::Min(0)]).areas(below);
    Areas { top, list, requests, latency, ended, tools }
}

/// The panes one below the other; what comes last is left out where there is no room.
fn stacked(rest: Rect, endings: u16) -> [Rect; 4] {
    let mut y = rest.y;
    // A chart in words is a line; of tools there are a heading and one at least.
    [(3, 3), (3, 3), (endings, 3), (u16::MAX, 4)].map(|(wanted, least)| {
        let left = rest.bottom() - y;
        let area = Rect { y, height: if left < least { 0 } else { left.min(wanted) }, ..rest };
        y = area.bottom();
        area
    })
}

/// Lines of the list of servers that are on the screen at once.
#[must_use]
pub(crate) fn list_rows(model: &Model) -> usize {
    usize::from(inside(areas(model).list).height).max(1)
}

/// The list, for the mouse.
#[must_use]
pub(crate) fn list_area(model: &Model) -> Rect {
    inside(areas(model).list)
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let areas = areas(model);
    frame.render_widget(top(model, usize::from(areas.top.width)), areas.top);
    if areas.list.width > 0 {
        list(model, areas.list, frame);
    }
    let points = model.metrics.points();
    let window = model.metrics.window;
    requests(points, window, model, areas.requests, frame);
    latency(points, window, model, areas.latency, frame);
    if areas.ended.height > 0
        && let Some(seen) = &model.metrics.seen
    {
        ended(seen, model, areas.ended, frame);
        if areas.tools.height > 0 {
            tools(seen, model, areas.tools, frame);
        }
    }
}

/// Whose measurements these are.
fn whose(model: &Model) -> String {
    let Subject { server, tool } = &model.metrics.subject;
    match (server, tool) {
        (Some(server), Some(tool)) => format!("{tool} of {server}"),
        (Some(server), None) => server.to_string(),
        (None, _) => "all servers".to_owned(),
    }
}

/// What the configuration keeps from clients, in tokens of every model's context.
fn saved(model: &Model) -> Option<String> {
    let of = |b: &&BackendView| model.metrics.subject.server.as_ref().is_none_or(|s| *s == b.name);
    let (n, tokens) = model
        .servers()
        .iter()
        .filter(of)
        .map(|b| b.withheld)
        .fold((0, 0), |(n, sum), (tools, tokens)| (n + tools, sum + tokens));
    (n > 0).then(|| {
        let tools = number::plural(n as u64, "tool");
        format!("saves {} tokens ({tools} kept back)", number::bytes(tokens as u64))
    })
}

/// What is shown, and what the process itself uses.
fn top(model: &Model, cells: usize) -> Line<'static> {
    let theme = model.theme;
    let state = &model.metrics;
    let mut parts = vec![format!("{}, the last {}", whose(model), state.window.word())];
    if let Some(seen) = &state.seen {
        if let Some(process) = &seen.process {
            let cpu = state.cpu.map_or_else(String::new, |c| format!(", {c:.1}% cpu"));
            parts.push(format!("mcp-proxy {} resident{cpu}", number::size(process.resident_bytes)));
            let fds = process.n_fds.map_or_else(String::new, |n| format!(", {n} open files"));
            parts.push(format!("{}{fds}", number::plural(process.n_threads, "thread")));
        }
        parts.extend(saved(model));
        let (bytes_in, bytes_out) = seen.n_bytes;
        parts.push(format!("{} in, {} out", number::size(bytes_in), number::size(bytes_out)));
        parts.push(format!("counted since {}", number::time_of_day(seen.start, model.utc_offset, false)));
    }
    let mut line = String::new();
    for part in parts {
        let more = format!("{}{part}", if line.is_empty() { " " } else { "   " });
        if text::width(&line) + text::width(&more) < cells {
            line.push_str(&more);
        }
    }
    Line::styled(line, theme.dim())
}

fn list(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let active = model.popups.is_empty();
    frame.render_widget(pane::block(theme, active).title(pane::title("Servers")), area);
    let inner = inside(area);
    let cells = usize::from(inner.width);
    let mut all = [0_u16; 60];
    for b in model.servers() {
        for (sum, n) in all.iter_mut().zip(b.per_second) {
            *sum = sum.saturating_add(n);
        }
    }
    let line = |name: &str, per_second: &[u16; 60]| {
        let rate = format!("{}/s", spark::per_second(per_second));
        let name = text::pad(name, cells.saturating_sub(3 + rate.len()), theme.symbols().ellipsis);
        Line::raw(format!(" {name} {rate} "))
    };
    let name = |subject: Subject| match (subject.server, subject.tool) {
        (_, Some(tool)) => Line::styled(
            format!("   {}", text::fit(&tool, cells.saturating_sub(4), theme.symbols().ellipsis)),
            theme.dim(),
        ),
        (Some(server), None) => match model.servers().iter().find(|b| b.name == server) {
            Some(b) => line(&b.name, &b.per_second),
            None => Line::default(),
        },
        (None, None) => line("all servers", &all),
    };
    let lines = super::update::lines(model).into_iter().map(name);
    let Cursor { at, top } = model.metrics.cursor;
    for (y, (i, line)) in (inner.y..inner.bottom()).zip(lines.enumerate().skip(top)) {
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(line, place);
        if i == at {
            frame.buffer_mut().set_style(place, theme.cursor(active));
            if let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y)) {
                cell.set_symbol(theme.symbols().cursor);
            }
        }
    }
}

/// One value a cell, so that the window takes all of them; the newest last. Where there are more cells than steps, a step takes several.
fn by_cell(points: &[Point], window: Window, cells: u16, value: impl Fn(&[Point]) -> f64) -> Vec<f64> {
    let (n, cells) = (window.n_steps(), usize::from(cells));
    let of = |i: usize| {
        let from = i * n / cells;
        let to = ((i + 1) * n / cells).max(from + 1);
        // Counted from the newest, which is the last.
        let end = points.len().checked_sub(from).filter(|end| *end > 0)?;
        Some(value(&points[end.saturating_sub(to - from)..end]))
    };
    let mut out: Vec<f64> = (0..cells).map_while(of).collect();
    out.reverse();
    out
}

/// A frame for a chart, with where its values and its time begin and end; gives the area of its bars.
fn chart(
    title: &str,
    (lowest, highest): (&str, &str),
    window: Window,
    area: Rect,
    theme: Theme,
    frame: &mut Frame<'_>,
) -> Rect {
    let block = pane::block(theme, false)
        .title(pane::title(title))
        .title_bottom(pane::title(&format!("{} ago", number::age(window.length()))))
        .title_bottom(pane::title("now").right_aligned());
    frame.render_widget(block, area);
    let inner = inside(area);
    let axis = AXIS.min(inner.width);
    if inner.height > 0 {
        let label = text::pad_left(highest, usize::from(axis).saturating_sub(1), "");
        frame.render_widget(Line::styled(label, theme.dim()), Rect { width: axis, height: 1, ..inner });
        let lowest = text::pad_left(lowest, usize::from(axis).saturating_sub(1), "");
        let at = Rect { y: inner.bottom() - 1, width: axis, height: 1, ..inner };
        if inner.height > 1 {
            frame.render_widget(Line::styled(lowest, theme.dim()), at);
        }
    }
    Rect { x: inner.x + axis, width: inner.width - axis, ..inner }
}

fn requests(points: &[Point], window: Window, model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let cells = inside(area).width.saturating_sub(AXIS);
    let rate = |count: fn(&Point) -> u32| {
        move |chunk: &[Point]| {
            let n: u32 = chunk.iter().map(count).sum();
            f64::from(n) / (HISTORY_STEP.as_secs_f64() * f64::from(u32::try_from(chunk.len()).unwrap_or(1)))
        }
    };
    let all = by_cell(points, window, cells, rate(|p| p.n));
    let failed = by_cell(points, window, cells, rate(|p| p.n_errors));
    let max = all.iter().copied().fold(0.0, f64::max);
    let n: u64 = points.iter().map(|p| u64::from(p.n)).sum();
    let n_errors: u64 = points.iter().map(|p| u64::from(p.n_errors)).sum();
    let title = format!(
        "requests/s: {}, {} failed ({})",
        number::plural(n, "request"),
        number::count(n_errors),
        number::percent(n_errors, n)
    );
    if theme.accessible {
        let title = format!("{title}, over the last {}", window.word());
        return in_words(&title, &all, &|n| format!("{} a second", short(n)), area, theme, frame);
    }
    let inner = chart(&title, ("0", &short(max)), window, area, theme, frame);
    bars::draw(&all, max, theme.tone(Tone::Busy), inner, theme, frame);
    bars::draw(&failed, max, theme.tone(Tone::Bad), inner, theme, frame);
}

/// A chart for who does not see it.
fn in_words(
    title: &str,
    values: &[f64],
    word: &dyn Fn(f64) -> String,
    area: Rect,
    theme: Theme,
    frame: &mut Frame<'_>,
) {
    frame.render_widget(pane::block(theme, false).title(pane::title(title)), area);
    #[expect(clippy::cast_precision_loss, reason = "columns of a screen")]
    let n = values.len().max(1) as f64;
    let facts = [
        ("now", values.last().copied().unwrap_or_default()),
        ("mean", values.iter().sum::<f64>() / n),
        ("highest", values.iter().copied().fold(0.0, f64::max)),
    ];
    let facts = facts.map(|(name, value)| format!("{name} {}", word(value))).join(", ");
    frame.render_widget(Line::raw(format!(" {facts}")), inside(area));
}

/// A rate in few cells.
fn short(rate: f64) -> String {
    if rate >= 100.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

fn latency(points: &[Point], window: Window, model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let cells = inside(area).width.saturating_sub(AXIS);
    let highest = |of: fn(&Point) -> Duration| {
        move |chunk: &[Point]| chunk.iter().map(of).max().unwrap_or_default().as_secs_f64()
    };
    let p95 = by_cell(points, window, cells, highest(|p| p.p95));
    let p50 = by_cell(points, window, cells, highest(|p| p.p50));
    let max = p95.iter().copied().fold(0.0, f64::max);
    let worst = points.iter().map(|p| p.p99).max().unwrap_or_default();
    let highest = if worst.is_zero() { String::new() } else { format!("   highest p99 {}", number::latency(worst)) };
    let scale = Scale::of(&p50, max);
    let title = format!("latency{}: {} p50  {} p95{highest}", scale.word(), s.bar, s.shade);
    if theme.accessible {
        let title = format!("95th percentile of the latency, over the last {}", window.word());
        let time = |n| number::latency(Duration::from_secs_f64(n));
        return in_words(&title, &p95, &time, area, theme, frame);
    }
    let time = |seconds| number::latency(Duration::from_secs_f64(seconds));
    let lowest = scale.lowest().map_or_else(|| "0".to_owned(), time);
    let inner = chart(&title, (&lowest, &time(max)), window, area, theme, frame);
    bars::shade(&scale.heights(&p95), 1.0, theme.tone(Tone::Warn), inner, theme, frame);
    bars::draw(&scale.heights(&p50), 1.0, theme.tone(Tone::Busy), inner, theme, frame);
}

/// How requests ended, since the start.
fn ended(seen: &MetricsView, model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    frame.render_widget(pane::block(theme, false).title(pane::title("how they ended since the start")), area);
    let inner = inside(area);
    let all: u64 = seen.ended.iter().map(|(_, n)| n).sum();
    for (y, (outcome, n)) in (inner.y..inner.bottom()).zip(&seen.ended) {
        let (word, tone) = match outcome {
            Outcome::Ok => ("with a result", Tone::Good),
            Outcome::ToolError => ("tool error", Tone::Warn),
            Outcome::ServerError => ("server error", Tone::Bad),
            Outcome::ProxyError => ("proxy error", Tone::Bad),
            Outcome::Timeout => ("timeout", Tone::Bad),
            Outcome::Cancelled => ("cancelled", Tone::Quiet),
        };
        let tone = if *n == 0 { Tone::Quiet } else { tone };
        let line = Line::from(vec![
            Span::styled(format!(" {}", text::pad(word, 14, "")), theme.tone(tone)),
            Span::raw(text::pad_left(&number::count(*n), 9, "")),
            Span::raw(text::pad_left(&number::percent(*n, all), 7, "")),
        ]);
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
    // The most frequent error codes below, where there is room.
    let rest = Rect { y: inner.y + 6, height: inner.height.saturating_sub(6), ..inner };
    for (y, (code, n)) in (rest.y..rest.bottom()).zip(&seen.codes) {
        let line = Line::from(vec![
            Span::styled(format!("   error {}", text::pad(&code.to_string(), 6, "")), theme.tone(Tone::Quiet)),
            Span::raw(text::pad_left(&number::count(*n), 9, "")),
            Span::raw(text::pad_left(&number::percent(*n, all), 7, "")),
        ]);
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

/// The columns; the tool takes what is left.
const TABLE: Table = Table { columns: &COLUMNS, min_name: 18 };
const COLUMNS: [Column; 7] = [
    column("SLOWEST TOOLS", 0, false, 0),
    column("SERVER", 12, false, 3),
    column("CALLS", 7, true, 1),
    column("P50", 6, true, 1),
    column("P95", 6, true, 0),
    column("P99", 6, true, 2),
    column("MAX", 6, true, 4),
];

fn tools(seen: &MetricsView, model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    frame.render_widget(pane::block(theme, false), area);
    let row = |(backend, t): &(std::sync::Arc<str>, mcp_proxy_core::control::ToolLatency)| -> Vec<Cell> {
        let plain = Style::new;
        let time = |d| (number::latency(d), plain());
        let l = t.latency;
        vec![
            (t.tool.to_string(), plain()),
            (backend.to_string(), theme.dim()),
            (number::count(l.n), plain()),
            time(l.p50),
            time(l.p95),
            time(l.p99),
            time(l.max),
        ]
    };
    // No row is selected: they are only looked at.
    let nowhere = Cursor { at: usize::MAX, top: 0 };
    TABLE.draw(inside(area), seen.slowest.iter().map(row), nowhere, false, theme, frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_all_cells_and_a_short_past_the_newest() {
        let points: Vec<Point> = (1..=60).map(|n| Point { n, ..Point::default() }).collect();
        let newest = |chunk: &[Point]| f64::from(chunk.iter().map(|p| p.n).max().unwrap_or(0));
        let n_steps = Window::Short.n_steps();
        assert_eq!(n_steps, points.len());
        for cells in [7, 30, 60, 71, 161] {
            let all = by_cell(&points, Window::Short, cells, newest);
            assert_eq!(all.len(), usize::from(cells));
            assert_eq!(all.last(), Some(&60.0));
            assert!(all.is_sorted(), "{all:?}");
            let short = by_cell(&points[..6], Window::Short, cells, newest);
            assert_eq!(short.last(), Some(&6.0));
            assert!(short.len() <= usize::from(cells).div_ceil(10) + 1, "{short:?}");
        }
        let steps = by_cell(&points, Window::Short, 60, |chunk| f64::from(u32::try_from(chunk.len()).unwrap_or(0)));
        assert!(steps.iter().all(|n| *n == 1.0), "each step once");
        assert!(by_cell(&[], Window::Short, 60, newest).is_empty());
    }
}
