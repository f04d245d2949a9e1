//! [`Settings`]: a server's entry of the configuration as it is now; a reload that does not concern its process puts another
//! in its place.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Server;

/// Shared by the ports of one server. Read with each call, written by a reload.
#[derive(Debug)]
pub(super) struct Settings(RwLock<Arc<Server>>);

impl Settings {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self(RwLock::new(server))
    }

    pub(super) fn get(&self) -> Arc<Server> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at it without keeping it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Server) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, server: Arc<Server>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = server;
    }
}
