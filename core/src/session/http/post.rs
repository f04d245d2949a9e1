//! A POST: its body read, and its answer waited for.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::reply::{First, Reply};
use crate::session::run::Session;

/// A body has to arrive within this time.
const BODY_TIME: Duration = Duration::from_secs(30);
/// What is left of a body that is too large is read for this long, so that its sender gets to reading why.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// After so much silence the answer's form is settled: those on the way close what stays silent.
const SILENCE: Duration = Duration::from_secs(10);

/// Bodies shorter than this are copied.
const COPY_BELOW: usize = 32 << 10;

/// Reads a whole body.
///
/// # Errors
/// With the status and reason when it is too large, too slow or breaks off.
pub(super) async fn body(mut body: Incoming, limit: usize) -> Result<Bytes, (StatusCode, String)> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        let _ = tokio::time::timeout(DRAIN_TIME, drain(&mut body)).await;
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, whole(&mut body, limit)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let _ = tokio::time::timeout(DRAIN_TIME, drain(&mut body)).await;
            Err(too_large())
        }
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))),
        Err(_) => {
            let seconds = BODY_TIME.as_secs();
            Err((StatusCode::REQUEST_TIMEOUT, format!("the body did not arrive within {seconds} s")))
        }
    }
}

async fn frame(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            // Trailers say nothing to us.
            Ok(frame) => match frame.into_data() {
                Ok(bytes) => return Some(Ok(bytes)),
                Err(_) => continue,
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The body in one piece; without a copy if it came in a large one. `None`: it is larger than `limit`.
async fn whole(body: &mut Incoming, limit: usize) -> Result<Option<Bytes>, hyper::Error> {
    let Some(first) = frame(body).await.transpose()? else { return Ok(Some(Bytes::new())) };
    if first.len() > limit {
        return Ok(None);
    }
    if body.is_end_stream() {
        // A small one is a piece of the connection's read buffer, which whoever keeps the message would keep whole.
        let is_piece = first.len() < COPY_BELOW;
        return Ok(Some(if is_piece { Bytes::copy_from_slice(&first) } else { first }));
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut all = BytesMut::with_capacity((first.len() + expected).min(limit));
    all.extend_from_slice(&first);
    while let Some(more) = frame(body).await.transpose()? {
        if all.len() + more.len() > limit {
            return Ok(None);
        }
        all.extend_from_slice(&more);
    }
    Ok(Some(all.freeze()))
}

async fn drain(body: &mut Incoming) {
    while let Some(Ok(_)) = frame(body).await {}
}

/// Waits for what comes first. Dropping it means that the client has gone.
pub(super) struct Wait(pub(super) Reply);

impl Wait {
    /// What comes first from a session that is at work elsewhere. `bool`: it is a stream because nothing came.
    pub(super) async fn first(&self) -> (First, bool) {
        let mut silent = false;
        let mut silence = std::pin::pin!(tokio::time::sleep(SILENCE));
        loop {
            tokio::select! { biased;
                first = poll_fn(|cx| self.0.poll_first(cx)) => return (first, silent),
                () = &mut silence, if !silent => {
                    silent = true;
                    self.0.commit();
                }
            }
        }
    }

    /// The same from a session that lives here. It goes on only while it is waited for.
    pub(super) async fn first_of(&self, session: &mut Session, sleep: &mut Option<Pin<Box<Sleep>>>) -> (First, bool) {
        let mut silent = false;
        let mut silence = std::pin::pin!(tokio::time::sleep(SILENCE));
        while session.goes_on() {
            tokio::select! { biased;
                first = poll_fn(|cx| self.0.poll_first(cx)) => return (first, silent),
                () = session.happens(sleep) => {}
                () = &mut silence, if !silent => {
                    silent = true;
                    self.0.commit();
                }
            }
        }
        (First::Nothing, false)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
