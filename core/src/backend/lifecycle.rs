//! The life of one instance of a server: asleep, started, opened, serving, ended, started again. Where the code is, is the state.
//!
//! The task is reachable in every state: commands, calls and what clients take back come in by the port, and while no
//! instance serves they are taken in here, each with a limit to its patience.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{SemaphorePermit, oneshot, watch};

use super::backoff;
use super::call::Call;
use super::context::Context;
use super::failure::{Attempt, Life};
use super::handshake::OpenError;
use super::instance::{End, Instance};
use super::memory::Eras;
use super::offer::OfferState;
use super::peer::ClientFacts;
use super::port::{Control, Mail, Port};
use super::process::{self, Process};
use super::status::{BackendState, Failure};
use super::tenant::Tenant;
use super::waiting::Waiting;
use crate::config::{RestartPolicy, StartPolicy, Target};
use crate::observe::NoticeLevel;
use crate::protocol::{Fault, code};
use crate::transport::ExitReason;

/// A call waits for a restart that comes within this time, else it fails at once.
const SHORT_PAUSE: Duration = Duration::from_secs(3);
/// A server holds its turn to start at most for this time: a slow download must not keep the others waiting.
const TURN: Duration = Duration::from_secs(5);

/// Turns of the scheduler between two process starts: servers' tasks, catalog, session, writing.
const HOPS_TO_ANSWER: usize = 5;
/// How long the start of a process waits for the first client's first word.
const FIRST_WORD: Duration = Duration::from_millis(5);

/// One instance's task.
pub(super) struct Lifecycle {
    port: Arc<Port>,
    ctx: Arc<Context>,
    /// What the handshake says of clients: the first client's word on itself, or whom the instance is for.
    opening: watch::Receiver<Option<Arc<ClientFacts>>>,
    /// Keeps `opening` open where nobody else does.
    _opening: Option<watch::Sender<Option<Arc<ClientFacts>>>>,
    /// Failures in a row.
    n_failures: u32,
    /// Calls that wait for the next instance.
    waiting: Waiting,
    eras: Eras,
    /// Client profile `eras` and the remembered offer were loaded for.
    profile: Option<String>,
}

/// What came while no instance serves.
enum Event {
    /// A command.
    Told(Control),
    /// Mail; some of it may need a running server.
    Mail,
    /// The time that was waited for.
    Time,
    /// The first client has said who it is.
    Facts,
}

/// Who reads the commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commands {
    Here,
    /// The instance does.
    There,
}

impl Lifecycle {
    pub(super) fn new(port: Arc<Port>, ctx: Arc<Context>) -> Self {
        let own = port.facts.clone().map(|facts| watch::Sender::new(Some(facts)));
        let opening = own.as_ref().unwrap_or(&ctx.opening).subscribe();
        let n_panics = port.n_panics.load(Ordering::Relaxed);
        Self {
            eras: port.pool.eras(),
            port,
            ctx,
            opening,
            _opening: own,
            // The one that is the reason for this task is counted when it is looked at.
            n_failures: n_panics.saturating_sub(1),
            waiting: Waiting::default(),
            profile: None,
        }
    }

    /// Whether it is an instance beside the base one: it is there for its callers only, and makes no lists.
    fn is_beside(&self) -> bool {
        !self.port.is_base()
    }

    /// The task's body: ends with [`Control::Shutdown`].
    pub(super) async fn run(mut self) {
        if !self.port.server.enabled {
            self.publish(OfferState::Absent);
            return self.rest().await;
        }
        let mut asleep = self.port.server.start != StartPolicy::Eager && !self.is_beside();
        if self.port.n_panics.load(Ordering::Relaxed) > 0 {
            match self.recover(Attempt::new().broken_down(), false, false).await {
                Some(sleeps) => asleep = sleeps,
                None => return self.close(),
            }
        }
        loop {
            if asleep && !self.sleep(BackendState::Idle).await {
                return self.close();
            }
            asleep = match self.live().await {
                Life::Over if self.is_beside() => {
                    // What came while it was ending needs another one.
                    self.take_mail();
                    if !self.waiting.wakes() {
                        return self.close();
                    }
                    false
                }
                Life::Over => true,
                Life::Told(Control::Shutdown { .. }) => return self.close(),
                Life::Told(Control::Stop) if self.is_beside() => return self.close(),
                Life::Told(Control::Restart) => {
                    self.port.status.change(|s| s.n_restarts += 1);
                    false
                }
                Life::Told(_) => {
                    if !self.sleep(BackendState::Stopped).await {
                        return self.close();
                    }
                    false
                }
                Life::Failed { failure, steady, hopeless } => match self.recover(failure, steady, hopeless).await {
                    Some(asleep) => asleep,
                    None => return self.close(),
                },
            };
        }
    }

