//! The terminal on a real pty: what a person sees, types and gets back.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Home, Screen, descendants, eventually};

const SIZE: (u16, u16) = (80, 24);

/// The demo: no configuration anywhere.
fn demo() -> (Home, Screen) {
    let home = Home::new();
    let screen = Screen::start(&home.command(&["tui"]), SIZE);
    (home, screen)
}

/// Servers of our own.
fn with(home: &Home) -> Screen {
    let config = home.config();
    Screen::start(&home.command(&["tui", "--config", config.to_str().expect("a plain name")]), SIZE)
}

#[test]
fn the_demo_shows_live_traffic_and_how_to_begin() {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready", "mcp-proxy init", "1 client"]);
    screen.keys("2").shows(&["tools/call", "tools__echo", "FOLLOW"]);
    screen.keys("Q");
    assert!(screen.end().success());
}

#[test]
fn digits_go_to_the_screens_and_help_names_the_keys() {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    screen.keys("3").shows(&["Tools 11", "tools__add"]);
    screen.keys("4").shows(&["CLIENT", "demo"]);
    screen.keys("5").shows(&["newest last"]);
    screen.keys("h").shows(&["Sources", "newest last"]);
    screen.keys("6").shows(&["requests/s", "latency:"]);
    screen.keys("1").shows(&["STATE", "library"]);
    screen.keys("2").shows(&["Calls"]);
    screen.keys("-").shows(&["STATE", "library"]);
    screen.keys("?").shows(&["Keys: Backends", "restart this server (asks)"]);
    // A lone escape counts at once.
    screen.keys("\x1b").until("no help", |s| !s.contents().contains("Keys:"));
}

#[test]
fn a_filter_leaves_what_passes() {
    let (_home, mut screen) = demo();
    screen.keys("2").shows(&["tools/call"]);
    screen.keys("/~be library").until("calls of one server", |s| {
        let contents = s.contents();
        contents.contains("library://") && !contents.contains("tools__echo")
    });
    screen.keys("\r").shows(&["/ ~be library", "▶ FOLLOW"]);
    screen.keys("\x1b").shows(&["no filter", "tools__echo"]);
}

#[test]
fn a_tool_is_tried_by_its_form() {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    screen.keys("3").shows(&["tools__add"]);
    screen.keys("\r").shows(&["Call tools__add", "First number"]);
    screen.keys("\r").shows(&["must be filled in"]);
    screen.keys("2\t40\r").shows(&["answered in", "\"sum\": 42"]);
    screen.keys("\x1b").until("no form", |s| !s.contents().contains("Call tools__add"));
    screen.keys("2/~cl terminal\r").shows(&["tools__add", "terminal"]);
}

#[test]
fn any_size_is_drawn() {
    let (_home, mut screen) = demo();
    screen.keys("2").shows(&["tools/call"]);
    screen.resize((200, 60));
    screen.shows(&["SESS", "TIME", "Request", "Response", "? keys"]);
    screen.resize((12, 3));
    screen.until("that it is too small", |s| s.contents().contains("too small") && !s.contents().contains("Calls"));
    screen.resize(SIZE);
    screen.shows(&["FOLLOW", "? keys", "newest last"]);
    screen.keys("Q");
    assert!(screen.end().success());
}

/// Ends it in one way: the terminal must be as it was, the exit code 0, nothing left running.
fn ends_well(way: impl Fn(&mut Screen)) {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    assert!(screen.until("an alternate screen", |s| s.alternate_screen() && s.hide_cursor()).contains("Servers"));
    let started = descendants(screen.pid());
    assert!(!cfg!(target_os = "linux") || started.len() >= 4, "three servers and the guardian: {started:?}");
    way(&mut screen);
    let status = screen.end();
    assert!(status.success(), "{status:?}");
    screen.assert_restored();
    Screen::assert_gone(&started);
}

