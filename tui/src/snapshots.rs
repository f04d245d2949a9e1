//! Every screen in every state at three sizes, as text, in `snapshots/tui/`. Read them as a person would.

use std::time::Duration;

use bytes::Bytes;
use mcp_proxy_core::control::{Holding, Leg};
use mcp_proxy_core::observe::{FlowKind, Status};
use mcp_proxy_core::protocol::{CallId, SessionId};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use tracing_subscriber::layer::SubscriberExt;

use crate::app::effect::Edited;
use crate::app::model::Model;
use crate::app::msg::{Ended, Loaded, Msg};
use crate::app::theme::Theme;
use crate::app::view;
use crate::driver::Driver;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Compares with the snapshot of this name.
macro_rules! snapshot {
    ($name:expr, $value:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/tui"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $value));
    }};
}

fn draw(model: &Model) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The cells as text; a wide character's second cell is left out.
fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        let mut line = String::new();
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = crate::widgets::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Runs of cells of the same style, without the plain ones.
fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, y)].style();
            let from = x;
            let mut run = String::new();
            while x < buffer.area.width && buffer[(x, y)].style() == style {
                run.push_str(buffer[(x, y)].symbol());
                x += 1;
            }
            let plain = style.add_modifier.is_empty() && matches!(style.fg, None | Some(ratatui::style::Color::Reset));
            if !plain && !run.trim().is_empty() {
                let fg = style.fg.map(|c| c.to_string()).unwrap_or_default();
                out.push_str(&format!("{y}:{from} {fg} {:?} `{}`\n", style.add_modifier, run.trim()));
            }
        }
    }
    out
}

/// Takes the snapshot of a state at each size.
fn each_size(name: &str, build: impl Fn((u16, u16)) -> Driver) {
    for size in SIZES {
        let driver = build(size);
        snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&draw(&driver.model)));
    }
}

fn after(keys: &'static str) -> impl Fn((u16, u16)) -> Driver {
    move |size| {
        let mut d = Driver::new(size);
        d.keys(keys);
        d
    }
}

#[test]
fn backends() {
    each_size("backends", after("1"));
    each_size("backends_empty", |size| {
        let mut d = Driver::empty(size);
        d.model.first_run = Some("demo servers: `mcp-proxy init` writes your own configuration".into());
        d
    });
    each_size("backends_failure", after("1 j j j d"));
    each_size("backends_confirm", after("1 r"));
    each_size("backends_detail", after("1 d"));
    each_size("backends_tools", after("1 d ]"));
    each_size("backends_setup", after("1 d ] ]"));
    each_size("backends_log", after("1 d ["));
    each_size("backends_sorted", after("1 o"));
    each_size("backends_details_only", after("1 +"));
    each_size("backends_config_error", |size| {
        let mut d = Driver::new(size);
        d.snapshot.config_error = Some("config.yaml:14:5: unknown field `comand`, did you mean `command`?".into());
        d.look(Some(Vec::new()));
        d
    });
}

