//! A call as its server's edition wants it: our id and token, the server's own name, and what the eras put elsewhere.
//!
//! Within one era nothing else is touched. MCP 2026-07-28, basic, `_meta`: version, client and capabilities travel with
//! every request; earlier editions must not see these keys.

use bytes::Bytes;

use super::call::Call;
use super::peer::{ClientFacts, Level};
use crate::protocol::{Era, Field, Message, Patch, Revision, Span, Spliced, WireId, walk};

/// The keys of `_meta` that only modern servers may see.
const MODERN_KEYS: [&str; 5] = [
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/subscriptionId",
];

/// The members of `params` that only later rounds of a call have.
const ROUND_KEYS: [&str; 2] = ["inputResponses", "requestState"];

/// The members of `_meta` a modern request needs, without braces. `capabilities` is what we can really carry.
pub(super) fn modern_meta(info: &[u8], capabilities: &str, level: Option<Level>) -> String {
    let mut meta = format!(
        r#""io.modelcontextprotocol/protocolVersion":"{}","io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/clientCapabilities":{capabilities}"#,
        Revision::V2026_07_28,
        String::from_utf8_lossy(info),
    );
    if let Some(level) = level {
        meta.push_str(&format!(r#","io.modelcontextprotocol/logLevel":"{}""#, level.name()));
    }
    meta
}

/// What is written to the server for `call` under `wire`.
pub(super) fn outgoing(call: &Call, era: Era, wire: WireId) -> Spliced {
    let message = &call.message;
    let mut out = Spliced::new(message.raw().clone());
    if let Some(span) = message.span(Field::Id) {
        out.patch(span, Patch::Number(wire.0));
    }
    if let Some((span, own)) = &call.target {
        out.patch(*span, Patch::Bytes(own.clone()));
    }
    if let Some(span) = message.span(Field::MetaToken) {
        out.patch(span, Patch::Number(wire.0));
    }
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if let (Some(more), Some(params)) = (&call.more, message.span(Field::Params)) {
        for span in walk::cuts(message.raw(), params, &ROUND_KEYS) {
            out.patch(span, Patch::Bytes(Bytes::new()));
        }
        insert(&mut out, message.raw(), params, String::from_utf8_lossy(more).into_owned());
    }
    match (call.facts.revision.era(), era) {
        (Era::Legacy, Era::Modern) => add_modern_meta(&mut out, message, &call.facts, call.peer.level()),
        (Era::Modern, Era::Legacy) => cut_modern_meta(&mut out, message),
        _ => {}
    }
    out
}

fn add_modern_meta(out: &mut Spliced, message: &Message, facts: &ClientFacts, level: Option<Level>) {
    // Before any `logging/setLevel` a legacy server decides itself what it sends: ask for what it would.
    let meta = modern_meta(&facts.info, facts.carried(), Some(level.unwrap_or(Level::Info)));
    if let Some(span) = message.span(Field::Meta) {
        insert(out, message.raw(), span, meta);
    } else if let Some(span) = message.span(Field::Params) {
        insert(out, message.raw(), span, format!(r#""_meta":{{{meta}}}"#));
    } else {
        let all = Span { start: 0, end: u32::try_from(message.raw().len()).unwrap_or(0) };
        insert(out, message.raw(), all, format!(r#""params":{{"_meta":{{{meta}}}}}"#));
    }
}

/// Puts `members` first into the object at `object`.
fn insert(out: &mut Spliced, raw: &[u8], object: Span, mut members: String) {
    if walk::members(raw, object).next().is_some() {
        members.push(',');
    }
    let at = object.start + 1;
    out.patch(Span { start: at, end: at }, Patch::Bytes(members.into()));
}

fn cut_modern_meta(out: &mut Spliced, message: &Message) {
    let (Some(meta), Some(params)) = (message.span(Field::Meta), message.span(Field::Params)) else { return };
    let raw = message.raw();
    let is_ours = |key: Span| {
        walk::decode(&raw[key.start as usize..key.end as usize]).is_some_and(|k| MODERN_KEYS.contains(&k.as_ref()))
    };
    let only_ours = walk::members(raw, meta).all(|(key, _)| is_ours(key));
    let cuts = if only_ours { walk::cuts(raw, params, &["_meta"]) } else { walk::cuts(raw, meta, &MODERN_KEYS) };
    for span in cuts {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
}
