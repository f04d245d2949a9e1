//! Messages held for somebody at the terminal, in the whole engine.

use serde_json::{Value, json};

use super::tests::{Client, World, server};
use crate::control::{Command, CommandError, Leg};
use crate::guard::MAX_HELD;
use crate::observe::{Flow, Status};
use crate::protocol::CallId;

/// A server that says what it was told, and asks its client in `ask`.
fn talker() -> crate::config::Server {
    server(
        r#"
each() {
  case "$l" in
    *'"initialize"'*) ok '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'/list"'*) ok '{}' ;;
    *'"tools/call"'*) n=$((n+1)); call ;;
    *'"method"'*) ;;
    *) answered ;;
  esac
}
call() {
  case "$l" in
    *'"s__ask"'*|*'"ask"'*) asker=$id; say '{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}' ;;
    *'"fails"'*) ok '{"content":[],"isError":true}' ;;
    *) a=${l#*\"arguments\":}; a=${a%%\}*}; ok "{\"n\":$n,\"args\":$a}}" ;;
  esac
}
answered() {
  case "$l" in
    *'"error"'*) said=${l#*\"error\":} ;;
    *) said=${l#*\"result\":} ;;
  esac
  id=$asker; ok "{\"got\":${said%?}}"
}
"#,
    )
}

impl World {
    async fn intercept(&self, filter: &str) {
        self.command(Command::Intercept(Some(filter.to_owned()))).await;
    }

    /// Waits until so many are held, and gives their flows.
    async fn held(&self, n: usize) -> Vec<(CallId, Leg)> {
        self.until(&format!("{n} held"), |_| self.handle.intercept().held.len() == n).await;
        self.handle.intercept().held.iter().map(|(call, leg, _)| (*call, *leg)).collect()
    }

    async fn refused(&self, command: Command) -> String {
        self.handle.command(command).await.expect_err("refused").to_string()
    }

    fn row(&self, call: CallId) -> Flow {
        self.handle.flow(call).expect("in the journal")
    }
}

fn replaced(world: &World, call: CallId, from: &str, to: &str) -> Option<String> {
    let text = String::from_utf8(world.handle.held(call)?.message.to_vec()).ok()?;
    assert!(text.contains(from), "{text}");
    Some(text.replace(from, to))
}

async fn say(client: &mut Client, id: u64, tool: &str, arguments: Value) {
    client.ask(&json!(id), "tools/call", json!({"name": format!("s__{tool}"), "arguments": arguments})).await;
}

#[tokio::test]
async fn what_does_not_match_is_not_held_and_does_not_wait() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("s__x ~q").await;
    say(&mut client, 1, "x", json!({"a": 1})).await;
    say(&mut client, 2, "y", json!({})).await;
    assert_eq!(client.number(2).await, 1, "the one behind goes first");
    let held = world.held(1).await;
    let (call, leg) = held[0];
    assert_eq!(leg, Leg::Request);
    let row = world.row(call);
    assert!(row.is_held && row.status == Status::Pending && row.wire_id.is_none() && row.backend.is_some());
    world.command(Command::Release { call, message: None }).await;
    let answer = client.answer(&json!(1)).await;
    assert_eq!(answer["result"], json!({"n": 2, "args": {"a": 1}}));
    let row = world.flow("its end", |f| f.id == call && f.status == Status::Ok).await;
    assert!(!row.is_held && !row.timing.held.is_zero() && row.timing.held > row.timing.proxy);
    assert_eq!(world.handle.snapshot().totals.n_in_flight, 0);
    world.end().await;
}

