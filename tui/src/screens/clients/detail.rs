//! All about one client: who it is, what it can do, what it does at the moment, what waits for it.

use mcp_proxy_core::control::ClientView;
use ratatui::text::{Line, Span};

use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::facts::{heading, named};
use crate::widgets::{number, text};

/// All about one client, as lines of `cells`.
#[must_use]
pub(crate) fn lines(model: &Model, c: &ClientView, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let mut out = Vec::new();
    let since = number::time_of_day(c.since, model.utc_offset, false);
    let age = number::age(number::since(model.now, c.since));
    let mut facts = vec![Span::raw(" "), Span::styled(format!("{} connected", s.full), theme.tone(Tone::Good))];
    facts.push(Span::raw(format!(" for {age}, since {since}")));
    for fact in [c.id.to_string(), format!("by {}", c.via)] {
        facts.push(Span::styled(format!(" {} ", s.dot), theme.dim()));
        facts.push(Span::raw(text::clean(&fact).into_owned()));
    }
    out.push(Line::from(facts));
    let revision = c.revision.map_or_else(
        || "not known yet: it has not opened the talk".to_owned(),
        |r| match r.era() {
            mcp_proxy_core::protocol::Era::Legacy => format!("MCP {} (a session, opened by `initialize`)", r.date()),
            mcp_proxy_core::protocol::Era::Modern => format!("MCP {} (each request stands alone)", r.date()),
        },
    );
    out.extend(named("speaks", &revision, cells, theme));
    out.extend(named("as", &c.principal, cells, theme));
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
    let moved = format!("{} from it, {} to it", number::bytes(c.n_bytes_in), number::bytes(c.n_bytes_out));
    out.extend(named("bytes", &moved, cells, theme));
    if c.n_open > 0 {
        let asked = number::plural(c.n_open, "question");
        heading(&mut out, &format!("{} {asked} of servers wait for this client", s.warn), theme.tone(Tone::Warn));
        out.push(Line::styled("   Enter shows its calls; a question hangs below its call as s-…", theme.dim()));
    }
    out
}
