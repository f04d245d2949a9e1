//! How a server is: up or down in the last hour, how long its answers took, what happened, what is in flight.

use std::time::Duration;

use mcp_proxy_core::control::{BackendView, HealthSlice, NoticeLevel, ServerDetail};
use mcp_proxy_core::observe::{Flow, FlowKind};
use ratatui::text::{Line, Span};

use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::columns::beside;
use crate::widgets::{number, text};

/// From this width on histogram and events stand beside each other.
const BESIDE: usize = 84;
/// Rows of the histogram at most.
const ROWS: usize = 8;
/// Notices shown.
const NOTICES: usize = 8;
/// Calls in flight shown.
const IN_FLIGHT: usize = 12;
/// Cells of the bar of a call in flight.
const BAR: usize = 12;

/// All of it, as lines of `cells`.
pub(super) fn lines(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let seen = model.backends.seen.as_ref().filter(|d| d.name == b.name);
    if let Some(seen) = seen {
        out.push(Line::default());
        out.push(past(b, seen, cells, model));
    }
    out.push(Line::default());
    let width = if cells >= BESIDE { cells * 9 / 20 } else { cells };
    let histogram = seen.map(|d| histogram(d, width, theme)).unwrap_or_default();
    let rest = if cells >= BESIDE { cells - width - 2 } else { cells };
    let events = events(model, b, rest);
    if cells >= BESIDE {
        let rule = if theme.ascii { "| " } else { "│ " };
        out.extend(beside(histogram, events, width, rule, theme.dim()));
    } else {
        out.extend(histogram);
        out.push(Line::default());
        out.extend(events);
    }
    if let Some(seen) = seen {
        in_flight(model, b, seen, cells, out);
    }
}

/// The last hour as a bar, a minute a cell, and the share of it that the server was up.
fn past(b: &BackendView, seen: &ServerDetail, cells: usize, model: &Model) -> Line<'static> {
    let theme = model.theme;
    let s = theme.symbols();
    let sum = |of: fn(&HealthSlice) -> Duration| seen.slices.iter().map(of).sum::<Duration>();
    let (up, down) = (sum(|p| p.up), sum(|p| p.down));
    // Who was never down has started as it was told to: that counts for nothing.
    let starting = if down.is_zero() && !up.is_zero() { Duration::ZERO } else { sum(|p| p.starting) };
    let all = up + down + starting;
    let share = if all.is_zero() {
        "not wanted yet".to_owned()
    } else {
        format!("{} up", number::percent_fine(up.as_millis(), all.as_millis()))
    };
    let ping = b.pinged.as_ref().map_or_else(String::new, |p| match p.took {
        Some(took) => format!("   ping {}", number::latency(took)),
        None => format!("   {} no answer to a ping", s.bad),
    });
    let mut spans = vec![Span::styled(" health 60 min  ", theme.dim())];
    let room = cells.saturating_sub(16 + share.len() + text::width(&ping) + 3).max(10);
    let per_cell = seen.slices.len().div_ceil(room).max(1);
    // Cells mean nothing to who hears them: the share says it.
    for chunk in seen.slices.chunks(per_cell).filter(|_| !theme.accessible) {
        let of = |of: fn(&HealthSlice) -> Duration| chunk.iter().map(of).sum::<Duration>();
        let (up, down, starting) = (of(|p| p.up), of(|p| p.down), of(|p| p.starting));
        let (symbol, tone) = match (up.is_zero(), down.is_zero(), starting.is_zero()) {
            (false, true, _) => (s.bar, Tone::Good),
            (false, false, _) => (s.shade, Tone::Warn),
            (true, false, _) => (s.bad, Tone::Bad),
            (true, true, false) => (s.half, Tone::Busy),
            (true, true, true) => (s.dot, Tone::Quiet),
        };
        spans.push(Span::styled(symbol, theme.tone(tone)));
    }
    spans.push(Span::raw(format!("  {share}")));
    spans.push(Span::raw(ping));
    Line::from(spans)
}

