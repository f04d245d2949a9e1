//! [`HttpResponse`]: an answer whose head has come, and its body on the way.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use url::Url;

use super::failed::HttpError;
use super::follow::is_event_stream;
use super::head;
use super::inflate::Inflate;
use super::taken::{Silence, Taken};
use super::tap::Way;

/// Bodies shorter than this are copied out of the connection's buffer.
const COPY_BELOW: usize = 16 * 1024;
/// Memory taken in advance for a body, at most.
const BELIEVE: usize = 1 << 20;

/// An answer whose head has come.
pub struct HttpResponse {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Body,
    /// What was read ahead.
    ahead: Option<Bytes>,
}

/// Who reads the body.
#[derive(Debug)]
enum Body {
    Hyper(Incoming),
    /// It was sent compressed.
    Packed(Incoming, Box<Inflate>),
    /// An event stream: nobody but us, once it is silent.
    Events(Incoming, Silence),
    Taken(Taken),
}

impl HttpResponse {
    /// The answer of `url`.
    pub(super) fn of(response: Response<Incoming>, url: &Url) -> Self {
        let (mut parts, body) = response.into_parts();
        let inflate = Inflate::of(&mut parts.headers);
        let way = parts.extensions.remove::<Way>().filter(|_| {
            let kind = parts.headers.get(CONTENT_TYPE);
            parts.version == Version::HTTP_11 && kind.is_some_and(|kind| is_event_stream(kind.as_bytes()))
        });
        let body = match (inflate, way) {
            (Some(inflate), _) => Body::Packed(body, Box::new(inflate)),
            (None, Some(way)) => Body::Events(body, Silence::new(way)),
            (None, None) => Body::Hyper(body),
        };
        head::of_headers(&mut parts.headers);
        Self { status: parts.status, headers: parts.headers, url: url.clone(), body, ahead: None }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The address that answered: after redirects.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The next bytes of the body, decompressed; `None` at its end.
    ///
    /// # Errors
    /// When the connection is lost or the bytes cannot be decompressed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        match self.ahead.take() {
            Some(bytes) => Ok(Some(bytes)),
            None => poll_fn(|cx| self.poll_chunk(cx)).await,
        }
    }

    /// The whole body, if it has at most `max` bytes after decompression. `alive` is called with each part.
    ///
    /// # Errors
    /// As [`HttpResponse::chunk`]; also when it is longer.
    pub async fn collect(&mut self, max: usize, mut alive: impl FnMut()) -> Result<Bytes, HttpError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() > max {
            return Err(HttpError::TooLong(max));
        }
        // Nearly always that was all.
        let Some(second) = self.chunk().await? else {
            // A small piece would hold on to the whole buffer it was read into, which is used again without it.
            return Ok(if first.len() < COPY_BELOW { Bytes::copy_from_slice(&first) } else { first });
        };
        let mut all = BytesMut::with_capacity(self.expected(max).max(first.len() + second.len()));
        all.extend_from_slice(&first);
        self.ahead = Some(second);
        while let Some(more) = self.chunk().await? {
            if all.len() + more.len() > max {
                return Err(HttpError::TooLong(max));
            }
            all.extend_from_slice(&more);
            alive();
        }
        Ok(all.freeze())
    }

    /// The size the server promises, as far as it may be believed.
    fn expected(&self, max: usize) -> usize {
        let Body::Hyper(body) = &self.body else { return 0 };
        let promised = body.size_hint().exact().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        promised.min(max).min(BELIEVE)
    }

    /// The first bytes of the body, at most `max`, however it goes on.
    pub async fn beginning(&mut self, max: usize) -> Bytes {
        let mut all = BytesMut::new();
        while all.len() < max {
            match self.chunk().await {
                Ok(Some(more)) => all.extend_from_slice(&more[..more.len().min(max - all.len())]),
                Ok(None) | Err(_) => break,
            }
        }
        all.freeze()
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
        let chunk = self.body.poll_chunk(cx);
        if chunk.is_pending()
            && let Body::Events(_, silence) = &mut self.body
        {
            let taken = ready!(silence.poll_taken(cx));
            // hyper's part of it goes with this.
            self.body = Body::Taken(taken);
            // hyper has room for as many headers as the request had: a copy has none.
            self.headers = self.headers.clone();
            return self.body.poll_chunk(cx);
        }
        chunk
    }

    /// Whether its stream goes on without hyper.
    #[cfg(test)]
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.body, Body::Taken(_))
    }
}

impl Body {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
        match self {
            Self::Hyper(body) => poll_data(body, cx),
            Self::Packed(body, inflate) => loop {
                match inflate.next() {
                    Ok(None) => {}
                    piece => return Poll::Ready(piece.map_err(|corrupt| HttpError::of_read(&corrupt))),
                }
                match ready!(poll_data(body, cx))? {
                    Some(bytes) => inflate.push(bytes),
                    None => {
                        return Poll::Ready(
                            inflate.end().map(|()| None).map_err(|corrupt| HttpError::of_read(&corrupt)),
                        );
                    }
                }
            },
            Self::Events(body, silence) => {
                let chunk = ready!(poll_data(body, cx));
                if let Ok(Some(bytes)) = &chunk {
                    silence.on_bytes(bytes.len());
                }
                Poll::Ready(chunk)
            }
            Self::Taken(taken) => taken.poll_chunk(cx),
        }
    }
}

impl fmt::Debug for HttpResponse {
    /// Without address and headers: they may hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).field("body", &self.body).finish_non_exhaustive()
    }
}

/// The next bytes that hyper has read.
fn poll_data(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                // Trailers say nothing to us.
                if let Ok(bytes) = frame.into_data() {
                    return Poll::Ready(Ok(Some(bytes)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(HttpError::of_body(&error))),
            None => return Poll::Ready(Ok(None)),
        }
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
