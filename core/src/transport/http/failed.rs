//! [`HttpError`]: why there is no answer, in words that hold neither addresses nor header values.

use std::error::Error;
use std::time::Duration;

use hyper_util::client::legacy;

use super::connect::TooSlow;

/// Why there is no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing could be set up.
    #[error("{0}")]
    Setup(String),
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// A connection that is not secure.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// No connection in time.
    #[error("no connection within {0:.0?} (`connect_timeout`)")]
    Slow(Duration),
    /// The connection was lost on the way; the request may have arrived.
    #[error("the connection was lost: {0}")]
    Broken(String),
    /// The answer sends us to somebody else.
    #[error("it redirects to another origin, {0}, which is not followed")]
    Redirect(String),
    /// The answer sends us nowhere.
    #[error("it redirects without end or to no address")]
    BadRedirect,
    /// More bytes than the limit.
    #[error("its answer is longer than {0} bytes (`limits.max_message_bytes`)")]
    TooLong(usize),
}

impl HttpError {
    /// Why no head of an answer came.
    pub(super) fn of_send(error: &legacy::Error, connect_timeout: Duration) -> Self {
        let text = text(error.source().unwrap_or(error));
        if !error.is_connect() {
            return Self::Broken(text);
        }
        if causes(error).any(is_timeout) {
            return Self::Slow(connect_timeout);
        }
        if causes(error).any(|cause| cause.is::<rustls::Error>()) { Self::Tls(text) } else { Self::Connect(text) }
    }

    /// Why no more of a body comes.
    pub(super) fn of_body(error: &hyper::Error) -> Self {
        Self::Broken(text(error))
    }

    /// The same where hyper did not read it.
    pub(super) fn of_read(error: &dyn Error) -> Self {
        Self::Broken(format!("error reading a body from connection: {error}"))
    }

    /// Whether the request cannot have arrived.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Connect(_) | Self::Tls(_) | Self::Slow(_))
    }
}

/// Whether a server of HTTP/2 says that it has not looked at the request: it goes away, or has no room for it now.
pub(super) fn is_unseen(error: &legacy::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(|error| {
        let goes = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        let refuses = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (goes || refuses)
    })
}

fn is_timeout(cause: &(dyn Error + 'static)) -> bool {
    let io = cause.downcast_ref::<std::io::Error>();
    cause.is::<TooSlow>() || io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

/// An error's causes, the nearest first.
fn causes<'e>(error: &'e dyn Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        // An I/O error is not the cause of itself: what it holds comes first.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match held {
            Some(held) => Some(held),
            None => cause.source(),
        }
    })
}

/// What an error says: its innermost causes.
fn text(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        // Some repeat what they hold.
        if !texts.iter().any(|t| t.contains(&text)) {
            texts.push(text);
        }
    }
    // "tcp connect error: Connection refused": the last two say it.
    texts.split_off(texts.len().saturating_sub(2)).join(": ")
}
