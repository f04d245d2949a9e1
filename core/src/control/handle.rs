//! [`ProxyHandle`]: the one door.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::file::ConfigFile;
use super::follow::Wish;
use super::view::{BackendView, CatalogItem, CatalogView, ClientView, MetricsView, Snapshot, Totals};
use crate::backend::{BackendState, Control, Delivery, ItemKind, OfferState, Port, Verdict};
use crate::catalog::{Catalog, Item, tokens};
use crate::config::change::Change;
use crate::config::{Config, Plan, Server, Target};
use crate::guard::{Holding, InterceptView, Leg};
use crate::observe::filter::{Filter, FilterError};
use crate::observe::{Flow, JournalWindow, LogWindow, NoticeLevel, Outcome, ProcessUse, Status, Subscription};
use crate::protocol::{CallId, Era, Fault, Field, Kind, Message, SessionId, Span, walk};
use crate::session::{Engine, Entrance};
use crate::transport::{Guardian, Link, Mailbox};

/// Requests to the engine's main task waiting, at most.
const N_ERRANDS: usize = 256;
/// Tools shown per server, slowest first.
const N_TOOLS: usize = 50;

/// Something for the engine's main task.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A client in memory.
    Connect { link: Link, entrance: Entrance },
    /// Another configuration. `done` hears what it changed.
    Reload { config: Arc<Config>, done: Option<oneshot::Sender<Plan>> },
    /// Clients have all left, or somebody wants the end.
    Shutdown,
}

/// A clonable way to everything a face may know and do. `Send + Sync`: a face may run on another thread and runtime.
#[derive(Clone, Debug)]
pub struct ProxyHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Arc<Engine>,
    /// The engine's main task reads it.
    errands: Mailbox<Errand>,
    /// The catalog as shown last, and what it was made of.
    shown: Mutex<Option<Shown>>,
    /// The file to follow, where there is one, and the mailbox [`super::Follow`] reads.
    followed: OnceLock<(Option<ConfigFile>, mpsc::Sender<Wish>)>,
    /// How many times that file was read again.
    n_readings: AtomicU64,
}

/// A catalog as it was shown.
#[derive(Debug)]
struct Shown {
    catalog: Arc<Catalog>,
    unconfirmed: Vec<Arc<str>>,
    view: Arc<CatalogView>,
}

/// What a server has in the catalog.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    /// Items, by kind.
    n: [usize; 4],
    /// Bytes of their JSON.
    n_bytes: usize,
}

/// Something a face asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start a server that is idle, stopped, parked or in backoff.
    Start(Arc<str>),
    /// Stop it until told otherwise.
    Stop(Arc<str>),
    /// Stop and start.
    Restart(Arc<str>),
    /// Ask a ready server whether it is there; [`BackendView::pinged`] says what came of it.
    Ping(Arc<str>),
    /// Cancel a call in flight, as its client could.
    Cancel(CallId),
    /// End a client's session.
    Disconnect(SessionId),
    /// Change the configuration file, and go by it: for good.
    Configure(Change),
    /// Hold the messages whose flows pass this filter from now on; `None`: hold nothing more. What is held stays held.
    Intercept(Option<String>),
    /// Let a held message go on: as it came, or this in its place.
    Release {
        /// Its flow.
        call: CallId,
        /// A message of the same kind with the same id and method.
        message: Option<String>,
    },
    /// Let all held messages go on as they came.
    ReleaseAll,
    /// Drop a held message: who waits for it gets an error.
    Drop(CallId),
    /// Answer a held request in the place of whom it is for.
    Answer {
        /// Its flow.
        call: CallId,
        /// The answer: a message with the same id.
        message: String,
    },
}

/// Why a command was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No server of this name.
    #[error("no server `{0}`")]
    UnknownBackend(Arc<str>),
    /// The server is disabled in the configuration.
    #[error("server `{0}` is disabled: set `enabled: true` in the configuration")]
    Disabled(Arc<str>),
    /// The server is not ready: there is nobody to be asked.
    #[error("server `{0}` is not ready")]
    NotReady(Arc<str>),
    /// That call is not in flight.
    #[error("call {0} is not in flight")]
    NotInFlight(CallId),
    /// No session of this client is there: it has left, or each of its requests stands alone (MCP 2026-07-28).
    #[error("client {0} has no session that could be ended")]
    NoSession(SessionId),
    /// The filter cannot be read.
    #[error("the filter cannot be read, at character {at}: {text}", at = .0.at + 1, text = .0.text)]
    Filter(FilterError),
    /// Nothing of that flow is held.
    #[error("nothing of {0} is held: it has gone on, or was taken back")]
    NotHeld(CallId),
    /// What is to go on in the place of a held message cannot.
    #[error("{0}")]
    Unfit(String),
    /// There is no file that could be read again.
    #[error("this mcp-proxy runs without a configuration file")]
    NotFollowed,
    /// The configuration file was not changed.
    #[error("the configuration was not changed: {0}")]
    NotConfigured(String),
    /// The engine is shutting down.
    #[error("mcp-proxy is shutting down")]
    ShuttingDown,
}

