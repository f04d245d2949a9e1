//! Answers that are none: a clear error for the call, nothing else disturbed.

use std::io::Write as _;

use serde_json::json;

use super::server::{Reply, Request, Server, answer, event, events, json_body, manners, status, text_result};
use super::{client_of, home_of, open, refused, works};
use crate::harness::eventually;

fn is_bad(request: &Request) -> bool {
    request.json()["params"]["arguments"]["bad"] == true
}

/// A server that answers a call with `bad` in this way.
fn server(bad: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |r| if is_bad(r) { bad(r) } else { manners(r) })
}

/// The call fails with `words` in its message, is not repeated, and the next one works.
fn check(words: &[&str], bad: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
    let server = server(bad);
    let mut client = client_of(&server);
    works(&mut client);
    let error = refused(&mut client);
    let message = error["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "`{word}` in {error}");
    }
    assert_eq!(error["code"], -32603, "{error}");
    assert_eq!(error["data"]["backend"], "a", "{error}");
    works(&mut client);
    assert_eq!(server.seen().iter().filter(|r| is_bad(r)).count(), 1, "a call is never sent twice");
    assert!(client.left_over().is_empty(), "nothing else came");
}

#[test]
fn html() {
    check(&["server `a`", "text/html", "Please sign in"], |_| {
        let page = b"<html><body><h1>Please   sign in</h1></body></html>".to_vec();
        Reply::Full(200, vec!["content-type: text/html; charset=utf-8".to_owned()], page)
    });
}

#[test]
fn truncated_json() {
    check(&["not JSON"], |r| json_body(200, &[], &format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"con"#, r.id())));
    // The connection ends before the promised length.
    check(&["connection was lost"], |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"jsonrpc\":";
        Reply::Raw(head.as_bytes().to_vec())
    });
}

#[test]
fn another_id() {
    check(&["another one"], |_| json_body(200, &[], r#"{"jsonrpc":"2.0","id":987654,"result":{}}"#));
    check(&["ended before the answer"], |_| {
        Reply::Raw(events(&event(&json!({"jsonrpc": "2.0", "id": 987_654, "result": {}}))))
    });
}

#[test]
fn nothing_at_all() {
    check(&["HTTP 202", "nothing"], |_| Reply::Full(202, Vec::new(), Vec::new()));
    check(&["HTTP 200", "nothing"], |_| json_body(200, &[], ""));
    check(&["connection was lost"], |_| Reply::Raw(Vec::new()));
    check(&["ended before the answer"], |_| Reply::Raw(events("")));
}

#[test]
fn garbage() {
    check(&["connection was lost"], |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        Reply::Raw(format!("{head}5\r\n{{\"jso\r\nZZZZ\r\nrubbish").into_bytes())
    });
    check(&["connection was lost"], |_| Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()));
    check(&["not UTF-8"], |_| {
        Reply::Full(200, vec!["content-type: application/json".to_owned()], b"{\"jsonrpc\":\"\xff\xfe\"}".to_vec())
    });
}

#[test]
fn refusals_with_a_status() {
    check(&["HTTP 500", "out of order"], |_| status(500, "out of order"));
    check(&["HTTP 401", "auth"], |_| status(401, "who are you?"));
    check(&["HTTP 429", "too fast", "after: 7"], |_| {
        let headers = ["content-type: text/plain", "retry-after: 7"];
        Reply::Full(429, headers.map(str::to_owned).to_vec(), b"too fast".to_vec())
    });
    check(&["HTTP 303"], |_| Reply::Full(303, vec!["location: /elsewhere".to_owned()], Vec::new()));
}

#[test]
fn an_error_answer_with_a_status_is_the_answer() {
    let server = server(|_| {
        json_body(400, &[], r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"no such thing"}}"#)
    });
    let mut client = client_of(&server);
    assert_eq!(refused(&mut client), json!({"code": -32602, "message": "no such thing"}));
    works(&mut client);
}

#[test]
fn second_answer_is_dropped() {
    let server = server(|r| {
        let one = |text: &str| {
            let id: serde_json::Value = serde_json::from_str(&r.id()).expect("an id");
            event(&json!({"jsonrpc": "2.0", "id": id, "result": text_result(text)}))
        };
        Reply::Raw(events(&(one("first") + &one("second"))))
    });
    let mut client = client_of(&server);
    let result = client.call("a__echo", &json!({"bad": true}));
    assert_eq!(super::text_of(&result), "first");
    works(&mut client);
    assert!(client.left_over().is_empty());
}

