//! [`Wire`]: the way between an instance and its server, whichever kind it is.
//!
//! A pipe carries everything in one stream each way. Over HTTP each message of ours is a request of its own, and what
//! comes back says which of them it belongs to.

use std::time::Duration;

use tokio::sync::oneshot;

use super::remote::Remote;
use crate::protocol::{CallId, Era, Spliced, WireId};
use crate::transport::{ExitReason, Lines, Link, Outbox};

/// A dead server's pipe that is silent for so long holds no more of its words.
const QUIET: Duration = Duration::from_millis(20);
/// Bytes a dead server may have left in its pipe, at most; more comes from somebody else who holds it open.
const LAST_WORDS: usize = 1 << 20;
/// A process usually ends at the same moment as its pipes.
const ENDING: Duration = Duration::from_millis(500);

/// The way to one server.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a server; a pipe's every message would go through the box")]
pub(super) enum Wire {
    /// A child process.
    Pipe(Pipe),
    /// A URL.
    Http(Box<Remote>),
}

/// What a message of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    /// The request under this id.
    Request(WireId),
    /// `initialize`, under this id.
    Initialize(WireId),
    /// `notifications/initialized`: what comes behind it must not overtake it.
    Initialized,
    /// An answer that what comes behind it relies on, and must not overtake.
    Ahead,
    /// Any other notification, or an answer.
    Note,
}

/// What one step brought.
pub(super) enum Step {
    /// Something was written.
    Wrote,
    /// Something was read.
    Read,
    /// The pipes are closed.
    Closed,
    /// The process is gone.
    Exited(Option<ExitReason>),
}

/// Both pipes of a child process.
#[derive(Debug)]
pub(super) struct Pipe {
    link: Link,
    /// What was read.
    pub(super) lines: Lines,
    outbox: Outbox,
    /// The other end is the child's keeper; it fires once the process is gone.
    exit: oneshot::Receiver<ExitReason>,
}

impl Pipe {
    pub(super) fn new(link: Link, exit: oneshot::Receiver<ExitReason>, max_line: usize) -> Self {
        Self { link, lines: Lines::new(max_line), outbox: Outbox::default(), exit }
    }

    async fn step(&mut self, tells_written: bool) -> Step {
        loop {
            tokio::select! { biased;
                written = self.outbox.write(&mut self.link.writer), if !self.outbox.is_empty() => match written {
                    Ok(()) if tells_written => return Step::Wrote,
                    Ok(()) => {}
                    Err(_) => return Step::Closed,
                },
                n = self.lines.fill(&mut self.link.reader) => return match n {
                    Ok(0) | Err(_) => Step::Closed,
                    Ok(_) => Step::Read,
                },
                reason = &mut self.exit => return Step::Exited(reason.ok()),
            }
        }
    }

    /// What it wrote before its end may still be in the pipe. A grandchild that holds the pipe open is not waited for.
    async fn read_last_words(&mut self) {
        let mut left = LAST_WORDS;
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(QUIET, self.lines.fill(&mut self.link.reader)).await {
            left = left.saturating_sub(n);
            if left == 0 {
                return;
            }
        }
    }
}

impl Wire {
    /// Sends a message; it waits here while the server cannot take it.
    pub(super) fn push(&mut self, message: &Spliced, parcel: Parcel) {
        self.push_of(message, parcel, None);
    }

    /// The same with the row that what HTTP says around it is kept in.
    pub(super) fn push_of(&mut self, message: &Spliced, parcel: Parcel, row: Option<CallId>) {
        match self {
            Self::Pipe(pipe) => pipe.outbox.push(message),
            Self::Http(remote) => remote.push(message.to_bytes(), parcel, row),
        }
    }

    /// Sends a message made of these parts.
    pub(super) fn push_parts(&mut self, parts: &[&[u8]], parcel: Parcel) {
        match self {
            Self::Pipe(pipe) => pipe.outbox.push_parts(parts),
            Self::Http(remote) => remote.push(parts.concat().into(), parcel, None),
        }
    }

    /// Whether the server keeps a session for us, in which it may remember what we did.
    pub(super) fn has_session(&self) -> bool {
        match self {
            Self::Pipe(_) => false,
            Self::Http(remote) => remote.has_session(),
        }
    }

    /// Takes a request back; `note` is the notification that says so, where the edition has one.
    pub(super) fn cancel(&mut self, wire: WireId, note: &Spliced) {
        match self {
            Self::Pipe(pipe) => pipe.outbox.push(note),
            Self::Http(remote) => remote.cancel(wire, note),
        }
    }

    /// So many calls may be under way from now on.
    pub(super) fn set_max_concurrent(&mut self, n: usize) {
        if let Self::Http(remote) = self {
            remote.set_max_concurrent(n);
        }
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Pipe(pipe) => pipe.outbox.len(),
            Self::Http(remote) => remote.waiting(),
        }
    }

    /// The edition that is spoken from now on.
    pub(super) fn speak(&mut self, era: Era) {
        if let Self::Http(remote) = self {
            remote.speak(era);
        }
    }

    /// Waits for the next thing to happen on it; that something was written is one only if `tells_written`.
    ///
    /// # Cancel safety
    /// Cancel safe: what was read stays, what was written is gone from the queue.
    pub(super) async fn step(&mut self, tells_written: bool) -> Step {
        match self {
            Self::Pipe(pipe) => pipe.step(tells_written).await,
            Self::Http(remote) => {
                remote.step().await;
                Step::Read
            }
        }
    }

    /// After [`Step::Closed`] or [`Step::Exited`]: reads what is left, and why the process has ended if that is known.
    pub(super) async fn ended(&mut self, exit: Option<Option<ExitReason>>) -> Option<ExitReason> {
        let Self::Pipe(pipe) = self else { return None };
        pipe.read_last_words().await;
        match exit {
            Some(reason) => reason,
            None => tokio::time::timeout(ENDING, &mut pipe.exit).await.ok().and_then(Result::ok),
        }
    }

    /// Ends what is under way, and a session there may be; the other end of a pipe notices by itself.
    pub(super) async fn close(self) {
        if let Self::Http(remote) = self {
            remote.close().await;
        }
    }

    /// Waits for the end of the process; a URL has none.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn exited(&mut self) -> Option<ExitReason> {
        match self {
            Self::Pipe(pipe) => (&mut pipe.exit).await.ok(),
            Self::Http(_) => std::future::pending().await,
        }
    }
}
