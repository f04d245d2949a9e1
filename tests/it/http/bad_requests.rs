//! Requests that are wrong in some way: each gets its status and a JSON-RPC error, and nothing else is disturbed.

use serde_json::{Value, json};

use crate::harness::{Client, Home, USUAL, Web};

fn ping() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})
}

fn world() -> (Home, Web, Client) {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let client = web.open("2025-11-25", &json!({}));
    (home, web, client)
}

/// The session is as it was.
fn undisturbed(client: &mut Client) {
    assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
}

#[test]
fn headers_that_are_wrong() {
    let (_home, web, mut client) = world();
    let session = client.session.clone();
    let id = ("mcp-session-id", session.as_str());
    let json = ("content-type", "application/json");
    let both = ("accept", "application/json, text/event-stream");
    for (what, headers, status) in [
        ("no type", &[both, id][..], 415),
        ("another type", &[("content-type", "text/plain"), both, id], 415),
        ("two types", &[json, json, both, id], 415),
        ("accepts JSON only", &[json, ("accept", "application/json"), id], 406),
        ("accepts events only", &[json, ("accept", "text/event-stream"), id], 406),
        ("accepts neither", &[json, ("accept", "application/json;q=0, text/event-stream"), id], 406),
        ("accepts anything", &[json, ("accept", "*/*"), id], 200),
        ("no session", &[json, both], 400),
        ("two sessions", &[json, both, id, id], 400),
        ("an unknown session", &[json, both, ("mcp-session-id", "AAAA")], 404),
        ("no text as a session", &[json, both, ("mcp-session-id", "\u{fc}")], 400),
        ("an unknown version", &[json, both, id, ("mcp-protocol-version", "2031-01-01")], 400),
        (
            "two versions",
            &[json, both, id, ("mcp-protocol-version", "2025-11-25"), ("mcp-protocol-version", "2025-11-25")],
            400,
        ),
        ("a known version", &[json, both, id, ("mcp-protocol-version", "2025-06-18")], 200),
        ("a foreign host", &[json, both, id, ("host", "evil.example")], 403),
        ("a foreign origin", &[json, both, id, ("origin", "https://evil.example")], 403),
        ("no origin", &[json, both, id, ("origin", "null")], 403),
        ("our origin", &[json, both, id, ("origin", "http://localhost:1234")], 200),
    ] {
        let reply = web.connect().request("POST", "/mcp", headers, ping().to_string().as_bytes());
        assert_eq!(reply.status, status, "{what}: {reply:?}");
        assert!((status == 200) == reply.json().get("error").is_none(), "{what}: {reply:?}");
    }
    undisturbed(&mut client);
}

