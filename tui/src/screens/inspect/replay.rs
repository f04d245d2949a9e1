//! Calls made again, as they were or edited: what is sent, and whether to ask first. The new call is the terminal's own and names
//! the one it repeats.

use std::collections::VecDeque;

use bytes::Bytes;
use mcp_proxy_core::control::{CatalogItem, CatalogView, Command, ItemKind};
use mcp_proxy_core::observe::{Flow, FlowKind};
use mcp_proxy_core::protocol::{CallId, Field, Message, Method, Patch, Span, Spliced, walk};

use super::{hold, layer};
use crate::app::effect::{Again, Edited, Effect};
use crate::app::model::Model;
use crate::app::popup::{Ask, Popup};
use crate::app::theme::Tone;
use crate::json::pretty::pretty;
use crate::screens::catalog::form::hint;

/// Members of `params` that belong to the exchange they came in, not to the call.
const NOT_AGAIN: [&str; 3] = ["_meta", "requestState", "inputResponses"];

/// What is asked before a call is made again.
const AGAIN: (&str, &str) = (
    "Make this call again?",
    "It really runs: the tool does not say that it only reads, or that calling it twice is harmless.",
);
/// What is asked before an edited one is made.
const EDITED: (&str, &str) = ("Make the edited call?", "It really runs: the tool does not say that it only reads.");

/// What is asked before one of a recording is made: here it may be the first time.
const FIRST: (&str, &str) = ("Make this call again?", EDITED.1);

/// Calls made again that wait for the list to look at their rows; of more the oldest are not selected.
const MAX_BEGUN: usize = 8;

/// What is sent to make a call again, and how careful one has to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) of: CallId,
    pub(crate) method: String,
    pub(crate) params: String,
    /// What it is called.
    pub(crate) what: String,
    /// It may change something: ask first.
    pub(crate) asks: bool,
}

/// What it takes to make a call again. That twice the same is harmless says nothing of one that is `recorded`: it was made
/// somewhere else, perhaps.
///
/// # Errors
/// Why it cannot be.
pub(crate) fn ready(flow: &Flow, catalog: &CatalogView, recorded: bool) -> Result<Ready, String> {
    let kind = match Method::from_name(&flow.method) {
        Some(Method::ToolsCall) => Some(ItemKind::Tool),
        Some(Method::PromptsGet) => Some(ItemKind::Prompt),
        Some(Method::ResourcesRead) => Some(ItemKind::Resource),
        Some(Method::Complete) => None,
        _ => return Err("only calls of tools, prompts, resources and completions are made again".to_owned()),
    };
    if flow.kind != FlowKind::Call {
        return Err(format!("{} is no call of a client", flow.id));
    }
    let first = flow.first_frames();
    let frame = first.received.clone().ok_or("the request is not kept any more: it cannot be made again")?;
    let message = Message::parse(frame).map_err(|_| "the request cannot be read")?;
    let params = message.span(Field::Params).ok_or("the request has no params")?;
    let raw = message.raw();
    let name = message.text(Field::Name).or_else(|| message.text(Field::Uri)).unwrap_or_default();
    let item = kind.and_then(|kind| offered(catalog, kind, flow, &name));
    let mut out = Spliced::new(raw.clone());
    let end = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    let mut cut = |span: Span, with: Bytes| out.patch(span, Patch::Bytes(with));
    cut(Span { start: 0, end: params.start }, Bytes::new());
    let named = message.span(Field::Name).or_else(|| message.span(Field::Uri));
    if let (Some(span), Some(item)) = (named, item)
        && *item.exposed != *name
    {
        // It came by another entrance, where things have other names.
        cut(span, serde_json::Value::from(&*item.exposed).to_string().into());
    }
    for span in walk::cuts(raw, params, &NOT_AGAIN) {
        cut(span, Bytes::new());
    }
    cut(Span { start: params.end, end }, Bytes::new());
    let is_safe = |i: &CatalogItem| hint(&i.raw, "readOnlyHint") || (!recorded && hint(&i.raw, "idempotentHint"));
    let safe = item.is_some_and(is_safe);
    Ok(Ready {
        of: flow.id,
        method: flow.method.to_string(),
        params: String::from_utf8_lossy(&out.to_bytes()).into_owned(),
        what: item.map_or_else(|| name.into_owned(), |i| i.exposed.to_string()),
        asks: kind == Some(ItemKind::Tool) && !safe,
    })
}

