//! [`Held`]: tasks of legacy servers for clients that know those of the extension of 2026-07-28 (protocol.md, 3.8, field map).
//!
//! To such a client everything about a task stands in the answer to `tasks/get`: what it asks, and how it ended. A legacy server says that only to
//! who waits for the result. So we wait from the beginning, in the client's place, and keep what comes until the client looks. Bounded in
//! number, bytes and time; what was dropped, or lost with us, is asked for again when somebody looks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::call::{Call, Outcome};
use super::input_request::input_request;
use super::instance::Instance;
use super::lease::Seat;
use super::peer::ClientFacts;
use super::pending::Own;
use super::task_words::{RELATED_TASK, belongs_to, json, slice, text};
use super::tasks::MAX_SAID;
use super::wire::Parcel;
use crate::observe::{Ended, Flow, FlowKind, MethodName, Status, Timing};
use crate::protocol::{
    CallId, Era, Fault, Field, Kind, Message, Method, Patch, RequestId, SessionId, Span, Spliced, code, walk,
};

/// Tasks held by one instance, at most.
const MAX_HELD: usize = 256;
/// Bytes of their results, at most: the oldest ones are asked for again when somebody looks.
const MAX_BYTES: usize = 16 << 20;
/// Under lease: the task of a client without a name that does not look for so long is not its any more.
const ABSENT: Duration = Duration::from_secs(10 * 60);
/// Open questions of one task, at most.
const MAX_QUESTIONS: usize = 32;

/// A task that is held for its client.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) own: Box<str>,
    session: SessionId,
    facts: Arc<ClientFacts>,
    /// The call that made it.
    call: CallId,
    /// How its server described it last, as raw JSON.
    said: Bytes,
    /// Our question for its result is open.
    is_asked: bool,
    /// How it ended: the answer to that.
    end: Option<Message>,
    questions: Vec<Question>,
    n_keys: u32,
    /// Under lease: the instance stays its client's.
    seat: Option<Seat>,
    /// It is not held for longer than until then.
    until: Instant,
    /// It is not either if its client does not look for so long: somebody without a name, who has an instance for itself.
    patience: Option<Duration>,
    looked: Instant,
}

#[derive(Debug)]
struct Question {
    key: String,
    server_id: RequestId,
    /// As an entry of `inputRequests`.
    request: String,
    row: CallId,
    asked: Instant,
}

/// The tasks one instance holds, the oldest first.
#[derive(Debug, Default)]
pub(super) struct AllHeld(Vec<Held>);

impl AllHeld {
    fn get(&mut self, own: &str) -> Option<&mut Held> {
        self.0.iter_mut().find(|h| &*h.own == own)
    }

    /// Whether one of them runs, as far as is known.
    pub(super) fn is_busy(&self) -> bool {
        self.0.iter().any(|h| h.end.is_none())
    }

    pub(super) fn is_leased(&self) -> bool {
        self.0.iter().any(|h| h.seat.is_some())
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.0.iter().map(Held::until).min()
    }

    /// The results over what may be kept are dropped, but for the newest: its client could ask for it again and again.
    fn fit(&mut self, newest: &str) {
        let size = |h: &Held| h.end.as_ref().map_or(0, |m| m.raw().len());
        let mut n: usize = self.0.iter().map(size).sum();
        for held in self.0.iter_mut().filter(|h| &*h.own != newest) {
            if n <= MAX_BYTES {
                return;
            }
            n -= size(held);
            held.end = None;
        }
    }
}

