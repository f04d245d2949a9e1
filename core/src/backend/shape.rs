//! A call as its server's edition wants it: our id and token, the server's own name, and what the eras put elsewhere.
//!
//! Within one era nothing else is touched. MCP 2026-07-28, basic, `_meta`: version, client and capabilities travel with
//! every request; earlier editions must not see these keys.

use bytes::Bytes;
use smallvec::SmallVec;

use super::call::Call;
use super::peer::{ClientFacts, Level};
use super::tasking::AsTask;
use crate::protocol::{Era, Field, Message, Patch, Revision, Span, Spliced, WireId, walk};

/// The keys of `_meta` that only modern servers may see.
const MODERN_KEYS: [(Field, &str); 5] = [
    (Field::MetaVersion, "io.modelcontextprotocol/protocolVersion"),
    (Field::MetaClientInfo, "io.modelcontextprotocol/clientInfo"),
    (Field::MetaCapabilities, "io.modelcontextprotocol/clientCapabilities"),
    LEVEL,
    (Field::MetaSubscription, "io.modelcontextprotocol/subscriptionId"),
];

/// The members of `params` that only later rounds of a call have.
const ROUND_KEYS: [&str; 2] = ["inputResponses", "requestState"];

/// The member of `params` that makes a task of a legacy call.
const TASK_KEY: &str = "task";

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

/// The member of `_meta` by which a request asks for log lines.
const LEVEL: (Field, &str) = (Field::MetaLogLevel, "io.modelcontextprotocol/logLevel");

/// What is written to the server for `call` under `wire`. `task`: whether it is to become one. `hears`: it may ask for log lines.
pub(super) fn outgoing(call: &Call, era: Era, wire: WireId, task: AsTask, hears: bool) -> Spliced {
    let mut out = with_ours(call, wire);
    if is_reshaped(call, era, task, hears) {
        reshape(&mut out, call, era, task, hears);
    }
    out
}

/// The call with our id and token, and the server's own name.
#[inline]
fn with_ours(call: &Call, wire: WireId) -> Spliced {
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
    out
}

/// Whether anything else than what is ours is to be changed in it: within one era hardly ever.
fn is_reshaped(call: &Call, era: Era, task: AsTask, hears: bool) -> bool {
    let has = |field| call.message.span(field).is_some();
    call.facts.revision.era() != era
        || call.more.is_some()
        || !has(Field::Params)
        || (era == Era::Modern && !hears && has(Field::MetaLogLevel))
        || (task != AsTask::ByClient && has(Field::Task))
        || (era == Era::Legacy && matches!(task, AsTask::ByUs | AsTask::Held))
}

