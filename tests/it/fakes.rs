//! The scripted server itself, without a proxy: what the other tests rely on.

use std::process::Command;

use serde_json::json;

use crate::harness::{Home, Peer, eventually, fake_server, is_alive};

#[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
fn fake(flags: &[&str]) -> Peer {
    let mut command = Command::new(fake_server());
    command.args(flags);
    Peer::start(command)
}

#[test]
fn arguments_are_answered_as_they_were_written() {
    let mut peer = fake(&["--id-last"]);
    peer.initialize("2025-11-25", &json!({}));
    peer.send(r#"{"jsonrpc":"2.0","id":1e0,"method":"tools/call","params":{"name":"echo","arguments":{ "z":1.50, "a":1e2 }}}"#);
    let answer = peer.wait_for("an answer", |l| l.get("result").is_some());
    assert_eq!(
        answer.raw,
        r#"{"result":{"content":[],"structuredContent":{ "z":1.50, "a":1e2 },"_meta":{"by":"fake"}},"jsonrpc":"2.0","id":1e0}"#
    );
}

#[test]
fn question_and_answer() {
    let mut peer = fake(&[]);
    peer.initialize("2025-11-25", &json!({"elicitation": {}}));
    let call = peer.ask("tools/call", &json!({"name": "elicit"}));
    let question = peer.question("elicitation/create");
    assert_eq!(question.json["id"], 0);
    peer.reply(&question, &json!({"action": "accept", "content": {"name": "Ada"}}));
    let answer = peer.answer(&call);
    assert_eq!(answer.json["result"]["structuredContent"]["answer"]["content"]["name"], "Ada");
}

#[test]
fn pages_come_to_an_end_unless_they_must_not() {
    for (flags, endless) in [(&["--page", "5"][..], false), (&["--page", "5", "--endless-cursor"], true)] {
        let mut peer = fake(flags);
        let first = peer.request("tools/list", &json!({}));
        assert_eq!(first["tools"].as_array().map(Vec::len), Some(5));
        let mut cursor = first["nextCursor"].clone();
        for _ in 0..10 {
            if cursor.is_null() {
                break;
            }
            cursor = peer.request("tools/list", &json!({"cursor": cursor}))["nextCursor"].clone();
        }
        assert_eq!(!cursor.is_null(), endless);
    }
}

#[test]
fn eras() {
    let modern = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}});
    assert_eq!(fake(&[]).refusal("server/discover", &modern)["code"], -32601);
    assert_eq!(fake(&["--supported-only", "2025-11-25"]).refusal("server/discover", &modern)["code"], -32022);
    let mut peer = fake(&["--era", "modern"]);
    assert_eq!(peer.request("server/discover", &modern)["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(peer.refusal("initialize", &json!({}))["code"], -32022);
    let mut dead = fake(&["--die-on-discover"]);
    dead.ask("server/discover", &modern);
    assert_eq!(dead.exit_code(), Some(1));
}

#[test]
fn ignores_what_it_is_told_to_ignore() {
    let home = Home::new();
    let pids = home.path("pids");
    let grandchild = home.path("grandchild");
    let (pids_text, grandchild_text) = (pids.to_str().expect("plain"), grandchild.to_str().expect("plain"));
    let mut peer =
        fake(&["--ignore-eof", "--ignore-term", "--pid-file", pids_text, "--spawn-grandchild", grandchild_text]);
    peer.request("ping", &json!({}));
    peer.signal(rustix::process::Signal::TERM);
    assert_eq!(peer.request("ping", &json!({})), json!({}));
    peer.close();
    let grandchild: u32 =
        eventually("the pid", || std::fs::read_to_string(&grandchild).ok().and_then(|t| t.parse().ok()));
    assert!(is_alive(peer.pid()) && is_alive(grandchild));
    peer.signal(rustix::process::Signal::KILL);
    assert_eq!(peer.exit_code(), None);
    assert!(!is_alive(peer.pid()) && is_alive(grandchild));
    let pid = i32::try_from(grandchild).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
    eventually("the end of the grandchild", || (!is_alive(grandchild)).then_some(()));
}

#[test]
fn record_has_every_byte() {
    let home = Home::new();
    let record = home.path("a.record");
    let mut peer = fake(&["--record", record.to_str().expect("plain")]);
    let line = r#"{"id" : 1,"jsonrpc":"2.0", "method":"ping"}"#;
    peer.send(line);
    peer.answer("1");
    assert_eq!(home.received("a"), [line]);
}
