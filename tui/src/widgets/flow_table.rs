//! Rows of the journal: one line with as many columns as fit, or two lines on a narrow terminal.
//!
//! Draws the rows it is given and no more: the caller gives those on the screen.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mcp_proxy_core::observe::{Flow, FlowKind, Status, Timing};
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
        Status::Pending if flow.is_held => (format!("{} held", s.held), Tone::Warn),
        Status::Pending if flow.n_open > 0 => (format!("{} asks", s.wait), Tone::Busy),
        Status::Pending => (format!("{} wait", s.wait), Tone::Busy),
        Status::Ok if is_slow(flow) => (format!("{} slow", s.warn), Tone::Warn),
        Status::Ok => (format!("{} ok", s.good), Tone::Good),
        Status::ToolError => (format!("{} tool err", s.warn), Tone::Warn),
        Status::Fault(code) => (format!("{} {code}", s.bad), Tone::Bad),
        Status::Cancelled => (format!("{} cancel", s.empty), Tone::Quiet),
        Status::TimedOut => (format!("{} timeout", s.bad), Tone::Bad),
        // In words the arrow is one, and one too many.
        Status::Sent if look.theme.accessible => ("sent".to_owned(), Tone::Quiet),
        Status::Sent => (format!("{} sent", s.right), Tone::Quiet),
        Status::Dropped(_) => (format!("{} dropped", s.bad), Tone::Bad),
    }
}

/// Whether an answer took long enough to be marked.
#[must_use]
pub(crate) fn is_slow(flow: &Flow) -> bool {
    // What people took does not count.
    let Timing { held, client, .. } = flow.timing;
    flow.status == Status::Ok && flow.timing.total().saturating_sub(held + client) >= SLOW
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

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
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
/// Cells of the method beside a target in rows of two lines.
const TWO_LINES_METHOD: usize = 18;

/// Columns that were chosen: each bit is a place in [`COLUMNS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Shown as long as there is any room.
    on: u16,
    /// Not shown.
    off: u16,
}

impl Chosen {
    /// Shows a column, or does not, whatever it was before.
    pub(crate) fn turn(&mut self, at: usize, is_shown: bool) {
        let bit = 1 << at;
        (self.on, self.off) =
            if is_shown { (self.on & !bit, self.off | bit) } else { (self.on | bit, self.off & !bit) };
    }

    /// The columns asked for and those not wanted, by their names.
    pub(crate) fn names(self) -> (Vec<&'static str>, Vec<&'static str>) {
        let of = |bits: u16| {
            let set = COLUMNS.iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0);
            set.map(|(_, (_, name, ..))| *name).collect()
        };
        (of(self.on), of(self.off))
    }

    /// The same from their names; what is none is left out.
    pub(crate) fn named<'n>(on: impl Iterator<Item = &'n str>, off: impl Iterator<Item = &'n str>) -> Self {
        fn bits<'n>(names: impl Iterator<Item = &'n str>) -> u16 {
            names.filter_map(|n| COLUMNS.iter().position(|(_, name, ..)| *name == n)).fold(0, |bits, at| bits | 1 << at)
        }
        let (on, off) = (bits(on), bits(off));
        Self { on: on & !off, off }
    }

    const fn is_off(self, at: usize) -> bool {
        self.off & (1 << at) != 0
    }

    /// The rank of a column: those that were asked for go last.
    const fn rank(self, at: usize, rank: u8) -> u8 {
        if self.on & (1 << at) != 0 && rank > 1 { 1 } else { rank }
    }
}

/// What the list is ordered by, and whether the largest comes first.
pub(crate) type Order = Option<(Column, bool)>;

/// The value of a column that rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A number, a time, a size.
    Number(u64),
    /// A name.
    Text(Arc<str>),
}

