//! The whole engine with clients in memory and servers that are a few lines of shell.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::backend::{BackendState, Principal};
use crate::config::{Secret, Server, StartPolicy, Target};
use crate::control::{Command, Snapshot};
use crate::observe::{Flow, FlowKind, Status};
use crate::protocol::CallId;

/// After this long a test has failed. Never reached by one that passes.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// What all shell servers have in common: `$id` is the id of the line, `ok TEXT` answers it. `$n` counts calls.
pub(super) const PROLOGUE: &str = r#"
n=0
say() { printf '%s\n' "$1"; }
ok() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$1}"; }
each() {
  case "$l" in
    *'"initialize"'*) ok '{"protocolVersion":"2025-11-25","capabilities":{"resources":{"subscribe":true},"logging":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'/list"'*) ok '{}' ;;
    *'"resources/subscribe"'*|*'"resources/unsubscribe"'*|*'"logging/setLevel"'*) ok '{}' ;;
    *'"tools/call"'*) n=$((n+1)); call ;;
    *'"prompts/get"'*) prompt ;;
  esac
}
call() { ok "{\"n\":$n}"; }
prompt() { ok '{}'; }
"#;
pub(super) const LOOP: &str = r#"
while read -r l; do id=${l#*\"id\":}; id=${id%%,*}; each; done
"#;

#[path = "proxy_scope_tests.rs"]
mod scopes;

/// A server named `s` that does what `script` redefines.
pub(super) fn server(script: &str) -> Server {
    let script = format!("{PROLOGUE}{script}{LOOP}");
    let mut server = Server::stdio("s", "/bin/sh", &["-c", &script]);
    server.protocol = crate::config::ProtocolChoice::Legacy;
    server
}

/// The same server, started in another way that makes no difference.
pub(super) fn restarted(server: &mut Server, mark: usize) {
    if let Target::Stdio { env, .. } = &mut server.target {
        env.insert("MARK".to_owned(), Secret::new(mark.to_string()));
    }
}

pub(super) struct World {
    pub(super) handle: ProxyHandle,
    pub(super) engine: Arc<Engine>,
    running: JoinSet<()>,
}

impl World {
    pub(super) fn new(server: Server) -> Self {
        Self::with(server, |_| {}, false)
    }

    pub(super) fn with(server: Server, change: impl FnOnce(&mut Config), await_client: bool) -> Self {
        Self::remembering(Memory::new(None), server, change, await_client)
    }

    pub(super) fn remembering(
        memory: Memory,
        server: Server,
        change: impl FnOnce(&mut Config),
        await_client: bool,
    ) -> Self {
        let mut config = Config { servers: vec![Arc::new(server)], ..Config::default() };
        config.env.path_from_login_shell = false;
        change(&mut config);
        let options = Options {
            has_screen: false,
            await_client,
            guardian: Guardian::none(),
            memory,
            task_ids: TaskIds::new(None),
        };
        let proxy = Proxy::start(config, options);
        let (handle, engine) = (proxy.handle(), proxy.engine.clone());
        let mut running = JoinSet::new();
        running.spawn(proxy.run(std::future::pending()));
        Self { handle, engine, running }
    }

    /// Waits until what can be seen is as wanted.
    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.handle.subscribe();
        let look = async {
            loop {
                let seen = self.handle.snapshot();
                if wanted(&seen) {
                    return seen;
                }
                // Not every change is told: a state may pass unseen.
                let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
            }
        };
        let found = tokio::time::timeout(DEADLINE, look).await;
        found.unwrap_or_else(|_| panic!("never happened: {what}: {:#?}", self.handle.snapshot().backends))
    }

    pub(super) async fn until_state(&self, state: &str) -> Snapshot {
        self.until(state, |s| s.backends[0].state.word() == state).await
    }

    pub(super) async fn command(&self, command: Command) {
        self.handle.command(command).await.expect("accepted");
    }

    pub(super) fn flows(&self) -> Vec<Flow> {
        let rows = self.handle.flows(CallId(0), 1000).rows;
        rows.iter().filter_map(|f| self.handle.flow(f.id)).collect()
    }

    /// Waits for a row of the journal.
    pub(super) async fn flow(&self, what: &str, wanted: impl Fn(&Flow) -> bool) -> Flow {
        self.until(what, |_| self.flows().iter().any(&wanted)).await;
        self.flows().into_iter().find(wanted).expect("just seen")
    }

    pub(super) async fn client(&self) -> Client {
        let mut client = self.silent_client();
        client.open("2025-11-25").await;
        client
    }

    pub(super) fn silent_client(&self) -> Client {
        self.client_as(Principal::own())
    }

    pub(super) fn client_as(&self, principal: Principal) -> Client {
        let link = self.handle.connect_as(Entrance { principal, ..Entrance::own("memory", "test") });
        Client { reader: BufReader::new(link.reader), writer: Some(link.writer), kept: Vec::new() }
    }

    pub(super) async fn end(mut self) {
        self.handle.shutdown();
        let end = async { while self.running.join_next().await.is_some() {} };
        tokio::time::timeout(DEADLINE, end).await.expect("the engine ends");
    }
}