#[test]
fn quitting_gives_the_terminal_back() {
    ends_well(|screen| {
        screen.keys("Q");
    });
    ends_well(|screen| {
        screen.keys("q").shows(&["Quit mcp-proxy?"]);
        screen.keys("y");
    });
    ends_well(|screen| {
        screen.keys("\x03");
    });
}

#[test]
fn signals_give_the_terminal_back() {
    ends_well(|screen| screen.signal(Signal::TERM));
    ends_well(|screen| screen.signal(Signal::INT));
    ends_well(|screen| screen.signal(Signal::HUP));
}

#[test]
fn a_terminal_that_goes_away_leaves_nothing_behind() {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    let started = descendants(screen.pid());
    screen.close();
    let status = screen.end();
    assert_ne!(status.exit_code(), 101, "it panicked");
    Screen::assert_gone(&started);
}

#[test]
fn a_kill_leaves_nothing_behind() {
    let (_home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    let started = descendants(screen.pid());
    screen.signal(Signal::KILL);
    assert!(!screen.end().success());
    Screen::assert_gone(&started);
}

#[test]
fn stubborn_servers_are_told_about_and_a_second_signal_does_not_wait() {
    let home = Home::with_fake(&["--ignore-eof", "--ignore-term"]);
    let mut screen = with(&home);
    screen.shows(&["1/1 ready"]);
    let started = descendants(screen.pid());
    screen.keys("Q").shows(&["stopping the servers"]);
    screen.assert_restored();
    screen.signal(Signal::TERM);
    assert_eq!(screen.end().exit_code(), 1);
    Screen::assert_gone(&started);
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let home = Home::with_fake(&[]);
    let mut screen = with(&home);
    screen.shows(&["1/1 ready"]);
    screen.keys("3").shows(&["a__echo"]);
    screen.quiet_for(Duration::from_millis(300));
    let before = screen.raw().len();
    screen.quiet_for(Duration::from_secs(2));
    assert_eq!(screen.raw().len(), before, "{:?}", String::from_utf8_lossy(&screen.raw()[before..]));
}

#[test]
fn no_color_means_no_colour() {
    let home = Home::new();
    let mut command = home.command(&["tui"]);
    command.env("NO_COLOR", "1");
    let mut screen = Screen::start(&command, SIZE);
    screen.shows(&["3/3 ready"]);
    screen.keys("2").shows(&["tools/call"]);
    screen.keys("Q");
    assert!(screen.end().success());
    let raw = screen.raw();
    let text = String::from_utf8_lossy(&raw);
    let mut n_styles = 0;
    for rest in text.split("\x1b[").skip(1) {
        let codes: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ';').collect();
        if !rest[codes.len()..].starts_with('m') {
            continue;
        }
        n_styles += 1;
        for code in codes.split(';').filter_map(|c| c.parse::<u8>().ok()) {
            assert!(!matches!(code, 30..=38 | 40..=48 | 90..=107), "a colour: {codes}");
        }
    }
    assert!(n_styles > 0, "bold and reverse stay");
}

#[test]
fn why_a_server_failed_is_on_the_screen() {
    let home = Home::with_fake(&[]).server("broken", "no-such-program", &[]).fake("crash", &["--exit", "3"]);
    let mut screen = with(&home);
    screen.shows(&["broken", "failed"]);
    // The card stands below the list, `d` gives it the whole screen.
    screen.keys("j").shows(&["▸broken", "phase resolve", "was not found"]);
    screen
        .keys("d")
        .until("the card alone", |s| s.contents().contains("install it") && !s.contents().contains("STATE"));
    screen.keys("\x1b").shows(&["STATE"]);
    screen.keys("jd").shows(&["crash", "exit code 3", "stderr"]);
}

