//! What passes between the two doors: a call with its return address one way, deliveries the other way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lease::Seat;
use super::peer::{ClientFacts, Peer};
use super::port::Port;
use crate::protocol::{CallId, Era, Fault, Message, Method, RequestId, SessionId, Span};

/// A client's request on its way to a server.
#[derive(Debug)]
pub struct Call {
    /// Its correlation id.
    pub id: CallId,
    /// Whose it is; the answer goes there.
    pub peer: Arc<Peer>,
    /// The client's own id of it.
    pub client_id: RequestId,
    /// What the client said of itself with this request (modern) or at the beginning (legacy).
    pub facts: Arc<ClientFacts>,
    /// Its method, if it is one we know.
    pub method: Option<Method>,
    /// As received.
    pub message: Message,
    /// Where the routing name stands, and the JSON that stands there towards the server. `None`: as it is.
    pub target: Option<(Span, Bytes)>,
    /// When the session read it.
    pub arrived: Instant,
    /// When it was handed over to the server's mailbox.
    pub handed: Instant,
    /// How long the server may be silent about it.
    pub timeout: Duration,
    /// It was sent to an instance that died and may be sent once more.
    pub retried: bool,
    /// Members of `params` that it has in this round besides: the client's answers to what a modern server wanted to know.
    pub more: Option<Bytes>,
    /// It ends then at the latest, whatever round it is in; the server's `max_timeout` says when that is of a first one.
    pub until: Option<Instant>,
    /// Its place with an instance under lease, given back when the call ends.
    pub seat: Option<Seat>,
    /// Its server makes a task of it and does not answer otherwise: if its client does not do that itself, we do in its place.
    pub needs_task: bool,
    /// The task a modern server has made of it for us, between two rounds.
    pub task: Option<Box<OwnTask>>,
}

/// A task that a server has made of a call for us, because its client knows no tasks.
#[derive(Debug)]
pub struct OwnTask {
    /// The server's id of it.
    pub own: Box<str>,
    /// Until the next look at it.
    pub pause: Duration,
    /// As its server wants it, between two of them.
    pub interval: Duration,
    /// Keys of its questions that were answered: it may show them for a while after that.
    pub answered: Vec<String>,
}

/// What goes to a session's mailbox.
#[derive(Debug)]
pub enum Delivery {
    /// A call has ended. Never lost: one a call.
    Answer(Answer),
    /// A modern server wants to know something first. Never lost: one a call.
    Wants(Box<Wants>),
    /// Progress of a call. May be dropped.
    Progress {
        /// Whose call it is.
        to: SessionId,
        /// The client's id of the call.
        client_id: RequestId,
        /// The server's notification.
        message: Box<Message>,
    },
    /// A server asks this client.
    Upcall(Box<Upcall>),
    /// A server took its question back.
    UpcallCancelled {
        /// Whom it had asked.
        to: SessionId,
        /// The server.
        port: Arc<Port>,
        /// The instance that asked.
        generation: u64,
        /// The server's id of the question.
        server_id: RequestId,
        /// Its notification.
        message: Box<Message>,
    },
    /// A call that waited for an instance that is being replaced has gone to another one.
    Moved {
        /// Whose call it is.
        to: SessionId,
        /// The client's id of the call.
        client_id: RequestId,
        /// Its correlation id.
        call: CallId,
        /// Where it is now.
        port: Arc<Port>,
    },
    /// The task of this server's instance has broken down: what it had will not be answered.
    Lost(Arc<Port>),
    /// Who kept the calls that outlive their sessions has broken down: these calls will not be answered.
    Unkept,
    /// The session's task must break down.
    #[cfg(test)]
    Panic,
    /// What this client sees of servers may be something else now. At most one is on its way.
    Lists,
    /// Another notification of a server. May be dropped.
    Note(Box<ServerNote>),
    /// Somebody at the terminal cancels a call of this client.
    Cancel(CallId),
    /// Somebody at the terminal has decided about a message that is held.
    Verdict(CallId, Box<Verdict>),
    /// The engine is shutting down: answer what can be answered and end.
    Close,
}

/// The end of a call.
#[derive(Debug)]
pub struct Answer {
    /// Whose call it was.
    pub to: SessionId,
    /// The client's id of the call.
    pub client_id: RequestId,
    /// Its correlation id.
    pub call: CallId,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was written to the server and when the answer was read, if it got that far.
    pub sent: Option<(Instant, Instant)>,
    /// When it was handed over to the server's mailbox.
    pub handed: Instant,
    /// It is how the call ended. Otherwise the client is only told how the call stands, or what it was told before.
    pub ends: bool,
}

