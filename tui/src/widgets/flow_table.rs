//! Rows of the journal: one line with as many columns as fit, or two lines on a narrow terminal.
//!
//! Draws the rows it is given and no more: the caller gives those on the screen.

use std::time::{Duration, SystemTime};

use mcp_proxy_core::observe::{Flow, FlowKind, Status};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{number, text};
use crate::app::theme::{Theme, Tone};

/// An answer that took at least this long is marked as slow.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What a row needs beside the flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) theme: Theme,
    pub(crate) now: SystemTime,
    pub(crate) utc_offset: i32,
}

/// A state as a symbol with a word, and how loud.
#[must_use]
pub(crate) fn status(flow: &Flow, look: Look) -> (String, Tone) {
    let s = look.theme.symbols();
    match flow.status {
        Status::Pending if flow.n_open > 0 => (format!("{} asks", s.wait), Tone::Busy),
        Status::Pending => (format!("{} wait", s.wait), Tone::Busy),
        Status::Ok if is_slow(flow) => (format!("{} slow", s.warn), Tone::Warn),
        Status::Ok => (format!("{} ok", s.good), Tone::Good),
        Status::ToolError => (format!("{} tool err", s.warn), Tone::Warn),
        Status::Fault(code) => (format!("{} {code}", s.bad), Tone::Bad),
        Status::Cancelled => (format!("{} cancel", s.empty), Tone::Quiet),
        Status::TimedOut => (format!("{} timeout", s.bad), Tone::Bad),
        Status::Sent => (format!("{} sent", s.right), Tone::Quiet),
        Status::Dropped(_) => (format!("{} dropped", s.bad), Tone::Bad),
    }
}

/// Whether an answer took long enough to be marked.
#[must_use]
pub(crate) fn is_slow(flow: &Flow) -> bool {
    flow.status == Status::Ok && flow.timing.total() >= SLOW
}

/// How long a flow took, or has taken so far.
#[must_use]
pub(crate) fn latency(flow: &Flow, look: Look) -> String {
    match flow.status {
        Status::Pending => number::span(number::since(look.now, flow.at)),
        Status::Sent | Status::Dropped(_) => String::new(),
        _ => number::latency(flow.timing.total()),
    }
}

/// The arrow of what did not come from a client.
fn direction(flow: &Flow, theme: Theme) -> &'static str {
    match flow.kind {
        FlowKind::Call | FlowKind::ClientNotification => " ",
        FlowKind::Upcall | FlowKind::ServerNotification => theme.symbols().left,
        FlowKind::Own => theme.symbols().dot,
    }
}

/// The method; notifications by a short word in the place of their long prefix.
fn method(flow: &Flow) -> String {
    flow.method.strip_prefix("notifications/").map_or_else(|| flow.method.to_string(), |rest| format!("notify {rest}"))
}

fn client(flow: &Flow) -> &str {
    match (flow.kind, &*flow.client) {
        (FlowKind::Own, _) => "(proxy)",
        (_, "") => "",
        (_, name) => name,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Id,
    Session,
    Client,
    Direction,
    Server,
    Method,
    Target,
    Wire,
    Status,
    Latency,
    In,
    Out,
    Size,
}

/// The columns in order: heading, cells, and rank: the highest goes first when there is no room.
const COLUMNS: [(Column, &str, usize, u8); 14] = [
    (Column::Time, "TIME", 12, 3),
    (Column::Id, "ID", 7, 0),
    (Column::Session, "SESS", 5, 8),
    (Column::Client, "CLIENT", 11, 2),
    (Column::Direction, " ", 1, 0),
    (Column::Server, "SERVER", 10, 0),
    (Column::Method, "METHOD", MIN_METHOD, 0),
    (Column::Target, "TARGET", 0, 0),
    (Column::Wire, "WIRE ID", 7, 9),
    (Column::Status, "STATUS", 10, 0),
    (Column::Latency, "LAT", 6, 0),
    (Column::In, "IN", 5, 7),
    (Column::Out, "OUT", 5, 6),
    (Column::Size, "SIZE", 5, 4),
];
/// The target never has less.
const MIN_TARGET: usize = 11;
/// Columns from this rank on are shown only when method and target have some room to spare.
const EXTRA_RANK: u8 = 5;
/// That room.
const SPARE: usize = 12;
/// The method never has less.
const MIN_METHOD: usize = 14;
/// The longest method names we know have this many cells.
const MAX_METHOD: usize = 24;

/// The columns that fit, with their widths.
fn columns(cells: usize) -> Vec<(Column, &'static str, usize)> {
    let mut cut = 10;
    loop {
        // With bytes of each way there is no need for their sum.
        let split = cut > 7;
        let kept = COLUMNS.iter().filter(|(c, .., rank)| *rank < cut && !(split && *c == Column::Size));
        let fixed: usize = kept.clone().map(|(_, _, w, _)| w + 1).sum::<usize>() + 1;
        let spare = if cut > EXTRA_RANK { SPARE } else { 0 };
        if fixed + MIN_TARGET + spare <= cells || cut <= 1 {
            // What is left goes to the method, up to its longest, and to the target.
            let left = cells.saturating_sub(fixed);
            let longer = (left.saturating_sub(MIN_TARGET) / 2).min(MAX_METHOD - MIN_METHOD);
            let width = |(c, title, w, _): &(Column, &'static str, usize, u8)| match c {
                Column::Method => (*c, *title, *w + longer),
                Column::Target => (*c, *title, left - longer),
                _ => (*c, *title, *w),
            };
            return kept.map(width).collect();
        }
        cut -= 1;
    }
}

/// The line of headings.
#[must_use]
pub(crate) fn heading(cells: usize, theme: Theme) -> Line<'static> {
    let mut out = String::from(" ");
    for (c, title, w) in columns(cells) {
        out.push_str(&cell(c, title, w, theme));
        out.push(' ');
    }
    Line::styled(out, theme.dim())
}

