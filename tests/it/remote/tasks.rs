//! Tasks of servers reached by URL: what of them comes on which stream, and streams that break.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{Reply, Request, Server, answer, event, events, json_body, manners, modern_manners, text_result};
use super::{Client, client_of, home_of, text_of};
use crate::harness::{Peer, eventually};

const RELATED: &str = "io.modelcontextprotocol/related-task";

/// A legacy server whose tool `echo` is run as a task only; `result` answers who waits for the result.
fn legacy(result: impl Fn(&Request, u64) -> Reply + Send + Sync + 'static) -> Server {
    legacy_with(result, manners)
}

/// The same, with another way to answer everything else.
fn legacy_with(
    result: impl Fn(&Request, u64) -> Reply + Send + Sync + 'static,
    rest: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    let n = AtomicU64::new(0);
    Server::start(move |r| match r.rpc().as_str() {
        "initialize" => {
            let tasks = json!({"requests": {"tools": {"call": {}}}, "cancel": {}});
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {}, "tasks": tasks },
                "serverInfo": { "name": "scripted", "version": "1" } });
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, r.id());
            json_body(200, &["mcp-session-id: s1"], &body)
        }
        "tools/list" => {
            let tool =
                json!({"name": "echo", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}});
            answer(r, &json!({ "tools": [tool] }))
        }
        "tools/call" => answer(
            r,
            &json!({"task": {"taskId": "t", "status": "working", "createdAt": "2026-01-01T00:00:00Z",
            "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": null, "pollInterval": 100}}),
        ),
        "tasks/result" => result(r, n.fetch_add(1, Ordering::Relaxed)),
        "tasks/cancel" => answer(r, &json!({"taskId": "t", "status": "cancelled"})),
        _ => rest(r),
    })
}

/// A client of a proxy that has seen what the tool says of tasks.
fn knowing(server: &Server) -> Client {
    let mut client = client_of(server);
    let listed = client.request("tools/list", &json!({}));
    assert_eq!(listed["tools"][0]["name"], "a__echo");
    client
}

fn done(request: &Request) -> Reply {
    let mut result = text_result("well");
    result["_meta"] = json!({RELATED: {"taskId": "t"}});
    answer(request, &result)
}

#[test]
fn the_result_is_asked_for_again_when_the_stream_breaks() {
    let server = legacy(|r, n| match n {
        0 => Reply::Raw(events(": begun\n\n")),
        1 => Reply::Raw(Vec::new()),
        _ => done(r),
    });
    let mut client = knowing(&server);
    let result = client.call("a__echo", &json!({}));
    assert_eq!((text_of(&result), result.get("_meta")), ("well", None), "{result}");
    assert_eq!(server.seen_of("tools/call").len(), 1, "the job is not run again");
    assert_eq!(server.seen_of("tasks/result").len(), 3);
}

#[test]
fn there_is_an_end_to_asking() {
    let server = legacy(|_, _| Reply::Raw(events("")));
    let mut client = knowing(&server);
    let fault = client.refusal("tools/call", &json!({"name": "a__echo", "arguments": {}}));
    assert_eq!((&fault["code"], &fault["data"]["backend"]), (&json!(-32603), &json!("a")), "{fault}");
    let n = server.seen_of("tasks/result").len();
    assert!(n > 1 && n < 20, "{n}");
    assert_eq!(server.seen_of("tools/call").len(), 1);
}

#[test]
fn what_comes_on_the_stream_of_the_result_is_of_the_call() {
    let (answered, answer_came) = sync_channel(1);
    let answer_came = Arc::new(Mutex::new(answer_came));
    // Without a word on which task it is of: the stream says whose it is.
    let waits = move |r: &Request, _| {
        let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "?",
            "requestedSchema": {"type": "object", "properties": {}}}});
        let id: Value = serde_json::from_str(&r.id()).expect("an id");
        let end = json!({"jsonrpc": "2.0", "id": id, "result": text_result("well")});
        let answer_came = answer_came.clone();
        Reply::Wild(Box::new(move |stream| {
            let _ = stream.write_all(events(&event(&question)).as_slice());
            answer_came.lock().expect("no panic").recv().expect("it comes");
            let _ = stream.write_all(event(&end).as_bytes());
        }))
    };
    let server = legacy_with(waits, move |r| {
        if r.json()["id"] == "q" {
            answered.send(r.json()).expect("it is waited for");
        }
        manners(r)
    });
    let home = home_of(&server);
    let mut client = home.serve();
    client.initialize("2025-11-25", &json!({"elicitation": {}}));
    client.request("tools/list", &json!({}));
    let call = client.ask("tools/call", &json!({"name": "a__echo", "arguments": {}}));
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "decline"}));
    assert_eq!(text_of(&client.answer(&call).json["result"]), "well");
    let got = server.seen_by("POST").into_iter().map(|r| r.json()).find(|m| m["id"] == "q").expect("the answer");
    assert_eq!(got["result"]["action"], "decline");
}