#[test]
fn a_port_that_is_taken_is_told_until_it_is_dismissed() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let home = Home::with_fake(&[]);
    let config = home.config();
    let text = fs::read_to_string(&config).expect("our file");
    fs::write(&config, text.replace("{ name: test,", &format!("{{ name: test, transport: http, port: {port},")))
        .expect("our file");
    let command = home.command(&["tui", "--config", config.to_str().expect("a plain name")]);
    let mut screen = Screen::start(&command, SIZE);
    screen.shows(&["1/1 ready", &format!("cannot listen on 127.0.0.1:{port}")]);
    screen.keys("3").shows(&["a__echo", "cannot listen on"]);
    screen.keys("\x1b").until("the line is gone", |s| !s.contents().contains("cannot listen on"));
}

#[test]
fn a_refused_configuration_is_told_and_a_good_one_taken() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let mut screen = with(&home);
    screen.shows(&["1/1 ready"]);
    let good = fs::read_to_string(&config).expect("our file");
    fs::write(&config, good.replace("command:", "comand:")).expect("our file");
    screen.shows(&["configuration refused: config.yaml:"]);
    fs::write(&config, good.replace("  a:", "  b:")).expect("our file");
    screen.until("the other server", |s| s.contents().contains("\u{25b8}b ") && !s.contents().contains("refused"));
    screen.keys("Q");
    assert!(screen.end().success());
}

#[test]
fn restarting_and_stopping_ask_first() {
    let home = Home::with_fake(&[]);
    let mut screen = with(&home);
    screen.shows(&["1/1 ready"]);
    screen.keys("r").shows(&["Restart `a`?"]);
    screen.keys("n").until("no question", |s| !s.contents().contains("Restart"));
    assert_eq!(home.pids("a").len(), 1);
    screen.keys("r").shows(&["Restart `a`?"]);
    screen.keys("y").shows(&["restarting `a`"]);
    eventually("another process", || (home.pids("a").len() == 2).then_some(()));
    screen.shows(&["1/1 ready"]);
    screen.keys("s").shows(&["Stop `a`?"]);
    screen.keys("y").shows(&["stopped"]);
    screen.keys("s").shows(&["1/1 ready"]);
}

/// The screen Config, with the text in it.
fn config_screen(home: &Home) -> Screen {
    let mut screen = with(home);
    screen.shows(&["1/1 ready"]);
    screen.keys("7").shows(&["Outline", "config.yaml", "no problems"]);
    screen
}

const CTRL_S: &str = "\x13";

#[test]
fn an_edit_of_the_configuration_is_saved_and_gone_by() {
    let home = Home::with_fake(&[]);
    let mut screen = config_screen(&home);
    let config = home.path("config.yaml");
    let before = fs::read_to_string(&config).expect("our file");
    assert_eq!(home.pids("a").len(), 1);
    // To the name of the server, and a line below it with a list of what may stand there.
    screen.keys("\r").shows(&["F1 keys"]);
    screen.keys("\x1b[F\rtags: [x]").shows(&["not saved", "no problems"]);
    screen.keys(CTRL_S).shows(&["On save", "goes on", "tags changed"]);
    screen.keys("y").shows(&["saved and in force: 1 adjusted"]);
    assert_eq!(home.pids("a").len(), 1, "its process goes on");
    let after = fs::read_to_string(&config).expect("our file");
    assert!(after.contains("tags: [x]"), "{after}");
    let backup = config.with_file_name("config.yaml.bak");
    assert_eq!(fs::read_to_string(backup).expect("the old one"), before);
    // And back, in words.
    screen.keys("\x1a").shows(&["undone: typed"]);
    screen.keys("\x1b").shows(&["? keys"]);
    screen.keys("Q").shows(&["Quit mcp-proxy?", "is not saved"]);
    screen.keys("y");
    assert!(screen.end().success());
}

