//! Clients of 2026-07-28: every request stands alone.

use serde_json::{Value, json};

use crate::harness::{Home, Http, USUAL, Web, eventually, modern};

fn echo(web: &Web, headers: &[(&str, &str)]) -> (u16, i64) {
    let (_, body) = modern(1, "tools/call", json!({"name": "a__echo", "arguments": {"e": 1}}));
    web.connect().request("POST", "/mcp", &[&USUAL[..], headers].concat(), body.to_string().as_bytes()).refusal()
}

/// Edge case 30.
#[test]
fn headers_have_to_agree_with_the_body() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let version = ("mcp-protocol-version", "2026-07-28");
    let method = ("mcp-method", "tools/call");
    let name = ("mcp-name", "a__echo");
    for (what, headers, expected) in [
        ("as it should be", &[version, method, name][..], (200, 0)),
        ("base64", &[version, method, ("mcp-name", "=?base64?YV9fZWNobw==?=")], (200, 0)),
        ("no name", &[version, method], (400, -32020)),
        ("another name", &[version, method, ("mcp-name", "b__echo")], (400, -32020)),
        ("the name twice", &[version, method, name, name], (400, -32020)),
        ("no method", &[version, name], (400, -32020)),
        ("another method", &[version, ("mcp-method", "tools/list"), name], (400, -32020)),
        ("no version", &[method, name], (400, -32020)),
        ("another version", &[("mcp-protocol-version", "2025-11-25"), method, name], (400, -32020)),
        ("a session", &[version, method, name, ("mcp-session-id", "x"), ("last-event-id", "1-1")], (200, 0)),
    ] {
        assert_eq!(echo(&web, headers), expected, "{what}");
    }
}

/// Edge case 29, and the other codes that have a status of their own.
#[test]
fn errors_have_their_status() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let web = home.web();
    assert_eq!(web.modern(1, "vendor/unknown", json!({})).refusal(), (404, -32601));
    assert_eq!(web.modern(1, "ping", json!({})).refusal(), (404, -32601));
    assert_eq!(web.modern(1, "logging/setLevel", json!({"level": "info"})).refusal(), (404, -32601));
    assert_eq!(web.modern(1, "tools/call", json!({"name": "a__", "arguments": {}})).refusal(), (200, -32602));
    let mut client = web.open("2025-11-25", &json!({}));
    let body = client.body("vendor/unknown", &json!({}));
    assert_eq!(
        client.post(&body).refusal(),
        (200, -32601),
        "to a legacy client 404 would mean that its session has ended"
    );

    let (headers, mut body) = modern(1, "tools/list", json!({}));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    body["params"]["_meta"].as_object_mut().expect("there").remove("io.modelcontextprotocol/clientCapabilities");
    assert_eq!(web.post("/mcp", &headers, &body).refusal(), (400, -32602));
    body["params"].as_object_mut().expect("there").remove("_meta");
    assert_eq!(web.post("/mcp", &headers, &body).refusal(), (400, -32602));

    let (_, mut body) = modern(1, "tools/list", json!({}));
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2031-01-01");
    let reply = web.post("/mcp", &[("mcp-protocol-version", "2031-01-01"), ("mcp-method", "tools/list")], &body);
    assert_eq!(reply.refusal(), (400, -32022));
    assert_eq!(reply.json()["error"]["data"]["requested"], "2031-01-01");

    let version = [("mcp-protocol-version", "2026-07-28")];
    for verb in ["GET", "DELETE"] {
        let mut http = web.connect();
        http.ask(verb, "/mcp", &[version[0], ("accept", "text/event-stream")], b"");
        let head = http.head();
        assert_eq!((head.status, head.header("allow")), (405, Some("POST")), "{verb}");
    }
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    assert_eq!(web.post("/mcp", &version, &answer).refusal(), (400, -32600));
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(web.post("/mcp", &version, &cancelled).status, 202);
}

#[test]
fn requests_are_answered_without_a_session() {
    let home = Home::with_fake(&["--era", "modern"]);
    let web = home.web();
    let found = web.modern(7, "server/discover", json!({}));
    assert_eq!((found.status, found.header("mcp-session-id")), (200, None));
    assert_eq!((&found.json()["id"], &found.json()["result"]["resultType"]), (&json!(7), &json!("complete")));
    let list = web.modern(8, "tools/list", json!({})).json();
    assert!(list["result"]["tools"].as_array().is_some_and(|t| t.iter().any(|t| t["name"] == "a__echo")), "{list}");
    let read = web.modern(9, "resources/read", json!({"uri": "fake://a/note"}));
    assert_eq!(read.status, 200, "{read:?}");
    assert!(read.json()["result"]["contents"].is_array());
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"name": name, "arguments": arguments, "_meta": {"progressToken": 1}})
}

