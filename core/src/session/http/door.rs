//! [`Door`]: what a request is, who answers it, and what it is refused with. The order of the checks is that of
//! protocol.md 3.1: where it comes from, who sends it, how large it is, whether it is JSON, whether it is a message, what its
//! headers say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderValue;
use http::request::Parts;
use http::{Method as Verb, Response, StatusCode};
use hyper::Request;
use hyper::body::Incoming;
use tokio::task::JoinSet;

use super::envelope::Envelope;
use super::handle::Handle;
use super::known::Known;
use super::place::Place;
use super::post::Reading;
use super::sessions::{NotOpened, Sessions};
use super::stream::Style;
use super::{headers, response};
use crate::catalog::Scope;
use crate::config::Server;
use crate::guard::{Preflight, Refused, Visitor, exposed};
use crate::protocol::{Fault, Kind, Message, RequestId, Revision, code};
use crate::session::{Engine, Entrance, Grant};
use crate::transport::http::{Body, Serve};

/// Between two looks for what is idle.
const SWEEP: Duration = Duration::from_secs(5);
/// What the endpoint takes.
const ALLOW: &str = "GET, POST, DELETE, OPTIONS";
/// What the stream of 2024-11-05 takes.
const ALLOW_SSE: &str = "GET, OPTIONS";
/// And its other half.
const ALLOW_MESSAGES: &str = "POST, OPTIONS";
/// Bytes of a path that are repeated to whoever asked for it, and in the log.
const MAX_SHOWN: usize = 200;

/// The door for clients by HTTP; clones are the same door.
#[derive(Clone, Debug)]
pub struct Door(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) engine: Arc<Engine>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) known: Known,
    /// The bodies that are being read.
    pub(super) reading: Reading,
    /// The sessions at work that no response body carries.
    tasks: Mutex<JoinSet<()>>,
    is_closing: AtomicBool,
}

impl Serve for Door {
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Body>> + Send {
        let (mut head, body) = request.into_parts();
        let mut body = Some(body);
        let inner = self.0.clone();
        // In a box of its own: every open connection keeps room for one of these. What it has it has once, and lends it.
        Box::pin(async move { inner.answer(&mut head, &mut body, &peer).await })
    }
}

impl Inner {
    async fn answer(
        self: &Arc<Self>,
        head: &mut Parts,
        body: &mut Option<Incoming>,
        peer: &SocketAddr,
    ) -> Response<Body> {
        let count = |response: &Response<Body>, head: &Parts| {
            self.engine.ctx.observer.http.count(head.method.as_str(), response.status().as_u16());
        };
        let visitor = match self.admit(head, *peer) {
            Ok(visitor) => visitor,
            Err(response) => {
                count(&response, head);
                return response;
            }
        };
        let path = head.uri.path().to_owned();
        let is_post = head.method == Verb::POST;
        let envelope = is_post.then(|| Arc::new(Envelope::new(head, &self.engine.ctx.observer)));
        let response = self.visit(head, body, &visitor, envelope.as_ref()).await;
        count(&response, head);
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            tracing::info!(%peer, status = status.as_u16(), "{} {} was refused", head.method, shown(&path));
        }
        let mut response = with_cors(response, visitor.cors);
        if let Some(envelope) = envelope {
            envelope.answered(&mut response, &self.engine.ctx.observer);
        }
        response
    }
}

/// The beginning of a path. What is no plain character stands in it as `%..`: cutting cuts none in two.
fn shown(path: &str) -> &str {
    path.get(..MAX_SHOWN).unwrap_or(path)
}

/// The same response, readable by a page of this origin.
fn with_cors(mut response: Response<Body>, origin: Option<HeaderValue>) -> Response<Body> {
    if let Some(origin) = origin {
        response.headers_mut().extend(exposed(&origin));
    }
    response
}

/// A request that the guard does not let pass.
fn stopped(refused: Refused, id: Option<&RequestId>) -> Response<Body> {
    let Refused { status, fault, headers, cors } = refused;
    let mut response = response::refused(status, id, &fault);
    response.headers_mut().extend(headers);
    with_cors(response, cors)
}

