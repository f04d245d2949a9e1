//! The one door for every face: terminal, command line, the local socket, and later an HTTP API.
//!
//! What crosses it is plain data. Nothing here waits for a server, and a reader can never slow a message.

mod ask;
mod detail;
mod file;
mod follow;
mod handle;
#[cfg(unix)]
mod socket;
mod view;

pub use ask::{Ask, Told};
pub use detail::{InstanceView, SLICE as HEALTH_SLICE, ServerDetail};
pub use file::{ConfigFile, Saved};
pub use follow::{Follow, Report, Verdict};
#[cfg(unix)]
pub use socket::{ControlSocket, Hello, Remote, RemoteError, running};

pub(crate) use handle::Errand;
pub use handle::{Command, CommandError, ProxyHandle};
pub use view::{BackendView, CatalogItem, CatalogView, ClientView, MetricsView, Snapshot, Totals};

pub use crate::backend::{BackendState, Failure, ItemKind, Pinged};
pub use crate::catalog::tokens;
pub use crate::guard::{Holding, InterceptView, Leg, MAX_HELD, MAX_HOLD};
pub use crate::observe::{
    JournalWindow as FlowWindow, Latency, LogLine, LogStream, LogWindow, Notice, NoticeLevel, Outcome, Point,
    ProcessUse, STEP as HISTORY_STEP, Slice as HealthSlice, Subscription, ToolLatency,
};
pub use crate::transport::ExitReason;
