//! The file changes, the [`Config`] follows: published as it was checked, or not at all.
//!
//! The operating system is asked to tell about the folders of the file and, if it is a link, of the real file: editors that write
//! a new file and rename it are seen that way, and links into a folder of dot files as well. A file that is mounted alone into a
//! container, and file systems of other machines, tell nothing: so the contents are compared every [`POLL`] too. A file that is
//! not fit to be used is reported, and the configuration stays as it was.
//!
//! Input: the located file and the files it named. Output: a `watch` channel of [`Reload`]. [`ConfigWatch`] owns the task and the
//! listener; both end when it is dropped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::load::{Loaded, load};
use super::source::FileSeen;
use super::{Config, Environment, Located};

/// Watching begins after this time: a client that has launched us gets its first answers first. What changes in between
/// is found all the same, by the comparison it begins with.
const START_AFTER: Duration = Duration::from_millis(50);
/// How often the contents are compared where nothing is told.
pub const POLL: Duration = Duration::from_secs(2);
/// Editors write in several steps: this much quiet is waited for.
pub const QUIET: Duration = Duration::from_millis(50);
/// But no longer than this, however long the steps go on.
pub const LONGEST_WAIT: Duration = Duration::from_millis(300);

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
    receiver: watch::Receiver<Reload>,
    tell: mpsc::Sender<()>,
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
        let mut task = JoinSet::new();
        let watching = Watching::new(located, environment, files, sender);
        let tell = watching.listener.tell.clone();
        task.spawn(watching.run());
        Self { receiver, tell, _task: task }
    }

    /// Waits for the next reading of a changed file; good or bad. `None`: nothing is watched any more.
    ///
    /// # Cancel safety
    /// A change that came in the meantime is seen by the next call.
    pub async fn changed(&mut self) -> Option<Reload> {
        self.receiver.changed().await.ok()?;
        Some(self.receiver.borrow_and_update().clone())
    }

    /// A way to have the files looked at now.
    #[must_use]
    pub fn prompt(&self) -> Prompt {
        Prompt(self.tell.clone())
    }

    /// Another reader of the same.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Reload> {
        self.receiver.clone()
    }
}

/// A way to have the files looked at now.
#[derive(Clone, Debug)]
pub struct Prompt(mpsc::Sender<()>);

impl Prompt {
    /// Has the files looked at now. A look that is due anyway serves as well.
    pub fn look(&self) {
        let _ = self.0.try_send(());
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
    /// Told by the listener that something happened in one of the folders. One is enough: more say nothing more.
    told: mpsc::Receiver<()>,
}

impl Watching {
    fn new(located: Located, environment: Environment, files: Vec<FileSeen>, sender: watch::Sender<Reload>) -> Self {
        let (tell, told) = mpsc::channel(1);
        let listener = Listener { folders: BTreeSet::new(), inner: None, tell };
        Self { located, environment, files, sender, listener, told }
    }

    async fn run(mut self) {
        tokio::time::sleep(START_AFTER).await;
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Listen first, compare then: what happens between the two is told.
            self.listener.follow(&self.files);
            if self.compare().await.is_none() {
                return;
            }
            tokio::select! {
                biased;
                () = self.sender.closed() => return,
                told = self.told.recv() => match told {
                    Some(()) => settle(&mut self.told).await,
                    None => return,
                },
                _ = poll.tick() => {}
            }
        }
    }

