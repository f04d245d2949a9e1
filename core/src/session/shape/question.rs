//! A server's question as its client's edition has it, whoever asks: a legacy server by a request of its own, or a modern one
//! by an entry of its `inputRequests`. Pure.

use bytes::Bytes;

use super::{at, inside};
use crate::backend::ClientFacts;
use crate::protocol::{Fault, Field, Message, Method, Patch, Revision, Span, Spliced, code, walk};

/// What becomes of a question.
#[derive(Debug)]
pub(in crate::session) enum Asked {
    /// The client is asked this; the id is still that of the server.
    Client(Spliced),
    /// The client's edition cannot show it: this is the answer in its place.
    Here(&'static str),
}

/// The question `message` as a client can be asked it that said `facts` of itself. `id` is what the client will know it by.
///
/// # Errors
/// When the client did not say that it can be asked this.
pub(in crate::session) fn asked(message: &Message, facts: &ClientFacts, id: &str) -> Result<Asked, Fault> {
    let raw = message.raw();
    let mut out = Spliced::new(raw.clone());
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    let Some(params) = message.span(Field::Params) else { return Ok(Asked::Client(out)) };
    // Whoever asks for a task of the client's would have been told that there are none.
    let mut cuts = vec!["task"];
    match message.method() {
        Some(Method::ElicitationCreate) => {
            let mode = text(raw, params, "mode");
            if mode.as_deref() == Some("url") {
                if facts.revision < Revision::V2025_11_25 || !facts.can_show("url") {
                    return Err(undeclared("elicitation.url", code::INVALID_PARAMS));
                }
                if walk::member(raw, params, "elicitationId").is_none() {
                    // Clients of 2025-11-25 refuse a URL without; the newest edition has no such thing.
                    let member = format!(r#""elicitationId":"{id}","#);
                    out.patch(inside(params), Patch::Bytes(member.into()));
                }
            } else {
                if !facts.can_show("form") {
                    return Err(undeclared("elicitation", code::INVALID_PARAMS));
                }
                if facts.revision < Revision::V2025_11_25 {
                    cuts.push("mode");
                    if !old_form(&mut out, raw, params) {
                        return Ok(Asked::Here(r#"{"action":"decline"}"#));
                    }
                }
            }
        }
        Some(Method::SamplingCreate) => {
            let wants_tools = ["tools", "toolChoice"].iter().any(|key| walk::member(raw, params, key).is_some());
            if wants_tools && !facts.can_also("sampling", "tools") {
                return Err(undeclared("sampling.tools", code::INVALID_PARAMS));
            }
            if facts.revision < Revision::V2025_11_25 {
                old_messages(&mut out, raw, params);
            }
        }
        _ => {}
    }
    for span in walk::cuts(raw, params, &cuts) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    Ok(Asked::Client(out))
}

/// What a server is told that asks for something its client did not say it can do.
pub(in crate::session) fn undeclared(capability: &str, code: i32) -> Fault {
    Fault::new(code, format!("the client did not declare the capability `{capability}`"))
}

fn text<'a>(raw: &'a [u8], object: Span, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    walk::member(raw, object, key).and_then(|(_, v)| walk::decode(at(raw, v)))
}

/// Before 2025-11-25 a choice had its titles in `enumNames`, and there was no choice of several (MCP 2025-06-18,
/// client/elicitation). `false`: this form cannot be shown.
fn old_form(out: &mut Spliced, raw: &[u8], params: Span) -> bool {
    let schema = walk::member(raw, params, "requestedSchema").map(|(_, v)| v);
    let properties = schema.and_then(|s| walk::member(raw, s, "properties")).map(|(_, v)| v);
    for (_, property) in properties.into_iter().flat_map(|p| walk::members(raw, p)) {
        if text(raw, property, "type").as_deref() == Some("array") {
            return false;
        }
        let Some((key, choices)) = walk::member(raw, property, "oneOf") else { continue };
        let (mut values, mut titles) = (Vec::new(), Vec::new());
        for choice in walk::elements(raw, choices) {
            let Some((_, value)) = walk::member(raw, choice, "const") else { return false };
            let title = walk::member(raw, choice, "title").map_or(value, |(_, t)| t);
            values.push(at(raw, value));
            titles.push(at(raw, title));
        }
        let (values, titles) = (values.join(&b","[..]), titles.join(&b","[..]));
        let both = [b"\"enum\":[", &values[..], b"],\"enumNames\":[", &titles[..], b"]"].concat();
        out.patch(Span { start: key.start, end: choices.end }, Patch::Bytes(both.into()));
    }
    true
}

/// Before 2025-11-25 a message to a model had one content: several become messages of the same role.
fn old_messages(out: &mut Spliced, raw: &[u8], params: Span) {
    let messages = walk::member(raw, params, "messages").map(|(_, v)| v);
    for message in messages.into_iter().flat_map(|m| walk::elements(raw, m)) {
        let Some((_, content)) = walk::member(raw, message, "content") else { continue };
        if at(raw, content).first() != Some(&b'[') {
            continue;
        }
        let before = at(raw, Span { start: message.start, end: content.start });
        let after = at(raw, Span { start: content.end, end: message.end });
        let each: Vec<_> = walk::elements(raw, content).map(|c| [before, at(raw, c), after].concat()).collect();
        if !each.is_empty() {
            out.patch(message, Patch::Bytes(each.join(&b","[..]).into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(revision: Revision, capabilities: &'static str) -> ClientFacts {
        ClientFacts {
            revision,
            name: "c".into(),
            info: Bytes::from_static(b"{}"),
            capabilities: Bytes::from_static(capabilities.as_bytes()),
            level: None,
            carried: Default::default(),
        }
    }

    const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}"#;
    const OLD: &str = r#"{"elicitation":{},"sampling":{},"roots":{}}"#;

    fn question(method: &str, params: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
        Message::parse(text.into()).expect("a question")
    }

    /// What the client gets as `params`, the answer in its place, or the capability it lacks.
    #[track_caller]
    fn check(revision: Revision, capabilities: &'static str, method: &str, params: &str, expected: &str) {
        let message = question(method, params);
        let got = match asked(&message, &facts(revision, capabilities), "q1") {
            Ok(Asked::Client(out)) => {
                let out = Message::parse(out.to_bytes()).expect("still a message");
                String::from_utf8_lossy(out.get(Field::Params).unwrap_or_default()).into_owned()
            }
            Ok(Asked::Here(answer)) => format!("= {answer}"),
            Err(fault) => format!("! {}", fault.message.split('`').nth(1).unwrap_or_default()),
        };
        assert_eq!(got, expected, "{revision} {method} {params}");
    }

    use Revision::{V2025_06_18 as V3, V2025_11_25 as V4};
    const ELICIT: &str = "elicitation/create";
    const SAMPLE: &str = "sampling/createMessage";

    #[test]
    fn the_newest_legacy_edition_is_asked_as_it_was_written() {
        let form = r#"{"mode":"form","message":"?","requestedSchema":{"type":"object","properties":{"a":{"type":"string","oneOf":[{"const":"x","title":"X"}]},"b":{"type":"array"}}}}"#;
        check(V4, ALL, ELICIT, form, form);
        check(V4, OLD, ELICIT, form, form);
        let sampling =
            r#"{"messages":[{"role":"user","content":[{"type":"text"},{"type":"image"}]}],"maxTokens":1e3,"tools":[]}"#;
        check(V4, ALL, SAMPLE, sampling, sampling);
        check(V4, ALL, "roots/list", "{}", "{}");
    }

    #[test]
    fn tasks_of_clients_are_not_asked_for() {
        check(V4, ALL, SAMPLE, r#"{"task":{"ttl":1},"messages":[]}"#, r#"{"messages":[]}"#);
        check(V4, ALL, ELICIT, r#"{"message":"?","task":{}}"#, r#"{"message":"?"}"#);
    }

    #[test]
    fn a_url_has_an_id_where_clients_want_one() {
        check(V4, ALL, ELICIT, r#"{"mode":"url","url":"u"}"#, r#"{"elicitationId":"q1","mode":"url","url":"u"}"#);
        let own = r#"{"mode":"url","elicitationId":"own"}"#;
        check(V4, ALL, ELICIT, own, own);
    }

    #[test]
    fn what_was_not_declared_is_not_asked() {
        check(V4, OLD, ELICIT, r#"{"mode":"url"}"#, "! elicitation.url");
        check(V3, ALL, ELICIT, r#"{"mode":"url"}"#, "! elicitation.url");
        check(V4, r#"{"elicitation":{"url":{}}}"#, ELICIT, r#"{"mode":"form"}"#, "! elicitation");
        check(V4, r"{}", ELICIT, r"{}", "! elicitation");
        check(V4, OLD, SAMPLE, r#"{"tools":[]}"#, "! sampling.tools");
        check(V4, OLD, SAMPLE, r#"{"toolChoice":{}}"#, "! sampling.tools");
    }

    #[test]
    fn old_editions_get_old_forms() {
        check(
            V3,
            OLD,
            ELICIT,
            r#"{"mode":"form","requestedSchema":{"properties":{"a":{"type":"string", "oneOf" : [{"const":"x","title":"X"},{"title":"\u0059","const":"y"},{"const":"z"}] ,"default":"x"},"b":{"enum":["1"]}}}}"#,
            r#"{"requestedSchema":{"properties":{"a":{"type":"string", "enum":["x","y","z"],"enumNames":["X","\u0059","z"] ,"default":"x"},"b":{"enum":["1"]}}}}"#,
        );
        let several = r#"{"requestedSchema":{"properties":{"a":{"type":"array","items":{"enum":["x"]}}}}}"#;
        check(V3, OLD, ELICIT, several, r#"= {"action":"decline"}"#);
        let odd = r#"{"requestedSchema":{"properties":{"a":{"oneOf":[{"type":"string"}]}}}}"#;
        check(V3, OLD, ELICIT, odd, r#"= {"action":"decline"}"#);
        for strange in [
            r#"{"requestedSchema":7}"#,
            r#"{"requestedSchema":{"properties":[1]}}"#,
            r#"{"requestedSchema":{"properties":{"a":1}}}"#,
        ] {
            check(V3, OLD, ELICIT, strange, strange);
        }
    }

    #[test]
    fn old_editions_get_one_content_a_message() {
        check(
            V3,
            OLD,
            SAMPLE,
            r#"{"messages":[{"role":"user","content":[{"a":1},{"b":2}],"x":0},{"role":"user","content":{"c":3}},{"content":[{"d":4}]},{"content":[]}]}"#,
            r#"{"messages":[{"role":"user","content":{"a":1},"x":0},{"role":"user","content":{"b":2},"x":0},{"role":"user","content":{"c":3}},{"content":{"d":4}},{"content":[]}]}"#,
        );
    }
}
