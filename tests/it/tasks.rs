//! Tasks of both kinds, with clients and servers that know them or do not (protocol.md, 3.8).

use serde_json::{Value, json};

use crate::harness::{Client, Home, Peer, Reply, USUAL, Web, eventually, modern};

const RELATED: &str = "io.modelcontextprotocol/related-task";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

fn legacy() -> Home {
    Home::with_fake(&["--tasks"])
}

fn newest() -> Home {
    Home::with_fake(&["--tasks", "--era", "modern"])
}

/// A proxy whose server has said what it speaks: all calls go to one process of a modern one from then on.
fn ready(home: &Home) -> Web {
    let web = home.web();
    eventually("the server is there", || (web.page("/ready", &[]).status == 200).then_some(()));
    web
}

fn open(home: &Home, revision: &str) -> Peer {
    let mut client = home.serve();
    client.initialize(revision, &json!({"elicitation": {}}));
    client
}

/// A call that is to become a task.
fn begin(client: &mut Peer, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": format!("a__{tool}"), "arguments": arguments, "task": {"ttl": 60000}});
    client.request("tools/call", &params)["task"].clone()
}

fn id(task: &Value) -> String {
    task["taskId"].as_str().unwrap_or_else(|| panic!("no task: {task}")).to_owned()
}

/// A modern request of a client that can be asked and knows tasks.
fn with_tasks(mut params: Value) -> Value {
    params["_meta"] = json!({CAPABILITIES: {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}});
    params
}

/// A modern request of a client that knows tasks and cannot be asked: it never gets a process of its own.
fn only_tasks(mut params: Value) -> Value {
    params["_meta"] = json!({CAPABILITIES: {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
    params
}

fn without_tasks(mut params: Value) -> Value {
    params["_meta"] = json!({CAPABILITIES: {"elicitation": {}}});
    params
}

/// A modern request about a task, by HTTP.
fn about(web: &Web, method: &str, task: &str) -> Reply {
    let more = if method == "tasks/update" { json!({"inputResponses": {}}) } else { json!({}) };
    ask(web, method, with_tasks(with(json!({ "taskId": task }), &more)), &[])
}

/// The same with these parameters and more headers.
fn ask(web: &Web, method: &str, params: Value, more: &[(&str, &str)]) -> Reply {
    let task = params["taskId"].as_str().expect("a task").to_owned();
    let (headers, body) = modern(5, method, params);
    let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    all.push(("mcp-name", &task));
    all.extend(more);
    web.connect().request("POST", "/mcp", &[&USUAL[..], &all].concat(), body.to_string().as_bytes())
}

fn with(mut params: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().expect("members") {
        params[key] = value.clone();
    }
    params
}

#[test]
fn a_client_makes_a_task_and_follows_it() {
    let home = legacy();
    let mut client = home.serve();
    let opened = client.initialize("2025-11-25", &json!({"elicitation": {}}));
    assert_eq!(opened["capabilities"]["tasks"]["requests"], json!({"tools": {"call": {}}}));
    let tools = client.request("tools/list", &json!({}))["tools"].clone();
    let support = |name: &str| {
        let tool = tools.as_array().expect("a list").iter().find(|t| t["name"] == name).cloned().expect(name);
        tool["execution"]["taskSupport"].clone()
    };
    // Nobody has to: of a call that is no task one is made.
    assert_eq!(
        [support("a__job"), support("a__maybe"), support("a__echo")],
        [json!("optional"), json!("optional"), Value::Null]
    );

    let task = begin(&mut client, "job", &json!({"hold": true, "x": [1, "é"], "progress": 7}));
    let exposed = id(&task);
    assert!(exposed.starts_with("a~") && exposed.ends_with("~1"), "{task}");
    assert_eq!((&task["status"], &task["pollInterval"]), (&json!("working"), &json!(100)));
    let sent = home.received_of("a", "tools/call").remove(0);
    assert_eq!(sent["params"]["task"], json!({"ttl": 60000}), "as the client wrote it");

    let about = json!({ "taskId": exposed });
    assert_eq!(client.request("tasks/get", &about), task);
    assert_eq!(home.received_of("a", "tasks/get")[0]["params"], json!({"taskId": "1"}), "the server's own id");
    assert_eq!(client.request("tasks/list", &json!({})), json!({ "tasks": [task] }));

    let waits = client.ask("tasks/result", &about);
    client.call("a__finish", &json!({}));
    let told = client.notice("notifications/tasks/status");
    assert_eq!(
        (&told.json["params"]["taskId"], &told.json["params"]["status"]),
        (&json!(exposed), &json!("completed"))
    );
    let result = client.answer(&waits).json["result"].clone();
    assert_eq!(result["_meta"], json!({RELATED: {"taskId": exposed}, "by": "the job"}));
    assert_eq!(result["structuredContent"]["arguments"]["x"], json!([1, "é"]));
    let all = client.request("tasks/list", &json!({}));
    assert_eq!(all["tasks"][0]["status"], "completed", "as the server said last: {all}");
}

#[test]
fn progress_goes_on_until_the_task_ends() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let params = json!({"name": "a__job", "arguments": {"hold": true, "progress": 7}, "task": {}, "_meta": {"progressToken": "mine"}});
    client.request("tools/call", &params);
    let told = client.notice("notifications/progress");
    assert_eq!((&told.json["params"]["progressToken"], &told.json["params"]["progress"]), (&json!("mine"), &json!(7)));
}

#[test]
fn a_task_is_cancelled_by_its_client() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let task = id(&begin(&mut client, "job", &json!({"hold": true})));
    let ended = client.request("tasks/cancel", &json!({ "taskId": task }));
    assert_eq!((&ended["status"], &ended["taskId"]), (&json!("cancelled"), &json!(task)));
    assert_eq!(home.received_of("a", "tasks/cancel")[0]["params"]["taskId"], "1");
}

#[test]
fn how_a_task_ends_is_how_its_call_would_have() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let task = id(&begin(&mut client, "job", &json!({"fails": true})));
    assert_eq!(client.request("tasks/result", &json!({ "taskId": task }))["isError"], true);
    let task = id(&begin(&mut client, "job", &json!({"error": true})));
    assert_eq!(client.refusal("tasks/result", &json!({ "taskId": task }))["code"], -32050);
    // The same without a task of the client's own.
    assert_eq!(client.call("a__job", &json!({"fails": true}))["isError"], true);
    assert_eq!(client.refusal("tools/call", &json!({"name": "a__job", "arguments": {"error": true}}))["code"], -32050);
}

