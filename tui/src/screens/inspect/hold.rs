//! Messages held by the proxy: the filter that holds them, and what becomes of each.

use mcp_proxy_core::control::{Command, Holding, Leg};
use mcp_proxy_core::protocol::{CallId, Message};

use super::layer::{self, Layer, Prompt, Then};
use super::state::State;
use crate::app::effect::{Edited, Effect};
use crate::app::model::Model;
use crate::app::popup::{Ask, Popup};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::json::pretty::pretty;
use crate::widgets::hint::Moment;

impl State {
    /// Which message of a flow is held, if one is.
    pub(crate) fn held(&self, id: CallId) -> Option<Leg> {
        // The ids of a recording are those of another run.
        let live = self.intercept.held.iter().filter(|_| self.recording.is_none());
        live.into_iter().find(|(call, ..)| *call == id).map(|(_, leg, _)| *leg)
    }

    /// The held flow that keys are about: the selected one, else the oldest.
    fn chosen_held(&self) -> Option<(CallId, Leg)> {
        let selected = self.selected.map(CallId).and_then(|id| self.held(id).map(|leg| (id, leg)));
        selected.or_else(|| self.intercept.held.first().map(|(call, leg, _)| (*call, *leg)))
    }

    /// What the keys for held messages and running calls have to act on. While a message is held its keys come first, for it does not wait
    /// for ever; so does the one for a running call, unless it is only the newest that went by.
    pub(crate) fn moment(&self) -> Moment {
        use Action::{AnswerByHand, CancelFlow, Edit, Release, ReleaseAll};
        let chosen = self.chosen_held().filter(|_| self.recording.is_none());
        let is_selected = chosen.is_some_and(|(call, _)| Some(call.0) == self.selected);
        let runs = !is_selected && self.can_cancel();
        let all = [
            (Release, chosen.is_some(), true),
            (Edit, true, is_selected),
            (CancelFlow, is_selected || runs, is_selected || !self.follow),
            (AnswerByHand, chosen.is_some_and(|(_, leg)| leg == Leg::Request), true),
            (ReleaseAll, chosen.is_some() && self.intercept.held.len() > 1, true),
        ];
        let those = |test: fn(bool, bool) -> bool| {
            all.iter().filter(|(_, acts, leads)| test(*acts, *leads)).map(|(action, ..)| *action).collect()
        };
        Moment {
            first: those(|acts, leads| acts && leads),
            idle: those(|acts, _| !acts),
            other: runs.then_some((CancelFlow, "cancel")),
        }
    }
}

/// The held flow that keys are about; says so where there is none.
fn chosen(model: &mut Model) -> Option<(CallId, Leg)> {
    let found = model.inspect.chosen_held();
    if found.is_none() {
        model.say(Tone::Quiet, "nothing is held; i holds what matches a filter");
    }
    found
}

/// Asks for the filter of what is held.
pub(crate) fn open(model: &mut Model) {
    let state = &model.inspect;
    let rule = state.intercept.filter.clone().unwrap_or_else(|| state.last_rule.clone());
    model.popups.push(Popup::Inspect(Box::new(Layer::Prompt(Prompt::new(
        "Hold messages of flows that match",
        "~q holds requests only, ~s answers only; ~t NAME, ~be NAME, ~e … as in the list. Empty: hold nothing",
        rule,
        Then::Rule,
    )))));
}

/// Takes the filter that was typed.
pub(crate) fn set(model: &mut Model, rule: &str, effects: &mut Vec<Effect>) {
    let rule = rule.trim();
    if !rule.is_empty() {
        rule.clone_into(&mut model.inspect.last_rule);
    }
    effects.push(Effect::Command(Command::Intercept((!rule.is_empty()).then(|| rule.to_owned()))));
}

/// Holds no more, or by the last filter again.
pub(crate) fn switch(model: &mut Model, effects: &mut Vec<Effect>) {
    let state = &mut model.inspect;
    match state.intercept.filter.clone() {
        Some(rule) => {
            state.last_rule = rule;
            effects.push(Effect::Command(Command::Intercept(None)));
        }
        None if state.last_rule.is_empty() => open(model),
        None => effects.push(Effect::Command(Command::Intercept(Some(state.last_rule.clone())))),
    }
}

