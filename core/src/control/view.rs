//! What can be seen through the door.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::observe::Flow;
use crate::protocol::{CallId, Revision, SessionId};
use crate::transport::ExitReason;

/// The state of everything small: made when asked for, a few kilobytes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// `proxy.name`
    pub name: String,
    /// The configuration files in use; empty in the demo.
    pub config_paths: Vec<std::path::PathBuf>,
    /// Problems of the last reload, if it was refused: the old configuration is still in use.
    pub config_error: Option<String>,
    /// Servers, in the order of the configuration.
    pub backends: Vec<BackendView>,
    /// Clients, in the order they came.
    pub clients: Vec<ClientView>,
    /// Sums.
    pub totals: Totals,
    /// The newest notices, oldest first, at most 100.
    pub notices: Vec<Notice>,
}

/// Sums over all servers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Client requests.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Calls in flight.
    pub n_in_flight: u64,
    /// Latency of answered calls.
    pub latency: Latency,
}

/// Percentiles; zero when there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Calls measured.
    pub n: u64,
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Slowest.
    pub max: Duration,
}

/// One server.
#[derive(Clone, Debug)]
pub struct BackendView {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// `stdio`, `http` or `sse`.
    pub kind: &'static str,
    /// Command line or URL as written in the file: fit to be shown.
    pub target: String,
    /// The exposed prefix, separator included; empty without one.
    pub prefix: String,
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
    /// Tools it offers (from the cache while it starts).
    pub n_tools: usize,
    /// Resources and templates it offers.
    pub n_resources: usize,
    /// Prompts it offers.
    pub n_prompts: usize,
    /// Items set aside or repaired because clients refuse them; each with the reason.
    pub quarantined: Vec<String>,
    /// Calls in flight.
    pub n_in_flight: u64,
    /// Calls since the start.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Times it was started again.
    pub n_restarts: u32,
    /// Its share of the time of answered calls.
    pub latency: Latency,
    /// The same by tool, slowest p95 first, at most 50.
    pub tools: Vec<ToolLatency>,
    /// Calls answered in each of the last 60 seconds, oldest first.
    pub per_second: [u16; 60],
    /// Why it failed last, kept until it is ready again.
    pub failure: Option<Failure>,
}

/// Latency of one tool.
#[derive(Clone, Debug)]
pub struct ToolLatency {
    /// The server's own name of the tool.
    pub tool: Arc<str>,
    /// Its latency.
    pub latency: Latency,
}

/// What a server is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// Where on its way: `resolve`, `spawn`, `probe`, `initialize`, `list`, `serve`.
    pub phase: &'static str,
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

/// One client.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// Its session.
    pub id: SessionId,
    /// `clientInfo.name` and version; empty until known.
    pub name: Arc<str>,
    /// The edition it speaks; `None` until it has opened the talk.
    pub revision: Option<Revision>,
    /// How it is connected: `stdio`, `memory`.
    pub via: &'static str,
    /// Since when.
    pub since: SystemTime,
    /// Calls in flight.
    pub n_in_flight: u64,
    /// Requests since it came.
    pub n_calls: u64,
}

/// Something worth telling: a state change, a refused reload, a quarantined item.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When.
    pub at: SystemTime,
    /// How bad.
    pub level: NoticeLevel,
    /// The server concerned.
    pub backend: Option<Arc<str>>,
    /// One sentence.
    pub text: String,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Needs attention.
    Warning,
    /// Something does not work.
    Error,
}

/// Rows of the journal.
#[derive(Clone, Debug)]
pub struct FlowWindow {
    /// The oldest id still kept.
    pub first: CallId,
    /// The id the next flow will have.
    pub next: CallId,
    /// The rows asked for that still exist, ascending by id. Their `frames` are empty: ask for one flow to get them.
    pub rows: Vec<Flow>,
    /// Ids of rows that changed (answered, progress) since the subscription looked last are told by
    /// [`super::Subscription`]; this counts changes, so equal numbers mean equal windows.
    pub version: u64,
}

/// What we offer to clients at this moment.
#[derive(Clone, Debug, Default)]
pub struct CatalogView {
    /// Grows with every change.
    pub version: u64,
    /// Tools, prompts, resources, templates, in the order clients see.
    pub items: Vec<CatalogItem>,
}

/// One thing we offer.
#[derive(Clone, Debug)]
pub struct CatalogItem {
    /// What it is.
    pub kind: ItemKind,
    /// The name (tools, prompts), URI (resources) or URI template as clients see it.
    pub exposed: Arc<str>,
    /// The server's own name for it.
    pub own: Arc<str>,
    /// Its server.
    pub backend: Arc<str>,
    /// `title`, else `name` of a resource, if any.
    pub title: Option<String>,
    /// `description`, if any.
    pub description: Option<String>,
    /// The item's JSON as clients of the newest edition get it: `inputSchema`, `annotations` and all.
    pub raw: Bytes,
    /// Taken from the disk cache; the server has not confirmed it in this run yet.
    pub cached: bool,
}

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
}

/// A line a server wrote on stderr, or junk it wrote on stdout, or a line of ours about it.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Position in the log: ascending without gaps over all servers.
    pub seq: u64,
    /// When.
    pub at: SystemTime,
    /// The server.
    pub backend: Arc<str>,
    /// Where it came from.
    pub stream: LogStream,
    /// The text, control characters removed, at most 4 KiB.
    pub text: Arc<str>,
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// The server's stderr.
    Stderr,
    /// A line on stdout that is no JSON-RPC message.
    Stdout,
    /// A `notifications/message` of the server.
    Message,
}

/// Lines of the servers' logs.
#[derive(Clone, Debug)]
pub struct LogWindow {
    /// The position after the last line given: the next `from`.
    pub next: u64,
    /// Lines that were dropped before they could be read (`from` was older than the ring).
    pub n_dropped: u64,
    /// The lines, ascending.
    pub lines: Vec<LogLine>,
}
