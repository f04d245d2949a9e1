//! Sessions of the legacy era: opened, kept apart, ended.

use serde_json::json;

use crate::harness::{Client, Home, Web};

#[test]
fn every_legacy_edition_opens_a_session() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = web.open(revision, &json!({}));
        assert_eq!(client.revision, revision);
        assert_eq!(client.session.len(), 43, "256 bits in base64");
        assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
    }
}

#[test]
fn a_session_that_was_not_opened_is_none() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    let reply = web.post("/mcp", &[], &body);
    assert_eq!((reply.refusal(), reply.header("mcp-session-id")), ((200, -32602), None));
    let info = json!({"name": "x", "version": "1", "icons": "x".repeat(300 << 10)});
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}});
    let reply = web.post("/mcp", &[], &body);
    assert_eq!((reply.refusal(), reply.header("mcp-session-id")), ((200, -32602), None), "what is kept has a limit");
    let mut client = web.open("2025-11-25", &json!({}));
    let again = client.body("initialize", &json!({"protocolVersion": "2025-11-25"}));
    assert_eq!(client.post(&again).refusal(), (200, -32600), "it comes once");
}

#[test]
fn a_session_ends_when_it_is_told() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let (mut client, mut other) = (web.open("2025-11-25", &json!({})), web.open("2025-11-25", &json!({})));
    let body = client.body("tools/call", &json!({"name": "a__never", "arguments": {}}));
    let mut waits = client.start(&body);
    let mut stream = client.listen(None);
    stream.event().expect("the priming event");
    assert_eq!(client.delete(), 200);
    assert!(stream.event().is_none(), "its stream ends");
    assert_eq!(waits.reply().status, 404, "its requests end");
    assert_eq!(client.delete(), 404);
    let body = client.body("ping", &json!({}));
    assert_eq!(client.post(&body).status, 404);
    let mut without = web.connect();
    assert_eq!(without.request("DELETE", "/mcp", &[], b"").status, 400);
    assert_eq!(other.request("ping", &json!({})), json!({}));
}

/// Edge case 40, an event of another session.
#[test]
fn sessions_do_not_see_each_other() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let (mut a, mut b) = (web.open("2025-11-25", &json!({})), web.open("2025-11-25", &json!({})));
    // The same ids at the same time.
    let body = a.body("tools/call", &json!({"name": "a__wait", "arguments": {}, "_meta": {"progressToken": "t"}}));
    let mut waits = a.start(&body);
    crate::harness::eventually("the call waits", || home.received_of("a", "tools/call").pop());
    assert_eq!(b.call("a__echo", &json!({"b": 1}))["structuredContent"], json!({"b": 1}));
    b.call("a__release", &json!({}));
    assert_eq!(waits.head().header("content-type"), Some("text/event-stream"));
    let primed = waits.event().expect("the priming event");
    let all: Vec<_> = std::iter::from_fn(|| waits.message()).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    // An event of one is nothing to the other, and is there for the one.
    assert_eq!(b.listen(Some(&primed.id)).event(), None);
    let mut again = a.listen(Some(&primed.id));
    assert_eq!(std::iter::from_fn(|| again.message()).collect::<Vec<_>>(), all);
    for wrong in ["x", "999999-0", ""] {
        assert_eq!(a.listen(Some(wrong)).event(), None, "{wrong}");
    }
}

#[test]
fn an_id_in_use_is_refused_and_the_first_one_answered() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let body = client.body("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    let mut waits = client.start(&body);
    crate::harness::eventually("the call waits", || home.received_of("a", "tools/call").pop());
    assert_eq!(client.post(&body).refusal(), (200, -32600));
    client.call("a__release", &json!({}));
    assert_eq!(waits.reply().json()["id"], body["id"]);
}

#[test]
fn a_client_takes_its_request_back() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let body = client.body("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    let mut waits = client.start(&body);
    crate::harness::eventually("the call waits", || home.received_of("a", "tools/call").pop());
    assert_eq!(client.notify("notifications/cancelled", &json!({"requestId": body["id"]})).status, 202);
    assert_eq!(waits.reply().status, 202, "it is over without an answer");
    crate::harness::eventually("the server hears of it", || home.received_of("a", "notifications/cancelled").pop());
}

