//! What holds for any message and any bytes, tried on generated ones against `serde_json`.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use serde_json::value::RawValue;

use super::message::{Field, Kind, MalformedKind, Message, Span};
use super::splice::{Patch, Spliced};
use super::walk;

/// JSON text as anybody might write it: odd whitespace, escapes, numbers of all kinds, keys that look like ours.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let element = (space(), inner, space()).prop_map(|(a, v, b)| a + &v + &b).boxed();
        let member = (space(), prop_oneof![key(), string()], space(), element.clone())
            .prop_map(|(a, k, b, v)| a + &k + &b + ":" + &v);
        prop_oneof![
            prop::collection::vec(element, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|items| format!("{{{}}}", items.join(","))),
        ]
    })
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

/// A string literal, of any length up to some strides of the scan.
fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ !#-\\[\\]-~]{0,40}",
        2 => "[^\\p{Cc}\"\\\\]{0,12}",
        1 => prop::sample::select(vec![
            "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u00e9", "\\uD83D\\uDE00", "\\u20aC",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// Every member the scan locates, as the way to it.
const PATHS: &[(Field, &[&str])] = &[
    (Field::Id, &["id"]),
    (Field::Method, &["method"]),
    (Field::Params, &["params"]),
    (Field::Result, &["result"]),
    (Field::Error, &["error"]),
    (Field::ErrorCode, &["error", "code"]),
    (Field::Name, &["params", "name"]),
    (Field::Uri, &["params", "uri"]),
    (Field::Cursor, &["params", "cursor"]),
    (Field::Level, &["params", "level"]),
    (Field::CancelId, &["params", "requestId"]),
    (Field::ProgressToken, &["params", "progressToken"]),
    (Field::Progress, &["params", "progress"]),
    (Field::ProtocolVersion, &["params", "protocolVersion"]),
    (Field::Capabilities, &["params", "capabilities"]),
    (Field::ClientInfo, &["params", "clientInfo"]),
    (Field::ListenFilter, &["params", "notifications"]),
    (Field::Arguments, &["params", "arguments"]),
    (Field::Ref, &["params", "ref"]),
    (Field::RefName, &["params", "ref", "name"]),
    (Field::RefUri, &["params", "ref", "uri"]),
    (Field::Meta, &["params", "_meta"]),
    (Field::MetaToken, &["params", "_meta", "progressToken"]),
    (Field::MetaVersion, &["params", "_meta", "io.modelcontextprotocol/protocolVersion"]),
    (Field::MetaClientInfo, &["params", "_meta", "io.modelcontextprotocol/clientInfo"]),
    (Field::MetaCapabilities, &["params", "_meta", "io.modelcontextprotocol/clientCapabilities"]),
    (Field::MetaLogLevel, &["params", "_meta", "io.modelcontextprotocol/logLevel"]),
    (Field::MetaSubscription, &["params", "_meta", "io.modelcontextprotocol/subscriptionId"]),
    (Field::MetaTask, &["params", "_meta", "io.modelcontextprotocol/related-task"]),
    (Field::TaskId, &["params", "taskId"]),
    (Field::Task, &["params", "task"]),
    (Field::ResultType, &["result", "resultType"]),
    (Field::IsError, &["result", "isError"]),
    (Field::NextCursor, &["result", "nextCursor"]),
    (Field::TtlMs, &["result", "ttlMs"]),
    (Field::CacheScope, &["result", "cacheScope"]),
    (Field::ResultTaskId, &["result", "taskId"]),
    (Field::ResultTask, &["result", "task"]),
    (Field::ResultMeta, &["result", "_meta"]),
];

/// A key that a scan at the wrong depth or path would take for one of ours.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(PATHS).prop_map(|(_, path)| format!("\"{}\"", path[path.len() - 1]))
}

/// Another spelling of a key: some characters as escapes.
fn spelled(key: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(0_u64), 1 => any::<u64>()].prop_map(move |escaped| {
        let spell = |(i, c): (usize, char)| {
            if escaped >> (i % 64) & 1 == 1 { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }
        };
        format!("\"{}\"", key.chars().enumerate().map(spell).collect::<String>())
    })
}