#[test]
fn inspect() {
    each_size("inspect", after("2"));
    each_size("inspect_empty", |size| {
        let mut d = Driver::empty(size);
        d.keys("2");
        d
    });
    each_size("inspect_detail", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter");
        d
    });
    each_size("inspect_response", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter tab j j j");
        d
    });
    each_size("inspect_error", after("2 g j j j j j enter tab"));
    each_size("inspect_timeout", after("2 g j j j j enter tab"));
    each_size("inspect_slow", after("2 g j j j j j j enter"));
    each_size("inspect_filter", |size| {
        let mut d = Driver::new(size);
        d.keys("2 /").text("~be demo !~own");
        d
    });
    each_size("inspect_filter_mistake", |size| {
        let mut d = Driver::new(size);
        d.keys("2 /").text("~e").text(" | ~lat 5");
        d
    });
    each_size("inspect_nothing_passes", |size| {
        let mut d = Driver::new(size);
        d.keys("2 /").text("nobody").keys("enter");
        d
    });
    each_size("inspect_not_following", |size| {
        let mut d = Driver::new(size);
        d.keys("2 k k");
        let mut new = d.journal[3].clone();
        for id in 14..40 {
            new.id.0 = id;
            d.journal.push(new.clone());
        }
        d.look(Some(Vec::new()));
        d
    });
    each_size("inspect_copy", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter G k k k k y");
        d
    });
    each_size("inspect_reader", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter tab");
        let side = &mut d.model.inspect.detail.as_mut().unwrap().response;
        side.cursor.at = (0..side.tree.lines().len()).find(|at| side.tree.path(*at).ends_with("[0].text")).unwrap();
        d.keys("enter");
        d
    });
    each_size("inspect_help", after("2 ?"));
    each_size("inspect_raw", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter v v j");
        d
    });
    each_size("inspect_facts", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter tab v v v");
        d
    });
    for (name, keys) in [("headers", "enter v v v"), ("answer_headers", "enter tab v v v j j")] {
        each_size(&format!("inspect_{name}"), |size| {
            let mut d = Driver::new(size);
            d.open_as(&crate::sample::by_http()).keys(keys);
            d
        });
    }
    each_size("inspect_working", |size| {
        let mut d = Driver::new(size);
        d.keys("2").tell(Msg::Working { n: 1, what: "reading ~/monday.jsonl".into() });
        d.tell(Msg::Progress { n: 1, done: 41 << 20, of: 100 << 20 });
        d
    });
    each_size("inspect_find_call", |size| {
        let mut d = Driver::new(size);
        d.keys("2 ctrl-f").text("demo");
        d
    });
    each_size("inspect_found_call", |size| {
        let mut d = Driver::new(size);
        d.keys("2 ctrl-f").text("note").keys("enter N");
        d
    });
    each_size("inspect_find_no_call", |size| {
        let mut d = Driver::new(size);
        d.keys("2 ctrl-f").text("nobody");
        d
    });
    each_size("inspect_find", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("enter tab /").text("text");
        d
    });
    each_size("inspect_replay", after("2 g j j j j j r"));
    each_size("inspect_edit", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("e down down down down down");
        d
    });
    each_size("inspect_edit_mistake", |size| {
        let mut d = Driver::new(size);
        d.open_echo().keys("e down end backspace end");
        d
    });
    each_size("inspect_held", held);
    each_size("inspect_drop_held", |size| {
        let mut d = held(size);
        d.keys("X");
        d
    });
    each_size("inspect_intercept", |size| {
        let mut d = Driver::new(size);
        d.keys("2 i").text("~t demo__echo & ~q");
        d
    });
    each_size("inspect_intercept_mistake", |size| {
        let mut d = Driver::new(size);
        d.keys("2 i").text("~t demo__echo & ~lat 5");
        d
    });
    each_size("inspect_marks", |size| {
        let mut d = Driver::new(size);
        d.keys("2 g j j j m j j ;").text("why zero?").keys("enter");
        d
    });
    each_size("inspect_compare", after("2 g j j j m j j C"));
    each_size("inspect_related", |size| {
        let mut d = Driver::new(size);
        let mut again = crate::sample::echo();
        (again.id, again.parent, again.client) = (CallId(14), Some(CallId(3)), "terminal".into());
        d.journal.push(again);
        d.look(Some(Vec::new()));
        d.keys("2 g j j j R");
        d
    });
    each_size("inspect_columns", after("2 o j j space j j j j j j enter"));
    each_size("inspect_ordered", after("2 o j j j j j j j j enter esc"));
    each_size("inspect_export", after("2 g j j j x j"));
    each_size("inspect_save", after("2 w"));
    each_size("inspect_recording", |size| {
        let mut d = Driver::new(size);
        d.keys("2");
        let loaded = Loaded { name: "/tmp/monday.jsonl".into(), n_flows: 14, ..Loaded::default() };
        d.tell(Msg::Worked { n: 1, ended: Ended::Loaded(Ok(loaded)) });
        d.look(None);
        d
    });
    each_size("inspect_frozen", |size| {
        let mut d = Driver::new(size);
        d.keys("2 P");
        d.tell(Msg::Streaming(Some("/tmp/calls.jsonl".into())));
        d
    });
    each_size("inspect_filter_help", after("2 / f1"));
}

/// A request is held, and its filter still is.
fn held(size: (u16, u16)) -> Driver {
    let mut d = Driver::new(size);
    d.hold("~t demo__slow & ~q").keys("2 k k");
    d
}

