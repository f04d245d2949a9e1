//! What comes by which stream, what is kept for whoever loses one, and what a slow client costs.

use serde_json::json;

use crate::harness::{Client, Home, Web, eventually};

fn capable(web: &Web) -> Client {
    web.open("2025-11-25", &json!({"elicitation": {}, "sampling": {}, "roots": {}}))
}

#[test]
fn an_answer_alone_is_json_and_progress_makes_it_a_stream() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    for (revision, is_primed) in [("2025-03-26", false), ("2025-06-18", false), ("2025-11-25", true)] {
        let mut client = web.open(revision, &json!({}));
        let body = client.body("tools/call", &json!({"name": "a__echo", "arguments": {}}));
        let reply = client.post(&body);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let params = json!({"name": "a__progress", "arguments": {}, "_meta": {"progressToken": "p"}});
        let body = client.body("tools/call", &params);
        let mut http = client.start(&body);
        let head = http.head();
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert_eq!((head.header("x-accel-buffering"), head.header("content-length")), (Some("no"), None));
        let all: Vec<_> = std::iter::from_fn(|| http.event()).collect();
        assert_eq!(all[0].data.is_empty(), is_primed, "{revision}");
        assert_eq!(all[0].retry, "1000", "how soon to come back for what is missed");
        let messages: Vec<_> = all.iter().filter(|e| !e.data.is_empty()).collect();
        assert_eq!(messages.len(), 4, "three steps and the answer: {all:?}");
        for step in &messages[..3] {
            assert_eq!(step.json()["params"]["progressToken"], "p");
        }
        assert_eq!(messages[3].json()["id"], body["id"]);
        let numbers: Vec<_> = all.iter().map(|e| e.id.rsplit_once('-').expect("an id").1.parse().ok()).collect();
        assert_eq!(numbers, (0..all.len()).map(Some).collect::<Vec<_>>());
        // The connection is good for more.
        let again = client.body("ping", &json!({}));
        assert_eq!(http.post("/mcp", &client.headers(), &again).json()["id"], again["id"]);
    }
}

/// Edge case 28.
#[test]
fn a_client_that_loses_its_stream_comes_back() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = capable(&web);
    let body = client.body("tools/call", &json!({"name": "a__elicit", "arguments": {}}));
    let mut http = client.start(&body);
    http.head();
    let question = http.message().expect("a question");
    drop(http);
    let answer = json!({"jsonrpc": "2.0", "id": question.json()["id"], "result": {"action": "decline"}});
    assert_eq!(client.post(&answer).status, 202);
    let mut again = client.listen(Some(&question.id));
    let answer = again.event().expect("the answer");
    assert_eq!(answer.json()["id"], body["id"]);
    assert_eq!(answer.json()["result"]["structuredContent"]["answer"]["action"], "decline");
    assert_eq!(again.event(), None, "and nothing else");
    assert!(home.received_of("a", "notifications/cancelled").is_empty());
}

/// A POST that is lost before anything was said: the call goes on, its answer has nowhere to go.
#[test]
fn a_client_that_hangs_up_does_not_cancel() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let body = client.body("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    let waits = client.start(&body);
    eventually("the call waits", || home.received_of("a", "tools/call").pop());
    drop(waits);
    client.call("a__release", &json!({}));
    assert_eq!(client.request("ping", &json!({})), json!({}));
    assert!(home.received_of("a", "notifications/cancelled").is_empty());
}

#[test]
fn a_second_listener_takes_over() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    client.request("tools/list", &json!({}));
    let mut first = client.listen(None);
    first.event().expect("the priming event");
    let mut second = client.listen(None);
    assert_eq!(first.event(), None);
    client.call("a__change", &json!({}));
    assert_eq!(second.message().expect("it is told").json()["method"], "notifications/tools/list_changed");
}

#[test]
fn changes_are_told_once_somebody_listens() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = web.open("2025-11-25", &json!({}));
    let mut witness = web.open("2025-11-25", &json!({}));
    client.request("tools/list", &json!({}));
    witness.request("tools/list", &json!({}));
    let mut seen = witness.listen(None);
    for _ in 0..2 {
        client.call("a__change", &json!({}));
        assert_eq!(seen.message().expect("told").json()["method"], "notifications/tools/list_changed");
    }
    // Each session has a pause of its own before it tells: having listed, this one has nothing more to tell than it noted.
    client.request("tools/list", &json!({}));
    let mut late = client.listen(None);
    assert_eq!(late.message().expect("told").json()["method"], "notifications/tools/list_changed");
    // Twice changed, told once.
    client.call("a__touch", &json!({"uri": "fake://a/note"}));
    assert_eq!(client.request("resources/subscribe", &json!({"uri": "fake://a/note"})), json!({}));
    client.call("a__touch", &json!({"uri": "fake://a/note"}));
    assert_eq!(late.message().expect("told").json()["method"], "notifications/resources/updated");
}

#[test]
fn updates_reach_who_subscribed() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let (mut a, mut b) = (web.open("2025-11-25", &json!({})), web.open("2025-11-25", &json!({})));
    a.request("resources/subscribe", &json!({"uri": "fake://a/note"}));
    let (mut of_a, mut of_b) = (a.listen(None), b.listen(None));
    of_a.event().expect("primed");
    of_b.event().expect("primed");
    b.call("a__touch", &json!({"uri": "fake://a/note"}));
    assert_eq!(of_a.message().expect("told").json()["params"]["uri"], "fake://a/note");
    b.delete();
    assert_eq!(of_b.event(), None, "nothing came to the other one");
}

/// Both questions of both clients find their way when each is the only one with a call.
#[test]
fn questions_come_by_the_stream_of_their_call() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut client = capable(&web);
    let mut listens = client.listen(None);
    listens.event().expect("primed");
    let body = client.body("tools/call", &json!({"name": "a__sample", "arguments": {}}));
    let mut http = client.start(&body);
    http.head();
    let question = http.message().expect("a question").json();
    assert_eq!(question["method"], "sampling/createMessage");
    let result = json!({"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"});
    client.post(&json!({"jsonrpc": "2.0", "id": question["id"], "result": result}));
    assert_eq!(http.message().expect("the answer").json()["result"]["structuredContent"]["answer"], result);
    assert_eq!(http.event(), None);
    client.delete();
    assert_eq!(listens.event(), None, "nothing came by the other stream");
}

/// A client that does not read its stream loses notifications, its session at worst, and costs the others nothing.
#[test]
fn a_slow_client_slows_nobody() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut slow = web.open("2025-11-25", &json!({}));
    let mut quick = web.open("2025-11-25", &json!({}));
    let mut unread = Vec::new();
    for _ in 0..8 {
        let params = json!({"name": "a__big", "arguments": {"bytes": 4_000_000}, "_meta": {"progressToken": 1}});
        let body = slow.body("tools/call", &params);
        unread.push(slow.start(&body));
    }
    for n in 0..20 {
        assert_eq!(quick.call("a__echo", &json!({"n": n}))["structuredContent"], json!({"n": n}));
    }
    for mut http in unread {
        assert!(http.reply().body.len() > 4_000_000);
    }
}
