//! Owns every instance's task; applies a changed configuration.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use foldhash::HashMap;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};

use super::call::Delivery;
use super::context::Context;
use super::lifecycle::Lifecycle;
use super::offer::Keep;
use super::port::{Control, Mail, Port};
use crate::config::{EnvPolicy, Server, StartPolicy, Step, plan_step};
use crate::protocol::{Fault, code};

/// The base ports of all servers, by name. Immutable; a reload publishes a new one.
pub type Ports = Arc<HashMap<Arc<str>, Arc<Port>>>;

/// Owns every instance's task.
#[derive(Debug)]
pub struct Supervisor {
    ctx: Arc<Context>,
    tasks: JoinSet<()>,
    /// Whose tasks these are; also of instances that were replaced or removed and are not at their end yet.
    running: HashMap<task::Id, Arc<Port>>,
}

impl Supervisor {
    /// Nothing started yet.
    #[must_use]
    pub fn new(ctx: Arc<Context>) -> Self {
        Self { ctx, tasks: JoinSet::new(), running: HashMap::default() }
    }

    /// The ports, now and after each reload.
    #[must_use]
    pub fn ports(&self) -> watch::Receiver<Ports> {
        self.ctx.ports.subscribe()
    }

    /// Makes the running servers those of `servers`: what is unchanged keeps running, what is different in nothing its process
    /// is made of goes on under its new rules, what has changed or gone is ended after its calls in flight, what is new is
    /// started. What all children inherit (`env`) is part of each. `is_reload`: clients have seen what was there before.
    pub fn apply(&mut self, servers: &[Arc<Server>], env: &EnvPolicy, is_reload: bool) {
        let before = self.ctx.ports.borrow().clone();
        let is_env_changed = **self.ctx.env.borrow() != *env;
        if is_env_changed {
            self.ctx.env.send_replace(Arc::new(env.clone()));
        }
        let mut after = HashMap::default();
        let (mut fresh, mut adjusted) = (Vec::new(), Vec::new());
        for server in servers {
            let old = before.get(&server.name);
            let step = old.map(|port| plan_step(&port.server(), server, is_env_changed).map(|(step, _)| step));
            match (old, step) {
                (Some(port), Some(None)) => drop(after.insert(server.name.clone(), port.clone())),
                (Some(port), Some(Some(Step::Adjusted))) => {
                    after.insert(server.name.clone(), port.clone());
                    adjusted.push((port.clone(), server.clone()));
                }
                _ => {
                    let port = Port::base(server.clone(), old.map(|p| &**p), self.ctx.clone());
                    self.ctx.offers.adopt(&port, keep(server, old.map(|p| p.server()).as_deref()), is_reload);
                    let port = Arc::new(port);
                    after.insert(server.name.clone(), port.clone());
                    fresh.push(port);
                }
            }
        }
        let after: Ports = Arc::new(after);
        self.ctx.ports.send_replace(after.clone());
        for (port, server) in adjusted {
            adjust(&port, server);
        }
        for (name, port) in before.iter() {
            if after.get(name).is_none_or(|p| !Arc::ptr_eq(p, port)) {
                self.replace(port, after.get(name));
            }
        }
        for port in fresh {
            self.start(port);
        }
    }

    /// Ends all instances behind `port` after their calls in flight; what waits with them goes on to `now`.
    fn replace(&self, port: &Arc<Port>, now: Option<&Arc<Port>>) {
        for beside in port.pool.close() {
            let _ = beside.control.push_owed(Control::Shutdown { drain: true });
            if let Some(now) = now {
                now.adopt(&beside, shares(&now.server(), &port.server()));
            }
        }
        // A full box is that of a task that is ending already.
        let _ = port.control.push_owed(Control::Shutdown { drain: true });
        if now.is_none() {
            self.ctx.offers.forget(port.name());
        }
    }

    fn start(&mut self, port: Arc<Port>) {
        let life = Lifecycle::new(port.clone(), self.ctx.clone());
        let id = self.tasks.spawn(life.run()).id();
        self.running.insert(id, port);
    }