/// Rule (a) of protocol.md, 3.6.
#[test]
fn what_a_task_asks_is_asked_of_its_client() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let task = id(&begin(&mut client, "job", &json!({"ask": true})));
    let waits = client.ask("tasks/result", &json!({ "taskId": task }));
    let question = client.question("elicitation/create");
    assert_eq!(question.json["params"]["_meta"], json!({RELATED: {"taskId": task}}));
    let answer = json!({"action": "accept", "content": {"name": "Ada"}, "_meta": {RELATED: {"taskId": task}, "v": 1}});
    client.reply(&question, &answer);
    let result = client.answer(&waits).json["result"].clone();
    let got = &result["structuredContent"]["answer"];
    assert_eq!(got["content"]["name"], "Ada");
    assert_eq!(got["_meta"], json!({RELATED: {"taskId": "1"}, "v": 1}), "the server's own id");
}

#[test]
fn a_call_becomes_a_task_where_its_client_knows_none() {
    let home = legacy();
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut client = open(&home, revision);
        let tools = client.request("tools/list", &json!({}))["tools"].clone();
        let says = tools.as_array().expect("a list").iter().filter(|t| t.get("execution").is_some()).count();
        assert_eq!(says, if revision == "2025-11-25" { 2 } else { 0 }, "{revision}: {tools}");
        for tool in ["a__job", "a__hidden"] {
            let result = client.call(tool, &json!({"x": 1.5}));
            assert_eq!(result["structuredContent"]["arguments"], json!({"x": 1.5}), "{revision} {tool}: {result}");
            assert_eq!(result["_meta"], json!({"by": "the job"}), "it knows of no task");
        }
        assert_eq!(client.call("a__maybe", &json!({"y": 1}))["structuredContent"], json!({"y": 1}), "called plainly");
        // A question is a question.
        if revision != "2024-11-05" {
            let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"ask": true}}));
            let question = client.question("elicitation/create");
            client.reply(&question, &json!({"action": "accept", "content": {"name": "Ada"}}));
            let result = client.answer(&call).json["result"].clone();
            assert_eq!(result["structuredContent"]["answer"]["content"]["name"], "Ada", "{result}");
            let got = result["structuredContent"]["answer"]["_meta"][RELATED]["taskId"].clone();
            assert!(got.is_string(), "the answer says what it belongs to: {result}");
        }
    }
    let calls = home.received_of("a", "tools/call");
    let asked = |name: &str| {
        calls.iter().filter(|c| c["params"]["name"] == name).map(|c| c["params"]["task"].clone()).collect::<Vec<_>>()
    };
    assert!(asked("job").iter().all(Value::is_object), "known by the list: {:?}", asked("job"));
    assert_eq!(asked("hidden")[..2], [Value::Null, json!({})], "found out");
    assert!(asked("maybe").iter().all(Value::is_null));
}

#[test]
fn a_task_that_nobody_can_make_is_a_call() {
    // Neither this server nor the edition of this client has tasks.
    let home = Home::with_fake(&[]).fake("b", &["--tasks"]);
    let mut client = open(&home, "2025-11-25");
    let params = json!({"name": "a__echo", "arguments": {"x": 1}, "task": {}});
    assert_eq!(client.request("tools/call", &params)["structuredContent"], json!({"x": 1}));
    assert_eq!(home.received_of("a", "tools/call")[0]["params"].get("task"), None);
    let mut old = open(&home, "2025-06-18");
    let params = json!({"task": {}, "name": "b__maybe", "arguments": {"x": 2}});
    assert_eq!(old.request("tools/call", &params)["structuredContent"], json!({"x": 2}));
    for method in ["tasks/get", "tasks/list", "tasks/result"] {
        assert_eq!(old.refusal(method, &json!({"taskId": "b~x~1"}))["code"], -32601, "{method}");
    }
    assert_eq!(client.refusal("tasks/update", &json!({"taskId": "b~x~1"}))["code"], -32601);
}