fn reshape(out: &mut Spliced, call: &Call, era: Era, task: AsTask, hears: bool) {
    let message = &call.message;
    let mut meta = match (call.facts.revision.era(), era) {
        (Era::Modern, Era::Legacy) => Some(&MODERN_KEYS[..]),
        (Era::Modern, Era::Modern) if !hears && message.span(Field::MetaLogLevel).is_some() => Some(&[LEVEL][..]),
        _ => None,
    };
    for span in message.null_cuts() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if let Some(params) = message.span(Field::Params) {
        let mut keys: SmallVec<[&str; 4]> = SmallVec::new();
        if call.more.is_some() {
            keys.extend(ROUND_KEYS);
        }
        if task != AsTask::ByClient && message.span(Field::Task).is_some() {
            keys.push(TASK_KEY);
        }
        if !keys.is_empty() && meta.is_some_and(|fields| message.has_only_meta(fields)) {
            // Beside each other two cuts would both take the comma between them.
            keys.push("_meta");
            meta = None;
        }
        if !keys.is_empty() {
            for span in walk::cuts(message.raw(), params, &keys) {
                out.patch(span, Patch::Bytes(Bytes::new()));
            }
        }
        if let Some(more) = &call.more {
            insert(out, message.raw(), params, String::from_utf8_lossy(more).into_owned());
        }
        if matches!(task, AsTask::ByUs | AsTask::Held) && era == Era::Legacy {
            insert(out, message.raw(), params, format!(r#""{TASK_KEY}":{{}}"#));
        }
    }
    for span in meta.map(|fields| message.meta_cuts(fields)).unwrap_or_default() {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
    if (call.facts.revision.era(), era) == (Era::Legacy, Era::Modern) {
        // Before any `logging/setLevel` a legacy server decides itself what it sends: ask for what it would.
        let level = hears.then(|| call.peer.level().unwrap_or(Level::Info));
        add_modern_meta(out, message, &call.facts, task == AsTask::ByUs, level);
    }
}

fn add_modern_meta(out: &mut Spliced, message: &Message, facts: &ClientFacts, with_tasks: bool, level: Option<Level>) {
    let params = message.span(Field::Params).filter(|params| !walk::is_empty(message.raw(), *params));
    if let Some(params) = params.filter(|_| !with_tasks && message.span(Field::Meta).is_none()) {
        // The same for each of a client's calls.
        let text = facts.carried.meta(level, || {
            let meta = modern_meta(&facts.info, facts.carried(), level);
            format!(r#""_meta":{{{meta}}},"#).into()
        });
        return insert_text(out, params, text.clone());
    }
    let capabilities = if with_tasks { facts.carried_with_tasks() } else { facts.carried() };
    let meta = modern_meta(&facts.info, capabilities, level);
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
pub(super) fn insert(out: &mut Spliced, raw: &[u8], object: Span, mut members: String) {
    if !walk::is_empty(raw, object) {
        members.push(',');
    }
    insert_text(out, object, members.into());
}

fn insert_text(out: &mut Spliced, object: Span, text: Bytes) {
    let at = object.start + 1;
    out.patch(Span { start: at, end: at }, Patch::Bytes(text));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::super::peer::{Peer, Principal};
    use super::*;
    use crate::protocol::{CallId, Method, RequestId, SessionId};
    use crate::transport::Mailbox;

    /// A call that is this message, by a client of `by`.
    fn call(text: &str, by: Revision) -> Call {
        let message = Message::parse(Bytes::copy_from_slice(text.as_bytes())).expect("a message");
        let facts = ClientFacts {
            revision: by,
            name: "c".into(),
            info: Bytes::from_static(br#"{"name":"c","version":"1"}"#),
            capabilities: Bytes::from_static(b"{}"),
            level: None,
            carried: Default::default(),
        };
        Call {
            id: CallId(1),
            peer: Arc::new(Peer::new(SessionId(1), Principal::own(), Mailbox::new(1))),
            client_id: RequestId::number(1),
            facts: Arc::new(facts),
            method: Some(Method::ToolsCall),
            message,
            target: None,
            arrived: Instant::now(),
            handed: Instant::now(),
            timeout: Duration::from_secs(1),
            retried: false,
            more: None,
            until: None,
            seat: None,
            needs_task: false,
            task: None,
        }
    }

    /// What a server of `era` gets of a call with these `params` by a client of the other one.
    fn sent(params: &str, era: Era) -> String {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{params}}}"#);
        let call = call(&text, if era == Era::Legacy { Revision::V2026_07_28 } else { Revision::V2025_11_25 });
        let out = outgoing(&call, era, WireId(7), AsTask::No, false).to_bytes();
        let out = String::from_utf8(out.to_vec()).expect("text");
        serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
        let out = out.strip_prefix(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"#).expect("the envelope");
        out.strip_suffix('}').expect("its end").to_owned()
    }

    #[test]
    fn a_legacy_server_sees_nothing_of_the_modern_era_wherever_that_stands() {
        let key = "io.modelcontextprotocol";
        let meta = format!(r#""_meta":{{"{key}/protocolVersion":"2026-07-28","{key}/clientCapabilities":{{}}}}"#);
        let more = format!(r#""_meta":{{"a":1,"{key}/protocolVersion":"2026-07-28","progressToken":3}}"#);
        let escaped = meta.replace("_meta", "\\u005fmeta");
        for meta in [&meta, &escaped] {
            for (params, expected) in [
                (format!(r#"{{"name":"t",{meta}}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{{meta},"name":"t"}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{{meta},"task":{{}},"name":"t"}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{"task":{{}},{meta},"name":"t"}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{"name":"t",{meta},"task":{{}}}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{"name":"t","task":{{}},{meta}}}"#), r#"{"name":"t"}"#),
                (format!(r#"{{{meta},"name":"t","task":{{}}}}"#), r#"{"name":"t"}"#),
            ] {
                assert_eq!(sent(&params, Era::Legacy), expected, "{params}");
            }
        }
        for (params, expected) in [
            (format!(r#"{{"name":"t",{more}}}"#), r#"{"name":"t","_meta":{"a":1,"progressToken":7}}"#),
            (format!(r#"{{{more},"task":{{}},"name":"t"}}"#), r#"{"_meta":{"a":1,"progressToken":7},"name":"t"}"#),
            (format!(r#"{{"task":{{}},{more},"name":"t"}}"#), r#"{"_meta":{"a":1,"progressToken":7},"name":"t"}"#),
        ] {
            assert_eq!(sent(&params, Era::Legacy), expected, "{params}");
        }
    }

    #[test]
    fn a_modern_server_hears_who_calls_wherever_that_has_room() {
        let all = modern_meta(br#"{"name":"c","version":"1"}"#, "{}", None);
        for (params, expected) in [
            (r#"{"name":"t"}"#, format!(r#"{{"_meta":{{{all}}},"name":"t"}}"#)),
            (r#"{ "name":"t"}"#, format!(r#"{{"_meta":{{{all}}}, "name":"t"}}"#)),
            ("{}", format!(r#"{{"_meta":{{{all}}}}}"#)),
            (r#"{"name":"t","_meta":{"a":1}}"#, format!(r#"{{"name":"t","_meta":{{{all},"a":1}}}}"#)),
            (r#"{"name":"t","_meta":{}}"#, format!(r#"{{"name":"t","_meta":{{{all}}}}}"#)),
        ] {
            assert_eq!(sent(params, Era::Modern), expected, "{params}");
        }
    }

    #[test]
    fn a_call_that_is_not_looked_at_further_would_stay_as_it_is() {
        let level = r#""_meta":{"io.modelcontextprotocol/logLevel":"info","progressToken":1}"#;
        let mut n_plain = 0;
        for params in ["", r#","params":null"#, r#","params":{}"#, r#","params":{"name":"t","task":{}}"#]
            .map(str::to_owned)
            .into_iter()
            .chain([format!(r#","params":{{"name":"t",{level}}}"#), r#","params":{"name":"t","a":1}"#.to_owned()])
        {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"x","method":"tools/call"{params}}}"#);
            for (by, era) in [Revision::V2025_11_25, Revision::V2026_07_28]
                .into_iter()
                .flat_map(|by| [(by, Era::Legacy), (by, Era::Modern)])
            {
                for task in [AsTask::No, AsTask::ByClient, AsTask::ByUs, AsTask::Held] {
                    for (hears, more) in [(false, None), (true, None), (true, Some(&br#""requestState":"s""#[..]))] {
                        let call = Call { more: more.map(Bytes::from_static), ..call(&text, by) };
                        let mut reshaped = with_ours(&call, WireId(7));
                        let plain = reshaped.to_bytes();
                        reshape(&mut reshaped, &call, era, task, hears);
                        let is_plain = !is_reshaped(&call, era, task, hears);
                        assert!(!is_plain || reshaped.to_bytes() == plain, "{text} {by:?} {era:?} {task:?} {hears}");
                        assert_eq!(outgoing(&call, era, WireId(7), task, hears).to_bytes(), reshaped.to_bytes());
                        n_plain += usize::from(is_plain);
                    }
                }
            }
        }
        assert!(n_plain > 20, "{n_plain}");
    }
}
