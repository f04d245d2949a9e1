//! One exchange as the journal keeps it: both hops of a call joined under one correlation id.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::head::Hops;
use super::method_name::MethodName;
use super::plain::{self, Word};
use crate::protocol::{CallId, SessionId, Spliced};

/// Who started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    /// A client's request.
    Call,
    /// A server's request to a client: elicitation, sampling, roots.
    Upcall,
    /// A notification from a client.
    ClientNotification,
    /// A notification from a server.
    ServerNotification,
    /// A request of the proxy's own to a server: handshake, lists.
    Own,
}

/// How far it is, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No answer yet.
    Pending,
    /// Answered with a result.
    Ok,
    /// Answered with a result that says `isError: true`.
    ToolError,
    /// Answered with a JSON-RPC error of this code.
    Fault(i32),
    /// Cancelled by the side that asked.
    Cancelled,
    /// No answer within its deadline.
    TimedOut,
    /// A notification that was passed on (or answered here).
    Sent,
    /// Not passed on; the text says why.
    Dropped(#[serde(with = "plain::word")] Word),
}

impl Status {
    /// The code of the error the asking side got, if it got one.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::Fault(code) => Some(*code),
            Self::TimedOut => Some(crate::protocol::code::INTERNAL),
            _ => None,
        }
    }
}

impl std::fmt::Display for Status {
    /// In a word or two.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pending => f.write_str("open"),
            Self::Ok => f.write_str("ok"),
            Self::ToolError => f.write_str("tool error"),
            Self::Fault(code) => write!(f, "error {code}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::TimedOut => f.write_str("timeout"),
            Self::Sent => f.write_str("sent"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
        }
    }
}

/// Where the time of a call went. All durations are zero until known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// In the proxy before the server's queue and after the server's answer.
    pub proxy: Duration,
    /// Waiting for the server to be ready for it.
    pub queue: Duration,
    /// From written to the server until answered.
    pub server: Duration,
    /// Between its rounds: waiting for what its client was asked.
    pub client: Duration,
    /// Held for somebody at the terminal.
    #[serde(default)]
    pub held: Duration,
    /// From the answer's being ready until all of it was written to who asked. Measured while somebody looks; zero where it
    /// was not.
    #[serde(default)]
    pub send: Duration,
}

impl Timing {
    /// From arrival until the answer was ready: what is written after that is the client's time too.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.proxy + self.queue + self.server + self.client + self.held
    }
}

/// The four frames of a call; for other kinds only those that exist. Frames over the journal's limits are dropped first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Frames {
    /// As the asking side sent it.
    #[serde(with = "plain::text")]
    pub received: Option<Bytes>,
    /// As it was passed on: the received bytes with patches.
    #[serde(with = "plain::spliced")]
    pub sent: Option<Spliced>,
    /// As the answering side answered.
    #[serde(with = "plain::text")]
    pub returned: Option<Bytes>,
    /// As the answer was passed back: the returned bytes with patches.
    #[serde(with = "plain::spliced")]
    pub answered: Option<Spliced>,
}

/// One round of an operation that took several: it was sent again with what its client had been asked meanwhile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// From the arrival of the operation to the end of this round.
    pub after: Duration,
    /// The id we used towards the server in it, if it was passed on.
    pub wire_id: Option<u64>,
    /// What was sent in it, as far as it is still kept.
    pub frames: Frames,
}

/// One row of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// Position in the journal: 0, 1, 2 … without gaps; also the correlation id.
    pub id: CallId,
    /// Who started it.
    pub kind: FlowKind,
    /// When it arrived.
    pub at: SystemTime,
    /// The client's session, if one is concerned.
    pub session: Option<SessionId>,
    /// The client's name (`clientInfo.name`), empty if unknown.
    pub client: Arc<str>,
    /// The server, if one is concerned.
    pub backend: Option<Arc<str>>,
    /// The method.
    pub method: Arc<str>,
    /// Tool or prompt name as the client wrote it, or URI.
    pub target: Option<Arc<str>>,
    /// How far it is.
    pub status: Status,
    /// Where the time went.
    pub timing: Timing,
    /// The id we used towards the server (in the last round), if it was passed on.
    pub wire_id: Option<u64>,
    /// Progress notifications passed back so far.
    pub n_progress: u32,
    /// The call this belongs to: the one a question or notification arose from, or which a call was made again from.
    pub parent: Option<CallId>,
    /// Bytes of the request as received.
    pub n_bytes_in: u32,
    /// Bytes of the answer as its server returned it, or of ours where no server did.
    pub n_bytes_out: u32,
    /// Questions of the server to the client that belong to it and are open.
    pub n_open: u16,
    /// Its request or its answer is held for somebody at the terminal.
    #[serde(default)]
    pub is_held: bool,
    /// Rounds it took before the one that `frames` is of.
    pub n_rounds: u16,
    /// These rounds, the first one first, as far as they are kept.
    pub rounds: Vec<Round>,
    /// The frames, of the last round.
    pub frames: Frames,
    /// What HTTP said around them; `None` where all went by pipes, where nobody looked, and in rows without frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<Box<Hops>>,
}

/// What is known of a client's request when it begins: its row is made of it, without a whole [`Flow`] that is empty for the most part.
#[derive(Debug)]
pub struct Begun<'a> {
    /// When it arrived.
    pub at: SystemTime,
    /// The client's session.
    pub session: Option<SessionId>,
    /// The client's name, empty if unknown.
    pub client: Arc<str>,
    /// The server it is for.
    pub backend: Option<Arc<str>>,
    /// The method.
    pub method: MethodName,
    /// Tool or prompt name as the client wrote it, or URI.
    pub target: Option<Arc<str>>,
    /// The call it is a later part of, or which is made again by it.
    pub parent: Option<CallId>,
    /// As the client sent it.
    pub received: &'a Bytes,
}

impl Begun<'_> {
    /// Bytes of the request.
    pub(super) fn n_bytes(&self) -> u32 {
        u32::try_from(self.received.len()).unwrap_or(u32::MAX)
    }
}

impl From<&Begun<'_>> for Flow {
    fn from(begun: &Begun<'_>) -> Self {
        Self {
            session: begun.session,
            client: begun.client.clone(),
            backend: begun.backend.clone(),
            target: begun.target.clone(),
            parent: begun.parent,
            n_bytes_in: begun.n_bytes(),
            frames: Frames { received: Some(begun.received.clone()), ..Frames::default() },
            ..Self::at(FlowKind::Call, begun.method.text(), begun.at)
        }
    }
}

impl Flow {
    /// The frames of its first round: what its client asked for to begin with.
    #[must_use]
    pub fn first_frames(&self) -> &Frames {
        self.rounds.first().map_or(&self.frames, |round| &round.frames)
    }

    /// A row of `kind` for `method` that starts now, everything else empty.
    #[must_use]
    pub fn new(kind: FlowKind, method: Arc<str>) -> Self {
        Self::at(kind, method, SystemTime::now())
    }

    /// The same, started at `at`.
    #[must_use]
    pub fn at(kind: FlowKind, method: Arc<str>, at: SystemTime) -> Self {
        Self {
            id: CallId(0),
            kind,
            at,
            session: None,
            client: Arc::default(),
            backend: None,
            method,
            target: None,
            status: Status::Pending,
            timing: Timing::default(),
            wire_id: None,
            n_progress: 0,
            parent: None,
            n_bytes_in: 0,
            n_bytes_out: 0,
            n_open: 0,
            is_held: false,
            n_rounds: 0,
            rounds: Vec::new(),
            frames: Frames::default(),
            hops: None,
        }
    }
}
