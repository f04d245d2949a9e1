//! Servers by URL that ask during the call of a modern client.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::server::{Reply, Request, Server, answer, event, events, json_body, manners, text_result};
use super::{Client, home_of, text_of};
use crate::harness::eventually;

/// What the test and the server's connections tell each other.
#[derive(Default)]
struct Board {
    state: Mutex<(bool, Option<Value>)>,
    changed: Condvar,
}

impl Board {
    fn set(&self, change: impl FnOnce(&mut (bool, Option<Value>))) {
        change(&mut self.state.lock().expect("no panic"));
        self.changed.notify_all();
    }

    /// Waits until it is called.
    fn called(&self) {
        let state = self.state.lock().expect("no panic");
        drop(self.changed.wait_while(state, |(called, _)| !*called).expect("no panic"));
    }

    /// Waits for the answer to its question.
    fn answer(&self) -> Value {
        let state = self.state.lock().expect("no panic");
        let state = self.changed.wait_while(state, |(_, answer)| answer.is_none()).expect("no panic");
        state.1.clone().unwrap_or_default()
    }
}

/// A server that asks in each call: on the call's own stream, or on the one that belongs to nobody.
fn asking(beside: bool) -> Server {
    let board: Arc<Board> = Arc::default();
    let question = json!({"jsonrpc": "2.0", "id": 0, "method": "elicitation/create",
        "params": {"message": "sure?", "requestedSchema": {"type": "object", "properties": {}}}});
    Server::start(move |r: &Request| {
        let (board, question) = (board.clone(), question.clone());
        if r.method == "GET" && beside {
            return Reply::Wild(Box::new(move |stream| {
                let _ = stream.write_all(&events(": here\n\n"));
                board.called();
                let _ = stream.write_all(event(&question).as_bytes());
                board.answer();
            }));
        }
        if r.rpc() == "tools/call" {
            let id = r.json()["id"].clone();
            return Reply::Wild(Box::new(move |stream| {
                board.set(|s| s.0 = true);
                let first = if beside { String::new() } else { event(&question) };
                let _ = stream.write_all(&events(&first));
                let said = board.answer()["result"]["action"].to_string();
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": text_result(&said)});
                let _ = stream.write_all(event(&answer).as_bytes());
            }));
        }
        if r.json().get("result").is_some() {
            board.set(|s| s.1 = Some(r.json()));
            return Reply::Full(202, Vec::new(), Vec::new());
        }
        manners(r)
    })
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    })
}

/// Edge case 24: by proof (b), and by proof (c) where the server asks beside the call.
#[test]
fn edge_24_a_question_beside_the_call_is_asked_in_it() {
    for beside in [false, true] {
        let server = asking(beside);
        let home = home_of(&server);
        let mut peer = home.serve();
        peer.request("server/discover", &json!({"_meta": meta()}));
        let mut client = Client { peer, home };
        let mut call = json!({"name": "a__echo", "arguments": {}, "_meta": meta()});
        let asked = client.request("tools/call", &call);
        assert_eq!(asked["inputRequests"]["i1"]["params"]["message"], "sure?", "{asked}");
        call["requestState"] = asked["requestState"].clone();
        call["inputResponses"] = json!({"i1": {"action": "accept", "content": {}}});
        let last = client.request("tools/call", &call);
        assert_eq!(last["content"][0]["text"], "\"accept\"");
        assert_eq!(server.seen_of("tools/call").len(), 1);
        let declared = server.seen_of("initialize").remove(0).json()["params"]["capabilities"].clone();
        assert_eq!(declared, json!({"elicitation": {}}));
    }
}

/// Edge case 24, for a legacy client: by the stream of the POST that called, not by its GET stream.
#[test]
fn edge_24_a_question_beside_the_call_comes_by_its_stream() {
    for beside in [false, true] {
        let server = asking(beside);
        let home = home_of(&server);
        let web = home.web();
        let mut client = web.open("2025-11-25", &json!({"elicitation": {}}));
        let mut listens = client.listen(None);
        listens.event().expect("primed");
        let body = client.body("tools/call", &json!({"name": "a__echo", "arguments": {}}));
        let mut http = client.start(&body);
        http.head();
        let question = http.message().expect("a question").json();
        assert_eq!(question["params"]["message"], "sure?", "{question}");
        let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}});
        assert_eq!(client.post(&answer).status, 202);
        assert_eq!(text_of(&http.message().expect("the answer").json()["result"]), "\"decline\"");
        client.delete();
        assert_eq!(listens.event(), None, "nothing came by the other stream");
    }
}

