//! All about one server: what it is, why it failed, what was set aside, how fast its tools are, what happened.

use mcp_proxy_core::control::{BackendState, BackendView, Latency, NoticeLevel};
use ratatui::text::{Line, Span};

use super::view;
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::facts::{heading, named};
use crate::widgets::{number, text};

/// Stderr lines of a failure that are shown.
const STDERR_LINES: usize = 8;
/// Notices shown.
const NOTICES: usize = 8;

/// All about one server, as lines of `cells`.
#[must_use]
pub(crate) fn lines(model: &Model, b: &BackendView, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let mut out = Vec::new();
    let (word, tone) = view::state(b, model);
    let age = number::age(number::since(model.now, b.since));
    let since = if matches!(b.state, BackendState::Backoff { .. }) { String::new() } else { format!(" for {age}") };
    let mut facts = vec![Span::raw(" "), Span::styled(word, theme.tone(tone)), Span::raw(since)];
    let mut more = Vec::new();
    more.extend(b.pid.map(|pid| format!("pid {pid}")));
    more.extend(b.revision.map(|r| format!("MCP {}", r.date())));
    more.extend(b.server_info.clone());
    if b.n_instances > 1 {
        more.push(format!("{} instances", b.n_instances));
    }
    if b.n_restarts > 0 {
        more.push(format!("restarted {}{}", b.n_restarts, s.times));
    }
    for fact in more {
        facts.push(Span::styled(format!(" {} ", s.dot), theme.dim()));
        facts.push(Span::raw(text::clean(&fact).into_owned()));
    }
    out.push(Line::from(facts));
    out.extend(named("runs", &b.target, cells, theme));
    if !b.prefix.is_empty() {
        out.extend(named("prefix", &b.prefix, cells, theme));
    }
    let offers = format!(
        "{}, {}, {}",
        number::plural(b.n_tools as u64, "tool"),
        number::plural(b.n_resources as u64, "resource"),
        number::plural(b.n_prompts as u64, "prompt"),
    );
    out.extend(named("offers", &offers, cells, theme));
    let mut served = format!(
        "{}, {} failed, {} in flight",
        number::plural(b.n_calls, "call"),
        number::count(b.n_errors),
        b.n_in_flight
    );
    if b.n_open > 0 {
        served.push_str(&format!(", {} to clients open", number::plural(b.n_open, "question")));
    }
    out.extend(named("served", &served, cells, theme));
    failure(model, b, cells, &mut out);
    quarantined(b, cells, theme, &mut out);
    latencies(b, cells, theme, &mut out);
    notices(model, b, cells, &mut out);
    out
}

/// The card of the last failure.
fn failure(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let Some(f) = &b.failure else { return };
    let theme = model.theme;
    let s = theme.symbols();
    let at = number::time_of_day(f.at, model.utc_offset, false);
    heading(out, &format!("{} failed at {at}, phase {}", s.bad, f.phase), theme.tone(Tone::Bad));
    out.extend(named("why", &f.message, cells, theme));
    if let Some(resolved) = &f.resolved {
        out.extend(named("ran", resolved, cells, theme));
    }
    // What was not even found has not ended.
    if f.exit.is_some() || f.resolved.is_some() {
        let end = f.exit.map_or_else(String::new, |e| format!("{e}, "));
        out.extend(named("ended", &format!("{end}{} after its start", number::latency(f.after)), cells, theme));
    }
    if let Some(hint) = &f.hint {
        out.extend(named("do", hint, cells, theme));
    }
    let skipped = f.stderr.len().saturating_sub(STDERR_LINES);
    for (i, line) in f.stderr.iter().skip(skipped).enumerate() {
        out.extend(named(if i == 0 { "stderr" } else { "" }, line, cells, theme));
    }
}

fn quarantined(b: &BackendView, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    if b.quarantined.is_empty() {
        return;
    }
    let title = format!("{} set aside or repaired", number::plural(b.quarantined.len() as u64, "item"));
    heading(out, &format!("{} {title}", theme.symbols().warn), theme.tone(Tone::Warn));
    for item in &b.quarantined {
        out.extend(text::wrap(item, cells.saturating_sub(3), 3).into_iter().map(|l| Line::raw(format!("   {l}"))));
    }
}

fn latencies(b: &BackendView, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    if b.tools.is_empty() {
        return;
    }
    let name = cells.saturating_sub(2 + 4 * 8).clamp(8, 40);
    let line = |tool: &str, l: [String; 4]| {
        let mut text = format!(" {}", text::pad(tool, name, theme.symbols().ellipsis));
        for value in l {
            text.push_str(&text::pad_left(&value, 8, ""));
        }
        text
    };
    let titles = ["CALLS", "P50", "P95", "P99"].map(str::to_owned);
    out.push(Line::default());
    out.push(Line::styled(line("latency by tool", titles), theme.dim()));
    for t in &b.tools {
        let Latency { n, p50, p95, p99, .. } = t.latency;
        let values = [number::count(n), number::latency(p50), number::latency(p95), number::latency(p99)];
        out.push(Line::raw(line(&t.tool, values)));
    }
}

fn notices(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let all = model.snapshot.iter().flat_map(|s| s.notices.iter().rev());
    let own: Vec<_> = all.filter(|n| n.backend.as_ref() == Some(&b.name)).take(NOTICES).collect();
    if own.is_empty() {
        return;
    }
    heading(out, "recent events", theme.dim());
    for notice in own {
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
}

fn notice_mark(level: NoticeLevel, theme: Theme) -> (&'static str, Tone) {
    let s = theme.symbols();
    match level {
        NoticeLevel::Info => (s.dot, Tone::Quiet),
        NoticeLevel::Warning => (s.warn, Tone::Warn),
        NoticeLevel::Error => (s.bad, Tone::Bad),
    }
}
