//! Owns every server's task; applies a changed configuration.

use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::Context;
use super::lifecycle::Lifecycle;
use super::port::{Control, Port};
use crate::config::{EnvPolicy, Server, Target};

/// The ports of all servers, in the order of the configuration. Immutable; a reload publishes a new one.
pub type Ports = Arc<HashMap<Arc<str>, Arc<Port>>>;

/// Owns every server's task.
#[derive(Debug)]
pub struct Supervisor {
    ctx: Arc<Context>,
    ports: watch::Sender<Ports>,
    tasks: JoinSet<Arc<str>>,
    /// Replaced or removed, and not at their end yet.
    leaving: Vec<Arc<Port>>,
}

impl Supervisor {
    /// Nothing started yet.
    #[must_use]
    pub fn new(ctx: Arc<Context>) -> Self {
        Self { ctx, ports: watch::Sender::new(Ports::default()), tasks: JoinSet::new(), leaving: Vec::new() }
    }

    /// The ports, now and after each reload.
    #[must_use]
    pub fn ports(&self) -> watch::Receiver<Ports> {
        self.ports.subscribe()
    }

    /// Makes the running servers those of `servers`: what is unchanged keeps running, what has changed or gone is ended
    /// after its calls in flight, what is new is started. What all children inherit (`env`) is part of each.
    pub fn apply(&mut self, servers: &[Arc<Server>], env: &EnvPolicy) {
        let before = self.ports.borrow().clone();
        let same_env = **self.ctx.env.borrow() == *env;
        if !same_env {
            self.ctx.env.send_replace(Arc::new(env.clone()));
        }
        let is_same = |port: &Port, server: &Server| {
            *port.server == *server && (same_env || !matches!(server.target, Target::Stdio { .. }))
        };
        self.leaving.retain(|port| !port.control.is_closed());
        let mut after = HashMap::default();
        let mut fresh = Vec::new();
        for server in servers {
            match before.get(&server.name) {
                Some(port) if is_same(port, server) => drop(after.insert(server.name.clone(), port.clone())),
                old => {
                    let port = old.map_or_else(|| Port::new(server.clone()), |old| Port::after(old, server.clone()));
                    // What the same command offered it very likely offers still.
                    let keeps = server.enabled && old.is_some_and(|old| old.server.target == server.target);
                    self.ctx.offers.adopt(&port, keeps);
                    let port = Arc::new(port);
                    after.insert(server.name.clone(), port.clone());
                    fresh.push(port);
                }
            }
        }
        for (name, port) in before.iter() {
            if after.get(name).is_none_or(|p| !Arc::ptr_eq(p, port)) {
                // A full box is that of a task that is ending already.
                let _ = port.control.push_owed(Control::Shutdown { drain: true });
                self.leaving.push(port.clone());
                if !after.contains_key(name) {
                    self.ctx.offers.forget(name);
                }
            }
        }
        self.ports.send_replace(Arc::new(after));
        for port in fresh {
            let name = port.name().clone();
            let life = Lifecycle::new(port, self.ctx.clone());
            self.tasks.spawn(async move {
                life.run().await;
                name
            });
        }
    }

    /// Collects tasks that have ended; a panic in one is told and costs that server only.
    pub async fn reap(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(name)) => tracing::debug!(server = %name, "its task has ended"),
            Some(Err(error)) => {
                tracing::error!(%error, "a server's task ended unexpectedly; restart it from the terminal")
            }
            None => std::future::pending().await,
        }
    }

    /// Ends servers as soon as they have no calls in flight; new ones are refused.
    pub fn drain(&self) {
        self.tell_all(Control::Shutdown { drain: true });
    }

    fn tell_all(&self, control: Control) {
        for port in self.ports.borrow().values().chain(&self.leaving) {
            // A task that has ended needs no word.
            let _ = port.control.push_owed(control);
        }
    }

    /// Ends all servers, within `limit`; what is left then is killed with its task.
    pub async fn shutdown(mut self, limit: Duration) {
        self.tell_all(Control::Shutdown { drain: false });
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("some servers did not end within {limit:?}: killed");
        }
        // Dropping a task drops its child, which kills what is left of it.
        self.tasks.shutdown().await;
    }
}
