//! Reloads while clients call: nobody loses an answer, nobody is disconnected, and what did not change goes on.

use std::path::Path;

use serde_json::{Value, json};

use super::tests::{Client, DEADLINE, LOOP, PROLOGUE, World, restarted};
use super::*;
use crate::config::{Isolation, ProtocolChoice, Server, StartPolicy, Step};

/// A server that has these tools and says with each answer which process it is; `slow` waits until `gate` is there.
fn script(tools: &[&str], gate: &Path) -> String {
    let tools: Vec<Value> = tools.iter().map(|t| json!({"name": t, "inputSchema": {"type": "object"}})).collect();
    let list = json!({ "tools": tools });
    let gate = gate.display();
    let own = format!(
        r#"
each() {{
  case "$l" in
    *'"initialize"'*) ok '{{"protocolVersion":"2025-11-25","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"sh","version":"1"}}}}' ;;
    *'"tools/list"'*) ok '{list}' ;;
    *slow*) while [ ! -e '{gate}' ]; do sleep 0.01; done; ok "{{\"pid\":$$}}" ;;
    *'"tools/call"'*) ok "{{\"pid\":$$}}" ;;
  esac
}}
"#
    );
    format!("{PROLOGUE}{own}{LOOP}")
}

fn server(name: &str, script: &str) -> Server {
    let mut server = Server::stdio(name, "/bin/sh", &["-c", script]);
    server.protocol = ProtocolChoice::Legacy;
    server.startup_timeout = DEADLINE;
    server.timeout = DEADLINE;
    server.list_wait = DEADLINE;
    server
}

impl World {
    /// Puts another configuration in place of the present one.
    async fn reload(&self, change: impl FnOnce(&mut Config)) -> Plan {
        let mut config = Config::clone(&self.engine.config.borrow());
        change(&mut config);
        tokio::time::timeout(DEADLINE, self.handle.reload(config)).await.expect("in time").expect("it runs")
    }

    /// The same for its first server.
    async fn change(&self, change: impl FnOnce(&mut Server)) -> Plan {
        self.reload(|config| change(Arc::make_mut(&mut config.servers[0]))).await
    }

    fn pid(&self) -> Option<u32> {
        self.handle.snapshot().backends[0].pid
    }
}

fn steps(plan: &Plan) -> Vec<(String, Step)> {
    plan.servers.iter().map(|s| (s.name.to_string(), s.step)).collect()
}

async fn pid_of(client: &mut Client, id: u64) -> Value {
    let answer = client.answer(&json!(id)).await;
    assert!(answer["result"]["pid"].is_number(), "{answer}");
    answer["result"]["pid"].clone()
}

