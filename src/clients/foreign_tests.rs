//! Entries as clients have them, and what becomes of them.

use serde_json::{Value, json};

use super::super::table::CLIENTS;
use super::*;

fn form(client: &str) -> &'static Form {
    &CLIENTS.iter().find(|c| c.id == client).expect("known").form
}

#[track_caller]
fn found(client: &str, entry: Value) -> Found {
    translate(form(client), "x", &entry, 8000).expect("a server")
}

#[track_caller]
fn check(client: &str, entry: Value, expected: Value) {
    assert_eq!(Value::Object(found(client, entry).entry), expected, "{client}");
}

#[test]
fn every_spelling_becomes_ours() {
    check(
        "cursor",
        json!({ "command": "npx", "args": ["-y", "p"], "env": { "A": "${env:B}", "N": 1 }, "envFile": "${userHome}/.env" }),
        json!({ "command": "npx", "args": ["-y", "p"], "env": { "A": "${B}", "N": "1" }, "env_file": "${userHome}/.env" }),
    );
    check(
        "opencode",
        json!({ "type": "local", "command": ["npx", "p"], "environment": { "A": "{env:B}$1" }, "enabled": false, "timeout": 5000 }),
        json!({ "command": "npx", "args": ["p"], "env": { "A": "${B}$$1" }, "startup_timeout": "5s", "enabled": false }),
    );
    check(
        "goose",
        json!({ "type": "stdio", "name": "x", "cmd": "uvx", "args": ["p"], "envs": {}, "env_keys": ["KEY"], "timeout": 300,
                "enabled": true, "bundled": null, "description": "d", "available_tools": [] }),
        json!({ "command": "uvx", "args": ["p"], "env": { "KEY": "${KEY}" }, "timeout": "300s" }),
    );
    check(
        "codex",
        json!({ "url": "https://h/mcp", "bearer_token_env_var": "T", "http_headers": { "X": "a$b" },
                "env_http_headers": { "Y": "V" }, "startup_timeout_sec": 2.5, "tool_timeout_sec": 30,
                "disabled_tools": ["rm"] }),
        json!({ "url": "https://h/mcp", "headers": { "X": "a$$b", "Y": "${V}" }, "auth": { "type": "bearer", "token": "${T}" },
                "startup_timeout": "2500ms", "timeout": "30s", "tools": { "deny": ["rm"] } }),
    );
    check(
        "gemini",
        json!({ "httpUrl": "https://h/mcp", "url": "https://h/sse", "command": "x", "timeout": 30000, "trust": true,
                "includeTools": ["a"] }),
        json!({ "url": "https://h/mcp", "timeout": "30s", "tools": { "allow": ["a"] } }),
    );
    check(
        "gemini",
        json!({ "command": "x", "args": ["$HOME"], "env": { "A": "$B", "C": "%D%", "E": "${F}/g" } }),
        json!({ "command": "x", "args": ["$$HOME"], "env": { "A": "${B}", "C": "${D}", "E": "${F}/g" } }),
    );
    check(
        "continue",
        json!({ "name": "x", "type": "streamable-http", "url": "https://h", "apiKey": "${{ secrets.K }}",
                "requestOptions": { "headers": { "A": "b" } } }),
        json!({ "url": "https://h", "headers": { "A": "b" }, "auth": { "type": "bearer", "token": "${K}" } }),
    );
    check("windsurf", json!({ "serverUrl": "https://h" }), json!({ "url": "https://h" }));
    check(
        "cline",
        json!({ "transport": { "type": "stdio", "command": "c", "args": ["a"] } }),
        json!({ "command": "c", "args": ["a"] }),
    );
    check("cline", json!({ "command": "c", "timeout": 60 }), json!({ "command": "c", "timeout": "60s" }));
    check(
        "jan",
        json!({ "command": "", "url": "https://h", "active": false }),
        json!({ "url": "https://h", "enabled": false }),
    );
    check(
        "claude-code",
        json!({ "command": "${A:-x}", "args": ["${B}", "$$"] }),
        json!({ "command": "${A:-x}", "args": ["${B}", "$$$"] }),
    );
    check("claude-desktop", json!({ "command": "npx -y pkg" }), json!({ "command": "npx", "args": ["-y", "pkg"] }));
}

