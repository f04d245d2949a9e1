//! What HTTP says around a message, as the journal keeps it: made here, so that no secret gets any further.
//!
//! A value is masked when its header is marked as sensitive (all that the configuration sets are), when its name tells, or
//! when it looks like a secret itself. What is known to be harmless is left as it is.

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode};

use crate::config::mask;
use crate::observe::{HeadText, PackedHead};

/// What stands in the place of a secret.
const MASK: &str = "***";
/// A part of a path that is so long, and has a digit in it, may be a key.
const LONG: usize = 20;
/// How credentials begin: tells what they are and nothing of them.
const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "negotiate", "token"];

/// The head of a request. `hide` takes out of a text what is secret for other reasons than those known here.
pub fn request_head(
    method: &Method,
    address: &str,
    headers: &HeaderMap,
    hide: impl Fn(Cow<'_, str>) -> Cow<'_, str>,
) -> PackedHead {
    let address = shown_address(&hide(address.into()));
    let mut line = String::with_capacity(method.as_str().len() + 1 + address.len());
    line.extend([method.as_str(), " ", &address]);
    head(&line, headers, hide)
}

/// The head of an answer; `hide` as for a request.
pub fn response_head(
    status: StatusCode,
    headers: &HeaderMap,
    hide: impl Fn(Cow<'_, str>) -> Cow<'_, str>,
) -> PackedHead {
    match status.canonical_reason() {
        Some(reason) => head(&format!("{} {reason}", status.as_u16()), headers, hide),
        None => head(status.as_str(), headers, hide),
    }
}

fn head(line: &str, headers: &HeaderMap, hide: impl Fn(Cow<'_, str>) -> Cow<'_, str>) -> PackedHead {
    let mut text = HeadText::new(line);
    for (name, value) in headers {
        let text_of = String::from_utf8_lossy(value.as_bytes());
        let shown = if value.is_sensitive() { masked(&text_of) } else { shown(name.as_str(), hide(text_of)) };
        text.push(name.as_str(), &shown);
    }
    text.finish()
}

/// Whether values of this header are never secret. They are in nearly every message: looking into them would cost time.
fn is_plain(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "allow"
            | "cache-control"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "date"
            | "host"
            | "keep-alive"
            | "last-event-id"
            | "mcp-method"
            | "mcp-protocol-version"
            | "origin"
            | "retry-after"
            | "sec-fetch-mode"
            | "server"
            | "te"
            | "traceparent"
            | "transfer-encoding"
            | "user-agent"
            | "vary"
            | "www-authenticate"
            | "x-accel-buffering"
    ) || name.starts_with("access-control-")
}

/// A value as it may be shown.
fn shown<'v>(name: &str, value: Cow<'v, str>) -> Cow<'v, str> {
    if is_plain(name) {
        return value;
    }
    match name {
        "authorization" | "proxy-authorization" | "cookie" | "set-cookie" | "mcp-session-id" => masked(&value),
        // Stands in the body too, and is shown there.
        "mcp-name" => mask::line(&value).into(),
        "location" | "content-location" | "referer" => shown_address(&value).into(),
        _ => mask::env_value(name, &value).into(),
    }
}

/// Stars, behind the scheme of credentials.
fn masked(value: &str) -> Cow<'static, str> {
    match value.split_once(' ') {
        Some((scheme, _)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            format!("{scheme} {MASK}").into()
        }
        _ => MASK.into(),
    }
}

