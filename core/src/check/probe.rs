//! Starts a server to see whether it does: in an engine of its own that nobody is served by, and that is ended again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::backend::{BackendState, Memory, TaskIds};
use crate::config::{Config, RestartPolicy, StartPolicy};
use crate::control::{BackendView, ItemKind, ProxyHandle};
use crate::proxy::{Options, Proxy};

/// Beyond the server's own `startup_timeout`, for the engine to say so.
pub const LAST_WORD: Duration = Duration::from_secs(5);

/// What a server has listed is merged within this time; that takes milliseconds.
const MERGED: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The server at the end: ready, or why not.
    pub view: BackendView,
    /// The names of its tools.
    pub tools: Vec<Arc<str>>,
    /// How long it took.
    pub took: Duration,
}

/// Starts the first server of `config` beside the engine of `handle`. `None`: there is none.
///
/// # Cancel safety
/// Dropped in the middle, what it has started is ended too.
pub async fn probe(handle: &ProxyHandle, config: Config) -> Option<Probed> {
    let begun = Instant::now();
    let server = config.servers.first()?;
    let name = server.name.clone();
    let until = begun + server.startup_timeout + LAST_WORD;
    let options = Options {
        has_screen: false,
        await_client: false,
        guardian: handle.guardian(),
        // What was remembered says nothing about today.
        memory: Memory::new(None),
        task_ids: TaskIds::new(None),
    };
    let proxy = Proxy::start(once(config), options);
    let door = proxy.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut engine = JoinSet::new();
    engine.spawn(proxy.run(async {
        let _ = stopped.await;
    }));
    let mut changes = door.subscribe();
    let mut is_ready = None;
    loop {
        let view = door.snapshot().backends.into_iter().next()?;
        if view.state == BackendState::Ready {
            is_ready.get_or_insert_with(|| Instant::now() + LAST_WORD);
        }
        let mut limit = is_ready.unwrap_or(until).min(until);
        let n_listed = door.n_listed(&name).filter(|_| view.state == BackendState::Ready);
        let is_over = match n_listed {
            Some(n) => n == 0 || !door.catalog().items.is_empty(),
            None => view.state != BackendState::Ready && is_settled(&view),
        };
        if n_listed.is_some() {
            // What it said is put into a list yet, or all of it is set aside.
            limit = limit.min(Instant::now() + MERGED);
        }
        if is_over || timeout_at(limit, changes.changed()).await.is_err() {
            break;
        }
    }
    let view = door.snapshot().backends.into_iter().next()?;
    let tools = door.catalog().items.iter().filter(|i| i.kind == ItemKind::Tool).map(|i| i.own.clone()).collect();
    let took = begun.elapsed();
    let _ = stop.send(());
    // How it ended says nothing about the server.
    let _ = engine.join_next().await;
    Some(Probed { view, tools, took })
}

/// So many servers are started at the same time.
pub const AT_ONCE: usize = 64;

/// Every server at once, and each only once.
#[must_use]
pub fn once(mut config: Config) -> Config {
    for server in &mut config.servers {
        let server = Arc::make_mut(server);
        server.start = StartPolicy::Eager;
        server.restart.policy = RestartPolicy::Never;
    }
    config.limits.max_starting = config.limits.max_starting.max(config.servers.len().min(AT_ONCE));
    config
}

/// Whether nothing more will happen to it by itself.
#[must_use]
pub fn is_settled(view: &BackendView) -> bool {
    match view.state {
        BackendState::Disabled | BackendState::Ready | BackendState::Parked | BackendState::Backoff { .. } => true,
        BackendState::Idle | BackendState::Stopped => view.failure.is_some(),
        BackendState::Starting | BackendState::Handshaking | BackendState::Stopping => false,
    }
}
