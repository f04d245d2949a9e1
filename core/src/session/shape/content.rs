//! Content that a client's edition does not have, as content that it has.

use bytes::Bytes;

use super::{at, inside};
use crate::protocol::{Field, Message, Method, Patch, Revision, Span, Spliced, walk};

/// Whether results for clients of this edition have to be looked through.
pub(super) fn is_old(revision: Revision) -> bool {
    revision <= Revision::V2025_03_26
}

/// Links to resources are text before 2025-06-18, sounds before 2025-03-26.
pub(super) fn to_old(out: &mut Spliced, message: &Message, method: Option<Method>, revision: Revision) {
    let raw = message.raw();
    let Some(result) = message.span(Field::Result) else { return };
    let mut mend = |block: Span| {
        if let Some(text) = as_text(raw, block, revision) {
            let block_text = serde_json::json!({ "type": "text", "text": text }).to_string();
            out.patch(block, Patch::Bytes(block_text.into()));
        }
    };
    let list = |key| walk::member(raw, result, key).map(|(_, v)| v);
    match method {
        Some(Method::ToolsCall) => {
            list("content").into_iter().flat_map(|c| walk::elements(raw, c)).for_each(&mut mend);
        }
        Some(Method::PromptsGet) => {
            let messages = list("messages").into_iter().flat_map(|m| walk::elements(raw, m));
            messages.filter_map(|m| walk::member(raw, m, "content")).map(|(_, v)| v).for_each(&mut mend);
        }
        _ => {}
    }
}

/// A list of tools for clients of editions before 2025-11-25: what a tool says of tasks is left out.
pub(in crate::session) fn without_tasks(list: &Bytes) -> Bytes {
    if memchr::memmem::find(list, br#""execution""#).is_none() {
        return list.clone();
    }
    let all = Span { start: 0, end: u32::try_from(list.len()).unwrap_or(0) };
    let tools = walk::member(list, all, "tools").map(|(_, tools)| tools);
    let mut out = Spliced::new(list.clone());
    for tool in tools.into_iter().flat_map(|tools| walk::elements(list, tools)) {
        for span in walk::cuts(list, tool, &["execution"]) {
            out.patch(span, Patch::Bytes(Bytes::new()));
        }
    }
    out.to_bytes()
}

/// What a block says, if this edition has no such block.
fn as_text(raw: &[u8], block: Span, revision: Revision) -> Option<String> {
    let text = |key| walk::member(raw, block, key).and_then(|(_, v)| walk::decode(at(raw, v)));
    match &*text("type")? {
        "resource_link" => {
            let uri = text("uri").unwrap_or_default();
            let name = text("title").or_else(|| text("name")).filter(|n| *n != uri);
            let mut said = name.map_or_else(|| uri.to_string(), |name| format!("{name}: {uri}"));
            if let Some(description) = text("description") {
                said.push('\n');
                said.push_str(&description);
            }
            Some(said)
        }
        "audio" if revision < Revision::V2025_03_26 => {
            let n = text("data").map_or(0, |d| d.len() / 4 * 3);
            let kind = text("mimeType").unwrap_or_default();
            Some(format!("[a sound of some {n} bytes ({kind}), which this client's edition of MCP cannot have]"))
        }
        _ => None,
    }
}

/// Makes sure that a value which cannot stand in `structuredContent` is said as text. `is_alone`: nothing else is left of
/// the result.
pub(super) fn say(out: &mut Spliced, raw: &[u8], result: Span, value: Span, is_alone: bool) {
    let json = at(raw, value);
    let same = |text: &str| {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
        parsed.is_ok_and(|text| serde_json::from_slice::<serde_json::Value>(json).is_ok_and(|value| value == text))
    };
    let block = || {
        let text = String::from_utf8_lossy(json);
        serde_json::json!({ "type": "text", "text": text }).to_string()
    };
    let Some((_, content)) = walk::member(raw, result, "content") else {
        let comma = if is_alone { "" } else { "," };
        return out.patch(inside(result), Patch::Bytes(format!(r#""content":[{}]{comma}"#, block()).into()));
    };
    if at(raw, content).first() != Some(&b'[') {
        return out.patch(content, Patch::Bytes(format!("[{}]", block()).into()));
    }
    let mut blocks = walk::elements(raw, content).peekable();
    let is_empty = blocks.peek().is_none();
    let says_it = |block: Span| {
        let text = walk::member(raw, block, "text").and_then(|(_, v)| walk::decode(at(raw, v)));
        text.is_some_and(|t| same(&t))
    };
    if blocks.any(says_it) {
        return;
    }
    let end = Span { start: content.end - 1, end: content.end - 1 };
    let comma = if is_empty { "" } else { "," };
    out.patch(end, Patch::Bytes(Bytes::from(format!("{comma}{}", block()))));
}