/// An object with these members, each perhaps, among others, in any order and with any whitespace.
fn object(located: Vec<(&'static str, BoxedStrategy<String>, bool)>) -> BoxedStrategy<String> {
    let members: Vec<_> = located
        .into_iter()
        .map(|(key, value, needed)| {
            let member = (spelled(key), space(), value).prop_map(|(k, s, v)| format!("{k}{s}:{s}{v}"));
            if needed { member.prop_map(Some).boxed() } else { prop::option::of(member).boxed() }
        })
        .collect();
    // Never one of ours: those must not stand twice.
    let other = (0..9_u8, json()).prop_map(|(n, v)| Some(format!("\"x{n}\":{v}")));
    (members, prop::collection::vec(other, 0..3), space())
        .prop_flat_map(|(members, others, space)| {
            let all: Vec<_> = members.into_iter().chain(others).flatten().collect();
            (Just(all).prop_shuffle(), Just(space))
        })
        .prop_map(|(all, s)| format!("{{{s}{}{s}}}", all.join(&format!("{s},{s}"))))
        .boxed()
}

fn id() -> BoxedStrategy<String> {
    prop_oneof!["-?(0|[1-9][0-9]{0,30})", string()].boxed()
}

/// A valid message of any kind, with whitespace around it.
fn message() -> impl Strategy<Value = String> {
    let version = || ("jsonrpc", Just(r#""2.0""#.to_owned()).boxed(), true);
    let any = |key| (key, json().boxed(), false);
    // Where we look inside an object, another kind of value; an object of any members could have one of ours twice.
    let odd = || json().prop_map(|value| format!("[{value}]"));
    let reference = object(vec![any("name"), any("uri")]);
    let meta = object(vec![
        any("progressToken"),
        any("io.modelcontextprotocol/protocolVersion"),
        any("io.modelcontextprotocol/clientInfo"),
        any("io.modelcontextprotocol/clientCapabilities"),
        any("io.modelcontextprotocol/logLevel"),
        any("io.modelcontextprotocol/subscriptionId"),
        any("io.modelcontextprotocol/related-task"),
    ]);
    let params = object(vec![
        any("name"),
        any("uri"),
        any("cursor"),
        any("level"),
        any("requestId"),
        any("progressToken"),
        any("progress"),
        any("protocolVersion"),
        any("capabilities"),
        any("clientInfo"),
        any("notifications"),
        any("arguments"),
        any("taskId"),
        any("task"),
        ("ref", prop_oneof![3 => reference, 1 => odd()].boxed(), false),
        ("_meta", prop_oneof![3 => meta, 1 => odd()].boxed(), false),
    ]);
    let call =
        object(vec![version(), ("id", id(), false), ("method", string().boxed(), true), ("params", params, false)]);
    let result = object(vec![
        any("resultType"),
        any("isError"),
        any("nextCursor"),
        any("ttlMs"),
        any("cacheScope"),
        any("taskId"),
        any("task"),
        any("_meta"),
    ]);
    let answer = object(vec![
        version(),
        ("id", id(), true),
        ("result", prop_oneof![3 => result, 1 => odd()].boxed(), true),
        ("error", Just("null".to_owned()).boxed(), false),
    ]);
    let error = object(vec![
        version(),
        ("id", prop_oneof![id(), Just("null".to_owned())].boxed(), false),
        ("error", object(vec![any("code"), any("message")]), true),
    ]);
    (space(), prop_oneof![2 => call, 1 => answer, 1 => error], space()).prop_map(|(a, m, b)| a + &m + &b)
}

/// Whether `serde_json` takes the bytes for JSON. As raw text: it then has no depth limit and decodes nothing.
fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)).is_ok()
}

