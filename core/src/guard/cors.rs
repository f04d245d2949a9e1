//! What browsers ask before, and what their pages may read after (Fetch standard, CORS protocol): for configured origins only.
//! Others get no such header, and their browser keeps the answer from them.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{Method, StatusCode};

/// What pages may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
/// What they may send, whether they ask or not.
const HEADERS: [&str; 11] = [
    "accept",
    "authorization",
    "baggage",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "traceparent",
    "tracestate",
];
/// And these, with a name of the tool's behind it (MCP 2026-07-28, transports, `x-mcp-header`).
const HEADER_START: &str = "mcp-param-";
/// More than this many are not looked at.
const MAX_ASKED: usize = 64;
/// What pages may read of an answer besides the usual.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("mcp-session-id, mcp-protocol-version, www-authenticate, retry-after");
/// Seconds a browser may remember the answer: a change of the configuration counts soon.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The headers of every answer to a page of the configured origin `origin` ([`super::Visitor::cors`], [`super::Refused::cors`]).
#[must_use]
pub fn exposed(origin: &HeaderValue) -> [(HeaderName, HeaderValue); 3] {
    [
        (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (VARY, HeaderValue::from_name(ORIGIN)),
    ]
}

/// The answer to a question before the request.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// Of the answer, which has no body.
    pub status: StatusCode,
    /// All it needs.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Preflight {
    pub(super) fn is_meant(head: &Parts) -> bool {
        let asks = |name| head.headers.contains_key(name);
        head.method == Method::OPTIONS && asks(ORIGIN) && asks(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// `origin`: that of the page, if it is a configured one.
    pub(super) fn answer(head: &Parts, origin: Option<HeaderValue>) -> Self {
        let vary = HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
        let mut headers = vec![(VARY, vary)];
        if let Some(origin) = origin {
            headers.extend([
                (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, allowed(head)),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ]);
        }
        Self { status: StatusCode::NO_CONTENT, headers }
    }
}

/// What we take anyway, and of what is asked for the rest that we take.
fn allowed(head: &Parts) -> HeaderValue {
    let asked = head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|v| v.to_str().ok());
    let asked = asked.flat_map(|v| v.split(',')).take(MAX_ASKED).map(|name| name.trim().to_ascii_lowercase());
    let more = asked.filter(|name| name.starts_with(HEADER_START) && HeaderName::try_from(name).is_ok());
    let all: Vec<String> = HEADERS.iter().map(|&name| name.to_owned()).chain(more).collect();
    // Names of headers fit into one.
    HeaderValue::try_from(all.join(", ")).unwrap_or(HeaderValue::from_static("content-type"))
}