/// Lets every task that has something to do come to rest.
pub(super) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(super) struct Client {
    reader: BufReader<Box<dyn tokio::io::AsyncRead + Send + Unpin>>,
    writer: Option<Box<dyn tokio::io::AsyncWrite + Send + Unpin>>,
    pub(super) kept: Vec<Value>,
}

impl Client {
    pub(super) async fn open(&mut self, revision: &str) {
        self.open_with(revision, json!({})).await;
    }

    pub(super) async fn open_with(&mut self, revision: &str, capabilities: Value) {
        let params = json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}});
        self.ask(&json!("open"), "initialize", params).await;
        assert!(self.answer(&json!("open")).await["result"].is_object());
    }

    pub(super) async fn send(&mut self, line: &str) {
        let writer = self.writer.as_mut().expect("still connected");
        writer.write_all(format!("{line}\n").as_bytes()).await.expect("memory");
        writer.flush().await.expect("memory");
    }

    pub(super) async fn ask(&mut self, id: &Value, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).await;
    }

    pub(super) async fn call(&mut self, id: u64, tool: &str) {
        self.ask(&json!(id), "tools/call", json!({"name": format!("s__{tool}"), "arguments": {}})).await;
    }

    pub(super) async fn cancel(&mut self, id: u64) {
        let params = json!({"requestId": id});
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string()).await;
    }

    pub(super) async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let n = tokio::time::timeout(DEADLINE, self.reader.read_line(&mut line)).await;
        match n.unwrap_or_else(|_| panic!("nothing comes; before: {:?}", self.kept)).expect("memory") {
            0 => None,
            _ => Some(serde_json::from_str(&line).expect("JSON")),
        }
    }

    /// The first line not given yet that is wanted.
    pub(super) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at);
        }
        loop {
            let line = self.line().await.expect("the session goes on");
            if wanted(&line) {
                return line;
            }
            self.kept.push(line);
        }
    }

    pub(super) async fn answer(&mut self, id: &Value) -> Value {
        self.wait_for(|l| l.get("method").is_none() && l["id"] == *id).await
    }

    pub(super) async fn number(&mut self, id: u64) -> Value {
        self.answer(&json!(id)).await["result"]["n"].clone()
    }
}

