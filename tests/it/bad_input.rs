//! Bad input: a clear error, nothing lost, nobody else disturbed.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::harness::{Home, Peer, Running};

/// The proxy still does its work.
fn works(client: &mut Peer) {
    assert_eq!(client.call("a__echo", &json!({"still": true}))["structuredContent"], json!({"still": true}));
}

fn next_error(client: &mut Peer) -> serde_json::Value {
    client.wait_for("an error", |l| l.get("error").is_some()).json
}

/// Edge case 4.
/// Edge case 39, its nested body.
#[test]
fn lines_that_are_no_messages() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let deep = "[".repeat(200_000);
    let nested =
        format!(r#"{{"jsonrpc":"2.0","id":5,"method":"ping","params":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for (line, code) in [
        (&b"hello"[..], -32700),
        (b"{\"jsonrpc\":\"2.0\",", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", -32700),
        (deep.as_bytes(), -32600),
        (nested.as_bytes(), -32600),
        (b"17", -32600),
        (b"{}", -32600),
        (b"{\"id\":1,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"method\":\"tools/list\"}", -32600),
    ] {
        client.send_bytes(line);
        let error = next_error(&mut client);
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        assert_eq!(error["error"]["code"], code, "{shown}: {error}");
        // Clients refuse `"id":null`: the member is left out where the id cannot be read.
        assert_ne!(error.get("id"), Some(&serde_json::Value::Null), "{shown}");
    }
    // Where it can be read, it is there.
    client.send(r#"{"id":"mine","method":"ping"}"#);
    let error = next_error(&mut client);
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!("mine"), &json!(-32600)), "{error}");
    for empty in ["", "   ", "\t"] {
        client.send(empty);
    }
    works(&mut client);
}

