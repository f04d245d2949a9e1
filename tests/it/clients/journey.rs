//! A new user's way: client files of six kinds lie in an otherwise empty home, and a few commands later every client has every
//! tool through mcp-proxy. The README's quick start shows this transcript.

use std::fs;

use super::{plain, put, read};
use crate::harness::{Home, Peer, fake_server, snapshot};

const CLAUDE: &str =
    r#"{"numStartups": 7, "mcpServers": {"notes": {"type": "stdio", "command": "npx", "args": ["-y", "notes-mcp"]}}}"#;

const CURSOR: &str = r#"{
  "mcpServers": {
    "notes": { "command": "npx", "args": ["-y", "notes-mcp"] },
    "git": { "command": "uvx", "args": ["mcp-server-git"], "autoApprove": ["log"] }
  }
}
"#;

const CODE: &str = r#"{
	"servers": {
		// the team's
		"tracker": {
			"type": "http",
			"url": "https://tracker.example.com/mcp",
			"headers": { "Authorization": "Bearer ${input:tracker-token}" },
		},
	},
}
"#;

const CODEX: &str = r#"model = "gpt" # fast

[mcp_servers.files]
command = "npx"
args = ["-y", "files-mcp"]
tool_timeout_sec = 30
"#;

const GOOSE: &str = "# goose
extensions:
  developer:
    type: builtin
    enabled: true
  Web Search:
    type: stdio
    name: Web Search
    cmd: uvx
    args: [web-search-mcp]
    enabled: false
    description: ''
";

const ZED: &str = "// Zed
{
  \"vim_mode\": true,
}
";

const FILES: [(&str, &str); 6] = [
    (".claude.json", CLAUDE),
    (".cursor/mcp.json", CURSOR),
    (".config/Code/User/mcp.json", CODE),
    (".codex/config.toml", CODEX),
    (".config/goose/config.yaml", GOOSE),
    (".config/zed/settings.json", ZED),
];

/// The files, and the programs they name: where installers put them, which is on nobody's PATH.
fn world() -> Home {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    for (path, text) in FILES {
        put(&home, path, text);
    }
    for (program, name) in [("npx", "$2"), ("uvx", "$1")] {
        let script = put(
            &home,
            &format!(".local/bin/{program}"),
            format!("#!/bin/sh\nexec {:?} --name \"{name}\"\n", fake_server()),
        );
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("set");
    }
    home
}

/// The commands, and what they say.
#[test]
fn from_six_clients_to_one_endpoint() {
    let home = world();
    let mut transcript = String::new();
    let mut run = |args: &[&str]| {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.stdout, ran.stderr);
        transcript.push_str(&format!("$ mcp-proxy {}\n", args.join(" ")));
        // What `check` says has tests of its own; so has the reason why a server is switched off.
        let shown = if args == ["check"] { String::new() } else { plain(&home, &(ran.stdout + &ran.stderr)) };
        for line in shown.lines() {
            let line = if line.contains(" switched off: ") { "      switched off: …" } else { line };
            transcript.push_str(&format!("{line}\n"));
        }
    };
    run(&["import"]);
    run(&["check"]);
    run(&["install", "--all"]);
    for (file, before) in FILES {
        // What was there is there still.
        for line in before.lines().filter(|l| l.contains(['#', '/']) || l.contains("npx")) {
            assert!(read(&home, file).contains(line.trim_end_matches('}')), "{file}: {line}");
        }
    }
    snapshot("quick_start", &transcript);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there");
    let shown = readme.split_once("```console\n$ mcp-proxy import\n").and_then(|(_, rest)| rest.split_once("```"));
    let (shown, _) = shown.expect("README.md has a quick start");
    for line in shown.lines().filter(|l| *l != "…") {
        assert!(transcript.lines().any(|l| l == line), "the quick start in README.md says what is not so: {line}");
    }

    // As Cursor starts it, with hardly an environment. This machine may have an npx of its own: not on this PATH.
    let cursor: serde_json::Value = serde_json::from_str(&read(&home, ".cursor/mcp.json")).expect("JSON");
    let entry = &cursor["mcpServers"]["mcp-proxy"];
    let args: Vec<&str> = entry["args"].as_array().expect("a list").iter().filter_map(|a| a.as_str()).collect();
    assert_eq!(args, ["serve", "--stdio"]);
    assert!(entry["command"].as_str().is_some_and(|c| c.starts_with('/') && c.ends_with("/mcp-proxy")));
    let mut command = home.command(&args);
    command.env_remove("XDG_CONFIG_HOME").env("PATH", "/nowhere").env("SHELL", "/bin/false");
    let mut peer = Peer::start(command);
    peer.initialize("2025-11-25", &serde_json::json!({}));
    let names = peer.tool_names();
    for prefix in ["notes__", "git__", "files__"] {
        assert!(names.iter().any(|n| n.starts_with(prefix)), "{prefix}: {names:?}");
    }
    assert!(
        !names.iter().any(|n| n.starts_with("Web-Search__") || n.starts_with("tracker__")),
        "switched off: {names:?}"
    );
    drop(peer);

    let doctor = home.run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let findings = |id: &str| {
        let client = report["clients"].as_array().expect("a list").iter().find(|c| c["id"] == id).expect("here");
        client["findings"].to_string()
    };
    assert!(findings("cursor").contains("it also starts `notes`, `git` itself"), "{}", findings("cursor"));
    assert!(findings("zed").contains("mcp-proxy is in it"), "{}", findings("zed"));

    let gone = home.run(&["uninstall"]);
    assert_eq!(gone.code, Some(0), "{}", gone.stderr);
    for (file, before) in FILES {
        assert_eq!(read(&home, file), before, "{file}: to the byte");
    }
}