impl Door {
    /// The door at `proxy.path`, whatever that is at the moment.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self(Arc::new(Inner {
            engine,
            sessions: Arc::new(Sessions::new()),
            known: Known::default(),
            reading: Reading::default(),
            tasks: Mutex::default(),
            is_closing: AtomicBool::new(false),
        }))
    }

    /// Looks after the sessions; never ready.
    pub async fn keep(&self) {
        let mut sweep = tokio::time::interval(SWEEP);
        let mut config = self.0.engine.config.clone();
        loop {
            // With another configuration somebody may not be welcome any more.
            tokio::select! { biased;
                _ = sweep.tick() => {}
                Ok(()) = config.changed() => {}
            }
            let guard = &self.0.engine.guard;
            let idle = self.0.engine.config.borrow().limits.session_idle;
            self.0.sessions.sweep(idle, |principal| guard.access_of(principal).is_some());
            self.0.known.sweep(&self.0.engine.clients);
            self.0.reap();
        }
    }

    /// Nobody new is let in any more.
    pub fn close(&self) {
        self.0.is_closing.store(true, Ordering::Relaxed);
    }

    /// Waits until the sessions have ended, each for its own reason.
    pub async fn ended(&self) {
        let mut tasks = std::mem::take(&mut *self.0.tasks());
        while let Some(ended) = tasks.join_next().await {
            told(ended);
        }
    }
}

/// A session's task that broke down is logged; its client has to connect again.
fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a session ended unexpectedly; its client has to connect again");
    }
}

impl Inner {
    pub(super) fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reap(&self) {
        let mut tasks = self.tasks();
        while let Some(ended) = tasks.try_join_next() {
            told(ended);
        }
    }

