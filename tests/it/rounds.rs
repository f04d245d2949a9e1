//! Legacy clients with modern servers that ask, over every way in.

use serde_json::{Value, json};

use crate::harness::{Client, Home, Http, Line, Peer, USUAL, Web, eventually};

const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;

fn home() -> Home {
    Home::with_fake(&["--era", "modern"])
}

fn all() -> Value {
    serde_json::from_str(ALL).expect("JSON")
}

fn open(home: &Home) -> Peer {
    open_as(home, "2025-11-25", &all())
}

fn open_as(home: &Home, revision: &str, capabilities: &Value) -> Peer {
    let mut client = home.serve();
    client.initialize(revision, capabilities);
    client
}

fn form() -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": "who?", "requestedSchema": {
        "type": "object", "properties": {"name": {"type": "string"}}}}})
}

fn sample() -> Value {
    json!({"method": "sampling/createMessage", "params": {"maxTokens": 5, "messages": [
        {"role": "user", "content": {"type": "text", "text": "?"}}]}})
}

fn roots() -> Value {
    json!({"method": "roots/list"})
}

fn ask(client: &mut Peer, arguments: &Value) -> String {
    client.ask("tools/call", &json!({"name": "a__ask", "arguments": arguments}))
}

/// One round with these questions.
fn one(requests: &Value) -> Value {
    json!({"rounds": [{"inputRequests": requests}]})
}

fn result(client: &mut Peer, call: &str) -> Value {
    let answer = client.answer(call);
    assert!(answer.json.get("error").is_none(), "{}", answer.raw);
    answer.json["result"].clone()
}

fn fault(client: &mut Peer, call: &str) -> Value {
    let answer = client.answer(call);
    assert!(answer.json.get("result").is_none(), "{}", answer.raw);
    answer.json["error"].clone()
}

fn refuse(client: &mut Peer, question: &Line) {
    let error = json!({"code": -32000, "message": "no, thank you"});
    client.send(&json!({"jsonrpc": "2.0", "id": question.json["id"], "error": error}).to_string());
}

/// The calls at the server, each as it came.
fn calls(home: &Home) -> Vec<(String, Value)> {
    let all = home.received("a").into_iter().map(|l| (l.clone(), serde_json::from_str::<Value>(&l).expect("JSON")));
    all.filter(|(_, m)| m["method"] == "tools/call").collect()
}

/// The `requestState` as the server wrote it.
const STATE: &str = r#""requestState":"\u0041 ä\/ at 1""#;

/// What happens in edge case 13, whatever the way in: `questions` are on their way, `retried` is what the server got.
fn is_one_retry(home: &Home) {
    let calls = calls(home);
    let [(_, first), (raw, again)] = &calls[..] else { panic!("{calls:?}") };
    assert_ne!(first["id"], again["id"], "a fresh id");
    assert_eq!(first["params"]["name"], again["params"]["name"]);
    assert_eq!(first["params"]["arguments"], again["params"]["arguments"]);
    assert_eq!(first["params"]["_meta"], again["params"]["_meta"]);
    let expected = json!({"e": {"action": "accept", "content": {"name": "Ada"}, "vendor": 1.5},
        "r \"1\"": {"roots": [{"uri": "file:///w"}]}});
    assert_eq!(again["params"]["inputResponses"], expected);
    assert!(raw.contains(STATE), "byte by byte: {raw}");
}

fn accepted() -> Value {
    json!({"action": "accept", "content": {"name": "Ada"}, "vendor": 1.5})
}

fn two() -> Value {
    one(&json!({"e": form(), "r \"1\"": roots()}))
}

