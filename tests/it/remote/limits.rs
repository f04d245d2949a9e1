//! How long a server by URL may take: each limit by itself, and what its failure says.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Reply, Request, Server, event, events, manners, text_result};
use super::{home_of, open, refused, works};
use crate::harness::Home;

fn is_bad(request: &Request) -> bool {
    request.json()["params"]["arguments"]["bad"] == true
}

/// A server that does `bad` with the connection of a call.
fn server(bad: fn(&mut std::net::TcpStream, &Request)) -> Server {
    Server::start(move |r| {
        if !is_bad(r) {
            return manners(r);
        }
        let request = r.clone();
        Reply::Wild(Box::new(move |stream| bad(stream, &request)))
    })
}

/// Reads until the other side hangs up.
fn until_gone(stream: &mut std::net::TcpStream) {
    let _ = stream.read(&mut [0]);
}

/// Writes `text` again and again until nobody takes it any more.
fn again_and_again(stream: &mut std::net::TcpStream, text: &str) {
    // Paced by the other side's silence.
    let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
    while stream.write_all(text.as_bytes()).is_ok() {
        if matches!(stream.read(&mut [0]), Ok(0)) {
            return;
        }
    }
}

fn progress(token: &Value) -> String {
    event(
        &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}),
    )
}

fn token_of(request: &Request) -> Value {
    request.json()["params"]["_meta"]["progressToken"].clone()
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let beginnings: [fn(&mut std::net::TcpStream, &Request); 3] = [
        |stream, _| until_gone(stream),
        |stream, _| {
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{");
            until_gone(stream);
        },
        // Comments keep a connection open and are no sign of work.
        |stream, _| {
            let _ = stream.write_all(&events(""));
            again_and_again(stream, ": still here\n\n");
        },
    ];
    for bad in beginnings {
        let server = server(bad);
        let mut client = open(home_of(&server).and("timeout: 300ms"));
        works(&mut client);
        let error = refused(&mut client);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message == "server `a` did not answer within 300ms (`timeout`)", "{error}");
        works(&mut client);
        assert_eq!(server.seen().iter().filter(|r| is_bad(r)).count(), 1, "a call is never sent twice");
    }
}

/// Progress shows that somebody is at work: the limit on silence does not count, the one on all of it does.
#[test]
fn progress_keeps_a_call_until_the_limit_on_all_of_it() {
    let server = server(|stream, request| {
        let _ = stream.write_all(&events(""));
        again_and_again(stream, &progress(&token_of(request)));
    });
    let mut client = open(home_of(&server).and("timeout: 3s").and("max_timeout: 4s"));
    works(&mut client);
    let params = json!({"name": "a__echo", "arguments": {"bad": true}, "_meta": {"progressToken": "t"}});
    let error = client.refusal("tools/call", &params);
    assert_eq!(error["message"], "server `a` did not answer within 4s in all (`max_timeout`)");
    assert!(!client.left_over().is_empty(), "its progress came");
    works(&mut client);
}

/// Longer in all than it may be silent.
#[test]
fn a_call_with_progress_is_not_cut_by_the_limit_on_silence() {
    let server = server(|stream, request| {
        let _ = stream.write_all(&events(""));
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        for _ in 0..30 {
            let _ = stream.write_all(progress(&token_of(request)).as_bytes());
            let _ = stream.read(&mut [0]);
        }
        let id: Value = serde_json::from_str(&request.id()).expect("an id");
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": text_result("after all")});
        let _ = stream.write_all(event(&answer).as_bytes());
    });
    let mut client = open(home_of(&server).and("timeout: 2s"));
    let params = json!({"name": "a__echo", "arguments": {"bad": true}, "_meta": {"progressToken": "t"}});
    assert_eq!(super::text_of(&client.request("tools/call", &params)), "after all");
}

/// A machine that takes no connection: the phase is said, and what to do.
#[test]
fn a_connection_that_does_not_come_about_has_a_limit() {
    // Never accepts; what it has room for is taken.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        if waiting.len() > 20_000 {
            // This system takes any number.
            return;
        }
    }
    let home = Home::new()
        .url("a", &format!("http://{address}/mcp"))
        .and("connect_timeout: 500ms")
        .and("restart: { policy: never }");
    let client = open(home);
    let said = || client.stderr().contains("connect_timeout").then(|| client.stderr());
    let log = crate::harness::eventually("a word about it", said);
    assert!(log.contains("(connect)"), "{log}");
}

/// After a failure the next try waits, and longer each time; but not when a call wants the server.
#[test]
fn a_call_cuts_the_pause_short() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let home = Home::new().url("a", &format!("http://{address}/mcp")).and("restart: { backoff: 1ms..1h }");
    let mut client = open(home);
    // Each call is another try, so that the pauses get long soon.
    let log = crate::harness::eventually("a pause of many minutes", || {
        let error = client.refusal("tools/call", &json!({"name": "a__echo", "arguments": {}}));
        assert!(error["message"].as_str().is_some_and(|m| m.contains("Connection refused")), "{error}");
        let log = client.stderr();
        // Seconds; `655.3ms` is none.
        let seconds = |rest: &str| rest.split(' ').next()?.strip_suffix('s')?.parse::<f64>().ok();
        let is_long = log.split("trying again in ").skip(1).filter_map(seconds).any(|pause| pause > 600.0);
        is_long.then_some(log)
    });
    assert!(log.contains("(connect)"), "{log}");
    let _server = Server::start_at(address, manners);
    works(&mut client);
}
