//! Responses, as the door gives them.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::event_body::{Driver, EventBody};
use super::headers::SESSION;
use super::stream::{Reader, Stream};
use crate::protocol::{Fault, RequestId, code};
use crate::session::answer::refusal;
use crate::transport::http::{Body, Runs};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// A response with this type and body.
fn typed(status: StatusCode, kind: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An answer.
pub(super) fn json(status: StatusCode, runs: Runs) -> Response<Body> {
    typed(status, JSON, runs.into())
}

/// An event stream.
pub(super) fn events(reader: Reader, driver: Option<Driver>, is_silent: bool) -> Response<Body> {
    let mut response = typed(StatusCode::OK, EVENTS, EventBody::body(reader, driver, is_silent));
    response.headers_mut().insert(NO_BUFFERING.0, NO_BUFFERING.1);
    response
}

/// An event stream that is over: what a client gets that names one we do not have. An error would have it try again and
/// again.
pub(super) fn no_events(stream: &Arc<Stream>) -> Response<Body> {
    stream.finish();
    events(stream.attach(None), None, false)
}

/// Nothing but a status.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// What a place takes, for whoever asks without being a browser.
pub(super) fn options(allow: &'static str) -> Response<Body> {
    let mut response = bare(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// Some plain text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), Bytes::from_static(text.as_bytes()).into())
}

/// A page of some type.
pub(super) fn page(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Body> {
    typed(status, HeaderValue::from_static(kind), body.into())
}

/// An error, with its reason as a JSON-RPC answer.
pub(super) fn refused(status: StatusCode, id: Option<&RequestId>, fault: &Fault) -> Response<Body> {
    json(status, Bytes::from(refusal(id, fault)).into())
}

/// The same for a request that did not get as far as a message.
pub(super) fn failed(status: StatusCode, text: impl Into<std::borrow::Cow<'static, str>>) -> Response<Body> {
    refused(status, None, &Fault::new(code::INVALID_REQUEST, text))
}

/// There is such a place, but not for this method.
pub(super) fn not_allowed(allow: &'static str) -> Response<Body> {
    let mut response =
        failed(StatusCode::METHOD_NOT_ALLOWED, format!("this HTTP method is not for this place; it takes {allow}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// The same response with the id of its session.
pub(super) fn with_session(mut response: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(SESSION.clone(), id);
    }
    response
}
