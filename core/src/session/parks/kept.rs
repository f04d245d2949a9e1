//! [`Kept`]: one call with its questions, and how those who take part in it are told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use serde_json::json;

use super::park::{Park, Why};
use super::{Again, Beginning, Waiter, its_only, round};
use crate::backend::{Answer, ClientFacts, Context, Delivery, Mail, Outcome, Peer, Port};
use crate::observe::{Ended, Flow, FlowKind, MethodName, Status, Timing};
use crate::protocol::{CallId, Fault, Message, Method, RequestId, SessionId, code};
use crate::session::clients::ClientStatus;

/// A question of a server that its client has not answered.
#[derive(Debug)]
pub(super) struct Question {
    /// Where the answer goes. `None`: it is a URL the server wants opened before it is called again.
    pub(super) asker: Option<Asker>,
    pub(super) method: Method,
    /// As the server wrote it.
    pub(super) message: Message,
    pub(super) row: CallId,
    pub(super) asked: Instant,
}

#[derive(Debug)]
pub(super) struct Asker {
    pub(super) port: Arc<Port>,
    pub(super) generation: u64,
    pub(super) server_id: RequestId,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) sent: Option<(Instant, Instant)>,
    pub(super) handed: Instant,
}

pub(super) type Calls = Park<Waiter, Question, End>;

/// One call.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) park: Calls,
    pub(super) peer: Arc<Peer>,
    pub(super) call: CallId,
    pub(super) port: Arc<Port>,
    pub(super) method: Option<Method>,
    /// As its client sent it last. Nearly always nobody looks into it again.
    pub(super) raw: Bytes,
    pub(super) facts: Arc<ClientFacts>,
    pub(super) status: Arc<ClientStatus>,
    pub(super) home: Option<SessionId>,
    pub(super) again: Again,
    /// What its client has just answered, by key.
    pub(super) answers: Vec<(u32, Message)>,
    /// What its state is bound to; made when it is first needed.
    pub(super) bound: Option<Vec<u8>>,
    /// It is counted among those that hold more than a call.
    pub(super) is_counted: bool,
    /// It is shown as parked.
    pub(super) is_shown: bool,
    /// The row of its journal has been ended.
    pub(super) is_ended: bool,
    /// Its server has nothing of it any more.
    pub(super) is_detached: bool,
    pub(super) wake: Option<Instant>,
}

impl Kept {
    /// One that begins.
    pub(super) fn new(begun: Beginning) -> Self {
        let Beginning { peer, waiter, call, port, method, raw, facts, status, home, again } = begun;
        Self {
            park: Park::new(waiter, port.server().input_timeout),
            peer,
            call,
            port,
            method,
            raw,
            facts,
            status,
            home,
            again,
            answers: Vec::new(),
            bound: None,
            is_counted: false,
            is_shown: false,
            is_ended: false,
            is_detached: false,
            wake: None,
        }
    }

    /// The call, as its client sent it last.
    pub(super) fn message(&self) -> Option<Message> {
        Message::parse(self.raw.clone()).ok()
    }

    /// The server hears that its call is not wanted any more.
    pub(super) fn cancel(&self, message: Message) {
        let mail = Mail::Cancel { session: self.peer.id, client_id: its_only(), message: Box::new(message) };
        let _ = self.port.mailbox.push_owed(mail);
    }
}

impl Asker {
    pub(super) fn answer(self, answer: Result<Message, Fault>) {
        let Self { port, generation, server_id } = self;
        // One a question, and questions are bounded.
        let _ = port.mailbox.push_owed(Mail::UpcallAnswer { generation, server_id, answer: Box::new(answer) });
    }
}

impl Question {
    /// Has a row in the journal, below that of its call.
    pub(super) fn new(ctx: &Context, kept: &Kept, asker: Option<Asker>, method: Method, message: Message) -> Self {
        let mut flow = Flow::new(FlowKind::Upcall, MethodName::Known(method).text());
        flow.session = Some(kept.status.id);
        flow.client = kept.facts.name.clone();
        flow.backend = Some(kept.port.name().clone());
        flow.parent = Some(kept.call);
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        let row = ctx.observer.begin(flow);
        kept.status.n_open.fetch_add(1, Ordering::Relaxed);
        Self { asker, method, message, row, asked: Instant::now() }
    }

    /// The client's answer.
    pub(super) fn answer(self, ctx: &Context, kept: &Kept, answer: Message) {
        let Some(asker) = self.end(ctx, kept, Status::Ok, Some(&answer)) else { return };
        asker.answer(Ok(answer));
    }

    /// Nobody will answer it.
    pub(super) fn dismiss(self, ctx: &Context, kept: &Kept) {
        let instead = round::instead(self.method).and_then(|text| Message::parse(text.into()).ok());
        let Some(asker) = self.end(ctx, kept, Status::Cancelled, None) else { return };
        asker.answer(instead.ok_or_else(|| Fault::new(code::INTERNAL, "the client has not answered")));
    }

    /// It cannot be asked.
    pub(super) fn refuse(self, ctx: &Context, kept: &Kept, fault: Fault) {
        let Some(asker) = self.end(ctx, kept, Status::Fault(fault.code), None) else { return };
        asker.answer(Err(fault));
    }

    /// Ends its row. Gives back who wants an answer.
    pub(super) fn end(self, ctx: &Context, kept: &Kept, status: Status, returned: Option<&Message>) -> Option<Asker> {
        let timing = Timing { server: Instant::now().saturating_duration_since(self.asked), ..Timing::default() };
        let returned = returned.map(|m| m.raw().clone());
        let ended = Ended { status, timing, returned: returned.as_ref(), answered: None, tool: None };
        ctx.observer.end(self.row, Some(kept.port.name()), FlowKind::Upcall, &ended);
        kept.status.n_open.fetch_sub(1, Ordering::Relaxed);
        self.asker
    }
}

impl Why {
    pub(super) fn fault(self, backend: &str) -> Fault {
        let data = |reason: &str| json!({ "backend": backend, "reason": reason });
        match self {
            Self::Replaced => {
                let text = "the same round was sent again: the answer goes to the later one";
                Fault::new(code::INVALID_REQUEST, text)
            }
            Self::Gone => {
                let text = format!(
                    "input no longer possible: server `{backend}` has ended since; call again without `requestState`"
                );
                Fault::new(code::INTERNAL, text).with_data(&data("exited"))
            }
        }
    }
}

/// Tells whoever waits. `ends`: the call has ended with it.
pub(super) fn give(to: Waiter, call: CallId, end: End, ends: bool) {
    let End { outcome, sent, handed } = end;
    let Waiter { peer, client_id } = to;
    let answer = Answer { to: peer.id, client_id, call, outcome, sent, handed, ends };
    // A session that has ended needs no answer.
    let _ = peer.mailbox.push_owed(Delivery::Answer(answer));
}

pub(super) fn refuse(to: Waiter, call: CallId, fault: Fault) {
    give(to, call, End { outcome: Outcome::Fault(fault), sent: None, handed: Instant::now() }, false);
}
