//! Many that are up to no good: whatever they do, a client beside them notices nothing, and in the end nothing is left of them.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Client, Home, Http, Web, eventually, many_fds, n_fds};

/// The client beside them does its work.
fn undisturbed(client: &mut Client) {
    assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
}

/// Waits until descriptors are as few as they were, some idle connections aside.
fn as_before(web: &Web, before: usize) {
    eventually("descriptors as before", || (n_fds(web.process.pid()) <= before + 8).then_some(()));
}

#[test]
fn ten_thousand_connects() {
    // Ours and theirs, and some for the rest of us.
    let n = 10_000.min(many_fds().saturating_sub(600));
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    undisturbed(&mut client);
    let before = n_fds(web.process.pid());
    let silent: Vec<Http> = (0..n).map(|_| web.connect()).collect();
    undisturbed(&mut client);
    drop(silent);
    as_before(&web, before);
    // One after the other, each in the middle of something else.
    for n in 0..2000 {
        let mut http = web.connect();
        http.send_what_is_taken(match n % 3 {
            0 => b"",
            1 => b"POST /mcp HTT",
            _ => {
                b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
            }
        });
    }
    undisturbed(&mut client);
    as_before(&web, before);
}

/// Heads that come byte by byte are given up after a while, bodies after a longer one; nobody waits for them meanwhile.
#[test]
fn slow_ones_hold_up_nobody() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    undisturbed(&mut client);
    let before = n_fds(web.process.pid());
    let begun = |text: &str| {
        let mut http = web.connect();
        http.send(text.as_bytes());
        http
    };
    let mut heads: Vec<Http> = (0..200).map(|_| begun("POST /mcp HTTP/1.1\r\nhost: localhost\r\nx: ")).collect();
    let body =
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{";
    let bodies: Vec<Http> = (0..200).map(|_| begun(body)).collect();
    let mut n_bytes = 0;
    let started = Instant::now();
    // One of them goes on, byte by byte: that does not help.
    while !heads[0].is_closed() {
        assert!(started.elapsed().as_secs() < 30, "it goes on for ever");
        heads[0].send_what_is_taken(b"x");
        n_bytes += 1;
        undisturbed(&mut client);
    }
    assert!(n_bytes > 10, "it was closed for being slow");
    for head in &mut heads {
        head.read_rest();
    }
    assert_eq!(web.status("/sessions/now"), 1);
    drop(bodies);
    as_before(&web, before);
    undisturbed(&mut client);
}

/// A session whose client hangs up before it hears its id: nobody could use it, or end it.
#[test]
fn clients_that_hang_up_while_they_open_leave_no_session() {
    // The endpoint of one server waits for what that says of itself.
    let home = Home::with_fake(&["--silent"]).and("list_wait: 1h");
    let web = home.web();
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
        "capabilities": {}, "clientInfo": {"name": "gone", "version": "1"}}});
    let opening: Vec<Http> = (0..20)
        .map(|_| {
            let mut http = web.connect();
            http.ask("POST", "/mcp/a", &crate::harness::USUAL, body.to_string().as_bytes());
            http
        })
        .collect();
    eventually("they are being opened", || (web.status("/sessions/now") == 20).then_some(()));
    drop(opening);
    eventually("nothing is left of them", || (web.status("/sessions/now") == 0).then_some(()));
}

/// Half of the clients are killed in the middle of their work: the others get what is theirs, and after the idle limit nothing
/// of the dead is left.
#[test]
fn clients_killed_in_the_middle_leave_nothing() {
    many_fds();
    let home = Home::with_fake(&[]).fake("b", &[]).top("limits: { session_idle: 1s }");
    let web = home.web();
    let mut witness = web.open("2025-11-25", &json!({}));
    let kept = witness.listen(None);
    undisturbed(&mut witness);
    let (pid, before) = (web.process.pid(), n_fds(web.process.pid()));
    let mut resident = Vec::new();
    for round in 0..3 {
        let mut all: Vec<Worker> = (0..60).map(|n| Worker::begin(&web, n + 60 * round)).collect();
        let at_work = || {
            let calls = ["a", "b"].map(|server| home.received_of(server, "tools/call"));
            calls.iter().flatten().filter(|call| call["params"]["name"] == "wait").count() == 60 * (round + 1)
        };
        eventually("all calls are at work", || at_work().then_some(()));
        // Every other one goes without a word, whatever it waits for.
        let mut is_killed = false;
        all.retain(|_| {
            is_killed = !is_killed;
            !is_killed
        });
        witness.call("a__release", &json!({}));
        witness.call("b__release", &json!({}));
        for worker in &mut all {
            worker.ends();
        }
        drop(all);
        // The modern client is shown for a while longer.
        eventually("no session but one", || (web.status("/sessions/now") <= 2).then_some(()));
        eventually("no call", || (web.status("/requests/in_flight") == 0).then_some(()));
        undisturbed(&mut witness);
        as_before(&web, before);
        if cfg!(target_os = "linux") {
            resident.push(web.metric("process_resident_memory_bytes"));
        }
    }
    assert_eq!(n_fds(pid) > 0, cfg!(target_os = "linux"));
    if let [first, .., last] = &resident[..] {
        assert!(*last < first * 1.5, "memory grows with every round: {resident:?}");
    }
    drop(kept);
}

/// A client with a stream, a call that waits, and half of them with a modern one beside it.
struct Worker {
    client: Client,
    id: Value,
    stream: Http,
    waits: Http,
    modern: Option<Http>,
}

impl Worker {
    fn begin(web: &Web, n: usize) -> Self {
        let mut client = web.open("2025-11-25", &json!({}));
        let mut stream = client.listen(None);
        stream.event().expect("the priming event");
        let name = if n % 4 < 2 { "a__wait" } else { "b__wait" };
        let body = client.body("tools/call", &json!({"name": name, "arguments": {}, "_meta": {"progressToken": n}}));
        let waits = client.start(&body);
        let modern = n.is_multiple_of(3).then(|| {
            let filter = json!({"notifications": {"toolsListChanged": true}});
            let mut http = web.start_modern(7, "subscriptions/listen", filter);
            http.head();
            http.message().expect("acknowledged");
            http
        });
        Self { client, id: body["id"].clone(), stream, waits, modern }
    }

    /// Its call is answered, on its own stream and with its own id.
    fn ends(&mut self) {
        self.waits.head();
        let answer = std::iter::from_fn(|| self.waits.message()).last().expect("an answer").json();
        assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&self.id, &json!("released")));
        assert_eq!(self.client.delete(), 200);
        assert!(self.stream.event().is_none());
        drop(self.modern.take());
    }
}
