//! [`Session`]: one client, its calls in flight, and what it does when something comes. It reads no bytes and writes none:
//! [`super::Piped`] and `session/http/` bring its messages and take its answers.
//!
//! Dropping it is the client's leaving: its calls are cancelled, nothing of it stays anywhere.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use foldhash::HashMap;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::clients::ClientStatus;
use super::engine::Engine;
use super::entrance::{Entrance, Grant};
use super::held::{Held, Resumed};
use super::http::Envelope;
use super::listen::Listen;
use super::lists::{ParkedCall, ParkedList};
use super::near_ports::NearPorts;
use super::news::{self, News};
use super::out::Out;
use super::parks::Word;
use super::rounds::Rounds;
use super::sight::Sight;
use crate::backend::{ClientFacts, Control, Delivery, Peer, Port};
use crate::catalog::{Catalog, Scope};
use crate::config::{Access, Config};
use crate::protocol::{CallId, Fault, Field, Kind, Message, Method, RequestId, Revision, SessionId, code};
use crate::transport::Mailbox;

/// Notifications waiting for one session, at most; answers are not counted here.
const N_DELIVERIES: usize = 4096;
/// Over this many bytes notifications are dropped: the client does not keep up.
const OUTBOX_BUSY: usize = 8 << 20;
/// Answers may leave within this time when the engine shuts down.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// How long `initialize` waits for what is remembered of the servers, so that it can carry their instructions.
pub(super) const OPENING_WAIT: Duration = Duration::from_millis(25);

/// One client.
pub(super) struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) out: Out,
    pub(super) peer: Arc<Peer>,
    pub(super) status: Arc<ClientStatus>,
    /// Shared with other sessions of the same client: then it stays when this one ends.
    pub(super) shares_status: bool,
    pub(super) catalog_rx: watch::Receiver<Arc<Catalog>>,
    /// What it sees of the catalog.
    pub(super) catalog: Arc<Catalog>,
    /// How much of it that is.
    pub(super) scope: Scope,
    /// What servers list for it in the place of what they list for everybody.
    pub(super) sight: Sight,
    /// Where that comes from.
    pub(super) grant: Grant,
    /// What it was let in with.
    pub(super) granted: Arc<Access>,
    pub(super) config_rx: watch::Receiver<Arc<Config>>,
    /// What of it every call asks for.
    pub(super) limits: CallLimits,
    /// The folders it works in: the one it was started in, then those it said.
    pub(super) folders: Vec<Arc<Path>>,
    /// How many of them it did not say itself.
    pub(super) n_own_folders: usize,
    /// Our question for them.
    pub(super) asked_folders: Option<u64>,
    /// It has opened the talk (`notifications/initialized`): it can be asked.
    pub(super) is_open: bool,
    deliveries: VecDeque<Delivery>,
    /// What the client said of itself in `initialize`.
    pub(super) legacy: Option<Arc<ClientFacts>>,
    /// What it said in its last modern request.
    pub(super) modern: Option<Arc<ClientFacts>>,
    /// By the client's id.
    pub(super) calls: HashMap<RequestId, Active>,
    /// Of the servers it calls.
    pub(super) near_ports: NearPorts,
    /// Instances that have had something of this session.
    pub(super) used: Vec<Arc<Port>>,
    /// Servers' questions to this client, by our id.
    pub(super) questions: HashMap<u64, super::upcall::Question>,
    pub(super) n_questions: u64,
    /// Calls between two of their rounds, by the client's id.
    pub(super) rounds: Vec<RequestId>,
    pub(super) parked_lists: Vec<ParkedList>,
    pub(super) parked_calls: Vec<ParkedCall>,
    /// Messages that somebody at the terminal wants to see first.
    pub(super) held: Vec<Held>,
    /// The call at hand was held: it has a row already.
    pub(super) resumed: Option<Resumed>,
    /// What HTTP says around what is being read.
    pub(super) envelope: Option<Arc<Envelope>>,
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
    pub(super) closing: Option<Instant>,
    pub(super) now: Instant,
    /// The time of day of what was read last.
    pub(super) wall: SystemTime,
    /// Calls in flight as they were counted last.
    n_counted: u64,
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
    /// The name or URI as the client wrote it.
    pub(super) shown: Option<Arc<str>>,
    /// The server's own URI and the one the client knows, where they differ.
    pub(super) uris: Option<(Arc<str>, Arc<str>)>,
    /// The number it is kept under beside us, because the client can be asked something in it.
    pub(super) kept: Option<SessionId>,
    /// The progress that was passed back last.
    pub(super) progress: f64,
    /// How long it was held before it went on.
    pub(super) held: Duration,
    /// How long its answer was held, and that answer as it came.
    pub(super) held_answer: Option<Box<(Duration, Bytes)>>,
    /// Once its server has wanted to know something first.
    pub(super) rounds: Option<Box<Rounds>>,
}

