//! The checked configuration: complete, with defaults filled in, variables expanded, paths absolute.

mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use server::*;

use super::{HostName, Origin, TokenHash};

/// Everything the engine needs to know. Immutable; a reload makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The files it came from, the main one first; empty for the built-in demo.
    pub paths: Vec<PathBuf>,
    /// `proxy.name`: what clients see as the server's title.
    pub name: String,
    /// `proxy.transport`: what a bare `serve` offers.
    pub transports: Transports,
    /// `proxy.host`
    pub host: String,
    /// `proxy.port`
    pub port: u16,
    /// `proxy.path`
    pub path: String,
    /// `proxy.log_level`
    pub log_level: LogLevel,
    /// `proxy.allowed_origins`: pages that may talk to us, beside those on this machine.
    pub allowed_origins: Vec<Origin>,
    /// `proxy.allowed_hosts`: names we are reached by, lower case, beside `host` and those of this machine; `*.` at the
    /// beginning stands for any name before it.
    pub allowed_hosts: Vec<String>,
    /// `proxy.tls`; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `proxy.env`: what children inherit.
    pub env: EnvPolicy,
    /// `routing`
    pub routing: Routing,
    /// `limits`
    pub limits: Limits,
    /// `clients`
    pub clients: ClientRules,
    /// `observability.metrics`
    pub metrics: Metrics,
    /// `observability.traffic`
    pub journal: JournalLimits,
    /// `proxy.instructions`: text put before the servers' own instructions.
    pub instructions: Option<String>,
    /// `servers`, in the order of the file. Disabled ones are listed too.
    pub servers: Vec<Arc<Server>>,
}

/// `proxy.tls`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// `clients`: who may come in by HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRules {
    /// `require_auth`, also `features.authentication`: nobody without a token (default false).
    pub require_auth: bool,
    /// `tokens`, those of the credentials included, each name once.
    pub tokens: Vec<Arc<Token>>,
    /// `profiles`
    pub profiles: BTreeMap<String, Arc<Access>>,
    /// `rules`, in their order: the first that is for a client counts.
    pub rules: Vec<ClientRule>,
    /// `profile`: what whoever starts us over stdio sees (default everything).
    pub own: Arc<Access>,
}

/// `clients.rules`: what clients of one kind see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRule {
    /// Pattern of `clientInfo.name`, lower case; `None`: whatever it is.
    pub name: Option<String>,
    /// Patterns of a folder it works in, all of them the same folder; empty: wherever it is.
    pub folders: Vec<String>,
    /// What they see.
    pub access: Arc<Access>,
}

/// One token, known by what it hashes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who shows it; no secret.
    pub name: Arc<str>,
    /// Of its text.
    pub hash: TokenHash,
    /// What it opens.
    pub access: Arc<Access>,
    /// `mcp-proxy token add` made it: it stands in the credentials.
    pub is_stored: bool,
}

/// `observability.metrics`, also `features.monitoring`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Whether they are served (default true).
    pub enabled: bool,
    /// Under which path (default `/metrics`).
    pub path: String,
}

/// `clients.tokens.X`: what whoever shows the token may see and call. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// Patterns of server names; empty: all.
    pub servers: Vec<String>,
    /// Patterns of exposed names of tools; empty: all.
    pub allow: Vec<String>,
    /// Patterns of exposed names of tools, never these.
    pub deny: Vec<String>,
    /// No more tools than this in a list; the others can still be called.
    pub max_tools: Option<usize>,
    /// And only what this opens too: a profile.
    pub within: Option<Arc<Self>>,
}

impl Access {
    /// Whether it limits nothing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let own = self.servers.is_empty() && self.allow.is_empty() && self.deny.is_empty() && self.max_tools.is_none();
        own && self.within.as_deref().is_none_or(Self::is_full)
    }

    /// The longest list of tools it allows; `None`: any.
    #[must_use]
    pub fn most_tools(&self) -> Option<usize> {
        let within = self.within.as_deref().and_then(Self::most_tools);
        self.max_tools.into_iter().chain(within).min()
    }
}

/// `proxy.transport`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// Our own stdin and stdout.
    pub stdio: bool,
    /// A port.
    pub http: bool,
}