impl ProxyHandle {
    pub(crate) fn new(engine: Arc<Engine>) -> (Self, Mailbox<Errand>) {
        let errands = Mailbox::new(N_ERRANDS);
        let inner = Inner {
            engine,
            errands: errands.clone(),
            shown: Mutex::default(),
            followed: OnceLock::new(),
            n_readings: AtomicU64::new(0),
        };
        (Self { inner: Arc::new(inner) }, errands)
    }

    /// The state of everything small.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let engine = &self.inner.engine;
        let config = engine.config.borrow().clone();
        let catalog = engine.catalog.borrow().clone();
        let mut counts: HashMap<&str, Offered> = HashMap::new();
        for item in catalog.items.iter().flatten() {
            let of = counts.entry(&item.backend).or_default();
            of.n[item.kind as usize] += 1;
            of.n_bytes += item.legacy.len();
        }
        let view = |server: &Arc<Server>| {
            let port = engine.port(&server.name);
            self.backend(
                server,
                port.as_deref(),
                counts.get(&*server.name).copied().unwrap_or_default(),
                &catalog,
                &config,
            )
        };
        let observer = &engine.ctx.observer;
        let totals = observer.metrics(|m| Totals {
            n_calls: m.n_calls,
            n_errors: m.n_errors,
            n_in_flight: m.n_in_flight,
            latency: m.latency(),
        });
        Snapshot {
            name: config.name.clone(),
            config_paths: config.paths.clone(),
            config_error: engine.refused_config(),
            backends: config.servers.iter().map(view).collect(),
            clients: engine.clients.all().iter().map(|c| client(c)).collect(),
            totals,
            notices: observer.notices(),
        }
    }

    fn backend(
        &self,
        server: &Server,
        port: Option<&Port>,
        offered: Offered,
        catalog: &Catalog,
        config: &Config,
    ) -> BackendView {
        let observer = &self.inner.engine.ctx.observer;
        let status = port.map(|p| p.status.view());
        let prefix = crate::catalog::exposed_prefix(server, &config.routing);
        let (n_calls, n_errors, n_in_flight, n_open, latency, tools, per_second) = observer.metrics(|m| {
            let per_second = m.per_second(&server.name);
            m.backend(&server.name).map_or((0, 0, 0, 0, Default::default(), Vec::new(), per_second), |b| {
                (b.n_calls, b.n_errors, b.n_in_flight, b.counts.n_open, b.latency(), b.tools(N_TOOLS), per_second)
            })
        });
        let kind = match &server.target {
            Target::Stdio { .. } => "stdio",
            Target::Http { sse: true, .. } => "sse",
            Target::Http { .. } => "http",
        };
        BackendView {
            name: server.name.clone(),
            kind,
            target: server.shown.clone(),
            prefix,
            state: status.as_ref().map_or(BackendState::Stopped, |s| s.state.clone()),
            since: status.as_ref().map_or_else(std::time::SystemTime::now, |s| s.since),
            pid: status.as_ref().and_then(|s| s.pid),
            revision: status.as_ref().and_then(|s| s.revision),
            server_info: status.as_ref().and_then(|s| s.server_info.clone()),
            n_tools: offered.n[ItemKind::Tool as usize],
            n_resources: offered.n[ItemKind::Resource as usize] + offered.n[ItemKind::Template as usize],
            n_prompts: offered.n[ItemKind::Prompt as usize],
            n_tokens: tokens(offered.n_bytes),
            withheld: catalog
                .withheld
                .get(&server.name)
                .map_or((0, 0), |all| (all.len(), tokens(all.iter().map(|w| w.raw.len()).sum()))),
            quarantined: catalog.quarantined.get(&server.name).cloned().unwrap_or_default(),
            n_in_flight,
            n_open,
            n_parked: self.inner.engine.parks.at(&server.name),
            n_calls,
            n_errors,
            n_instances: status.as_ref().map_or(0, |s| s.n_instances),
            n_restarts: status.as_ref().map_or(0, |s| s.n_restarts),
            latency,
            tools,
            per_second,
            pinged: status.as_ref().and_then(|s| s.pinged.clone()),
            failure: status.and_then(|s| s.failure),
        }
    }

    /// From now on what happens is kept for an hour in steps: some 40 kB a server.
    pub fn keep_history(&self) {
        self.inner.engine.ctx.observer.keep_history();
    }

    /// What was measured of `backend`, or of all.
    #[must_use]
    pub fn metrics(&self, backend: Option<&Arc<str>>) -> MetricsView {
        self.metrics_of(backend, None)
    }

    /// The same, its points those of one `tool` of it.
    #[must_use]
    pub fn metrics_of(&self, backend: Option<&Arc<str>>, tool: Option<&Arc<str>>) -> MetricsView {
        let (start, points, counts, mut slowest, tools, codes) = self.inner.engine.ctx.observer.metrics(|m| {
            let of = |(name, b): (&Arc<str>, &crate::observe::BackendMetrics)| {
                b.tools(N_TOOLS).into_iter().map(|t| (name.clone(), t)).collect::<Vec<_>>()
            };
            let slowest: Vec<_> = m.backends().filter(|(n, _)| backend.is_none_or(|b| b == *n)).flat_map(of).collect();
            let name = backend.map(|b| &**b);
            let points = match (name, tool) {
                (Some(name), Some(tool)) => m.tool_history(name, tool),
                _ => m.history(name),
            };
            let tools = name.map(|n| m.tools_with_history(n)).unwrap_or_default();
            (m.start(), points, m.counts(name), slowest, tools, m.codes(name))
        });
        slowest
            .sort_by(|(a, x), (b, y)| y.latency.p95.cmp(&x.latency.p95).then_with(|| (a, &x.tool).cmp(&(b, &y.tool))));
        slowest.truncate(N_TOOLS);
        MetricsView {
            backend: backend.cloned(),
            tool: tool.cloned(),
            tools,
            codes,
            start,
            points,
            ended: Outcome::ALL.into_iter().zip(counts.ended).collect(),
            n_bytes: (counts.n_bytes_in, counts.n_bytes_out),
            slowest,
            process: ProcessUse::now(),
        }
    }

    /// A way to be told of changes.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.inner.engine.ctx.observer.signal.subscribe()
    }

    /// Up to `limit` rows with ids from `from` on. Holds a lock for as long as copying the rows takes: ask for at most a
    /// few hundred at a time (a filter over the whole journal goes through it in such steps).
    #[must_use]
    pub fn flows(&self, from: CallId, limit: usize) -> JournalWindow {
        self.inner.engine.ctx.observer.journal(|j| j.window(from, limit))
    }

    /// Ids of rows that changed after journal version `since`, ascending, and the version now. `None` when that is too
    /// long ago to know: look at everything again.
    #[must_use]
    pub fn flows_changed(&self, since: u64) -> (Option<Vec<CallId>>, u64) {
        self.inner.engine.ctx.observer.journal(|j| j.changes_since(since))
    }

    /// One flow with its frames; `None` when it has left the ring.
    #[must_use]
    pub fn flow(&self, id: CallId) -> Option<Flow> {
        self.inner.engine.ctx.observer.journal(|j| j.get(id))
    }

    /// What we offer at this moment.
    #[must_use]
    pub fn catalog(&self) -> Arc<CatalogView> {
        let catalog = self.inner.engine.catalog.borrow().clone();
        let unconfirmed = self.unconfirmed();
        let mut shown = self.inner.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = &*shown
            && Arc::ptr_eq(&shown.catalog, &catalog)
            && shown.unconfirmed == unconfirmed
        {
            return shown.view.clone();
        }
        let is_cached = |backend: &Arc<str>| unconfirmed.contains(backend);
        let mut items: Vec<_> = catalog.items.iter().flatten().map(|i| item(i, is_cached(&i.backend))).collect();
        let config = self.inner.engine.config.borrow().clone();
        for server in &config.servers {
            let prefix = crate::catalog::exposed_prefix(server, &config.routing);
            for tool in catalog.withheld.get(&server.name).into_iter().flatten() {
                let hidden = Item {
                    kind: ItemKind::Tool,
                    backend: server.name.clone(),
                    exposed: format!("{prefix}{}", tool.own).into(),
                    own: tool.own.clone(),
                    legacy: tool.raw.clone(),
                    modern: None,
                };
                items.push(CatalogItem { withheld: true, ..item(&hidden, is_cached(&server.name)) });
            }
        }
        let view = Arc::new(CatalogView { version: catalog.version, items });
        *shown = Some(Shown { catalog, unconfirmed, view: view.clone() });
        view
    }

    /// Servers whose offer is taken from the disk cache so far.
    fn unconfirmed(&self) -> Vec<Arc<str>> {
        let engine = &self.inner.engine;
        let is_cached = |name: &Arc<str>| matches!(engine.ctx.offers.of(name), OfferState::Known { cached: true, .. });
        engine.config.borrow().servers.iter().map(|s| s.name.clone()).filter(is_cached).collect()
    }

    /// How many things a server has said in this run that it offers; `None` until it has.
    pub(crate) fn n_listed(&self, name: &str) -> Option<usize> {
        match self.inner.engine.ctx.offers.of(name) {
            OfferState::Known { offer, cached: false } => Some(offer.items.iter().map(Vec::len).sum()),
            _ => None,
        }
    }

    /// What ends our children when we cannot.
    pub(crate) fn guardian(&self) -> Guardian {
        self.inner.engine.ctx.guardian.clone()
    }

    /// Up to `limit` log lines from position `from` on.
    #[must_use]
    pub fn logs(&self, from: u64, limit: usize) -> LogWindow {
        self.inner.engine.ctx.observer.logs.window(from, limit)
    }

    /// Carries out a command; ready when it has been accepted, not when it is done (watch the snapshot for that).
    ///
    /// # Errors
    /// When it is refused; nothing was changed then.
    pub async fn command(&self, command: Command) -> Result<(), CommandError> {
        let (name, control) = match command {
            Command::Cancel(id) => return self.cancel(id),
            Command::Disconnect(id) => return self.disconnect(id),
            Command::Configure(change) => return self.configure(&change).await.map(|_| ()),
            Command::Intercept(text) => return self.intercept_by(text),
            Command::Release { call, message: None } => return self.decide(call, |_| Ok(Verdict::Release)),
            Command::Release { call, message: Some(text) } => {
                return self.decide(call, |held| replacement(held, text).map(Verdict::Replace));
            }
            Command::ReleaseAll => {
                for (call, ..) in self.intercept().held {
                    // One that has gone on meanwhile is as it should be.
                    let _ = self.decide(call, |_| Ok(Verdict::Release));
                }
                return Ok(());
            }
            Command::Drop(call) => return self.decide(call, |_| Ok(Verdict::Drop)),
            Command::Answer { call, message } => {
                return self.decide(call, |held| answer_to(held, message).map(Verdict::Answer));
            }
            Command::Start(name) => (name, Control::Start),
            Command::Stop(name) => (name, Control::Stop),
            Command::Restart(name) => (name, Control::Restart),
            Command::Ping(name) => (name, Control::Ping),
        };
        let port = self.inner.engine.port(&name).ok_or_else(|| CommandError::UnknownBackend(name.clone()))?;
        if !port.server().enabled {
            return Err(CommandError::Disabled(name));
        }
        if control == Control::Ping && port.status.state() != BackendState::Ready {
            return Err(CommandError::NotReady(name));
        }
        port.command(control).map_err(|_| CommandError::ShuttingDown)
    }

    fn cancel(&self, id: CallId) -> Result<(), CommandError> {
        let flow = self.flow(id).filter(|f| f.status == Status::Pending).ok_or(CommandError::NotInFlight(id))?;
        // One whose client is away is kept by nobody else.
        self.inner.engine.parks.cancel(id);
        let peer = flow.session.and_then(|s| self.inner.engine.ctx.peers.get(s));
        let Some(peer) = peer else { return Ok(()) };
        peer.mailbox.push_owed(Delivery::Cancel(id)).map_err(|_| CommandError::NotInFlight(id))
    }

    /// What is intercepted, and what is held.
    #[must_use]
    pub fn intercept(&self) -> InterceptView {
        self.inner.engine.guard.intercept.view()
    }

    /// The message of a flow that is held.
    #[must_use]
    pub fn held(&self, call: CallId) -> Option<Holding> {
        self.inner.engine.guard.intercept.holding(call)
    }

    fn intercept_by(&self, text: Option<String>) -> Result<(), CommandError> {
        let text = text.filter(|t| !t.trim().is_empty());
        let rule = match text {
            Some(text) => Some((Filter::parse(&text).map_err(CommandError::Filter)?, text)),
            None => None,
        };
        self.inner.engine.guard.intercept.set(rule.map(|(filter, text)| (text, filter)));
        self.inner.engine.ctx.observer.signal.raise();
        Ok(())
    }

    /// Tells the session that holds a message what becomes of it.
    fn decide(
        &self,
        call: CallId,
        verdict: impl FnOnce(&Holding) -> Result<Verdict, CommandError>,
    ) -> Result<(), CommandError> {
        let held = self.held(call).ok_or(CommandError::NotHeld(call))?;
        let verdict = Box::new(verdict(&held)?);
        let peer = self.inner.engine.ctx.peers.get(held.session).ok_or(CommandError::NotHeld(call))?;
        let told = peer.mailbox.push_owed(Delivery::Verdict(call, verdict));
        told.map_err(|_| CommandError::NotHeld(call))
    }

    fn disconnect(&self, id: SessionId) -> Result<(), CommandError> {
        let peer = self.inner.engine.ctx.peers.get(id).ok_or(CommandError::NoSession(id))?;
        peer.mailbox.push_owed(Delivery::Close).map_err(|_| CommandError::NoSession(id))
    }

    /// Connects a client in memory: newline-delimited JSON-RPC, the same way as a client on stdio. `name` is shown until
    /// the client says who it is. When the engine is shutting down the link is closed.
    #[must_use]
    pub fn connect(&self, name: &str) -> Link {
        self.connect_as(Entrance::own("memory", name))
    }

    /// Connects a client in memory as somebody else.
    pub(crate) fn connect_as(&self, entrance: Entrance) -> Link {
        let (ours, theirs) = Link::memory();
        // Refused only at the end; dropping our side closes theirs.
        let _ = self.inner.errands.push(Errand::Connect { link: ours, entrance });
        theirs
    }

    /// Puts another configuration in the place of the present one, and gives what that changed: unchanged servers keep
    /// running. Ready when it is in force; servers that begin with it may still be on their way.
    ///
    /// # Errors
    /// When the engine is shutting down.
    pub async fn reload(&self, config: Config) -> Result<Plan, CommandError> {
        let (done, changed) = oneshot::channel();
        let errand = Errand::Reload { config: Arc::new(config), done: Some(done) };
        self.inner.errands.push_owed(errand).map_err(|_| CommandError::ShuttingDown)?;
        changed.await.map_err(|_| CommandError::ShuttingDown)
    }

    /// Puts into a plan how many calls are in flight with the instances it ends.
    pub(crate) fn count_draining(&self, plan: &mut Plan) {
        self.inner.engine.ctx.observer.metrics(|m| {
            for change in plan.servers.iter_mut().filter(|c| c.step.ends_instance()) {
                change.n_draining = m.backend(&change.name).map_or(0, |b| b.n_in_flight);
            }
        });
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(super) fn follower(&self) -> Option<&mpsc::Sender<Wish>> {
        self.inner.followed.get().map(|(_, wishes)| wishes)
    }

    /// The user's file that the engine follows; `None` without one (the demo, or a project alone).
    #[must_use]
    pub fn config_file(&self) -> Option<ConfigFile> {
        self.inner.followed.get().and_then(|(file, _)| file.clone())
    }

    /// How many times that file was read again, good or bad: another number, and it may be another one.
    #[must_use]
    pub fn n_readings(&self) -> u64 {
        self.inner.n_readings.load(Ordering::Relaxed)
    }

    pub(super) fn file_was_read(&self) {
        self.inner.n_readings.fetch_add(1, Ordering::Relaxed);
        self.inner.engine.ctx.observer.signal.raise();
    }

    pub(super) fn is_followed_by(&self, file: Option<ConfigFile>, wishes: mpsc::Sender<Wish>) {
        // Once an engine.
        let _ = self.inner.followed.set((file, wishes));
    }

    /// Says that a changed configuration was refused; the present one stays.
    pub fn refuse_reload(&self, problems: String) {
        self.inner.engine.set_refused_config(Some(problems));
        self.inner.engine.ctx.observer.signal.raise();
    }

    /// Tells whoever looks at the screen.
    pub fn notice(&self, level: NoticeLevel, text: String) {
        self.inner.engine.ctx.observer.notice(level, None, text);
    }

    /// Asks the engine to end in order.
    pub fn shutdown(&self) {
        let _ = self.inner.errands.push_owed(Errand::Shutdown);
    }
}

