//! What can be seen through the door.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::{BackendState, Failure, ItemKind, Pinged};
use crate::observe::{Latency, Notice, Outcome, Point, ProcessUse, ToolLatency, Word, plain};
use crate::protocol::{Revision, SessionId};

/// The state of everything small: made when asked for, a few kilobytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// One server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackendView {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// `stdio`, `http` or `sse`.
    #[serde(with = "plain::word")]
    pub kind: Word,
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
    /// Tokens of a model's context that all of it takes, about.
    pub n_tokens: usize,
    /// Tools that the configuration keeps from all clients, and the tokens that saves.
    pub withheld: (usize, usize),
    /// Items set aside or repaired because clients refuse them; each with the reason.
    pub quarantined: Vec<String>,
    /// Calls in flight.
    pub n_in_flight: u64,
    /// Questions to clients that are open.
    pub n_open: u64,
    /// Calls whose clients have been asked something and come again with the answers (MCP 2026-07-28).
    pub n_parked: u64,
    /// Calls since the start.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Instances that run, those for single clients included.
    pub n_instances: usize,
    /// Times it was started again.
    pub n_restarts: u32,
    /// Its share of the time of answered calls.
    pub latency: Latency,
    /// The same by tool, slowest p95 first, at most 50.
    pub tools: Vec<ToolLatency>,
    /// Calls answered in each of the last 60 seconds, oldest first.
    #[serde(with = "plain::array")]
    pub per_second: [u16; 60],
    /// Why it failed last, kept until it is ready again.
    pub failure: Option<Failure>,
    /// What it said to the last ping.
    pub pinged: Option<Pinged>,
}

/// One client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientView {
    /// Its session.
    pub id: SessionId,
    /// `clientInfo.name` and version; empty until known.
    pub name: Arc<str>,
    /// The edition it speaks; `None` until it has opened the talk.
    pub revision: Option<Revision>,
    /// On whose behalf it speaks: `own`, `anonymous` or `token:NAME`.
    pub principal: Arc<str>,
    /// What it can be asked, in words: the capabilities it declared, with what they have below.
    pub capabilities: Vec<String>,
    /// How it is connected: `stdio`, `memory`, `http`, `sse`.
    #[serde(with = "plain::word")]
    pub via: Word,
    /// Since when.
    pub since: SystemTime,
    /// Calls in flight.
    pub n_in_flight: u64,
    /// Questions it has not answered yet.
    pub n_open: u64,
    /// Its calls in which it was asked something and has not come again (MCP 2026-07-28).
    pub n_parked: u64,
    /// Requests since it came.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Bytes of its requests.
    pub n_bytes_in: u64,
    /// Bytes of the answers to them.
    pub n_bytes_out: u64,
}

/// What was measured, of one server or of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricsView {
    /// The server; `None`: all, and what the proxy answered itself.
    pub backend: Option<Arc<str>>,
    /// The tool of it that `points` is of; `None`: all of it.
    pub tool: Option<Arc<str>>,
    /// Tools of the server that can be looked at one by one.
    pub tools: Vec<Arc<str>>,
    /// Error codes whoever asked got, the most frequent first.
    pub codes: Vec<(i32, u64)>,
    /// Since when is counted.
    pub start: SystemTime,
    /// The last hour in steps of [`HISTORY_STEP`], oldest first.
    ///
    /// [`HISTORY_STEP`]: super::HISTORY_STEP
    pub points: Vec<Point>,
    /// Requests that have ended, by how.
    pub ended: Vec<(Outcome, u64)>,
    /// Bytes of requests and of answers.
    pub n_bytes: (u64, u64),
    /// The slowest tools by their p95, with their servers, at most 50.
    pub slowest: Vec<(Arc<str>, ToolLatency)>,
    /// What this process uses of the machine, where the system tells.
    pub process: Option<ProcessUse>,
}

/// What we offer to clients at this moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CatalogView {
    /// Grows with every change.
    pub version: u64,
    /// Tools, prompts, resources, templates, in the order clients see; then the tools no client sees.
    pub items: Vec<CatalogItem>,
}

/// One thing we offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(with = "plain::bytes")]
    pub raw: Bytes,
    /// Taken from the disk cache; the server has not confirmed it in this run yet.
    pub cached: bool,
    /// The configuration keeps it from all clients: `tools.allow`, `tools.deny`.
    pub withheld: bool,
}
