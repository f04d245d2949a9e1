//! What keys do in Inspect.

use mcp_proxy_core::observe::{FlowKind, Status};
use mcp_proxy_core::protocol::CallId;

use super::layout;
use super::state::Pane;
use crate::app::cursor;
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, breadth};
use crate::app::model::{Model, Screen};
use crate::app::popup::{Ask, CopyEntry, Popup, Source};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::json::scan::Kind;
use crate::json::tree::Tree;

/// Longest text a popup shows; a longer one is read by copying it.
const READER_BYTES: usize = 64 * 1024;
/// A string longer than this opens in a popup.
const LONG_TEXT: usize = 24;

/// Goes to Inspect with this filter, following the newest.
pub(crate) fn show_only(model: &mut Model, filter: &str, effects: &mut Vec<Effect>) {
    model.inspect.input = crate::widgets::input::Input::new(filter);
    model.inspect.typing = false;
    model.inspect.pane = Pane::List;
    model.inspect.set_follow(true);
    model.inspect.apply_filter(effects);
    model.show(Screen::Inspect);
}

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let areas = layout::areas(model);
    let state = &mut model.inspect;
    match action {
        Action::Filter => {
            state.typing = true;
            state.pane = Pane::List;
        }
        Action::FilterDone => state.typing = false,
        Action::FilterClear => {
            state.typing = false;
            state.input = crate::widgets::input::Input::default();
            state.apply_filter(effects);
        }
        Action::Follow => {
            let on = !state.follow;
            state.set_follow(on);
        }
        Action::Open => {
            if state.detail.is_some() {
                state.enter(Pane::Request);
            }
        }
        Action::NextPane | Action::PrevPane => state.enter(next_pane(state.pane, action == Action::NextPane)),
        Action::CancelFlow => cancel(model),
        Action::Parent => go_to(model, |d| d.flow.parent, "this one belongs to no other call"),
        Action::Child => go_to(model, |d| d.children.first().copied(), "nothing belongs to this call"),
        Action::NextRound | Action::PrevRound => turn(model, action == Action::NextRound),
        Action::Copy => copy_menu(model),
        _ => match state.pane {
            Pane::List => {
                let page = areas.list_rows();
                if action == Action::Bottom {
                    // The newest is where following begins.
                    state.set_follow(true);
                } else if let Some(at) = cursor::moved(action, state.at(), state.rows.len(), page) {
                    state.select(at);
                }
            }
            pane => {
                let page = areas.pane_rows(pane);
                if action == Action::Fold && read_text(model) {
                    return;
                }
                if let Some(side) = model.inspect.side() {
                    side.act(action, page);
                }
            }
        },
    }
}

const fn next_pane(pane: Pane, forward: bool) -> Pane {
    match (pane, forward) {
        (Pane::List, true) | (Pane::Response, false) => Pane::Request,
        (Pane::Request, true) | (Pane::List, false) => Pane::Response,
        (Pane::Response, true) | (Pane::Request, false) => Pane::List,
    }
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model, effects: &mut Vec<Effect>) -> bool {
    let state = &mut model.inspect;
    if state.pane != Pane::List {
        state.pane = Pane::List;
    } else if !state.input.text().is_empty() {
        state.input = crate::widgets::input::Input::default();
        state.apply_filter(effects);
    } else {
        return false;
    }
    true
}

/// Whether something lies over the list that `q` closes.
pub(crate) fn close(model: &mut Model) -> bool {
    let pushed = breadth(model.size) == Breadth::Narrow && model.inspect.pane != Pane::List;
    if pushed {
        model.inspect.pane = Pane::List;
    }
    pushed
}