/// What the sessions of a server know of roots, and the streams on which it asks for them.
#[derive(Default)]
struct Folders {
    roots: HashMap<String, Value>,
    streams: HashMap<String, TcpStream>,
    n: usize,
}

/// A server that asks each session for its roots as soon as that listens, and when it hears that there are others. Its tool tells
/// at once what it knows.
fn wants_roots() -> (Server, Arc<Mutex<Folders>>) {
    let folders: Arc<Mutex<Folders>> = Arc::default();
    let shared = folders.clone();
    let question = event(&json!({"jsonrpc": "2.0", "id": 0, "method": "roots/list"}));
    let server = Server::start(move |r: &Request| {
        let session = r.header("mcp-session-id").unwrap_or_default().to_owned();
        let mut folders = shared.lock().expect("no panic");
        match (r.method.as_str(), r.rpc().as_str()) {
            ("GET", _) => {
                let (shared, question) = (shared.clone(), question.clone());
                Reply::Wild(Box::new(move |stream| {
                    let _ = stream.write_all(&events(&question));
                    let ours = stream.try_clone().expect("a descriptor");
                    shared.lock().expect("no panic").streams.insert(session, ours);
                    let _ = stream.read(&mut [0; 1]);
                }))
            }
            ("POST", "initialize") => {
                folders.n += 1;
                let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                    "serverInfo": { "name": "scripted", "version": "1" } });
                let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, r.id());
                json_body(200, &[&format!("mcp-session-id: s{}", folders.n)], &body)
            }
            ("POST", "notifications/roots/list_changed") => {
                if let Some(stream) = folders.streams.get_mut(&session) {
                    let _ = stream.write_all(question.as_bytes());
                }
                Reply::Full(202, Vec::new(), Vec::new())
            }
            ("POST", "tools/call") => {
                let known = folders.roots.get(&session).cloned().unwrap_or_default();
                answer(r, &text_result(&known.to_string()))
            }
            ("POST", _) if r.json()["id"] == 0 && r.json().get("result").is_some() => {
                folders.roots.insert(session, r.json()["result"]["roots"].clone());
                Reply::Full(202, Vec::new(), Vec::new())
            }
            _ => manners(r),
        }
    });
    (server, folders)
}

/// Clients that say no name share a session with it until it asks what may be for any of them; from then on each call has one for
/// itself, and the server knows the roots of its client before it gets the call.
#[test]
fn roots_asked_for_beside_all_calls_are_those_of_the_client_that_calls() {
    let (server, folders) = wants_roots();
    let home = home_of(&server);
    let web = home.web();
    let params = |more: Value| {
        let mut params = json!({"name": "a__echo", "arguments": {},
            "_meta": {"io.modelcontextprotocol/clientCapabilities": {"roots": {}}}});
        params.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        params
    };
    let list = json!({"_meta": {"io.modelcontextprotocol/clientCapabilities": {"roots": {}}}});
    let shared = eventually("it has asked the session of such clients, and nobody was there", || {
        web.modern(1, "tools/list", list.clone());
        let opened = server.seen_of("initialize");
        let told = opened.iter().any(|i| i.json()["params"]["capabilities"]["roots"].is_object());
        let all = folders.lock().expect("no panic").roots.clone();
        (told && all.len() == opened.len()).then_some(all)
    });
    assert!(shared.values().all(|roots| *roots == json!([])), "{shared:?}");
    for uri in ["file:///one", "file:///two"] {
        let asked = web.modern(2, "tools/call", params(json!({}))).json()["result"].clone();
        assert_eq!(asked["inputRequests"]["i1"]["method"], "roots/list", "{asked}");
        let answers = json!({"i1": {"roots": [{"uri": uri}]}});
        let again = params(json!({"requestState": asked["requestState"], "inputResponses": answers}));
        let last = web.modern(3, "tools/call", again).json()["result"].clone();
        assert_eq!(text_of(&last), json!([{"uri": uri}]).to_string(), "in time, and nobody else's");
    }
    assert_eq!(server.seen_of("tools/call").len(), 2);
}