/// Upper bounds with how many calls took no longer, rows without any at both ends left out, neighbours put together until
/// there are few enough.
fn rows((within, longer): &(Vec<(Duration, u64)>, u64)) -> Vec<(String, u64)> {
    let last = within.last().map_or(Duration::ZERO, |(bound, _)| *bound);
    let mut rows: Vec<(Option<Duration>, u64)> = within.iter().map(|(bound, n)| (Some(*bound), *n)).collect();
    rows.push((None, *longer));
    let first = rows.iter().position(|(_, n)| *n > 0).unwrap_or(0);
    let end = rows.iter().rposition(|(_, n)| *n > 0).map_or(0, |at| at + 1);
    let mut rows = rows.get(first..end).unwrap_or_default().to_vec();
    while rows.len() > ROWS {
        // The two that have least together.
        let at = (0..rows.len() - 1).min_by_key(|i| rows[*i].1 + rows[i + 1].1).unwrap_or(0);
        let n = rows.remove(at).1;
        rows[at].1 += n;
    }
    let label = |bound: Option<Duration>| {
        let round = |d: Duration| match d.as_micros() {
            us @ 0..=999 => format!("{us}us"),
            us @ 1_000..=999_999 if us % 1000 == 0 => format!("{}ms", us / 1_000),
            us @ 1_000..=999_999 => format!("{}.{}ms", us / 1_000, us % 1_000 / 100),
            us if us % 1_000_000 == 0 => format!("{}s", us / 1_000_000),
            us => format!("{}.{}s", us / 1_000_000, us % 1_000_000 / 100_000),
        };
        bound.map_or_else(|| format!(">{}", round(last)), |b| format!("<{}", round(b)))
    };
    rows.into_iter().map(|(bound, n)| (label(bound), n)).collect()
}

fn histogram(seen: &ServerDetail, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let rows = rows(&seen.latency);
    let n: u64 = rows.iter().map(|(_, n)| n).sum();
    let mut out = vec![Line::styled(format!(" latency, {}", number::plural(n, "answer")), theme.dim())];
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let room = cells.saturating_sub(9 + 9 + 2);
    for (label, n) in rows {
        let filled = usize::try_from(n.saturating_mul(room as u64).div_ceil(most.max(1))).unwrap_or(room).min(room);
        out.push(Line::from(vec![
            Span::raw(text::pad_left(&label, 8, "")),
            Span::raw(" "),
            Span::styled(theme.symbols().bar.repeat(filled), theme.tone(Tone::Busy)),
            // Nobody hears how long a bar is.
            Span::raw(if theme.accessible { String::new() } else { " ".repeat(room - filled) }),
            Span::raw(text::pad_left(&number::count(n), 9, "")),
        ]));
    }
    if n == 0 {
        out.push(Line::styled("   nothing was answered yet", theme.dim()));
    }
    out
}

fn events(model: &Model, b: &BackendView, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut out = vec![Line::styled(" events", theme.dim())];
    let all = model.snapshot.iter().flat_map(|s| s.notices.iter().rev());
    for notice in all.filter(|n| n.backend.as_ref() == Some(&b.name)).take(NOTICES) {
        let (symbol, tone) = notice_mark(notice.level, theme);
        let at = number::time_of_day(notice.at, model.utc_offset, false);
        for (i, piece) in text::wrap(&notice.text, cells.saturating_sub(13), 3).into_iter().enumerate() {
            let head = if i == 0 { format!(" {at} ") } else { " ".repeat(10) };
            let mark = if i == 0 { symbol } else { " " };
            out.push(Line::from(vec![
                Span::styled(head, theme.dim()),
                Span::styled(format!("{mark} "), theme.tone(tone)),
                Span::raw(piece),
            ]));
        }
    }
    if out.len() == 1 {
        out.push(Line::styled("   nothing has happened to it yet", theme.dim()));
    }
    out
}

pub(super) fn notice_mark(level: NoticeLevel, theme: Theme) -> (&'static str, Tone) {
    let s = theme.symbols();
    match level {
        NoticeLevel::Info => (s.dot, Tone::Quiet),
        NoticeLevel::Warning => (s.warn, Tone::Warn),
        NoticeLevel::Error => (s.bad, Tone::Bad),
    }
}

