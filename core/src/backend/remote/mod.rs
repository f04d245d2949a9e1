//! [`Remote`]: a server reached by URL, in whichever of the three ways it speaks HTTP.
//!
//! Knows sessions, headers and streams, so that an instance need not: to it this is a wire like a pipe, only that what comes
//! says which request it came with. Requests run as tasks of its own and end with it. Nothing that may have been processed
//! is sent twice: only what a server refused because it had forgotten our session.

mod endpoint;
mod exchange;
mod events;
mod headers;
mod incoming;
mod opening;
mod renew;
mod stream;
mod trouble;
mod wake;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

pub(super) use endpoint::Endpoint;
pub(super) use headers::{ParamHeaders, param_headers};
pub(super) use trouble::{Trouble, TroubleKind};

use super::wire::Parcel;
use crate::observe::Observer;
use crate::protocol::{CallId, Era, Kind, Message, Spliced, WireId};
use crate::transport::http::Url;
use exchange::{Exchange, SESSION};
use stream::GetStream;

/// What requests' tasks may have said before they have to wait for the instance.
const N_SAID: usize = 256;
/// Taken from it at a time.
const N_TAKEN: usize = 64;
/// Notifications and answers on their way at the same time, beside the calls.
const N_NOTES: usize = 64;
/// How long the end of a session may take.
const FAREWELL: Duration = Duration::from_millis(1500);

/// How a server speaks HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Streamable HTTP, 2025-03-26 to 2025-11-25: sessions.
    Legacy,
    /// Streamable HTTP, 2026-07-28: every request stands for itself.
    Modern,
    /// HTTP+SSE of 2024-11-05: one stream for all that comes.
    Sse,
}

/// A message of ours.
#[derive(Clone, Debug)]
pub(super) struct Held {
    body: Bytes,
    parcel: Parcel,
    /// Where what HTTP says around it is kept.
    row: Option<CallId>,
    /// It was refused once because the session was forgotten.
    again: bool,
}

impl Held {
    const fn wire(&self) -> Option<WireId> {
        match self.parcel {
            Parcel::Request(wire) | Parcel::Initialize(wire) => Some(wire),
            Parcel::Initialized | Parcel::Ahead | Parcel::Note => None,
        }
    }

    /// Whether what is pushed behind it waits until it has arrived.
    const fn holds_back(&self) -> bool {
        matches!(self.parcel, Parcel::Initialized | Parcel::Ahead)
    }
}

/// What tasks tell.
#[derive(Debug)]
enum Said {
    Message {
        from: Option<WireId>,
        message: Message,
    },
    Junk {
        bytes: Bytes,
        why: String,
    },
    TooLong {
        n_bytes: usize,
    },
    Alive(WireId),
    /// `initialize` was accepted, with this session.
    Opened(Option<HeaderValue>),
    /// What held the others back is through.
    Sent(Parcel),
    Failed {
        wire: Option<WireId>,
        trouble: Box<Trouble>,
    },
    /// The server does not know the session `number` any more; `held` was not processed.
    NoSession {
        number: u32,
        held: Option<Held>,
    },
    /// Where a server of 2024-11-05 takes messages.
    Endpoint(Url),
    /// The stream that was the session has ended.
    Lost(Box<Trouble>),
    /// A new session in the place of a forgotten one.
    Renewed {
        session: Option<HeaderValue>,
        message: Message,
    },
}

/// What an instance is told.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message; `from` is the request whose stream it came on.
    Message { from: Option<WireId>, message: Message },
    /// Something that is no message.
    Junk { bytes: Bytes, why: String },
    /// An event over the limit: skipped.
    TooLong { n_bytes: usize },
    /// The answer to this request is on its way.
    Alive(WireId),
    /// A request will not be answered.
    Failed { wire: WireId, trouble: Box<Trouble> },
    /// There is a new session; this answered its `initialize`.
    Renewed(Message),
    /// The server cannot be used any more.
    Lost(Box<Trouble>),
}

/// Why nothing is sent just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Until what was sent last has arrived.
    Behind,
    /// Until there is a new session.
    Renewing,
    /// Until it is known where messages are posted.
    Endpoint,
}

/// A server reached by URL.
#[derive(Debug)]
pub(super) struct Remote {
    endpoint: Arc<Endpoint>,
    observer: Arc<Observer>,
    lane: Lane,
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Counts sessions: what an older one says of itself does not count.
    number: u32,
    /// All headers of a request.
    head: Arc<HeaderMap>,
    /// Where messages of 2024-11-05 are posted.
    address: Option<Url>,
    tasks: JoinSet<()>,
    posts: HashMap<WireId, AbortHandle>,
    stream: Option<AbortHandle>,
    said: mpsc::Sender<Said>,
    hears: mpsc::Receiver<Said>,
    arrived: VecDeque<Said>,
    gate: Gate,
    held: VecDeque<Held>,
    n_held_bytes: usize,
    max_tasks: usize,
    /// Longest time for a new session.
    patience: Duration,
    /// The body of our `initialize`, for a new session.
    initialize: Option<Bytes>,
    /// Arguments of tools that travel as headers too.
    pub(super) params: ParamHeaders,
    /// `subscriptions/listen` under way: their streams are watched for the machine's sleep.
    listens: Option<WireId>,
}

