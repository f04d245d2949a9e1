//! What all sessions share.

use std::sync::Arc;

use tokio::sync::watch;

use super::clients::Clients;
use crate::backend::{Context, Port, Ports};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::guard::Guard;

/// What all sessions share.
#[derive(Debug)]
pub struct Engine {
    /// The servers' side.
    pub ctx: Arc<Context>,
    /// The ways to the servers.
    pub ports: watch::Receiver<Ports>,
    /// What we offer.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// The configuration.
    pub config: watch::Receiver<Arc<Config>>,
    /// Who may come in, and how often.
    pub guard: Arc<Guard>,
    /// The sessions, for whoever looks.
    pub clients: Clients,
}

impl Engine {
    /// The way to `backend`.
    #[must_use]
    pub fn port(&self, backend: &str) -> Option<Arc<Port>> {
        self.ports.borrow().get(backend).cloned()
    }

    /// The only server, if there is only one.
    #[must_use]
    pub fn only_port(&self) -> Option<Arc<Port>> {
        let ports = self.ports.borrow();
        let mut enabled = ports.values().filter(|p| p.server.enabled);
        enabled.next().filter(|_| enabled.next().is_none()).cloned()
    }
}
