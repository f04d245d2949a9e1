//! What all sessions share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::clients::Clients;
use super::parks::Parks;
use crate::backend::{Context, Port, Ports};
use crate::catalog::{Catalog, Others, Scope, Views};
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
    /// The same as clients of a scope see it.
    pub views: Views,
    /// The configuration.
    pub config: watch::Receiver<Arc<Config>>,
    /// The calls that outlive their sessions.
    pub parks: Arc<Parks>,
    /// Who may come in, and how often.
    pub guard: Arc<Guard>,
    /// The sessions, for whoever looks.
    pub clients: Clients,
    /// We are on our way to the end.
    pub stopping: AtomicBool,
    /// Why a changed configuration was refused last; `None` while the file is what is in force.
    pub config_error: Mutex<Option<String>>,
}

impl Engine {
    /// The way to `backend`.
    #[must_use]
    pub fn port(&self, backend: &str) -> Option<Arc<Port>> {
        self.ports.borrow().get(backend).cloned()
    }

    /// Whether we are on our way to the end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Why a changed configuration was refused, if the file is not what is in force.
    #[must_use]
    pub fn refused_config(&self) -> Option<String> {
        self.config_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A changed configuration was refused, or (`None`) another one is in force.
    pub fn set_refused_config(&self, problems: Option<String>) {
        *self.config_error.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// What a client of `scope` sees at this moment.
    #[must_use]
    pub fn view(&self, scope: &Scope) -> Arc<Catalog> {
        self.view_with(scope, &Others::default())
    }

    /// The same with `others` in the place of what everybody sees.
    #[must_use]
    pub fn view_with(&self, scope: &Scope, others: &Others) -> Arc<Catalog> {
        let main = self.catalog.borrow().clone();
        self.views.with(&main, scope, others)
    }

    /// The servers a client of `scope` may reach, by any request or notification.
    #[must_use]
    pub fn ports_of(&self, scope: &Scope) -> Vec<Arc<Port>> {
        self.ports.borrow().values().filter(|p| scope.sees(p.name())).cloned().collect()
    }

    /// The only server a client of `scope` sees, if there is only one: what we do not know can be meant for nobody else.
    /// A client that may not call every tool gets nothing past us that we cannot read.
    #[must_use]
    pub fn only_port(&self, scope: &Scope) -> Option<Arc<Port>> {
        if scope.limits_tools() {
            return None;
        }
        let ports = self.ports.borrow();
        let mut seen = ports.values().filter(|p| p.server().enabled && scope.sees(p.name()));
        seen.next().filter(|_| seen.next().is_none()).cloned()
    }
}