impl Remote {
    /// Nothing is sent yet. At most `max_concurrent` calls are under way at the same time; a session that was forgotten is
    /// renewed within `patience`.
    pub(super) fn new(endpoint: Endpoint, observer: Arc<Observer>, max_concurrent: usize, patience: Duration) -> Self {
        let (said, hears) = mpsc::channel(N_SAID);
        let mut remote = Self {
            endpoint: Arc::new(endpoint),
            observer,
            lane: Lane::Legacy,
            session: None,
            version: None,
            number: 0,
            head: Arc::default(),
            address: None,
            tasks: JoinSet::new(),
            posts: HashMap::new(),
            stream: None,
            said,
            hears,
            arrived: VecDeque::new(),
            gate: Gate::Open,
            held: VecDeque::new(),
            n_held_bytes: 0,
            max_tasks: max_concurrent.saturating_add(N_NOTES),
            patience,
            initialize: None,
            params: ParamHeaders::default(),
            listens: None,
        };
        remote.make_head();
        remote
    }

    /// So many calls may be under way from now on.
    pub(super) fn set_max_concurrent(&mut self, n: usize) {
        self.max_tasks = n.saturating_add(N_NOTES);
    }

    /// The headers of a request as they are now.
    fn make_head(&mut self) {
        let mut head = self.endpoint.headers.clone();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(session) = &self.session {
            head.insert(SESSION, session.clone());
        }
        if let Some(version) = &self.version {
            head.insert(headers::VERSION, version.clone());
        }
        self.head = Arc::new(head);
    }

    /// Whether the server keeps a session for us: one with an id, or the stream that is one.
    pub(super) fn has_session(&self) -> bool {
        self.session.is_some() || self.lane == Lane::Sse
    }

    /// The edition that is spoken from now on.
    pub(super) fn speak(&mut self, era: Era) {
        self.lane = match (era, self.lane) {
            (Era::Modern, _) => Lane::Modern,
            (Era::Legacy, Lane::Sse) => Lane::Sse,
            (Era::Legacy, _) => Lane::Legacy,
        };
        self.version = (era == Era::Modern).then(|| HeaderValue::from_static(headers::MODERN));
        self.session = None;
        self.make_head();
    }

    /// The server has answered `initialize` with this edition.
    pub(super) fn agreed(&mut self, version: &str) {
        // Whatever it answers is what it wants to hear.
        self.version = HeaderValue::from_str(version).ok().filter(|v| !v.is_empty());
        self.make_head();
    }

    /// Goes over to HTTP+SSE of 2024-11-05: opens the stream that says where messages are posted.
    fn use_sse(&mut self) {
        self.lane = Lane::Sse;
        self.session = None;
        self.version = None;
        self.gate = Gate::Endpoint;
        self.make_head();
        let stream = self.get_stream();
        self.stream = Some(self.tasks.spawn(stream.be_session()));
    }

    fn get_stream(&self) -> GetStream {
        GetStream {
            endpoint: self.endpoint.clone(),
            head: self.head.clone(),
            session: self.session.as_ref().map(|_| self.number),
            said: self.said.clone(),
        }
    }

    /// Opens the stream a legacy server may speak on without being asked, in the place of the one before.
    fn open_stream(&mut self) {
        if let Some(before) = self.stream.take() {
            before.abort();
        }
        let stream = self.get_stream();
        self.stream = Some(self.tasks.spawn(stream.keep()));
    }

    /// Bytes that wait to be sent.
    pub(super) const fn waiting(&self) -> usize {
        self.n_held_bytes
    }

    /// Sends a message, or keeps it until it can be sent; `row` is the journal's row it belongs to.
    pub(super) fn push(&mut self, body: Bytes, parcel: Parcel, row: Option<CallId>) {
        if let Parcel::Initialize(_) = parcel {
            self.initialize = Some(body.clone());
        }
        let held = Held { body, parcel, row, again: false };
        while self.tasks.try_join_next().is_some() {}
        let passes = match self.gate {
            Gate::Open => self.held.is_empty() && self.tasks.len() < self.max_tasks,
            Gate::Behind | Gate::Renewing | Gate::Endpoint => false,
        };
        if passes { self.send(held) } else { self.hold(held) }
    }

    fn hold(&mut self, held: Held) {
        self.n_held_bytes += held.body.len();
        self.held.push_back(held);
    }

