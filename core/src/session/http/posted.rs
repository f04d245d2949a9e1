//! What is POSTed to the endpoint: read, told apart by edition, and brought to its session, or answered alone.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::door::{Inner, not_opened, unposted};
use super::envelope::Envelope;
use super::handle::{Handle, Posted};
use super::post::{self, Wait};
use super::reply::{First, Reply};
use super::served::Served;
use super::stream::Style;
use super::{headers, response, trace};
use crate::catalog::Scope;
use crate::guard::Visitor;
use crate::protocol::{Fault, Field, Frame, Kind, Malformed, Message, Method, Revision, code};
use crate::session::handshake::check_size;
use crate::session::out::Out;
use crate::session::run::Session;
use crate::transport::http::{Body, copy_head, drop_head};

impl Inner {
    /// Reads the body of a POST as what it must be. It is let go of then: who waits for the answer does not keep it.
    pub(super) async fn read(&self, head: &mut Parts, body: &mut Option<Incoming>) -> Result<Frame, Response<Body>> {
        if !headers::is_json(&head.headers) {
            let text = "the `Content-Type` of a message must be `application/json`";
            return Err(response::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        if headers::is_encoded(&head.headers) {
            let text = "a body must not be compressed (`Content-Encoding`)";
            return Err(response::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let Some(mut body) = body.take() else {
            let text =
                "mcp-proxy has made a mistake (it looks for a body that it has read already): send the request again";
            return Err(response::failed(StatusCode::INTERNAL_SERVER_ERROR, text));
        };
        let patience = self.engine.config.borrow().limits.body_timeout;
        let mut read = pin!(post::body(&mut body, self.engine.ctx.max_message_bytes, patience, &self.reading));
        // Nearly always all of it is there.
        let read = match poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await {
            Poll::Ready(read) => read,
            Poll::Pending => {
                copy_head(head);
                read.await
            }
        };
        let bytes = read.map_err(|(status, text)| response::failed(status, text))?;
        let frame = Message::parse_frame(bytes).map_err(|malformed| {
            let fault = Fault::from(&malformed);
            tracing::info!("a client sent a body that is no message: {}", fault.message);
            response::refused(StatusCode::BAD_REQUEST, malformed.id.as_ref(), &fault)
        })?;
        // To a server on stdio a message is one line, whatever its client made of it (edge case 39), and has no headers.
        let as_line = |message: Message| {
            let message = if message.single_line() { message } else { message.to_single_line() };
            trace::traced(&head.headers, message)
        };
        Ok(match frame {
            Frame::One(message) => Frame::One(as_line(message)),
            Frame::Batch(members) => Frame::Batch(members.into_iter().map(|m| m.map(as_line)).collect()),
        })
    }

    pub(super) async fn post(
        self: &Arc<Self>,
        head: &mut Parts,
        body: &mut Option<Incoming>,
        visitor: &Visitor,
        scope: Scope,
        envelope: &Arc<Envelope>,
    ) -> Response<Body> {
        if !headers::accepts_answers(&head.headers) {
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
        let version = match headers::single(&head.headers, &headers::VERSION) {
            Ok(version) => version,
            Err(fault) => return response::refused(StatusCode::BAD_REQUEST, id.as_ref(), &fault),
        };
        let is_modern = version.is_some_and(|v| Revision::from_date(v) == Some(Revision::V2026_07_28));
        let message = match frame {
            Frame::Batch(members) => {
                if let Err(response) = self.count(members.iter().flatten(), visitor, None) {
                    return response;
                }
                let handle = match self.batch_session(head, &members, version, visitor, &scope) {
                    Ok(handle) => handle,
                    Err(response) => return response,
                };
                drop_head(head);
                return Box::pin(self.post_batch(handle, members, envelope)).await;
            }
            Frame::One(message) => message,
        };
        if let Err(response) = self.count(std::iter::once(&message), visitor, id.as_ref()) {
            return response;
        }
        match message.kind() {
            Kind::Request if message.method() == Some(Method::Initialize) && is_modern => {
                let text = "Method not found: initialize (MCP 2026-07-28 has none; leave the version header out)";
                let fault = Fault::new(code::METHOD_NOT_FOUND, text);
                response::refused(StatusCode::NOT_FOUND, id.as_ref(), &fault)
            }
            Kind::Request if message.method() == Some(Method::Initialize) => {
                Box::pin(self.initialize(head, message, visitor, scope, envelope)).await
            }
            Kind::Request if message.span(Field::MetaVersion).is_some() => {
                Box::pin(self.modern(head, message, visitor, scope, envelope)).await
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
            kind => {
                // Step by step: what a `match` looks at is kept for as long as it lasts.
                let handle = match self.session(head, version, visitor, &scope) {
                    Ok(handle) => handle,
                    Err((status, fault)) => return response::refused(status, id.as_ref(), &fault),
                };
                drop_head(head);
                let wait = match Self::give(&handle, message, kind, envelope) {
                    Ok(wait) => wait,
                    Err(response) => return response,
                };
                Self::answered(&handle, wait.as_ref()).await
            }
        }
    }

    async fn initialize(
        self: &Arc<Self>,
        head: &mut Parts,
        message: Message,
        visitor: &Visitor,
        scope: Scope,
        envelope: &Arc<Envelope>,
    ) -> Response<Body> {
        let id = message.id();
        if head.headers.contains_key(&headers::SESSION) {
            return match self.session(head, None, visitor, &scope) {
                Ok(handle) => {
                    drop_head(head);
                    // It says itself that it is open already.
                    Self::ask(&handle, message, envelope).await
                }
                Err((status, fault)) => response::refused(status, id.as_ref(), &fault),
            };
        }
        drop_head(head);
        let Some(version) = message.text(Field::ProtocolVersion) else {
            let text = "`params.protocolVersion` must be a string such as \"2025-11-25\"";
            return response::refused(StatusCode::OK, id.as_ref(), &Fault::new(code::INVALID_PARAMS, text));
        };
        if let Err(fault) = check_size(&message) {
            return response::refused(StatusCode::OK, id.as_ref(), &fault);
        }
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
        // Whoever hangs up before it knows the session cannot end it.
        let unknown = Unknown(Some(handle.clone()));
        let response = Self::ask(&handle, message, envelope).await;
        unknown.told();
        response::with_session(response, &session_id)
    }

    /// Gives a request to its session, and waits for the answer.
    async fn ask(handle: &Arc<Handle>, message: Message, envelope: &Arc<Envelope>) -> Response<Body> {
        match Self::give(handle, message, Kind::Request, envelope) {
            Ok(wait) => Self::answered(handle, wait.as_ref()).await,
            Err(response) => response,
        }
    }

    /// Gives a message to its session. What is to be waited for if it is a request; the response if it was not taken.
    fn give(
        handle: &Arc<Handle>,
        message: Message,
        kind: Kind,
        envelope: &Arc<Envelope>,
    ) -> Result<Option<Wait>, Response<Body>> {
        let id = message.id();
        let wait = (kind == Kind::Request).then(|| Wait(Reply::new(Some(handle.clone()), Some(envelope.clone()))));
        let posted = Posted::Message(message, wait.as_ref().map(|w| w.0.clone()), envelope.clone());
        match handle.mail.push(posted) {
            Ok(()) => Ok(wait),
            Err(_) => Err(unposted(handle, id.as_ref())),
        }
    }

    /// The session that a batch is for, if it may be posted at all.
    fn batch_session(
        &self,
        head: &Parts,
        members: &[Result<Message, Malformed>],
        version: Option<&str>,
        visitor: &Visitor,
        scope: &Scope,
    ) -> Result<Arc<Handle>, Response<Body>> {
        let wrong = |text: &'static str| Err(response::failed(StatusCode::BAD_REQUEST, text));
        let is_initialize = |m: &Message| m.kind() == Kind::Request && m.method() == Some(Method::Initialize);
        if members.iter().flatten().any(is_initialize) {
            return wrong("`initialize` must not be part of a batch");
        }
        match self.session(head, version, visitor, scope) {
            Ok(handle) if handle.revision == Revision::V2025_03_26 => Ok(handle),
            Err((status, fault)) if version == Some(Revision::V2025_03_26.date()) => {
                Err(response::refused(status, None, &fault))
            }
            _ => wrong("JSON-RPC batches exist in MCP 2025-03-26 only: send one message a POST"),
        }
    }

    async fn post_batch(
        &self,
        handle: Arc<Handle>,
        members: Vec<Result<Message, Malformed>>,
        envelope: &Arc<Envelope>,
    ) -> Response<Body> {
        let is_answered = |m: &Result<Message, Malformed>| m.as_ref().map_or(true, |m| m.kind() == Kind::Request);
        let wait =
            members.iter().any(is_answered).then(|| Wait(Reply::new(Some(handle.clone()), Some(envelope.clone()))));
        let posted = Posted::Batch(members, wait.as_ref().map(|w| w.0.clone()), envelope.clone());
        match handle.mail.push(posted) {
            Ok(()) => Self::answered(&handle, wait.as_ref()).await,
            Err(_) => unposted(&handle, None),
        }
    }

    /// What a session answers a POST with; `None`: nothing in it is answered. Legacy clients take errors as answers like any other.
    async fn answered(handle: &Handle, wait: Option<&Wait>) -> Response<Body> {
        let Some(wait) = wait else { return response::bare(StatusCode::ACCEPTED) };
        let _waits = handle.is_waited_for();
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
}

/// A session whose client does not know its id yet: dropping this ends it.
struct Unknown(Option<Arc<Handle>>);

impl Unknown {
    fn told(mut self) {
        self.0 = None;
    }
}

impl Drop for Unknown {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.end();
        }
    }
}
