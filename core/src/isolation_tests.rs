//! Several clients on the same servers: nothing of one may reach another (protocol.md, 3.3, 3.6 and 4).

use serde_json::{Value, json};

use super::tests::{Client, DEADLINE, LOOP, PROLOGUE, World, restarted, server, settle};
use super::*;
use crate::backend::{Control, Port, Principal};
use crate::config::{ClientFeatures, Isolation, ProtocolChoice, Server};
use crate::control::Command;
use crate::observe::Status;

/// A server with tools of all kinds. `$$` is its process; what answers its questions is told to the call in `$asker`.
const TOOLS: &str = r#"
first="$roots_first"
each() {
  case "$l" in
    *'"initialize"'*) init="$l"; ok '{"protocolVersion":"2025-11-25","capabilities":{"resources":{"subscribe":true},"logging":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"notifications/initialized"'*) [ -z "$first" ] || { asker=""; say '{"jsonrpc":"2.0","id":77,"method":"roots/list"}'; } ;;
    *'"notifications/cancelled"'*) cancelled="$cancelled+" ;;
    *'"notifications/'*) noted="$noted+" ;;
    *'"resources/list"'*) ok '{"resources":[{"uri":"x://1","name":"one"}]}' ;;
    *'/list"'*|*'"resources/subscribe"'*|*'"resources/unsubscribe"'*|*'"logging/setLevel"'*) ok '{}' ;;
    *'"ping"'*) [ -n "$lazy" ] || ok '{}' ;;
    *'"tools/call"'*) tool ;;
    *'"method"'*) ;;
    *) answered ;;
  esac
}
answered() {
  case "$l" in
    *'"error"'*) c=${l#*\"code\":}; said="{\"code\":${c%%,*}}" ;;
    *) said=${l#*\"result\":}; said=${said%?} ;;
  esac
  [ -z "$asker" ] || { id=$asker; asker=""; ok "{\"n\":$said}"; }
}
question() { say '{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}'; }
tool() {
  case "$l" in
    *'"pid"'*) ok "{\"n\":$$}" ;;
    *'"lazy"'*) ok "{\"n\":$$}"; lazy=yes ;;
    *'"hold"'*) held="$held $id" ;;
    *'"release"'*) ok "{\"n\":$$}"; for id in $held; do ok "{\"n\":$$}"; done; held="" ;;
    *'"deaf"'*) sleep 1000 ;;
    *'"steps"'*) for id in $held $id; do say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":$id,\"progress\":$id}}"; ok "{\"n\":$id}"; done; held="" ;;
    *'"ask"'*) asker=$id; question ;;
    *'"sample"'*) asker=$id; say '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}' ;;
    *'"roots"'*) asker=$id; say '{"jsonrpc":"2.0","id":2,"method":"roots/list"}' ;;
    *'"late"'*) ok "{\"n\":$$}"; asker=""; said=""; question ;;
    *'"said"'*) ok "{\"n\":${said:-null}}" ;;
    *'"counts"'*) ok "{\"n\":\"c$cancelled n$noted\"}" ;;
    *'"log"'*) say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"warning\",\"data\":\"of $id\"}}"; ok "{\"n\":$$}" ;;
    *'"latelog"'*) ok "{\"n\":$$}"; say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"warning\",\"data\":\"late\"}}" ;;
    *'"update"'*) say '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x://1"}}'; ok "{\"n\":$$}" ;;
    *'"can"'*) case "$init" in *'"elicitation":'*) ok '{"n":"elicit"}' ;; *'"sampling":'*) ok '{"n":"sample"}' ;; *) ok '{"n":"nothing"}' ;; esac ;;
    *) ok "{\"n\":$$}" ;;
  esac
}
"#;

fn all() -> Value {
    json!({"elicitation": {}})
}

/// The server of these tests.
fn tools(isolation: Isolation) -> Server {
    with_roots(isolation, "")
}

