//! One server of a [`super::Config`]: how it is reached, when it runs, and what may be asked of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Secret;

/// One entry of `servers`, `defaults` merged in.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its key: `[A-Za-z0-9_-]+`.
    pub name: Arc<str>,
    /// How it is reached.
    pub target: Target,
    /// Command line or URL as written in the file, before variables: fit to be shown.
    pub shown: String,
    /// `enabled` (default true).
    pub enabled: bool,
    /// `start` (default eager).
    pub start: StartPolicy,
    /// `connect_timeout`: of a server reached by URL, for name, connection and TLS (default 10 s).
    pub connect_timeout: Duration,
    /// `tls.ca_file`: certificates trusted beside the system's, absolute.
    pub ca_file: Option<PathBuf>,
    /// `startup_timeout`: from start to ready (default 60 s).
    pub startup_timeout: Duration,
    /// `timeout`: idle time of one call, reset by progress (default 60 s).
    pub timeout: Duration,
    /// `max_timeout`: of one call in all (default 1 h).
    pub max_timeout: Duration,
    /// `input_timeout`: how long a client may take to answer what the server asks in one of its calls (default 10 min).
    pub input_timeout: Duration,
    /// `idle_timeout`: a lazy server without calls is stopped after it (default 15 min; `None`: never).
    pub idle_timeout: Option<Duration>,
    /// `probe_timeout`: silence on the opening probe (default 5 s after the first byte, thrice that after the start).
    pub probe_timeout: Duration,
    /// `list_wait`: how long a client's list waits for this server, from its start (default 4 s).
    pub list_wait: Duration,
    /// `drain_timeout`: running calls may end when the server is stopped or replaced (default 30 s).
    pub drain_timeout: Duration,
    /// `restart`
    pub restart: Restart,
    /// `protocol` (default auto).
    pub protocol: ProtocolChoice,
    /// `prefix`: exposed prefix; `None`: the name. Empty: no prefix.
    pub prefix: Option<String>,
    /// `cache_lists`: keep the last good lists on disk (default true).
    pub cache_lists: bool,
    /// `share_logs`: log lines that belong to no call go to all clients (default false).
    pub share_logs: bool,
    /// `limits.max_concurrent`: calls in flight (default 64).
    pub max_concurrent: usize,
    /// `limits.requests_per_minute`: of all clients together (default `None`: as many as they like).
    pub requests_per_minute: Option<u32>,
    /// `roots`: directories (as `file://` URIs) told to a shared server that asks for roots.
    pub roots: Vec<String>,
    /// `isolation`: who shares an instance (default auto).
    pub isolation: Isolation,
    /// `client_features`: what a shared server may ask of clients (default lease).
    pub client_features: ClientFeatures,
    /// `lease_max`: instances for clients of one kind whose calls overlap (default 4).
    pub lease_max: usize,
    /// `tools`
    pub tools: ToolRules,
    /// `tags`
    pub tags: Vec<String>,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A child process.
    Stdio {
        /// Program: a name to be found on PATH, or a path.
        command: String,
        /// Its arguments. Expanded text may hold secrets.
        args: Vec<Secret>,
        /// Working directory, absolute. `None`: ours.
        cwd: Option<PathBuf>,
        /// Variables added to the allow-list, `env_file` merged in.
        env: BTreeMap<String, Secret>,
    },
    /// Streamable HTTP, or HTTP+SSE of 2024-11-05.
    Http {
        /// The endpoint.
        url: Secret,
        /// The endpoint as written in the file, before variables: fit to be shown.
        url_shown: String,
        /// `transport: sse`
        sse: bool,
        /// Headers, authorization included.
        headers: BTreeMap<String, Secret>,
    },
}

/// `start`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPolicy {
    /// With the proxy.
    Eager,
    /// With the first call or list that needs it.
    Lazy,
    /// Only when told to.
    Manual,
}

/// `restart`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When a server that ended is started again (default on failure).
    pub policy: RestartPolicy,
    /// Fast failures in a row until it is parked (default 5).
    pub max: u32,
    /// First pause (default 0.5 s); doubles.
    pub backoff_min: Duration,
    /// Longest pause (default 60 s).
    pub backoff_max: Duration,
}

/// `restart.policy`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never.
    Never,
    /// After a crash or a non-zero exit.
    OnFailure,
    /// Whenever it ended.
    Always,
}

/// `protocol`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// Find out and remember.
    Auto,
    /// `server/discover` only.
    Modern,
    /// `initialize` only.
    Legacy,
}

/// `isolation`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Per session for a server by HTTP that has sessions itself, else shared.
    Auto,
    /// One instance for all.
    Shared,
    /// One a user: who shows the same token shares.
    PerClient,
    /// One a session. Clients without sessions (MCP 2026-07-28): one a user.
    PerSession,
}

/// `client_features`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFeatures {
    /// A shared server may ask nothing.
    None,
    /// Clients that can be asked get instances of their kind, each for the calls of one session at a time.
    Lease,
}

/// `servers.X.tools`: patterns are matched against the server's own names; `*` matches any run of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolRules {
    /// If not empty, only these.
    pub allow: Vec<String>,
    /// Never these.
    pub deny: Vec<String>,
    /// Own name to the name shown after the prefix.
    pub rename: BTreeMap<String, String>,
    /// Own name to another description.
    pub describe: BTreeMap<String, String>,
    /// Own name (or pattern) to another `timeout`.
    pub timeout: BTreeMap<String, Duration>,
}

impl Server {
    /// A server with the defaults of this page, started from `command`.
    #[must_use]
    pub fn stdio(name: &str, command: &str, args: &[&str]) -> Self {
        let shown = [&[command], args].concat().join(" ");
        let server = Self::new(
            name,
            Target::Stdio {
                command: command.to_owned(),
                args: args.iter().map(|a| Secret::new(*a)).collect(),
                cwd: None,
                env: BTreeMap::new(),
            },
        );
        Self { shown, ..server }
    }

    /// A server with the defaults of this page.
    #[must_use]
    pub fn new(name: &str, target: Target) -> Self {
        Self {
            name: name.into(),
            target,
            shown: String::new(),
            enabled: true,
            start: StartPolicy::Eager,
            connect_timeout: Duration::from_secs(10),
            ca_file: None,
            startup_timeout: Duration::from_secs(60),
            timeout: Duration::from_secs(60),
            max_timeout: Duration::from_secs(3600),
            input_timeout: Duration::from_secs(10 * 60),
            idle_timeout: Some(Duration::from_secs(15 * 60)),
            probe_timeout: Duration::from_secs(5),
            list_wait: Duration::from_secs(4),
            drain_timeout: Duration::from_secs(30),
            restart: Restart {
                policy: RestartPolicy::OnFailure,
                max: 5,
                backoff_min: Duration::from_millis(500),
                backoff_max: Duration::from_secs(60),
            },
            protocol: ProtocolChoice::Auto,
            prefix: None,
            cache_lists: true,
            share_logs: false,
            max_concurrent: 64,
            requests_per_minute: None,
            roots: Vec::new(),
            isolation: Isolation::Auto,
            client_features: ClientFeatures::Lease,
            lease_max: 4,
            tools: ToolRules::default(),
            tags: Vec::new(),
        }
    }
}
