//! Clients of 2026-07-28 before a server of the editions before it that asks: each round is a POST of its own, and the end of
//! one is not a hang-up.

use serde_json::{Value, json};

use crate::harness::{Home, USUAL, Web, eventually, modern};

const KEY: &str = "io.modelcontextprotocol/clientCapabilities";

fn params(tool: &str) -> Value {
    json!({"name": format!("a__{tool}"), "arguments": {"x": [1, "é"]}, "_meta": {KEY: {"elicitation": {}, "sampling": {}}}})
}

fn again(tool: &str, asked: &Value, answers: &Value) -> Value {
    let mut params = params(tool);
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = answers.clone();
    params
}

fn asked(reply: &Value) -> Value {
    let result = reply["result"].clone();
    assert_eq!(result["resultType"], "input_required", "{reply}");
    result
}

/// Edge case 17.
#[test]
fn edge_17_rounds_are_posts_of_their_own() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    for (tool, answer) in [
        ("elicit", json!({"action": "accept", "content": {"name": "Ada"}, "vendor": [1.50]})),
        ("sample", json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}})),
    ] {
        let first = web.modern(1, "tools/call", params(tool));
        assert_eq!((first.status, first.header("content-type")), (200, Some("application/json")));
        let first = asked(&first.json());
        assert_eq!(first["inputRequests"].as_object().map(|r| r.len()), Some(1));
        let last = web.modern(9, "tools/call", again(tool, &first, &json!({"i1": answer}))).json();
        assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(9), &json!("complete")), "{last}");
        assert_eq!(last["result"]["structuredContent"]["answer"], answer);
    }
    assert_eq!(home.received_of("a", "tools/call").len(), 2, "each ran once");
    let answers: Vec<String> = home.received("a").into_iter().filter(|l| l.contains("Ada")).collect();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].contains(r#""vendor":[1.5"#), "{answers:?}");
    assert_eq!(home.received_of("a", "notifications/cancelled").len(), 0);
    // What its clients can do is what it is told of them.
    let told = home.received_of("a", "initialize");
    let said = |i: &Value| i["params"]["capabilities"]["elicitation"].is_object();
    assert!(told.iter().any(said) && told.iter().any(|i| !said(i)), "{told:?}");
}

/// Edge case 27.
#[test]
fn edge_27_who_waits_and_hangs_up_cancels() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let waits = web.start_modern(1, "tools/call", params("wait"));
    eventually("the call waits", || home.received_of("a", "tools/call").pop());
    drop(waits);
    let cancelled = eventually("the server hears of it", || home.received_of("a", "notifications/cancelled").pop());
    assert_eq!(cancelled["params"]["requestId"], home.received_of("a", "tools/call")[0]["id"]);
}

/// Edge case 20.
/// Edge case 40: a park state.
#[test]
fn edge_20_and_40_a_state_is_of_no_use_to_others() {
    let (one, two) = ("abcdefghijklmnopqrstuvwx", "bcdefghijklmnopqrstuvwxy");
    let home = Home::with_fake(&[]).top(&format!("clients: {{ tokens: {{ one: {one}, two: {two} }} }}"));
    let web = home.web();
    let ask = |token: &str, params: Value| {
        let (headers, body) = modern(1, "tools/call", params);
        let bearer = format!("Bearer {token}");
        let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.push(("authorization", &bearer));
        web.connect().request("POST", "/mcp", &[&USUAL[..], &all].concat(), body.to_string().as_bytes())
    };
    let first = asked(&ask(one, params("elicit")).json());
    let right = again("elicit", &first, &json!({"i1": {"action": "decline"}}));
    assert_eq!(ask(two, right.clone()).refusal(), (200, -32602));
    let mut other = right.clone();
    other["arguments"]["x"] = json!([1]);
    assert_eq!(ask(one, other).refusal(), (200, -32602));
    assert_eq!(parked(&web, one), json!(1), "nobody notices");
    let last = ask(one, right.clone()).json();
    assert_eq!(last["result"]["structuredContent"], json!({"answer": {"action": "decline"}}));
    // The same once more gets the same, and the tool does not run again; others still get nothing.
    assert_eq!(ask(one, right.clone()).json()["result"], last["result"]);
    assert_eq!(ask(two, right).refusal(), (200, -32602));
    assert_eq!(home.received_of("a", "tools/call").len(), 1);
    assert_eq!(parked(&web, one), json!(0));
}

/// What `/status` says is parked.
fn parked(web: &Web, token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    let page = web.connect().request("GET", "/status", &[("authorization", &bearer)], b"").json();
    page["servers"][0]["parked"].clone()
}

#[test]
fn a_stream_that_carries_a_question_ends_with_it() {
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut first = params("elicit");
    first["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    let asked = asked(&web.modern(1, "tools/call", first).json());
    // The answers come with a request that wants progress, and there is none: the server was not asked for any.
    let mut last = again("elicit", &asked, &json!({"i1": {"action": "cancel"}}));
    last["_meta"]["progressToken"] = json!("p");
    let last = web.modern(2, "tools/call", last).json();
    assert_eq!(last["result"]["structuredContent"], json!({"answer": {"action": "cancel"}}));
    let metrics = web.connect().request("GET", "/metrics", &[], b"");
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in ["mcp_proxy_parked_calls_total 1", "mcp_proxy_rounds_total{server=\"a\"} 1"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// Who calls before a server is open again has no process started for itself alone, where that is a modern one.
#[test]
fn early_calls_need_no_second_process_of_a_modern_server() {
    let home = Home::with_fake(&["--era", "modern"]);
    for n_starts in 1..=2 {
        // The second time its tools are known before it is.
        let web = home.web();
        let early: Vec<_> = (1..=4).map(|id| web.start_modern(id, "tools/call", params("elicit"))).collect();
        for mut reply in early {
            let asked = asked(&reply.reply().json());
            assert_eq!(asked["inputRequests"].as_object().map(|r| r.len()), Some(1), "{asked}");
        }
        let mut client = web.open("2025-11-25", &json!({"elicitation": {}}));
        assert!(client.call("a__echo", &json!({"x": 1})).get("isError").is_none());
        assert_eq!(home.pids("a").len(), n_starts);
    }
}
