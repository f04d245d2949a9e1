//! What is done to the selected server by a key of the outline: to the text, where it can be looked at and undone before it is saved.

use mcp_proxy_core::config::change::{self, Change, ChangeError};
use mcp_proxy_core::control::BackendState;

use super::state::Focus;
use super::update::{enter, text_changed};
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::input::Input;

/// The name of the selected server; says so where none is.
fn selected(model: &mut Model) -> Option<String> {
    let name = model.config.open().and_then(|o| o.entry()).filter(|e| e.is_server).map(|e| e.name.clone());
    if name.is_none() {
        model.say(Tone::Plain, "select a server first");
    }
    name
}

/// Takes the new text, or says why there is none.
fn take(model: &mut Model, result: Result<Option<String>, ChangeError>, change: &Change, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    match result {
        Ok(Some(new)) => {
            open.editor.become_text(&new, change.words());
            open.look_again();
            text_changed(model, effects);
            model.say(Tone::Good, format!("{} {} in the text: Ctrl-S makes it so", s.good, change.words()));
        }
        Ok(None) => model.say(Tone::Plain, "the file says so already"),
        Err(error) => model.say(Tone::Bad, format!("{} {error}", s.bad)),
    }
}

fn changed(model: &Model, change: &Change) -> Result<Option<String>, ChangeError> {
    let Some(open) = model.config.open() else { return Ok(None) };
    change::changed(&open.editor.text(), &open.seen.path, change)
}

/// Switches it on or off: what the text says counts, which may differ from what runs.
pub(super) fn switch(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(name) = selected(model) else { return };
    let change = |on: bool| Change::UseServer { server: name.as_str().into(), on };
    match changed(model, &change(false)) {
        Ok(None) => take(model, changed(model, &change(true)), &change(true), effects),
        off => take(model, off, &change(false), effects),
    }
}

/// Asks for another name for it.
pub(super) fn ask_name(model: &mut Model) {
    let Some(name) = selected(model) else { return };
    if let Some(open) = model.config.open_mut() {
        open.naming = Some((name.clone(), Input::new(name)));
        model.config.focus = Focus::Text;
    }
}

/// Gives it that name.
pub(super) fn rename(model: &mut Model, effects: &mut Vec<Effect>) {
    let naming = model.config.open_mut().and_then(|o| o.naming.take());
    model.config.focus = Focus::Outline;
    let Some((server, input)) = naming else { return };
    let change = Change::RenameServer { server: server.as_str().into(), to: input.text().trim().into() };
    let at = model.config.open().map_or(0, |o| o.cursor.at);
    take(model, changed(model, &change), &change, effects);
    // It is the same server still.
    if let Some(open) = model.config.open_mut() {
        open.cursor.at = at;
    }
}

/// Takes it out of the text.
pub(super) fn remove(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(name) = selected(model) else { return };
    let runs = model.servers().iter().any(|b| *b.name == *name && b.state != BackendState::Disabled);
    let change = Change::RemoveServer { server: name.as_str().into() };
    let result = changed(model, &change);
    let is_done = matches!(result, Ok(Some(_)));
    take(model, result, &change, effects);
    if is_done {
        // The text shows what is selected now.
        if let Some(open) = model.config.open_mut() {
            enter(open, true);
        }
        let more = if runs { "Ctrl-S ends it" } else { "Ctrl-S makes it so" };
        let s = model.theme.symbols();
        model.say(Tone::Good, format!("{} {} from the text; {more}, Ctrl-Z brings it back", s.good, change.words()));
    }
}
