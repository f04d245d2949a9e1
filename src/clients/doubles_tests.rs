use mcp_proxy_core::config::Environment;
use serde_json::json;

use super::*;
use crate::clients::by_id;

const OURS: &str = "version: 1
servers:
  notes: { command: notes-mcp, env: { ACCOUNT: \"${ACCOUNT}\" } }
  web: { url: https://h/mcp, headers: { X-Team: red }, auth: { type: bearer, token: \"${TOKEN}\" } }
  here: { command: here-mcp, cwd: /srv }
  off: { command: off-mcp, enabled: no }
  gone: { command: gone-mcp, enabled: \"${IS_ON}\" }
  told: { command: told-mcp, start: manual }
profiles: { web: { servers: [web] }, some: { servers: [notes], tools: { allow: [notes__one] } } }
clients: { rules: [{ match: { name: zed }, profile: web }] }
";

fn started(more: &[&str]) -> Way {
    let args = ["serve", "--stdio"].iter().chain(more).map(|word| (*word).to_owned()).collect();
    Way::Start { command: "/bin/mcp-proxy".to_owned(), args }
}

/// What comes of one entry of a client.
fn fate(client: &str, entry: &Value, way: &Way) -> Option<Option<Kept>> {
    let path = Path::new("/nowhere/config.yaml");
    let variables = [("ACCOUNT", "mine"), ("TOKEN", "a-token-that-is-long-enough"), ("IS_ON", "false")];
    let environment = variables.iter().fold(Environment::empty(), |e, (name, value)| e.with(name, value));
    let loaded = config::load_text(OURS, path, &environment);
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let located = Located::File { path: path.to_owned() };
    let subject =
        Subject { located: &located, config: Some(&config), environment: &environment, way: None, catalog: None };
    let client = by_id(client).expect("known");
    let doubles = subject.doubles_of(client, &[("notes".to_owned(), entry)], way);
    doubles.into_iter().next().map(|double| double.kept)
}

#[test]
fn only_what_is_given_the_same_is_the_same() {
    let cursor = |entry: Value| fate("cursor", &entry, &started(&[]));
    let same = Some(None);
    let other = |what| Some(Some(Kept::Differs(what)));
    assert_eq!(cursor(json!({ "command": "notes-mcp", "env": { "ACCOUNT": "mine" } })), same);
    assert_eq!(cursor(json!({ "command": "notes-mcp", "env": { "ACCOUNT": "${env:ACCOUNT}" } })), same);
    assert_eq!(cursor(json!({ "command": "notes-mcp", "env": { "ACCOUNT": "work" } })), other("env"));
    assert_eq!(cursor(json!({ "command": "notes-mcp" })), other("env"), "of the same name too");
    let unknown = json!({ "command": "notes-mcp", "env": { "ACCOUNT": "${env:NOBODY_SET_THIS}" } });
    assert_eq!(cursor(unknown), Some(Some(Kept::Unknown)));
    let web = |headers: Value| cursor(json!({ "url": "https://h/mcp/", "headers": headers }));
    let bearer = "Bearer a-token-that-is-long-enough";
    assert_eq!(web(json!({ "x-team": "red", "authorization": bearer })), same);
    assert_eq!(web(json!({ "x-team": "red", "authorization": "Bearer another-one-of-somebody" })), other("headers"));
    assert_eq!(web(json!({ "authorization": bearer })), other("headers"));
    let logged_in = json!({ "url": "https://h/mcp", "auth": { "CLIENT_ID": "x" } });
    assert_eq!(cursor(logged_in), other("auth"));
    assert_eq!(cursor(json!({ "command": "here-mcp", "cwd": "/srv" })), same);
    assert_eq!(cursor(json!({ "command": "here-mcp", "cwd": "/srv/other" })), other("cwd"));
    assert_eq!(cursor(json!({ "command": "here-mcp", "cwd": "srv" })), Some(Some(Kept::Unknown)));
    assert_eq!(cursor(json!({ "command": "mine-mcp" })), None);
}

#[test]
fn only_what_we_start_is_started_twice() {
    let cursor = |entry: Value| fate("cursor", &entry, &started(&[]));
    assert_eq!(cursor(json!({ "command": "off-mcp" })), None);
    assert_eq!(cursor(json!({ "command": "gone-mcp" })), None);
    assert_eq!(cursor(json!({ "command": "told-mcp" })), Some(Some(Kept::Manual)));
    let off = json!({ "command": "here-mcp", "cwd": "/srv", "enabled": "false" });
    assert_eq!(cursor(off), None, "nor is it by the client");
}

#[test]
fn only_what_the_client_is_shown_stands_for_its_own() {
    let notes = json!({ "command": "notes-mcp", "env": { "ACCOUNT": "mine" } });
    let hidden = Some(Some(Kept::Hidden));
    assert_eq!(fate("cursor", &notes, &started(&["--profile", "web"])), hidden);
    assert_eq!(fate("cursor", &notes, &started(&["--profile=some"])), hidden, "nobody knows how many tools it has");
    assert_eq!(fate("cursor", &notes, &started(&["--profile", "nobodys"])), hidden);
    let zed = json!({ "command": "notes-mcp", "args": [], "env": { "ACCOUNT": "mine" } });
    assert_eq!(fate("zed", &zed, &started(&[])), hidden, "by the rule for its name");
    assert_eq!(fate("cursor", &notes, &Way::Address("http://127.0.0.1:8000/mcp".to_owned())), Some(None));
    assert_eq!(fate("cursor", &notes, &Way::Address("http://127.0.0.1:8000/mcp/web".to_owned())), hidden);
    assert_eq!(fate("cursor", &notes, &Way::Address("https://elsewhere/mcp".to_owned())), hidden);
    let mut other = started(&[]);
    if let Way::Start { args, .. } = &mut other {
        args.splice(0..0, ["--config".to_owned(), "/nowhere/other.yaml".to_owned()]);
    }
    assert_eq!(fate("cursor", &notes, &other), None, "of another configuration nothing is known");
}
