//! [`Chunks`]: an event stream that hyper has begun, written to its end without it.
//!
//! Such a stream is silent for hours. Once its head is out and all it had has been written, what is left to do for it is the framing of
//! chunks (RFC 9112, 7.1): no buffers are kept for that.

use std::fmt;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Chain;
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{Pieces, Watched};
use super::connection::Felt;
use super::pulse::Busy;

/// The length, the piece, and the line's end.
type Chunk = Chain<Chain<Bytes, Bytes>, Bytes>;

/// What is left of a response whose head has been sent with `transfer-encoding: chunked`.
pub(super) struct Chunks {
    /// `None`: it has ended.
    pieces: Option<Pieces>,
    /// What is on its way to the socket.
    chunk: Chunk,
    busy: Option<Busy>,
}

impl Chunks {
    /// Takes the stream from whoever wrote it until now.
    pub(super) fn of(watched: &Watched) -> Option<Self> {
        let (pieces, busy) = watched.take()?;
        Some(Self { pieces: Some(pieces), chunk: framed(Bytes::new(), Bytes::new(), Bytes::new()), busy })
    }

    /// Writes until the stream ends. `false`: the peer has gone before.
    pub(super) async fn write_to<I: AsyncRead + AsyncWrite + Unpin>(mut self, io: &mut Felt<I>) -> bool {
        poll_fn(|cx| self.poll_write_to(cx, io)).await
    }

    fn poll_write_to<I>(&mut self, cx: &mut Context<'_>, io: &mut Felt<I>) -> Poll<bool>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if self.chunk.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let n = self.chunk.chunks_vectored(&mut slices);
                match Pin::new(&mut *io).poll_write_vectored(cx, &slices[..n]) {
                    Poll::Ready(Ok(n)) if n > 0 => self.chunk.advance(n),
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => break,
                }
                continue;
            }
            let Some(pieces) = &mut self.pieces else {
                // Its request has ended; what is flushed now is the last of it.
                self.busy = None;
                return Pin::new(&mut *io).poll_flush(cx).map(|flushed| flushed.is_ok());
            };
            match pieces.as_mut().poll_next(cx) {
                // Without a length it would be the end.
                Poll::Ready(Some(piece)) if piece.is_empty() => {}
                Poll::Ready(Some(piece)) => {
                    let length = Bytes::from(format!("{:x}\r\n", piece.len()));
                    self.chunk = framed(length, piece, Bytes::from_static(b"\r\n"));
                }
                Poll::Ready(None) => {
                    self.pieces = None;
                    self.chunk = framed(Bytes::from_static(b"0\r\n"), Bytes::new(), Bytes::from_static(b"\r\n"));
                }
                Poll::Pending => {
                    if let Poll::Ready(Err(_)) = Pin::new(&mut *io).poll_flush(cx) {
                        return Poll::Ready(false);
                    }
                    break;
                }
            }
        }
        io.poll_gone(cx).map(|()| false)
    }
}

fn framed(length: Bytes, piece: Bytes, end: Bytes) -> Chunk {
    length.chain(piece).chain(end)
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("ended", &self.pieces.is_none()).finish_non_exhaustive()
    }
}