/// A batch of the 2025-03-26 edition: answered as one array.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) waiting: Vec<RequestId>,
    pub(super) answers: Vec<Bytes>,
    /// Where the array goes, if it came by a POST.
    pub(super) reply: Option<super::http::Reply>,
}

impl Session {
    /// A session that answers by `out`.
    pub(super) fn new(engine: Arc<Engine>, out: Out, entrance: Entrance) -> Self {
        let status = engine.clients.add(entrance.via, &entrance.principal, &entrance.name);
        let id = status.id;
        Self::with(engine, out, entrance, status, id, false)
    }

    /// A session that lives for one request of a client that is known by `status`.
    pub(super) fn brief(engine: Arc<Engine>, out: Out, entrance: Entrance, status: Arc<ClientStatus>) -> Self {
        let id = engine.clients.next_id();
        Self::with(engine, out, entrance, status, id, true)
    }

    fn with(
        engine: Arc<Engine>,
        out: Out,
        entrance: Entrance,
        status: Arc<ClientStatus>,
        id: SessionId,
        shares_status: bool,
    ) -> Self {
        let peer = Arc::new(Peer::new(id, entrance.principal, Mailbox::new(N_DELIVERIES)));
        engine.ctx.peers.add(peer.clone());
        let mut config_rx = engine.config.clone();
        config_rx.mark_unchanged();
        let limits = CallLimits::of(&engine);
        let mut catalog_rx = engine.catalog.clone();
        let catalog = engine.views.of(&catalog_rx.borrow_and_update().clone(), &entrance.scope);
        Self {
            out,
            peer,
            status,
            shares_status,
            catalog_rx,
            catalog,
            granted: entrance.scope.access.clone(),
            scope: entrance.scope,
            sight: Sight::default(),
            grant: entrance.grant,
            config_rx,
            limits,
            n_own_folders: entrance.folder.iter().len(),
            folders: entrance.folder.into_iter().collect(),
            asked_folders: None,
            is_open: false,
            deliveries: VecDeque::new(),
            legacy: None,
            modern: None,
            calls: HashMap::default(),
            near_ports: NearPorts::default(),
            used: Vec::new(),
            questions: HashMap::default(),
            n_questions: 0,
            rounds: Vec::new(),
            parked_lists: Vec::new(),
            parked_calls: Vec::new(),
            held: Vec::new(),
            resumed: None,
            envelope: None,
            parked_opening: None,
            listens: Vec::new(),
            seen: [const { None }; 4],
            tell_at: None,
            batches: Vec::new(),
            closing: None,
            now: Instant::now(),
            wall: SystemTime::now(),
            n_counted: 0,
            engine,
        }
    }