/// What a person wrote, as a message on one line.
fn written(text: String) -> Result<Message, CommandError> {
    let parsed = Message::parse(text.into());
    let parsed = parsed.map_err(|m| CommandError::Unfit(format!("this is no message: {}", Fault::from(&m).message)))?;
    Ok(parsed.to_single_line())
}

/// What goes on in the place of a held message.
fn replacement(held: &Holding, text: String) -> Result<Message, CommandError> {
    let unfit = |text: String| Err(CommandError::Unfit(text));
    let new = written(text)?;
    let was =
        Message::parse(held.message.clone()).map_err(|m| CommandError::Unfit(Fault::from(&m).message.into_owned()))?;
    if new.id() != was.id() {
        return unfit(format!("`id` must stay {}", was.id().map_or_else(|| "away".to_owned(), |id| id.to_string())));
    }
    match held.leg {
        Leg::Request if new.text(Field::Method) != was.text(Field::Method) => {
            unfit(format!("`method` must stay `{}`", was.text(Field::Method).unwrap_or_default()))
        }
        Leg::Answer if !matches!(new.kind(), Kind::Response | Kind::Error) => {
            unfit("an answer has a `result` or an `error`, and no `method`".to_owned())
        }
        _ => Ok(new),
    }
}

/// An answer to a held message.
fn answer_to(held: &Holding, text: String) -> Result<Message, CommandError> {
    if held.leg == Leg::Answer {
        return replacement(held, text);
    }
    let answer = written(text)?;
    let asked =
        Message::parse(held.message.clone()).map_err(|m| CommandError::Unfit(Fault::from(&m).message.into_owned()))?;
    if !matches!(answer.kind(), Kind::Response | Kind::Error) {
        return Err(CommandError::Unfit("an answer has a `result` or an `error`, and no `method`".to_owned()));
    }
    if answer.id() != asked.id() {
        let id = asked.id().map_or_else(|| "none".to_owned(), |id| id.to_string());
        return Err(CommandError::Unfit(format!("`id` must be {id}, that of the request")));
    }
    Ok(answer)
}

