//! What whoever is not let in gets to hear: a status, the headers that belong to it, and the JSON-RPC error for the body.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use crate::config::HostName;
use crate::protocol::{Fault, code};

/// A request that goes no further. Nothing in it repeats what the request said, other than the name of a machine.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Of the answer.
    pub status: StatusCode,
    /// For its body.
    pub fault: Fault,
    /// Belong to the status.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The configured origin of the page that asked, which may then read the answer.
    pub cors: Option<HeaderValue>,
}

impl Refused {
    fn new(status: StatusCode, reason: &str, message: impl Into<String>) -> Self {
        let fault = Fault::new(code::INVALID_REQUEST, message.into()).with_data(&json!({ "reason": reason }));
        Self { status, fault, headers: Vec::new(), cors: None }
    }

    pub(super) fn with_cors(self, cors: Option<HeaderValue>) -> Self {
        Self { cors, ..self }
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Reached by a name that is not ours.
    pub(super) fn host(name: Option<&HostName>) -> Self {
        let message = match name {
            Some(name) => {
                format!("`{name}` is no name of this proxy: if it should be, add it to `proxy.allowed_hosts`")
            }
            None => "the request needs one `Host` header with a name and nothing else but a port".to_owned(),
        };
        Self::new(StatusCode::FORBIDDEN, "host_not_allowed", message)
    }

    /// Asked by a page that may not.
    pub(super) fn origin() -> Self {
        let message = "pages of this origin may not use this proxy: if they should, add it to `proxy.allowed_origins`";
        Self::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
    }

    /// A header that two readers could read differently.
    pub(super) fn doubled(name: &HeaderName) -> Self {
        Self::new(StatusCode::FORBIDDEN, "header_twice", format!("the header `{name}` stands there more than once"))
    }

    pub(super) fn no_token(is_in_url: bool) -> Self {
        let message = if is_in_url {
            "a token in the address is not read, since addresses are logged: send it as `Authorization: Bearer …`, and \
             make a new one"
        } else {
            "a token is needed: send it as `Authorization: Bearer …` (`mcp-proxy token add NAME` makes one)"
        };
        Self::new(StatusCode::UNAUTHORIZED, "token_missing", message)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mcp-proxy\""))
    }

    pub(super) fn wrong_token() -> Self {
        let challenge = "Bearer realm=\"mcp-proxy\", error=\"invalid_token\"";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "token_unknown",
            "the token is not known here (`mcp-proxy token list` names those that are)",
        )
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }
}

/// Too many requests: the next one has room after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// For `Retry-After`: whole seconds, never too few (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn seconds(self) -> u64 {
        let whole = self.0.as_secs();
        if self.0 > Duration::from_secs(whole) { whole + 1 } else { whole.max(1) }
    }

    /// The error for a client, whichever way it came.
    #[must_use]
    pub fn fault(self) -> Fault {
        let ms = u64::try_from(self.0.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let seconds = self.seconds();
        let plural = if seconds == 1 { "" } else { "s" };
        let message = format!("too many requests: try again in {seconds} second{plural}");
        Fault::new(code::INTERNAL, message).with_data(&json!({ "reason": "rate_limited", "retryAfterMs": ms }))
    }

    /// The answer over HTTP: 429.
    #[must_use]
    pub fn refused(self, cors: Option<HeaderValue>) -> Refused {
        let refused = Refused { status: StatusCode::TOO_MANY_REQUESTS, fault: self.fault(), headers: Vec::new(), cors };
        refused.with_header(RETRY_AFTER, HeaderValue::from(self.seconds()))
    }
}
