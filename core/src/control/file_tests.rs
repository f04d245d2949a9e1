//! What is written to the file, and what never is.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::config::{ConfigWatch, Located, Plan, load};
use crate::control::Follow;
use crate::proxy::{Memory, Options, Proxy, TaskIds};
use crate::transport::Guardian;

const TEXT: &str = "# mine\nservers:\n  a: # first\n    command: /bin/no-such-program\n    start: manual\n";

struct World {
    dir: tempfile::TempDir,
    handle: ProxyHandle,
    _follow: Follow,
    _engine: tokio::task::JoinSet<()>,
}

fn world(text: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    fs::write(&path, text).unwrap();
    let located = Located::File { path };
    let loaded = load(&located, &Environment::empty());
    let config = loaded.config.clone().expect("a good file");
    let options = Options {
        has_screen: false,
        await_client: false,
        guardian: Guardian::none(),
        memory: Memory::new(None),
        task_ids: TaskIds::new(None),
    };
    let proxy = Proxy::start(config.clone(), options);
    let handle = proxy.handle();
    let mut engine = tokio::task::JoinSet::new();
    engine.spawn(proxy.run(std::future::pending()));
    let watch = ConfigWatch::start(located, Environment::empty(), loaded, Arc::new(config));
    World { dir, _follow: Follow::start(watch, handle.clone()), handle, _engine: engine }
}

impl World {
    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

#[tokio::test]
async fn a_change_is_written_kept_and_gone_by() {
    let world = world(TEXT);
    let off = Change::UseServer { server: "a".into(), on: false };
    let saved = world.handle.configure(&off).await.unwrap().expect("something changed");
    assert_eq!(saved.report.outcome, Verdict::Applied);
    assert_eq!(world.file("config.yaml"), format!("{TEXT}    enabled: false\n"));
    assert_eq!(world.file("config.yaml.bak"), TEXT);
    let state = world.handle.snapshot().backends[0].state.clone();
    assert_eq!(state, crate::control::BackendState::Disabled);
    assert!(world.handle.configure(&off).await.unwrap().is_none(), "it says so already");
}

#[tokio::test]
async fn what_would_be_no_configuration_is_not_written() {
    let world = world(TEXT);
    let bad = Change::RenameServer { server: "a".into(), to: "a b".into() };
    let error = world.handle.configure(&bad).await.unwrap_err();
    assert!(matches!(&error, CommandError::NotConfigured(why) if why.contains("a b")), "{error}");
    assert_eq!(world.file("config.yaml"), TEXT);
    assert!(!world.dir.path().join("config.yaml.bak").exists());
    let nobody = Change::UseServer { server: "b".into(), on: true };
    assert!(world.handle.configure(&nobody).await.is_err());
}

#[tokio::test]
async fn a_file_that_has_changed_is_not_written_over() {
    let world = world(TEXT);
    let seen = world.handle.config_file().unwrap().read().unwrap();
    fs::write(world.dir.path().join("config.yaml"), "servers: {}\n").unwrap();
    let error = world.handle.save(seen, TEXT.to_owned()).await.unwrap_err();
    assert!(matches!(error, ReplaceError::Changed { .. }), "{error}");
    assert_eq!(world.file("config.yaml"), "servers: {}\n");
    assert!(!world.dir.path().join("config.yaml.bak").exists());
    let seen = world.handle.config_file().unwrap().read().unwrap();
    let saved = world.handle.save(seen, TEXT.replace("a:", "b:")).await.unwrap();
    assert_eq!(saved.seen.text().unwrap(), TEXT.replace("a:", "b:"));
    assert_ne!(saved.report.plan, Plan::default());
}
