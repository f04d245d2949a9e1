//! What keys, the mouse and news do, screen by screen: messages in, model and wishes out.

use std::time::Duration;

use bytes::Bytes;
use mcp_proxy_core::control::{BackendState, Command, CommandError};
use mcp_proxy_core::observe::Status;
use mcp_proxy_core::protocol::{CallId, SessionId};

use crate::app::effect::Effect;
use crate::app::model::{Model, Screen};
use crate::app::msg::{Mouse, Msg, Seen};
use crate::app::popup::Popup;
use crate::app::theme::Theme;
use crate::app::update::update;
use crate::driver::Driver;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::input::keymap;
use crate::sample;
use crate::screens::catalog::form::Call;
use crate::screens::inspect::state::Pane;

const SIZE: (u16, u16) = (120, 40);

fn driver() -> Driver {
    Driver::new(SIZE)
}

fn wishes(keys: &str) -> Vec<Effect> {
    driver().keys(keys).wishes.clone()
}

#[test]
fn leaving_takes_an_answer_and_escape_never_leaves() {
    assert_eq!(wishes("q y"), [Effect::Quit]);
    assert_eq!(wishes("q tab enter"), [Effect::Quit]);
    assert_eq!(wishes("Q"), [Effect::Quit]);
    assert_eq!(wishes("ctrl-c"), [Effect::Quit]);
    for keys in [
        "q enter",
        "q n",
        "q esc",
        "q q",
        "esc esc esc esc",
        "2 esc esc",
        "4 esc esc",
        "5 esc esc",
        "6 esc esc",
        "3 enter esc esc esc",
    ] {
        assert_eq!(wishes(keys), [], "{keys}");
    }
}

#[test]
fn what_kills_asks_and_what_does_not_does_not() {
    let name = || "demo".into();
    assert_eq!(wishes("1 r y"), [Effect::Command(Command::Restart(name()))]);
    assert_eq!(wishes("1 s y"), [Effect::Command(Command::Stop(name()))]);
    assert_eq!(wishes("1 r enter"), []);
    assert_eq!(wishes("1 s n"), []);
    assert_eq!(wishes("1 j j j s"), [Effect::Command(Command::Start("broken".into()))]);
    let mut d = driver();
    d.keys("1 G r");
    assert!(d.wishes.is_empty() && d.model.popups.is_empty(), "a disabled server is not restarted");
    assert!(d.model.toast.is_some());
}

#[test]
fn a_client_is_disconnected_after_a_question_and_its_calls_are_a_key_away() {
    assert_eq!(wishes("4 X y"), [Effect::Command(Command::Disconnect(SessionId(2)))]);
    assert_eq!(wishes("4 X enter"), []);
    let mut d = driver();
    d.keys("4 enter");
    assert_eq!((d.model.screen, d.model.inspect.input.text()), (Screen::Inspect, "~sess s-2"));
    d.snapshot.clients.clear();
    d.look(Some(Vec::new()));
    d.keys("4 d X enter tab j");
    assert!(d.model.popups.is_empty() && !d.model.clients.in_detail);
}

#[test]
fn refused_and_accepted_commands_are_told() {
    let mut d = driver();
    let command = Command::Stop("demo".into());
    d.tell(Msg::Commanded(command.clone(), Err(CommandError::UnknownBackend("demo".into()))));
    assert!(d.model.toast.as_ref().unwrap().text.contains("no server `demo`"));
    d.tell(Msg::Commanded(command, Ok(())));
    assert!(d.model.toast.as_ref().unwrap().text.contains("stopping `demo`"));
    d.keys("j");
    assert!(d.model.toast.is_none(), "the next key takes it away");
}

#[test]
fn the_selected_server_stays_selected_when_others_come_and_go() {
    let mut d = driver();
    d.keys("1 j j");
    d.snapshot.backends.remove(0);
    d.look(Some(Vec::new()));
    assert_eq!(&*d.model.server().unwrap().name, "asks");
    d.snapshot.backends.clear();
    d.look(Some(Vec::new()));
    assert!(d.model.server().is_none());
}

