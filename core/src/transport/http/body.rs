//! [`Body`]: what a response carries: runs of bytes with a known length, or a stream that goes on.
//!
//! Large runs keep their memory: a result of a megabyte is handed to the socket from where it was read.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use smallvec::SmallVec;

use super::pulse::Busy;
use crate::protocol::Spliced;

/// Runs shorter than this are copied together; longer ones keep their memory and cost no copy.
const COPY_BELOW: usize = 8 * 1024;

/// Bytes in several pieces.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    parts: SmallVec<[Bytes; 1]>,
    len: usize,
}

impl Runs {
    /// `head`, the message and `tail`, one after the other.
    #[must_use]
    pub fn of(head: &[u8], message: &Spliced, tail: &[u8]) -> Self {
        let len = head.len() + message.len() + tail.len();
        if len < COPY_BELOW {
            if head.is_empty() && tail.is_empty() {
                return Self::from(message.to_bytes());
            }
            let mut all = Vec::with_capacity(len);
            all.extend_from_slice(head);
            message.for_each_run(|run| all.extend_from_slice(run.bytes()));
            all.extend_from_slice(tail);
            return Self::from(Bytes::from(all));
        }
        let mut runs = Self { parts: SmallVec::new(), len };
        let mut open = BytesMut::from(head);
        message.for_each_run(|run| {
            if run.bytes().len() < COPY_BELOW {
                return open.extend_from_slice(run.bytes());
            }
            if !open.is_empty() {
                runs.parts.push(open.split().freeze());
            }
            runs.parts.push(run.to_bytes());
        });
        open.extend_from_slice(tail);
        if !open.is_empty() {
            runs.parts.push(open.freeze());
        }
        runs
    }

    /// Their length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the first piece.
    pub fn next_part(&mut self) -> Option<Bytes> {
        if self.parts.is_empty() {
            return None;
        }
        let part = self.parts.remove(0);
        self.len -= part.len();
        Some(part)
    }
}

impl From<Bytes> for Runs {
    fn from(bytes: Bytes) -> Self {
        let len = bytes.len();
        let parts = if len == 0 { SmallVec::new() } else { SmallVec::from_buf([bytes]) };
        Self { parts, len }
    }
}

/// What a response carries.
pub struct Body {
    kind: Kind,
    /// The request ends when its response has been written.
    busy: Option<Busy>,
}

enum Kind {
    Runs(Runs),
    Stream(Going),
}

/// A stream of pieces.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// A stream that its connection may take from whoever writes it now.
struct Going(Arc<Mutex<Gone>>);

/// The way to it, for as long as somebody writes it.
pub(super) struct Watched(Weak<Mutex<Gone>>);

struct Gone {
    /// `None`: it was taken.
    pieces: Option<Pieces>,
    busy: Option<Busy>,
    /// It was asked and has nothing yet: all that came before has been handed over.
    waits: bool,
}

impl Going {
    fn of(pieces: Pieces) -> Self {
        Self(Arc::new(Mutex::new(Gone { pieces: Some(pieces), busy: None, waits: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Gone> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut gone = self.lock();
        let piece = gone.pieces.as_mut().map_or(Poll::Ready(None), |pieces| pieces.as_mut().poll_next(cx));
        gone.waits = piece.is_pending();
        if let Poll::Ready(None) = piece {
            (gone.pieces, gone.busy) = (None, None);
        }
        piece
    }
}

impl Watched {
    /// Whether all it had has been handed over, and it goes on.
    pub(super) fn waits(&self) -> bool {
        self.0.upgrade().is_some_and(|gone| Going(gone).lock().waits)
    }

    /// The stream, and what ends its request; for whoever has it now it is at its end.
    pub(super) fn take(&self) -> Option<(Pieces, Option<Busy>)> {
        let going = Going(self.0.upgrade()?);
        let mut gone = going.lock();
        let busy = gone.busy.take();
        gone.pieces.take().map(|pieces| (pieces, busy))
    }
}

impl Body {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Runs::default().into()
    }

    /// What the stream gives, until it ends. It is dropped when the peer has gone.
    #[must_use]
    pub fn stream(stream: Pin<Box<dyn Stream<Item = Bytes> + Send>>) -> Self {
        Self { kind: Kind::Stream(Going::of(stream)), busy: None }
    }

    /// The request goes on until this body has been written.
    pub(super) fn ends(mut self, busy: Busy) -> Self {
        match &self.kind {
            Kind::Runs(_) => self.busy = Some(busy),
            Kind::Stream(going) => going.lock().busy = Some(busy),
        }
        self
    }

    /// The stream, if it is one.
    pub(super) fn watched(&self) -> Option<Watched> {
        match &self.kind {
            Kind::Runs(_) => None,
            Kind::Stream(going) => Some(Watched(Arc::downgrade(&going.0))),
        }
    }
}

impl From<Runs> for Body {
    fn from(runs: Runs) -> Self {
        Self { kind: Kind::Runs(runs), busy: None }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Runs::from(bytes).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let part = match &mut self.kind {
            Kind::Runs(runs) => runs.next_part(),
            Kind::Stream(going) => match going.poll(cx) {
                Poll::Ready(part) => part,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Runs(runs) if runs.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Runs(runs) => SizeHint::with_exact(runs.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Runs(runs) => write!(f, "Body({} bytes)", runs.len()),
            Kind::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Patch, Span};

    fn text(mut runs: Runs) -> (String, usize) {
        let mut all = String::new();
        let mut n = 0;
        while let Some(part) = runs.next_part() {
            all.push_str(std::str::from_utf8(&part).expect("text"));
            n += 1;
        }
        (all, n)
    }

    #[test]
    fn small_messages_are_one_piece() {
        let mut message = Spliced::new(Bytes::from_static(b"{\"id\":1}"));
        message.patch(Span { start: 6, end: 7 }, Patch::Number(77));
        let runs = Runs::of(b"data: ", &message, b"\n\n");
        assert_eq!(runs.len(), 17);
        assert_eq!(text(runs), ("data: {\"id\":77}\n\n".to_owned(), 1));
    }

    #[test]
    fn large_runs_are_shared() {
        let big = Bytes::from("x".repeat(3 * COPY_BELOW));
        let mut message = Spliced::new(big.clone());
        message.patch(Span { start: 1, end: 2 }, Patch::Number(5));
        let mut runs = Runs::of(b"[", &message, b"]");
        let len = runs.len();
        assert_eq!(runs.next_part().expect("head"), "[x5");
        let shared = runs.next_part().expect("the rest");
        assert_eq!(shared.as_ptr(), big[2..].as_ptr(), "not copied");
        assert_eq!(runs.next_part().expect("tail"), "]");
        assert!(runs.next_part().is_none() && runs.is_empty());
        assert_eq!(len, big.len() + 2);
    }
}
