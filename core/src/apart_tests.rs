//! Servers that list more for clients that can be asked something, and that change their lists for one session (protocol.md, section 4).

use serde_json::{Value, json};

use super::tests::{Client, LOOP, PROLOGUE, World, restarted, settle};
use super::*;
use crate::backend::Principal;
use crate::config::{ClientFeatures, Isolation, ProtocolChoice, Secret, Server, Target};

/// A server that lists `ask` if its client can be asked by a form, and `grown` once `grow` has been called.
const LISTS: &str = r#"
each() {
  case "$l" in
    *'"initialize"'*) init="$l"; start; ok '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"tools/list"'*) ok "{\"tools\":[$(tool plain)$(case "$init" in (*'"elicitation":'*) tool ,ask;; esac)$(case "$grown" in (yes) tool ,grown;; esac)]}"; $again ;;
    *'/list"'*|*'"ping"'*) ok '{}' ;;
    *'"grow"'*) grown=yes; say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'; ok "{\"n\":$$}" ;;
    *'"tools/call"'*) more; ok "{\"n\":$$}" ;;
  esac
}
more() { :; }
tool() { c=${1%%[a-z]*}; printf '%s{"name":"%s","inputSchema":{"type":"object"}}' "$c" "${1#,}"; }
start() { :; }
"#;

fn lists(isolation: Isolation) -> Server {
    scripted(isolation, "")
}

fn scripted(isolation: Isolation, more: &str) -> Server {
    let script = format!("{PROLOGUE}{LISTS}{more}{LOOP}");
    let mut server = Server::stdio("s", "/bin/sh", &["-c", &script]);
    server.protocol = ProtocolChoice::Legacy;
    server.isolation = isolation;
    server
}

fn can() -> Value {
    json!({"elicitation": {}})
}

impl World {
    async fn listing(server: Server) -> Self {
        let world = Self::new(server);
        world.until_state("ready").await;
        world
    }

    async fn capable(&self, principal: Principal) -> Client {
        let mut client = self.client_as(principal);
        client.open_with("2025-11-25", can()).await;
        client
    }

    async fn instances(&self, n: usize) {
        self.until("the number of instances", |s| s.backends[0].n_instances == n).await;
    }
}

impl Client {
    /// The tools it is shown.
    async fn sees(&mut self, id: u64) -> String {
        self.ask(&json!(id), "tools/list", json!({})).await;
        shown(&self.answer(&json!(id)).await["result"])
    }

    async fn is_told(&mut self) {
        self.wait_for(|l| l["method"] == "notifications/tools/list_changed").await;
    }

    /// Whether it was told of changes, up to now.
    async fn was_told(&mut self) -> bool {
        settle().await;
        self.ask(&json!("end"), "ping", json!({})).await;
        self.answer(&json!("end")).await;
        self.kept.iter().any(|l| l["method"] == "notifications/tools/list_changed")
    }

    async fn ask_modern(&mut self, id: u64, method: &str, mut params: Value, capabilities: Value) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "m", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        self.ask(&json!(id), method, params).await;
    }

    async fn sees_modern(&mut self, id: u64, capabilities: Value) -> String {
        self.ask_modern(id, "tools/list", json!({}), capabilities).await;
        shown(&self.answer(&json!(id)).await["result"])
    }
}

