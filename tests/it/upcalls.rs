//! Questions of servers to the client: elicitation, sampling, roots.

use serde_json::{Value, json};

use crate::harness::{Home, Peer};

fn capable(home: &Home) -> Peer {
    let mut client = home.serve();
    client.initialize("2025-11-25", &json!({"elicitation": {}, "sampling": {}, "roots": {"listChanged": true}}));
    client
}

fn answered(client: &mut Peer, id: &str) -> Value {
    client.answer(id).json["result"]["structuredContent"].clone()
}

/// Edge case 6: both servers number their questions from 0.
#[test]
fn two_servers_ask_under_the_same_id() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let mut client = capable(&home);
    let calls = [
        client.ask("tools/call", &json!({"name": "a__elicit", "arguments": {}})),
        client.ask("tools/call", &json!({"name": "b__elicit", "arguments": {}})),
    ];
    let questions = [client.question("elicitation/create"), client.question("elicitation/create")];
    assert_ne!(questions[0].json["id"], questions[1].json["id"]);
    for question in questions.iter().rev() {
        let by = question.json["params"]["message"].as_str().expect("a message").replace(" asks", "");
        client.reply(question, &json!({"action": "accept", "content": {"name": by}}));
    }
    for (call, by) in calls.iter().zip(["a", "b"]) {
        assert_eq!(answered(&mut client, call)["answer"]["content"]["name"], by);
    }
}

#[test]
fn questions_and_answers_pass_as_they_are() {
    let home = Home::with_fake(&[]);
    let mut client = capable(&home);
    for (tool, method, answer) in [
        ("a__elicit", "elicitation/create", json!({"action": "decline", "vendor": [1.5]})),
        (
            "a__sample",
            "sampling/createMessage",
            json!({"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"}),
        ),
        ("a__roots", "roots/list", json!({"roots": [{"uri": "file:///w", "name": "w"}]})),
    ] {
        let call = client.ask("tools/call", &json!({"name": tool, "arguments": {}}));
        let question = client.question(method);
        client.reply(&question, &answer);
        assert_eq!(answered(&mut client, &call)["answer"], answer, "{tool}");
    }
    // What is declared to the server is what the client declared.
    let declared = home.received_of("a", "initialize").remove(0)["params"]["capabilities"].clone();
    for capability in ["elicitation", "sampling", "roots"] {
        assert!(declared[capability].is_object(), "{capability} in {declared}");
    }
}

#[test]
fn client_may_answer_with_an_error() {
    let home = Home::with_fake(&[]);
    let mut client = capable(&home);
    let call = client.ask("tools/call", &json!({"name": "a__sample", "arguments": {}}));
    let question = client.question("sampling/createMessage");
    client.send(&format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-1,"message":"user said no"}}}}"#,
        question.json["id"]
    ));
    assert_eq!(answered(&mut client, &call)["error"], json!({"code": -1, "message": "user said no"}));
}

#[test]
fn client_that_declared_nothing_is_not_asked() {
    let home = Home::with_fake(&["--roots-on-start"]);
    let mut client = home.open();
    for (tool, code) in [("a__elicit", -32602), ("a__sample", -32601)] {
        let call = client.ask("tools/call", &json!({"name": tool, "arguments": {}}));
        assert_eq!(answered(&mut client, &call)["error"]["code"], code, "{tool}");
    }
    let declared = home.received_of("a", "initialize").remove(0)["params"]["capabilities"].clone();
    for capability in ["elicitation", "sampling", "roots"] {
        assert_eq!(declared.get(capability), None, "{declared}");
    }
    assert!(client.left_over().iter().all(|l| l.json.get("method").is_none()));
}

/// Edge case 22, when there is nobody who could be asked: what is configured, else none.
#[test]
fn roots_are_answered_without_a_client_that_has_some() {
    for (roots, expected) in [("[]", json!([])), ("[\"file:///work\"]", json!([{ "uri": "file:///work" }]))] {
        let home = Home::with_fake(&["--roots-on-start"]).and(&format!("roots: {roots}"));
        let web = home.web();
        web.modern(1, "tools/list", json!({}));
        let answer = crate::harness::eventually("an answer", || {
            let all = home.received("a").into_iter().filter_map(|l| serde_json::from_str::<Value>(&l).ok());
            all.into_iter().find(|m| m.get("method").is_none() && m["id"] == 0)
        });
        assert_eq!(answer["result"], json!({ "roots": expected }), "{answer}");
    }
}

/// The first question many servers ask, outside of any call.
#[test]
fn roots_are_asked_after_the_handshake() {
    let home = Home::with_fake(&["--roots-on-start"]);
    let mut client = capable(&home);
    let question = client.question("roots/list");
    client.reply(&question, &json!({"roots": [{"uri": "file:///w"}]}));
    client.call("a__echo", &json!({}));
    let answers: Vec<String> = home.received("a").into_iter().filter(|l| l.contains("file:///w")).collect();
    assert_eq!(answers.len(), 1);
    client.notify("notifications/roots/list_changed", &json!({}));
    client.call("a__echo", &json!({}));
    assert_eq!(home.received_of("a", "notifications/roots/list_changed").len(), 1);
}

#[test]
fn server_that_dies_takes_its_question_back() {
    let home = Home::with_fake(&[]);
    let mut client = capable(&home);
    let call = client.ask("tools/call", &json!({"name": "a__elicit", "arguments": {}}));
    let question = client.question("elicitation/create");
    client.refusal("tools/call", &json!({"name": "a__die", "arguments": {}}));
    assert!(client.answer(&call).json["error"].is_object());
    let cancelled = client.notice("notifications/cancelled");
    assert_eq!(cancelled.json["params"]["requestId"], question.json["id"]);
    // The answer comes too late: it reaches nobody.
    client.reply(&question, &json!({"action": "cancel"}));
    assert_eq!(client.call("a__echo", &json!({}))["_meta"]["by"], "a");
}
