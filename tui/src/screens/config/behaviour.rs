//! What keys and news do on the screen Config: messages in, model and wishes out.

use mcp_proxy_core::config::edit::replace::Seen;
use mcp_proxy_core::control::{Report, Saved, Verdict};

use super::state::{Focus, Saving};
use super::talk::{NotSaved, Told, Wish};
use crate::app::effect::Effect;
use crate::app::model::Screen;
use crate::app::msg::{Mouse, Msg};
use crate::app::popup::Popup;
use crate::driver::Driver;
use crate::sample;
use crate::widgets::editor::buffer::place;

const SIZE: (u16, u16) = (120, 40);

/// The text open, the cursor at the end of the args of `demo`.
fn edited() -> Driver {
    let mut d = Driver::new(SIZE);
    d.keys("7 enter down down end left").text(", more");
    d
}

fn text(d: &Driver) -> String {
    d.model.config.open().expect("a file").editor.text()
}

fn toast(d: &Driver) -> &str {
    d.model.toast.as_ref().map_or("", |t| &t.text)
}

fn saved(d: &mut Driver, result: Result<Verdict, NotSaved>) {
    let version = d.model.config.open().expect("a file").editor.version();
    let seen = Seen::holding(std::path::Path::new(sample::CONFIG_PATH), text(d).into_bytes());
    let result = result.map(|outcome| {
        let report = Report { outcome, path: None, plan: Default::default(), problems: "why".to_owned() };
        Box::new(Saved { seen, backup: Some("/home/alex/.config/mcp-proxy/config.yaml.bak".into()), report })
    });
    d.tell(Msg::Config(Box::new(Told::Saved { version, result })));
}

#[test]
fn the_outline_has_the_keys_first_and_digits_are_text_in_the_text() {
    let mut d = Driver::new(SIZE);
    d.keys("7");
    assert_eq!((d.model.screen, d.model.config.focus), (Screen::Config, Focus::Outline));
    d.keys("j enter").text("12");
    assert_eq!(d.model.screen, Screen::Config);
    assert!(text(&d).contains("  12notes:"), "{}", text(&d));
    d.keys("esc 1");
    assert_eq!(d.model.screen, Screen::Backends);
}

#[test]
fn saving_shows_the_plan_and_asks_before_anything_is_ended() {
    let mut d = edited();
    d.keys("ctrl-s");
    let Some(Popup::Save { yes: false }) = d.model.popups.last() else { panic!("{:?}", d.model.popups) };
    assert!(d.wishes.is_empty(), "nothing is written yet");
    d.keys("esc");
    assert_eq!(d.model.config.open().expect("a file").saving, Saving::No);
    d.keys("ctrl-s y");
    let [Effect::Config(Wish::Save { text: written, .. })] = d.wishes.as_slice() else { panic!("{:?}", d.wishes) };
    assert_eq!(*written, text(&d));
    saved(&mut d, Ok(Verdict::Applied));
    assert!(!d.model.config.is_modified() && toast(&d).contains("config.yaml.bak"), "{}", toast(&d));
    d.keys("ctrl-s");
    assert!(toast(&d).contains("no changes"), "{}", toast(&d));
}

#[test]
fn what_ends_nothing_is_saved_by_enter() {
    let mut d = Driver::new(SIZE);
    d.keys("7 j enter down down down end left").text("0").keys("ctrl-s enter");
    assert!(matches!(d.wishes.as_slice(), [Effect::Config(Wish::Save { .. })]), "{:?}", d.wishes);
}

#[test]
fn errors_hold_saving_back_and_are_gone_to() {
    let mut d = Driver::new(SIZE);
    d.keys("7 j enter down down down end").text("x").keys("ctrl-home ctrl-s");
    assert!(d.wishes.is_empty() && d.model.popups.is_empty());
    assert!(toast(&d).contains("not saved: 1 error"), "{}", toast(&d));
    assert_eq!(d.model.config.open().expect("a file").editor.cursor(), place(12, 13));
    // What is mended can be saved, and what is typed while the last check runs is not.
    d.keys("ctrl-z");
    assert!(!d.model.config.is_modified());
}

#[test]
fn a_file_that_changed_on_disk_is_never_written_over_unasked() {
    let mut d = edited();
    let theirs = sample::CONFIG.replace("30s", "40s");
    d.file = Some(theirs.clone());
    d.n_readings += 1;
    d.look(Some(Vec::new()));
    d.keys("ctrl-s");
    assert!(matches!(d.model.popups.last(), Some(Popup::Changed)));
    d.keys("t");
    assert_eq!(text(&d), theirs);
    assert!(!d.model.config.is_modified());
    d.keys("ctrl-z");
    assert!(text(&d).contains(", more") && d.model.config.is_modified());
    // Mine: theirs is what has to be there when it is written.
    let mut d = edited();
    d.keys("ctrl-s y");
    d.wishes.clear();
    d.file = Some(theirs.clone());
    saved(&mut d, Err(NotSaved::Changed));
    d.keys("ctrl-s k y");
    let [Effect::Config(Wish::Save { seen, .. })] = d.wishes.as_slice() else { panic!("{:?}", d.wishes) };
    assert_eq!(seen.text().expect("text"), theirs);
}

