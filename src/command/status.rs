//! `mcp-proxy status`: what runs, as text for people or JSON.

use std::path::Path;

use crate::cli::Status;
use crate::report::Failure;

#[cfg(unix)]
pub(super) fn run(config: Option<&Path>, args: &Status) -> Result<(), Failure> {
    use mcp_proxy_core::control::{Ask, Told};

    use super::{engines, runtime};
    use crate::report;

    let config = engines::named(config);
    let found = runtime()?.block_on(async {
        let mut found = Vec::new();
        for mut engine in engines::open(config.as_deref(), &args.which).await? {
            match engine.ask(Ask::Snapshot).await {
                Ok(Told::Snapshot(snapshot)) => found.push((engine.hello().clone(), *snapshot)),
                Ok(_) => {}
                // It has ended in between.
                Err(error) => report::note(&format!("note: {}: {error}", engines::title(engine.hello()))),
            }
        }
        Ok::<_, Failure>(found)
    })?;
    if args.json {
        let all: serde_json::Value = found.iter().map(|(hello, snapshot)| text::json(hello, snapshot)).collect();
        return report::out(format!("{all:#}\n").as_bytes());
    }
    let now = std::time::SystemTime::now();
    let all: Vec<String> = found.iter().map(|(hello, snapshot)| text::human(hello, snapshot, now)).collect();
    report::out(all.join("\n").as_bytes())
}

#[cfg(not(unix))]
pub(super) fn run(config: Option<&Path>, args: &Status) -> Result<(), Failure> {
    Err(super::engines::unavailable(config, &args.which))
}

/// Snapshots as text. Pure.
#[cfg(unix)]
mod text {
    use std::time::{Duration, SystemTime};

    use mcp_proxy_core::control::{BackendView, ClientView, Hello, Latency, Snapshot};
    use serde_json::{Value, json};

    use super::super::engines;
    use crate::render;

    pub(super) fn human(hello: &Hello, snapshot: &Snapshot, now: SystemTime) -> String {
        let totals = &snapshot.totals;
        let mut out = format!(
            "mcp-proxy {}, version {}, up {}: {} calls, {} in flight, {} failed\n",
            engines::title(hello),
            render::one_line(&hello.version),
            age(hello.started, now),
            totals.n_calls,
            totals.n_in_flight,
            totals.n_errors,
        );
        if let Some(problem) = &snapshot.config_error {
            let problem = render::one_line(problem);
            out.push_str(&format!("  the file was changed and refused, what was before is in force: {problem}\n"));
        }
        let servers: Vec<Vec<String>> = snapshot.backends.iter().map(server).collect();
        let head = ["SERVER", "STATE", "PID", "MCP", "TOOLS", "CALLS", "FAILED", "P95", "NOTE"];
        out.push_str(&indented(&render::table(&head, &servers, None)));
        let clients: Vec<Vec<String>> = snapshot.clients.iter().map(|c| client(c, now)).collect();
        if clients.is_empty() {
            out.push_str("  no clients\n");
        } else {
            let head = ["CLIENT", "BY", "MCP", "SINCE", "CALLS", "IN FLIGHT"];
            out.push_str(&indented(&render::table(&head, &clients, None)));
        }
        out
    }

    fn indented(table: &str) -> String {
        table.lines().map(|line| format!("  {line}\n")).collect()
    }

    fn server(b: &BackendView) -> Vec<String> {
        let note = b.failure.as_ref().map_or_else(String::new, |f| f.message.clone());
        vec![
            b.name.to_string(),
            b.state.word().to_owned(),
            b.pid.map_or_else(|| "-".to_owned(), |p| p.to_string()),
            b.revision.map_or("-", |r| r.date()).to_owned(),
            b.n_tools.to_string(),
            b.n_calls.to_string(),
            b.n_errors.to_string(),
            if b.latency.n == 0 { "-".to_owned() } else { render::duration(b.latency.p95) },
            note,
        ]
    }

    fn client(c: &ClientView, now: SystemTime) -> Vec<String> {
        vec![
            if c.name.is_empty() { c.id.to_string() } else { c.name.to_string() },
            c.via.to_owned(),
            c.revision.map_or("-", |r| r.date()).to_owned(),
            age(c.since, now),
            c.n_calls.to_string(),
            c.n_in_flight.to_string(),
        ]
    }

    fn age(since: SystemTime, now: SystemTime) -> String {
        let seconds = now.duration_since(since).unwrap_or_default().as_secs();
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..86_400 => format!("{} h", seconds / 3600),
            _ => format!("{} d", seconds / 86_400),
        }
    }

    pub(super) fn json(hello: &Hello, snapshot: &Snapshot) -> Value {
        json!({
            "pid": hello.pid,
            "version": hello.version,
            "name": snapshot.name,
            "face": hello.face,
            "started": render::rfc3339(hello.started),
            "config": hello.config,
            "config_error": snapshot.config_error,
            "calls": snapshot.totals.n_calls,
            "failed": snapshot.totals.n_errors,
            "in_flight": snapshot.totals.n_in_flight,
            "latency_ms": latency(snapshot.totals.latency),
            "servers": snapshot.backends.iter().map(server_json).collect::<Value>(),
            "clients": snapshot.clients.iter().map(client_json).collect::<Value>(),
        })
    }

    fn server_json(b: &BackendView) -> Value {
        json!({
            "name": b.name,
            "transport": b.kind,
            "target": b.target,
            "prefix": b.prefix,
            "state": b.state.word(),
            "since": render::rfc3339(b.since),
            "pid": b.pid,
            "revision": b.revision,
            "server": b.server_info,
            "tools": b.n_tools,
            "resources": b.n_resources,
            "prompts": b.n_prompts,
            "instances": b.n_instances,
            "restarts": b.n_restarts,
            "calls": b.n_calls,
            "failed": b.n_errors,
            "in_flight": b.n_in_flight,
            "latency_ms": latency(b.latency),
            "failure": b.failure.as_ref().map(|f| json!({
                "at": render::rfc3339(f.at),
                "phase": f.phase,
                "message": f.message,
                "hint": f.hint,
            })),
        })
    }

    fn client_json(c: &ClientView) -> Value {
        json!({
            "session": c.id.to_string(),
            "name": c.name,
            "revision": c.revision,
            "via": c.via,
            "since": render::rfc3339(c.since),
            "calls": c.n_calls,
            "in_flight": c.n_in_flight,
        })
    }

    fn latency(l: Latency) -> Value {
        let ms = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
        if l.n == 0 {
            Value::Null
        } else {
            json!({ "p50": ms(l.p50), "p95": ms(l.p95), "p99": ms(l.p99), "max": ms(l.max) })
        }
    }
}
