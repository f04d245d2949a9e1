//! One server's life: asleep, started, opened, serving, ended, started again. Where the code is, is the state.
//!
//! The task owns the process. A keeper task beside each process waits for its end, so that the serving loop has one
//! cheap thing to look at.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::{SemaphorePermit, oneshot};
use tokio::task::JoinSet;

use super::backoff;
use super::call::Call;
use super::context::Context;
use super::handshake::OpenError;
use super::instance::{End, Instance};
use super::memory::Eras;
use super::offer::OfferState;
use super::peer::ClientFacts;
use super::port::{Control, Mail, Port};
use super::status::{BackendState, Failure};
use crate::config::{RestartPolicy, StartPolicy, Target};
use crate::observe::{LogStream, NoticeLevel};
use crate::protocol::{Era, Fault, code};
use crate::transport::{Child, ChildSpec, ExitReason, Grace, Link, NotFound, SearchPath, child_env, find_program};

/// A server that was ready for so long has not failed in a row.
const STEADY: Duration = Duration::from_secs(60);
/// A call waits for a restart that comes within this time, else it fails at once.
const SHORT_PAUSE: Duration = Duration::from_secs(3);
/// A server holds its turn to start at most for this time: a slow download must not keep the others waiting.
const TURN: Duration = Duration::from_secs(5);
/// Stderr lines kept with a failure.
const N_LAST_WORDS: usize = 20;
/// Longest stderr line read in one piece.
const MAX_STDERR_LINE: u64 = 8 * 1024;
/// How a server is ended: EOF, TERM, KILL.
const GRACE: Grace =
    Grace { eof: Duration::from_millis(1500), term: Duration::from_millis(1500), kill: Duration::from_secs(1) };

/// One server's task.
pub(super) struct Lifecycle {
    port: Arc<Port>,
    ctx: Arc<Context>,
    generation: u64,
    /// Failures in a row.
    n_failures: u32,
    /// Calls that wait for the next instance.
    waiting: VecDeque<Box<Call>>,
    eras: Eras,
    /// Client profile `eras` and the remembered offer were loaded for.
    profile: Option<String>,
}

/// How one attempt ended.
enum Life {
    /// It ended well, or nobody needs it.
    Over,
    /// Told to: by hand, by a reload, by the end of the proxy.
    Told(Control),
    /// It failed; trying again may help unless `hopeless`.
    Failed { failure: Failure, steady: bool, hopeless: bool },
}

impl Lifecycle {
    pub(super) fn new(port: Arc<Port>, ctx: Arc<Context>) -> Self {
        Self { port, ctx, generation: 0, n_failures: 0, waiting: VecDeque::new(), eras: Eras::default(), profile: None }
    }

