//! What every request carries, and what never leaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::server::{Server, answer, json_body, manners, modern_manners, text_result, tool};
use super::{client_of, home_of, modern, modern_client_of, open, works};
use crate::harness::{Home, eventually};

#[test]
fn legacy_requests_carry_session_and_edition() {
    let server = Server::start(manners);
    let mut client = client_of(&server);
    works(&mut client);
    let all = server.seen();
    let first = &all[0];
    assert_eq!(first.rpc(), "initialize", "a legacy client's server is asked that first");
    assert_eq!(first.header("mcp-session-id"), None);
    assert_eq!(first.header("accept"), Some("application/json, text/event-stream"));
    for request in &all {
        if request.method == "POST" {
            assert_eq!(request.header("content-type"), Some("application/json"), "{request:?}");
        }
    }
    for request in &all[1..] {
        assert_eq!(request.header("mcp-session-id"), Some("s1"), "{request:?}");
        assert_eq!(request.header("mcp-protocol-version"), Some("2025-11-25"), "{request:?}");
    }
    assert_eq!(all[1].rpc(), "notifications/initialized");
    let stream = eventually("the stream is asked for", || server.seen_by("GET").pop());
    assert_eq!(stream.header("accept"), Some("text/event-stream"));
    client.close();
    client.exit_code();
    let end = server.seen_by("DELETE");
    assert!(matches!(&end[..], [one] if one.header("mcp-session-id") == Some("s1")), "{end:?}");
}

#[test]
fn configured_headers_arrive_and_are_never_shown() {
    let server = Server::start(manners);
    let home = home_of(&server)
        .and("headers: { X-Team: tools, X-Key: hunter2, Mcp-Session-Id: forged }")
        .and("auth: { type: basic, credentials: \"me:hunter3\" }");
    let mut client = open(home);
    works(&mut client);
    for request in server.seen() {
        assert_eq!(request.header("x-team"), Some("tools"));
        assert_eq!(request.header("x-key"), Some("hunter2"));
        assert_eq!(request.header("authorization"), Some("Basic bWU6aHVudGVyMw=="));
        assert_ne!(request.header("mcp-session-id"), Some("forged"));
    }
    client.close();
    client.exit_code();
    let log = client.stderr();
    assert!(!log.contains("hunter") && !log.contains("bWU6"), "{log}");
}

/// Edge case 31.
#[test]
fn modern_requests_repeat_the_body_in_headers() {
    let server = Server::start(|r| match r.rpc().as_str() {
        "tools/list" => {
            let region = json!({ "name": "wetter für", "inputSchema": { "type": "object",
                "properties": { "region": { "type": "string", "x-mcp-header": "Region" } } } });
            let wrong = json!({ "name": "wrong", "inputSchema": { "type": "object",
                "properties": { "a": { "type": "array", "x-mcp-header": "A" } } } });
            let tools = json!([tool("echo"), region, wrong]);
            answer(r, &json!({ "tools": tools, "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }))
        }
        _ => modern_manners(r),
    });
    let mut client = modern_client_of(&server);
    let list = client.request("tools/list", &modern(json!({})));
    let names: Vec<&str> =
        list["tools"].as_array().expect("a list").iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names.len(), 2, "a tool with an impossible annotation is left out: {names:?}");
    eventually("people are told of it", || client.stderr().contains("`wrong` is left out").then_some(()));
    let weather = names.iter().find(|n| n.contains("wetter")).copied().expect("listed").to_owned();
    client.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {"region": "eu"}})));
    client.request("tools/call", &modern(json!({"name": weather, "arguments": {"region": "Zürich"}})));
    for request in server.seen() {
        assert_eq!(request.header("mcp-protocol-version"), Some("2026-07-28"), "{request:?}");
        assert_eq!(request.header("mcp-method"), Some(request.rpc().as_str()), "{request:?}");
        assert_eq!(request.header("mcp-session-id"), None);
    }
    let calls = server.seen_of("tools/call");
    assert_eq!(calls[0].header("mcp-name"), Some("echo"));
    assert_eq!(calls[0].header("mcp-param-region"), None, "another tool's argument");
    assert_eq!(calls[1].header("mcp-name"), Some("=?base64?d2V0dGVyIGbDvHI=?="));
    assert_eq!(calls[1].header("mcp-param-region"), Some("=?base64?WsO8cmljaA==?="));
    assert!(server.seen_by("GET").is_empty() && server.seen_by("DELETE").is_empty(), "there are no sessions");
}

