//! Nothing is left behind, however we end and however the servers behave.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::{Home, Peer, eventually, is_alive};

/// A server that will not go, with a child that will not go, beside a good one.
fn stubborn() -> Home {
    let home = Home::new();
    let grandchild = home.path("grandchild");
    let grandchild = grandchild.to_str().expect("plain").to_owned();
    home.fake("a", &["--ignore-eof", "--ignore-term", "--spawn-grandchild", &grandchild]).fake("b", &[])
}

/// All processes behind the proxy.
fn behind(home: &Home, client: &mut Peer) -> Vec<u32> {
    client.call("a__echo", &json!({}));
    client.call("b__echo", &json!({}));
    let grandchild = std::fs::read_to_string(home.path("grandchild")).expect("written before the first answer");
    let mut pids = [home.pids("a"), home.pids("b")].concat();
    pids.push(grandchild.parse().expect("a pid"));
    for pid in &pids {
        assert!(is_alive(*pid), "{pid} runs");
    }
    pids
}

fn all_end(pids: &[u32]) {
    for pid in pids {
        eventually(&format!("the end of {pid}"), || (!is_alive(*pid)).then_some(()));
    }
}

fn ended_by(signal: Signal) -> Option<i32> {
    let home = stubborn();
    let mut client = home.open();
    let pids = behind(&home, &mut client);
    client.signal(signal);
    let code = client.exit_code();
    all_end(&pids);
    code
}

#[test]
fn end_of_stdin_ends_all() {
    let home = stubborn();
    let mut client = home.open();
    let pids = behind(&home, &mut client);
    client.close();
    assert_eq!(client.exit_code(), Some(0), "{}", client.stderr());
    all_end(&pids);
}

#[test]
fn term_ends_all() {
    assert_eq!(ended_by(Signal::TERM), Some(0));
}

#[test]
fn int_ends_all() {
    assert_eq!(ended_by(Signal::INT), Some(0));
}

#[test]
fn hup_ends_all() {
    assert_eq!(ended_by(Signal::HUP), Some(0));
}

#[test]
fn kill_ends_all() {
    assert_eq!(ended_by(Signal::KILL), None);
}

/// Like `npx`: a shell that starts the server, so that the server is a grandchild.
#[test]
fn wrappers_and_what_they_start_end() {
    for signal in [Signal::TERM, Signal::KILL] {
        let script = format!("{} --name w --ignore-eof; true", crate::harness::fake_server());
        let home = Home::new().server("w", "/bin/sh", &["-c".to_owned(), script]);
        let mut client = home.open();
        let who = client.call("w__whoami", &json!({}));
        let pid = u32::try_from(who["structuredContent"]["pid"].as_u64().expect("a pid")).expect("a pid");
        assert!(is_alive(pid));
        client.signal(signal);
        client.exit_code();
        all_end(&[pid]);
    }
}

#[test]
fn server_killed_from_outside_is_started_again() {
    let home = Home::with_fake(&[]);
    let mut client = home.open();
    client.call("a__echo", &json!({}));
    let first = home.pids("a")[0];
    let pid = i32::try_from(first).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::KILL).expect("it runs");
    eventually("the end of the server", || (!is_alive(first)).then_some(()));
    assert_eq!(client.call("a__echo", &json!({"again": 1}))["structuredContent"], json!({"again": 1}));
    assert_eq!(home.pids("a").len(), 2);
}

#[test]
fn environment_is_an_allow_list() {
    let home = Home::with_fake(&[]).and("env: { FROM_CONFIG: \"yes\" }");
    let config = home.config();
    let mut command = home.command(&["serve", "--stdio", "--config", config.to_str().expect("plain")]);
    command.env("PRIVATE_TOKEN", "hunter2").env("LC_TIME", "C");
    let mut client = Peer::start(command);
    client.initialize("2025-11-25", &json!({}));
    let env = client.call("a__whoami", &json!({}))["structuredContent"]["env"].clone();
    assert_eq!(env["FROM_CONFIG"], "yes");
    assert_eq!(env["LC_TIME"], "C");
    assert!(env["HOME"].is_string() && env["PATH"].is_string(), "{env}");
    assert_eq!(env.get("PRIVATE_TOKEN"), None);
}

/// What is remembered of a lazy server is listed without starting it; nobody waits for one that only a person starts.
#[test]
fn lists_start_and_await_nobody_without_need() {
    let home = Home::new().fake("lazy", &[]);
    let mut client = home.open();
    client.tool_names();
    client.close();
    client.exit_code();
    assert_eq!(home.pids("lazy").len(), 1);

    let home = home.and("start: lazy").and("list_wait: 1h");
    let home = home.fake("manual", &[]).and("start: manual").and("list_wait: 1h");
    let mut client = home.open();
    let names = client.tool_names();
    assert!(names.iter().any(|n| n == "lazy__echo"), "{names:?}");
    assert!(names.iter().all(|n| !n.starts_with("manual__")), "{names:?}");
    assert_eq!(home.pids("lazy").len(), 1, "not started for a list");
    assert_eq!(client.call("lazy__echo", &json!({}))["_meta"]["by"], "lazy");
    assert_eq!(home.pids("lazy").len(), 2);
}

#[test]
fn lazy_and_manual_servers_start_when_they_are_wanted() {
    let home = Home::new().fake("lazy", &[]).and("start: lazy").fake("manual", &[]).and("start: manual").fake("a", &[]);
    let mut client = home.open();
    client.call("a__echo", &json!({}));
    assert!(home.pids("manual").is_empty());
    assert_eq!(client.call("lazy__echo", &json!({}))["_meta"]["by"], "lazy");
    let error = client.refusal("tools/call", &json!({"name": "manual__echo", "arguments": {}}));
    assert!(error["message"].as_str().is_some_and(|m| m.contains("`manual`")), "{error}");
    assert!(home.pids("manual").is_empty());
}

/// A server of which several are at work for many clients does not interrupt who runs; one that a single client waits for does.
#[cfg(target_os = "linux")]
#[test]
fn instances_beside_the_base_one_interrupt_nobody() {
    use crate::harness::scheduling;
    let home = Home::with_fake(&[]);
    let web = home.web();
    let mut plain = web.open("2025-11-25", &json!({}));
    plain.call("a__echo", &json!({}));
    let mut asked = web.open("2025-11-25", &json!({"elicitation": {}}));
    asked.call("a__echo", &json!({}));
    let pids = home.pids("a");
    assert_eq!(pids.len(), 2);
    let (usual, batch) = ((0, 0), (3, 0));
    let own = scheduling(web.process.pid());
    // Who runs these tests may have chosen something else for all of us, or filter what we ask the system for.
    let status = std::fs::read_to_string("/proc/self/status").expect("the system says");
    let is_free = status.lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('0'));
    let expected = if own == usual && is_free { [usual, batch] } else { [own, own] };
    assert_eq!([scheduling(pids[0]), scheduling(pids[1])], expected);
}