#[test]
fn what_nobody_has_touched_follows_the_disk() {
    let mut d = Driver::new(SIZE);
    d.keys("7");
    d.file = Some(sample::CONFIG.replace("30s", "40s"));
    d.n_readings += 1;
    d.look(Some(Vec::new()));
    assert!(text(&d).contains("40s") && !d.model.config.is_modified());
    d.file = None;
    d.n_readings += 1;
    d.look(Some(Vec::new()));
    assert!(text(&d).contains("40s"), "a file that is gone takes nothing away");
}

#[test]
fn offers_are_taken_by_tab_and_by_enter_only_when_chosen() {
    let mut d = Driver::new(SIZE);
    d.keys("7 j j enter down down end ctrl-w").text("l");
    assert!(d.model.config.open().expect("a file").completion.is_some());
    d.keys("tab");
    assert!(text(&d).contains("    start: lazy\n"), "{}", text(&d));
    d.keys("enter").text("limi").keys("tab");
    assert!(text(&d).contains("    limits:\n      \n"), "{}", text(&d));
    d.text("max_c").keys("enter");
    assert!(text(&d).contains("      max_c\n      \n"), "{}", text(&d));
    d.keys("backspace backspace backspace backspace").keys("ctrl-n down up enter");
    assert!(text(&d).contains("      max_concurrent: \n"), "{}", text(&d));
    // Of words for a value the list comes by itself.
    d.keys("enter").text("x").keys("ctrl-u").text("    isolation:").keys("space");
    let offers = d.model.config.open().expect("a file").completion.as_ref().expect("words");
    assert_eq!(offers.entries[0].text, "auto");
}

#[test]
fn a_server_is_switched_in_the_text() {
    let mut d = Driver::new(SIZE);
    d.keys("7 u");
    assert!(text(&d).contains("\"${DEMO_TOKEN:-none}\" }\n    enabled: false\n"), "{}", text(&d));
    assert!(toast(&d).contains("server `demo` disabled"), "{}", toast(&d));
    d.keys("u");
    assert!(text(&d).contains("    enabled: true\n"));
    d.keys("enter ctrl-z");
    assert_eq!(toast(&d), "undone: server `demo` enabled");
    d.keys("ctrl-z");
    assert_eq!(text(&d), sample::CONFIG);
}

#[test]
fn a_server_is_added_with_comments_kept() {
    let mut d = Driver::new(SIZE);
    d.keys("7 a").text("uvx mcp-server-time").keys("tab tab").text("TZ=UTC KEY").keys("enter");
    assert!(d.model.popups.is_empty(), "{:?}", d.model.popups);
    let expected =
        "  time:\n    command: uvx\n    args: [mcp-server-time]\n    env:\n      TZ: UTC\n      KEY: \"${KEY}\"\n";
    assert!(text(&d).contains(expected) && text(&d).starts_with("# what all my clients use"), "{}", text(&d));
    let open = d.model.config.open().expect("a file");
    assert_eq!(open.entry().map(|e| e.name.as_str()), Some("time"));
    assert!(d.wishes.is_empty(), "nothing is started or written");
    d.keys("ctrl-z");
    assert_eq!(text(&d), sample::CONFIG);
}

#[test]
fn trying_a_server_tells_what_it_offers_or_why_not() {
    let mut d = Driver::new(SIZE);
    d.keys("7");
    assert!(d.model.tick_in().is_some(), "a server waits to be tried again");
    d.keys("a").text("npx x").keys("ctrl-t");
    let [Effect::Config(Wish::Probe { seq: 1, name, .. })] = d.wishes.as_slice() else { panic!("{:?}", d.wishes) };
    assert_eq!(name, "x");
    d.snapshot.backends.retain(|b| &*b.name == "demo");
    d.look(Some(Vec::new()));
    assert!(d.model.tick_in().is_some(), "a time runs on the screen");
    d.tell(Msg::Config(Box::new(sample::probed(9, "demo"))));
    assert!(d.model.tick_in().is_some(), "an old answer is none");
    d.tell(Msg::Config(Box::new(sample::probed(1, "demo"))));
    assert!(d.model.tick_in().is_none());
}

