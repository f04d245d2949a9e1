//! The engines that run on this machine for this user, found by their sockets.
//!
//! On systems without such sockets yet, there are none to be found.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::Environment;

use crate::cli::Which;
use crate::report::Failure;

#[cfg(unix)]
pub(super) use mcp_proxy_core::control::{Hello, Remote, RemoteError};

/// The file that `--config` names, as engines name it.
pub(super) fn named(config: Option<&Path>) -> Option<PathBuf> {
    config.map(|path| Environment::of_process().absolute_here(path))
}

/// Connects to the engines that are meant, the oldest first: those of the file `config` if given, and of the processes
/// `which` names, if it does.
///
/// # Errors
/// When there is none: says which there are.
#[cfg(unix)]
pub(super) async fn open(config: Option<&Path>, which: &Which) -> Result<Vec<Remote>, Failure> {
    let environment = Environment::of_process();
    let (mut engines, mut others, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for path in mcp_proxy_core::control::running(&environment) {
        match Remote::open(&path).await {
            Ok(engine) => {
                let hello = engine.hello();
                let is_meant = (which.pids.is_empty() || which.pids.contains(&hello.pid))
                    && config.is_none_or(|path| is_same_file(hello.config.as_deref(), path));
                if is_meant { engines.push(engine) } else { others.push(title(hello)) }
            }
            // Its process was killed, and took its socket not with it.
            Err(RemoteError::Gone(_)) => {}
            Err(error) => troubles.push(format!("{}: {error}", path.display())),
        }
    }
    for trouble in &troubles {
        crate::report::note(&format!("note: {trouble}"));
    }
    engines.sort_by_key(|e| (e.hello().started, e.hello().pid));
    if !engines.is_empty() {
        return Ok(engines);
    }
    let what = match (config, which.pids.as_slice()) {
        (Some(path), _) => format!("no mcp-proxy runs with `{}`", shown(path)),
        (None, []) => "no mcp-proxy is running".to_owned(),
        (None, pids) => {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            format!("no mcp-proxy runs as process {}", pids.join(", "))
        }
    };
    let failure = Failure::failed(what);
    Err(if others.is_empty() {
        failure.hint("`mcp-proxy serve` and `mcp-proxy tui` start one, and so does every client that launches it")
    } else {
        failure.because(format!("those that run are:\n{}", others.join("\n")))
    })
}

/// Whether an engine's file is the one that was named, by whatever way.
#[cfg(unix)]
fn is_same_file(of_engine: Option<&Path>, named: &Path) -> bool {
    let Some(of_engine) = of_engine else { return false };
    let real = |path: &Path| path.canonicalize().ok();
    of_engine == named || real(of_engine).is_some_and(|path| real(named) == Some(path))
}

/// An engine in one line: `4711 (stdio, ~/.config/mcp-proxy/config.yaml)`.
#[cfg(unix)]
pub(super) fn title(hello: &Hello) -> String {
    let file = hello.config.as_deref().map_or_else(|| "the demo".to_owned(), shown);
    format!("{} ({}, {file})", hello.pid, crate::render::one_line(&hello.face))
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    mcp_proxy_core::config::render::short_path(path, Environment::of_process().home())
}

/// Why there is nothing to talk to.
#[cfg(not(unix))]
pub(super) fn unavailable(_: Option<&Path>, _: &Which) -> Failure {
    Failure::failed("running engines cannot be asked on this system yet").hint("`mcp-proxy tui` shows the one it runs")
}
