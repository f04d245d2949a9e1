//! What the eras want otherwise in an answer (protocol.md, 3.9 to 3.11).
//!
//! Within one era nothing but the id is touched. Results are not read further than their top-level members, but for clients
//! of editions that lack a kind of content.

use bytes::Bytes;

use super::run::Active;
use crate::observe::Status;
use crate::protocol::{Era, Fault, Field, Kind, Message, Method, Patch, RequestId, Span, Spliced, code, walk};

/// A server's answer as its client wants it, and how the call ended.
///
/// # Errors
/// When this client cannot be given this answer.
pub(super) fn shaped(
    message: &Message,
    active: &Active,
    id: &RequestId,
    from: Era,
) -> Result<(Spliced, Status), Fault> {
    let mut out = Spliced::new(message.raw().clone());
    if let Some(span) = message.span(Field::Id) {
        out.patch(span, Patch::Bytes(id.0.clone()));
    }
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if message.kind() == Kind::Error {
        let code = message.get(Field::ErrorCode).and_then(|c| std::str::from_utf8(c).ok()?.parse().ok()).unwrap_or(0);
        if code == code::URL_ELICITATION_REQUIRED && from == Era::Legacy && active.facts.revision.era() == Era::Modern {
            // Who can open URLs is asked to.
            return Err(cannot_open_urls());
        }
        let code = shape_error(&mut out, message, active, from, code);
        return Ok((out, Status::Fault(code)));
    }
    let era = active.facts.revision.era();
    match (from, era) {
        (Era::Modern, Era::Legacy) => to_legacy(&mut out, message, active.port.name())?,
        (Era::Legacy, Era::Modern) => to_modern(&mut out, message, active.method),
        _ => {}
    }
    if let Some((own, exposed)) = &active.uris {
        restore_uri(&mut out, message, own, exposed);
    }
    let failed = message.get(Field::IsError) == Some(b"true");
    Ok((out, if failed { Status::ToolError } else { Status::Ok }))
}

/// A modern server's result for a legacy client.
fn to_legacy(out: &mut Spliced, message: &Message, backend: &str) -> Result<(), Fault> {
    let kind = message.text(Field::ResultType);
    if kind.as_deref().is_some_and(|k| k != "complete") {
        // A legacy client would take it for a successful call with nothing in it.
        let text = format!(
            "server `{backend}` needs more input ({}) in the way of MCP 2026-07-28, which this client does not speak",
            kind.as_deref().unwrap_or_default(),
        );
        let data = serde_json::json!({ "backend": backend, "reason": "input_required" });
        return Err(Fault::new(code::INTERNAL, text).with_data(&data));
    }
    let Some(result) = message.span(Field::Result) else { return Ok(()) };
    let raw = message.raw();
    let mut keys = vec!["resultType", "ttlMs", "cacheScope"];
    let structured = walk::member(raw, result, "structuredContent").map(|(_, v)| v);
    if structured.is_some_and(|s| raw.get(s.start as usize) != Some(&b'{')) {
        // Editions before 2026-07-28 have objects here only; the text of it stands in `content`.
        keys.push("structuredContent");
    }
    for span in walk::cuts(raw, result, &keys) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    Ok(())
}

/// A legacy server's result for a modern client: strict ones refuse results without `resultType`.
fn to_modern(out: &mut Spliced, message: &Message, method: Option<Method>) {
    let Some(result) = message.span(Field::Result) else { return };
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
    if walk::members(message.raw(), result).next().is_none() {
        members.pop();
    }
    let at = result.start + 1;
    out.patch(Span { start: at, end: at }, Patch::Bytes(members.into()));
}

/// What a modern client is told that a server wants to open a URL, and that has not said it can (MCP 2026-07-28, basic).
fn cannot_open_urls() -> Fault {
    let text = "this needs a URL to be opened first, and the client did not declare `elicitation.url`";
    let data = serde_json::json!({ "requiredCapabilities": { "elicitation": { "url": {} } } });
    Fault::new(code::MISSING_CAPABILITY, text).with_data(&data)
}

/// The error codes that differ between the eras (protocol.md, 3.9).
fn shape_error(out: &mut Spliced, message: &Message, active: &Active, from: Era, code: i32) -> i32 {
    let is_read = active.method == Some(Method::ResourcesRead);
    let to = match (from, active.facts.revision.era(), code) {
        (Era::Legacy, Era::Modern, code::RESOURCE_NOT_FOUND) if is_read => code::INVALID_PARAMS,
        (Era::Modern, Era::Legacy, code::INVALID_PARAMS) if is_read => code::RESOURCE_NOT_FOUND,
        _ => return code,
    };
    if let Some(span) = message.span(Field::ErrorCode) {
        out.patch(span, Patch::Bytes(to.to_string().into()));
    }
    to
}

/// The contents of a resource whose URI clients know by another name carry that name.
fn restore_uri(out: &mut Spliced, message: &Message, own: &str, exposed: &str) {
    let raw = message.raw();
    let contents = message.span(Field::Result).and_then(|r| walk::member(raw, r, "contents")).map(|(_, v)| v);
    for element in contents.into_iter().flat_map(|c| walk::elements(raw, c)) {
        let Some((_, uri)) = walk::member(raw, element, "uri") else { continue };
        if walk::decode(&raw[uri.start as usize..uri.end as usize]).as_deref() == Some(own) {
            out.patch(uri, Patch::Bytes(serde_json::Value::from(exposed).to_string().into()));
        }
    }
}