#[test]
fn catalog() {
    each_size("catalog", after("3"));
    each_size("catalog_empty", |size| {
        let mut d = Driver::empty(size);
        d.keys("3");
        d
    });
    each_size("catalog_detail", after("3 d"));
    each_size("catalog_rename", after("3 n"));
    each_size("catalog_hide", after("3 u"));
    each_size("catalog_json", after("3 j j J d"));
    each_size("catalog_prompt", after("3 ] d"));
    each_size("catalog_limits", |size| {
        let mut d = Driver::new(size);
        d.model.limits = vec![crate::screens::catalog::limits::ClientLimit {
            client: "Tiny".into(),
            tools: Some((3, "hides the others".into())),
            name: Some((12, "mcp_".into(), "cuts the name".into())),
        }];
        d.keys("3 d");
        d
    });
    each_size("catalog_hidden", |size| {
        let mut d = Driver::new(size);
        let mut view = (*d.catalog).clone();
        view.items[1].withheld = true;
        view.version += 1;
        d.catalog = view.into();
        d.look(Some(Vec::new()));
        d.keys("3 j d");
        d
    });
    each_size("catalog_resources", after("3 ] ]"));
    each_size("catalog_filter", |size| {
        let mut d = Driver::new(size);
        d.keys("3 /").text("table");
        d
    });
    each_size("catalog_form", after("3 j j enter"));
    each_size("catalog_form_error", |size| {
        let mut d = Driver::new(size);
        d.keys("3 j j enter").text("x").keys("tab").text("many").keys("enter");
        d
    });
    each_size("catalog_form_confirm", |size| {
        let mut d = Driver::new(size);
        d.keys("3 j enter").text("x").keys("enter");
        d
    });
    each_size("catalog_form_json", |size| {
        let mut d = Driver::new(size);
        d.keys("3 j j enter").text("x").keys("ctrl-r");
        d
    });
    each_size("catalog_form_content", |size| {
        let mut d = Driver::new(size);
        d.keys("3 enter").text("hello").keys("enter");
        let frame = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[
            {"type":"text","text":"Found 2 notes.\nThe first one:"},
            {"type":"text","text":"{\"title\":\"shopping\",\"lines\":3}"},
            {"type":"image","mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"},
            {"type":"audio","mimeType":"audio/wav","data":"UklGRg=="},
            {"type":"resource_link","uri":"note://today","name":"today"},
            {"type":"resource","resource":{"uri":"note://b","mimeType":"text/plain","text":"bread"}}],
            "structuredContent":{"total":2}}}"#;
        d.tell(Msg::Answer { seq: 1, result: Ok(Bytes::from_static(frame)), took: Duration::from_millis(12) });
        d
    });
    each_size("catalog_form_running", |size| {
        let mut d = Driver::new(size);
        d.keys("3 enter").text("hello").keys("enter");
        d.model.now += Duration::from_secs(3);
        d
    });
    each_size("catalog_form_answer", |size| {
        let mut d = Driver::new(size);
        d.keys("3 enter").text("hello").keys("enter");
        let frame =
            br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}],"isError":false}}"#;
        d.tell(Msg::Answer { seq: 1, result: Ok(Bytes::from_static(frame)), took: Duration::from_millis(12) });
        d
    });
    each_size("catalog_form_failed", |size| {
        let mut d = Driver::new(size);
        d.keys("3 enter").text("hello").keys("enter");
        let frame = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"`message` is too short"}}"#;
        d.tell(Msg::Answer { seq: 1, result: Ok(Bytes::from_static(frame)), took: Duration::from_millis(12) });
        d
    });
}

#[test]
fn clients() {
    each_size("clients", after("4"));
    each_size("clients_empty", |size| {
        let mut d = Driver::empty(size);
        d.keys("4");
        d
    });
    each_size("clients_detail", waits_for_a_client);
    each_size("clients_confirm", after("4 X"));
}

/// Two questions wait for a client.
fn waits_for_a_client(size: (u16, u16)) -> Driver {
    let mut d = Driver::new(size);
    d.snapshot.clients[0].n_open = 2;
    for (id, parent) in [(14, 11), (15, 11)] {
        let mut question = crate::sample::echo();
        (question.id, question.parent) = (CallId(id), Some(CallId(parent)));
        (question.kind, question.status) = (FlowKind::Upcall, Status::Pending);
        (question.method, question.target) = ("elicitation/create".into(), None);
        d.journal.push(question);
    }
    d.look(Some(vec![CallId(14), CallId(15)]));
    d.keys("4 d");
    d
}

#[test]
fn metrics() {
    each_size("metrics", after("6"));
    each_size("metrics_one", after("6 j ]"));
    each_size("metrics_empty", |size| {
        let mut d = Driver::empty(size);
        d.keys("6");
        if let Some(seen) = &mut d.model.metrics.seen {
            seen.points.clear();
            seen.slowest.clear();
            seen.ended.iter_mut().for_each(|(_, n)| *n = 0);
        }
        d
    });
}

#[test]
fn palette() {
    each_size("palette", after("1 :"));
    each_size("palette_found", |size| {
        let mut d = Driver::new(size);
        d.keys("2 :").text("not");
        d
    });
}