/// A task as 2025-11-25 describes it in the words of the extension, but for its status and what belongs to that.
fn renamed(raw: &[u8], task: Span) -> String {
    let mut out = String::new();
    let mut has_ttl = false;
    for (key, value) in walk::members(raw, task) {
        let name = walk::decode(slice(raw, key)).unwrap_or_default();
        let name = match &*name {
            "status" | "_meta" | "result" | "error" | "inputRequests" | "resultType" => continue,
            "ttl" => {
                has_ttl = true;
                "ttlMs"
            }
            "pollInterval" => "pollIntervalMs",
            other => other,
        };
        out.push_str(&format!("{}:{},", json(name), String::from_utf8_lossy(slice(raw, value))));
    }
    if !has_ttl {
        out.push_str(r#""ttlMs":null,"#);
    }
    out
}

/// A legacy result as it stands in a task of the extension.
fn inlined(message: &Message) -> String {
    let raw = message.raw();
    let Some(result) = message.span(Field::Result) else { return "{}".to_owned() };
    let mut out = Spliced::new(raw.slice(result.start as usize..result.end as usize));
    let at = |span: Span| Span { start: span.start - result.start, end: span.end - result.start };
    if let Some(meta) = message.span(Field::ResultMeta) {
        for span in walk::cuts_within(raw, result, ("_meta", meta), &[RELATED_TASK]) {
            out.patch(at(span), Patch::Bytes(Bytes::new()));
        }
    }
    String::from_utf8_lossy(&out.to_bytes()).into_owned()
}

impl Held {
    fn until(&self) -> Instant {
        let absent = self.patience.filter(|_| self.seat.is_some()).map(|patience| self.looked + patience);
        absent.map_or(self.until, |at| at.min(self.until))
    }

    /// Keeps how its server described it; of a long description only how it stands.
    fn keep(&mut self, raw: &[u8], said: Span) {
        let all = slice(raw, said);
        self.said = if all.len() <= MAX_SAID {
            Bytes::copy_from_slice(all)
        } else {
            let status: String = text(raw, said, "status").unwrap_or_default().chars().take(32).collect();
            Bytes::from(format!(r#"{{"taskId":{},"status":{}}}"#, json(&self.own), json(&status)))
        };
    }

    /// How it stands, as the extension writes it: in the answer to a client that looks, and in news of it.
    fn stands(&self) -> String {
        let said = Span { start: 0, end: u32::try_from(self.said.len()).unwrap_or(0) };
        let status = text(&self.said, said, "status").unwrap_or_default();
        let (status, more) = match &self.end {
            Some(end) if end.kind() == Kind::Response => ("completed", format!(r#","result":{}"#, inlined(end))),
            Some(_) if status == "cancelled" => ("cancelled", String::new()),
            Some(end) => {
                let error = end.get(Field::Error).unwrap_or(b"{}");
                ("failed", format!(r#","error":{}"#, String::from_utf8_lossy(error)))
            }
            None if status == "cancelled" => ("cancelled", String::new()),
            None if !self.questions.is_empty() => {
                let all: Vec<String> =
                    self.questions.iter().map(|q| format!("{}:{}", json(&q.key), q.request)).collect();
                ("input_required", format!(r#","inputRequests":{{{}}}"#, all.join(",")))
            }
            // However it stands there: what belongs to that has not come.
            None => ("working", String::new()),
        };
        format!(r#"{}"status":"{status}"{more}"#, renamed(&self.said, said))
    }
}

impl Instance {
    /// A legacy server has made a task of a call whose client knows tasks of the other kind. Gives what the client is told.
    pub(super) fn holds(
        &mut self,
        call: &mut Call,
        own: &str,
        raw: &[u8],
        task: Span,
        ttl: Option<Duration>,
    ) -> Option<Message> {
        let status = text(raw, task, "status").filter(|s| matches!(s.as_str(), "working" | "input_required"));
        let status = if status.is_some() { "working" } else { "completed" };
        let told = format!(
            r#"{{"jsonrpc":"2.0","id":0,"result":{{"resultType":"task",{}"status":"{status}"}}}}"#,
            renamed(raw, task)
        );
        let seat = call.seat.take();
        self.hold(own, call, call.id, Bytes::copy_from_slice(slice(raw, task)), seat, ttl);
        Message::parse(told.into()).ok()
    }

    fn hold(&mut self, own: &str, of: &Call, call: CallId, said: Bytes, seat: Option<Seat>, ttl: Option<Duration>) {
        if self.held.0.len() >= MAX_HELD {
            let oldest = self.held.0.iter().position(|h| h.end.is_some()).unwrap_or(0);
            let oldest = self.held.0.remove(oldest);
            self.lets_go(oldest);
        }
        let longest = self.port.server().max_timeout;
        self.held.0.push(Held {
            own: own.into(),
            session: of.peer.id,
            facts: of.facts.clone(),
            call,
            said: if said.len() <= MAX_SAID { said } else { Bytes::new() },
            is_asked: false,
            end: None,
            questions: Vec::new(),
            n_keys: 0,
            seat,
            until: self.now + ttl.unwrap_or(longest).min(longest),
            patience: of.peer.principal.is_anonymous().then_some(ABSENT),
            looked: self.now,
        });
        self.wait_for_held(own);
    }

    /// Waits for the result of a held task, if nothing does.
    fn wait_for_held(&mut self, own: &str) {
        let Some(held) = self.held.get(own).filter(|h| !h.is_asked && h.end.is_none()) else { return };
        held.is_asked = true;
        let call = held.call;
        let params = format!(r#"{{"taskId":{}}}"#, json(own));
        self.send_own_for(Some(call), Own::Held(own.into()), Method::TasksResult, &params);
    }

    /// The server has said how a held task ended; `None`: that was lost on the way.
    pub(super) fn on_held_end(&mut self, own: &str, message: Option<Message>) {
        let Some(held) = self.held.get(own) else { return };
        held.is_asked = false;
        let Some(message) = message else { return };
        held.end = Some(message);
        held.seat = None;
        let questions = std::mem::take(&mut held.questions);
        for question in questions {
            self.is_over_for(question, Status::Cancelled);
        }
        self.held.fit(own);
        self.tells_of_held(own);
        self.idle_since = self.now;
        self.take_from_backlog();
    }

    /// A question of a held task: its client finds it when it looks. Gives it back if it is none.
    pub(super) fn held_question(
        &mut self,
        own: &str,
        method: Option<Method>,
        message: &Message,
    ) -> Option<Result<(), Fault>> {
        let held = self.held.get(own)?;
        let needs = match method {
            Some(Method::ElicitationCreate) => "elicitation",
            Some(Method::SamplingCreate) => "sampling",
            Some(Method::RootsList) => "roots",
            _ => {
                return Some(Err(Fault::new(code::METHOD_NOT_FOUND, "the client cannot be asked this in its edition")));
            }
        };
        let (Some(server_id), Some(method)) = (message.id(), method) else { return None };
        if !held.facts.can(needs) {
            return Some(Err(Fault::new(
                code::INVALID_PARAMS,
                format!("the client did not declare the capability `{needs}`"),
            )));
        }
        if held.questions.len() >= MAX_QUESTIONS || held.questions.iter().any(|q| q.server_id == server_id) {
            return Some(Err(Fault::new(code::INVALID_REQUEST, "too many open requests, or this id is still open")));
        }
        held.n_keys += 1;
        let mut flow = Flow::new(FlowKind::Upcall, MethodName::Known(method).text());
        flow.client = held.facts.name.clone();
        flow.backend = Some(self.port.name().clone());
        flow.parent = Some(held.call);
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        let row = self.ctx.observer.begin(flow);
        let (key, request) = (format!("i{}", held.n_keys), input_request(message, method));
        held.questions.push(Question { key, server_id, request, row, asked: self.now });
        self.tells_of_held(own);
        Some(Ok(()))
    }

    /// A server takes a question of a held task back. `false`: it was none.
    pub(super) fn held_question_cancelled(&mut self, server_id: &RequestId) -> bool {
        let of = |h: &Held| h.questions.iter().position(|q| q.server_id == *server_id);
        let found = self.held.0.iter_mut().find_map(|h| of(h).map(|at| (h.own.clone(), h.questions.remove(at))));
        let Some((own, question)) = found else { return false };
        self.is_over_for(question, Status::Cancelled);
        self.tells_of_held(&own);
        true
    }

    /// A legacy server tells how a task stands. `true`: it is one that is held, and who listens for it has been told.
    pub(super) fn held_status(&mut self, own: &str, raw: &[u8], said: Span) -> bool {
        let Some(held) = self.held.get(own) else { return false };
        held.keep(raw, said);
        let is_over = matches!(text(raw, said, "status").as_deref(), Some("completed" | "failed"));
        if !is_over {
            // How it ended is told with what came of it.
            self.tells_of_held(own);
        }
        true
    }

    /// Somebody listens for a held task from now on: what has happened before is told at once.
    pub(super) fn tells_follower(&mut self, own: &str) {
        if self.held.get(own).is_some_and(|h| h.end.is_some() || !h.questions.is_empty()) {
            self.tells_of_held(own);
        }
    }

    /// Something has happened with a held task: who listens for it is told how it stands.
    fn tells_of_held(&mut self, own: &str) {
        if self.port.wanted_tasks.is_empty() {
            return;
        }
        let Some(held) = self.held.get(own) else { return };
        let name = Method::TaskChanged.name();
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{name}","params":{{{}}}}}"#, held.stands());
        if let Ok(message) = Message::parse(text.into()) {
            self.tell_followers(own, message);
        }
    }

    fn is_over_for(&self, question: Question, status: Status) {
        let timing = Timing { server: self.now.saturating_duration_since(question.asked), ..Timing::default() };
        let ended = Ended { status, timing, returned: None, answered: None, tool: None };
        self.ctx.observer.end(question.row, Some(self.port.name()), FlowKind::Upcall, &ended);
    }

    /// A client of the other era answers what its task asks: nothing of that is for the server as it is. `true`: it has been answered.
    pub(super) fn answers_held(&mut self, call: &Call) -> bool {
        if call.method != Some(Method::TasksUpdate) || self.era() == Era::Modern {
            return false;
        }
        let raw = call.message.raw();
        let own = call.target.as_ref().and_then(|(_, own)| walk::decode(own)).unwrap_or_default().into_owned();
        let outcome = match (call.message.span(Field::InputResponses), self.held.get(&own)) {
            (_, None) => Outcome::Fault(Fault::new(code::INVALID_PARAMS, "this task does not wait for input")),
            (None, _) => Outcome::Fault(Fault::new(code::INVALID_PARAMS, "`params.inputResponses` must be an object")),
            (Some(responses), Some(held)) => {
                let mut given = Vec::new();
                for (key, value) in walk::members(raw, responses) {
                    let key = walk::decode(slice(raw, key)).unwrap_or_default();
                    // What is not open is ignored (SEP-2663, task update requests).
                    let Some(at) = held.questions.iter().position(|q| q.key == key) else { continue };
                    let text = [br#"{"jsonrpc":"2.0","id":0,"result":"#, slice(raw, value), b"}"].concat();
                    if slice(raw, value).first() == Some(&b'{')
                        && let Ok(message) = Message::parse(text.into())
                    {
                        given.push((held.questions.remove(at), message));
                    }
                }
                for (question, message) in given {
                    let mut out = Spliced::new(message.raw().clone());
                    if let Some(span) = message.span(Field::Id) {
                        out.patch(span, Patch::Bytes(question.server_id.0.clone()));
                    }
                    belongs_to(&mut out, &message, &own);
                    self.wire.push(&out, Parcel::Note);
                    self.is_over_for(question, Status::Ok);
                }
                self.tells_of_held(&own);
                Outcome::Local(Bytes::from_static(br#"{"resultType":"complete"}"#))
            }
        };
        call.answer_here(outcome);
        true
    }

    /// The answer of a legacy server about a task as a client of the other era gets it; `None`: as it is.
    pub(super) fn held_answer(&mut self, call: &Call, message: &Message) -> Option<Message> {
        if call.facts.revision.era() == Era::Legacy || self.era() == Era::Modern || message.kind() != Kind::Response {
            return None;
        }
        let raw = message.raw();
        let task = message.span(Field::Result)?;
        let own = call.target.as_ref().and_then(|(_, own)| walk::decode(own))?.into_owned();
        let result = match call.method {
            Some(Method::TasksGet) => {
                if self.held.get(&own).is_none() {
                    // We have forgotten it, or never knew.
                    let parent = self.ctx.tasks.owner(&self.place(), &own).map_or(call.id, |(_, call)| call);
                    self.hold(&own, call, parent, Bytes::new(), None, None);
                }
                self.wait_for_held(&own);
                let held = self.held.get(&own)?;
                held.looked = self.now;
                held.keep(raw, task);
                format!(r#"{{"resultType":"complete",{}}}"#, held.stands())
            }
            Some(Method::TasksCancel) => {
                if let Some(at) = self.held.0.iter().position(|h| *h.own == own && h.end.is_none()) {
                    let held = self.held.0.remove(at);
                    self.lets_go(held);
                }
                r#"{"resultType":"complete"}"#.to_owned()
            }
            _ => return None,
        };
        Message::parse(format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#).into()).ok()
    }

    /// A held task is not waited for any longer: what it asks is answered in its client's place.
    fn lets_go(&mut self, held: Held) {
        let is_it = |own: &Own| matches!(own, Own::Held(o) if **o == *held.own);
        if let Some(wire) = self.pending.find_own(is_it) {
            self.pending.complete(wire);
            self.end_own(wire, Status::Cancelled);
            self.cancel_upstream(wire, "nobody waits for it any more");
        }
        for question in held.questions {
            let fault = Fault::new(code::INTERNAL, "the client has not answered");
            self.refuse(&question.server_id, &fault);
            self.is_over_for(question, Status::Cancelled);
        }
    }

    /// Held tasks whose time is over.
    pub(super) fn held_are_due(&mut self) {
        while let Some(at) = self.held.0.iter().position(|h| h.until() <= self.now) {
            let held = self.held.0.remove(at);
            if held.seat.is_some() {
                // What it is doing there is for nobody else to see.
                self.port.lease.bind(held.session);
                self.stale = true;
            }
            self.lets_go(held);
        }
    }

    /// The instance ends, and what it has asked with it.
    pub(super) fn forgets_held(&mut self) {
        for question in std::mem::take(&mut self.held).0.into_iter().flat_map(|h| h.questions) {
            self.is_over_for(question, Status::Dropped("the server has ended"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).expect("a message")
    }

    #[test]
    fn a_task_is_described_in_the_words_of_the_extension() {
        let check = |task: &str, expected: &str| {
            let all = Span { start: 0, end: u32::try_from(task.len()).expect("short") };
            assert_eq!(renamed(task.as_bytes(), all), expected, "{task}");
        };
        check(
            r#"{"taskId":"1","status":"working","ttl":60000,"pollInterval":1.5e3,"createdAt":"c","_meta":{}}"#,
            r#""taskId":"1","ttlMs":60000,"pollIntervalMs":1.5e3,"createdAt":"c","#,
        );
        check(r#"{"taskId":"1","ttl":null,"x":[1]}"#, r#""taskId":"1","ttlMs":null,"x":[1],"#);
        check(r#"{"status":"failed"}"#, r#""ttlMs":null,"#);
    }

    #[test]
    fn results_and_questions_lose_what_is_of_the_hop() {
        let key = RELATED_TASK;
        let end = |meta: &str| {
            inlined(&message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[],"_meta":{meta}}}}}"#)))
        };
        assert_eq!(end(&format!(r#"{{"{key}":{{"taskId":"1"}}}}"#)), r#"{"content":[]}"#);
        assert_eq!(end(&format!(r#"{{"{key}":{{"taskId":"1"}},"v":1}}"#)), r#"{"content":[],"_meta":{"v":1}}"#);
        let asks = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{{"message":"?","_meta":{{"{key}":{{"taskId":"1"}}}},"task":{{}},"elicitationId":"e"}}}}"#
        );
        assert_eq!(
            input_request(&message(&asks), Method::ElicitationCreate),
            r#"{"method":"elicitation/create","params":{"message":"?"}}"#
        );
    }
}