/// Edge case 38, over HTTP.
#[test]
fn batches_exist_in_one_edition() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/vendor"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]);
    let client = web.open("2025-03-26", &json!({}));
    let reply = client.post(&batch);
    assert_eq!(reply.status, 200);
    let answers = reply.json();
    let mut ids: Vec<_> = answers.as_array().expect("an array").iter().map(|a| a["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [Some(1), Some(2)]);
    assert_eq!(client.post(&json!([{"jsonrpc": "2.0", "method": "notifications/vendor"}])).status, 202);
    let with_open = json!([{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}]);
    assert_eq!(client.post(&with_open).refusal(), (400, -32600));
    assert_eq!(
        client.post(&json!([7, {"jsonrpc": "2.0", "id": 3, "method": "ping"}])).json().as_array().map(Vec::len),
        Some(2)
    );
    for revision in ["2025-06-18", "2025-11-25"] {
        let client = web.open(revision, &json!({}));
        assert_eq!(client.post(&batch).refusal(), (400, -32600), "{revision}");
    }
}

/// Edge case 39, its pretty-printed body.
#[test]
fn a_body_on_many_lines_is_one_line_to_a_server() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let body = client.body("tools/call", &json!({"name": "a__echo", "arguments": {"a": [1, {"b": "c"}]}}));
    let pretty = serde_json::to_string_pretty(&body).expect("JSON").replace('\n', "\r\n");
    let headers = [&crate::harness::USUAL[..], &client.headers()].concat();
    let reply = web.connect().request("POST", "/mcp", &headers, pretty.as_bytes());
    assert_eq!(reply.json()["result"]["structuredContent"], json!({"a": [1, {"b": "c"}]}));
    assert_eq!(home.received_of("a", "tools/call").len(), 1);
}

#[test]
fn each_server_has_an_endpoint_of_its_own() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let web = home.web();
    let mut client = Client::open(&web, "/mcp/b", "2025-11-25", &json!({}));
    client.path = "/mcp".to_owned();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(client.post(&body).status, 404, "its session is not one of the other endpoint");
    client.path = "/mcp/b".to_owned();
    assert_eq!(client.post(&body).status, 200);
}

fn sse(web: &Web) -> (crate::harness::Http, String) {
    let mut stream = web.connect();
    stream.ask("GET", "/sse?key=1", &[("accept", "text/event-stream")], b"");
    assert_eq!(stream.head().status, 200);
    let endpoint = stream.event().expect("the endpoint");
    assert_eq!(endpoint.name, "endpoint");
    (stream, endpoint.data)
}

/// HTTP+SSE of 2024-11-05.
#[test]
fn the_oldest_transport() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let (mut stream, endpoint) = sse(&web);
    assert!(endpoint.starts_with("/messages?sessionId=") && endpoint.ends_with("&key=1"), "{endpoint}");
    let json = [("content-type", "application/json")];
    let post = |body: &serde_json::Value| {
        let reply = web.connect().request("POST", &endpoint, &json, body.to_string().as_bytes());
        (reply.status, String::from_utf8(reply.body).expect("text"))
    };
    let open = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2024-11-05",
        "capabilities": {"elicitation": {}}, "clientInfo": {"name": "old", "version": "1"}}});
    assert_eq!(post(&open), (202, "Accepted".to_owned()));
    let answer = stream.event().expect("an answer");
    assert_eq!((answer.name.as_str(), &answer.json()["result"]["protocolVersion"]), ("message", &json!("2024-11-05")));
    post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a__elicit", "arguments": {}}}));
    let question = stream.event().expect("a question").json();
    assert_eq!(question["method"], "elicitation/create");
    post(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"name": "x"}}}));
    let answer = stream.event().expect("an answer").json();
    assert_eq!(answer["result"]["structuredContent"]["answer"]["content"]["name"], "x");

    let (_, modern) = crate::harness::modern(1, "tools/list", json!({}));
    assert_eq!(post(&modern).0, 400);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let mut http = web.connect();
    assert_eq!(http.request("POST", "/messages", &json, ping.as_bytes()).status, 400);
    assert_eq!(http.request("POST", "/messages?sessionId=x", &json, ping.as_bytes()).status, 404);
    // The stream is the session.
    post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "a__never", "arguments": {}}}));
    crate::harness::eventually("the call is there", || (home.received_of("a", "tools/call").len() == 2).then_some(()));
    drop(stream);
    crate::harness::eventually("the server hears of it", || home.received_of("a", "notifications/cancelled").pop());
    assert_eq!(post(&serde_json::from_str(&ping).expect("JSON")).0, 404);
}
