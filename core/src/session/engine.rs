//! What all sessions share.

use std::sync::Arc;

use tokio::sync::watch;

use super::clients::Clients;
use crate::backend::{Context, Port, Ports};
use crate::catalog::{Catalog, Scope};
use crate::config::Config;

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
    /// The sessions, for whoever looks.
    pub clients: Clients,
}

impl Engine {
    /// The way to `backend`.
    #[must_use]
    pub fn port(&self, backend: &str) -> Option<Arc<Port>> {
        self.ports.borrow().get(backend).cloned()
    }

    /// What a client of this scope sees of the catalog.
    #[must_use]
    pub fn view(&self, main: &Arc<Catalog>, _scope: &Scope) -> Arc<Catalog> {
        main.clone()
    }

    /// An answer for whoever looks after us (`/health` and the like); `None`: no such page.
    #[must_use]
    pub const fn ops(&self, _path: &str) -> Option<Page> {
        None
    }

    /// The only server, if there is only one.
    #[must_use]
    pub fn only_port(&self) -> Option<Arc<Port>> {
        let ports = self.ports.borrow();
        let mut enabled = ports.values().filter(|p| p.server.enabled);
        enabled.next().filter(|_| enabled.next().is_none()).cloned()
    }
}

/// A page for operations.
#[derive(Clone, Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`
    pub content_type: &'static str,
    /// What it says.
    pub body: bytes::Bytes,
}
