//! What whoever runs us may look at over HTTP: `/health`, `/ready`, `/status`, `/metrics`. Pure readers: each is made from
//! what the rooms publish, when somebody asks, and says no secret. The door decides who may ask.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use foldhash::HashMap;
use serde_json::{Value, json};

use super::engine::Engine;
use super::ops_metrics;
use crate::backend::{BackendState, Failure, ItemKind, StatusView};
use crate::catalog::{Catalog, Scope};
use crate::config::{Secret, Server, Target, mask};
use crate::guard::Visitor;
use crate::observe::EXPOSITION_TYPE;

/// HTTP status: well.
const OK: u16 = 200;
/// HTTP status: not now.
const UNAVAILABLE: u16 = 503;
/// Servers told one by one in `/ready`; of further ones the number.
const MAX_TOLD: usize = 100;
/// Longest reason given, in characters.
const MAX_REASON: usize = 500;

/// An answer to whoever runs us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Page {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: format!("{body}\n").into() }
    }
}

impl Engine {
    /// The answer to a GET of `path`, if it is one of ours, as `visitor` may see it.
    #[must_use]
    pub fn ops(&self, path: &str, visitor: &Visitor) -> Option<Page> {
        match path {
            "/health" => Some(health()),
            "/ready" => Some(ready(self, visitor)),
            // The door keeps strangers from what tells more; what is where may have changed since.
            _ if visitor.is_stranger => None,
            "/status" => Some(status(self, visitor)),
            _ => self.is_metrics(path).then(|| metrics(self, visitor)),
        }
    }

    /// Whether `path` is that of the metrics.
    #[must_use]
    pub fn is_metrics(&self, path: &str) -> bool {
        let config = self.config.borrow();
        config.metrics.enabled && config.metrics.path == path
    }
}

