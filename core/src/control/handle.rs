//! [`ProxyHandle`]: the one door.

use std::sync::Arc;

use super::view::{CatalogView, FlowWindow, LogWindow, Snapshot};
use crate::observe::Flow;
use crate::protocol::CallId;
use crate::transport::Link;

/// A clonable way to everything a face may know and do. `Send + Sync`: a face may run on another thread and runtime.
#[derive(Clone, Debug)]
pub struct ProxyHandle {
    inner: Arc<()>,
}

/// Something a face asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start a server that is idle, stopped, parked or in backoff.
    Start(Arc<str>),
    /// Stop it until told otherwise.
    Stop(Arc<str>),
    /// Stop and start.
    Restart(Arc<str>),
    /// Cancel a call in flight, as its client could.
    Cancel(CallId),
}

/// Why a command was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No server of this name.
    #[error("no server `{0}`")]
    UnknownBackend(Arc<str>),
    /// The server is disabled in the configuration.
    #[error("server `{0}` is disabled: set `enabled: true` in the configuration")]
    Disabled(Arc<str>),
    /// That call is not in flight.
    #[error("call {0} is not in flight")]
    NotInFlight(CallId),
    /// The engine is shutting down.
    #[error("mcp-proxy is shutting down")]
    ShuttingDown,
}

/// Told when there is something new to look at; many changes are folded into one.
#[derive(Debug)]
pub struct Subscription {
    inner: Arc<()>,
}

impl ProxyHandle {
    /// The state of everything small.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        unreachable!("filled in with the engine: {:?}", self.inner)
    }

    /// A way to be told of changes.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { inner: self.inner.clone() }
    }

    /// Up to `limit` rows with ids from `from` on. Holds a lock for as long as copying the rows takes: ask for at most a
    /// few hundred at a time (a filter over the whole journal goes through it in such steps).
    #[must_use]
    pub fn flows(&self, from: CallId, limit: usize) -> FlowWindow {
        unreachable!("filled in with the engine: {from} {limit}")
    }

    /// Ids of rows that changed after journal version `since`, ascending, and the version now. `None` when that is too
    /// long ago to know: look at everything again.
    #[must_use]
    pub fn flows_changed(&self, since: u64) -> (Option<Vec<CallId>>, u64) {
        unreachable!("filled in with the engine: {since}")
    }

    /// One flow with its frames; `None` when it has left the ring.
    #[must_use]
    pub fn flow(&self, id: CallId) -> Option<Flow> {
        unreachable!("filled in with the engine: {id}")
    }

    /// What we offer at this moment.
    #[must_use]
    pub fn catalog(&self) -> Arc<CatalogView> {
        unreachable!("filled in with the engine")
    }

    /// Up to `limit` log lines from position `from` on.
    #[must_use]
    pub fn logs(&self, from: u64, limit: usize) -> LogWindow {
        unreachable!("filled in with the engine: {from} {limit}")
    }

    /// Carries out a command; ready when it has been accepted, not when it is done (watch the snapshot for that).
    ///
    /// # Errors
    /// When it is refused; nothing was changed then.
    pub async fn command(&self, command: Command) -> Result<(), CommandError> {
        unreachable!("filled in with the engine: {command:?}")
    }

    /// Connects a client in memory: newline-delimited JSON-RPC, the same way as a client on stdio. `name` is shown until
    /// the client says who it is.
    #[must_use]
    pub fn connect(&self, name: &str) -> Link {
        unreachable!("filled in with the engine: {name}")
    }
}

impl Subscription {
    /// Waits until something changed since the last call. At once if that already happened.
    ///
    /// # Cancel safety
    /// Cancel safe: no change is lost.
    pub async fn changed(&mut self) {
        unreachable!("filled in with the engine: {:?}", self.inner)
    }
}
