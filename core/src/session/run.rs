//! [`Session`]: one client's link, its calls in flight, and the loop that serves it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use foldhash::HashMap;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::clients::ClientStatus;
use super::engine::Engine;
use super::entrance::Entrance;
use super::listen::Listen;
use super::lists::{ParkedCall, ParkedList};
use crate::backend::{ClientFacts, Control, Delivery, Peer, Port};
use crate::catalog::{Catalog, Scope};
use crate::protocol::{CallId, Fault, Field, Frame, Kind, Message, Method, RequestId, Revision, SessionId, code};
use crate::transport::{Line, Lines, Link, Mailbox, Outbox};

/// Notifications waiting for one session, at most; answers are not counted here.
const N_DELIVERIES: usize = 4096;
/// While this many bytes wait to be written, the client is not read: who does not listen may not ask.
const OUTBOX_FULL: usize = 1 << 20;
/// Over this many bytes notifications are dropped: the client does not keep up.
const OUTBOX_BUSY: usize = 8 << 20;
/// Over this many bytes the session is ended: the client has stopped reading.
const OUTBOX_LOST: usize = 256 << 20;
/// After the client closed its side, calls in flight may end within this time.
const EOF_GRACE: Duration = Duration::from_secs(5);
/// Answers may leave within this time when the engine shuts down.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// How long `initialize` waits for what is remembered of the servers, so that it can carry their instructions.
pub(super) const OPENING_WAIT: Duration = Duration::from_millis(25);

/// One client.
pub struct Session {
    pub(super) engine: Arc<Engine>,
    link: Link,
    lines: Lines,
    pub(super) outbox: Outbox,
    pub(super) peer: Arc<Peer>,
    pub(super) status: Arc<ClientStatus>,
    catalog_rx: watch::Receiver<Arc<Catalog>>,
    /// What of the catalog it may see; [`Session::catalog`] is a view of it.
    pub(super) scope: Scope,
    pub(super) catalog: Arc<Catalog>,
    deliveries: VecDeque<Delivery>,
    /// What the client said of itself in `initialize`.
    pub(super) legacy: Option<Arc<ClientFacts>>,
    /// What it said in its last modern request.
    pub(super) modern: Option<Arc<ClientFacts>>,
    /// By the client's id.
    pub(super) calls: HashMap<RequestId, Active>,
    /// Servers' questions to this client, by our id.
    pub(super) questions: HashMap<u64, super::upcall::Question>,
    pub(super) n_questions: u64,
    pub(super) parked_lists: Vec<ParkedList>,
    pub(super) parked_calls: Vec<ParkedCall>,
    /// An `initialize` that waits for what is remembered of the servers.
    pub(super) parked_opening: Option<super::handshake::Opening>,
    pub(super) listens: Vec<Listen>,
    /// The catalog the client has seen, by kind of list (tools, prompts, resources).
    pub(super) seen: [Option<Arc<Catalog>>; 4],
    /// When changed lists are told.
    pub(super) tell_at: Option<Instant>,
    /// Answers of a batch that is not complete yet.
    pub(super) batches: Vec<Batch>,
    /// The client closed its side: no more requests.
    closing: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    pub(super) now: Instant,
    /// The time of day of what was read last.
    pub(super) wall: SystemTime,
    /// Names as the journal keeps them, made once.
    pub(super) method_names: [Option<Arc<str>>; Method::COUNT],
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) call: CallId,
    pub(super) port: Arc<Port>,
    pub(super) method: Option<Method>,
    pub(super) facts: Arc<ClientFacts>,
    pub(super) arrived: Instant,
    pub(super) handed: Instant,
    /// The client's progress token as raw JSON.
    pub(super) token: Option<Bytes>,
    /// The server's own name of the tool.
    pub(super) tool: Option<Arc<str>>,
    /// The server's own URI and the one the client knows, where they differ.
    pub(super) uris: Option<(Arc<str>, Arc<str>)>,
}

/// A batch of the 2025-03-26 edition: answered as one array.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) waiting: Vec<RequestId>,
    pub(super) answers: Vec<Bytes>,
}

