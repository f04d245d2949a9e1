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

use super::handle::{Handle, Posted};
use super::known::Known;
use super::post::{self, Wait};
use super::reply::{First, Reply};
use super::served::Served;
use super::sessions::{NotOpened, Sessions};
use super::stream::{Stream, Style};
use super::{headers, response};
use crate::catalog::Scope;
use crate::config::Server;
use crate::guard::{Preflight, Refused, Visitor, exposed};
use crate::protocol::{Fault, Field, Frame, Kind, Malformed, Message, Method, RequestId, Revision, code};
use crate::session::out::Out;
use crate::session::run::Session;
use crate::session::{Engine, Entrance};
use crate::transport::http::{Body, EventId, Serve};

/// Between two looks for what is idle.
const SWEEP: Duration = Duration::from_secs(5);
/// What the endpoint takes.
const ALLOW: &str = "GET, POST, DELETE, OPTIONS";

/// The door for clients by HTTP; clones are the same door.
#[derive(Clone, Debug)]
pub struct Door(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) engine: Arc<Engine>,
    /// `proxy.path`, without a slash at its end.
    path: String,
    sessions: Arc<Sessions>,
    pub(super) known: Known,
    /// The sessions at work that no response body carries.
    tasks: Mutex<JoinSet<()>>,
    is_closing: AtomicBool,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// The endpoint of all editions; of one server if it is named.
    Endpoint(Option<&'a str>),
    /// The stream of 2024-11-05.
    Sse(Option<&'a str>),
    /// Its other half.
    Messages,
    Elsewhere,
}

fn place<'a>(root: &str, path: &'a str) -> Place<'a> {
    let below = |root: &str| {
        let rest = path.strip_prefix(root)?;
        match rest.strip_prefix('/') {
            _ if rest.is_empty() => Some(None),
            Some("") => Some(None),
            Some(name) if !name.contains('/') => Some(Some(name)),
            _ => None,
        }
    };
    if let Some(server) = below(root) {
        return Place::Endpoint(server);
    }
    match below("/sse") {
        Some(server) => Place::Sse(server),
        None if path == "/messages" => Place::Messages,
        None => Place::Elsewhere,
    }
}