#[test]
fn leaving_with_changes_asks_and_the_same_key_again_leaves() {
    let mut d = edited();
    d.keys("esc Q");
    let Some(Popup::Confirm { detail, .. }) = d.model.popups.last() else { panic!("no question") };
    assert!(detail.contains("config.yaml is not saved"), "{detail}");
    d.keys("esc");
    assert!(d.wishes.is_empty());
    d.keys("ctrl-c ctrl-c");
    assert_eq!(d.wishes, [Effect::Quit]);
}

#[test]
fn ctrl_c_in_the_text_copies_and_never_quits() {
    let mut d = edited();
    d.keys("home s-end ctrl-c");
    let [Effect::Copy { text, .. }] = d.wishes.as_slice() else { panic!("{:?}", d.wishes) };
    assert_eq!(text, "args: [--fast, \"日本\", more]");
}

#[test]
fn find_goes_along_and_back() {
    let mut d = Driver::new(SIZE);
    d.keys("7 ctrl-f").text("command");
    let at = |d: &Driver| d.model.config.open().expect("a file").editor.cursor().line;
    assert_eq!(at(&d), 5);
    d.keys("down");
    assert_eq!(at(&d), 18);
    d.keys("esc");
    assert_eq!(at(&d), 0, "back to where it began");
    d.keys("ctrl-g").text("23").keys("enter");
    assert_eq!(at(&d), 22);
}

#[test]
fn the_mouse_selects_and_the_wheel_scrolls() {
    let mut d = Driver::new((120, 24));
    d.keys("7");
    let area = super::view::text_area(&d.model);
    let gutter = d.model.config.open().expect("a file").editor.gutter();
    let (x, y) = (area.x + gutter, area.y);
    d.tell(Msg::Mouse(Mouse::Click, x + 2, y));
    d.tell(Msg::Mouse(Mouse::Drag, x + 6, y));
    d.keys("ctrl-c");
    assert!(matches!(d.wishes.as_slice(), [Effect::Copy { text, .. }] if text == "what"), "{:?}", d.wishes);
    d.tell(Msg::Mouse(Mouse::WheelDown, x, y));
    assert_eq!(d.model.config.open().expect("a file").editor.place_at(0, 0).line, 3);
}

#[test]
fn without_a_configuration_one_is_made() {
    let mut d = Driver::empty(SIZE);
    d.model.demo = true;
    d.file = None;
    d.keys("7 enter");
    assert_eq!(d.wishes, [Effect::Config(Wish::Init)]);
    d.file = Some(mcp_proxy_core::config::TEMPLATE.to_owned());
    d.tell(Msg::Config(Box::new(Told::Made(Ok("~/.config/mcp-proxy/config.yaml".to_owned())))));
    assert!(!d.model.demo && d.model.config.open().is_some());
    assert!(text(&d).starts_with("# mcp-proxy"));
}

#[test]
fn what_another_editor_wrote_can_be_undone() {
    let mut d = edited();
    let before = text(&d);
    d.keys("f4");
    assert_eq!(d.wishes, [Effect::Config(Wish::Edit(before.clone()))]);
    d.tell(Msg::Config(Box::new(Told::Edited { program: "vim".into(), result: Ok("servers: {}\n".into()) })));
    assert_eq!(text(&d), "servers: {}\n");
    d.keys("ctrl-z");
    assert_eq!((toast(&d), text(&d)), ("undone: edited in vim", before));
    d.tell(Msg::Config(Box::new(Told::Edited { program: "vim".into(), result: Err("`vim` ended".into()) })));
    assert!(toast(&d).contains("`vim` ended"));
}

#[test]
fn a_server_leads_to_its_place_in_the_file() {
    let mut d = Driver::new(SIZE);
    d.keys("1 j e");
    assert_eq!((d.model.screen, d.model.config.focus), (Screen::Config, Focus::Text));
    assert_eq!(d.model.config.open().expect("a file").editor.cursor(), place(9, 2));
    d.keys("esc 1 k e");
    assert_eq!(d.model.config.open().expect("a file").editor.cursor(), place(4, 2));
}

#[test]
fn a_server_gets_another_name_and_is_taken_out() {
    let mut d = Driver::new(SIZE);
    d.keys("7 n").text("2").keys("enter");
    assert!(text(&d).contains("  demo2:\n") && text(&d).contains("servers: [demo2, notes]"), "{}", text(&d));
    let open = d.model.config.open().expect("a file");
    assert_eq!(open.entry().map(|e| e.name.as_str()), Some("demo2"));
    d.keys("n ctrl-u").text("notes").keys("enter");
    assert!(toast(&d).contains("there is a server `notes` already"), "{}", toast(&d));
    d.keys("n esc X");
    assert!(!text(&d).contains("demo2:") && text(&d).contains("  notes:\n"), "{}", text(&d));
    d.keys("ctrl-z ctrl-z");
    assert_eq!(text(&d), sample::CONFIG, "in the outline too");
    assert!(!d.wishes.contains(&Effect::Suspend));
}
