//! `mcp-proxy check --online`: starts every server through the real engine, at the same time, and says of each what came of it and what
//! the user must do. Nobody is served; all of them are ended again.

use std::sync::Arc;

use mcp_proxy_core::backend::{BackendState, Failure as ServerFailure};
use mcp_proxy_core::check;
use mcp_proxy_core::check::probe::{AT_ONCE, LAST_WORD, is_settled, once};
use mcp_proxy_core::config::{self, Config, Diagnostic, Level, Loaded, NoteKind};
use mcp_proxy_core::control::BackendView;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::engine::{Engine, Face};
use super::peer;
use crate::client::Client;
use crate::render;
use crate::report::{self, Failure};

/// Lines of its last words that are shown.
const N_LINES: usize = 4;

/// What came of one server.
pub(super) struct Probed {
    name: Arc<str>,
    state: &'static str,
    revision: Option<String>,
    info: Option<String>,
    counts: [usize; 3],
    problem: Option<String>,
}

/// Starts all of them and adds what went wrong to the diagnostics.
pub(super) async fn probe(loaded: &mut Loaded) -> Result<Vec<Probed>, Failure> {
    let Some(config) = loaded.config.clone() else { return Ok(Vec::new()) };
    port(&config, loaded);
    let longest = config.servers.iter().map(|s| s.startup_timeout).max().unwrap_or_default();
    let n_turns = u32::try_from(config.servers.len().div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
    let until = Instant::now() + longest.saturating_mul(n_turns) + LAST_WORD;
    let engine = Engine::start(once(config), Face::Command, None, None)?;
    let handle = engine.handle().clone();
    // Servers are opened with the first client's word, and their lists are waited for by who asks for them.
    let mut client = Client::open(handle.connect("mcp-proxy"), "mcp-proxy", json!({})).await.ok();
    let mut changes = handle.subscribe();
    let views = loop {
        let views = handle.snapshot().backends;
        if views.iter().all(is_settled) || timeout_at(until, changes.changed()).await.is_err() {
            break views;
        }
    };
    if let Some(client) = &mut client {
        // What it says is seen in the counts; that it has nothing to say is no problem.
        let _ = timeout(LAST_WORD, peer::list(client, "tools/list", "tools")).await;
    }
    let views = if client.is_some() { handle.snapshot().backends } else { views };
    engine.stop().await?;
    let mut probed = Vec::with_capacity(views.len());
    for view in views.iter().filter(|v| v.state != BackendState::Disabled) {
        let failure = view.failure.as_ref().filter(|_| view.state != BackendState::Ready);
        if view.state != BackendState::Ready {
            check::report_server(loaded, &view.name, diagnostic(view, failure));
        }
        probed.push(Probed {
            name: view.name.clone(),
            state: if view.state == BackendState::Ready { "ready" } else { "failed" },
            revision: view.revision.map(|r| r.to_string()),
            info: view.server_info.clone(),
            counts: [view.n_tools, view.n_resources, view.n_prompts],
            problem: failure.map(|f| f.message.clone()),
        });
    }
    Ok(probed)
}

/// MP701
fn diagnostic(view: &BackendView, failure: Option<&ServerFailure>) -> Diagnostic {
    let Some(failure) = failure else {
        return Diagnostic::new("MP701", Level::Warning, format!("server `{}` did not get ready in time", view.name))
            .note(NoteKind::Note, format!("it was {}", view.state.word()))
            .note(
                NoteKind::Fix,
                "raise its `startup_timeout` if it is only slow; start it by hand to see what it does",
            );
    };
    let message = format!("server `{}` did not start: {}", view.name, failure.message);
    let mut d = Diagnostic::new("MP701", Level::Warning, message).label(format!("failed in `{}`", failure.phase));
    if let Some(resolved) = failure.resolved.as_ref().filter(|r| !failure.message.contains(r.as_str())) {
        d = d.note(NoteKind::Note, format!("it was {}", config::masked(resolved)));
    }
    let from = failure.stderr.len().saturating_sub(N_LINES);
    for line in &failure.stderr[from..] {
        d = d.note(NoteKind::Note, format!("it said: {}", config::masked(line)));
    }
    let fix = failure
        .hint
        .clone()
        .unwrap_or_else(|| "start it by hand to see what it does; its words are on stderr".to_owned());
    d.note(NoteKind::Fix, fix)
}

/// MP503: whether the port could be had.
fn port(config: &Config, loaded: &mut Loaded) {
    if !config.transports.http {
        return;
    }
    let Err(error) = std::net::TcpListener::bind((config.host.as_str(), config.port)) else { return };
    let address = format!("{}:{}", config.host, config.port);
    let holder = (error.kind() == std::io::ErrorKind::AddrInUse).then(|| holder(config.port)).flatten();
    let is_us = holder.as_ref().is_some_and(|(name, _)| name == "mcp-proxy");
    let level = if is_us { Level::Hint } else { Level::Error };
    let mut d = Diagnostic::new(
        "MP503",
        level,
        format!(
            "cannot listen on {address}: {}",
            error.to_string().split(" (os").next().unwrap_or_default().to_lowercase()
        ),
    );
    if let Some((name, pid)) = holder {
        d = d.note(NoteKind::Note, format!("`{name}` (process {pid}) has it"));
    }
    let fix = if is_us {
        "nothing to do if that one serves this configuration"
    } else {
        "write another `proxy.port`, or end what has it"
    };
    check::report_key(loaded, &["proxy", "port"], d.note(NoteKind::Fix, fix));
}

/// Who listens on a port: name and process; Linux only, and only for processes of the same user.
fn holder(port: u16) -> Option<(String, u32)> {
    let listens = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let fields = text.lines().skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>());
        // proc(5): 0A is LISTEN, the address ends in the port in hexadecimal digits.
        let ours = fields.filter(|f| f.len() > 9 && f[3] == "0A" && f[1].ends_with(&format!(":{port:04X}")));
        ours.map(|f| format!("socket:[{}]", f[9])).collect()
    };
    let sockets = [listens("/proc/net/tcp"), listens("/proc/net/tcp6")].concat();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let is_it = files
            .flatten()
            .filter_map(|f| std::fs::read_link(f.path()).ok())
            .any(|l| sockets.iter().any(|s| l.as_os_str() == s.as_str()));
        if is_it {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((name.trim().to_owned(), pid));
        }
    }
    None
}

impl Probed {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "state": self.state,
            "revision": self.revision,
            "server": self.info,
            "tools": self.counts[0],
            "resources": self.counts[1],
            "prompts": self.counts[2],
            "problem": self.problem,
        })
    }
}

/// All of them for people.
pub(super) fn table(probed: &[Probed]) -> String {
    let rows: Vec<Vec<String>> = probed
        .iter()
        .map(|p| {
            let [tools, resources, prompts] = p.counts;
            let offers = match p.problem {
                Some(_) => String::new(),
                None => format!("{tools} tools, {resources} resources, {prompts} prompts"),
            };
            let info = p.info.clone().unwrap_or_default();
            vec![p.name.to_string(), p.state.to_owned(), p.revision.clone().unwrap_or_default(), offers, info]
        })
        .collect();
    render::table(&["SERVER", "STATE", "EDITION", "OFFERS", "SAYS IT IS"], &rows, report::columns())
}
