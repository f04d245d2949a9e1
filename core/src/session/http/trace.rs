//! The headers of distributed tracing (W3C Trace Context, W3C Baggage), put into `_meta` where the body has none: servers on
//! stdio have no headers (protocol.md, 1.3). Pure.

use http::HeaderMap;
use http::header::HeaderName;

use super::headers::single;
use crate::protocol::{Field, Kind, Message, Patch, Span, Spliced, walk};

static PARENT: HeaderName = HeaderName::from_static("traceparent");
static STATE: HeaderName = HeaderName::from_static("tracestate");
static BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// Bytes of a `traceparent`: later versions may be longer.
const PARENT_BYTES: std::ops::RangeInclusive<usize> = 55..=128;
/// Bytes of a list, at most (W3C Baggage asks for so many).
const MAX_LIST_BYTES: usize = 8192;

/// The message with the trace its headers name, as far as it names none itself.
pub(super) fn traced(headers: &HeaderMap, message: Message) -> Message {
    let names_any = [&PARENT, &BAGGAGE].iter().any(|name| headers.contains_key(*name));
    if !names_any || message.kind() != Kind::Request {
        return message;
    }
    let raw = message.raw();
    let is_object = |span: &Span| raw.get(span.start as usize) == Some(&b'{');
    let (params, meta) = (message.span(Field::Params), message.span(Field::Meta));
    if params.is_some_and(|p| !is_object(&p)) || meta.is_some_and(|m| !is_object(&m)) {
        return message;
    }
    let says = |key: &HeaderName| meta.is_some_and(|m| walk::member(raw, m, key.as_str()).is_some());
    let mut members = Vec::new();
    if let Some(parent) = parent(headers).filter(|_| !says(&PARENT)) {
        members.push((&PARENT, parent.to_owned()));
        // Says nothing without the other.
        members.extend(list(headers, &STATE).filter(|_| !says(&STATE)).map(|state| (&STATE, state)));
    }
    members.extend(list(headers, &BAGGAGE).filter(|_| !says(&BAGGAGE)).map(|baggage| (&BAGGAGE, baggage)));
    if members.is_empty() {
        return message;
    }
    let members: Vec<_> = members.iter().map(|(key, v)| format!("\"{key}\":{}", serde_json::json!(v))).collect();
    let members = members.join(",");
    let comma = |object: Span| if walk::members(raw, object).next().is_some() { "," } else { "" };
    let end = raw.iter().rposition(|b| *b == b'}').and_then(|at| u32::try_from(at).ok()).unwrap_or_default();
    let (at, text) = match (params, meta) {
        (_, Some(meta)) => (meta.start + 1, format!("{members}{}", comma(meta))),
        (Some(params), None) => (params.start + 1, format!("\"_meta\":{{{members}}}{}", comma(params))),
        (None, None) => (end, format!(",\"params\":{{\"_meta\":{{{members}}}}}")),
    };
    let mut out = Spliced::new(raw.clone());
    out.patch(Span { start: at, end: at }, Patch::Bytes(text.into()));
    Message::parse(out.to_bytes()).unwrap_or(message)
}

/// Version, trace, parent and flags in hexadecimal; nothing else is passed on.
fn parent(headers: &HeaderMap) -> Option<&str> {
    let text = single(headers, &PARENT).ok().flatten()?;
    let is_one = PARENT_BYTES.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_one.then_some(text)
}

/// A list, whose parts may stand in several headers.
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let parts: Option<Vec<&str>> = headers.get_all(name).iter().map(|v| v.to_str().ok()).collect();
    let text = parts?.join(",");
    (1..=MAX_LIST_BYTES).contains(&text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ONE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn check(headers: &[(&HeaderName, &str)], body: &str, expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let message = Message::parse(body.to_owned().into()).expect("valid");
        let traced = traced(&map, message);
        let expected = expected.replace("ONE", ONE);
        assert_eq!(String::from_utf8_lossy(traced.raw()), expected, "{headers:?}");
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;

    #[test]
    fn the_trace_of_the_headers_is_put_into_the_body() {
        let one = (&PARENT, ONE);
        check(
            &[one],
            CALL,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"traceparent":"ONE"},"name":"x"}}"#,
        );
        check(
            &[one, (&STATE, "a=1"), (&STATE, "b=\"2\""), (&BAGGAGE, "user=me")],
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"traceparent":"ONE","tracestate":"a=1,b=\"2\"","baggage":"user=me"}}}"#,
        );
        check(
            &[one],
            "{\"params\":{\"_meta\":{\"k\":1}},\"method\":\"m\",\"id\":1,\"jsonrpc\":\"2.0\"}",
            "{\"params\":{\"_meta\":{\"traceparent\":\"ONE\",\"k\":1}},\"method\":\"m\",\"id\":1,\"jsonrpc\":\"2.0\"}",
        );
        check(
            &[one],
            r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"traceparent":"ONE"}}}"#,
        );
        check(
            &[(&BAGGAGE, "a=1")],
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"baggage":"a=1"}}}"#,
        );
    }

    #[test]
    fn what_the_body_says_goes_before_and_what_is_no_trace_is_left_out() {
        let own = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"traceparent":"own","baggage":""}}}"#;
        check(&[(&PARENT, ONE), (&STATE, "a=1"), (&BAGGAGE, "a=1")], own, own);
        check(&[(&PARENT, "hello")], CALL, CALL);
        check(&[(&PARENT, ONE), (&PARENT, ONE)], CALL, CALL);
        check(&[(&PARENT, &"0".repeat(129))], CALL, CALL);
        check(&[(&STATE, "a=1")], CALL, CALL);
        check(&[(&BAGGAGE, &"x".repeat(8193))], CALL, CALL);
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#;
        check(&[(&PARENT, ONE)], list, list);
        let note = r#"{"jsonrpc":"2.0","method":"m"}"#;
        check(&[(&PARENT, ONE)], note, note);
    }
}
