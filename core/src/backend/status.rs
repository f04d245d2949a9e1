//! What a server is doing, for whoever looks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::config::StartPolicy;
use crate::observe::{Slice, Standing, Standings, Word};
use crate::protocol::{Era, Revision};
use crate::transport::ExitReason;

/// What a server is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// `enabled: false`
    Disabled,
    /// Not started: lazy or manual, or stopped for idleness. A call starts it (not a manual one).
    Idle,
    /// Stopped by hand.
    Stopped,
    /// Waiting for its turn or its process to come up.
    Starting,
    /// Opening talk.
    Handshaking,
    /// Serving calls.
    Ready,
    /// Ended; started again at this time.
    Backoff {
        /// When.
        until: SystemTime,
    },
    /// Failed too often in a row: waits for the next call or a restart by hand.
    Parked,
    /// Being ended.
    Stopping,
}

impl BackendState {
    /// The words of all states.
    pub const WORDS: [&'static str; 9] =
        ["disabled", "idle", "stopped", "starting", "handshake", "ready", "retry", "failed", "stopping"];

    /// Whether there is an instance, however young or old.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Starting | Self::Handshaking | Self::Ready | Self::Stopping)
    }

    /// Whether it is up, for its history.
    const fn standing(&self) -> Standing {
        match self {
            Self::Disabled | Self::Idle | Self::Stopped | Self::Stopping => Standing::Off,
            Self::Starting | Self::Handshaking => Standing::Starting,
            Self::Ready => Standing::Up,
            Self::Backoff { .. } | Self::Parked => Standing::Down,
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Idle => "idle",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Handshaking => "handshake",
            Self::Ready => "ready",
            Self::Backoff { .. } => "retry",
            Self::Parked => "failed",
            Self::Stopping => "stopping",
        }
    }
}

/// Why a server failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// Where on its way: `resolve`, `spawn`, `probe`, `initialize`, `list`, `serve`, `task`.
    #[serde(with = "crate::observe::plain::word")]
    pub phase: Word,
    /// What happened, one sentence.
    pub message: String,
    /// The program after the search on PATH, or the URL.
    pub resolved: Option<String>,
    /// How the process ended.
    pub exit: Option<ExitReason>,
    /// From its start until it failed.
    pub after: Duration,
    /// Its last stderr lines, at most 20, control characters removed.
    pub stderr: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// One line for an error answer.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.stderr.last() {
            Some(last) => format!("{} ({}; last words: {last})", self.message, self.phase),
            None => format!("{} ({})", self.message, self.phase),
        }
    }
}

/// What a server said to a ping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinged {
    /// When its answer came, or was given up.
    pub at: SystemTime,
    /// How long it took; `None`: it did not answer.
    pub took: Option<Duration>,
}

/// A copy of everything small about a server.
#[derive(Clone, Debug)]
pub struct StatusView {
    /// What it is doing.
    pub state: BackendState,
    /// Since when.
    pub since: SystemTime,
    /// Process id while a process runs.
    pub pid: Option<u32>,
    /// The edition spoken with it.
    pub revision: Option<Revision>,
    /// Its `serverInfo`: name and version.
    pub server_info: Option<String>,
    /// Times it was started again.
    pub n_restarts: u32,
    /// Instances that run, are starting or ending: this one and, where it is the base one, those beside it.
    pub n_instances: usize,
    /// Why it failed last, kept until it is ready again.
    pub failure: Option<Failure>,
    /// When its process was started last.
    pub started: Option<std::time::Instant>,
    /// The last ping.
    pub pinged: Option<Pinged>,
}

/// Written by the server's task, read by anybody.
#[derive(Debug)]
pub struct Status {
    view: Mutex<StatusView>,
    /// Its server's configuration.
    settings: Arc<Settings>,
    /// Instances beside this one.
    n_beside: Arc<AtomicUsize>,
    /// Whether it was up; shared with the port it took the place of.
    standings: Arc<Mutex<Standings>>,
}

impl Status {
    /// Of a server whose history, if it has one, is that of `before`.
    pub(super) fn new(settings: Arc<Settings>, n_beside: Arc<AtomicUsize>, before: Option<&Self>) -> Self {
        let state = if settings.get().enabled { BackendState::Idle } else { BackendState::Disabled };
        let standings = before.map(|b| b.standings.clone()).unwrap_or_default();
        let view = Mutex::new(StatusView {
            state,
            since: SystemTime::now(),
            pid: None,
            revision: None,
            server_info: None,
            n_restarts: 0,
            n_instances: 0,
            failure: None,
            started: None,
            pinged: None,
        });
        Self { view, settings, n_beside, standings }
    }

    fn lock(&self) -> MutexGuard<'_, StatusView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all of it.
    #[must_use]
    pub fn view(&self) -> StatusView {
        let mut view = self.lock().clone();
        view.n_instances = usize::from(view.state.is_running()) + self.n_beside.load(Ordering::Relaxed);
        view
    }

    /// The era spoken with it, as far as an instance has found out.
    pub(super) fn era(&self) -> Option<Era> {
        self.lock().revision.map(Revision::era)
    }

    /// Whether nothing but a person's word starts it.
    pub(super) fn is_off(&self) -> bool {
        match self.lock().state {
            BackendState::Disabled | BackendState::Stopped => true,
            BackendState::Idle => self.settings.get().start == StartPolicy::Manual,
            _ => false,
        }
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> BackendState {
        self.lock().state.clone()
    }

    /// When its process was started last.
    #[must_use]
    pub fn started(&self) -> Option<std::time::Instant> {
        self.lock().started
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut StatusView)) {
        let mut view = self.lock();
        let before = view.state.clone();
        change(&mut view);
        if view.state != before {
            view.since = SystemTime::now();
            let mut standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
            standings.is_now(view.since, view.state.standing());
        }
    }

    /// How it stood in the last `n` parts of the past, each `long`; oldest first.
    #[must_use]
    pub fn slices(&self, long: Duration, n: usize) -> Vec<Slice> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner).slices(SystemTime::now(), long, n)
    }
}