/// Edge case 39, its nested body over HTTP.
#[test]
fn bodies_that_are_no_messages() {
    let (_home, web, mut client) = world();
    let deep = "[".repeat(200_000);
    let nested = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{deep}"#);
    for (what, body, code) in [
        ("nothing", &b""[..], -32700),
        ("no JSON", b"hello", -32700),
        ("half of it", br#"{"jsonrpc":"2.0","id":1,"meth"#, -32700),
        ("no UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700),
        ("no object", b"7", -32600),
        ("no message", br#"{"id":1}"#, -32600),
        ("an empty batch", b"[]", -32600),
        ("a key twice", br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        ("an id of null", br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        ("too deep", nested.as_bytes(), -32600),
    ] {
        let headers = [&USUAL[..], &client.headers()].concat();
        let reply = web.connect().request("POST", "/mcp", &headers, body);
        assert_eq!(reply.refusal(), (400, code), "{what}: {reply:?}");
    }
    undisturbed(&mut client);
}

/// Edge case 39, a body without end.
#[test]
fn bodies_that_are_too_large() {
    let (_home, web, mut client) = world();
    let headers = [&USUAL[..], &client.headers()].concat();
    // Said at the beginning.
    let mut http = web.connect();
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
    http.send(head.as_bytes());
    assert_eq!(http.reply().status, 413);
    // Whole, and one byte more than there may be.
    let limit = 16 << 20;
    let reply = web.connect().request("POST", "/mcp", &headers, &vec![b' '; limit + 1]);
    assert_eq!(reply.status, 413);
    // Never ending.
    let mut http = web.connect();
    let head = head.replace("content-length: 99999999999", "transfer-encoding: chunked");
    http.send(head.as_bytes());
    let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..18 {
        http.send_what_is_taken(&chunk);
    }
    assert_eq!(http.reply().status, 413);
    undisturbed(&mut client);
}

#[test]
fn heads_that_are_too_large_or_no_http() {
    let (_home, web, mut client) = world();
    let long = "x".repeat(40 << 10);
    let many: Vec<(String, &str)> = (0..150).map(|n| (format!("x-{n}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    for headers in [&[("x-long", long.as_str())][..], &many] {
        let reply = web.connect().request("POST", "/mcp", headers, b"{}");
        assert_eq!(reply.status, 431);
    }
    for garbage in ["hello\r\n\r\n", "POST /mcp HTTP/1.1\r\nno colon\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"] {
        let mut http = web.connect();
        http.send(garbage.as_bytes());
        assert_eq!(http.head().status, 400, "{garbage:?}");
    }
    // Chunks that are none.
    let mut http = web.connect();
    http.send(b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(http.head().status, 400);
    undisturbed(&mut client);
}

#[test]
fn places_and_methods_that_do_not_exist() {
    let (_home, web, mut client) = world();
    for (verb, path, status, allow) in [
        ("PUT", "/mcp", 405, Some("GET, POST, DELETE, OPTIONS")),
        ("HEAD", "/mcp", 405, Some("GET, POST, DELETE, OPTIONS")),
        ("POST", "/sse", 405, Some("GET, OPTIONS")),
        ("GET", "/messages", 405, Some("POST, OPTIONS")),
        ("OPTIONS", "/mcp", 204, Some("GET, POST, DELETE, OPTIONS")),
        ("POST", "/other", 404, None),
        ("GET", "/", 404, None),
        ("POST", "/mcp/nobody", 404, None),
        ("POST", "/mcp/a/b", 404, None),
    ] {
        let mut http = web.connect();
        http.ask(verb, path, &USUAL, if verb == "POST" { b"{}" } else { b"" });
        let head = http.head();
        assert_eq!((head.status, head.header("allow")), (status, allow), "{verb} {path}");
    }
    undisturbed(&mut client);
}

#[test]
fn many_connections_that_say_nothing() {
    let (_home, web, mut client) = world();
    let silent: Vec<_> = (0..1000).map(|_| web.connect()).collect();
    undisturbed(&mut client);
    drop(silent);
    // And those that stop in the middle, or close their half of it.
    for part in ["", "POST /mc", "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"] {
        let mut http = web.connect();
        http.send(part.as_bytes());
        http.end();
        http.read_rest();
    }
    undisturbed(&mut client);
}

#[test]
fn several_requests_in_one_packet_are_answered_in_order() {
    let (_home, web, client) = world();
    let mut all = String::new();
    for n in 1..=3 {
        let body = json!({"jsonrpc": "2.0", "id": n, "method": "ping"}).to_string();
        all += &format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nmcp-session-id: {}\r\ncontent-length: {}\r\n\r\n{body}",
            client.session,
            body.len()
        );
    }
    let mut http = web.connect();
    http.send(all.as_bytes());
    for n in 1..=3 {
        assert_eq!(http.reply().json()["id"], n);
    }
}

/// A body that does not arrive is not waited for: its sender hears that, and nothing of it stays.
#[test]
fn a_body_that_does_not_come() {
    let home = Home::with_fake(&[]).top("limits: { body_timeout: 200ms }");
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    for body in ["", "{\"jsonrpc\":"] {
        let mut http = web.connect();
        let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                    accept: application/json, text/event-stream\r\ncontent-length: 1000\r\n\r\n";
        http.send(format!("{head}{body}").as_bytes());
        let reply = http.reply();
        assert_eq!(reply.status, 408, "{reply:?}");
        assert!(
            reply.json()["error"]["message"].as_str().is_some_and(|m| m.contains("limits.body_timeout")),
            "{reply:?}"
        );
    }
    undisturbed(&mut client);
}
