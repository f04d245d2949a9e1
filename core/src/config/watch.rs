//! The file changes, the [`Config`] follows: published as it was checked, or not at all.
//!
//! The operating system is asked to tell about the folders of the file and of every link on the way to it: editors that write
//! a new file and rename it are seen that way, and links into a folder of dot files as well. What happens to other files there
//! is not listened to. A file that is mounted alone into a container, and file systems of other machines, tell nothing: those
//! are looked at every [`POLL`], the others every [`LOOK`]. Looking costs one `stat` a file. A file that is not fit to be used is
//! reported, and the configuration stays as it was.
//!
//! Input: the located file and the files it named. Output: a `watch` channel of [`Reload`]. [`ConfigWatch`] owns the task and the
//! listener; both end when it is dropped.

mod listener;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use listener::Listener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::load::{Loaded, load};
use super::source::FileSeen;
use super::{Config, Environment, Located};

/// Watching begins after this time: a client that has launched us gets its first answers first. What changes in between
/// is found all the same, by the comparison it begins with.
const START_AFTER: Duration = Duration::from_millis(50);
/// How often files are looked at where nothing is told, or where one is missing.
pub const POLL: Duration = Duration::from_secs(2);
/// How often they are looked at all the same where changes are told: a folder that was replaced as a whole tells nothing.
pub const LOOK: Duration = Duration::from_secs(30);
/// Editors write in several steps: this much quiet is waited for.
pub const QUIET: Duration = Duration::from_millis(50);
/// But no longer than this, however long the steps go on, or a file stays open for writing.
pub const LONGEST_WAIT: Duration = Duration::from_millis(300);
/// Requests to look at once, waiting.
const N_LOOKS: usize = 16;

/// What came of the last change.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The configuration in force: that of the last file without errors.
    pub config: Arc<Config>,
    /// The last reading, good or bad, with everything there is to say about it.
    pub loaded: Arc<Loaded>,
    /// How many times the file was read again.
    pub n_reloads: u64,
}

impl Reload {
    /// Whether the last reading came into force.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.loaded.config.is_some()
    }
}

/// Watches one configuration until it is dropped.
#[derive(Debug)]
pub struct ConfigWatch {
    located: Located,
    environment: Environment,
    receiver: watch::Receiver<Reload>,
    looks: mpsc::Sender<oneshot::Sender<()>>,
    /// The task of [`Watching::run`]; dropping the set ends it, and the listener with it.
    _task: JoinSet<()>,
}

impl ConfigWatch {
    /// Begins to watch the file of `loaded`, which has the configuration `config`. Must be called in a tokio runtime.
    #[must_use]
    pub fn start(located: Located, environment: Environment, loaded: Loaded, config: Arc<Config>) -> Self {
        let files = loaded.files.clone();
        let first = Reload { config, loaded: Arc::new(loaded), n_reloads: 0 };
        let (sender, receiver) = watch::channel(first);
        let (looks, asked) = mpsc::channel(N_LOOKS);
        let mut task = JoinSet::new();
        let watching = Watching {
            located: located.clone(),
            environment: environment.clone(),
            files,
            sender,
            listener: Listener::default(),
            asked,
        };
        task.spawn(watching.run());
        Self { located, environment, receiver, looks, _task: task }
    }

    /// Waits for the next reading of a changed file; good or bad. `None`: nothing is watched any more.
    ///
    /// # Cancel safety
    /// A change that came in the meantime is seen by the next call.
    pub async fn changed(&mut self) -> Option<Reload> {
        self.receiver.changed().await.ok()?;
        Some(self.receiver.borrow_and_update().clone())
    }

    /// Has all of it read now, whether a file has changed or not: what it refers to may have. Gives what came of that; a
    /// change that is found is not told by [`Self::changed`] again. `None`: nothing is watched any more.
    pub async fn look(&mut self) -> Option<Reload> {
        let (done, looked) = oneshot::channel();
        self.looks.send(done).await.ok()?;
        looked.await.ok()?;
        Some(self.receiver.borrow_and_update().clone())
    }

    /// Reads `path`, or what is watched, as it would be read if it were that; nothing comes of it.
    pub async fn read(&self, path: Option<PathBuf>) -> Option<Loaded> {
        let located = path.map_or_else(|| self.located.clone(), |path| Located::File { path });
        let environment = self.environment.clone();
        off_thread(move || load(&located, &environment)).await
    }

    /// The file that is watched, and what its references are read with.
    #[must_use]
    pub fn file(&self) -> Option<(PathBuf, Environment)> {
        match &self.located {
            Located::File { path } => Some((path.clone(), self.environment.clone())),
            Located::Nothing { .. } => None,
        }
    }

    /// The user's home, for paths that are shown.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.environment.home()
    }

    /// Another reader of the same.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Reload> {
        self.receiver.clone()
    }
}

/// The task.
struct Watching {
    located: Located,
    environment: Environment,
    /// What the configuration was made of, as it was then.
    files: Vec<FileSeen>,
    sender: watch::Sender<Reload>,
    listener: Listener,
    /// Whoever wants it read now hears when that is done.
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Watching {
    async fn run(mut self) {
        tokio::time::sleep(START_AFTER).await;
        loop {
            // Listen first, compare then: what happens between the two is told.
            self.listener.follow(&self.files);
            if self.compare().await.is_none() {
                return;
            }
            let pause = self.pause();
            tokio::select! {
                biased;
                () = self.sender.closed() => return,
                asked = self.asked.recv() => {
                    let Some(done) = asked else { return };
                    if self.read().await.is_none() {
                        return;
                    }
                    // Who asked may have left.
                    let _ = done.send(());
                }
                () = self.listener.heard.notify.notified() => self.listener.heard.settle().await,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Until files are looked at without a word from the system.
    fn pause(&self) -> Duration {
        let is_there = self.files.first().is_some_and(|f| f.is_read);
        if is_there && self.listener.tells_all { LOOK } else { POLL }
    }

    /// Reads all of it again if a file holds something else now. `None`: it cannot be done any more.
    async fn compare(&mut self) -> Option<()> {
        let files = self.files.clone();
        let now = off_thread(move || files.iter().map(FileSeen::again).collect::<Vec<_>>()).await?;
        let is_same = now.len() == self.files.len() && now.iter().zip(&self.files).all(|(a, b)| a.holds_the_same(b));
        self.files = now;
        if is_same { Some(()) } else { self.read().await }
    }

    /// Reads all of it again, and publishes what came of it.
    async fn read(&mut self) -> Option<()> {
        let (located, environment) = (self.located.clone(), self.environment.clone());
        let loaded = off_thread(move || load(&located, &environment)).await?;
        let before = std::mem::replace(&mut self.files, loaded.files.clone());
        if loaded.config.is_none() {
            // What a bad version does not name is still looked at: a good one may come back with it.
            self.files.extend(before.into_iter().filter(|f| !loaded.files.iter().any(|l| l.path == f.path)));
        }
        self.sender.send_modify(|reload| {
            if let Some(config) = &loaded.config {
                reload.config = Arc::new(config.clone());
            }
            reload.loaded = Arc::new(loaded);
            reload.n_reloads += 1;
        });
        Some(())
    }
}

/// The result of blocking work; `None` if it could not be done.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let mut set = JoinSet::new();
    set.spawn_blocking(work);
    set.join_next().await?.ok()
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