#[test]
fn a_server_leads_to_its_calls_and_its_logs() {
    let mut d = driver();
    d.keys("1 j enter");
    assert_eq!((d.model.screen, d.model.inspect.input.text()), (Screen::Inspect, "~be notes"));
    assert!(d.model.inspect.window.iter().all(|f| f.backend.as_deref() == Some("notes")));
    assert!(!d.model.inspect.window.is_empty());
    d.keys("- L");
    assert_eq!((d.model.screen, d.model.logs.only.as_deref()), (Screen::Logs, Some("notes")));
    d.keys("f");
    assert_eq!(d.model.logs.only, None);
}

#[test]
fn the_list_follows_until_one_scrolls_up() {
    let mut d = driver();
    d.keys("2");
    assert!(d.model.inspect.follow);
    assert_eq!(d.model.inspect.selected, Some(13));
    d.keys("k");
    assert!(!d.model.inspect.follow);
    let mut new = d.journal[3].clone();
    new.id = CallId(14);
    d.journal.push(new);
    d.look(Some(Vec::new()));
    assert_eq!((d.model.inspect.selected, d.model.inspect.n_new()), (Some(12), 1));
    d.keys("F");
    assert_eq!((d.model.inspect.selected, d.model.inspect.n_new()), (Some(14), 0));
    d.keys("g");
    assert_eq!(d.model.inspect.selected, Some(0));
    d.keys("G");
    assert!(d.model.inspect.follow);
}

#[test]
fn rows_that_leave_the_journal_take_nothing_else_with_them() {
    let mut d = driver();
    d.keys("2 g j j j j j");
    assert_eq!(d.model.inspect.selected, Some(5));
    d.journal.drain(..3);
    d.look(Some(Vec::new()));
    assert_eq!(d.model.inspect.selected, Some(5));
    d.journal.drain(..6);
    d.look(Some(Vec::new()));
    assert_eq!(d.model.inspect.selected, Some(9), "the oldest row left");
    assert_eq!(d.model.inspect.detail.as_ref().unwrap().flow.id, CallId(9));
    d.journal.clear();
    d.look(None);
    assert!(d.model.inspect.selected.is_none() && d.model.inspect.detail.is_none());
}

#[test]
fn only_rows_on_the_screen_are_read() {
    let mut model = Model::new((120, 40), sample::now(), Theme::default());
    update(&mut model, Msg::Key(crate::input::key::Key::parse("2").unwrap()));
    let seen = Seen {
        snapshot: sample::snapshot(),
        first: 0,
        next: 1_000_000,
        version: 1,
        changed: Some(Vec::new()),
        catalog: sample::catalog(),
        n_readings: 0,
        intercept: Default::default(),
    };
    let effects = update(&mut model, Msg::Seen(Box::new(seen)));
    let [Effect::Rows(ids), Effect::Flow(CallId(999_999))] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(ids.len() < 40 && ids.last() == Some(&CallId(999_999)));
}

#[test]
fn nothing_new_asks_for_nothing() {
    let mut d = driver();
    d.keys("2");
    let seen = Seen {
        snapshot: d.snapshot.clone(),
        first: 0,
        next: 14,
        version: 9,
        changed: Some(Vec::new()),
        catalog: d.catalog.clone(),
        n_readings: 0,
        intercept: Default::default(),
    };
    assert_eq!(update(&mut d.model, Msg::Seen(Box::new(seen))), []);
}

#[test]
fn an_answer_that_comes_renews_row_and_detail_and_keeps_what_is_folded() {
    let mut d = driver();
    d.open_echo().keys("enter j j j enter");
    let folded = d.model.inspect.detail.as_ref().unwrap().request.tree.lines().len();
    d.journal[3].status = Status::ToolError;
    d.look(Some(vec![CallId(3)]));
    let detail = d.model.inspect.detail.as_ref().unwrap();
    assert_eq!((detail.flow.status.clone(), detail.request.tree.lines().len()), (Status::ToolError, folded));
    assert_eq!(d.model.inspect.window[3].status, Status::ToolError);
}

