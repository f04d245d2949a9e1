//! [`Tasking`]: calls that become tasks, and what servers say of these (protocol.md, 3.8).
//!
//! A client that knows the kind of tasks its server makes follows its own; the instance keeps in mind which have not ended, so that it stays for
//! them. For one that knows only the other kind a task is held (`held.rs`), and for one that knows none we wait in its place (`awaited.rs`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::call::{Call, Delivery, Outcome, OwnTask, ServerNote};
use super::instance::Instance;
use super::lease::Seat;
use super::peer::Peer;
use super::pending::Own;
use super::task_words::{TASKS_EXTENSION, at_path, has_extension, is_over, millis, slice, text};
use super::tasks::{Made, Place};
use crate::observe::Status;
use crate::protocol::{
    CallId, Era, Field, Kind, Message, Method, Patch, Revision, SessionId, Span, Spliced, WireId, code, walk,
};

/// Tasks of clients that one instance keeps in mind, at most. It no longer stays for the oldest of more.
const MAX_OPEN: usize = 1024;
/// What becomes of the `task` that a call may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsTask {
    /// It is as the client wrote it.
    ByClient,
    /// It is no task, whatever the client wrote: its server knows none, or not of its kind.
    No,
    /// It is one, for us to wait for.
    ByUs,
    /// It is one, and towards its client one of the other kind.
    Held,
}

/// The tasks of one instance.
#[derive(Debug, Default)]
pub(super) struct Tasking {
    /// Those clients have made that have not ended, as far as anybody has said.
    open: Vec<Open>,
}

/// A task that a client has made.
#[derive(Debug)]
struct Open {
    own: Box<str>,
    peer: Arc<Peer>,
    call: CallId,
    /// The call's id, which is the token of its progress, and the client's own token as raw JSON: both are good until the task ends.
    wire: WireId,
    token: Option<Bytes>,
    /// Under lease: the instance stays its client's.
    seat: Option<Seat>,
    /// Its client may ask for it when its session is over: it has said a name, or has no session.
    outlives: bool,
    /// It is not waited for longer.
    until: Instant,
}

impl Tasking {
    /// Whether the instance must stay for a task that runs in it.
    pub(super) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether it is under lease still, for a task.
    pub(super) fn is_leased(&self) -> bool {
        self.open.iter().any(|t| t.seat.is_some())
    }

    /// When the next one is not to be waited for any longer.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.open.iter().map(|t| t.until).min()
    }

    /// A session has left. Its tasks go on if its user may come again. Gives whether something of it is left in the instance
    /// that nobody will ask about.
    fn leave(&mut self, session: SessionId) -> bool {
        let is_left = |t: &Open| t.peer.id == session && !t.outlives;
        let had_seat = self.open.iter().any(|t| is_left(t) && t.seat.is_some());
        self.open.retain(|t| !is_left(t));
        had_seat
    }
}

impl Instance {
    pub(super) fn place(&self) -> Place {
        Place { port: self.port.clone(), generation: self.generation }
    }

    /// What becomes of the `task` of a call.
    pub(super) fn as_task(&self, call: &Call) -> AsTask {
        if call.method != Some(Method::ToolsCall) {
            return AsTask::ByClient;
        }
        match (call.facts.revision.era(), self.era()) {
            (Era::Modern, Era::Modern) => AsTask::ByClient,
            // A server that knows tasks may make one of any call. Some begin with it before they look whether its client knows them
            // too, and refuse it then: they must not be asked twice.
            (Era::Legacy, Era::Modern) if call.needs_task || self.makes_tasks => AsTask::ByUs,
            (Era::Legacy, Era::Modern) => AsTask::No,
            (_, Era::Legacy) => {
                if !self.makes_tasks {
                    AsTask::No
                } else if call.facts.revision == Revision::V2025_11_25 && call.message.span(Field::Task).is_some() {
                    AsTask::ByClient
                } else if call.needs_task {
                    let knows_others =
                        call.facts.revision.era() == Era::Modern && has_extension(&call.facts.capabilities);
                    if knows_others { AsTask::Held } else { AsTask::ByUs }
                } else {
                    AsTask::No
                }
            }
        }
    }

    /// Whether a call was refused, before anything was done, because its server wants to make a task of it.
    fn wants_task(&self, message: &Message, call: &Call) -> bool {
        if call.needs_task || message.kind() != Kind::Error || call.method != Some(Method::ToolsCall) {
            return false;
        }
        let is = |code: i32| message.error_code() == Some(code);
        match self.era() {
            // MCP 2025-11-25, basic/utilities/tasks, tool-level negotiation. The method itself is there.
            Era::Legacy => is(code::METHOD_NOT_FOUND) && self.makes_tasks && self.as_task(call) == AsTask::No,
            Era::Modern => {
                let path = ["error", "data", "requiredCapabilities", "extensions", TASKS_EXTENSION];
                self.as_task(call) == AsTask::No
                    && is(code::MISSING_CAPABILITY)
                    && at_path(message.raw(), &path).is_some()
            }
        }
    }

