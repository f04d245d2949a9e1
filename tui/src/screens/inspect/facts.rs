//! What is known of a flow besides its frames, as lines.

use mcp_proxy_core::observe::FlowKind;
use ratatui::text::{Line, Span};

use super::detail::Detail;
use crate::app::model::Model;
use crate::widgets::{number, text};

/// Lines there may be.
pub(crate) const N_LINES: usize = 24;
/// Cells of a name.
const NAME: usize = 15;

/// The lines.
pub(crate) fn lines(model: &Model, detail: &Detail, cells: usize) -> Vec<Line<'static>> {
    let (flow, theme) = (&detail.flow, model.theme);
    let s = theme.symbols();
    let mut out = Vec::new();
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            let value = text::fit(&value, cells.saturating_sub(NAME + 2), s.ellipsis);
            let name = text::pad(name, NAME, "");
            out.push(Line::from(vec![Span::styled(format!(" {name} "), theme.dim()), Span::raw(value)]));
        }
    };
    let client = model.sessions().iter().find(|c| Some(c.id) == flow.session);
    let server = model.servers().iter().find(|b| Some(&b.name) == flow.backend.as_ref());
    let kind = match flow.kind {
        FlowKind::Call => "a client's request",
        FlowKind::Upcall => "a server's question to a client",
        FlowKind::ClientNotification => "a client's notification",
        FlowKind::ServerNotification => "a server's notification",
        FlowKind::Own => "a request of the proxy itself",
    };
    fact("what", kind.to_owned());
    fact("method", flow.method.to_string());
    fact("target", flow.target.as_deref().unwrap_or_default().to_owned());
    fact("began", number::time_of_day(flow.at, model.utc_offset, true));
    fact("client", flow.client.to_string());
    fact("session", flow.session.map_or_else(String::new, |s| s.to_string()));
    if let Some(client) = client {
        fact("came by", client.via.to_owned());
        fact("on behalf of", client.principal.to_string());
        fact("client's MCP", client.revision.map_or_else(String::new, |r| r.date().to_owned()));
    }
    fact("server", flow.backend.as_deref().unwrap_or("none: answered here").to_owned());
    if let Some(server) = server {
        fact("reached by", format!("{} {}", server.kind, server.target));
        fact("server's MCP", server.revision.map_or_else(String::new, |r| r.date().to_owned()));
    }
    fact("server's id", flow.wire_id.map_or_else(String::new, |n| n.to_string()));
    fact("bytes asked", number::count(u64::from(flow.n_bytes_in)));
    fact("bytes answered", number::count(u64::from(flow.n_bytes_out)));
    for (name, part) in [
        ("in the proxy", flow.timing.proxy),
        ("in the queue", flow.timing.queue),
        ("at the server", flow.timing.server),
        ("at the client", flow.timing.client),
        ("held", flow.timing.held),
        ("being written", flow.timing.send),
    ] {
        if !part.is_zero() {
            fact(name, number::latency(part));
        }
    }
    if flow.n_progress > 0 {
        fact("progress", number::plural(u64::from(flow.n_progress), "report"));
    }
    out.truncate(N_LINES);
    out
}
