//! What passes between a client and us in a round: questions of legacy servers as `inputRequests`, and a look at what comes
//! back as `inputResponses` (MCP 2026-07-28, multi round-trip requests). Pure.

use serde_json::{Value, json};

pub(super) use crate::backend::input_request;
use crate::protocol::{Field, Message, Method, Patch, Span, Spliced, walk};

/// The result that asks for input.
pub(super) fn input_required(requests: impl Iterator<Item = (u32, String)>, state: &str) -> String {
    let requests: Vec<String> = requests.map(|(key, request)| format!(r#""i{key}":{request}"#)).collect();
    format!(
        r#"{{"resultType":"input_required","inputRequests":{{{}}},"requestState":{}}}"#,
        requests.join(","),
        Value::from(state)
    )
}

/// The answers in a retry: our number of each key that can be one of ours, and where its value stands.
pub(super) fn responses(message: &Message) -> Vec<(u32, Span)> {
    let raw = message.raw();
    let Some(all) = message.span(Field::InputResponses) else { return Vec::new() };
    let number = |key: Span| walk::decode(slice(raw, key))?.strip_prefix('i')?.parse().ok();
    walk::members(raw, all).filter_map(|(key, value)| Some((number(key)?, value))).collect()
}

/// Whether an answer is one that the server can read; else what is wrong with it.
pub(super) fn check(raw: &[u8], value: Span, method: Method) -> Result<(), &'static str> {
    let starts = |span: Span, with: u8| raw.get(span.start as usize) == Some(&with);
    let member = |key| walk::member(raw, value, key).map(|(_, v)| v);
    let is = |key, with| member(key).is_some_and(|v| starts(v, with));
    if !starts(value, b'{') {
        return Err("it must be an object");
    }
    match method {
        Method::ElicitationCreate => {
            let action = member("action").and_then(|v| walk::decode(slice(raw, v)));
            if !matches!(action.as_deref(), Some("accept" | "decline" | "cancel")) {
                return Err("`action` must be \"accept\", \"decline\" or \"cancel\"");
            }
            if member("content").is_some_and(|c| !starts(c, b'{') && slice(raw, c) != b"null") {
                return Err("`content` must be an object");
            }
        }
        Method::SamplingCreate => {
            if !is("role", b'"') || !is("model", b'"') {
                return Err("`role` and `model` must be strings");
            }
            if !is("content", b'{') && !is("content", b'[') {
                return Err("`content` must be an object or an array");
            }
        }
        _ => {
            let Some(roots) = member("roots").filter(|r| starts(*r, b'[')) else {
                return Err("`roots` must be an array");
            };
            let has_uri = |root| walk::member(raw, root, "uri").is_some_and(|(_, uri)| starts(uri, b'"'));
            if !walk::elements(raw, roots).all(has_uri) {
                return Err("each of `roots` must have a `uri`");
            }
        }
    }
    Ok(())
}

/// Whether an answer to an elicitation says yes.
pub(super) fn is_accepted(raw: &[u8], value: Span) -> bool {
    walk::member(raw, value, "action").is_some_and(|(_, v)| walk::decode(slice(raw, v)).as_deref() == Some("accept"))
}

/// An answer as a message to the server, under the server's own id.
pub(super) fn answer(raw: &[u8], value: Span) -> Option<Message> {
    let result = slice(raw, value);
    let text = [br#"{"jsonrpc":"2.0","id":0,"result":"#, result, b"}"].concat();
    Message::parse(text.into()).ok()
}

/// What a server gets instead of an answer that will not come; `None`: an error.
pub(super) const fn instead(method: Method) -> Option<&'static str> {
    match method {
        Method::ElicitationCreate => Some(r#"{"jsonrpc":"2.0","id":0,"result":{"action":"cancel"}}"#),
        _ => None,
    }
}

/// The URLs a server wants opened before it takes a call (MCP 2025-11-25, client/elicitation, `-32042`), as questions.
pub(super) fn urls(error: &Message) -> Vec<Message> {
    let raw = error.raw();
    let data = error.span(Field::Error).and_then(|e| walk::member(raw, e, "data")).map(|(_, v)| v);
    let all = data.and_then(|d| walk::member(raw, d, "elicitations")).map(|(_, v)| v);
    let text = |of: Span, key| {
        walk::member(raw, of, key).and_then(|(_, v)| walk::decode(slice(raw, v))).map(std::borrow::Cow::into_owned)
    };
    let question = |one: Span| {
        let url = text(one, "url")?;
        let message = text(one, "message").unwrap_or_default();
        let params = json!({ "mode": "url", "message": message, "url": url });
        let method = Method::ElicitationCreate.name();
        let question = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
        Message::parse(question.into()).ok()
    };
    all.into_iter().flat_map(|a| walk::elements(raw, a)).filter_map(question).collect()
}

/// A request without what belongs to a round: as it was made first.
pub(super) fn afresh(message: &Message) -> Option<Message> {
    let mut out = Spliced::new(message.raw().clone());
    let params = message.span(Field::Params)?;
    for span in walk::cuts(message.raw(), params, &["inputResponses", "requestState"]) {
        out.patch(span, Patch::Bytes("".into()));
    }
    Message::parse(out.to_bytes()).ok()
}

fn slice(raw: &[u8], span: Span) -> &[u8] {
    raw.get(span.start as usize..span.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned().into()).expect("valid")
    }

    #[test]
    fn questions_are_handed_on_without_what_is_of_the_hop() {
        for (params, expected) in [
            ("", ""),
            (r#","params":{}"#, r#","params":{}"#),
            (
                r#","params":{"mode":"url","elicitationId":"e","url":"u:","message":"m","_meta":{"progressToken":3}}"#,
                r#","params":{"mode":"url","url":"u:","message":"m"}"#,
            ),
            (
                r#","params":{"_meta":{"x":[1.50],"progressToken":3,"io.modelcontextprotocol/related-task":{"taskId":"1"}},"message":"m","task":{"ttl":1}}"#,
                r#","params":{"_meta":{"x":[1.50]},"message":"m"}"#,
            ),
        ] {
            let question = message(&format!(r#"{{"jsonrpc":"2.0","id":4,"method":"elicitation/create"{params}}}"#));
            let written = input_request(&question, Method::ElicitationCreate);
            assert_eq!(written, format!(r#"{{"method":"elicitation/create"{expected}}}"#));
        }
    }

    #[test]
    fn answers_have_a_shape() {
        use Method::{ElicitationCreate, RootsList, SamplingCreate};
        for (method, value, is_right) in [
            (ElicitationCreate, r#"{"action":"accept","content":{"a":1}}"#, true),
            (ElicitationCreate, r#"{"action":"decline","vendor":[1]}"#, true),
            (ElicitationCreate, r#"{"action":"cancel","content":null}"#, true),
            (ElicitationCreate, r#"{"action":"maybe"}"#, false),
            (ElicitationCreate, r#"{"action":"accept","content":"text"}"#, false),
            (ElicitationCreate, r#"{"content":{}}"#, false),
            (ElicitationCreate, r#""accept""#, false),
            (ElicitationCreate, "null", false),
            (SamplingCreate, r#"{"role":"assistant","model":"m","content":{"type":"text","text":"x"}}"#, true),
            (SamplingCreate, r#"{"role":"assistant","model":"m","content":[]}"#, true),
            (SamplingCreate, r#"{"role":"assistant","model":"m","content":"x"}"#, false),
            (SamplingCreate, r#"{"role":"assistant","content":{}}"#, false),
            (SamplingCreate, r#"{"action":"accept"}"#, false),
            (RootsList, r#"{"roots":[]}"#, true),
            (RootsList, r#"{"roots":[{"uri":"file:///w"}]}"#, true),
            (RootsList, r#"{"roots":[{"name":"w"}]}"#, false),
            (RootsList, r#"{"roots":["file:///w"]}"#, false),
            (RootsList, r#"{"roots":{}}"#, false),
        ] {
            let retry = message(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"inputResponses":{{"x":1,"i7":{value},"i":2}}}}}}"#
            ));
            let responses = responses(&retry);
            assert_eq!(responses.len(), 1);
            let (key, span) = responses[0];
            assert_eq!((key, check(retry.raw(), span, method).is_ok()), (7, is_right), "{value}");
        }
    }

    #[test]
    fn a_call_is_made_again_as_it_was() {
        let first =
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"requestState":1}}}"#;
        for again in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"requestState":"s","name":"t","inputResponses":{"i1":{}},"arguments":{"requestState":1}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"requestState":1},"inputResponses":{},"requestState":"s"}}"#,
            first,
        ] {
            assert_eq!(afresh(&message(again)).expect("valid").raw(), first.as_bytes());
        }
    }

    #[test]
    fn urls_become_questions() {
        let error = message(
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://x/?a=\"","message":"open"},{"mode":"url"},7]}}}"#,
        );
        let all: Vec<String> = urls(&error).iter().map(|q| input_request(q, Method::ElicitationCreate)).collect();
        assert_eq!(
            all,
            [r#"{"method":"elicitation/create","params":{"mode":"url","message":"open","url":"https://x/?a=\""}}"#]
        );
        assert!(urls(&message(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m"}}"#)).is_empty());
    }
}
