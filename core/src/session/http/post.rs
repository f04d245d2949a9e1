//! A POST: its body read, and its answer waited for.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;

use super::reply::{First, Reply};
use crate::session::run::{Session, Waits};

/// What is left of a body that is too large is read for this long, so that its sender gets to reading why.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// After so much silence the answer's form is settled: those on the way close what stays silent.
const SILENCE: Duration = Duration::from_secs(10);

/// Bodies shorter than this are copied.
const COPY_BELOW: usize = 32 << 10;
/// Memory taken in advance for a body, at most: what it promises costs its sender nothing.
const BELIEVE: usize = 1 << 20;
/// Bytes of all bodies that have come in parts and are not complete: some that are as large as may be, or many small ones.
const MAX_READING: usize = 256 << 20;

/// The bodies that are being read, all together.
#[derive(Debug, Default)]
pub(super) struct Reading(AtomicUsize);

/// What one of them has; given back when it is dropped.
struct Share<'r> {
    reading: &'r Reading,
    n_bytes: usize,
}

impl Reading {
    const fn share(&self) -> Share<'_> {
        Share { reading: self, n_bytes: 0 }
    }
}

impl Share<'_> {
    /// `false`: there is no room for so many bytes more.
    fn grows(&mut self, n_bytes: usize) -> bool {
        let before = self.reading.0.fetch_add(n_bytes, Ordering::Relaxed);
        self.n_bytes += n_bytes;
        before + n_bytes <= MAX_READING
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.reading.0.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}

/// Why a body is none.
enum Unread<E> {
    TooLarge,
    Busy,
    Lost(E),
}

/// Reads a whole body.
///
/// # Errors
/// With the status and reason when it is too large, too slow or breaks off.
pub(super) async fn body<B>(
    body: &mut B,
    limit: usize,
    patience: Duration,
    reading: &Reading,
) -> Result<Bytes, (StatusCode, String)>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(Box::pin(too_large(body, limit)).await);
    }
    // Nearly always all of it is there: no clock is needed, and nothing to wait with.
    let first = match poll_fn(|cx| Poll::Ready(poll_data(body, cx))).await {
        Poll::Ready(None) => return Ok(Bytes::new()),
        Poll::Ready(Some(Err(error))) => return Err(lost(&error)),
        Poll::Ready(Some(Ok(all))) if body.is_end_stream() && all.len() <= limit => return Ok(own(all)),
        Poll::Ready(Some(Ok(first))) => Some(first),
        Poll::Pending => None,
    };
    Box::pin(in_parts(body, first, limit, patience, reading)).await
}