/// Asks whether the selected call is to be cancelled.
fn cancel(model: &mut Model) {
    let state = &model.inspect;
    let row = state.window.iter().find(|f| Some(f.id.0) == state.selected);
    let Some(flow) = row.or(state.detail.as_ref().map(|d| &d.flow)) else {
        return model.say(Tone::Quiet, "nothing is selected");
    };
    if flow.status != Status::Pending {
        let text = format!("{} has ended already", flow.id);
        return model.say(Tone::Quiet, text);
    }
    if flow.kind != FlowKind::Call {
        let text = format!("{} is no call of a client: only those can be cancelled", flow.id);
        return model.say(Tone::Warn, text);
    }
    let what = flow.target.as_deref().unwrap_or(&flow.method);
    let popup = Popup::Confirm {
        question: format!("Cancel {} (`{what}`)?", flow.id),
        detail: "The server is told to stop, and the client gets an error.".to_owned(),
        then: Ask::CancelFlow(flow.id),
        yes: false,
    };
    model.popups.push(popup);
}

/// Shows another round of the opened call.
fn turn(model: &mut Model, forward: bool) {
    let state = &mut model.inspect;
    // What is being read must not change under the reader.
    state.set_follow(false);
    let why = match &mut state.detail {
        None => "nothing is selected",
        Some(detail) => match (detail.turn(forward), detail.flow.n_rounds, forward) {
            (true, ..) => return,
            (false, 0, _) => "this one took a single round",
            (false, _, true) => "this is the last round",
            (false, _, false) => "this is the first round",
        },
    };
    model.say(Tone::Quiet, why);
}

fn go_to(model: &mut Model, whom: impl Fn(&super::detail::Detail) -> Option<CallId>, none: &str) {
    let Some(id) = model.inspect.detail.as_ref().and_then(whom) else {
        return model.say(Tone::Quiet, none);
    };
    let state = &mut model.inspect;
    let at = state.rows.place(id.0);
    if state.rows.id(at) == Some(id.0) {
        state.set_follow(false);
        state.select(at);
    } else if id.0 < state.rows.first {
        model.say(Tone::Warn, format!("{id} has left the journal"));
    } else {
        model.say(Tone::Warn, format!("{id} does not pass the filter: Esc takes it away"));
    }
}

/// Opens a popup for a long string under the cursor.
fn read_text(model: &mut Model) -> bool {
    let Some(side) = model.inspect.side() else { return false };
    let Some(popup) = reader(&side.tree, side.cursor.at) else { return false };
    model.popups.push(popup);
    true
}

/// The popup of a long string.
pub(crate) fn reader(tree: &Tree, at: usize) -> Option<Popup> {
    let line = tree.lines().get(at)?;
    let long = line.value.end - line.value.start > LONG_TEXT;
    if !long || !matches!(line.value.kind, Kind::Text | Kind::Junk) || tree.is_masked(line) {
        return None;
    }
    let mut text = tree.value_text(at)?;
    if text.len() > READER_BYTES {
        let mut end = READER_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("\n(the rest is left out: copy it with y)");
    }
    Some(Popup::Reader { title: tree.path(at), text, top: 0 })
}

/// Entries to copy from a tree.
pub(crate) fn tree_entries(tree: &Tree, at: usize) -> Vec<CopyEntry> {
    let mut entries = Vec::new();
    if at < tree.lines().len() {
        entries.extend(tree.value_text(at).map(|text| CopyEntry { what: "value", source: Source::Text(text) }));
        entries.push(CopyEntry { what: "JSON path", source: Source::Text(tree.path(at)) });
    }
    entries
}

fn copy_menu(model: &mut Model) {
    let state = &model.inspect;
    let Some(detail) = &state.detail else { return model.say(Tone::Quiet, "nothing is selected") };
    let mut entries = match state.pane {
        Pane::List => Vec::new(),
        Pane::Request => tree_entries(&detail.request.tree, detail.request.cursor.at),
        Pane::Response => tree_entries(&detail.response.tree, detail.response.cursor.at),
    };
    let frames = detail.frames();
    let mut add = |what, source: Option<Source>| entries.extend(source.map(|source| CopyEntry { what, source }));
    add("id", Some(Source::Text(detail.flow.id.to_string())));
    add("request", frames.received.clone().map(Source::Frame));
    add("request as sent on", frames.sent.clone().map(Source::Passed));
    add("answer", frames.returned.clone().map(Source::Frame));
    add("answer as passed back", frames.answered.clone().map(Source::Passed));
    model.popups.push(Popup::Copy { entries, cursor: cursor::Cursor::default() });
}