impl Column {
    /// The value of a row that it is ordered by.
    pub(crate) fn key(self, flow: &Flow) -> Key {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        let text = |t: &Option<Arc<str>>| Key::Text(t.clone().unwrap_or_default());
        match self {
            Self::Client => Key::Text(flow.client.clone()),
            Self::Server => text(&flow.backend),
            Self::Method => Key::Text(flow.method.clone()),
            Self::Target => text(&flow.target),
            Self::Latency if flow.status == Status::Pending => Key::Number(u64::MAX),
            Self::Latency => Key::Number(nanos(flow.timing.total())),
            Self::In => Key::Number(u64::from(flow.n_bytes_in)),
            Self::Out => Key::Number(u64::from(flow.n_bytes_out)),
            Self::Size => Key::Number(u64::from(flow.n_bytes_in) + u64::from(flow.n_bytes_out)),
            Self::Session => Key::Number(flow.session.map_or(0, |s| s.0)),
            Self::Wire => Key::Number(flow.wire_id.unwrap_or(0)),
            Self::Status => Key::Number(match flow.status {
                Status::Pending => 0,
                Status::Ok => 1,
                Status::Sent => 2,
                Status::Cancelled => 3,
                Status::ToolError => 4,
                Status::Fault(_) => 5,
                Status::TimedOut => 6,
                Status::Dropped(_) => 7,
            }),
            Self::Time | Self::Id | Self::Direction => Key::Number(flow.id.0),
        }
    }

    /// An order by it, in words.
    pub(crate) const fn order(self, is_down: bool) -> &'static str {
        match (self, is_down) {
            (Self::Time | Self::Id | Self::Session, true) => "newest first",
            (Self::Time | Self::Id | Self::Session, false) => "oldest first",
            (Self::Client | Self::Server | Self::Method | Self::Target, true) => "z first",
            (Self::Client | Self::Server | Self::Method | Self::Target, false) => "a first",
            (Self::Latency, true) => "slowest first",
            (Self::Latency, false) => "fastest first",
            (Self::Status, true) => "failed first",
            (Self::Status, false) => "failed last",
            (_, true) => "largest first",
            (_, false) => "smallest first",
        }
    }

    /// Its place in the line, for the list of columns.
    fn title(self) -> &'static str {
        match self {
            Self::In => "IN (bytes asked)",
            Self::Out => "OUT (bytes answered)",
            Self::Size => "SIZE (both)",
            Self::Latency => "LATENCY",
            _ => COLUMNS.iter().find(|(c, ..)| *c == self).map_or("", |(_, title, ..)| title),
        }
    }
}

/// What a person may choose of the columns: place, column, name, whether it is shown at this width.
pub(crate) fn choices(cells: usize, chosen: Chosen) -> Vec<(usize, Column, &'static str, bool)> {
    let shown = columns(cells, chosen);
    let all = COLUMNS.iter().enumerate().filter(|(_, (c, ..))| *c != Column::Direction);
    all.map(|(at, (c, ..))| (at, *c, c.title(), shown.iter().any(|(s, ..)| s == c))).collect()
}