/// Edge case 13.
#[test]
fn two_questions_in_one_round() {
    let home = home();
    let mut client = open(&home);
    let call = ask(&mut client, &two());
    let (e, r) = (client.question("elicitation/create"), client.question("roots/list"));
    assert_ne!(e.json["id"], r.json["id"]);
    assert_eq!(e.json["params"], form()["params"]);
    assert_eq!(calls(&home).len(), 1, "both are asked before anything is sent again");
    client.reply(&r, &json!({"roots": [{"uri": "file:///w"}]}));
    client.reply(&e, &accepted());
    let result = result(&mut client, &call);
    assert_eq!(result["structuredContent"]["answers"]["e"], accepted());
    assert!(result.get("resultType").is_none(), "{result}");
    is_one_retry(&home);
    // What the server was told of the client is true.
    let said = calls(&home)[0].1["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].clone();
    assert_eq!(said, all());
}

/// Answers the two questions of a call that come as events of this stream, and gives the answer of the call.
fn answers_two(stream: &mut Http, mut post: impl FnMut(&Value)) -> Value {
    for _ in 0..2 {
        let question = stream.message().expect("a question").json();
        let result =
            if question["method"] == "roots/list" { json!({"roots": [{"uri": "file:///w"}]}) } else { accepted() };
        post(&json!({"jsonrpc": "2.0", "id": question["id"], "result": result}));
    }
    stream.message().expect("the answer").json()
}

/// Edge case 13.
#[test]
fn questions_come_by_the_stream_of_the_post() {
    let home = home();
    let web = home.web();
    let mut client = web.open("2025-11-25", &all());
    let mut listens = client.listen(None);
    listens.event().expect("primed");
    let body = client.body("tools/call", &json!({"name": "a__ask", "arguments": two()}));
    let mut http = client.start(&body);
    http.head();
    let answer = answers_two(&mut http, |m| assert_eq!(client.post(m).status, 202));
    assert_eq!(answer["id"], body["id"]);
    assert_eq!(http.event(), None);
    is_one_retry(&home);
    client.delete();
    assert_eq!(listens.event(), None, "nothing came by the other stream");
}

/// A client of 2024-11-05 over HTTP+SSE: its stream and the address it posts to.
fn open_sse(web: &Web) -> (Http, impl Fn(&Value)) {
    let mut stream = web.connect();
    stream.ask("GET", "/sse", &[("accept", "text/event-stream")], b"");
    assert_eq!(stream.head().status, 200);
    let endpoint = stream.event().expect("the endpoint").data;
    let address = web.address.clone();
    let post = move |message: &Value| {
        let mut http = Http::connect(&address);
        http.ask("POST", &endpoint, &USUAL, message.to_string().as_bytes());
        assert_eq!(http.reply().status, 202);
    };
    let params = json!({"protocolVersion": "2024-11-05", "capabilities": all(),
        "clientInfo": {"name": "old", "version": "1"}});
    post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
    assert_eq!(stream.message().expect("opened").json()["id"], 0);
    post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    (stream, post)
}

/// Edge case 13.
#[test]
fn questions_come_by_the_stream_of_an_old_client() {
    let home = home();
    let web = home.web();
    let (mut stream, post) = open_sse(&web);
    let params = json!({"name": "a__ask", "arguments": two()});
    post(&json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params}));
    let answer = answers_two(&mut stream, |m| post(m));
    assert_eq!(answer["id"], "x");
    is_one_retry(&home);
}

/// Edge case 14.
#[test]
fn call_cancelled_between_two_rounds() {
    let home = home();
    let mut client = open(&home);
    let call = ask(&mut client, &two());
    let (e, r) = (client.question("elicitation/create"), client.question("roots/list"));
    let id: Value = serde_json::from_str(&call).expect("an id");
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    let mut told: Vec<Value> =
        (0..2).map(|_| client.notice("notifications/cancelled").json["params"]["requestId"].clone()).collect();
    told.sort_by_key(Value::as_u64);
    assert_eq!(told, [e.json["id"].clone(), r.json["id"].clone()]);
    // Answers that come all the same reach nobody.
    client.reply(&e, &accepted());
    client.reply(&r, &json!({"roots": []}));
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
    assert_eq!(client.left_over().len(), 0, "no answer");
    assert_eq!(calls(&home).iter().filter(|(_, c)| c["params"]["name"] == "ask").count(), 1, "no retry");
    // The id is free again.
    client.ask_as(&call, "tools/call", &json!({"name": "a__echo", "arguments": {}}));
    assert_eq!(result(&mut client, &call)["_meta"]["by"], "a");
}

