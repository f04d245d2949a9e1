//! Event streams: taken up again where they gave ids, questions on the stream of their call, updates of modern servers.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::server::{
    Reply, Request, Server, answer, event, events, manners, modern_manners, status, text_result, tool,
};
use super::{client_of, home_of, modern, modern_client_of, refused, text_of, works};
use crate::harness::eventually;

fn answer_to(id: &str, text: &str) -> Value {
    let id: Value = serde_json::from_str(id).expect("an id");
    json!({ "jsonrpc": "2.0", "id": id, "result": text_result(text) })
}

/// A call's stream breaks after its first event; the rest comes on another one.
fn breaking(first: &'static str) -> (Server, Arc<Mutex<String>>) {
    let id = Arc::new(Mutex::new(String::new()));
    let kept = id.clone();
    let server = Server::start(move |r: &Request| {
        if r.rpc() == "tools/call" && r.json()["params"]["arguments"]["bad"] == true {
            *kept.lock().expect("no panic") = r.id();
            return Reply::Raw(events(first));
        }
        match r.header("last-event-id") {
            Some("e1") => Reply::Raw(events("id: e2\ndata:\n\n")),
            Some("e2") => {
                let answer = answer_to(&kept.lock().expect("no panic"), "the rest");
                Reply::Raw(events(&format!("id: e3\n{}", event(&answer))))
            }
            Some(other) => status(400, other),
            None => manners(r),
        }
    });
    (server, id)
}

#[test]
fn a_stream_with_ids_is_taken_up_where_it_broke() {
    let (server, _) = breaking("id: e1\nretry: 1\ndata:\n\n");
    let mut client = client_of(&server);
    assert_eq!(text_of(&client.call("a__echo", &json!({"bad": true}))), "the rest");
    assert_eq!(server.seen_of("tools/call").len(), 1, "the call is not sent again");
    let resumed: Vec<_> = server.seen_by("GET").into_iter().filter(|r| r.header("last-event-id").is_some()).collect();
    assert_eq!(resumed.len(), 2);
    assert!(resumed.iter().all(|r| r.header("mcp-session-id") == Some("s1")));
    works(&mut client);
}

#[test]
fn a_stream_without_ids_costs_its_call() {
    let (server, _) = breaking("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n");
    let mut client = client_of(&server);
    let error = refused(&mut client);
    assert_eq!(error["code"], -32603);
    assert_eq!(server.seen_of("tools/call").len(), 1, "the call is not sent again");
    works(&mut client);
}

#[test]
fn a_server_that_does_not_resume_costs_its_call() {
    let (server, _) = breaking("id: gone\nretry: 1\ndata:\n\n");
    let mut client = client_of(&server);
    let error = refused(&mut client);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("HTTP 400")), "{error}");
    works(&mut client);
}

/// What may run twice is sent again when its connection breaks.
#[test]
fn a_read_is_sent_again_a_call_is_not() {
    let n = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |r: &Request| match r.rpc().as_str() {
        "initialize" => {
            let Reply::Full(s, h, body) = manners(r) else { unreachable!("a full answer") };
            let body =
                String::from_utf8(body).expect("text").replace("{\"tools\":{}}", "{\"tools\":{},\"prompts\":{}}");
            Reply::Full(s, h, body.into_bytes())
        }
        "prompts/list" => answer(r, &json!({"prompts": [{"name": "p"}]})),
        "prompts/get" if n.fetch_add(1, Ordering::Relaxed) == 0 => Reply::Raw(Vec::new()),
        "prompts/get" => answer(r, &json!({"messages": []})),
        _ => manners(r),
    });
    let mut client = client_of(&server);
    assert_eq!(client.request("prompts/get", &json!({"name": "a__p"})), json!({"messages": []}));
    assert_eq!(server.seen_of("prompts/get").len(), 2);
}

