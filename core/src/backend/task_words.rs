//! The words in which editions and servers speak of tasks (MCP 2025-11-25, basic/utilities/tasks; SEP-2663). Pure.

use std::time::Duration;

use crate::protocol::{Field, Message, Patch, Revision, Span, Spliced, walk};

/// The key in `_meta` of whatever belongs to a task (MCP 2025-11-25, basic/utilities/tasks).
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// The extension of 2026-07-28 that has tasks (SEP-2663).
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// Whether a server with these capabilities, of this edition, makes tasks of calls to tools when it is asked to.
#[must_use]
pub fn takes_tasks(capabilities: &[u8], revision: Revision) -> bool {
    revision == Revision::V2025_11_25 && at_path(capabilities, &["tasks", "requests", "tools", "call"]).is_some()
}

/// Whether a modern server with these capabilities makes tasks of calls.
#[must_use]
pub fn has_extension(capabilities: &[u8]) -> bool {
    at_path(capabilities, &["extensions", TASKS_EXTENSION]).is_some()
}

/// The object at this path.
pub(super) fn at_path(raw: &[u8], path: &[&str]) -> Option<Span> {
    let all = Span { start: 0, end: u32::try_from(raw.len()).ok()? };
    let found = path.iter().try_fold(all, |within, key| walk::member(raw, within, key).map(|(_, v)| v))?;
    (raw.get(found.start as usize) == Some(&b'{')).then_some(found)
}

/// Capabilities of a client with the extension that has tasks.
pub(super) fn with_extension(capabilities: &str) -> String {
    let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(capabilities).unwrap_or_default();
    let extensions = all.entry("extensions").or_insert_with(|| serde_json::json!({}));
    if !extensions.is_object() {
        *extensions = serde_json::json!({});
    }
    extensions[TASKS_EXTENSION] = serde_json::json!({});
    serde_json::Value::Object(all).to_string()
}

pub(super) fn slice(raw: &[u8], span: Span) -> &[u8] {
    raw.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// A member of the object at `within` that is a string.
pub(super) fn text(raw: &[u8], within: Span, key: &str) -> Option<String> {
    let (_, value) = walk::member(raw, within, key)?;
    walk::decode(slice(raw, value)).map(std::borrow::Cow::into_owned)
}

/// A member that counts milliseconds.
pub(super) fn millis(raw: &[u8], within: Span, key: &str) -> Option<Duration> {
    let (_, value) = walk::member(raw, within, key)?;
    let n: f64 = std::str::from_utf8(slice(raw, value)).ok()?.parse().ok()?;
    Duration::try_from_secs_f64(n / 1000.0).ok()
}

pub(super) fn is_over(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled")
}

pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The place of the id in `_meta` of what belongs to a task.
#[must_use]
pub fn related_task(raw: &[u8], meta: Span) -> Option<Span> {
    let (_, related) = walk::member(raw, meta, RELATED_TASK)?;
    walk::member(raw, related, "taskId").map(|(_, id)| id)
}

/// The task that a server's request or notification says it belongs to.
pub(super) fn related_to(message: &Message) -> Option<String> {
    let raw = message.raw();
    let by_meta = message.span(Field::MetaTask).and_then(|related| text(raw, related, "taskId"));
    by_meta.or_else(|| message.text(Field::TaskId).map(std::borrow::Cow::into_owned))
}

/// Makes a client's answer one that belongs to the task `own`: the client knows that by another id, or not at all.
pub(super) fn belongs_to(out: &mut Spliced, message: &Message, own: &str) {
    let raw = message.raw();
    let Some(result) = message.span(Field::Result).filter(|r| raw.get(r.start as usize) == Some(&b'{')) else { return };
    let id = json(own);
    let meta = message.span(Field::ResultMeta).filter(|m| raw.get(m.start as usize) == Some(&b'{'));
    if let Some(span) = meta.and_then(|m| related_task(raw, m)) {
        return out.patch(span, Patch::Bytes(id.into()));
    }
    let entry = format!(r#""{RELATED_TASK}":{{"taskId":{id}}}"#);
    let (object, entry) = match meta {
        Some(meta) => (meta, entry),
        None if message.span(Field::ResultMeta).is_some() => return,
        None => (result, format!(r#""_meta":{{{entry}}}"#)),
    };
    super::shape::insert(out, raw, object, entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: &str) -> Message {
        Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#).into()).expect("a message")
    }

    #[test]
    fn the_extension_joins_what_a_client_can_do() {
        let with = |said: &str| serde_json::from_str::<serde_json::Value>(&with_extension(said)).expect("JSON");
        let only = serde_json::json!({ "extensions": { TASKS_EXTENSION: {} } });
        assert_eq!(with("{}"), only);
        assert_eq!(with("no JSON"), only);
        assert_eq!(with(r#"{"extensions":7}"#), only);
        let all = serde_json::json!({ "roots": {}, "extensions": { "x/y": { "n": 1 }, TASKS_EXTENSION: {} } });
        assert_eq!(with(r#"{"roots":{},"extensions":{"x/y":{"n":1}}}"#), all);
        assert!(has_extension(with_extension("{}").as_bytes()) && !has_extension(br#"{"extensions":{}}"#));
    }

    #[test]
    fn who_makes_tasks_says_so_for_calls_of_tools() {
        for (said, expected) in [
            (r#"{"tasks":{"requests":{"tools":{"call":{}}}}}"#, true),
            (r#"{"tasks":{"requests":{"tools":{"call":true}}}}"#, false),
            (r#"{"tasks":{"list":{},"requests":{"sampling":{}}}}"#, false),
            (r#"{"tasks":{}}"#, false),
            ("", false),
        ] {
            assert_eq!(takes_tasks(said.as_bytes(), Revision::V2025_11_25), expected, "{said}");
            assert!(!takes_tasks(said.as_bytes(), Revision::V2025_06_18));
        }
    }

    #[test]
    fn an_answer_says_what_it_belongs_to() {
        let check = |result: &str, expected: &str| {
            let message = answer(result);
            let mut out = Spliced::new(message.raw().clone());
            belongs_to(&mut out, &message, "7");
            let out = String::from_utf8(out.to_bytes().to_vec()).expect("text");
            assert_eq!(out, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#), "{result}");
        };
        let key = RELATED_TASK;
        check("{}", &format!(r#"{{"_meta":{{"{key}":{{"taskId":"7"}}}}}}"#));
        check(r#"{"action":"cancel"}"#, &format!(r#"{{"_meta":{{"{key}":{{"taskId":"7"}}}},"action":"cancel"}}"#));
        check(r#"{"_meta":{"v":1}}"#, &format!(r#"{{"_meta":{{"{key}":{{"taskId":"7"}},"v":1}}}}"#));
        check(
            &format!(r#"{{"_meta":{{"{key}":{{"taskId":"a~b~7","x":1}}}}}}"#),
            &format!(r#"{{"_meta":{{"{key}":{{"taskId":"7","x":1}}}}}}"#),
        );
        check(r#"{"_meta":7}"#, r#"{"_meta":7}"#);
    }
}
