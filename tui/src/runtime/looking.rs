//! Reads what the model asks for through the handle. Each read copies a screenful at most.

use mcp_proxy_core::control::ProxyHandle;
use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::CallId;

use crate::app::effect::SCAN_ROWS;
use crate::app::msg::{Msg, Seen};

/// Rows after a flow that are looked through for what belongs to it.
const CHILD_ROWS: usize = 256;
/// Log lines read at once.
const LOG_LINES: usize = 256;
/// Times that, in one look.
const LOG_WINDOWS: usize = 8;

/// Everything small, and what changed in the journal after `since`.
pub(super) fn seen(handle: &ProxyHandle, since: u64) -> Msg {
    let (changed, version) = handle.flows_changed(since);
    let window = handle.flows(CallId(0), 0);
    Msg::Seen(Box::new(Seen {
        snapshot: handle.snapshot(),
        first: window.first.0,
        next: window.next.0,
        version,
        changed,
        catalog: handle.catalog(),
        n_readings: handle.n_readings(),
    }))
}

/// The next rows for a filter.
pub(super) fn scan(handle: &ProxyHandle, from: u64, generation: u64) -> Msg {
    let window = handle.flows(CallId(from), SCAN_ROWS);
    let full = window.rows.len() >= SCAN_ROWS;
    let upto = match window.rows.last() {
        Some(last) if full => last.id.0 + 1,
        _ => window.next.0,
    };
    Msg::Scanned { generation, upto, rows: window.rows }
}

/// These rows, those that still exist.
pub(super) fn rows(handle: &ProxyHandle, ids: &[CallId]) -> Vec<Flow> {
    let mut out = Vec::with_capacity(ids.len());
    let mut rest = ids;
    while let Some(first) = rest.first() {
        let n = rest.iter().zip(first.0..).take_while(|(id, expected)| id.0 == *expected).count();
        out.extend(handle.flows(*first, n).rows.into_iter().take_while(|r| r.id.0 < first.0 + n as u64));
        rest = &rest[n..];
    }
    out
}

/// A flow with its frames, and what belongs to it.
pub(super) fn flow(handle: &ProxyHandle, id: CallId) -> Msg {
    let found = handle.flow(id).map(|flow| {
        let after = handle.flows(CallId(id.0 + 1), CHILD_ROWS).rows;
        let children = after.iter().filter(|f| f.parent == Some(id)).map(|f| f.id).collect();
        Box::new((flow, children))
    });
    Msg::Flow(id, found)
}

/// New log lines into the ring, from `from` on. Returns where to go on, whether a flood has left some unread, and the
/// message if there were any.
pub(super) fn logs(handle: &ProxyHandle, from: u64) -> (u64, bool, Option<Msg>) {
    let (mut at, mut n_dropped, mut any) = (from, 0, false);
    let mut unread = true;
    for _ in 0..LOG_WINDOWS {
        let window = handle.logs(at, LOG_LINES);
        super::logging::push(&window.lines);
        super::logging::settle();
        at = window.next;
        n_dropped += window.n_dropped;
        any |= !window.lines.is_empty();
        unread = window.lines.len() >= LOG_LINES;
        if !unread {
            break;
        }
    }
    (at, unread, (any || n_dropped > 0).then_some(Msg::Logs { n_dropped }))
}