#[test]
fn messages() {
    each_size("messages", |size| {
        let mut d = Driver::new(size);
        d.tell(Msg::Copied(Ok("copied id, 3 B (OSC 52)".into())));
        d.keys("f3");
        d
    });
}

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
fn logs() {
    // tui-logger keeps one ring for the process: the lines are put in once, here.
    let _alone = crate::driver::LOGS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    crate::runtime::logging::set_up();
    each_size("logs_empty", after("5"));
    let line = |seq, backend: &str, text: &str, stream| mcp_proxy_core::control::LogLine {
        seq,
        at: crate::sample::now(),
        backend: backend.into(),
        stream,
        text: text.into(),
    };
    use mcp_proxy_core::control::LogStream::{Message, Stderr, Stdout};
    crate::runtime::logging::push(&[
        line(0, "demo", "listening on stdio", Stderr),
        line(1, "broken", "npm error code E404", Stderr),
        line(
            2,
            "broken",
            "npm error 404 Not Found - GET https://registry.npmjs.org/@acme%2fdoes-not-exist - a line that is longer than the screen is wide and has to be broken between words",
            Stderr,
        ),
        line(3, "demo", "a stray \u{1b}[31mline\u{1b}[0m with colours", Stdout),
        line(4, "notes", r#"{"level":"warning","logger":"index","data":"3 notes were indexed"}"#, Message),
    ]);
    let subscriber = tracing_subscriber::registry().with(crate::tracing_layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(shell = "zsh", "an event of our own with an \u{1b}[1mescape");
        tracing::error!(server = "broken", "it ended with exit code 1");
        tracing::debug!("not captured until asked for");
    });
    crate::runtime::logging::settle();
    each_size("logs", after("5"));
    each_size("logs_only_one", after("1 j j j L"));
    each_size("logs_no_sources", after("5 h"));
    snapshot!("logs_60x12", text(&draw(&after("5 h")((60, 12)).model)));
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

/// The configuration, after keys.
fn config_after(keys: &'static str) -> impl Fn((u16, u16)) -> Driver {
    move |size| {
        let mut d = Driver::new(size);
        d.keys("7");
        d.keys(keys);
        d
    }
}

#[test]
fn config() {
    each_size("config", config_after(""));
    each_size("config_text", config_after("enter down"));
    each_size("config_problems", |size| {
        let mut d = Driver::new(size);
        let bad = crate::sample::CONFIG
            .replace("    timeout: 30s", "    timeout: fast")
            .replace("start: lazy", "strat: lazy");
        d.file = Some(bad);
        d.keys("7 f8");
        d
    });
    each_size("config_offers", config_after("enter end enter r"));
    each_size("config_offers_values", config_after("j j enter down down end ctrl-w ctrl-space"));
    each_size("config_find", |size| {
        let mut d = Driver::new(size);
        d.keys("7 ctrl-f").text("command");
        d
    });
    each_size("config_plan", |size| {
        let mut d = Driver::new(size);
        d.keys("7 enter down down end left").text(", more").keys("esc j j j u");
        d
    });
    each_size("config_save", |size| {
        let mut d = Driver::new(size);
        d.keys("7 enter down down end left").text(", more").keys("esc j j j u ctrl-s");
        d
    });
    each_size("config_changed", |size| {
        let mut d = Driver::new(size);
        d.keys("7 enter down down end left").text(", more");
        d.file = Some(crate::sample::CONFIG.replace("30s", "40s"));
        d.n_readings += 1;
        d.look(Some(Vec::new()));
        d.keys("ctrl-s");
        d
    });
    each_size("config_difference", |size| {
        let mut d = Driver::new(size);
        d.keys("7 enter down down end left").text(", more");
        d.file = Some(crate::sample::CONFIG.replace("30s", "40s"));
        d.n_readings += 1;
        d.look(Some(Vec::new()));
        d.keys("ctrl-s d");
        d
    });
    each_size("config_none", |size| {
        let mut d = Driver::empty(size);
        d.file = None;
        d.keys("7");
        d
    });
    each_size("config_add", |size| {
        let mut d = Driver::new(size);
        d.keys("7 a").text("npx -y @modelcontextprotocol/server-filesystem ~/notes");
        d
    });
    each_size("config_add_tried", |size| {
        let mut d = Driver::new(size);
        d.keys("7 a").text("npx -y @x/server-time").keys("ctrl-t");
        d.tell(Msg::Config(Box::new(crate::sample::probed(1, "demo"))));
        d
    });
    each_size("config_add_failed", |size| {
        let mut d = Driver::new(size);
        d.keys("7 a").text("npx -y @acme/does-not-exist").keys("ctrl-t");
        d.tell(Msg::Config(Box::new(crate::sample::probed(1, "broken"))));
        d
    });
    each_size("config_help", config_after("enter f1"));
    snapshot!("config_60x12", text(&draw(&config_after("enter down")((60, 12)).model)));
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