fn with_roots(isolation: Isolation, first: &str) -> Server {
    let script = format!("{PROLOGUE}roots_first='{first}'\n{TOOLS}{LOOP}");
    let mut server = Server::stdio("s", "/bin/sh", &["-c", &script]);
    server.protocol = ProtocolChoice::Legacy;
    server.isolation = isolation;
    server
}

/// The same for all, who may be asked or not.
fn shared() -> Server {
    Server { client_features: ClientFeatures::None, ..tools(Isolation::Shared) }
}

impl World {
    /// Waits until the lists are there, so that it is known what the server speaks.
    async fn ready(server: Server) -> Self {
        let world = Self::new(server);
        world.until_state("ready").await;
        world
    }

    async fn open(&self, principal: Principal, capabilities: Value) -> Client {
        let mut client = self.client_as(principal);
        client.open_with("2025-11-25", capabilities).await;
        client
    }

    async fn anonymous(&self) -> Client {
        self.open(Principal::anonymous(), all()).await
    }

    fn port(&self) -> Arc<Port> {
        self.engine.port("s").expect("configured")
    }

    async fn until_instances(&self, n: usize) {
        self.until("the number of instances", |s| s.backends[0].n_instances == n).await;
    }
}

impl Client {
    /// The answer of a tool.
    async fn does(&mut self, id: u64, tool: &str) -> Value {
        self.call(id, tool).await;
        self.number(id).await
    }

    /// What the server was told, asked for until it has been: that may come after a call which was sent before.
    async fn told(&mut self) -> Value {
        let told = async {
            for id in 100.. {
                let said = self.does(id, "said").await;
                if !said.is_null() {
                    return said;
                }
            }
            Value::Null
        };
        tokio::time::timeout(DEADLINE, told).await.expect("answered")
    }

    /// Answers the server's question.
    async fn accepts(&mut self) {
        let question = self.wait_for(|l| l["method"] == "elicitation/create").await;
        self.send(&json!({"id": question["id"], "jsonrpc": "2.0", "result": {"action": "accept"}}).to_string()).await;
    }

    /// Everything that has come up to the answer of a ping: nothing else is on its way from the session.
    async fn heard(&mut self) -> Vec<Value> {
        settle().await;
        self.ask(&json!("end"), "ping", json!({})).await;
        self.answer(&json!("end")).await;
        std::mem::take(&mut self.kept)
    }

    async fn heard_of(&mut self, method: &str) -> usize {
        self.heard().await.iter().filter(|l| l["method"] == method).count()
    }
}

/// Waits until this many calls are with the server.
async fn running(world: &World, n: usize) {
    let is_running = |f: &crate::observe::Flow| f.status == Status::Pending && f.wire_id.is_some();
    world.until("calls at the server", |_| world.flows().iter().filter(|f| is_running(f)).count() == n).await;
}

#[tokio::test]
async fn equal_ids_and_tokens_are_kept_apart() {
    let world = World::ready(shared()).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let params = |tool: &str| json!({"name": format!("s__{tool}"), "arguments": {}, "_meta": {"progressToken": 1}});
    a.ask(&json!(1), "tools/call", params("hold")).await;
    running(&world, 1).await;
    b.ask(&json!(1), "tools/call", params("steps")).await;
    for client in [&mut a, &mut b] {
        let own = client.number(1).await;
        let heard = client.heard().await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((&heard[0]["params"]["progressToken"], &heard[0]["params"]["progress"]), (&json!(1), &own));
    }
    world.end().await;
}

#[tokio::test]
async fn a_question_during_two_calls_is_for_nobody() {
    let world = World::ready(shared()).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    a.call(1, "hold").await;
    running(&world, 1).await;
    assert_eq!(b.does(1, "ask").await, json!({"code": -32602}));
    for client in [&mut a, &mut b] {
        assert_eq!(client.heard_of("elicitation/create").await, 0);
    }
    world.end().await;
}

