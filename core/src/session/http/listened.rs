//! The streams that clients open, and the ends they make: GET and DELETE of the endpoint, and the two places of 2024-11-05.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::door::{Inner, not_opened, unposted};
use super::envelope::Envelope;
use super::handle::Posted;
use super::served::Served;
use super::stream::{Stream, Style};
use super::{headers, response};
use crate::catalog::Scope;
use crate::guard::Visitor;
use crate::protocol::{Fault, Field, Frame, Revision, code};
use crate::session::out::Out;
use crate::session::run::Session;
use crate::transport::http::{Body, EventId};

impl Inner {
    /// The stream for what belongs to no request, or one that was lost.
    pub(super) fn get(&self, head: &Parts, visitor: &Visitor, scope: &Scope) -> Response<Body> {
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
        match headers::single(&head.headers, &headers::LAST_EVENT) {
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

    pub(super) fn delete(&self, head: &Parts, visitor: &Visitor, scope: &Scope) -> Response<Body> {
        let version = match self.legacy_version(head) {
            Ok(version) => version,
            Err(response) => return response,
        };
        match self.session(head, version, visitor, scope) {
            Ok(handle) => {
                handle.end();
                response::bare(StatusCode::OK)
            }
            Err((status, fault)) => response::refused(status, None, &fault),
        }
    }

    /// The version a GET or DELETE names; the modern era has neither.
    fn legacy_version<'a>(&self, head: &'a Parts) -> Result<Option<&'a str>, Response<Body>> {
        match headers::single(&head.headers, &headers::VERSION) {
            Err(fault) => Err(response::refused(StatusCode::BAD_REQUEST, None, &fault)),
            Ok(Some(v)) if Revision::from_date(v) == Some(Revision::V2026_07_28) => Err(response::not_allowed("POST")),
            Ok(version) => Ok(version),
        }
    }

    /// HTTP+SSE of 2024-11-05: one stream is the session.
    pub(super) fn sse(self: &Arc<Self>, head: &Parts, visitor: &Visitor, scope: Scope) -> Response<Body> {
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

    pub(super) async fn messages(
        &self,
        head: &mut Parts,
        body: &mut Option<Incoming>,
        visitor: &Visitor,
        envelope: &Arc<Envelope>,
    ) -> Response<Body> {
        let query = head.uri.query().unwrap_or_default();
        let Some(id) = query.split('&').find_map(|pair| pair.strip_prefix("sessionId=")) else {
            return response::failed(
                StatusCode::BAD_REQUEST,
                "`sessionId` is missing: open the stream at `/sse` first",
            );
        };
        let found = self.sessions.find(id, &visitor.principal);
        let Some(handle) = found.filter(|h| h.style == Style::Named) else {
            return response::failed(StatusCode::NOT_FOUND, "there is no such session: its stream is closed");
        };
        let posted = match self.read(head, body).await {
            Ok(Frame::One(message)) if message.span(Field::MetaVersion).is_some() => {
                let text = "requests of MCP 2026-07-28 are sent to the endpoint of Streamable HTTP";
                let fault = Fault::new(code::INVALID_REQUEST, text);
                return response::refused(StatusCode::BAD_REQUEST, message.id().as_ref(), &fault);
            }
            Ok(Frame::One(message)) => match self.count(std::iter::once(&message), visitor, message.id().as_ref()) {
                Ok(()) => Posted::Message(message, None, envelope.clone()),
                Err(response) => return response,
            },
            Ok(Frame::Batch(members)) => match self.count(members.iter().flatten(), visitor, None) {
                Ok(()) => Posted::Batch(members, None, envelope.clone()),
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