    /// The task that an answer says was made, as the server describes it.
    fn task_in(&self, message: &Message) -> Option<Span> {
        match self.era() {
            Era::Legacy => message.span(Field::ResultTask),
            Era::Modern if message.text(Field::ResultType).as_deref() == Some("task") => message.span(Field::Result),
            Era::Modern => None,
        }
    }

    /// Looks for tasks in the answer to a call. Gives the call back, unless it has not ended with this.
    pub(super) fn looks_for_tasks(
        &mut self,
        wire: WireId,
        mut call: Box<Call>,
        message: Message,
        sent: Instant,
    ) -> Option<(Box<Call>, Outcome)> {
        let raw = message.raw();
        let mut instead = None;
        match call.method {
            Some(Method::ToolsCall) => {
                if self.wants_task(&message, &call) {
                    call.needs_task = true;
                    self.on_call(call);
                    return None;
                }
                let as_task = self.as_task(&call);
                let asked_for = match self.era() {
                    Era::Legacy => call.message.span(Field::Task).is_some() || as_task != AsTask::ByClient,
                    Era::Modern => true,
                };
                let made = self.task_in(&message).filter(|_| asked_for && as_task != AsTask::No);
                let Some((task, own)) = made.and_then(|t| Some((t, text(raw, t, "taskId")?))) else {
                    return Some((call, Outcome::Message { message, era: self.era() }));
                };
                if as_task == AsTask::ByUs {
                    let interval = if self.era() == Era::Legacy { "pollInterval" } else { "pollIntervalMs" };
                    let task = OwnTask::new(own, millis(raw, task, interval));
                    self.waits(wire, call, Box::new(task), sent);
                    return None;
                }
                if as_task == AsTask::Held {
                    let ttl = millis(raw, task, "ttl");
                    self.knows_task(&call, &own, raw, task, ttl);
                    instead = self.holds(&mut call, &own, raw, task, ttl);
                } else {
                    self.opens(wire, &mut call, &own, raw, task);
                }
            }
            Some(Method::TasksGet | Method::TasksCancel | Method::TasksResult) => {
                self.hears_of_task(&call, &message);
                instead = self.held_answer(&call, &message);
            }
            _ => {}
        }
        let era = if instead.is_some() { Era::Modern } else { self.era() };
        Some((call, Outcome::Message { message: instead.unwrap_or(message), era }))
    }

    /// Remembers a task for its client.
    fn knows_task(&self, call: &Call, own: &str, raw: &Bytes, task: Span, ttl: Option<Duration>) {
        let said = raw.slice(task.start as usize..task.end as usize);
        let made = Made { own, place: self.place(), peer: call.peer.clone(), call: call.id, said, ttl };
        self.ctx.tasks.begin(made, self.now);
    }

    /// Whether the instance must stay for a task that runs in it.
    pub(super) fn runs_tasks(&self) -> bool {
        self.tasking.is_busy() || self.held.is_busy()
    }

    /// Whether it is under lease still, for a task.
    pub(super) fn is_leased_for_task(&self) -> bool {
        self.tasking.is_leased() || self.held.is_leased()
    }

    /// A client has made a task of its call.
    fn opens(&mut self, wire: WireId, call: &mut Call, own: &str, raw: &Bytes, task: Span) {
        let ttl = millis(raw, task, if self.era() == Era::Legacy { "ttl" } else { "ttlMs" });
        self.knows_task(call, own, raw, task, ttl);
        if text(raw, task, "status").is_some_and(|s| is_over(&s)) {
            return;
        }
        let longest = self.port.server().max_timeout;
        if self.tasking.open.len() >= MAX_OPEN {
            self.tasking.open.remove(0);
        }
        self.tasking.open.push(Open {
            own: own.into(),
            peer: call.peer.clone(),
            call: call.id,
            wire,
            token: call.message.slice(Field::MetaToken),
            seat: call.seat.take(),
            outlives: !call.peer.principal.is_anonymous() || call.facts.revision.era() == Era::Modern,
            until: self.now + ttl.unwrap_or(longest).min(longest),
        });
    }

    /// A server has answered what a client asked about its task.
    fn hears_of_task(&mut self, call: &Call, message: &Message) {
        let Some(own) = call.target.as_ref().and_then(|(_, own)| walk::decode(own)) else { return };
        let is_result = message.kind() == Kind::Response;
        match (call.method, message.span(Field::Result)) {
            (Some(Method::TasksResult), _) if is_result => {
                // It answers when there is a result.
                let failed = message.get(Field::IsError) == Some(b"true");
                self.ctx.tasks.ended(&self.port, &own, if failed { "failed" } else { "completed" });
            }
            (Some(Method::TasksGet | Method::TasksCancel), Some(result))
                if is_result && message.span(Field::ResultTaskId).is_some() =>
            {
                self.is_said(&own, message.raw(), result);
            }
            _ => {}
        }
        // Of what it refuses it knows nothing, and what was cancelled nobody waits for.
        if call.method != Some(Method::TasksGet) || !is_result {
            self.closes(&own);
        }
    }

