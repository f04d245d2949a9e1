//! How states look in other styles and sizes: colours, none, a light background, ASCII, words for screen readers, little room.

use bytes::Bytes;
use mcp_proxy_core::control::{Holding, Leg};
use mcp_proxy_core::protocol::{CallId, SessionId};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::inspect::held;
use super::screens::waits_for_a_client;
use super::{after, draw, styles, text};
use crate::app::effect::Edited;
use crate::app::msg::Msg;
use crate::app::theme::Theme;
use crate::app::view;
use crate::driver::Driver;

#[test]
fn words_for_screen_readers() {
    for (name, keys) in [
        ("backends", "1"),
        ("inspect", "2"),
        ("catalog", "3"),
        ("clients", "4"),
        ("metrics", "6"),
        ("config", "7 enter"),
        ("confirm", "1 r"),
    ] {
        let mut d = Driver::new((80, 24));
        d.model.theme = Theme { accessible: true, ascii: true, ..Theme::default() };
        d.keys(keys);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view::draw(&d.model, frame)).unwrap();
        let drawn = text(terminal.backend().buffer());
        let strange: Vec<char> = drawn.chars().filter(|c| !c.is_ascii() && !"日本語のメモüßö".contains(*c)).collect();
        assert!(strange.is_empty(), "{strange:?} are no words");
        let at = terminal.get_cursor_position().unwrap();
        snapshot!(format!("{name}_words_80x24"), format!("{drawn}cursor at {},{}\n", at.x, at.y));
    }
}

#[test]
fn metrics_in_words_are_one_below_the_other() {
    for size in [(60, 12), (120, 40)] {
        let mut d = Driver::new(size);
        d.model.theme = Theme { accessible: true, ascii: true, ..Theme::default() };
        d.keys("6");
        snapshot!(format!("metrics_words_{}x{}", size.0, size.1), text(&draw(&d.model)));
    }
}

#[test]
fn small_and_plain() {
    for size in [(40, 10), (59, 30), (200, 11)] {
        let d = Driver::new(size);
        snapshot!(format!("too_small_{}x{}", size.0, size.1), text(&draw(&d.model)));
    }
    for (name, keys) in [("backends", "1"), ("inspect", "2"), ("catalog", "3"), ("clients", "4"), ("metrics", "6")] {
        let mut d = Driver::new((60, 12));
        d.keys(keys);
        snapshot!(format!("{name}_60x12"), text(&draw(&d.model)));
    }
    for (name, keys) in [("backends", "1"), ("inspect", "2"), ("catalog", "3"), ("clients", "4"), ("metrics", "6")] {
        let mut d = Driver::new((120, 40));
        d.model.theme = Theme { ascii: true, ..Theme::default() };
        d.keys(keys);
        let drawn = text(&draw(&d.model));
        let foreign: Vec<char> = drawn.chars().filter(|c| !c.is_ascii() && !"日本語のメモüßö".contains(*c)).collect();
        assert!(foreign.is_empty(), "{foreign:?} in ASCII mode");
        snapshot!(format!("{name}_ascii_120x40"), drawn);
    }
}

#[test]
fn colours_are_these_and_none_without() {
    for (name, keys) in [("backends", "1 j j j"), ("inspect", "2"), ("catalog", "3")] {
        let mut d = Driver::new((120, 40));
        d.keys(keys);
        snapshot!(format!("{name}_styles_120x40"), styles(&draw(&d.model)));
        let coloured = text(&draw(&d.model));
        if name == "backends" {
            let dark = draw(&d.model);
            d.model.theme.light = true;
            let light = draw(&d.model);
            assert_eq!(text(&light), text(&dark), "the background changes colours only");
            snapshot!("backends_light_styles_120x40", styles(&light));
            // A terminal's own green, yellow and cyan cannot be read on white.
            use ratatui::style::Color;
            let faint =
                |c: &ratatui::buffer::Cell| matches!(c.style().fg, Some(Color::Green | Color::Yellow | Color::Cyan));
            assert!(!light.content().iter().any(faint));
        }
        d.model.theme = Theme { color: false, ..Theme::default() };
        let plain = draw(&d.model);
        assert_eq!(text(&plain), coloured, "colour tells something words do not");
        for cell in plain.content() {
            let style = cell.style();
            assert!(matches!(style.fg, None | Some(ratatui::style::Color::Reset)), "{style:?}");
        }
    }
}

