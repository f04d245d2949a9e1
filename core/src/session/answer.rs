//! Outcomes to bytes: the client's own id back, our faults as errors, and what the client's era wants otherwise.
//!
//! Within one era nothing but the id is touched. Our errors become JSON here and nowhere else.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::http::Weight;
use super::run::{Active, Session};
use crate::backend::{Answer, ClientFacts, Outcome};
use crate::observe::{Ended, FlowKind, Status, Timing};
use crate::protocol::{CallId, Era, Fault, Field, Kind, Message, Method, Patch, RequestId, Span, Spliced, code, walk};

/// The place before everything.
const EMPTY: Span = Span { start: 0, end: 0 };

/// An error answer. Without a readable id it has none: clients take that, and not `null` (edge case 4).
pub(super) fn refusal(id: Option<&RequestId>, fault: &Fault) -> String {
    match id {
        Some(id) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, fault.to_json()),
        None => format!(r#"{{"jsonrpc":"2.0","error":{}}}"#, fault.to_json()),
    }
}

/// A result answer around ready bytes.
fn around(id: &RequestId, result: &Bytes) -> Spliced {
    let mut out = Spliced::new(result.clone());
    let end = u32::try_from(result.len()).unwrap_or(u32::MAX);
    out.patch(EMPTY, Patch::Bytes(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#).into()));
    out.patch(Span { start: end, end }, Patch::Bytes(Bytes::from_static(b"}")));
    out
}

/// A server's answer as its client wants it, and how the call ended.
///
/// # Errors
/// When this client cannot be given this answer.
fn shaped(message: &Message, active: &Active, id: &RequestId, from: Era) -> Result<(Spliced, Status), Fault> {
    let mut out = Spliced::new(message.raw().clone());
    if let Some(span) = message.span(Field::Id) {
        out.patch(span, Patch::Bytes(id.0.clone()));
    }
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if message.kind() == Kind::Error {
        let code = message.get(Field::ErrorCode).and_then(|c| std::str::from_utf8(c).ok()?.parse().ok()).unwrap_or(0);
        let code = shape_error(&mut out, message, active, from, code);
        return Ok((out, Status::Fault(code)));
    }
    let era = active.facts.revision.era();
    match (from, era) {
        (Era::Modern, Era::Legacy) => to_legacy(&mut out, message, &active.port.server.name)?,
        (Era::Legacy, Era::Modern) => to_modern(&mut out, message, active.method),
        _ => {}
    }
    if let Some((own, exposed)) = &active.uris {
        restore_uri(&mut out, message, own, exposed);
    }
    let failed = message.get(Field::IsError) == Some(b"true");
    Ok((out, if failed { Status::ToolError } else { Status::Ok }))
}

/// A modern server's result for a legacy client.
fn to_legacy(out: &mut Spliced, message: &Message, backend: &str) -> Result<(), Fault> {
    let kind = message.text(Field::ResultType);
    if kind.as_deref().is_some_and(|k| k != "complete") {
        // A legacy client would take it for a successful call with nothing in it.
        let text = format!(
            "server `{backend}` needs more input ({}) in the way of MCP 2026-07-28, which this client does not speak",
            kind.as_deref().unwrap_or_default(),
        );
        let data = serde_json::json!({ "backend": backend, "reason": "input_required" });
        return Err(Fault::new(code::INTERNAL, text).with_data(&data));
    }
    let Some(result) = message.span(Field::Result) else { return Ok(()) };
    let raw = message.raw();
    let mut keys = vec!["resultType", "ttlMs", "cacheScope"];
    let structured = walk::member(raw, result, "structuredContent").map(|(_, v)| v);
    if structured.is_some_and(|s| raw.get(s.start as usize) != Some(&b'{')) {
        // Editions before 2026-07-28 have objects here only; the text of it stands in `content`.
        keys.push("structuredContent");
    }
    for span in walk::cuts(raw, result, &keys) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    Ok(())
}

/// A legacy server's result for a modern client: strict ones refuse results without `resultType`.
fn to_modern(out: &mut Spliced, message: &Message, method: Option<Method>) {
    let Some(result) = message.span(Field::Result) else { return };
    let mut members = String::new();
    if message.span(Field::ResultType).is_none() {
        members.push_str(r#""resultType":"complete","#);
    }
    if method == Some(Method::ResourcesRead) {
        if message.span(Field::TtlMs).is_none() {
            members.push_str(r#""ttlMs":0,"#);
        }
        if message.span(Field::CacheScope).is_none() {
            members.push_str(r#""cacheScope":"private","#);
        }
    }
    if walk::members(message.raw(), result).next().is_none() {
        members.pop();
    }
    let at = result.start + 1;
    out.patch(Span { start: at, end: at }, Patch::Bytes(members.into()));
}

/// The error codes that differ between the eras (protocol.md, 3.9).
fn shape_error(out: &mut Spliced, message: &Message, active: &Active, from: Era, code: i32) -> i32 {
    let is_read = active.method == Some(Method::ResourcesRead);
    let to = match (from, active.facts.revision.era(), code) {
        (Era::Legacy, Era::Modern, code::RESOURCE_NOT_FOUND) if is_read => code::INVALID_PARAMS,
        (Era::Modern, Era::Legacy, code::INVALID_PARAMS) if is_read => code::RESOURCE_NOT_FOUND,
        _ => return code,
    };
    if let Some(span) = message.span(Field::ErrorCode) {
        out.patch(span, Patch::Bytes(to.to_string().into()));
    }
    to
}

/// The contents of a resource whose URI clients know by another name carry that name.
fn restore_uri(out: &mut Spliced, message: &Message, own: &str, exposed: &str) {
    let raw = message.raw();
    let contents = message.span(Field::Result).and_then(|r| walk::member(raw, r, "contents")).map(|(_, v)| v);
    for element in contents.into_iter().flat_map(|c| walk::elements(raw, c)) {
        let Some((_, uri)) = walk::member(raw, element, "uri") else { continue };
        if walk::decode(&raw[uri.start as usize..uri.end as usize]).as_deref() == Some(own) {
            out.patch(uri, Patch::Bytes(serde_json::Value::from(exposed).to_string().into()));
        }
    }
}

impl Session {
    /// A call has ended.
    pub(super) fn on_answer(&mut self, answer: &Answer) {
        let Answer { client_id, call, outcome, sent, handed } = answer;
        let Some(active) = self.calls.remove(client_id) else { return };
        if active.call != *call {
            // Cancelled meanwhile: nobody waits for it, and its id is in use again.
            self.calls.insert(client_id.clone(), active);
            return;
        }
        self.count();
        let returned = match outcome {
            Outcome::Message { message, .. } => Some(message.raw().clone()),
            _ => None,
        };
        let fault_of = |fault: &Fault, status| (Spliced::new(refusal(Some(client_id), fault).into()), status);
        let (out, status) = match outcome {
            Outcome::Message { message, era } => match shaped(message, &active, client_id, *era) {
                Ok(shaped) => shaped,
                Err(fault) => fault_of(&fault, Status::Fault(fault.code)),
            },
            Outcome::Local(result) => (around(client_id, &Bytes::from_static(result.as_bytes())), Status::Ok),
            Outcome::Fault(fault) => fault_of(fault, Status::Fault(fault.code)),
            Outcome::TimedOut(fault) => fault_of(fault, Status::TimedOut),
        };
        self.emit(client_id, &out, status.code());
        let timing = timing(active.arrived, (*handed).max(active.handed), *sent, self.now);
        let ended = Ended { status, timing, returned, answered: Some(out), tool: active.tool };
        self.engine.ctx.observer.end(*call, Some(active.port.name()), FlowKind::Call, ended);
    }

    /// Writes an answer, or keeps it for the batch its request came in.
    pub(super) fn emit(&mut self, id: &RequestId, out: &Spliced, code: Option<i32>) {
        if let Some(batch) = self.batches.iter_mut().find(|b| b.waiting.contains(id)) {
            // Once: the same id may stand twice in a batch, and each is answered.
            if let Some(at) = batch.waiting.iter().position(|w| w == id) {
                batch.waiting.remove(at);
            }
            batch.answers.push(out.to_bytes());
            self.out.leave_to_batch(id, batch.reply.as_ref());
            return self.finish_batches();
        }
        self.out.answer(id, out, code);
    }

    /// Writes batches that have all their answers; one of notifications only gets none.
    pub(super) fn finish_batches(&mut self) {
        let out = &mut self.out;
        self.batches.retain(|batch| {
            if !batch.waiting.is_empty() {
                return true;
            }
            if !batch.answers.is_empty() {
                let all = [b"[", &batch.answers.join(&b","[..])[..], b"]"].concat();
                out.answer_batch(batch.reply.as_ref(), &Spliced::new(all.into()));
            } else if let Some(reply) = &batch.reply {
                reply.end();
            }
            false
        });
    }

    /// A request will not be answered: the client took it back.
    pub(super) fn taken_back(&mut self, id: &RequestId) {
        let reply = self.out.forget(id);
        let in_batch = self.batches.iter().any(|b| b.waiting.contains(id));
        if let Some(reply) = reply.filter(|_| !in_batch) {
            reply.end();
        }
        for batch in &mut self.batches {
            if let Some(at) = batch.waiting.iter().position(|w| w == id) {
                batch.waiting.remove(at);
            }
        }
        self.finish_batches();
    }

    /// Answers a request with a result of ours, without a row in the journal.
    pub(super) fn reply(&mut self, id: &RequestId, result: &'static str) {
        let out = around(id, &Bytes::from_static(result.as_bytes()));
        self.emit(id, &out, None);
    }

    /// Answers with an error, without a row in the journal.
    pub(super) fn refuse(&mut self, id: Option<&RequestId>, fault: &Fault) {
        let out = Spliced::new(refusal(id, fault).into());
        match id {
            Some(id) => self.emit(id, &out, Some(fault.code)),
            None => self.out.push(&out, Weight::Owed),
        }
    }

    /// Refuses a request on its own way: its id is that of another one.
    pub(super) fn refuse_on(&mut self, reply: &super::http::Reply, id: &RequestId, fault: &Fault) {
        let out = Spliced::new(refusal(Some(id), fault).into());
        self.out.answer_batch(Some(reply), &out);
    }

    /// Answers a request of this client with a result of ours.
    pub(super) fn finish_own(&mut self, id: Option<RequestId>, call: CallId, result: &Bytes, arrived: Instant) {
        let Some(id) = id else { return };
        let out = around(&id, result);
        self.emit(&id, &out, None);
        let timing = Timing { proxy: self.now.saturating_duration_since(arrived), ..Timing::default() };
        let ended = Ended { status: Status::Ok, timing, returned: None, answered: Some(out), tool: None };
        self.engine.ctx.observer.end(call, None, FlowKind::Call, ended);
    }

    /// Answers a request of this client with an error of ours.
    pub(super) fn fault_own(&mut self, message: &Message, facts: &Arc<ClientFacts>, fault: &Fault) {
        let call = self.begin_own(message, facts);
        let Some(id) = message.id() else { return };
        let out = Spliced::new(refusal(Some(&id), fault).into());
        self.emit(&id, &out, Some(fault.code));
        let ended = Ended {
            status: Status::Fault(fault.code),
            timing: Timing::default(),
            returned: None,
            answered: Some(out),
            tool: None,
        };
        self.engine.ctx.observer.end(call, None, FlowKind::Call, ended);
    }
}

/// Where the time of a call went.
fn timing(arrived: Instant, handed: Instant, sent: Option<(Instant, Instant)>, now: Instant) -> Timing {
    let gap = |from: Instant, to: Instant| to.saturating_duration_since(from);
    match sent {
        Some((sent, returned)) => Timing {
            proxy: gap(arrived, handed) + gap(returned, now),
            queue: gap(handed, sent),
            server: gap(sent, returned),
        },
        None => Timing { proxy: gap(arrived, handed), queue: gap(handed, now), server: std::time::Duration::ZERO },
    }
}
