//! The metrics: what the observer counts, and what the rooms are doing at this moment, as families of samples.
//!
//! Counting costs the message path a few additions; everything else happens here, when somebody looks.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::engine::Engine;
use super::ops::{self, Tally};
use crate::backend::{BackendState, ItemKind, StatusView};
use crate::catalog::{Catalog, Scope};
use crate::config::{Access, Server};
use crate::guard::{Visitor, allows_server};
use crate::observe::{Buckets, Counts, Exposition, FamilyKind, HttpCounts, Metrics, Outcome, ProcessUse};

use FamilyKind::{Counter, Gauge, Histogram};

/// Servers with series of their own: the first ones configured. Others are [`OTHER`] together. Each has some 60 lines.
const MAX_SERVERS: usize = 100;
/// The label of what has none of its own.
const OTHER: &str = "other";
/// The label of requests we answer ourselves; no server may be called so.
const OURS: &str = "mcp-proxy";

/// What is told of one server, or of the others together.
#[derive(Default)]
struct Row {
    label: String,
    counts: Counts,
    n_waiting: u64,
    tools: Vec<(String, Buckets)>,
}

/// All of it.
pub(super) fn text(engine: &Engine, visitor: &Visitor) -> String {
    let config = engine.config.borrow().clone();
    let catalog = engine.view(&Scope { server: None, access: visitor.access.clone() });
    let servers: Vec<(&Arc<Server>, Option<StatusView>)> = config
        .servers
        .iter()
        .filter(|s| visitor.may_use(&s.name))
        .take(MAX_SERVERS)
        .map(|s| (s, engine.port(&s.name).map(|port| port.status.view())))
        .collect();
    let sight = Sight { access: &visitor.access, catalog: &catalog };
    let observer = &engine.ctx.observer;
    let (rows, overhead, start) = observer.metrics(|m| (rows(m, &servers, &sight), m.overhead.clone(), m.start()));
    let mut out = Exposition::default();
    out.family("mcp_proxy_build_info", Gauge, "Which mcp-proxy this is; the value is always 1.");
    let build =
        [("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS), ("arch", std::env::consts::ARCH)];
    out.sample(&build, 1);
    out.family("mcp_proxy_start_time_seconds", Gauge, "When this run began, in seconds since 1970.");
    out.sample(&[], start.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    requests(&mut out, &rows);
    out.family("mcp_proxy_overhead_seconds", Histogram, "Our own share of the time of calls a server answered.");
    out.histogram(&[], &overhead);
    let tally = Tally::of(engine, &catalog);
    server_states(&mut out, &tally, &servers);
    let off = config.servers.iter().filter(|s| !s.enabled && visitor.may_use(&s.name)).count();
    out.family("mcp_proxy_servers_disabled", Gauge, "Servers with `enabled: false`.");
    out.sample(&[], off);
    sessions(&mut out, engine, &tally, &servers);
    http(&mut out, &observer.http);
    if let Some(used) = ProcessUse::now() {
        process(&mut out, &used);
    }
    out.finish()
}

/// What of all is shown to one visitor.
struct Sight<'a> {
    access: &'a Access,
    catalog: &'a Catalog,
}

impl Sight<'_> {
    /// Whether it may hear of calls of this server; it may be one that is not configured any more.
    fn sees(&self, server: &str) -> bool {
        allows_server(self.access, server)
    }

    /// Whether it may hear of this tool, by the server's own name.
    fn sees_tool(&self, server: &str, own: &str) -> bool {
        let limits = !self.access.allow.is_empty() || !self.access.deny.is_empty();
        !limits || self.catalog.items[ItemKind::Tool as usize].iter().any(|i| *i.backend == *server && *i.own == *own)
    }
}

/// What is counted, by label. Two things with one label are told together: a server may be called `other`.
fn rows(m: &Metrics, servers: &[(&Arc<Server>, Option<StatusView>)], sight: &Sight<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![Row { label: OURS.to_owned(), counts: m.own.clone(), ..Row::default() }];
    // Configured ones have their series before they are called.
    rows.extend(servers.iter().map(|(s, _)| Row { label: s.name.to_string(), ..Row::default() }));
    for (name, of) in m.backends().filter(|(name, _)| sight.sees(name)) {
        let own = servers.iter().find(|(s, _)| s.name == *name);
        let label = if own.is_some() { name } else { OTHER };
        let at = rows.iter().position(|row| row.label == label).unwrap_or_else(|| {
            rows.push(Row { label: label.to_owned(), ..Row::default() });
            rows.len() - 1
        });
        let row = &mut rows[at];
        row.counts.add(&of.counts);
        row.n_waiting += own.map_or(0, |(s, status)| n_waiting(of.n_in_flight, s, status.as_ref()));
        let (series, others) = of.tool_series();
        let others = (others.n() > 0).then_some((OTHER, others));
        for (tool, buckets) in series.into_iter().map(|(tool, b)| (&**tool, b)).chain(others) {
            let tool = if own.is_some() && sight.sees_tool(name, tool) { tool } else { OTHER };
            match row.tools.iter_mut().find(|(name, _)| name == tool) {
                Some((_, sum)) => sum.add(buckets),
                None => row.tools.push((tool.to_owned(), buckets.clone())),
            }
        }
    }
    rows
}

/// Calls in flight the server cannot have yet: it is not there, or has as many as it may.
fn n_waiting(n_in_flight: u64, server: &Server, status: Option<&StatusView>) -> u64 {
    match status.map(|s| &s.state) {
        Some(BackendState::Ready) => n_in_flight.saturating_sub(server.max_concurrent as u64),
        _ => n_in_flight,
    }
}

fn requests(out: &mut Exposition, rows: &[Row]) {
    let each = |out: &mut Exposition, value: &dyn Fn(&Row) -> u64| {
        for row in rows {
            out.sample(&[("server", &row.label)], value(row));
        }
    };
    let what = "Requests of clients, by the server they are for; `mcp-proxy`: answered here.";
    out.family("mcp_proxy_requests_total", Counter, what);
    each(out, &|r| r.counts.n_calls);
    out.family("mcp_proxy_requests_ended_total", Counter, "Requests that have ended, by who is to blame.");
    for row in rows {
        for (outcome, n) in Outcome::ALL.iter().zip(row.counts.ended) {
            out.sample(&[("server", &row.label), ("outcome", outcome.word())], n);
        }
    }
    out.family("mcp_proxy_requests_in_flight", Gauge, "Requests that have not ended.");
    each(out, &|r| r.counts.n_in_flight);
    let what = "Of these, those a server cannot have yet: it is not ready, or has `max_concurrent` already.";
    out.family("mcp_proxy_requests_queued", Gauge, what);
    each(out, &|r| r.n_waiting);
    out.family("mcp_proxy_request_bytes_total", Counter, "Bytes of requests as clients sent them.");
    each(out, &|r| r.counts.n_bytes_in);
    out.family("mcp_proxy_answer_bytes_total", Counter, "Bytes of answers as clients got them.");
    each(out, &|r| r.counts.n_bytes_out);
    let what = "Questions of servers to clients: elicitation, sampling, roots.";
    out.family("mcp_proxy_questions_total", Counter, what);
    each(out, &|r| r.counts.n_questions);
    out.family("mcp_proxy_questions_open", Gauge, "Of these, not answered yet.");
    each(out, &|r| r.counts.n_open);
    let what = "Times a request was sent again with what its client was asked meanwhile.";
    out.family("mcp_proxy_rounds_total", Counter, what);
    each(out, &|r| r.counts.n_rounds);
    let what = "From arrival to answer, of calls a server answered.";
    out.family("mcp_proxy_request_duration_seconds", Histogram, what);
    for row in rows.iter().filter(|row| row.label != OURS) {
        out.histogram(&[("server", &row.label)], &row.counts.latency);
    }
    out.family("mcp_proxy_tool_duration_seconds", Histogram, "The same by tool, under the server's own name of it.");
    for row in rows {
        for (tool, buckets) in &row.tools {
            out.histogram(&[("server", &row.label), ("tool", tool)], buckets);
        }
    }
}

fn server_states(out: &mut Exposition, tally: &Tally, servers: &[(&Arc<Server>, Option<StatusView>)]) {
    out.family("mcp_proxy_server_up", Gauge, "1 while the server can be called.");
    for (server, status) in servers {
        let is_ready = ops::state_of(status.as_ref()) == BackendState::Ready;
        out.sample(&[("server", &server.name)], u8::from(is_ready));
    }
    out.family("mcp_proxy_server_state", Gauge, "1 for the state the server is in.");
    for (server, status) in servers {
        let state = ops::state_of(status.as_ref());
        for word in BackendState::WORDS {
            out.sample(&[("server", &server.name), ("state", word)], u8::from(state.word() == word));
        }
    }
    out.family("mcp_proxy_server_restarts_total", Counter, "Times the server was started again.");
    for (server, status) in servers {
        out.sample(&[("server", &server.name)], status.as_ref().map_or(0, |s| s.n_restarts));
    }
    out.family("mcp_proxy_server_items", Gauge, "What clients are offered of the server, by kind.");
    for (server, _) in servers {
        for kind in ItemKind::ALL {
            out.sample(&[("server", &server.name), ("kind", kind.key())], tally.items(&server.name, kind));
        }
    }
}

fn sessions(out: &mut Exposition, engine: &Engine, tally: &Tally, servers: &[(&Arc<Server>, Option<StatusView>)]) {
    let (by, _) = ops::sessions(engine);
    out.family("mcp_proxy_sessions", Gauge, "Clients connected now, by transport.");
    for via in ["stdio", "http", "sse", "memory"] {
        out.sample(&[("transport", via)], by.get(via).copied().unwrap_or(0));
    }
    let what = "Calls whose clients have been asked something and come again with the answers, by server.";
    out.family("mcp_proxy_parked_calls", Gauge, what);
    for (server, _) in servers {
        out.sample(&[("server", &server.name)], engine.parks.at(&server.name));
    }
    out.family("mcp_proxy_parked_calls_total", Counter, "Calls that were ever parked so.");
    out.sample(&[], engine.parks.n_ever());
    let what = "Tasks of clients that have not ended, as far as their server has said.";
    out.family("mcp_proxy_open_tasks", Gauge, what);
    for (server, _) in servers {
        out.sample(&[("server", &server.name)], tally.open_tasks(&server.name));
    }
    out.family("mcp_proxy_tasks_total", Counter, "Tasks that clients have made.");
    out.sample(&[], engine.ctx.tasks.n_ever());
    out.family("mcp_proxy_sessions_total", Counter, "Clients that have connected.");
    out.sample(&[], engine.clients.n_ever());
}

fn http(out: &mut Exposition, counts: &HttpCounts) {
    let what = "Requests by HTTP, by method and class of status, those for these pages included.";
    out.family("mcp_proxy_http_requests_total", Counter, what);
    for (method, class, n) in counts.answered() {
        out.sample(&[("method", method), ("status", class)], n);
    }
    out.family("mcp_proxy_http_refused_total", Counter, "Of these, those that were refused, by status.");
    for (status, n) in counts.refused() {
        out.sample(&[("status", &status)], n);
    }
}

fn process(out: &mut Exposition, used: &ProcessUse) {
    let mut one = |name, kind, help, value: f64| {
        out.family(name, kind, help);
        out.sample(&[], value);
    };
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let number = |n: u64| n as f64;
    one("process_cpu_seconds_total", Counter, "Processor time used.", used.cpu.as_secs_f64());
    one("process_resident_memory_bytes", Gauge, "Memory in use.", number(used.resident_bytes));
    one("process_virtual_memory_bytes", Gauge, "Address space.", number(used.virtual_bytes));
    one("process_threads", Gauge, "Threads.", number(used.n_threads));
    if let Some(n) = used.n_fds {
        one("process_open_fds", Gauge, "Open file descriptors.", number(n));
    }
    if let Some(n) = used.max_fds {
        one("process_max_fds", Gauge, "Most file descriptors there may be.", number(n));
    }
}