/// Whether to ask before an edited call is made: it is another call, so that twice the same is harmless says nothing of it. The tool
/// that counts is the one it names now.
fn asks_edited(catalog: &CatalogView, method: &str, name: &str) -> bool {
    let reads = |i: &CatalogItem| i.kind == ItemKind::Tool && *i.exposed == *name && hint(&i.raw, "readOnlyHint");
    Method::from_name(method) == Some(Method::ToolsCall) && !catalog.items.iter().any(reads)
}

/// The item a call names, by the name it has for us.
fn offered<'a>(catalog: &'a CatalogView, kind: ItemKind, flow: &Flow, name: &str) -> Option<&'a CatalogItem> {
    let of_server = |i: &&CatalogItem| i.kind == kind && flow.backend.as_ref().is_none_or(|b| *b == i.backend);
    let mut items = catalog.items.iter().filter(of_server);
    items.clone().find(|i| *i.exposed == *name).or_else(|| items.find(|i| *i.own == *name))
}

/// The selected flow with its frames.
fn selected(model: &mut Model) -> Option<Flow> {
    let state = &model.inspect;
    let opened = state.detail.as_ref().filter(|d| Some(d.flow.id.0) == state.selected).map(|d| d.flow.clone());
    if opened.is_none() {
        model.say(Tone::Quiet, "nothing is selected");
    }
    opened
}

/// Makes the selected call again, after a question if that may change something.
pub(crate) fn replay(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(flow) = selected(model) else { return };
    let recorded = model.inspect.recording.is_some();
    match ready(&flow, &model.catalog.view, recorded) {
        Ok(ready) => ask(model, ready, if recorded { FIRST } else { AGAIN }, effects),
        Err(why) => model.say(Tone::Warn, why),
    }
}

/// `why` is what stands below the question.
fn ask(model: &mut Model, ready: Ready, (question, why): (&str, &str), effects: &mut Vec<Effect>) {
    let Ready { of, method, params, what, asks } = ready;
    model.inspect.n_replays += 1;
    let again = Again { of, n: model.inspect.n_replays, method, params };
    if !asks {
        return send(model, again, effects);
    }
    model.popups.push(Popup::Confirm {
        question: format!("{question} {of} (`{what}`)"),
        detail: why.to_owned(),
        then: Ask::Replay(again),
        yes: false,
    });
}

/// Sends it.
pub(crate) fn send(model: &mut Model, again: Again, effects: &mut Vec<Effect>) {
    model.inspect.draft.take_if(|(what, _)| matches!(what, Edited::Call { of, .. } if *of == again.of));
    model.say(Tone::Busy, format!("{} {} is made again", model.theme.symbols().wait, again.of));
    effects.push(Effect::Replay(again));
}

/// The new call stands in the journal: it is selected as soon as the list has looked at it. A recording has rows of its own.
pub(crate) fn has_begun(model: &mut Model, of: CallId, new: CallId) {
    let state = &mut model.inspect;
    if state.recording.is_some() {
        return;
    }
    if state.begun.len() == MAX_BEGUN {
        state.begun.pop_front();
    }
    state.begun.push_back((of, new));
    find_begun(model);
}

