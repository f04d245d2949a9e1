//! `.mcp-proxy.yaml` of a project: counts for clients that are started there, once it is trusted, and as long as it stays as it was.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Home, Peer, Running, Screen, eventually, fake_server};

/// A world with a server `a` of the user's, and a project beside it with a server `p`.
struct World {
    home: Home,
    folder: PathBuf,
    config: String,
}

impl World {
    fn new() -> Self {
        let home = Home::with_fake(&[]);
        let config = home.config().to_str().expect("plain").to_owned();
        let folder = home.path("project");
        fs::create_dir_all(folder.join("src/deep")).expect("made");
        let world = Self { home, folder, config };
        world.write(&world.server("p"));
        world
    }

    fn server(&self, name: &str) -> String {
        format!("servers:\n  {name}: {{ command: {:?}, args: [--name, {name}] }}\n", fake_server())
    }

    fn file(&self) -> PathBuf {
        self.folder.join(".mcp-proxy.yaml")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).expect("written");
    }

    /// A command as it is typed in `folder`.
    fn run_in(&self, folder: &Path, args: &[&str]) -> Running {
        let mut command = self.home.command(args);
        command.current_dir(folder);
        Running::to_end(command)
    }

    fn run(&self, args: &[&str]) -> Running {
        self.run_in(&self.folder, args)
    }

    /// A client that starts us in `folder`.
    fn open_in(&self, folder: &Path) -> Peer {
        let mut command = self.home.command(&["serve", "--stdio", "--config", &self.config, "--log-level", "debug"]);
        command.current_dir(folder);
        let mut peer = Peer::start(command);
        peer.initialize("2025-11-25", &serde_json::json!({}));
        peer
    }
}

/// The servers whose tools a client sees.
fn servers(peer: &mut Peer) -> String {
    let mut seen: Vec<String> =
        peer.tool_names().iter().filter_map(|n| Some(n.split_once("__")?.0.to_owned())).collect();
    seen.dedup();
    seen.join(" ")
}

/// Waits until the client was told of other tools, and gives their servers.
fn servers_then(peer: &mut Peer) -> String {
    peer.notice("notifications/tools/list_changed");
    servers(peer)
}

