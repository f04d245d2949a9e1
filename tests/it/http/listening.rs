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
