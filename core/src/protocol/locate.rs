//! Finds the members we act on while scanning a message, each at its own depth and path.
//!
//! Never looks for them anywhere else: a `name` inside `arguments` is the tool's own business. Input: an object's bytes;
//! output: spans in them.

use super::message::{Field, MalformedKind, Span};
use super::scan::{Flaw, Scan};
use super::spans::Spans;
use super::walk;

/// What one pass over an object found.
#[derive(Debug)]
pub(super) struct Located {
    /// The value of each field.
    pub(super) spans: Spans,
    /// The value of `jsonrpc`.
    pub(super) version: Span,
    /// The first key found a second time.
    pub(super) duplicate: Option<Box<Flaw>>,
}

/// How nearly every message begins: nothing of it needs to be looked at one by one.
const BEGINNING: &[u8] = br#"{"jsonrpc":"2.0","#;
/// The place of the version in it.
const VERSION: std::ops::Range<usize> = 11..16;

/// An object in which keys are looked for.
#[derive(Clone, Copy)]
enum Place {
    Envelope,
    Params,
    Meta,
    Ref,
    Result,
    Error,
}

/// What a key says.
#[derive(Clone, Copy)]
enum Key {
    Version,
    Field(Field),
}

impl Located {
    /// Scans the object at the scan's position, which is on its opening brace.
    pub(super) fn scan(scan: &mut Scan<'_>) -> Result<Self, Box<Flaw>> {
        let mut found = Self { spans: Spans::new(), version: Span::NONE, duplicate: None };
        let start = scan.pos;
        if scan.bytes[start..].starts_with(BEGINNING) {
            found.version = Span::new(start + VERSION.start, start + VERSION.end);
            scan.pos += BEGINNING.len();
            found.members(scan, Place::Envelope, 1)?;
        } else {
            found.object(scan, Place::Envelope, 1)?;
        }
        Ok(found)
    }

    /// Passes the object here; `depth` counts it. Calls itself only along [`Place::inside`], three levels at most.
    fn object(&mut self, scan: &mut Scan<'_>, place: Place, depth: usize) -> Result<(), Box<Flaw>> {
        scan.pos += 1;
        if scan.peek() == b'}' {
            scan.pos += 1;
            return Ok(());
        }
        self.members(scan, place, depth)
    }

    /// Passes the members from here on and the end of the object.
    fn members(&mut self, scan: &mut Scan<'_>, place: Place, depth: usize) -> Result<(), Box<Flaw>> {
        loop {
            let (key, at) = match place.usual_key(&scan.bytes[scan.pos..]) {
                Some((field, len)) => {
                    let at = scan.pos;
                    scan.pos += len;
                    (Some(Key::Field(field)), at)
                }
                None => {
                    let (start, end, escaped) = scan.key()?;
                    (place.key(&scan.bytes[start..end], escaped), start - 1)
                }
            };
            let first = scan.peek();
            let value = scan.pos;
            match key {
                None => {
                    if matches!(place, Place::Meta) {
                        self.spans.has_more_meta();
                    }
                    scan.skip(depth)?;
                }
                Some(key) if self.has(key) => {
                    let kind = MalformedKind::DuplicateKey(match key {
                        Key::Version => "jsonrpc",
                        Key::Field(field) => field.path(),
                    });
                    self.duplicate.get_or_insert_with(|| Box::new(Flaw { kind, at }));
                    scan.skip(depth)?;
                }
                Some(key) => {
                    match place.inside(key) {
                        Some(inner) if first == b'{' => self.object(scan, inner, depth + 1)?,
                        _ => scan.skip(depth)?,
                    }
                    let span = Span::new(value, scan.pos);
                    match key {
                        Key::Version => self.version = span,
                        Key::Field(field) => self.spans.add(field, span),
                    }
                }
            }
            match scan.peek() {
                b',' => scan.pos += 1,
                b'}' => {
                    scan.pos += 1;
                    return Ok(());
                }
                _ => return Err(scan.flaw("expected `,` or `}`")),
            }
        }
    }

