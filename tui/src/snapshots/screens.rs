//! The screens other than Inspect, in their states.

use std::time::Duration;

use bytes::Bytes;
use mcp_proxy_core::observe::{FlowKind, Status};
use mcp_proxy_core::protocol::CallId;
use tracing_subscriber::layer::SubscriberExt;

use super::{after, draw, each_size, text};
use crate::app::msg::Msg;
use crate::driver::Driver;

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
    each_size("catalog_form_rows", |size| {
        let mut d = Driver::new(size);
        let mut view = (*d.catalog).clone();
        view.items[2].raw = Bytes::from_static(
            br#"{"name":"demo__mixed","inputSchema":{"type":"object","required":["people"],"properties":{
                "people":{"type":"array","description":"Who comes.","items":{"type":"object","required":["name"],
                    "properties":{"name":{"type":"string"},"age":{"type":"integer"}}}},
                "note":{"type":"string"}}}}"#,
        );
        view.version += 1;
        d.catalog = view.into();
        d.look(Some(Vec::new()));
        d.keys("3 j j enter right tab").text("Ada").keys("s-tab");
        d
    });
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
    each_size("catalog_form_no_json", |size| {
        let mut d = Driver::new(size);
        d.keys("3 j j enter").text("x").keys("ctrl-r end").text(" and so on").keys("ctrl-r");
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
pub(super) fn waits_for_a_client(size: (u16, u16)) -> Driver {
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
