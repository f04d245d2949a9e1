//! The engine in this process, started and ended. The one place of the program that knows how.

use std::process::ExitCode;

use mcp_proxy_core::config::Config;
use mcp_proxy_core::control::ProxyHandle;

use crate::report::Failure;

/// A running engine. Its tasks belong to the runtime it was started on.
pub(super) struct Engine {
    handle: ProxyHandle,
}

/// What is in front of the engine: decides how much traffic it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// A terminal UI.
    Screen,
    /// Nothing.
    Headless,
}

impl Engine {
    /// Starts it; inside a runtime.
    pub(super) async fn start(config: Config, face: Face) -> Result<Self, Failure> {
        unreachable!("filled in with core::proxy: {config:?} {face:?}")
    }

    /// Its door.
    pub(super) const fn handle(&self) -> &ProxyHandle {
        &self.handle
    }

    /// Serves the client on our stdin and stdout until it goes.
    pub(super) async fn serve_stdio(&self) -> Result<(), Failure> {
        unreachable!("filled in with core::proxy")
    }

    /// Ends it in order: calls, sessions, servers and their whole process trees.
    pub(super) async fn stop(self) {
        unreachable!("filled in with core::proxy")
    }
}

pub(super) fn guardian() -> ExitCode {
    mcp_proxy_core::transport::guardian_main()
}
