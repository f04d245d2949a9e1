//! Sessions of legacy servers: forgotten, renewed, ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::server::{Reply, Request, Server, json_body, manners, status};
use super::{client_of, home_of, refused, text_of, works};

/// Gives each `initialize` another session and knows the newest only; says so in this way.
fn forgetful(no: fn(&Request) -> Reply) -> (Server, Arc<AtomicUsize>) {
    let newest = Arc::new(AtomicUsize::new(0));
    let known = newest.clone();
    let server = Server::start(move |r: &Request| {
        if r.rpc() == "initialize" {
            let n = known.fetch_add(1, Ordering::SeqCst) + 1;
            let Reply::Full(status, mut headers, body) = manners(r) else { unreachable!("a full answer") };
            headers.retain(|h| !h.starts_with("mcp-session-id"));
            headers.push(format!("mcp-session-id: s{n}"));
            return Reply::Full(status, headers, body);
        }
        let session = format!("s{}", known.load(Ordering::SeqCst));
        if r.header("mcp-session-id") == Some(&session) { manners(r) } else { no(r) }
    });
    (server, newest)
}

#[test]
fn a_forgotten_session_is_renewed_and_the_call_sent_again() {
    forgets(|_| status(404, "no such session"));
}

/// As servers do that were made after the examples of the TypeScript SDK.
#[test]
fn a_session_forgotten_with_400() {
    forgets(|_| {
        let error = r#"{"code":-32000,"message":"Bad Request: No valid session ID provided"}"#;
        json_body(400, &[], &format!(r#"{{"jsonrpc":"2.0","error":{error},"id":null}}"#))
    });
}

fn forgets(no: fn(&Request) -> Reply) {
    let (server, newest) = forgetful(no);
    let mut client = client_of(&server);
    works(&mut client);
    // The server is started anew: it knows no session of before.
    newest.fetch_add(10, Ordering::SeqCst);
    let results: Vec<String> = {
        let ids: Vec<String> =
            (0..5).map(|n| client.ask("tools/call", &json!({"name": "a__echo", "arguments": {"n": n}}))).collect();
        ids.iter().map(|id| text_of(&client.answer(id).json["result"]).to_owned()).collect()
    };
    assert_eq!(results, ["well"; 5]);
    works(&mut client);
    assert_eq!(server.seen_of("initialize").len(), 2, "one new session for all");
    let accepted = |n: i32| {
        let of_it = server.seen_of("tools/call").into_iter().filter(|r| r.json()["params"]["arguments"]["n"] == n);
        of_it.filter(|r| r.header("mcp-session-id") == Some("s12")).count()
    };
    assert_eq!((0..5).map(accepted).collect::<Vec<_>>(), [1; 5], "each was processed once");
    client.close();
    client.exit_code();
    assert_eq!(
        server.seen_by("DELETE").last().and_then(|r| r.header("mcp-session-id").map(str::to_owned)),
        Some("s12".into())
    );
}

#[test]
fn a_server_that_forgets_at_once_is_not_asked_for_ever() {
    let server = Server::start(|r| {
        if r.json()["params"]["arguments"]["bad"] == true { status(404, "no such session") } else { manners(r) }
    });
    let mut client = client_of(&server);
    works(&mut client);
    let error = refused(&mut client);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("session it has just begun")), "{error}");
    assert_eq!(server.seen().iter().filter(|r| r.json()["params"]["arguments"]["bad"] == true).count(), 2);
    works(&mut client);
}

#[test]
fn lists_are_asked_for_again_in_a_new_session() {
    let forgotten = Arc::new(Mutex::new(false));
    let state = forgotten.clone();
    let server = Server::start(move |r: &Request| {
        let mut is_forgotten = state.lock().expect("no panic");
        match r.rpc().as_str() {
            "initialize" => *is_forgotten = false,
            "tools/call" if *is_forgotten => return status(404, "no such session"),
            "tools/list" => {
                // Every list has one tool more.
                return json_body(
                    200,
                    &[],
                    &format!(
                        r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":[{{"name":"echo","inputSchema":{{"type":"object"}}}},{{"name":"t{}","inputSchema":{{"type":"object"}}}}]}}}}"#,
                        r.id(),
                        r.id()
                    ),
                );
            }
            _ => {}
        }
        manners(r)
    });
    let mut client = client_of(&server);
    let before = client.tool_names();
    *forgotten.lock().expect("no panic") = true;
    works(&mut client);
    client.notice("notifications/tools/list_changed");
    assert_ne!(client.tool_names(), before);
}

#[test]
fn a_client_that_takes_a_call_back() {
    let server = Server::start(|r| {
        if r.json()["params"]["arguments"]["bad"] == true {
            // Says nothing until the other side hangs up.
            return Reply::Wild(Box::new(|stream| {
                let _ = std::io::Read::read(stream, &mut [0]);
            }));
        }
        manners(r)
    });
    let mut client = client_of(&server);
    let id = client.ask("tools/call", &json!({"name": "a__echo", "arguments": {"bad": true}}));
    let call = crate::harness::eventually("the call arrives", || server.seen_of("tools/call").pop());
    let id: serde_json::Value = serde_json::from_str(&id).expect("an id");
    client.notify("notifications/cancelled", &json!({"requestId": id, "reason": "no more"}));
    let note = crate::harness::eventually("the server is told", || server.seen_of("notifications/cancelled").pop());
    assert_eq!(note.json()["params"]["requestId"].to_string(), call.id());
    assert_eq!(note.header("mcp-session-id"), Some("s1"));
    works(&mut client);
    assert!(client.left_over().is_empty(), "no answer to what was taken back");
}

#[test]
fn each_client_by_http_gets_a_session_of_its_own() {
    let n = AtomicUsize::new(0);
    let server = Server::start(move |r: &Request| {
        let reply = manners(r);
        match reply {
            Reply::Full(status, mut headers, body) if r.rpc() == "initialize" => {
                headers.retain(|h| !h.starts_with("mcp-session-id"));
                headers.push(format!("mcp-session-id: s{}", n.fetch_add(1, Ordering::SeqCst) + 1));
                Reply::Full(status, headers, body)
            }
            reply => reply,
        }
    });
    let home = home_of(&server);
    let web = home.web();
    let (mut a, mut b) = (web.open("2025-11-25", &json!({})), web.open("2025-11-25", &json!({})));
    // The lists are made by a session of the proxy's own.
    a.request("tools/list", &json!({}));
    for is_first in [true, false, true] {
        let client = if is_first { &mut a } else { &mut b };
        assert_eq!(text_of(&client.call("a__echo", &json!({}))["result"]), "well");
    }
    let used: Vec<_> =
        server.seen_of("tools/call").iter().map(|r| r.header("mcp-session-id").map(str::to_owned)).collect();
    assert_eq!(used[0], used[2]);
    assert!(used[0] != used[1] && !used.contains(&Some("s1".to_owned())), "{used:?}");
    a.delete();
    // It ends with the client's.
    crate::harness::eventually("its end", || {
        server.seen_by("DELETE").into_iter().find(|r| r.header("mcp-session-id").map(str::to_owned) == used[0])
    });
    assert_eq!(text_of(&b.call("a__echo", &json!({}))["result"]), "well");
}
