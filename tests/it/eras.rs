//! Which edition is spoken with which server: those that die, fall silent or name others, and clients and servers of both eras.

use serde_json::{Value, json};

use crate::harness::{Home, Peer};

fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "harness", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
    });
    params
}

fn echoes(client: &mut Peer) {
    assert_eq!(client.call("a__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
}

/// A modern client: for it every server is probed, which a legacy one does not need.
fn open_modern(home: &Home) -> Peer {
    let mut client = home.serve();
    client.request("server/discover", &modern(json!({})));
    client
}

fn echoes_modern(client: &mut Peer) {
    let result = client.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {"e": 1}})));
    assert_eq!(result["structuredContent"], json!({"e": 1}));
}

/// Edge case 8.
#[test]
fn server_that_dies_on_the_probe_is_remembered() {
    let home = Home::with_fake(&["--die-on-discover"]);
    let mut client = open_modern(&home);
    echoes_modern(&mut client);
    assert_eq!(home.pids("a").len(), 2, "started again after the probe");
    client.close();
    client.exit_code();

    let mut client = open_modern(&home);
    echoes_modern(&mut client);
    assert_eq!(home.pids("a").len(), 3, "the second start does not probe");
    assert_eq!(home.received_of("a", "server/discover").len(), 1);
}

/// Edge case 9.
#[test]
fn server_silent_on_the_probe_is_spoken_to_as_legacy() {
    let home = Home::with_fake(&["--silent-on-discover"]).and("probe_timeout: 100ms");
    let mut client = open_modern(&home);
    echoes_modern(&mut client);
    assert_eq!(home.received_of("a", "server/discover").len(), 1);
    assert_eq!(home.received_of("a", "initialize").len(), 1);
}

/// Edge case 10.
#[test]
fn server_that_names_legacy_editions_only_is_legacy() {
    let home = Home::with_fake(&["--supported-only", "2025-11-25"]);
    let mut client = open_modern(&home);
    echoes_modern(&mut client);
    assert_eq!(home.pids("a").len(), 1);
    assert_eq!(home.received_of("a", "server/discover").len(), 1);
    assert_eq!(home.received_of("a", "initialize")[0]["params"]["protocolVersion"], "2025-11-25");
}

/// As Python's `mcp` 2.x: the first request binds the process to an era, even where it is refused.
#[test]
fn modern_server_that_is_bound_by_a_refused_initialize() {
    let home = Home::with_fake(&["--era", "modern", "--committed"]);
    let mut client = home.open();
    echoes(&mut client);
    assert_eq!(home.pids("a").len(), 2, "started again for `server/discover`");
    client.close();
    client.exit_code();
    echoes(&mut home.open());
    assert_eq!(home.pids("a").len(), 3, "and remembered");
    assert_eq!(home.received_of("a", "initialize").len(), 1);
}

/// None of these servers is probed for a client that needs no answer to the question.
#[test]
fn legacy_client_with_odd_legacy_servers() {
    for flags in [&["--die-on-discover"][..], &["--silent-on-discover"], &["--supported-only", "2025-11-25"]] {
        let home = Home::with_fake(flags);
        echoes(&mut home.open());
    }
}

#[test]
fn choice_in_the_configuration_is_kept() {
    let home = Home::new().fake("a", &["--era", "dual"]).and("protocol: legacy");
    echoes(&mut home.open());
    assert_eq!(home.received_of("a", "server/discover").len(), 0);
    let home = Home::new().fake("a", &["--era", "dual"]).and("protocol: modern");
    echoes(&mut home.open());
    assert_eq!(home.received_of("a", "initialize").len(), 0);
}

#[test]
fn legacy_client_with_a_modern_server() {
    let home = Home::with_fake(&["--era", "modern"]);
    let mut client = home.open();
    assert!(client.tool_names().iter().any(|n| n == "a__echo"));
    echoes(&mut client);
    let call = home.received_of("a", "tools/call").remove(0);
    let meta = &call["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "harness");
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
}

#[test]
fn modern_client_with_servers_of_both_eras() {
    for era in ["legacy", "modern"] {
        let home = Home::with_fake(&["--era", era]);
        let mut client = home.serve();
        let found = client.request("server/discover", &modern(json!({})));
        assert!(found["supportedVersions"].as_array().is_some_and(|v| v.contains(&json!("2026-07-28"))), "{found}");
        let list = client.request("tools/list", &modern(json!({})));
        for (key, kind) in [("resultType", "a string"), ("ttlMs", "a number"), ("cacheScope", "a string")] {
            assert!(list.get(key).is_some(), "{era}: `{key}`, {kind}");
        }
        let result = client.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {"e": 2}})));
        assert_eq!(
            (&result["structuredContent"], &result["resultType"]),
            (&json!({"e": 2}), &json!("complete")),
            "{era}"
        );
        let sent = home.received_of("a", "tools/call").remove(0);
        let has_version = sent["params"]["_meta"].get("io.modelcontextprotocol/protocolVersion").is_some();
        assert_eq!(has_version, era == "modern", "{sent}");
    }
}

#[test]
fn unknown_modern_edition_is_refused_with_what_there_is() {
    let home = Home::with_fake(&[]);
    let mut client = home.serve();
    let mut params = modern(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2031-01-01");
    let error = client.refusal("server/discover", &params);
    assert_eq!(error["code"], -32022);
    assert!(error["data"]["supported"].as_array().is_some_and(|v| v.contains(&json!("2026-07-28"))), "{error}");
}

#[test]
fn modern_question_passes_between_modern_peers() {
    let home = Home::with_fake(&["--era", "modern"]);
    let mut client = home.serve();
    client.request("server/discover", &modern(json!({})));
    let asked = client.ask("tools/call", &modern(json!({"name": "a__elicit", "arguments": {}})));
    let asked = client.answer(&asked);
    assert_eq!(asked.json["result"]["resultType"], "input_required");
    assert!(asked.raw.contains(r#""requestState":"stäte-1""#), "{}", asked.raw);
    let mut again = modern(json!({"name": "a__elicit", "arguments": {}}));
    again["requestState"] = asked.json["result"]["requestState"].clone();
    again["inputResponses"] = json!({"q1": {"action": "accept", "content": {"name": "Ada"}}});
    let result = client.request("tools/call", &again);
    assert_eq!(result["structuredContent"]["answer"]["q1"]["content"]["name"], "Ada");
    assert_eq!(result["structuredContent"]["state"], "st\u{e4}te-1");
}

#[test]
fn modern_listener_is_told_what_it_asked_for() {
    for era in ["legacy", "modern"] {
        let home = Home::with_fake(&["--era", era]);
        let mut client = home.serve();
        client.request("server/discover", &modern(json!({})));
        client.request("tools/list", &modern(json!({})));
        let filter = json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["fake://a/note"]}});
        let listen = client.ask("subscriptions/listen", &modern(filter));
        let id: Value = serde_json::from_str(&listen).expect("an id");
        let key = "io.modelcontextprotocol/subscriptionId";
        let acknowledged = client.notice("notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged.json["params"]["_meta"][key], id, "{era}");
        client.request("tools/call", &modern(json!({"name": "a__change", "arguments": {}})));
        assert_eq!(client.notice("notifications/tools/list_changed").json["params"]["_meta"][key], id, "{era}");
        client.request("tools/call", &modern(json!({"name": "a__touch", "arguments": {"uri": "fake://a/note"}})));
        let updated = client.notice("notifications/resources/updated");
        assert_eq!(
            (&updated.json["params"]["_meta"][key], &updated.json["params"]["uri"]),
            (&id, &json!("fake://a/note")),
            "{era}"
        );
    }
}
