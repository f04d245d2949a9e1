//! What a reload costs: one server of a hundred is another, from the file's text to the new configuration in force. The goal
//! is 100 ms; the servers' own starts come on top, and happen beside it.

#![expect(clippy::unwrap_used, reason = "a bench is no product code: a configuration that does not load must stop it")]

use std::fmt::Write as _;
use std::path::Path;

use divan::{Bencher, black_box};
use mcp_proxy_core::config::{Config, Environment, Plan, Step, load_text};
use mcp_proxy_core::control::ProxyHandle;
use mcp_proxy_core::proxy::{Memory, Options, Proxy, TaskIds};
use mcp_proxy_core::transport::Guardian;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

fn main() {
    divan::main();
}

const SERVERS: usize = 100;
/// The one that changes.
const CHANGED: usize = 57;

/// A server that is there and answers its handshake.
const SERVER: &str = r#"while read -r l; do id=${l#*\"id\":}; id=${id%%,*}; case "$l" in
  *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" ;;
esac; done"#;

/// A configuration as text; `mark` is what is different.
fn text(mark: usize) -> String {
    let mut text = "version: 1\nproxy: { env: { path_from_login_shell: false } }\nservers:\n".to_owned();
    // What the shell expands is not for us.
    let script = serde_json::to_string(&SERVER.replace('$', "$$")).unwrap();
    for n in 0..SERVERS {
        let mark = if n == CHANGED { mark } else { 0 };
        writeln!(
            text,
            "  server-{n}: {{ command: /bin/sh, args: [-c, {script}], protocol: legacy, env: {{ MARK: \"{mark}\" }} }}"
        )
        .unwrap();
    }
    text
}

fn config(mark: usize) -> Config {
    load_text(&text(mark), Path::new("/config.yaml"), &Environment::empty()).config.unwrap()
}

/// An engine with a hundred servers that run.
struct World {
    runtime: Runtime,
    handle: ProxyHandle,
    running: JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (handle, running) = runtime.block_on(async {
            let options = Options {
                has_screen: false,
                await_client: false,
                guardian: Guardian::none(),
                memory: Memory::new(None),
                task_ids: TaskIds::new(None),
            };
            let proxy = Proxy::start(config(0), options);
            let handle = proxy.handle();
            let mut running = JoinSet::new();
            running.spawn(proxy.run(std::future::pending()));
            ready(&handle).await;
            (handle, running)
        });
        Self { runtime, handle, running }
    }
}

async fn ready(handle: &ProxyHandle) {
    let mut changes = handle.subscribe();
    while handle.snapshot().backends.iter().any(|b| b.state.word() != "ready") {
        changes.changed().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.handle.shutdown();
        let running = std::mem::take(&mut self.running);
        self.runtime.block_on(running.join_all());
    }
}

#[divan::bench]
fn file_of_a_hundred_read_and_compared(bencher: Bencher) {
    let (old, new) = (config(0), text(1));
    bencher.bench(|| {
        let loaded = load_text(black_box(&new), Path::new("/config.yaml"), &Environment::empty());
        Plan::between(&old, &loaded.config.unwrap())
    });
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn one_of_a_hundred_restarted(bencher: Bencher) {
    let world = World::new();
    let pids = |handle: &ProxyHandle| handle.snapshot().backends.iter().map(|b| b.pid).collect::<Vec<_>>();
    let before = pids(&world.handle);
    let mut mark = 0;
    bencher
        .with_inputs(|| {
            mark += 1;
            // The one before is up.
            world.runtime.block_on(ready(&world.handle));
            text(mark)
        })
        .bench_local_values(|text| {
            let loaded = load_text(&text, Path::new("/config.yaml"), &Environment::empty());
            let plan = world.runtime.block_on(world.handle.reload(loaded.config.unwrap())).unwrap();
            assert_eq!((plan.n_of(Step::Restarted), plan.n_unchanged), (1, SERVERS - 1));
        });
    world.runtime.block_on(ready(&world.handle));
    let touched = before.iter().zip(pids(&world.handle)).filter(|(a, b)| **a != *b).count();
    assert_eq!(touched, 1, "only that one");
}

#[divan::bench(sample_count = 30)]
fn one_of_a_hundred_adjusted(bencher: Bencher) {
    let world = World::new();
    let mut config = config(0);
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            let server = std::sync::Arc::make_mut(&mut config.servers[CHANGED]);
            server.tags = vec![n.to_string()];
            config.clone()
        })
        .bench_local_values(|config| world.runtime.block_on(world.handle.reload(config)).unwrap());
}