/// 3.6, proof (b): the stream says whose question it is.
#[test]
fn a_question_on_the_stream_of_a_call_goes_to_its_client() {
    let answered = Arc::new((Mutex::new(None::<Value>), Condvar::new()));
    let state = answered.clone();
    let server = Server::start(move |r: &Request| {
        if r.rpc() == "tools/call" {
            let (id, state) = (r.id(), state.clone());
            return Reply::Wild(Box::new(move |stream| {
                let question = json!({"jsonrpc": "2.0", "id": 0, "method": "elicitation/create",
                    "params": {"message": "sure?", "requestedSchema": {"type": "object", "properties": {}}}});
                let progress = json!({"jsonrpc": "2.0", "method": "notifications/message",
                    "params": {"level": "error", "data": "asking"}});
                let _ = stream.write_all(&events(&(event(&progress) + &event(&question))));
                let (lock, came) = &*state;
                let mut answer = lock.lock().expect("no panic");
                while answer.is_none() {
                    answer = came.wait(answer).expect("no panic");
                }
                let action = answer.as_ref().map_or_else(String::new, |a| a["result"]["action"].to_string());
                let _ = stream.write_all(event(&answer_to(&id, &action)).as_bytes());
            }));
        }
        if r.json().get("result").is_some() {
            *state.0.lock().expect("no panic") = Some(r.json());
            state.1.notify_all();
            return Reply::Full(202, Vec::new(), Vec::new());
        }
        manners(r)
    });
    let home = home_of(&server);
    let mut client = home.serve();
    client.initialize("2025-11-25", &json!({"elicitation": {}}));
    let id = client.ask("tools/call", &json!({"name": "a__echo", "arguments": {}}));
    client.notice("notifications/message");
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "decline"}));
    assert_eq!(text_of(&client.answer(&id).json["result"]), "\"decline\"");
}

/// The server says on its own stream that its tools have changed; when the stream goes, it is opened again.
#[test]
fn a_stream_of_its_own_is_kept_open() {
    let n = Arc::new(AtomicUsize::new(0));
    let called = Arc::new((Mutex::new(false), Condvar::new()));
    let server = Server::start(move |r: &Request| match (r.method.as_str(), r.rpc().as_str()) {
        ("GET", _) => match n.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Raw(events("id: 7\nretry: 1\ndata:\n\n")),
            _ => {
                let called = called.clone();
                Reply::Wild(Box::new(move |stream| {
                    let _ = stream.write_all(&events(": here\n\n"));
                    let (lock, came) = &*called;
                    drop(came.wait_while(lock.lock().expect("no panic"), |called| !*called));
                    let note = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
                    let _ = stream.write_all(event(&note).as_bytes());
                    let _ = stream.read(&mut [0]);
                }))
            }
        },
        (_, "tools/list") => answer(r, &json!({"tools": [tool("echo"), tool(&format!("t{}", r.id()))]})),
        (_, "tools/call") => {
            *called.0.lock().expect("no panic") = true;
            called.1.notify_all();
            manners(r)
        }
        _ => manners(r),
    });
    let mut client = client_of(&server);
    let before = client.tool_names();
    let second = eventually("the stream is opened again", || server.seen_by("GET").get(1).cloned());
    assert_eq!(second.header("last-event-id"), Some("7"));
    works(&mut client);
    client.notice("notifications/tools/list_changed");
    assert_ne!(client.tool_names(), before);
}

/// 3.7: one stream for all that is wanted; what was missed while it was gone is made up for.
#[test]
fn a_modern_server_is_listened_to_again_when_the_stream_breaks() {
    let n = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |r: &Request| match r.rpc().as_str() {
        "server/discover" => answer(
            r,
            &json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": { "listChanged": true } },
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
        ),
        "subscriptions/listen" => {
            let is_first = n.fetch_add(1, Ordering::SeqCst) == 0;
            let ack = json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}});
            Reply::Wild(Box::new(move |stream| {
                let _ = stream.write_all(&events(&event(&ack)));
                if !is_first {
                    let _ = stream.read(&mut [0]);
                }
            }))
        }
        "tools/list" => answer(
            r,
            &json!({ "tools": [tool("echo"), tool(&format!("t{}", r.id()))], "resultType": "complete", "ttlMs": 0,
                "cacheScope": "private" }),
        ),
        _ => modern_manners(r),
    });
    let mut client = modern_client_of(&server);
    eventually("it is listened to again", || (server.seen_of("subscriptions/listen").len() >= 2).then_some(()));
    eventually("its lists are asked for again", || (server.seen_of("tools/list").len() >= 2).then_some(()));
    client.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {}})));
    assert_eq!(server.seen_of("server/discover").len(), 1, "a lost stream is no lost server");
}
