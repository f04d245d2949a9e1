//! The one door for every face: terminal, command line, and later a local socket and an HTTP API.
//!
//! What crosses it is plain data. Nothing here waits for a server, and a reader can never slow a message.

mod handle;
mod view;

pub(crate) use handle::Errand;
pub use handle::{Command, CommandError, ProxyHandle};
pub use view::{BackendView, CatalogItem, CatalogView, ClientView, MetricsView, Snapshot, Totals};

pub use crate::backend::{BackendState, Failure, ItemKind};
pub use crate::observe::{
    JournalWindow as FlowWindow, Latency, LogLine, LogStream, LogWindow, Notice, NoticeLevel, Outcome, Point,
    ProcessUse, STEP as HISTORY_STEP, Subscription, ToolLatency,
};
pub use crate::transport::ExitReason;