/// The process is up: nothing more.
#[must_use]
pub fn health() -> Page {
    Page::json(OK, &json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Whether clients can be served, and which servers cannot be called yet. A server that fails makes us no less ready: the
/// others work. Who is nobody we know hears how many they are, and no more.
#[must_use]
pub fn ready(engine: &Engine, visitor: &Visitor) -> Page {
    if engine.is_stopping() {
        return Page::json(UNAVAILABLE, &json!({ "ready": false, "why": "shutting down" }));
    }
    if engine.catalog.borrow().version == 0 {
        let why = "the configuration is being loaded";
        return Page::json(UNAVAILABLE, &json!({ "ready": false, "why": why }));
    }
    let config = engine.config.borrow().clone();
    let is_shown = |s: &&Server| s.enabled && visitor.may_use(&s.name);
    let enabled: Vec<&Server> = config.servers.iter().map(|s| &**s).filter(is_shown).collect();
    let mut waiting: Vec<Value> = Vec::new();
    for server in &enabled {
        let status = engine.port(&server.name).map(|p| p.status.view());
        let state = state_of(status.as_ref());
        if state != BackendState::Ready {
            let why = why_not(&state, status.as_ref().and_then(|s| s.failure.as_ref()), server);
            waiting.push(json!({ "server": *server.name, "state": state.word(), "why": why }));
        }
    }
    let n_ready = enabled.len() - waiting.len();
    waiting.truncate(MAX_TOLD);
    let mut body = json!({ "ready": true, "servers": enabled.len(), "servers_ready": n_ready });
    if !visitor.is_stranger {
        body["not_ready"] = waiting.into();
    }
    if engine.refused_config().is_some() {
        body["warning"] = "the configuration file was changed and refused: the one before is in force".into();
    }
    Page::json(OK, &body)
}

/// Everything small, as the terminal shows it; of servers those that `visitor` may use.
#[must_use]
pub fn status(engine: &Engine, visitor: &Visitor) -> Page {
    let config = engine.config.borrow().clone();
    let catalog = engine.view(&Scope { server: None, access: visitor.access.clone() });
    let observer = &engine.ctx.observer;
    let (start, n_calls, n_errors, n_in_flight, latency) =
        observer.metrics(|m| (m.start(), m.n_calls, m.n_errors, m.n_in_flight, m.latency()));
    let shown = config.servers.iter().filter(|s| visitor.may_use(&s.name));
    let tally = Tally::of(engine, &catalog);
    let servers: Vec<Value> = shown.map(|s| server(engine, s, &catalog, &tally)).collect();
    let (sessions, n_sessions) = sessions(engine);
    let paths: Vec<String> = config.paths.iter().map(|p| p.display().to_string()).collect();
    let counts = |kind: ItemKind| catalog.items[kind as usize].len();
    let mut body = json!({
        "name": config.name,
        "version": env!("CARGO_PKG_VERSION"),
        "started": unix(start),
        "uptime_seconds": start.elapsed().unwrap_or_default().as_secs(),
        "stopping": engine.is_stopping(),
        "config": { "paths": paths, "change_refused": engine.refused_config().is_some() },
        "requests": {
            "total": n_calls,
            "errors": n_errors,
            "in_flight": n_in_flight,
            "latency_ms": { "p50": ms(latency.p50), "p95": ms(latency.p95), "p99": ms(latency.p99) },
        },
        "sessions": { "now": n_sessions, "ever": engine.clients.n_ever(), "by_transport": sessions },
        "offered": {
            "version": catalog.version,
            "tools": counts(ItemKind::Tool),
            "prompts": counts(ItemKind::Prompt),
            "resources": counts(ItemKind::Resource),
            "resource_templates": counts(ItemKind::Template),
        },
        "servers": servers,
    });
    if !visitor.access.servers.is_empty() {
        // Where our files are is for whoever may use all, and requests are told of servers that are shown.
        let sum =
            |key: &str| body["servers"].as_array().into_iter().flatten().filter_map(|s| s[key].as_u64()).sum::<u64>();
        body["requests"] = json!({ "total": sum("calls"), "errors": sum("errors"), "in_flight": sum("in_flight") });
        body["config"] = json!({ "change_refused": engine.refused_config().is_some() });
    }
    Page::json(OK, &body)
}

/// The metrics in the text format of Prometheus; of servers and tools those that `visitor` may use.
#[must_use]
pub fn metrics(engine: &Engine, visitor: &Visitor) -> Page {
    Page { status: OK, content_type: EXPOSITION_TYPE, body: ops_metrics::text(engine, visitor).into() }
}

/// Sessions now by transport, and all of them.
pub(super) fn sessions(engine: &Engine) -> (std::collections::BTreeMap<&'static str, usize>, usize) {
    let all = engine.clients.all();
    let mut by = std::collections::BTreeMap::new();
    for client in &all {
        *by.entry(client.via).or_default() += 1;
    }
    (by, all.len())
}

pub(super) fn state_of(status: Option<&StatusView>) -> BackendState {
    status.map_or(BackendState::Stopped, |s| s.state.clone())
}

/// What is counted of all servers in one go, however many they are.
pub(super) struct Tally {
    items: HashMap<Arc<str>, [usize; ItemKind::ALL.len()]>,
    open_tasks: HashMap<Arc<str>, usize>,
}

impl Tally {
    pub(super) fn of(engine: &Engine, catalog: &Catalog) -> Self {
        let mut items: HashMap<Arc<str>, [usize; ItemKind::ALL.len()]> = HashMap::default();
        for kind in ItemKind::ALL {
            for item in &catalog.items[kind as usize] {
                items.entry(item.backend.clone()).or_default()[kind as usize] += 1;
            }
        }
        Self { items, open_tasks: engine.ctx.tasks.open_at(Instant::now()) }
    }

    /// What clients are offered of a server.
    pub(super) fn items(&self, server: &str, kind: ItemKind) -> usize {
        self.items.get(server).map_or(0, |n| n[kind as usize])
    }

    /// Tasks of a server that have not ended.
    pub(super) fn open_tasks(&self, server: &str) -> usize {
        self.open_tasks.get(server).copied().unwrap_or_default()
    }
}

fn server(engine: &Engine, server: &Server, catalog: &Catalog, tally: &Tally) -> Value {
    let status = engine.port(&server.name).map(|p| p.status.view());
    let state = state_of(status.as_ref());
    let counts = |kind: ItemKind| tally.items(&server.name, kind);
    let (n_calls, n_errors, n_in_flight, n_open, latency) = engine.ctx.observer.metrics(|m| {
        m.backend(&server.name)
            .map_or_else(Default::default, |b| (b.n_calls, b.n_errors, b.n_in_flight, b.counts.n_open, b.latency()))
    });
    let kind = match &server.target {
        Target::Stdio { .. } => "stdio",
        Target::Http { sse: true, .. } => "sse",
        Target::Http { .. } => "http",
    };
    let revision = status.as_ref().and_then(|s| s.revision);
    let failure = status.as_ref().and_then(|s| s.failure.as_ref()).map(|f| {
        let hint = f.hint.as_deref().map(|h| masked(h, server));
        json!({ "at": unix(f.at), "phase": f.phase, "message": masked(&f.message, server), "hint": hint })
    });
    json!({
        "name": *server.name,
        "transport": kind,
        "state": state.word(),
        "since": status.as_ref().map(|s| unix(s.since)),
        "protocol": revision.map(|r| r.date()),
        "era": revision.map(|r| format!("{:?}", r.era()).to_ascii_lowercase()),
        "server_info": status.as_ref().and_then(|s| s.server_info.as_deref()).map(|i| masked(i, server)),
        "tools": counts(ItemKind::Tool),
        "prompts": counts(ItemKind::Prompt),
        "resources": counts(ItemKind::Resource),
        "resource_templates": counts(ItemKind::Template),
        "repaired_or_left_out": catalog.quarantined.get(&server.name).map_or(0, Vec::len),
        "calls": n_calls,
        "errors": n_errors,
        "in_flight": n_in_flight,
        "open_questions": n_open,
        "parked": engine.parks.at(&server.name),
        "open_tasks": tally.open_tasks(&server.name),
        "latency_ms": { "p50": ms(latency.p50), "p95": ms(latency.p95), "p99": ms(latency.p99) },
        "restarts": status.as_ref().map_or(0, |s| s.n_restarts),
        "failure": failure,
    })
}

/// Why a server cannot be called yet, in one line.
fn why_not(state: &BackendState, failure: Option<&Failure>, server: &Server) -> String {
    let plain = match state {
        BackendState::Idle => "it is started by the first call or list that needs it",
        BackendState::Stopped => "it was stopped by hand",
        BackendState::Starting | BackendState::Handshaking => "it is starting",
        BackendState::Stopping => "it is being ended",
        _ => "it has failed",
    };
    match failure {
        Some(failure) => format!("{} ({})", masked(&failure.message, server), failure.phase),
        None => plain.to_owned(),
    }
}

/// `text` without anything that may be secret: the values of the server's own configuration, and what looks like one.
fn masked(text: &str, server: &Server) -> String {
    let mut text = text.to_owned();
    // What stands in the file as it is, and is shown everywhere, is no secret; what came out of a variable may be one.
    let secrets: Vec<&str> = match &server.target {
        Target::Stdio { args, env, .. } => {
            let args = args.iter().map(Secret::reveal).filter(|arg| !server.shown.contains(arg));
            args.chain(env.values().map(Secret::reveal)).collect()
        }
        Target::Http { url, url_shown, headers, .. } => {
            // A header's secret often stands after a word like `Bearer`.
            let values = headers.values().flat_map(|h| h.reveal().split_whitespace());
            text = text.replace(url.reveal(), url_shown);
            values.collect()
        }
    };
    for secret in secrets.into_iter().filter(|s| s.len() >= MIN_SECRET) {
        text = text.replace(secret, "****");
    }
    let lines: Vec<String> = text.lines().map(mask::line).collect();
    lines.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect()
}

/// Values shorter than this stand everywhere in a text by chance.
const MIN_SECRET: usize = 6;

fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn ms(time: Duration) -> f64 {
    // Microseconds are what is measured.
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
#[path = "ops_tests.rs"]
mod tests;
