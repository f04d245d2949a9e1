//! One attempt of a server's life: started or reached, opened, serving, ended.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{SemaphorePermit, watch};

use super::failure::{Attempt, Life};
use super::forward::forward;
use super::handshake::OpenError;
use super::instance::{End, Instance};
use super::lifecycle::{Commands, Lifecycle};
use super::memory::Eras;
use super::offer::{Offer, OfferState};
use super::peer::ClientFacts;
use super::port::{Control, Mail};
use super::process::{self, Process};
use super::remote::{Endpoint, Remote};
use super::status::BackendState;
use super::tenant::Tenant;
use super::wire::{Pipe, Wire};
use crate::config::Target;
use crate::observe::NoticeLevel;
use crate::protocol::Era;
use crate::transport::ExitReason;

/// A server holds its turn to start at most for this time: a slow download must not keep the others waiting.
const TURN: Duration = Duration::from_secs(5);
/// Turns of the scheduler between two process starts: servers' tasks, catalog, session, writing.
const HOPS_TO_ANSWER: usize = 5;
/// How long the start of a process waits for the first client's first word.
const FIRST_WORD: Duration = Duration::from_millis(5);

impl Lifecycle {
    /// One attempt: from nothing to serving to nothing.
    pub(super) async fn live(&mut self) -> Life {
        let generation = self.port.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.port.status.change(|s| s.started = None);
        self.set(BackendState::Starting);
        let is_process = matches!(self.port.server().target, Target::Stdio { .. });
        if is_process { self.live_process(generation).await } else { self.live_remote(generation).await }
    }

