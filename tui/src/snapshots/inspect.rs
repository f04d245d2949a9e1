//! Inspect in its states.

use mcp_proxy_core::protocol::CallId;

use super::{after, each_size};
use crate::app::msg::{Ended, Loaded, Msg};
use crate::driver::Driver;

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
    each_size("inspect_runs", after("2 k k"));
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
pub(super) fn held(size: (u16, u16)) -> Driver {
    let mut d = Driver::new(size);
    d.hold("~t demo__slow & ~q").keys("2 k k");
    d
}
