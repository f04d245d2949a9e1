//! HTTP+SSE of 2024-11-05, asked for or found.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::server::{Reply, Request, Server, event, events, manners, status};
use super::{client_of, home_of, open, works};
use crate::harness::{Home, eventually};

/// A server of 2024-11-05 that names `endpoint` as where it takes messages.
fn old(endpoint: impl Fn(u16) -> String + Send + Sync + 'static) -> (Server, Streams) {
    let streams: Streams = Arc::default();
    let open = streams.clone();
    let server = Server::start(move |r: &Request| match (r.method.as_str(), r.path.as_str()) {
        ("GET", "/mcp") => {
            let open = open.clone();
            let port = r.header("host").and_then(|h| h.rsplit(':').next()?.parse().ok()).unwrap_or(0);
            let first = format!("event: endpoint\ndata: {}\n\n", endpoint(port));
            Reply::Wild(Box::new(move |stream| {
                // Before its first event: a message may come at once.
                if let Ok(copy) = stream.try_clone() {
                    open.lock().expect("no panic").insert("now", copy);
                }
                let _ = stream.write_all(&events(&first));
                let _ = std::io::Read::read(stream, &mut [0]);
            }))
        }
        ("POST", "/messages?id=1") => {
            if let Reply::Full(200, _, body) = manners(r) {
                let message = serde_json::from_slice(&body).expect("JSON");
                let streams = open.lock().expect("no panic");
                // What comes between two streams is not answered.
                if let Some(mut stream) = streams.get("now") {
                    let _ = stream.write_all(event(&message).as_bytes());
                }
            }
            status(202, "Accepted")
        }
        _ => status(405, "GET here"),
    });
    (server, streams)
}

type Streams = Arc<Mutex<HashMap<&'static str, TcpStream>>>;

#[test]
fn asked_for() {
    let (server, streams) = old(|_| "/messages?id=1".to_owned());
    let home = home_of(&server).and("transport: sse").and("headers: { X-Key: hunter2 }");
    let mut client = open(home);
    works(&mut client);
    assert!(server.seen().iter().all(|r| r.header("x-key") == Some("hunter2")));
    assert_eq!(server.seen()[0].method, "GET");
    // The end of the stream is the end of the server; it is reached anew.
    drop(streams.lock().expect("no panic").remove("now").map(|s| s.shutdown(std::net::Shutdown::Both)));
    eventually("it is opened again", || (server.seen_of("initialize").len() >= 2).then_some(()));
    works(&mut client);
}

#[test]
fn found() {
    let (server, _) = old(|_| "/messages?id=1".to_owned());
    let mut client = client_of(&server);
    works(&mut client);
    assert_eq!(server.seen().iter().filter(|r| r.path == "/mcp" && r.method == "GET").count(), 1);
}

/// Credentials go where messages go.
#[test]
fn an_endpoint_of_another_origin_gets_nothing() {
    let elsewhere = Server::start(manners);
    let there = format!("http://{}/messages?id=1", elsewhere.address);
    let (server, _) = old(move |_| there.clone());
    let home = Home::new().url("a", &server.url()).and("transport: sse").and("restart: { policy: never }");
    let client = open(home);
    eventually("a word about it", || client.stderr().contains("another origin").then_some(()));
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn an_endpoint_with_the_whole_address() {
    let (server, _) = old(|port| format!("http://127.0.0.1:{port}/messages?id=1"));
    let mut client = open(home_of(&server).and("transport: sse"));
    works(&mut client);
}