    /// A server has said how a task of a client stands.
    fn is_said(&mut self, own: &str, raw: &[u8], task: Span) {
        let is_over = text(raw, task, "status").is_some_and(|s| is_over(&s));
        self.ctx.tasks.says(&self.port, own, slice(raw, task), is_over);
        if is_over {
            self.closes(own);
        }
    }

    /// A task of a client has ended.
    fn closes(&mut self, own: &str) {
        let before = self.tasking.open.len();
        self.tasking.open.retain(|t| &*t.own != own);
        if self.tasking.open.len() < before {
            self.idle_since = self.now;
            self.take_from_backlog();
        }
    }

    /// The server tells a client how its task stands.
    pub(super) fn on_task_status(&mut self, message: Message, from: Option<WireId>) {
        if let (Some(own), Some(params)) = (message.text(Field::TaskId), message.span(Field::Params)) {
            let own = own.into_owned();
            self.is_said(&own, &message.raw().clone(), params);
            if self.era() == Era::Modern {
                self.record_news(&own, &message);
                return self.tell_followers(&own, message);
            }
            if self.held_status(&own, &message.raw().clone(), params) {
                return self.record_news(&own, &message);
            }
        }
        self.on_other_note(message, from);
    }

    fn record_news(&self, own: &str, message: &Message) {
        let is_wanted = !self.port.wanted_tasks.of(own).is_empty();
        let status = if is_wanted { Status::Sent } else { Status::Dropped("nobody listens for it") };
        let parent = self.ctx.tasks.owner(&self.place(), own).map(|(_, call)| call);
        let name = message.text(Field::Method).unwrap_or_default().into_owned();
        self.record_note(message, &name, parent, status);
    }

    /// Modern clients say which tasks they want to hear of.
    pub(super) fn tell_followers(&self, own: &str, message: Message) {
        let parent = self.ctx.tasks.owner(&self.place(), own).map(|(_, call)| call);
        for peer in self.port.wanted_tasks.of(own).into_iter().filter_map(|id| self.ctx.peers.get(id)) {
            let (to, port, message) = (peer.id, self.port.clone(), message.clone());
            let note = ServerNote { to, port, message, method: Some(Method::TaskChanged), parent };
            let _ = peer.mailbox.push(Delivery::Note(Box::new(note)));
        }
    }

    /// Progress of a call that has ended because it became a task: it goes on to be told until the task ends too.
    pub(super) fn on_task_progress(&self, wire: WireId, message: &Message) {
        let Some(open) = self.tasking.open.iter().find(|t| t.wire == wire) else { return };
        let (Some(token), Some(span)) = (&open.token, message.span(Field::ProgressToken)) else { return };
        let mut out = Spliced::new(message.raw().clone());
        out.patch(span, Patch::Bytes(token.clone()));
        let Ok(message) = Message::parse(out.to_bytes()) else { return };
        let (to, port) = (open.peer.id, self.port.clone());
        let note = ServerNote { to, port, message, method: Some(Method::Progress), parent: Some(open.call) };
        // A session that does not keep up loses progress, nothing else.
        let _ = open.peer.mailbox.push(Delivery::Note(Box::new(note)));
    }

    /// Whose a task is: whoever waits for its result, else who has made it or asked for it last; the call it belongs to, and that
    /// call's id if it has not ended.
    pub(super) fn task_owner(&self, own: &str) -> Option<(Arc<Peer>, CallId, Option<WireId>)> {
        if let Some((wire, call)) = self.awaited.call_of(own).and_then(|w| Some((w, self.pending.call(w)?))) {
            return Some((call.peer.clone(), call.id, Some(wire)));
        }
        let calls = self.pending.calls();
        let is_for = |c: &Call| {
            c.method == Some(Method::TasksResult)
                && c.target.as_ref().and_then(|(_, own)| walk::decode(own)).as_deref() == Some(own)
        };
        if let Some((wire, call)) = calls.iter().rev().find(|(_, c)| is_for(c)) {
            return Some((call.peer.clone(), call.id, Some(*wire)));
        }
        self.ctx.tasks.owner(&self.place(), own).map(|(peer, call)| (peer, call, None))
    }

    /// The call that what comes on this stream belongs to: where we ask for its result, that of the task.
    pub(super) fn call_behind(&self, wire: WireId) -> WireId {
        match self.pending.own(wire) {
            Some(Own::Task(call)) => *call,
            _ => wire,
        }
    }

    /// Asks about the tasks whose time it is, and stays no longer for those of clients that never end.
    pub(super) fn tasks_are_due(&mut self) {
        let now = self.now;
        let before = self.tasking.open.len();
        self.tasking.open.retain(|t| t.until > now);
        if self.tasking.open.len() < before {
            self.idle_since = now;
            self.take_from_backlog();
        }
        self.held_are_due();
        self.asks_about_tasks();
    }

    /// A session has left: what its tasks are doing nobody will ask, if it has said no name.
    pub(super) fn leaves_tasks(&mut self, session: SessionId) {
        if self.tasking.leave(session) {
            self.port.lease.bind(session);
        }
    }
}