    /// Whether it was found before.
    #[inline(always)]
    fn has(&self, key: Key) -> bool {
        match key {
            Key::Version => self.version.end != 0,
            Key::Field(field) => self.spans.has(field),
        }
    }
}

/// The length of `key`, if `text` begins with it.
#[inline(always)]
fn begins<const N: usize>(text: &[u8], key: &[u8; N]) -> Option<usize> {
    (text.first_chunk() == Some(key)).then_some(N)
}

impl Place {
    /// The field that `text` begins with the key and the colon of, and their length, where that is one that most messages have and
    /// nothing stands between: nothing of it needs to be looked at one by one then. `None`: it is looked at.
    #[inline(always)]
    fn usual_key(self, text: &[u8]) -> Option<(Field, usize)> {
        let is = |field, len: Option<usize>| Some((field, len?));
        match self {
            Self::Envelope => is(Field::Id, begins(text, br#""id":"#))
                .or_else(|| is(Field::Method, begins(text, br#""method":"#)))
                .or_else(|| is(Field::Params, begins(text, br#""params":"#)))
                .or_else(|| is(Field::Result, begins(text, br#""result":"#))),
            Self::Params => is(Field::Name, begins(text, br#""name":"#))
                .or_else(|| is(Field::Arguments, begins(text, br#""arguments":"#)))
                .or_else(|| is(Field::Meta, begins(text, br#""_meta":"#))),
            Self::Meta => is(Field::MetaToken, begins(text, br#""progressToken":"#)),
            Self::Ref | Self::Result | Self::Error => None,
        }
    }

    /// What this key, as it is written, says here.
    #[inline(always)]
    fn key(self, written: &[u8], escaped: bool) -> Option<Key> {
        if escaped { self.escaped_key(written) } else { self.plain_key(written) }
    }

    /// A peer sees `"\u006eame"` as `name`; so do we, or a rule about names could be passed by.
    #[cold]
    fn escaped_key(self, written: &[u8]) -> Option<Key> {
        self.plain_key(walk::decode_inner(written)?.as_bytes())
    }

    #[inline]
    fn plain_key(self, key: &[u8]) -> Option<Key> {
        let field = match self {
            Self::Envelope => match key {
                b"jsonrpc" => return Some(Key::Version),
                b"id" => Field::Id,
                b"method" => Field::Method,
                b"params" => Field::Params,
                b"result" => Field::Result,
                b"error" => Field::Error,
                _ => return None,
            },
            Self::Params => match key {
                b"name" => Field::Name,
                b"uri" => Field::Uri,
                b"cursor" => Field::Cursor,
                b"level" => Field::Level,
                b"requestId" => Field::CancelId,
                b"progressToken" => Field::ProgressToken,
                b"progress" => Field::Progress,
                b"protocolVersion" => Field::ProtocolVersion,
                b"capabilities" => Field::Capabilities,
                b"clientInfo" => Field::ClientInfo,
                b"notifications" => Field::ListenFilter,
                b"arguments" => Field::Arguments,
                b"requestState" => Field::RequestState,
                b"inputResponses" => Field::InputResponses,
                b"ref" => Field::Ref,
                b"taskId" => Field::TaskId,
                b"task" => Field::Task,
                b"_meta" => Field::Meta,
                _ => return None,
            },
            Self::Ref => match key {
                b"name" => Field::RefName,
                b"uri" => Field::RefUri,
                _ => return None,
            },
            Self::Meta if key == b"progressToken" => Field::MetaToken,
            Self::Meta => match key.strip_prefix(b"io.modelcontextprotocol/")? {
                b"protocolVersion" => Field::MetaVersion,
                b"clientInfo" => Field::MetaClientInfo,
                b"clientCapabilities" => Field::MetaCapabilities,
                b"logLevel" => Field::MetaLogLevel,
                b"subscriptionId" => Field::MetaSubscription,
                b"related-task" => Field::MetaTask,
                _ => return None,
            },
            Self::Result => match key {
                b"resultType" => Field::ResultType,
                b"isError" => Field::IsError,
                b"nextCursor" => Field::NextCursor,
                b"ttlMs" => Field::TtlMs,
                b"cacheScope" => Field::CacheScope,
                b"taskId" => Field::ResultTaskId,
                b"task" => Field::ResultTask,
                b"_meta" => Field::ResultMeta,
                _ => return None,
            },
            Self::Error if key == b"code" => Field::ErrorCode,
            Self::Error => return None,
        };
        Some(Key::Field(field))
    }

    /// Where to look on inside the value of `key`.
    #[inline(always)]
    fn inside(self, key: Key) -> Option<Self> {
        let Key::Field(field) = key else { return None };
        match field {
            Field::Params => Some(Self::Params),
            Field::Meta => Some(Self::Meta),
            Field::Ref => Some(Self::Ref),
            Field::Result => Some(Self::Result),
            Field::Error => Some(Self::Error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong, and where.
    type Told = (String, usize);

    /// What stands where, as text, and the key that stands twice.
    type Found = (Vec<(Field, String)>, Option<Told>);

    fn found(text: &str) -> Result<Found, Told> {
        let told = |flaw: &Flaw| (flaw.kind.to_string(), flaw.at);
        let located = Located::scan(&mut Scan::new(text.as_bytes(), 0)).map_err(|flaw| told(&flaw))?;
        let fields = [
            Field::Id,
            Field::Method,
            Field::Params,
            Field::Result,
            Field::Error,
            Field::Name,
            Field::Arguments,
            Field::Meta,
            Field::MetaToken,
        ];
        let all = fields.iter().map(|f| (*f, located.spans.get(*f))).filter(|(_, span)| *span != Span::NONE);
        let texts = all.map(|(field, span)| (field, text[span.range()].to_owned())).collect();
        Ok((texts, located.duplicate.map(|flaw| told(&flaw))))
    }

    /// Keys are found the same way whether nothing stands between them and their colons or something does.
    #[test]
    fn usual_keys_are_found_as_others_are() {
        let valid = [
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"n","arguments":{"id":2,"name":3},"_meta":{"progressToken":4}}}"#,
            r#"{"id":"x","result":{"id":5,"method":6,"name":7,"content":[]},"jsonrpc":"2.0"}"#,
            r#"{"error":{"id":1},"id":null,"name":"n","progressToken":1}"#,
            r#"{"params":{"_meta":{"name":1,"progressToken":"t","_meta":2},"id":1}}"#,
        ];
        for text in valid {
            let wide = text.replace("\":", "\" :");
            let all = |found: &Result<Found, Told>| {
                let (all, _) = found.as_ref().expect("JSON");
                all.iter().map(|(field, text)| (*field, text.replace(' ', ""))).collect::<Vec<_>>()
            };
            assert!(!all(&found(text)).is_empty());
            assert_eq!(all(&found(text)), all(&found(&wide)), "{text}");
        }
        for (text, what, at) in [
            (r#"{"id":1,"id":2}"#, "`id` stands twice", 8),
            (r#"{"id" :1,  "id":2}"#, "`id` stands twice", 11),
            (r#"{"id":1,  "id" :2}"#, "`id` stands twice", 10),
            (r#"{"params":{"name":1,"\u006eame":2}}"#, "`params.name` stands twice", 20),
        ] {
            assert_eq!(found(text).map(|(_, twice)| twice), Ok(Some((what.to_owned(), at))), "{text}");
        }
        for (text, what, at) in [
            (r#"{"id":}"#, "not JSON: expected a value", 6),
            (r#"{"id":"#, "not JSON: expected a value", 6),
            (r#"{"id"}"#, "not JSON: expected `:`", 5),
            (r#"{"id":1,"method":"#, "not JSON: expected a value", 17),
            (r#"{"id":1"method":1}"#, "not JSON: expected `,` or `}`", 7),
        ] {
            assert_eq!(found(text), Err((what.to_owned(), at)), "{text}");
        }
    }
}
