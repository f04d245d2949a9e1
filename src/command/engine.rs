//! The engine in this process, started and ended. The one place of the program that knows how.

use std::process::ExitCode;
use std::sync::Arc;

use mcp_proxy_core::config::Config;
#[cfg(unix)]
use mcp_proxy_core::config::Environment;
#[cfg(unix)]
use mcp_proxy_core::control::ControlSocket;
use mcp_proxy_core::control::{Follow, ProxyHandle};
use mcp_proxy_core::proxy::{Entrance, Memory, Options, Proxy, TaskIds};
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
    /// Follows the configuration file; ended with the engine.
    follow: Option<Follow>,
    /// Where faces in other processes ask.
    #[cfg(unix)]
    _socket: Option<ControlSocket>,
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

impl Face {
    /// What others are told of it; nothing of a command that is over soon.
    #[cfg(unix)]
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Screen { .. } => Some("screen"),
            Self::Stdio => Some("stdio"),
            Self::Http => Some("http"),
            Self::Command => None,
        }
    }
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
            task_ids: TaskIds::user(),
        };
        let launched = config.clients.own.clone();
        let folder = std::env::current_dir().ok();
        let watched = origin.map(|origin| (origin, Arc::new(config.clone())));
        let mut proxy = Proxy::start(config, options);
        let handle = proxy.handle();
        if let Some(link) = link {
            proxy.serve(link, Entrance::launcher(launched, folder.as_deref()), true);
        }
        if let Some(Bound { listener, is_port_fixed }) = bound {
            proxy.listen(listener, is_port_fixed);
        }
        let mut task = JoinSet::new();
        task.spawn(proxy.run(std::future::pending()));
        let follow = watched.map(|(origin, config)| Follow::start(origin.watch(config), handle.clone()));
        Ok(Self {
            #[cfg(unix)]
            _socket: face.word().and_then(|word| socket(&handle, word)),
            handle,
            task,
            follow,
        })
    }

    /// Its door.
    pub(super) const fn handle(&self) -> &ProxyHandle {
        &self.handle
    }

    /// Has the configuration file read now.
    pub(super) fn look_at_configuration(&self) {
        if let Some(follow) = &self.follow {
            follow.look();
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

/// The local socket. The engine runs as well without one.
#[cfg(unix)]
fn socket(handle: &ProxyHandle, face: &str) -> Option<ControlSocket> {
    match ControlSocket::open(handle.clone(), face, &Environment::of_process()) {
        Ok(socket) => {
            tracing::debug!("`mcp-proxy status`, `reload` and `tail` find this process at {}", socket.path().display());
            Some(socket)
        }
        Err(why) => {
            tracing::warn!("no local socket: `mcp-proxy status`, `reload` and `tail` do not find this process: {why}");
            None
        }
    }
}

pub(super) fn guardian() -> ExitCode {
    mcp_proxy_core::transport::guardian_main()
}