    /// Reads all of it again if a file holds something else now. `None`: it cannot be done any more.
    async fn compare(&mut self) -> Option<()> {
        let files = self.files.clone();
        let now = off_thread(move || files.iter().map(FileSeen::again).collect::<Vec<_>>()).await?;
        if now == self.files {
            return Some(());
        }
        let (located, environment) = (self.located.clone(), self.environment.clone());
        let loaded = off_thread(move || load(&located, &environment)).await?;
        self.files.clone_from(&loaded.files);
        if loaded.config.is_none() {
            // What a bad version does not name is still looked at: a good one may come back with it.
            self.files.extend(now.into_iter().filter(|f| !loaded.files.iter().any(|l| l.path == f.path)));
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

/// Has the system tell what happens in some folders, until it is dropped.
struct Listener {
    folders: BTreeSet<PathBuf>,
    /// `None` where the system has no way to tell, or no more of it to give: comparing goes on.
    inner: Option<RecommendedWatcher>,
    tell: mpsc::Sender<()>,
}

impl Listener {
    /// Listens to the folders of `files` from now on, and of what they are links to.
    fn follow(&mut self, files: &[FileSeen]) {
        let folders = folders_of(files);
        if folders != self.folders {
            self.inner = self.listen(&folders);
            self.folders = folders;
        }
    }

    fn listen(&self, folders: &BTreeSet<PathBuf>) -> Option<RecommendedWatcher> {
        let tell = self.tell.clone();
        let mut inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading of the file is an event, too.
            let is_reading = event.is_ok_and(|e| e.kind.is_access());
            if !is_reading {
                // A full mailbox says the same already.
                let _ = tell.try_send(());
            }
        })
        .ok()?;
        for folder in folders {
            if let Err(error) = inner.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "changes are not told, comparing instead");
            }
        }
        Some(inner)
    }
}

/// Waits until nothing was told for [`QUIET`], at most [`LONGEST_WAIT`].
async fn settle(told: &mut mpsc::Receiver<()>) {
    let latest = Instant::now() + LONGEST_WAIT;
    while let Ok(Some(())) = timeout_at((Instant::now() + QUIET).min(latest), told.recv()).await {
        if Instant::now() >= latest {
            return;
        }
    }
}

/// The folders to listen to: of each file, and of what it is a link to.
fn folders_of(files: &[FileSeen]) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for file in files.iter().map(|f| &f.path) {
        folders.extend(file.parent().map(Path::to_owned));
        if let Ok(real) = file.canonicalize() {
            folders.extend(real.parent().map(Path::to_owned));
        }
    }
    folders
}