/// A state in every style: its colours, on a light background, without colours, in ASCII, and in words.
fn each_style(name: &str, build: impl Fn((u16, u16)) -> Driver) {
    use ratatui::style::Color;
    let mut d = build((120, 40));
    let dark = draw(&d.model);
    snapshot!(format!("{name}_styles_120x40"), styles(&dark));
    d.model.theme.light = true;
    let light = draw(&d.model);
    assert_eq!(text(&light), text(&dark), "{name}: the background changes colours only");
    let faint = |c: &ratatui::buffer::Cell| matches!(c.style().fg, Some(Color::Green | Color::Yellow | Color::Cyan));
    assert!(!light.content().iter().any(faint), "{name}: cannot be read on white");
    d.model.theme = Theme { color: false, ..Theme::default() };
    let plain = draw(&d.model);
    assert_eq!(text(&plain), text(&dark), "{name}: colour tells something words do not");
    for cell in plain.content() {
        assert!(matches!(cell.style().fg, None | Some(Color::Reset)), "{name}: {:?}", cell.style());
    }
    let foreign = |drawn: &str| {
        let foreign: Vec<char> = drawn.chars().filter(|c| !c.is_ascii() && !"日本語のメモüßö".contains(*c)).collect();
        assert!(foreign.is_empty(), "{name}: {foreign:?}");
    };
    d.model.theme = Theme { ascii: true, ..Theme::default() };
    let ascii = text(&draw(&d.model));
    foreign(&ascii);
    snapshot!(format!("{name}_ascii_120x40"), ascii);
    let mut d = build((80, 24));
    d.model.theme = Theme { accessible: true, ascii: true, ..Theme::default() };
    let words = text(&draw(&d.model));
    foreign(&words);
    snapshot!(format!("{name}_words_80x24"), words);
}

#[test]
fn inspect_in_every_style() {
    each_style("inspect_held", held);
    each_style("inspect_held_editor", |size| {
        let mut d = held(size);
        let message =
            br#"{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"slow","arguments":{"steps":3}}}"#;
        let held = Holding {
            call: CallId(11),
            session: SessionId(2),
            leg: Leg::Request,
            since: crate::sample::now(),
            until: crate::sample::now(),
            message: Bytes::from_static(message),
        };
        d.tell(Msg::Held(Edited::Held(CallId(11)), Some(Box::new(held))));
        d
    });
    each_style("inspect_compare", after("2 g j j j m j j C"));
    each_style("inspect_replay", after("2 g j j j j j r"));
    each_style("inspect_filter_mistake", |size| {
        let mut d = Driver::new(size);
        d.keys("2 /").text("~e").text(" | ~lat 5");
        d
    });
    each_style("inspect_detail", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter tab");
        d
    });
}

#[test]
fn other_screens_in_every_style() {
    each_style("catalog_form_error", |size| {
        let mut d = Driver::new(size);
        d.keys("3 j j enter").text("x").keys("tab").text("many").keys("enter");
        d
    });
    each_style("clients_detail", waits_for_a_client);
    each_style("metrics_one", after("6 j ]"));
}

#[test]
fn config_plain() {
    let mut d = Driver::new((120, 40));
    d.model.theme = Theme { ascii: true, ..Theme::default() };
    d.file = Some(crate::sample::CONFIG.replace("    timeout: 30s", "    timeout: fast"));
    d.keys("7 enter down end ctrl-space");
    let drawn = text(&draw(&d.model));
    let foreign: Vec<char> = drawn.chars().filter(|c| !c.is_ascii() && !"日本".contains(*c)).collect();
    assert!(foreign.is_empty(), "{foreign:?} in ASCII mode");
    snapshot!("config_ascii_120x40", drawn);
    let mut d = Driver::new((120, 40));
    d.file = Some(crate::sample::CONFIG.replace("    timeout: 30s", "    timeout: fast"));
    d.keys("7 enter down s-down");
    snapshot!("config_styles_120x40", styles(&draw(&d.model)));
    let coloured = text(&draw(&d.model));
    d.model.theme.light = true;
    snapshot!("config_light_styles_120x40", styles(&draw(&d.model)));
    d.model.theme = Theme { color: false, ..Theme::default() };
    let plain = draw(&d.model);
    assert_eq!(text(&plain), coloured, "colour tells something words do not");
    for cell in plain.content() {
        assert!(matches!(cell.style().fg, None | Some(ratatui::style::Color::Reset)), "{:?}", cell.style());
    }
}
