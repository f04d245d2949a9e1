//! [`Follow`]: the engine follows its configuration file, and whoever wants it read now hears what came of that.
//!
//! A configuration is applied as a whole or not at all; one that cannot be used is reported and changes nothing. One task,
//! so that two reloads come one after the other.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::file::ConfigFile;
use super::handle::{CommandError, ProxyHandle};
use crate::config::{Config, ConfigWatch, Level, Loaded, Plan, Reload, render};

/// Wishes waiting, at most.
const N_WISHES: usize = 16;

/// Something about the configuration file.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Read it now, and go by it.
    Reload {
        /// Whoever waits for what comes of it.
        done: oneshot::Sender<Report>,
    },
    /// Read this one, or the same, and say what it would change.
    Plan { path: Option<PathBuf>, done: oneshot::Sender<Report> },
}

/// What came of reading a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it went.
    pub outcome: Verdict,
    /// The file.
    pub path: Option<PathBuf>,
    /// What was changed, or would be; empty when it was refused.
    pub plan: Plan,
    /// Everything there is to say about the file, for people: problems when it was refused, else warnings. Values out of
    /// variables are not in it.
    pub problems: String,
}

/// How a reload went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The file is in force now.
    Applied,
    /// It says what is in force already.
    Unchanged,
    /// It cannot be used; what was in force before still is.
    Refused,
    /// It can be used, and nothing was done.
    Planned,
}

/// Keeps an engine to its configuration file, until it is dropped.
#[derive(Debug)]
pub struct Follow {
    handle: ProxyHandle,
    /// The task of [`Following::run`].
    _task: JoinSet<()>,
}

impl Follow {
    /// Begins to follow; in a tokio runtime, and once an engine.
    #[must_use]
    pub fn start(watch: ConfigWatch, handle: ProxyHandle) -> Self {
        let (wishes, wished) = mpsc::channel(N_WISHES);
        let file = watch.file().map(|(path, environment)| ConfigFile::new(path, environment));
        handle.is_followed_by(file, wishes);
        let mut task = JoinSet::new();
        task.spawn(Following { watch, wished, handle: handle.clone() }.run());
        Self { handle, _task: task }
    }

    /// Has the file read now; what comes of it is logged.
    pub fn look(&self) {
        self.handle.wish_reload();
    }
}

/// The task.
struct Following {
    watch: ConfigWatch,
    wished: mpsc::Receiver<Wish>,
    handle: ProxyHandle,
}

impl Following {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                wish = self.wished.recv() => match wish {
                    Some(Wish::Reload { done }) => {
                        let Some(reload) = self.watch.look().await else { return };
                        let report = self.take(&reload).await;
                        // Who asked may have left.
                        let _ = done.send(report);
                    }
                    Some(Wish::Plan { path, done }) => {
                        let Some(loaded) = self.watch.read(path).await else { return };
                        let _ = done.send(self.planned(&loaded));
                    }
                    None => return,
                },
                changed = self.watch.changed() => match changed {
                    Some(reload) => drop(self.take(&reload).await),
                    None => return,
                },
            }
        }
    }

    /// Goes by what was read, if it can be used.
    async fn take(&self, reload: &Reload) -> Report {
        let loaded = &*reload.loaded;
        self.handle.file_was_read();
        let mut report = self.report(loaded);
        if report.outcome == Verdict::Refused {
            let problem = first_problem(loaded).unwrap_or_else(|| render::summary(loaded));
            tracing::warn!(
                "the configuration was not reloaded, the one before stays: {problem}; `mcp-proxy check` shows all of it"
            );
            self.handle.refuse_reload(problem);
            return report;
        }
        for warning in loaded.diagnostics.iter().filter(|d| d.level == Level::Warning) {
            tracing::warn!("configuration: {}", warning.message);
        }
        match self.handle.reload(Config::clone(&reload.config)).await {
            Ok(plan) => {
                report.outcome = if plan.is_empty() { Verdict::Unchanged } else { Verdict::Applied };
                report.plan = plan;
            }
            Err(error) => {
                report.outcome = Verdict::Refused;
                report.problems = error.to_string();
            }
        }
        report
    }

    fn planned(&self, loaded: &Loaded) -> Report {
        let mut report = self.report(loaded);
        if let Some(config) = &loaded.config {
            report.plan = self.handle.plan(config);
        }
        report
    }

    fn report(&self, loaded: &Loaded) -> Report {
        let outcome = if loaded.config.is_some() { Verdict::Planned } else { Verdict::Refused };
        let problems = if loaded.diagnostics.is_empty() {
            String::new()
        } else {
            render::human(loaded, render::Style { is_coloured: false, home: self.watch.home() })
        };
        Report { outcome, path: loaded.path.clone(), plan: Plan::default(), problems }
    }
}

/// The first error in one line, for the screen: where and what.
fn first_problem(loaded: &Loaded) -> Option<String> {
    let errors = || loaded.diagnostics.iter().filter(|d| d.level == Level::Error);
    let n = errors().count();
    let first = errors().next()?;
    let file = first.file.as_deref().and_then(std::path::Path::file_name).map(|f| f.to_string_lossy().into_owned());
    let place = first.place.as_ref().map(|p| format!("{}:{}", p.line, p.column));
    // Once is enough.
    let file = file.filter(|f| place.is_some() || !first.message.contains(f.as_str()));
    let at: Vec<String> = file.into_iter().chain(place).collect();
    let label = first.label.as_ref().map_or_else(String::new, |l| format!(" ({l})"));
    let more = if n > 1 { format!(", and {} more", n - 1) } else { String::new() };
    Some(format!("{} {}{label}{more}", at.join(":"), first.message).trim_start().to_owned())
}

impl ProxyHandle {
    /// Has the configuration file read now, whether it has changed or not, and goes by it if it can be used.
    ///
    /// # Errors
    /// When the engine follows no file, or is shutting down.
    pub async fn reload_file(&self) -> Result<Report, CommandError> {
        self.ask_follower(|done| Wish::Reload { done }).await
    }

    /// What the file `path`, or the one that is followed, would change; nothing is done.
    ///
    /// # Errors
    /// When the engine follows no file, or is shutting down.
    pub async fn plan_file(&self, path: Option<PathBuf>) -> Result<Report, CommandError> {
        self.ask_follower(|done| Wish::Plan { path, done }).await
    }

    /// What `config` would change, with the calls that would have to end first.
    #[must_use]
    pub fn plan(&self, config: &Config) -> Plan {
        let mut plan = Plan::between(&self.config(), config);
        self.count_draining(&mut plan);
        plan
    }

    pub(super) async fn ask_follower(
        &self,
        wish: impl FnOnce(oneshot::Sender<Report>) -> Wish,
    ) -> Result<Report, CommandError> {
        let wishes = self.follower().ok_or(CommandError::NotFollowed)?;
        let (done, report) = oneshot::channel();
        wishes.send(wish(done)).await.map_err(|_| CommandError::ShuttingDown)?;
        report.await.map_err(|_| CommandError::ShuttingDown)
    }

    fn wish_reload(&self) {
        let (done, _) = oneshot::channel();
        if let Some(wishes) = self.follower() {
            // A full box has such a wish in it already.
            let _ = wishes.try_send(Wish::Reload { done });
        }
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.engine().config.borrow().clone()
    }
}
