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

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::load::{Loaded, load};
use super::source::FileSeen;
use super::spots::{Spots, spots_of, tells_changes};
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

/// Has the system tell what happens to some files, until it is dropped.
#[derive(Default)]
struct Listener {
    spots: Spots,
    /// `None` where the system has no way to tell, or no more of it to give: looking goes on.
    inner: Option<RecommendedWatcher>,
    /// Every change of every file is told.
    tells_all: bool,
    heard: Arc<Heard>,
}

/// What the listener has heard.
#[derive(Default)]
struct Heard {
    notify: Notify,
    /// A file was written to and is not closed yet, as far as the system tells.
    is_open: AtomicBool,
}

impl Listener {
    /// Listens to the folders of `files` from now on, and of every link on the way to them.
    fn follow(&mut self, files: &[FileSeen]) {
        let spots = spots_of(files.iter().map(|f| f.path.as_path()));
        if spots != self.spots {
            self.inner = None;
            self.inner = self.listen(&spots);
            self.spots = spots;
        }
    }

    fn listen(&mut self, spots: &Spots) -> Option<RecommendedWatcher> {
        self.tells_all = false;
        let (heard, concerned) = (self.heard.clone(), spots.clone());
        let mut inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if !event.need_rescan() && !event.paths.iter().any(|p| concerned.concerns(p)) => {}
            Ok(event) => heard.hears(event.kind),
            Err(_) => heard.notify.notify_one(),
        })
        .ok()?;
        let mut tells_all = true;
        for folder in spots.folders() {
            if let Err(error) = inner.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "changes are not told, looking instead");
                tells_all = false;
            }
        }
        self.tells_all = tells_all && tells_changes(spots);
        Some(inner)
    }
}

impl Heard {
    fn hears(&self, kind: EventKind) {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.is_open.store(false, Ordering::Relaxed),
            // Our own reading of the file is an event, too.
            EventKind::Access(_) => return,
            // Only there is a file's being closed told as well.
            EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => {
                self.is_open.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        // Several words before anybody listens are one.
        self.notify.notify_one();
    }

    /// Waits until nothing was told for [`QUIET`] and no file is being written, at most [`LONGEST_WAIT`].
    async fn settle(&self) {
        let latest = Instant::now() + LONGEST_WAIT;
        loop {
            let is_open = self.is_open.load(Ordering::Relaxed);
            let until = if is_open { latest } else { latest.min(Instant::now() + QUIET) };
            if timeout_at(until, self.notify.notified()).await.is_err() || Instant::now() >= latest {
                // Whoever keeps it open for longer is not waited for again with each word.
                self.is_open.store(false, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// The result of blocking work; `None` if it could not be done.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let mut set = JoinSet::new();
    set.spawn_blocking(work);
    set.join_next().await?.ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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

    #[tokio::test]
    #[cfg(unix)]
    async fn links_on_the_way_are_followed_however_they_are_turned() {
        // As Kubernetes mounts a ConfigMap: the file, `..data`, and the folder behind it are all links but the last.
        let mut setup = Setup::new("config.yaml", |dir| {
            for (version, command) in [("v1", "one"), ("v2", "two")] {
                fs::create_dir(dir.join(version)).unwrap();
                fs::write(dir.join(version).join("config.yaml"), server(command)).unwrap();
            }
            std::os::unix::fs::symlink("v1", dir.join("..data")).unwrap();
            std::os::unix::fs::symlink("..data/config.yaml", dir.join("config.yaml")).unwrap();
        });
        std::os::unix::fs::symlink("v2", setup.path("..new")).unwrap();
        fs::rename(setup.path("..new"), setup.path("..data")).unwrap();
        let reload = setup.until(|r| command(r) == "two").await;
        assert!(reload.is_applied());
        fs::remove_dir_all(setup.path("v1")).unwrap();
        fs::write(setup.path("v2/config.yaml"), server("three")).unwrap();
        assert!(setup.until(|r| command(r) == "three").await.is_applied());
    }

    #[tokio::test]
    async fn the_backup_dance_of_an_editor_is_one_change() {
        let mut setup = Setup::plain();
        for name in ["two", "three"] {
            // As vim does it with `backupcopy=no`: away with the old one, write a new one, remove the old one.
            fs::rename(setup.path("config.yaml"), setup.path("config.yaml~")).unwrap();
            fs::write(setup.path("config.yaml"), server(name)).unwrap();
            fs::remove_file(setup.path("config.yaml~")).unwrap();
            let reload = setup.until(|r| command(r) == name).await;
            assert!(reload.is_applied());
        }
    }

    #[tokio::test]
    async fn a_folder_in_its_place_is_told_and_so_is_the_file_that_comes_back() {
        let mut setup = Setup::plain();
        fs::remove_file(setup.path("config.yaml")).unwrap();
        fs::create_dir(setup.path("config.yaml")).unwrap();
        let is_folder = |r: &Reload| r.loaded.diagnostics.iter().any(|d| d.message.contains("is a directory"));
        let reload = setup.until(is_folder).await;
        assert_eq!((reload.is_applied(), command(&reload).as_str()), (false, "one"));
        fs::remove_dir(setup.path("config.yaml")).unwrap();
        fs::write(setup.path("config.yaml"), server("two")).unwrap();
        assert_eq!(command(&setup.until(Reload::is_applied).await), "two");
    }

    #[tokio::test]
    async fn the_last_of_many_saves_counts() {
        let mut setup = Setup::plain();
        for i in 0..5000 {
            fs::write(setup.path("config.yaml"), server(&format!("n{i}"))).unwrap();
        }
        let reload = setup.until(|r| command(r) == "n4999").await;
        assert!(reload.is_applied() && reload.n_reloads < 1000, "{} readings", reload.n_reloads);
    }

    #[tokio::test]
    async fn a_look_reads_it_whether_it_has_changed_or_not() {
        let mut setup = Setup::plain();
        assert_eq!(setup.watch.look().await.unwrap().n_reloads, 1);
        fs::write(setup.path("config.yaml"), "servers: [").unwrap();
        let seen = setup.watch.look().await.unwrap();
        assert!(!seen.is_applied());
        assert_eq!(command(&seen), "one");
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_is_waited_for_but_not_forever() {
        let heard = Arc::new(Heard::default());
        let start = Instant::now();
        heard.settle().await;
        assert_eq!(start.elapsed(), QUIET);
        heard.hears(EventKind::Any);
        let start = Instant::now();
        heard.settle().await;
        assert_eq!(start.elapsed(), QUIET);
        let mut busy = JoinSet::new();
        let tell = heard.clone();
        busy.spawn(async move {
            let mut tick = tokio::time::interval(QUIET / 2);
            loop {
                tick.tick().await;
                tell.hears(EventKind::Any);
            }
        });
        let start = Instant::now();
        heard.settle().await;
        assert_eq!(start.elapsed(), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    #[cfg(target_os = "linux")]
    async fn a_file_that_is_open_is_waited_for_but_not_forever() {
        let heard = Heard::default();
        let written = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
        heard.hears(written);
        let start = Instant::now();
        heard.settle().await;
        assert_eq!(start.elapsed(), LONGEST_WAIT);
        heard.hears(written);
        heard.hears(EventKind::Access(AccessKind::Close(AccessMode::Write)));
        let start = Instant::now();
        heard.settle().await;
        assert_eq!(start.elapsed(), QUIET);
    }
}