    fn place<'p>(&self, path: &'p str) -> Place<'p> {
        let place = Place::of(self.engine.config.borrow().path.trim_end_matches('/'), path);
        match place {
            Place::Endpoint(Some(_)) if self.engine.is_metrics(path) => Place::Elsewhere,
            place => place,
        }
    }

    /// Who has come; or the answer to who goes no further.
    fn admit(&self, head: &Parts, peer: SocketAddr) -> Result<Visitor, Response<Body>> {
        let guard = &self.engine.guard;
        let admitted = match guard.preflight(head) {
            Some(Ok(Preflight { status, headers })) => {
                let mut response = response::bare(status);
                response.headers_mut().extend(headers);
                return Err(response);
            }
            Some(Err(refused)) => Err(refused),
            None if self.place(head.uri.path()) == Place::Elsewhere => guard.admit_to_page(head, peer),
            None => guard.admit(head),
        };
        admitted.map_err(|refused| {
            tracing::info!(%peer, status = refused.status.as_u16(), "an HTTP request was refused: {}", refused.fault.message);
            stopped(refused, None)
        })
    }

    /// Counts the requests of a body against what its principal may send.
    pub(super) fn count<'m>(
        &self,
        mut requests: impl Iterator<Item = &'m Message>,
        visitor: &Visitor,
        id: Option<&RequestId>,
    ) -> Result<(), Response<Body>> {
        let guard = &self.engine.guard;
        let counted = requests.try_for_each(|m| match m.kind() {
            Kind::Request => guard.allow_call(&visitor.principal, None),
            _ => Ok(()),
        });
        counted.map_err(|after| stopped(after.refused(None), id))
    }

    async fn visit(
        self: &Arc<Self>,
        head: &mut Parts,
        body: &mut Option<Incoming>,
        visitor: &Visitor,
        envelope: Option<&Arc<Envelope>>,
    ) -> Response<Body> {
        if self.is_closing.load(Ordering::Relaxed) {
            return response::failed(StatusCode::SERVICE_UNAVAILABLE, "mcp-proxy is shutting down");
        }
        let path = head.uri.path();
        let (place, server) = match self.place(path) {
            Place::Endpoint(server) => (Place::Endpoint(None), server),
            Place::Sse(server) => (Place::Sse(None), server),
            place => (place, None),
        };
        let scope = match self.scope(server, visitor) {
            Ok(scope) => scope,
            Err(response) => return response,
        };
        match (place, envelope) {
            (Place::Endpoint(_), Some(envelope)) => return self.post(head, body, visitor, scope, envelope).await,
            (Place::Messages, Some(envelope)) => return Box::pin(self.messages(head, body, visitor, envelope)).await,
            _ => {}
        }
        // Anew: the head was lent out in between.
        let path = head.uri.path();
        match (place, head.method.clone()) {
            (Place::Elsewhere, Verb::GET | Verb::HEAD) => match self.engine.ops(path, visitor) {
                Some(page) => {
                    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
                    response::page(status, page.content_type, page.body)
                }
                None => self.nowhere(path),
            },
            (Place::Elsewhere, _) => self.nowhere(path),
            (Place::Endpoint(_), Verb::OPTIONS) => response::options(ALLOW),
            (Place::Sse(_), Verb::OPTIONS) => response::options(ALLOW_SSE),
            (Place::Messages, Verb::OPTIONS) => response::options(ALLOW_MESSAGES),
            (Place::Endpoint(_), Verb::GET) => self.get(head, visitor, &scope),
            (Place::Endpoint(_), Verb::DELETE) => self.delete(head, visitor, &scope),
            (Place::Endpoint(_), _) => response::not_allowed(ALLOW),
            (Place::Sse(_), Verb::GET) => self.sse(head, visitor, scope),
            (Place::Sse(_), _) => response::not_allowed(ALLOW_SSE),
            (Place::Messages, _) => response::not_allowed(ALLOW_MESSAGES),
        }
    }

    /// Where the endpoint is, for people.
    fn endpoint(&self) -> String {
        self.engine.config.borrow().path.clone()
    }

    fn nowhere(&self, path: &str) -> Response<Body> {
        let endpoint = self.endpoint();
        let text = format!("there is nothing at `{}`: the endpoint is `{endpoint}`", shown(path));
        response::failed(StatusCode::NOT_FOUND, text)
    }

    fn scope(&self, server: Option<&str>, visitor: &Visitor) -> Result<Scope, Response<Body>> {
        let server = match server {
            None => None,
            Some(name) => {
                let config = self.engine.config.borrow();
                // What a token does not open is not there for it.
                let is_it = |s: &&Arc<Server>| s.enabled && *s.name == *name && visitor.may_use(name);
                match config.servers.iter().find(is_it) {
                    Some(server) => Some(server.name.clone()),
                    None => {
                        let (name, all) = (shown(name), config.path.as_str());
                        let text = format!(
                            "there is no server `{name}` here: see `servers` in the configuration; all are at `{all}`"
                        );
                        return Err(response::failed(StatusCode::NOT_FOUND, text));
                    }
                }
            }
        };
        Ok(Scope { server, access: visitor.access.clone() })
    }

    /// The session a request names.
    pub(super) fn session(
        &self,
        head: &Parts,
        version: Option<&str>,
        visitor: &Visitor,
        scope: &Scope,
    ) -> Result<Arc<Handle>, (StatusCode, Fault)> {
        if let Some(version) = version.filter(|v| Revision::from_date(v).is_none()) {
            return Err((StatusCode::BAD_REQUEST, headers::unsupported(version)));
        }
        let bad = |fault| (StatusCode::BAD_REQUEST, fault);
        let Some(id) = headers::single(&head.headers, &headers::SESSION).map_err(bad)? else {
            let text = "the header `Mcp-Session-Id` is missing: open a session with `initialize` first";
            return Err(bad(Fault::new(code::INVALID_REQUEST, text)));
        };
        let found = self.sessions.find(id, &visitor.principal);
        let is_it = |h: &Arc<Handle>| h.style != Style::Named && h.server == scope.server;
        found.filter(is_it).ok_or_else(|| {
            let text = "there is no such session, or it has ended: open another one with `initialize`";
            (StatusCode::NOT_FOUND, Fault::new(code::INVALID_REQUEST, text))
        })
    }

    pub(super) fn entrance(&self, via: &'static str, visitor: &Visitor, scope: Scope) -> Entrance {
        Entrance {
            via,
            name: "".into(),
            principal: visitor.principal.clone(),
            scope,
            grant: Grant::Token,
            folder: None,
        }
    }
}

/// A session that takes no message: it has ended, or it has too many.
pub(super) fn unposted(handle: &Handle, id: Option<&RequestId>) -> Response<Body> {
    let (status, text) = if handle.mail.is_closed() {
        (StatusCode::NOT_FOUND, "the session has ended: open another one with `initialize`")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "too many messages of this session wait already: try again soon")
    };
    response::refused(status, id, &Fault::new(code::INTERNAL, text))
}

pub(super) fn not_opened(error: &NotOpened) -> Response<Body> {
    tracing::warn!("a client was refused: {error}");
    response::refused(StatusCode::SERVICE_UNAVAILABLE, None, &Fault::new(code::INTERNAL, error.to_string()))
}