/// Edge case 15.
#[test]
fn errors_of_a_client_are_answers_too() {
    let home = home();
    let mut client = open(&home);
    let call = ask(&mut client, &two());
    let (e, r) = (client.question("elicitation/create"), client.question("roots/list"));
    refuse(&mut client, &e);
    client.reply(&r, &json!({"roots": [{"uri": "file:///w"}]}));
    let answers = result(&mut client, &call)["structuredContent"]["answers"].clone();
    assert_eq!(answers, json!({"e": {"action": "cancel"}, "r \"1\"": {"roots": [{"uri": "file:///w"}]}}));

    let call = ask(&mut client, &one(&json!({"r": roots()})));
    let r = client.question("roots/list");
    refuse(&mut client, &r);
    assert_eq!(result(&mut client, &call)["structuredContent"]["answers"], json!({"r": {"roots": []}}));
    // What is no result is none.
    let call = ask(&mut client, &one(&json!({"e": form()})));
    let e = client.question("elicitation/create");
    client.send(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":[7]}}"#, e.json["id"]));
    assert_eq!(result(&mut client, &call)["structuredContent"]["answers"], json!({"e": {"action": "cancel"}}));
}

#[test]
fn a_model_that_does_not_answer_ends_the_call() {
    let home = home();
    let mut client = open(&home);
    let call = ask(&mut client, &one(&json!({"s": sample(), "e": form()})));
    let (s, e) = (client.question("sampling/createMessage"), client.question("elicitation/create"));
    refuse(&mut client, &s);
    assert_eq!(client.notice("notifications/cancelled").json["params"]["requestId"], e.json["id"]);
    let result = result(&mut client, &call);
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().is_some_and(|t| t.contains("no, thank you")), "{result}");
    assert_eq!(calls(&home).len(), 1);

    let params = json!({"name": "a__greet", "_meta": {"fake/ask": one(&json!({"s": sample()}))}});
    let call = client.ask("prompts/get", &params);
    let s = client.question("sampling/createMessage");
    refuse(&mut client, &s);
    assert_eq!(fault(&mut client, &call)["code"], -32603);
}

/// Edge case 16.
#[test]
fn a_server_that_asks_for_ever_is_given_up() {
    let home = home();
    let mut client = open(&home);
    let script = json!({"forever": true, "rounds": [{"inputRequests": {"r": roots()}}]});
    let call = ask(&mut client, &script);
    for _ in 0..8 {
        let question = client.question("roots/list");
        client.reply(&question, &json!({"roots": []}));
    }
    let result = result(&mut client, &call);
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().is_some_and(|t| t.contains("8 times")), "{result}");
    assert_eq!(calls(&home).len(), 9);
    assert_eq!(client.left_over().len(), 0);

    let call = client.ask("prompts/get", &json!({"name": "a__greet", "_meta": {"fake/ask": script}}));
    for _ in 0..8 {
        let question = client.question("roots/list");
        client.reply(&question, &json!({"roots": []}));
    }
    let error = fault(&mut client, &call);
    assert_eq!((&error["code"], &error["data"]["backend"]), (&json!(-32603), &json!("a")));
}

/// Edge case 26.
#[test]
fn progress_goes_on_from_round_to_round() {
    let home = home();
    let mut client = open(&home);
    let mut script = json!({"rounds": [{"inputRequests": {"r": roots()}}, {"inputRequests": {"r": roots()}}]});
    script["progress"] = json!([0, 0.5, 1, 1e1]);
    let params = json!({"name": "a__ask", "arguments": script, "_meta": {"progressToken": "p"}});
    let call = client.ask("tools/call", &params);
    let mut told: Vec<f64> = Vec::new();
    for _ in 0..2 {
        let question = client.question("roots/list");
        client.reply(&question, &json!({"roots": []}));
    }
    result(&mut client, &call);
    for line in client.left_over() {
        assert_eq!(
            (&line.json["method"], &line.json["params"]["progressToken"]),
            (&json!("notifications/progress"), &json!("p"))
        );
        told.push(line.json["params"]["progress"].as_f64().expect("a number"));
    }
    assert_eq!(told, [0.0, 0.5, 1.0, 10.0]);
    // At the server each round has a token of its own.
    let tokens: Vec<Value> = calls(&home).iter().map(|(_, c)| c["params"]["_meta"]["progressToken"].clone()).collect();
    let ids: Vec<Value> = calls(&home).iter().map(|(_, c)| c["id"].clone()).collect();
    assert_eq!(tokens, ids);
}

