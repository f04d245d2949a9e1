//! Where `serve` listens, with what, and how it ends.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Home, Peer, Web, eventually};

#[test]
fn a_port_in_use_is_said_plainly() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let port = web.address.rsplit_once(':').expect("a port").1.to_owned();
    let config = home.config();
    let config = config.to_str().expect("plain");
    let second = home.run(&["serve", "--http", "--port", &port, "--config", config]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", second.stderr);
    assert!(second.stderr.contains("hint: another process listens there"), "{}", second.stderr);
}

#[test]
fn bare_serve_follows_the_configuration() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let text = std::fs::read_to_string(&config).expect("written");
    std::fs::write(&config, text.replace("proxy: {", "proxy: { transport: http, path: /x/y,")).expect("a file");
    let path = config.to_str().expect("plain");
    let web = Web::of(Peer::start(home.command(&["serve", "--port", "0", "--config", path])));
    assert!(web.process.stderr().contains("/x/y"), "{}", web.process.stderr());
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!(web.post("/x/y", &[], &body).status, 200);
    assert_eq!(web.post("/mcp", &[], &body).status, 404);
}

#[test]
fn options_for_http_without_http_are_a_mistake() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let config = config.to_str().expect("plain");
    let run = home.run(&["serve", "--stdio", "--port", "1", "--config", config]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = home.run(&["serve", "--http", "--path", "mcp", "--config", config]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn stdio_and_http_at_the_same_time() {
    let home = Home::with_fake(&[]);
    let mut web = home.web_with(&["--stdio"]);
    web.process.initialize("2025-11-25", &json!({}));
    let mut client = web.open("2025-11-25", &json!({}));
    assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
    assert_eq!(web.process.call("a__echo", &json!({"e": 2}))["structuredContent"], json!({"e": 2}));
    // The client that launched us leaves: it all ends.
    web.process.close();
    assert_eq!(web.process.exit_code(), Some(0));
}

#[test]
fn it_ends_in_order_with_streams_open() {
    let home = Home::with_fake(&[]);
    let mut web = home.web();
    let client = web.open("2025-11-25", &json!({}));
    let mut stream = client.listen(None);
    assert!(stream.event().is_some(), "the priming event");
    let mut sse = web.connect();
    sse.ask("GET", "/sse", &[("accept", "text/event-stream")], b"");
    assert_eq!(sse.head().status, 200);
    let mut listen = web.start_modern(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    assert_eq!(listen.head().status, 200);
    let acknowledged = listen.message().expect("the first word").json();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    let pids = eventually("the server runs", || Some(home.pids("a")).filter(|pids| !pids.is_empty()));
    web.process.signal(Signal::TERM);
    assert!(stream.event().is_none(), "the stream ends");
    let last = listen.message().expect("the last word").json();
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(1), &json!("complete")));
    assert!(listen.event().is_none());
    assert_eq!(web.process.exit_code(), Some(0));
    assert!(!crate::harness::is_alive(pids[0]));
}

#[test]
fn hup_looks_at_the_configuration() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    client.call("a__echo", &json!({}));
    let home = home.fake("b", &[]);
    home.config();
    web.process.signal(Signal::HUP);
    eventually("the new server is listed", || {
        let list = client.request("tools/list", &json!({}));
        list["tools"].as_array().expect("a list").iter().any(|t| t["name"] == "b__echo").then_some(())
    });
    assert!(web.process.stderr().contains("HUP: looking at the configuration"));
}

/// A port nobody has at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

#[test]
fn the_port_and_the_path_follow_the_configuration_and_sessions_go_on() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let text = std::fs::read_to_string(&config).expect("written");
    let at = |port: u16, path: &str| {
        let text = text.replace("proxy: {", &format!("proxy: {{ transport: http, port: {port}, path: {path},"));
        std::fs::write(&config, text).expect("a file");
    };
    let reload = || home.run(&["reload"]);
    let (first, second) = (free_port(), free_port());
    at(first, "/mcp");
    let path = config.to_str().expect("plain");
    let web = Web::of(Peer::start(home.command(&["serve", "--config", path])));
    let mut client = web.open("2025-11-25", &json!({}));
    let mut stream = client.listen(None);
    client.request("tools/list", &json!({}));
    assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));

    // A port that is taken: it stays where it was, says so, and tries again with the next reload.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    at(taken.local_addr().expect("bound").port(), "/mcp");
    eventually("it is told", || web.process.stderr().contains("still listening where it was").then_some(()));
    let told = reload();
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stdout.contains("not done") && told.stdout.contains("cannot listen on 127.0.0.1:"), "{}", told.stdout);
    assert_eq!(client.call("a__echo", &json!({"e": 2}))["structuredContent"], json!({"e": 2}));

    at(second, "/other");
    eventually("it is there", || {
        let found = std::net::TcpStream::connect(("127.0.0.1", second));
        found.is_ok().then_some(())
    });
    assert_eq!(reload().code, Some(0));
    let moved = Web { process: web.process, address: format!("127.0.0.1:{second}") };
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!(moved.post("/other", &[], &body).status, 200);
    assert_eq!(moved.post("/mcp", &[], &body).status, 404);
    assert!(std::net::TcpStream::connect(("127.0.0.1", first)).is_err(), "nobody listens there any more");
    // The session is known there, and its stream goes on.
    let headers = client.headers();
    let call =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "a__change", "arguments": {}}});
    assert_eq!(moved.post("/other", &headers, &call).status, 200);
    let told = stream.message().expect("the stream goes on").json();
    assert_eq!(told["method"], "notifications/tools/list_changed");
}

#[test]
fn a_port_that_was_typed_stays() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let config = home.path("config.yaml");
    let text = std::fs::read_to_string(&config).expect("written");
    let text = text.replace("proxy: {", &format!("proxy: {{ port: {}, path: /x,", free_port()));
    std::fs::write(&config, text).expect("a file");
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    eventually("the path counts", || (web.post("/x", &[], &body).status == 200).then_some(()));
}
