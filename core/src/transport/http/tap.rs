//! [`Tap`]: a connection as hyper has it, from which it can be taken while hyper waits for more of an event stream.
//!
//! hyper keeps buffers and a channel, some 25 KiB, for as long as it has a connection, and such a stream is silent for as long as its call
//! takes. Who reads the answer finds a [`Way`] to the connection in its extensions. For hyper, what was taken is at its end.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::follow::Follow;
use super::framing::Framing;
use super::wire::Wire;

/// hyper's end of a connection.
#[derive(Debug)]
pub(super) struct Tap {
    shared: Arc<Mutex<Shared>>,
    is_http2: bool,
    /// Requests are to name their server, because this is a proxy.
    is_proxied: bool,
}

/// The reader's end of it.
#[derive(Clone, Debug)]
pub(super) struct Way(Arc<Mutex<Shared>>);

struct Shared {
    /// `None`: taken, or closed.
    wire: Option<Wire>,
    follow: Follow,
    /// Who waits for more of an event stream.
    waits: Option<Waker>,
    /// Something of a request has not been taken by the peer yet.
    is_stuck: bool,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap {
    pub(super) fn new(wire: Wire, is_proxied: bool) -> Self {
        let is_http2 = wire.is_http2();
        let follow = if is_http2 { Follow::Lost } else { Follow::new() };
        let shared = Shared { wire: Some(wire), follow, waits: None, is_stuck: false };
        Self { shared: Arc::new(Mutex::new(shared)), is_http2, is_proxied }
    }
}

/// What comes of asking for a connection.
pub(super) enum Take {
    /// It, and where in its stream it is.
    Taken(Wire, Framing),
    /// hyper is still at work on it.
    NotNow,
    /// It is none that can be taken.
    Never,
}

impl Way {
    /// Takes the connection from hyper, if it waits for more of an event stream and `n_bytes` of that are all it was given.
    pub(super) fn take(&self, n_bytes: u64) -> Take {
        let mut shared = lock(&self.0);
        let Follow::Events { framing, n_bytes: n_given } = &shared.follow else { return Take::Never };
        if *n_given != n_bytes || shared.waits.is_none() || shared.is_stuck {
            return Take::NotNow;
        }
        let framing = framing.clone();
        let (wire, waits) = (shared.wire.take(), shared.waits.take());
        shared.follow = Follow::Lost;
        drop(shared);
        if let Some(waker) = waits {
            waker.wake();
        }
        wire.map_or(Take::Never, |wire| Take::Taken(wire, framing))
    }
}

impl Connection for Tap {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxied);
        if self.is_http2 { connected.negotiated_h2() } else { connected.extra(Way(self.shared.clone())) }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *lock(&self.shared);
        let Some(wire) = &mut shared.wire else { return Poll::Ready(Ok(())) };
        let n_before = buf.filled().len();
        let read = Pin::new(wire).poll_read(cx, buf);
        match &read {
            Poll::Ready(Ok(())) => {
                shared.waits = None;
                shared.follow.on_read(&buf.filled()[n_before..]);
            }
            Poll::Ready(Err(_)) => shared.follow = Follow::Lost,
            Poll::Pending if matches!(shared.follow, Follow::Events { .. }) => {
                if shared.waits.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                    shared.waits = Some(cx.waker().clone());
                }
            }
            Poll::Pending => {}
        }
        read
    }
}

impl Shared {
    fn on_write(&mut self) {
        // Inside TLS what was taken may not have left yet: only a flush says that.
        self.is_stuck = true;
        self.follow.on_write();
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let shared = &mut *lock(&self.shared);
        let Some(wire) = &mut shared.wire else { return Poll::Ready(Ok(bytes.len())) };
        let written = Pin::new(wire).poll_write(cx, bytes);
        shared.on_write();
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let shared = &mut *lock(&self.shared);
        let Some(wire) = &mut shared.wire else { return Poll::Ready(Ok(bytes.iter().map(|b| b.len()).sum())) };
        let written = Pin::new(wire).poll_write_vectored(cx, bytes);
        shared.on_write();
        written
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.shared).wire.as_ref().is_some_and(Wire::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *lock(&self.shared);
        let Some(wire) = &mut shared.wire else { return Poll::Ready(Ok(())) };
        let flushed = Pin::new(wire).poll_flush(cx);
        shared.is_stuck = flushed.is_pending();
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *lock(&self.shared);
        shared.follow = Follow::Lost;
        shared.wire.as_mut().map_or(Poll::Ready(Ok(())), |wire| Pin::new(wire).poll_shutdown(cx))
    }
}

impl Drop for Tap {
    /// A connection that hyper has done with is closed, whoever still knows the way to it.
    fn drop(&mut self) {
        let shared = &mut *lock(&self.shared);
        (shared.wire, shared.waits, shared.follow) = (None, None, Follow::Lost);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("follow", &self.follow).finish_non_exhaustive()
    }
}