    /// The task's body: ends with [`Control::Shutdown`].
    pub(super) async fn run(mut self) {
        if !self.port.server.enabled {
            self.ctx.offers.publish(self.port.name(), OfferState::Absent);
            return self.rest(BackendState::Disabled).await;
        }
        let mut asleep = self.port.server.start != StartPolicy::Eager;
        loop {
            if asleep {
                let known = !matches!(self.ctx.offers.of(self.port.name()), OfferState::Pending);
                if !known {
                    self.ctx.offers.publish(self.port.name(), OfferState::Asleep);
                }
                if !self.sleep(BackendState::Idle).await {
                    return self.close();
                }
            }
            asleep = match self.live().await {
                Life::Over => true,
                Life::Told(Control::Shutdown { .. }) => return self.close(),
                Life::Told(Control::Restart) => {
                    self.port.status.change(|s| s.n_restarts += 1);
                    false
                }
                Life::Told(_) => {
                    self.ctx.offers.publish(self.port.name(), OfferState::Absent);
                    self.fail_mail("it was stopped by hand");
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

    fn set(&self, state: BackendState) {
        self.port.status.change(|s| s.state = state);
        self.ctx.observer.signal.raise();
    }

    /// Nothing will ever start it: calls fail, commands are ignored, until the end.
    async fn rest(mut self, state: BackendState) {
        self.set(state);
        loop {
            self.fail_mail("it is disabled in the configuration (`enabled: false`)");
            match self.next_control(None, true).await {
                Some(Control::Shutdown { .. }) => return self.close(),
                _ => continue,
            }
        }
    }

    /// Waits until somebody needs it. `false`: the end.
    async fn sleep(&mut self, state: BackendState) -> bool {
        let by_hand = state == BackendState::Stopped || self.port.server.start == StartPolicy::Manual;
        self.set(state);
        loop {
            if by_hand {
                self.fail_mail("it is stopped; start it in the terminal (Backends, s)");
            }
            match self.next_control(None, by_hand).await {
                Some(Control::Shutdown { .. }) => return false,
                Some(Control::Start | Control::Restart) => return true,
                Some(Control::Want) if !by_hand => return true,
                Some(_) => {}
                // There is mail.
                None if !by_hand => return true,
                None => {}
            }
        }
    }

    /// The next command; `None` when there is mail instead, or `until` has come.
    async fn next_control(&mut self, until: Option<Instant>, ignore_mail: bool) -> Option<Control> {
        let port = self.port.clone();
        let mut commands = VecDeque::new();
        tokio::select! { biased;
            () = port.control.ready() => port.control.drain(&mut commands),
            () = port.mailbox.ready() => {
                if ignore_mail {
                    self.fail_mail("it is not running");
                }
            }
            () = async { match until {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }} => {}
        }
        // The last word counts, but nothing comes after the end.
        let end = commands.iter().find(|c| matches!(c, Control::Shutdown { .. })).copied();
        end.or_else(|| commands.iter().rfind(|c| !matches!(c, Control::Detach(_))).copied())
    }

    /// After a failure: pause or park. `Some(asleep)` to go on, `None` at the end.
    async fn recover(&mut self, failure: Failure, steady: bool, hopeless: bool) -> Option<bool> {
        let restart = self.port.server.restart;
        self.n_failures = if steady { 1 } else { self.n_failures + 1 };
        let summary = failure.summary();
        let hint = failure.hint.clone();
        let never = restart.policy == RestartPolicy::Never;
        self.port.status.change(|s| s.failure = Some(failure));
        if hopeless || never || self.n_failures > restart.max {
            let hint = hint.map_or_else(String::new, |h| format!(": {h}"));
            self.ctx.observer.notice(NoticeLevel::Error, Some(self.port.name()), format!("{summary}{hint}"));
            self.ctx.offers.publish(self.port.name(), OfferState::Absent);
            // The call that woke it is in the mailbox still: it must not wake it again.
            self.fail_mail(&summary);
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
        if self.port.status.view().revision.is_none()
            && matches!(self.ctx.offers.of(self.port.name()), OfferState::Pending)
        {
            // It never was ready: nobody should wait for its lists.
            self.ctx.offers.publish(self.port.name(), OfferState::Absent);
        }
        let until = Instant::now() + pause;
        self.set(BackendState::Backoff { until: SystemTime::now() + pause });
        loop {
            let far = until.saturating_duration_since(Instant::now()) > SHORT_PAUSE;
            if far {
                self.fail_mail(&summary);
            }
            if Instant::now() >= until {
                break;
            }
            match self.next_control(Some(until), false).await {
                Some(Control::Shutdown { .. }) => return None,
                Some(Control::Start | Control::Restart) => break,
                Some(Control::Stop) => {
                    self.ctx.offers.publish(self.port.name(), OfferState::Absent);
                    if !self.sleep(BackendState::Stopped).await {
                        return None;
                    }
                    break;
                }
                _ if far => {}
                // There is mail, and it may wait for the restart: take it in.
                _ => self.take_mail_in(),
            }
        }
        self.port.status.change(|s| s.n_restarts += 1);
        Some(false)
    }

    /// One attempt: from nothing to serving to nothing.
    async fn live(&mut self) -> Life {
        self.generation += 1;
        self.set(BackendState::Starting);
        let begun = Instant::now();
        self.port.status.change(|s| s.started = Some(begun));
        let Target::Stdio { command, .. } = &self.port.server.target else {
            let message = "this version speaks stdio to servers; HTTP servers come with the next one".to_owned();
            let hint = Some("use a stdio bridge such as `npx -y mcp-remote URL`, or set `enabled: false`".to_owned());
            return self.failed("resolve", message, hint, begun, None, None, true);
        };
        let command = command.clone();
        let ctx = self.ctx.clone();
        let turn = ctx.starting.acquire().await;
        let spec = match self.spec().await {
            Ok(spec) => spec,
            Err(missing) => {
                let (message, hint) = explain(&command, &missing);
                return self.failed("resolve", message, Some(hint), begun, None, None, true);
            }
        };
        let resolved = spec.program.display().to_string();
        let mut child = match Child::spawn(&spec, &self.ctx.guardian) {
            Ok(child) => child,
            Err(error) => {
                let message = format!("`{command}` could not be started: {error}");
                let hint = spec.cwd.filter(|d| !d.is_dir()).map(|d| format!("`cwd` {} is no directory", d.display()));
                return self.failed("spawn", message, hint, begun, Some(resolved), None, false);
            }
        };
        self.port.status.change(|s| s.pid = Some(child.pid()));
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return self.failed("spawn", "its pipes are missing".to_owned(), None, begun, Some(resolved), None, false);
        };
        let mut tasks = JoinSet::new();
        let said_until = self.ctx.observer.logs.next();
        if let Some(stderr) = child.stderr.take() {
            tasks.spawn(read_stderr(self.port.clone(), self.ctx.clone(), stderr));
        }
        let (exit_tx, exit_rx) = oneshot::channel();
        let (end_tx, end_rx) = oneshot::channel();
        let keeper = keep(child, exit_tx, end_rx);
        let link = Link { reader: Box::new(stdout), writer: Box::new(stdin) };
        let instance = Instance::new(self.port.clone(), self.ctx.clone(), self.generation, link, exit_rx);
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper);
        let (ended, instance) = self.open_and_serve(instance, turn.ok()).await;
        let steady = matches!(self.port.status.state(), BackendState::Ready)
            && SystemTime::now().duration_since(self.port.status.view().since).is_ok_and(|d| d >= STEADY);
        let was_ready = matches!(self.port.status.state(), BackendState::Ready);
        let life = self.judge(ended, begun, resolved, steady, was_ready);
        self.give_up(instance, &life);
        if !matches!(life, Life::Failed { .. }) {
            self.set(BackendState::Stopping);
        }
        // The instance is gone and with it our end of its stdin: EOF. The keeper does the rest.
        let _ = end_tx.send(());
        while keepers.join_next().await.is_some() {}
        // Its last words may still be in the pipe; a grandchild that holds it open is not waited for.
        let _ =
            tokio::time::timeout(Duration::from_millis(50), async { while tasks.join_next().await.is_some() {} }).await;
        self.port.status.change(|s| s.pid = None);
        match life {
            Life::Failed { mut failure, steady, hopeless } => {
                failure.stderr = self.last_words(said_until);
                if failure.hint.is_none() {
                    failure.hint = hint(&failure.stderr);
                }
                Life::Failed { failure, steady, hopeless }
            }
            life => life,
        }
    }

    /// What to start and with what environment.
    async fn spec(&self) -> Result<ChildSpec, NotFound> {
        let Target::Stdio { command, args, cwd, env } = &self.port.server.target else {
            return Err(NotFound::NoFile(PathBuf::new()));
        };
        let own = env.get("PATH").map_or_else(SearchPath::current, |p| SearchPath::new(p.reveal().as_ref()));
        let ask_shell = self.ctx.env.path_from_login_shell;
        let (program, path) = find_program(command, cwd.as_deref(), own, ask_shell).await?;
        Ok(ChildSpec {
            program,
            args: args.iter().map(|a| a.reveal().into()).collect(),
            cwd: cwd.clone(),
            env: child_env(&self.ctx.env, &path, env),
        })
    }

    /// Waits for the first client's word, opens the talk, serves.
    async fn open_and_serve(
        &mut self,
        mut instance: Instance,
        mut turn: Option<SemaphorePermit<'_>>,
    ) -> (Result<End, OpenError>, Instance) {
        let mut opening = self.ctx.opening.subscribe();
        let mut eras = self.eras;
        let port = self.port.clone();
        let opened = {
            let open = async {
                let facts = match &mut *await_facts(&mut opening, &port).await {
                    Ok(facts) => facts.clone(),
                    Err(control) => return Err(OpenError::Told(*control)),
                };
                self.recall(&facts);
                eras = Eras { probe_harms: eras.probe_harms || self.eras.probe_harms, ..self.eras };
                self.set(BackendState::Handshaking);
                // Several clients share this instance as soon as a second one comes: then the modern era serves all.
                let alone = self.ctx.peers.all().len() <= 1;
                let opened = instance.open(&facts, alone, &mut eras).await;
                opened.map(|()| facts)
            };
            let mut open = std::pin::pin!(open);
            let mut patience = std::pin::pin!(tokio::time::sleep(TURN));
            loop {
                tokio::select! { biased;
                    opened = &mut open => break opened,
                    () = &mut patience, if turn.is_some() => turn = None,
                }
            }
        };
        drop(turn);
        self.eras = eras;
        if let Err(error) = opened {
            return (Err(error), instance);
        }
        self.ready(&mut instance);
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
                return (Ok(end), instance);
            }
        }
    }

    /// Loads what is remembered for clients like this one.
    fn recall(&mut self, facts: &ClientFacts) {
        let profile = facts.profile();
        if self.profile.as_ref() == Some(&profile) {
            return;
        }
        let (eras, offer) = self.ctx.memory.load(&self.port.server, &profile);
        self.eras = eras;
        self.profile = Some(profile);
        let known = matches!(self.ctx.offers.of(self.port.name()), OfferState::Known { .. });
        if !known {
            // Published even when nothing is remembered: the first client's `initialize` waits for this word.
            let state = offer.map_or(OfferState::Pending, |o| OfferState::Known { offer: Arc::new(o), cached: true });
            self.ctx.offers.publish(self.port.name(), state);
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
        self.ctx.observer.notice(
            NoticeLevel::Info,
            Some(self.port.name()),
            format!("ready, MCP {}, pid {pid}", instance.revision),
        );
        instance.relist();
        instance.send_level();
        if instance.era() == Era::Modern {
            instance.open_listen();
        }
        for call in self.waiting.drain(..) {
            // Behind nothing: these came before what is in the mailbox.
            instance.take_first(Mail::Call(call));
        }
    }

    /// What an ended attempt means.
    fn judge(
        &mut self,
        ended: Result<End, OpenError>,
        begun: Instant,
        resolved: String,
        steady: bool,
        was_ready: bool,
    ) -> Life {
        let resolved = Some(resolved);
        let describe = |exit: Option<ExitReason>| {
            exit.map_or_else(|| "closed its pipes".to_owned(), |e| format!("ended with {e}"))
        };
        match ended {
            Ok(End::Idle) => Life::Over,
            Ok(End::Told(control)) | Err(OpenError::Told(control)) => Life::Told(control),
            Ok(End::Gone(exit)) => {
                let clean = exit == Some(ExitReason::Code(0));
                match self.port.server.restart.policy {
                    RestartPolicy::OnFailure if clean => Life::Over,
                    _ => self.failed_life("serve", format!("it {}", describe(exit)), begun, resolved, exit, steady),
                }
            }
            Ok(End::Junk) | Err(OpenError::Junk) => {
                let phase = if was_ready { "serve" } else { "initialize" };
                let message = "it wrote 100 lines in a row on stdout that are no MCP messages".to_owned();
                let mut life = self.failed_life(phase, message, begun, resolved, None, false);
                if let Life::Failed { failure, .. } = &mut life {
                    failure.hint = Some(
                        "stdout is for messages only: look at its log for what it prints, e.g. use `npm --silent`"
                            .to_owned(),
                    );
                }
                life
            }
            Err(OpenError::Gone { phase, exit }) => {
                let mut life = self.failed_life(phase, format!("it {}", describe(exit)), begun, resolved, exit, false);
                // It died on the probe, not of itself: the next start leaves the probe out, at once.
                if phase == "probe" && self.eras.probe_harms {
                    self.ctx.observer.notice(
                        NoticeLevel::Info,
                        Some(self.port.name()),
                        "it does not survive `server/discover`; starting it again with `initialize`",
                    );
                    life = Life::Told(Control::Restart);
                }
                life
            }
            Err(OpenError::Silent { phase: "probe", .. }) if self.eras.probe_harms => Life::Told(Control::Restart),
            Err(OpenError::Silent { phase, waited }) => {
                // It may have swallowed a probe: without one the next start may go well.
                self.eras.probe_harms = true;
                self.failed_life(phase, format!("it did not answer within {waited:.0?}"), begun, resolved, None, false)
            }
            Err(OpenError::Refused { phase, message }) => {
                self.failed_life(phase, message, begun, resolved, None, false)
            }
        }
    }

    fn failed_life(
        &self,
        phase: &'static str,
        message: String,
        begun: Instant,
        resolved: Option<String>,
        exit: Option<ExitReason>,
        steady: bool,
    ) -> Life {
        let mut life = self.failed(phase, message, None, begun, resolved, exit, false);
        if let Life::Failed { steady: s, .. } = &mut life {
            *s = steady;
        }
        life
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a failure's card, named where they are known")]
    fn failed(
        &self,
        phase: &'static str,
        message: String,
        hint: Option<String>,
        begun: Instant,
        resolved: Option<String>,
        exit: Option<ExitReason>,
        hopeless: bool,
    ) -> Life {
        let at = SystemTime::now();
        let failure = Failure { at, phase, message, resolved, exit, after: begun.elapsed(), stderr: Vec::new(), hint };
        Life::Failed { failure, steady: false, hopeless }
    }

    fn last_words(&self, from: u64) -> Vec<String> {
        self.ctx.observer.logs.tail(self.port.name(), from, N_LAST_WORDS)
    }

    /// What waited for the instance fails or waits for the next one.
    fn give_up(&mut self, mut instance: Instance, life: &Life) {
        let (text, reason) = match life {
            Life::Failed { failure, .. } => (format!("server `{}`: {}", self.port.name(), failure.message), "exited"),
            _ => (format!("server `{}` was stopped", self.port.name()), "stopped"),
        };
        let exit = match life {
            Life::Failed { failure, .. } => failure.exit,
            _ => None,
        };
        let mut data = serde_json::json!({ "backend": &**self.port.name(), "reason": reason });
        match exit {
            Some(ExitReason::Code(code)) => data["code"] = code.into(),
            Some(ExitReason::Signal(signal)) => data["signal"] = signal.into(),
            None => {}
        }
        let fault = Fault::new(code::INTERNAL, text).with_data(&data);
        let again = instance.abandon(&fault);
        self.waiting.extend(again);
    }

    fn take_mail_in(&mut self) {
        let mut mail = VecDeque::new();
        self.port.mailbox.drain(&mut mail);
        for m in mail {
            if let Mail::Call(call) = m {
                self.waiting.push_back(call);
            }
        }
    }

    fn fail_mail(&mut self, why: &str) {
        self.take_mail_in();
        self.fail_waiting(why);
    }

    fn fail_waiting(&mut self, why: &str) {
        for call in self.waiting.drain(..) {
            let data = serde_json::json!({ "backend": &**self.port.name(), "reason": "not_running" });
            let text = format!("server `{}` is not running: {why}", self.port.name());
            call.fail(Fault::new(code::INTERNAL, text).with_data(&data));
        }
    }

    /// The end of the task: nothing is left waiting.
    fn close(mut self) {
        self.port.mailbox.close();
        self.port.control.close();
        self.fail_mail("mcp-proxy is shutting down, or the server was removed from its configuration");
        self.set(BackendState::Stopped);
    }
}

/// The first client's word on itself, or the command that came instead.
async fn await_facts(
    opening: &mut tokio::sync::watch::Receiver<Option<Arc<ClientFacts>>>,
    port: &Port,
) -> Box<Result<Arc<ClientFacts>, Control>> {
    loop {
        if let Some(facts) = opening.borrow_and_update().clone() {
            return Box::new(Ok(facts));
        }
        tokio::select! { biased;
            () = port.control.ready() => {
                let mut commands = VecDeque::new();
                port.control.drain(&mut commands);
                let told = commands.into_iter().find(|c| matches!(c, Control::Stop | Control::Restart | Control::Shutdown { .. }));
                if let Some(control) = told {
                    return Box::new(Err(control));
                }
            }
            changed = opening.changed() => if changed.is_err() {
                return Box::new(Err(Control::Shutdown { drain: false }));
            },
        }
    }
}

/// Owns a process: tells when it is gone, ends it and everything it started when told to.
async fn keep(mut child: Child, exit: oneshot::Sender<ExitReason>, end: oneshot::Receiver<()>) {
    let mut end = end;
    tokio::select! { biased;
        _ = &mut end => {}
        reason = child.wait() => {
            // Nobody may be listening any more.
            let _ = exit.send(reason);
            let _ = end.await;
        }
    }
    let ended = child.end(GRACE).await;
    tracing::debug!(?ended, "a server's process is gone");
}

/// Reads stderr to its end, line by line, whatever it holds.
async fn read_stderr(port: Arc<Port>, ctx: Arc<Context>, stderr: ChildStderr) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is cut, not collected.
        match (&mut reader).take(MAX_STDERR_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            ctx.observer.log(port.name(), LogStream::Stderr, text);
        }
        // A flood must not keep the other tasks of this thread from running.
        tokio::task::consume_budget().await;
    }
}

/// Why a program was not found, and what to do.
fn explain(command: &str, missing: &NotFound) -> (String, String) {
    let config = "give the full path in `command`";
    match missing {
        NotFound::OnPath { dirs, .. } => {
            let install = match command {
                "npx" | "node" | "npm" => "install Node.js, or ",
                "uvx" | "uv" => "install uv (https://docs.astral.sh/uv), or ",
                "docker" => "install Docker, or ",
                _ => "install it, or ",
            };
            let dirs: Vec<String> = dirs.iter().map(|d| d.display().to_string()).collect();
            let message =
                format!("`{command}` was not found in the {} directories of PATH: {}", dirs.len(), dirs.join(":"));
            (message, format!("{install}{config}"))
        }
        NotFound::NoFile(path) => (format!("there is no file {}", path.display()), config.to_owned()),
        NotFound::NotExecutable(path) => {
            (format!("{} is not executable", path.display()), format!("`chmod +x {}`, or {config}", path.display()))
        }
    }
}

/// What the last words of a server usually mean.
fn hint(stderr: &[String]) -> Option<String> {
    let has = |text: &str| stderr.iter().any(|l| l.contains(text));
    let hint = if has("canceled due to missing packages") {
        "`npx` asked whether it may install the package: add `-y` before its name"
    } else if has("AttributeError") && has("mcp") {
        "an old Python server with a newer `mcp` package: pin it, e.g. `uvx --with 'mcp<2' PACKAGE`"
    } else if has("ModuleNotFoundError") || has("Cannot find module") {
        "a package it needs is not installed"
    } else if has("EACCES") || has("Permission denied") {
        "it lacks a permission; see its last words"
    } else {
        return None;
    };
    Some(hint.to_owned())
}