#[test]
fn nothing_of_it_counts_before_it_is_trusted() {
    let world = World::new();
    let mut peer = world.open_in(&world.folder);
    assert_eq!(servers(&mut peer), "a");
    assert!(peer.stderr().contains("is not trusted: its servers are not used"), "{}", peer.stderr());
    let checked = world.run(&["check", "--config", &world.config]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    assert!(checked.stdout.contains("MP011") && checked.stdout.contains("mcp-proxy trust"), "{}", checked.stdout);
    assert_eq!(world.run(&["check", "--config", &world.config, "--strict"]).code, Some(1));

    // Nobody can be asked here, and nothing happens.
    let unasked = world.run(&["trust"]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.stderr);
    assert!(unasked.stdout.contains("brings 1 server") && unasked.stdout.contains("+ p"), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(world.run(&["trust", "--list"]).stdout, "");

    // Who is there already gets it at once.
    let trusted = world.run(&["trust", "--yes"]);
    assert_eq!(trusted.code, Some(0), "{}", trusted.stderr);
    assert_eq!(servers_then(&mut peer), "a p");
    // From a folder below as well, and nowhere else.
    assert_eq!(servers(&mut world.open_in(&world.folder.join("src/deep"))), "a p");
    assert_eq!(servers(&mut world.open_in(&world.home.path("home"))), "a");
    let list: Value = serde_json::from_str(&world.run(&["trust", "--list", "--json"]).stdout).expect("JSON");
    assert_eq!((&list[0]["is_used"], list.as_array().map(Vec::len)), (&Value::Bool(true), Some(1)));
    assert!(world.run(&["trust"]).stderr.contains("trusted already"));
    assert_eq!(world.run(&["check", "--config", &world.config, "--strict"]).code, Some(0));
}

#[test]
fn a_changed_file_is_another_one_and_the_word_can_be_taken_back() {
    let world = World::new();
    assert_eq!(world.run(&["trust", "--yes"]).code, Some(0));
    let mut peer = world.open_in(&world.folder);
    assert_eq!(servers(&mut peer), "a p");
    world.write(&world.server("q"));
    assert_eq!(servers_then(&mut peer), "a");
    let checked = world.run(&["check", "--config", &world.config]);
    assert!(checked.stdout.contains("has changed since you trusted it"), "{}", checked.stdout);
    assert!(world.run(&["trust", "--list"]).stdout.contains("changed since: not used"));
    let shown = world.run(&["trust", "--yes"]);
    assert!(
        shown.stdout.contains("(changed since it was trusted)") && shown.stdout.contains("+ q"),
        "{}",
        shown.stdout
    );
    assert_eq!(servers_then(&mut peer), "a q");
    assert_eq!(world.run(&["trust", "--revoke"]).code, Some(0));
    assert_eq!(servers_then(&mut peer), "a");
    assert_eq!(world.run(&["trust", "--revoke"]).code, Some(2), "there is no word any more");
    // Elsewhere the same text is nothing.
    assert_eq!(world.run(&["trust", "--yes"]).code, Some(0));
    let copy = world.home.path("copy");
    fs::create_dir(&copy).expect("made");
    fs::copy(world.file(), copy.join(".mcp-proxy.yaml")).expect("copied");
    assert_eq!(servers(&mut world.open_in(&copy)), "a");
    // A folder that is gone can be taken back too.
    let folder = world.folder.to_str().expect("plain").to_owned();
    fs::remove_dir_all(&world.folder).expect("removed");
    assert!(world.run_in(&copy, &["trust", "--list"]).stdout.contains("gone"));
    assert_eq!(world.run_in(&copy, &["trust", "--revoke", &folder]).code, Some(0));
}

#[test]
fn it_brings_servers_and_nothing_else() {
    let world = World::new();
    for (text, words) in [
        ("proxy: { host: 0.0.0.0 }\nservers: {}\n", "MP010"),
        ("clients: { tokens: {} }\n", "`clients` cannot be set by a project"),
        ("servers: { p: { command: x, env: { T: \"${cmd:touch here}\" } } }\n", "not your own"),
        ("servers: { p: { comand: x } }\n", "MP104"),
        ("servers: [\n", "MP002"),
        ("- 7\n", "MP101"),
    ] {
        world.write(text);
        let refused = world.run(&["trust", "--yes"]);
        assert_eq!(refused.code, Some(2), "{text}: {}", refused.stderr);
        assert!(refused.stderr.contains(words), "{text}: {}", refused.stderr);
    }
    assert!(!world.folder.join("here").exists(), "no program was run");
    // The user's own server is not replaced, and what is not there yet can be given later.
    world.write(&format!("{}  p: {{ command: x, env: {{ T: \"${{NOT_YET}}\" }} }}\n", world.server("a")));
    let trusted = world.run(&["trust", "--yes"]);
    assert_eq!(trusted.code, Some(0), "{}", trusted.stderr);
    assert!(trusted.stderr.contains("not yet there: `NOT_YET` is not set"), "{}", trusted.stderr);
    assert!(trusted.stdout.contains("it is given: NOT_YET"), "{}", trusted.stdout);
    // Nothing of it is left out or hidden, however it is written.
    world.write(concat!(
        "defaults: { env: { NODE_OPTIONS: --require ./x.js } }\n",
        "servers: { p: { command: sh, args: [-c, \"echo token: ; evil\"], cwd: sub, env: { T: \"\\u0024{SHY}\" } } }\n",
    ));
    let shown = world.run(&["trust"]).stdout;
    for words in [
        "sh -c 'echo token: ; evil'",
        "cwd: sub",
        "env.T: ${SHY}",
        "it is given: SHY",
        "env.NODE_OPTIONS: --require ./x.js",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    world.write(&format!("{}  p: {{ command: x, env: {{ T: \"${{NOT_YET}}\" }} }}\n", world.server("a")));
    let checked = world.run(&["check", "--config", &world.config]);
    assert!(checked.stdout.contains("`a` is a server of your own already"), "{}", checked.stdout);
    assert!(checked.stdout.contains("MP201"), "{}", checked.stdout);
}

#[test]
fn a_project_is_enough_where_there_is_no_other_configuration() {
    let world = World::new();
    let start = || {
        let mut command = world.home.command(&["serve", "--stdio"]);
        command.current_dir(&world.folder);
        command
    };
    let before = Running::to_end(start());
    assert_eq!(before.code, Some(2), "{}", before.stderr);
    assert!(before.stderr.contains("no configuration found") && before.stderr.contains("is not trusted"), "{before:?}");
    assert_eq!(world.run(&["trust", "--yes"]).code, Some(0));
    let mut peer = Peer::start(start());
    peer.initialize("2025-11-25", &serde_json::json!({}));
    assert_eq!(servers(&mut peer), "p");
    assert_eq!(world.run(&["check", "--strict"]).code, Some(0));
    // It is followed as any other.
    let reloaded = world.run(&["reload"]);
    assert!(reloaded.code == Some(0) && reloaded.stdout.contains("nothing has changed"), "{reloaded:?}");
    world.write(&format!("{}  more: {{ command: {:?} }}\n", world.server("p"), fake_server()));
    assert_eq!(world.run(&["trust", "--yes"]).code, Some(0));
    eventually("the other one", || (servers(&mut peer) == "p more").then_some(()));
    // The home directory is nobody's project.
    fs::copy(world.file(), world.home.path("home/.mcp-proxy.yaml")).expect("copied");
    let at_home = world.run_in(&world.home.path("home"), &["trust"]);
    assert_eq!(at_home.code, Some(2), "{}", at_home.stdout);
}

#[test]
fn who_comes_by_http_sees_nothing_of_it() {
    let world = World::new();
    assert_eq!(world.run(&["trust", "--yes"]).code, Some(0));
    let mut command = world.home.command(&["serve", "--http", "--stdio", "--port", "0", "--config", &world.config]);
    command.current_dir(&world.folder);
    let mut peer = Peer::start(command);
    peer.initialize("2025-11-25", &serde_json::json!({}));
    assert_eq!(servers(&mut peer), "a");
    assert!(peer.stderr().contains("clients from elsewhere come by HTTP too"), "{}", peer.stderr());
}

#[test]
fn a_person_is_asked() {
    let world = World::new();
    let ask = |answer: &str| {
        let mut command = world.home.command(&["trust"]);
        command.current_dir(&world.folder);
        let mut screen = Screen::start(&command, (120, 24));
        screen.shows(&["+ p", "whenever a client is started in this folder? [y/N]"]);
        screen.keys(answer);
        assert!(screen.end().success());
    };
    ask("\r");
    assert!(!world.run(&["trust", "--list"]).stdout.contains("project"));
    ask("y\r");
    assert!(world.run(&["trust", "--list"]).stdout.contains("as it was trusted"));
}