fn cell(column: Column, value: &str, w: usize, theme: Theme) -> String {
    let ellipsis = theme.symbols().ellipsis;
    match column {
        Column::Latency | Column::In | Column::Out | Column::Size | Column::Wire => text::pad_left(value, w, ellipsis),
        _ => text::pad(value, w, ellipsis),
    }
}

/// A row in one line.
#[must_use]
pub(crate) fn row(flow: &Flow, cells: usize, look: Look) -> Line<'static> {
    let theme = look.theme;
    let none = String::new;
    let mut spans = vec![Span::raw(" ")];
    for (column, _, w) in columns(cells) {
        let (value, style) = match column {
            Column::Time => (number::time_of_day(flow.at, look.utc_offset, true), theme.dim()),
            Column::Id => (flow.id.to_string(), Style::new()),
            Column::Session => (flow.session.map_or_else(none, |s| s.to_string()), Style::new()),
            Column::Client => (client(flow).to_owned(), Style::new()),
            Column::Direction => (direction(flow, theme).to_owned(), theme.tone(Tone::Busy)),
            Column::Server => (flow.backend.as_deref().unwrap_or_default().to_owned(), Style::new()),
            Column::Method => (method(flow), Style::new()),
            Column::Target => (flow.target.as_deref().unwrap_or_default().to_owned(), theme.strong()),
            Column::Wire => (flow.wire_id.map_or_else(none, |n| n.to_string()), Style::new()),
            Column::Status => {
                let (value, tone) = status(flow, look);
                (value, theme.tone(tone))
            }
            Column::Latency => {
                let style = if is_slow(flow) { theme.tone(Tone::Warn) } else { Style::new() };
                (latency(flow, look), style)
            }
            Column::In => (size(flow.n_bytes_in), Style::new()),
            Column::Out => (size(flow.n_bytes_out), Style::new()),
            Column::Size => (size(flow.n_bytes_in.saturating_add(flow.n_bytes_out)), Style::new()),
        };
        spans.push(Span::styled(cell(column, &value, w, theme), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn size(n: u32) -> String {
    if n == 0 { String::new() } else { number::bytes(u64::from(n)) }
}

/// A row in two lines, for narrow terminals.
#[must_use]
pub(crate) fn two_lines(flow: &Flow, cells: usize, look: Look) -> [Line<'static>; 2] {
    let theme = look.theme;
    let ellipsis = theme.symbols().ellipsis;
    let (word, tone) = status(flow, look);
    let fixed = 1 + 12 + 1 + 7 + 1 + 18 + 1 + 1 + 10 + 1;
    let target = flow.target.as_deref().unwrap_or_default();
    let first = Line::from(vec![
        Span::styled(format!(" {} ", number::time_of_day(flow.at, look.utc_offset, true)), theme.dim()),
        Span::raw(format!("{} ", text::pad(&flow.id.to_string(), 7, ellipsis))),
        Span::raw(format!("{} ", text::pad(&method(flow), 18, ellipsis))),
        Span::styled(text::pad(target, cells.saturating_sub(fixed), ellipsis), theme.strong()),
        Span::raw(" "),
        Span::styled(text::pad(&word, 10, ellipsis), theme.tone(tone)),
        Span::raw(" "),
    ]);
    let arrow = match flow.kind {
        FlowKind::Upcall | FlowKind::ServerNotification => theme.symbols().left,
        _ => theme.symbols().right,
    };
    let who = format!("{} {arrow} {}", client(flow), flow.backend.as_deref().unwrap_or("(here)"));
    let tail = format!("{:>6} {:>5}", latency(flow, look), size(flow.n_bytes_in.saturating_add(flow.n_bytes_out)));
    let room = cells.saturating_sub(14 + text::width(&tail) + 2);
    let second = Line::from(vec![
        Span::raw(" ".repeat(14)),
        Span::styled(text::pad(&who, room, ellipsis), theme.dim()),
        Span::raw(format!(" {tail} ")),
    ]);
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_row_is_as_wide_as_its_line() {
        let look = Look { theme: Theme::default(), now: sample::now(), utc_offset: 0 };
        for cells in [88, 98, 118, 140, 158, 200] {
            assert_eq!(heading(cells, look.theme).width(), cells);
            for flow in sample::flows() {
                assert_eq!(row(&flow, cells, look).width(), cells, "{flow:?}");
            }
        }
        for cells in [58, 60, 78, 88] {
            for flow in sample::flows() {
                for line in two_lines(&flow, cells, look) {
                    assert_eq!(line.width(), cells, "{line:?}");
                }
            }
        }
    }

    #[test]
    fn more_room_shows_more_columns() {
        let n = |cells| columns(cells).len();
        assert!(n(98) < n(118) && n(118) <= n(198), "{} {} {}", n(98), n(118), n(198));
        assert_eq!(columns(198).len(), COLUMNS.len() - 1);
    }
}