/// The result of blocking work; `None` if it could not be done.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let mut set = JoinSet::new();
    set.spawn_blocking(work);
    set.join_next().await?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Long enough for the slowest machine; a test that works never waits for it.
    const PATIENCE: Duration = Duration::from_secs(60);

    struct Setup {
        dir: tempfile::TempDir,
        watch: ConfigWatch,
    }

    fn server(command: &str) -> String {
        format!("servers: {{ a: {{ command: {command} }} }}\n")
    }

    impl Setup {
        /// Watches `named` in a folder that `prepare` has filled.
        fn new(named: &str, prepare: impl FnOnce(&Path)) -> Self {
            let dir = tempfile::tempdir().unwrap();
            prepare(dir.path());
            let located = Located::File { path: dir.path().join(named) };
            let loaded = load(&located, &Environment::empty());
            let config = Arc::new(loaded.config.clone().unwrap());
            let watch = ConfigWatch::start(located, Environment::empty(), loaded, config);
            Self { dir, watch }
        }

        fn plain() -> Self {
            Self::new("config.yaml", |dir| fs::write(dir.join("config.yaml"), server("one")).unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// The next reading in which `is_it` holds: one write may be seen as two.
        async fn until(&mut self, is_it: impl Fn(&Reload) -> bool) -> Reload {
            let found = async {
                loop {
                    let reload = self.watch.changed().await.unwrap();
                    if is_it(&reload) {
                        return reload;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, found).await.expect("the change is seen")
        }
    }

    fn command(reload: &Reload) -> String {
        match &reload.config.servers[0].target {
            crate::config::Target::Stdio { command, .. } => command.clone(),
            crate::config::Target::Http { .. } => String::new(),
        }
    }

    #[tokio::test]
    async fn a_file_written_in_place_is_read_again() {
        let mut setup = Setup::plain();
        fs::write(setup.path("config.yaml"), server("two")).unwrap();
        let reload = setup.until(Reload::is_applied).await;
        assert_eq!(command(&reload), "two");
    }

    #[tokio::test]
    async fn a_file_renamed_over_is_read_again_and_again() {
        let mut setup = Setup::plain();
        for name in ["two", "three"] {
            fs::write(setup.path("new"), server(name)).unwrap();
            fs::rename(setup.path("new"), setup.path("config.yaml")).unwrap();
            let reload = setup.until(|r| command(r) == name).await;
            assert!(reload.is_applied());
        }
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_link_follows_its_target() {
        let mut setup = Setup::new("config.yaml", |dir| {
            fs::create_dir(dir.join("dots")).unwrap();
            fs::write(dir.join("dots/real.yaml"), server("one")).unwrap();
            std::os::unix::fs::symlink(dir.join("dots/real.yaml"), dir.join("config.yaml")).unwrap();
        });
        fs::write(setup.path("dots/real.yaml"), server("two")).unwrap();
        let reload = setup.until(|r| command(r) == "two").await;
        assert!(reload.is_applied());
    }

    #[tokio::test]
    async fn a_bad_file_is_told_and_the_old_configuration_stays() {
        let mut setup = Setup::plain();
        fs::write(setup.path("config.yaml"), "servers: { a: { comand: two } }\n").unwrap();
        let reload = setup.until(|r| r.loaded.diagnostics.iter().any(|d| d.code == "MP104")).await;
        assert!(!reload.is_applied());
        assert_eq!(command(&reload), "one");
        fs::remove_file(setup.path("config.yaml")).unwrap();
        let reload = setup.until(|r| r.loaded.is_unreadable).await;
        assert_eq!(command(&reload), "one");
        fs::write(setup.path("config.yaml"), server("two")).unwrap();
        let reload = setup.until(Reload::is_applied).await;
        assert_eq!(command(&reload), "two");
    }

    #[tokio::test]
    async fn the_credentials_count_too() {
        let text = "servers: { a: { command: \"${PROGRAM}\" } }\n";
        let mut setup = Setup::new("config.yaml", |dir| {
            fs::write(dir.join("config.yaml"), text).unwrap();
            fs::write(dir.join("credentials.json"), "{\"PROGRAM\": \"one\"}").unwrap();
        });
        fs::write(setup.path("credentials.json"), "{\"PROGRAM\": \"two\"}").unwrap();
        let reload = setup.until(|r| command(r) == "two").await;
        assert!(reload.is_applied());
    }

    #[tokio::test]
    async fn what_does_not_change_the_contents_is_no_change() {
        let mut setup = Setup::plain();
        // The same text again, and another file in the folder; then something that counts.
        fs::write(setup.path("config.yaml"), server("one")).unwrap();
        fs::write(setup.path("other.yaml"), server("other")).unwrap();
        fs::write(setup.path("new"), server("two")).unwrap();
        fs::rename(setup.path("new"), setup.path("config.yaml")).unwrap();
        let reload = setup.until(|_| true).await;
        assert_eq!((command(&reload).as_str(), reload.n_reloads), ("two", 1));
    }

    #[tokio::test]
    async fn dropping_it_ends_everything() {
        let setup = Setup::plain();
        let mut other = setup.watch.subscribe();
        drop(setup);
        let ended = tokio::time::timeout(PATIENCE, other.changed()).await.unwrap();
        assert!(ended.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_is_waited_for_but_not_forever() {
        let (tell, mut told) = mpsc::channel(1);
        let start = Instant::now();
        settle(&mut told).await;
        assert_eq!(start.elapsed(), QUIET);
        let mut busy = JoinSet::new();
        busy.spawn(async move {
            let mut tick = interval(QUIET / 2);
            loop {
                tick.tick().await;
                let _ = tell.try_send(());
            }
        });
        let start = Instant::now();
        settle(&mut told).await;
        assert_eq!(start.elapsed(), LONGEST_WAIT);
    }
}