fn shown(result: &Value) -> String {
    let names = result["tools"].as_array().expect("a list").iter().map(|t| t["name"].as_str().unwrap_or_default());
    names.map(|n| n.trim_start_matches("s__")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_can_be_asked_sees_what_is_listed_for_such_clients() {
    let world = World::listing(lists(Isolation::Shared)).await;
    let mut plain = world.client_as(Principal::anonymous());
    plain.open("2025-11-25").await;
    let mut a = world.capable(Principal::anonymous()).await;
    let mut b = world.capable(Principal::anonymous()).await;
    assert_eq!((plain.sees(1).await, a.sees(1).await), ("plain".to_owned(), "plain ask".to_owned()));
    // The second one costs nothing any more.
    assert_eq!(b.sees(1).await, "plain ask");
    world.instances(2).await;
    assert_eq!(plain.sees(2).await, "plain", "nobody else's view is another one");
    assert!(!plain.was_told().await && !a.was_told().await && !b.was_told().await);
    world.end().await;
}

#[tokio::test]
async fn a_modern_client_sees_it_with_the_request_that_says_so() {
    let world = World::listing(lists(Isolation::Shared)).await;
    for principal in [Principal::anonymous(), Principal::token("a")] {
        let mut client = world.client_as(principal);
        assert_eq!(client.sees_modern(1, can()).await, "plain ask");
        assert_eq!(client.sees_modern(2, json!({})).await, "plain");
        assert_eq!(client.sees_modern(3, json!({"sampling": {}})).await, "plain");
        assert_eq!(client.sees_modern(4, can()).await, "plain ask");
    }
    world.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_to_tell_clients_apart_does_not() {
    let server = Server { client_features: ClientFeatures::None, ..lists(Isolation::Shared) };
    let world = World::listing(server).await;
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain");
    world.instances(1).await;
    world.end().await;
}

#[tokio::test]
async fn what_a_session_changes_is_for_this_session() {
    for isolation in [Isolation::Shared, Isolation::PerSession] {
        let world = World::listing(lists(isolation)).await;
        let mut a = world.capable(Principal::anonymous()).await;
        let mut b = world.capable(Principal::anonymous()).await;
        assert_eq!((a.sees(1).await, b.sees(1).await), ("plain ask".to_owned(), "plain ask".to_owned()));
        a.call(2, "grow").await;
        let grown = a.number(2).await;
        a.is_told().await;
        assert_eq!(a.sees(3).await, "plain ask grown");
        assert_eq!(b.sees(3).await, "plain ask", "{isolation:?}");
        // Its calls go where the tool is; those of others do not.
        a.call(4, "grown").await;
        assert_eq!(a.number(4).await, grown);
        b.call(4, "plain").await;
        assert_ne!(b.number(4).await, grown);
        assert!(!b.was_told().await, "{isolation:?}");
        assert!(!a.was_told().await, "told once");
        // With the session it is gone.
        drop(a);
        let mut c = world.capable(Principal::anonymous()).await;
        assert_eq!(c.sees(1).await, "plain ask");
        world.end().await;
    }
}

/// The next session calls before what the one before it has changed is listed.
#[tokio::test]
async fn what_a_session_changes_is_not_for_the_one_that_comes_right_after_it() {
    let world = World::listing(Server { lease_max: 1, ..lists(Isolation::Auto) }).await;
    let (mut a, mut b) = (world.capable(Principal::anonymous()).await, world.capable(Principal::anonymous()).await);
    assert_eq!((a.sees(1).await, b.sees(1).await), ("plain ask".to_owned(), "plain ask".to_owned()));
    a.call(2, "grow").await;
    let pid = a.number(2).await;
    b.call(2, "plain").await;
    assert_ne!(b.number(2).await, pid, "it gets another one");
    // What was changed is gone with that.
    assert_eq!((a.sees(3).await, b.sees(3).await), ("plain ask".to_owned(), "plain ask".to_owned()));
    assert!(!b.was_told().await);
    world.end().await;
}

/// One that says each time it has listed that its lists have changed holds up nobody for long.
#[tokio::test]
async fn the_next_one_does_not_wait_for_ever_for_what_is_listed() {
    let more = r#"
more() { change; again=change; }
change() { say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'; }
"#;
    let server = Server { lease_max: 1, ..scripted(Isolation::Auto, more) };
    let world = World::listing(server).await;
    let (mut a, mut b) = (world.capable(Principal::anonymous()).await, world.capable(Principal::anonymous()).await);
    a.sees(1).await;
    a.call(2, "plain").await;
    let pid = a.number(2).await;
    b.call(2, "plain").await;
    assert_ne!(b.number(2).await, pid);
    world.end().await;
}

#[tokio::test]
async fn what_a_user_changes_is_for_all_sessions_of_this_user() {
    let world = World::listing(lists(Isolation::PerClient)).await;
    let mut a = world.capable(Principal::token("a")).await;
    let mut b = world.capable(Principal::token("a")).await;
    let mut other = world.capable(Principal::token("b")).await;
    for client in [&mut a, &mut b, &mut other] {
        assert_eq!(client.sees(1).await, "plain ask");
    }
    a.call(2, "grow").await;
    a.number(2).await;
    a.is_told().await;
    b.is_told().await;
    assert_eq!((a.sees(3).await, b.sees(3).await), ("plain ask grown".to_owned(), "plain ask grown".to_owned()));
    assert_eq!(other.sees(3).await, "plain ask");
    assert!(!other.was_told().await);
    world.end().await;
}

#[tokio::test]
async fn one_without_capabilities_sees_what_its_own_instance_lists() {
    let world = World::listing(lists(Isolation::PerSession)).await;
    let mut a = world.client_as(Principal::anonymous());
    a.open("2025-11-25").await;
    let mut b = world.client_as(Principal::anonymous());
    b.open("2025-11-25").await;
    assert_eq!((a.sees(1).await, b.sees(1).await), ("plain".to_owned(), "plain".to_owned()));
    a.call(2, "grow").await;
    a.is_told().await;
    assert_eq!((a.sees(3).await, b.sees(3).await), ("plain grown".to_owned(), "plain".to_owned()));
    assert!(!b.was_told().await);
    world.end().await;
}

#[tokio::test]
async fn clients_without_name_or_session_share_what_the_first_instance_lists() {
    let world = World::listing(lists(Isolation::Shared)).await;
    let (mut a, mut b) = (world.client_as(Principal::anonymous()), world.client_as(Principal::anonymous()));
    assert_eq!(a.sees_modern(1, can()).await, "plain ask");
    b.ask_modern(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), can()).await;
    b.wait_for(|l| l["method"] == "notifications/subscriptions/acknowledged").await;
    a.ask_modern(2, "tools/call", json!({"name": "s__grow", "arguments": {}}), can()).await;
    a.answer(&json!(2)).await;
    b.is_told().await;
    assert_eq!(a.sees_modern(3, can()).await, "plain ask grown");
    world.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_come_up_for_such_clients_holds_up_nobody() {
    // It dies for clients that can be asked.
    let mut server =
        scripted(Isolation::Shared, "start() { case \"$init\" in *'\"elicitation\":'*) exit 1;; esac; }\n");
    server.restart.max = 0;
    let world = World::listing(server).await;
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain");
    world.instances(1).await;
    world.end().await;
}

#[tokio::test]
async fn a_name_that_is_listed_for_some_only_leads_there() {
    let unprefixed = |c: &mut Config| c.routing.naming = crate::config::Naming::PrefixOnConflict;
    let world = World::with(lists(Isolation::Shared), unprefixed, false);
    world.until_state("ready").await;
    let mut a = world.capable(Principal::anonymous()).await;
    // It has not listed yet: what it knows is from before.
    a.ask(&json!(1), "tools/call", json!({"name": "ask", "arguments": {}})).await;
    assert!(a.number(1).await.is_number());
    world.end().await;
}

#[tokio::test]
async fn what_is_listed_for_some_is_remembered_as_long_as_what_all_see_is_the_same() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let memory = || Memory::new(Some(dir.path().to_owned()));
    let start = |grown: &str| {
        let mut server = lists(Isolation::Shared);
        if let Target::Stdio { env, .. } = &mut server.target {
            env.insert("grown".to_owned(), Secret::new(grown.to_owned()));
        }
        World::remembering(memory(), server, |_| {}, false)
    };
    let n_files = || std::fs::read_dir(dir.path()).map_or(0, |d| d.flatten().count());
    let world = start("");
    world.until_state("ready").await;
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain ask");
    world.until("both lists on disk", |_| n_files() == 2).await;
    world.end().await;

    let world = start("");
    world.until_state("ready").await;
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain ask");
    world.instances(1).await;
    world.end().await;

    // Now everybody sees another list: so may have changed what some see.
    let world = start("yes");
    let mut plain = world.client_as(Principal::anonymous());
    plain.open("2025-11-25").await;
    if plain.sees(1).await == "plain" {
        plain.is_told().await;
    }
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain ask", "from the disk, and the server is asked meanwhile");
    a.is_told().await;
    assert_eq!(a.sees(2).await, "plain ask grown");
    world.end().await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_shown_until_there_is_more() {
    let world = World::listing(lists(Isolation::Shared)).await;
    let mut a = world.capable(Principal::anonymous()).await;
    assert_eq!(a.sees(1).await, "plain ask");
    let mut server = lists(Isolation::Shared);
    restarted(&mut server, 1);
    let before = world.engine.config.borrow().clone();
    let config = Config { servers: vec![Arc::new(server)], ..(*before).clone() };
    world.handle.reload(config).await.expect("it runs");
    world.until_state("ready").await;
    assert_eq!(a.sees(2).await, "plain ask");
    assert!(!a.was_told().await);
    world.end().await;
}

#[tokio::test]
async fn who_launched_us_has_everything_from_one_instance() {
    let world = World::with(lists(Isolation::Auto), |_| {}, true);
    let mut a = world.capable(Principal::own()).await;
    assert_eq!(a.sees(1).await, "plain ask");
    world.instances(1).await;
    world.end().await;
}
