//! The life of one instance of a server: asleep, started, opened, serving, ended, started again. Where the code is, is the state.
//!
//! The task is reachable in every state: commands, calls and what clients take back come in by the port, and while no
//! instance serves they are taken in here, each with a limit to its patience.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::backoff;
use super::call::Call;
use super::context::Context;
use super::failure::{Attempt, Life};
use super::forward::{forward, forward_wish};
use super::memory::Eras;
use super::offer::{Offer, OfferState};
use super::peer::ClientFacts;
use super::port::{Control, Mail, Port};
use super::status::{BackendState, Failure};
use super::tenant::Tenant;
use super::waiting::Waiting;
use crate::config::{RestartPolicy, StartPolicy, Target};
use crate::observe::NoticeLevel;
use crate::protocol::{Fault, code};

/// A call waits for a restart that comes within this time, else it fails at once.
const SHORT_PAUSE: Duration = Duration::from_secs(3);

/// One instance's task.
pub(super) struct Lifecycle {
    pub(super) port: Arc<Port>,
    pub(super) ctx: Arc<Context>,
    /// What the handshake says of clients: the first client's word on itself, or whom the instance is for.
    pub(super) opening: watch::Receiver<Option<Arc<ClientFacts>>>,
    /// Keeps `opening` open where nobody else does.
    _opening: Option<watch::Sender<Option<Arc<ClientFacts>>>>,
    /// Failures in a row.
    n_failures: u32,
    /// Calls that wait for the next instance.
    pub(super) waiting: Waiting,
    pub(super) eras: Eras,
    /// What stands in the cache on disk, as far as this task knows.
    pub(super) remembered: Option<(Eras, Weak<Offer>)>,
    /// Client profile `eras` and the remembered offer were loaded for.
    pub(super) profile: Option<String>,
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
    /// The server has other rules now.
    Adjusted,
}

