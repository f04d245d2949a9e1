//! Servers by URL that ask during the call of a modern client.

use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::server::{Reply, Request, Server, event, events, manners, text_result};
use super::{Client, home_of};

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