async fn tools(client: &mut Client, id: u64) -> Vec<String> {
    client.ask(&json!(id), "tools/list", json!({})).await;
    let answer = client.answer(&json!(id)).await;
    let tools = answer["result"]["tools"].as_array().expect("a list").clone();
    tools.iter().filter_map(|t| t["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_does_not_touch_the_process_leaves_it_running() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    let world = World::new(server("s", &script(&["one", "two", "slow"], &gate)));
    let mut client = world.client().await;
    assert_eq!(tools(&mut client, 1).await, ["s__one", "s__two", "s__slow"]);
    let pid = world.pid();
    client.call(2, "slow").await;
    world.flow("the call", |f| f.wire_id.is_some() && f.target.as_deref() == Some("s__slow")).await;
    let plan = world
        .change(|s| {
            s.tools.deny.push("two".to_owned());
            s.prefix = Some("p".to_owned());
            s.timeout = DEADLINE * 2;
            s.max_concurrent = 1;
            s.tags.push("new".to_owned());
        })
        .await;
    assert_eq!(steps(&plan), [("s".to_owned(), Step::Adjusted)]);
    client.wait_for(|l| l["method"] == "notifications/tools/list_changed").await;
    assert_eq!(tools(&mut client, 3).await, ["p__one", "p__slow"]);
    client.ask(&json!(4), "tools/call", json!({"name": "p__two", "arguments": {}})).await;
    assert!(client.answer(&json!(4)).await["error"].is_object(), "it is denied");
    // The new limit holds: this one waits behind the slow one.
    client.ask(&json!(5), "tools/call", json!({"name": "p__one", "arguments": {}})).await;
    std::fs::write(&gate, "").expect("written");
    assert_eq!(pid_of(&mut client, 2).await, pid_of(&mut client, 5).await);
    assert_eq!(world.pid(), pid);
    assert_eq!(world.handle.snapshot().backends[0].n_restarts, 0);
    world.end().await;
}

#[tokio::test]
async fn a_changed_server_ends_its_calls_while_the_new_one_takes_the_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    let world = World::new(server("s", &script(&["one", "slow"], &gate)));
    let mut client = world.client().await;
    tools(&mut client, 1).await;
    client.call(2, "slow").await;
    world.flow("the call", |f| f.wire_id.is_some() && f.target.as_deref() == Some("s__slow")).await;
    let plan = world.change(|s| restarted(s, 1)).await;
    assert_eq!(steps(&plan), [("s".to_owned(), Step::Restarted)]);
    assert_eq!(plan.servers[0].n_draining, 1);
    client.call(3, "one").await;
    let new = pid_of(&mut client, 3).await;
    std::fs::write(&gate, "").expect("written");
    let old = pid_of(&mut client, 2).await;
    assert_ne!(old, new);
    world.end().await;
}

#[tokio::test]
async fn calls_that_wait_for_a_replaced_server_go_to_the_new_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    // It never comes up; calls wait for it.
    let world = World::new(server("s", "exec cat >/dev/null"));
    let mut client = world.client().await;
    client.call(1, "one").await;
    client.call(2, "two").await;
    client.call(3, "three").await;
    world.flow("the last call", |f| f.target.as_deref() == Some("s__three")).await;
    client.cancel(2).await;
    let good = script(&["one"], &gate);
    world.reload(|c| c.servers = vec![Arc::new(server("s", &good))]).await;
    assert_eq!(pid_of(&mut client, 1).await, pid_of(&mut client, 3).await);
    // A limit of one and a slow call: the others wait for their turn with a server that is replaced meanwhile.
    world.change(|s| s.max_concurrent = 1).await;
    client.call(4, "slow").await;
    client.call(5, "one").await;
    world.flow("the call behind it", |f| f.target.as_deref() == Some("s__one") && f.wire_id.is_none()).await;
    world.change(|s| restarted(s, 1)).await;
    let new = pid_of(&mut client, 5).await;
    std::fs::write(&gate, "").expect("written");
    assert_ne!(pid_of(&mut client, 4).await, new);
    world.end().await;
}

#[tokio::test]
async fn a_call_taken_back_on_its_way_to_the_new_server_is_not_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let record = dir.path().join("record");
    let world = World::new(server("s", "exec cat >/dev/null"));
    let mut client = world.client().await;
    client.call(1, "one").await;
    world.flow("the call", |f| f.target.as_deref() == Some("s__one")).await;
    let good =
        format!("{PROLOGUE}\ncall() {{ printf '%s\\n' \"$l\" >>'{}'; ok '{{\"pid\":1}}'; }}{LOOP}", record.display());
    let mut config = Config::clone(&world.engine.config.borrow());
    config.servers = vec![Arc::new(server("s", &good))];
    // Both come to the engine in the same moment.
    let (plan, ()) = tokio::join!(world.handle.reload(config), client.cancel(1));
    plan.expect("it runs");
    client.call(2, "two").await;
    assert_eq!(pid_of(&mut client, 2).await, 1);
    let made = std::fs::read_to_string(&record).expect("one call at least");
    assert!(made.lines().count() == 1 && made.contains("two"), "{made}");
    world.end().await;
}

#[tokio::test]
async fn lists_are_told_once_and_complete() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    let world = World::with(server("a", &script(&["one"], &gate)), |_| {}, false);
    let mut client = world.client().await;
    assert_eq!(tools(&mut client, 1).await, ["a__one"]);
    // One goes, one comes, one is another: all in one go, each at its own pace.
    let late = format!("sleep 0.3\n{}", script(&["late"], &gate));
    let plan = world
        .reload(|c| {
            c.servers = vec![
                Arc::new(server("a", &script(&["two"], &gate))),
                Arc::new(server("b", &script(&["early"], &gate))),
                Arc::new(server("c", &late)),
            ];
        })
        .await;
    assert_eq!(
        steps(&plan),
        [("a".to_owned(), Step::Restarted), ("b".to_owned(), Step::Added), ("c".to_owned(), Step::Added)]
    );
    client.wait_for(|l| l["method"] == "notifications/tools/list_changed").await;
    assert_eq!(tools(&mut client, 2).await, ["a__two", "b__early", "c__late"]);
    let plan = world.reload(|c| drop(c.servers.remove(1))).await;
    assert_eq!(steps(&plan), [("b".to_owned(), Step::Removed)]);
    client.wait_for(|l| l["method"] == "notifications/tools/list_changed").await;
    assert_eq!(tools(&mut client, 3).await, ["a__two", "c__late"]);
    client.ask(&json!(4), "tools/call", json!({"name": "b__early", "arguments": {}})).await;
    assert_eq!(client.answer(&json!(4)).await["error"]["code"], -32602);
    assert!(client.kept.iter().all(|l| l["method"] != "notifications/tools/list_changed"), "{:?}", client.kept);
    world.end().await;
}