/// Lets one go on.
pub(crate) fn release(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some((call, _)) = chosen(model) {
        effects.push(Effect::Command(Command::Release { call, message: None }));
    }
}

/// Lets all go on.
pub(crate) fn release_all(model: &mut Model, effects: &mut Vec<Effect>) {
    if chosen(model).is_some() {
        effects.push(Effect::Command(Command::ReleaseAll));
    }
}

/// Asks whether a held message is to be dropped.
pub(crate) fn ask_drop(model: &mut Model, call: CallId, leg: Leg) {
    let detail = match leg {
        Leg::Request => "It goes no further; who asked gets an error.",
        Leg::Answer => "It goes no further; who asked gets an error instead of the answer.",
    };
    model.popups.push(Popup::Confirm {
        question: format!("Drop the held {} of {call}?", if leg == Leg::Request { "request" } else { "answer" }),
        detail: detail.to_owned(),
        then: Ask::DropHeld(call),
        yes: false,
    });
}

/// Lets one be answered by hand.
pub(crate) fn answer_by_hand(model: &mut Model, effects: &mut Vec<Effect>) {
    match chosen(model) {
        Some((call, Leg::Request)) => effects.push(Effect::Held(Edited::Answer(call))),
        Some((call, Leg::Answer)) => {
            model.say(Tone::Warn, format!("of {call} the answer is held: e edits it"));
        }
        None => {}
    }
}

/// A held message was read to be edited, or to be answered.
pub(crate) fn edit(model: &mut Model, what: Edited, held: Option<Holding>) {
    let Some(held) = held else {
        return model.say(Tone::Quiet, "it is held no more: it has gone on, or was taken back");
    };
    let draft = model.inspect.draft.take().filter(|(of, _)| *of == what).map(|(_, text)| text);
    let text = draft.unwrap_or_else(|| match &what {
        Edited::Answer(_) => template(&held),
        _ => pretty(&held.message),
    });
    layer::edit(model, what, &text, None);
}

/// An answer to begin with.
fn template(held: &Holding) -> String {
    let asked = Message::parse(held.message.clone()).ok();
    let id = asked.as_ref().and_then(Message::id).map_or_else(|| "null".to_owned(), |id| id.to_string());
    let method = asked.as_ref().and_then(Message::method).map(|m| m.name());
    let result = match method {
        Some("tools/call") => r#"{"content":[{"type":"text","text":""}],"isError":false}"#,
        Some("prompts/get") => r#"{"messages":[{"role":"user","content":{"type":"text","text":""}}]}"#,
        Some("resources/read") => r#"{"contents":[{"uri":"","mimeType":"text/plain","text":""}]}"#,
        Some("completion/complete") => r#"{"completion":{"values":[]}}"#,
        Some("elicitation/create") => r#"{"action":"decline"}"#,
        Some("roots/list") => r#"{"roots":[]}"#,
        _ => "{}",
    };
    pretty(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).as_bytes())
}

/// An edited message goes on.
pub(crate) fn release_edited(model: &mut Model, call: CallId, text: String, effects: &mut Vec<Effect>) {
    // Kept until it is accepted: the proxy may find something wrong with it.
    model.inspect.draft = Some((Edited::Held(call), text.clone()));
    effects.push(Effect::Command(Command::Release { call, message: Some(text) }));
}

/// A held request is answered.
pub(crate) fn answer(model: &mut Model, call: CallId, text: String, effects: &mut Vec<Effect>) {
    model.inspect.draft = Some((Edited::Answer(call), text.clone()));
    effects.push(Effect::Command(Command::Answer { call, message: text }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_by_hand_begins_with_one_that_fits() {
        for method in ["tools/call", "prompts/get", "resources/read", "elicitation/create", "x/y"] {
            let message = format!(r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{{}}}}"#);
            let now = std::time::SystemTime::UNIX_EPOCH;
            let held = Holding {
                call: CallId(1),
                session: mcp_proxy_core::protocol::SessionId(1),
                leg: Leg::Request,
                since: now,
                until: now,
                message: message.into(),
            };
            let answer = Message::parse(template(&held).into()).expect("a message");
            assert_eq!(answer.id().map(|id| id.to_string()).as_deref(), Some("\"a\""));
        }
    }
}