    /// Waits for the next thing that comes from the servers' side or is due, and acts on it.
    ///
    /// # Cancel safety
    /// Cancel safe: what has come is acted on before this returns.
    pub(super) async fn happens(&mut self, waits: &mut Waits) {
        let Waits { sleep, news, has_waited } = waits;
        // What is polled stays where it is: moving it costs more than looking at it.
        let mut once =
            (!std::mem::replace(has_waited, true)).then(|| Box::pin(news::changed(&self.config_rx, &self.catalog_rx)));
        if once.is_none() && news.is_none() {
            *news = Some(News::of(self));
        }
        let heard = poll_fn(|cx| match (&mut once, news.as_mut()) {
            (Some(once), _) => once.as_mut().poll(cx),
            (None, Some(news)) => Pin::new(news).poll(cx),
            (None, None) => Poll::Pending,
        });
        let wake = self.next_wake();
        if let Some(at) = wake {
            match sleep {
                None => *sleep = Some(Box::pin(tokio::time::sleep_until(at.into()))),
                Some(sleep) if sleep.deadline().into_std() != at => sleep.as_mut().reset(at.into()),
                Some(_) => {}
            }
        }
        let due = poll_fn(|cx| match sleep {
            Some(sleep) if wake.is_some() => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        });
        tokio::select! { biased;
            () = self.peer.mailbox.ready() => {
                self.now = Instant::now();
                self.take_deliveries();
            }
            () = heard => {
                self.hears();
                if let Some(news) = news {
                    news.begin_again(self);
                }
            }
            () = due => {
                self.now = Instant::now();
                self.on_timer();
            }
        }
    }

    /// The configuration or the catalog is another one.
    pub(super) fn hears(&mut self) {
        self.now = Instant::now();
        self.take_config_first();
        if self.catalog_rx.has_changed().is_ok_and(|is| is) {
            self.take_catalog();
        }
    }

    /// Something is read now.
    pub(super) fn reads(&mut self) {
        self.now = Instant::now();
        self.wall = SystemTime::now();
        self.take_config_first();
    }

