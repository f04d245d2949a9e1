//! [`Reply`]: where the answer to one POST goes. Its form is settled late: JSON when the answer is the first word, an
//! event stream when something else comes before it or nothing comes for a while (protocol.md 3.12).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::envelope::Envelope;
use super::handle::Handle;
use super::stream::{Overflow, Stream, Style, Weight};
use crate::protocol::Spliced;
use crate::transport::http::Runs;

/// The way back to one POST; clones lead to the same.
#[derive(Clone, Debug)]
pub(in crate::session) struct Reply(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    state: State,
    waker: Option<Waker>,
    /// The session that keeps its streams; `None` in the modern era.
    handle: Option<Arc<Handle>>,
    /// What HTTP says around the POST.
    envelope: Option<Arc<Envelope>>,
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet.
    Waiting,
    /// What is first is there and was not fetched yet.
    First(First),
    /// It has become a stream.
    Stream(Arc<Stream>),
    /// All was said, or nobody is there any more.
    Over,
}

/// What comes first.
#[derive(Debug)]
pub(super) enum First {
    /// The answer, and its code when it is an error.
    Answer(Runs, Option<i32>),
    /// Something else: the answer comes on this stream.
    Stream(Arc<Stream>),
    /// There will be none: the client took its request back.
    Nothing,
}

impl Reply {
    pub(super) fn new(handle: Option<Arc<Handle>>, envelope: Option<Arc<Envelope>>) -> Self {
        Self(Arc::new(Mutex::new(Inner { state: State::Waiting, waker: None, handle, envelope })))
    }

    /// What HTTP says around the POST.
    pub(in crate::session) fn envelope(&self) -> Option<Arc<Envelope>> {
        self.inner().envelope.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both lead to the same POST.
    pub(in crate::session) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The answer: the last word.
    pub(in crate::session) fn answer(&self, message: &Spliced, code: Option<i32>) -> Result<(), Overflow> {
        let mut inner = self.inner();
        if let Some(envelope) = &inner.envelope {
            envelope.is_ready();
        }
        match std::mem::replace(&mut inner.state, State::Over) {
            State::Waiting => inner.comes(First::Answer(Runs::of(b"", message, b""), code)),
            State::First(First::Stream(stream)) => {
                let pushed = stream.push(message, Weight::Owed);
                stream.finish();
                inner.state = State::First(First::Stream(stream));
                return pushed;
            }
            State::Stream(stream) => {
                let pushed = stream.push(message, Weight::Owed);
                stream.finish();
                return pushed;
            }
            State::First(_) | State::Over => {}
        }
        Ok(())
    }

    /// Something that belongs to the request and is not its answer. `false`: nobody is there to hear it.
    pub(in crate::session) fn beside(&self, message: &Spliced, weight: Weight) -> Result<bool, Overflow> {
        let mut inner = self.inner();
        if matches!(inner.state, State::Waiting) {
            inner.commit();
        }
        match &inner.state {
            State::First(First::Stream(stream)) | State::Stream(stream) => stream.push(message, weight).map(|()| true),
            _ => Ok(false),
        }
    }

    /// There will be no answer.
    pub(in crate::session) fn end(&self) {
        let mut inner = self.inner();
        match &inner.state {
            State::Waiting => inner.comes(First::Nothing),
            State::First(First::Stream(stream)) | State::Stream(stream) => stream.finish(),
            State::First(_) | State::Over => {}
        }
    }

    /// The form is settled now: an event stream.
    pub(super) fn commit(&self) {
        let mut inner = self.inner();
        if matches!(inner.state, State::Waiting) {
            inner.commit();
        }
    }

    /// What comes first.
    pub(super) fn poll_first(&self, cx: &mut Context<'_>) -> Poll<First> {
        let mut inner = self.inner();
        match std::mem::replace(&mut inner.state, State::Over) {
            State::First(First::Stream(stream)) => {
                inner.state = State::Stream(stream.clone());
                Poll::Ready(First::Stream(stream))
            }
            State::First(first) => Poll::Ready(first),
            State::Waiting => {
                inner.state = State::Waiting;
                if !inner.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                    inner.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            // Fetched twice: a mistake of ours that ends the request.
            state => {
                inner.state = state;
                Poll::Ready(First::Nothing)
            }
        }
    }

    /// Whoever waited for it has gone. A stream it could name stays, what has no name does not.
    pub(super) fn abandon(&self) {
        let mut inner = self.inner();
        if matches!(inner.state, State::Waiting | State::First(First::Answer(..) | First::Nothing)) {
            inner.state = State::Over;
        }
        inner.waker = None;
    }
}

impl Inner {
    fn comes(&mut self, first: First) {
        self.state = State::First(first);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn commit(&mut self) {
        let stream = Stream::new(self.handle.as_ref().map_or(Style::Plain, |h| h.style));
        if let Some(handle) = &self.handle {
            handle.keep(stream.clone());
        }
        self.comes(First::Stream(stream));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn text(t: &'static str) -> Spliced {
        Spliced::new(Bytes::from_static(t.as_bytes()))
    }

    fn first(reply: &Reply) -> Poll<First> {
        reply.poll_first(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_answer_that_is_the_first_word_is_no_stream() {
        let reply = Reply::new(None, None);
        assert!(first(&reply).is_pending());
        reply.answer(&text("{}"), Some(-1)).expect("room");
        assert!(matches!(first(&reply), Poll::Ready(First::Answer(runs, Some(-1))) if runs.len() == 2));
        assert_eq!(reply.beside(&text("{}"), Weight::Note), Ok(false), "too late");
    }

    #[test]
    fn anything_before_the_answer_makes_it_a_stream() {
        let reply = Reply::new(None, None);
        assert_eq!(reply.beside(&text("{\"n\":1}"), Weight::Note), Ok(true));
        reply.answer(&text("{}"), None).expect("room");
        let Poll::Ready(First::Stream(stream)) = first(&reply) else { panic!("no stream") };
        let reader = stream.attach(None);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(matches!(reader.poll_next(&mut cx), Poll::Ready(Some(_))));
        }
        assert!(matches!(reader.poll_next(&mut cx), Poll::Ready(None)), "the answer is the last word");
    }

    #[test]
    fn a_request_taken_back_gets_nothing() {
        let reply = Reply::new(None, None);
        reply.end();
        assert!(matches!(first(&reply), Poll::Ready(First::Nothing)));
    }
}
