//! One connection: hyper's HTTP/1.1 on a socket whose pulse is felt.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::listener::Serve;
use super::pulse::Pulse;

/// Bytes of a request's head, request line included; more is answered with 431.
const MAX_HEAD: usize = 32 * 1024;
/// Lines of a request's head; more is answered with 431.
const MAX_HEADERS: usize = 100;

/// Serves requests until the peer closes, the listener ends it, or the bytes are no HTTP.
///
/// Dropping it drops the request being served: whoever serves sees that as the peer's leaving.
pub(super) async fn serve<S, I>(io: I, service: S, peer: SocketAddr, pulse: Arc<Pulse>)
where
    S: Serve,
    I: AsyncRead + AsyncWrite + Unpin,
{
    let felt = pulse.clone();
    let answer = service_fn(|request| {
        let busy = pulse.begin();
        let answer = service.answer(request, peer);
        async move { Ok::<_, Infallible>(answer.await.map(|body| body.ends(busy))) }
    });
    let mut builder = http1::Builder::new();
    // A peer that closes its side is gone, as every HTTP client means it: who waits for its answer is told at once.
    builder.half_close(false).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let served = builder.serve_connection(TokioIo::new(Felt { io, pulse: felt }), answer).await;
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
struct Felt<I> {
    io: I,
    pulse: Arc<Pulse>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Felt<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
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
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