impl Serve for Door {
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Body>> + Send {
        // In a box of its own: every open connection keeps room for one of these.
        Box::pin(self.0.clone().answer(request, peer))
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (head, body) = request.into_parts();
        let visitor = match self.admit(&head, peer) {
            Ok(visitor) => visitor,
            Err(response) => return response,
        };
        let cors = visitor.cors.clone();
        let (verb, path) = (head.method.clone(), head.uri.path().to_owned());
        let response = self.visit(head, body, visitor).await;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            tracing::info!(%peer, status = status.as_u16(), "{verb} {path} was refused");
        }
        with_cors(response, cors)
    }
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
    /// The door at `path`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, path: &str) -> Self {
        Self(Arc::new(Inner {
            engine,
            path: path.trim_end_matches('/').to_owned(),
            sessions: Arc::new(Sessions::new()),
            known: Known::default(),
            tasks: Mutex::default(),
            is_closing: AtomicBool::new(false),
        }))
    }

    /// Looks after the sessions; never ready.
    pub async fn keep(&self) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            sweep.tick().await;
            let guard = &self.0.engine.guard;
            self.0.sessions.sweep(|principal, access| guard.is_welcome(principal, access));
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
    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reap(&self) {
        let mut tasks = self.tasks();
        while let Some(ended) = tasks.try_join_next() {
            told(ended);
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
            None if place(&self.path, head.uri.path()) == Place::Elsewhere => guard.admit_to_page(head, peer),
            None => guard.admit(head),
        };
        admitted.map_err(|refused| {
            tracing::info!(%peer, status = refused.status.as_u16(), "an HTTP request was refused: {}", refused.fault.message);
            stopped(refused, None)
        })
    }

    /// Counts the requests of a body against what its principal may send.
    fn count<'m>(
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

    async fn visit(self: Arc<Self>, head: Parts, body: Incoming, visitor: Visitor) -> Response<Body> {
        if self.is_closing.load(Ordering::Relaxed) {
            return response::failed(StatusCode::SERVICE_UNAVAILABLE, "mcp-proxy is shutting down");
        }
        let path = head.uri.path();
        let (place, server) = match place(&self.path, path) {
            Place::Endpoint(server) => (Place::Endpoint(None), server),
            Place::Sse(server) => (Place::Sse(None), server),
            place => (place, None),
        };
        let scope = match self.scope(server, &visitor) {
            Ok(scope) => scope,
            Err(response) => return response,
        };
        match (place, head.method.clone()) {
            (Place::Elsewhere, Verb::GET | Verb::HEAD) => match self.engine.ops(path) {
                Some(page) => {
                    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
                    response::page(status, page.content_type, page.body)
                }
                None => self.nowhere(path),
            },
            (Place::Elsewhere, _) => self.nowhere(path),
            (_, Verb::OPTIONS) => response::options(ALLOW),
            (Place::Endpoint(_), Verb::POST) => self.post(&head, body, visitor, scope).await,
            (Place::Endpoint(_), Verb::GET) => self.get(&head, &visitor, &scope),
            (Place::Endpoint(_), Verb::DELETE) => self.delete(&head, &visitor, &scope),
            (Place::Endpoint(_), _) => response::not_allowed(ALLOW),
            (Place::Sse(_), Verb::GET) => self.sse(&head, &visitor, scope),
            (Place::Sse(_), _) => response::not_allowed("GET, OPTIONS"),
            (Place::Messages, Verb::POST) => self.messages(&head, body, &visitor).await,
            (Place::Messages, _) => response::not_allowed("POST, OPTIONS"),
        }
    }

    fn nowhere(&self, path: &str) -> Response<Body> {
        let text = format!("there is nothing at `{path}`: the endpoint is `{}`", self.path);
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
                        let all = &self.path;
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

    /// Reads the body of a POST as what it must be.
    async fn read(&self, head: &Parts, body: Incoming) -> Result<Frame, Response<Body>> {
        if !headers::is_json(&head.headers) {
            let text = "the `Content-Type` of a message must be `application/json`";
            return Err(response::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let read = post::body(body, self.engine.ctx.max_message_bytes).await;
        let bytes = read.map_err(|(status, text)| response::failed(status, text))?;
        let frame = Message::parse_frame(bytes).map_err(|malformed| {
            let fault = Fault::from(&malformed);
            tracing::info!("a client sent a body that is no message: {}", fault.message);
            response::refused(StatusCode::BAD_REQUEST, malformed.id.as_ref(), &fault)
        })?;
        // To a server on stdio a message is one line, whatever its client made of it (edge case 39).
        Ok(match frame {
            Frame::One(message) if !message.single_line() => Frame::One(message.to_single_line()),
            Frame::Batch(mut members) => {
                for member in members.iter_mut().flatten().filter(|m| !m.single_line()) {
                    *member = member.to_single_line();
                }
                Frame::Batch(members)
            }
            one => one,
        })
    }

    async fn post(self: &Arc<Self>, head: &Parts, body: Incoming, visitor: Visitor, scope: Scope) -> Response<Body> {
        if !headers::accepts(&head.headers, "application/json") || !headers::accepts(&head.headers, "text/event-stream")
        {
            let text = "`Accept` must name both `application/json` and `text/event-stream`";
            return response::failed(StatusCode::NOT_ACCEPTABLE, text);
        }
        let frame = match self.read(head, body).await {
            Ok(frame) => frame,
            Err(response) => return response,
        };
        let id = match &frame {
            Frame::One(message) => message.id(),
            Frame::Batch(_) => None,
        };
        let version = match headers::single(&head.headers, headers::VERSION) {
            Ok(version) => version,
            Err(fault) => return response::refused(StatusCode::BAD_REQUEST, id.as_ref(), &fault),
        };
        let is_modern = version.is_some_and(|v| Revision::from_date(v) == Some(Revision::V2026_07_28));
        let message = match frame {
            Frame::Batch(members) => {
                if let Err(response) = self.count(members.iter().flatten(), &visitor, None) {
                    return response;
                }
                return self.post_batch(head, members, version, &visitor, &scope).await;
            }
            Frame::One(message) => message,
        };
        if let Err(response) = self.count(std::iter::once(&message), &visitor, id.as_ref()) {
            return response;
        }
        match message.kind() {
            Kind::Request if message.method() == Some(Method::Initialize) && is_modern => {
                let text = "Method not found: initialize (MCP 2026-07-28 has none; leave the version header out)";
                let fault = Fault::new(code::METHOD_NOT_FOUND, text);
                response::refused(StatusCode::NOT_FOUND, id.as_ref(), &fault)
            }
            Kind::Request if message.method() == Some(Method::Initialize) => {
                self.initialize(head, message, &visitor, scope).await
            }
            Kind::Request if message.span(Field::MetaVersion).is_some() => {
                self.modern(head, message, visitor, scope).await
            }
            Kind::Request if is_modern => {
                let text = "`params._meta` lacks `io.modelcontextprotocol/protocolVersion` (MCP 2026-07-28, basic)";
                response::refused(StatusCode::BAD_REQUEST, id.as_ref(), &Fault::new(code::INVALID_PARAMS, text))
            }
            // Requests that stand alone are cancelled by hanging up: ids of other clients may be the same.
            Kind::Notification if is_modern || message.span(Field::MetaVersion).is_some() => {
                response::bare(StatusCode::ACCEPTED)
            }
            Kind::Response | Kind::Error if is_modern => {
                let text = "MCP 2026-07-28 has no requests from servers to clients, so no answers to them";
                response::refused(StatusCode::BAD_REQUEST, id.as_ref(), &Fault::new(code::INVALID_REQUEST, text))
            }
            kind => match self.session(head, version, &visitor, &scope) {
                Ok(handle) => self.post_one(handle, message, kind).await,
                Err((status, fault)) => response::refused(status, id.as_ref(), &fault),
            },
        }
    }

    /// The session a request names.
    fn session(
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
        let Some(id) = headers::single(&head.headers, headers::SESSION).map_err(bad)? else {
            let text = "the header `Mcp-Session-Id` is missing: open a session with `initialize` first";
            return Err(bad(Fault::new(code::INVALID_REQUEST, text)));
        };
        let found = self.sessions.find(id, &visitor.principal);
        // What the token opens may be something else now: then the session is for who it was, and has to be opened again.
        let is_it = |h: &Arc<Handle>| h.style != Style::Named && h.scope == *scope;
        found.filter(is_it).ok_or_else(|| {
            let text = "there is no such session, or it has ended: open another one with `initialize`";
            (StatusCode::NOT_FOUND, Fault::new(code::INVALID_REQUEST, text))
        })
    }

    fn entrance(&self, via: &'static str, visitor: &Visitor, scope: Scope) -> Entrance {
        Entrance { via, name: "".into(), principal: visitor.principal.clone(), scope }
    }

    async fn initialize(
        self: &Arc<Self>,
        head: &Parts,
        message: Message,
        visitor: &Visitor,
        scope: Scope,
    ) -> Response<Body> {
        let id = message.id();
        if head.headers.contains_key(headers::SESSION) {
            return match self.session(head, None, visitor, &scope) {
                // It says itself that it is open already.
                Ok(handle) => self.post_one(handle, message, Kind::Request).await,
                Err((status, fault)) => response::refused(status, id.as_ref(), &fault),
            };
        }
        let Some(version) = message.text(Field::ProtocolVersion) else {
            let text = "`params.protocolVersion` must be a string such as \"2025-11-25\"";
            return response::refused(StatusCode::OK, id.as_ref(), &Fault::new(code::INVALID_PARAMS, text));
        };
        let revision = Revision::negotiate(&version);
        let style = if revision >= Revision::V2025_11_25 { Style::Primed } else { Style::Numbered };
        let handle = match self.sessions.open(&visitor.principal, &scope, revision, style) {
            Ok(handle) => handle,
            Err(error) => return not_opened(&error),
        };
        let entrance = self.entrance("http", visitor, scope);
        let session = Session::new(self.engine.clone(), Out::posts(handle.clone()), entrance);
        let served = Served::new(session, handle.clone(), self.sessions.clone());
        self.tasks().spawn(served.run());
        let session_id = handle.id.clone();
        response::with_session(self.post_one(handle, message, Kind::Request).await, &session_id)
    }

    async fn post_one(&self, handle: Arc<Handle>, message: Message, kind: Kind) -> Response<Body> {
        let id = message.id();
        let wait = (kind == Kind::Request).then(|| Wait(Reply::new(Some(handle.clone()))));
        let posted = Posted::Message(message, wait.as_ref().map(|w| w.0.clone()));
        let busy = |handle: &Handle| unposted(handle, id.as_ref());
        match (handle.mail.push(posted), wait) {
            (Err(_), _) => busy(&handle),
            (Ok(()), None) => response::bare(StatusCode::ACCEPTED),
            (Ok(()), Some(wait)) => self.answered(&handle, wait).await,
        }
    }

    async fn post_batch(
        &self,
        head: &Parts,
        members: Vec<Result<Message, Malformed>>,
        version: Option<&str>,
        visitor: &Visitor,
        scope: &Scope,
    ) -> Response<Body> {
        let wrong = |text: &'static str| response::failed(StatusCode::BAD_REQUEST, text);
        let is_initialize = |m: &Message| m.kind() == Kind::Request && m.method() == Some(Method::Initialize);
        if members.iter().flatten().any(is_initialize) {
            return wrong("`initialize` must not be part of a batch");
        }
        let handle = match self.session(head, version, visitor, scope) {
            Ok(handle) if handle.revision == Revision::V2025_03_26 => handle,
            Err((status, fault)) if version == Some(Revision::V2025_03_26.date()) => {
                return response::refused(status, None, &fault);
            }
            _ => return wrong("JSON-RPC batches exist in MCP 2025-03-26 only: send one message a POST"),
        };
        let is_answered = |m: &Result<Message, Malformed>| m.as_ref().map_or(true, |m| m.kind() == Kind::Request);
        let wait = members.iter().any(is_answered).then(|| Wait(Reply::new(Some(handle.clone()))));
        let posted = Posted::Batch(members, wait.as_ref().map(|w| w.0.clone()));
        match (handle.mail.push(posted), wait) {
            (Err(_), _) => unposted(&handle, None),
            (Ok(()), None) => response::bare(StatusCode::ACCEPTED),
            (Ok(()), Some(wait)) => self.answered(&handle, wait).await,
        }
    }

    /// What a session answers a POST with. Legacy clients take errors as answers like any other.
    async fn answered(&self, handle: &Handle, wait: Wait) -> Response<Body> {
        match wait.first().await {
            (First::Answer(runs, _), _) => response::json(StatusCode::OK, runs),
            (First::Stream(stream), silent) => response::events(stream.attach(None), None, silent),
            (First::Nothing, _) if handle.mail.is_closed() => {
                response::failed(StatusCode::NOT_FOUND, "the session has ended")
            }
            // The client took its request back.
            (First::Nothing, _) => response::bare(StatusCode::ACCEPTED),
        }
    }

    /// The stream for what belongs to no request, or one that was lost.
    fn get(&self, head: &Parts, visitor: &Visitor, scope: &Scope) -> Response<Body> {
        let version = match self.legacy_version(head) {
            Ok(version) => version,
            Err(response) => return response,
        };
        if !headers::accepts(&head.headers, "text/event-stream") {
            return response::failed(StatusCode::NOT_ACCEPTABLE, "`Accept` must name `text/event-stream`");
        }
        let handle = match self.session(head, version, visitor, scope) {
            Ok(handle) => handle,
            Err((status, fault)) => return response::refused(status, None, &fault),
        };
        match headers::single(&head.headers, "last-event-id") {
            Err(fault) => response::refused(StatusCode::BAD_REQUEST, None, &fault),
            Ok(Some(last)) => match EventId::read(last).and_then(|last| handle.resume(last)) {
                Some(reader) => {
                    let _ = handle.mail.push(Posted::Listened);
                    response::events(reader, None, false)
                }
                None => response::no_events(&Stream::new(Style::Plain)),
            },
            Ok(None) => {
                let reader = handle.get().attach(None);
                // A full mailbox is looked at soon, and the stream with it.
                let _ = handle.mail.push(Posted::Listened);
                response::events(reader, None, false)
            }
        }
    }

    fn delete(&self, head: &Parts, visitor: &Visitor, scope: &Scope) -> Response<Body> {
        let version = match self.legacy_version(head) {
            Ok(version) => version,
            Err(response) => return response,
        };
        match self.session(head, version, visitor, scope) {
            Ok(handle) => {
                // Bounded by the sessions: it takes nothing more after this.
                let _ = handle.mail.push_owed(Posted::End);
                handle.mail.close();
                response::bare(StatusCode::OK)
            }
            Err((status, fault)) => response::refused(status, None, &fault),
        }
    }

    /// The version a GET or DELETE names; the modern era has neither.
    fn legacy_version<'a>(&self, head: &'a Parts) -> Result<Option<&'a str>, Response<Body>> {
        match headers::single(&head.headers, headers::VERSION) {
            Err(fault) => Err(response::refused(StatusCode::BAD_REQUEST, None, &fault)),
            Ok(Some(v)) if Revision::from_date(v) == Some(Revision::V2026_07_28) => Err(response::not_allowed("POST")),
            Ok(version) => Ok(version),
        }
    }

    /// HTTP+SSE of 2024-11-05: one stream is the session.
    fn sse(self: &Arc<Self>, head: &Parts, visitor: &Visitor, scope: Scope) -> Response<Body> {
        if !headers::accepts(&head.headers, "text/event-stream") {
            return response::failed(StatusCode::NOT_ACCEPTABLE, "`Accept` must name `text/event-stream`");
        }
        let handle = match self.sessions.open(&visitor.principal, &scope, Revision::V2024_11_05, Style::Named) {
            Ok(handle) => handle,
            Err(error) => return not_opened(&error),
        };
        let query = head.uri.query().map_or_else(String::new, |q| format!("&{q}"));
        let endpoint = format!("event: endpoint\ndata: /messages?sessionId={}{query}\n\n", handle.id);
        let stream = handle.get();
        stream.push_raw(bytes::Bytes::from(endpoint).into());
        let entrance = self.entrance("sse", visitor, scope);
        let session = Session::new(self.engine.clone(), Out::events(stream.clone()), entrance);
        let served = Served::new(session, handle, self.sessions.clone());
        // The session lives in the body: when the stream is closed, it is over.
        response::events(stream.attach(None), Some(Box::pin(served.run())), false)
    }

    async fn messages(&self, head: &Parts, body: Incoming, visitor: &Visitor) -> Response<Body> {
        let query = head.uri.query().unwrap_or_default();
        let Some(id) = query.split('&').find_map(|pair| pair.strip_prefix("sessionId=")) else {
            return response::failed(
                StatusCode::BAD_REQUEST,
                "`sessionId` is missing: open the stream at `/sse` first",
            );
        };
        let found = self.sessions.find(id, &visitor.principal);
        let Some(handle) = found.filter(|h| h.style == Style::Named && h.scope.access == visitor.access) else {
            return response::failed(StatusCode::NOT_FOUND, "there is no such session: its stream is closed");
        };
        let posted = match self.read(head, body).await {
            Ok(Frame::One(message)) if message.span(Field::MetaVersion).is_some() => {
                let text = "requests of MCP 2026-07-28 are sent to the endpoint of Streamable HTTP";
                let fault = Fault::new(code::INVALID_REQUEST, text);
                return response::refused(StatusCode::BAD_REQUEST, message.id().as_ref(), &fault);
            }
            Ok(Frame::One(message)) => match self.count(std::iter::once(&message), visitor, message.id().as_ref()) {
                Ok(()) => Posted::Message(message, None),
                Err(response) => return response,
            },
            Ok(Frame::Batch(members)) => match self.count(members.iter().flatten(), visitor, None) {
                Ok(()) => Posted::Batch(members, None),
                Err(response) => return response,
            },
            Err(response) => return response,
        };
        match handle.mail.push(posted) {
            Ok(()) => response::text(StatusCode::ACCEPTED, "Accepted"),
            Err(_) => unposted(&handle, None),
        }
    }
}