#[test]
fn letters_typed_into_a_filter_are_no_commands_and_mistakes_keep_the_last_good_one() {
    let mut d = driver();
    d.keys("2 /").text("q1Qj");
    assert_eq!((d.model.inspect.input.text(), d.model.screen), ("q1Qj", Screen::Inspect));
    d.keys("ctrl-u").text("~be demo");
    let n = d.model.inspect.rows.len();
    d.text(" | ~lat");
    assert!(d.model.inspect.mistake.is_some());
    assert_eq!(d.model.inspect.rows.len(), n);
    d.keys("enter");
    assert!(!d.model.inspect.typing);
    d.keys("esc");
    assert_eq!((d.model.inspect.input.text(), d.model.inspect.rows.len()), ("", 14));
}

#[test]
fn parents_and_children_lead_to_each_other() {
    let mut d = driver();
    d.keys("2 g j j j j j j c");
    assert_eq!(d.model.inspect.selected, Some(7));
    d.keys("p");
    assert_eq!(d.model.inspect.selected, Some(6));
    d.keys("p");
    assert!(d.model.toast.is_some(), "it belongs to no other call");
}

#[test]
fn copies_are_masked() {
    let mut d = driver();
    d.open_echo().keys("enter y");
    let Some(Popup::Copy { entries, .. }) = d.model.popups.last() else { panic!() };
    let what: Vec<&str> = entries.iter().map(|e| e.what).collect();
    assert_eq!(what, ["value", "JSON path", "id", "request", "request as sent on", "answer", "answer as passed back"]);
    assert!(entries.iter().all(|e| !e.text().contains("sk-very-secret") && !e.preview().contains("sk-")));
    d.keys("j j enter");
    assert_eq!(d.wishes, [Effect::Copy { what: "id".into(), text: "c-3".into() }]);
}

#[test]
fn a_secret_shows_only_when_asked_for() {
    let mut d = driver();
    d.open_echo().keys("enter");
    let side = &mut d.model.inspect.detail.as_mut().unwrap().request;
    let at = (0..side.tree.lines().len()).find(|at| side.tree.path(*at).ends_with("api_key")).unwrap();
    side.cursor.at = at;
    assert_eq!(side.tree.value_text(at).unwrap(), "***");
    d.keys("s");
    let side = &d.model.inspect.detail.as_ref().unwrap().request;
    assert_eq!(side.tree.value_text(at).unwrap(), "sk-very-secret");
}

#[test]
fn on_a_narrow_terminal_enter_pushes_the_detail_and_back_pops_it() {
    let mut d = Driver::new((80, 24));
    d.keys("2 enter");
    assert_eq!(d.model.inspect.pane, Pane::Request);
    d.keys("q");
    assert_eq!((d.model.inspect.pane, d.model.popups.len()), (Pane::List, 0));
    d.keys("q");
    assert_eq!(d.model.popups.len(), 1, "at the root it asks");
}

#[test]
fn help_lists_what_works_here_and_does_it() {
    let mut d = driver();
    d.keys("2 k ?");
    assert!(matches!(d.model.popups.last(), Some(Popup::Help { contexts, .. }) if contexts[0] == Context::Inspect));
    let follow =
        keymap::Keymap::default().bindings(&[Context::Inspect]).position(|b| b.binding.action == Action::Follow);
    for _ in 0..follow.unwrap() {
        d.keys("j");
    }
    d.keys("enter");
    assert!(d.model.popups.is_empty() && d.model.inspect.follow, "the selected entry is done");
    d.keys("? ?");
    assert!(d.model.popups.is_empty());
}

