//! All about one server, or one client: made when somebody looks at just that one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::handle::ProxyHandle;
use crate::backend::{BackendState, Failure, Port, Tenant};
use crate::config::{Server, Target, kebab_case, shown_variable};
use crate::observe::{BOUNDS_US, Flow, LogLine, Slice, Word, plain};
use crate::protocol::{Revision, SessionId};

/// How long one part of a server's past is.
pub const SLICE: Duration = Duration::from_secs(60);
/// So many of them are told: an hour.
const N_SLICES: usize = 60;
/// The newest log lines that are told.
const N_LOG_LINES: usize = 200;
/// Flows that have not ended, told at most.
const N_OPEN: usize = 256;

/// All about one server that its line in the snapshot does not say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerDetail {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Working directory of its process, where one is given.
    pub cwd: Option<String>,
    /// Variables its process gets beside those it inherits; secrets as stars.
    pub env: Vec<(String, String)>,
    /// Names of the headers it is sent, of a server by URL.
    pub headers: Vec<String>,
    /// The keys that limit it or say how it is run, with their values in words.
    pub settings: Vec<(String, String)>,
    /// A call without progress is given up after this time.
    pub timeout: Duration,
    /// Any call is given up after this time.
    pub max_timeout: Duration,
    /// Calls in flight, at most.
    pub max_concurrent: usize,
    /// Whether it was up in the last hour, in parts of [`SLICE`], oldest first.
    pub slices: Vec<Slice>,
    /// How long its answers took: upper bounds and how many were within each but not within the one before, and how many
    /// took longer than the last.
    pub latency: (Vec<(Duration, u64)>, u64),
    /// Its instances, the one for everybody first.
    pub instances: Vec<InstanceView>,
    /// The last lines of its log, oldest first.
    pub log: Vec<LogLine>,
}

/// One instance of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its server.
    pub backend: Arc<str>,
    /// Whose it is, in words: `everybody`, `one user`, `one session`, `a kind of client`, `leased`.
    #[serde(with = "plain::word")]
    pub tenancy: Word,
    /// The session that has it, or whose turn it is.
    pub session: Option<SessionId>,
    /// The user whose it is.
    pub principal: Option<String>,
    /// What it is doing.
    pub state: BackendState,
    /// Since when.
    pub since: SystemTime,
    /// Process id while a process runs.
    pub pid: Option<u32>,
    /// The edition spoken with it.
    pub revision: Option<Revision>,
    /// Why it failed last.
    pub failure: Option<Failure>,
}

impl ProxyHandle {
    /// All about one server; `None` when there is none of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<ServerDetail> {
        let engine = self.engine();
        let server = engine.config.borrow().servers.iter().find(|s| &*s.name == name)?.clone();
        let port = engine.port(&server.name);
        let observer = &engine.ctx.observer;
        let buckets = observer.metrics(|m| m.counts(Some(name)).latency);
        let mut before = 0;
        let within = buckets.cumulative().map(|(bound, n)| (bound, n - std::mem::replace(&mut before, n)));
        let within: Vec<_> = within.collect();
        debug_assert_eq!(within.len(), BOUNDS_US.len());
        let (env, headers, cwd) = match &server.target {
            Target::Stdio { env, cwd, .. } => {
                let env = env.iter().map(|(k, v)| (k.clone(), shown_variable(k, v)));
                (env.collect(), Vec::new(), cwd.as_ref().map(|c| c.display().to_string()))
            }
            Target::Http { headers, .. } => (Vec::new(), headers.keys().cloned().collect(), None),
        };
        Some(ServerDetail {
            cwd,
            env,
            headers,
            settings: settings(&server),
            timeout: server.timeout,
            max_timeout: server.max_timeout,
            max_concurrent: server.max_concurrent,
            slices: port.as_ref().map(|p| p.status.slices(SLICE, N_SLICES)).unwrap_or_default(),
            latency: (within, buckets.n() - before),
            instances: port.iter().flat_map(Port::all).map(|p| instance(&p)).collect(),
            log: observer.logs.last_of(name, N_LOG_LINES),
            name: server.name.clone(),
        })
    }

    /// Instances of all servers that one client has to itself, or whose turn it has.
    #[must_use]
    pub fn instances_of(&self, id: SessionId) -> Vec<InstanceView> {
        let engine = self.engine();
        let servers = engine.config.borrow().servers.clone();
        let principal = engine.clients.all().iter().find(|c| c.id == id).map(|c| c.principal.to_string());
        let ports = servers.iter().filter_map(|s| engine.port(&s.name));
        let all = ports.flat_map(|p| p.all()).map(|p| instance(&p));
        let is_its = |i: &InstanceView| {
            i.session == Some(id) || (i.principal.is_some() && i.principal == principal && i.session.is_none())
        };
        all.filter(is_its).collect()
    }

    /// Flows that have not ended, the oldest first, at most a few hundred; empty before [`ProxyHandle::keep_history`].
    #[must_use]
    pub fn open_flows(&self) -> Vec<Flow> {
        self.engine().ctx.observer.journal(|j| j.open(N_OPEN))
    }
}

fn instance(port: &Arc<Port>) -> InstanceView {
    let status = port.status.view();
    let (tenancy, session, principal) = match &port.tenant {
        Tenant::Everybody => ("everybody", None, None),
        Tenant::Client(principal) => ("one user", None, Some(principal.name().to_owned())),
        Tenant::Session(session) => ("one session", Some(*session), None),
        Tenant::Kind(principal, _) => ("a kind of client", None, Some(principal.name().to_owned())),
        Tenant::Lease(_) => ("leased", port.leased_to(), None),
    };
    InstanceView {
        backend: port.name().clone(),
        tenancy,
        session,
        principal,
        state: status.state,
        since: status.since,
        pid: status.pid,
        revision: status.revision,
        failure: status.failure,
    }
}

/// Keys of the configuration with what they say, in words.
fn settings(server: &Server) -> Vec<(String, String)> {
    let word = |debug: String| kebab_case(&debug);
    let span = |d: Duration| format!("{d:?}");
    let restart = format!(
        "{}, at most {} fast failures in a row",
        word(format!("{:?}", server.restart.policy)),
        server.restart.max
    );
    let mut all = vec![
        ("start", word(format!("{:?}", server.start))),
        ("restart", restart),
        ("protocol", word(format!("{:?}", server.protocol))),
        ("isolation", word(format!("{:?}", server.isolation))),
        ("client_features", word(format!("{:?}", server.client_features))),
        ("lease_max", server.lease_max.to_string()),
        ("startup_timeout", span(server.startup_timeout)),
        ("timeout", span(server.timeout)),
        ("max_timeout", span(server.max_timeout)),
        ("input_timeout", span(server.input_timeout)),
        ("idle_timeout", server.idle_timeout.map_or_else(|| "never".to_owned(), span)),
        ("drain_timeout", span(server.drain_timeout)),
        ("max_concurrent", server.max_concurrent.to_string()),
        ("requests_per_minute", server.requests_per_minute.map_or_else(|| "no limit".to_owned(), |n| n.to_string())),
    ];
    for (key, list) in [
        ("tools.allow", &server.tools.allow),
        ("tools.deny", &server.tools.deny),
        ("roots", &server.roots),
        ("tags", &server.tags),
    ] {
        if !list.is_empty() {
            all.push((key, list.join(", ")));
        }
    }
    if !server.tools.rename.is_empty() {
        let renamed = server.tools.rename.iter().map(|(own, to)| format!("{own} as {to}"));
        all.push(("tools.rename", renamed.collect::<Vec<_>>().join(", ")));
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
