//! [`Taken`]: an event stream that hyper has begun to read, read to its end without it: no buffer is kept while it is silent.

use std::future::Future as _;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::failed::HttpError;
use super::framing::{Flaw, Framing};
use super::tap::{Take, Way};
use super::wire::Wire;

/// A stream that has been silent for so long, and up to twice that, is taken. Short answers end sooner, and their connections are used again.
const SILENCE: Duration = Duration::from_secs(1);
/// Bytes read at once.
const ROOM: usize = 16 * 1024;

/// A connection to a server on which nothing comes any more but the rest of one stream.
#[derive(Debug)]
pub(super) struct Taken {
    /// `None`: it has ended.
    wire: Option<Wire>,
    framing: Framing,
    /// Comes behind what was read with it.
    flaw: Option<Flaw>,
}

impl Taken {
    /// Goes on where hyper was.
    pub(super) const fn new(wire: Wire, framing: Framing) -> Self {
        Self { wire: Some(wire), framing, flaw: None }
    }

    /// The next bytes of the stream.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
        let chunk = ready!(self.poll_read(cx));
        if !matches!(chunk, Ok(Some(_))) {
            self.wire = None;
        }
        Poll::Ready(chunk)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
        let Some(wire) = &mut self.wire else { return Poll::Ready(Ok(None)) };
        if let Some(flaw) = self.flaw.take() {
            return Poll::Ready(Err(HttpError::of_read(&flaw)));
        }
        while !self.framing.is_over() {
            let mut room = [const { MaybeUninit::uninit() }; ROOM];
            let mut read = ReadBuf::uninit(&mut room);
            if let Err(error) = ready!(Pin::new(&mut *wire).poll_read(cx, &mut read)) {
                return Poll::Ready(Err(HttpError::of_read(&error)));
            }
            if read.filled().is_empty() {
                let is_whole = self.framing.may_end();
                return Poll::Ready(if is_whole { Ok(None) } else { Err(HttpError::of_read(&CutOff)) });
            }
            let mut data = Vec::new();
            let fed = self.framing.feed(read.filled(), |part| data.extend_from_slice(part));
            match fed {
                Err(flaw) if data.is_empty() => return Poll::Ready(Err(HttpError::of_read(&flaw))),
                _ => self.flaw = fed.err(),
            }
            if !data.is_empty() {
                return Poll::Ready(Ok(Some(data.into())));
            }
        }
        Poll::Ready(Ok(None))
    }
}

/// The connection has ended before its body.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("unexpected end")]
struct CutOff;

/// An event stream that hyper reads, to be taken when it is silent.
#[derive(Debug)]
pub(super) struct Silence {
    /// `None`: it cannot be taken.
    way: Option<Way>,
    /// What has come of the stream.
    n_bytes: u64,
    /// Something came since it was looked last.
    came: bool,
    /// Made when there is nothing to read for the first time: many an answer comes at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    pub(super) const fn new(way: Way) -> Self {
        Self { way: Some(way), n_bytes: 0, came: false, timer: None }
    }

    /// Bytes of the stream came.
    pub(super) const fn on_bytes(&mut self, n: usize) {
        self.n_bytes += n as u64;
        self.came = true;
    }

    /// Nothing is there: the stream, once it is its time.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Taken> {
        while let Some(way) = &self.way {
            let timer = self.timer.get_or_insert_with(|| {
                self.came = false;
                Box::pin(tokio::time::sleep(SILENCE))
            });
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(Instant::now() + SILENCE);
            if std::mem::take(&mut self.came) {
                continue;
            }
            match way.take(self.n_bytes) {
                Take::Taken(wire, framing) => return Poll::Ready(Taken::new(wire, framing)),
                Take::NotNow => {}
                Take::Never => (self.way, self.timer) = (None, None),
            }
        }
        Poll::Pending
    }
}
