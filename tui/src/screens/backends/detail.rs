//! All about one server: what it is, why it failed, and what the chosen tab tells.

use mcp_proxy_core::control::{BackendState, BackendView};
use ratatui::text::{Line, Span};

use super::state::Tab;
use super::{health, log, setup, tools, view};
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::facts::{heading, in_a_row, named};
use crate::widgets::number;

/// Stderr lines of a failure that are shown.
const STDERR_LINES: usize = 8;
/// Lines of the reason of a failure before what to do.
const WHY_LINES: usize = 2;

/// All about one server, as lines of `cells`.
#[must_use]
pub(crate) fn lines(model: &Model, b: &BackendView, cells: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let tab = model.backends.tab;
    if tab == Tab::Log {
        log::lines(model, b, cells, &mut out);
        return out;
    }
    facts(model, b, cells, &mut out);
    match tab {
        Tab::Health => {
            failure(model, b, cells, &mut out);
            health::lines(model, b, cells, &mut out);
        }
        Tab::Tools => tools::lines(model, b, cells, &mut out),
        Tab::Setup => setup::lines(model, b, cells, &mut out),
        Tab::Log => {}
    }
    out
}

/// What it is and does, in a few lines.
fn facts(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let s = theme.symbols();
    let (word, tone) = view::state(b, model);
    let age = number::age(number::since(model.now, b.since));
    let since = if matches!(b.state, BackendState::Backoff { .. }) { String::new() } else { format!(" for {age}") };
    let first = vec![Span::raw(" "), Span::styled(word, theme.tone(tone)), Span::raw(since)];
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
    out.extend(in_a_row(first, &more, cells, theme));
    out.extend(named("runs", &b.target, cells, theme));
    let mut served = format!("{}, {} failed", number::plural(b.n_calls, "call"), number::count(b.n_errors));
    if b.n_open > 0 {
        served.push_str(&format!(", {} to clients open", number::plural(b.n_open, "question")));
    }
    if b.n_parked > 0 {
        served.push_str(&format!(", {} parked until clients come again", number::plural(b.n_parked, "call")));
    }
    out.extend(named("served", &served, cells, theme));
}

/// The card of the last failure.
fn failure(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let Some(f) = &b.failure else { return };
    let theme = model.theme;
    let s = theme.symbols();
    let at = number::time_of_day(f.at, model.utc_offset, false);
    heading(out, &format!("{} failed at {at}, phase {}", s.bad, f.phase), theme.tone(Tone::Bad));
    let mut why = named("why", &f.message, cells, theme);
    // What to do stands where it is seen: the end of a long reason comes after all else.
    let is_long = why.len() > WHY_LINES;
    why.truncate(WHY_LINES);
    out.extend(why);
    let hint =
        f.hint.as_deref().unwrap_or("read its last words, try its command in a shell; e: its entry, r: start it again");
    out.extend(named("do", hint, cells, theme));
    if let Some(resolved) = &f.resolved {
        out.extend(named("ran", resolved, cells, theme));
    }
    // What was not even found has not ended.
    if f.exit.is_some() || f.resolved.is_some() {
        let end = f.exit.map_or_else(String::new, |e| format!("{e}, "));
        out.extend(named("ended", &format!("{end}{} after its start", number::latency(f.after)), cells, theme));
    }
    let skipped = f.stderr.len().saturating_sub(STDERR_LINES);
    for (i, line) in f.stderr.iter().skip(skipped).enumerate() {
        out.extend(named(if i == 0 { "stderr" } else { "" }, line, cells, theme));
    }
    if is_long {
        out.extend(named("in full", &f.message, cells, theme));
    }
}
