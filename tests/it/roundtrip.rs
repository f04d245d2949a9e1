//! What a client says reaches the server, and back, byte for byte but for id and name.

use serde_json::{Value, json};

use crate::harness::Home;

/// The last line server `a` received, and the id in it.
fn last(home: &Home) -> (String, Value) {
    let line = home.received("a").pop().expect("a line");
    let id = serde_json::from_str::<Value>(&line).expect("JSON")["id"].clone();
    (line, id)
}

#[test]
fn initialize_list_call() {
    let home = Home::with_fake(&["--tools", "3"]);
    let mut client = home.serve();
    let result = client.initialize("2025-11-25", &json!({}));
    assert_eq!(result["protocolVersion"], "2025-11-25");
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
    let names = client.tool_names();
    for name in ["a__echo", "a__t000", "a__t002"] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    assert_eq!(client.call("a__echo", &json!({"x": 1}))["structuredContent"], json!({"x": 1}));
    client.close();
    assert_eq!(client.exit_code(), Some(0));
}

/// However a name is written: one that is kept from clients is not let in by it.
#[test]
fn a_name_means_what_it_says_and_not_how_it_is_spelled() {
    let home = Home::with_fake(&["--tools", "3"]).and("tools: { deny: [t000] }");
    let mut client = home.open();
    let spelled = [
        (r"\u0061__echo", None),
        (r"a\u005f_t000", Some(-32602)),
        (r"a__\u0074000", Some(-32602)),
        ("a__t000", Some(-32602)),
    ];
    for (spelled, error) in spelled {
        client.send(&format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{spelled}","arguments":{{}}}}}}"#
        ));
        let answer = client.answer("7").json;
        assert_eq!(answer["error"]["code"].as_i64(), error, "{spelled}: {answer}");
    }
    assert_eq!(home.received_of("a", "tools/call").len(), 1);
}

/// Edge case 3: ids stay as they are written.
#[test]
fn call_is_byte_exact_both_ways() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let arguments =
        r#"{ "z":1.50, "a" : 1e2,"n":123456789012345678901234567890,"s":"\u00e9\/\ud83d\ude00","z":2, "":[ ] }"#;
    for id in [r#""a\u00e9""#, "123456789012345678901234567890", "0", r#""""#] {
        client.send(&format!(
            r#" {{"jsonrpc":"2.0", "params":{{"arguments":{arguments},"_meta":{{"vendor/x":[1.0]}},"name":"a__echo"}},"id" : {id},"method":"tools/call"}}"#
        ));
        let answer = client.answer(id);
        let (received, wire) = last(&home);
        assert!(wire.is_u64(), "{received}");
        assert_eq!(
            received,
            format!(
                r#"{{"jsonrpc":"2.0", "params":{{"arguments":{arguments},"_meta":{{"vendor/x":[1.0]}},"name":"echo"}},"id" : {wire},"method":"tools/call"}}"#
            )
        );
        assert_eq!(
            answer.raw,
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"structuredContent":{arguments},"_meta":{{"by":"a"}}}}}}"#
            )
        );
    }
}