#[tokio::test]
async fn who_shares_an_instance_may_change_under_its_calls() {
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    let mut apart = server("s", &script(&["one", "slow"], &gate));
    apart.isolation = Isolation::PerSession;
    let world = World::new(apart);
    let (mut a, mut b) = (world.client().await, world.client().await);
    a.call(1, "one").await;
    b.call(1, "one").await;
    let (of_a, of_b) = (pid_of(&mut a, 1).await, pid_of(&mut b, 1).await);
    assert_ne!(of_a, of_b);
    a.call(2, "slow").await;
    world.flow("the call", |f| f.wire_id.is_some() && f.target.as_deref() == Some("s__slow")).await;
    let plan = world.change(|s| s.isolation = Isolation::Shared).await;
    assert_eq!(steps(&plan), [("s".to_owned(), Step::Adjusted)]);
    a.call(3, "one").await;
    b.call(3, "one").await;
    let shared = pid_of(&mut a, 3).await;
    assert_eq!(pid_of(&mut b, 3).await, shared);
    std::fs::write(&gate, "").expect("written");
    assert_eq!(pid_of(&mut a, 2).await, of_a, "what ran goes on where it was");
    world.until("only one instance", |s| s.backends[0].n_instances == 1).await;
    world.end().await;
}

#[tokio::test]
async fn servers_are_enabled_disabled_and_woken_by_a_reload() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut lazy = server("s", &script(&["one"], &dir.path().join("gate")));
    lazy.start = StartPolicy::Lazy;
    let world = World::new(lazy);
    let mut client = world.client().await;
    world.until_state("idle").await;
    assert_eq!(steps(&world.change(|s| s.start = StartPolicy::Eager).await), [("s".to_owned(), Step::Adjusted)]);
    world.until_state("ready").await;
    let pid = world.pid();
    assert_eq!(steps(&world.change(|s| s.enabled = false).await), [("s".to_owned(), Step::Disabled)]);
    world.until_state("disabled").await;
    assert_eq!(steps(&world.change(|s| s.timeout = DEADLINE * 3).await), [("s".to_owned(), Step::Adjusted)]);
    assert_eq!(steps(&world.change(|s| s.enabled = true).await), [("s".to_owned(), Step::Enabled)]);
    client.call(1, "one").await;
    assert_ne!(pid_of(&mut client, 1).await, json!(pid));
    world.end().await;
}

#[tokio::test]
async fn what_has_failed_is_tried_again_under_other_rules() {
    let mut dead = server("s", "exit 3");
    dead.restart.max = 0;
    let world = World::new(dead);
    world.until_state("failed").await;
    world.change(|s| s.startup_timeout = DEADLINE * 2).await;
    world.until("another try", |s| s.backends[0].n_restarts == 1 && s.backends[0].state.word() == "failed").await;
    world.end().await;
}

/// A port that is free, by what the system gave somebody a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