#[test]
fn who_takes_back_a_call_takes_back_its_task() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"hold": true}}));
    eventually("its result is waited for", || home.received_of("a", "tasks/result").pop());
    let call: Value = serde_json::from_str(&call).expect("an id");
    client.notify("notifications/cancelled", &json!({ "requestId": call }));
    let cancelled = eventually("the server hears of it", || home.received_of("a", "tasks/cancel").pop());
    assert_eq!(cancelled["params"], json!({"taskId": "1"}));
    let made = home.received_of("a", "tools/call")[0]["id"].clone();
    let notes = home.received_of("a", "notifications/cancelled");
    assert!(notes.iter().all(|n| n["params"]["requestId"] != made), "a call that was answered cannot be: {notes:?}");
    assert!(!client.left_over().iter().any(|l| l.json["id"] == call), "nobody answers it");
}

#[test]
fn a_task_that_never_ends_ends_with_its_call() {
    let home = legacy().and("timeout: 200ms").and("max_timeout: 500ms");
    let mut client = open(&home, "2025-11-25");
    let fault = client.refusal("tools/call", &json!({"name": "a__job", "arguments": {"hold": true}}));
    assert_eq!((&fault["code"], &fault["data"]["reason"]), (&json!(-32603), &json!("timeout")), "{fault}");
    assert!(fault["message"].as_str().expect("text").contains("max_timeout"), "{fault}");
    eventually("the server hears of it", || home.received_of("a", "tasks/cancel").pop());
}

#[test]
fn a_server_that_dies_takes_its_tasks_with_it() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let task = id(&begin(&mut client, "job", &json!({"hold": true})));
    let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"hold": true}}));
    eventually("its result is waited for", || home.received_of("a", "tasks/result").pop());
    client.ask("tools/call", &json!({"name": "a__die"}));
    let fault = client.answer(&call).json["error"].clone();
    assert_eq!((&fault["code"], &fault["data"]["backend"]), (&json!(-32603), &json!("a")));
    // The next process knows nothing of it, and says so itself.
    let fault = client.refusal("tasks/get", &json!({ "taskId": task }));
    assert_eq!(fault["code"], -32602);
    assert!(fault["message"].as_str().expect("text").contains("there is no 1"), "{fault}");
    assert_eq!(home.received_of("a", "tools/call").len(), 3, "no job is run again");
}

#[test]
fn ids_that_are_not_ours_reach_no_server() {
    let home = legacy();
    let mut client = open(&home, "2025-11-25");
    let task = id(&begin(&mut client, "job", &json!({"hold": true})));
    let (front, _) = task.rsplit_once('~').expect("made so");
    for forged in ["", "1", "a~1", "a~~1", &format!("{front}~2"), &task.replacen('a', "b", 1), &format!("{task}~")] {
        for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
            let fault = client.refusal(method, &json!({ "taskId": forged }));
            assert_eq!(fault["code"], -32602, "{method} {forged}");
        }
    }
    for params in [json!({}), json!({"taskId": 1}), json!({"taskId": null})] {
        assert_eq!(client.refusal("tasks/get", &params)["code"], -32602, "{params}");
    }
    assert_eq!(client.refusal("tasks/list", &json!({"cursor": "x"}))["code"], -32602);
    assert_eq!(home.received_of("a", "tasks/get").len() + home.received_of("a", "tasks/cancel").len(), 0);
    assert_eq!(client.request("tasks/get", &json!({ "taskId": task }))["status"], "working");
}

#[test]
fn two_servers_may_use_the_same_ids() {
    let home = Home::with_fake(&["--tasks"]).fake("b", &["--tasks"]);
    let mut client = open(&home, "2025-11-25");
    let mut made = |server: &str| {
        let params = json!({"name": format!("{server}__job"), "arguments": {"of": server}, "task": {}});
        id(&client.request("tools/call", &params)["task"])
    };
    let (a, b) = (made("a"), made("b"));
    assert_ne!(a, b);
    for (task, server) in [(a, "a"), (b, "b")] {
        let result = client.request("tasks/result", &json!({ "taskId": task }));
        assert_eq!(result["structuredContent"]["arguments"]["of"], server);
        assert_eq!(result["_meta"][RELATED]["taskId"], task);
    }
}

