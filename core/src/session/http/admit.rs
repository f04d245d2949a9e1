//! Who may come in: the place where `guard::Guard` is asked. Until it is there, this is a small stand-in: names of this
//! machine only, no tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;

use crate::backend::Principal;
use crate::config::Access;
use crate::protocol::{Fault, code};
use crate::session::Engine;

/// Who has come.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// On whose behalf.
    pub(super) principal: Principal,
    /// What it may see.
    pub(super) access: Arc<Access>,
    /// The origin that a browser is told it may read the answer from.
    pub(super) cors: Option<HeaderValue>,
}

/// Why somebody may not come in.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: http::StatusCode,
    pub(super) fault: Fault,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) cors: Option<HeaderValue>,
}

/// Whether a request may come in, and on whose behalf.
#[expect(clippy::result_large_err, reason = "the error is a response, on its way out at once")]
pub(super) fn admit(_engine: &Engine, head: &Parts, _peer: SocketAddr) -> Result<Visitor, Refused> {
    let forbidden = |text: String| Refused {
        status: http::StatusCode::FORBIDDEN,
        fault: Fault::new(code::INVALID_REQUEST, text),
        headers: Vec::new(),
        cors: None,
    };
    for (name, is_ours) in [(HOST, is_local_host as fn(&str) -> bool), (ORIGIN, is_local_origin)] {
        let mut values = head.headers.get_all(&name).iter();
        let Some(value) = values.next() else { continue };
        let text = value.to_str().unwrap_or_default();
        if values.next().is_some() || !is_ours(text) {
            return Err(forbidden(format!("the header `{name}` names no place this proxy is reached by")));
        }
    }
    Ok(Visitor { principal: Principal::anonymous(), access: Arc::default(), cors: None })
}

fn is_local_host(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

fn is_local_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| is_local_host(authority))
}
