//! Which members make a JSON-RPC message, and of which kind.
//!
//! Never looks into payloads. Input: UTF-8 bytes that begin with a JSON value; output: kind and spans, or the flaw.

use super::locate::Located;
use super::message::{Field, Kind, MalformedKind, Span};
use super::salvage::is_id;
use super::scan::{Flaw, Scan};
use super::spans::Spans;

/// What a scan makes of bytes that begin with a JSON value.
pub(super) struct Scanned {
    pub(super) kind: Kind,
    pub(super) spans: Spans,
    /// How many of the bytes are the message.
    pub(super) len: usize,
    pub(super) single_line: bool,
}

impl Scanned {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Box<Flaw>> {
        let mut scan = Scan::new(bytes, 0);
        let located = if scan.peek() == b'{' {
            Some(Located::scan(&mut scan)?)
        } else {
            scan.skip(0)?;
            None
        };
        let (len, single_line) = (scan.pos, !scan.newline);
        if !scan.at_end() {
            return Err(scan.flaw("expected nothing after the message"));
        }
        // Only now: that it is no JSON at all is the graver fault.
        let shape = |what| Box::new(Flaw { kind: MalformedKind::Shape(what), at: 0 });
        match located {
            None if bytes.first() == Some(&b'[') => Err(shape("a batch where one message is expected")),
            None => Err(shape("a message must be an object")),
            Some(Located { duplicate: Some(flaw), .. }) => Err(flaw),
            Some(Located { mut spans, version, .. }) => {
                let kind = match usual_kind(bytes, &spans, version) {
                    Some(kind) => kind,
                    None => kind(bytes, &mut spans, version)?,
                };
                Ok(Self { kind, spans, len, single_line })
            }
        }
    }
}

/// The kind of message these members make, for what nearly all messages are; `None`: [`kind`] knows.
#[inline]
fn usual_kind(bytes: &[u8], spans: &Spans, version: Span) -> Option<Kind> {
    let first = |field| bytes.get(spans.get(field).start as usize);
    let id = &bytes[spans.get(Field::Id).range()];
    let has_id = match id {
        [] => false,
        // The scan has seen a number or a string here.
        [b'"', ..] => true,
        [b'0'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => true,
        _ => return None,
    };
    if bytes.get(version.range()) != Some(br#""2.0""#) || spans.has(Field::Error) {
        return None;
    }
    match (spans.has(Field::Method), spans.has(Field::Result)) {
        (true, false) => {
            let is_usual = first(Field::Method) == Some(&b'"')
                && (!spans.has(Field::Params) || matches!(first(Field::Params), Some(b'{' | b'[')));
            is_usual.then_some(if has_id { Kind::Request } else { Kind::Notification })
        }
        (false, true) if has_id && !spans.has(Field::Params) => Some(Kind::Response),
        _ => None,
    }
}

/// The kind of message these members make (JSON-RPC 2.0, sections 4 and 5). Drops the span of a null `id`.
fn kind(bytes: &[u8], spans: &mut Spans, version: Span) -> Result<Kind, Box<Flaw>> {
    let refuse = |what, at: Span| Err(Box::new(Flaw { kind: MalformedKind::Shape(what), at: at.start as usize }));
    let first = |span: Span| if span.end == 0 { None } else { bytes.get(span.start as usize) };
    let (id, method, params) = (spans.get(Field::Id), spans.get(Field::Method), spans.get(Field::Params));
    let (result, error) = (spans.get(Field::Result), spans.get(Field::Error));

    if bytes.get(version.range()) != Some(br#""2.0""#) {
        return refuse(r#"`jsonrpc` must be "2.0""#, version);
    }
    let has_id = match first(id) {
        None => false,
        Some(b'n') => {
            spans.remove(Field::Id);
            false
        }
        Some(_) if is_id(&bytes[id.range()]) => true,
        Some(_) => return refuse("`id` must be a string or an integer", id),
    };
    let null_id = || refuse("`id` must not be null", id);
    match first(params) {
        None | Some(b'{' | b'[') => {}
        // Some clients write out what they leave away.
        Some(b'n') => spans.remove(Field::Params),
        Some(_) => return refuse("`params` must be an object", params),
    }
    match (first(method), first(result), first(error)) {
        (Some(b'"'), None, None) if has_id => Ok(Kind::Request),
        (Some(b'"'), None, None) if first(id).is_some() => null_id(),
        (Some(b'"'), None, None) => Ok(Kind::Notification),
        (Some(_), None, None) => refuse("`method` must be a string", method),
        (Some(_), _, _) => refuse("`method` beside `result` or `error`", method),
        (None, Some(_), None | Some(b'n')) if has_id => Ok(Kind::Response),
        (None, Some(_), None | Some(b'n')) if first(id).is_some() => null_id(),
        (None, Some(_), None | Some(b'n')) => refuse("a response must have an `id`", result),
        // Old servers write out the member they leave away.
        (None, Some(b'n'), Some(b'{')) => Ok(Kind::Error),
        (None, Some(_), Some(_)) => refuse("`result` beside `error`", error),
        (None, None, Some(b'{')) => Ok(Kind::Error),
        (None, None, Some(_)) => refuse("`error` must be an object", error),
        (None, None, None) => refuse("none of `method`, `result` and `error`", Span::NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_of_the_kind_it_is() {
        let some = |member: &str, values: &[&str]| -> Vec<String> {
            let of = |v: &&str| format!(r#","{member}":{v}"#);
            std::iter::once(String::new()).chain(values.iter().map(of)).collect()
        };
        let ids =
            ["1", "0", "-1", "1.5", "1e3", "12345678901234567890", r#""""#, r#""é\"""#, "null", "true", "{}", "[]"];
        let values = ["null", "1", r#""x""#, "{}", "[]", "true", r#"{"code":1}"#];
        let (mut n, mut n_usual) = (0, 0);
        for version in [r#""2.0""#, r#""1.0""#, "2.0", r#""2\u002e0""#] {
            for id in some("id", &ids) {
                for method in some("method", &[r#""a""#, "7", "null"]) {
                    for result in some("result", &values) {
                        for more in some("error", &values).into_iter().chain(some("params", &values)) {
                            let text = format!(r#"{{"jsonrpc":{version}{id}{method}{result}{more}}}"#);
                            let located = Located::scan(&mut Scan::new(text.as_bytes(), 0)).expect("JSON");
                            let usual = usual_kind(text.as_bytes(), &located.spans, located.version);
                            let mut spans = located.spans.clone();
                            let real = kind(text.as_bytes(), &mut spans, located.version);
                            n += 1;
                            if let Some(usual) = usual {
                                n_usual += 1;
                                assert_eq!(real.ok(), Some(usual), "{text}");
                                let same = |f| spans.get(f) == located.spans.get(f);
                                assert!(same(Field::Id) && same(Field::Params), "nothing is dropped: {text}");
                            }
                        }
                    }
                }
            }
        }
        assert!(n_usual > 50 && n_usual < n / 4, "{n_usual} of {n}");
    }
}