/// Edge case 1.
/// Edge case 2.
/// Edge case 7.
#[test]
fn answers_of_odd_shape_are_understood() {
    for (flag, expected) in [
        ("--id-last", r#"{"result":RESULT,"jsonrpc":"2.0","id":"q"}"#),
        ("--id-as-string", r#"{"jsonrpc":"2.0","id":"q","result":RESULT}"#),
        ("--error-null", r#"{"jsonrpc":"2.0","id":"q","result":RESULT}"#),
    ] {
        let home = Home::with_fake(&[flag]);
        let mut client = home.open();
        client.send(
            r#"{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"a__echo","arguments":{"k":1}}}"#,
        );
        let result = r#"{"content":[],"structuredContent":{"k":1},"_meta":{"by":"a"}}"#;
        assert_eq!(client.answer("\"q\"").raw, expected.replace("RESULT", result), "{flag}");
    }
}

#[test]
fn errors_of_a_server_pass_as_they_are() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let arguments = json!({"code": -32099, "message": "no \u{e9}", "data": {"deep": [1.5]}});
    let error = client.refusal("tools/call", &json!({"name": "a__error", "arguments": arguments}));
    assert_eq!(error, arguments);
    assert_eq!(client.call("a__fail", &json!({}))["isError"], true);
}

#[test]
fn everything_finds_its_server() {
    let home = Home::new().fake("a", &[]).fake("b", &["--resource", "b://only"]);
    let mut client = home.open();
    let list = client.request("resources/list", &json!({}));
    let uris: Vec<&str> =
        list["resources"].as_array().expect("a list").iter().filter_map(|r| r["uri"].as_str()).collect();
    assert_eq!(uris, ["fake://a/note", "fake://b/note", "b://only"]);
    let text = |result: &Value| result["contents"][0]["text"].as_str().map(str::to_owned);
    assert_eq!(text(&client.request("resources/read", &json!({"uri": "b://only"}))).as_deref(), Some("read by b"));
    assert_eq!(
        text(&client.request("resources/read", &json!({"uri": "fake://a/items/7"}))).as_deref(),
        Some("read by a")
    );

    let prompts = client.request("prompts/list", &json!({}));
    assert_eq!(prompts["prompts"][1]["name"], "b__greet");
    let prompt = client.request("prompts/get", &json!({"name": "b__greet", "arguments": {"who": "x"}}));
    assert_eq!(prompt["messages"][0]["content"]["text"], "greet of b");

    let completed = |client: &mut crate::harness::Peer, reference: Value| {
        let params = json!({"ref": reference, "argument": {"name": "who", "value": "al"}});
        client.request("completion/complete", &params)["completion"]["values"][0].clone()
    };
    assert_eq!(completed(&mut client, json!({"type": "ref/prompt", "name": "a__greet"})), "al-a");
    assert_eq!(completed(&mut client, json!({"type": "ref/resource", "uri": "fake://b/items/{id}"})), "al-b");
}

#[test]
fn subscribers_are_told_and_nobody_else() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    client.request("resources/subscribe", &json!({"uri": "fake://a/note"}));
    client.call("a__touch", &json!({"uri": "fake://a/note"}));
    assert_eq!(client.notice("notifications/resources/updated").json["params"]["uri"], "fake://a/note");
    client.call("a__touch", &json!({"uri": "fake://a/other"}));
    assert!(client.left_over().iter().all(|l| l.json["method"] != "notifications/resources/updated"));
}

#[test]
fn log_messages_arrive_as_written_from_the_level_on() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    client.request("logging/setLevel", &json!({"level": "warning"}));
    client.call("a__log", &json!({"level": "info"}));
    client.call("a__log", &json!({"level": "error"}));
    let message = client.notice("notifications/message");
    assert_eq!(message.json["params"]["level"], "error");
    assert!(message.raw.contains(r#""n":100.0"#), "{}", message.raw);
    assert!(client.left_over().iter().all(|l| l.json["method"] != "notifications/message"));
}

#[test]
fn revisions_of_the_client() {
    let home = Home::with_fake(&[]);
    for (asked, answered) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let mut client = home.serve();
        assert_eq!(client.initialize(asked, &json!({}))["protocolVersion"], answered);
        assert_eq!(client.call("a__echo", &json!({"n": 1}))["structuredContent"], json!({"n": 1}), "{asked}");
    }
}

/// Edge case 38, on stdio.
#[test]
fn batches_belong_to_one_revision() {
    let home = Home::with_fake(&[]);
    let batch = r#"[{"jsonrpc":"2.0","id":"p","method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":"l","method":"tools/list"}]"#;
    let mut client = home.serve();
    client.initialize("2025-03-26", &json!({}));
    client.send(batch);
    let answers = client.wait_for("the answers of the batch", Value::is_array);
    let mut ids: Vec<&str> =
        answers.json.as_array().expect("an array").iter().filter_map(|a| a["id"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["l", "p"]);

    let mut client = home.serve();
    client.initialize("2025-11-25", &json!({}));
    client.send(batch);
    let refused = client.wait_for("a refusal", |l| l.get("error").is_some());
    assert_eq!(refused.json["error"]["code"], -32600);
}
