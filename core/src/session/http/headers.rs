//! What the headers of a request must say, pure: types, versions, and names that agree with the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

use http::HeaderMap;
use http::header::{ACCEPT, AsHeaderName, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

use crate::protocol::{Fault, Field, Message, Method, Revision, code};

/// `Mcp-Session-Id`
pub(super) static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// `MCP-Protocol-Version`
pub(super) static VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Last-Event-ID`
pub(super) static LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// `Mcp-Method`
static METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`
static NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Characters of a client's own words that it gets back.
const MAX_BRIEF: usize = 200;
/// What stands around text that cannot be a header as it is.
const SENTINEL: (&str, &str) = ("=?base64?", "?=");

/// The name of a header: as [`HeaderName`] it needs no parsing, as text it does.
pub(super) trait HeaderKey: AsHeaderName + AsRef<str> + Copy {}

impl<N: AsHeaderName + AsRef<str> + Copy> HeaderKey for N {}

/// The value of a header that may stand once.
///
/// # Errors
/// When it stands twice, or holds what is no text.
pub(super) fn single(headers: &HeaderMap, name: impl HeaderKey) -> Result<Option<&str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Fault::new(code::HEADER_MISMATCH, format!("the header `{}` stands twice", name.as_ref())));
    }
    let text = value.to_str().map_err(|_| {
        let text = format!("the header `{}` holds other than plain characters", name.as_ref());
        Fault::new(code::HEADER_MISMATCH, text)
    })?;
    Ok(Some(text))
}

/// The text a header stands for: `=?base64?…?=` is decoded.
pub(super) fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix(SENTINEL.0).and_then(|v| v.strip_suffix(SENTINEL.1)) {
        None => Some(value.into()),
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok().map(Cow::Owned),
    }
}

/// Whether the body is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(value)) = single(headers, &CONTENT_TYPE) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Whether the body is not as it is meant: compressed, or encoded in another way.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether the client takes both forms of an answer to a POST.
pub(super) fn accepts_answers(headers: &HeaderMap) -> bool {
    // As nearly all write it.
    const USUAL: [&str; 2] = ["application/json, text/event-stream", "text/event-stream, application/json"];
    let mut said = headers.get_all(ACCEPT).iter();
    if let (Some(said), None) = (said.next(), said.next())
        && USUAL.iter().any(|usual| said == usual)
    {
        return true;
    }
    accepts(headers, "application/json") && accepts(headers, "text/event-stream")
}

/// Whether the client takes `kind` (`type/subtype`). A client that says nothing takes everything (RFC 9110, 12.5.1).
pub(super) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let (main, _) = kind.split_once('/').unwrap_or((kind, ""));
    let mut said = false;
    for value in headers.get_all(ACCEPT) {
        said = true;
        for range in value.as_bytes().split(|b| *b == b',') {
            let mut parts = range.split(|b| *b == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let fits = name.eq_ignore_ascii_case(kind.as_bytes())
                || name == b"*/*"
                || name.strip_suffix(b"/*").is_some_and(|m| m.eq_ignore_ascii_case(main.as_bytes()));
            let is_none = |part: &[u8]| {
                let weight = part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="));
                weight.and_then(|q| str::from_utf8(q).ok()).is_some_and(|q| q.parse() == Ok(0.0f32))
            };
            if fits && !parts.any(is_none) {
                return true;
            }
        }
    }
    !said
}

/// The beginning of what a client has written, for a message to it.
fn brief(text: &str) -> &str {
    text.char_indices().nth(MAX_BRIEF).map_or(text, |(end, _)| &text[..end])
}

/// What the headers of a modern request must say (MCP 2026-07-28, transports, Streamable HTTP; SEP-2243).
///
/// # Errors
/// When one is missing, stands twice or differs from the body.
pub(super) fn agree(headers: &HeaderMap, message: &Message) -> Result<(), Fault> {
    let check = |name: &HeaderName, expected: Cow<'_, str>, encoded: bool| {
        let Some(found) = single(headers, name)? else {
            return Err(Fault::new(
                code::HEADER_MISMATCH,
                format!("the header `{name}` is missing: it says `{}`", brief(&expected)),
            ));
        };
        let text = if encoded { decoded(found) } else { Some(found.into()) };
        match text {
            Some(text) if text == expected => Ok(()),
            Some(text) => {
                let (text, expected) = (brief(&text), brief(&expected));
                let text = format!("the header `{name}` says `{text}`, the body says `{expected}`");
                Err(Fault::new(code::HEADER_MISMATCH, text))
            }
            None => {
                Err(Fault::new(code::HEADER_MISMATCH, format!("the header `{name}` is no valid base64 of UTF-8 text")))
            }
        }
    };
    check(&VERSION, message.text(Field::MetaVersion).unwrap_or_default(), false)?;
    check(&METHOD, message.text(Field::Method).unwrap_or_default(), false)?;
    let named = match message.method() {
        Some(Method::ToolsCall | Method::PromptsGet) => message.text(Field::Name),
        Some(Method::ResourcesRead) => message.text(Field::Uri),
        Some(Method::TasksGet | Method::TasksCancel | Method::TasksUpdate) => message.text(Field::TaskId),
        // What the name of an extension's method would be is not ours to know.
        _ => None,
    };
    named.map_or(Ok(()), |name| check(&NAME, name, true))
}

