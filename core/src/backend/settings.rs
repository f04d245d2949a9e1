//! [`Settings`]: a server's entry of the configuration as it is now; a reload that does not concern its process puts another
//! in its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::config::Server;

/// Shared by the ports of one server. Read with each call, written by a reload.
#[derive(Debug)]
pub(super) struct Settings {
    server: RwLock<Arc<Server>>,
    /// Nanoseconds that each of its calls may take; [`DIFFERS`] where some tools have limits of their own.
    timeout: AtomicU64,
}

const DIFFERS: u64 = u64::MAX;

fn timeout(server: &Server) -> u64 {
    if !server.tools.timeout.is_empty() {
        return DIFFERS;
    }
    u64::try_from(server.timeout.as_nanos()).unwrap_or(DIFFERS)
}

impl Settings {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { timeout: AtomicU64::new(timeout(&server)), server: RwLock::new(server) }
    }

    pub(super) fn get(&self) -> Arc<Server> {
        self.server.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at it without keeping it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Server) -> T) -> T {
        look(&self.server.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the server may be silent about a call, where that is the same for all.
    #[inline]
    pub(super) fn timeout(&self) -> Option<Duration> {
        match self.timeout.load(Ordering::Relaxed) {
            DIFFERS => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(super) fn set(&self, server: Arc<Server>) {
        let mut now = self.server.write().unwrap_or_else(PoisonError::into_inner);
        self.timeout.store(timeout(&server), Ordering::Relaxed);
        *now = server;
    }
}