#[tokio::test]
async fn a_question_of_the_only_call_is_for_its_client_as_long_as_nobody_else_was_there() {
    let world = World::ready(shared()).await;
    let mut a = world.anonymous().await;
    a.call(1, "ask").await;
    a.accepts().await;
    assert_eq!(a.number(1).await, json!({"action": "accept"}));
    // Late: its call is over.
    a.does(2, "late").await;
    assert_eq!(a.told().await, json!({"code": -32602}));
    // What comes now may be about what the other has done.
    let mut b = world.anonymous().await;
    assert_eq!(b.does(1, "ask").await, json!({"code": -32602}));
    assert_eq!(a.does(4, "ask").await, json!({"code": -32602}));
    assert_eq!(a.heard_of("elicitation/create").await + b.heard_of("elicitation/create").await, 0);
    world.end().await;
}

#[tokio::test]
async fn who_cannot_be_asked_is_not_asked() {
    let world = World::ready(tools(Isolation::PerSession)).await;
    let mut a = world.open(Principal::anonymous(), json!({"sampling": {}})).await;
    assert_eq!(a.does(1, "ask").await, json!({"code": -32602}));
    assert_eq!(a.does(2, "roots").await, json!({"code": -32601}));
    let mut b = world.anonymous().await;
    assert_eq!(b.does(1, "sample").await, json!({"code": -32601}));
    assert_eq!(a.heard().await.len() + b.heard().await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn roots_asked_of_a_shared_server_are_those_of_the_configuration() {
    for (roots, expected) in [(vec![], json!([])), (vec!["file:///w".to_owned()], json!([{"uri": "file:///w"}]))] {
        let server = Server { roots, ..with_roots(Isolation::Shared, "yes") };
        let world = World::ready(server).await;
        let mut a = world.open(Principal::anonymous(), json!({})).await;
        let said = a.told().await;
        assert_eq!(said, json!({"roots": expected}));
        // Two calls: whose it is nobody knows.
        a.call(2, "hold").await;
        running(&world, 1).await;
        assert_eq!(a.does(3, "roots").await, json!({"roots": expected}));
        world.end().await;
    }
}

#[tokio::test]
async fn log_lines_are_for_whom_they_are_of() {
    let world = World::ready(shared()).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    a.does(1, "log").await;
    assert_eq!((a.heard_of("notifications/message").await, b.heard_of("notifications/message").await), (1, 0));
    b.does(1, "log").await;
    a.does(2, "latelog").await;
    b.does(2, "pid").await;
    assert_eq!((a.heard_of("notifications/message").await, b.heard_of("notifications/message").await), (0, 0));
    // Nobody hears them; the log has them.
    assert_eq!(world.handle.logs(0, 100).lines.len(), 3);
    world.end().await;

    let world = World::ready(tools(Isolation::PerSession)).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    b.does(1, "pid").await;
    a.does(1, "latelog").await;
    a.does(2, "pid").await;
    assert_eq!((a.heard_of("notifications/message").await, b.heard_of("notifications/message").await), (1, 0));
    world.end().await;
}

#[tokio::test]
async fn updates_are_for_subscribers() {
    for isolation in [Isolation::Shared, Isolation::PerSession] {
        let world = World::ready(Server { client_features: ClientFeatures::None, ..tools(isolation) }).await;
        let mut clients = vec![world.anonymous().await, world.anonymous().await, world.anonymous().await];
        for client in &mut clients[..2] {
            client.ask(&json!(1), "resources/subscribe", json!({"uri": "x://1"})).await;
            assert_eq!(client.answer(&json!(1)).await["result"], json!({}));
        }
        let mut heard = Vec::new();
        clients[0].does(2, "update").await;
        for client in &mut clients {
            heard.push(client.heard_of("notifications/resources/updated").await);
        }
        // In an instance of its own it is another resource.
        assert_eq!(heard, if isolation == Isolation::Shared { [1, 1, 0] } else { [1, 0, 0] });
        // Still wanted by the other one.
        clients[0].ask(&json!(3), "resources/unsubscribe", json!({"uri": "x://1"})).await;
        clients[0].answer(&json!(3)).await;
        clients[2].does(4, "update").await;
        assert_eq!(clients[0].heard_of("notifications/resources/updated").await, 0);
        let others = usize::from(isolation == Isolation::Shared);
        assert_eq!(clients[1].heard_of("notifications/resources/updated").await, others);
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_session_wants_of_its_own_instance_outlives_a_reload() {
    let world = World::ready(tools(Isolation::PerSession)).await;
    let mut a = world.anonymous().await;
    a.ask(&json!(1), "resources/subscribe", json!({"uri": "x://1"})).await;
    assert_eq!(a.answer(&json!(1)).await["result"], json!({}));
    let before = a.does(2, "pid").await;
    let mut changed = tools(Isolation::PerSession);
    restarted(&mut changed, 1);
    let mut config = Config { servers: vec![Arc::new(changed)], ..Config::default() };
    config.env.path_from_login_shell = false;
    world.handle.reload(config.clone()).await.expect("it runs");
    let renewed = |f: &crate::observe::Flow| {
        f.kind == crate::observe::FlowKind::Own && &*f.method == "resources/subscribe" && f.status == Status::Ok
    };
    world.flow("the subscription renewed", renewed).await;
    assert_ne!(a.does(3, "update").await, before);
    assert_eq!(a.heard_of("notifications/resources/updated").await, 1);
    // It leaves without having used the one that came last.
    let port = world.port();
    config.servers = vec![Arc::new(tools(Isolation::PerSession))];
    world.handle.reload(config).await.expect("it runs");
    world.until("another port", |_| !Arc::ptr_eq(&port, &world.port())).await;
    assert_eq!(world.port().all().len(), 2);
    drop(a);
    world.until("its end", |_| world.port().all().len() == 1).await;
    world.end().await;
}

#[tokio::test]
async fn each_session_has_its_own_process() {
    let world = World::ready(tools(Isolation::PerSession)).await;
    let base = world.handle.snapshot().backends[0].pid;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let (first, second) = (a.does(1, "pid").await, b.does(1, "pid").await);
    assert_ne!(first, second);
    assert_ne!(Some(&first), base.map(|p| json!(p)).as_ref(), "the base one makes the lists");
    assert_eq!(a.does(2, "pid").await, first);
    world.until_instances(3).await;
    drop(a);
    world.until_instances(2).await;
    assert_eq!(b.does(2, "pid").await, second);
    drop(b);
    world.until_instances(1).await;
    world.end().await;
}

#[tokio::test]
async fn each_user_has_its_own_process() {
    let world = World::ready(tools(Isolation::PerClient)).await;
    let mut pids = Vec::new();
    for principal in [
        Principal::token("x"),
        Principal::token("x"),
        Principal::token("y"),
        Principal::anonymous(),
        Principal::anonymous(),
    ] {
        let mut client = world.open(principal, json!({})).await;
        pids.push(client.does(1, "pid").await);
    }
    assert_eq!(pids[0], pids[1], "its state follows its user");
    assert_ne!(pids[0], pids[2]);
    assert_eq!((&pids[3], &pids[4]), (&pids[4], &json!(world.handle.snapshot().backends[0].pid)));
    let warned = world.handle.snapshot().notices.iter().filter(|n| n.text.contains("per-client")).count();
    assert_eq!(warned, 1);
    world.end().await;
}

#[tokio::test]
async fn servers_are_told_what_their_clients_can_do() {
    let world = World::ready(tools(Isolation::Auto)).await;
    for (capabilities, expected) in
        [(json!({}), "nothing"), (json!({"elicitation": {}}), "elicit"), (json!({"sampling": {}}), "sample")]
    {
        let mut client = world.open(Principal::anonymous(), capabilities).await;
        assert_eq!(client.does(1, "can").await, expected);
    }
    world.until_instances(3).await;
    world.end().await;
    let world = World::ready(tools(Isolation::PerSession)).await;
    assert_eq!(world.anonymous().await.does(1, "can").await, "elicit");
    world.end().await;
}

#[tokio::test]
async fn clients_of_a_kind_share_an_instance_until_their_calls_overlap() {
    let world = World::ready(tools(Isolation::Auto)).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let pid = a.does(1, "pid").await;
    assert_eq!(b.does(1, "pid").await, pid);
    a.call(2, "hold").await;
    running(&world, 1).await;
    let other = b.does(2, "pid").await;
    assert_ne!(other, pid);
    // Calls of one session need not wait for each other, and a question is for it.
    a.call(3, "ask").await;
    a.accepts().await;
    assert_eq!(a.number(3).await, json!({"action": "accept"}));
    assert_eq!(b.heard().await.len(), 0);
    a.does(4, "release").await;
    assert_eq!(a.number(2).await, pid);
    world.end().await;
}

#[tokio::test]
async fn with_all_instances_taken_calls_wait_for_their_turn() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let (mut a, mut b, mut c) = (world.anonymous().await, world.anonymous().await, world.anonymous().await);
    a.call(1, "hold").await;
    running(&world, 1).await;
    let pid = json!(world.port().all()[1].status.view().pid);
    b.call(1, "latelog").await;
    c.call(1, "pid").await;
    world.flow("the third call", |f| f.session.is_some_and(|s| s.0 == 3) && f.target.is_some()).await;
    // The first one has the instance: what it says is for that one.
    a.call(2, "log").await;
    settle().await;
    a.cancel(2).await;
    running(&world, 1).await;
    assert_eq!(b.heard().await.len() + c.heard().await.len(), 0);
    drop(a);
    // It left in the middle: what it did is not there any more for the next.
    let next = b.number(1).await;
    assert_ne!(next, pid);
    assert_eq!(c.number(1).await, next);
    // What came after the answer but before the next one's turn is not the next one's.
    assert_eq!(c.heard().await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn who_takes_back_a_call_that_waits_keeps_nobody_behind_it() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    a.call(1, "hold").await;
    running(&world, 1).await;
    b.call(1, "pid").await;
    world.flow("the second call", |f| f.session.is_some_and(|s| s.0 == 2) && f.target.is_some()).await;
    a.call(2, "pid").await;
    settle().await;
    b.cancel(1).await;
    assert_eq!(a.number(2).await, json!(world.port().all()[1].status.view().pid));
    world.end().await;
}

#[tokio::test]
async fn one_that_never_answers_the_ping_gets_no_further_calls() {
    let mut server = Server { lease_max: 1, ..tools(Isolation::Auto) };
    server.startup_timeout = Duration::from_millis(300);
    let world = World::ready(server).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let pid = a.does(1, "lazy").await;
    assert_ne!(b.does(1, "pid").await, pid);
    world.end().await;
}

#[tokio::test]
async fn one_that_does_not_read_any_more_keeps_nobody_waiting() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    a.call(1, "deaf").await;
    // More than a pipe holds.
    a.ask(&json!(2), "tools/call", json!({"name": "s__pid", "arguments": {"x": "x".repeat(300_000)}})).await;
    running(&world, 2).await;
    b.call(1, "pid").await;
    drop(a);
    assert!(b.number(1).await.is_number());
    world.end().await;
}

#[tokio::test]
async fn too_long_a_queue_is_refused() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let mut a = world.anonymous().await;
    a.call(1, "hold").await;
    running(&world, 1).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut client = world.anonymous().await;
        for id in 1..=801 {
            client.call(id, "pid").await;
        }
        waiting.push(client);
    }
    let error = waiting[4].answer(&json!(801)).await["error"].clone();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("busy")), "{error}");
    drop(a);
    assert!(waiting[0].number(1).await.is_number());
    world.end().await;
}

