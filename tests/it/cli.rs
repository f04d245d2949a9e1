//! The command line: what it prints, where, and how it ends.

use crate::harness::Home;

#[test]
fn bare_call_prints_help() {
    let ended = Home::new().run(&[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("Usage: mcp-proxy"), "{}", ended.stderr);
}

#[test]
fn serve_without_configuration_names_init() {
    let ended = Home::new().run(&["serve", "--stdio"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.starts_with("error: no configuration found"), "{}", ended.stderr);
    assert!(ended.stderr.contains("mcp-proxy init"), "{}", ended.stderr);
}

#[test]
fn init_writes_what_check_accepts_and_never_twice() {
    let home = Home::new();
    let ended = home.run(&["init"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let path = home.path("home/.config/mcp-proxy/config.yaml");
    assert!(ended.stdout.contains(path.to_str().expect("plain")), "{}", ended.stdout);
    let checked = home.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);

    std::fs::write(&path, "mine").expect("written");
    assert_eq!(home.run(&["init"]).code, Some(2));
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "mine");
    assert_eq!(home.run(&["init", "--force"]).code, Some(0));
    assert_ne!(std::fs::read_to_string(&path).expect("there"), "mine");
}

#[test]
fn list_servers_waits_for_none() {
    // This one never answers: who waited for it would wait for long.
    let home = Home::with_fake(&["--silent"]);
    let config = home.config();
    let ended = home.run(&["list", "servers", "--config", config.to_str().expect("plain")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("stdio"), "{}", ended.stdout);
    assert!(home.pids("a").is_empty(), "no server is started");
}

#[test]
fn commands_without_configuration_use_the_demo_and_say_so() {
    let home = Home::new();
    let listed = home.run(&["list", "tools"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stderr.contains("built-in demo"), "{}", listed.stderr);
    assert!(listed.stdout.contains("tools__add"), "{}", listed.stdout);

    let added = home.run(&["call", "tools__add", "a=1", "b=2", "--json"]);
    let result: serde_json::Value = serde_json::from_str(&added.stdout).expect("JSON");
    assert_eq!(result["structuredContent"]["sum"], 3.0);

    let text = home.run(&["call", "tools__echo", "text=12"]);
    assert_eq!((text.code, text.stdout.as_str()), (Some(0), "12\n"));
    let read = home.run(&["read", "library://books/moby-dick"]);
    assert!(read.stdout.ends_with("Call me Ishmael."), "{}", read.stdout);
}

#[test]
fn binary_resource_is_written_as_bytes() {
    let home = Home::new();
    let mut command = home.command(&["read", "library://cover"]);
    let output = command.output().expect("the binary starts");
    assert!(output.stdout.starts_with(b"\x89PNG"), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn errors_end_with_1_and_wrong_use_with_2() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let run = |args: &[&str]| home.run(&[args, &["--config", config.to_str().expect("plain")]].concat());
    let failed = run(&["call", "a__fail"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(1), "it failed\n"));
    let unknown = run(&["call", "a__nothing"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("a__nothing"), "{}", unknown.stderr);
    assert_eq!(run(&["call", "a__echo", "novalue"]).code, Some(2));
    assert_eq!(run(&["call", "a__echo", "--args", "[]"]).code, Some(2));
    let late = run(&["call", "a__never", "--timeout", "100ms"]);
    assert_eq!(late.code, Some(1));
    assert!(late.stderr.contains("--timeout"), "{}", late.stderr);
}

#[test]
fn tui_needs_a_terminal() {
    let ended = Home::new().run(&["tui"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("terminal"), "{}", ended.stderr);
}