/// Both ways to scan agree with `serde_json` about these bytes.
fn check_validity(bytes: &[u8]) -> Result<(), TestCaseError> {
    let raw = Bytes::copy_from_slice(bytes);
    for fault in [Message::parse(raw.clone()).err(), Message::parse_frame(raw).err()] {
        match fault.map(|malformed| malformed.kind) {
            // We stop looking where it is too deep.
            Some(MalformedKind::TooDeep) => {}
            Some(MalformedKind::NotJson(_) | MalformedKind::NotUtf8) => prop_assert!(!is_json(bytes), "we refuse it"),
            _ => prop_assert!(is_json(bytes), "we take it"),
        }
    }
    // Nor may the walks panic.
    let whole = Span::new(0, bytes.len());
    let (_, _) = (walk::members(bytes, whole).count(), walk::elements(bytes, whole).count());
    let (_, _) = (walk::cuts(bytes, whole, &["id", "x1"]), walk::decode(bytes));
    Ok(())
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn at<'a>(whole: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(whole, |value, key| value.as_object()?.get(*key))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spans_point_where_serde_looks(text in message()) {
        let message = Message::parse(Bytes::from(text.clone())).unwrap();
        let whole = value(message.raw());
        prop_assert_eq!(message.raw(), text.trim_matches([' ', '\t', '\r', '\n']).as_bytes());
        for (field, path) in PATHS {
            let expected = at(&whole, path).filter(|v| *field != Field::Id || !v.is_null());
            let (found, text) = (message.get(*field).map(value), message.text(*field));
            prop_assert_eq!(found.as_ref(), expected, "{}", field.path());
            prop_assert_eq!(text.as_deref(), expected.and_then(Value::as_str), "{}", field.path());
        }
        let kind = match (whole.get("method"), message.id(), whole.get("result")) {
            (Some(_), Some(_), _) => Kind::Request,
            (Some(_), None, _) => Kind::Notification,
            (None, _, Some(_)) => Kind::Response,
            (None, _, None) => Kind::Error,
        };
        prop_assert_eq!(message.kind(), kind);
        prop_assert_eq!(message.single_line(), !message.raw().iter().any(|b| matches!(b, b'\r' | b'\n')));
        let line = message.to_single_line();
        prop_assert!(!line.raw().iter().any(|b| matches!(b, b'\r' | b'\n')));
        prop_assert_eq!(value(line.raw()), whole);
    }

    #[test]
    fn splicing_changes_what_it_should_and_nothing_else(text in message(), number: u64, name in string()) {
        let message = Message::parse(Bytes::from(text)).unwrap();
        let patches = [
            (Field::Id, Patch::Number(number)),
            (Field::Name, Patch::Bytes(Bytes::from(name.clone()))),
            (Field::MetaToken, Patch::Number(number)),
        ];
        let mut spliced = Spliced::new(message.raw().clone());
        let mut expected = value(message.raw());
        for (field, patch) in &patches {
            if let Some(span) = message.span(*field) {
                spliced.patch(span, patch.clone());
                let (_, path) = PATHS.iter().find(|(f, _)| f == field).unwrap();
                let place = path.iter().fold(&mut expected, |value, key| &mut value[*key]);
                *place = if *field == Field::Name { value(name.as_bytes()) } else { Value::from(number) };
            }
        }
        let sent = Message::parse(spliced.to_bytes()).unwrap();
        prop_assert_eq!(value(sent.raw()), expected);
        prop_assert_eq!(spliced.len(), sent.raw().len());
        let mut runs = Vec::new();
        spliced.for_each_run(|run| {
            assert_eq!(run.to_bytes(), run.bytes());
            runs.extend_from_slice(run.bytes());
        });
        prop_assert_eq!(sent.raw(), &runs);

        // With the old values put back, every byte is as it came.
        let mut back = Spliced::new(sent.raw().clone());
        for (field, _) in &patches {
            if let (Some(span), Some(old)) = (sent.span(*field), message.slice(*field)) {
                back.patch(span, Patch::Bytes(old));
            }
        }
        prop_assert_eq!(&back.to_bytes(), message.raw());
    }

    #[test]
    fn cuts_take_these_members_only(text in message(), keys in prop::collection::vec(prop::sample::select(
        vec!["id", "jsonrpc", "method", "params", "result", "error", "x0", "x1", "x2", "x3", "x4"]), 0..6))
    {
        let message = Message::parse(Bytes::from(text)).unwrap();
        let mut spliced = Spliced::new(message.raw().clone());
        for cut in walk::cuts(message.raw(), Span::new(0, message.raw().len()), &keys) {
            spliced.patch(cut, Patch::Bytes(Bytes::new()));
        }
        let mut expected = value(message.raw());
        expected.as_object_mut().unwrap().retain(|key, _| !keys.contains(&key.as_str()));
        prop_assert_eq!(value(&spliced.to_bytes()), expected);
    }

    #[test]
    fn walks_step_where_serde_steps(text in json()) {
        let (raw, whole, expected) = (text.as_bytes(), Span::new(0, text.len()), value(text.as_bytes()));
        let elements: Vec<_> = walk::elements(raw, whole).map(|span| value(&raw[span.range()])).collect();
        prop_assert_eq!(elements, expected.as_array().cloned().unwrap_or_default());
        let member = |(k, v): (Span, Span)| (walk::decode(&raw[k.range()]).unwrap().into_owned(), value(&raw[v.range()]));
        // Of a key that stands twice both keep the last value.
        let members: serde_json::Map<_, _> = walk::members(raw, whole).map(member).collect();
        prop_assert_eq!(members, expected.as_object().cloned().unwrap_or_default());
        let text = walk::decode(raw);
        prop_assert_eq!(text.as_deref(), expected.as_str());
    }

    #[test]
    fn any_bytes_are_judged_as_serde_does(bytes: Vec<u8>) {
        check_validity(&bytes)?;
    }

    #[test]
    fn anything_like_json_is_judged_as_serde_does(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "00e9", "d800", "0", "-", "1", ".", "e", "E+", "true", "false",
            "null", "nul", " ", "\n", "\u{feff}", "é", "\u{0}", "\u{1f}", "\"a\"", "\"id\":1", "\"jsonrpc\":\"2.0\"", "text",
            "a text that is longer than one word of the scan",
        ]), 0..24))
    {
        check_validity(parts.concat().as_bytes())?;
    }

    #[test]
    fn damaged_messages_are_judged_as_serde_does(
        text in message(),
        damage in prop::collection::vec((any::<Index>(), 0..3_u8, any::<u8>(), any::<bool>()), 1..4))
    {
        let mut bytes = text.into_bytes();
        for (place, what, byte, structural) in damage {
            // Mostly bytes that mean something, else nearly all damage ends in a string.
            let byte = if structural { b"{}[]:,\"\\ \n0-.eu\x1f\xc3"[usize::from(byte) % 17] } else { byte };
            match what {
                0 if !bytes.is_empty() => {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
                1 if !bytes.is_empty() => {
                    bytes.remove(place.index(bytes.len()));
                }
                _ => bytes.insert(place.index(bytes.len() + 1), byte),
            }
        }
        check_validity(&bytes)?;
    }

    #[test]
    fn truncated_messages_are_judged_as_serde_does(text in message(), place: Index) {
        check_validity(&text.as_bytes()[..place.index(text.len() + 1)])?;
    }
}
