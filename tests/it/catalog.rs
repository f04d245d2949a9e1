//! The merged lists: names, URIs, changes, late servers, pages, bad items, the cache on disk.

use serde_json::{Value, json};

use crate::harness::{Home, Peer, eventually};

fn change_notices(client: &mut Peer) -> usize {
    client.left_over().iter().filter(|l| l.json["method"] == "notifications/tools/list_changed").count()
}

/// Edge case 33.
#[test]
fn names_are_valid_short_and_stable() {
    let long = "l".repeat(70);
    let names = |flags: &str| {
        let home = Home::with_fake(&["--tool-names", flags, "--prompt-names", flags]);
        let mut client = home.open();
        let mut tools: Vec<String> = client.tool_names().into_iter().filter(|n| !n.contains("__t0")).collect();
        tools.sort_unstable();
        for name in &tools {
            assert!(
                name.len() <= 48 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)),
                "{name}"
            );
        }
        // It reaches the tool it stands for.
        client.call("a__a_b", &json!({}));
        let sent = home.received_of("a", "tools/call").pop().expect("a call");
        assert_eq!(sent["params"]["name"], "a_b");
        tools
    };
    let first = names(&format!("a.b,a_b,{long}"));
    assert_eq!(first, names(&format!("{long},a_b,a.b")), "the order of the server does not matter");
    assert!(first.iter().any(|n| n.starts_with("a__a_b_")), "{first:?}");
    assert!(first.iter().any(|n| n.starts_with("a__lll") && n.len() == 48), "{first:?}");
}

/// Edge case 34, which server it belongs to.
#[test]
fn uri_in_two_servers_belongs_to_the_first() {
    let home = Home::new().fake("a", &["--resource", "same://x"]).fake("b", &["--resource", "same://x"]);
    let mut client = home.open();
    let list = client.request("resources/list", &json!({}));
    let uris: Vec<&str> =
        list["resources"].as_array().expect("a list").iter().filter_map(|r| r["uri"].as_str()).collect();
    assert_eq!(uris.iter().filter(|u| **u == "same://x").count(), 1, "{uris:?}");
    assert_eq!(client.request("resources/read", &json!({"uri": "same://x"}))["contents"][0]["text"], "read by a");
    let other = uris.iter().find(|u| u.contains("same://x") && **u != "same://x").expect("the second has another URI");
    let read = client.request("resources/read", &json!({ "uri": other }));
    assert_eq!((&read["contents"][0]["text"], &read["contents"][0]["uri"]), (&json!("read by b"), &json!(other)));
}

/// Edge case 34, who hears of a change in the second server.
#[test]
fn update_of_a_uri_of_two_servers_is_the_second_one_s_own() {
    let home = Home::new().fake("a", &["--resource", "same://x"]).fake("b", &["--resource", "same://x"]);
    let mut client = home.open();
    let list = client.request("resources/list", &json!({}));
    let uris = list["resources"].as_array().expect("a list").iter().filter_map(|r| r["uri"].as_str());
    let other = uris.clone().find(|u| u.contains("same://x") && *u != "same://x").expect("another URI").to_owned();
    let told = |client: &mut Peer| -> Vec<String> {
        let all = client.left_over().into_iter().filter(|l| l.json["method"] == "notifications/resources/updated");
        all.filter_map(|l| l.json["params"]["uri"].as_str().map(str::to_owned)).collect()
    };
    // Who subscribed to the first one hears nothing of the second.
    client.request("resources/subscribe", &json!({"uri": "same://x"}));
    client.call("b__touch", &json!({"uri": "same://x"}));
    assert_eq!(told(&mut client), [""; 0]);
    client.request("resources/subscribe", &json!({ "uri": other }));
    assert_eq!(home.received_of("b", "resources/subscribe")[0]["params"]["uri"], "same://x", "its own name for it");
    client.call("b__touch", &json!({"uri": "same://x"}));
    client.call("a__touch", &json!({"uri": "same://x"}));
    assert_eq!(told(&mut client), [other.as_str(), "same://x"]);
    client.request("resources/unsubscribe", &json!({"uri": "same://x"}));
    client.call("a__touch", &json!({"uri": "same://x"}));
    client.call("b__touch", &json!({"uri": "same://x"}));
    assert_eq!(told(&mut client), [other.as_str()]);
}

/// Edge case 35, a burst.
#[test]
fn bursts_of_changes_are_folded() {
    let home = Home::with_fake(&["--list-changed-burst", "5"]);
    let mut client = home.open();
    let before = client.tool_names();
    let n_lists = home.received_of("a", "tools/list").len();
    client.call("a__change", &json!({}));
    client.notice("notifications/tools/list_changed");
    let after = client.tool_names();
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.contains(&"a__new1".to_owned()));
    assert_eq!(change_notices(&mut client), 0);
    assert_eq!(home.received_of("a", "tools/list").len(), n_lists + 1);
}

/// Edge case 35, without a difference.
#[test]
fn change_that_changes_nothing_is_not_passed_on() {
    let home = Home::with_fake(&["--list-changed-start", "5"]);
    let mut client = home.open();
    client.tool_names();
    client.call("a__echo", &json!({}));
    assert_eq!(change_notices(&mut client), 0);
}

