//! The way in to one server's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::call::{Call, OwnTask};
use super::context::Context;
use super::lease::{Lease, Seat};
use super::peer::ClientFacts;
use super::pool::{Pool, may_part};
use super::settings::Settings;
use super::status::Status;
use super::tenant::Tenant;
use super::wanted::Wanted;
use crate::config::Server;
use crate::protocol::{Fault, Message, RequestId, SessionId, code};
use crate::transport::Mailbox;

/// Calls waiting for one server, at most. More are refused as busy.
const N_MAIL: usize = 4096;
/// Commands waiting for one server, at most.
const N_CONTROL: usize = 64;

/// The way to one instance of a server.
#[derive(Debug)]
pub struct Port {
    name: Arc<str>,
    /// Its configuration; shared by the instances of the server.
    settings: Arc<Settings>,
    /// What the server is to be told; read when it is ready for it.
    pub mailbox: Mailbox<Mail>,
    /// What its task is to do; read at all times.
    pub control: Mailbox<Control>,
    /// What it is doing.
    pub status: Status,
    /// Whose wishes for updates it serves; a port that takes the place of another one takes these over.
    pub wanted: Arc<Wanted>,
    /// The same for news of tasks, by the server's own ids.
    pub(super) wanted_tasks: Arc<Wanted>,
    /// Whose calls it takes.
    pub tenant: Tenant,
    /// Which of several ports of one name this is.
    pub(super) number: u64,
    /// The instances of the same server.
    pub(super) pool: Arc<Pool>,
    /// Every caller's calls come here.
    pub(super) is_plain: AtomicBool,
    /// The one client that launched us has the base instances to itself.
    pub(super) is_owned: bool,
    /// What its handshake says of clients, if that is not the first client's word.
    pub(super) facts: Option<Arc<ClientFacts>>,
    /// Whose turn it is, of an instance under lease.
    pub(super) lease: Arc<Lease>,
    /// Counts the instances that have run here.
    pub(super) generation: AtomicU64,
    /// Times its task has broken down.
    pub(super) n_panics: AtomicU32,
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
    /// A call that outlives its session is over: comes after all that its server was still told of it.
    Over(SessionId),
    /// A task that was made of a call for us is not waited for any more.
    EndTask(Box<OwnTask>),
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
    /// A modern client listens for news of this task (the server's own id), or does not any more.
    Follow {
        /// Who.
        session: SessionId,
        /// The server's own id of the task.
        task: Box<str>,
        /// From now on, or no more.
        on: bool,
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
    /// An instance beside the base one is to say what it lists.
    List,
    /// Stop it until told otherwise.
    Stop,
    /// Stop and start.
    Restart,
    /// Ask it whether it is there.
    Ping,
    /// A client has left.
    Detach(SessionId),
    /// The server's entry is another one now, in nothing that its process is made of.
    Adjusted,
    /// The server's task must break down.
    #[cfg(test)]
    Panic,
    /// End the server and the task: now, or after the calls in flight when `drain`.
    Shutdown {
        /// Let calls in flight end within `drain_timeout`.
        drain: bool,
    },
}

impl Port {
    /// Hands a call over to its task; one that there is no room for fails at once.
    pub fn hand_over(&self, call: Box<Call>) {
        if let Err(Mail::Call(call)) = self.mailbox.push(Mail::Call(call)) {
            let text = format!(
                "server `{}` has too many calls waiting, or is being removed: call again in a moment",
                self.name()
            );
            let data = serde_json::json!({ "backend": &**self.name(), "reason": "busy" });
            call.fail(Fault::new(code::INTERNAL, text).with_data(&data));
        }
    }

    /// A port nobody reads yet, without an engine: the only instance of its server.
    #[must_use]
    pub fn new(server: Arc<Server>) -> Self {
        Self::with(server, None, None)
    }

    /// The port of a changed server, in the place of `before`.
    #[must_use]
    pub fn after(before: &Self, server: Arc<Server>) -> Self {
        Self::with(server, Some(before), None)
    }

    /// The base port of a server, in the place of `before`.
    pub(super) fn base(server: Arc<Server>, before: Option<&Self>, ctx: Arc<Context>) -> Self {
        Self::with(server, before, Some(ctx))
    }

    fn with(server: Arc<Server>, before: Option<&Self>, ctx: Option<Arc<Context>>) -> Self {
        let is_plain = AtomicBool::new(ctx.is_none() || !may_part(&server));
        let is_owned = ctx.as_ref().is_some_and(|c| c.is_owned);
        let pool = Arc::new(Pool::new(ctx));
        let name = server.name.clone();
        let settings = Arc::new(Settings::new(server));
        let status = Status::new(settings.clone(), pool.n_beside.clone(), before.map(|b| &b.status));
        Self {
            name,
            settings,
            mailbox: Mailbox::new(N_MAIL),
            control: Mailbox::new(N_CONTROL),
            status,
            wanted: before.map(|b| b.wanted.clone()).unwrap_or_default(),
            wanted_tasks: before.map(|b| b.wanted_tasks.clone()).unwrap_or_default(),
            tenant: Tenant::Everybody,
            number: next_number(),
            pool,
            is_plain,
            is_owned,
            facts: None,
            lease: Arc::default(),
            generation: AtomicU64::new(0),
            n_panics: AtomicU32::new(0),
        }
    }

    /// The port of an instance beside that of `base`.
    pub(super) fn beside(base: &Self, tenant: Tenant, facts: Arc<ClientFacts>, wanted: Arc<Wanted>) -> Self {
        let status = Status::new(base.settings.clone(), Arc::default(), None);
        Self {
            name: base.name.clone(),
            settings: base.settings.clone(),
            mailbox: Mailbox::new(N_MAIL),
            control: Mailbox::new(N_CONTROL),
            status,
            wanted,
            wanted_tasks: Arc::default(),
            tenant,
            number: next_number(),
            pool: base.pool.clone(),
            is_plain: AtomicBool::new(true),
            is_owned: false,
            facts: Some(facts),
            lease: Arc::default(),
            generation: AtomicU64::new(0),
            n_panics: AtomicU32::new(0),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its configuration at this moment.
    #[must_use]
    pub fn server(&self) -> Arc<Server> {
        self.settings.get()
    }

    /// Looks at its configuration: what every call asks for needs no share in it.
    pub fn look<T>(&self, look: impl FnOnce(&Server) -> T) -> T {
        self.settings.look(look)
    }

    /// How long its server may be silent about a call; `None`: that depends on the tool.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.settings.timeout()
    }

    /// From now on the server has this entry, which differs in nothing that its process is made of. Its tasks are told.
    pub(super) fn adjust(self: &Arc<Self>, server: Arc<Server>) {
        self.is_plain.store(!may_part(&server), Ordering::Relaxed);
        self.settings.set(server);
        for port in self.all() {
            // A task that has ended needs no word.
            let _ = port.control.push_owed(Control::Adjusted);
        }
    }

    /// The session that has it, or whose traces are in it, of an instance under lease.
    #[must_use]
    pub fn leased_to(&self) -> Option<SessionId> {
        self.lease.first().or_else(|| self.lease.bound())
    }

    /// A call's place, where calls of one session only may run at a time.
    #[must_use]
    pub fn seat(&self, session: SessionId) -> Option<Seat> {
        matches!(self.tenant, Tenant::Lease(_)).then(|| self.lease.seat(session))
    }
}

fn next_number() -> u64 {
    static N_PORTS: AtomicU64 = AtomicU64::new(0);
    N_PORTS.fetch_add(1, Ordering::Relaxed)
}