#[tokio::test]
async fn a_call_taken_back_leaves_nothing_to_the_next_session() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let pid = a.does(1, "pid").await;
    a.call(2, "ask").await;
    a.wait_for(|l| l["method"] == "elicitation/create").await;
    a.cancel(2).await;
    assert_eq!(a.does(3, "pid").await, pid, "for itself it stays the same");
    assert_ne!(b.does(1, "pid").await, pid);
    world.end().await;
}

#[tokio::test]
async fn roots_of_one_session_are_not_those_of_the_next() {
    let world = World::ready(Server { lease_max: 1, ..with_roots(Isolation::Auto, "yes") }).await;
    let mut pids = Vec::new();
    for uri in ["file:///a", "file:///b"] {
        let mut client = world.open(Principal::anonymous(), json!({"roots": {"listChanged": true}})).await;
        client.call(1, "pid").await;
        // Asked right after the opening: by then it is known for whom this instance was started.
        let question = client.wait_for(|l| l["method"] == "roots/list").await;
        let roots = json!({"roots": [{"uri": uri}]});
        client.send(&json!({"id": question["id"], "jsonrpc": "2.0", "result": roots}).to_string()).await;
        pids.push(client.number(1).await);
        assert_eq!(client.does(2, "said").await, roots);
        // News of its roots are for its own instance.
        client.send(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#).await;
        assert_eq!(client.does(3, "counts").await, "c n+");
    }
    assert_ne!(pids[0], pids[1]);
    world.end().await;
}

#[tokio::test]
async fn a_session_that_leaves_in_the_middle_takes_its_own_only() {
    let world = World::ready(tools(Isolation::PerClient)).await;
    let token = || Principal::token("x");
    let (mut a, mut b) = (world.open(token(), all()).await, world.open(token(), all()).await);
    b.call(1, "hold").await;
    running(&world, 1).await;
    let counts = b.does(2, "counts").await;
    a.call(1, "ask").await;
    // Both could be asked; the older call wins. It is the same user.
    let question = b.wait_for(|l| l["method"] == "elicitation/create").await;
    assert_eq!(counts, "c n");
    drop(a);
    world.until("its end", |s| s.clients.len() == 1).await;
    world.flow("its call", |f| f.status == Status::Cancelled && f.target.as_deref() == Some("s__ask")).await;
    b.send(&json!({"id": question["id"], "jsonrpc": "2.0", "result": {"action": "decline"}}).to_string()).await;
    assert_eq!(b.does(3, "counts").await, "c+ n", "the server heard that nobody waits for it");
    b.does(4, "release").await;
    assert!(b.number(1).await.is_number());
    drop(b);
    world.end().await;
}

/// protocol.md, 3.6 (c): of one user's sessions it is the oldest call whose client can be asked, for there is nothing on stdio
/// that says which; another user is never asked.
#[tokio::test]
async fn of_one_users_sessions_the_oldest_call_that_can_be_asked_is_asked() {
    let world = World::ready(tools(Isolation::PerClient)).await;
    let mut stranger = world.open(Principal::token("y"), all()).await;
    stranger.call(1, "hold").await;
    running(&world, 1).await;
    let token = || Principal::token("x");
    let mut deaf = world.open(token(), json!({})).await;
    deaf.call(1, "hold").await;
    running(&world, 2).await;
    // Of those that run, none can be asked: the server hears so.
    assert_eq!(deaf.does(2, "ask").await, json!({"code": -32602}));
    let (mut first, mut second) = (world.open(token(), all()).await, world.open(token(), all()).await);
    // And with no call running that can be asked, a session that could be is not.
    assert_eq!(deaf.does(3, "ask").await, json!({"code": -32602}));
    first.call(1, "hold").await;
    running(&world, 3).await;
    second.call(1, "ask").await;
    first.accepts().await;
    assert_eq!(second.number(1).await, json!({"action": "accept"}), "whoever is asked, it is the same user");
    first.does(2, "release").await;
    first.number(1).await;
    second.call(2, "ask").await;
    second.accepts().await;
    assert_eq!(second.number(2).await, json!({"action": "accept"}));
    for client in [&mut deaf, &mut stranger] {
        assert_eq!(client.heard_of("elicitation/create").await, 0);
    }
    world.end().await;
}

#[tokio::test]
async fn a_question_to_a_client_that_has_left_is_answered() {
    let world = World::ready(Server { lease_max: 1, ..tools(Isolation::Auto) }).await;
    let mut a = world.anonymous().await;
    let pid = a.does(1, "late").await;
    // Late, but nobody else has been there since.
    a.wait_for(|l| l["method"] == "elicitation/create").await;
    drop(a);
    let mut b = world.anonymous().await;
    assert_eq!(b.does(1, "said").await, json!({"code": -32603}));
    assert_eq!(b.does(2, "pid").await, pid);
    assert_eq!(b.heard().await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn two_hundred_sessions_leave_nothing_behind() {
    let world = World::ready(tools(Isolation::PerSession)).await;
    for round in 0..20 {
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut client = world.anonymous().await;
            client.call(1, "pid").await;
            clients.push(client);
        }
        for (n, mut client) in clients.into_iter().enumerate() {
            // Half of them do not wait for their answer.
            if (n + round) % 2 == 0 {
                assert!(client.number(1).await.is_number());
            }
        }
    }
    world.until("nobody", |s| s.clients.is_empty() && s.backends[0].n_instances == 1).await;
    assert_eq!((world.engine.ctx.peers.n(), world.port().all().len()), (0, 1));
    world.end().await;
}

#[tokio::test]
async fn there_is_an_end_to_instances() {
    // Not running: nobody starts what is asked for.
    let mut config = Config { servers: vec![Arc::new(tools(Isolation::PerSession))], ..Config::default() };
    config.env.path_from_login_shell = false;
    let options = Options {
        has_screen: false,
        await_client: false,
        guardian: Guardian::none(),
        memory: Memory::new(None),
        task_ids: TaskIds::new(None),
    };
    let proxy = Proxy::start(config, options);
    let port = proxy.engine.port("s").expect("configured");
    let facts = proxy.engine.ctx.opening.borrow().clone().expect("ours");
    let legacy = Arc::new(ClientFacts { revision: Revision::V2025_11_25, ..(*facts).clone() });
    let peer = |n| Arc::new(crate::backend::Peer::new(SessionId(n), Principal::anonymous(), Mailbox::new(1)));
    for n in 0..64 {
        assert!(port.for_caller(&peer(n), &legacy).is_ok());
    }
    assert!(port.for_caller(&peer(7), &legacy).is_ok(), "it has one already");
    let fault = port.for_caller(&peer(64), &legacy).expect_err("too many");
    assert!(fault.message.contains("64 instances"), "{}", fault.message);
    // Who has no session of its own needs none.
    assert!(port.for_caller(&peer(65), &facts).is_ok_and(|p| p.is_base()));
    proxy.run(std::future::ready(())).await;
    assert!(port.all().len() == 1 || port.mailbox.is_closed());
}

#[tokio::test]
async fn commands_and_reloads_reach_all_instances() {
    let world = World::ready(tools(Isolation::PerSession)).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    let before = [a.does(1, "pid").await, b.does(1, "pid").await];
    world.command(Command::Restart("s".into())).await;
    let is_new = |pids: [Value; 2]| pids.iter().all(|p| !before.contains(p));
    world.until("a restart", |s| s.backends[0].n_restarts == 1 && s.backends[0].state.word() == "ready").await;
    let after = [a.does(2, "pid").await, b.does(2, "pid").await];
    assert!(is_new(after.clone()), "{before:?} {after:?}");
    world.command(Command::Stop("s".into())).await;
    world.until_instances(0).await;
    a.call(3, "pid").await;
    let error = a.answer(&json!(3)).await["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| m.contains("stopped")), "{error}");
    world.command(Command::Start("s".into())).await;
    world.until_state("ready").await;
    a.does(4, "pid").await;
    a.call(5, "hold").await;
    running(&world, 1).await;
    let old = world.port();
    let mut changed = tools(Isolation::PerSession);
    restarted(&mut changed, 1);
    changed.drain_timeout = Duration::from_millis(50);
    let mut config = Config { servers: vec![Arc::new(changed)], ..Config::default() };
    config.env.path_from_login_shell = false;
    world.handle.reload(config).await.expect("it runs");
    world.until("another port", |_| !Arc::ptr_eq(&old, &world.port())).await;
    assert!(a.does(6, "pid").await.is_number(), "there is a new one for it");
    // What it had with the old one may end there.
    a.does(7, "release").await;
    assert_eq!(old.all().len(), 2);
    a.cancel(5).await;
    world.until("the end of the old ones", |_| old.all().len() == 1 && old.mailbox.is_closed()).await;
    world.end().await;
}

#[tokio::test]
async fn a_servers_task_that_breaks_down_fails_its_calls_and_begins_again() {
    let mut server = server("call() { case \"$l\" in *'\"hold\"'*) ;; *) ok \"{\\\"n\\\":$$}\" ;; esac; }");
    server.restart.backoff_min = Duration::from_millis(10);
    let world = World::ready(server).await;
    let (mut a, mut b) = (world.client().await, world.client().await);
    let pid = b.does(1, "pid").await;
    a.call(1, "hold").await;
    running(&world, 1).await;
    let _ = world.port().control.push(Control::Panic);
    let error = a.answer(&json!(1)).await["error"].clone();
    assert_eq!(error["data"]["reason"], "lost", "{error}");
    assert_ne!(b.does(2, "pid").await, pid);
    let seen = world.until_state("ready").await;
    assert!(seen.notices.iter().any(|n| n.text.contains("made a mistake")), "{:?}", seen.notices);
    // Again and again: set aside in the end, as a server that fails.
    for _ in 0..5 {
        world.until_state("ready").await;
        let _ = world.port().control.push(Control::Panic);
        world.until("its end", |s| s.backends[0].state.word() != "ready").await;
    }
    world.until_state("failed").await;
    world.end().await;
}

#[tokio::test]
async fn a_sessions_task_that_breaks_down_is_as_one_that_left() {
    let world = World::ready(shared()).await;
    let (mut a, mut b) = (world.anonymous().await, world.anonymous().await);
    a.call(1, "hold").await;
    running(&world, 1).await;
    let peer = world.engine.ctx.peers.all()[0].clone();
    let _ = peer.mailbox.push(Delivery::Panic);
    assert_eq!(a.line().await, None, "its link is closed");
    world.until("its end", |s| s.clients.len() == 1).await;
    assert_eq!(b.does(1, "counts").await, "c+ n", "the server heard of it");
    let row = world.flow("its call", |f| f.target.as_deref() == Some("s__hold")).await;
    assert_eq!(row.status, Status::Cancelled);
    world.end().await;
}

#[tokio::test]
async fn a_session_cannot_fill_us_with_requests_that_wait() {
    let mut mute = Server::stdio("s", "/bin/sh", &["-c", "while read -r l; do :; done"]);
    mute.list_wait = DEADLINE * 10;
    let world = World::new(mute);
    let mut client = world.client().await;
    for id in 0..=256 {
        client.ask(&json!(id), "tools/list", json!({})).await;
        // A name that tells nothing of its server.
        client.ask(&json!(1000 + id), "tools/call", json!({"name": "x"})).await;
    }
    for id in [256, 1256] {
        let error = client.answer(&json!(id)).await["error"].clone();
        assert_eq!(error["data"]["reason"], "busy", "{error}");
    }
    assert_eq!(client.heard().await.len(), 0, "the others wait");
    world.end().await;
}
