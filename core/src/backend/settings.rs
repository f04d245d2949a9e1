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

fn timeout(server: &Server) -> u64 {
    if !server.tools.timeout.is_empty() {
        return DIFFERS;
    }
    u64::try_from(server.timeout.as_nanos()).unwrap_or(DIFFERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_a_call_may_take_is_that_of_the_entry_in_force() {
        let server = |change: fn(&mut Server)| {
            let mut server = Server::stdio("s", "x", &[]);
            server.timeout = Duration::from_secs(7);
            change(&mut server);
            Arc::new(server)
        };
        let settings = Settings::new(server(|_| {}));
        assert_eq!(settings.timeout(), Some(Duration::from_secs(7)));
        for (change, expected) in [
            ((|s| s.timeout = Duration::from_millis(1)) as fn(&mut Server), Some(Duration::from_millis(1))),
            (|s| s.tools.timeout = [("slow_*".to_owned(), Duration::from_secs(60))].into(), None),
            (|s| s.timeout = Duration::MAX, None),
            (|_| {}, Some(Duration::from_secs(7))),
        ] {
            settings.set(server(change));
            assert_eq!(settings.timeout(), expected);
        }
    }
}