/// Edge case 40: a task id.
#[test]
fn edge_40_a_task_is_its_principals_alone() {
    let (one, two) = ("abcdefghijklmnopqrstuvwx", "bcdefghijklmnopqrstuvwxy");
    let home = legacy().top(&format!("clients: {{ tokens: {{ one: {one}, two: {two} }} }}"));
    let web = home.web();
    let session = |token: &str| {
        let bearer = format!("Bearer {token}");
        let post = |more: &[(&str, &str)], body: &Value| {
            let all = [more, &[("authorization", bearer.as_str())]].concat();
            web.post("/mcp", &all, body)
        };
        let reply = post(
            &[],
            &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion":
            "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}),
        );
        let session = reply.header("mcp-session-id").expect("a session").to_owned();
        let web = &web;
        move |method: &str, params: Value| {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let headers = [
                ("authorization", bearer.as_str()),
                ("mcp-session-id", &session),
                ("mcp-protocol-version", "2025-11-25"),
            ];
            web.post("/mcp", &headers, &body).json()
        }
    };
    let (ours, theirs, again) = (session(one), session(two), session(one));
    let made = ours("tools/call", json!({"name": "a__job", "arguments": {"hold": true}, "task": {}}));
    let task = id(&made["result"]["task"]);
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let refused = theirs(method, json!({ "taskId": task }));
        assert_eq!(refused["error"]["code"], -32602, "{method}: {refused}");
    }
    assert_eq!(theirs("tasks/list", json!({}))["result"], json!({"tasks": []}));
    let bearer = format!("Bearer {two}");
    let refused = ask(&web, "tasks/get", with_tasks(json!({ "taskId": task })), &[("authorization", &bearer)]);
    assert_eq!(refused.refusal(), (200, -32602));
    assert_eq!(home.received_of("a", "tasks/cancel").len(), 0, "it notices nothing");
    assert_eq!(ours("tasks/get", json!({ "taskId": task }))["result"]["status"], "working");
    // It is the user's, not the session's.
    assert_eq!(again("tasks/get", json!({ "taskId": task }))["result"]["taskId"], json!(task));
    assert_eq!(again("tasks/list", json!({}))["result"]["tasks"][0]["taskId"], json!(task));
}

#[test]
fn clients_without_a_name_do_not_share_what_has_the_same_id() {
    let home = legacy().and("isolation: per-session");
    let web = home.web();
    let (mut a, mut b) = (web.open("2025-11-25", &json!({})), web.open("2025-11-25", &json!({})));
    let make = |client: &mut Client, of: &str| {
        let params = json!({"name": "a__job", "arguments": {"of": of}, "task": {}});
        id(&client.request("tools/call", &params)["task"])
    };
    let (of_a, of_b) = (make(&mut a, "a"), make(&mut b, "b"));
    assert_eq!(home.pids("a").len(), 3, "each session has a process of its own");
    assert_ne!(of_a, of_b);
    for (client, task, of) in [(&mut a, &of_a, "a"), (&mut b, &of_b, "b")] {
        let result = client.request("tasks/result", &json!({ "taskId": task }));
        assert_eq!(result["structuredContent"]["arguments"]["of"], of);
        let listed = client.request("tasks/list", &json!({}));
        assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(listed["tasks"][0]["taskId"], json!(task));
    }
}

#[test]
fn an_instance_stays_its_clients_while_its_task_runs() {
    let home = legacy();
    let web = home.web();
    let (mut a, mut b) =
        (web.open("2025-11-25", &json!({"elicitation": {}})), web.open("2025-11-25", &json!({"elicitation": {}})));
    let params = json!({"name": "a__job", "arguments": {"hold": true}, "task": {}});
    let task = id(&a.request("tools/call", &params)["task"]);
    assert_eq!(web.status("/servers/0/open_tasks"), 1);
    assert!((web.metric("mcp_proxy_open_tasks{server=\"a\"}") - 1.0).abs() < f64::EPSILON);
    let pid = |client: &mut Client| client.call("a__whoami", &json!({}))["structuredContent"]["pid"].clone();
    let (of_a, of_b) = (pid(&mut a), pid(&mut b));
    assert_ne!(of_a, of_b, "another client is served by another process");
    assert_eq!(a.request("tasks/get", &json!({ "taskId": task }))["status"], "working");
    a.request("tasks/cancel", &json!({ "taskId": task }));
    assert_eq!(web.status("/servers/0/open_tasks"), 0);
}

#[test]
fn ids_outlive_the_proxy() {
    let home = legacy();
    let task = {
        let mut client = open(&home, "2025-11-25");
        id(&begin(&mut client, "job", &json!({"hold": true})))
    };
    let mut client = open(&home, "2025-11-25");
    // A job again: its server counts anew.
    begin(&mut client, "job", &json!({"hold": true, "again": true}));
    let stands = client.request("tasks/get", &json!({ "taskId": task }));
    assert_eq!((&stands["taskId"], &stands["status"]), (&json!(task), &json!("working")));
    let elsewhere = legacy();
    let mut other = elsewhere.serve();
    other.initialize("2025-11-25", &json!({}));
    assert_eq!(other.refusal("tasks/get", &json!({ "taskId": task }))["code"], -32602, "another user's key");
}