impl Session {
    /// A session on `link`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, link: Link, entrance: Entrance) -> Self {
        let status = engine.clients.add(entrance.via, &entrance.name);
        let peer = Arc::new(Peer::new(status.id, entrance.principal, Mailbox::new(N_DELIVERIES)));
        engine.ctx.peers.add(peer.clone());
        let mut catalog_rx = engine.catalog.clone();
        let catalog = engine.view(&catalog_rx.borrow_and_update().clone(), &entrance.scope);
        Self {
            lines: Lines::new(engine.ctx.max_message_bytes),
            link,
            outbox: Outbox::default(),
            peer,
            status,
            catalog_rx,
            scope: entrance.scope,
            catalog,
            deliveries: VecDeque::new(),
            legacy: None,
            modern: None,
            calls: HashMap::default(),
            questions: HashMap::default(),
            n_questions: 0,
            parked_lists: Vec::new(),
            parked_calls: Vec::new(),
            parked_opening: None,
            listens: Vec::new(),
            seen: [const { None }; 4],
            tell_at: None,
            batches: Vec::new(),
            closing: None,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            now: Instant::now(),
            wall: SystemTime::now(),
            method_names: [const { None }; Method::COUNT],
            engine,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.peer.id
    }

    /// Where the rest of the engine reaches it.
    #[must_use]
    pub fn peer(&self) -> Arc<Peer> {
        self.peer.clone()
    }

    /// The task's body: serves the client until it leaves or the engine shuts down.
    pub async fn run(mut self) {
        while self.turn().await {}
        self.leave();
    }

    /// One turn of the loop. `false`: the end.
    async fn turn(&mut self) -> bool {
        let wake = self.next_wake();
        if let Some(at) = wake
            && self.sleep.deadline().into_std() != at
        {
            self.sleep.as_mut().reset(at.into());
        }
        let reads = self.closing.is_none() && self.outbox.len() < OUTBOX_FULL;
        tokio::select! { biased;
            written = self.outbox.write(&mut self.link.writer), if !self.outbox.is_empty() => {
                if let Err(error) = written {
                    tracing::debug!(session = %self.peer.id, %error, "the client does not read any more");
                    return false;
                }
            }
            n = self.lines.fill(&mut self.link.reader), if reads => {
                self.now = Instant::now();
                self.wall = SystemTime::now();
                let ended = matches!(n, Ok(0) | Err(_));
                while let Some(line) = self.lines.next_line() {
                    self.on_line(line);
                }
                if ended {
                    if let Some(line) = self.lines.rest() {
                        self.on_line(line);
                    }
                    self.closing = Some(self.now + EOF_GRACE);
                }
            }
            () = self.peer.mailbox.ready() => {
                self.now = Instant::now();
                self.peer.mailbox.drain(&mut self.deliveries);
                while let Some(delivery) = self.deliveries.pop_front() {
                    self.on_delivery(delivery);
                }
            }
            changed = self.catalog_rx.changed() => {
                self.now = Instant::now();
                if changed.is_ok() {
                    let main = self.catalog_rx.borrow_and_update().clone();
                    self.on_catalog(&main);
                }
            }
            () = &mut self.sleep, if wake.is_some() => {
                self.now = Instant::now();
                self.on_timer();
            }
        }
        if self.outbox.len() > OUTBOX_LOST {
            tracing::warn!(session = %self.peer.id, "the client has stopped reading: its session is ended");
            return false;
        }
        // After the client has left, what it asked for may still be answered for a while.
        let parked = !self.parked_lists.is_empty() || !self.parked_calls.is_empty() || self.parked_opening.is_some();
        let busy = !self.calls.is_empty() || parked;
        self.closing.is_none_or(|until| self.now < until && (busy || !self.outbox.is_empty()))
    }

    fn next_wake(&self) -> Option<Instant> {
        let lists = self.parked_lists.iter().map(|l| l.deadline).chain(self.parked_calls.iter().map(|c| c.deadline));
        let opening = self.parked_opening.as_ref().map(|o| o.until);
        lists.chain(opening).chain(self.tell_at).chain(self.closing).min()
    }

    fn on_timer(&mut self) {
        if self.parked_opening.as_ref().is_some_and(|o| o.until <= self.now) {
            self.answer_opening();
        }
        self.answer_lists();
        self.retry_calls();
        if self.tell_at.is_some_and(|at| at <= self.now) {
            self.tell_at = None;
            self.tell_changed_lists();
        }
    }

    fn on_catalog(&mut self, main: &Arc<Catalog>) {
        let view = self.engine.view(main, &self.scope);
        if Arc::ptr_eq(&view, &self.catalog) {
            // Other clients see something else now, this one does not.
            return;
        }
        self.catalog = view;
        self.settle_opening();
        self.answer_lists();
        self.retry_calls();
        self.note_changed_lists();
    }