/// The fault for an edition that is not spoken here.
pub(super) fn unsupported(version: &str) -> Fault {
    let supported: Vec<&str> = Revision::ALL.iter().map(|r| r.date()).collect();
    let version = brief(version);
    let text = format!("MCP {version} is not spoken here; {} are", supported.join(", "));
    Fault::new(code::UNSUPPORTED_VERSION, text)
        .with_data(&serde_json::json!({ "supported": supported, "requested": version }))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        map
    }

    #[test]
    fn content_types() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/jsonx", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", value)])), expected, "{value}");
        }
        assert!(!is_json(&headers(&[])));
        assert!(!is_json(&headers(&[("content-type", "application/json"), ("content-type", "application/json")])));
    }

    #[test]
    fn accepted_types() {
        for (values, expected) in [
            (&[][..], true),
            (&["application/json, text/event-stream"], true),
            (&["text/event-stream"], true),
            (&["*/*"], true),
            (&["text/*;q=0.5"], true),
            (&["application/json", "TEXT/Event-Stream; q=0.1"], true),
            (&["application/json"], false),
            (&["text/event-stream;q=0"], false),
            (&["text/event-stream; q=0.000, */*;q=0"], false),
            (&["text/html"], false),
            (&["x/\u{e9}, text/event-stream"], true),
            (&["text/event-stream;q=\u{e9}"], true),
        ] {
            let all: Vec<_> = values.iter().map(|v| ("accept", *v)).collect();
            assert_eq!(accepts(&headers(&all), "text/event-stream"), expected, "{values:?}");
        }
    }

    #[test]
    fn both_forms_of_an_answer() {
        for (values, expected) in [
            (&[][..], true),
            (&["application/json, text/event-stream"], true),
            (&["text/event-stream, application/json"], true),
            (&["application/json,text/event-stream;q=0.5"], true),
            (&["application/json", "text/event-stream"], true),
            (&["*/*"], true),
            (&["application/json, text/event-stream", "text/html"], true),
            (&["application/json, text/event-stream;q=0"], false),
            (&["application/json"], false),
            (&["text/event-stream"], false),
        ] {
            let all: Vec<_> = values.iter().map(|v| ("accept", *v)).collect();
            assert_eq!(accepts_answers(&headers(&all)), expected, "{values:?}");
        }
    }

    /// Edge case 30.
    #[test]
    fn names_agree_with_the_body() {
        let call = |name: &str| {
            let text = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name,
                "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}});
            Message::parse(text.to_string().into()).expect("valid")
        };
        let check = |name: &str, more: &[(&str, &str)]| {
            let mut all = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")];
            all.extend(more);
            agree(&headers(&all), &call(name)).map_err(|f| f.code)
        };
        assert_eq!(check("a__x", &[("mcp-name", "a__x")]), Ok(()));
        assert_eq!(check("a__x", &[("mcp-name", "=?base64?YV9feA==?=")]), Ok(()));
        assert_eq!(check("a__\u{fc}", &[("mcp-name", "=?base64?YV9fw7w=?=")]), Ok(()));
        for wrong in [
            &[][..],
            &[("mcp-name", "a__y")],
            &[("mcp-name", "a__x"), ("mcp-name", "a__x")],
            &[("mcp-name", "=?base64?!?=")],
            &[("mcp-name", "a__\u{fc}")],
            &[("mcp-name", "a__x"), ("mcp-method", "tools/call")],
        ] {
            assert_eq!(check("a__x", wrong), Err(code::HEADER_MISMATCH), "{wrong:?}");
        }
        let without = headers(&[("mcp-method", "tools/call"), ("mcp-name", "a__x")]);
        assert!(agree(&without, &call("a__x")).is_err(), "no version");
        let other =
            headers(&[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "a__x")]);
        assert!(agree(&other, &call("a__x")).is_err(), "another version");
    }
}
