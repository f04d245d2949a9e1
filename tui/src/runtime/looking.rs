//! Reads what the model asks for through the handle. Each read copies a screenful at most.

use bytes::Bytes;
use mcp_proxy_core::control::{Leg, ProxyHandle};
use mcp_proxy_core::observe::filter::failed;
use mcp_proxy_core::observe::{Flow, FlowKind, Frames, Status};
use mcp_proxy_core::protocol::{CallId, Field, Message};

use crate::app::effect::SCAN_ROWS;
use crate::app::msg::{Msg, Relations, Seen};
use crate::recording::Recording;

/// Rows before and after a flow that are looked through for what belongs to it.
const NEAR_ROWS: usize = 256;
/// Rows a scan reads at once that looks into their frames.
const SCAN_FRAMES: usize = 64;
/// Log lines read at once.
const LOG_LINES: usize = 256;
/// Times that, in one look.
const LOG_WINDOWS: usize = 8;

/// Everything small, and what changed in the journal after `since`; the rows are those of the recording, if one is shown.
pub(super) fn seen(handle: &ProxyHandle, recording: Option<&Recording>, since: u64) -> Msg {
    let (first, next, version, changed) = match recording {
        // It does not change; after the first look nothing is new.
        Some(recording) => {
            let (first, next) = recording.ends();
            (first, next, 1, (since > 0).then(Vec::new))
        }
        None => {
            let (changed, version) = handle.flows_changed(since);
            let window = handle.flows(CallId(0), 0);
            (window.first.0, window.next.0, version, changed)
        }
    };
    Msg::Seen(Box::new(Seen {
        snapshot: handle.snapshot(),
        first,
        next,
        version,
        changed,
        catalog: handle.catalog(),
        n_readings: handle.n_readings(),
        intercept: handle.intercept(),
    }))
}

/// The next rows for a filter.
pub(super) fn scan(
    handle: &ProxyHandle,
    recording: Option<&Recording>,
    from: u64,
    generation: u64,
    with_frames: bool,
) -> Msg {
    let limit = if with_frames { SCAN_FRAMES } else { SCAN_ROWS };
    if let Some(recording) = recording {
        let rows: Vec<Flow> = recording.from(from, limit).cloned().collect();
        let upto = rows.last().filter(|_| rows.len() >= limit).map_or(recording.ends().1, |f| f.id.0 + 1);
        return Msg::Scanned { generation, upto, rows };
    }
    let window = handle.flows(CallId(from), limit);
    let full = window.rows.len() >= limit;
    let upto = match window.rows.last() {
        Some(last) if full => last.id.0 + 1,
        _ => window.next.0,
    };
    let rows = if with_frames { with_their_frames(handle, window.rows) } else { window.rows };
    Msg::Scanned { generation, upto, rows }
}

/// The same rows with their frames, those that still exist.
fn with_their_frames(handle: &ProxyHandle, rows: Vec<Flow>) -> Vec<Flow> {
    rows.into_iter().filter_map(|row| handle.flow(row.id)).collect()
}

/// Rows that are to be looked at again for a filter.
pub(super) fn recheck(
    handle: &ProxyHandle,
    recording: Option<&Recording>,
    ids: &[CallId],
    with_frames: bool,
) -> Vec<Flow> {
    let found = rows(handle, recording, ids);
    if with_frames && recording.is_none() { with_their_frames(handle, found) } else { found }
}

/// These rows, those that still exist.
pub(super) fn rows(handle: &ProxyHandle, recording: Option<&Recording>, ids: &[CallId]) -> Vec<Flow> {
    if let Some(recording) = recording {
        return ids.iter().filter_map(|id| recording.get(*id).cloned()).collect();
    }
    let mut out = Vec::with_capacity(ids.len());
    let mut rest = ids;
    while let Some(first) = rest.first() {
        let n = rest.iter().zip(first.0..).take_while(|(id, expected)| id.0 == *expected).count();
        out.extend(handle.flows(*first, n).rows.into_iter().take_while(|r| r.id.0 < first.0 + n as u64));
        rest = &rest[n..];
    }
    out
}

/// A flow with its frames.
pub(super) fn whole(handle: &ProxyHandle, recording: Option<&Recording>, id: CallId) -> Option<Flow> {
    match recording {
        Some(recording) => recording.get(id).cloned(),
        None => handle.flow(id),
    }
}

