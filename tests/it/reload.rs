//! The configuration changes while clients are connected; engines are found, asked, reloaded and watched from outside.

use std::fs;
use std::path::Path;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Home, Peer, Running, eventually, is_alive};

/// Takes the server's line `start` out of the configuration and puts others in its place, the way editors do it.
fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = change(fs::read_to_string(path).expect("the configuration"));
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).expect("written");
    fs::rename(fresh, path).expect("renamed");
}

/// The configuration with more lines for the server named last.
fn and(more: &'static str) -> impl FnOnce(String) -> String {
    move |text| format!("{text}    {more}\n")
}

/// What `status --json` says of the engines that run.
fn status(home: &Home) -> Vec<Value> {
    let run = home.run(&["status", "--json"]);
    if run.code == Some(1) {
        return Vec::new();
    }
    let all: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {run:?}"));
    all.as_array().expect("a list").clone()
}

/// The one engine that runs, once it is as wanted.
fn engine(home: &Home, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        let all = status(home);
        let [one] = &all[..] else { return None };
        wanted(one).then(|| one.clone())
    })
}

fn ok(run: &Running) -> &Running {
    assert_eq!(run.code, Some(0), "{run:?}");
    run
}

#[test]
fn a_saved_file_takes_effect_without_touching_what_it_does_not_concern() {
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    assert!(peer.tool_names().contains(&"a__echo".to_owned()));
    let waiting = peer.ask("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    engine(&home, "the call", |e| e["in_flight"] == 1);
    let path = home.path("config.yaml");
    edit(&path, and("tools: { deny: [echo] }"));
    peer.wait_for("the word that the list has changed", |l| l["method"] == "notifications/tools/list_changed");
    assert!(!peer.tool_names().contains(&"a__echo".to_owned()));
    // The same process answers what was under way.
    peer.call("a__release", &json!({}));
    assert!(peer.answer(&waiting).json["result"].is_object());
    assert_eq!(home.pids("a").len(), 1);
    assert!(peer.left_over().iter().all(|l| l.json["method"] != "notifications/tools/list_changed"));
}

#[test]
fn reload_says_what_it_did_and_what_is_wrong() {
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    peer.tool_names();
    let path = home.path("config.yaml");
    let unchanged = home.run(&["reload"]);
    assert!(ok(&unchanged).stdout.contains("nothing has changed"), "{unchanged:?}");

    let fresh = format!("{}    env: {{ MARK: one }}\n", fs::read_to_string(&path).expect("there"));
    fs::write(&path, &fresh).expect("written");
    let reloaded = home.run(&["reload", "--json"]);
    let reports: Value = serde_json::from_str(&ok(&reloaded).stdout).expect("JSON");
    // The watcher may have been faster.
    let outcome = reports[0]["outcome"].as_str().expect("an outcome").to_owned();
    assert!(["applied", "unchanged"].contains(&outcome.as_str()), "{reports}");
    eventually("another process", || (home.pids("a").len() == 2).then_some(()));
    engine(&home, "it is ready", |e| e["servers"][0]["state"] == "ready");

    // What is wrong is told, shown and logged; what was there before goes on.
    fs::write(&path, fresh.replace("command:", "comand:")).expect("written");
    let refused = home.run(&["reload"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("comand") && refused.stderr.contains("config.yaml"), "{}", refused.stderr);
    let seen = engine(&home, "it is told", |e| e["config_error"].is_string());
    assert!(seen["config_error"].as_str().is_some_and(|w| w.contains("comand")), "{seen}");
    assert!(home.run(&["status"]).stdout.contains("refused"));
    eventually("a line in the log", || peer.stderr().contains("was not reloaded").then_some(()));
    assert!(peer.tool_names().contains(&"a__echo".to_owned()));
    assert_eq!(home.pids("a").len(), 2);

    // Gone altogether is no different; and back again is well.
    fs::remove_file(&path).expect("removed");
    assert_eq!(home.run(&["reload"]).code, Some(2));
    fs::write(&path, &fresh).expect("written");
    ok(&home.run(&["reload"]));
    engine(&home, "all is well", |e| e["config_error"].is_null());
    assert_eq!(home.pids("a").len(), 2, "the same as what runs already");
}

#[test]
fn a_file_that_cannot_be_read_changes_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    if rustix::process::geteuid().is_root() {
        // Root reads everything.
        return;
    }
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    let path = home.path("config.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("ours");
    assert_eq!(home.run(&["reload"]).code, Some(2));
    assert!(peer.tool_names().contains(&"a__echo".to_owned()));
}

#[test]
fn diff_shows_what_would_be_and_does_nothing() {
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    peer.tool_names();
    peer.ask("tools/call", &json!({"name": "a__never", "arguments": {}}));
    engine(&home, "the call", |e| e["in_flight"] == 1);
    let text = fs::read_to_string(home.path("config.yaml")).expect("there");
    let other = home.path("other.yaml");
    fs::write(&other, format!("{text}    env: {{ A: b }}\n  b: {{ command: x }}\n").replace("name: test", "name: new"))
        .expect("written");
    let (config, other) = (home.path("config.yaml"), other.to_str().expect("plain").to_owned());
    let config = config.to_str().expect("plain");
    let shown = home.run(&["diff", &other, "--config", config]);
    for part in ["1 added, 1 restarted", "env; 1 call in flight would end with the old one", "at once", "proxy.name"] {
        assert!(ok(&shown).stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let json: Value =
        serde_json::from_str(&home.run(&["diff", &other, "--json", "--config", config]).stdout).expect("JSON");
    assert_eq!(
        json[0]["plan"]["servers"][0],
        json!({"name": "a", "step": "restarted", "keys": ["env"], "n_draining": 1})
    );
    assert_eq!(home.pids("a").len(), 1);
    // Without an engine, file against file.
    drop(peer);
    eventually("its end", || status(&home).is_empty().then_some(()));
    let shown = home.run(&["diff", &other, "--config", config]);
    assert!(ok(&shown).stdout.contains("no engine runs with it") && shown.stdout.contains("restarted"), "{shown:?}");
    fs::write(&other, "servers: 7").expect("written");
    assert_eq!(home.run(&["diff", &other, "--config", config]).code, Some(2));
    assert_eq!(home.run(&["diff", "--config", config]).code, Some(1), "nothing to compare with");
}

#[test]
fn engines_stand_side_by_side_and_leave_nothing_behind() {
    let home = Home::with_fake(&[]);
    assert_eq!(home.run(&["status"]).code, Some(1));
    assert!(home.run(&["reload"]).stderr.contains("no mcp-proxy is running"));
    let first = home.open();
    let mut second = home.web();
    let faces = |all: &[Value]| all.iter().filter_map(|e| e["face"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    eventually("both", || (faces(&status(&home)) == ["stdio", "http"]).then_some(()));
    let pid = first.pid().to_string();
    let one: Value = serde_json::from_str(&home.run(&["status", "--json", "--pid", &pid]).stdout).expect("JSON");
    assert_eq!((one.as_array().map(Vec::len), &one[0]["pid"]), (Some(1), &json!(first.pid())));
    assert_eq!((&one[0]["clients"][0]["via"], &one[0]["servers"][0]["name"]), (&json!("stdio"), &json!("a")));
    let shown = home.run(&["status"]).stdout;
    assert!(shown.matches("mcp-proxy ").count() == 2 && shown.contains("SERVER"), "{shown}");
    let elsewhere = home.run(&["status", "--config", "/nowhere.yaml"]);
    assert!(elsewhere.code == Some(1) && elsewhere.stderr.contains(&pid), "{elsewhere:?}");
    // One is killed, and its socket stays; who looks takes it away.
    let sockets = || fs::read_dir(home.path("run/mcp-proxy")).map_or(0, Iterator::count);
    assert_eq!(sockets(), 2);
    first.signal(Signal::KILL);
    eventually("one", || (faces(&status(&home)) == ["http"] && sockets() == 1).then_some(()));
    second.process.signal(Signal::TERM);
    assert_eq!(second.process.exit_code(), Some(0));
    assert_eq!(sockets(), 0);
}

#[test]
fn hup_reloads_who_serves_http_and_ends_who_has_a_client() {
    let home = Home::with_fake(&[]);
    let mut web = home.web();
    engine(&home, "it is ready", |e| e["servers"][0]["state"] == "ready");
    fs::write(home.path("config.yaml"), "servers: [").expect("written");
    web.process.signal(Signal::HUP);
    eventually("what is wrong is told", || web.process.stderr().contains("was not reloaded").then_some(()));
    assert!(is_alive(web.process.pid()));
    web.process.signal(Signal::TERM);
    assert_eq!(web.process.exit_code(), Some(0));
    let mut peer = home.open();
    peer.signal(Signal::HUP);
    assert_eq!(peer.exit_code(), Some(0));
}

#[test]
fn traffic_is_printed_as_it_comes() {
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    peer.tool_names();
    peer.call("a__fail", &json!({}));
    let mut failing = Peer::start(home.command(&["tail", "--json", "--filter", "~e | ~m ping", "-n", "100"]));
    let line = failing.wait_for("the call that failed", |l| l["target"] == "a__fail");
    assert_eq!(
        (&line.json["status"], &line.json["server"], &line.json["is_error"]),
        (&json!("tool error"), &json!("a"), &json!(true))
    );
    let mut all = Peer::start(home.command(&["tail", "--json"]));
    // Until it listens; what does not pass is not printed.
    eventually("it listens", || {
        peer.call("a__echo", &json!({}));
        all.has(|l| l["target"] == "a__echo").then_some(())
    });
    let waiting = peer.ask("tools/call", &json!({"name": "a__wait", "arguments": {}}));
    peer.call("a__release", &json!({}));
    peer.answer(&waiting);
    let line = all.wait_for("a call that took its time", |l| l["target"] == "a__wait");
    assert_eq!((&line.json["status"], &line.json["kind"]), (&json!("ok"), &json!("call")));
    peer.call("a__fail", &json!({}));
    let line = failing.wait_for("the next one that failed", |l| l["status"] != "ok");
    assert_eq!(line.json["target"], "a__fail");
    // It ends with the engine.
    drop(peer);
    assert_eq!(all.exit_code(), Some(0));

    let wrong = home.run(&["tail", "--filter", "~be ~e"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("~be ~e\n             ^ `~be` wants a name"), "{}", wrong.stderr);
}

#[test]
fn many_saves_and_calls_at_the_same_time() {
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    peer.tool_names();
    let path = home.path("config.yaml");
    let text = fs::read_to_string(&path).expect("there");
    let (writing, original) = (path.clone(), text.clone());
    // In place, by renaming over, cut off in the middle: whatever comes to mind.
    let writer = thread::spawn(move || {
        for i in 0..300 {
            let text = format!("{original}    timeout: {}s\n", 10 + i);
            match i % 3 {
                0 => fs::write(&writing, &text).expect("written"),
                1 => fs::write(&writing, &text[..text.len() / 2]).expect("written"),
                _ => edit(&writing, |_| text),
            }
        }
    });
    let mut n = 0;
    while !writer.is_finished() || n < 50 {
        peer.call("a__echo", &json!({ "n": n }));
        n += 1;
    }
    writer.join().expect("no panic");
    fs::write(&path, format!("{text}    prefix: last\n")).expect("written");
    ok(&home.run(&["reload"]));
    eventually("the last one is in force", || peer.tool_names().contains(&"last__echo".to_owned()).then_some(()));
    assert_eq!(home.pids("a").len(), 1, "never restarted");
}