#[test]
fn a_modern_servers_task_is_looked_at_under_its_own_name() {
    let n = AtomicU64::new(0);
    let task = |status: &str| {
        json!({"taskId": "t \u{e4}", "status": status, "createdAt": "2026-01-01T00:00:00Z", "ttlMs": null, "pollIntervalMs": 1,
            "lastUpdatedAt": "2026-01-01T00:00:00Z"})
    };
    let server = Server::start(move |r| match r.rpc().as_str() {
        "server/discover" => answer(
            r,
            &json!({ "supportedVersions": ["2026-07-28"], "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "capabilities": { "tools": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } } }),
        ),
        "tools/call" => {
            let mut made = task("working");
            made["resultType"] = json!("task");
            answer(r, &made)
        }
        "tasks/get" => match n.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Raw(Vec::new()),
            1 => {
                let mut stands = task("working");
                stands["resultType"] = json!("complete");
                answer(r, &stands)
            }
            _ => {
                let mut stands = task("completed");
                stands["resultType"] = json!("complete");
                stands["result"] = text_result("well");
                answer(r, &stands)
            }
        },
        _ => modern_manners(r),
    });
    let mut client = knowing(&server);
    assert_eq!(text_of(&client.call("a__echo", &json!({}))), "well");
    let looks = server.seen_of("tasks/get");
    assert_eq!(looks.len(), 3);
    for look in &looks {
        assert_eq!(look.json()["params"]["taskId"], "t \u{e4}");
        assert_eq!(look.header("mcp-name"), Some("=?base64?dCDDpA==?="));
        assert_eq!(look.header("mcp-method"), Some("tasks/get"));
    }
    assert_eq!(server.seen_of("tools/call").len(), 1);
}

/// A task of a legacy server that is held for a modern client: another process of ours finds it by its id, waits for it anew, and
/// has what it asks and how it ends.
#[test]
fn a_held_task_is_held_again_after_a_restart() {
    let (answered, answer_came) = sync_channel(1);
    let answer_came = Arc::new(Mutex::new(answer_came));
    let waits = move |r: &Request, n| {
        let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "sure?",
            "requestedSchema": {"type": "object", "properties": {}}, "_meta": {RELATED: {"taskId": "t"}}}});
        let id: Value = serde_json::from_str(&r.id()).expect("an id");
        let end = json!({"jsonrpc": "2.0", "id": id, "result": text_result("well")});
        let answer_came = answer_came.clone();
        Reply::Wild(Box::new(move |stream| {
            if n == 0 {
                // Until the proxy that waits for it is gone.
                let _ = stream.write_all(&events(": begun\n\n"));
                let _ = stream.read(&mut [0; 1]);
                return;
            }
            let _ = stream.write_all(&events(&event(&question)));
            answer_came.lock().expect("no panic").recv().expect("it comes");
            let _ = stream.write_all(event(&end).as_bytes());
        }))
    };
    let server = legacy_with(waits, move |r| match r.rpc().as_str() {
        "tasks/get" => answer(
            r,
            &json!({"taskId": "t", "status": "working", "createdAt": "2026-01-01T00:00:00Z",
                "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": null, "pollInterval": 100}),
        ),
        _ => {
            if r.json()["id"] == "q" {
                answered.send(r.json()).expect("it is waited for");
            }
            manners(r)
        }
    });
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "harness", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } },
    });
    let home = home_of(&server);
    let task = {
        let mut client = home.serve();
        client.request("tools/list", &json!({ "_meta": meta }));
        let made = client.request("tools/call", &json!({ "name": "a__echo", "arguments": {}, "_meta": meta }));
        assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")), "{made}");
        eventually("it is waited for", || server.seen_of("tasks/result").pop());
        client.close();
        client.exit_code();
        made["taskId"].as_str().expect("an id").to_owned()
    };
    let mut client = home.serve();
    let look = |client: &mut Peer, wanted: &str| {
        eventually(wanted, || {
            let stands = client.request("tasks/get", &json!({ "taskId": task, "_meta": meta }));
            assert_eq!((&stands["resultType"], &stands["taskId"]), (&json!("complete"), &json!(task)), "{stands}");
            (stands["status"] == wanted).then_some(stands)
        })
    };
    let asks = look(&mut client, "input_required");
    assert_eq!(asks["inputRequests"]["i1"]["params"]["message"], "sure?", "{asks}");
    let responses = json!({ "i1": { "action": "accept", "content": {} } });
    let update = json!({ "taskId": task, "inputResponses": responses, "_meta": meta });
    assert_eq!(client.request("tasks/update", &update)["resultType"], "complete");
    let end = look(&mut client, "completed");
    assert_eq!(text_of(&end["result"]), "well", "{end}");
    assert_eq!(server.seen_of("tools/call").len(), 1, "the job is not run again");
    let got = server.seen_by("POST").into_iter().map(|r| r.json()).find(|m| m["id"] == "q").expect("the answer");
    assert_eq!((&got["result"]["action"], &got["result"]["_meta"][RELATED]["taskId"]), (&json!("accept"), &json!("t")));
}