/// An address without what may be a key: user and password, all values of the query, long parts of the path.
fn shown_address(address: &str) -> String {
    let address = mask::url(address);
    let (place, query) = address.split_once('?').map_or((address.as_str(), None), |(p, q)| (p, Some(q)));
    let (origin, path) = match place.find("://") {
        Some(at) => place.split_at(place[at + 3..].find('/').map_or(place.len(), |slash| at + 3 + slash)),
        None => ("", place),
    };
    let is_key = |part: &str| part.len() >= LONG && part.bytes().any(|b| b.is_ascii_digit());
    let path: Vec<&str> = path.split('/').map(|part| if is_key(part) { MASK } else { part }).collect();
    let mut out = format!("{origin}{}", path.join("/"));
    for (i, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => out.extend([name, "=", MASK]),
            None => out.push_str(MASK),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn same(text: Cow<'_, str>) -> Cow<'_, str> {
        text
    }

    const SECRET: &str = "hunter2-hunter2";

    #[test]
    fn no_secret_is_kept_wherever_it_stands() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", format!("Bearer {SECRET}")),
            ("proxy-authorization", format!("Basic {SECRET}")),
            ("cookie", format!("a={SECRET}; b=1")),
            ("set-cookie", format!("a={SECRET}; Path=/; HttpOnly")),
            ("mcp-session-id", SECRET.to_owned()),
            ("x-api-key", SECRET.to_owned()),
            ("x-auth", SECRET.to_owned()),
            ("mcp-param-access-token", SECRET.to_owned()),
            ("x-forwarded-access-token", SECRET.to_owned()),
            ("location", format!("https://me:{SECRET}@host/mcp?code={SECRET}")),
            ("referer", format!("https://host/?{SECRET}")),
            ("x-note", format!("token={SECRET}")),
            ("x-note", format!("https://me:{SECRET}@host")),
            ("mcp-name", format!("db://me:{SECRET}@host/table")),
        ] {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(&value).expect("a value"));
        }
        let mut set = HeaderValue::from_static(SECRET);
        set.set_sensitive(true);
        headers.insert("x-tenant", set);
        headers.insert("x-odd", HeaderValue::from_static("q1w2e3r4t5y6u7i8o9p0"));
        let address = format!("https://me:{SECRET}@host/{SECRET}-and-more-0123/mcp?sessionId={SECRET}&{SECRET}");
        let heads =
            [request_head(&Method::POST, &address, &headers, same), response_head(StatusCode::OK, &headers, same)];
        for head in heads {
            let kept = format!("{head:?} {:?}", head.unpack());
            assert!(!kept.contains("hunter2") && !kept.contains("q1w2"), "{kept}");
            let head = head.unpack();
            assert_eq!(head.headers.len(), headers.len(), "names stay: {head:?}");
            assert!(head.headers.contains(&("authorization".to_owned(), "Bearer ***".to_owned())), "{head:?}");
        }
    }

    #[test]
    fn what_tells_nothing_stays() {
        let mut headers = HeaderMap::new();
        let all = [
            ("accept", "application/json, text/event-stream"),
            ("user-agent", "node"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-name", "search_issues_of_2026_in_all_repositories"),
            ("x-request-id", "7f1b2c3d-1a2b-4c5d-8e9f-0a1b2c3d4e5f"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("x-frame-options", "DENY"),
            ("www-authenticate", "Bearer resource_metadata=\"https://host/.well-known/oauth-protected-resource\""),
        ];
        for (name, value) in all {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let head = request_head(&Method::POST, "/servers/git/mcp", &headers, same).unpack();
        assert_eq!(head.line, "POST /servers/git/mcp");
        for (name, value) in all {
            assert!(head.headers.contains(&(name.to_owned(), value.to_owned())), "{name} in {head:?}");
        }
        assert_eq!(response_head(StatusCode::ACCEPTED, &HeaderMap::new(), same).unpack().line, "202 Accepted");
        for (address, shown) in [
            ("/mcp", "/mcp"),
            ("https://host:8080/mcp", "https://host:8080/mcp"),
            ("https://host", "https://host"),
            ("/messages?sessionId=abc", "/messages?sessionId=***"),
            ("/messages/0123456789abcdef0123456789abcdef", "/messages/***"),
        ] {
            assert_eq!(shown_address(address), shown);
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_bytes(b"\xff\xfe z\tb").expect("a value"));
        let head = response_head(StatusCode::from_u16(799).expect("a status"), &headers, same).unpack();
        assert_eq!((head.line.as_str(), head.headers.len()), ("799", 1));
    }
}