    fn publish(&self, state: OfferState) {
        self.ctx.offers.publish(&self.port, state);
    }

    fn set(&self, state: BackendState) {
        self.port.status.change(|s| s.state = state);
        self.ctx.observer.signal.raise();
    }

    /// Nothing will ever start it: calls fail, commands are ignored, until the end.
    async fn rest(mut self) {
        self.set(BackendState::Disabled);
        loop {
            self.fail_waiting("it is disabled in the configuration (`enabled: false`)");
            if let Event::Told(Control::Shutdown { .. }) = self.next(None, Commands::Here).await {
                return self.close();
            }
        }
    }

    /// Waits until somebody needs it. `false`: the end.
    async fn sleep(&mut self, state: BackendState) -> bool {
        let is_manual = self.port.server.start == StartPolicy::Manual;
        let mut by_hand = is_manual || state == BackendState::Stopped;
        if state == BackendState::Idle {
            self.offer_asleep();
        } else {
            self.publish(OfferState::Absent);
        }
        self.set(state);
        loop {
            if by_hand {
                self.fail_waiting("it is stopped; start it in the terminal (Backends, s)");
            } else if self.waiting.wakes() {
                return true;
            }
            match self.next(None, Commands::Here).await {
                Event::Told(Control::Shutdown { .. }) => return false,
                Event::Told(Control::Start | Control::Restart) => {
                    self.n_failures = 0;
                    return true;
                }
                Event::Told(Control::Want) if !by_hand => return true,
                Event::Told(Control::Stop) if !by_hand => {
                    by_hand = true;
                    self.publish(OfferState::Absent);
                    self.set(BackendState::Stopped);
                }
                Event::Facts => self.offer_asleep(),
                Event::Told(_) | Event::Mail | Event::Time => {}
            }
        }
    }

    /// What clients are told of a server that sleeps: what is known or remembered of it, else that a list may wake it.
    fn offer_asleep(&mut self) {
        if self.port.server.start == StartPolicy::Manual {
            // Only a person starts it: nobody may wait for it.
            return self.publish(OfferState::Absent);
        }
        let facts = self.opening.borrow_and_update().clone();
        match facts {
            Some(facts) => self.recall(&facts, OfferState::Asleep),
            None if matches!(self.ctx.offers.of(self.port.name()), OfferState::Known { .. }) => {}
            None => self.publish(OfferState::Asleep),
        }
    }

