//! Files as they should not be, for whoever reads them and for whoever writes them: links in a circle, no home, a home that cannot be written,
//! halves, two editors at once. What a user has is never lost or half written.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use crate::harness::{Home, Peer, Running, eventually};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[test]
fn links_in_a_circle_are_said_plainly_and_watched_all_the_same() {
    use std::os::unix::fs::symlink;
    let home = Home::with_fake(&[]);
    let circle = home.path("circle.yaml");
    symlink(&circle, &circle).expect("linked");
    for args in [
        &["check", "--config"][..],
        &["serve", "--stdio", "--config"],
        &["list", "tools", "--config"],
        &["check", "--fix", "--config"],
        &["secret", "move", "--config"],
        &["import", "--yes", "--config"],
        &["doctor", "--config"],
    ] {
        let ran = home.run(&[args, &[plain(&circle)]].concat());
        assert!(matches!(ran.code, Some(1 | 2)), "{args:?}: {ran:?}");
        assert!(circle.is_symlink(), "{args:?}");
    }
    let mut credentials = home.command(&["secret", "set", "a", "--config", plain(&home.config())]);
    symlink("credentials.json", home.path("credentials.json")).expect("linked");
    credentials.stdin(std::process::Stdio::null());
    assert_ne!(Running::to_end(credentials).code, Some(0));
    fs::remove_file(home.path("credentials.json")).expect("a link");

    // One that becomes a circle while we run, and a file again.
    let mut peer = home.open();
    let path = home.path("config.yaml");
    let good = text(&path);
    let put = |make: &dyn Fn(&Path)| {
        let fresh = home.path("fresh");
        make(&fresh);
        fs::rename(fresh, &path).expect("renamed");
    };
    put(&|fresh| symlink("config.yaml", fresh).expect("linked"));
    eventually("it is told", || peer.stderr().contains("was not reloaded").then_some(()));
    assert!(peer.tool_names().contains(&"a__echo".to_owned()));
    put(&|fresh| fs::write(fresh, format!("{good}    prefix: again\n")).expect("written"));
    peer.notice("notifications/tools/list_changed");
    assert!(peer.tool_names().contains(&"again__echo".to_owned()));
}

/// A command without a home, and without the folders that stand for it.
fn homeless(home: &Home, args: &[&str]) -> Running {
    let mut command = home.command(args);
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    // The user database knows one: a number it does not know has none.
    Running::to_end(command)
}