/// 3.9: a refusal for the headers was none of the call; the list says which headers are wanted now.
#[test]
fn a_call_refused_for_its_headers_is_sent_again_with_the_right_ones() {
    let lists = AtomicUsize::new(0);
    let server = Server::start(move |r| match r.rpc().as_str() {
        "tools/call" if r.header("mcp-param-region").is_none() => {
            let error = r#"{"code":-32020,"message":"Mcp-Param-Region is missing"}"#;
            json_body(400, &[], &format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, r.id()))
        }
        "tools/list" if lists.fetch_add(1, Ordering::SeqCst) > 0 => {
            let region = json!({ "name": "echo", "inputSchema": { "type": "object",
                "properties": { "region": { "type": "string", "x-mcp-header": "Region" } } } });
            answer(r, &json!({ "tools": [region], "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }))
        }
        _ => modern_manners(r),
    });
    let mut client = modern_client_of(&server);
    let call = modern(json!({"name": "a__echo", "arguments": {"region": "eu"}}));
    assert_eq!(super::text_of(&client.request("tools/call", &call)), "well");
    let calls = server.seen_of("tools/call");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].header("mcp-param-region"), Some("eu"));
    // It is sent once more, not for ever.
    let error = client.refusal("tools/call", &modern(json!({"name": "a__echo", "arguments": {}})));
    assert_eq!(error["code"], -32603, "it is about our headers, not the client's");
    assert_eq!(server.seen_of("tools/call").len(), 4);
}

