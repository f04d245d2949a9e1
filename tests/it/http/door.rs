//! The door itself: odd requests, what may stand where, who may see what, and traces.

use serde_json::{Value, json};

use crate::harness::{Home, Http, Peer, USUAL, Web, eventually};

const LOCKED: &str = "clients: { require_auth: true }";

/// A configuration with more about the proxy itself.
fn config_with(home: &Home, proxy: &str) -> String {
    let path = home.config();
    let text = std::fs::read_to_string(&path).expect("written");
    std::fs::write(&path, text.replace("proxy: {", &format!("proxy: {{ transport: http, {proxy},"))).expect("a file");
    path.to_str().expect("plain").to_owned()
}

fn ping() -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string()
}

/// What an old or odd client may send, and gets one answer to.
#[test]
fn odd_requests() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let client = web.open("2025-11-25", &json!({}));
    let (session, body) = (&client.session, ping());
    let n = body.len();
    let usual = format!("content-type: application/json\r\nmcp-session-id: {session}\r\n");
    for (what, text, status) in [
        (
            "the oldest HTTP",
            format!("POST /mcp HTTP/1.0\r\nhost: localhost\r\n{usual}content-length: {n}\r\n\r\n{body}"),
            200,
        ),
        (
            "the oldest HTTP without a host",
            format!("POST /mcp HTTP/1.0\r\n{usual}content-length: {n}\r\n\r\n{body}"),
            403,
        ),
        ("no host", format!("POST /mcp HTTP/1.1\r\n{usual}content-length: {n}\r\n\r\n{body}"), 403),
        (
            "two hosts",
            format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n{usual}content-length: {n}\r\n\r\n{body}"
            ),
            403,
        ),
        (
            "the whole address",
            format!(
                "POST http://localhost/mcp HTTP/1.1\r\nhost: localhost\r\n{usual}content-length: {n}\r\n\r\n{body}"
            ),
            200,
        ),
        (
            "the address of another",
            format!(
                "POST http://evil.example/mcp HTTP/1.1\r\nhost: localhost\r\n{usual}content-length: {n}\r\n\r\n{body}"
            ),
            403,
        ),
        (
            "an address in brackets",
            format!("POST /mcp HTTP/1.1\r\nhost: [::1]:8000\r\n{usual}content-length: {n}\r\n\r\n{body}"),
            200,
        ),
        (
            "two lengths",
            format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}content-length: {n}\r\ncontent-length: 1\r\n\r\n{body}"
            ),
            400,
        ),
        (
            "a length that is none",
            format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}content-length: +{n}\r\n\r\n{body}"),
            400,
        ),
        (
            "a body in chunks",
            format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}transfer-encoding: chunked\r\n\r\n{n:x};ext=1\r\n{body}\r\n0\r\nx: trailer\r\n\r\n"
            ),
            200,
        ),
        (
            "chunks of something else",
            format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}transfer-encoding: gzip\r\n\r\n{body}"),
            400,
        ),
        (
            "a compressed body",
            format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}content-encoding: gzip\r\ncontent-length: {n}\r\n\r\n{body}"
            ),
            415,
        ),
        ("everything", "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 404),
        ("a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 403),
        (
            "a folded header",
            format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n{usual}content-length: {n}\r\n\r\n{body}"),
            400,
        ),
        ("a page without its body", "HEAD /health HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 200),
        ("a way up", "GET /mcp/../status HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 404),
    ] {
        let mut http = web.connect();
        http.send_what_is_taken(text.as_bytes());
        assert_eq!(http.head().status, status, "{what}");
    }
    // Whoever is between us may see two requests here; we see one and its end.
    let smuggled = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\n{usual}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n"
    );
    let mut http = web.connect();
    http.send(format!("{head}{smuggled}").as_bytes());
    assert_eq!(http.reply().json()["result"], json!({}));
    assert_eq!(http.read_rest(), b"", "one answer, and the end");
    eventually("each is told", || (web.process.stderr().matches("was refused").count() >= 8).then_some(()));
}

/// A body in the log or an error could be anything; a path is cut.
#[test]
fn what_is_refused_is_told_in_short() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let long = format!("/{}", "x".repeat(20_000));
    let reply = web.page(&long, &[]);
    assert_eq!(reply.status, 404);
    assert!(reply.body.len() < 1000);
    let log = eventually("a line", || web.process.stderr().contains("GET /xxx").then(|| web.process.stderr()));
    assert!(log.len() < 10_000, "{}", log.len());
}