#[test]
fn without_a_home_what_needs_none_works_and_the_rest_says_so() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let checked = homeless(&home, &["check", "--config", plain(&config)]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let listed = homeless(&home, &["list", "tools", "--config", plain(&config)]);
    assert!(listed.code == Some(0) && listed.stdout.contains("a__echo"), "{listed:?}");
    for args in [
        &["import", "--yes", "--dry-run"][..],
        &["doctor"],
        &["trust", "--list"],
        &["secret", "list"],
        &["undo", "--dry-run"],
    ] {
        let ran = homeless(&home, args);
        assert!(ran.code.is_some_and(|code| code < 3), "{args:?}: {ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_no_reason_not_to_run() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        // Root is refused nothing: a file in the place of each folder does the same.
        let home = Home::with_fake(&[]);
        let config = home.config();
        let blocked = home.path("blocked");
        fs::write(&blocked, "").expect("written");
        let mut command = home.command(&["serve", "--stdio", "--config", plain(&config), "--log-level", "debug"]);
        for name in ["HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
            command.env(name, &blocked);
        }
        works(Peer::start(command));
        let mut trust = home.command(&["trust", "--yes", plain(&home.path("project"))]);
        trust.env("XDG_STATE_HOME", &blocked);
        fs::create_dir(home.path("project")).expect("made");
        fs::write(home.path("project/.mcp-proxy.yaml"), "servers: {}\n").expect("written");
        let refused = Running::to_end(trust);
        assert!(refused.code == Some(1) && refused.stderr.contains("not trusted"), "{refused:?}");
        return;
    }
    let home = Home::with_fake(&[]);
    let config = home.config();
    let command = home.command(&["serve", "--stdio", "--config", plain(&config), "--log-level", "debug"]);
    let folder = home.path("home");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("ours");
    works(Peer::start(command));
    let init = home.run(&["init"]);
    assert!(init.code != Some(0) && !init.stderr.contains("panicked"), "{init:?}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("ours");
}

fn works(mut peer: Peer) {
    peer.initialize("2025-11-25", &serde_json::json!({}));
    assert!(peer.tool_names().contains(&"a__echo".to_owned()));
    assert!(!peer.stderr().contains("panicked"), "{}", peer.stderr());
}

#[test]
fn a_file_that_comes_in_two_halves_counts_once_it_is_whole() {
    use std::io::Write as _;
    let home = Home::with_fake(&[]);
    let mut peer = home.open();
    peer.tool_names();
    let path = home.path("config.yaml");
    let whole = format!("{}    prefix: whole\n", text(&path));
    // Cut where what is there is a good configuration of no servers.
    let cut = whole.find("servers:").expect("there") + "servers:\n".len();
    let mut file = fs::File::create(&path).expect("opened");
    // Not flushed: a busy disk takes longer than a file that is open is waited for.
    file.write_all(&whole.as_bytes()[..cut]).expect("half");
    file.write_all(&whole.as_bytes()[cut..]).expect("the rest");
    drop(file);
    peer.notice("notifications/tools/list_changed");
    eventually("the whole of it", || peer.tool_names().contains(&"whole__echo".to_owned()).then_some(()));
    assert_eq!(home.pids("a").len(), 1, "its server was never ended");
}

/// Two programs change the same file at the same moment: one of them wins, or both, and neither leaves half of anything.
#[test]
fn two_editors_at_once_leave_a_whole_file() {
    let home = Home::new();
    let config = home.path("config.yaml");
    let user = |n: usize| {
        format!(
            "# kept {n}\nservers:\n  a:\n    comand: /bin/cat\n    env: {{ GITHUB_TOKEN: ghp_hunter2hunter2hunter2 }}\n"
        )
    };
    for round in 0..8 {
        fs::write(&config, user(round)).expect("written");
        let barrier = Barrier::new(3);
        let ran = std::thread::scope(|scope| {
            let start = |args: &'static [&'static str]| {
                let (home, config, barrier) = (&home, &config, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    home.run(&[args, &["--config", plain(config)]].concat())
                })
            };
            let (fix, secret) = (start(&["check", "--fix"]), start(&["secret", "move"]));
            let (editor, at, own) = (&barrier, &config, user(round));
            let editing = scope.spawn(move || {
                editor.wait();
                // As editors do: the whole of it, beside and over it.
                let fresh = at.with_extension("swp");
                fs::write(&fresh, format!("{own}# and mine\n")).and_then(|()| fs::rename(&fresh, at)).expect("saved");
            });
            editing.join().expect("no panic");
            [fix.join().expect("no panic"), secret.join().expect("no panic")]
        });
        let now = text(&config);
        assert!(now.starts_with(&format!("# kept {round}\nservers:\n")), "{now}\n{ran:?}");
        assert!(now.contains("/bin/cat") && now.contains("GITHUB_TOKEN"), "{now}");
        let lines = now.lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(lines, 4, "{now}");
        let left: Vec<String> = fs::read_dir(home.path("."))
            .expect("there")
            .flatten()
            .map(|f| f.file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("mcp-proxy-new") || name.ends_with(".new"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_grow_is_not_half_written() {
    let home = Home::new();
    let config = home.path("config.yaml");
    let old = format!("servers:\n  a: {{ comand: /bin/cat }}\n# {}\n", "x".repeat(6000));
    fs::write(&config, &old).expect("written");
    // The shell's `ulimit -f` counts blocks of 512 or 1024 bytes; what is over it is a signal, or an error.
    let line = format!(
        "trap '' XFSZ; ulimit -f 2; exec {:?} check --fix --config {:?}",
        env!("CARGO_BIN_EXE_mcp-proxy"),
        config
    );
    let mut command = home.command(&[]);
    let (environment, folder): (Vec<_>, _) = (
        command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect(),
        command.get_current_dir().expect("set").to_owned(),
    );
    #[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
    {
        command = std::process::Command::new("/bin/sh");
    }
    command.args(["-c", &line]).env_clear().envs(environment).current_dir(folder);
    let ran = Running::to_end(command);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("as it was"), "{}", ran.stderr);
    assert_eq!(text(&config), old);
    assert_eq!(fs::read_dir(home.path(".")).expect("there").flatten().filter(|f| f.path().is_file()).count(), 1);
}
