//! [`Handle`]: one HTTP session as the door knows it: to whom it is bound, the way in, and its streams.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::envelope::Envelope;
use super::reply::Reply;
use super::stream::{Reader, Stream, Style};
use crate::backend::Principal;
use crate::protocol::{Malformed, Message, Revision};
use crate::transport::Mailbox;
use crate::transport::http::EventId;

/// POSTs of one session that its task has not looked at yet; more are refused as busy.
const N_POSTED: usize = 1024;
/// How long the stream of a POST can be read again after its answer.
const KEEP: Duration = Duration::from_secs(5 * 60);
/// Streams of answered POSTs kept by one session.
const MAX_KEPT: usize = 16;
/// The same in bytes.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// What goes to the session's task.
#[derive(Debug)]
pub(super) enum Posted {
    /// A message, where its answer goes if it is a request, and what HTTP says around it.
    Message(Message, Option<Reply>, Arc<Envelope>),
    /// A batch, and where its answers go if it has requests.
    Batch(Vec<Result<Message, Malformed>>, Option<Reply>, Arc<Envelope>),
    /// Somebody reads the stream for what belongs to no request.
    Listened,
    /// The session is over.
    End,
}

/// One HTTP session.
#[derive(Debug)]
pub(in crate::session) struct Handle {
    /// Its id: nobody can guess it, and yet it is no credential.
    pub(super) id: Arc<str>,
    /// Who opened it; nobody else may use it.
    pub(super) principal: Principal,
    /// The server whose own endpoint it came by; `None`: that of all.
    pub(super) server: Option<Arc<str>>,
    /// The edition it speaks.
    pub(super) revision: Revision,
    /// What its streams are like; [`Style::Named`] is HTTP+SSE.
    pub(super) style: Style,
    /// The session's task reads it.
    pub(super) mail: Mailbox<Posted>,
    /// When it was used last, in seconds of the table.
    used: AtomicU32,
    /// POSTs whose answers are waited for.
    n_waiting: AtomicU32,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    /// What belongs to no request.
    get: Option<Arc<Stream>>,
    /// Of POSTs, the oldest first.
    posts: Vec<Arc<Stream>>,
    is_over: bool,
}

impl Handle {
    pub(super) fn new(
        id: Arc<str>,
        principal: Principal,
        server: Option<Arc<str>>,
        revision: Revision,
        style: Style,
    ) -> Self {
        let mail = Mailbox::new(N_POSTED);
        let (used, n_waiting) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { id, principal, server, revision, style, mail, used, n_waiting, streams: Mutex::default() }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream for what belongs to no request.
    pub(in crate::session) fn get(&self) -> Arc<Stream> {
        let mut streams = self.streams();
        let stream = streams.get.get_or_insert_with(|| Stream::new(self.style)).clone();
        if streams.is_over {
            stream.finish();
        }
        stream
    }

    /// Whether somebody reads that stream.
    pub(in crate::session) fn is_listened_to(&self) -> bool {
        self.streams().get.as_ref().is_some_and(|s| s.is_read())
    }

    /// Somebody waits for the answer to a POST for as long as what is given lives.
    pub(super) fn is_waited_for(&self) -> Waiting<'_> {
        self.n_waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.n_waiting)
    }

    /// Whether its client is there: it reads a stream, or waits for an answer.
    pub(super) fn is_in_use(&self) -> bool {
        // The stream of HTTP+SSE is the session.
        let streams = self.streams();
        let is_read = || streams.get.iter().chain(&streams.posts).any(|s| s.is_read());
        self.style == Style::Named || self.n_waiting.load(Ordering::Relaxed) > 0 || is_read()
    }

    /// Ends the session. Its task does the rest; nothing more is taken for it.
    pub(super) fn end(&self) {
        // One a session, and the last.
        let _ = self.mail.push_owed(Posted::End);
        self.mail.close();
    }

    /// Keeps the stream of a POST for whoever loses it.
    pub(super) fn keep(&self, stream: Arc<Stream>) {
        let mut streams = self.streams();
        if streams.is_over {
            stream.finish();
        }
        streams.forget_old(Instant::now());
        streams.posts.push(stream);
    }

    /// Begins to read where a client says it stopped.
    pub(super) fn resume(&self, last: EventId) -> Option<Reader> {
        let streams = self.streams();
        let stream = streams.posts.iter().chain(&streams.get).find(|s| s.id() == last.stream)?;
        Some(stream.attach(Some(last.n)))
    }

    /// Forgets streams that were answered long ago.
    pub(super) fn forget_old(&self, now: Instant) {
        self.streams().forget_old(now);
    }

    /// The session has ended: its streams end.
    pub(in crate::session) fn close(&self) {
        self.mail.close();
        let mut streams = self.streams();
        streams.is_over = true;
        streams.get.iter().chain(&streams.posts).for_each(|s| s.finish());
    }

    /// It is used at `now`, in seconds of the table.
    pub(super) fn touch(&self, now: u32) {
        self.used.store(now, Ordering::Relaxed);
    }

    /// For how long it has not been used.
    pub(super) fn unused(&self, now: u32) -> Duration {
        Duration::from_secs(now.saturating_sub(self.used.load(Ordering::Relaxed)).into())
    }
}

/// See [`Handle::is_waited_for`].
pub(super) struct Waiting<'h>(&'h AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Streams {
    fn forget_old(&mut self, now: Instant) {
        self.posts.retain(|s| s.done_since().is_none_or(|since| now.saturating_duration_since(since) < KEEP));
        let is_done = |s: &Arc<Stream>| s.done_since().is_some() && !s.is_read();
        loop {
            let done = self.posts.iter().filter(|s| is_done(s));
            let (n, n_bytes) = done.fold((0, 0), |(n, b), s| (n + 1, b + s.n_bytes()));
            if n < MAX_KEPT && n_bytes <= MAX_KEPT_BYTES {
                return;
            }
            let Some(oldest) = self.posts.iter().position(is_done) else { return };
            self.posts.remove(oldest);
        }
    }
}