    /// The next thing that concerns a server without a serving instance. The last of several commands counts, but nothing
    /// comes after the end.
    ///
    /// # Cancel safety
    /// Cancel safe: what was taken in stays.
    async fn next(&mut self, until: Option<Instant>, commands: Commands) -> Event {
        let port = self.port.clone();
        let mut taken = VecDeque::new();
        loop {
            let patience = self.waiting.nearest(self.patience());
            let wake = until.into_iter().chain(patience).min();
            let timer = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                () = port.control.ready(), if commands == Commands::Here => {
                    port.control.drain(&mut taken);
                    for control in &mut taken {
                        if let Control::Detach(session) = *control {
                            port.wanted.leave(session);
                            self.waiting.forget_left();
                            if port.tenant == Tenant::Session(session) {
                                // Nobody else may use it.
                                *control = Control::Shutdown { drain: false };
                            }
                        }
                    }
                    #[cfg(test)]
                    assert!(!taken.contains(&Control::Panic), "as a test wanted it");
                    let end = taken.iter().find(|c| matches!(c, Control::Shutdown { .. })).copied();
                    let last = end.or_else(|| taken.iter().rfind(|c| !matches!(c, Control::Detach(_))).copied());
                    taken.clear();
                    if let Some(control) = last {
                        return Event::Told(control);
                    }
                }
                () = port.mailbox.ready() => {
                    self.take_mail();
                    return Event::Mail;
                }
                changed = self.opening.changed() => {
                    if changed.is_ok() {
                        return Event::Facts;
                    }
                    return Event::Told(Control::Shutdown { drain: false });
                }
                () = timer => {
                    self.fail_impatient();
                    if until.is_some_and(|at| at <= Instant::now()) {
                        return Event::Time;
                    }
                }
            }
        }
    }

    /// Does `work` while commands and mail go on being read. `Err`: the command that ended it.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>, commands: Commands) -> Result<T, Control> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! { biased;
                done = &mut work => return Ok(done),
                event = self.next(None, commands) => {
                    if let Event::Told(c @ (Control::Stop | Control::Restart | Control::Shutdown { .. })) = event {
                        return Err(c);
                    }
                }
            }
        }
    }

    /// After a failure: pause or park. `Some(asleep)` to go on, `None` at the end.
    async fn recover(&mut self, failure: Failure, steady: bool, hopeless: bool) -> Option<bool> {
        let restart = self.port.server.restart;
        self.n_failures = if steady { 1 } else { self.n_failures + 1 };
        let summary = failure.summary();
        let hint = failure.hint.clone();
        let never = restart.policy == RestartPolicy::Never;
        self.port.status.change(|s| s.failure = Some(failure));
        if (hopeless || never || self.n_failures > restart.max) && self.is_beside() {
            self.ctx.observer.notice(NoticeLevel::Error, Some(self.port.name()), format!("{summary}: given up"));
            self.take_mail();
            self.fail_waiting(&summary);
            // The next call makes another one.
            return None;
        }
        if hopeless || never || self.n_failures > restart.max {
            let hint = hint.map_or_else(String::new, |h| format!(": {h}"));
            self.ctx.observer.notice(NoticeLevel::Error, Some(self.port.name()), format!("{summary}{hint}"));
            // The call that woke it must not wake it again.
            self.take_mail();
            self.fail_waiting(&summary);
            return self.sleep(BackendState::Parked).await.then(|| {
                self.port.status.change(|s| s.n_restarts += 1);
                false
            });
        }
        let pause = backoff::pause(self.n_failures, restart.backoff_min, restart.backoff_max, backoff::jitter());
        self.ctx.observer.notice(
            NoticeLevel::Warning,
            Some(self.port.name()),
            format!("{summary}; starting it again in {pause:.1?} ({} of {})", self.n_failures, restart.max),
        );
        if matches!(self.ctx.offers.of(self.port.name()), OfferState::Pending) {
            // It never was ready: nobody should wait for its lists.
            self.publish(OfferState::Absent);
        }
        let until = Instant::now() + pause;
        self.set(BackendState::Backoff { until: SystemTime::now() + pause });
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left > SHORT_PAUSE {
                self.fail_waiting(&summary);
            }
            if left.is_zero() {
                break;
            }
            // A pause that is long now may be short for a call that comes later.
            match self.next(Some(until), Commands::Here).await {
                Event::Told(Control::Shutdown { .. }) => return None,
                Event::Told(Control::Start | Control::Restart) => {
                    self.n_failures = 0;
                    break;
                }
                Event::Told(Control::Stop) => {
                    if self.is_beside() || !self.sleep(BackendState::Stopped).await {
                        return None;
                    }
                    break;
                }
                _ => {}
            }
        }
        self.port.status.change(|s| s.n_restarts += 1);
        Some(false)
    }

    /// One attempt: from nothing to serving to nothing.
    async fn live(&mut self) -> Life {
        let generation = self.port.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.port.status.change(|s| s.started = None);
        self.set(BackendState::Starting);
        let mut attempt = Attempt::new();
        let Target::Stdio { command, cwd, .. } = self.port.server.target.clone() else {
            let message = "it is reached by HTTP, and this version starts stdio servers only";
            let hint = "use a stdio bridge such as `npx -y mcp-remote URL`, or set `enabled: false`";
            return attempt.hopeless(message.to_owned(), hint.to_owned());
        };
        let (port, ctx) = (self.port.clone(), self.ctx.clone());
        self.recall_early().await;
        let turn = match self.meanwhile(ctx.starting.acquire(), Commands::Here).await {
            Ok(turn) => turn.ok(),
            Err(control) => return Life::Told(control),
        };
        let spec = match self.meanwhile(process::spec(&port, &ctx), Commands::Here).await {
            Ok(Ok(spec)) => spec,
            Ok(Err(missing)) => return attempt.missing(&command, &missing),
            Err(control) => return Life::Told(control),
        };
        attempt.resolved = Some(spec.program.display().to_string());
        let started = {
            let _one = ctx.spawning.lock().await;
            // Between two processes the thread looks after clients: the first ones wait for their first answers, which
            // take a few hops from what was remembered by way of the catalog to the session.
            for _ in 0..HOPS_TO_ANSWER {
                tokio::task::yield_now().await;
            }
            Process::start(&port, &ctx, &spec)
        };
        let (mut process, link, exit) = match started {
            Ok(started) => started,
            Err(error) => {
                let mut life = attempt.failed("spawn", format!("`{command}` could not be started: {error}"));
                if let (Life::Failed { failure, .. }, Some(dir)) = (&mut life, cwd.filter(|d| !d.is_dir())) {
                    failure.hint = Some(format!("`cwd` {} is no directory", dir.display()));
                }
                return life;
            }
        };
        self.port.status.change(|s| s.started = Some(Instant::now()));
        let mut instance = Instance::new(port.clone(), ctx.clone(), generation, link, exit);
        let ended = self.open_and_serve(&mut instance, turn).await;
        let view = self.port.status.view();
        if view.state == BackendState::Ready {
            attempt.ready = SystemTime::now().duration_since(view.since).ok().or(Some(Duration::ZERO));
        }
        let mut life = attempt.judge(ended, &port, &ctx.observer, &mut self.eras);
        if matches!(life, Life::Failed { .. }) {
            life.hears(process.last_words().await);
        } else {
            self.set(BackendState::Stopping);
        }
        // What waited for the instance fails, or waits for the next one.
        for call in instance.abandon(&life.fault(port.name())) {
            self.wait(call);
        }
        // With it goes our end of its stdin: EOF. The keeper does the rest.
        drop(instance);
        life.hears(process.end().await);
        life
    }

    /// Waits for the first client's word, opens the talk, serves.
    async fn open_and_serve(
        &mut self,
        instance: &mut Instance,
        turn: Option<SemaphorePermit<'_>>,
    ) -> Result<End, OpenError> {
        let facts = first_facts(self.opening.clone(), &mut instance.exit);
        let facts = match self.meanwhile(facts, Commands::Here).await.map_err(OpenError::Told)? {
            Ok(facts) => facts,
            Err(exit) => return Err(OpenError::Gone { phase: "spawn", exit }),
        };
        self.recall(&facts, OfferState::Pending);
        self.set(BackendState::Handshaking);
        // Several clients share this instance as soon as a second one comes: then the modern era serves all.
        let alone = match self.port.tenant {
            Tenant::Everybody => self.ctx.peers.n() <= 1,
            Tenant::Client(_) | Tenant::Session(_) => true,
            Tenant::Lease(_) => false,
        };
        let mut eras = self.eras;
        let open = async {
            tokio::select! { biased;
                opened = instance.open(&facts, alone, &mut eras) => opened,
                never = give_back(turn) => match never {},
            }
        };
        let opened = self.meanwhile(open, Commands::There).await;
        self.eras = eras;
        self.port.pool.set_eras(eras);
        opened.map_err(OpenError::Told)??;
        self.ready(instance);
        let mut saved = None;
        loop {
            // What it offers is remembered when it has changed.
            if instance.offer != saved {
                saved = instance.offer.clone();
                if let Some(profile) = &self.profile {
                    self.ctx.memory.save(&self.port.server, profile, self.eras, saved.as_deref());
                }
            }
            if let Some(end) = instance.serve_some().await {
                return Ok(end);
            }
        }
    }

    /// A client that launched us speaks at once: what is remembered is put before it before any process is started.
    async fn recall_early(&mut self) {
        if self.is_beside() {
            self.eras = self.port.pool.eras();
            return;
        }
        let mut opening = self.opening.clone();
        let first = tokio::time::timeout(FIRST_WORD, opening.wait_for(Option::is_some)).await;
        let facts = first.ok().and_then(Result::ok).and_then(|f| f.clone());
        if let Some(facts) = facts {
            self.recall(&facts, OfferState::Pending);
        }
    }

    /// Loads what is remembered for clients like this one; `unknown` is told where nothing is.
    fn recall(&mut self, facts: &ClientFacts, unknown: OfferState) {
        if self.is_beside() {
            return;
        }
        let profile = facts.profile();
        let is_known = matches!(self.ctx.offers.of(self.port.name()), OfferState::Known { .. });
        if self.profile.as_ref() == Some(&profile) {
            if matches!(self.ctx.offers.of(self.port.name()), OfferState::Asleep) {
                self.publish(unknown);
            }
            return;
        }
        let (eras, offer) = self.ctx.memory.load(&self.port.server, &profile);
        self.eras = eras;
        self.port.pool.set_eras(eras);
        self.profile = Some(profile);
        if !is_known {
            // Published even when nothing is remembered: the first client's `initialize` waits for this word.
            self.publish(offer.map_or(unknown, |o| OfferState::Known { offer: Arc::new(o), cached: true }));
        }
    }

    fn ready(&mut self, instance: &mut Instance) {
        let info = instance.info.as_deref().and_then(|i| serde_json::from_slice::<serde_json::Value>(i).ok());
        let text = |key: &str| {
            info.as_ref().and_then(|i| i[key].as_str()).unwrap_or_default().chars().take(80).collect::<String>()
        };
        let server_info = format!("{} {}", text("name"), text("version")).trim().to_owned();
        self.port.status.change(|s| {
            s.state = BackendState::Ready;
            s.revision = Some(instance.revision);
            s.server_info = Some(server_info).filter(|i| !i.is_empty());
            s.failure = None;
        });
        let pid = self.port.status.view().pid.unwrap_or_default();
        let text = format!("ready, MCP {}, pid {pid}", instance.revision);
        if self.is_beside() {
            // As many as there are sessions: no news for people.
            tracing::debug!(server = %self.port.name(), tenant = ?self.port.tenant, "{text}");
        } else {
            self.ctx.observer.notice(NoticeLevel::Info, Some(self.port.name()), text);
        }
        instance.relist();
        instance.send_level();
        instance.renew_subscriptions();
        for call in self.waiting.drain() {
            // Behind nothing: these came before what is in the mailbox.
            instance.take_first(Mail::Call(call));
        }
    }

    /// How long a call waits for the server to be ready.
    fn patience(&self) -> Duration {
        self.port.server.startup_timeout
    }

    fn take_mail(&mut self) {
        let mut mail = VecDeque::new();
        self.port.mailbox.drain(&mut mail);
        let now = Instant::now();
        for mail in mail {
            if let Some(call) = self.waiting.take_in(mail, &self.port.wanted, now) {
                self.refuse(call, "busy", "too many calls wait for it to start");
            }
        }
        self.waiting.forget_left();
    }

    fn wait(&mut self, call: Box<Call>) {
        if let Some(call) = self.waiting.push(call, Instant::now()) {
            self.refuse(call, "busy", "too many calls wait for it to start");
        }
    }

    fn refuse(&self, call: Box<Call>, reason: &str, why: &str) {
        let data = serde_json::json!({ "backend": &**self.port.name(), "reason": reason });
        let text = format!("server `{}` is not running: {why}", self.port.name());
        call.fail(Fault::new(code::INTERNAL, text).with_data(&data));
    }

    fn fail_waiting(&mut self, why: &str) {
        let calls: Vec<_> = self.waiting.drain().collect();
        for call in calls {
            self.refuse(call, "not_running", why);
        }
    }

    /// Calls that have waited for too long.
    fn fail_impatient(&mut self) {
        let patience = self.patience();
        for call in self.waiting.expired(patience, Instant::now()) {
            let last =
                self.port.status.view().failure.map_or_else(String::new, |f| format!("; before: {}", f.summary()));
            let text = format!("it is not ready after {patience:.0?} (`startup_timeout`){last}");
            self.refuse(call, "not_ready", &text);
        }
    }

    /// The end of the task: nothing is left waiting.
    fn close(mut self) {
        self.port.pool.remove(&self.port);
        self.port.mailbox.close();
        self.port.control.close();
        self.take_mail();
        self.fail_waiting("mcp-proxy is shutting down, or the server's configuration has changed");
        self.set(BackendState::Stopped);
    }
}

/// The first client's word on itself, or the end of the process that came before.
async fn first_facts(
    mut opening: watch::Receiver<Option<Arc<ClientFacts>>>,
    exit: &mut oneshot::Receiver<ExitReason>,
) -> Result<Arc<ClientFacts>, Option<ExitReason>> {
    loop {
        if let Some(facts) = opening.borrow_and_update().clone() {
            return Ok(facts);
        }
        tokio::select! { biased;
            reason = &mut *exit => return Err(reason.ok()),
            // The sender lives as long as the engine.
            changed = opening.changed() => if changed.is_err() { return Err(None) },
        }
    }
}

/// Holds a turn to start for a while, then lets the next server have it.
async fn give_back(turn: Option<SemaphorePermit<'_>>) -> Infallible {
    tokio::time::sleep(TURN).await;
    drop(turn);
    std::future::pending().await
}