    /// Starts the instances that sessions have asked for.
    fn take_newcomers(&mut self) {
        let mut newcomers = VecDeque::new();
        self.ctx.newcomers.drain(&mut newcomers);
        for port in newcomers {
            self.start(port);
        }
    }

    /// Starts what sessions need and collects tasks that have ended. One that broke down costs its calls in flight, nothing
    /// else: it is begun again, under the rules for a server that failed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn reap(&mut self) {
        tokio::select! { biased;
            () = self.ctx.newcomers.ready() => self.take_newcomers(),
            Some(ended) = self.tasks.join_next_with_id() => match ended {
                Ok((id, ())) => {
                    if let Some(port) = self.running.remove(&id) {
                        tracing::debug!(server = %port.name(), "a task has ended");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a server's task ended unexpectedly");
                    if let Some(port) = self.running.remove(&error.id()) {
                        self.on_breakdown(port);
                    }
                }
            },
        }
    }

    fn on_breakdown(&mut self, port: Arc<Port>) {
        let text = format!("server `{}`: mcp-proxy has made a mistake with it; its calls are lost", port.name());
        let data = serde_json::json!({ "backend": &**port.name(), "reason": "lost" });
        let mut mail = VecDeque::new();
        port.mailbox.drain(&mut mail);
        for mail in mail {
            match mail {
                Mail::Call(call) => call.fail(Fault::new(code::INTERNAL, text.clone()).with_data(&data)),
                // What sessions want of the server stays.
                mail @ (Mail::Subscribe { .. } | Mail::Unsubscribe { .. }) => drop(port.mailbox.push_owed(mail)),
                _ => {}
            }
        }
        self.ctx.peers.tell(|| Delivery::Lost(port.clone()));
        // Its process went with the task.
        port.status.change(|s| s.pid = None);
        if port.pool.is_closed() || port.mailbox.is_closed() {
            port.pool.remove(&port);
            port.mailbox.close();
            port.control.close();
            return;
        }
        port.n_panics.fetch_add(1, Ordering::Relaxed);
        self.start(port);
    }

    /// Ends servers as soon as they have no calls in flight; new ones are refused.
    pub fn drain(&mut self) {
        self.end_all(Control::Shutdown { drain: true });
    }

    fn end_all(&mut self, control: Control) {
        self.ctx.newcomers.close();
        self.take_newcomers();
        for port in self.running.values() {
            port.pool.close();
            // A task that has ended needs no word.
            let _ = port.control.push_owed(control);
        }
    }

    /// Ends all servers, within `limit`; what is left then is killed with its task.
    pub async fn shutdown(mut self, limit: Duration) {
        self.end_all(Control::Shutdown { drain: false });
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("some servers did not end within {limit:?}: killed");
        }
        // Dropping a task drops its child, which kills what is left of it.
        self.tasks.shutdown().await;
    }
}

/// What is shown of a server that begins anew, until it says itself what it offers.
fn keep(server: &Server, old: Option<&Server>) -> Keep {
    match old {
        // What the same command offered it very likely offers still.
        Some(old) if server.enabled && old.target == server.target => Keep::Known,
        // Clients learn the new lists when they are complete, not that there are none in between.
        Some(_) if server.enabled && server.start == StartPolicy::Eager => Keep::Known,
        _ => Keep::Nothing,
    }
}

/// Whether callers are told apart in the same way.
fn shares(now: &Server, before: &Server) -> bool {
    (now.isolation, now.client_features) == (before.isolation, before.client_features)
}

/// Puts another entry in the place of a server's, which goes on running. Instances that callers do not share any more as
/// they did are ended after their calls in flight.
fn adjust(port: &Arc<Port>, server: Arc<Server>) {
    let is_same = shares(&server, &port.server());
    port.adjust(server);
    if !is_same {
        for beside in port.pool.vacate() {
            let _ = beside.control.push_owed(Control::Shutdown { drain: true });
            port.adopt(&beside, false);
        }
    }
}
