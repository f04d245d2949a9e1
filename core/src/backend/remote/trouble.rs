//! [`Trouble`]: why a request to a URL has no answer, in words for people.

use http::StatusCode;

use crate::protocol::{Fault, Message, code};
use crate::transport::http::HttpError;

/// Characters of a server's own words that are kept.
const MAX_WORDS: usize = 300;

/// Why a request has no answer.
#[derive(Debug)]
pub(in crate::backend) struct Trouble {
    pub(in crate::backend) kind: TroubleKind,
    /// What happened: the rest of a sentence that begins with the server's name.
    pub(in crate::backend) message: String,
    /// An error answer that came with a status that is no success.
    pub(in crate::backend) answer: Option<Message>,
}

/// The kinds that are treated in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum TroubleKind {
    /// Nothing could be set up: the configuration is wrong.
    Setup,
    /// No connection: the request has not arrived.
    Connect,
    /// No secure connection: the request has not arrived.
    Tls,
    /// The connection was lost, or the stream ended: whether the request was processed is not known.
    Broken,
    /// An answer with this HTTP status.
    Status(StatusCode),
    /// It redirects to where we do not go.
    Redirect,
    /// An answer, but none we understand.
    NoMcp,
}

impl Trouble {
    pub(super) fn new(kind: TroubleKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), answer: None }
    }

    /// An answer with a status that is no success, and how its body begins.
    pub(super) fn status(status: StatusCode, body: &[u8]) -> Self {
        let said = words(body);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Self::new(TroubleKind::Status(status), format!("answered with HTTP {status}{said}"))
    }

    /// Where on the way it failed; `phase` is what was being done.
    pub(in crate::backend) const fn phase(&self, phase: &'static str) -> &'static str {
        match self.kind {
            TroubleKind::Setup | TroubleKind::Connect => "connect",
            TroubleKind::Tls => "tls",
            _ => phase,
        }
    }

    /// The HTTP status, if that is what failed.
    pub(in crate::backend) const fn http_status(&self) -> Option<StatusCode> {
        match self.kind {
            TroubleKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the server wants to know who we are.
    pub(in crate::backend) fn is_unauthorized(&self) -> bool {
        matches!(self.http_status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
    }

    /// Whether another try may find it better, without anybody changing anything.
    pub(in crate::backend) fn may_pass(&self) -> bool {
        match self.kind {
            TroubleKind::Connect | TroubleKind::Tls | TroubleKind::Broken => true,
            TroubleKind::Setup | TroubleKind::Redirect | TroubleKind::NoMcp => false,
            TroubleKind::Status(status) => {
                status.is_server_error()
                    || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
        }
    }

    /// What to do about it.
    pub(in crate::backend) fn hint(&self) -> Option<String> {
        let hint = match self.kind {
            _ if self.is_unauthorized() => {
                "set `auth` of this server, e.g. `auth: { type: bearer, token: \"${NAME}\" }`, or see whether its token is still good"
            }
            TroubleKind::Tls => "if its certificate comes from your own authority, name that in `tls.ca_file`",
            TroubleKind::Connect => "is it running, and are host and port right?",
            TroubleKind::Status(StatusCode::NOT_FOUND) => {
                "see whether the path of `url` is right; many servers have it under `/mcp`"
            }
            TroubleKind::Redirect => {
                "put the address it redirects to into `url`, if that is where your calls should go"
            }
            TroubleKind::NoMcp => "see whether `url` is the address of an MCP server",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// What a call that failed with it is told.
    pub(in crate::backend) fn fault(&self, backend: &str) -> Fault {
        let reason = match self.kind {
            TroubleKind::Setup | TroubleKind::Connect | TroubleKind::Tls => "unreachable",
            TroubleKind::Broken => "connection_lost",
            TroubleKind::Status(_) => "http_status",
            TroubleKind::Redirect => "redirected",
            TroubleKind::NoMcp => "broken_answer",
        };
        let mut data = serde_json::json!({ "backend": backend, "reason": reason });
        if let Some(status) = self.http_status() {
            data["status"] = status.as_u16().into();
        }
        Fault::new(code::INTERNAL, format!("server `{backend}` {}", self.message)).with_data(&data)
    }
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        let kind = match &error {
            HttpError::Setup(_) => TroubleKind::Setup,
            HttpError::Connect(_) | HttpError::Slow(_) => TroubleKind::Connect,
            HttpError::Tls(_) => TroubleKind::Tls,
            HttpError::Broken(_) => TroubleKind::Broken,
            HttpError::Redirect(_) | HttpError::BadRedirect => TroubleKind::Redirect,
            HttpError::TooLong(_) => TroubleKind::NoMcp,
        };
        Self::new(kind, format!("did not answer: {error}"))
    }
}

/// How a body that is no message begins, fit to be shown: text of one line, markup left out.
pub(super) fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::new();
    let mut is_markup = false;
    let mut n = 0;
    for c in text.chars() {
        match c {
            '<' => is_markup = true,
            '>' if is_markup => {
                is_markup = false;
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ if is_markup => {}
            c if c.is_whitespace() || c.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => {
                out.push(c);
                n += 1;
                if n >= MAX_WORDS {
                    out.push('…');
                    break;
                }
            }
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_of_text_without_markup() {
        let check = |body: &str, expected: &str| assert_eq!(words(body.as_bytes()), expected, "{body}");
        check("<html>\n<head><title>Not  found</title></head>\n<body><h1>404</h1>", "Not found 404");
        check("{\"error\":\r\n \"no\x07 key\"}", "{\"error\": \"no key\"}");
        check("", "");
        check(&"x".repeat(1000), &format!("{}…", "x".repeat(300)));
    }

    #[test]
    fn what_may_pass_and_what_needs_somebody() {
        let status = |s: u16| Trouble::status(StatusCode::from_u16(s).expect("a status"), b"no");
        assert!(status(503).may_pass() && status(429).may_pass());
        assert!(!status(401).may_pass() && status(401).is_unauthorized() && status(403).is_unauthorized());
        assert!(!status(404).may_pass());
        assert_eq!(status(401).message, "answered with HTTP 401 Unauthorized: no");
        assert_eq!(Trouble::from(HttpError::Tls("x".into())).phase("probe"), "tls");
        assert_eq!(status(500).phase("probe"), "probe");
    }
}