    /// As a child process.
    async fn live_process(&mut self, generation: u64) -> Life {
        let mut attempt = Attempt::new();
        let Target::Stdio { command, cwd, .. } = self.port.server().target.clone() else { return Life::Over };
        let (port, ctx) = (self.port.clone(), self.ctx.clone());
        if let Err(control) = self.recall_early().await {
            return Life::Told(control);
        }
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
        // One after the other: loading a program takes a processor, and the first clients want one for their first
        // answers, which take a few hops from what was remembered by way of the catalog to the session.
        let start = async {
            let _alone = ctx.spawning.lock().await;
            for _ in 0..HOPS_TO_ANSWER {
                tokio::task::yield_now().await;
            }
            Process::start(&port, &ctx, spec).await
        };
        let started = match self.meanwhile(start, Commands::Here).await {
            Ok(started) => started,
            Err(control) => return Life::Told(control),
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
        let wire = Wire::Pipe(Pipe::new(link, exit, ctx.max_message_bytes));
        let mut instance = Instance::new(port.clone(), ctx.clone(), generation, wire);
        let ended = self.open_and_serve(&mut instance, turn).await;
        attempt.ready = self.ready_for();
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

    /// By its URL: what is started is a connection.
    async fn live_remote(&mut self, generation: u64) -> Life {
        let (port, ctx) = (self.port.clone(), self.ctx.clone());
        let mut attempt = Attempt::new();
        if let Target::Http { url_shown, .. } = &port.server().target {
            attempt.resolved = Some(url_shown.clone());
        }
        if let Err(control) = self.recall_early().await {
            return Life::Told(control);
        }
        let turn = match self.meanwhile(ctx.starting.acquire(), Commands::Here).await {
            Ok(turn) => turn.ok(),
            Err(control) => return Life::Told(control),
        };
        let endpoint = match Endpoint::new(&port.server(), &ctx.http, ctx.max_message_bytes) {
            Ok(endpoint) => endpoint,
            Err(trouble) => return attempt.troubled("connect", &trouble),
        };
        self.port.status.change(|s| s.started = Some(Instant::now()));
        let server = port.server();
        let remote = Remote::new(endpoint, ctx.observer.clone(), server.max_concurrent, server.startup_timeout);
        let wire = Wire::Http(Box::new(remote));
        let mut instance = Instance::new(port.clone(), ctx.clone(), generation, wire);
        let ended = self.open_and_serve(&mut instance, turn).await;
        attempt.ready = self.ready_for();
        // A new session within the instance counted too.
        self.port.generation.fetch_max(instance.generation, Ordering::Relaxed);
        let life = attempt.judge(ended, &port, &ctx.observer, &mut self.eras);
        if !matches!(life, Life::Failed { .. }) {
            self.set(BackendState::Stopping);
        }
        for call in instance.abandon(&life.fault(port.name())) {
            self.wait(call);
        }
        instance.wire.close().await;
        life
    }

    /// For how long it has been ready; `None`: it is not.
    fn ready_for(&self) -> Option<Duration> {
        let view = self.port.status.view();
        let is_ready = view.state == BackendState::Ready;
        is_ready.then(|| SystemTime::now().duration_since(view.since).unwrap_or_default())
    }

    /// Waits for the first client's word, opens the talk, serves.
    async fn open_and_serve(
        &mut self,
        instance: &mut Instance,
        turn: Option<SemaphorePermit<'_>>,
    ) -> Result<End, OpenError> {
        let facts = first_facts(self.opening.clone(), &mut instance.wire);
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
            Tenant::Lease(_) | Tenant::Kind(..) => false,
        };
        let mut eras = self.eras;
        let open = async {
            tokio::select! { biased;
                opened = instance.open(&facts, alone, &mut eras) => opened,
                never = give_back(turn) => match never {},
            }
        };
        let opened = self.meanwhile(open, Commands::There).await;
        if matches!(self.port.tenant, Tenant::Session(_)) && facts.revision.era() != instance.era() {
            // It was asked in its client's era first: it has no other than this one.
            match instance.era() {
                Era::Modern => eras.legacy = Some(false),
                Era::Legacy => eras.modern = Some(false),
            }
        }
        self.eras = eras;
        self.port.pool.set_eras(eras);
        opened.map_err(OpenError::Told)??;
        if instance.wire.has_session() {
            self.port.has_sessions();
        }
        self.ready(instance);
        loop {
            self.remember(instance.offer.as_ref());
            if let Some(end) = instance.serve_some().await {
                return Ok(end);
            }
        }
    }

    /// What it offers is remembered when that is not what is remembered already.
    fn remember(&mut self, offer: Option<&Arc<Offer>>) {
        let (Some(offer), Some(profile)) = (offer, &self.profile) else { return };
        let is_known = |(eras, known): &(Eras, Weak<Offer>)| *eras == self.eras && known.as_ptr() == Arc::as_ptr(offer);
        if !self.remembered.as_ref().is_some_and(is_known) {
            self.remembered = Some((self.eras, Arc::downgrade(offer)));
            self.ctx.memory.save(&self.port.server(), profile, self.eras, Some(offer));
        }
    }

    /// A client that launched us speaks at once: what is remembered is put before it before any process is started.
    ///
    /// # Errors
    /// The command that came meanwhile and ends the attempt.
    async fn recall_early(&mut self) -> Result<(), Control> {
        if self.is_beside() {
            self.eras = self.port.pool.eras();
            return Ok(());
        }
        let mut opening = self.opening.clone();
        let first = async {
            let word = tokio::time::timeout(FIRST_WORD, opening.wait_for(Option::is_some)).await;
            word.ok().and_then(Result::ok).and_then(|facts| facts.clone())
        };
        if let Some(facts) = self.meanwhile(first, Commands::Here).await? {
            self.recall(&facts, OfferState::Pending);
        }
        Ok(())
    }

    /// Loads what is remembered for clients like this one; `unknown` is told where nothing is.
    pub(super) fn recall(&mut self, facts: &ClientFacts, unknown: OfferState) {
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
        let (eras, offer) = self.ctx.memory.load(&self.port.server(), &profile);
        self.eras = eras;
        self.port.pool.set_eras(eras);
        self.profile = Some(profile);
        let offer = offer.map(Arc::new);
        self.remembered = offer.as_ref().map(|offer| (eras, Arc::downgrade(offer)));
        if !is_known {
            // Published even when nothing is remembered: the first client's `initialize` waits for this word.
            self.publish(offer.map_or(unknown, |offer| OfferState::Known { offer, cached: true }));
        }
    }

    fn ready(&mut self, instance: &mut Instance) {
        self.take_mail();
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
        let view = self.port.status.view();
        let place = match &self.port.server().target {
            Target::Http { url_shown, .. } => url_shown.clone(),
            Target::Stdio { .. } => format!("pid {}", view.pid.unwrap_or_default()),
        };
        let text = format!("ready, MCP {}, {place}", instance.revision);
        if self.is_beside() {
            // As many as there are sessions: no news for people.
            tracing::debug!(server = %self.port.name(), tenant = ?self.port.tenant, "{text}");
        } else {
            self.ctx.observer.notice(NoticeLevel::Info, Some(self.port.name()), text);
        }
        instance.relist();
        instance.send_level();
        instance.renew_subscriptions();
        if instance.era() == Era::Legacy {
            instance.may_want_roots();
        }
        let waited: Vec<_> = self.waiting.drain().collect();
        for call in waited {
            // Those that came before it was known what it speaks may be for instances of their clients' own.
            let may_part = !self.is_beside() && instance.era() == Era::Legacy;
            let stays = if may_part { forward(&self.port, &self.ctx, call).err() } else { Some(call) };
            if let Some(call) = stays {
                // Behind nothing: these came before what is in the mailbox.
                instance.take_first(Mail::Call(call));
            }
        }
    }
}

/// The first client's word on itself, or the end of the process that came before.
async fn first_facts(
    mut opening: watch::Receiver<Option<Arc<ClientFacts>>>,
    wire: &mut Wire,
) -> Result<Arc<ClientFacts>, Option<ExitReason>> {
    loop {
        if let Some(facts) = opening.borrow_and_update().clone() {
            return Ok(facts);
        }
        tokio::select! { biased;
            reason = wire.exited() => return Err(reason),
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