fn client(c: &crate::session::ClientStatus) -> ClientView {
    let (name, revision) = c.said();
    ClientView {
        id: c.id,
        principal: c.principal.clone(),
        capabilities: c.facts().map(|f| capabilities(&f.capabilities)).unwrap_or_default(),
        name,
        revision,
        via: c.via,
        since: c.since,
        n_in_flight: c.n_in_flight.load(Ordering::Relaxed),
        n_open: c.n_open.load(Ordering::Relaxed),
        n_parked: c.n_parked.load(Ordering::Relaxed),
        n_calls: c.n_calls.load(Ordering::Relaxed),
        n_errors: c.n_errors.load(Ordering::Relaxed),
        n_bytes_in: c.n_bytes_in.load(Ordering::Relaxed),
        n_bytes_out: c.n_bytes_out.load(Ordering::Relaxed),
    }
}

/// `{"elicitation":{"form":{},"url":{}},"roots":{}}` as `elicitation (form, url)`, `roots`.
fn capabilities(raw: &[u8]) -> Vec<String> {
    let names = |of: Span| -> Vec<(String, Span)> {
        let text = |s: Span| walk::decode(&raw[s.start as usize..s.end as usize]).map(std::borrow::Cow::into_owned);
        walk::members(raw, of).filter_map(|(k, v)| Some((text(k)?, v))).collect()
    };
    let all = Span { start: 0, end: u32::try_from(raw.len()).unwrap_or(0) };
    let with_parts = |(name, value): (String, Span)| {
        let parts: Vec<String> = names(value).into_iter().map(|(n, _)| n).collect();
        if parts.is_empty() { name } else { format!("{name} ({})", parts.join(", ")) }
    };
    names(all).into_iter().map(with_parts).collect()
}

fn item(item: &Item, cached: bool) -> CatalogItem {
    let raw = item.json(Era::Modern).clone();
    let all = Span { start: 0, end: u32::try_from(raw.len()).unwrap_or(0) };
    let text = |key: &str| {
        let (_, v) = walk::member(&raw, all, key)?;
        walk::decode(&raw[v.start as usize..v.end as usize]).map(std::borrow::Cow::into_owned)
    };
    let is_named = matches!(item.kind, ItemKind::Tool | ItemKind::Prompt);
    let title = text("title").or_else(|| if is_named { None } else { text("name") });
    let description = text("description");
    CatalogItem {
        kind: item.kind,
        exposed: item.exposed.clone(),
        own: item.own.clone(),
        backend: item.backend.clone(),
        title,
        description,
        raw,
        cached,
        withheld: false,
    }
}
