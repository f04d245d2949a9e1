//! What the eras want otherwise in an answer (protocol.md, 3.9 to 3.11), and in a server's question (`question.rs`).
//!
//! Within one era nothing but the id is touched. Results are not read further than their top-level members, but for clients
//! of editions that lack a kind of content.

pub(super) mod content;
mod error;
pub(super) mod question;

use bytes::Bytes;

use super::run::Active;
use crate::observe::Status;
use crate::protocol::{Era, Fault, Field, Kind, Message, Method, Patch, RequestId, Span, Spliced, code, walk};

/// Values of a completion, at most: strict clients refuse more (MCP 2025-11-25, server/utilities/completion).
const MAX_VALUES: usize = 100;

/// The bytes at `span`; none when it lies outside.
fn at(raw: &[u8], span: Span) -> &[u8] {
    raw.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// The place before the first member of an object.
const fn inside(object: Span) -> Span {
    Span { start: object.start + 1, end: object.start + 1 }
}

/// Makes of a server's answer, which `out` is of, what its client wants. Gives how the call ended.
///
/// # Errors
/// When this client cannot be given this answer.
pub(super) fn shape(
    out: &mut Spliced,
    message: &Message,
    active: &Active,
    id: RequestId,
    from: Era,
) -> Result<Status, Fault> {
    if let Some(span) = message.span(Field::Id) {
        out.patch(span, Patch::Bytes(id.0));
    }
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if message.kind() == Kind::Error {
        if message.error_code() == Some(code::URL_ELICITATION_REQUIRED)
            && from == Era::Legacy
            && active.facts.revision.era() == Era::Modern
        {
            // Who can open URLs is asked to.
            return Err(cannot_open_urls());
        }
        let code = error::shape(out, message, active, from);
        return Ok(Status::Fault(code));
    }
    match (from, active.facts.revision.era()) {
        (Era::Modern, Era::Legacy) => to_legacy(out, message, active)?,
        (Era::Legacy, Era::Modern) => to_modern(out, message, active.method),
        _ => {}
    }
    if content::is_old(active.facts.revision) {
        content::to_old(out, message, active.method, active.facts.revision);
    }
    if active.method == Some(Method::Complete) {
        cut_values(out, message);
    }
    if let Some((own, exposed)) = &active.uris {
        restore_uri(out, message, own, exposed);
    }
    let failed = message.get(Field::IsError) == Some(b"true");
    Ok(if failed { Status::ToolError } else { Status::Ok })
}

/// A modern server's result for a legacy client.
fn to_legacy(out: &mut Spliced, message: &Message, active: &Active) -> Result<(), Fault> {
    let kind = message.text(Field::ResultType);
    if let Some(kind) = kind.filter(|k| k != "complete") {
        // A legacy client would take it for a successful call with nothing in it.
        let backend = active.port.name();
        let kind: String = kind.chars().take(60).collect();
        let text = format!("server `{backend}` answered in a way that this client's edition does not have (`{kind}`)");
        let data = serde_json::json!({ "backend": &**backend, "reason": "result_type" });
        return Err(Fault::new(code::INTERNAL, text).with_data(&data));
    }
    let Some(result) = message.span(Field::Result) else { return Ok(()) };
    let raw = message.raw();
    let mut keys = vec!["resultType", "ttlMs", "cacheScope"];
    let structured = walk::member(raw, result, "structuredContent").map(|(_, v)| v);
    if let Some(structured) = structured.filter(|s| raw.get(s.start as usize) != Some(&b'{')) {
        // Editions before 2026-07-28 have objects here only.
        keys.push("structuredContent");
        let is_alone = walk::members(raw, result)
            .all(|(key, _)| walk::decode(at(raw, key)).is_some_and(|key| keys.contains(&key.as_ref())));
        content::say(out, raw, result, structured, is_alone);
    }
    for span in walk::cuts(raw, result, &keys) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    Ok(())
}

/// A legacy server's result for a modern client: strict ones refuse results without `resultType`.
fn to_modern(out: &mut Spliced, message: &Message, method: Option<Method>) {
    let Some(result) = message.span(Field::Result) else { return };
    let is_empty = walk::is_empty(message.raw(), result);
    if message.span(Field::ResultType).is_none() && method != Some(Method::ResourcesRead) && !is_empty {
        // Nearly always.
        let kind = Bytes::from_static(br#""resultType":"complete","#);
        return out.patch(inside(result), Patch::Bytes(kind));
    }
    let mut members = String::new();
    if message.span(Field::ResultType).is_none() {
        members.push_str(r#""resultType":"complete","#);
    }
    if method == Some(Method::ResourcesRead) {
        if message.span(Field::TtlMs).is_none() {
            members.push_str(r#""ttlMs":0,"#);
        }
        if message.span(Field::CacheScope).is_none() {
            members.push_str(r#""cacheScope":"private","#);
        }
    }
    if is_empty {
        members.pop();
    }
    out.patch(inside(result), Patch::Bytes(members.into()));
}

/// What a modern client is told that a server wants to open a URL, and that has not said it can (MCP 2026-07-28, basic).
fn cannot_open_urls() -> Fault {
    let text = "this needs a URL to be opened first, and the client did not declare `elicitation.url`";
    let data = serde_json::json!({ "requiredCapabilities": { "elicitation": { "url": {} } } });
    Fault::new(code::MISSING_CAPABILITY, text).with_data(&data)
}

/// More values of a completion than clients take are cut, and the client hears that there are more.
fn cut_values(out: &mut Spliced, message: &Message) {
    let raw = message.raw();
    let completion = message.span(Field::Result).and_then(|r| walk::member(raw, r, "completion")).map(|(_, v)| v);
    let Some(completion) = completion else { return };
    let Some((_, values)) = walk::member(raw, completion, "values") else { return };
    let Some(last) = walk::elements(raw, values).nth(MAX_VALUES - 1) else { return };
    if walk::elements(raw, values).nth(MAX_VALUES).is_none() {
        return;
    }
    out.patch(Span { start: last.end, end: values.end - 1 }, Patch::Bytes(Bytes::new()));
    match walk::member(raw, completion, "hasMore") {
        Some((_, more)) => out.patch(more, Patch::Bytes(Bytes::from_static(b"true"))),
        None => out.patch(inside(completion), Patch::Bytes(Bytes::from_static(br#""hasMore":true,"#))),
    }
}

/// The contents of a resource whose URI clients know by another name carry that name.
fn restore_uri(out: &mut Spliced, message: &Message, own: &str, exposed: &str) {
    let raw = message.raw();
    let contents = message.span(Field::Result).and_then(|r| walk::member(raw, r, "contents")).map(|(_, v)| v);
    for element in contents.into_iter().flat_map(|c| walk::elements(raw, c)) {
        let Some((_, uri)) = walk::member(raw, element, "uri") else { continue };
        if walk::decode(at(raw, uri)).as_deref() == Some(own) {
            out.patch(uri, Patch::Bytes(serde_json::Value::from(exposed).to_string().into()));
        }
    }
}

#[cfg(test)]
mod tests;