#[test]
fn a_modern_client_that_knows_no_tasks_calls_and_is_asked() {
    let home = legacy();
    let web = ready(&home);
    let call = |arguments: Value, more: Value| {
        let params = with(without_tasks(json!({"name": "a__job", "arguments": arguments})), &more);
        web.modern(1, "tools/call", params).json()["result"].clone()
    };
    let plain = call(json!({"x": 1}), json!({}));
    assert_eq!(
        (&plain["resultType"], &plain["structuredContent"]["arguments"]),
        (&json!("complete"), &json!({"x": 1}))
    );
    assert_eq!(plain["_meta"], json!({"by": "the job"}));
    let asked = call(json!({"ask": true}), json!({}));
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let request = &asked["inputRequests"]["i1"];
    assert_eq!((&request["method"], request["params"].get("_meta")), (&json!("elicitation/create"), None));
    let answers = json!({"i1": {"action": "accept", "content": {"name": "Ada"}}});
    let last = call(json!({"ask": true}), json!({"requestState": asked["requestState"], "inputResponses": answers}));
    assert_eq!(last["structuredContent"]["answer"]["content"]["name"], "Ada", "{last}");
    let calls = home.received_of("a", "tools/call");
    let n_tasks = calls.iter().filter(|c| c["params"]["task"].is_object()).count();
    assert_eq!(n_tasks, 2, "each job is run once: {calls:?}");
}

/// The mapping of protocol.md, 3.8: to its client a legacy server's task is one of the extension.
#[test]
fn a_modern_client_follows_a_legacy_servers_task() {
    let home = legacy();
    let web = ready(&home);
    let found = web.modern(1, "server/discover", json!({})).json()["result"]["capabilities"].clone();
    assert_eq!(found["extensions"]["io.modelcontextprotocol/tasks"], json!({}), "{found}");
    let make = |arguments: Value| {
        let reply = web.modern(1, "tools/call", with_tasks(json!({"name": "a__job", "arguments": arguments}))).json();
        reply["result"].clone()
    };
    let look = |task: &str| about(&web, "tasks/get", task).json()["result"].clone();
    let ended = |task: &str| {
        eventually("it ends", || {
            Some(look(task)).filter(|t| !matches!(t["status"].as_str(), Some("working" | "input_required")))
        })
    };
    // The first call may come before the server has said what its tools are.
    eventually("the tool is known", || (make(json!({}))["resultType"] == "task").then_some(()));

    let made = make(json!({"x": 1.5, "ttl": 60000}));
    let task = id(&made);
    assert!(task.starts_with("a~"), "{made}");
    assert_eq!(
        (&made["status"], &made["ttlMs"], &made["pollIntervalMs"]),
        (&json!("working"), &json!(60000), &json!(100))
    );
    assert!(made.get("task").is_none() && made.get("ttl").is_none(), "{made}");
    let end = ended(&task);
    assert_eq!(
        (&end["resultType"], &end["status"], &end["taskId"]),
        (&json!("complete"), &json!("completed"), &json!(task))
    );
    assert_eq!(end["result"]["structuredContent"]["arguments"]["x"], 1.5);
    assert_eq!(end["result"]["_meta"], json!({"by": "the job"}), "nothing of the hop");
    assert_eq!(ended(&task), end, "as often as it is looked at");

    // Tool errors complete, others fail.
    let end = ended(&id(&make(json!({"fails": true}))));
    assert_eq!((&end["status"], &end["result"]["isError"]), (&json!("completed"), &json!(true)));
    let end = ended(&id(&make(json!({"error": true}))));
    assert_eq!((&end["status"], &end["error"]["code"], end.get("result")), (&json!("failed"), &json!(-32050), None));

    // What it asks.
    let task = id(&make(json!({"ask": true})));
    let asks = eventually("it asks", || Some(look(&task)).filter(|t| t["status"] == "input_required"));
    let request = &asks["inputRequests"]["i1"];
    assert_eq!((&request["method"], request["params"].get("_meta")), (&json!("elicitation/create"), None), "{asks}");
    let update = |responses: Value| {
        let params = with_tasks(json!({"taskId": task, "inputResponses": responses}));
        ask(&web, "tasks/update", params, &[]).json()
    };
    assert_eq!(
        update(json!({"i9": {"action": "accept"}, "i1": 7}))["result"],
        json!({"resultType": "complete"}),
        "ignored"
    );
    assert_eq!(look(&task)["status"], "input_required");
    let said = json!({"i1": {"action": "accept", "content": {"name": "Ada"}}});
    assert_eq!(update(said)["result"], json!({"resultType": "complete"}));
    let end = ended(&task);
    let answer = &end["result"]["structuredContent"]["answer"];
    assert_eq!(answer["content"]["name"], "Ada", "{end}");
    assert!(answer["_meta"][RELATED]["taskId"].is_string());
    assert_eq!(home.received("a").iter().filter(|l| l.contains("Ada")).count(), 1, "answered once");

    let task = id(&make(json!({"hold": true})));
    assert_eq!(look(&task)["status"], "working");
    assert_eq!(about(&web, "tasks/cancel", &task).json()["result"], json!({"resultType": "complete"}));
    assert_eq!(ended(&task)["status"], "cancelled");
    assert_eq!(about(&web, "tasks/update", &format!("{task}0")).refusal(), (200, -32602));
}