/// A body of which more than `first` is still to come.
async fn in_parts<B>(
    body: &mut B,
    first: Option<Bytes>,
    limit: usize,
    patience: Duration,
    reading: &Reading,
) -> Result<Bytes, (StatusCode, String)>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    match tokio::time::timeout(patience, whole(body, first, limit, reading)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(Unread::TooLarge)) => Err(too_large(body, limit).await),
        Ok(Err(Unread::Busy)) => {
            let text = "too many large bodies are being read: try again soon";
            Err((StatusCode::SERVICE_UNAVAILABLE, text.to_owned()))
        }
        Ok(Err(Unread::Lost(error))) => Err(lost(&error)),
        Err(_) => {
            let text = format!("the body did not arrive within {patience:.0?} (`limits.body_timeout`)");
            Err((StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

fn lost(error: &impl fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("the body could not be read to its end ({error}): send the request again"))
}

async fn too_large<B: Body<Data = Bytes> + Unpin>(body: &mut B, limit: usize) -> (StatusCode, String) {
    let _ = tokio::time::timeout(DRAIN_TIME, drain(body)).await;
    (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes (`limits.max_message_bytes`)"))
}

/// A whole body as it is kept: a small one is a piece of the connection's read buffer, which whoever keeps the message would keep whole.
fn own(all: Bytes) -> Bytes {
    if all.len() < COPY_BELOW { Bytes::copy_from_slice(&all) } else { all }
}

fn poll_data<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, B::Error>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            // Trailers say nothing to us.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                Err(_) => continue,
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

async fn frame<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Bytes, B::Error>> {
    poll_fn(|cx| poll_data(body, cx)).await
}

/// The body in one piece, `first` having come already; without a copy if it came in a large one.
async fn whole<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    first: Option<Bytes>,
    limit: usize,
    reading: &Reading,
) -> Result<Bytes, Unread<B::Error>> {
    let first = match first {
        Some(first) => first,
        None => match frame(body).await.transpose().map_err(Unread::Lost)? {
            Some(first) => first,
            None => return Ok(Bytes::new()),
        },
    };
    if first.len() > limit {
        return Err(Unread::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(own(first));
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut all = BytesMut::with_capacity((first.len() + expected).min(limit).min(BELIEVE));
    let mut share = reading.share();
    let mut next = Some(first);
    while let Some(more) = next {
        if all.len() + more.len() > limit {
            return Err(Unread::TooLarge);
        }
        if !share.grows(more.len()) {
            return Err(Unread::Busy);
        }
        all.extend_from_slice(&more);
        next = frame(body).await.transpose().map_err(Unread::Lost)?;
    }
    Ok(all.freeze())
}

async fn drain<B: Body<Data = Bytes> + Unpin>(body: &mut B) {
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
    pub(super) async fn first_of(&self, session: &mut Session, waits: &mut Waits) -> (First, bool) {
        let mut silent = false;
        let mut silence = std::pin::pin!(tokio::time::sleep(SILENCE));
        while session.goes_on() {
            tokio::select! { biased;
                first = poll_fn(|cx| self.0.poll_first(cx)) => return (first, silent),
                () = session.happens(waits) => {}
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

#[cfg(test)]
mod tests {
    use http_body::Frame;
    use tokio::time::{Instant, Sleep};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A byte every second, for ever or until it has given so many.
    struct Slow {
        n_left: usize,
        sleep: Pin<Box<Sleep>>,
    }

    impl Slow {
        fn of(n_bytes: usize) -> Self {
            Self { n_left: n_bytes, sleep: Box::pin(tokio::time::sleep(Duration::from_secs(1))) }
        }
    }

    impl Body for Slow {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.n_left == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.sleep.as_mut().poll(cx));
            self.n_left -= 1;
            let next = Instant::now() + Duration::from_secs(1);
            self.sleep.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
        }
    }

    /// These frames one after the other, each with a pause before it where that is said.
    struct Frames(std::collections::VecDeque<Piece>);

    enum Piece {
        Data(usize),
        Trailers,
        Broken,
        Pause,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(match self.0.pop_front() {
                None => None,
                Some(Piece::Data(n)) => Some(Ok(Frame::data(vec![b' '; n].into()))),
                Some(Piece::Trailers) => Some(Ok(Frame::trailers(http::HeaderMap::new()))),
                Some(Piece::Broken) => Some(Err(std::io::Error::other("broken"))),
                Some(Piece::Pause) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            })
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }

    #[tokio::test]
    async fn whatever_pieces_it_comes_in_a_body_is_read_to_its_end_and_to_its_limit() {
        use Piece::{Broken, Data, Pause, Trailers};
        let reading = Reading::default();
        for (n, (pieces, expected)) in [
            (vec![], Ok(0)),
            (vec![Data(0)], Ok(0)),
            (vec![Data(1000)], Ok(1000)),
            (vec![Data(1001)], Err(413)),
            (vec![Data(0), Data(1000)], Ok(1000)),
            (vec![Data(600), Data(400), Trailers], Ok(1000)),
            (vec![Data(600), Pause, Data(400)], Ok(1000)),
            (vec![Data(600), Pause, Data(401)], Err(413)),
            (vec![Data(1001), Pause, Data(1)], Err(413)),
            (vec![Pause, Data(1000), Pause], Ok(1000)),
            (vec![Pause, Data(1001)], Err(413)),
            (vec![Trailers], Ok(0)),
            (vec![Pause], Ok(0)),
            (vec![Broken], Err(400)),
            (vec![Data(1), Broken], Err(400)),
            (vec![Pause, Broken], Err(400)),
        ]
        .into_iter()
        .enumerate()
        {
            let read = body(&mut Frames(pieces.into()), 1000, PATIENCE, &reading).await;
            assert_eq!(read.map(|b| b.len()).map_err(|(status, _)| status.as_u16()), expected, "{n}");
            assert_eq!(reading.0.load(Ordering::Relaxed), 0, "nothing is left over");
        }
    }

    async fn read(mut slow: Slow, reading: &Reading) -> Result<usize, u16> {
        body(&mut slow, 1000, PATIENCE, reading).await.map(|b| b.len()).map_err(|(status, _)| status.as_u16())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_to_arrive_in_time() {
        let reading = Reading::default();
        assert_eq!(read(Slow::of(20), &reading).await, Ok(20));
        let begun = Instant::now();
        assert_eq!(read(Slow::of(usize::MAX), &reading).await, Err(408));
        assert_eq!(begun.elapsed(), PATIENCE, "however many bytes come meanwhile");
        assert_eq!(reading.0.load(Ordering::Relaxed), 0, "nothing is left over");
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_have_a_limit() {
        let reading = Reading::default();
        let mut others = reading.share();
        assert!(others.grows(MAX_READING - 5));
        assert_eq!(read(Slow::of(5), &reading).await, Ok(5));
        assert_eq!(read(Slow::of(6), &reading).await, Err(503));
        drop(others);
        assert_eq!(read(Slow::of(6), &reading).await, Ok(6));
    }
}
