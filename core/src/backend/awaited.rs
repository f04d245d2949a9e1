//! [`Awaited`]: calls that have become tasks for us to wait for, because their clients know none (protocol.md, 3.8).
//!
//! The call stays what it is towards its client, with its limits, questions and cancellation. A legacy server is asked for the result and answers
//! when there is one; a modern one is asked how the task stands, again and again, as often as it wants that.

use std::time::{Duration, Instant};

use foldhash::HashMap;

use super::call::{Call, Outcome, OwnTask};
use super::instance::Instance;
use super::pending::{Entry, Origin, Own};
use super::shape::modern_meta;
use super::task_words::{json, millis, slice, text, with_extension};
use crate::observe::Status;
use crate::protocol::{Era, Fault, Field, Kind, Message, Method, WireId, walk};

/// Questions of one task that were answered and may be shown again, at most.
const MAX_ANSWERED: usize = 256;
/// Between two looks at a task of a modern server that does not say how often it wants that.
const USUAL_PAUSE: Duration = Duration::from_secs(1);
/// The first look comes soon: many tasks are short, and their clients wait. The next ones come after twice as long each, up to what the
/// server wants.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The least it may want.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The most; its client waits for the answer meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Questions about a task that may be lost in a row, by a server that cannot be reached for a while.
const MAX_FAILED: u32 = 5;

/// The calls, by their ids.
#[derive(Debug, Default)]
pub(super) struct Awaited(HashMap<WireId, Waiting>);

/// A task that we wait for.
#[derive(Debug)]
struct Waiting {
    task: Box<OwnTask>,
    /// Our question about it.
    asked: Option<WireId>,
    /// When it is asked again.
    ask_at: Option<Instant>,
    /// Questions in a row that were lost.
    n_failed: u32,
}

impl Awaited {
    /// When the next task is to be asked about.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.0.values().filter_map(|w| w.ask_at).min()
    }

    /// The call whose task this is.
    pub(super) fn call_of(&self, own: &str) -> Option<WireId> {
        self.0.iter().find(|(_, w)| &*w.task.own == own).map(|(wire, _)| *wire)
    }
}

impl OwnTask {
    /// One that a server has made, and how often it wants to be asked about it.
    pub(super) fn new(own: String, interval: Option<Duration>) -> Self {
        let interval = in_limits(interval.unwrap_or(USUAL_PAUSE));
        Self { own: own.into(), pause: FIRST_PAUSE.min(interval), interval, answered: Vec::new() }
    }
}

impl Instance {
    /// A call has become a task for us to wait for.
    pub(super) fn waits(&mut self, wire: WireId, call: Box<Call>, task: Box<OwnTask>, sent: Instant) {
        self.pending.restore(wire, self.as_running(call, sent));
        // A legacy server answers when there is a result.
        let ask_at = if self.era() == Era::Legacy { self.now } else { self.now + task.pause };
        self.awaited.0.insert(wire, Waiting { task, asked: None, ask_at: Some(ask_at), n_failed: 0 });
        self.ask_about(wire);
    }

    /// A call whose task runs. That it does was said: its silence means nothing.
    fn as_running(&self, call: Box<Call>, sent: Instant) -> Entry {
        let longest = call.until.map_or(self.port.server().max_timeout, |at| at.saturating_duration_since(sent));
        let (silent_since, timeout, max_timeout) = (self.now, longest, longest);
        Entry { sent, silent_since, timeout, max_timeout, n_asking: 0, was_asked: false, origin: Origin::Call(call) }
    }

