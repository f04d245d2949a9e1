//! Answers across the eras and editions, byte by byte.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::backend::{ClientFacts, Port};
use crate::config::Server;
use crate::protocol::{CallId, Revision};

use Revision::{V2024_11_05 as V1, V2025_03_26 as V2, V2025_06_18 as V3, V2025_11_25 as V4, V2026_07_28 as V5};

fn active(revision: Revision, method: Method) -> Active {
    let port = Arc::new(Port::new(Arc::new(Server::stdio("s", "true", &[]))));
    let facts = ClientFacts {
        revision,
        name: "c".into(),
        info: Bytes::new(),
        capabilities: Bytes::from_static(b"{}"),
        level: None,
        carried: Default::default(),
    };
    Active {
        call: CallId(0),
        port,
        method: Some(method),
        facts: Arc::new(facts),
        arrived: Instant::now(),
        handed: Instant::now(),
        token: None,
        tool: None,
        shown: Some("x://shown".into()),
        uris: None,
        kept: None,
        progress: f64::NEG_INFINITY,
        held: Duration::ZERO,
        held_answer: None,
        rounds: None,
    }
}

/// The answer with `rest` after its id, as the client gets it: without its own envelope.
#[track_caller]
fn shape(active: &Active, from: Era, rest: &str) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":7,{rest}}}"#);
    let message = Message::parse(text.into()).expect("a message");
    let mut out = Spliced::new(message.raw().clone());
    match super::shape(&mut out, &message, active, RequestId(Bytes::from_static(b"\"c\"")), from) {
        Ok(_) => {
            let out = String::from_utf8(out.to_bytes().to_vec()).expect("text");
            serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
            let out = out.strip_prefix(r#"{"jsonrpc":"2.0","id":"c","#).expect("the envelope").to_owned();
            out.strip_suffix('}').expect("its end").to_owned()
        }
        Err(fault) => format!("! {} {}", fault.code, fault.message),
    }
}

#[track_caller]
fn check(revision: Revision, method: Method, from: Era, rest: &str, expected: &str) {
    assert_eq!(shape(&active(revision, method), from, rest), expected, "{revision}: {rest}");
}

#[test]
fn within_one_era_nothing_is_touched() {
    let odd = r#""result":{"resultType" : "vendor","ttlMs":-1,"structuredContent":[1e3],"content":[{"type":"audio"}]}"#;
    check(V5, Method::ToolsCall, Era::Modern, odd, odd);
    check(V4, Method::ToolsCall, Era::Legacy, odd, odd);
}

