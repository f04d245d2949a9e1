//! All about one client: who it is, what it can do, what it does at the moment, what waits for it, which instances it has.

use mcp_proxy_core::control::ClientView;
use mcp_proxy_core::observe::{Flow, FlowKind};
use mcp_proxy_core::protocol::Era;
use ratatui::text::{Line, Span};

use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::screens::backends;
use crate::widgets::facts::{heading, in_a_row, named};
use crate::widgets::{number, text};

/// Calls and questions shown, of each.
const N_SHOWN: usize = 12;

/// All about one client, as lines of `cells`.
#[must_use]
pub(crate) fn lines(model: &Model, c: &ClientView, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let mut out = Vec::new();
    let since = number::time_of_day(c.since, model.utc_offset, false);
    let age = number::age(number::since(model.now, c.since));
    let word = format!("{} connected", s.full);
    let first = vec![
        Span::raw(" "),
        Span::styled(word.trim_start().to_owned(), theme.tone(Tone::Good)),
        Span::raw(format!(" for {age}, since {since}")),
    ];
    out.extend(in_a_row(first, &[c.id.to_string(), format!("by {}", c.via)], cells, theme));
    let revision = c.revision.map_or_else(
        || "not known yet: it has not opened the talk".to_owned(),
        |r| match r.era() {
            Era::Legacy => format!("MCP {} (legacy era: a session, opened by `initialize`)", r.date()),
            Era::Modern => format!("MCP {} (modern era: each request stands alone)", r.date()),
        },
    );
    out.extend(named("speaks", &revision, cells, theme));
    out.extend(named("as", &principal(&c.principal), cells, theme));
    let can =
        if c.capabilities.is_empty() { "nothing: it cannot be asked".to_owned() } else { c.capabilities.join(", ") };
    out.extend(named("can", &can, cells, theme));
    let did = format!(
        "{}, {} failed, {} in flight",
        number::plural(c.n_calls, "request"),
        number::count(c.n_errors),
        c.n_in_flight
    );
    out.extend(named("did", &did, cells, theme));
    let moved = format!("{} from it, {} to it", number::size(c.n_bytes_in), number::size(c.n_bytes_out));
    out.extend(named("bytes", &moved, cells, theme));
    if c.n_parked > 0 {
        let parked = format!("{} until it comes again with what it was asked", number::plural(c.n_parked, "call"));
        out.extend(named("parked", &parked, cells, theme));
    }
    questions(model, c, cells, &mut out);
    in_flight(model, c, cells, &mut out);
    instances(model, c, cells, &mut out);
    out
}

/// On whose behalf it speaks, for people.
fn principal(name: &str) -> String {
    match name {
        "own" => "our own user: it started us, or lives in our process".to_owned(),
        "anonymous" => "anybody: it showed no token".to_owned(),
        _ => name.to_owned(),
    }
}

/// What has not ended of one kind, for this client.
fn open<'a>(model: &'a Model, c: &ClientView, kind: FlowKind) -> impl Iterator<Item = &'a Flow> {
    let id = c.id;
    model.open.iter().filter(move |f| f.session == Some(id) && f.kind == kind)
}

/// Questions of servers that wait for it.
fn questions(model: &Model, c: &ClientView, cells: usize, out: &mut Vec<Line<'static>>) {
    if c.n_open == 0 {
        return;
    }
    let (theme, s) = (model.theme, model.theme.symbols());
    let n = number::plural(c.n_open, "question");
    let wait = if c.n_open == 1 { "waits" } else { "wait" };
    heading(out, &format!("{} {n} of servers {wait} for this client", s.warn), theme.tone(Tone::Warn));
    for flow in open(model, c, FlowKind::Upcall).take(N_SHOWN) {
        let parent = flow.parent.map_or_else(String::new, |p| format!("in {p}"));
        out.push(row(model, flow, &parent, cells));
    }
    out.push(Line::styled("   Enter shows its calls; a question stands below its call", theme.dim()));
}

fn in_flight(model: &Model, c: &ClientView, cells: usize, out: &mut Vec<Line<'static>>) {
    let mut calls = open(model, c, FlowKind::Call).take(N_SHOWN).peekable();
    if calls.peek().is_none() {
        return;
    }
    heading(out, "in flight", model.theme.dim());
    for flow in calls {
        let end = match (flow.n_open, flow.n_progress) {
            (0, 0) => String::new(),
            (0, n) => number::plural(u64::from(n), "update"),
            (n, _) => format!("{} open", number::plural(u64::from(n), "question")),
        };
        out.push(row(model, flow, &end, cells));
    }
}

fn row(model: &Model, flow: &Flow, end: &str, cells: usize) -> Line<'static> {
    let (theme, ellipsis) = (model.theme, model.theme.symbols().ellipsis);
    let what = match &flow.target {
        Some(target) => format!("{} {target}", flow.method),
        None => flow.method.to_string(),
    };
    let backend = flow.backend.as_deref().unwrap_or_default();
    let age = number::span(number::since(model.now, flow.at));
    let room = cells.saturating_sub(3 + 8 + 14 + 8 + 20).max(12);
    Line::from(vec![
        Span::raw(format!("   {} ", text::pad(&flow.id.to_string(), 7, ""))),
        Span::raw(text::pad(&what, room, ellipsis)),
        Span::styled(format!(" {}", text::pad(backend, 12, ellipsis)), theme.dim()),
        Span::raw(format!(" {} ", text::pad_left(&age, 6, ""))),
        Span::raw(end.to_owned()),
    ])
}

/// Instances of servers that are its own, or whose turn is its.
fn instances(model: &Model, c: &ClientView, cells: usize, out: &mut Vec<Line<'static>>) {
    let Some((_, all)) = model.clients.instances.as_ref().filter(|(id, all)| *id == c.id && !all.is_empty()) else {
        return;
    };
    heading(out, "instances of servers it has to itself, or leases", model.theme.dim());
    for instance in all {
        let line = backends::setup::line(model, instance);
        let name = text::pad(&instance.backend, 12, model.theme.symbols().ellipsis);
        let mut whole = format!("   {name}{line}");
        // Rather out of line than cut off.
        if text::width(&whole) > cells {
            let facts: Vec<&str> = whole.split("  ").map(str::trim).filter(|f| !f.is_empty()).collect();
            whole = format!("   {}", facts.join("  "));
        }
        out.push(Line::raw(text::fit(&whole, cells, model.theme.symbols().ellipsis)));
    }
}
