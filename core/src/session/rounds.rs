//! The rounds of a call that a legacy client makes to a modern server: where that answers with what it wants to know first,
//! the client is asked, and the call is sent again with the answers (MCP 2026-07-28, multi round-trip requests; protocol.md,
//! 3.2). Such a result never reaches the client: it would take it for the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::answer::timing;
use super::run::Session;
use super::shape::question::{Asked, asked, undeclared};
use super::upcall::{Asker, Pose};
use crate::backend::{Answer, Call, Mail, Outcome, OwnTask, Port, Wants};
use crate::observe::Timing;
use crate::protocol::{Fault, Field, Kind, Message, Method, Patch, RequestId, Span, Spliced, code, walk};

/// Rounds of one call, at most: who wants more asks for ever.
const MAX_ROUNDS: u32 = 8;
/// Questions of one round, at most.
const MAX_ENTRIES: usize = 32;
/// A server that only wants to be called again is not called at once: the first time after this pause, then after twice as
/// long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is known of a call that takes rounds.
#[derive(Debug)]
pub(super) struct Rounds {
    n: u32,
    n_pauses: u32,
    /// Where the time of the earlier rounds went.
    spent: Timing,
    /// When the present one began.
    began: Instant,
    /// While nothing of the call is at the server.
    open: Option<Open>,
}

/// A call between two rounds.
#[derive(Debug)]
struct Open {
    call: Box<Call>,
    entries: Vec<Entry>,
    /// The server's `requestState`, as raw JSON.
    state: Option<Bytes>,
    since: Instant,
    /// When the client has had its time; without questions: when the call is sent again.
    until: Instant,
}

/// One of the `inputRequests`.
#[derive(Debug)]
struct Entry {
    /// The server's key for it, as raw JSON.
    key: Bytes,
    message: Message,
    method: Method,
    /// The result that is the answer, as raw JSON.
    answer: Option<Bytes>,
    /// Our id of the question to the client.
    question: Option<u64>,
}

impl Rounds {
    const fn new(began: Instant) -> Self {
        Self { n: 0, n_pauses: 0, spent: NOTHING, began, open: None }
    }

    /// Whether it waits for its client, or for the time to be sent again.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The task that was made of the call, if it waits here.
    pub(super) fn take_task(&mut self) -> Option<Box<OwnTask>> {
        self.open.as_mut()?.call.task.take()
    }

    /// Where the time of all rounds went, the last one included.
    pub(super) fn timing(&self, handed: Instant, sent: Option<(Instant, Instant)>, now: Instant) -> Timing {
        add(self.spent, timing(self.began, handed, sent, now))
    }
}

/// No time at all.
const NOTHING: Timing = Timing {
    proxy: Duration::ZERO,
    queue: Duration::ZERO,
    server: Duration::ZERO,
    client: Duration::ZERO,
    held: Duration::ZERO,
    send: Duration::ZERO,
};

fn add(a: Timing, b: Timing) -> Timing {
    Timing {
        proxy: a.proxy + b.proxy,
        queue: a.queue + b.queue,
        server: a.server + b.server,
        client: a.client + b.client,
        held: a.held + b.held,
        send: a.send + b.send,
    }
}

