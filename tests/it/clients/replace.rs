//! `install --replace`: a client loses no server that mcp-proxy does not give it, and gets its own back.

use super::{put, read};
use crate::harness::Home;

const CURSOR: &str = ".cursor/mcp.json";
const OURS: &str = ".config/mcp-proxy/config.yaml";

fn world(servers: &str, cursor: &str) -> Home {
    let home = Home::new();
    let head = "version: 1\nproxy: { env: { path_from_login_shell: false } }\n";
    put(&home, OURS, format!("{head}{servers}"));
    put(&home, CURSOR, cursor);
    home
}

/// The servers in the client's file.
fn names(home: &Home) -> String {
    let tree: serde_json::Value = serde_json::from_str(&read(home, CURSOR)).expect("JSON");
    let names: Vec<&str> = tree["mcpServers"].as_object().expect("a map").keys().map(String::as_str).collect();
    names.join(" ")
}

#[test]
fn another_account_is_another_server_and_stays() {
    let home = world(
        "servers: { mail: { command: mail-mcp, env: { ACCOUNT: work } }, off: { command: off-mcp, enabled: no } }\n",
        r#"{"mcpServers": {"mail": {"command": "mail-mcp", "env": {"ACCOUNT": "home"}}, "off": {"command": "off-mcp"}}}"#,
    );
    let told = home.run(&["install", "cursor"]);
    assert!(!told.stderr.contains("--replace"), "{}", told.stderr);
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("mcp-proxy is in it") && !doctor.contains("--replace"), "{doctor}");
    let ran = home.run(&["install", "--replace", "cursor"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("Cursor keeps `mail`: mcp-proxy gives it another `env`"), "{}", ran.stderr);
    assert_eq!(names(&home), "mail off mcp-proxy");
}

#[test]
fn an_entry_of_ours_goes_on_as_its_owner_chose() {
    let home = world(
        "servers: { a: { command: a-mcp }, b: { command: b-mcp } }\nprofiles: { some: { servers: [a] } }\n",
        r#"{"mcpServers": {"a": {"command": "a-mcp"}, "b": {"command": "b-mcp"}}}"#,
    );
    assert_eq!(home.run(&["install", "cursor", "--profile", "some"]).code, Some(0));
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("it also starts `a` itself"), "{doctor}");
    // What `doctor` says to do.
    let ran = home.run(&["install", "--replace", "cursor"]);
    assert!(ran.stderr.contains("keeps `b`: mcp-proxy does not show all of it"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(names(&home), "b mcp-proxy");
    assert!(read(&home, CURSOR).contains("\"some\""), "{}", read(&home, CURSOR));
    assert!(!home.run(&["doctor"]).stdout.contains("--replace"));
    // So do its address and its configuration.
    let other = put(&home, "other.yaml", "servers: { b: { command: b-mcp } }\n");
    for (typed, kept) in [
        (&["--url", "https://elsewhere/mcp"][..], "https://elsewhere/mcp"),
        (&["--config", other.to_str().expect("text")], "other.yaml"),
    ] {
        assert_eq!(home.run(&["uninstall", "cursor"]).code, Some(0));
        assert_eq!(names(&home), "a b");
        assert_eq!(home.run(&[&["install", "cursor"], typed].concat()).code, Some(0));
        assert_eq!(home.run(&["install", "--replace", "cursor"]).code, Some(0));
        assert!(read(&home, CURSOR).contains(kept), "{}", read(&home, CURSOR));
        assert_eq!(names(&home), "a b mcp-proxy");
    }
}

#[test]
fn whose_file_was_written_since_gets_its_servers_back() {
    let home = world(
        "servers: { a: { command: a-mcp }, b: { command: b-mcp } }\n",
        r#"{"mcpServers": {"a": {"command": "a-mcp"}, "b": {"command": "b-mcp"}}}"#,
    );
    assert_eq!(home.run(&["install", "--replace", "cursor"]).code, Some(0));
    assert_eq!(names(&home), "mcp-proxy");
    // The client writes it anew, and its owner another `b`; ours is brought up to date.
    let now = read(&home, CURSOR).replace("\"serve\"", "\"serve\", \"--old\"");
    let now =
        now.replacen("\"mcpServers\": {", "\"theirs\": 1, \"mcpServers\": {\"b\": {\"command\": \"new-mcp\"}, ", 1);
    put(&home, CURSOR, &now);
    assert_eq!(home.run(&["install", "cursor"]).code, Some(0));
    put(&home, CURSOR, read(&home, CURSOR).replace("\"theirs\": 1", "\"theirs\": 2"));
    let ran = home.run(&["uninstall", "cursor"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("which has `a` again"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(names(&home), "b a");
    let now = read(&home, CURSOR);
    assert!(now.contains("\"theirs\": 2") && now.contains("a-mcp") && now.contains("new-mcp"), "{now}");
    // Once: what its owner takes out after that stays out.
    put(&home, CURSOR, r#"{"mcpServers": {}}"#);
    assert_eq!(home.run(&["install", "cursor"]).code, Some(0));
    put(&home, CURSOR, read(&home, CURSOR).replacen('{', "{\"theirs\": 3, ", 1));
    assert_eq!(home.run(&["uninstall", "cursor"]).code, Some(0));
    assert_eq!(names(&home), "");
}