#[tokio::test]
async fn a_request_is_edited_dropped_or_answered_by_hand() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("s__x & ~q").await;
    for id in 1..=3 {
        say(&mut client, id, "x", json!({"a": id})).await;
    }
    let held = world.held(3).await;
    let [edited, dropped, answered] = [held[0].0, held[1].0, held[2].0];

    let wrong = |text: &str| Command::Release { call: edited, message: Some(text.to_owned()) };
    for (text, why) in [
        ("{", "this is no message"),
        (r#"{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#, "`id` must stay 1"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "`method` must stay `tools/call`"),
    ] {
        let said = world.refused(wrong(text)).await;
        assert!(said.contains(why), "{said}");
    }
    let new = replaced(&world, edited, r#""a":1"#, "\"a\":\n 100").expect("still held");
    world.command(Command::Release { call: edited, message: Some(new) }).await;
    assert_eq!(client.answer(&json!(1)).await["result"]["args"], json!({"a": 100}));
    let row = world.flow("its end", |f| f.id == edited && f.status == Status::Ok).await;
    assert!(row.frames.received.is_some_and(|b| b.windows(5).any(|w| w == b"\"a\":1")), "as the client sent it");
    let sent = row.frames.sent.expect("it was sent").to_bytes();
    assert!(String::from_utf8_lossy(&sent).contains("100"));

    world.command(Command::Drop(dropped)).await;
    let error = client.answer(&json!(2)).await["error"].clone();
    assert_eq!((&error["data"]["reason"], error["code"].as_i64()), (&json!("intercepted"), Some(-32603)), "{error}");
    assert!(matches!(world.row(dropped).status, Status::Fault(_)));

    let by_hand = |id: u64| Command::Answer {
        call: answered,
        message: json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "by": "hand"}}).to_string(),
    };
    let said = world.refused(by_hand(4)).await;
    assert!(said.contains("`id` must be 3"), "{said}");
    world.command(by_hand(3)).await;
    assert_eq!(client.answer(&json!(3)).await["result"]["by"], "hand");
    assert_eq!(world.row(answered).status, Status::Ok);
    assert!(matches!(world.handle.command(Command::Drop(answered)).await, Err(CommandError::NotHeld(_))));

    world.command(Command::Intercept(None)).await;
    client.call(9, "x").await;
    assert_eq!(client.number(9).await, 2, "of the three only the edited one got there");
    let seen = world.handle.snapshot();
    assert_eq!((seen.totals.n_in_flight, seen.backends[0].n_in_flight), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn an_answer_is_held_edited_and_dropped() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("~s & ~m tools/call").await;
    say(&mut client, 1, "x", json!({"a": 1})).await;
    say(&mut client, 2, "x", json!({"a": 2})).await;
    say(&mut client, 3, "x", json!({"a": 3})).await;
    let held = world.held(3).await;
    assert!(held.iter().all(|(_, leg)| *leg == Leg::Answer));
    let new = replaced(&world, held[0].0, r#""a":1"#, r#""a":"edited""#);
    world.command(Command::Release { call: held[0].0, message: new }).await;
    assert_eq!(client.answer(&json!(1)).await["result"]["args"], json!({"a": "edited"}));
    let row = world.flow("its end", |f| f.id == held[0].0 && f.status == Status::Ok).await;
    let came = row.frames.returned.expect("kept");
    assert!(String::from_utf8_lossy(&came).contains(r#""a":1"#), "as the server sent it");
    assert!(String::from_utf8_lossy(&row.frames.answered.expect("kept").to_bytes()).contains("edited"));
    world.command(Command::Drop(held[1].0)).await;
    assert_eq!(client.answer(&json!(2)).await["error"]["data"]["reason"], "intercepted");
    world.command(Command::ReleaseAll).await;
    assert_eq!(client.answer(&json!(3)).await["result"]["args"], json!({"a": 3}));
    world.end().await;
}

#[tokio::test]
async fn only_answers_that_failed_are_held_where_that_is_asked_for() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("~e").await;
    say(&mut client, 1, "x", json!({})).await;
    assert_eq!(client.number(1).await, 1);
    say(&mut client, 2, "fails", json!({})).await;
    let held = world.held(1).await;
    world.command(Command::Release { call: held[0].0, message: None }).await;
    assert_eq!(client.answer(&json!(2)).await["result"]["isError"], true);
    world.intercept("~bq needle").await;
    say(&mut client, 3, "x", json!({"in": "hay"})).await;
    assert_eq!(client.number(3).await, 3);
    say(&mut client, 4, "x", json!({"in": "a Needle"})).await;
    world.held(1).await;
    world.command(Command::ReleaseAll).await;
    // Its answer meets the same rule.
    world.until("the answer", |_| world.handle.intercept().held.iter().any(|h| h.1 == Leg::Answer)).await;
    world.command(Command::ReleaseAll).await;
    assert_eq!(client.number(4).await, 4);
    world.end().await;
}

#[tokio::test]
async fn a_client_that_takes_a_held_call_back_hears_nothing_and_the_server_neither() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("s__x").await;
    client.call(1, "x").await;
    let held = world.held(1).await;
    client.cancel(1).await;
    world.held(0).await;
    assert_eq!(world.row(held[0].0).status, Status::Cancelled);
    client.call(2, "y").await;
    assert_eq!(client.number(2).await, 1, "the first the server heard of");
    // The answer to another one is here when it is taken back.
    world.intercept("s__x & ~s").await;
    client.call(3, "x").await;
    world.held(1).await;
    client.cancel(3).await;
    world.held(0).await;
    client.call(4, "y").await;
    assert_eq!(client.number(4).await, 3);
    assert!(client.kept.is_empty(), "{:?}", client.kept);
    assert_eq!(world.handle.snapshot().totals.n_in_flight, 0);
    world.end().await;
}

#[tokio::test]
async fn a_client_that_leaves_holds_nothing_and_an_id_in_use_is_refused() {
    let world = World::new(talker());
    let mut client = world.client().await;
    let mut other = world.client().await;
    world.intercept("s__x").await;
    client.call(1, "x").await;
    other.call(1, "x").await;
    world.held(2).await;
    other.call(1, "x").await;
    let error = other.answer(&json!(1)).await["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| m.contains("in use")), "{error}");
    let session = world.flows().iter().rev().find_map(|f| f.session).expect("a session");
    world.command(Command::Disconnect(session)).await;
    world.held(1).await;
    let by_hand = world.handle.intercept().held[0].0;
    world.command(Command::Cancel(by_hand)).await;
    world.held(0).await;
    assert_eq!(client.answer(&json!(1)).await["error"]["data"]["reason"], "intercepted");
    world.end().await;
}

#[tokio::test]
async fn questions_and_their_answers_are_held_too() {
    let world = World::new(talker());
    let mut client = world.silent_client();
    client.open_with("2025-11-25", json!({"elicitation": {}})).await;
    world.intercept("~up").await;
    client.call(1, "ask").await;
    let (question, leg) = world.held(1).await[0];
    assert_eq!(leg, Leg::Request);
    let new = replaced(&world, question, "who?", "who, really?");
    world.command(Command::Release { call: question, message: new }).await;
    let asked = client.wait_for(|l| l["method"] == "elicitation/create").await;
    assert_eq!(asked["params"]["message"], "who, really?");
    let reply = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}});
    client.send(&reply.to_string()).await;
    let (reply, leg) = world.held(1).await[0];
    assert_eq!((reply, leg), (question, Leg::Answer));
    let new = replaced(&world, reply, "decline", "accept");
    world.command(Command::Release { call: reply, message: new }).await;
    assert_eq!(client.answer(&json!(1)).await["result"]["got"]["action"], "accept");
    // Answered by hand the client hears nothing of it; dropped, the server gets an error.
    for (id, by_hand) in [(2, true), (3, false)] {
        client.call(id, "ask").await;
        let (call, _) = world.held(1).await[0];
        let message = json!({"jsonrpc": "2.0", "id": 7, "result": {"action": "by hand"}}).to_string();
        world.command(if by_hand { Command::Answer { call, message } } else { Command::Drop(call) }).await;
        let got = client.answer(&json!(id)).await["result"]["got"].clone();
        assert_eq!(
            if by_hand { &got["action"] } else { &got["data"]["reason"] },
            if by_hand { "by hand" } else { "intercepted" }
        );
    }
    assert!(client.kept.is_empty(), "{:?}", client.kept);
    world.end().await;
}