/// Calls that have not ended, with how much of their time is used up.
fn in_flight(model: &Model, b: &BackendView, seen: &ServerDetail, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let own: Vec<&Flow> = model
        .open
        .iter()
        .filter(|f| f.backend.as_ref() == Some(&b.name) && matches!(f.kind, FlowKind::Call | FlowKind::Upcall))
        .collect();
    out.push(Line::default());
    let limits = format!(
        " in flight {} of {}   a call is given up after {} without a word, {} in all",
        own.len(),
        seen.max_concurrent,
        number::age(seen.timeout),
        number::age(seen.max_timeout)
    );
    out.push(Line::styled(text::fit(&limits, cells, theme.symbols().ellipsis), theme.dim()));
    for flow in own.iter().take(IN_FLIGHT) {
        out.push(open_call(model, flow, seen, cells));
    }
    if own.len() > IN_FLIGHT {
        out.push(Line::styled(format!("   and {} more", own.len() - IN_FLIGHT), theme.dim()));
    }
}

fn open_call(model: &Model, flow: &Flow, seen: &ServerDetail, cells: usize) -> Line<'static> {
    let theme = model.theme;
    let s = theme.symbols();
    let age = number::since(model.now, flow.at);
    // Progress begins the silence anew; how long it has lasted since is not told, so the whole time is what counts then.
    let limit = if flow.n_progress > 0 { seen.max_timeout } else { seen.timeout };
    let filled = usize::try_from(age.as_millis() * BAR as u128 / limit.as_millis().max(1)).unwrap_or(BAR).min(BAR);
    let waits = flow.n_open > 0 || flow.kind == FlowKind::Upcall;
    let end = match (waits, flow.n_progress) {
        (true, _) => format!("{} waits for the client", s.left),
        (_, 0) => format!("of {}", number::age(limit)),
        (_, n) => format!("{} {}", s.left, number::plural(u64::from(n), "update")),
    };
    let id = text::pad(&flow.id.to_string(), 7, "");
    let took = text::pad_left(&number::span(age), 6, "");
    let what = match &flow.target {
        Some(target) => format!("{} {target}", flow.method),
        None => flow.method.to_string(),
    };
    let client = text::pad(&flow.client, 14, s.ellipsis);
    // The longest end: who waits for a client.
    let fixed = 3 + 7 + 1 + 15 + 7 + BAR + 2 + 22;
    let room = cells.saturating_sub(fixed).max(12);
    let tone = if waits || filled * 4 >= BAR * 3 { Tone::Warn } else { Tone::Busy };
    Line::from(vec![
        Span::raw(format!("   {id} ")),
        Span::raw(text::pad(&what, room, s.ellipsis)),
        Span::raw(" "),
        Span::styled(client, theme.dim()),
        Span::raw(format!(" {took} ")),
        Span::styled(s.bar.repeat(filled.max(1)), theme.tone(tone)),
        Span::styled(if theme.accessible { String::new() } else { s.dot.repeat(BAR - filled.max(1)) }, theme.dim()),
        Span::raw(format!(" {end}")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: &[(u64, u64)], longer: u64, want: &[(&str, u64)]) {
        let within = counts.iter().map(|(us, n)| (Duration::from_micros(*us), *n)).collect();
        let found = rows(&(within, longer));
        let found: Vec<(&str, u64)> = found.iter().map(|(l, n)| (l.as_str(), *n)).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn the_histogram_has_few_rows_and_loses_no_call() {
        check(&[(50, 0), (2_500, 0)], 0, &[]);
        check(&[(50, 0), (100, 3), (2_500, 0), (5_000, 1)], 0, &[("<100us", 3), ("<2.5ms", 0), ("<5ms", 1)]);
        check(&[(1_000_000, 0)], 2, &[(">1s", 2)]);
        let many: Vec<(u64, u64)> = (1..=19).map(|i| (i * 1_000, i)).collect();
        let within = many.iter().map(|(us, n)| (Duration::from_micros(*us), *n)).collect();
        let found = rows(&(within, 7));
        assert_eq!(found.len(), ROWS);
        assert_eq!(found.iter().map(|(_, n)| n).sum::<u64>(), 190 + 7);
    }
}
