//! One connection: hyper's HTTP/1.1 on a socket whose pulse is felt.
//!
//! hyper keeps buffers of 16 KiB for as long as it has a connection. Most connections of a client that is there are silent: unless it is
//! at work, one is taken from hyper after each answer, and given to it again with the first byte that comes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::Method;
use hyper::body::Body as _;
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
    let mut felt = Felt { io, pulse, first: Bytes::new() };
    loop {
        match serve_busy(felt, &service, peer).await {
            Ok(silent) => felt = silent,
            Err(served) => return told(served, peer),
        }
        if !felt.wakes().await {
            return;
        }
    }
}

/// Serves until the connection is at its end, or has been silent for so long that it is given back.
async fn serve_busy<S, I>(io: Felt<I>, service: &S, peer: SocketAddr) -> Result<Felt<I>, hyper::Result<()>>
where
    S: Serve,
    I: AsyncRead + AsyncWrite + Unpin,
{
    let pulse = io.pulse.clone();
    let answer = service_fn(|request| {
        let busy = pulse.begin();
        // Who serves reads the whole body of a POST that it takes.
        let (has_body, is_post) = (!request.is_end_stream(), request.method() == Method::POST);
        let pulse = pulse.clone();
        let answer = service.answer(request, peer);
        async move {
            let answer = answer.await;
            if has_body && !(is_post && answer.status().is_success()) {
                // What is left of the body is hyper's business: it may have to close the connection for it.
                pulse.on_shutdown();
            }
            Ok::<_, Infallible>(answer.map(|body| body.ends(busy)))
        }
    });
    let mut builder = http1::Builder::new();
    // A peer that closes its side is gone, as every HTTP client means it: who waits for its answer is told at once.
    builder.half_close(false).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS);
    // In a box: a silent connection has no room for it.
    let mut served = Box::new(builder.serve_connection(TokioIo::new(io), answer));
    let ended = poll_fn(|cx| match Pin::new(&mut *served).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if pulse.rests(cx.waker()) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match ended.await {
        Some(ended) => Err(ended),
        None => {
            let parts = served.into_parts();
            // A copy: what is left of hyper's buffer, were it nothing, would keep all of it.
            let first = Bytes::copy_from_slice(&parts.read_buf);
            Ok(Felt { first, ..parts.io.into_inner() })
        }
    }
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
struct Felt<I> {
    io: I,
    pulse: Arc<Pulse>,
    /// What was read before somebody wanted it.
    first: Bytes,
}

impl<I: AsyncRead + Unpin> Felt<I> {
    /// Waits until the peer says something. `false`: it does not any more.
    async fn wakes(&mut self) -> bool {
        if !self.first.is_empty() {
            return true;
        }
        let mut room = [0; 64];
        let n = poll_fn(|cx| {
            let mut buf = ReadBuf::new(&mut room);
            Pin::new(&mut *self).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
        })
        .await
        .unwrap_or(0);
        self.first = Bytes::copy_from_slice(&room[..n]);
        self.pulse.wakes();
        n > 0
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Felt<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let n = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..n]);
            self.first.advance(n);
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
mod tests {
    use hyper::body::Incoming;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;
    use crate::transport::http::Body;

    /// Answers with the path.
    #[derive(Clone)]
    struct Echo;

    impl Serve for Echo {
        async fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
            Response::new(Bytes::from(request.uri().path().to_owned()).into())
        }
    }

    async fn answer(client: &mut DuplexStream, path: &str) {
        let mut all = Vec::new();
        while !all.ends_with(path.as_bytes()) {
            assert!(client.read_buf(&mut all).await.expect("memory") > 0, "{}", String::from_utf8_lossy(&all));
        }
        assert!(all.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&all));
    }

    /// Lets the connection's own task come to rest.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_silent_connection_is_let_go_of_and_taken_up_again() {
        let (mut client, io) = tokio::io::duplex(4096);
        let (pulse, clock) = Pulse::for_test();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let served = serve(io, Echo, peer, pulse.clone());
        let talk = async {
            client.write_all(b"GET /a").await.expect("memory");
            settle().await;
            clock.pass();
            pulse.look();
            settle().await;
            assert!(!pulse.is_resting(), "half a head has come");
            client.write_all(b" HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
            answer(&mut client, "/a").await;
            for path in ["/b", "/c"] {
                settle().await;
                assert!(pulse.is_resting(), "nobody is at work here");
                assert!(!pulse.is_over(), "it is kept");
                for byte in format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").bytes() {
                    client.write_all(&[byte]).await.expect("memory");
                    settle().await;
                }
                answer(&mut client, path).await;
            }
            // Two requests in one go.
            client
                .write_all(b"GET /d HTTP/1.1\r\nhost: x\r\n\r\nGET /e HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .expect("memory");
            answer(&mut client, "/e").await;
            // One and a half.
            client.write_all(b"GET /g HTTP/1.1\r\nhost: x\r\n\r\nGET").await.expect("memory");
            answer(&mut client, "/g").await;
            settle().await;
            client.write_all(b" /h HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
            answer(&mut client, "/h").await;
            for _ in 0..20 {
                client.write_all(b"GET /f HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
                answer(&mut client, "/f").await;
            }
            settle().await;
            assert!(!pulse.is_resting(), "it is at work");
            clock.pass();
            pulse.look();
            settle().await;
            assert!(pulse.is_resting(), "not any more");
            settle().await;
            clock.pass();
            pulse.look();
            settle().await;
            drop(client);
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), async { tokio::join!(served, talk) })
            .await
            .expect("it ends with its client");
    }
}
