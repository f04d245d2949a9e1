//! Screen Inspect on a real pty, over the demo's traffic: messages held and let go, calls made again, recordings.

use std::fs;

use crate::harness::{Home, Screen, eventually};

const SIZE: (u16, u16) = (120, 40);
const CTRL_S: &str = "\x13";
const CTRL_Z: &str = "\x1a";
const F4: &str = "\x1bOS";

/// The demo with its calls on the screen; `$EDITOR` is `editor`.
fn demo(editor: &str) -> (Home, Screen) {
    let home = Home::new();
    let mut command = home.command(&["tui"]);
    command.env("EDITOR", editor).env_remove("VISUAL");
    let mut screen = Screen::start(&command, SIZE);
    screen.shows(&["3/3 ready"]);
    screen.keys("2").shows(&["tools/call"]);
    (home, screen)
}

#[test]
fn a_call_is_held_edited_and_let_go_while_others_pass() {
    let (_home, mut screen) = demo("false");
    screen.keys("i").shows(&["Hold messages of flows that match"]);
    screen.keys("~t tools__echo & ~").shows(&["^ no `~`"]);
    screen.keys("q\r").shows(&["held, a releases", "‖ held"]);
    screen.keys("/!~t tools__echo ~m tools/call ~since 2s\r").shows(&["✓ ok"]);
    // Escape and a key in one piece would be another key.
    screen.keys("/\x15~held\r").shows(&["‖ held", "its request is held"]);
    screen.keys("e").shows(&["The held message of", "tools__echo", "✓ JSON"]);
    screen.keys("x").shows(&["✗ line 1"]);
    screen.keys(CTRL_S).shows(&["✗ line 1"]);
    screen.keys(CTRL_Z).shows(&["✓ JSON"]);
    screen.keys(" ");
    screen.keys(CTRL_S).until("its going on", |s| {
        let contents = s.contents();
        contents.contains("has gone on as edited") || !contents.contains("The held message of")
    });
    screen.keys("I").shows(&["nothing more is held"]);
    screen.keys("A").until("nothing held", |s| !s.contents().contains("‖"));
    screen.keys("Q");
    assert!(screen.end().success());
}

#[test]
fn quitting_while_a_call_is_held_ends_it() {
    let (_home, mut screen) = demo("false");
    screen.keys("i~m tools/call & ~q\r").shows(&["held, a releases"]);
    screen.keys("q").shows(&["Quit mcp-proxy?", "held,"]);
    screen.keys("y");
    assert!(screen.end().success());
    screen.assert_restored();
}

#[test]
fn a_call_is_made_again_as_it_was_and_as_another_editor_left_it() {
    let (_home, mut screen) = demo("sed -i s/hello/goodbye/");
    screen.keys("/~t tools__echo ~cl demo\r").shows(&["tools__echo", "✓ ok", "hello from the demo client"]);
    screen.keys("r").shows(&["is a replay of c-"]);
    screen.keys("/\x15~cl terminal ~m tools/call\r").shows(&["1 of 1", "replay of c-", "(p)"]);
    screen.keys("e").shows(&["Params of tools/call", "hello from the demo client", "✓ JSON"]);
    screen.keys(F4).shows(&["Params of tools/call", "goodbye from the demo client"]);
    screen.keys(CTRL_S).shows(&["2 of 2"]);
    screen.keys("Q");
    assert!(screen.end().success());
    screen.assert_restored();
}

#[test]
fn what_the_list_shows_is_saved_and_looked_at_again() {
    let (home, mut screen) = demo("false");
    let file = home.path("saved.jsonl");
    let path = file.to_str().expect("a plain name");
    screen.keys("/~m tools/call ~s\r").shows(&["tools__echo", "✓ ok"]);
    screen.keys("w\x15").keys(path).keys("\r").shows(&["as JSONL: written to"]);
    let text = fs::read_to_string(&file).expect("a recording");
    assert!(text.starts_with(r#"{"recording":"mcp-proxy","format":1,"#), "{text:.200}");
    let n = text.lines().count() - 1;
    assert!(n > 0 && text.lines().skip(1).all(|l| l.contains(r#""method":"tools/call""#)), "{text:.400}");
    screen.keys("\x1b").shows(&["no filter"]);
    screen.keys("L").keys(path).keys("\r").shows(&["recording saved.jsonl"]);
    screen.shows(&[&format!(" of {n}, newest last"), "tools__echo"]);
    screen.keys("\x1b").shows(&["live again", "FOLLOW"]);

    let file = home.path("stream.jsonl");
    screen.keys("W\x15").keys(file.to_str().expect("a plain name")).keys("\r").shows(&["as it ends; W stops that"]);
    eventually("a call in the stream", || {
        let text = fs::read_to_string(&file).ok()?;
        text.lines().any(|l| l.contains(r#""status":"ok""#)).then_some(())
    });
    screen.keys("W").shows(&["is complete"]);
    let text = fs::read_to_string(&file).expect("a stream");
    assert!(text.ends_with('\n') && text.lines().skip(1).all(|l| l.starts_with(r#"{"flow":{"#)), "{text:.400}");
    screen.keys("Q");
    assert!(screen.end().success());
}
