//! Profiles: what a client sees by the name it gives itself, by its token, and by how it was started.

use std::fs;

use serde_json::json;

use crate::harness::{Home, Line, Peer};

fn world() -> Home {
    Home::new()
        .fake("a", &[])
        .and("tags: [work]")
        .fake("b", &[])
        .top("profiles: { work: { servers: [\"tag:work\"] }, some: { tools: { allow: [\"b__echo\"] } } }")
        .top("clients: { rules: [{ match: { name: \"it*\" }, profile: work }] }")
}

/// The servers whose tools a client sees that calls itself so.
fn servers(peer: &mut Peer, name: &str) -> String {
    peer.request(
        "initialize",
        &json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": name, "version": "1" } }),
    );
    peer.notify("notifications/initialized", &json!({}));
    let mut seen: Vec<String> =
        peer.tool_names().iter().filter_map(|n| Some(n.split_once("__")?.0.to_owned())).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.join(" ")
}

#[test]
fn the_rule_for_its_name_says_what_a_client_sees() {
    let home = world();
    assert_eq!(servers(&mut home.serve(), "Other"), "a b");
    let mut peer = home.serve();
    assert_eq!(servers(&mut peer, "IT-7"), "a");
    let hidden = peer.refusal("tools/call", &json!({ "name": "b__echo", "arguments": {} }));
    assert!(hidden["message"].as_str().is_some_and(|m| m.contains("b__echo")), "{hidden}");
}

#[test]
fn what_was_typed_goes_before_the_rule() {
    let home = world();
    let config = home.config();
    let config = config.to_str().expect("text");
    let mut peer = Peer::start(home.command(&["serve", "--stdio", "--config", config, "--profile", "some"]));
    assert_eq!(servers(&mut peer, "IT-7"), "b");
    let wrong = home.run(&["serve", "--stdio", "--config", config, "--profile", "wrok"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("there are: some, work"), "{}", wrong.stderr);
}

/// The word that the tools have changed, and that there was no second one.
fn told_once(peer: &mut Peer) {
    peer.notice("notifications/tools/list_changed");
    let again = |l: &Line| l.json["method"] == "notifications/tools/list_changed";
    assert!(!peer.left_over().iter().any(again), "told once");
}

fn seen(peer: &mut Peer) -> String {
    let mut seen: Vec<String> =
        peer.tool_names().iter().filter_map(|n| Some(n.split_once("__")?.0.to_owned())).collect();
    seen.dedup();
    seen.join(" ")
}

#[test]
fn a_changed_profile_counts_for_who_is_there() {
    let home = world();
    let mut peer = home.serve();
    assert_eq!(servers(&mut peer, "IT-7"), "a");
    let path = home.path("config.yaml");
    let text = fs::read_to_string(&path).expect("there");
    let to = |text: String| fs::write(&path, text).expect("written");
    // Another server, then no rule at all, then one that shows less of each.
    to(text.replace("servers: [\"tag:work\"]", "servers: [b]"));
    told_once(&mut peer);
    assert_eq!(seen(&mut peer), "b");
    let hidden = peer.refusal("tools/call", &json!({ "name": "a__echo", "arguments": {} }));
    assert!(hidden["message"].as_str().is_some_and(|m| m.contains("a__echo")), "{hidden}");
    to(text.replace("name: \"it*\"", "name: \"others*\""));
    told_once(&mut peer);
    assert_eq!(seen(&mut peer), "a b");
    to(text.replace("profile: work }]", "max_tools: 2 }]"));
    told_once(&mut peer);
    assert_eq!(peer.tool_names().len(), 2);
    assert_eq!(peer.call("b__echo", &json!({ "x": 1 }))["structuredContent"], json!({ "x": 1 }), "it can be called");
    assert!(home.pids("a").len() == 1 && home.pids("b").len() == 1, "no server was touched");
}

#[test]
fn the_profile_of_whoever_starts_us_can_change_too() {
    let home = world();
    let mut peer = home.serve();
    assert_eq!(servers(&mut peer, "Other"), "a b");
    let path = home.path("config.yaml");
    let text = fs::read_to_string(&path).expect("there");
    fs::write(&path, text.replace("clients: {", "clients: { profile: some,")).expect("written");
    told_once(&mut peer);
    assert_eq!(peer.tool_names(), ["b__echo"]);
}

#[test]
fn a_rule_is_for_a_folder() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let folder = home.path("oss/app");
    fs::create_dir_all(&folder).expect("made");
    let rule = |root: &str| {
        format!(
            "profiles: {{ only-a: {{ servers: [a] }} }}\nclients: {{ rules: [{{ match: {{ root: {root:?} }}, profile: only-a }}] }}"
        )
    };
    let root = home.path("oss").join("**");
    let home = home.top(&rule(root.to_str().expect("plain")));
    let config = home.config();
    let start = |folder: &std::path::Path| {
        let mut command = home.command(&["serve", "--stdio", "--config", config.to_str().expect("plain")]);
        command.current_dir(folder);
        Peer::start(command)
    };
    assert_eq!(servers(&mut start(&folder), "x"), "a");
    let mut elsewhere = start(&home.path("home"));
    assert_eq!(servers(&mut elsewhere, "x"), "a b");
    assert!(!elsewhere.has(|l| l["method"] == "roots/list"), "who cannot be asked is not asked");

    // A client that says itself where it works, and works elsewhere later.
    let mut peer = start(&home.path("home"));
    peer.request(
        "initialize",
        &json!({ "protocolVersion": "2025-11-25", "capabilities": { "roots": { "listChanged": true } },
            "clientInfo": { "name": "x", "version": "1" } }),
    );
    peer.notify("notifications/initialized", &json!({}));
    let question = peer.question("roots/list");
    assert_eq!(seen(&mut peer), "a b");
    let of = |folder: &std::path::Path| json!({ "roots": [{ "uri": format!("file://{}", folder.display()) }] });
    peer.reply(&question, &of(&folder));
    told_once(&mut peer);
    assert_eq!(seen(&mut peer), "a");
    peer.notify("notifications/roots/list_changed", &json!({}));
    let question = peer.question("roots/list");
    peer.reply(&question, &of(&home.path("home")));
    told_once(&mut peer);
    assert_eq!(seen(&mut peer), "a b");
}

#[test]
fn a_rule_for_a_client_holds_for_each_of_its_modern_requests() {
    let home = world();
    let web = home.web();
    for id in 1..=3 {
        let info = json!({ "io.modelcontextprotocol/clientInfo": { "name": "IT-7", "version": "1" } });
        let reply = web.modern(id, "tools/list", json!({ "_meta": info }));
        let tools = reply.json()["result"]["tools"].as_array().cloned().unwrap_or_default();
        assert!(
            !tools.is_empty() && tools.iter().all(|t| t["name"].as_str().is_some_and(|n| n.starts_with("a__"))),
            "{id}: {tools:?}"
        );
    }
}
