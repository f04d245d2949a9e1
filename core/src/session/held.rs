//! Messages of this client that somebody at the terminal wants to see first: they wait here, and nothing waits with them.
//!
//! A request is held before its server is chosen, an answer when it has come: neither runs against a server's deadline. What is
//! decided comes as a [`Verdict`]; the client's own word (it cancels, it leaves) and the end of the engine come first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lists::ParkedCall;
use super::run::Session;
use crate::backend::{Answer, Mail, Outcome, Port, Upcall, Verdict};
use crate::guard::{Hold, Leg};
use crate::observe::{Ended, Flow, FlowKind, NoticeLevel, Status, Timing};
use crate::protocol::{CallId, Era, Fault, Field, Kind, Message, RequestId, Spliced, code};

/// A message that waits for a word from the terminal.
#[derive(Debug)]
pub(super) struct Held {
    what: What,
    call: CallId,
    since: Instant,
    until: Instant,
    /// Says to others that it is held.
    hold: Hold,
}

#[derive(Debug)]
enum What {
    /// A request of the client.
    Request(ParkedCall),
    /// The answer to one.
    Answer(Box<Answer>),
    /// A server's question to the client.
    Question(Box<Upcall>),
    /// The client's answer to one, and our id of the question.
    Reply(u64, Message),
}

/// A call that goes on after it was held.
#[derive(Clone, Debug)]
pub(super) struct Resumed {
    /// Its row in the journal.
    pub(super) row: CallId,
    /// How long it was held.
    pub(super) held: Duration,
}

/// How a message says that a call has ended.
pub(super) fn status_of(message: &Message) -> Status {
    match message.kind() {
        Kind::Error => Status::Fault(message.error_code().unwrap_or_default()),
        _ if message.get(Field::IsError) == Some(b"true") => Status::ToolError,
        _ => Status::Ok,
    }
}

/// What who asked is told.
fn dropped(why: &'static str) -> Fault {
    let data = serde_json::json!({ "reason": "intercepted" });
    Fault::new(code::INTERNAL, why).with_data(&data)
}

const BY_HAND: &str = "dropped by hand in mcp-proxy";
const STOPPING: &str = "this was held in mcp-proxy, which is shutting down";

impl Session {
    /// Whether anything may have to be held. All that a message costs where nothing is.
    pub(super) fn intercepts(&self) -> bool {
        self.engine.guard.intercept.is_on()
    }

    fn hold(&self, call: CallId, leg: Leg, message: &Message) -> Option<Hold> {
        let intercept = &self.engine.guard.intercept;
        intercept.hold(&self.engine.ctx.observer, call, self.peer.id, leg, message)
    }

    fn keep_held(&mut self, what: What, call: CallId, hold: Hold) {
        let until = self.now + hold.time;
        self.held.push(Held { what, call, since: self.now, until, hold });
    }

    /// Holds a request that is about to go to `backend`, if that is wanted. Gives it back if not.
    pub(super) fn hold_request(
        &mut self,
        call: ParkedCall,
        backend: &Arc<str>,
        shown: &Arc<str>,
    ) -> Result<(), ParkedCall> {
        // What goes on was seen; what continues a call was let through with it.
        if !self.intercepts() || call.resumed.is_some() || call.message.span(Field::RequestState).is_some() {
            return Err(call);
        }
        let begun = self.begun(&call.message, &call.facts, Some(backend), Some(shown.clone()));
        if !self.engine.guard.intercept.wants(&Flow::from(&begun)) {
            return Err(call);
        }
        let row = self.begin_call(&call.message, begun);
        match self.hold(row, Leg::Request, &call.message) {
            Some(hold) => {
                self.keep_held(What::Request(call), row, hold);
                Ok(())
            }
            None => Err(ParkedCall { resumed: Some(Resumed { row, held: Duration::ZERO }), ..call }),
        }
    }