#[test]
fn prompts_and_resources_may_ask_too() {
    let home = home();
    let mut client = open(&home);
    for (method, key, target) in [("prompts/get", "name", "a__greet"), ("resources/read", "uri", "fake://a/note")] {
        let mut params = json!({"_meta": {"fake/ask": one(&json!({"e": form()}))}});
        params[key] = json!(target);
        let call = client.ask(method, &params);
        let question = client.question("elicitation/create");
        client.reply(&question, &json!({"action": "decline"}));
        let got = result(&mut client, &call);
        assert_eq!(got["structuredContent"]["answers"], json!({"e": {"action": "decline"}}), "{method}");
    }
}

#[test]
fn questions_of_several_rounds_each_with_its_state() {
    let home = home();
    let mut client = open(&home);
    let script = json!({"rounds": [
        {"inputRequests": {"a": form()}},
        {"requestState": "at 2"},
        {"inputRequests": {"b": sample()}, "requestState": "\u{1}\"\\ at 3"}]});
    let call = ask(&mut client, &script);
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "cancel"}));
    let question = client.question("sampling/createMessage");
    assert_eq!(question.json["params"], sample()["params"]);
    let said = json!({"role": "assistant", "content": {"type": "text", "text": "!"}, "model": "m"});
    client.reply(&question, &said);
    let got = result(&mut client, &call);
    assert_eq!(got["structuredContent"], json!({"answers": {"b": said}, "state": "\u{1}\"\\ at 3"}));
    let calls = calls(&home);
    let rounds: Vec<_> =
        calls.iter().map(|(_, c)| (&c["params"]["inputResponses"], &c["params"]["requestState"])).collect();
    assert_eq!(rounds[1], (&json!({"a": {"action": "cancel"}}), &json!("A \u{e4}/ at 1")));
    assert_eq!(rounds[2], (&Value::Null, &json!("at 2")), "only the answers of the round before");
}

#[test]
fn a_round_without_state_has_none_in_the_next() {
    let home = home();
    let mut client = open(&home);
    let mut script = one(&json!({"e": form()}));
    script["stateless"] = json!(true);
    let call = ask(&mut client, &script);
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "decline"}));
    result(&mut client, &call);
    assert_eq!(calls(&home)[1].1["params"].get("requestState"), None);
}

#[test]
fn what_the_client_cannot_be_asked_is_not_asked() {
    let home = home();
    let mut client = open_as(&home, "2025-11-25", &json!({"elicitation": {}, "roots": {}}));
    let url = json!({"method": "elicitation/create", "params": {"mode": "url", "message": "?", "url": "https://a/"}});
    for wrong in [sample(), url] {
        // The other question is not asked either.
        let call = ask(&mut client, &one(&json!({"e": form(), "x": wrong})));
        let error = fault(&mut client, &call);
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("undeclared")), "{error}");
    }
    assert!(client.left_over().is_empty());
    assert_eq!(calls(&home).len(), 2);
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
}

#[test]
fn what_cannot_be_understood_is_an_error() {
    let home = home();
    let mut client = open(&home);
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("q{n}"), roots())).collect();
    for round in [
        json!({"inputRequests": []}),
        json!({"inputRequests": 7}),
        json!({"inputRequests": "text"}),
        json!({"inputRequests": {"x": null}}),
        json!({"inputRequests": {"x": []}}),
        json!({"inputRequests": {"x": {}}}),
        json!({"inputRequests": {"x": {"method": 5, "params": {}}}}),
        json!({"inputRequests": {"x": {"method": "tools/call", "params": {}}}}),
        json!({"inputRequests": {"x": {"method": "elicitation/create"}}}),
        json!({"inputRequests": {"x": {"method": "elicitation/create", "params": []}}}),
        json!({"inputRequests": {"e": form(), "x": 1}}),
        json!({"inputRequests": many}),
        json!({"requestState": 7}),
        json!({"requestState": {}, "inputRequests": {"r": roots()}}),
        json!({"requestState": null}),
        json!({"requestState": null, "inputRequests": {}}),
    ] {
        let call = ask(&mut client, &json!({"rounds": [round]}));
        let error = fault(&mut client, &call);
        assert_eq!((&error["code"], &error["data"]["backend"]), (&json!(-32603), &json!("a")), "{round}");
    }
    assert!(client.left_over().is_empty());
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
}