#[test]
fn what_names_a_variable_is_a_name_or_left_out() {
    let run = "cmd:touch x";
    let program = found(
        "codex",
        json!({ "command": "c", "env_keys": [run, "A"], "env_vars": [{ "name": run }, "B-${cmd:x}"],
                "enabled_tools": ["${cmd:x}"] }),
    );
    assert_eq!(
        Value::Object(program.entry),
        json!({ "command": "c", "env": { "A": "${A}" }, "tools": { "allow": ["$${cmd:x}"] } })
    );
    assert_eq!(program.asked, ["A"]);
    let told = program.notes.join("\n");
    assert!(told.contains("`env_keys` names a variable that can be none") && told.contains("`env_vars`"), "{told}");
    let remote = found(
        "codex",
        json!({ "url": "https://h", "bearer_token_env_var": run, "env_http_headers": { "X": run, "Y": "Z" } }),
    );
    assert_eq!(Value::Object(remote.entry), json!({ "url": "https://h", "headers": { "Y": "${Z}" } }));
    assert_eq!(remote.notes.len(), 2, "{:?}", remote.notes);
}

#[test]
fn what_is_asked_for_and_what_is_secret_is_told_without_its_value() {
    let vscode = found(
        "vscode",
        json!({ "type": "http", "url": "https://h", "headers": { "Authorization": "Bearer ${input:token}" } }),
    );
    assert_eq!((vscode.asked, vscode.secrets), (vec!["token".to_owned()], vec![]));
    assert_eq!(vscode.entry["headers"]["Authorization"], "Bearer ${keyring:token}");
    let plain = found(
        "cursor",
        json!({ "command": "x", "args": ["--api-key", "abcdef123456"], "env": { "GITHUB_TOKEN": "ghp_0123456789abcdef", "A": "b" },
                "autoApprove": ["a"], "made-up": 1 }),
    );
    assert_eq!(plain.secrets, ["env.GITHUB_TOKEN", "args"]);
    let told = plain.notes.join("\n");
    assert!(
        told.contains("`autoApprove` stays with the client") && told.contains("`made-up` has no counterpart"),
        "{told}"
    );
    assert!(!told.contains("ghp_") && !told.contains("abcdef"), "{told}");
}

#[test]
fn what_is_no_server_is_left_out() {
    let skip = |client: &str, entry: Value| translate(form(client), "x", &entry, 8000).expect_err("skipped");
    assert_eq!(skip("cursor", json!({ "command": "/opt/bin/mcp-proxy", "args": ["serve", "--stdio"] })), Skip::Ours);
    assert_eq!(skip("cursor", json!({ "url": "http://127.0.0.1:8000/mcp" })), Skip::Ours);
    assert_eq!(skip("goose", json!({ "type": "builtin", "name": "developer" })), Skip::BuiltIn);
    assert_eq!(skip("claude-code", json!({ "type": "ws", "url": "wss://h" })), Skip::Transport);
    assert_eq!(skip("vscode", json!({ "type": "http", "url": "unix:///tmp/s.sock" })), Skip::Transport);
    assert_eq!(skip("cursor", json!({ "args": [] })), Skip::Nothing);
    assert!(
        translate(form("cursor"), "x", &json!({ "command": "uvx", "args": ["mcp-proxy", "http://h"] }), 8000).is_ok()
    );
}

#[test]
fn names_are_made_fit() {
    for (name, expected) in [
        ("GitHub", "GitHub"),
        ("my server!", "my-server"),
        ("a__b_c", "a-b-c"),
        ("@scope/pkg", "scope-pkg"),
        ("é", "server"),
        ("mcp-proxy", "mcp-proxy-other"),
    ] {
        assert_eq!(fit(name), expected);
    }
}