    /// Asks about the task of a call, if it is time.
    fn ask_about(&mut self, wire: WireId) {
        let Some(waiting) = self.awaited.0.get_mut(&wire).filter(|w| w.ask_at.is_some_and(|at| at <= self.now)) else {
            return;
        };
        waiting.ask_at = None;
        let own = waiting.task.own.clone();
        let Some(call) = self.pending.call(wire) else { return };
        let id = call.id;
        let (method, params) = match self.era() {
            Era::Legacy => (Method::TasksResult, format!(r#"{{"taskId":{}}}"#, json(&own))),
            Era::Modern => (Method::TasksGet, self.modern_params(&own, Some(call), "")),
        };
        let asked = self.send_own_for(Some(id), Own::Task(wire), method, &params);
        if let Some(waiting) = self.awaited.0.get_mut(&wire) {
            waiting.asked = Some(asked);
        }
    }

    /// Parameters of a request of ours about a task to a modern server.
    fn modern_params(&self, own: &str, call: Option<&Call>, more: &str) -> String {
        let meta = match call {
            Some(call) => modern_meta(&call.facts.info, call.facts.carried_with_tasks(), None),
            None => modern_meta(&self.ctx.identity, &with_extension("{}"), None),
        };
        format!(r#"{{"taskId":{}{more},"_meta":{{{meta}}}}}"#, json(own))
    }

    /// Asks about the tasks whose time it is.
    pub(super) fn asks_about_tasks(&mut self) {
        let due = self.awaited.0.iter().filter(|(_, w)| w.ask_at.is_some_and(|at| at <= self.now));
        for wire in due.map(|(wire, _)| *wire).collect::<Vec<_>>() {
            self.ask_about(wire);
        }
    }

    /// The server has answered our question about the task of a call.
    pub(super) fn on_task_told(&mut self, wire: WireId, message: Message) {
        let Some(waiting) = self.awaited.0.get_mut(&wire) else { return };
        (waiting.asked, waiting.n_failed) = (None, 0);
        if self.revision.era() == Era::Legacy || message.kind() == Kind::Error {
            return self.ends(wire, Outcome::Message { message, era: self.era() });
        }
        match Stand::of(&message, &waiting.task.answered) {
            Stand::Runs { pause, asks } => {
                waiting.task.interval = pause.map_or(waiting.task.interval, in_limits);
                match asks {
                    None => {
                        waiting.ask_at = Some(self.now + waiting.task.pause);
                        waiting.task.pause = (waiting.task.pause * 2).min(waiting.task.interval);
                    }
                    Some(asks) => self.asks_in_task(wire, asks),
                }
            }
            Stand::Ended(key, value) => {
                let text = [br#"{"jsonrpc":"2.0","id":0,""#, key.as_bytes(), br#"":"#, value, b"}"].concat();
                let outcome = match Message::parse(text.into()) {
                    Ok(message) => Outcome::Message { message, era: Era::Modern },
                    Err(_) => self.lost_task(&format!("has ended the task with what is no {key}")),
                };
                self.ends(wire, outcome);
            }
            Stand::Other(status) => {
                let outcome = self.lost_task(&format!("says of the task of this call that it is {status}"));
                self.ends(wire, outcome);
            }
        }
    }

    fn lost_task(&self, what: &str) -> Outcome {
        Outcome::Fault(self.fault(&format!("server `{}` {what}", self.port.name()), "task"))
    }

    /// Takes out a call that has become a task.
    fn take_waiting(&mut self, wire: WireId) -> Option<(Box<Call>, Box<OwnTask>, Instant)> {
        let waiting = self.awaited.0.remove(&wire)?;
        let Entry { origin: Origin::Call(call), sent, .. } = self.pending.complete(wire)? else { return None };
        self.idle_since = self.now;
        Some((call, waiting.task, sent))
    }

    /// The task of a call has ended, and the call with it.
    fn ends(&mut self, wire: WireId, outcome: Outcome) {
        if let Some((call, _, sent)) = self.take_waiting(wire) {
            self.is_answered(call, outcome, (sent, self.now));
        }
        self.take_from_backlog();
    }

    /// The task of a call wants to know something of its client.
    fn asks_in_task(&mut self, wire: WireId, (requests, keys): (String, Vec<String>)) {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":0,"result":{{"resultType":"input_required","inputRequests":{requests}}}}}"#
        );
        let Some((mut call, mut task, sent)) = self.take_waiting(wire) else { return };
        task.answered.extend(keys);
        let n_over = task.answered.len().saturating_sub(MAX_ANSWERED);
        task.answered.drain(..n_over);
        match Message::parse(text.into()) {
            Ok(message) => {
                call.task = Some(task);
                call.wants(message, (sent, self.now), self.port.clone());
            }
            Err(_) => {
                self.cancel_task(&task);
                call.end(self.lost_task("asks what is no question"), Some((sent, self.now)));
            }
        }
        self.take_from_backlog();
    }

    /// A call comes back with what its client has answered to its task.
    pub(super) fn goes_on_as_task(&mut self, call: Box<Call>, task: Box<OwnTask>) {
        let more = call.more.as_deref().map_or_else(String::new, |m| format!(",{}", String::from_utf8_lossy(m)));
        let params = self.modern_params(&task.own, Some(&call), &more);
        self.send_own_for(Some(call.id), Own::Other(Method::TasksUpdate.name()), Method::TasksUpdate, &params);
        let wire = self.pending.register(self.as_running(call, self.now));
        let ask_at = Some(self.now + task.pause);
        self.awaited.0.insert(wire, Waiting { task, asked: None, ask_at, n_failed: 0 });
    }

    /// Our question about the task of a call was not answered. It is asked again: that does no harm.
    pub(super) fn on_task_lost(&mut self, wire: WireId, may_pass: bool, fault: Fault) {
        let Some(waiting) = self.awaited.0.get_mut(&wire) else { return };
        waiting.asked = None;
        waiting.n_failed += 1;
        if may_pass && waiting.n_failed <= MAX_FAILED {
            waiting.ask_at = Some(self.now + waiting.task.interval);
        } else {
            self.ends(wire, Outcome::Fault(fault));
        }
    }

    /// A call is not waited for any more, so its task is not either. `false`: it has none.
    pub(super) fn ends_task_of(&mut self, wire: WireId, reason: &str) -> bool {
        let Some(waiting) = self.awaited.0.remove(&wire) else { return false };
        if let Some(asked) = waiting.asked
            && self.pending.complete(asked).is_some()
        {
            self.end_own(asked, Status::Cancelled);
            self.cancel_upstream(asked, reason);
        }
        self.cancel_task(&waiting.task);
        true
    }

    /// Nobody waits for this task any more (MCP 2025-11-25, basic/utilities/tasks, cancellation).
    pub(super) fn cancel_task(&mut self, task: &OwnTask) {
        let params = match self.era() {
            Era::Legacy => format!(r#"{{"taskId":{}}}"#, json(&task.own)),
            Era::Modern => self.modern_params(&task.own, None, ""),
        };
        self.send_own(Own::Other(Method::TasksCancel.name()), Method::TasksCancel, &params);
    }
}

fn in_limits(pause: Duration) -> Duration {
    pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

/// How a task of a modern server stands.
#[derive(Debug, PartialEq)]
enum Stand<'a> {
    Runs {
        pause: Option<Duration>,
        /// The `inputRequests` that were not asked before, as JSON, and their keys.
        asks: Option<(String, Vec<String>)>,
    },
    /// With `result` or `error`.
    Ended(&'static str, &'a [u8]),
    /// What it is, in the server's word.
    Other(String),
}

impl<'a> Stand<'a> {
    /// What the answer to `tasks/get` says; questions of these keys were asked before.
    fn of(message: &'a Message, asked: &[String]) -> Self {
        let raw = message.raw();
        let Some(task) = message.span(Field::Result) else { return Self::Other("nothing".to_owned()) };
        let member = |key| walk::member(raw, task, key).map(|(_, v)| v);
        let status = text(raw, task, "status").unwrap_or_default();
        match (&*status, member("result"), member("error")) {
            ("completed", Some(result), _) => Self::Ended("result", slice(raw, result)),
            ("failed", _, Some(error)) => Self::Ended("error", slice(raw, error)),
            ("working" | "input_required", ..) => {
                let requests = member("inputRequests").filter(|_| status == "input_required");
                let all = requests.into_iter().flat_map(|r| walk::members(raw, r));
                let (mut parts, mut keys) = (Vec::new(), Vec::new());
                for (key, request) in all {
                    let Some(plain) = walk::decode(slice(raw, key)).filter(|k| !asked.iter().any(|a| a == k)) else {
                        continue;
                    };
                    keys.push(plain.into_owned());
                    parts.push([slice(raw, key), b":", slice(raw, request)].concat());
                }
                let asks = (!keys.is_empty())
                    .then(|| (format!("{{{}}}", String::from_utf8_lossy(&parts.join(&b","[..]))), keys));
                Self::Runs { pause: millis(raw, task, "pollIntervalMs"), asks }
            }
            (other, ..) => Self::Other(other.chars().take(60).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: &str) -> Message {
        Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#).into()).expect("a message")
    }

    #[test]
    fn how_a_task_stands_is_read() {
        let check = |result: &str, asked: &[&str], expected: Stand<'_>| {
            let asked: Vec<String> = asked.iter().map(|a| (*a).to_owned()).collect();
            assert_eq!(Stand::of(&answer(result), &asked), expected, "{result}");
        };
        let runs = |ms: Option<u64>| Stand::Runs { pause: ms.map(Duration::from_millis), asks: None };
        check(r#"{"status":"working"}"#, &[], runs(None));
        check(r#"{"status":"working","pollIntervalMs":250,"inputRequests":{"a":{}}}"#, &[], runs(Some(250)));
        check(r#"{"status":"input_required"}"#, &[], runs(None));
        let asks = r#"{"status":"input_required","pollIntervalMs":-1,"inputRequests":{"\u0061":{"x":1e0},"b":{}}}"#;
        let asked = |text: &str, keys: &[&str]| Stand::Runs {
            pause: None,
            asks: Some((text.to_owned(), keys.iter().map(|k| (*k).to_owned()).collect())),
        };
        check(asks, &[], asked(r#"{"\u0061":{"x":1e0},"b":{}}"#, &["a", "b"]));
        check(asks, &["a"], asked(r#"{"b":{}}"#, &["b"]));
        check(asks, &["b", "a"], runs(None));
        check(r#"{"status":"completed","result":{"content":[]}}"#, &[], Stand::Ended("result", br#"{"content":[]}"#));
        check(r#"{"status":"failed","error":{"code":1}}"#, &[], Stand::Ended("error", br#"{"code":1}"#));
        // What makes no sense ends the call, too.
        check(r#"{"status":"completed"}"#, &[], Stand::Other("completed".to_owned()));
        check(r#"{"status":"cancelled"}"#, &[], Stand::Other("cancelled".to_owned()));
        check("{}", &[], Stand::Other(String::new()));
        check("[7]", &[], Stand::Other(String::new()));
    }
}
