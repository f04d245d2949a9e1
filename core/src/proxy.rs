//! Puts the rooms together; starts them in order, shuts them down in order; no more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backend::{ClientFacts, Context, Control, Delivery, Offers, Peers, Port, Ports, Roots, Supervisor, Tasks};
pub use crate::backend::{Memory, TaskIds};
use crate::catalog::{Refresher, Views};
use crate::config::{Config, HostName, Plan, TlsFiles};
use crate::control::{Errand, ProxyHandle};
use crate::guard::Guard;
use crate::observe::{NoticeLevel, Observer};
use crate::protocol::{Revision, SessionId};
use crate::session::http::Door;
use crate::session::{Clients, Engine, Keeper, Parks, Piped};
pub use crate::session::{Entrance, Grant};
use crate::transport::http::HttpClients;
pub use crate::transport::http::Listener;
use crate::transport::http::Move;
use crate::transport::{Certificate, Guardian, Link, Mailbox};

/// Sessions may say their last words within this time.
const SESSIONS_LIMIT: Duration = Duration::from_secs(2);
/// Instances that sessions asked for and nobody has started yet; what bounds them is the pool of each server.
const N_NEWCOMERS: usize = 1024;
/// Servers may end within this time: EOF, TERM and KILL have their own limits within it.
const SERVERS_LIMIT: Duration = Duration::from_secs(6);

/// What is to be remembered of servers is written within this time: it waits for the disk only.
const MEMORY_LIMIT: Duration = Duration::from_secs(1);

/// How the engine is used.
#[derive(Debug)]
pub struct Options {
    /// With a screen the journal may be larger.
    pub has_screen: bool,
    /// One client launched us or lives in our process, and all servers are its own: they get their handshake with its first
    /// word on itself, so that what we declare is true. `false`, wherever other clients can come too: at once, as a client that can
    /// answer no questions; who can gets instances for clients like it.
    pub await_client: bool,
    /// Ends our children when we cannot.
    pub guardian: Guardian,
    /// What is remembered of servers between runs.
    pub memory: Memory,
    /// What the ids of tasks are made with.
    pub task_ids: TaskIds,
}

/// The running engine. Made inside a tokio runtime, which is the message path's own: one thread.
#[derive(Debug)]
pub struct Proxy {
    handle: ProxyHandle,
    engine: Arc<Engine>,
    errands: Mailbox<Errand>,
    config: watch::Sender<Arc<Config>>,
    supervisor: Supervisor,
    sessions: JoinSet<SessionId>,
    /// The port clients come by, with its connections.
    listeners: JoinSet<()>,
    /// Has it listen elsewhere.
    mover: Option<Mover>,
    /// What comes of that.
    moving: JoinSet<Moved>,
    doors: Vec<Door>,
    /// Ends the listeners in order.
    stop: CancellationToken,
    refresher: JoinSet<()>,
    /// Keeps the calls that outlive their sessions.
    keeper: JoinSet<()>,
    /// The engine ends when this session does: a client that launched us.
    owner: Option<SessionId>,
}

/// Reloads come one after the other, each with one move.
const N_MOVES: usize = 4;

/// Has the port be elsewhere.
#[derive(Debug)]
struct Mover {
    moves: mpsc::Sender<Move>,
    /// It was chosen on the command line.
    is_port_fixed: bool,
    /// Where it is, as far as is known; a move may be on its way.
    at: Doorway,
}

/// What a configuration says of where we listen.
#[derive(Clone, Debug, PartialEq)]
struct Doorway {
    host: String,
    port: u16,
    tls: Option<TlsFiles>,
}

impl Doorway {
    fn of(config: &Config) -> Self {
        Self { host: config.host.clone(), port: config.port, tls: config.tls.clone() }
    }
}

/// What came of a move, and who waits to hear of the reload.
struct Moved {
    /// Where it was to go.
    to: Doorway,
    plan: Plan,
    done: Option<oneshot::Sender<Plan>>,
    /// Where it is now, or why it is not.
    result: Result<String, String>,
}