/// Selects calls that were made again, those of which the list knows by now whether it has them: the last one stays selected.
pub(crate) fn find_begun(model: &mut Model) {
    let state = &model.inspect;
    let is_known = |(_, new): &(CallId, CallId)| state.frozen || state.rows.has_looked_at(new.0);
    let (known, waiting): (VecDeque<_>, VecDeque<_>) = state.begun.iter().copied().partition(is_known);
    model.inspect.begun = waiting;
    for (of, new) in known {
        select_begun(model, of, new);
    }
}

fn select_begun(model: &mut Model, of: CallId, new: CallId) {
    let state = &mut model.inspect;
    let is_there = state.rows.has_looked_at(new.0);
    let at = state.rows.place(new.0);
    let s = model.theme.symbols();
    let end = if state.rows.id(at) == Some(new.0) {
        state.set_follow(false);
        state.select(at);
        state.pane = super::state::Pane::List;
        ""
    } else if is_there {
        "; it does not pass the filter"
    } else {
        "; the list is frozen"
    };
    model.say(Tone::Good, format!("{} {new} is a replay of {of}{end}", s.good));
}

/// Opens what is selected in an editor: a held message to go on, or a call to be made again.
pub(crate) fn edit(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(flow) = selected(model) else { return };
    if flow.is_held {
        return effects.push(Effect::Held(Edited::Held(flow.id)));
    }
    match ready(&flow, &model.catalog.view, model.inspect.recording.is_some()) {
        Ok(ready) => {
            let what = Edited::Call { of: ready.of, method: ready.method };
            // What was written before and could not be sent is not lost.
            let draft = model.inspect.draft.take().filter(|(of, _)| *of == what).map(|(_, text)| text);
            let text = draft.unwrap_or_else(|| pretty(ready.params.as_bytes()));
            layer::edit(model, what, &text, None);
        }
        Err(why) => model.say(Tone::Warn, why),
    }
}

/// A text comes back from another editor: it is shown before it goes anywhere.
pub(crate) fn edited(model: &mut Model, what: Edited, text: Result<Option<String>, String>) {
    let before = model.inspect.draft.take().filter(|(of, _)| *of == what).map(|(_, text)| text);
    let text = match text {
        Ok(Some(text)) => Some(text),
        Ok(None) => {
            model.say(Tone::Quiet, "nothing was changed, so nothing is sent");
            before
        }
        Err(why) => {
            let s = model.theme.symbols();
            model.say(Tone::Bad, format!("{} {why}", s.bad));
            before
        }
    };
    if let Some(text) = text {
        layer::edit(model, what, &text, None);
    }
}

/// Sends an edited text.
pub(crate) fn take(model: &mut Model, what: Edited, text: String, effects: &mut Vec<Effect>) {
    match what {
        Edited::Call { of, method } => {
            let params = one_line(&text);
            let name = serde_json::from_str::<serde_json::Value>(&params).ok();
            let name = name.as_ref().and_then(|v| v.get("name").or_else(|| v.get("uri"))).and_then(|n| n.as_str());
            let what = name.map_or_else(|| method.clone(), str::to_owned);
            let asks = asks_edited(&model.catalog.view, &method, &what);
            // Who says no finds it again.
            model.inspect.draft = Some((Edited::Call { of, method: method.clone() }, text));
            ask(model, Ready { of, method, params, what, asks }, EDITED, effects);
        }
        Edited::Held(call) => hold::release_edited(model, call, text, effects),
        Edited::Answer(call) => hold::answer(model, call, text, effects),
    }
}

/// The proxy has not taken an edited message: it is opened again, with the reason.
pub(crate) fn refused(model: &mut Model, command: &Command, why: String) {
    let what = match command {
        Command::Release { call, message: Some(_) } => Edited::Held(*call),
        Command::Answer { call, .. } => Edited::Answer(*call),
        _ => return,
    };
    // Gone on meanwhile: there is nothing to be mended.
    let is_held = |call: CallId| model.inspect.held(call).is_some();
    let (Edited::Held(call) | Edited::Answer(call) | Edited::Call { of: call, .. }) = &what;
    if is_held(*call)
        && let Some((_, text)) = model.inspect.draft.take().filter(|(of, _)| *of == what)
    {
        layer::edit(model, what, &text, Some(why));
    }
}