    pub(super) fn take_deliveries(&mut self) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.peer.mailbox.drain(&mut deliveries);
        while !deliveries.is_empty() {
            // Mostly there is nothing else, and they are only looked at.
            let mut n_answers = 0;
            while let Some(Delivery::Answer(answer)) = deliveries.get(n_answers)
                && !self.intercepts()
            {
                self.on_answer(answer);
                n_answers += 1;
            }
            deliveries.drain(..n_answers);
            if let Some(delivery) = deliveries.pop_front() {
                self.on_delivery(delivery);
            }
        }
        self.deliveries = deliveries;
    }

    pub(super) fn take_catalog(&mut self) {
        let main = self.catalog_rx.borrow_and_update().clone();
        self.on_catalog(&main);
    }

    /// Whether the session goes on. After its client or the engine has closed it, what was asked for may still be
    /// answered for a while.
    pub(super) fn goes_on(&self) -> bool {
        let parked = !self.parked_lists.is_empty() || !self.parked_calls.is_empty() || self.parked_opening.is_some();
        let busy = !self.calls.is_empty() || parked || !self.held.is_empty();
        !self.out.is_lost() && self.closing.is_none_or(|until| self.now < until && (busy || !self.out.lines.is_empty()))
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let lists = self.parked_lists.iter().map(|l| l.deadline).chain(self.parked_calls.iter().map(|c| c.deadline));
        let opening = self.parked_opening.as_ref().map(|o| o.until);
        lists
            .chain(opening)
            .chain(self.tell_at)
            .chain(self.closing)
            .chain(self.next_round())
            .chain(self.next_held())
            .min()
    }

    pub(super) fn on_timer(&mut self) {
        if self.parked_opening.as_ref().is_some_and(|o| o.until <= self.now) {
            self.answer_opening();
        }
        self.answer_lists();
        self.retry_calls();
        self.rounds_are_due();
        self.held_are_due();
        if self.tell_at.is_some_and(|at| at <= self.now) {
            self.tell_at = None;
            self.tell_changed_lists();
        }
    }

    fn on_catalog(&mut self, main: &Arc<Catalog>) {
        self.looks_again();
        self.on_view(self.engine.views.with(main, &self.scope, &self.sight.others));
    }

    /// What the client sees is this now.
    pub(super) fn on_view(&mut self, view: Arc<Catalog>) {
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

    /// Batches exist in one edition (MCP 2025-03-26, basic, batching); `initialize` may not be in one.
    pub(super) fn on_batch(
        &mut self,
        members: Vec<Result<Message, crate::protocol::Malformed>>,
        reply: Option<super::http::Reply>,
    ) {
        if self.legacy.as_ref().is_none_or(|f| f.revision != Revision::V2025_03_26) {
            let text = "JSON-RPC batches exist in MCP 2025-03-26 only, after `initialize`: send one message a line";
            return self.refuse(None, &Fault::new(code::INVALID_REQUEST, text));
        }
        let is_request = |m: &Message| m.kind() == Kind::Request;
        let waiting = members.iter().flatten().filter(|m| is_request(m)).filter_map(Message::id).collect();
        self.batches.push(Batch { waiting, answers: Vec::new(), reply });
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

    pub(super) fn on_message(&mut self, message: Message) {
        match message.kind() {
            Kind::Request => self.on_request(message),
            Kind::Notification => self.on_client_note(message),
            Kind::Response | Kind::Error => self.on_client_answer(message),
        }
    }

    fn on_delivery(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Answer(answer) => self.on_answer_come(answer),
            Delivery::Wants(wants) => self.on_wants(*wants),
            Delivery::Progress { client_id, message, .. } => self.on_progress(&client_id, &message),
            Delivery::Upcall(upcall) => self.on_upcall(*upcall),
            Delivery::UpcallCancelled { port, generation, server_id, message, .. } => {
                self.on_upcall_cancelled(&port, generation, &server_id, &message);
            }
            Delivery::Moved { client_id, call, port, .. } => self.on_moved(&client_id, call, &port),
            Delivery::Lost(port) => self.on_lost(&port),
            Delivery::Lists => self.on_lists(),
            Delivery::Unkept => self.on_unkept(),
            #[cfg(test)]
            Delivery::Panic => panic!("as a test wanted it"),
            Delivery::Note(note) => self.on_server_note(&note),
            Delivery::Cancel(call) => self.on_cancelled_by_hand(call),
            Delivery::Verdict(call, verdict) => self.on_verdict(call, *verdict),
            Delivery::Close => {
                self.let_go();
                self.end_listens();
                let until = self.now + CLOSE_GRACE;
                self.closing = Some(self.closing.map_or(until, |c| c.min(until)));
            }
        }
    }

    /// Whether notifications are to be dropped because the client does not keep up.
    pub(super) fn is_behind(&self) -> bool {
        self.out.lines.len() > OUTBOX_BUSY
    }

    /// Calls have begun or ended.
    pub(super) fn count(&mut self) {
        let n = self.calls.len() as u64;
        // Shared by several sessions of one client: the difference counts.
        self.status.in_flight(n.wrapping_sub(self.n_counted));
        self.n_counted = n;
    }

    /// The client has left: nothing of it stays anywhere.
    fn leave(&mut self) {
        self.out.close();
        self.abandon_held();
        self.drop_questions();
        self.peer.mailbox.close();
        self.engine.ctx.peers.remove(self.peer.id);
        if !self.shares_status {
            self.engine.clients.remove(self.peer.id);
        }
        if self.legacy.is_some() || !self.listens.is_empty() {
            // What it wants of servers may have moved to other instances since, and its level counts everywhere.
            let (ports, peer) = (self.engine.ports.borrow().clone(), self.peer.clone());
            for port in ports.values().flat_map(|p| p.open_to(&peer)) {
                self.uses(&port);
            }
        }
        for port in &self.used {
            // A task that has ended needs no word.
            let _ = port.control.push_owed(Control::Detach(self.peer.id));
        }
        self.abandon_calls();
        if !self.shares_status && self.modern.is_some() {
            self.engine.parks.tell(Word::Gone(self.peer.id));
        }
    }
}

/// However a session ends, by its loop, by being dropped with its request or by a mistake of ours: the others hear of it.
impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Limits as the configuration has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallLimits {
    /// Calls in flight.
    pub(super) n_max: usize,
    /// The guard counts requests of anybody, or to any server.
    pub(super) has_rates: bool,
}

impl CallLimits {
    pub(super) fn of(engine: &Engine) -> Self {
        Self { n_max: engine.config.borrow().limits.max_concurrent, has_rates: engine.guard.has_rates() }
    }
}

/// What a session without a link waits with; it stays from one time to the next.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Made when something is due for the first time: most have nothing due.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Made when it waits for the second time: many wait once.
    news: Option<News>,
    has_waited: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.peer.id).finish_non_exhaustive()
    }
}