/// Edge case 39, its long line.
#[test]
fn line_that_is_too_long_is_skipped() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let long = "x".repeat(17 << 20);
    client.send(&format!(r#"{{"jsonrpc":"2.0","id":"long","method":"tools/call","params":{{"name":"a__echo","arguments":{{"t":"{long}"}}}}}}"#));
    let error = next_error(&mut client);
    assert!(error["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{error}");
    works(&mut client);
}

#[test]
fn answer_that_is_too_long_costs_its_call_only() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let error = client.refusal("tools/call", &json!({"name": "a__big", "arguments": {"bytes": 17 << 20}}));
    assert!(error["message"].as_str().is_some_and(|m| m.contains("`a`")), "{error}");
    works(&mut client);
}

#[test]
fn requests_nobody_can_answer() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    assert_eq!(client.refusal("no/such/method", &json!({}))["code"], -32601);
    let unknown = client.refusal("tools/call", &json!({"name": "nothing", "arguments": {}}));
    assert_eq!(unknown["code"], -32602);
    assert!(unknown["message"].as_str().is_some_and(|m| m.contains("nothing")), "{unknown}");
    assert_eq!(client.refusal("tools/call", &json!({}))["code"], -32602);
    assert_eq!(client.refusal("prompts/get", &json!({"name": "nothing"}))["code"], -32602);
    assert_eq!(client.refusal("resources/read", &json!({"uri": "no://where"}))["code"], -32002);
    assert_eq!(client.refusal("tools/list", &json!({"cursor": "not ours"}))["code"], -32602);
    client.notify("notifications/no/such", &json!({}));
    client.notify("notifications/cancelled", &json!({"requestId": "never used"}));
    client.send(r#"{"jsonrpc":"2.0","id":4242,"result":{}}"#);
    client.send(r#"{"jsonrpc":"2.0","id":"4242","error":{"code":1,"message":"m"}}"#);
    works(&mut client);
    assert_eq!(client.left_over().len(), 0);
}

#[test]
fn talk_must_be_opened_once() {
    let home = Home::with_fake(&[]);
    let mut client = home.serve();
    assert_eq!(client.request("ping", &json!({})), json!({}));
    let early = client.refusal("tools/call", &json!({"name": "a__echo"}));
    assert_eq!(early["code"], -32602);
    assert!(early["message"].as_str().is_some_and(|m| m.contains("initialize")), "{early}");
    client.initialize("2025-11-25", &json!({}));
    let again = client.refusal(
        "initialize",
        &json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"}}),
    );
    assert_eq!(again["code"], -32600);
    works(&mut client);
}

#[test]
fn id_in_flight_cannot_be_used_again() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    let wait = r#"{"jsonrpc":"2.0","id":"same","method":"tools/call","params":{"name":"a__wait","arguments":{}}}"#;
    client.send(wait);
    client.send(wait);
    let refused = client.answer("\"same\"");
    assert_eq!(refused.json["error"]["code"], -32600, "{}", refused.raw);
    client.call("a__release", &json!({}));
    assert_eq!(client.answer("\"same\"").json["result"]["content"][0]["text"], "released");
}

#[test]
fn server_that_answers_too_much() {
    let home = Home::with_fake(&["--junk-stdout", "20"]);
    let mut client = home.open();
    assert_eq!(client.call("a__twice", &json!({}))["content"][0]["text"], "first");
    assert_eq!(client.call("a__stray", &json!({}))["content"][0]["text"], "own");
    for line in
        ["", "no json", "{\"jsonrpc\":\"2.0\"}", "[]", "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", "\u{1b}[2J"]
    {
        client.call("a__raw", &json!({ "line": line }));
    }
    works(&mut client);
    assert_eq!(client.left_over().len(), 0);
}

#[test]
fn server_that_never_answers_is_given_up() {
    let home = Home::with_fake(&[]).and("timeout: 300ms");
    let mut client = home.open();
    let error = client.refusal("tools/call", &json!({"name": "a__never", "arguments": {}}));
    assert!(error["message"].as_str().is_some_and(|m| m.contains("`a`")), "{error}");
    works(&mut client);
    assert_eq!(home.received_of("a", "notifications/cancelled").len(), 1);
}

#[test]
fn server_that_dies_in_a_call_costs_that_call() {
    let home = Home::new().fake("a", &[]).fake("b", &[]);
    let mut client = home.open();
    client.tool_names();
    let waiting = client.ask("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    let error = client.refusal("tools/call", &json!({"name": "b__die", "arguments": {"code": 7}}));
    assert_eq!(error["code"], -32603);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("`b`")), "{error}");
    client.call("a__release", &json!({}));
    assert_eq!(client.answer(&waiting).json["result"]["content"][0]["text"], "released");
    // A call wakes it, whatever it waits for.
    assert_eq!(client.call("b__echo", &json!({}))["_meta"]["by"], "b");
    assert_eq!(home.pids("b").len(), 2);
}

#[test]
fn server_that_cannot_start_costs_its_own_tools() {
    let home = Home::new()
        .fake("a", &[])
        .fake("dead", &["--exit", "9"])
        .server("missing", "no-such-program", &[])
        .fake("mute", &["--silent"])
        .and("startup_timeout: 500ms")
        .and("list_wait: 200ms");
    let mut client = home.open();
    let names = client.tool_names();
    assert!(names.iter().all(|n| n.starts_with("a__")), "{names:?}");
    let error = client.refusal("tools/call", &json!({"name": "dead__echo", "arguments": {}}));
    assert_eq!(error["code"], -32603);
    assert!(error.to_string().contains("cannot go on"), "the last line of its stderr: {error}");
    let error = client.refusal("tools/call", &json!({"name": "missing__echo", "arguments": {}}));
    assert!(error["message"].as_str().is_some_and(|m| m.contains("no-such-program")), "{error}");
    works(&mut client);
}

