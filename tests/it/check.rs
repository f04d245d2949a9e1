//! `check` and `secret` as they are typed.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Home, Running, Screen, fake_server, snapshot};

const SECRET: &str = "ghp_hunter2hunter2hunter2";

fn check(home: &Home, args: &[&str]) -> Running {
    let config = home.path("config.yaml");
    home.run(&[&["check", "--config", config.to_str().expect("plain")], args].concat())
}

/// Runs `secret` with something on stdin.
fn secret(home: &Home, args: &[&str], input: &str) -> Running {
    let config = home.path("config.yaml");
    let mut command = home.command(&[&["secret", "--config", config.to_str().expect("plain")], args].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("read");
    Running::of(child.wait_with_output().expect("it ends"))
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn schema_explain_and_formats() {
    let home = Home::new();
    let schema: Value = serde_json::from_str(&home.run(&["schema"]).stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let explained = home.run(&["check", "--explain", "mp104"]);
    assert_eq!(explained.code, Some(0));
    assert!(explained.stdout.starts_with("MP104: an unknown field\n\n"), "{}", explained.stdout);
    let unknown = home.run(&["check", "--explain", "MP999"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("MP001"), "{}", unknown.stderr);

    fs::write(home.path("config.yaml"), "servers:\n  a: { comand: x }\n").expect("written");
    for (format, expected) in [
        ("human", "--> config.yaml:2:8"),
        ("github", "::error file=config.yaml,line=2,endLine=2,col=8,endColumn=14,title=MP104::unknown field"),
        ("sarif", "\"ruleId\": \"MP104\""),
        ("json", "\"fixable\": true"),
    ] {
        let ended = check(&home, &["--format", format]);
        let expected = expected.replace("--> config.yaml", "config.yaml");
        assert!(ended.stdout.contains(&expected), "{format}: {}", ended.stdout);
        assert_eq!(ended.code, Some(1));
    }
}

#[test]
fn fix_mends_the_file_and_keeps_the_old_one() {
    let home = Home::new();
    let path = home.path("config.yaml");
    let old =
        "# mine\nproxy: { env: { path_from_login_shell: false } }\nservers:\n  a:\n    comand: /bin/cat   # here\n";
    fs::write(&path, old).expect("written");
    let ended = check(&home, &["--fix"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(fs::read_to_string(&path).expect("there"), old.replace("comand", "command"));
    assert_eq!(fs::read_to_string(home.path("config.yaml.bak")).expect("kept"), old);
    assert!(check(&home, &["--fix"]).stderr.contains("nothing to mend"));
}

/// Who may write everywhere is refused nothing, so there is nothing to see.
#[cfg(unix)]
fn may_write_everywhere() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let path = home.path("folder/config.yaml");
    fs::create_dir_all(path.parent().expect("below")).expect("made");
    let old = "servers:\n  a: { comand: /bin/cat }\n";
    fs::write(&path, old).expect("written");
    let set = |p: &std::path::Path, m| fs::set_permissions(p, fs::Permissions::from_mode(m)).expect("ours");
    // Said to be read-only: not even root writes over it.
    set(&path, 0o444);
    let config = path.to_str().expect("plain");
    let ended = home.run(&["check", "--fix", "--config", config]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("as it was"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&path).expect("there"), old);
    set(&path, 0o644);
    if !may_write_everywhere() {
        set(path.parent().expect("below"), 0o555);
        let ended = home.run(&["check", "--fix", "--config", config]);
        assert_eq!((ended.code, fs::read_to_string(&path).expect("there").as_str()), (Some(1), old));
        set(path.parent().expect("below"), 0o755);
    }
    // A link stays one, and what it leads to is mended.
    let link = home.path("link.yaml");
    std::os::unix::fs::symlink(&path, &link).expect("made");
    let ended = home.run(&["check", "--fix", "--config", link.to_str().expect("plain")]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read_to_string(&path).expect("there"), old.replace("comand", "command"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    use std::process::Command;
    let home = Home::new();
    let small = home.path("small");
    fs::create_dir_all(&small).expect("made");
    #[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16k"]).arg("tmpfs").arg(&small).output();
    if !mounted.is_ok_and(|m| m.status.success()) {
        // Only the administrator can have a small disk.
        return;
    }
    let path = small.join("config.yaml");
    let old = format!("servers:\n  a: {{ comand: /bin/cat }}\n# {}\n", "x".repeat(6000));
    fs::write(&path, &old).expect("fits");
    fs::write(small.join("rest"), vec![b'x'; 16 << 10]).expect_err("full now");
    let ended = home.run(&["check", "--fix", "--config", path.to_str().expect("plain")]);
    let kept = fs::read_to_string(&path).expect("there");
    let left: Vec<_> = fs::read_dir(&small).expect("there").flatten().map(|f| f.file_name()).collect();
    #[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
    let unmounted = Command::new("umount").arg(&small).status();
    assert!(unmounted.is_ok_and(|s| s.success()));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("as it was") && ended.stderr.contains("space"), "{}", ended.stderr);
    assert_eq!(kept, old);
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn online_says_of_each_server_what_came_of_it() {
    let home = Home::new()
        .fake("good", &[])
        .fake("dies", &["--exit", "3"])
        .server("none", "/no/such/program", &[])
        .fake("off", &[])
        .and("enabled: false");
    home.config();
    let ended = check(&home, &["--online", "--format", "json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let all: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let states: Vec<(&str, &str)> = all["online"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| (s["name"].as_str().expect("text"), s["state"].as_str().expect("text")))
        .collect();
    assert_eq!(states, [("good", "ready"), ("dies", "failed"), ("none", "failed")]);
    assert!(all["online"][0]["tools"].as_u64() > Some(0), "{all}");
    let of = |code: &str| all["diagnostics"].as_array().expect("a list").iter().filter(|d| d["code"] == code).count();
    assert_eq!((of("MP701"), of("MP301")), (2, 1), "{}", ended.stdout);
    let shown = check(&home, &["--online"]);
    assert!(shown.stdout.contains("good") && shown.stdout.contains("did not start"), "{}", shown.stdout);
    // Nothing is left running.
    for name in ["good", "dies"] {
        for pid in home.pids(name) {
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{name} {pid}");
        }
    }
}

/// It gets both openings within its own time, not within that of the slowest server, and that is told of it.
#[test]
fn a_server_that_says_nothing_fails_within_its_own_time() {
    let home = Home::new()
        .fake("good", &[])
        .server("silent", "/bin/sh", &["-c".to_owned(), "while read -r l; do :; done".to_owned()])
        .and("startup_timeout: 1s");
    home.config();
    let ended = check(&home, &["--online", "--format", "json"]);
    let all: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let shown = check(&home, &["--online"]).stdout;
    snapshot("check_online", &shown.replace(home.path("").to_str().expect("text"), "/").replace(fake_server(), "fake"));
    let told = all["diagnostics"].as_array().expect("a list").iter().find(|d| d["code"] == "MP701").expect("told");
    let message = told["message"].as_str().expect("text");
    assert!(message.contains("`silent` did not start: it did not answer within 1"), "{message}");
    assert_eq!(told["label"], "failed in `initialize`", "{told}");
}

#[test]
fn online_says_who_has_the_port() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    fs::write(home.path("config.yaml"), format!("proxy: {{ transport: http, port: {port} }}\nservers: {{}}\n"))
        .expect("written");
    let ended = check(&home, &["--online"]);
    assert!(ended.stdout.contains("MP503"), "{}{}", ended.stdout, ended.stderr);
    if cfg!(target_os = "linux") {
        assert!(ended.stdout.contains(&std::process::id().to_string()), "{}", ended.stdout);
    }
}

#[test]
fn secrets_without_a_keyring_are_kept_in_the_credentials() {
    let home = Home::new();
    fs::write(home.path("config.yaml"), "servers:\n  a: { command: /bin/cat, env: { T: \"${keyring:a-token}\" } }\n")
        .expect("written");
    assert_eq!(check(&home, &[]).code, Some(1));
    let set = secret(&home, &["set", "a-token"], &format!("{SECRET}\n"));
    assert_eq!((set.code, set.stdout.as_str()), (Some(0), ""), "{}", set.stderr);
    assert!(set.stderr.contains("credentials.json") && !set.stderr.contains(SECRET), "{}", set.stderr);
    let kept = home.path("credentials.json");
    assert_eq!(fs::read_to_string(&kept).expect("there"), format!("{{\n  \"a-token\": \"{SECRET}\"\n}}\n"));
    #[cfg(unix)]
    assert_eq!(mode(&kept), 0o600);
    let checked = check(&home, &[]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    let listed = secret(&home, &["list"], "");
    assert_eq!(listed.stdout, "NAME     KEPT IN\na-token  credentials\n");
    assert_eq!(secret(&home, &["rm", "a-token"], "").code, Some(0));
    assert_eq!(secret(&home, &["rm", "a-token"], "").code, Some(2));
    for (name, input) in [("a b", "x"), ("a", ""), ("-", "x")] {
        let refused = secret(&home, &["set", "--", name], input);
        assert_eq!(refused.code, Some(2), "{name:?}: {}", refused.stderr);
    }
}

#[test]
fn secrets_in_the_file_are_moved_and_the_file_says_where() {
    let home = Home::new();
    let path = home.path("config.yaml");
    let old =
        format!("# mine\nservers:\n  a:\n    command: /bin/cat\n    env: {{ GITHUB_TOKEN: {SECRET} }}   # secret\n");
    fs::write(&path, &old).expect("written");
    let checked = check(&home, &[]);
    assert!(checked.stdout.contains("MP204") && !checked.stdout.contains(SECRET), "{}", checked.stdout);
    let dry = secret(&home, &["move", "--dry-run"], "");
    assert!(dry.stderr.contains("servers.a.env.GITHUB_TOKEN -> ${keyring:GITHUB_TOKEN}"), "{}", dry.stderr);
    assert_eq!(fs::read_to_string(&path).expect("there"), old);
    fs::write(home.path("config.yaml.bak.2"), &old).expect("written");
    let moved = secret(&home, &["move"], "");
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    assert!(!moved.stderr.contains(SECRET), "{}", moved.stderr);
    assert!(moved.stderr.contains("config.yaml.bak.2, an older configuration, has them still"), "{}", moved.stderr);
    let new = fs::read_to_string(&path).expect("there");
    assert_eq!(new, old.replace(SECRET, "\"${keyring:GITHUB_TOKEN}\""));
    assert!(!home.path("config.yaml.bak").exists(), "no copy of the secret is left");
    let checked = check(&home, &["--strict"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    assert!(secret(&home, &["move"], "").stderr.contains("no secrets"));
}

#[cfg(unix)]
#[test]
fn secrets_go_to_the_keyring_where_there_is_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let tool = home.path("bin/secret-tool");
    fs::create_dir_all(tool.parent().expect("below")).expect("made");
    // Keeps its entries in files beside it, and notes how it was called.
    let script = "#!/bin/sh\ndir=${0%/*}/ring; mkdir -p \"$dir\"; echo \"$*\" >> \"$dir.calls\"\ncase $1 in\nlookup) test -f \"$dir/$5\" && cat \"$dir/$5\" ;;\n\
                  store) cat > \"$dir/$6\" ;;\nclear) rm -f \"$dir/$5\" ;;\nesac\n";
    fs::write(&tool, script).expect("written");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("ours");
    let run = |args: &[&str], input: &str| {
        let mut command = home.command(args);
        let path = format!("{}:/usr/bin:/bin", tool.parent().expect("below").display());
        command.env("PATH", path).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/none");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("read");
        Running::of(child.wait_with_output().expect("it ends"))
    };
    let set = run(&["secret", "set", "T"], SECRET);
    assert!(set.code == Some(0) && set.stderr.contains("in the keyring"), "{}", set.stderr);
    assert_eq!(fs::read_to_string(home.path("bin/ring/T")).expect("kept"), SECRET);
    let config = home.path("config.yaml");
    fs::write(&config, "servers:\n  a: { command: /bin/cat, env: { A: \"${T}\", B: \"${keyring:T}\" } }\n")
        .expect("written");
    // Its name is kept beside the configuration that is used, so ask there.
    let config = config.to_str().expect("plain");
    assert_eq!(run(&["secret", "set", "T", "--config", config], SECRET).code, Some(0));
    let checked = run(&["check", "--config", config], "");
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    assert_eq!(run(&["secret", "list", "--config", config], "").stdout, "NAME  KEPT IN\nT     keyring\n");
    assert_eq!(run(&["secret", "rm", "T", "--config", config], "").code, Some(0));
    assert_eq!(run(&["check", "--config", config], "").code, Some(1));
    let calls = fs::read_to_string(home.path("bin/ring.calls")).expect("noted");
    assert!(!calls.contains(SECRET), "no value is ever an argument: {calls}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_typed_is_not_shown() {
    let home = Home::new();
    let config = home.config();
    let start = |name: &str| {
        let command = home.command(&["secret", "set", name, "--config", config.to_str().expect("plain")]);
        let screen = Screen::start(&command, (100, 24));
        screen.shows(&[&format!("value of {name} (not shown):")]);
        screen
    };
    let shown = |screen: &Screen| String::from_utf8_lossy(&screen.raw()).into_owned();
    let mut screen = start("a-token");
    // Corrected on the way: a character, then all of it.
    screen.keys("wrong\u{15}hunter2\u{e9}\u{7f}hunter2\r");
    assert!(screen.end().success(), "{}", shown(&screen));
    screen.assert_echoes();
    let kept = fs::read_to_string(home.path("credentials.json")).expect("kept");
    assert!(kept.contains("\"a-token\": \"hunter2hunter2\""), "{kept}");
    assert!(!shown(&screen).contains("hunter") && !shown(&screen).contains("wrong"), "{}", shown(&screen));
    // Given up: nothing is kept, and the terminal is as it was.
    for key in ["\u{3}", "\u{4}", "\u{1b}"] {
        let mut screen = start("other");
        screen.keys("hunter3").keys(key);
        assert!(!screen.end().success(), "{key:?}");
        screen.assert_echoes();
        assert!(!shown(&screen).contains("hunter3"));
    }
    let mut screen = start("other");
    screen.keys("\r");
    assert!(!screen.end().success(), "nothing is no secret");
    assert!(!fs::read_to_string(home.path("credentials.json")).expect("kept").contains("other"));
}