    fn send(&mut self, held: Held) {
        let mut head = self.head.clone();
        if self.lane == Lane::Modern {
            headers::add(Arc::make_mut(&mut head), &held.body, &self.params);
        }
        if held.holds_back() {
            self.gate = Gate::Behind;
        }
        let wire = held.wire();
        let opens = matches!(held.parcel, Parcel::Initialize(_));
        let exchange = Exchange {
            endpoint: self.endpoint.clone(),
            observer: self.observer.clone(),
            url: self.address.clone(),
            lane: self.lane,
            head,
            session: self.session.as_ref().map(|_| self.number),
            opens,
            listens: wire.is_some() && wire == self.listens,
            held,
            said: self.said.clone(),
        };
        let handle = self.tasks.spawn(exchange.run());
        if let Some(wire) = wire {
            self.posts.insert(wire, handle);
        }
    }

    /// The next request is `subscriptions/listen`, under this id.
    pub(super) fn listens(&mut self, wire: WireId) {
        self.listens = Some(wire);
    }

    /// Sends what was held back, as far as possible.
    fn flush(&mut self) {
        while self.gate == Gate::Open
            && self.tasks.len() < self.max_tasks
            && let Some(held) = self.held.pop_front()
        {
            self.n_held_bytes -= held.body.len();
            self.send(held);
        }
    }

    /// Takes a request back: its connection is dropped, and a server with sessions is told.
    pub(super) fn cancel(&mut self, wire: WireId, note: &Spliced) {
        if let Some(at) = self.held.iter().position(|h| h.wire() == Some(wire)) {
            if let Some(held) = self.held.remove(at) {
                self.n_held_bytes -= held.body.len();
            }
            return;
        }
        if let Some(post) = self.posts.remove(&wire) {
            post.abort();
        }
        if self.lane != Lane::Modern {
            self.push(note.to_bytes(), Parcel::Note, None);
        }
    }

    /// Waits until something has been said.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn step(&mut self) {
        if self.arrived.is_empty() {
            let waits = self.gate == Gate::Open && !self.held.is_empty();
            tokio::select! { biased;
                Some(said) = self.hears.recv() => self.arrived.push_back(said),
                // A notification is through without a word: there is room for what waits.
                Some(_) = self.tasks.join_next(), if waits => {}
                else => {}
            }
        }
        while self.arrived.len() < N_TAKEN
            && let Ok(said) = self.hears.try_recv()
        {
            self.arrived.push_back(said);
        }
    }

    /// The next thing that concerns the instance.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        while let Some(said) = self.arrived.pop_front() {
            let incoming = self.take(said);
            if incoming.is_some() {
                return incoming;
            }
        }
        while self.tasks.try_join_next().is_some() {}
        if !self.held.is_empty() {
            self.flush();
        }
        None
    }

    fn take(&mut self, said: Said) -> Option<Incoming> {
        match said {
            Said::Message { from, message } => {
                if let Some(wire) = from
                    && matches!(message.kind(), Kind::Response | Kind::Error)
                {
                    self.posts.remove(&wire);
                }
                Some(Incoming::Message { from, message })
            }
            Said::Junk { bytes, why } => Some(Incoming::Junk { bytes, why }),
            Said::TooLong { n_bytes } => Some(Incoming::TooLong { n_bytes }),
            Said::Alive(wire) => Some(Incoming::Alive(wire)),
            Said::Opened(session) => {
                self.session = session;
                self.make_head();
                None
            }
            Said::Sent(parcel) => {
                if self.gate == Gate::Behind {
                    self.gate = Gate::Open;
                }
                if self.lane == Lane::Legacy && parcel == Parcel::Initialized {
                    self.open_stream();
                }
                self.flush();
                None
            }
            Said::Failed { wire: Some(wire), trouble } => {
                self.posts.remove(&wire);
                Some(Incoming::Failed { wire, trouble })
            }
            Said::Failed { wire: None, trouble } => {
                tracing::debug!("a notification or an answer was not accepted: it {}", trouble.message);
                None
            }
            Said::NoSession { number, held } => self.on_no_session(number, held),
            Said::Endpoint(url) => {
                self.address = Some(url);
                if self.gate == Gate::Endpoint {
                    self.gate = Gate::Open;
                }
                self.flush();
                None
            }
            Said::Lost(trouble) => Some(Incoming::Lost(trouble)),
            Said::Renewed { session, message } => {
                self.session = session;
                self.gate = Gate::Open;
                self.make_head();
                self.open_stream();
                self.flush();
                Some(Incoming::Renewed(message))
            }
        }
    }

    /// Ends what is under way, and the session if there is one.
    pub(super) async fn close(mut self) {
        self.tasks.abort_all();
        if self.session.is_none() || self.lane != Lane::Legacy {
            return;
        }
        let mut head = (*self.head).clone();
        head.remove(header::CONTENT_TYPE);
        let none = Bytes::new();
        let end = self.endpoint.client.send(&Method::DELETE, &self.endpoint.url, &head, &none);
        match tokio::time::timeout(FAREWELL, end).await {
            Ok(Ok(response)) => tracing::debug!(status = %response.status(), "the session is ended"),
            Ok(Err(error)) => tracing::debug!("the session could not be ended: {error}"),
            Err(_) => tracing::debug!("the server took too long to end the session"),
        }
    }
}
