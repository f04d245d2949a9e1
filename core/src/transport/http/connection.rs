//! One connection: hyper's HTTP/1.1 on a socket whose pulse is felt.
//!
//! hyper keeps buffers of 16 KiB for as long as it has a connection. Most connections of a client that is there are silent: unless it is
//! at work, one is taken from hyper after each answer, and given to it with the first byte that comes, when it is its turn ([`Pulse::enters`]). A
//! stream that has begun and has nothing to say goes on without hyper ([`Chunks`]).

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Version};
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::Watched;
use super::chunks::Chunks;
use super::listener::Serve;
use super::pulse::Pulse;

/// Bytes of a request's head, request line included; more is answered with 431.
const MAX_HEAD: usize = 32 * 1024;
/// Lines of a request's head; more is answered with 431.
const MAX_HEADERS: usize = 100;

/// Bytes read at once of what comes by a silent connection.
const FIRST: usize = 4096;

/// Serves requests until the peer closes, the listener ends it, or the bytes are no HTTP.
///
/// Dropping it drops the request being served: whoever serves sees that as the peer's leaving.
pub(super) async fn serve<S, I>(io: I, service: S, peer: SocketAddr, pulse: Arc<Pulse>)
where
    S: Serve,
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut felt = Felt { io, pulse: pulse.clone(), first: Bytes::new() };
    while felt.wakes().await {
        let entered = pulse.enters().await;
        let (silent, chunks) = match serve_busy(felt, &service, peer).await {
            Ok(goes_on) => goes_on,
            Err(served) => return told(served, peer),
        };
        felt = silent;
        drop(entered);
        if let Some(chunks) = chunks
            && !chunks.write_to(&mut felt).await
        {
            return;
        }
    }
}

/// Serves until the connection is at its end, has been silent for so long that it is given back, or carries a stream that goes on without
/// hyper.
async fn serve_busy<S, I>(
    io: Felt<I>,
    service: &S,
    peer: SocketAddr,
) -> Result<(Felt<I>, Option<Chunks>), hyper::Result<()>>
where
    S: Serve,
    I: AsyncRead + AsyncWrite + Unpin,
{
    let pulse = io.pulse.clone();
    let last = Mutex::new(None::<Watched>);
    let stream = || last.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = service_fn(|request| {
        let busy = pulse.begin();
        // Who serves reads the whole body of a POST that it takes.
        let (has_body, is_post) = (!request.is_end_stream(), request.method() == Method::POST);
        let (is_chunked, pulse) = (is_chunked(&request), pulse.clone());
        let answer = service.answer(request, peer);
        async move {
            let mut answer = answer.await;
            pulse.expects(answer.extensions_mut().remove());
            let is_read = !has_body || (is_post && answer.status().is_success());
            if !is_read {
                // What is left of the body is hyper's business: it may have to close the connection for it.
                pulse.on_shutdown();
            }
            *stream() = if is_read && is_chunked { answer.body().watched() } else { None };
            Ok::<_, Infallible>(answer.map(|body| body.ends(busy)))
        }
    });
    let mut builder = http1::Builder::new();
    // A peer that closes its side is gone, as every HTTP client means it: who waits for its answer is told at once.
    builder.half_close(false).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS);
    // In a box: a silent connection has no room for it.
    let mut served = Box::new(builder.serve_connection(TokioIo::new(io), answer));
    let ended = poll_fn(|cx| match Pin::new(&mut *served).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Err(ended)),
        Poll::Pending if pulse.rests(cx.waker()) => Poll::Ready(Ok(None)),
        Poll::Pending if pulse.is_flushed() && stream().as_ref().is_some_and(Watched::waits) => {
            Poll::Ready(Ok(stream().take().and_then(|watched| Chunks::of(&watched))))
        }
        Poll::Pending => Poll::Pending,
    });
    let chunks = ended.await?;
    let parts = served.into_parts();
    // A copy: what is left of hyper's buffer, were it nothing, would keep all of it.
    let first = Bytes::copy_from_slice(&parts.read_buf);
    Ok((Felt { first, ..parts.io.into_inner() }, chunks))
}

/// Whether a stream in answer to this is sent in chunks, with another request to follow.
fn is_chunked<B>(request: &Request<B>) -> bool {
    let closes = |value: &HeaderValue| {
        value.to_str().map_or(true, |v| v.split(',').any(|word| word.trim().eq_ignore_ascii_case("close")))
    };
    request.version() == Version::HTTP_11 && !request.headers().get_all(CONNECTION).iter().any(closes)
}

/// Says how a connection ended, if that is worth it.
fn told(served: hyper::Result<()>, peer: SocketAddr) {
    if let Err(error) = served {
        if error.is_parse() {
            // It was answered with 400 or 431, and closed.
            tracing::info!(%peer, %error, "what came by HTTP was refused");
        } else {
            tracing::debug!(%peer, %error, "an HTTP connection ended early");
        }
    }
}

/// A stream that tells the pulse what goes through it.
pub(super) struct Felt<I> {
    io: I,
    pulse: Arc<Pulse>,
    /// What was read before somebody wanted it.
    first: Bytes,
}

impl<I: AsyncRead + Unpin> Felt<I> {
    /// Waits until the peer says something. `false`: it does not any more.
    async fn wakes(&mut self) -> bool {
        if self.first.is_empty() {
            poll_fn(|cx| self.poll_first(cx)).await;
            self.pulse.wakes();
        }
        !self.first.is_empty()
    }

    /// Keeps the first bytes that come; none: the peer has gone.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Nearly every request as a whole: hyper need not ask the system again.
        let mut room = [MaybeUninit::uninit(); FIRST];
        let mut buf = ReadBuf::uninit(&mut room);
        // What fails to be read is not there.
        let _ = ready!(Pin::new(&mut *self).poll_read(cx, &mut buf));
        self.first = Bytes::copy_from_slice(buf.filled());
        Poll::Ready(())
    }

    /// Whether the peer has gone. What it says meanwhile is kept until somebody wants it; until then its end is not seen.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.first.is_empty() {
            ready!(self.poll_first(cx));
        }
        if self.first.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Felt<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let n = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..n]);
            self.first.advance(n);
            if self.first.is_empty() {
                // Of a call that takes long nothing is kept twice.
                self.first = Bytes::new();
            }
            // It may be half a head: until the rest comes, or too late, this is no silence.
            self.pulse.on_read();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.pulse.on_read();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Felt<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.pulse.on_write(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.pulse.on_write(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            self.pulse.on_flush();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pulse.on_shutdown();
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
