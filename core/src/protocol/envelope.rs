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
                let kind = kind(bytes, &mut spans, version)?;
                Ok(Self { kind, spans, len, single_line })
            }
        }
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
