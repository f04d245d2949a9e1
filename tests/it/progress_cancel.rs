//! Progress and cancellation, mapped both ways.

use serde_json::{Value, json};

use crate::harness::{Home, Peer, eventually};

fn call_with_token(client: &mut Peer, name: &str, token: &Value) -> String {
    client.ask("tools/call", &json!({"name": name, "arguments": {}, "_meta": {"progressToken": token}}))
}

/// Edge case 25, what comes after the answer.
#[test]
fn progress_comes_under_the_clients_own_token() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    for token in [json!("a token"), json!(7), json!("7")] {
        let call = call_with_token(&mut client, "a__progress", &token);
        for n in 1..=3 {
            let told = client.notice("notifications/progress").json["params"].clone();
            assert_eq!((&told["progressToken"], &told["progress"], &told["total"]), (&token, &json!(n), &json!(3)));
        }
        assert_eq!(client.answer(&call).json["result"]["content"][0]["text"], "three steps");
    }
    // The server tells of a fourth step after its answer: that is dropped.
    assert_eq!(client.left_over().len(), 0);
}

#[test]
fn clients_without_a_token_get_no_progress() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    client.call("a__progress", &json!({}));
    assert_eq!(client.left_over().len(), 0);
}

#[test]
fn same_token_in_two_calls_of_two_servers() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let mut client = home.open();
    let calls = [
        call_with_token(&mut client, "a__progress", &json!(1)),
        call_with_token(&mut client, "b__progress", &json!(1)),
    ];
    for call in calls {
        client.answer(&call);
    }
    let told = client.left_over();
    assert_eq!(told.iter().filter(|l| l.json["method"] == "notifications/progress").count(), 6);
}

/// Edge case 25, a call that was cancelled.
#[test]
fn cancelled_call_is_cancelled_at_the_server_and_never_answered() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let call = call_with_token(&mut client, "a__wait", &json!("t"));
    let other = client.ask("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    let sent = eventually("both calls at the server", || {
        let sent = home.received_of("a", "tools/call");
        (sent.len() == 2).then_some(sent)
    });
    let id: Value = serde_json::from_str(&call).expect("an id");
    client.notify("notifications/cancelled", &json!({"requestId": id, "reason": "no longer wanted"}));
    let cancelled =
        eventually("the cancellation at the server", || home.received_of("a", "notifications/cancelled").pop());
    assert_eq!(cancelled["params"]["requestId"], sent[0]["id"]);
    assert_eq!(cancelled["params"]["reason"], "no longer wanted");
    // Its late progress and its late answer come now.
    client.call("a__release", &json!({}));
    assert_eq!(client.answer(&other).json["result"]["content"][0]["text"], "released");
    assert_eq!(client.left_over().len(), 0);
}

#[test]
fn end_of_the_client_cancels_its_calls() {
    let home = Home::with_fake(&["--ignore-eof"]);
    let mut client = home.open();
    client.ask("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    eventually("the call at the server", || home.received_of("a", "tools/call").pop());
    client.close();
    assert_eq!(client.exit_code(), Some(0));
}

#[test]
fn progress_keeps_a_call_alive() {
    // The idle time is shorter than all steps together.
    let home =
        Home::new().server("demo", env!("CARGO_BIN_EXE_mcp-proxy"), &["demo-server".to_owned(), "tools".to_owned()]);
    let home = home.and("timeout: 700ms");
    let mut client = home.open();
    let params =
        json!({"name": "demo__slow", "arguments": {"seconds": 1.5, "steps": 15}, "_meta": {"progressToken": 1}});
    let result = client.request("tools/call", &params);
    assert_eq!(result["content"][0]["text"], "done after 1.5s");
}

#[test]
fn many_calls_in_flight_all_find_home() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let mut client = home.open();
    let calls: Vec<(String, u64, &str)> = (0..200)
        .map(|n| {
            let server = if n % 2 == 0 { "a" } else { "b" };
            let params = json!({"name": format!("{server}__echo"), "arguments": {"n": n}});
            (client.ask("tools/call", &params), n, server)
        })
        .collect();
    for (call, n, server) in calls {
        let result = client.answer(&call).json["result"].clone();
        assert_eq!((&result["structuredContent"]["n"], &result["_meta"]["by"]), (&json!(n), &json!(server)));
    }
}