#[test]
fn answer_on_several_lines_crosses_on_one() {
    let server = server(|r| {
        let pretty =
            format!("{{\r\n  \"jsonrpc\": \"2.0\",\n  \"id\": {},\n  \"result\": {{ \"content\": [] }}\n}}", r.id());
        json_body(200, &[], &pretty)
    });
    let mut client = client_of(&server);
    assert_eq!(client.call("a__echo", &json!({"bad": true})), json!({"content": []}));
}

/// The limit is on what comes out of the compression.
#[test]
fn gzip_bomb() {
    let bomb = zeros_in_gzip(64 << 20);
    assert!(bomb.len() < 1 << 20);
    check(&["limits.max_message_bytes"], move |_| {
        let headers = ["content-type: application/json", "content-encoding: gzip"];
        Reply::Full(200, headers.map(str::to_owned).to_vec(), bomb.clone())
    });
}

#[test]
fn body_without_end() {
    check(&["limits.max_message_bytes"], |_| {
        Reply::Wild(Box::new(|stream| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":\"";
            let _ = stream.write_all(head.as_bytes());
            let more = vec![b'x'; 1 << 20];
            // Ends when the proxy has had enough.
            while stream.write_all(&more).is_ok() {}
        }))
    });
}

#[test]
fn event_of_20_megabytes_is_skipped() {
    let server = server(|r| {
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message",
            "params": {"level": "info", "data": "x".repeat(20 << 20)}});
        let id: serde_json::Value = serde_json::from_str(&r.id()).expect("an id");
        let end = json!({"jsonrpc": "2.0", "id": id, "result": text_result("after all")});
        Reply::Raw(events(&(event(&note) + &event(&end))))
    });
    let mut client = client_of(&server);
    assert_eq!(super::text_of(&client.call("a__echo", &json!({"bad": true}))), "after all");
    let told = || client.stderr().contains("limits.max_message_bytes").then_some(());
    eventually("a word about the event", told);
    works(&mut client);

    check(&["limits.max_message_bytes"], |r| {
        let id: serde_json::Value = serde_json::from_str(&r.id()).expect("an id");
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": text_result(&"x".repeat(20 << 20))});
        Reply::Raw(events(&event(&answer)))
    });
}

#[test]
fn redirects_stay_within_the_origin() {
    let elsewhere = Server::start(manners);
    let there = elsewhere.url();
    let server = Server::start(move |r| match r.path.as_str() {
        "/mcp" if is_bad(r) => Reply::Full(307, vec![format!("location: {there}")], Vec::new()),
        "/mcp" if r.rpc() == "tools/call" => Reply::Full(308, vec!["location: /moved".to_owned()], Vec::new()),
        "/moved" => answer(r, &text_result("well")),
        _ => manners(r),
    });
    let home = home_of(&server).and("auth: { type: bearer, token: hunter2 }");
    let mut client = open(home);
    works(&mut client);
    let error = refused(&mut client);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("another origin")), "{error}");
    assert!(elsewhere.seen().is_empty(), "nothing arrives at another origin");
    assert!(server.seen().iter().all(|r| r.header("authorization") == Some("Bearer hunter2")));
    assert!(!client.stderr().contains("hunter2"), "{}", client.stderr());
}

#[test]
fn a_server_that_repeats_the_key_it_refuses() {
    let server = server(|r| status(401, &format!("{} is no good key", r.header("authorization").unwrap_or_default())));
    let mut client = open(home_of(&server).and("auth: { type: bearer, token: hunter2 }"));
    works(&mut client);
    let error = refused(&mut client).to_string();
    assert!(error.contains("no good key") && !error.contains("hunter2"), "{error}");
}

/// `n` zeros, compressed by hand: one literal, then matches of 258 bytes one byte back (RFC 1951, section 3.2.6).
fn zeros_in_gzip(n: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut n_bits) = (0_u64, 0);
    let mut put = |value: u64, count: u32| {
        bits |= value << n_bits;
        n_bits += count;
        while n_bits >= 8 {
            out.push((bits & 0xff) as u8);
            bits >>= 8;
            n_bits -= 8;
        }
    };
    // Codes stand with their first bit first.
    let code = |value: u64, count: u32| value.reverse_bits() >> (64 - count);
    put(0b011, 3);
    put(code(0b0011_0000, 8), 8);
    for _ in 0..n / 258 {
        put(code(0b1100_0101, 8), 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 7);
    out.extend([0; 8]);
    out
}