/// Progress and answer of a call that has become a stream.
fn progress_and_answer(mut http: Http) -> (Vec<Value>, Value) {
    assert_eq!(http.head().header("content-type"), Some("text/event-stream"));
    let mut all = Vec::new();
    while let Some(event) = http.message() {
        assert_eq!(event.id, "", "nothing can be resumed");
        all.push(event.json());
    }
    let answer = all.pop().expect("an answer");
    (all, answer)
}

/// Edge case 5.
#[test]
fn two_clients_use_the_same_id_and_token() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let first = web.start_modern(1, "tools/call", call("a__wait", &json!({"n": 1})));
    let second = web.start_modern(1, "tools/call", call("a__wait", &json!({"n": 2})));
    eventually("both calls wait", || (home.received_of("a", "tools/call").len() == 2).then_some(()));
    let between = web.modern(1, "tools/call", call("a__echo", &json!({"n": 3}))).json();
    assert_eq!((&between["id"], &between["result"]["structuredContent"]), (&json!(1), &json!({"n": 3})));
    assert_eq!(web.modern(1, "tools/call", json!({"name": "a__release", "arguments": {}})).status, 200);
    for (http, n) in [(first, 1), (second, 2)] {
        let (progress, answer) = progress_and_answer(http);
        assert_eq!(progress.len(), 1, "{progress:?}");
        assert_eq!(
            (&progress[0]["params"]["progressToken"], &progress[0]["params"]["progress"]),
            (&json!(1), &json!(n))
        );
        assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(1), &json!("released")));
        assert_eq!(answer["result"]["structuredContent"], json!({ "n": n }), "its own");
    }
}

/// Edge case 27, on a stream.
#[test]
fn client_that_hangs_up_in_the_middle_cancels() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut waits = web.start_modern(1, "tools/call", call("a__wait", &json!({"tell": true})));
    assert_eq!(waits.head().header("content-type"), Some("text/event-stream"));
    assert_eq!(waits.message().expect("it has begun").json()["params"]["progressToken"], 1);
    drop(waits);
    let cancelled = eventually("the server hears of it", || home.received_of("a", "notifications/cancelled").pop());
    assert_eq!(cancelled["params"]["requestId"], home.received_of("a", "tools/call")[0]["id"]);
}

/// Edge case 27, before anything was said.
#[test]
fn client_that_hangs_up_cancels() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let waits = web.start_modern(1, "tools/call", call("a__wait", &json!({})));
    eventually("the call waits", || (home.received_of("a", "tools/call").len() == 1).then_some(()));
    drop(waits);
    let cancelled = eventually("the server hears of it", || home.received_of("a", "notifications/cancelled").pop());
    let id = home.received_of("a", "tools/call")[0]["id"].clone();
    assert_eq!(cancelled["params"]["requestId"], id);
    // What comes late reaches nobody; the next one with this id gets its own.
    let after = web.modern(1, "tools/call", call("a__echo", &json!({"n": 2}))).json();
    assert_eq!(after["result"]["structuredContent"], json!({"n": 2}));
    web.modern(1, "tools/call", json!({"name": "a__release", "arguments": {}}));
}

#[test]
fn client_that_leaves_its_stream_cancels() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    // The list waits for the server to be there.
    web.modern(1, "resources/list", json!({}));
    let mut stream = web.start_modern(
        1,
        "subscriptions/listen",
        json!({"notifications":
        {"resourceSubscriptions": ["fake://a/note"]}}),
    );
    stream.head();
    stream.message().expect("acknowledged");
    eventually("the server is told", || home.received_of("a", "resources/subscribe").pop());
    drop(stream);
    eventually("and told again", || home.received_of("a", "resources/unsubscribe").pop());
}

#[test]
fn listener_is_told_what_it_asked_for() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    web.modern(1, "tools/list", json!({}));
    let filter = json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["fake://a/note"]}});
    let mut stream = web.start_modern(5, "subscriptions/listen", filter);
    let head = stream.head();
    assert_eq!((head.status, head.header("x-accel-buffering")), (200, Some("no")));
    let key = "io.modelcontextprotocol/subscriptionId";
    let mut next = |method: &str| {
        let message = stream.message().expect("it goes on").json();
        assert_eq!((&message["method"], &message["params"]["_meta"][key]), (&json!(method), &json!(5)), "{message}");
        message
    };
    next("notifications/subscriptions/acknowledged");
    web.modern(1, "tools/call", json!({"name": "a__change", "arguments": {}}));
    next("notifications/tools/list_changed");
    web.modern(1, "tools/call", json!({"name": "a__touch", "arguments": {"uri": "fake://a/note"}}));
    assert_eq!(next("notifications/resources/updated")["params"]["uri"], "fake://a/note");
}
