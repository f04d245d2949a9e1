//! A parsed text as a tree with the place of every key and value. It knows no key by name, and it judges nothing but
//! what makes a tree impossible: syntax, keys given twice, and texts that are out of all proportion.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Options};
use serde_saphyr::{Error, Location, Spanned};

use super::diagnostic::{Diagnostic, Level, MAX_DIAGNOSTICS, NoteKind, Span};
use super::source::Sources;
use super::syntax;
use crate::protocol::floor_char;

/// Deeper than any configuration, shallow enough for a small stack.
const MAX_DEPTH: usize = 64;
/// What all aliases together may unfold to.
const MAX_ALIAS_EVENTS: usize = 10_000;

/// A value and where it was written (for an alias: where it is used).
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// A text, a number or a truth value: always with the text of the source, so that `1.10` stays `1.10`.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What YAML takes an unquoted scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bool,
    Int,
    Float,
}

impl Node {
    /// A text that stands in no file.
    pub(crate) fn text(text: impl Into<String>, span: Span) -> Self {
        Self { span, value: Value::Scalar(Scalar { text: text.into(), kind: Kind::Text }) }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|e| &e.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|e| e.key == key)
    }

    /// For messages: `a list`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(s) => match s.kind {
                Kind::Text => "text",
                Kind::Bool => "a truth value",
                Kind::Int | Kind::Float => "a number",
            },
        }
    }
}

/// Parses `text`, which is source number `source`. Problems go to `out`; `None` if there is no tree.
pub(crate) fn parse(text: &str, source: usize, sources: &Sources, out: &mut Vec<Diagnostic>) -> Option<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 100_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIAS_EVENTS,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    parse_with(text, options, source, sources, out)
}

fn parse_with(
    text: &str,
    options: Options,
    source: usize,
    sources: &Sources,
    out: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let raw: Spanned<Raw> = match serde_saphyr::from_str_with_options(text, options) {
        Ok(raw) => raw,
        Err(error) => {
            out.push(syntax::explain(&error, text, source, sources));
            return None;
        }
    };
    let mut reader = Reader { text, source, sources, out, ok: true };
    let node = reader.node(raw);
    reader.ok.then_some(node)
}

/// Bytes of a location in `text`.
pub(crate) fn span_of(location: &Location, text: &str, source: usize) -> Span {
    let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    // Errors of the scanner know line and column only.
    let start = location.span().byte_offset().map_or_else(|| offset_of(location, text), bytes);
    let start = floor_char(text, start);
    let len = location.span().byte_len().map_or(0, bytes);
    Span { source, start, end: floor_char(text, start.saturating_add(len)) }
}

/// The byte at line and column, which count from 1; columns count characters.
fn offset_of(location: &Location, text: &str) -> usize {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        if i == number(location.line()) {
            return start + line.char_indices().nth(number(location.column())).map_or(line.len(), |(i, _)| i);
        }
        start += line.len();
    }
    text.len()
}

struct Reader<'a> {
    text: &'a str,
    source: usize,
    sources: &'a Sources,
    out: &'a mut Vec<Diagnostic>,
    ok: bool,
}

impl Reader<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let span = span_of(&raw.referenced, self.text, self.source);
        let defined = span_of(&raw.defined, self.text, self.source);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Scalar(Scalar { text, kind: Kind::Text }),
            Raw::Typed(kind) => {
                let text = self.text.get(defined.start..defined.end).unwrap_or_default().trim().to_owned();
                Value::Scalar(Scalar { text, kind })
            }
            Raw::List(items) => Value::List(items.into_iter().map(|i| self.node(i)).collect()),
            Raw::Map(pairs) => Value::Map(self.entries(pairs)),
        };
        Node { span, value }
    }

    fn entries(&mut self, pairs: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.node(key);
            let value = self.node(value);
            let name = match &key.value {
                Value::Scalar(s) => s.text.clone(),
                other => {
                    let other = Node { span: key.span, value: other.clone() };
                    self.fail(
                        key.span,
                        Diagnostic::new(
                            "MP101",
                            Level::Error,
                            format!("expected text as a key, found {}", other.kind_name()),
                        )
                        .note(NoteKind::Fix, "write `name: value`; quote a name with special characters"),
                    );
                    continue;
                }
            };
            if let Some(&first_span) = seen.get(&name) {
                let mut diagnostic = Diagnostic::new(
                    "MP006",
                    Level::Error,
                    format!("duplicate key `{name}` (first at {})", self.sources.short(first_span)),
                )
                .label("given again here")
                .note(NoteKind::Why, "elsewhere the second would silently win")
                .note(NoteKind::Fix, "rename or delete one of the two");
                diagnostic.also.extend(self.sources.place(first_span).map(|p| (p, "first here".to_owned())));
                self.fail(key.span, diagnostic);
                continue;
            }
            seen.insert(name.clone(), key.span);
            entries.push(Entry { key: name, key_span: key.span, value });
        }
        entries
    }

    fn fail(&mut self, span: Span, diagnostic: Diagnostic) {
        self.ok &= diagnostic.code == "MP006";
        if self.out.len() < MAX_DIAGNOSTICS {
            self.out.push(self.sources.locate(diagnostic, span));
        }
    }
}

/// What the parser hands over, before it is judged.
enum Raw {
    Null,
    Text(String),
    Typed(Kind),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Bool))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Int))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Int))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Int))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(Kind::Float))
    }

    fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Raw, E> {
        Ok(Raw::Text(v))
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Raw, E> {
        Ok(Raw::Text(String::from_utf8_lossy(v).into_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}

/// The error and where it is, for [`syntax::explain`].
pub(crate) fn error_span(error: &Error, text: &str, source: usize) -> Option<Span> {
    error.location().filter(|l| l.line() > 0).map(|l| span_of(&l, text, source))
}