/// A server that dies when a tool `die` is called for the first time, and is started again after a short pause.
fn mortal() -> Server {
    let mut server = server(r#"call() { case "$l" in *'"die"'*) exit 3;; *) ok "{\"n\":$n}";; esac; }"#);
    server.restart.backoff_min = Duration::from_millis(2900);
    server
}

/// Kills the server and waits for the pause before its next start.
async fn kill(world: &World, client: &mut Client) {
    client.call(900, "die").await;
    assert!(client.answer(&json!(900)).await["error"].is_object());
    world.until_state("retry").await;
}

#[tokio::test]
async fn a_client_that_leaves_wakes_no_server() {
    let mut lazy = server("");
    lazy.start = StartPolicy::Lazy;
    let world = World::new(lazy);
    let first = world.client().await;
    let second = world.client().await;
    drop(second);
    world.until("one client", |s| s.clients.len() == 1).await;
    settle().await;
    let seen = world.handle.snapshot();
    assert_eq!((&seen.backends[0].state, seen.backends[0].pid), (&BackendState::Idle, None));
    drop(first);
    world.end().await;
}

#[tokio::test]
async fn stop_reaches_a_server_that_sleeps() {
    let mut lazy = server("");
    lazy.start = StartPolicy::Lazy;
    let world = World::new(lazy);
    let mut client = world.client().await;
    world.command(Command::Stop("s".into())).await;
    world.until_state("stopped").await;
    client.call(1, "x").await;
    let error = client.answer(&json!(1)).await["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| m.contains("stopped")), "{error}");
    world.command(Command::Start("s".into())).await;
    client.call(2, "x").await;
    world.until_state("ready").await;
    world.end().await;
}

#[tokio::test]
async fn stop_reaches_a_server_that_waits_for_its_turn_to_spawn() {
    let world = World::new(server(""));
    let turn = world.engine.ctx.spawning.lock().await;
    world.until_state("starting").await;
    world.command(Command::Stop("s".into())).await;
    let stopped = world.until_state("stopped").await;
    assert_eq!(stopped.backends[0].pid, None, "it never ran");
    drop(turn);
    world.command(Command::Start("s".into())).await;
    world.until_state("ready").await;
}

#[tokio::test]
async fn a_call_taken_back_before_the_server_is_there_never_reaches_it() {
    let world = World::new(mortal());
    let mut client = world.client().await;
    kill(&world, &mut client).await;
    client.call(1, "x").await;
    client.cancel(1).await;
    world.flow("the cancelled call", |f| f.status == Status::Cancelled).await;
    settle().await;
    world.command(Command::Restart("s".into())).await;
    client.call(2, "x").await;
    assert_eq!(client.number(2).await, 1, "the first call the new process got");
    world.end().await;
}

#[tokio::test]
async fn calls_of_a_client_that_left_are_never_made() {
    let world = World::new(mortal());
    let mut client = world.client().await;
    let mut other = world.client().await;
    kill(&world, &mut client).await;
    other.call(1, "x").await;
    other.call(2, "y").await;
    let second = world.flow("both calls", |f| f.target.as_deref() == Some("s__y")).await;
    drop(other);
    // A client that has only closed its side may still get answers; one that takes none is gone.
    world.command(Command::Cancel(second.id)).await;
    world.until("its end", |s| s.clients.len() == 1).await;
    world.command(Command::Restart("s".into())).await;
    client.call(3, "x").await;
    assert_eq!(client.number(3).await, 1, "the first call the new process got");
    world.end().await;
}

#[tokio::test]
async fn a_call_does_not_wait_for_ever_for_a_server_that_never_comes() {
    let mut mute = Server::stdio("s", "/bin/sh", &["-c", "exec cat >/dev/null"]);
    mute.protocol = crate::config::ProtocolChoice::Legacy;
    mute.startup_timeout = Duration::from_millis(100);
    mute.restart.max = u32::MAX;
    mute.restart.backoff_min = Duration::from_millis(10);
    mute.restart.backoff_max = Duration::from_millis(10);
    let world = World::new(mute);
    let mut client = world.client().await;
    client.call(1, "x").await;
    let error = client.answer(&json!(1)).await["error"].clone();
    assert_eq!(error["data"]["reason"], "not_ready", "{error}");
    world.end().await;
}

#[tokio::test]
async fn a_death_before_the_first_client_is_a_failure_of_its_own() {
    let mut dead = Server::stdio("s", "/bin/sh", &["-c", "echo no licence >&2; exit 9"]);
    dead.restart.backoff_min = Duration::from_secs(60);
    let world = World::with(dead, |_| {}, true);
    let seen = world.until("its failure", |s| s.backends[0].failure.is_some()).await;
    let failure = seen.backends[0].failure.clone().expect("just seen");
    assert_eq!((failure.phase, failure.exit), ("spawn", Some(crate::transport::ExitReason::Code(9))));
    assert_eq!(failure.stderr, ["no licence"]);
    assert_eq!(failure.resolved.as_deref(), Some("/bin/sh"));
    // The probe is not to blame.
    assert!(seen.notices.iter().all(|n| !n.text.contains("server/discover")), "{:?}", seen.notices);
    world.end().await;
}

#[tokio::test]
async fn a_request_in_flight_when_a_server_leaves_politely_is_made_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mark = dir.path().join("mark");
    let polite = format!("prompt() {{ [ -e '{0}' ] || {{ touch '{0}'; exit 0; }}; ok '{{}}'; }}", mark.display());
    let world = World::new(server(&polite));
    let mut client = world.client().await;
    client.ask(&json!(1), "prompts/get", json!({"name": "s__p"})).await;
    assert_eq!(client.answer(&json!(1)).await["result"], json!({}));
    world.end().await;
}

#[tokio::test]
async fn subscriptions_outlive_the_process() {
    let listing = r#"call() { case "$l" in *'"die"'*) exit 3;; *) ok "{\"n\":$n}";; esac; }"#;
    let mut world_server = server(listing);
    world_server.restart.backoff_min = Duration::from_millis(10);
    if let Target::Stdio { args, .. } = &mut world_server.target {
        let script = args[1].reveal().replace(
            r#"*'/list"'*) ok '{}' ;;"#,
            r#"*'"resources/list"'*) ok '{"resources":[{"uri":"x://1","name":"one"}]}' ;; *'/list"'*) ok '{}' ;;"#,
        );
        args[1] = Secret::new(script);
    }
    let world = World::new(world_server.clone());
    let mut client = world.client().await;
    client.ask(&json!(1), "resources/subscribe", json!({"uri": "x://1"})).await;
    assert_eq!(client.answer(&json!(1)).await["result"], json!({}));
    client.call(2, "die").await;
    let renewed = |f: &Flow| f.kind == FlowKind::Own && &*f.method == "resources/subscribe" && f.status == Status::Ok;
    world.flow("the subscription renewed", renewed).await;
    // What was missed meanwhile nobody knows.
    let updated = client.wait_for(|l| l["method"] == "notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], "x://1");

    // The same over a reload that replaces the server.
    restarted(&mut world_server, 1);
    let mut config = Config { servers: vec![Arc::new(world_server)], ..Config::default() };
    config.env.path_from_login_shell = false;
    world.handle.reload(config).await.expect("it runs");
    world.until("a second renewal", |_| world.flows().iter().filter(|f| renewed(f)).count() == 2).await;
    world.end().await;
}

#[tokio::test]
async fn a_changed_environment_starts_servers_again() {
    let reply = r#"call() { ok "{\"n\":\"${MARK_ME:-none}\"}"; }"#;
    let world = World::new(server(reply));
    let mut client = world.client().await;
    client.call(1, "x").await;
    assert_eq!(client.number(1).await, "none");
    let before = world.until_state("ready").await.backends[0].pid;
    let mut config = Config { servers: vec![Arc::new(server(reply))], ..Config::default() };
    config.env.path_from_login_shell = false;
    config.env.inherit = vec!["HOME".to_owned()];
    world.handle.reload(config).await.expect("it runs");
    world.until("another process", |s| s.backends[0].pid.is_some_and(|p| Some(p) != before)).await;
    world.end().await;
}

#[tokio::test]
async fn requests_of_our_own_are_in_the_journal() {
    let world = World::new(server(""));
    let row = world.flow("initialize", |f| f.kind == FlowKind::Own && &*f.method == "initialize").await;
    let row = world.flow("its answer", |f| f.id == row.id && f.status == Status::Ok).await;
    let sent = row.frames.sent.expect("as sent").to_bytes();
    assert!(sent.starts_with(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\""), "{sent:?}");
    assert!(row.frames.returned.is_some_and(|r| r.starts_with(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\"")));
    assert_eq!(row.backend.as_deref(), Some("s"));
    world.flow("a list", |f| f.kind == FlowKind::Own && &*f.method == "resources/list" && f.status == Status::Ok).await;
    world.end().await;
}

#[tokio::test]
async fn a_call_in_flight_may_end_while_the_engine_does() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let gate = dir.path().join("gate");
    let slow = format!("call() {{ while [ ! -e '{}' ]; do :; done; ok '{{\"n\":7}}'; }}", gate.display());
    let mut world = World::new(server(&slow));
    let mut client = world.client().await;
    client.call(1, "x").await;
    world.flow("the call at the server", |f| f.wire_id.is_some() && f.kind == FlowKind::Call).await;
    world.handle.shutdown();
    settle().await;
    std::fs::write(&gate, "").expect("written");
    assert_eq!(client.number(1).await, 7);
    let end = async { while world.running.join_next().await.is_some() {} };
    tokio::time::timeout(DEADLINE, end).await.expect("the engine ends");
}

#[tokio::test]
async fn a_log_line_with_an_id_is_no_answer() {
    let chatty = r#"call() { say "{\"id\":$id,\"level\":\"info\",\"msg\":\"working\"}"; ok "{\"n\":$n}"; }"#;
    let world = World::new(server(chatty));
    let mut client = world.client().await;
    client.call(1, "x").await;
    assert_eq!(client.number(1).await, 1);
    world.end().await;
}

#[tokio::test]
async fn many_lines_of_one_read_keep_their_order_whatever_they_are() {
    let world = World::with(server(""), |config| config.limits.max_message_bytes = 2000, false);
    let mut client = world.silent_client();
    client.open("2025-03-26").await;
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "x".repeat(3000));
    let of = |n: usize| match n % 5 {
        0 => (format!(r#"[{{"jsonrpc":"2.0","id":{n},"method":"ping"}}]"#), json!(n)),
        1 => ("no message".to_owned(), json!("not JSON")),
        2 => (long.clone(), json!(format!("{} bytes", long.len()))),
        _ => (format!(r#"{{"jsonrpc":"2.0","id":{n},"method":"ping"}}"#), json!(n)),
    };
    let all: Vec<_> = (0..3 * crate::transport::TOGETHER).map(of).collect();
    let text = all.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join("\n");
    client.send(&text).await;
    for (line, expected) in &all {
        let answer = client.line().await.expect("an answer");
        let said = answer["error"]["message"].as_str();
        let is_it = match expected.as_str() {
            Some(words) => said.is_some_and(|said| said.contains(words)),
            None => answer["id"] == *expected || answer[0]["id"] == *expected,
        };
        assert!(is_it, "{:.60}: {answer}", line);
    }
    world.end().await;
}

#[tokio::test]
async fn what_stands_between_junk_of_one_read_is_heard_and_too_much_junk_is_the_end() {
    let many = r#"call() { case "$l" in
      *'"some"'*) i=0; t=; while [ $i -lt 90 ]; do i=$((i+1)); t="${t}junk
"; done; printf '%s' "$t"; ok "{\"n\":$n}";;
      *) i=0; t=; while [ $i -lt 130 ]; do i=$((i+1)); t="${t}junk
"; done; printf '%s' "$t"; sleep 100;; esac; }"#;
    let world = World::new(server(many));
    let mut client = world.client().await;
    for id in 1..=3 {
        // It begins anew with every message.
        client.call(id, "some").await;
        assert_eq!(client.number(id).await, id);
    }
    client.call(4, "much").await;
    assert!(client.answer(&json!(4)).await["error"].is_object());
    world.end().await;
}

#[tokio::test]
async fn a_cut_answer_fails_its_call_at_once() {
    let cut = r#"call() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"n\":"; }"#;
    let world = World::new(server(cut));
    let mut client = world.client().await;
    client.call(1, "x").await;
    let error = client.answer(&json!(1)).await["error"].clone();
    assert_eq!(error["data"]["reason"], "broken_answer", "{error}");
    world.end().await;
}

#[tokio::test]
async fn after_a_cut_answer_the_next_call_has_its_turn() {
    let cut = r#"call() { case $n in 1) say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"n\":";; *) ok "{\"n\":$n}";; esac; }"#;
    let mut server = server(cut);
    server.max_concurrent = 1;
    let world = World::new(server);
    let mut client = world.client().await;
    world.until_state("ready").await;
    client.call(1, "x").await;
    client.call(2, "x").await;
    assert!(client.answer(&json!(1)).await["error"].is_object());
    assert_eq!(client.number(2).await, 2);
    world.end().await;
}

#[tokio::test]
async fn a_null_result_beside_an_error_is_cut() {
    let old = r#"call() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":null,\"error\":{\"code\":-5,\"message\":\"m\"}}"; }"#;
    let world = World::new(server(old));
    let mut client = world.client().await;
    client.call(1, "x").await;
    let answer = client.answer(&json!(1)).await;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -5, "message": "m"}}));
    client.send(r#"{"jsonrpc":"2.0","id":2,"method":"ping","params":null}"#).await;
    assert_eq!(client.answer(&json!(2)).await["result"], json!({}));
    world.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_read_keeps_no_call_for_ever() {
    let mut deaf = server("call() { while :; do sleep 100; done; }");
    deaf.timeout = Duration::from_millis(300);
    let world = World::new(deaf);
    let mut client = world.client().await;
    world.until_state("ready").await;
    let large = "x".repeat(300_000);
    for id in 1..=10 {
        client.ask(&json!(id), "tools/call", json!({"name": "s__x", "arguments": {"t": large}})).await;
    }
    for id in 1..=10 {
        assert!(client.answer(&json!(id)).await["error"].is_object());
    }
    world.end().await;
}

#[tokio::test]
async fn a_flood_does_not_stop_the_clock() {
    let mut loud = server(r#"call() { exec yes '{"jsonrpc":"2.0","method":"notifications/x"}'; }"#);
    loud.timeout = Duration::from_millis(200);
    let world = World::new(loud);
    let mut client = world.client().await;
    client.call(1, "x").await;
    let error = client.answer(&json!(1)).await["error"].clone();
    assert_eq!(error["data"]["reason"], "timeout", "{error}");
    world.end().await;
}

#[tokio::test]
async fn a_batch_does_not_wait_for_what_was_taken_back() {
    let mut mute = Server::stdio("s", "/bin/sh", &["-c", "exec cat >/dev/null"]);
    mute.list_wait = Duration::from_secs(3600);
    let world = World::new(mute);
    let mut client = world.silent_client();
    client.open("2025-03-26").await;
    client.send(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#).await;
    client.cancel(1).await;
    let batch = client.wait_for(Value::is_array).await;
    assert_eq!(batch, json!([{"jsonrpc": "2.0", "id": 2, "result": {}}]));
    // The same id twice: one is refused, the other answered, in one array.
    client.send(r#"[{"jsonrpc":"2.0","id":3,"method":"tools/list"},{"jsonrpc":"2.0","id":3,"method":"ping"}]"#).await;
    client.cancel(3).await;
    let batch = client.wait_for(Value::is_array).await;
    assert_eq!(batch.as_array().map(Vec::len), Some(1), "{batch}");
    assert_eq!(batch[0]["error"]["code"], -32600);
    world.end().await;
}

#[tokio::test]
async fn a_level_a_modern_client_asks_for_reaches_a_legacy_server() {
    let world = World::new(server(""));
    world.until_state("ready").await;
    let mut client = world.silent_client();
    let meta = json!({"name": "s__x", "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "m", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/logLevel": "debug",
    }});
    client.ask(&json!(1), "tools/call", meta).await;
    let told = world.flow("setLevel", |f| f.kind == FlowKind::Own && &*f.method == "logging/setLevel").await;
    let sent = told.frames.sent.expect("as sent").to_bytes();
    assert!(String::from_utf8_lossy(&sent).contains(r#""level":"debug""#));
    world.end().await;
}

#[tokio::test]
async fn a_server_that_is_replaced_while_it_works_does_not_hold_up_the_end() {
    let slow = "call() { while :; do sleep 100; done; }";
    let world = World::new(server(slow));
    let mut client = world.client().await;
    client.call(1, "x").await;
    world.flow("the call at the server", |f| f.wire_id.is_some() && f.kind == FlowKind::Call).await;
    let mut changed = server(slow);
    restarted(&mut changed, 1);
    let mut config = Config { servers: vec![Arc::new(changed)], ..Config::default() };
    config.env.path_from_login_shell = false;
    world.handle.reload(config).await.expect("it runs");
    world.until("the new one", |s| s.notices.iter().filter(|n| n.text.starts_with("ready")).count() == 2).await;
    // The old one has 30 s for its call; it is ended with the engine all the same.
    let call = world.flow("the call", |f| f.kind == FlowKind::Call && &*f.method == "tools/call").await;
    assert_eq!(call.status, Status::Pending);
    world.end().await;
}