/// The columns that fit, with their widths.
fn columns(cells: usize, chosen: Chosen) -> Vec<(Column, &'static str, usize)> {
    let mut cut = 10;
    loop {
        // With bytes of each way there is no need for their sum.
        let split = cut > 7 && chosen.on & (1 << (COLUMNS.len() - 1)) == 0;
        let kept = COLUMNS.iter().enumerate().filter(|(at, (c, .., rank))| {
            let needed = matches!(c, Column::Method | Column::Target);
            let fits = chosen.rank(*at, *rank) < cut && !(split && *c == Column::Size);
            needed || (fits && !chosen.is_off(*at))
        });
        let kept = kept.map(|(_, column)| column);
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

/// The line of headings; the column the list is ordered by is marked.
#[must_use]
pub(crate) fn heading(cells: usize, chosen: Chosen, order: Order, theme: Theme) -> Line<'static> {
    let s = theme.symbols();
    let mut spans = vec![Span::raw(" ")];
    for (c, title, w) in columns(cells, chosen) {
        let arrow = order.filter(|(by, _)| *by == c).map(|(_, down)| if down { s.down } else { s.up });
        let text = arrow.map_or_else(|| title.to_owned(), |arrow| format!("{arrow}{title}"));
        let style = if arrow.is_some() { theme.strong() } else { theme.dim() };
        spans.push(Span::styled(cell(c, &text, w, theme), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
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
pub(crate) fn row(flow: &Flow, cells: usize, chosen: Chosen, look: Look) -> Line<'static> {
    let theme = look.theme;
    let none = String::new;
    let mut spans = vec![Span::raw(" ")];
    let columns = columns(cells, chosen);
    let has_target = flow.target.as_deref().is_some_and(|t| !t.is_empty());
    for (at, &(column, _, w)) in columns.iter().enumerate() {
        // What has no target leaves its place to the method.
        let w = match (column, columns.get(at + 1)) {
            (Column::Target, _) if !has_target => continue,
            (Column::Method, Some((Column::Target, _, more))) if !has_target => w + 1 + more,
            _ => w,
        };
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
    let what = cells.saturating_sub(1 + 12 + 1 + 7 + 1 + 1 + 10 + 1);
    let target = flow.target.as_deref().unwrap_or_default();
    // What has no target leaves its place to the method.
    let (of_method, target) = if target.is_empty() {
        (what, String::new())
    } else {
        let of_method = TWO_LINES_METHOD.min(what);
        (of_method, text::pad(&format!(" {target}"), what - of_method, ellipsis))
    };
    let first = Line::from(vec![
        Span::styled(format!(" {} ", number::time_of_day(flow.at, look.utc_offset, true)), theme.dim()),
        Span::raw(format!("{} ", text::pad(&flow.id.to_string(), 7, ellipsis))),
        Span::raw(text::pad(&method(flow), of_method, ellipsis)),
        Span::styled(target, theme.strong()),
        Span::raw(" "),
        Span::styled(text::pad(&word, 10, ellipsis), theme.tone(tone)),
        Span::raw(" "),
    ]);
    let arrow = match flow.kind {
        FlowKind::Upcall | FlowKind::ServerNotification => theme.symbols().left,
        _ => theme.symbols().right,
    };
    let who = format!("{} {arrow} {}", client(flow), flow.backend.as_deref().unwrap_or("(here)"));
    // Some are of nobody.
    let who = who.trim_start();
    let tail = format!("{:>6} {:>5}", latency(flow, look), size(flow.n_bytes_in.saturating_add(flow.n_bytes_out)));
    let room = cells.saturating_sub(14 + text::width(&tail) + 2);
    let second = Line::from(vec![
        Span::raw(" ".repeat(14)),
        Span::styled(text::pad(who, room, ellipsis), theme.dim()),
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
            for chosen in [Chosen::default(), every(true), every(false)] {
                assert_eq!(heading(cells, chosen, Some((Column::Latency, true)), look.theme).width(), cells);
                for flow in sample::flows() {
                    assert_eq!(row(&flow, cells, chosen, look).width(), cells, "{flow:?}");
                }
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
    fn a_method_without_a_target_takes_its_place() {
        let look = Look { theme: Theme::default(), now: sample::now(), utc_offset: 0 };
        let told = sample::flows().into_iter().find(|f| &*f.method == "notifications/tools/list_changed").unwrap();
        assert_eq!(told.target, None);
        for line in [row(&told, 98, Chosen::default(), look), two_lines(&told, 78, look)[0].clone()] {
            assert!(line.to_string().contains("notify tools/list_changed"), "{line}");
        }
    }

    #[test]
    fn more_room_shows_more_columns() {
        let n = |cells| columns(cells, Chosen::default()).len();
        assert!(n(98) < n(118) && n(118) <= n(198), "{} {} {}", n(98), n(118), n(198));
        assert_eq!(n(198), COLUMNS.len() - 1);
    }

    /// All columns off, or all asked for.
    fn every(is_off: bool) -> Chosen {
        let mut chosen = Chosen::default();
        choices(80, chosen).into_iter().for_each(|(at, ..)| chosen.turn(at, is_off));
        chosen
    }

    #[test]
    fn a_column_is_hidden_or_asked_for() {
        let shown = |cells, chosen: Chosen| {
            let all = choices(cells, chosen).into_iter().filter(|(.., shown)| *shown);
            all.map(|(.., title, _)| title).collect::<Vec<_>>()
        };
        assert_eq!(shown(120, every(true)), ["METHOD", "TARGET"]);
        let mut chosen = Chosen::default();
        assert!(!shown(110, chosen).contains(&"SESS"));
        let (at, ..) = choices(110, chosen).into_iter().find(|(.., t, _)| *t == "SESS").expect("a column");
        chosen.turn(at, false);
        assert!(shown(110, chosen).contains(&"SESS"));
        chosen.turn(at, true);
        assert!(!shown(198, chosen).contains(&"SESS"));
        let (on, off) = chosen.names();
        assert_eq!(Chosen::named(on.into_iter(), off.into_iter().chain(["no column"])), chosen);
    }
}