impl Session {
    /// A modern server wants to know something before it answers a call of this client.
    pub(super) fn on_wants(&mut self, wants: Wants) {
        let Wants { mut call, message, sent, port } = wants;
        let now = self.now;
        let Some(active) = self.calls.get_mut(&call.client_id).filter(|a| a.call == call.id) else {
            // Cancelled meanwhile: nobody waits for it.
            return end_task(&port, call.task.take());
        };
        let rounds = active.rounds.get_or_insert_with(|| Box::new(Rounds::new(active.arrived)));
        rounds.spent = rounds.timing(call.handed.max(active.handed), Some(sent), now);
        rounds.began = now;
        rounds.n += 1;
        let (n, n_pauses) = (rounds.n, rounds.n_pauses);
        let backend = active.port.name().clone();
        let fails = |reason: &str, text: String| {
            let data = serde_json::json!({ "backend": &*backend, "reason": reason });
            Fault::new(code::INTERNAL, text).with_data(&data)
        };
        if !matches!(call.method, Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)) {
            let fault = fails("input_required", format!("server `{backend}` wants input for a request that has none"));
            return self.end_rounds(&port, &mut call, Outcome::GaveUp { fault, said: Some(message), in_result: true });
        }
        if n > MAX_ROUNDS {
            let text =
                format!("server `{backend}` asked for input {MAX_ROUNDS} times and wants more: the call was given up");
            let fault = fails("rounds", text);
            return self.end_rounds(&port, &mut call, Outcome::GaveUp { fault, said: Some(message), in_result: true });
        }
        let (mut entries, state) = match read(&message) {
            Ok(read) => read,
            Err(why) => {
                let fault =
                    fails("input_required", format!("server `{backend}` wants input and does not say which: {why}"));
                return self.end_rounds(
                    &port,
                    &mut call,
                    Outcome::GaveUp { fault, said: Some(message), in_result: false },
                );
            }
        };
        let facts = call.facts.clone();
        let mut questions: SmallVec<[(usize, Spliced); 2]> = SmallVec::new();
        for (i, entry) in entries.iter_mut().enumerate() {
            let needs = match entry.method {
                Method::SamplingCreate => "sampling",
                Method::RootsList => "roots",
                _ => "elicitation",
            };
            let id = self.name_of(self.n_questions + 1 + i as u64);
            let shaped = if facts.can(needs) {
                asked(&entry.message, &facts, &id)
            } else {
                Err(undeclared(needs, code::INTERNAL))
            };
            match shaped {
                Ok(Asked::Client(out)) => questions.push((i, out)),
                Ok(Asked::Here(answer)) => entry.answer = Some(Bytes::from_static(answer.as_bytes())),
                Err(fault) => {
                    let text = format!("server `{backend}` asks what this client cannot be asked: {}", fault.message);
                    let fault = fails("undeclared", text);
                    return self.end_rounds(
                        &port,
                        &mut call,
                        Outcome::GaveUp { fault, said: Some(message), in_result: false },
                    );
                }
            }
        }
        self.engine.ctx.observer.turn(call.id, Some(message.raw().clone()), None);
        let client_id = call.client_id.clone();
        for (i, out) in questions {
            let entry = &mut entries[i];
            let asker = Asker::Round { client_id: client_id.clone() };
            let Some(port) = call_port(&self.calls, &client_id) else { return };
            let pose = Pose { message: &entry.message, method: Some(entry.method), port, parent: Some(call.id), asker };
            entry.question = Some(self.pose(pose, out));
        }
        let is_asked = entries.iter().any(|e| e.question.is_some());
        let pause = if is_asked || !entries.is_empty() {
            Duration::ZERO
        } else {
            FIRST_PAUSE.saturating_mul(1 << n_pauses.min(8)).min(LONGEST_PAUSE)
        };
        let Some(active) = self.calls.get_mut(&client_id) else { return };
        let server = active.port.server();
        let ends = call.until.unwrap_or(call.handed + server.max_timeout);
        let until = if is_asked { (now + server.input_timeout).min(ends) } else { now + pause };
        call.until = Some(ends);
        if let Some(rounds) = &mut active.rounds {
            rounds.n_pauses += u32::from(entries.is_empty());
            rounds.open = Some(Open { call, entries, state, since: now, until });
            self.rounds.push(client_id.clone());
        }
        if !is_asked && pause.is_zero() {
            self.send_again(&client_id);
        }
    }

    /// The client has answered a question of a round.
    pub(super) fn on_round_answer(&mut self, client_id: &RequestId, question: u64, message: &Message) {
        let Some(open) = self.calls.get_mut(client_id).and_then(|a| a.rounds.as_mut()?.open.as_mut()) else { return };
        let Some(entry) = open.entries.iter_mut().find(|e| e.question == Some(question)) else { return };
        entry.question = None;
        let is_result = message.kind() == Kind::Response;
        let result = message.slice(Field::Result).filter(|r| is_result && r.first() == Some(&b'{'));
        entry.answer = match (result, entry.method) {
            (Some(result), _) => Some(result),
            // There is no way to say that it did not work: the user has not answered, there are no roots.
            (None, Method::ElicitationCreate) => Some(Bytes::from_static(br#"{"action":"cancel"}"#)),
            (None, Method::RootsList) => Some(Bytes::from_static(br#"{"roots":[]}"#)),
            (None, _) => return self.on_no_sample(client_id, message),
        };
        if open.entries.iter().all(|e| e.answer.is_some()) {
            self.send_again(client_id);
        }
    }

    /// A model did not answer: there is nothing the server could be told in its place.
    fn on_no_sample(&mut self, client_id: &RequestId, message: &Message) {
        let raw = message.raw();
        let said = message.span(Field::Error).and_then(|e| walk::member(raw, e, "message")).map(|(_, v)| v);
        let said = said.and_then(|v| walk::decode(raw.get(v.start as usize..v.end as usize)?));
        let said = said.as_deref().unwrap_or("its answer is no result");
        let text = format!("the server asked the client's model, which did not answer: {said}");
        self.give_up(client_id, "unanswered", text, false);
    }

    /// Ends a call between two rounds: what is still asked of its client is taken back.
    fn give_up(&mut self, client_id: &RequestId, reason: &str, text: String, is_late: bool) {
        let Some(port) = call_port(&self.calls, client_id) else { return };
        let Some(mut open) = self.close_round(client_id, &text) else { return };
        let data = serde_json::json!({ "backend": &**port.name(), "reason": reason });
        let fault = Fault::new(code::INTERNAL, text).with_data(&data);
        let outcome =
            if is_late { Outcome::TimedOut(fault) } else { Outcome::GaveUp { fault, said: None, in_result: true } };
        self.end_rounds(&port, &mut open.call, outcome);
    }

    fn end_rounds(&mut self, port: &Arc<Port>, call: &mut Call, outcome: Outcome) {
        end_task(port, call.task.take());
        let (client_id, id, handed) = (call.client_id.clone(), call.id, call.handed);
        self.on_answer(&Answer { to: self.peer.id, client_id, call: id, outcome, sent: None, handed, ends: true });
    }

    /// A call between two rounds is not wanted any more, or cannot go on: its client need not answer what is open.
    fn close_round(&mut self, client_id: &RequestId, why: &str) -> Option<Open> {
        let mut open = self.take_open(client_id)?;
        for id in open.entries.iter().filter_map(|e| e.question) {
            self.take_back(id, why);
        }
        if let Some(port) = call_port(&self.calls, client_id) {
            end_task(&port, open.call.task.take());
        }
        Some(open)
    }

    /// The client takes a call back. `true`: nothing of it is at the server.
    pub(super) fn cancel_round(&mut self, client_id: &RequestId) -> bool {
        self.close_round(client_id, "the call was cancelled").is_some()
    }

    fn take_open(&mut self, client_id: &RequestId) -> Option<Open> {
        let rounds = self.calls.get_mut(client_id)?.rounds.as_mut()?;
        let open = rounds.open.take()?;
        rounds.spent.client += self.now.saturating_duration_since(open.since);
        rounds.began = self.now;
        self.rounds.retain(|r| r != client_id);
        Some(open)
    }

    /// Sends a call again, with what its client answered.
    fn send_again(&mut self, client_id: &RequestId) {
        let Some(Open { mut call, entries, state, .. }) = self.take_open(client_id) else { return };
        let Some(active) = self.calls.get_mut(client_id) else { return };
        let mut more = Vec::new();
        if !entries.is_empty() {
            more.extend_from_slice(br#""inputResponses":{"#);
            for (i, entry) in entries.iter().enumerate() {
                if i > 0 {
                    more.push(b',');
                }
                more.extend_from_slice(&entry.key);
                more.push(b':');
                more.extend_from_slice(entry.answer.as_deref().unwrap_or(b"null"));
            }
            more.push(b'}');
        }
        if let Some(state) = &state {
            if !more.is_empty() {
                more.push(b',');
            }
            more.extend_from_slice(br#""requestState":"#);
            more.extend_from_slice(state);
        }
        call.more = Some(more.into());
        call.retried = false;
        call.handed = self.now;
        active.handed = self.now;
        active.port.hand_over(call);
    }

    /// When the first call between two rounds is due.
    pub(super) fn next_round(&self) -> Option<Instant> {
        self.rounds.iter().filter_map(|id| Some(self.calls.get(id)?.rounds.as_ref()?.open.as_ref()?.until)).min()
    }

    /// Sends again what has paused, and gives up what its client has not answered in time.
    pub(super) fn rounds_are_due(&mut self) {
        let due = |s: &Self, id: &RequestId| {
            let open = s.calls.get(id)?.rounds.as_ref()?.open.as_ref()?;
            (open.until <= s.now).then_some((open.entries.is_empty(), s.now - open.since))
        };
        let all: Vec<_> = self.rounds.iter().filter_map(|id| Some((id.clone(), due(self, id)?))).collect();
        for (client_id, (has_paused, waited)) in all {
            if has_paused {
                self.send_again(&client_id);
            } else {
                let text =
                    format!("the client did not answer what the server asked within {waited:.1?} (`input_timeout`)");
                self.give_up(&client_id, "unanswered", text, true);
            }
        }
    }
}

/// A call between two rounds is over: so is the task its server has made of it for us.
pub(super) fn end_task(port: &Arc<Port>, task: Option<Box<OwnTask>>) {
    if let Some(task) = task {
        // One a call.
        let _ = port.mailbox.push_owed(Mail::EndTask(task));
    }
}

fn call_port(calls: &foldhash::HashMap<RequestId, super::run::Active>, id: &RequestId) -> Option<Arc<Port>> {
    calls.get(id).map(|a| a.port.clone())
}

/// What a server wants: its questions, each as a request, and its `requestState`.
///
/// # Errors
/// Why it cannot be read.
fn read(message: &Message) -> Result<(Vec<Entry>, Option<Bytes>), String> {
    let raw = message.raw();
    let slice = |s: Span| raw.slice(s.start as usize..s.end as usize);
    let result = message.span(Field::Result).ok_or("it has no result")?;
    let member = |key| walk::member(raw, result, key).map(|(_, v)| v).filter(|v| slice(*v) != "null"[..]);
    let state = member("requestState").map(slice);
    if state.as_ref().is_some_and(|s| s.first() != Some(&b'"')) {
        return Err("`requestState` is no string".to_owned());
    }
    let Some(requests) = member("inputRequests") else {
        return if state.is_some() { Ok((Vec::new(), state)) } else { Err("it asks nothing".to_owned()) };
    };
    if raw.get(requests.start as usize) != Some(&b'{') {
        return Err("`inputRequests` is no object".to_owned());
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for (key, value) in walk::members(raw, requests) {
        let name = walk::decode(&slice(key)).map(std::borrow::Cow::into_owned);
        let shown = name.clone().unwrap_or_default();
        if !name.is_none_or(|name| names.insert(name)) {
            return Err(format!("`{shown}` stands twice in `inputRequests`"));
        }
        if entries.len() >= MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} questions"));
        }
        let (method, message) = request(&slice(value)).map_err(|why| format!("`{shown}`: {why}"))?;
        entries.push(Entry { key: slice(key), message, method, answer: None, question: None });
    }
    if entries.is_empty() && state.is_none() {
        return Err("it asks nothing".to_owned());
    }
    Ok((entries, state))
}

/// One of the `inputRequests` as the request it stands for, under the id 0.
fn request(entry: &Bytes) -> Result<(Method, Message), String> {
    let all = Span { start: 0, end: u32::try_from(entry.len()).unwrap_or(0) };
    if entry.first() != Some(&b'{') {
        return Err("no object".to_owned());
    }
    let member = |key| walk::member(entry, all, key).map(|(_, v)| &entry[v.start as usize..v.end as usize]);
    let name = member("method").and_then(walk::decode).ok_or("no `method`")?;
    let method = Method::from_name(&name)
        .filter(|m| matches!(m, Method::ElicitationCreate | Method::SamplingCreate | Method::RootsList))
        .ok_or_else(|| format!("`{}` is nothing a client is asked", name.chars().take(60).collect::<String>()))?;
    let params = match member("params") {
        None | Some(b"null") if method == Method::RootsList => &b"{}"[..],
        Some(params) if params.first() == Some(&b'{') => params,
        _ => return Err("no `params`".to_owned()),
    };
    let parts = [br#"{"jsonrpc":"2.0","id":0,"method":""#, method.name().as_bytes(), br#"","params":"#, params, b"}"];
    let message = Message::parse(parts.concat().into()).map_err(|m| m.kind.to_string())?;
    without_token(message).map(|m| (method, m)).ok_or_else(|| "no request".to_owned())
}

/// Progress of an answer cannot be told to a server that is not waiting.
fn without_token(message: Message) -> Option<Message> {
    let (Some(meta), Some(params), Some(_)) =
        (message.span(Field::Meta), message.span(Field::Params), message.span(Field::MetaToken))
    else {
        return Some(message);
    };
    let raw = message.raw();
    let mut out = Spliced::new(raw.clone());
    for span in walk::cuts_within(raw, params, ("_meta", meta), &["progressToken"]) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    Message::parse(out.to_bytes()).ok()
}
