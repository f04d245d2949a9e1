//! The engine in this process, started and ended. The one place of the program that knows how.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use mcp_proxy_core::catalog::Scope;
use mcp_proxy_core::config::{Config, ConfigWatch, Diagnostic, Level, Loaded, Prompt, render};
use mcp_proxy_core::control::ProxyHandle;
use mcp_proxy_core::proxy::{Entrance, Memory, Options, Proxy};
use mcp_proxy_core::transport::{Guardian, own_stdio};
use tokio::task::JoinSet;

use super::listen::Bound;
use super::load::Origin;
use crate::report::Failure;

/// A running engine. Its tasks belong to the runtime it was started on.
pub(super) struct Engine {
    handle: ProxyHandle,
    /// The engine's main task: it owns all others.
    task: JoinSet<()>,
    /// Has the configuration file looked at.
    prompt: Option<Prompt>,
    /// Follows the configuration file; ended with the engine.
    _watcher: JoinSet<()>,
}

/// What is in front of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// A terminal UI: much traffic is kept. Servers are opened at once, unless a client of ours comes first (the demo).
    Screen {
        /// Whether a client is about to connect.
        has_client: bool,
    },
    /// The client that launched us, on our stdin and stdout: the engine ends with it.
    Stdio,
    /// Nobody but clients over HTTP: servers are opened at once.
    Http,
    /// A command that looks something up.
    Command,
}

impl Engine {
    /// Starts it; inside a runtime. Clients over HTTP come by `bound`.
    pub(super) fn start(
        config: Config,
        face: Face,
        bound: Option<Bound>,
        origin: Option<Origin>,
    ) -> Result<Self, Failure> {
        let exe = std::env::current_exe().map_err(|e| Failure::failed("cannot find our own executable").because(e))?;
        // Before anything else is started: our stdout carries messages only.
        let link = match face {
            Face::Stdio => Some(own_stdio().map_err(|e| Failure::failed("cannot use stdin and stdout").because(e))?),
            Face::Screen { .. } | Face::Http | Face::Command => None,
        };
        let options = Options {
            has_screen: matches!(face, Face::Screen { .. }),
            await_client: !matches!(face, Face::Screen { has_client: false } | Face::Http),
            guardian: Guardian::new(&exe, &["guardian"]),
            memory: Memory::user(),
        };
        let launched = config.clients.own.clone();
        let watched = origin.map(|origin| (origin, Arc::new(config.clone())));
        let mut proxy = Proxy::start(config, options);
        let handle = proxy.handle();
        if let Some(link) = link {
            let scope = Scope { access: launched, ..Scope::default() };
            proxy.serve(link, Entrance { scope, ..Entrance::own("stdio", "") }, true);
        }
        if let Some(Bound { listener, path }) = bound {
            proxy.listen(listener, &path);
        }
        let mut task = JoinSet::new();
        task.spawn(proxy.run(std::future::pending()));
        let mut watcher = JoinSet::new();
        let mut prompt = None;
        if let Some((origin, config)) = watched {
            let (handle, watched) = (handle.clone(), origin.watch(config));
            prompt = Some(watched.prompt());
            watcher.spawn(watch(watched, handle));
        }
        Ok(Self { handle, task, prompt, _watcher: watcher })
    }

    /// Its door.
    pub(super) const fn handle(&self) -> &ProxyHandle {
        &self.handle
    }

    /// Has the configuration file looked at now.
    pub(super) fn look_at_configuration(&self) {
        if let Some(prompt) = &self.prompt {
            prompt.look();
        }
    }

    /// Waits until it has ended by itself: the client that owned it has left.
    ///
    /// # Errors
    /// When it broke down.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        match self.task.join_next().await {
            Some(Err(e)) => Err(Failure::failed("the engine broke down").because(e).hint("please report it")),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Ends it in order: calls, sessions, servers and their whole process trees.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.handle.shutdown();
        self.ended().await
    }
}

/// Hands changes of the configuration file to the engine; a file that cannot be used changes nothing.
async fn watch(mut watch: ConfigWatch, handle: ProxyHandle) {
    while let Some(reload) = watch.changed().await {
        if reload.is_applied() {
            handle.reload(Config::clone(&reload.config));
        } else {
            let summary = render::summary(&reload.loaded);
            tracing::warn!(
                "the configuration was not reloaded, the one before stays: {summary} (see `mcp-proxy check`)"
            );
            handle.refuse_reload(first_problem(&reload.loaded).unwrap_or(summary));
        }
    }
}

/// The first error in one line, for the screen: where and what.
fn first_problem(loaded: &Loaded) -> Option<String> {
    let is_error = |d: &&Diagnostic| d.level == Level::Error;
    let n = loaded.diagnostics.iter().filter(is_error).count();
    let first = loaded.diagnostics.iter().find(is_error)?;
    let file = first.file.as_deref().and_then(Path::file_name).map(|f| f.to_string_lossy().into_owned());
    let place = first.place.as_ref().map(|p| format!("{}:{}", p.line, p.column));
    let at: Vec<String> = file.into_iter().chain(place).collect();
    let label = first.label.as_ref().map_or_else(String::new, |l| format!(" ({l})"));
    let more = if n > 1 { format!(", and {} more", n - 1) } else { String::new() };
    Some(format!("{} {}{label}{more}", at.join(":"), first.message).trim_start().to_owned())
}

pub(super) fn guardian() -> ExitCode {
    mcp_proxy_core::transport::guardian_main()
}