#[test]
fn what_may_stand_where_is_checked_and_said_with_its_place() {
    let home = Home::with_fake(&[]).fake("health", &[]);
    for (proxy, part) in [
        ("path: /health", "`path` is `/health`"),
        ("path: /sse/", "`path` is `/sse`"),
        ("path: /sse/x", "`path` is `/sse/x`"),
        ("path: /metrics", "the path of the metrics is `/metrics`, the path of MCP too"),
        ("path: /", "the endpoint of the server `health` is `/health`"),
    ] {
        let path = config_with(&home, proxy);
        for args in [&["check", "--config", &path][..], &["serve", "--http", "--port", "0", "--config", &path]] {
            let run = home.run(args);
            assert_eq!(run.code, Some(if args[0] == "check" { 1 } else { 2 }), "{proxy}: {}{}", run.stdout, run.stderr);
            let told = run.stdout + &run.stderr;
            assert!(
                told.contains(part) && told.contains("MP505") && told.contains("config.yaml:2:"),
                "{proxy}: {told}"
            );
        }
    }
    let path = home.config();
    let path = path.to_str().expect("plain");
    let run = home.run(&["serve", "--http", "--port", "0", "--path", "/ready", "--config", path]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("MP505") && run.stderr.contains("--path"), "{}", run.stderr);
}

#[test]
fn the_root_may_be_the_endpoint() {
    let home = Home::with_fake(&[]);
    let path = config_with(&home, "path: /");
    let web = Web::of(Peer::start(home.command(&["serve", "--port", "0", "--config", &path])));
    let open = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!([web.post("/", &[], &open).status, web.post("/a", &[], &open).status], [200, 200]);
    for page in ["/health", "/ready", "/status", "/metrics"] {
        assert_eq!(web.page(page, &[]).status, 200, "{page}");
    }
}

fn token(home: &Home, args: &[&str]) -> String {
    let config = home.config();
    let config = config.to_str().expect("plain");
    home.run(&[&["token", "add"], args, &["--config", config]].concat()).stdout.trim_end().to_owned()
}