#[test]
fn older_clients_are_asked_in_their_way() {
    let home = home();
    let mut client = open_as(&home, "2025-06-18", &json!({"elicitation": {}}));
    let choice = |property: Value| {
        json!({"method": "elicitation/create", "params": {"mode": "form", "message": "?", "requestedSchema": {
            "type": "object", "properties": {"c": property}}}})
    };
    let titled = choice(json!({"type": "string", "oneOf": [{"const": "r", "title": "Red"}]}));
    let several = choice(json!({"type": "array", "items": {"type": "string", "enum": ["r"]}}));
    let call = ask(&mut client, &one(&json!({"one": titled, "more": several})));
    let question = client.question("elicitation/create");
    let expected = json!({"message": "?", "requestedSchema": {"type": "object",
        "properties": {"c": {"type": "string", "enum": ["r"], "enumNames": ["Red"]}}}});
    assert_eq!(question.json["params"], expected);
    client.reply(&question, &json!({"action": "accept", "content": {"c": "r"}}));
    let answers = result(&mut client, &call)["structuredContent"]["answers"].clone();
    assert_eq!(answers, json!({"one": {"action": "accept", "content": {"c": "r"}}, "more": {"action": "decline"}}));
}

#[test]
fn a_url_is_opened() {
    let home = home();
    let mut client = open(&home);
    let url = json!({"method": "elicitation/create", "params": {"mode": "url", "message": "?", "url": "https://a/"}});
    let call = ask(&mut client, &one(&json!({"u": url})));
    let question = client.question("elicitation/create");
    assert_eq!(
        (&question.json["params"]["url"], question.json["params"]["elicitationId"].is_string()),
        (&json!("https://a/"), true)
    );
    client.reply(&question, &json!({"action": "accept"}));
    assert_eq!(result(&mut client, &call)["structuredContent"]["answers"], json!({"u": {"action": "accept"}}));
}

#[test]
fn a_server_that_dies_between_two_rounds_is_asked_again() {
    let home = home().and("restart: { backoff: 1ms..20ms }");
    let mut client = open(&home);
    let call = ask(&mut client, &one(&json!({"e": form()})));
    let question = client.question("elicitation/create");
    client.refusal("tools/call", &json!({"name": "a__die", "arguments": {}}));
    client.reply(&question, &json!({"action": "decline"}));
    // Everything it needs came with the call.
    assert_eq!(result(&mut client, &call)["structuredContent"]["answers"], json!({"e": {"action": "decline"}}));
    assert_eq!(home.pids("a").len(), 2);
}

#[test]
fn a_server_that_dies_in_a_later_round_fails_the_call() {
    let home = home().and("restart: { backoff: 1ms..20ms }");
    let mut client = open(&home);
    let script = json!({"rounds": [{"inputRequests": {"e": form()}}], "silent": true});
    let call = ask(&mut client, &script);
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "decline"}));
    eventually("the second round at the server", || (calls(&home).len() == 2).then_some(()));
    client.refusal("tools/call", &json!({"name": "a__die", "arguments": {}}));
    assert_eq!(fault(&mut client, &call)["data"]["backend"], "a");
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
}

#[test]
fn a_client_that_does_not_answer_is_not_waited_for_for_ever() {
    let home = home().and("input_timeout: 50ms");
    let mut client = open(&home);
    let call = ask(&mut client, &one(&json!({"e": form()})));
    let question = client.question("elicitation/create");
    let error = fault(&mut client, &call);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("input_timeout")), "{error}");
    assert_eq!(client.notice("notifications/cancelled").json["params"]["requestId"], question.json["id"]);
    client.reply(&question, &accepted());
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
    assert_eq!(calls(&home).iter().filter(|(_, c)| c["params"]["name"] == "ask").count(), 1);
}

/// The deadline of a call stands still while its client is asked.
#[test]
fn a_person_may_take_longer_than_a_call() {
    let home = home().and("timeout: 2s");
    let mut client = open(&home);
    let call = ask(&mut client, &one(&json!({"e": form()})));
    let question = client.question("elicitation/create");
    // Another call runs into its deadline meanwhile.
    let error = client.refusal("tools/call", &json!({"name": "a__never", "arguments": {}}));
    assert_eq!(error["data"]["reason"], "timeout");
    client.reply(&question, &json!({"action": "decline"}));
    assert_eq!(result(&mut client, &call)["structuredContent"]["answers"]["e"]["action"], "decline");
}

