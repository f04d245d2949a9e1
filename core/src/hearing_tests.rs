//! Log lines of a server on a pipe that several clients share: a line does not say whose it is (protocol.md, 3.3 and 3.6).

use serde_json::{Value, json};

use super::tests::{Client, World, settle};
use crate::backend::Principal;
use crate::config::{Isolation, ProtocolChoice, Server};

/// A modern server. It writes a line for a call that asks for it, and tells whether it did.
const MODERN: &str = r#"
n=0
say() { printf '%s\n' "$1"; }
ok() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"resultType\":\"complete\",$1}}"; }
asked() { case "$l" in *logLevel*) echo true ;; *) echo false ;; esac; }
log() { case "$l" in *logLevel*) say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"warning\",\"data\":\"$1\"}}" ;; esac; }
each() {
  case "$l" in
    *'"server/discover"'*) ok '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"logging":{}}' ;;
    *'"subscriptions/listen"'*|*'"notifications/'*) ;;
    *'/list"'*) ok '"tools":[]' ;;
    *'"hold"'*) held=$id; l0=$l ;;
    *'"release"'*) mine=$id; l1=$l; l=$l0; id=$held; log held; ok "\"n\":$(asked)"; id=$mine; l=$l1; ok "\"n\":$(asked)" ;;
    *'"late"'*) ok "\"n\":$(asked)"; log late ;;
    *'"tools/call"'*) log "of $id"; ok "\"n\":$(asked)" ;;
  esac
}
while read -r l; do id=${l#*\"id\":}; id=${id%%,*}; each; done
"#;

fn modern() -> Server {
    let mut server = Server::stdio("s", "/bin/sh", &["-c", MODERN]);
    server.protocol = ProtocolChoice::Modern;
    server.isolation = Isolation::Shared;
    server
}

impl World {
    async fn logging(server: Server) -> Self {
        let world = Self::new(server);
        world.until_state("ready").await;
        world
    }
}

impl Client {
    async fn begin_modern(&mut self, id: u64, tool: &str, level: Option<&str>) {
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "m", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        if let Some(level) = level {
            meta["io.modelcontextprotocol/logLevel"] = level.into();
        }
        let params = json!({"name": format!("s__{tool}"), "arguments": {}, "_meta": meta});
        self.ask(&json!(id), "tools/call", params).await;
    }

    /// Whether the server was asked for log lines in this call.
    async fn asks(&mut self, id: u64, tool: &str, level: Option<&str>) -> Value {
        self.begin_modern(id, tool, level).await;
        self.number(id).await
    }

    /// The lines that have come up to now.
    async fn lines(&mut self) -> usize {
        settle().await;
        // Answered here, in whatever era the client speaks.
        self.ask(&json!("end"), "ping", json!({})).await;
        self.answer(&json!("end")).await;
        let is_line = |l: &Value| l["method"] == "notifications/message";
        let n = self.kept.iter().filter(|l| is_line(l)).count();
        self.kept.retain(|l| !is_line(l));
        n
    }
}

#[tokio::test]
async fn users_who_ask_one_after_the_other_hear_their_own() {
    let world = World::logging(modern()).await;
    let (mut a, mut b) = (world.client_as(Principal::anonymous()), world.client_as(Principal::anonymous()));
    for id in 1..4 {
        for client in [&mut a, &mut b] {
            assert_eq!(client.asks(id, "x", Some("info")).await, true);
        }
        assert_eq!((a.lines().await, b.lines().await), (1, 1));
    }
    assert_eq!(a.asks(9, "x", None).await, false, "who does not ask hears nothing");
    assert_eq!((a.lines().await, b.lines().await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn who_comes_while_another_hears_is_not_kept_waiting() {
    let world = World::logging(modern()).await;
    let (mut a, mut b) = (world.client_as(Principal::anonymous()), world.client_as(Principal::anonymous()));
    a.begin_modern(1, "hold", Some("debug")).await;
    world.until("it is with the server", |s| s.backends[0].n_in_flight == 1).await;
    assert_eq!(b.asks(1, "release", Some("debug")).await, false, "made without asking");
    assert_eq!(a.number(1).await, true);
    assert_eq!((a.lines().await, b.lines().await), (1, 0));
    // Now it is free for the other.
    assert_eq!(b.asks(2, "x", Some("debug")).await, true);
    assert_eq!((a.lines().await, b.lines().await), (0, 1));
    world.end().await;
}

#[tokio::test]
async fn a_line_that_comes_too_late_is_for_nobody_else() {
    let world = World::logging(modern()).await;
    let (mut a, mut b) = (world.client_as(Principal::anonymous()), world.client_as(Principal::anonymous()));
    assert_eq!(a.asks(1, "late", Some("debug")).await, true);
    assert_eq!(b.asks(1, "x", Some("debug")).await, true);
    assert_eq!(b.lines().await, 1, "its own one only");
    assert_eq!(a.lines().await, 0, "its call was over");
    world.end().await;
}

#[tokio::test]
async fn a_legacy_client_before_a_modern_server_hears_what_it_has_asked_for() {
    let world = World::logging(modern()).await;
    let open = async || {
        let mut client = world.client_as(Principal::anonymous());
        client.open("2025-11-25").await;
        client
    };
    let (mut a, mut b) = (open().await, open().await);
    // Before anybody has said anything, a server says what it thinks right, and the first one is alone.
    a.call(1, "x").await;
    assert_eq!(a.number(1).await, true);
    assert_eq!(a.lines().await, 1);
    // Not any more.
    b.call(1, "x").await;
    assert_eq!(b.number(1).await, false);
    b.ask(&json!(2), "logging/setLevel", json!({"level": "debug"})).await;
    b.answer(&json!(2)).await;
    b.call(3, "x").await;
    assert_eq!(b.number(3).await, true);
    assert_eq!((a.lines().await, b.lines().await), (0, 1));
    world.end().await;
}

#[tokio::test]
async fn shared_lines_are_for_all_who_want_them() {
    let world = World::logging(Server { share_logs: true, ..modern() }).await;
    let open = async |level: &str| {
        let mut client = world.client_as(Principal::anonymous());
        client.open("2025-11-25").await;
        client.ask(&json!(0), "logging/setLevel", json!({"level": level})).await;
        client.answer(&json!(0)).await;
        client
    };
    let (mut a, mut b, mut c) = (open("info").await, open("info").await, open("error").await);
    a.call(1, "x").await;
    a.number(1).await;
    b.call(1, "x").await;
    b.number(1).await;
    // The first line was for certain of the first one's call, the only user until then.
    assert_eq!((a.lines().await, b.lines().await, c.lines().await), (2, 1, 0));
    world.end().await;
}

/// A legacy server that writes a line in each call.
fn legacy() -> Server {
    let script = r#"
each() {
  case "$l" in
    *'"initialize"'*) ok '{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'/list"'*) ok '{"tools":[]}' ;;
    *'"ping"'*|*'"logging/setLevel"'*) ok '{}' ;;
    *'"tools/call"'*) say '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","data":1}}'; ok "{\"n\":$$}" ;;
  esac
}
"#;
    let mut server = super::tests::server(script);
    server.isolation = Isolation::Shared;
    server
}

#[tokio::test]
async fn a_modern_client_that_only_wants_to_hear_a_legacy_server_hears_it() {
    let world = World::logging(legacy()).await;
    let mut pids = Vec::new();
    for principal in [Principal::anonymous(), Principal::anonymous(), Principal::token("a"), Principal::token("b")] {
        let mut client = world.client_as(principal);
        let pid = client.asks(1, "x", Some("info")).await;
        assert_eq!(client.lines().await, 1);
        let again = client.asks(2, "x", Some("critical")).await;
        assert_eq!((client.lines().await, again), (0, pid.clone()));
        assert_ne!(client.asks(3, "x", None).await, pid, "who wants no lines goes to everybody's");
        pids.push(pid);
    }
    assert_eq!(pids[0], pids[1], "by turns");
    assert!(pids[1] != pids[2] && pids[2] != pids[3], "each user has one");
    world.end().await;
}