/// What a legacy server tells of a task, and what it asks, is news of it for who listens; for nobody else.
#[test]
fn a_modern_client_hears_of_a_legacy_servers_task() {
    let home = legacy().top("clients: { tokens: { one: abcdefghijklmnopqrstuvwx, two: bcdefghijklmnopqrstuvwxy } }");
    let web = home.web();
    let start = |token: &str, id: u64, method: &str, params: Value| {
        let (headers, body) = modern(id, method, with_tasks(params));
        let bearer = format!("Bearer {token}");
        let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.push(("authorization", &bearer));
        let mut http = web.connect();
        http.ask("POST", "/mcp", &[&USUAL[..], &all].concat(), body.to_string().as_bytes());
        http
    };
    let (one, two) = ("abcdefghijklmnopqrstuvwx", "bcdefghijklmnopqrstuvwxy");
    let make = |arguments: Value| {
        let call = json!({"name": "a__job", "arguments": arguments});
        start(one, 1, "tools/call", call).reply().json()["result"].clone()
    };
    // The first call may come before the server has said what its tools are.
    eventually("the tool is known", || (make(json!({}))["resultType"] == "task").then_some(()));
    let listen = |token: &str, tasks: &[&str]| {
        let mut listens = start(token, 9, "subscriptions/listen", json!({"notifications": {"taskIds": tasks}}));
        assert_eq!(listens.head().status, 200);
        let first = listens.message().expect("an acknowledgement").json();
        (listens, first["params"]["notifications"].clone())
    };
    let task = id(&make(json!({"hold": true, "x": 1.5})));
    let (mut listens, accepted) = listen(one, &[&task]);
    assert_eq!(accepted, json!({"taskIds": [task]}));
    assert_eq!(listen(two, &[&task]).1, json!({}), "it is somebody else's");
    start(one, 2, "tools/call", json!({"name": "a__finish", "arguments": {}})).reply();
    let told = listens.message().expect("news").json();
    let params = &told["params"];
    assert_eq!((&told["method"], &params["taskId"]), (&json!("notifications/tasks"), &json!(task)));
    assert_eq!(params["_meta"], json!({"io.modelcontextprotocol/subscriptionId": 9}));
    assert_eq!(
        (&params["status"], &params["result"]["structuredContent"]["arguments"]["x"]),
        (&json!("completed"), &json!(1.5))
    );
    assert!(params.get("pollIntervalMs").is_some() && params.get("pollInterval").is_none(), "{params}");
    assert!(params.get("resultType").is_none(), "it is no answer: {params}");
    // Who comes later hears what was before.
    let (mut listens, _) = listen(one, &[&task]);
    assert_eq!(listens.message().expect("news").json()["params"], *params);
    // What it asks, and that it goes on.
    let task = id(&make(json!({"ask": true})));
    let (mut listens, _) = listen(one, &[&task]);
    let asks = listens.message().expect("news").json()["params"].clone();
    assert_eq!(
        (&asks["status"], &asks["inputRequests"]["i1"]["method"]),
        (&json!("input_required"), &json!("elicitation/create"))
    );
    let params = json!({"taskId": task, "inputResponses": {"i1": {"action": "decline"}}});
    let (headers, body) = modern(5, "tasks/update", with_tasks(params));
    let bearer = format!("Bearer {one}");
    let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    all.extend([("authorization", bearer.as_str()), ("mcp-name", task.as_str())]);
    web.connect().request("POST", "/mcp", &[&USUAL[..], &all].concat(), body.to_string().as_bytes());
    assert_eq!(listens.message().expect("news").json()["params"]["status"], "working");
    let end = listens.message().expect("news").json()["params"].clone();
    assert_eq!(
        (&end["status"], &end["result"]["structuredContent"]["answer"]["action"]),
        (&json!("completed"), &json!("decline"))
    );
}

#[test]
fn who_hangs_up_cancels_the_task() {
    let home = legacy();
    let web = ready(&home);
    let waits =
        web.start_modern(1, "tools/call", without_tasks(json!({"name": "a__job", "arguments": {"hold": true}})));
    eventually("its result is waited for", || home.received_of("a", "tasks/result").pop());
    drop(waits);
    eventually("the server hears of it", || home.received_of("a", "tasks/cancel").pop());
}