#[test]
fn a_client_that_leaves_takes_everything_with_it() {
    let home = home();
    let web = home.web();
    let mut client = web.open("2025-11-25", &all());
    let body = client.body("tools/call", &json!({"name": "a__ask", "arguments": two()}));
    let mut http = client.start(&body);
    http.head();
    http.message().expect("a question");
    assert_eq!(metric(&web, "mcp_proxy_questions_open{server=\"a\"}"), "2");
    client.delete();
    while http.message().is_some() {}
    eventually("nothing is open", || (metric(&web, "mcp_proxy_questions_open{server=\"a\"}") == "0").then_some(()));
    assert_eq!(metric(&web, "mcp_proxy_requests_in_flight{server=\"a\"}"), "0");
    assert_eq!(calls(&home).len(), 1);
}

/// The value of a sample.
fn metric(web: &Web, sample: &str) -> String {
    web.metric(sample).to_string()
}

/// One operation is one request to whoever looks, whatever number of rounds it took.
#[test]
fn rounds_are_counted() {
    let home = home();
    let web = home.web();
    let mut client: Client = web.open("2025-11-25", &all());
    let body = client.body("tools/call", &json!({"name": "a__ask", "arguments": two()}));
    let mut http = client.start(&body);
    http.head();
    answers_two(&mut http, |m| assert_eq!(client.post(m).status, 202));
    for (sample, n) in [
        ("mcp_proxy_requests_total{server=\"a\"}", "1"),
        ("mcp_proxy_rounds_total{server=\"a\"}", "1"),
        ("mcp_proxy_questions_total{server=\"a\"}", "2"),
        ("mcp_proxy_questions_open{server=\"a\"}", "0"),
    ] {
        assert_eq!(metric(&web, sample), n, "{sample}");
    }
}

#[test]
fn log_messages_are_filtered_for_each_client() {
    let home = home();
    let mut client = open(&home);
    let ask_level = |client: &mut Peer, level: &str| {
        let script = json!({"rounds": [{"inputRequests": {"r": roots()}}], "level": level});
        let call = ask(client, &script);
        let question = client.question("roots/list");
        client.reply(&question, &json!({"roots": []}));
        result(client, &call);
        client.left_over().iter().filter(|l| l.json["method"] == "notifications/message").count()
    };
    // Before any `logging/setLevel` a server sends what it thinks is worth it.
    assert_eq!(ask_level(&mut client, "info"), 2);
    assert_eq!(client.request("logging/setLevel", &json!({"level": "warning"})), json!({}));
    assert_eq!(ask_level(&mut client, "info"), 0);
    assert_eq!(ask_level(&mut client, "error"), 2);
    let levels: Vec<Value> =
        calls(&home).iter().map(|(_, c)| c["params"]["_meta"]["io.modelcontextprotocol/logLevel"].clone()).collect();
    assert_eq!(levels, ["info", "info", "warning", "warning", "warning", "warning"]);
}

/// A server made with the official SDK: three kinds of questions in one round, then one more.
#[test]
fn a_real_server_asks_a_legacy_client() {
    let args = ["--rmcp".to_owned()];
    let home = Home::new().server("a", crate::harness::fake_server(), &args).and("protocol: modern");
    let mut client = open(&home);
    let call = client.ask("tools/call", &json!({"name": "a__rounds", "arguments": {}}));
    let who = client.question("elicitation/create");
    let model = client.question("sampling/createMessage");
    let place = client.question("roots/list");
    client.reply(&place, &json!({"roots": [{"uri": "file:///w"}]}));
    client.reply(&who, &json!({"action": "accept", "content": {"name": "Ada"}}));
    let text = json!({"type": "text", "text": "Paris"});
    client.reply(&model, &json!({"role": "assistant", "content": text, "model": "m", "stopReason": "endTurn"}));
    let again = client.question("elicitation/create");
    client.reply(&again, &json!({"action": "decline"}));
    assert_eq!(result(&mut client, &call)["content"][0]["text"], "Ada in Paris at file:///w, then decline");
}
