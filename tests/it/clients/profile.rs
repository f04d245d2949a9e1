//! Profiles: what a client sees by the name it gives itself, by its token, and by how it was started.

use serde_json::json;

use crate::harness::{Home, Peer};

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