    /// A row of the journal as it will be with this answer.
    fn row_with(&self, call: CallId, message: &Message) -> Option<Flow> {
        let mut flow = self.engine.ctx.observer.journal(|j| j.get(call))?;
        flow.status = status_of(message);
        flow.n_bytes_out = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.timing.server = self.wall.duration_since(flow.at).unwrap_or_default();
        flow.frames.returned = Some(message.raw().clone());
        Some(flow)
    }

    fn is_wanted(&self, call: CallId, message: &Message) -> bool {
        self.row_with(call, message).is_some_and(|flow| self.engine.guard.intercept.wants(&flow))
    }

    /// An answer has come: it goes on, or is held.
    pub(super) fn on_answer_come(&mut self, answer: Answer) {
        if self.intercepts()
            && answer.ends
            && let Outcome::Message { message, .. } = &answer.outcome
            && self.calls.get(&answer.client_id).is_some_and(|a| a.call == answer.call)
            && self.is_wanted(answer.call, message)
            && let Some(hold) = self.hold(answer.call, Leg::Answer, message)
        {
            let call = answer.call;
            return self.keep_held(What::Answer(Box::new(answer)), call, hold);
        }
        self.on_answer(&answer);
    }

    /// Holds a server's question, if that is wanted. `false`: it goes on.
    pub(super) fn hold_question(&mut self, upcall: &Upcall) -> bool {
        if !self.intercepts() {
            return false;
        }
        let flow = self.question_row(&upcall.message, upcall.method, upcall.port.name(), upcall.parent);
        if !self.engine.guard.intercept.wants(&flow) {
            return false;
        }
        let row = self.engine.ctx.observer.begin(flow);
        match self.hold(row, Leg::Request, &upcall.message) {
            Some(hold) => {
                let Upcall { to, port, generation, message, method, parent } = upcall;
                let (port, message) = (port.clone(), message.clone());
                let upcall =
                    Upcall { to: *to, port, generation: *generation, message, method: *method, parent: *parent };
                self.keep_held(What::Question(Box::new(upcall)), row, hold);
                true
            }
            None => {
                self.resumed = Some(Resumed { row, held: Duration::ZERO });
                false
            }
        }
    }

    /// Holds the client's answer to question `id`, if that is wanted. `false`: it goes on.
    pub(super) fn hold_reply(&mut self, id: u64, row: CallId, message: &Message) -> bool {
        if !self.intercepts() || !self.is_wanted(row, message) {
            return false;
        }
        let Some(hold) = self.hold(row, Leg::Answer, message) else { return false };
        self.keep_held(What::Reply(id, message.clone()), row, hold);
        true
    }

    /// Whether a request with this id is held.
    pub(super) fn is_held(&self, id: &[u8]) -> bool {
        self.held.iter().any(|h| matches!(&h.what, What::Request(c) if c.message.get(Field::Id) == Some(id)))
    }

    /// Whether the answer of this call is here already.
    pub(super) fn has_held_answer(&self, call: CallId) -> bool {
        self.held.iter().any(|h| h.call == call && matches!(h.what, What::Answer(_)))
    }

    /// The client takes a request back that is held. `false`: there is none.
    pub(super) fn cancel_held(&mut self, id: &RequestId) -> bool {
        let is_it = |h: &Held| matches!(&h.what, What::Request(c) if c.message.id().as_ref() == Some(id));
        let Some(at) = self.held.iter().position(is_it) else { return false };
        let held = self.held.remove(at);
        self.end_held(&held, Status::Cancelled);
        true
    }

    /// What is held of a call is not wanted any more.
    pub(super) fn forget_held(&mut self, call: CallId) {
        self.held.retain(|h| h.call != call);
    }

    /// A server takes a question back that is held. `false`: there is none.
    pub(super) fn take_back_held(&mut self, port: &Arc<Port>, generation: u64, server_id: &RequestId) -> bool {
        let is_it = |h: &Held| {
            matches!(&h.what, What::Question(u) if Arc::ptr_eq(&u.port, port)
                && u.generation == generation && u.message.id().as_ref() == Some(server_id))
        };
        let Some(at) = self.held.iter().position(is_it) else { return false };
        let held = self.held.remove(at);
        self.end_held(&held, Status::Cancelled);
        true
    }