#[tokio::test]
async fn a_move_that_fails_late_does_not_undo_the_next_one() {
    let listener = Listener::bind("127.0.0.1", 0).await.expect("a port");
    let first = listener.address().expect("bound").port();
    let config = Config { port: first, ..Config::default() };
    let options = Options {
        has_screen: false,
        await_client: false,
        guardian: Guardian::none(),
        memory: Memory::new(None),
        task_ids: TaskIds::new(None),
    };
    let mut proxy = Proxy::start(config.clone(), options);
    proxy.listen(listener, false);
    let (handle, engine) = (proxy.handle(), proxy.engine.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = JoinSet::new();
    running.spawn(proxy.run(async { drop(stopped.await) }));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|a| (taken, a.port())).expect("bound");
    let good = free_port();
    // Both are there before the first has failed.
    let to = |port| handle.reload(Config { port, ..config.clone() });
    let (failed, moved) = tokio::join!(to(taken.1), to(good));
    assert_eq!(failed.expect("it runs").failed.len(), 1);
    assert_eq!(moved.expect("it runs").failed, Vec::<String>::new());
    assert_eq!(engine.config.borrow().port, good);
    assert!(std::net::TcpStream::connect(("127.0.0.1", good)).is_ok(), "it listens where it says");
    // One that fails afterwards leaves it there, whatever was tried in between.
    let (one, two) =
        tokio::join!(to(taken.1), handle.reload(Config { port: taken.1, name: "x".into(), ..config.clone() }));
    assert_eq!((one.expect("it runs").failed.len(), two.expect("it runs").failed.len()), (1, 0));
    assert_eq!(engine.config.borrow().port, good);
    stop.send(()).expect("it runs");
    running.join_next().await;
}

/// A small generator with a seed: the same edits in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One edit of a configuration, as a person might make it in a hurry.
fn edit(config: &mut Config, dice: &mut Dice, script: &str) {
    let names = ["a", "b", "c", "d"];
    match dice.roll(6) {
        0 if config.servers.len() < names.len() => {
            let free = names.iter().find(|n| config.servers.iter().all(|s| *s.name != ***n));
            config.servers.extend(free.map(|n| Arc::new(server(n, script))));
        }
        1 if config.servers.len() > 1 => {
            let at = dice.roll(config.servers.len() as u64) as usize;
            config.servers.remove(at);
        }
        2 => config.servers.reverse(),
        what => {
            let at = dice.roll(config.servers.len() as u64) as usize;
            let server = Arc::make_mut(&mut config.servers[at]);
            match what {
                3 => restarted(server, dice.roll(1000) as usize),
                4 => server.max_concurrent = 1 + dice.roll(3) as usize,
                _ => server.isolation = if dice.roll(2) == 0 { Isolation::PerSession } else { Isolation::Shared },
            }
        }
    }
}

#[tokio::test]
async fn random_edits_under_load_cost_no_call_and_no_client() {
    const N_EDITS: usize = 40;
    const N_CLIENTS: usize = 4;
    let dir = tempfile::tempdir().expect("a folder");
    let script = script(&["one", "two"], &dir.path().join("gate"));
    let world = World::new(server("a", &script));
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..N_CLIENTS {
        let (mut client, stop) = (world.client().await, stop.clone());
        callers.spawn(async move {
            let (mut n, mut n_good) = (0_u64, 0_u64);
            while !stop.load(Ordering::Relaxed) {
                // Several at a time, to servers that may not be there.
                for server in ["a", "b", "c", "d"] {
                    n += 1;
                    let params = json!({"name": format!("{server}__one"), "arguments": {}});
                    client.ask(&json!(n), "tools/call", params).await;
                }
                for id in n - 3..=n {
                    let answer = client.answer(&json!(id)).await;
                    // A name that nobody has, or no longer has, is an answer as well.
                    let code = &answer["error"]["code"];
                    let is_unknown = *code == -32602 || (*code == -32603 && answer.to_string().contains("removed"));
                    assert!(answer["result"]["pid"].is_number() || is_unknown, "{answer}");
                    n_good += u64::from(answer["result"].is_object());
                }
            }
            (client, n_good)
        });
    }
    let mut dice = Dice(7);
    for _ in 0..N_EDITS {
        world.reload(|config| edit(config, &mut dice, &script)).await;
        // As many calls in between as the dice say.
        let wanted = world.handle.snapshot().totals.n_calls + dice.roll(20);
        world.until("more calls", |s| s.totals.n_calls >= wanted).await;
    }
    stop.store(true, Ordering::Relaxed);
    let done = async {
        let mut n_good = 0;
        while let Some(ended) = callers.join_next().await {
            let (mut client, n) = ended.expect("no call was lost");
            n_good += n;
            client.ask(&json!("still"), "ping", json!({})).await;
            assert!(client.answer(&json!("still")).await["result"].is_object(), "it is still connected");
        }
        n_good
    };
    let n_good = tokio::time::timeout(DEADLINE * 3, done).await.expect("all calls end");
    assert!(n_good > N_EDITS as u64, "{n_good} calls were answered");
    world.end().await;
}
