//! Every client on every system: where its files are, and a file of it before and after.

use std::fmt::Write as _;
use std::path::Path;

use mcp_proxy::clients::entry::{self, Put, Way};
use mcp_proxy::clients::foreign::translate;
use mcp_proxy::clients::place::{System, candidates};
use mcp_proxy::clients::table::{CLIENTS, Client, Stdio, menu};
use mcp_proxy_core::config::Environment;
use mcp_proxy_core::config::edit::{Document, Syntax};
use serde_json::{Value, json};

/// A file with one server, as somebody would have it.
fn sample(client: &Client) -> &'static str {
    match (client.form.syntax, client.form.key, client.form.is_list) {
        (Syntax::Json, ["mcpServers"], _) => {
            "{\n  \"theme\": \"dark\",\n  \"mcpServers\": {\n    \"git\": {\n      \"command\": \"uvx\",\n      \"args\": [\"mcp-server-git\"]\n    }\n  }\n}\n"
        }
        (Syntax::Json, ["mcp"], _) => {
            "{\n  \"mcp\": {\n    \"git\": { \"type\": \"stdio\", \"command\": \"uvx\", \"args\": [\"mcp-server-git\"] }\n  }\n}\n"
        }
        (Syntax::Jsonc, ["servers"], _) => {
            "{\n\t// mine\n\t\"servers\": {\n\t\t\"git\": { \"command\": \"uvx\", \"args\": [\"mcp-server-git\"] }, // local\n\t},\n\t\"inputs\": []\n}\n"
        }
        (Syntax::Jsonc, ["mcp"], _) => {
            "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": {\n    \"git\": { \"type\": \"local\", \"command\": [\"uvx\", \"mcp-server-git\"] }\n  }\n}\n"
        }
        (Syntax::Jsonc, [key], _) if *key == "context_servers" => {
            "// Zed settings\n{\n  \"context_servers\": {\n    \"git\": {\n      \"command\": \"uvx\",\n      \"args\": [\"mcp-server-git\"]\n    }\n  },\n  \"vim_mode\": true, // yes\n}\n"
        }
        (Syntax::Jsonc, ..) => {
            "{\n  \"mcpServers\": {\n    \"git\": { \"command\": \"uvx\", \"args\": [\"mcp-server-git\"] }\n  },\n  // mine\n  \"ui\": {}\n}\n"
        }
        (Syntax::Toml, ..) => {
            "model = \"gpt\" # fast\n\n[mcp_servers.git]\ncommand = \"uvx\"\nargs = [\"mcp-server-git\"]\n\n[tui]\ntheme = \"x\"\n"
        }
        (Syntax::Yaml, _, true) => {
            "name: mine # me\nmcpServers:\n  - name: git\n    command: uvx\n    args:\n      - mcp-server-git\nmodels: []\n"
        }
        (Syntax::Yaml, ..) => {
            "# goose\nextensions:\n  git:\n    type: stdio\n    name: git\n    cmd: uvx\n    args:\n    - mcp-server-git\n    envs: {}\n    timeout: 300\n    description: ''\nGOOSE_MODEL: x\n"
        }
        (Syntax::Json, ..) => "{}",
    }
}

fn changed(client: &Client, way: &Way) -> String {
    let before = sample(client);
    let mut document = Document::parse(before.as_bytes(), client.form.syntax).expect("a good file");
    match entry::put(&mut document, &client.form, way, 8000).expect("it can be changed") {
        Put::Added => {}
        Put::NoRemote => return "cannot be written\n".to_owned(),
        other => panic!("{}: {other:?}", client.id),
    }
    let after = String::from_utf8(document.to_bytes()).expect("text");
    let again = entry::put(&mut document, &client.form, way, 8000).expect("it can be changed");
    assert_eq!(again, Put::AsItWas, "{}", client.id);
    assert!(entry::take_out(&mut document, &client.form, 8000).expect("it can be changed"), "{}", client.id);
    assert_eq!(document.to_bytes(), before.as_bytes(), "{}", client.id);
    after
}

fn golden(client: &Client) -> String {
    let mut out = String::new();
    let home = |path: &str| Environment::empty().with_home(Path::new(path));
    let systems = [
        ("macOS", System::Mac, home("/Users/me")),
        ("Linux", System::Linux, home("/home/me")),
        ("Windows", System::Windows, home("C:/Users/me")),
    ];
    for (name, system, environment) in systems {
        for path in candidates(client, system, &environment) {
            writeln!(out, "{name:8} {}", path.display()).expect("a string grows");
        }
    }
    if client.files.is_empty() {
        writeln!(out, "by hand: {}", menu(client.id)).expect("a string grows");
    }
    let start = Way::Start {
        command: "/usr/local/bin/mcp-proxy".to_owned(),
        args: vec!["serve".to_owned(), "--stdio".to_owned()],
    };
    let address = Way::Address("http://127.0.0.1:8000/mcp".to_owned());
    writeln!(out, "\n--- started\n{}", changed(client, &start)).expect("a string grows");
    write!(out, "--- asked\n{}", changed(client, &address)).expect("a string grows");
    out
}

#[test]
fn every_client_on_every_system() {
    for client in CLIENTS {
        crate::harness::snapshot(&format!("client_{}", client.id), &golden(client));
    }
}

#[test]
fn what_is_written_is_recognised_and_what_is_there_is_taken_over() {
    for client in CLIENTS {
        let document = Document::parse(sample(client).as_bytes(), client.form.syntax).expect("a good file");
        let all = entry::all(&client.form, document.tree());
        let [(name, value)] = &all[..] else { panic!("{}: {all:?}", client.id) };
        let found = translate(&client.form, name, value, 8000).expect("a server");
        let mut expected = json!({ "command": "uvx", "args": ["mcp-server-git"] });
        if client.form.stdio == Stdio::Goose {
            expected["timeout"] = json!("300s");
        }
        assert_eq!((found.name.as_str(), Value::Object(found.entry)), ("git", expected), "{}", client.id);
        assert!(found.notes.is_empty(), "{}: {:?}", client.id, found.notes);
    }
}

#[test]
fn the_table_is_whole() {
    let mut ids: Vec<&str> = CLIENTS.iter().map(|c| c.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CLIENTS.len(), "every name once");
    for client in CLIENTS {
        let date: Vec<&str> = client.verified.split('-').collect();
        assert!(date.len() == 3 && date.iter().all(|p| p.parse::<u32>().is_ok()), "{}", client.id);
        let has = |system| client.files.iter().any(|f| f.on == system);
        let all = [System::Mac, System::Linux, System::Windows].map(has);
        assert!(all == [true; 3] || client.files.is_empty(), "{}", client.id);
    }
}