#[tokio::test]
async fn too_many_are_not_held_and_the_end_waits_for_none() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.intercept("s__x & ~q").await;
    for id in 0..MAX_HELD as u64 {
        client.call(id + 1, "x").await;
    }
    world.held(MAX_HELD).await;
    client.call(1000, "x").await;
    assert_eq!(client.number(1000).await, 1, "it has gone on");
    assert_eq!(world.handle.intercept().n_passed, 1);
    world.handle.shutdown();
    let error = client.answer(&json!(1)).await["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| m.contains("shutting down")), "{error}");
    world.end().await;
}

#[tokio::test]
async fn nobody_decides_and_it_goes_on_with_a_word() {
    let world = World::new(talker());
    let mut client = world.client().await;
    world.engine.guard.intercept.set_max_hold(std::time::Duration::from_millis(50));
    world.intercept("s__x").await;
    client.ask(&json!(1), "tools/list", json!({})).await;
    assert!(client.answer(&json!(1)).await["result"].is_object(), "what we answer ourselves is never held");
    client.call(2, "x").await;
    assert_eq!(client.number(2).await, 1, "request and answer have gone on");
    let told = |s: &crate::control::Snapshot| s.notices.iter().filter(|n| n.text.contains("nobody decided")).count();
    assert_eq!(told(&world.handle.snapshot()), 2);
    world.end().await;
}

#[tokio::test]
async fn a_call_made_again_names_the_one_it_repeats() {
    let world = World::new(talker());
    let mut client = world.client().await;
    client.call(1, "x").await;
    assert_eq!(client.number(1).await, 1);
    let first = world.flow("the call", |f| f.target.as_deref() == Some("s__x")).await;
    let again = CallId(first.id.0).replay(4);
    let id: Value = serde_json::from_str(&again).expect("JSON");
    client.ask(&id, "tools/call", json!({"name": "s__x", "arguments": {}})).await;
    assert_eq!(client.answer(&id).await["result"]["n"], 2);
    let second = world.flow("the replay", |f| f.parent == Some(first.id)).await;
    assert_eq!((second.target, second.status), (first.target, Status::Ok));
    world.end().await;
}

#[tokio::test]
async fn a_rule_that_cannot_be_read_changes_nothing() {
    let world = World::new(talker());
    world.intercept("~be s").await;
    let said = world.refused(Command::Intercept(Some("~lat".to_owned()))).await;
    assert!(said.contains("character 5"), "{said}");
    assert_eq!(world.handle.intercept().filter.as_deref(), Some("~be s"));
    world.command(Command::Intercept(Some("  ".to_owned()))).await;
    assert_eq!(world.handle.intercept().filter, None);
    world.end().await;
}