#[test]
fn floods_disturb_nobody() {
    let home = Home::new().fake("loud", &["--flood-stderr", "20000"]).fake("a", &[]);
    let mut client = home.open();
    works(&mut client);
    assert_eq!(client.call("loud__echo", &json!({}))["_meta"]["by"], "loud");
}

#[test]
fn client_that_stops_reading_can_be_ended() {
    let home = Home::with_fake(&["--big", "1000000"]);
    let config = home.config();
    let mut command = home.command(&["serve", "--stdio", "--config", config.to_str().expect("plain")]);
    // Its stdout is a pipe nobody reads.
    let (unread, stdout) = std::io::pipe().expect("a pipe");
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(stdout).spawn().expect("the binary starts");
    drop(command);
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        let opened = concat!(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#,
            "\n",
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            "\n"
        );
        let mut sent = stdin.write_all(opened.as_bytes());
        for n in 1..200 {
            sent = sent.and_then(|()| {
                writeln!(stdin, r#"{{"jsonrpc":"2.0","id":{n},"method":"tools/call","params":{{"name":"a__big","arguments":{{}}}}}}"#)
            });
        }
        sent
    });
    crate::harness::eventually("calls at the server", || (home.received_of("a", "tools/call").len() > 2).then_some(()));
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    crate::harness::eventually("its end", || child.try_wait().expect("our child"));
    drop(unread);
    // It may have been cut off by the end: that it came to an end is what counts.
    let _ = writer.join().expect("no panic");
    crate::harness::eventually("the end of the server", || {
        home.pids("a").into_iter().all(|p| !crate::harness::is_alive(p)).then_some(())
    });
}

fn serve_config(home: &Home, path: &str) -> Running {
    Running::to_end(home.command(&["serve", "--stdio", "--config", path]))
}

#[test]
fn configurations_that_are_none() {
    let home = Home::new();
    let folder = home.path("folder.yaml");
    fs::create_dir(&folder).expect("a folder");
    let missing = home.path("missing.yaml");
    let empty = home.path("empty.yaml");
    fs::write(&empty, "").expect("written");
    let huge = home.path("huge.yaml");
    fs::File::create(&huge).and_then(|f| f.set_len(1 << 30)).expect("a file with a hole");
    let cyclic = home.path("cyclic.yaml");
    fs::write(&cyclic, "version: 1\nservers: &s\n  a: { command: x, env: *s }\n").expect("written");
    let laughs = home.path("laughs.yaml");
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    }
    fs::write(&laughs, text).expect("written");
    let binary = home.path("binary.yaml");
    fs::write(&binary, b"\xff\xfe\x00servers").expect("written");
    for path in [&folder, &missing, &huge, &cyclic, &laughs, &binary] {
        let path = path.to_str().expect("plain");
        let ended = serve_config(&home, path);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{path}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error"), "{path}: {}", ended.stderr);
        let checked = home.run(&["check", "--config", path]);
        assert!(matches!(checked.code, Some(1 | 2)), "{path}: {checked:?}");
    }
    // Nothing in it is not wrong, but says that there are no servers.
    let checked = home.run(&["check", "--config", empty.to_str().expect("plain")]);
    assert!(matches!(checked.code, Some(0..=2)), "{checked:?}");
}

#[test]
fn unreadable_configuration() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::with_fake(&[]);
    let config = home.config();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).expect("ours");
    if fs::read(&config).is_ok() {
        // Whoever runs this may read everything.
        return;
    }
    let ended = serve_config(&home, config.to_str().expect("plain"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("ermission"), "{}", ended.stderr);
}

#[test]
fn secrets_are_not_in_errors() {
    let home = Home::with_fake(&[]).and("env: { API_KEY: \"${FAKE_SECRET}\" }").and("starts: eagerly");
    let config = home.config();
    let mut command: Command = home.command(&["check", "--config", config.to_str().expect("plain")]);
    command.env("FAKE_SECRET", "hunter2-hunter2");
    let ended = Running::to_end(command);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("starts"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
