//! Modern servers on a pipe that change their mind: about the stream of updates, and about the edition they speak.

use std::time::Duration;

use serde_json::{Value, json};

use super::tests::World;
use crate::config::{ProtocolChoice, Server};
use crate::observe::{Flow, Status};

/// A server of both eras. `end` and `cancel` end the stream of updates; `$old` says what is refused after `turn`.
const BOTH: &str = r#"
say() { printf '%s\n' "$1"; }
ok() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{$complete$1}}"; }
complete='"resultType":"complete",'
refuse() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32022,\"message\":\"not any more\",\"data\":{\"supported\":[$1]}}}"; }
is_turned() { [ -e "$turned" ]; }
each() {
  case "$l" in
    *'"server/discover"'*) if is_turned; then refuse '"2025-11-25"'; else ok '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true}}'; fi ;;
    *'"initialize"'*) complete=""; if is_turned; then ok '"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}'; else refuse '"2026-07-28"'; fi ;;
    *'"subscriptions/listen"'*) listen=$id; say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":$id},\"notifications\":{}}}" ;;
    *'"resources/list"'*) ok '"resources":[{"uri":"x://1","name":"one"}]' ;;
    *'/list"'*) ok '"tools":[]' ;;
    *'"notifications/'*) ;;
    *'"end"'*) ok "\"n\":$listen"; id=$listen; ok '"_meta":{}' ;;
    *'"cancel"'*) ok "\"n\":$listen"; say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":$listen}}" ;;
    *'"turn"'*) : >"$turned"; ok '"n":0' ;;
    *'"lies"'*) refuse '"2026-07-28"' ;;
    *'"tools/call"'*) if is_turned && [ -n "$complete" ]; then refuse '"2025-11-25"'; else ran=x$ran; ok "\"n\":\"$ran\",\"pid\":$$"; fi ;;
  esac
}
while read -r l; do id=${l#*\"id\":}; id=${id%%,*}; each; done
"#;

fn both(turned: &std::path::Path) -> Server {
    let script = format!("turned='{}'\n{BOTH}", turned.display());
    let mut server = Server::stdio("s", "/bin/sh", &["-c", &script]);
    server.restart.backoff_min = Duration::from_millis(1);
    server.restart.backoff_max = Duration::from_millis(5);
    server
}

fn of(method: &'static str) -> impl Fn(&&Flow) -> bool {
    move |f| &*f.method == method
}

#[tokio::test]
async fn a_stream_of_updates_that_the_server_ends_is_opened_again() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut server = both(&dir.path().join("turned"));
    server.protocol = ProtocolChoice::Modern;
    let world = World::new(server);
    let mut client = world.client().await;
    client.ask(&json!(1), "resources/subscribe", json!({"uri": "x://1"})).await;
    assert!(client.answer(&json!(1)).await["result"].is_object());
    let n_open = |world: &World| world.flows().iter().filter(of("subscriptions/listen")).count();
    let mut listens = Vec::new();
    for (id, how) in (2..).zip(["end", "cancel", "end", "cancel"]) {
        let before = n_open(&world);
        client.call(id, how).await;
        listens.push(client.number(id).await);
        world.until("it is opened again", |_| n_open(&world) == before + 1).await;
        // Nobody knows what has changed meanwhile.
        client.wait_for(|l| l["method"] == "notifications/resources/updated").await;
    }
    listens.dedup();
    assert_eq!(listens.len(), 4, "each is another request: {listens:?}");
    world.end().await;
}

#[tokio::test]
async fn a_server_that_speaks_another_edition_now_is_opened_anew_and_the_call_is_made_once() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let world = World::new(both(&dir.path().join("turned")));
    world.until_state("ready").await;
    let mut client = world.client().await;
    client.call(1, "x").await;
    assert_eq!(client.number(1).await, "x");
    client.call(2, "turn").await;
    client.answer(&json!(2)).await;
    client.call(3, "x").await;
    let answer = client.answer(&json!(3)).await;
    assert_eq!(answer["result"]["n"], "x", "of a new process: {answer}");
    let seen = world.until_state("ready").await;
    assert_eq!(seen.backends[0].revision.map(|r| r.to_string()).as_deref(), Some("2025-11-25"));
    world.end().await;
}

#[tokio::test]
async fn a_server_that_contradicts_itself_is_taken_at_its_word_by_nobody() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let world = World::new(both(&dir.path().join("turned")));
    world.until_state("ready").await;
    let mut client = world.client().await;
    client.call(1, "lies").await;
    let answer = client.answer(&json!(1)).await;
    assert_eq!(answer["error"]["code"], -32603, "it is not about the client's edition: {answer}");
    let answer: Value = {
        client.call(2, "x").await;
        client.answer(&json!(2)).await
    };
    assert!(answer["result"]["n"].is_string(), "it goes on: {answer}");
    let restarts = world.handle.snapshot().backends[0].n_restarts;
    assert_eq!(restarts, 0);
    assert!(world.flows().iter().any(|f| f.status == Status::Fault(-32603)));
    world.end().await;
}