#[test]
fn modern_client_and_modern_server_with_tasks() {
    let home = newest();
    let web = ready(&home);
    let found = web.modern(1, "server/discover", json!({})).json()["result"]["capabilities"].clone();
    assert_eq!(found["extensions"]["io.modelcontextprotocol/tasks"], json!({}), "{found}");
    let made = web.modern(1, "tools/call", with_tasks(json!({"name": "a__job", "arguments": {"ask": true}}))).json();
    let made = made["result"].clone();
    assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")), "{made}");
    let task = id(&made);
    assert!(task.starts_with("a~") && task.ends_with("~1"), "{task}");
    let stands = about(&web, "tasks/get", &task).json()["result"].clone();
    assert_eq!((&stands["taskId"], &stands["status"]), (&json!(task), &json!("input_required")), "{stands}");
    assert_eq!(stands["inputRequests"]["q"]["method"], "elicitation/create");
    let answered = about(&web, "tasks/update", &task).json()["result"].clone();
    assert_eq!(answered, json!({"resultType": "complete"}));
    let sent = home.received_of("a", "tasks/update").remove(0);
    assert_eq!((&sent["params"]["taskId"], &sent["params"]["inputResponses"]), (&json!("1"), &json!({})));
    let ended = eventually("it ends", || {
        let stands = about(&web, "tasks/get", &task).json()["result"].clone();
        (stands["status"] == "completed").then_some(stands)
    });
    assert_eq!(ended["result"]["content"][0]["text"], "done");
    let held = web.modern(1, "tools/call", with_tasks(json!({"name": "a__job", "arguments": {"hold": true}}))).json();
    let held = id(&held["result"]);
    assert_eq!(about(&web, "tasks/cancel", &held).json()["result"], json!({"resultType": "complete"}));
    assert_eq!(about(&web, "tasks/get", &held).json()["result"]["status"], "cancelled");
    // What is not known, not named in the header, or not declared.
    assert_eq!(about(&web, "tasks/get", "a~x~1").refusal(), (200, -32602));
    let unnamed = web.modern(1, "tasks/get", with_tasks(json!({ "taskId": held })));
    assert_eq!(unnamed.refusal(), (400, -32020));
    let refused = ask(&web, "tasks/get", without_tasks(json!({ "taskId": held })), &[]).json();
    assert_eq!(refused["error"]["code"], -32021);
    assert_eq!(
        refused["error"]["data"]["requiredCapabilities"],
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
    );
    let refused =
        web.modern(1, "subscriptions/listen", without_tasks(json!({"notifications": {"taskIds": [held]}}))).json();
    assert_eq!(refused["error"]["code"], -32021, "{refused}");
    // A call of a client that has not said so is the server's to refuse.
    let refused = web.modern(1, "tools/call", without_tasks(json!({"name": "a__job", "arguments": {}}))).json();
    assert_eq!(refused["error"]["code"], -32021, "{refused}");
    assert_eq!(about(&web, "tasks/result", &held).refusal(), (404, -32601));
}

#[test]
fn a_legacy_client_waits_for_a_modern_servers_task() {
    let home = newest();
    for revision in ["2024-11-05", "2025-11-25"] {
        let mut client = open(&home, revision);
        let result = client.call("a__job", &json!({"x": 1.5}));
        assert_eq!(result["structuredContent"]["arguments"], json!({"x": 1.5}), "{result}");
        assert_eq!(result.get("resultType"), None);
        assert_eq!(client.call("a__job", &json!({"fails": true}))["isError"], true);
        let fault = client.refusal("tools/call", &json!({"name": "a__job", "arguments": {"error": true}}));
        assert_eq!(fault["code"], -32050, "{fault}");
    }
    // A task of its own is nothing that this server knows.
    let mut client = open(&home, "2025-11-25");
    let params = json!({"name": "a__job", "arguments": {"x": 2}, "task": {}});
    assert_eq!(client.request("tools/call", &params)["structuredContent"]["arguments"], json!({"x": 2}));
    let calls = home.received_of("a", "tools/call");
    let declares =
        |c: &Value| c["params"]["_meta"][CAPABILITIES]["extensions"]["io.modelcontextprotocol/tasks"].is_object();
    assert!(calls.iter().all(declares), "true: we wait for them in its place");
    assert!(calls.iter().all(|c| c["params"].get("task").is_none()));
    assert_eq!(calls.len(), 7, "none is made twice");
    // A server that does not say that it has tasks is believed, until it wants to make one.
    let home = Home::with_fake(&["--tasks-unsaid", "--era", "modern"]);
    let mut client = open(&home, "2025-11-25");
    assert_eq!(client.call("a__hidden", &json!({"x": 3}))["structuredContent"]["arguments"], json!({"x": 3}));
    let calls = home.received_of("a", "tools/call");
    assert!(calls.len() == 2 && !declares(&calls[0]) && declares(&calls[1]));
}

