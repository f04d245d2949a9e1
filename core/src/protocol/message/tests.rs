use super::*;

fn parse(text: impl AsRef<[u8]>) -> Result<Message, Malformed> {
    Message::parse(Bytes::copy_from_slice(text.as_ref()))
}

/// What is wrong with these bytes, and the id found all the same.
fn refused(text: impl AsRef<[u8]>) -> (String, usize, Option<String>) {
    let malformed = parse(&text).expect_err(&String::from_utf8_lossy(text.as_ref()));
    (malformed.kind.to_string(), malformed.at, malformed.id.map(|id| id.to_string()))
}

fn get(message: &Message, field: Field) -> Option<&str> {
    message.get(field).map(|value| std::str::from_utf8(value).unwrap())
}

/// The members of an envelope after its version.
fn envelope(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0",{members}}}"#)
}

#[test]
fn kinds_follow_from_members() {
    for (members, kind) in [
        (r#""id":1,"method":"a""#, Kind::Request),
        (r#""id":"x","method":"a","params":{}"#, Kind::Request),
        (r#""id":1,"method":"x/own","params":[1,"name"]"#, Kind::Request),
        (r#""method":"a""#, Kind::Notification),
        (r#""method":"a","params":{"id":1}"#, Kind::Notification),
        (r#""id":1,"result":{}"#, Kind::Response),
        (r#""id":1,"result":null"#, Kind::Response),
        (r#""id":1,"result":[]"#, Kind::Response),
        (r#""id":1,"error":{"code":-32601,"message":"m"}"#, Kind::Error),
        (r#""error":{"code":-32700,"message":"m"}"#, Kind::Error),
        (r#""id":null,"error":{}"#, Kind::Error),
        (r#""id":1,"result":null,"error":{}"#, Kind::Error),
        (r#""id":1,"method":"a","params":null"#, Kind::Request),
        (r#""id":1,"method":"a","more":{"method":1}"#, Kind::Request),
    ] {
        assert_eq!(parse(envelope(members)).unwrap().kind(), kind, "{members}");
    }
}

#[test]
fn null_members_can_be_cut() {
    for (members, left) in [
        (r#""id":1,"result":null,"error":{"code":1}"#, r#""id":1,"error":{"code":1}"#),
        (r#""id":1,"result":{},"error":null"#, r#""id":1,"result":{}"#),
        (r#""id":1,"method":"a","params":null"#, r#""id":1,"method":"a""#),
        (r#""id":1,"result":null"#, r#""id":1,"result":null"#),
        (r#""id":1,"method":"a","params":{"params":null}"#, r#""id":1,"method":"a","params":{"params":null}"#),
    ] {
        let message = parse(envelope(members)).unwrap();
        let mut out = crate::protocol::Spliced::new(message.raw().clone());
        for span in message.null_cuts() {
            out.patch(span, crate::protocol::Patch::Bytes(Bytes::new()));
        }
        assert_eq!(out.to_bytes(), envelope(left), "{members}");
    }
}

#[test]
fn shapes_that_are_no_message_are_refused_with_their_id() {
    let one = Some("1");
    for (text, what, id) in [
        (&*envelope(r#""id":1"#), "none of `method`, `result` and `error`", one),
        (&envelope(r#""id":1,"error":null"#), "`error` must be an object", one),
        (&envelope(r#""id":1,"error":"no""#), "`error` must be an object", one),
        (&envelope(r#""id":1,"result":{},"error":{}"#), "`result` beside `error`", one),
        (&envelope(r#""id":1,"method":"a","result":{}"#), "`method` beside `result` or `error`", one),
        (&envelope(r#""id":1,"method":"a","error":null"#), "`method` beside `result` or `error`", one),
        (&envelope(r#""id":1,"method":1"#), "`method` must be a string", one),
        (&envelope(r#""id":1,"method":"a","params":"p""#), "`params` must be an object", one),
        (&envelope(r#""id":1,"result":null,"error":"no""#), "`result` beside `error`", one),
        (&envelope(r#""result":{}"#), "a response must have an `id`", None),
        (&envelope(r#""id":null,"result":{}"#), "`id` must not be null", None),
        (&envelope(r#""id":true,"method":"a""#), "`id` must be a string or an integer", None),
        (&envelope(r#""id":{},"method":"a""#), "`id` must be a string or an integer", None),
        (r#"{"jsonrpc":2.0,"id":1,"method":"a"}"#, r#"`jsonrpc` must be "2.0""#, one),
        (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, r#"`jsonrpc` must be "2.0""#, one),
        (r#"{"id":1,"method":"a","x":{"jsonrpc":"2.0"}}"#, r#"`jsonrpc` must be "2.0""#, one),
        ("{}", r#"`jsonrpc` must be "2.0""#, None),
        ("1", "a message must be an object", None),
        ("null", "a message must be an object", None),
        (r#""text""#, "a message must be an object", None),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"a"}]"#, "a batch where one message is expected", None),
    ] {
        let (kind, _, found) = refused(text);
        assert_eq!((kind.as_str(), found.as_deref()), (what, id), "{text}");
    }
}

#[test]
fn what_is_wrong_says_where() {
    for (text, what, at) in [
        ("", "not JSON: expected a value", 0),
        ("\u{feff} ", "not JSON: expected a value", 4),
        ("server started\n", "not JSON: expected a value", 0),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a"}}"#, "not JSON: expected nothing after the message", 37),
        ("  {\"id\":1,\"method\":\"a\"} x", "not JSON: expected nothing after the message", 24),
        (r#" {"jsonrpc":"2.0","id":1.5,"method":"a"}"#, "`id` must be a string or an integer", 23),
        (r#"{"id":1,"a":[},"#, "not JSON: expected a value", 13),
        (r#"{"id":1 "#, "not JSON: expected `,` or `}`", 8),
        (r#"{"id""#, "not JSON: expected `:`", 5),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, "`id` stands twice", 24),
    ] {
        let (kind, place, _) = refused(text);
        assert_eq!((kind.as_str(), place), (what, at), "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    assert_eq!(refused(b"{\"id\":1,\"a\":\"\xff\"}"), ("not UTF-8".into(), 13, Some("1".into())));
    assert_eq!(refused(b"\x80"), ("not UTF-8".into(), 0, None));
    // An encoded surrogate, and a sequence longer than need be.
    assert_eq!(refused(b"{\"a\":\"\xed\xa0\x80\"}").0, "not UTF-8");
    assert_eq!(refused(b"{\"a\":\"\xc0\xaf\"}").0, "not UTF-8");
}

#[test]
fn every_field_is_found_at_its_own_place() {
    let request = r#"{"jsonrpc":"2.0","id":"i","method":"m","params":{"name":1,"uri":2,"cursor":3,"level":4,
        "requestId":5,"progressToken":6,"progress":7,"protocolVersion":8,"capabilities":{"name":9},
        "clientInfo":{"name":10,"uri":0},"notifications":{"level":11},"arguments":{"name":12,"_meta":{"progressToken":0}},
        "ref":{"type":"x","name":13,"uri":14,"ref":{"name":0}},"taskId":21,"task":{"taskId":0},
        "_meta":{"progressToken":15,"io.modelcontextprotocol/protocolVersion":16,
            "io.modelcontextprotocol/clientInfo":17,"io.modelcontextprotocol/clientCapabilities":18,
            "io.modelcontextprotocol/logLevel":19,"io.modelcontextprotocol/subscriptionId":20,"name":0,
            "io.modelcontextprotocol/related-task":{"progressToken":0}}},
        "_meta":{"progressToken":0}}"#;
    let message = parse(request).unwrap();
    for (field, value) in [
        (Field::Id, r#""i""#),
        (Field::Method, r#""m""#),
        (Field::Name, "1"),
        (Field::Uri, "2"),
        (Field::Cursor, "3"),
        (Field::Level, "4"),
        (Field::CancelId, "5"),
        (Field::ProgressToken, "6"),
        (Field::Progress, "7"),
        (Field::ProtocolVersion, "8"),
        (Field::Capabilities, r#"{"name":9}"#),
        (Field::ClientInfo, r#"{"name":10,"uri":0}"#),
        (Field::ListenFilter, r#"{"level":11}"#),
        (Field::Arguments, r#"{"name":12,"_meta":{"progressToken":0}}"#),
        (Field::Ref, r#"{"type":"x","name":13,"uri":14,"ref":{"name":0}}"#),
        (Field::RefName, "13"),
        (Field::RefUri, "14"),
        (Field::MetaToken, "15"),
        (Field::MetaVersion, "16"),
        (Field::MetaClientInfo, "17"),
        (Field::MetaCapabilities, "18"),
        (Field::MetaLogLevel, "19"),
        (Field::MetaSubscription, "20"),
        (Field::TaskId, "21"),
        (Field::Task, r#"{"taskId":0}"#),
        (Field::MetaTask, r#"{"progressToken":0}"#),
    ] {
        assert_eq!(get(&message, field), Some(value), "{field:?}");
        assert_eq!(message.slice(field).as_deref(), Some(value.as_bytes()), "{field:?}");
    }
    assert!(get(&message, Field::Params).unwrap().ends_with(r#"{"progressToken":0}}}"#));
    assert!(get(&message, Field::Meta).unwrap().ends_with(r#"{"progressToken":0}}"#));

    let response = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"isError":0}],"isError":1,"resultType":2,
        "nextCursor":3,"ttlMs":4,"cacheScope":5,"_meta":{"progressToken":0},"name":0,
        "taskId":6,"task":{"taskId":0}}}"#;
    let message = parse(response).unwrap();
    for (field, value) in [
        (Field::IsError, Some("1")),
        (Field::ResultType, Some("2")),
        (Field::NextCursor, Some("3")),
        (Field::TtlMs, Some("4")),
        (Field::CacheScope, Some("5")),
        (Field::ResultTaskId, Some("6")),
        (Field::ResultTask, Some(r#"{"taskId":0}"#)),
        (Field::ResultMeta, Some(r#"{"progressToken":0}"#)),
        (Field::MetaToken, None),
        (Field::Name, None),
    ] {
        assert_eq!(get(&message, field), value, "{field:?}");
    }

    let error = parse(r#"{"jsonrpc":"2.0","id":1,"error":{"data":{"code":0},"code":-32002,"message":"m"}}"#).unwrap();
    assert_eq!(get(&error, Field::ErrorCode), Some("-32002"));
}

#[test]
fn a_key_written_with_escapes_is_the_key_it_means() {
    let message = parse(envelope(
        r#""\u0069d":7,"\u006Dethod":"tools\/call","params":{"\u006eame":"a","_met\u0061":{"progress\u0054oken":"t"}}"#,
    ))
    .unwrap();
    assert_eq!(get(&message, Field::Id), Some("7"));
    assert_eq!(message.text(Field::Method).as_deref(), Some("tools/call"));
    assert_eq!(get(&message, Field::Name), Some(r#""a""#));
    assert_eq!(get(&message, Field::MetaToken), Some(r#""t""#));

    let message = parse(envelope(r#""method":"m","params":{"\ud800":1,"nam\u0065\u0000":1,"\"name":1}"#)).unwrap();
    assert_eq!(get(&message, Field::Name), None);
}

#[test]
fn a_located_key_standing_twice_is_refused() {
    for (members, name) in [
        (r#""id":1,"id":1,"method":"a""#, "id"),
        (r#""id":1,"jsonrpc":"2.0","method":"a""#, "jsonrpc"),
        (r#""id":1,"method":"a","method":"b""#, "method"),
        (r#""id":1,"method":"a","params":{"name":"x"},"params":{"name":"y"}"#, "params"),
        (r#""id":1,"result":{},"result":{}"#, "result"),
        (r#""id":1,"error":{},"error":{}"#, "error"),
        (r#""id":1,"method":"a","params":{"name":"x","name":"y"}"#, "params.name"),
        (r#""id":1,"method":"a","params":{"name":"x","\u006eame":"y"}"#, "params.name"),
        (r#""id":1,"method":"a","params":{"_meta":{},"_meta":{}}"#, "params._meta"),
        (
            r#""id":1,"method":"a","params":{"_meta":{"progressToken":1,"progressToken":2}}"#,
            "params._meta.progressToken",
        ),
        (r#""id":1,"method":"a","params":{"ref":{"uri":"a","uri":"a"}}"#, "params.ref.uri"),
        (r#""id":1,"result":{"isError":false,"isError":true}"#, "result.isError"),
        (r#""id":1,"error":{"code":1,"code":1}"#, "error.code"),
    ] {
        let (kind, _, id) = refused(envelope(members));
        assert_eq!(kind, format!("`{name}` stands twice"), "{members}");
        assert_eq!(id.is_some(), name != "id", "{members}");
    }
    for members in [
        r#""method":"a","params":{"arguments":{"name":1,"name":2},"other":1,"other":2}"#,
        r#""method":"a","x":1,"x":2,"params":{"_meta":{"traceparent":1,"traceparent":2}}"#,
        r#""id":1,"result":{"content":1,"content":2}"#,
    ] {
        assert!(parse(envelope(members)).is_ok(), "{members}");
    }
    // That it is no JSON at all is the graver fault.
    assert_eq!(refused(r#"{"id":1,"id":2"#).0, "not JSON: expected `,` or `}`");
}

#[test]
fn raw_is_exactly_the_object() {
    let object = envelope(r#""id":12,"method":"ping""#);
    for (before, after) in [("", ""), (" \t", "\r\n"), ("\u{feff}", "\n"), ("\u{feff}\n ", ""), ("\n\n", "  ")] {
        let whole = Bytes::from(format!("{before}{object}{after}"));
        let message = Message::parse(whole.clone()).unwrap();
        assert_eq!(message.raw(), object.as_bytes());
        assert_eq!(message.raw().as_ptr(), whole[before.len()..].as_ptr(), "the bytes are shared");
        assert_eq!(get(&message, Field::Id), Some("12"));
        assert!(message.single_line());
    }
    assert!(parse("\u{feff}\u{feff}{}").is_err());
}

#[test]
fn text_is_decoded_when_asked_for() {
    let message = parse(envelope(
        r#""id":5,"method":"a","params":{"name":"plain","uri":"a\u00e9\ud83d\ude00\n","cursor":"\ud800","level":3}"#,
    ))
    .unwrap();
    assert!(matches!(message.text(Field::Name), Some(Cow::Borrowed("plain"))));
    assert_eq!(message.text(Field::Uri).as_deref(), Some("aé😀\n"));
    assert_eq!(message.text(Field::Cursor), None, "a lone surrogate");
    assert_eq!(message.text(Field::Level), None, "no string");
    assert_eq!(message.text(Field::Ref), None, "absent");
}

#[test]
fn edge_01_members_in_any_order() {
    let message = parse(r#"{"result":{"content":[],"isError":false},"jsonrpc":"2.0","id":7}"#).unwrap();
    assert_eq!((message.kind(), get(&message, Field::Id)), (Kind::Response, Some("7")));
    assert_eq!(get(&message, Field::IsError), Some("false"));
    assert_eq!(message.id().and_then(|id| id.as_wire()), Some(super::super::WireId(7)));
}

#[test]
fn edge_03_ids_keep_their_bytes() {
    for id in ["123456789012345678901234567890", r#""a\u00e9""#, r#""a\/é""#, "-3", "0", "-0", r#""""#, r#""\ud800""#]
    {
        let message = parse(envelope(&format!(r#""id": {id} ,"method":"a""#))).unwrap();
        assert_eq!(message.id().unwrap().to_string(), id);
    }
}

#[test]
fn edge_04_ids_that_are_none_and_a_missing_version() {
    for (text, what, id) in [
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "`id` must not be null", None),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "`id` must be a string or an integer", None),
        (r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#, "`id` must be a string or an integer", None),
        (r#"{"jsonrpc":"2.0","id":1E3,"method":"ping"}"#, "`id` must be a string or an integer", None),
        (r#"{"id":3,"method":"ping"}"#, r#"`jsonrpc` must be "2.0""#, Some("3")),
    ] {
        let malformed = parse(text).unwrap_err();
        assert_eq!(crate::protocol::Fault::from(&malformed).code, crate::protocol::code::INVALID_REQUEST);
        assert_eq!(malformed.kind.to_string(), what);
        assert_eq!(malformed.id.map(|id| id.to_string()).as_deref(), id);
    }
    let error = parse(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#).unwrap();
    assert_eq!((error.kind(), error.id()), (Kind::Error, None));
}

#[test]
fn edge_07_a_null_error_beside_a_result_can_be_cut() {
    for (raw, cut) in [
        (r#"{"jsonrpc":"2.0","id":1,"error":null,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (r#"{"error": null ,"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
    ] {
        let message = parse(raw).unwrap();
        assert_eq!((message.kind(), get(&message, Field::Error)), (Kind::Response, Some("null")));
        let mut spliced = crate::protocol::Spliced::new(message.raw().clone());
        for span in walk::cuts(message.raw(), Span::new(0, raw.len()), &["error"]) {
            spliced.patch(span, crate::protocol::Patch::Bytes(Bytes::new()));
        }
        assert_eq!(spliced.to_bytes(), cut);
    }
}

fn frame(text: &str) -> Result<Vec<Result<Kind, String>>, String> {
    match Message::parse_frame(Bytes::copy_from_slice(text.as_bytes())) {
        Ok(Frame::One(message)) => Ok(vec![Ok(message.kind())]),
        Ok(Frame::Batch(members)) => {
            Ok(members.into_iter().map(|m| m.map(|m| m.kind()).map_err(|e| e.kind.to_string())).collect())
        }
        Err(malformed) => Err(malformed.kind.to_string()),
    }
}

#[test]
fn edge_38_batches_are_split() {
    let ping = envelope(r#""id":1,"method":"ping""#);
    let note = envelope(r#""method":"notifications/initialized""#);
    assert_eq!(frame(&ping), Ok(vec![Ok(Kind::Request)]));
    assert_eq!(frame(&format!("[{ping}]")), Ok(vec![Ok(Kind::Request)]));
    assert_eq!(
        frame(&format!("\u{feff} [ {ping} ,\n{note}, 1, [] , {{}}]\r\n")),
        Ok(vec![
            Ok(Kind::Request),
            Ok(Kind::Notification),
            Err("a message must be an object".into()),
            Err("a batch where one message is expected".into()),
            Err(r#"`jsonrpc` must be "2.0""#.into()),
        ])
    );
    for (text, what) in [
        ("[]", "a batch needs a member"),
        ("[ ]", "a batch needs a member"),
        ("[1,]", "not JSON: expected a value"),
        ("[1", "not JSON: expected `,` or `]`"),
        ("[]{", "not JSON: expected nothing after the batch"),
        ("[1]]", "not JSON: expected nothing after the batch"),
        ("", "not JSON: expected a value"),
        ("1", "a message must be an object"),
    ] {
        assert_eq!(frame(text), Err(what.into()), "{text}");
    }
    assert_eq!(frame(&format!("[{}1]", "1,".repeat(999))).map(|members| members.len()), Ok(1000));
    assert_eq!(frame(&format!("[{}1]", "1,".repeat(1000))), Err("more than 1000 members in a batch".into()));
}

#[test]
fn a_member_of_a_batch_tells_its_place_in_the_whole() {
    let Ok(Frame::Batch(members)) = Message::parse_frame(Bytes::from_static(br#"[1, {"jsonrpc":"2.0","id":true}]"#))
    else {
        panic!("a batch");
    };
    let places: Vec<_> = members.into_iter().map(|m| m.unwrap_err().at).collect();
    assert_eq!(places, [1, 26]);
}

#[test]
fn edge_39_nesting_is_limited() {
    let many = 200_000;
    assert_eq!(refused("[".repeat(many)).0, "nested deeper than 128 levels");
    assert_eq!(frame(&"[".repeat(many)), Err("nested deeper than 128 levels".into()));
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        envelope(&format!(r#""method":"a","params":{{"arguments":{open}{close}}},"id":1"#))
    };
    // The envelope and `params` count.
    assert!(parse(deep(126)).is_ok());
    assert_eq!(refused(deep(127)), ("nested deeper than 128 levels".into(), 178, Some("1".into())));
    assert_eq!(refused(deep(many)).2, Some("1".into()));
    assert_eq!(refused(r#"{"id":1,"a":"#.to_owned() + &r#"{"a":"#.repeat(many)).2, Some("1".into()));
}

#[test]
fn edge_39_pretty_printed_json_is_put_on_one_line() {
    let pretty = "{\r\n  \"jsonrpc\": \"2.0\",\n\n  \"id\": 1,\n  \"result\": { \"text\": \"a\\nb\" }\n}\n";
    let message = parse(pretty).unwrap();
    assert!(!message.single_line());
    let line = message.to_single_line();
    assert!(line.single_line());
    assert_eq!(memchr::memchr2(b'\r', b'\n', line.raw()), None);
    let value = |m: &Message| serde_json::from_slice::<serde_json::Value>(m.raw()).unwrap();
    assert_eq!(value(&line), value(&message));
    assert_eq!(get(&line, Field::Result), Some(r#"{ "text": "a\nb" }"#));
    assert_eq!(line.to_single_line().raw().as_ptr(), line.raw().as_ptr(), "nothing to do, nothing copied");
}

#[test]
fn every_field_has_a_path_of_its_own() {
    assert_eq!(Field::ResultMeta.path(), "result._meta");
    assert_eq!(Field::MetaToken.path(), "params._meta.progressToken");
}