/// The engine's local socket, which it opens beside all else.
#[cfg(unix)]
fn socket(home: &Home) -> std::os::unix::net::UnixStream {
    use std::os::unix::net::UnixStream;
    eventually("the engine's socket is open", || {
        let mut folder = std::fs::read_dir(home.path("run/mcp-proxy")).ok()?;
        let path = folder.find_map(|e| e.ok().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sock")));
        UnixStream::connect(path?).ok()
    })
}

/// Looks on until it is dropped: nothing of HTTP is kept before somebody does.
#[cfg(unix)]
fn looks(home: &Home) -> std::os::unix::net::UnixStream {
    use std::io::{BufRead as _, BufReader, Write as _};

    let mut socket = socket(home);
    writeln!(socket, "{}", json!({ "id": 1, "ask": "subscribe" })).expect("written");
    let told = BufReader::new(socket.try_clone().expect("a copy")).lines().nth(1).expect("an answer").expect("a line");
    assert!(told.contains("done"), "{told}");
    socket
}

/// What it says to a question.
#[cfg(unix)]
fn asked(home: &Home, ask: &Value) -> Value {
    use std::io::{BufRead as _, BufReader, Write as _};

    let mut socket = socket(home);
    writeln!(socket, "{}", json!({ "id": 1, "ask": ask })).expect("written");
    let mut lines = BufReader::new(socket).lines().map(|l| l.expect("a line"));
    let hello = lines.next().expect("hello");
    assert!(hello.contains("hello"), "{hello}");
    let told: Value = serde_json::from_str(&lines.next().expect("an answer")).expect("JSON");
    told["told"]["told"].clone()
}

/// The rows of the journal with all they hold.
#[cfg(unix)]
fn flows(home: &Home) -> Vec<Value> {
    let window = asked(home, &json!({ "flows": { "from": 0, "limit": 100 } }));
    let rows = window["flows"]["rows"].as_array().expect("rows");
    rows.iter().map(|row| asked(home, &json!({ "flow": { "id": row["id"] } }))["flow"].clone()).collect()
}

#[cfg(unix)]
#[test]
fn headers_of_both_hops_are_recorded_and_no_secret_among_them() {
    const SECRET: &str = "hunter2-is-my-word";
    let server = Server::start(|request| match request.rpc().as_str() {
        "initialize" => {
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "scripted", "version": "1" } });
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, request.id());
            json_body(200, &["mcp-session-id: hunter3-session"], &body)
        }
        "tools/call" => {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{}}}"#, request.id(), text_result("well"));
            // It repeats what it was sent, under names that tell nothing.
            let said = ["x-served-by: gate 7", "set-cookie: a=hunter4-cookie", &format!("x-echo: you said {SECRET}")];
            json_body(200, &said, &body)
        }
        _ => manners(request),
    });
    let home = Home::new()
        .url("a", &format!("{}?key={SECRET}", server.url()))
        .and(&format!("headers: {{ X-Team: {SECRET} }}"))
        .and(&format!("auth: {{ type: bearer, token: {SECRET} }}"));
    let web = home.web();
    let _looks = looks(&home);
    let mut client = web.open("2025-11-25", &json!({}));
    let session = client.session.clone();
    let body = client.body("tools/call", &json!({ "name": "a__echo", "arguments": {} }));
    let mine = [
        ("mcp-session-id", client.session.as_str()),
        ("mcp-protocol-version", client.revision.as_str()),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("cookie", "c=hunter5-cookie"),
        ("x-api-key", "hunter6-key"),
        ("user-agent", "harness/7"),
    ];
    assert_eq!(web.connect().request("POST", "/mcp", &mine, body.to_string().as_bytes()).status, 200);
    let all = eventually("the call with all its headers", || {
        let all = flows(&home);
        let call = all.iter().find(|f| f["method"] == "tools/call")?;
        call["hops"]["client"]["response"].is_object().then_some(all)
    });
    let text = json!(all).to_string();
    assert!(!text.contains("hunter") && !text.contains(&session), "{text}");
    let call = all.iter().find(|f| f["method"] == "tools/call").expect("found before");
    let head = |hop: &str, way: &str| call["hops"][hop][way].clone();
    let has = |hop: &str, way: &str, name: &str, value: &str| {
        let all = head(hop, way);
        let headers = all["headers"].as_array().expect("headers");
        assert!(headers.contains(&json!([name, value])), "{name}: {value} in {all}");
    };
    assert_eq!(
        (&head("client", "request")["line"], &head("client", "response")["line"]),
        (&json!("POST /mcp"), &json!("200 OK"))
    );
    assert_eq!(head("server", "response")["line"], "200 OK");
    assert!(
        head("server", "request")["line"].as_str().is_some_and(|l| l.starts_with("POST http://127.0.0.1:")),
        "{text}"
    );
    has("client", "request", "user-agent", "harness/7");
    has("client", "request", "cookie", "***");
    has("client", "request", "mcp-session-id", "***");
    has("client", "response", "content-type", "application/json");
    has("server", "request", "authorization", "Bearer ***");
    has("server", "request", "x-team", "***");
    has("server", "request", "mcp-session-id", "***");
    has("server", "response", "x-served-by", "gate 7");
    has("server", "response", "set-cookie", "***");
    has("server", "response", "x-echo", "you said ***");
    let of = |method: &str, kind: &str| all.iter().find(|f| f["method"] == method && f["kind"] == kind).expect("a row");
    assert_eq!(of("initialize", "call")["hops"]["client"]["response"]["line"], "200 OK");
}

#[cfg(unix)]
#[test]
fn nothing_is_recorded_of_pipes() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    assert!(!client.tool_names().is_empty());
    let all = flows(&home);
    assert!(all.len() > 2 && all.iter().all(|f| f.get("hops").is_none()), "{all:?}");
}
