//! What keys do in Inspect beyond looking: calls made again, messages held, marks, recordings, columns, text that is found.

use std::time::Duration;

use bytes::Bytes;
use mcp_proxy_core::control::{Command, CommandError, Holding, Leg};
use mcp_proxy_core::protocol::{CallId, SessionId};

use crate::app::effect::{Edited, Effect, Format};
use crate::app::msg::{Ended, Loaded, Msg};
use crate::app::popup::Popup;
use crate::driver::Driver;
use crate::sample;
use crate::screens::inspect::layer::Layer;

fn driver() -> Driver {
    Driver::new((120, 40))
}

fn held_driver() -> Driver {
    let mut d = driver();
    d.journal[11].is_held = true;
    d.intercept.filter = Some("~t demo__slow".into());
    d.intercept.held = vec![(CallId(11), Leg::Request, sample::now() + Duration::from_secs(290))];
    d.look(Some(vec![CallId(11)]));
    d.keys("2");
    d
}

#[test]
fn a_call_is_made_again_after_a_question_unless_it_only_reads() {
    let mut d = driver();
    d.open_echo().keys("r");
    let [Effect::Replay(again)] = &d.wishes[..] else { panic!("{:?}", d.wishes) };
    assert_eq!((again.of, again.n, again.method.as_str()), (CallId(3), 1, "tools/call"));
    assert!(again.params.contains(r#""name":"demo__echo""#) && !again.params.contains("_meta"));
    d.wishes.clear();
    d.keys("esc j j r enter");
    assert!(d.wishes.is_empty() && d.model.popups.is_empty(), "no is marked first");
    d.keys("r y");
    assert!(matches!(&d.wishes[..], [Effect::Replay(again)] if again.of == CallId(5) && again.n == 3));
    d.keys("g r");
    assert!(d.model.toast.is_some() && d.wishes.len() == 1, "a handshake is not made again");
}

#[test]
fn the_replay_is_selected_when_it_stands_in_the_list() {
    let mut d = driver();
    d.open_echo().keys("r");
    let mut new = sample::echo();
    (new.id, new.parent) = (CallId(14), Some(CallId(3)));
    d.journal.push(new);
    d.look(Some(Vec::new()));
    d.tell(Msg::Replayed { of: CallId(3), new: CallId(14) });
    assert_eq!(d.model.inspect.selected, Some(14));
    assert!(d.model.toast.as_ref().unwrap().text.contains("c-e is a replay of c-3"));
    d.keys("p c");
    assert_eq!(d.model.inspect.selected, Some(14), "there and back");
}

/// The text that is being edited.
fn text(d: &Driver) -> Option<String> {
    match d.model.popups.last() {
        Some(Popup::Inspect(layer)) => match &**layer {
            Layer::Edit(draft) => Some(draft.editor.text()),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn an_edited_call_is_sent_when_it_is_json_and_kept_when_it_is_not() {
    let mut d = driver();
    d.open_echo().keys("e");
    let first = text(&d).expect("an editor");
    assert!(first.contains("\n  \"name\": \"demo__echo\",\n"), "{first}");
    d.keys("x ctrl-s");
    assert!(d.wishes.is_empty() && text(&d).is_some(), "a mistake is not sent");
    d.keys("esc e");
    assert_eq!(text(&d), Some(format!("x{first}")), "what was written is not lost");
    d.keys("delete ctrl-s");
    let Some(Effect::Replay(again)) = d.wishes.pop() else { panic!("sent: {:?} {:?}", d.wishes, text(&d)) };
    assert!(!again.params.contains('\n') && again.params.contains(r#""times": 2"#), "{}", again.params);
    d.keys("e y f4");
    for unused in [Ok(None), Err("it is not there".to_owned())] {
        let Some(Effect::Edit { what, .. }) = d.wishes.pop() else { panic!("another editor") };
        d.tell(Msg::Edited(what, unused));
        assert_eq!(text(&d), Some(format!("y{first}")), "what was written before is there again");
        d.keys("f4");
    }
    let Some(Effect::Edit { what, .. }) = d.wishes.pop() else { panic!("another editor") };
    assert!(text(&d).is_none() && d.wishes.is_empty());
    let new = "{\n \"name\": \"demo__echo\",\n \"arguments\": {\"message\": \"x\"}\n}";
    d.tell(Msg::Edited(what, Ok(Some(new.into()))));
    assert_eq!(text(&d).as_deref(), Some(new), "it is looked at before it goes");
    d.keys("ctrl-s");
    assert!(matches!(d.wishes.pop(), Some(Effect::Replay(again)) if again.params.contains(r#"{"message": "x"}"#)));
}

#[test]
fn what_is_held_is_released_edited_dropped_and_answered() {
    let wish = |keys: &str| held_driver().keys(keys).wishes.clone();
    let released = Effect::Command(Command::Release { call: CallId(11), message: None });
    // The selected one, else the oldest.
    assert_eq!(wish("a"), std::slice::from_ref(&released));
    assert_eq!(wish("k k a"), [released]);
    assert_eq!(wish("A"), [Effect::Command(Command::ReleaseAll)]);
    assert_eq!(wish("k k X enter"), []);
    assert_eq!(wish("k k X y"), [Effect::Command(Command::Drop(CallId(11)))]);
    assert_eq!(wish("k k e"), [Effect::Held(Edited::Held(CallId(11)))]);
    assert_eq!(wish("E"), [Effect::Held(Edited::Answer(CallId(11)))]);
    assert_eq!(wish("I"), [Effect::Command(Command::Intercept(None))]);
    let mut d = driver();
    d.keys("2 a A E");
    assert!(d.wishes.is_empty() && d.model.toast.is_some());
}

#[test]
fn keys_for_what_is_held_or_runs_are_told_while_something_is() {
    use crate::input::action::Action::{AnswerByHand, CancelFlow, Edit, Release, ReleaseAll};
    let mut d = driver();
    d.keys("2");
    let moment = |d: &Driver| d.model.inspect.moment();
    assert_eq!(moment(&d).idle, [Release, CancelFlow, AnswerByHand, ReleaseAll], "nothing is held or runs");
    d.keys("k k");
    assert_eq!((moment(&d).first, moment(&d).other), (vec![CancelFlow], Some((CancelFlow, "cancel"))));
    d.model.inspect.recording = Some("old".to_owned());
    assert!(moment(&d).idle.contains(&CancelFlow), "it ran elsewhere");
    d.keys("X");
    assert!(d.model.popups.is_empty() && d.model.toast.is_some());
    let mut d = held_driver();
    assert_eq!(moment(&d).first, [Release, AnswerByHand], "the newest is selected, another is held");
    d.keys("k k");
    assert_eq!((moment(&d).first, moment(&d).other), (vec![Release, Edit, CancelFlow, AnswerByHand], None));
    d.intercept.held[0].1 = Leg::Answer;
    d.intercept.held.push((CallId(12), Leg::Answer, sample::now()));
    d.look(Some(vec![CallId(11)]));
    assert_eq!(moment(&d).first, [Release, Edit, CancelFlow, ReleaseAll], "an answer is not answered");
    d.model.inspect.recording = Some("old".to_owned());
    assert!(moment(&d).first.is_empty(), "what is held is not what is shown");
}

#[test]
fn a_held_message_goes_on_as_edited_or_is_answered_by_hand() {
    let mut d = held_driver();
    let message = Bytes::from_static(br#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"a"}}"#);
    let now = sample::now();
    let held = |leg| Holding {
        call: CallId(11),
        session: SessionId(2),
        leg,
        since: now,
        until: now,
        message: message.clone(),
    };
    d.tell(Msg::Held(Edited::Held(CallId(11)), Some(Box::new(held(Leg::Request)))));
    assert!(text(&d).is_some_and(|t| t.contains("\"name\": \"a\"")));
    d.tell(Msg::Paste(" ".into()));
    d.keys("ctrl-s");
    let Some(Effect::Command(Command::Release { call: CallId(11), message: Some(message) })) = d.wishes.pop() else {
        panic!("{:?}", text(&d))
    };
    let command = Command::Release { call: CallId(11), message: Some(message.clone()) };
    d.tell(Msg::Commanded(command.clone(), Err(CommandError::Unfit("`id` must stay \"x\"".into()))));
    assert_eq!(text(&d), Some(message), "it is opened again when the proxy does not take it");
    d.keys("ctrl-s");
    d.tell(Msg::Commanded(command, Ok(())));
    assert!(d.model.inspect.draft.is_none() && text(&d).is_none());
    d.wishes.clear();

    d.tell(Msg::Held(Edited::Answer(CallId(11)), Some(Box::new(held(Leg::Request)))));
    let answer = text(&d).expect("an editor");
    assert!(answer.contains("\"id\": \"x\""), "{answer}");
    d.keys("ctrl-s");
    assert_eq!(d.wishes.pop(), Some(Effect::Command(Command::Answer { call: CallId(11), message: answer })));
    d.tell(Msg::Held(Edited::Held(CallId(11)), None));
    assert!(d.wishes.is_empty() && d.model.toast.as_ref().unwrap().text.contains("held no more"));
}

#[test]
fn a_replay_that_the_list_has_not_looked_at_yet_is_waited_for() {
    let mut d = driver();
    d.keys("2 /").text("~be demo").keys("enter g");
    let said = |d: &Driver| d.model.toast.as_ref().map(|t| t.text.clone()).unwrap_or_default();
    // Told before the rows are read.
    d.tell(Msg::Replayed { of: CallId(3), new: CallId(14) });
    assert!(!said(&d).contains("is a replay"), "{}", said(&d));
    let mut new = d.journal[3].clone();
    (new.id, new.parent) = (CallId(14), Some(CallId(3)));
    d.journal.push(new);
    d.look(Some(vec![CallId(14)]));
    assert_eq!((said(&d).as_str(), d.model.inspect.selected), ("✓ c-e is a replay of c-3", Some(14)));
    // One that does not pass.
    let mut other = d.journal[3].clone();
    (other.id, other.parent, other.backend) = (CallId(15), Some(CallId(3)), Some("notes".into()));
    d.journal.push(other);
    d.tell(Msg::Replayed { of: CallId(3), new: CallId(15) });
    d.look(Some(vec![CallId(15)]));
    assert_eq!(said(&d), "✓ c-f is a replay of c-3; it does not pass the filter");
    d.keys("P");
    d.tell(Msg::Replayed { of: CallId(3), new: CallId(16) });
    assert_eq!(said(&d), "✓ c-10 is a replay of c-3; the list is frozen");
}

#[test]
fn several_replays_are_waited_for_but_none_in_a_recording() {
    let mut d = driver();
    d.keys("2 g");
    for id in 14..24 {
        d.tell(Msg::Replayed { of: CallId(3), new: CallId(id) });
    }
    let waiting: Vec<u64> = d.model.inspect.begun.iter().map(|(_, new)| new.0).collect();
    assert_eq!(waiting, (16..24).collect::<Vec<u64>>());
    for id in [14, 15, 16] {
        let mut new = d.journal[3].clone();
        (new.id, new.parent) = (CallId(id), Some(CallId(3)));
        d.journal.push(new);
    }
    d.look(Some(vec![CallId(16)]));
    assert_eq!((d.model.inspect.selected, d.model.inspect.begun.len()), (Some(16), 7), "the others are waited for");
    d.model.inspect.change_source(Some(("a".to_owned(), 3)), Default::default());
    d.tell(Msg::Replayed { of: CallId(3), new: CallId(1) });
    assert!(d.model.inspect.begun.is_empty() && d.model.inspect.selected != Some(1), "a recording has ids of its own");
}

#[test]
fn the_filter_of_what_is_held_is_typed_with_its_mistakes_told() {
    let mut d = driver();
    d.keys("2 i").text("~lat 5").keys("enter");
    assert!(d.wishes.is_empty() && !d.model.popups.is_empty(), "a mistake is not taken");
    d.keys("ctrl-u").text("~be demo & ~q").keys("enter");
    assert_eq!(d.wishes, [Effect::Command(Command::Intercept(Some("~be demo & ~q".into())))]);
    d.keys("I");
    assert_eq!(d.wishes.len(), 2, "the last one is set again");
    d.keys("i ctrl-u enter");
    assert_eq!(d.wishes.last(), Some(&Effect::Command(Command::Intercept(None))));
    d.keys("i").text("x").keys("esc");
    assert_eq!(d.wishes.len(), 3);
}

#[test]
fn quitting_tells_that_something_is_held() {
    let mut d = held_driver();
    d.keys("q");
    let Some(Popup::Confirm { detail, .. }) = d.model.popups.last() else { panic!("it asks") };
    assert!(detail.contains("a message is held"), "{detail}");
}

#[test]
fn marks_filter_compare_and_go_into_exports() {
    let mut d = driver();
    d.keys("2 g j j j m j j ;").text("why?").keys("enter M");
    assert_eq!(d.model.inspect.window.iter().map(|f| f.id.0).collect::<Vec<_>>(), [3, 5]);
    d.keys("C");
    assert!(matches!(d.model.popups.last(), Some(Popup::Inspect(l)) if matches!(&**l, Layer::Compare(_))));
    d.keys("y esc");
    assert!(matches!(d.wishes.pop(), Some(Effect::Copy { text, .. }) if text.contains("params.name")));
    d.keys("x j enter");
    let rows = vec![(CallId(3), Some(String::new())), (CallId(5), Some("why?".into()))];
    let export = |format, path| Effect::Export { format, rows: rows.clone(), path };
    assert_eq!(d.wishes.pop(), Some(export(Format::Json, None)));
    d.keys("x w ctrl-u").text("/tmp/x.sh").keys("enter");
    assert_eq!(d.wishes.pop(), Some(export(Format::Curl, Some("/tmp/x.sh".into()))));
    d.keys("m");
    assert_eq!(d.model.inspect.rows.len(), 1, "without its mark it does not pass any more");
    d.keys("U M");
    assert_eq!(d.model.inspect.rows.len(), 14);
}

#[test]
fn what_the_list_shows_is_saved_and_a_recording_is_left_by_escape() {
    let mut d = driver();
    d.keys("2 /").text("~be notes").keys("enter w enter");
    let Some(Effect::Export { format: Format::Jsonl, rows, path: Some(path) }) = d.wishes.pop() else {
        panic!("saved")
    };
    assert_eq!((rows.len(), path.as_str()), (3, "mcp-proxy-140240.jsonl"));
    d.keys("esc m L").text("/tmp/a.jsonl").keys("enter");
    assert_eq!(d.wishes.pop(), Some(Effect::Load("/tmp/a.jsonl".into())));
    let loaded = Loaded {
        name: "/tmp/a.jsonl".into(),
        n_flows: 14,
        comments: vec![(CallId(3), "look".into())],
        n_bad: 1,
        n_left: 2,
        ..Loaded::default()
    };
    d.tell(Msg::Worked { n: 1, ended: Ended::Loaded(Ok(loaded)) });
    d.look(None);
    let state = &d.model.inspect;
    assert_eq!((state.recording.as_deref(), state.rows.len(), state.marks.len()), (Some("/tmp/a.jsonl"), 14, 1));
    let told = &d.model.toast.as_ref().unwrap().text;
    assert!(state.marks.contains_key(&3) && told.contains("1 line could not be read"), "{told}");
    assert!(told.contains("the first 14 of 16 flows from"), "{told}");
    d.wishes.clear();
    d.keys("esc");
    assert_eq!((d.wishes.pop(), &d.model.inspect.recording), (Some(Effect::Live), &None));
    assert!(!d.model.inspect.marks.contains_key(&3), "the marks are those of the journal again");
    d.tell(Msg::Worked { n: 2, ended: Ended::Loaded(Err("/x is no recording".into())) });
    assert!(d.model.inspect.recording.is_none());
}

#[test]
fn what_takes_a_while_says_how_far_it_is_and_is_stopped_by_escape() {
    let mut d = driver();
    let note = |d: &Driver| d.model.work.as_ref().map(|w| w.note("..."));
    d.keys("2").tell(Msg::Working { n: 7, what: "reading /x".into() });
    assert_eq!(note(&d).as_deref(), Some("reading /x...  Esc stops it"));
    d.tell(Msg::Progress { n: 7, done: 30, of: 120 });
    d.tell(Msg::Progress { n: 6, done: 1, of: 1 });
    assert_eq!(note(&d).as_deref(), Some("reading /x... 25%  Esc stops it"));
    // What lies over the screen is closed first.
    d.keys("? esc");
    assert!(d.wishes.is_empty());
    d.keys("esc");
    assert_eq!((d.wishes.pop(), note(&d).as_deref()), (Some(Effect::StopWork), Some("reading /x: stopping...")));
    // Another Escape is one step back as ever.
    d.keys("/").text("~e").keys("enter esc");
    assert!(d.wishes.is_empty() && d.model.inspect.input.text().is_empty());
    d.tell(Msg::Worked { n: 7, ended: Ended::Stopped });
    assert!(note(&d).is_none() && d.model.toast.as_ref().unwrap().text.contains("nothing is left"));
    let text = Ended::Text { what: "c-3 as curl".into(), text: "curl".into() };
    d.tell(Msg::Worked { n: 8, ended: text });
    assert_eq!(d.wishes.pop(), Some(Effect::Copy { what: "c-3 as curl".into(), text: "curl".into() }));
}

#[test]
fn a_stream_begins_with_a_name_and_ends_with_the_same_key() {
    let mut d = driver();
    d.keys("2 W enter");
    assert_eq!(d.wishes.pop(), Some(Effect::Stream(Some("mcp-proxy-140240.jsonl".into()))));
    d.tell(Msg::Streaming(Some("a.jsonl".into())));
    d.keys("W");
    assert_eq!(d.wishes.pop(), Some(Effect::Stream(None)));
    d.tell(Msg::Streaming(None));
    assert!(d.model.toast.as_ref().unwrap().text.contains("a.jsonl is complete"));
}

#[test]
fn columns_are_chosen_and_order_the_list() {
    let mut d = driver();
    d.keys("2 o");
    let at = |name: &str| {
        let all = crate::widgets::flow_table::choices(118, Default::default());
        all.iter().position(|(.., title, _)| *title == name).unwrap()
    };
    for _ in 0..at("LATENCY") {
        d.keys("j");
    }
    d.keys("enter esc");
    let times = |d: &Driver| d.model.inspect.window.iter().map(|f| f.timing.total()).collect::<Vec<_>>();
    let slowest = times(&d);
    assert!(slowest[1..].windows(2).all(|w| w[0] >= w[1]), "{slowest:?}");
    assert!(!d.model.inspect.follow);
    d.keys("esc");
    assert_eq!(d.model.inspect.rows.order(), None, "escape puts it in its own order again");
    assert!(d.model.inspect.follow);
}

#[test]
fn text_is_found_in_a_body_and_gone_through() {
    let mut d = driver();
    d.open_echo().keys("enter tab /").text("text");
    let at = |d: &Driver| d.model.inspect.detail.as_ref().unwrap().response.cursor.at;
    let first = at(&d);
    d.keys("enter n");
    assert_ne!(at(&d), first);
    d.keys("N");
    assert_eq!(at(&d), first);
    d.keys("/ esc n");
    assert!(d.model.toast.is_some(), "nothing is looked for any more");
}

#[test]
fn the_list_is_frozen_and_cleared() {
    let mut d = driver();
    d.keys("2 P");
    let mut new = d.journal[3].clone();
    new.id = CallId(14);
    d.journal.push(new);
    d.look(Some(Vec::new()));
    assert_eq!(d.model.inspect.rows.len(), 14);
    d.keys("P");
    d.look(Some(Vec::new()));
    assert_eq!(d.model.inspect.rows.len(), 15);
    d.keys("z");
    assert_eq!(d.model.inspect.rows.len(), 0);
    d.keys("z");
    assert_eq!(d.model.inspect.rows.len(), 15);
}
