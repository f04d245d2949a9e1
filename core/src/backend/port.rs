//! The way in to one server's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call::Call;
use super::status::Status;
use super::wanted::Wanted;
use crate::config::Server;
use crate::protocol::{Fault, Message, RequestId, SessionId};
use crate::transport::Mailbox;

/// Calls waiting for one server, at most. More are refused as busy.
const N_MAIL: usize = 1024;
/// Commands waiting for one server, at most.
const N_CONTROL: usize = 64;

/// A clonable way to one server.
#[derive(Debug)]
pub struct Port {
    /// Its configuration.
    pub server: Arc<Server>,
    /// What the server is to be told; read when it is ready for it.
    pub mailbox: Mailbox<Mail>,
    /// What its task is to do; read at all times.
    pub control: Mailbox<Control>,
    /// What it is doing.
    pub status: Status,
    /// Whose wishes for updates it serves; a port that takes the place of another one takes these over.
    pub wanted: Arc<Wanted>,
    /// Which of several ports of one name this is.
    pub(super) number: u64,
}

/// Something for the server.
#[derive(Debug)]
pub enum Mail {
    /// A request.
    Call(Box<Call>),
    /// A client took a request back.
    Cancel {
        /// Whose.
        session: SessionId,
        /// The client's id of it.
        client_id: RequestId,
        /// The client's notification.
        message: Box<Message>,
    },
    /// A client's answer to the server's question.
    UpcallAnswer {
        /// The instance that asked.
        generation: u64,
        /// The server's id of the question.
        server_id: RequestId,
        /// The answer, or why there is none.
        answer: Box<Result<Message, Fault>>,
    },
    /// A client's notification, passed on as it is.
    Notification(Box<Message>),
    /// A modern client listens for updates of this resource (raw JSON string).
    Subscribe {
        /// Who.
        session: SessionId,
        /// The server's own URI, as a raw JSON string.
        uri: bytes::Bytes,
    },
    /// It does not any more.
    Unsubscribe {
        /// Who.
        session: SessionId,
        /// The server's own URI, as a raw JSON string.
        uri: bytes::Bytes,
    },
    /// The lowest level of the sessions has changed.
    Level,
}

/// Something for the server's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Start it, whatever it is doing now.
    Start,
    /// Start it if it is only asleep: a list wants to know what it offers.
    Want,
    /// Stop it until told otherwise.
    Stop,
    /// Stop and start.
    Restart,
    /// A client has left.
    Detach(SessionId),
    /// End the server and the task: now, or after the calls in flight when `drain`.
    Shutdown {
        /// Let calls in flight end within `drain_timeout`.
        drain: bool,
    },
}

impl Port {
    /// A port nobody reads yet.
    #[must_use]
    pub fn new(server: Arc<Server>) -> Self {
        Self::with(server, Arc::default())
    }

    /// The port of a changed server, in the place of `before`.
    #[must_use]
    pub fn after(before: &Self, server: Arc<Server>) -> Self {
        Self::with(server, before.wanted.clone())
    }

    fn with(server: Arc<Server>, wanted: Arc<Wanted>) -> Self {
        static N_PORTS: AtomicU64 = AtomicU64::new(0);
        let status = Status::new(&server);
        let number = N_PORTS.fetch_add(1, Ordering::Relaxed);
        Self { server, mailbox: Mailbox::new(N_MAIL), control: Mailbox::new(N_CONTROL), status, wanted, number }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.server.name
    }
}