#[test]
fn what_only_modern_results_have_is_cut_for_legacy_clients() {
    let call = |rest, expected| check(V4, Method::ToolsCall, Era::Modern, rest, expected);
    call(r#""result":{"resultType":"complete","content":[]}"#, r#""result":{"content":[]}"#);
    call(r#""result":{"content":[],"resultType":"complete"}"#, r#""result":{"content":[]}"#);
    call(r#""result":{"resultType":"complete"}"#, r#""result":{}"#);
    check(
        V4,
        Method::ResourcesRead,
        Era::Modern,
        r#""result":{"contents":[],"ttlMs":5,"cacheScope":"public","resultType":"complete"}"#,
        r#""result":{"contents":[]}"#,
    );
}

#[test]
fn a_kind_of_result_that_legacy_clients_lack_is_an_error() {
    for kind in ["input_required", "task", "vendor"] {
        let got = shape(&active(V4, Method::Complete), Era::Modern, &format!(r#""result":{{"resultType":"{kind}"}}"#));
        assert!(got.starts_with("! -32603 ") && got.contains(kind), "{got}");
    }
}

#[test]
fn legacy_results_are_completed_for_modern_clients() {
    check(V5, Method::ToolsCall, Era::Legacy, r#""result":{}"#, r#""result":{"resultType":"complete"}"#);
    check(
        V5,
        Method::ResourcesRead,
        Era::Legacy,
        r#""result":{"ttlMs":9,"contents":[]}"#,
        r#""result":{"resultType":"complete","cacheScope":"private","ttlMs":9,"contents":[]}"#,
    );
}

/// Edge case 32, the result.
#[test]
fn structured_content_that_is_no_object_is_said_as_text() {
    let call = |rest: &str, expected: &str| check(V4, Method::ToolsCall, Era::Modern, rest, expected);
    call(
        r#""result":{"content":[],"structuredContent":[1, "a"]}"#,
        r#""result":{"content":[{"type":"text","text":"[1, \"a\"]"}]}"#,
    );
    call(r#""result":{"structuredContent":7}"#, r#""result":{"content":[{"type":"text","text":"7"}]}"#);
    let said = r#""result":{"content":[{"type":"text","text":"[ 1,\"a\" ]"}]"#;
    call(&format!(r#"{said},"structuredContent":[1,"a"]}}"#), &format!("{said}}}"));
    call(
        r#""result":{"content":[{"type":"text","text":"all well"}],"structuredContent":null,"isError":false}"#,
        r#""result":{"content":[{"type":"text","text":"all well"},{"type":"text","text":"null"}],"isError":false}"#,
    );
    let object = r#""result":{"content":[],"structuredContent":{"a":1}}"#;
    call(object, object);
    let array = r#""result":{"structuredContent":[1],"resultType":"complete"}"#;
    check(V5, Method::ToolsCall, Era::Modern, array, array);
}

#[test]
fn content_that_old_editions_lack_is_text() {
    let link = r#"{"type":"resource_link","uri":"f:///a","name":"a","description":"the first"}"#;
    let as_text = r#"{"type":"text","text":"a: f:///a\nthe first"}"#;
    let sound = r#"{"type":"audio","data":"AAAAAAAA","mimeType":"audio/wav"}"#;
    let no_sound = r#"{"type":"text","text":"[a sound of some 6 bytes (audio/wav), which this client's edition of MCP cannot have]"}"#;
    let result = |a: &str, b: &str| format!(r#""result":{{"content":[{a},{{"type":"text","text":"t"}},{b}]}}"#);
    for from in [Era::Legacy, Era::Modern] {
        check(V1, Method::ToolsCall, from, &result(link, sound), &result(as_text, no_sound));
        check(V2, Method::ToolsCall, from, &result(link, sound), &result(as_text, sound));
        check(V3, Method::ToolsCall, from, &result(link, sound), &result(link, sound));
        let prompt = |block: &str| format!(r#""result":{{"messages":[{{"role":"user","content":{block}}}]}}"#);
        check(V1, Method::PromptsGet, from, &prompt(link), &prompt(as_text));
    }
    for strange in
        [r#""result":{"content":7}"#, r#""result":{"content":[1,null,{"type":5}]}"#, r#""result":{"messages":[7]}"#]
    {
        check(V1, Method::ToolsCall, Era::Legacy, strange, strange);
        check(V1, Method::PromptsGet, Era::Legacy, strange, strange);
    }
}

#[test]
fn a_completion_has_a_hundred_values_at_most() {
    let values = |n: usize| (0..n).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(", ");
    let of = |n, rest: &str| format!(r#""result":{{"completion":{{"values":[{}]{rest}}}}}"#, values(n));
    let complete = |given: &str, expected: &str| {
        for (revision, era) in [(V4, Era::Legacy), (V5, Era::Modern)] {
            check(revision, Method::Complete, era, given, expected);
        }
    };
    complete(&of(100, r#","hasMore":false"#), &of(100, r#","hasMore":false"#));
    complete(&of(101, r#","hasMore":false,"total":101"#), &of(100, r#","hasMore":true,"total":101"#));
    let more = of(100, "").replacen("{\"values\"", "{\"hasMore\":true,\"values\"", 1);
    complete(&of(500, ""), &more);
}

#[test]
fn codes_of_errors_are_those_of_the_clients_era() {
    let read =
        |revision, from, rest: &str, expected: &str| check(revision, Method::ResourcesRead, from, rest, expected);
    read(
        V5,
        Era::Legacy,
        r#""error":{"code":-32002,"message":"no"}"#,
        r#""error":{"data":{"uri":"x://shown"},"code":-32602,"message":"no"}"#,
    );
    read(
        V5,
        Era::Legacy,
        r#""error":{"code":-32002,"message":"no","data":{"uri":"x://own"}}"#,
        r#""error":{"code":-32602,"message":"no","data":{"uri":"x://own"}}"#,
    );
    read(
        V5,
        Era::Legacy,
        r#""error":{"code":-32002,"message":"no","data":{"why":1}}"#,
        r#""error":{"code":-32602,"message":"no","data":{"uri":"x://shown","why":1}}"#,
    );
    read(
        V4,
        Era::Modern,
        r#""error":{"code":-32602,"message":"no","data":{"uri":"x://own"}}"#,
        r#""error":{"code":-32002,"message":"no","data":{"uri":"x://own"}}"#,
    );
    // Without a URI it is about something else.
    let other = r#""error":{"code":-32602,"message":"no"}"#;
    read(V4, Era::Modern, other, other);
    let tool = r#""error":{"code":-32602,"message":"no","data":{"uri":"x"}}"#;
    check(V4, Method::ToolsCall, Era::Modern, tool, tool);
    let vendor = r#""error":{"code":-31999,"message":7}"#;
    check(V4, Method::ToolsCall, Era::Modern, vendor, vendor);
}

#[test]
fn a_resource_with_another_uri_keeps_that_in_errors() {
    let mut active = active(V4, Method::ResourcesRead);
    active.uris = Some(("x://own".into(), "x://shown".into()));
    let rest = r#""error":{"code":-32002,"message":"no","data":{"uri":"x://own"}}"#;
    assert_eq!(shape(&active, Era::Legacy, rest), rest.replace("own", "shown"));
}

#[test]
fn a_missing_capability_is_named_to_legacy_clients() {
    let call = |rest, expected| check(V4, Method::ToolsCall, Era::Modern, rest, expected);
    call(
        r#""error":{"code":-32021,"message":"not possible","data":{"requiredCapabilities":{"elicitation":{},"sampling":{}}}}"#,
        r#""error":{"code":-32021,"message":"not possible (the client did not declare the capability `elicitation`, `sampling`)","data":{"requiredCapabilities":{"elicitation":{},"sampling":{}}}}"#,
    );
    let named = r#""error":{"code":-32021,"message":"elicitation is missing","data":{"requiredCapabilities":{"elicitation":{}}}}"#;
    call(named, named);
    let bare = r#""error":{"code":-32021}"#;
    call(bare, bare);
}

#[test]
fn urls_to_be_opened_are_named_to_old_clients() {
    let rest = r#""error":{"code":-32042,"message":"sign in","data":{"elicitations":[{"mode":"url","url":"https://a/1"},{"url":"https://b/2"},7]}}"#;
    check(V4, Method::ToolsCall, Era::Legacy, rest, rest);
    let said = shape(&active(V3, Method::ToolsCall), Era::Legacy, rest);
    assert!(
        said.contains(
            r#""code":-32603,"message":"sign in (open this first, then call again: https://a/1 , https://b/2)""#
        ),
        "{said}"
    );
}

#[test]
fn what_tools_say_of_tasks_is_left_out_of_old_lists() {
    let check = |list: &'static str, expected: &str| {
        assert_eq!(content::without_tasks(&Bytes::from_static(list.as_bytes())), expected)
    };
    check(
        r#"{"nextCursor":"c","tools":[{"execution":{"taskSupport":"optional"},"name":"a"},{"name":"b","execution":{}},{"name":"execution"}]}"#,
        r#"{"nextCursor":"c","tools":[{"name":"a"},{"name":"b"},{"name":"execution"}]}"#,
    );
    check(
        r#"{"tools":[{"name":"a","inputSchema":{"execution":1}}]}"#,
        r#"{"tools":[{"name":"a","inputSchema":{"execution":1}}]}"#,
    );
    check(r#"{"tools":[]}"#, r#"{"tools":[]}"#);
    check(r#"{"execution":1}"#, r#"{"execution":1}"#);
}
