//! Outcomes to bytes: what a call ended with goes to its client (`shape/` has what the eras want otherwise) and to the journal.
//!
//! Our errors become JSON here and nowhere else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::http::Weight;
use super::run::Session;
use super::shape::shape;
use crate::backend::{Answer, ClientFacts, Outcome};
use crate::observe::{Ended, FlowKind, Status, Timing};
use crate::protocol::{CallId, Fault, Message, Method, Patch, RequestId, Span, Spliced};

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

impl Session {
    /// A call has ended.
    pub(super) fn on_answer(&mut self, answer: &Answer) {
        let Answer { client_id, call, outcome, sent, handed, ends, .. } = answer;
        let Some((id, active)) = self.calls.remove_entry(client_id) else { return };
        if active.call != *call {
            // Cancelled meanwhile: nobody waits for it, and its id is in use again.
            self.calls.insert(id, active);
            return;
        }
        self.count();
        let returned = match outcome {
            Outcome::Message { message, .. } | Outcome::GaveUp { said: Some(message), .. } => Some(message.raw()),
            _ => None,
        };
        // What was put in its place stands in what was passed back.
        let (held_answer, returned) = match active.held_answer.as_deref() {
            Some((time, came)) => (*time, Some(came)),
            None => (Duration::ZERO, returned),
        };
        let refused = |fault: &Fault| Spliced::new(refusal(Some(client_id), fault).into());
        let mut out;
        let status = match outcome {
            Outcome::Message { message, era } => {
                out = Spliced::new(message.raw().clone());
                match shape(&mut out, message, &active, id, *era) {
                    Ok(status) => {
                        self.expose_tasks(&mut out, message, &active);
                        status
                    }
                    Err(fault) => {
                        out = refused(&fault);
                        Status::Fault(fault.code)
                    }
                }
            }
            Outcome::Local(result) => {
                out = around(client_id, result);
                Status::Ok
            }
            Outcome::GaveUp { fault, in_result: true, .. } if active.method == Some(Method::ToolsCall) => {
                out = around(client_id, &tool_error(&fault.message));
                Status::ToolError
            }
            Outcome::Fault(fault) | Outcome::GaveUp { fault, .. } => {
                out = refused(fault);
                Status::Fault(fault.code)
            }
            Outcome::TimedOut(fault) => {
                out = refused(fault);
                Status::TimedOut
            }
        };
        self.emit(client_id, &out, status.code(), ends.then_some(*call));
        if !ends {
            if matches!(outcome, Outcome::Local(_)) {
                // The client is asked something, and comes again.
                self.engine.ctx.observer.turn(*call, None, Some(out));
            }
            return;
        }
        if status == Status::ToolError {
            self.status.answered(0, true);
        }
        let handed = (*handed).max(active.handed);
        let timing = match &active.rounds {
            None => timing(active.arrived, handed, *sent, self.now),
            Some(rounds) => rounds.timing(handed, *sent, self.now),
        };
        let timing =
            Timing { proxy: timing.proxy.saturating_sub(held_answer), held: active.held + held_answer, ..timing };
        let ended = Ended { status, timing, returned, answered: Some(&out), tool: active.tool.as_ref() };
        self.engine.ctx.observer.end(*call, Some(active.port.name()), FlowKind::Call, &ended);
    }

    /// Writes an answer, or keeps it for the batch its request came in. `row`: how long the writing takes is kept there.
    pub(super) fn emit(&mut self, id: &RequestId, out: &Spliced, code: Option<i32>, row: Option<CallId>) {
        self.status.answered(out.len(), code.is_some());
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
        if let Some(row) = row
            && self.out.is_lines()
            && self.engine.ctx.observer.is_watched()
        {
            self.out.unwritten.add(row, self.now, self.out.lines.len());
        }
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
    pub(super) fn reply(&mut self, id: Option<RequestId>, result: &'static str) {
        let Some(id) = id else { return };
        let out = around(&id, &Bytes::from_static(result.as_bytes()));
        self.emit(&id, &out, None, None);
    }

    /// Answers with an error, without a row in the journal.
    pub(super) fn refuse(&mut self, id: Option<&RequestId>, fault: &Fault) {
        let out = Spliced::new(refusal(id, fault).into());
        match id {
            Some(id) => self.emit(id, &out, Some(fault.code), None),
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
        self.emit(&id, &out, None, Some(call));
        let timing = Timing { proxy: self.now.saturating_duration_since(arrived), ..Timing::default() };
        let ended = Ended { status: Status::Ok, timing, returned: None, answered: Some(&out), tool: None };
        self.engine.ctx.observer.end(call, None, FlowKind::Call, &ended);
    }

    /// Answers a request of this client with an error of ours.
    pub(super) fn fault_own(&mut self, message: &Message, facts: &Arc<ClientFacts>, fault: &Fault) {
        let held = self.resumed.as_ref().map_or(Duration::ZERO, |resumed| resumed.held);
        let call = self.begin_own(message, facts);
        let Some(id) = message.id() else { return };
        let out = Spliced::new(refusal(Some(&id), fault).into());
        self.emit(&id, &out, Some(fault.code), Some(call));
        let ended = Ended {
            status: Status::Fault(fault.code),
            timing: Timing { held, ..Timing::default() },
            returned: None,
            answered: Some(&out),
            tool: None,
        };
        self.engine.ctx.observer.end(call, None, FlowKind::Call, &ended);
    }
}

/// What a tool's caller is told so that its model hears of it.
fn tool_error(text: &str) -> Bytes {
    serde_json::json!({ "content": [{ "type": "text", "text": text }], "isError": true }).to_string().into()
}

/// Where the time of a call went.
pub(super) fn timing(arrived: Instant, handed: Instant, sent: Option<(Instant, Instant)>, now: Instant) -> Timing {
    // Often the same reading of the clock.
    let gap = |from: Instant, to: Instant| if from == to { Duration::ZERO } else { to.saturating_duration_since(from) };
    match sent {
        Some((sent, returned)) => Timing {
            proxy: gap(arrived, handed) + gap(returned, now),
            queue: gap(handed, sent),
            server: gap(sent, returned),
            ..Timing::default()
        },
        None => Timing { proxy: gap(arrived, handed), queue: gap(handed, now), ..Timing::default() },
    }
}