/// Has the port be where `config` says.
async fn moved(moves: &mpsc::Sender<Move>, config: &Config, port: Option<u16>) -> Result<String, String> {
    let tls = config.tls.as_ref().map(|files| Certificate::open(&files.cert, &files.key)).transpose();
    let tls = tls.map_err(|e| format!("`proxy.tls` cannot be used: {e}"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let host = config.host.clone();
    let shown = HostName::parse(&host).map_or_else(|| host.clone(), |host| host.to_string());
    let shown = port.map_or_else(|| shown.clone(), |port| format!("{shown}:{port}"));
    let (done, moved) = oneshot::channel();
    let gone = "nobody listens any more".to_owned();
    moves.send(Move { host, port, tls, done }).await.map_err(|_| gone.clone())?;
    let address = moved.await.map_err(|_| gone)?.map_err(|e| format!("cannot listen on {shown}: {e}"))?;
    Ok(format!("{scheme}://{address}{}", config.path))
}

/// What we say of ourselves to servers.
fn identity() -> Bytes {
    format!(r#"{{"name":"mcp-proxy","version":"{}"}}"#, env!("CARGO_PKG_VERSION")).into()
}

impl Proxy {
    /// Starts everything: servers come up in the background.
    #[must_use]
    pub fn start(config: Config, options: Options) -> Self {
        let journal = config.journal;
        let n_bytes = if options.has_screen { journal.screen_bytes } else { journal.headless_bytes };
        let opening = (!options.await_client).then(|| {
            Arc::new(ClientFacts {
                revision: Revision::V2026_07_28,
                name: "mcp-proxy".into(),
                info: identity(),
                capabilities: Bytes::from_static(b"{}"),
                level: None,
                carried: Default::default(),
            })
        });
        let ctx = Arc::new(Context {
            observer: Arc::new(Observer::new(journal.n_flows, n_bytes)),
            peers: Peers::default(),
            offers: Offers::default(),
            ports: watch::Sender::new(Ports::default()),
            guardian: options.guardian,
            env: watch::Sender::new(Arc::new(config.env.clone())),
            roots: Roots::default(),
            tasks: Tasks::new(options.task_ids),
            opening: watch::Sender::new(opening),
            spawning: tokio::sync::Mutex::default(),
            is_owned: options.await_client,
            newcomers: Mailbox::new(N_NEWCOMERS),
            starting: Semaphore::new(config.limits.max_starting.max(1)),
            http: HttpClients::default(),
            memory: options.memory,
            identity: identity(),
            max_message_bytes: config.limits.max_message_bytes,
        });
        let config = Arc::new(config);
        let mut supervisor = Supervisor::new(ctx.clone());
        supervisor.apply(&config.servers, &config.env, false);
        let config = watch::Sender::new(config);
        let (refresh, catalog) = Refresher::new(ctx.clone(), config.subscribe());
        let mut refresher = JoinSet::new();
        refresher.spawn(refresh.run());
        let parks = Arc::new(Parks::new(&ctx));
        let mut keeper = JoinSet::new();
        keeper.spawn(Keeper::new(parks.clone(), ctx.clone()).run());
        let engine = Arc::new(Engine {
            ctx,
            parks,
            ports: supervisor.ports(),
            catalog,
            views: Views::default(),
            config: config.subscribe(),
            guard: Arc::new(Guard::new(config.subscribe())),
            clients: Clients::default(),
            stopping: AtomicBool::new(false),
            config_error: Mutex::default(),
        });
        let (handle, errands) = ProxyHandle::new(engine.clone());
        Self {
            handle,
            engine,
            errands,
            config,
            supervisor,
            sessions: JoinSet::new(),
            listeners: JoinSet::new(),
            mover: None,
            moving: JoinSet::new(),
            doors: Vec::new(),
            stop: CancellationToken::new(),
            refresher,
            keeper,
            owner: None,
        }
    }

    /// The door for faces.
    #[must_use]
    pub fn handle(&self) -> ProxyHandle {
        self.handle.clone()
    }

    /// What all its sessions share.
    #[cfg(test)]
    pub(crate) fn engine_for_tests(&self) -> Arc<Engine> {
        self.engine.clone()
    }

    /// Serves a client on `link`. When `owns` the engine ends with it.
    pub fn serve(&mut self, link: Link, entrance: Entrance, owns: bool) {
        let session = Piped::new(self.engine.clone(), link, entrance);
        let id = session.id();
        if owns {
            self.owner = Some(id);
        }
        self.sessions.spawn(async move {
            session.run().await;
            id
        });
    }

    /// Serves the clients that come by `listener`, at `proxy.path`. Where `is_port_fixed`, it keeps its port whatever the
    /// configuration says later.
    pub fn listen(&mut self, listener: Listener, is_port_fixed: bool) {
        let door = Door::new(self.engine.clone());
        self.doors.push(door.clone());
        let stop = self.stop.clone();
        let (moves, mut moved) = mpsc::channel(N_MOVES);
        self.mover = Some(Mover { moves, is_port_fixed, at: Doorway::of(&self.config.borrow()) });
        self.listeners.spawn(async move {
            tokio::select! {
                () = listener.serve(door.clone(), stop.cancelled(), &mut moved) => {}
                () = door.keep() => {}
            }
        });
    }

    /// Runs until `stop` is ready, somebody asks for the end, or the client that owns the engine leaves; then shuts
    /// everything down in order: clients, servers, the rest.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut errands = VecDeque::new();
        'running: loop {
            tokio::select! { biased;
                () = &mut stop => break,
                () = self.errands.ready() => {
                    self.errands.drain(&mut errands);
                    while let Some(errand) = errands.pop_front() {
                        match errand {
                            Errand::Connect { link, entrance } => self.serve(link, entrance, false),
                            Errand::Reload { config, done } => {
                                let before = self.config.borrow().clone();
                                let plan = self.reload(config);
                                self.move_door(&before, plan, done);
                            }
                            Errand::Shutdown => break 'running,
                        }
                    }
                }
                Some(ended) = self.sessions.join_next() => match ended {
                    Ok(id) if self.owner == Some(id) => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(%error, "a session ended unexpectedly; its client has to connect again");
                        if self.owner.is_some_and(|id| self.engine.ctx.peers.get(id).is_none()) {
                            break;
                        }
                    }
                },
                Some(ended) = self.listeners.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a listener ended unexpectedly: clients by HTTP cannot come any more");
                    }
                }
                Some(Ok(moved)) = self.moving.join_next() => self.door_has_moved(moved),
                Some(ended) = self.keeper.join_next() => self.keep_again(ended),
                () = self.supervisor.reap() => {}
            }
        }
        self.shutdown().await;
    }

    /// Who kept the calls of modern clients has broken down: they are lost, others are kept from now on.
    fn keep_again(&mut self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, "calls of clients that can be asked are lost");
        }
        let ctx = &self.engine.ctx;
        let lost = ctx.peers.forget_calls();
        for port in self.engine.ports.borrow().values().flat_map(Port::all) {
            for id in &lost {
                let _ = port.control.push_owed(Control::Detach(*id));
            }
        }
        ctx.peers.tell(|| Delivery::Unkept);
        self.engine.parks.forget();
        self.keeper.spawn(Keeper::new(self.engine.parks.clone(), ctx.clone()).run());
    }

    /// Puts another configuration in the place of the present one, all of it at once, and gives what that changed. Nothing
    /// waits in here: no message is handled between the first change and the last.
    fn reload(&mut self, config: Arc<Config>) -> Plan {
        let before = self.config.borrow().clone();
        let mut plan = Plan::between(&before, &config);
        self.handle.count_draining(&mut plan);
        // The servers first: what the catalog leads to is there.
        self.supervisor.apply(&config.servers, &config.env, true);
        self.config.send_replace(config);
        self.engine.set_refused_config(None);
        self.engine.parks.look_at_tokens(&self.engine.guard);
        let observer = &self.engine.ctx.observer;
        if !plan.is_empty() {
            observer.notice(NoticeLevel::Info, None, format!("configuration reloaded: {}", plan.summary()));
        }
        if !plan.next_start.is_empty() {
            let keys = plan.next_start.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            let text = format!("changes of {keys} take effect with the next start of mcp-proxy");
            observer.notice(NoticeLevel::Warning, None, text);
        }
        plan
    }

    /// Has the port be where the configuration says now, if it was elsewhere, and then tells what was done.
    fn move_door(&mut self, before: &Config, plan: Plan, done: Option<oneshot::Sender<Plan>>) {
        let now = self.config.borrow().clone();
        let to = Doorway::of(&now);
        let mover = self.mover.as_ref().filter(|_| Doorway::of(before) != to);
        let mut plan = plan;
        if self.mover.as_ref().is_none_or(|mover| mover.is_port_fixed) {
            // It is where it was told to be when it was started, or nowhere.
            plan.at_once.retain(|key| *key != "proxy.port");
        }
        let Some(Mover { moves, is_port_fixed, .. }) = mover else {
            // Who asked may have left.
            let _ = done.map(|done| done.send(plan));
            return;
        };
        let (moves, port) = (moves.clone(), (!is_port_fixed).then_some(now.port));
        self.moving.spawn(async move {
            let result = moved(&moves, &now, port).await;
            Moved { to, plan, done, result }
        });
    }

    /// Where that did not work, what is in force says where we still are: the next reload tries again.
    fn door_has_moved(&mut self, moved: Moved) {
        let Moved { to, mut plan, done, result } = moved;
        match result {
            Ok(place) => {
                tracing::info!("listening on {place}");
                self.mover.iter_mut().for_each(|mover| mover.at = to.clone());
            }
            Err(why) => {
                let text = format!(
                    "{why}: still listening where it was; mend `proxy.host`, `port` or `tls`, then `mcp-proxy reload`"
                );
                self.engine.ctx.observer.notice(NoticeLevel::Error, None, text.clone());
                let now = self.config.borrow().clone();
                // A later reload may have another place to go to already: then what comes of that counts.
                if let Some(mover) = self.mover.as_ref().filter(|_| Doorway::of(&now) == to) {
                    let Doorway { host, port, tls } = mover.at.clone();
                    self.config.send_replace(Arc::new(Config { host, port, tls, ..Config::clone(&now) }));
                }
                plan.at_once.retain(|key| !["proxy.host", "proxy.port", "proxy.tls"].contains(&key.as_str()));
                plan.failed.push(text);
            }
        }
        let _ = done.map(|done| done.send(plan));
    }

    async fn shutdown(mut self) {
        self.engine.stopping.store(true, Ordering::Relaxed);
        // Nobody new is let in; streams end with their sessions.
        self.stop.cancel();
        self.doors.iter().for_each(Door::close);
        self.errands.close();
        for peer in self.engine.ctx.peers.all() {
            let _ = peer.mailbox.push_owed(Delivery::Close);
        }
        // Nobody will come again.
        self.engine.parks.close();
        // Servers without calls end now; calls in flight have as long as their sessions.
        self.supervisor.drain();
        let all = async {
            while self.sessions.join_next().await.is_some() {}
            for door in &self.doors {
                door.ended().await;
            }
            while self.listeners.join_next().await.is_some() {}
        };
        if tokio::time::timeout(SESSIONS_LIMIT, all).await.is_err() {
            tracing::debug!("a client did not read its last answers in time");
        }
        self.moving.shutdown().await;
        self.listeners.shutdown().await;
        self.sessions.shutdown().await;
        self.supervisor.shutdown(SERVERS_LIMIT).await;
        self.keeper.shutdown().await;
        self.refresher.shutdown().await;
        if tokio::time::timeout(MEMORY_LIMIT, self.engine.ctx.memory.settled()).await.is_err() {
            tracing::debug!("what servers offer was not written in time: the next start asks them");
        }
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod isolation_tests;

#[cfg(test)]
#[path = "apart_tests.rs"]
mod apart_tests;

#[cfg(test)]
#[path = "hearing_tests.rs"]
mod hearing_tests;

#[cfg(test)]
#[path = "editions_tests.rs"]
mod editions_tests;

#[cfg(test)]
#[path = "looking_tests.rs"]
mod looking_tests;

#[cfg(test)]
#[path = "parking_tests.rs"]
mod parking_tests;

#[cfg(test)]
#[path = "intercept_tests.rs"]
mod intercept_tests;

#[cfg(test)]
#[path = "reload_tests.rs"]
mod reload_tests;