#[test]
fn a_legacy_client_is_asked_what_a_modern_servers_task_wants_to_know() {
    let home = newest();
    let mut client = open(&home, "2025-11-25");
    let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"ask": true}}));
    let question = client.question("elicitation/create");
    client.reply(&question, &json!({"action": "accept", "content": {"name": "Ada"}}));
    let result = client.answer(&call).json["result"].clone();
    assert_eq!(result["structuredContent"]["answer"]["q"]["content"]["name"], "Ada", "{result}");
    let sent = home.received_of("a", "tasks/update");
    assert_eq!(sent.len(), 1, "the question that is shown again is not asked again");
    assert_eq!(sent[0]["params"]["taskId"], "1");
    assert_eq!(home.received_of("a", "tools/call").len(), 1);

    // Taken back while its client is asked.
    let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"ask": true}}));
    client.question("elicitation/create");
    let call: Value = serde_json::from_str(&call).expect("an id");
    client.notify("notifications/cancelled", &json!({ "requestId": call }));
    let cancelled = eventually("the server hears of it", || home.received_of("a", "tasks/cancel").pop());
    assert_eq!(cancelled["params"]["taskId"], "2");
    // And while the job runs.
    let call = client.ask("tools/call", &json!({"name": "a__job", "arguments": {"hold": true}}));
    eventually("it is looked at", || {
        home.received_of("a", "tasks/get").into_iter().find(|g| g["params"]["taskId"] == "3")
    });
    let call: Value = serde_json::from_str(&call).expect("an id");
    client.notify("notifications/cancelled", &json!({ "requestId": call }));
    eventually("the server hears of it", || {
        home.received_of("a", "tasks/cancel").into_iter().find(|g| g["params"]["taskId"] == "3")
    });
}

#[test]
fn a_client_that_leaves_leaves_no_task_behind() {
    let home = newest();
    {
        let mut client = open(&home, "2025-11-25");
        client.ask("tools/call", &json!({"name": "a__job", "arguments": {"ask": true}}));
        client.question("elicitation/create");
        client.ask("tools/call", &json!({"name": "a__job", "arguments": {"hold": true}}));
        eventually("it is looked at", || {
            home.received_of("a", "tasks/get").into_iter().find(|g| g["params"]["taskId"] == "2")
        });
        client.close();
        client.exit_code();
    }
    let ended: Vec<Value> =
        home.received_of("a", "tasks/cancel").iter().map(|c| c["params"]["taskId"].clone()).collect();
    assert!(ended.contains(&json!("1")) && ended.contains(&json!("2")), "{ended:?}");
}

#[test]
fn who_listens_hears_of_its_tasks() {
    let home = newest();
    let web = ready(&home);
    let make = |hold: bool| {
        let params = only_tasks(json!({"name": "a__job", "arguments": {"hold": hold}}));
        id(&web.modern(1, "tools/call", params).json()["result"])
    };
    let (task, other) = (make(true), make(true));
    let filter = json!({"notifications": {"taskIds": [task, "a~x~2"]}});
    let mut listens = web.start_modern(9, "subscriptions/listen", only_tasks(filter));
    assert_eq!(listens.head().status, 200);
    let first = listens.message().expect("an acknowledgement").json();
    assert_eq!(first["params"]["notifications"], json!({"taskIds": [task]}), "its own, and none that is not known");
    eventually("the server knows", || {
        let all = home.received_of("a", "subscriptions/listen");
        all.into_iter().find(|l| l["params"]["notifications"]["taskIds"] == json!(["1"]))
    });
    web.modern(2, "tools/call", only_tasks(json!({"name": "a__finish", "arguments": {}})));
    let told = listens.message().expect("news").json();
    assert_eq!((&told["method"], &told["params"]["taskId"]), (&json!("notifications/tasks"), &json!(task)));
    assert_eq!(told["params"]["status"], "completed");
    assert_eq!(told["params"]["_meta"], json!({"io.modelcontextprotocol/subscriptionId": 9}));
    assert_eq!(about(&web, "tasks/get", &other).json()["result"]["status"], "completed", "nobody listens for it");
    drop(listens);
    eventually("the server hears of the end", || {
        let last = home.received_of("a", "subscriptions/listen").pop()?;
        last["params"]["notifications"].get("taskIds").is_none().then_some(())
    });
}

/// A server made with the official SDK.
#[test]
fn a_real_servers_task_for_clients_of_both_eras() {
    let args = ["--rmcp".to_owned()];
    let home = Home::new().server("a", crate::harness::fake_server(), &args).and("protocol: modern");
    let mut client = open(&home, "2025-11-25");
    let call = client.ask("tools/call", &json!({"name": "a__later", "arguments": {}}));
    let who = client.question("elicitation/create");
    client.reply(&who, &json!({"action": "accept", "content": {"name": "Ada"}}));
    assert_eq!(client.answer(&call).json["result"]["content"][0]["text"], "later, Ada");
    assert!(!client.left_over().iter().any(|l| l.json["method"] == "elicitation/create"), "asked once");

    let web = ready(&home);
    let made = web.modern(1, "tools/call", with_tasks(json!({"name": "a__later", "arguments": {}}))).json();
    let task = id(&made["result"]);
    let asked = eventually("it asks", || {
        let stands = about(&web, "tasks/get", &task).json()["result"].clone();
        (stands["status"] == "input_required").then_some(stands)
    });
    assert_eq!((&asked["taskId"], &asked["inputRequests"]["who"]["params"]["message"]), (&json!(task), &json!("Who?")));
    assert_eq!(about(&web, "tasks/cancel", &task).json()["result"]["resultType"], "complete");
    eventually("it is cancelled", || {
        let stands = about(&web, "tasks/get", &task).json()["result"].clone();
        (stands["status"] == "cancelled").then_some(())
    });
}