/// `proxy.log_level`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// For developers.
    Debug,
    /// The default.
    Info,
    /// Only what needs attention.
    Warn,
    /// Only failures.
    Error,
}

/// `proxy.env`: a child's environment is this allow-list of ours plus what its server entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvPolicy {
    /// Names to inherit; a trailing `*` matches a prefix.
    pub inherit: Vec<String>,
    /// Ask the login shell for its PATH (default true).
    pub path_from_login_shell: bool,
}

/// `routing`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// How names are made (default `prefix`).
    pub naming: Naming,
    /// Between prefix and name (default `__`).
    pub separator: String,
    /// Longest exposed name in characters (default 48).
    pub max_tool_name: usize,
    /// Which characters an exposed name may have (default `model`).
    pub name_charset: NameCharset,
    /// Repair or set aside single items that clients refuse (default true).
    pub schema_fixes: bool,
    /// Items a page towards clients; `None` (default): one page.
    pub page_size: Option<usize>,
}

/// `routing.naming`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `prefix__name` always.
    Prefix,
    /// A prefix only for names that clash.
    PrefixOnConflict,
    /// Never a prefix.
    Flat,
}

/// `routing.name_charset`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCharset {
    /// `[A-Za-z0-9_-]`, what model APIs take.
    Model,
    /// `[A-Za-z0-9_.-]`, what the MCP specification recommends.
    Spec,
}

/// `limits`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one principal, also `features.rate_limiting` (default `None`: as many as it likes).
    pub requests_per_minute: Option<u32>,
    /// Longest message in bytes, either side (default 16 MiB).
    pub max_message_bytes: usize,
    /// Calls in flight of one client (default 1024).
    pub max_concurrent: usize,
    /// Servers starting at the same time (default 8).
    pub max_starting: usize,
    /// A session by HTTP that its client does not use for so long is ended (default 1 h).
    pub session_idle: Duration,
    /// The body of a request by HTTP has to arrive within this time (default 30 s).
    pub body_timeout: Duration,
}

/// Paths of our own beside `proxy.path`: pages, and the two endpoints of HTTP+SSE.
pub const PAGES: [&str; 5] = ["/health", "/ready", "/status", "/sse", "/messages"];

/// `observability.traffic`: the journal's bounds. What is reached first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Most flows kept (default 100 000).
    pub n_flows: usize,
    /// Most bytes kept with a screen (default 64 MiB).
    pub screen_bytes: usize,
    /// Most bytes kept headless (default 512 KiB).
    pub headless_bytes: usize,
}

impl Config {
    /// Whether `host` is an address that others than this machine can reach.
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        !HostName::parse(&self.host).is_some_and(|host| host.is_loopback())
    }

    /// Whether a token is needed to come in and there is none: nobody could.
    #[must_use]
    pub fn lacks_token(&self) -> bool {
        self.clients.require_auth && self.clients.tokens.is_empty()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            name: "mcp-proxy".to_owned(),
            transports: Transports { stdio: true, http: false },
            host: "127.0.0.1".to_owned(),
            port: 8000,
            path: "/mcp".to_owned(),
            log_level: LogLevel::Info,
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            tls: None,
            env: EnvPolicy::default(),
            routing: Routing::default(),
            limits: Limits::default(),
            clients: ClientRules::default(),
            metrics: Metrics::default(),
            journal: JournalLimits::default(),
            instructions: None,
            servers: Vec::new(),
        }
    }
}

impl Default for EnvPolicy {
    fn default() -> Self {
        let inherit = ["PATH", "HOME", "LANG", "LC_*", "TMPDIR", "TZ", "TERM", "SHELL", "USER", "LOGNAME", "XDG_*"];
        Self { inherit: inherit.map(str::to_owned).to_vec(), path_from_login_shell: true }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            naming: Naming::Prefix,
            separator: "__".to_owned(),
            max_tool_name: 48,
            name_charset: NameCharset::Model,
            schema_fixes: true,
            page_size: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: None,
            max_message_bytes: 16 << 20,
            max_concurrent: 1024,
            max_starting: 8,
            session_idle: Duration::from_secs(60 * 60),
            body_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { enabled: true, path: "/metrics".to_owned() }
    }
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { n_flows: 100_000, screen_bytes: 64 << 20, headless_bytes: 512 << 10 }
    }
}
