//! The one door for every face: terminal, command line, and later a local socket and an HTTP API.
//!
//! What crosses it is plain data. Nothing here waits for a server, and a reader can never slow a message.

mod handle;
mod view;

pub use handle::{Command, CommandError, ProxyHandle, Subscription};
pub use view::{
    BackendState, BackendView, CatalogItem, CatalogView, ClientView, ExitReason, Failure, FlowWindow, ItemKind, Latency, LogLine,
    LogStream, LogWindow, Notice, NoticeLevel, Snapshot, ToolLatency, Totals,
};