/// Everything a token has opened.
struct Opened {
    bearer: String,
    session: String,
    streams: Vec<(&'static str, Http)>,
}

fn open_all(web: &Web, token: &str) -> Opened {
    let bearer = format!("Bearer {token}");
    let auth = ("authorization", bearer.as_str());
    let open = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    let reply = web.post("/mcp", &[auth], &open);
    let session = reply.header("mcp-session-id").expect("a session").to_owned();
    let mut streams = Vec::new();
    let mut get = web.connect();
    get.ask("GET", "/mcp", &[auth, ("accept", "text/event-stream"), ("mcp-session-id", &session)], b"");
    streams.push(("GET", get));
    let mut sse = web.connect();
    sse.ask("GET", "/sse", &[auth, ("accept", "text/event-stream")], b"");
    streams.push(("/sse", sse));
    let (headers, body) =
        crate::harness::modern(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut listen = web.connect();
    listen.ask("POST", "/mcp", &[&USUAL[..], &headers, &[auth]].concat(), body.to_string().as_bytes());
    streams.push(("listen", listen));
    for (what, stream) in &mut streams {
        assert_eq!(stream.head().status, 200, "{what}");
        assert!(stream.event().is_some(), "{what}");
    }
    Opened { bearer, session, streams }
}

/// What a token has opened ends with it, also when another one is made under its name.
#[test]
fn nothing_outlives_its_token() {
    for anew in [false, true] {
        let home = Home::with_fake(&[]).top(LOCKED);
        let (lost, other) = (token(&home, &["laptop"]), token(&home, &["phone"]));
        let web = home.web();
        let (gone, mut stays) = (open_all(&web, &lost), open_all(&web, &other));
        let config = home.config();
        let config = config.to_str().expect("plain");
        assert_eq!(home.run(&["token", "rm", "laptop", "--config", config]).code, Some(0));
        let next = if anew { token(&home, &["laptop"]) } else { String::new() };
        for (what, mut stream) in gone.streams {
            let last = std::iter::from_fn(|| stream.message()).last();
            assert_eq!(last.is_some(), what == "listen", "{what}: {last:?}");
            if let Some(last) = last {
                assert_eq!(last.json()["result"]["resultType"], "complete", "{last:?}");
            }
        }
        let session = ("mcp-session-id", gone.session.as_str());
        let body: Value = serde_json::from_str(&ping()).expect("JSON");
        assert_eq!(web.post("/mcp", &[("authorization", &gone.bearer), session], &body).status, 401);
        if anew {
            let bearer = format!("Bearer {next}");
            // The file may have been read between the two changes.
            let status = eventually("the new token counts", || {
                let status = web.post("/mcp", &[("authorization", &bearer), session], &body).status;
                (status != 401).then_some(status)
            });
            assert_eq!(status, 404);
        }
        for (what, stream) in &mut stays.streams {
            assert!(!stream.is_closed(), "{what} of another token");
        }
        let theirs = [("authorization", stays.bearer.as_str()), ("mcp-session-id", stays.session.as_str())];
        assert_eq!(web.post("/mcp", &theirs, &body).status, 200);
    }
}

#[test]
fn pages_tell_a_token_of_what_it_may_use() {
    let home = Home::with_fake(&[]).fake("hidden", &[]).top(LOCKED);
    let (some, all) = (token(&home, &["some", "--server", "a"]), token(&home, &["all"]));
    let web = home.web();
    let page = |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let reply = web.page(path, &[("authorization", &bearer)]);
        assert_eq!(reply.status, 200, "{path}");
        String::from_utf8(reply.body).expect("text")
    };
    for path in ["/status", "/metrics"] {
        let (some, all) = (page(path, &some), page(path, &all));
        assert!(all.contains("hidden"), "{all}");
        assert!(some.contains("\"a\"") && !some.contains("hidden") && !some.contains("config.yaml"), "{some}");
    }
    let ready = |headers: &[(&str, &str)]| web.page("/ready", headers).json();
    assert_eq!(ready(&[]).get("not_ready"), None, "whoever asks is nobody we know");
    let bearer = format!("Bearer {some}");
    let told = eventually("the first catalog", || {
        Some(ready(&[("authorization", bearer.as_str())])).filter(|r| r["ready"] == true)
    });
    assert_eq!(told["servers"], 1);
    assert!(told["not_ready"].is_array(), "{told}");
}

#[test]
fn requests_are_counted_by_how_they_were_answered() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let refused = |status: &str| web.metric(&format!("mcp_proxy_http_refused_total{{status=\"{status}\"}}"));
    assert_eq!([refused("401"), refused("403"), refused("404")].map(|n| n as u64), [0, 0, 0]);
    web.page("/nothing", &[]);
    web.page("/health", &[("host", "evil.example")]);
    web.page("/status", &[("authorization", "Bearer wrong")]);
    web.connect().request("BREW", "/mcp", &[], b"");
    assert_eq!([refused("401"), refused("403"), refused("404"), refused("405")].map(|n| n as u64), [1, 1, 1, 1]);
    assert_eq!(web.metric("mcp_proxy_http_requests_total{method=\"other\",status=\"4xx\"}") as u64, 1);
    assert_eq!(web.metric("mcp_proxy_http_requests_total{method=\"GET\",status=\"4xx\"}") as u64, 3);
}

/// protocol.md, 1.3: a server on stdio has no headers.
#[test]
fn a_trace_in_the_headers_reaches_the_server() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let mut call = |headers: &[(&str, &str)], meta: Value| {
        let body = client.body("tools/call", &json!({"name": "a__echo", "arguments": {"e": 1}, "_meta": meta}));
        let own = client.headers();
        let reply = web.post("/mcp", &[&own[..], headers].concat(), &body);
        assert_eq!(reply.json()["result"]["structuredContent"], json!({"e": 1}));
        home.received_of("a", "tools/call").pop().expect("it has arrived")["params"]["_meta"].clone()
    };
    let headers = [("traceparent", PARENT), ("tracestate", "v=1"), ("baggage", "k=2")];
    let all = json!({"traceparent": PARENT, "tracestate": "v=1", "baggage": "k=2", "x": 1});
    assert_eq!(call(&headers, json!({"x": 1})), all);
    assert_eq!(call(&headers, json!({"traceparent": "own"})), json!({"traceparent": "own", "baggage": "k=2"}));
    let (modern_headers, body) = crate::harness::modern(1, "tools/call", json!({"name": "a__echo", "arguments": {}}));
    let mut modern: Vec<(&str, &str)> = modern_headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    modern.extend(headers);
    assert_eq!(web.post("/mcp", &modern, &body).status, 200);
    assert_eq!(home.received_of("a", "tools/call").pop().expect("there")["params"]["_meta"]["traceparent"], PARENT);
}