/// A session that takes no message: it has ended, or it has too many.
fn unposted(handle: &Handle, id: Option<&RequestId>) -> Response<Body> {
    let (status, text) = if handle.mail.is_closed() {
        (StatusCode::NOT_FOUND, "the session has ended: open another one with `initialize`")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "too many messages of this session wait already: try again soon")
    };
    response::refused(status, id, &Fault::new(code::INTERNAL, text))
}

fn not_opened(error: &NotOpened) -> Response<Body> {
    tracing::warn!("a client was refused: {error}");
    response::refused(StatusCode::SERVICE_UNAVAILABLE, None, &Fault::new(code::INTERNAL, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, expected) in [
            ("/mcp", Place::Endpoint(None)),
            ("/mcp/", Place::Endpoint(None)),
            ("/mcp/github", Place::Endpoint(Some("github"))),
            ("/mcp/a/b", Place::Elsewhere),
            ("/mcpx", Place::Elsewhere),
            ("/", Place::Elsewhere),
            ("/sse", Place::Sse(None)),
            ("/sse/a", Place::Sse(Some("a"))),
            ("/messages", Place::Messages),
            ("/messages/x", Place::Elsewhere),
            ("/health", Place::Elsewhere),
        ] {
            assert_eq!(place("/mcp", path), expected, "{path}");
        }
        assert_eq!(place("", "/"), Place::Endpoint(None), "the root may be the endpoint");
    }
}
