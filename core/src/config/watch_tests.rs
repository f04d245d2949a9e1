//! Files as editors, links and people change them, and what of it is seen.

use std::fs;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use tokio::time::Instant;

use super::listener::Heard;
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
