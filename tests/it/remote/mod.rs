//! Servers reached by URL: what they may do, and what they may do wrong.

mod answers;
mod headers;
mod limits;
mod opening;
mod order;
mod parking;
mod server;
mod sessions;
mod sse;
mod streams;
mod tasks;

use serde_json::{Value, json};

use crate::harness::{Home, Peer};
use server::Server;

/// A client, and the world its proxy lives in.
struct Client {
    peer: Peer,
    home: Home,
}

impl std::ops::Deref for Client {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl std::ops::DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}

/// A world with one server by URL, called `a`.
fn home_of(server: &Server) -> Home {
    Home::new().url("a", &server.url()).and("restart: { backoff: 1ms..20ms }")
}

fn open(home: Home) -> Client {
    Client { peer: home.open(), home }
}

/// A legacy client without capabilities in front of it.
fn client_of(server: &Server) -> Client {
    open(home_of(server))
}

/// A modern client in front of it.
fn modern_client_of(server: &Server) -> Client {
    let home = home_of(server);
    let mut peer = home.serve();
    peer.request("server/discover", &modern(json!({})));
    Client { peer, home }
}

fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "harness", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

/// The proxy still does its work.
fn works(client: &mut Peer) {
    assert_eq!(text_of(&client.call("a__echo", &json!({}))), "well");
}

fn text_of(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

/// Calls `a__echo` with `{"bad": true}`, for which the server does something wrong, and gives the error.
fn refused(client: &mut Peer) -> Value {
    client.refusal("tools/call", &json!({"name": "a__echo", "arguments": {"bad": true}}))
}