/// Whether a text is a JSON object.
///
/// # Errors
/// What is wrong with it: the line, the byte in it, and why.
pub(crate) fn check(text: &str) -> Result<(), (usize, usize, String)> {
    let parsed: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(text);
    parsed.map(|_| ()).map_err(|e| {
        let whole = e.to_string();
        let why = whole.split(" at line ").next().unwrap_or_default();
        let why = why.replace("invalid type: ", "want an object, found ").replace(", expected a map", "");
        (e.line().saturating_sub(1), e.column().saturating_sub(1), why)
    })
}

/// JSON on one line: line breaks stand between tokens only.
fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_is_sent_again_is_the_call_and_nothing_of_its_exchange() {
        let ready = ready(&sample::echo(), &sample::catalog(), false).expect("it can be made again");
        let params: serde_json::Value = serde_json::from_str(&ready.params).expect("JSON");
        assert_eq!(params["name"], "demo__echo");
        assert_eq!(params["arguments"]["times"], 2);
        assert!(params.get("_meta").is_none());
        assert!(!ready.asks, "it only reads");
    }

    #[test]
    fn a_call_by_another_entrance_is_made_by_our_name() {
        let mut flow = sample::echo();
        let text = String::from_utf8(flow.frames.received.take().expect("kept").to_vec()).expect("text");
        flow.frames.received = Some(text.replace("demo__echo", "echo").into());
        let ready = ready(&flow, &sample::catalog(), false).expect("it can be made again");
        assert_eq!(ready.what, "demo__echo");
        assert!(ready.params.contains(r#""name":"demo__echo""#), "{}", ready.params);
    }

    #[test]
    fn what_may_change_something_asks_and_what_is_no_call_cannot() {
        let divide = ready(&sample::divide(), &sample::catalog(), false).expect("it can be made again");
        assert!(divide.asks, "nobody offers it any more: nothing is known of it");
        let flows = sample::flows();
        for id in [0, 1, 2, 7, 8] {
            assert!(ready(&flows[id], &sample::catalog(), false).is_err(), "{:?}", flows[id]);
        }
        assert!(ready(&flows[3], &sample::catalog(), false).is_err(), "its frames are not kept");
    }

    #[test]
    fn a_call_of_a_recording_asks_unless_the_tool_only_reads() {
        let mut catalog = CatalogView::clone(&sample::catalog());
        assert!(!ready(&sample::echo(), &catalog, true).expect("it can be made").asks, "it only reads");
        let echo = catalog.items.iter_mut().find(|i| &*i.exposed == "demo__echo").expect("a tool");
        echo.raw = r#"{"name":"echo","annotations":{"idempotentHint":true}}"#.into();
        for recorded in [false, true] {
            assert_eq!(ready(&sample::echo(), &catalog, recorded).expect("it can be made").asks, recorded);
        }
    }

    #[test]
    fn an_edited_call_asks_unless_the_tool_it_names_only_reads() {
        let catalog = sample::catalog();
        for (name, asks) in [("demo__echo", false), ("asks__book_table", true), ("demo__slow", true), ("gone", true)] {
            assert_eq!(asks_edited(&catalog, "tools/call", name), asks, "{name}");
        }
        assert!(!asks_edited(&catalog, "prompts/get", "notes__review"));
    }

    #[test]
    fn json_is_checked_and_put_on_one_line() {
        assert!(check("{\n \"a\": 1\n}").is_ok());
        assert!(check("[1]").is_err());
        assert_eq!(check("{\n \"a\": }").expect_err("a mistake"), (1, 6, "expected value".to_owned()));
        assert!(check("[1]").expect_err("a list").2.starts_with("want an object, found"));
        assert_eq!(one_line("{\n \"a\": 1\n}\n"), "{  \"a\": 1 }");
    }
}