#[test]
fn trying_a_tool_asks_sends_and_shows_the_answer_of_its_own_call_only() {
    let mut d = driver();
    d.keys("3 j enter").text("x").keys("enter");
    assert!(d.wishes.is_empty(), "it may change something: it asks first");
    d.keys("y");
    let params = r#"{"name":"demo__slow","arguments":{"label":"x","steps":5}}"#;
    assert_eq!(d.wishes, [Effect::Send { seq: 1, method: "tools/call", params: params.into() }]);
    let answer = |seq| Msg::Answer {
        seq,
        result: Ok(Bytes::from_static(br#"{"id":1,"result":{"content":[]}}"#)),
        took: Duration::from_millis(5),
    };
    d.tell(answer(7));
    assert!(crate::screens::catalog::update::form(&mut d.model).unwrap().is_running());
    d.tell(answer(1));
    let form = crate::screens::catalog::update::form(&mut d.model).unwrap();
    assert!(matches!(form.call, Call::Answered { failed: false, .. }));
    d.keys("esc");
    assert!(d.model.popups.is_empty());
    d.wishes.clear();
    d.keys(". y");
    assert_eq!(d.wishes, [Effect::Send { seq: 2, method: "tools/call", params: params.into() }]);
}

#[test]
fn a_running_call_is_cancelled_by_escape_and_yes() {
    let mut d = driver();
    d.keys("3 enter").text("hello").keys("enter");
    assert_eq!(d.wishes.len(), 1, "it only reads: no question");
    d.keys("esc n");
    assert!(crate::screens::catalog::update::form(&mut d.model).unwrap().is_running());
    d.keys("esc y");
    assert_eq!(d.wishes.last(), Some(&Effect::Cancel(1)));
    assert!(matches!(crate::screens::catalog::update::form(&mut d.model).unwrap().call, Call::Cancelled));
}

#[test]
fn an_item_stays_selected_when_its_name_changes() {
    let mut d = driver();
    d.keys("3 j");
    let own = d.model.catalog.item().unwrap().own.clone();
    let mut view = (*d.catalog).clone();
    let mut item = view.items.remove(1);
    item.exposed = "demo__renamed".into();
    view.items.push(item);
    view.version += 1;
    d.catalog = view.into();
    d.look(Some(Vec::new()));
    let selected = d.model.catalog.item().unwrap();
    assert_eq!((&*selected.exposed, &selected.own), ("demo__renamed", &own));
}

#[test]
fn what_a_server_confirms_is_from_the_cache_no_more() {
    let mut d = driver();
    let cached = |d: &mut Driver, cached: bool| {
        let mut view = (*d.catalog).clone();
        view.items.iter_mut().for_each(|item| item.cached = cached);
        d.catalog = view.into();
        d.look(Some(Vec::new()));
    };
    cached(&mut d, true);
    cached(&mut d, false);
    assert!(!d.model.catalog.view.items.iter().any(|item| item.cached), "with the same version");
}

#[test]
fn the_first_item_is_selected_until_another_one_is_chosen() {
    let with_one_before = |d: &mut Driver| {
        let mut view = (*d.catalog).clone();
        let mut first = view.items[0].clone();
        first.exposed = "a__first".into();
        view.items.insert(0, first);
        view.version += 1;
        d.catalog = view.into();
        d.look(Some(Vec::new()));
    };
    let selected = |d: &Driver| d.model.catalog.item().map(|i| i.exposed.to_string());
    let mut d = driver();
    d.keys("3");
    with_one_before(&mut d);
    assert_eq!(selected(&d).as_deref(), Some("a__first"), "nobody has chosen the one below");
    let mut d = driver();
    d.keys("3 g");
    let chosen = selected(&d);
    with_one_before(&mut d);
    assert_eq!(selected(&d), chosen);
}

#[test]
fn the_background_is_as_the_terminal_says_until_one_is_chosen() {
    let mut d = driver();
    d.tell(Msg::Background { light: true });
    assert!(d.model.theme.light);
    d.keys("f6");
    d.tell(Msg::Background { light: true });
    assert!(!d.model.theme.light, "chosen with a key");
}

#[test]
fn a_short_list_leaves_room_for_the_selected_one() {
    let mut d = Driver::new((80, 24));
    d.keys("1 j j j");
    assert!(crate::screens::backends::view::shows_detail(&d.model));
    d.keys("d");
    assert_eq!(crate::screens::backends::view::list_area(&d.model).height, 0, "all of the screen");
    d.keys("esc");
    let b = d.snapshot.backends[0].clone();
    d.snapshot.backends = vec![b; 20];
    d.look(Some(Vec::new()));
    assert!(!crate::screens::backends::view::shows_detail(&d.model), "a long list needs the rows itself");
}

#[test]
fn the_catalog_keeps_its_item_when_the_list_changes() {
    let mut d = driver();
    d.keys("3 j j");
    let name = d.model.catalog.item().unwrap().exposed.clone();
    let mut view = (*d.catalog).clone();
    view.items.remove(0);
    view.version += 1;
    d.catalog = view.into();
    d.look(Some(Vec::new()));
    assert_eq!(d.model.catalog.item().unwrap().exposed, name);
    d.keys("]");
    assert_eq!(&*d.model.catalog.item().unwrap().exposed, "notes__review");
}

#[test]
fn there_is_no_timer_when_no_time_is_on_the_screen() {
    let mut d = driver();
    d.keys("2");
    assert_eq!(d.model.tick_in(), Some(Duration::from_secs(1)), "a call is running");
    d.model.theme.accessible = true;
    assert_eq!(d.model.tick_in(), Some(Duration::from_secs(15)), "nobody is talked to every second");
    d.model.theme.accessible = false;
    d.tell(Msg::Focus(false));
    assert_eq!(d.model.tick_in(), None);
    d.tell(Msg::Focus(true));
    d.journal[11].status = Status::Ok;
    d.look(Some(vec![CallId(11)]));
    assert_eq!(d.model.tick_in(), None);
    d.keys("3");
    assert_eq!(d.model.tick_in(), None);
    for b in &mut d.snapshot.backends {
        (b.per_second, b.n_in_flight) = ([0; 60], 0);
        b.state = BackendState::Ready;
        b.since = sample::now() - Duration::from_secs(120);
    }
    d.look(Some(Vec::new()));
    d.keys("1");
    assert_eq!(d.model.tick_in(), Some(Duration::from_secs(60)), "until `2m` reads `3m`");
}

#[test]
fn the_first_line_goes_when_dismissed_but_not_in_the_demo() {
    let mut d = driver();
    d.model.first_run = Some("how to begin".into());
    d.model.trouble = Some("cannot listen".into());
    d.keys("esc");
    assert!(d.model.trouble.is_none() && d.model.first_run.is_some(), "one step each");
    d.model.demo = true;
    d.keys("esc");
    assert!(d.model.first_run.is_some());
    d.model.demo = false;
    d.keys("esc");
    assert!(d.model.first_run.is_none());
}

#[test]
fn the_mouse_selects_scrolls_and_changes_screens() {
    let mut d = driver();
    d.tell(Msg::Mouse(Mouse::Click, 26, 0));
    assert_eq!(d.model.screen, Screen::Inspect);
    d.tell(Msg::Mouse(Mouse::Click, 10, 6));
    assert_eq!(d.model.inspect.selected, Some(2));
    d.tell(Msg::Mouse(Mouse::WheelDown, 10, 6));
    assert_eq!(d.model.inspect.selected, Some(5));
    d.tell(Msg::Mouse(Mouse::Click, 100, 30));
    assert_eq!(d.model.inspect.pane, Pane::Response);
    d.keys("f2");
    assert_eq!(d.wishes, [Effect::Mouse(false)]);
}

#[test]
fn a_screen_that_is_too_small_still_lets_one_leave() {
    let mut d = Driver::new((40, 10));
    d.keys("j enter / x 3");
    assert!(d.wishes.is_empty());
    d.keys("q");
    assert_eq!(d.wishes, [Effect::Quit]);
}

#[test]
fn every_line_of_the_key_table_can_be_reached() {
    let states: [(&str, &str); 30] = [
        ("1", ""),
        ("1 d", ""),
        ("2", ""),
        ("2 enter", ""),
        ("2 /", ""),
        ("2 enter /", ""),
        ("2 i", ""),
        ("2 g j j j e", ""),
        ("2 x", ""),
        ("2 o", ""),
        ("2 R", ""),
        ("2 m k C", ""),
        ("3", ""),
        ("3 d", ""),
        ("3 /", ""),
        ("3 enter", ""),
        ("3 n", ""),
        ("4", ""),
        ("5", ""),
        ("6", ""),
        ("7", ""),
        ("7 enter", ""),
        ("7 enter end enter ctrl-space", ""),
        ("7 ctrl-f", ""),
        ("7 a", ""),
        (":", ""),
        ("?", ""),
        ("q", ""),
        ("2 y", ""),
        ("3 enter", "hello"),
    ];
    let mut reached = Vec::new();
    let mut see = |d: &Driver| {
        let contexts = d.model.contexts();
        reached.extend(d.model.keys.bindings(&contexts).map(|b| (b.binding.context, b.binding.action)));
    };
    for (keys, text) in states {
        let mut d = driver();
        d.keys(keys).text(text);
        see(&d);
        if !text.is_empty() {
            d.keys("enter");
            let result = Ok(Bytes::from_static(br#"{"result":{"text":"a text that is long enough for a popup"}}"#));
            d.tell(Msg::Answer { seq: 1, result, took: Duration::ZERO });
            see(&d);
            d.keys("enter");
            see(&d);
        }
    }
    let mut d = driver();
    d.keys("7 enter").text("x");
    d.file = Some(sample::CONFIG.replace("30s", "40s"));
    d.n_readings += 1;
    d.look(Some(Vec::new()));
    d.keys("ctrl-s");
    see(&d);
    let mut d = Driver::empty(SIZE);
    d.file = None;
    d.keys("7");
    see(&d);
    for b in keymap::TABLE {
        assert!(reached.contains(&(b.context, b.action)), "{b:?} can never be pressed");
    }
}

#[test]
fn a_running_call_is_cancelled_after_a_question() {
    let running = |d: &mut Driver| {
        d.keys("2");
        let at = d.model.inspect.rows.place(11);
        d.model.inspect.select(at);
        d.keys("ctrl-l").wishes.clear();
    };
    let mut d = driver();
    running(&mut d);
    d.keys("X n");
    assert_eq!(d.wishes, []);
    d.keys("X y");
    assert_eq!(d.wishes, [Effect::Command(Command::Cancel(CallId(11)))]);
    let mut d = driver();
    d.keys("2 g X");
    assert!(d.model.popups.is_empty(), "it has ended already");
}

#[test]
fn what_is_being_read_stays() {
    let mut d = driver();
    d.keys("2");
    assert!(d.model.inspect.follow);
    d.keys("enter");
    assert!(!d.model.inspect.follow, "a call that is open is not replaced by the next");
    d.keys("esc F");
    assert!(d.model.inspect.follow);
}

#[test]
fn what_is_written_into_the_configuration_asks_first() {
    use mcp_proxy_core::config::change::Change;
    let configure = |change| [Effect::Command(Command::Configure(change))];
    let tool = |on| Change::ShowTool { server: "demo".into(), tool: "echo".into(), on };
    assert_eq!(wishes("1 u enter"), []);
    assert_eq!(wishes("1 u y"), configure(Change::UseServer { server: "demo".into(), on: false }));
    assert_eq!(wishes("1 G u y"), configure(Change::UseServer { server: "linear".into(), on: true }));
    assert_eq!(wishes("3 u n"), []);
    assert_eq!(wishes("3 u y"), configure(tool(false)));
    assert_eq!(wishes("3 ] u"), [], "a prompt cannot be hidden");
    let mut d = driver();
    let mut view = (*d.catalog).clone();
    view.items[0].withheld = true;
    view.version += 1;
    d.catalog = view.into();
    d.look(Some(Vec::new()));
    d.keys("3 enter");
    assert!(d.model.popups.is_empty(), "what is hidden cannot be called");
    d.keys("u y");
    assert_eq!(d.wishes, configure(tool(true)));
    let mut d = driver();
    d.keys("3 n ctrl-u").text("say it").keys("enter");
    assert!(d.wishes.is_empty() && !d.model.popups.is_empty(), "no blanks in a name");
    d.keys("ctrl-u").text("say").keys("enter");
    let to =
        |to: Option<&str>| Change::RenameTool { server: "demo".into(), tool: "echo".into(), to: to.map(Into::into) };
    assert_eq!(d.wishes, configure(to(Some("say"))));
    assert_eq!(wishes("3 n enter"), configure(to(None)), "its own name is no other name");
}

#[test]
fn a_server_is_asked_whether_it_is_there() {
    let mut d = driver();
    d.keys("1 t");
    assert_eq!(d.wishes, [Effect::Command(Command::Ping("demo".into()))]);
    d.look(Some(Vec::new()));
    assert!(d.model.toast.is_none(), "an old answer is none");
    let answered = |took| Some(mcp_proxy_core::control::Pinged { at: sample::now() + Duration::from_secs(1), took });
    d.snapshot.backends[0].pinged = answered(Some(Duration::from_millis(12)));
    d.look(Some(Vec::new()));
    assert_eq!(d.model.toast.as_ref().unwrap().text, "\u{2713} `demo` answered in 12ms");
    d.keys("t");
    d.model.toast = None;
    d.snapshot.backends[0].pinged = answered(None);
    d.look(Some(Vec::new()));
    assert!(d.model.toast.as_ref().unwrap().text.contains("did not answer"));
}

#[test]
fn servers_are_sorted_and_details_get_room() {
    let mut d = driver();
    d.keys("1 j o");
    let names = |d: &Driver| d.model.servers().iter().map(|b| b.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&d), ["broken", "asks", "demo", "notes", "linear"]);
    assert_eq!(&*d.model.server().unwrap().name, "notes", "the selected one stays selected");
    d.look(Some(Vec::new()));
    assert_eq!(names(&d)[0], "broken", "also with news");
    d.keys("+");
    assert!(d.model.backends.in_detail);
    d.keys("esc");
    assert!(!d.model.backends.in_detail);
    d.keys("_ d");
    assert!(d.model.backends.in_detail && crate::screens::backends::view::shows_detail(&d.model));
}

#[test]
fn tools_can_be_looked_at_one_by_one() {
    let mut d = driver();
    d.keys("6 j j");
    let subject = |d: &Driver| (d.model.metrics.subject.server.clone(), d.model.metrics.subject.tool.clone());
    assert_eq!(subject(&d), (Some("demo".into()), Some("echo".into())));
    assert_eq!(d.model.metrics.seen.as_ref().unwrap().tool.as_deref(), Some("echo"));
    d.keys("enter");
    assert_eq!(d.model.inspect.input.text(), "~be demo & ~t echo");
    d.keys("6 j j");
    assert_eq!(subject(&d), (Some("notes".into()), None));
    d.snapshot.backends.truncate(1);
    d.look(Some(Vec::new()));
    assert_eq!(subject(&d), (None, None), "what is gone is looked at no more");
}

#[test]
fn letters_in_their_order_find_a_tool() {
    let mut d = driver();
    d.keys("3 /").text("dmix");
    assert_eq!(&*d.model.catalog.item().unwrap().exposed, "demo__mixed");
    d.keys("ctrl-u").text("books");
    assert_eq!(&*d.model.catalog.item().unwrap().exposed, "asks__book_table", "by a word of its description");
    d.keys("ctrl-u").text("zzzqqq");
    assert!(d.model.catalog.item().is_none());
}

#[test]
fn clients_and_items_are_sorted() {
    use mcp_proxy_core::protocol::SessionId;
    let mut d = driver();
    let mut second = d.snapshot.clients[0].clone();
    (second.id, second.name, second.n_calls) = (SessionId(5), "aider".into(), 9_000);
    d.snapshot.clients.push(second);
    d.look(Some(Vec::new()));
    let ids = |d: &Driver| d.model.sessions().iter().map(|c| c.id.0).collect::<Vec<_>>();
    d.keys("4");
    assert_eq!(ids(&d), [2, 5]);
    d.keys("o");
    assert_eq!((ids(&d), d.model.session().unwrap().id), (vec![5, 2], SessionId(2)), "by name; the selected one stays");
    d.keys("o");
    d.look(Some(Vec::new()));
    assert_eq!(ids(&d), [5, 2], "by calls, also with news");
    let names = |d: &Driver| {
        let state = &d.model.catalog;
        state.shown.iter().map(|at| state.view.items[*at].exposed.to_string()).collect::<Vec<_>>()
    };
    d.keys("3 o");
    assert_eq!(names(&d), ["asks__book_table", "demo__echo", "demo__mixed", "demo__slow"]);
    d.keys("o");
    assert_eq!(names(&d)[0], "demo__mixed", "it costs most");
}