    fn on_line(&mut self, line: Line) {
        match line {
            Line::Whole(bytes) => match Message::parse_frame(bytes) {
                Ok(Frame::One(message)) => self.on_message(message),
                Ok(Frame::Batch(members)) => self.on_batch(members),
                Err(malformed) => {
                    let fault = Fault::from(&malformed);
                    tracing::warn!(session = %self.peer.id, "the client sent a line that is no message: {}", fault.message);
                    self.refuse(malformed.id.as_ref(), &fault);
                }
            },
            Line::TooLong(long) => {
                let limit = self.engine.ctx.max_message_bytes;
                let text = format!(
                    "the message has {} bytes; the limit is {limit} (`limits.max_message_bytes`)",
                    long.n_bytes
                );
                self.refuse(None, &Fault::new(code::INVALID_REQUEST, text));
            }
        }
    }

    /// Batches exist in one edition (MCP 2025-03-26, basic, batching); `initialize` may not be in one.
    fn on_batch(&mut self, members: Vec<Result<Message, crate::protocol::Malformed>>) {
        if self.legacy.as_ref().is_none_or(|f| f.revision != Revision::V2025_03_26) {
            let text = "JSON-RPC batches exist in MCP 2025-03-26 only, after `initialize`: send one message a line";
            return self.refuse(None, &Fault::new(code::INVALID_REQUEST, text));
        }
        let is_request = |m: &Message| m.kind() == Kind::Request;
        let waiting = members.iter().flatten().filter(|m| is_request(m)).filter_map(Message::id).collect();
        self.batches.push(Batch { waiting, answers: Vec::new() });
        for member in members {
            match member {
                Ok(message) if message.text(Field::Method).as_deref() == Some(Method::Initialize.name()) => {
                    let fault = Fault::new(code::INVALID_REQUEST, "`initialize` must not be part of a batch");
                    self.refuse(message.id().as_ref(), &fault);
                }
                Ok(message) => self.on_message(message),
                Err(malformed) => {
                    let text = super::answer::refusal(malformed.id.as_ref(), &Fault::from(&malformed));
                    if let Some(batch) = self.batches.last_mut() {
                        batch.answers.push(text.into());
                    }
                }
            }
        }
        self.finish_batches();
    }

    fn on_message(&mut self, message: Message) {
        match message.kind() {
            Kind::Request => self.on_request(message),
            Kind::Notification => self.on_client_note(message),
            Kind::Response | Kind::Error => self.on_client_answer(message),
        }
    }

    fn on_delivery(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Answer(answer) => self.on_answer(&answer),
            Delivery::Progress { client_id, message } => self.on_progress(&client_id, &message),
            Delivery::Upcall(upcall) => self.on_upcall(*upcall),
            Delivery::UpcallCancelled { port, generation, server_id, message } => {
                self.on_upcall_cancelled(&port, generation, &server_id, &message);
            }
            Delivery::Note(note) => self.on_server_note(&note),
            Delivery::Cancel(call) => self.on_cancelled_by_hand(call),
            Delivery::Close => {
                self.end_listens();
                let until = self.now + CLOSE_GRACE;
                self.closing = Some(self.closing.map_or(until, |c| c.min(until)));
            }
        }
    }

    /// Whether notifications are to be dropped because the client does not keep up.
    pub(super) fn is_behind(&self) -> bool {
        self.outbox.len() > OUTBOX_BUSY
    }

    /// The client has left: nothing of it stays anywhere.
    fn leave(mut self) {
        self.drop_questions();
        self.peer.mailbox.close();
        self.engine.ctx.peers.remove(self.peer.id);
        self.engine.clients.remove(self.peer.id);
        let ports: Vec<Arc<Port>> = self.engine.ports.borrow().values().cloned().collect();
        // Calls may still be with a server that was replaced meanwhile.
        let replaced = self.calls.values().map(|a| &a.port).filter(|p| !ports.iter().any(|q| Arc::ptr_eq(p, q)));
        for port in ports.iter().chain(replaced) {
            // A task that has ended needs no word.
            let _ = port.control.push_owed(Control::Detach(self.peer.id));
        }
        self.abandon_calls();
        self.status.n_in_flight.store(0, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.peer.id).finish_non_exhaustive()
    }
}