/// A modern server's `input_required` for a client of the other era: its call has not ended, and is nowhere now.
#[derive(Debug)]
pub struct Wants {
    /// The call.
    pub call: Box<Call>,
    /// The server's answer.
    pub message: Message,
    /// When the call was written to the server and when this was read.
    pub sent: (Instant, Instant),
    /// The instance that wants it.
    pub port: Arc<Port>,
}

/// What becomes of a message that was held.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It goes on as it came.
    Release,
    /// This goes on in its place; of the same kind, with the same id.
    Replace(Message),
    /// It does not go on: who waits for it gets an error.
    Drop,
    /// It does not go on: this is the answer to it.
    Answer(Message),
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The server's answer, a result or an error.
    Message {
        /// As it came.
        message: Message,
        /// The era of the server.
        era: Era,
    },
    /// A result of ours, as JSON.
    Local(Bytes),
    /// We failed it.
    Fault(Fault),
    /// Its rounds led nowhere.
    GaveUp {
        /// Why.
        fault: Fault,
        /// What the server said last.
        said: Option<Message>,
        /// A tool's caller is told by a result, so that its model hears of it.
        in_result: bool,
    },
    /// It timed out; the fault says where.
    TimedOut(Fault),
}

/// A server's request to a client.
#[derive(Debug)]
pub struct Upcall {
    /// Whom it asks.
    pub to: SessionId,
    /// The server.
    pub port: Arc<Port>,
    /// The instance that asked.
    pub generation: u64,
    /// As it came.
    pub message: Message,
    /// Its method, if it is one we know.
    pub method: Option<Method>,
    /// The call it arose from, if that is certain.
    pub parent: Option<CallId>,
}

/// A notification of a server that is no progress.
#[derive(Debug)]
pub struct ServerNote {
    /// Whom it is for.
    pub to: SessionId,
    /// The instance that says it.
    pub port: Arc<Port>,
    /// As it came.
    pub message: Message,
    /// Its method, if it is one we know.
    pub method: Option<Method>,
    /// The call it belongs to, if that is certain.
    pub parent: Option<CallId>,
}

/// Whether a server may ask its client something while it does this (protocol.md, 3.6).
#[must_use]
pub const fn may_ask(method: Option<Method>) -> bool {
    !matches!(
        method,
        Some(
            Method::Complete
                | Method::ResourcesSubscribe
                | Method::ResourcesUnsubscribe
                // What a task asks belongs to the task, not to who looks at it.
                | Method::TasksGet
                | Method::TasksResult
                | Method::TasksCancel
                | Method::TasksUpdate
        )
    )
}

impl Call {
    /// Ends the call with a fault of ours.
    pub fn fail(self: Box<Self>, fault: Fault) {
        self.end(Outcome::Fault(fault), None);
    }

    /// Ends the call.
    pub fn end(self: Box<Self>, outcome: Outcome, sent: Option<(Instant, Instant)>) {
        let Self { id, peer, client_id, handed, .. } = *self;
        let answer = Answer { to: peer.id, client_id, call: id, outcome, sent, handed, ends: true };
        // A session that has ended needs no answer.
        let _ = peer.mailbox.push_owed(Delivery::Answer(answer));
    }

    /// Gives the call back: its server wants to know something first.
    pub fn wants(self: Box<Self>, message: Message, sent: (Instant, Instant), port: Arc<Port>) {
        let peer = self.peer.clone();
        let _ = peer.mailbox.push_owed(Delivery::Wants(Box::new(Wants { call: self, message, sent, port })));
    }

    /// Answers the call without its server.
    pub fn answer_here(&self, outcome: Outcome) {
        let (client_id, call) = (self.client_id.clone(), self.id);
        let to = self.peer.id;
        let answer = Answer { to, client_id, call, outcome, sent: None, handed: self.handed, ends: true };
        let _ = self.peer.mailbox.push_owed(Delivery::Answer(answer));
    }

    /// Whether running it twice does what running it once does (protocol: lists, reads, prompts, completions).
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(
            self.method,
            Some(
                Method::PromptsGet
                    | Method::ResourcesRead
                    | Method::Complete
                    | Method::ResourcesSubscribe
                    | Method::ResourcesUnsubscribe
                    | Method::TasksGet
                    | Method::TasksResult
            )
        )
    }
}