/// Who reads the commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Commands {
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
            remembered: None,
            profile: None,
        }
    }

    /// Whether it is an instance beside the base one: it is there for its callers only.
    pub(super) fn is_beside(&self) -> bool {
        !self.port.is_base()
    }

    /// The task's body: ends with [`Control::Shutdown`].
    pub(super) async fn run(mut self) {
        if !self.port.server().enabled {
            self.publish(OfferState::Absent);
            return self.rest().await;
        }
        let mut asleep = self.port.server().start != StartPolicy::Eager && !self.is_beside();
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

    pub(super) fn publish(&self, state: OfferState) {
        self.ctx.offers.publish(&self.port, state);
    }

    pub(super) fn set(&self, state: BackendState) {
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
        let mut start = self.port.server().start;
        let mut by_hand = start == StartPolicy::Manual || state == BackendState::Stopped;
        let mut is_stopped = state == BackendState::Stopped;
        if state == BackendState::Idle {
            self.offer_asleep();
            self.ctx.offers.rests(&self.port);
        } else {
            self.publish(OfferState::Absent);
        }
        let has_failed = state == BackendState::Parked;
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
                    is_stopped = true;
                    self.publish(OfferState::Absent);
                    self.set(BackendState::Stopped);
                }
                Event::Adjusted if !is_stopped => {
                    let before = std::mem::replace(&mut start, self.port.server().start);
                    match start {
                        // What has failed may do better under other rules.
                        StartPolicy::Eager if has_failed || before != start => {
                            self.n_failures = 0;
                            return true;
                        }
                        StartPolicy::Manual => {
                            by_hand = true;
                            self.publish(OfferState::Absent);
                        }
                        StartPolicy::Lazy if before != start && !has_failed => {
                            by_hand = false;
                            self.offer_asleep();
                        }
                        StartPolicy::Eager | StartPolicy::Lazy => {}
                    }
                }
                Event::Facts => self.offer_asleep(),
                Event::Told(_) | Event::Mail | Event::Time | Event::Adjusted => {}
            }
        }
    }

    /// What clients are told of a server that sleeps: what is known or remembered of it, else that a list may wake it.
    fn offer_asleep(&mut self) {
        if self.port.server().start == StartPolicy::Manual {
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
                            port.wanted_tasks.leave(session);
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
                    let is_adjusted = taken.contains(&Control::Adjusted);
                    let last = end.or_else(|| {
                        // What it lists it says as soon as it can.
                        let passes = |c: &&Control| {
                            matches!(c, Control::Detach(_) | Control::Adjusted | Control::List | Control::Ping)
                        };
                        taken.iter().rfind(|c| !passes(c)).copied()
                    });
                    taken.clear();
                    if let Some(control) = last {
                        return Event::Told(control);
                    }
                    if is_adjusted {
                        return Event::Adjusted;
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
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        commands: Commands,
    ) -> Result<T, Control> {
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
        if self.is_beside() {
            // Nobody should wait for its lists.
            self.ctx.peers.see_anew(&self.ctx.offers.gives_up(&self.port));
        }
        let restart = self.port.server().restart;
        self.n_failures = if steady { 1 } else { self.n_failures + 1 };
        let summary = failure.summary();
        let hint = failure.hint.clone();
        let never = restart.policy == RestartPolicy::Never;
        self.port.status.change(|s| s.failure = Some(failure));
        // A process that keeps dying is left alone; a machine that is down comes up again.
        let is_remote = matches!(self.port.server().target, Target::Http { .. });
        let is_over = self.n_failures > restart.max;
        if (hopeless || never || is_over) && self.is_beside() {
            self.ctx.observer.notice(NoticeLevel::Error, Some(self.port.name()), format!("{summary}: given up"));
            self.take_mail();
            self.fail_waiting(&summary);
            // The next call makes another one.
            return None;
        }
        if hopeless || never || (is_over && !is_remote) {
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
            format!("{summary}; trying again in {pause:.1?} ({} of {})", self.n_failures.min(restart.max), restart.max),
        );
        if is_over || matches!(self.ctx.offers.of(self.port.name()), OfferState::Pending) {
            // It never was ready: nobody should wait for its lists.
            self.publish(OfferState::Absent);
        }
        let begun = Instant::now();
        let mut until = begun + pause;
        let mut is_cut = false;
        self.set(BackendState::Backoff { until: SystemTime::now() + pause });
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left > SHORT_PAUSE && !is_cut {
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
                // Asking a URL again costs little: a call does not wait for the end of a long pause.
                Event::Mail if is_remote && self.waiting.wakes() => {
                    until = until.min(begun + restart.backoff_min);
                    is_cut = true;
                }
                _ => {}
            }
        }
        self.port.status.change(|s| s.n_restarts += 1);
        Some(false)
    }

    /// How long a call waits for the server to be ready.
    fn patience(&self) -> Duration {
        self.port.server().startup_timeout
    }

    pub(super) fn take_mail(&mut self) {
        let mut mail = VecDeque::new();
        self.port.mailbox.drain(&mut mail);
        let now = Instant::now();
        for mail in mail {
            if let Some(call) = self.waiting.take_in(mail, &self.port, now) {
                self.refuse(call, "busy", "too many calls wait for it to start");
            }
        }
        self.waiting.forget_left();
    }

    pub(super) fn wait(&mut self, call: Box<Call>) {
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

    /// The end of the task: nothing is left waiting. What was never sent goes on to the instance in this one's place.
    fn close(mut self) {
        self.port.pool.remove(&self.port);
        let mut mail = VecDeque::new();
        self.port.mailbox.drain(&mut mail);
        self.port.mailbox.close();
        self.port.control.close();
        if self.is_beside() {
            self.ctx.peers.see_anew(&self.ctx.offers.leaves(&self.port));
        }
        let mut too_many = Vec::new();
        for mail in mail {
            let is_wish = matches!(mail, Mail::Subscribe { .. } | Mail::Unsubscribe { .. } | Mail::Follow { .. });
            let mail = if is_wish { forward_wish(&self.port, &self.ctx, mail).err() } else { Some(mail) };
            too_many.extend(mail.and_then(|m| self.waiting.take_in(m, &self.port, Instant::now())));
        }
        self.waiting.forget_left();
        let waiting: Vec<_> = self.waiting.drain().chain(too_many).collect();
        for call in waiting {
            if let Err(call) = forward(&self.port, &self.ctx, call) {
                self.wait(call);
            }
        }
        let is_removed = !self.ctx.ports.borrow().contains_key(self.port.name());
        self.fail_waiting(if is_removed {
            "it was removed from the configuration"
        } else {
            "mcp-proxy is shutting down"
        });
        self.set(BackendState::Stopped);
    }
}