    /// The task of a server's instance has broken down: nobody waits for what it asked.
    pub(super) fn lose_held(&mut self, port: &Arc<Port>) {
        let lost = |h: &mut Held| matches!(&h.what, What::Question(u) if Arc::ptr_eq(&u.port, port));
        for held in self.held.extract_if(.., lost).collect::<Vec<_>>() {
            self.end_held(&held, Status::Cancelled);
        }
    }

    /// When the next one goes on by itself.
    pub(super) fn next_held(&self) -> Option<Instant> {
        self.held.iter().map(|h| h.until).min()
    }

    /// Lets those go on whose time is over.
    pub(super) fn held_are_due(&mut self) {
        let now = self.now;
        while let Some(at) = self.held.iter().position(|h| h.until <= now) {
            let held = self.held.remove(at);
            let text = format!(
                "{} was held for {} s and nobody decided: it has gone on as it was",
                held.call,
                held.hold.time.as_secs()
            );
            self.engine.ctx.observer.notice(NoticeLevel::Warning, None, text);
            self.settle_held(held, Verdict::Release);
        }
    }

    /// The session is about to end: answers go on, requests get an error.
    pub(super) fn let_go(&mut self) {
        for held in std::mem::take(&mut self.held) {
            let verdict = match held.what {
                What::Answer(_) | What::Reply(..) => Verdict::Release,
                What::Request(_) | What::Question(_) => Verdict::Drop,
            };
            self.settle_because(held, verdict, STOPPING);
        }
    }

    /// Somebody at the terminal has decided.
    pub(super) fn on_verdict(&mut self, call: CallId, verdict: Verdict) {
        // Gone on meanwhile: its time was over, or the client took it back.
        let Some(at) = self.held.iter().position(|h| h.call == call) else { return };
        let held = self.held.remove(at);
        self.settle_held(held, verdict);
    }

    fn settle_held(&mut self, held: Held, verdict: Verdict) {
        self.settle_because(held, verdict, BY_HAND);
    }

    fn settle_because(&mut self, held: Held, verdict: Verdict, why: &'static str) {
        let time = self.now.saturating_duration_since(held.since);
        let row = held.call;
        match (held.what, verdict) {
            (What::Request(call), Verdict::Release) => self.resume(call, row, time),
            (What::Request(call), Verdict::Replace(message)) => self.resume(ParkedCall { message, ..call }, row, time),
            (What::Request(call), Verdict::Drop) => self.fault_held(&call, row, time, &dropped(why)),
            (What::Request(call), Verdict::Answer(message)) => self.answer_held(&call, row, time, &message),
            (What::Answer(answer), Verdict::Release) => self.give(answer, time, None),
            (What::Answer(answer), Verdict::Replace(message) | Verdict::Answer(message)) => {
                let era = match answer.outcome {
                    Outcome::Message { era, .. } => era,
                    _ => Era::Legacy,
                };
                self.give(answer, time, Some(Outcome::Message { message, era }));
            }
            (What::Answer(answer), Verdict::Drop) => self.give(answer, time, Some(Outcome::Fault(dropped(why)))),
            (What::Question(upcall), Verdict::Release) => {
                self.resumed = Some(Resumed { row, held: time });
                self.ask_now(*upcall, time);
            }
            (What::Question(upcall), Verdict::Replace(message)) => {
                self.resumed = Some(Resumed { row, held: time });
                self.ask_now(Upcall { message, ..*upcall }, time);
            }
            (What::Question(upcall), Verdict::Drop) => self.tell_asker(&upcall, row, time, Err(dropped(why))),
            (What::Question(upcall), Verdict::Answer(message)) => self.tell_asker(&upcall, row, time, Ok(message)),
            (What::Reply(id, _), Verdict::Replace(message) | Verdict::Answer(message))
            | (What::Reply(id, message), Verdict::Release) => self.take_reply(id, message, time),
            (What::Reply(id, _), Verdict::Drop) => {
                let text = super::answer::refusal(Some(&RequestId::number(id)), &dropped(why));
                if let Ok(message) = Message::parse(text.into()) {
                    self.take_reply(id, message, time);
                }
            }
        }
    }