/// A flow with its frames, and what belongs to it.
pub(super) fn flow(handle: &ProxyHandle, recording: Option<&Recording>, id: CallId) -> Msg {
    let found = whole(handle, recording, id).map(|mut flow| {
        if flow.is_held
            && recording.is_none()
            && let Some(held) = handle.held(id)
            && held.leg == Leg::Answer
        {
            // It is in the journal when it goes on.
            flow.frames.returned = Some(held.message);
        }
        let (before, after): (Vec<Flow>, Vec<Flow>) = match recording {
            Some(recording) => {
                let near = |f: &Flow| Flow { frames: Frames::default(), rounds: Vec::new(), ..f.clone() };
                let mut before: Vec<Flow> = recording.before(id.0, NEAR_ROWS).map(near).collect();
                before.reverse();
                (before, recording.from(id.0 + 1, NEAR_ROWS).map(near).collect())
            }
            None => {
                let from = id.0.saturating_sub(NEAR_ROWS as u64);
                let n = usize::try_from(id.0 - from).unwrap_or(NEAR_ROWS);
                let before = handle.flows(CallId(from), n).rows.into_iter().filter(|f| f.id < id).collect();
                (before, handle.flows(CallId(id.0 + 1), NEAR_ROWS).rows)
            }
        };
        let mut relations = relations(&flow, &before, &after);
        // The same call again after a failure: the same arguments, too.
        let failed = |f: &Flow| failed(&f.status) || f.status == Status::Cancelled;
        let earlier = relations.before.and_then(|b| before.iter().find(|f| f.id == b)).filter(|f| failed(f));
        relations.retry_of = earlier.and_then(|f| {
            let earlier = whole(handle, recording, f.id)?;
            (arguments(&earlier)? == arguments(&flow)?).then_some(f.id)
        });
        Box::new((flow, relations))
    });
    Msg::Flow(id, found)
}

/// The arguments of a call, as they were written.
fn arguments(flow: &Flow) -> Option<Bytes> {
    let first = flow.first_frames();
    let message = Message::parse(first.received.clone()?).ok()?;
    Some(message.slice(Field::Arguments).unwrap_or_default())
}

/// What belongs to a flow, among the rows before and after it.
pub(crate) fn relations(flow: &Flow, before: &[Flow], after: &[Flow]) -> Relations {
    let of_it = |f: &&Flow| f.parent == Some(flow.id);
    let is_call = |f: &&Flow| f.kind == FlowKind::Call;
    let in_session = |f: &&Flow| f.session.is_some() && f.session == flow.session && is_call(f);
    let same = |f: &&Flow| in_session(f) && f.method == flow.method && f.target == flow.target && flow.target.is_some();
    let is_one = flow.kind == FlowKind::Call;
    let id = |f: &Flow| f.id;
    Relations {
        children: after.iter().filter(of_it).filter(|f| !is_call(f)).map(id).collect(),
        replays: after.iter().filter(of_it).filter(is_call).map(id).collect(),
        retry_of: None,
        before: before.iter().rev().filter(|_| is_one).find(same).map(id),
        after: after.iter().filter(|_| is_one).find(same).map(id),
        session: (before.iter().rev().find(in_session).map(id), after.iter().find(in_session).map(id)),
    }
}

/// The call that was made again in the place of `of`, if it has begun since `from`.
pub(super) fn replay(handle: &ProxyHandle, of: CallId, from: u64) -> Option<CallId> {
    let rows = handle.flows(CallId(from), SCAN_ROWS).rows;
    rows.iter().find(|f| f.parent == Some(of) && f.kind == FlowKind::Call).map(|f| f.id)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_belongs_together_is_found() {
        let mut flows = sample::flows();
        let mut replay = flows[3].clone();
        (replay.id, replay.parent, replay.session) = (CallId(14), Some(CallId(3)), None);
        let mut again = flows[3].clone();
        again.id = CallId(15);
        flows.extend([replay, again]);
        let of = |id: usize| relations(&flows[id], &flows[..id], &flows[id + 1..]);
        assert_eq!(of(6).children, [CallId(7)]);
        let echo = of(3);
        assert_eq!((echo.replays, echo.after, echo.before), (vec![CallId(14)], Some(CallId(15)), None));
        assert_eq!(echo.session, (Some(CallId(2)), Some(CallId(4))));
        assert_eq!(of(15).before, Some(CallId(3)));
        assert_eq!((of(7).before, of(7).after), (None, None), "a question is no call");
    }
}
