//! [`EventBody`]: a stream on its way to the socket, with comments while it is silent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream as Bodies;
use tokio::time::{Instant, Sleep};

use super::stream::Reader;
use crate::transport::http::{Body, Runs, comment};

/// Between two comments on a stream: those on the way close what is silent for a minute.
const COMMENT_PAUSE: Duration = Duration::from_secs(15);

/// Work that goes on for as long as somebody reads, and ends with the body.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A stream on its way to the socket.
pub(super) struct EventBody {
    reader: Reader,
    driver: Option<Driver>,
    /// What is left of the event that is being handed over.
    parts: Runs,
    sleep: Pin<Box<Sleep>>,
}

impl EventBody {
    /// What `reader` reads. `is_silent`: begins with a comment, so that the peer has something.
    pub(super) fn body(reader: Reader, driver: Option<Driver>, is_silent: bool) -> Body {
        let parts = if is_silent { comment().into() } else { Runs::default() };
        let sleep = Box::pin(tokio::time::sleep(COMMENT_PAUSE));
        Body::stream(Box::pin(Self { reader, driver, parts, sleep }))
    }
}

impl Bodies for EventBody {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        if let Some(part) = this.parts.next_part() {
            return Poll::Ready(Some(part));
        }
        if let Some(driver) = &mut this.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            // What it said last is still to be read.
            this.driver = None;
        }
        match this.reader.poll_next(cx) {
            Poll::Ready(Some(runs)) => {
                this.parts = runs;
                return Poll::Ready(this.parts.next_part());
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if this.sleep.as_mut().poll(cx).is_ready() {
            this.sleep.as_mut().reset(Instant::now() + COMMENT_PAUSE);
            // Registers the timer anew.
            if this.sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Some(comment()));
        }
        Poll::Pending
    }
}