    fn resume(&mut self, call: ParkedCall, row: CallId, held: Duration) {
        let arrived = self.now;
        self.route(ParkedCall { arrived, deadline: arrived, resumed: Some(Resumed { row, held }), ..call });
    }

    /// An answer goes to the client; `outcome` in its place, if there is one.
    fn give(&mut self, mut answer: Box<Answer>, held: Duration, outcome: Option<Outcome>) {
        let came = match &answer.outcome {
            Outcome::Message { message, .. } => message.raw().clone(),
            _ => bytes::Bytes::new(),
        };
        if let Some(active) = self.calls.get_mut(&answer.client_id) {
            active.held_answer = Some(Box::new((held, came)));
        }
        if let Some(outcome) = outcome {
            answer.outcome = outcome;
        }
        self.on_answer(&answer);
    }

    fn fault_held(&mut self, call: &ParkedCall, row: CallId, held: Duration, fault: &Fault) {
        self.resumed = Some(Resumed { row, held });
        self.fault_own(&call.message, &call.facts, fault);
    }

    /// A request is answered by hand: `message` has its id.
    fn answer_held(&mut self, call: &ParkedCall, row: CallId, held: Duration, message: &Message) {
        let Some(id) = call.message.id() else { return };
        let status = status_of(message);
        let out = Spliced::new(message.raw().clone());
        self.emit(&id, &out, status.code(), None);
        let timing = Timing { held, ..Timing::default() };
        let ended = Ended { status, timing, returned: None, answered: Some(&out), tool: None };
        self.engine.ctx.observer.end(row, None, FlowKind::Call, &ended);
    }

    /// A question goes on, after it was held or not.
    pub(super) fn ask_now(&mut self, upcall: Upcall, held: Duration) {
        self.ask(upcall);
        if let Some(Resumed { row, .. }) = self.resumed.take() {
            // It was answered here.
            let ended = Ended {
                status: Status::Ok,
                timing: Timing { held, ..Timing::default() },
                returned: None,
                answered: None,
                tool: None,
            };
            self.engine.ctx.observer.end(row, None, FlowKind::Upcall, &ended);
        }
    }

    /// A question is answered without its client.
    fn tell_asker(&self, upcall: &Upcall, row: CallId, held: Duration, answer: Result<Message, Fault>) {
        let Some(server_id) = upcall.message.id() else { return };
        let status = match &answer {
            Ok(message) => status_of(message),
            Err(fault) => Status::Fault(fault.code),
        };
        let answered = answer.as_ref().ok().map(|m| Spliced::new(m.raw().clone()));
        let timing = Timing { held, ..Timing::default() };
        let ended = Ended { status, timing, returned: None, answered: answered.as_ref(), tool: None };
        self.engine.ctx.observer.end(row, Some(upcall.port.name()), FlowKind::Upcall, &ended);
        let mail = Mail::UpcallAnswer { generation: upcall.generation, server_id, answer: Box::new(answer) };
        // One a question, and questions are bounded.
        let _ = upcall.port.mailbox.push_owed(mail);
    }

    fn end_held(&self, held: &Held, status: Status) {
        let kind = match held.what {
            What::Request(_) | What::Answer(_) => FlowKind::Call,
            What::Question(_) | What::Reply(..) => FlowKind::Upcall,
        };
        let timing = Timing { held: self.now.saturating_duration_since(held.since), ..Timing::default() };
        let ended = Ended { status, timing, returned: None, answered: None, tool: None };
        self.engine.ctx.observer.end(held.call, None, kind, &ended);
    }

    /// The client has left: servers hear from their own side that nobody will answer.
    pub(super) fn abandon_held(&mut self) {
        for held in std::mem::take(&mut self.held) {
            // Answers end with the calls and questions they belong to.
            if matches!(held.what, What::Request(_) | What::Question(_)) {
                self.end_held(&held, Status::Cancelled);
            }
        }
    }
}