#[test]
fn a_configuration_with_errors_is_not_saved_and_one_that_changed_on_disk_is_asked_about() {
    let home = Home::with_fake(&[]);
    let mut screen = config_screen(&home);
    let config = home.path("config.yaml");
    let before = fs::read_to_string(&config).expect("our file");
    screen.keys("\r\x1b[F\rtimeuot: 3s").shows(&["1 error", "unknown field `timeuot`"]);
    screen.keys(CTRL_S).shows(&["not saved: 1 error; this is the first"]);
    assert_eq!(fs::read_to_string(&config).expect("our file"), before);
    screen.keys("\x1a\x1a").shows(&["undone", "no problems"]);
    let theirs = format!("# theirs\n{before}");
    fs::write(&config, &theirs).expect("our file");
    screen.shows(&["has changed on disk too"]);
    screen.keys(CTRL_S).shows(&["Changed on disk", "keep mine"]);
    screen.keys("d").shows(&["- # theirs"]);
    screen.keys("\x1b").shows(&["keep mine"]);
    screen.keys("t").shows(&["this is the file as it is on disk", "# theirs"]);
    assert_eq!(fs::read_to_string(&config).expect("our file"), theirs);
}

#[test]
fn a_server_is_tried_and_added_by_a_form() {
    let home = Home::with_fake(&[]);
    let fake = env!("CARGO_BIN_EXE_fake-server");
    let mut screen = config_screen(&home);
    screen.keys("a").shows(&["Add a server", "not tried yet"]);
    screen.keys(&format!("{fake} --exit 3\x14")).shows(&["exit code 3"]);
    let pids = home.path("second.pids");
    screen.keys(&format!("\x15{fake} --pid-file {}\x14", pids.display())).shows(&["ready after", "21 tools"]);
    // Over the name that was proposed.
    screen.keys("\tsecond\r").shows(&["`second` added to the text"]);
    assert_eq!(home.pids("second").len(), 1, "that was the try; nothing more is started before it is saved");
    screen.keys(CTRL_S).shows(&["On save", "second", "starts"]);
    screen.keys("y").shows(&["2/2 ready"]);
    assert_eq!(home.pids("second").len(), 2);
    assert!(fs::read_to_string(home.path("config.yaml")).expect("our file").contains("  second:\n    command: "));
}

#[test]
fn another_editor_gets_the_terminal_and_gives_it_back() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let mut command = home.command(&["tui", "--config", config.to_str().expect("a plain name")]);
    let script = home.path("edit.sh");
    let text = "#!/bin/sh\nprintf 'the editor: '\nread line\nprintf '# %s\\n' \"$line\" >> \"$1\"\n";
    fs::write(&script, text).expect("our file");
    command.env("EDITOR", format!("sh {}", script.display()));
    let mut screen = Screen::start(&command, SIZE);
    screen.shows(&["1/1 ready"]);
    screen.keys("7").shows(&["no problems"]);
    screen.keys("\x1bOS").until("the editor", |s| s.contents().contains("the editor:") && !s.alternate_screen());
    screen.keys("hello\r").shows(&["taken from sh", "not saved"]);
    screen.keys(CTRL_S).shows(&["Nothing that runs changes"]);
    screen.keys("y").shows(&["saved; nothing that runs has changed"]);
    assert!(fs::read_to_string(&config).expect("our file").ends_with("# hello\n"));
    screen.keys("Q");
    assert!(screen.end().success());
    screen.assert_restored();
}

#[test]
fn the_demo_becomes_a_configuration() {
    let (home, mut screen) = demo();
    screen.shows(&["3/3 ready"]);
    screen.keys("7").shows(&["There is no configuration yet", "config.yaml"]);
    screen.keys("\r").shows(&["press a to add a server", "Outline"]);
    let fake = env!("CARGO_BIN_EXE_fake-server");
    screen.keys("a").shows(&["Add a server"]);
    screen.keys(&format!("{fake}\tmine\r")).shows(&["`mine` added to the text"]);
    screen.keys(CTRL_S).shows(&["On save", "mine", "starts"]);
    screen.keys("y").shows(&["1/1 ready"]);
    screen.keys("\x1b").shows(&["? keys"]);
    screen.keys("1").until("only ours", |s| s.contents().contains("mine") && !s.contents().contains("library"));
    assert!(home.path("home/.config/mcp-proxy/config.yaml").exists());
}
