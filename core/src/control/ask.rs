//! What a face may ask, and what it is told: plain data, the same wherever the face lives. In this process it is a call of
//! [`ProxyHandle::ask`], in another one a line on the local socket.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::follow::{Report, Wish};
use super::handle::{Command, ProxyHandle};
use super::view::{CatalogView, MetricsView, Snapshot};
use crate::guard::{Holding, InterceptView};
use crate::observe::{Flow, JournalWindow, LogWindow};
use crate::protocol::CallId;

/// Rows or lines given for one question, at most: each is copied under a lock that the message path takes too.
const MAX_ROWS: usize = 512;
/// Bytes of names in the rows given for one question, at most, but for one row: clients may name things by the megabyte.
const MAX_ROW_BYTES: usize = 1 << 20;

/// Something a face wants to know, or to have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// [`ProxyHandle::snapshot`]
    Snapshot,
    /// [`ProxyHandle::catalog`]
    Catalog,
    /// [`ProxyHandle::flows`]
    Flows {
        /// The first row wanted.
        from: CallId,
        /// How many.
        limit: usize,
    },
    /// [`ProxyHandle::flows_changed`]
    FlowsChanged {
        /// The journal's version at the last look.
        since: u64,
    },
    /// [`ProxyHandle::flow`]
    Flow {
        /// Which.
        id: CallId,
    },
    /// [`ProxyHandle::intercept`]
    Intercepted,
    /// [`ProxyHandle::held`]
    Held {
        /// Which flow.
        call: CallId,
    },
    /// [`ProxyHandle::logs`]
    Logs {
        /// The first line wanted.
        from: u64,
        /// How many.
        limit: usize,
    },
    /// [`ProxyHandle::metrics`]
    Metrics {
        /// A server; `None`: all.
        backend: Option<Arc<str>>,
    },
    /// [`ProxyHandle::command`]
    Command(Command),
    /// [`ProxyHandle::reload_file`]
    Reload,
    /// [`ProxyHandle::plan_file`]
    Plan {
        /// Another file; `None`: the one that is followed.
        path: Option<PathBuf>,
    },
    /// [`ProxyHandle::subscribe`]; over the socket a line says that something has changed, until the connection ends.
    Subscribe,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// To [`Ask::Snapshot`].
    Snapshot(Box<Snapshot>),
    /// To [`Ask::Catalog`].
    Catalog(Arc<CatalogView>),
    /// To [`Ask::Flows`]. Rows before `first` are lost; fewer rows than asked for do not mean that there are no more.
    Flows(JournalWindow),
    /// To [`Ask::FlowsChanged`].
    FlowsChanged {
        /// Rows that changed; `None`: that is too long ago to know.
        changed: Option<Vec<CallId>>,
        /// The version now.
        version: u64,
    },
    /// To [`Ask::Flow`].
    Flow(Option<Box<Flow>>),
    /// To [`Ask::Intercepted`].
    Intercepted(InterceptView),
    /// To [`Ask::Held`].
    Held(Option<Box<Holding>>),
    /// To [`Ask::Logs`].
    Logs(LogWindow),
    /// To [`Ask::Metrics`].
    Metrics(Box<MetricsView>),
    /// To [`Ask::Reload`] and [`Ask::Plan`].
    Report(Box<Report>),
    /// It is done, or accepted.
    Done,
    /// It was not done, and why.
    Refused(String),
}

impl ProxyHandle {
    /// Answers any question; the one way in for faces that are not in this process.
    pub async fn ask(&self, ask: Ask) -> Told {
        match ask {
            Ask::Snapshot => Told::Snapshot(Box::new(self.snapshot())),
            Ask::Catalog => Told::Catalog(self.catalog()),
            Ask::Flows { from, limit } => Told::Flows(bounded(self.flows(from, limit.min(MAX_ROWS)))),
            Ask::FlowsChanged { since } => {
                let (changed, version) = self.flows_changed(since);
                Told::FlowsChanged { changed, version }
            }
            Ask::Flow { id } => Told::Flow(self.flow(id).map(Box::new)),
            Ask::Intercepted => Told::Intercepted(self.intercept()),
            Ask::Held { call } => Told::Held(self.held(call).map(Box::new)),
            Ask::Logs { from, limit } => Told::Logs(self.logs(from, limit.min(MAX_ROWS))),
            Ask::Metrics { backend } => Told::Metrics(Box::new(self.metrics(backend.as_ref()))),
            Ask::Command(command) => match self.command(command).await {
                Ok(()) => Told::Done,
                Err(error) => Told::Refused(error.to_string()),
            },
            Ask::Reload => self.wish(|done| Wish::Reload { done }).await,
            Ask::Plan { path } => self.wish(|done| Wish::Plan { path, done }).await,
            Ask::Subscribe => Told::Done,
        }
    }

    async fn wish(&self, wish: impl FnOnce(tokio::sync::oneshot::Sender<Report>) -> Wish) -> Told {
        match self.ask_follower(wish).await {
            Ok(report) => Told::Report(Box::new(report)),
            Err(error) => Told::Refused(error.to_string()),
        }
    }
}

/// No more rows than fit; one at least.
fn bounded(mut window: JournalWindow) -> JournalWindow {
    let mut n_bytes = 0;
    let n_bytes_of = |f: &Flow| {
        f.method.len()
            + f.client.len()
            + f.target.as_ref().map_or(0, |t| t.len())
            + f.backend.as_ref().map_or(0, |b| b.len())
    };
    let n = window.rows.iter().take_while(|row| {
        n_bytes += n_bytes_of(row);
        n_bytes <= MAX_ROW_BYTES
    });
    let n = n.count().max(1);
    window.rows.truncate(n);
    window
}