/// Edge case 36.
#[test]
fn server_that_pages_for_ever_is_stopped() {
    let home = Home::new().fake("a", &["--page", "4", "--endless-cursor"]).fake("b", &[]);
    let mut client = home.open();
    let names = client.tool_names();
    assert!(names.iter().any(|n| n.starts_with("a__")) && names.iter().any(|n| n == "b__echo"), "{names:?}");
    assert!(home.received_of("a", "tools/list").len() < 10);
    let log = eventually("a warning", || client.stderr().contains("the same cursor twice").then(|| client.stderr()));
    assert!(log.lines().any(|l| l.contains("WARN") && l.contains("its list of tools was cut")), "{log}");
}

#[test]
fn all_pages_are_drained_and_the_order_is_the_configuration_s() {
    let home = Home::new().fake("b", &["--tools", "45", "--page", "7"]).fake("a", &["--tools", "3"]);
    let mut client = home.open();
    let names = client.tool_names();
    assert_eq!(names.iter().filter(|n| n.starts_with("b__t0")).count(), 45);
    let first_of_a = names.iter().position(|n| n.starts_with("a__")).expect("a is there");
    assert!(names[..first_of_a].iter().all(|n| n.starts_with("b__")), "{names:?}");
    assert_eq!(names, client.tool_names());
}

/// Edge case 37.
#[test]
fn late_server_is_announced_and_known_the_next_time() {
    let home = Home::new().fake("a", &[]).fake("late", &["--startup-ms", "1500"]).and("list_wait: 50ms");
    let mut client = home.open();
    let names = client.tool_names();
    assert!(names.iter().any(|n| n == "a__echo") && !names.iter().any(|n| n.starts_with("late__")), "{names:?}");
    client.notice("notifications/tools/list_changed");
    assert!(client.tool_names().iter().any(|n| n == "late__echo"));
    assert_eq!(client.call("late__echo", &json!({}))["_meta"]["by"], "late");
    client.close();
    client.exit_code();

    let mut client = home.open();
    assert!(client.tool_names().iter().any(|n| n == "late__echo"), "from the cache on disk");
    assert_eq!(client.call("late__echo", &json!({}))["_meta"]["by"], "late");
}

#[test]
fn bad_items_are_repaired_or_set_aside_never_the_list() {
    let kinds = [
        "no-name",
        "name-number",
        "no-schema",
        "schema-no-type",
        "root-any-of",
        "output-array",
        "output-no-type",
        "property-true",
        "duplicate",
        "cyclic",
        "not-object",
    ];
    let flags: Vec<&str> = kinds.iter().flat_map(|k| ["--bad-item", k]).collect();
    let home = Home::new().fake("a", &flags).fake("b", &[]);
    let mut client = home.open();
    let list = client.request("tools/list", &json!({}));
    let tools = list["tools"].as_array().expect("a list");
    let mut seen = std::collections::BTreeSet::new();
    for tool in tools {
        let name = tool["name"].as_str().expect("a name");
        assert!(seen.insert(name.to_owned()), "{name} stands twice");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        if let Some(output) = tool.get("outputSchema") {
            assert_eq!(output["type"], "object", "{tool}");
        }
        let properties = tool["inputSchema"]["properties"].as_object();
        assert!(properties.is_none_or(|p| p.values().all(Value::is_object)), "{tool}");
    }
    for name in ["a__echo", "b__echo", "a__bad_no_schema", "a__bad_root_any_of", "a__bad_property_true"] {
        assert!(seen.contains(name), "{name} in {seen:?}");
    }
    assert_eq!(client.call("a__bad_no_schema", &json!({}))["_meta"]["by"], "a");
}

#[test]
fn rules_of_the_configuration_hold_for_lists_and_calls() {
    let home = Home::with_fake(&["--tools", "3"])
        .and("tools: { deny: [\"t00*\"], rename: { echo: say }, describe: { fail: \"Fails.\" } }");
    let mut client = home.open();
    let list = client.request("tools/list", &json!({}));
    let tools = list["tools"].as_array().expect("a list");
    assert!(tools.iter().all(|t| t["name"].as_str().is_some_and(|n| !n.starts_with("a__t00"))));
    assert!(tools.iter().any(|t| t["name"] == "a__fail" && t["description"] == "Fails."));
    assert_eq!(client.call("a__say", &json!({"r": 1}))["structuredContent"], json!({"r": 1}));
    assert_eq!(client.refusal("tools/call", &json!({"name": "a__t001", "arguments": {}}))["code"], -32602);
}

#[test]
fn flat_names_of_one_server_are_its_own() {
    let home = Home::with_fake(&[]).top("routing: { naming: flat }");
    let mut client = home.open();
    assert!(client.tool_names().iter().any(|n| n == "echo"));
    assert_eq!(client.call("echo", &json!({"f": 1}))["structuredContent"], json!({"f": 1}));
}

/// A change of our own configuration is a change of the lists.
#[test]
fn reload_is_announced() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    client.tool_names();
    let home = home.fake("added", &[]);
    home.config();
    client.notice("notifications/tools/list_changed");
    assert_eq!(client.call("added__echo", &json!({}))["_meta"]["by"], "added");
    assert_eq!(home.pids("a").len(), 1, "what did not change goes on");
}
