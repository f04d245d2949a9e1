//! What keys do in Catalog and in its form.

use mcp_proxy_core::config::change::Change;
use mcp_proxy_core::control::{CatalogItem, Command, ItemKind};

use super::form::{Call, Focus, Form};
use super::state::{LastCall, Order};
use super::view;
use crate::app::cursor::{self, moved};
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, Share, breadth, details_shown, shares};
use crate::app::model::Model;
use crate::app::popup::{Ask, CopyEntry, Popup, Rename, Source};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::screens::inspect::detail::act_on_tree;
use crate::screens::inspect::update::{reader, tree_entries};
use crate::widgets::input::Input;

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let page = view::list_rows(model);
    let detail_page = view::tree_rows(model);
    let state = &mut model.catalog;
    state.is_chosen = true;
    match action {
        Action::Filter => {
            state.typing = true;
            state.in_detail = false;
        }
        Action::FilterDone => state.typing = false,
        Action::FilterClear => {
            state.typing = false;
            state.input = Input::default();
            state.choose();
        }
        Action::NextKind | Action::PrevKind => state.turn_kind(action == Action::NextKind),
        Action::NextPane | Action::PrevPane => {
            state.in_detail ^= true;
            state.share = Share::Both;
        }
        Action::Larger | Action::Smaller => {
            state.share = state.share.turned(action == Action::Larger);
            state.in_detail = shares(state.share, state.in_detail);
        }
        Action::Describe => {
            state.in_detail = true;
            state.share = details_shown(state.share);
        }
        Action::AsJson => state.as_json ^= true,
        Action::Order => {
            let at = Order::ALL.iter().position(|o| *o == state.order).unwrap_or(0);
            state.order = Order::ALL[(at + 1) % Order::ALL.len()];
            state.choose();
        }
        Action::UseItem => use_or_not(model),
        Action::Rename => rename(model),
        Action::Try => {
            if state.item().is_some_and(|i| i.withheld) {
                return model.say(Tone::Warn, "it is hidden: `tools` of the configuration keeps it from all clients");
            }
            if let Some(item) = state.item() {
                model.popups.push(Popup::Form(Box::new(Form::new(item))));
            }
        }
        Action::RunAgain => match state.last.clone() {
            None => model.say(Tone::Quiet, "nothing was tried yet"),
            Some(LastCall { form }) => {
                model.popups.push(Popup::Form(Box::new(form)));
                send(model, false, effects);
            }
        },
        _ if state.in_detail && !state.as_json => {
            let (n, page) = view::detail_size(model);
            let last = n.saturating_sub(page);
            let at = model.catalog.detail_top.min(last);
            if let Some(at) = moved(action, at, last + 1, page) {
                model.catalog.detail_top = at;
            }
        }
        _ if state.in_detail => {
            let Some((_, tree)) = &mut state.tree else { return };
            if action == Action::Fold
                && let Some(popup) = reader(tree, state.tree_cursor.at)
            {
                model.popups.push(popup);
                return;
            }
            let n = tree.lines().len();
            if !state.tree_cursor.go(action, n, detail_page) {
                act_on_tree(tree, &mut state.tree_cursor, action);
            }
        }
        _ => {
            let n = state.shown.len();
            state.cursor.go(action, n, page);
        }
    }
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model) -> bool {
    let state = &mut model.catalog;
    if state.in_detail {
        state.in_detail = false;
        state.share = if state.share == Share::Details { Share::Both } else { state.share };
    } else if !state.input.text().is_empty() {
        state.input = Input::default();
        state.choose();
    } else {
        return false;
    }
    true
}

/// Whether something lies over the list that `q` closes.
pub(crate) fn close(model: &mut Model) -> bool {
    breadth(model.size) == Breadth::Narrow && std::mem::take(&mut model.catalog.in_detail)
}

/// The selected tool; of anything else says that it cannot be done.
fn tool(model: &mut Model) -> Option<CatalogItem> {
    let item = model.catalog.item()?.clone();
    if item.kind == ItemKind::Tool {
        return Some(item);
    }
    model.say(Tone::Plain, "only tools can be hidden and renamed");
    None
}

/// Asks whether clients are to see the tool or not, from now on.
fn use_or_not(model: &mut Model) {
    let Some(item) = tool(model) else { return };
    let on = item.withheld;
    let verb = if on { "Show" } else { "Hide" };
    let end = if on { "Clients see it at once." } else { "Clients see it no more; calls of it are refused." };
    let change = Change::ShowTool { server: item.backend, tool: item.own, on };
    model.popups.push(Popup::Confirm {
        question: format!("{verb} `{}` for good?", item.exposed),
        detail: format!("{end} `tools` of its server is written; the old file is kept."),
        then: Ask::Configure(change),
        yes: false,
    });
}

/// Opens the field for another name.
fn rename(model: &mut Model) {
    let Some(item) = tool(model).filter(|i| !i.withheld) else { return };
    let prefix = model.servers().iter().find(|b| b.name == item.backend).map_or("", |b| b.prefix.as_str());
    let prefix = if item.exposed.starts_with(prefix) { prefix.to_owned() } else { String::new() };
    let input = Input::new(item.exposed[prefix.len()..].to_owned());
    model.popups.push(Popup::Rename(Box::new(Rename { server: item.backend, tool: item.own, prefix, input })));
}

/// Another name was typed: it is written; an empty one, or its own, means its own.
pub(crate) fn renamed(model: &mut Model, rename: &Rename, effects: &mut Vec<Effect>) {
    let name = rename.input.text().trim();
    if name.chars().any(char::is_whitespace) {
        model.say(Tone::Bad, "a name has no blanks");
        let Rename { server, tool, prefix, input } = rename;
        let (server, tool, prefix, input) = (server.clone(), tool.clone(), prefix.clone(), input.clone());
        return model.popups.push(Popup::Rename(Box::new(Rename { server, tool, prefix, input })));
    }
    let to = Some(name).filter(|n| !n.is_empty() && *n != &*rename.tool).map(Into::into);
    let change = Change::RenameTool { server: rename.server.clone(), tool: rename.tool.clone(), to };
    effects.push(Effect::Command(Command::Configure(change)));
}

/// The form on top.
pub(crate) fn form(model: &mut Model) -> Option<&mut Form> {
    model.popups.iter_mut().rev().find_map(|p| match p {
        Popup::Form(form) => Some(&mut **form),
        _ => None,
    })
}

/// Does what a key asks of the form on top.
pub(crate) fn act_on_form(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let page = super::form_view::answer_rows(model);
    let n_lines = match model.popups.last() {
        Some(Popup::Form(form)) if form.is_readable() => super::form_view::readable_lines(model, form),
        _ => 0,
    };
    let Some(form) = form(model) else { return };
    match action {
        Action::RawArguments if form.kind == ItemKind::Tool => form.turn_raw(),
        Action::AsJson => form.as_json ^= form.readable.is_some(),
        Action::NextField => form.turn(true),
        Action::PrevField => form.turn(false),
        Action::NextChoice => form.choose(true),
        Action::PrevChoice => form.choose(false),
        Action::SwitchAnswer => {
            let there = !form.answer.lines().is_empty();
            form.focus = if form.focus == Focus::Fields && there { Focus::Answer } else { Focus::Fields };
        }
        Action::Send | Action::RunAgain => send(model, false, effects),
        Action::Copy => {
            let mut entries = tree_entries(&form.answer, form.cursor.at);
            if !entries.is_empty() {
                let source = Source::Frame(form.answer.whole().clone());
                entries.push(CopyEntry { what: "whole answer", source });
                model.popups.push(Popup::Copy { entries, cursor: cursor::Cursor::default() });
            }
        }
        Action::Back if form.is_running() => model.popups.push(Popup::Confirm {
            question: "Cancel the running call?".to_owned(),
            detail: "The server is told that nobody waits for the answer.".to_owned(),
            then: Ask::CancelCall,
            yes: false,
        }),
        Action::Back => {
            model.popups.pop();
        }
        Action::Fold => {
            if let Some(popup) = reader(&form.answer, form.cursor.at) {
                model.popups.push(popup);
            } else {
                act_on_tree(&mut form.answer, &mut form.cursor, action);
            }
        }
        _ if form.is_readable() => {
            let last = n_lines.saturating_sub(page);
            if let Some(at) = moved(action, form.top.min(last), last + 1, page) {
                form.top = at;
            }
        }
        _ => {
            let n = form.answer.lines().len();
            if !form.cursor.go(action, n, page) {
                act_on_tree(&mut form.answer, &mut form.cursor, action);
            }
        }
    }
}

/// Sends the form on top; asks first when the item may change something.
pub(crate) fn send(model: &mut Model, confirmed: bool, effects: &mut Vec<Effect>) {
    let (now, seq) = (model.now, model.catalog.seq + 1);
    let Some(form) = form(model) else { return };
    if form.is_running() {
        return model.say(Tone::Warn, "the call is still running: Esc cancels it");
    }
    let Ok((method, params)) = form.params() else { return };
    if let Some(why) = form.doubt(&params).filter(|_| !confirmed) {
        let question = format!("Call `{}`?", form.exposed);
        let detail = why.to_owned();
        return model.popups.push(Popup::Confirm { question, detail, then: Ask::Send, yes: false });
    }
    form.sends(&params);
    let kept = form.unsent();
    form.call = Call::Running { seq, since: now };
    model.catalog.seq = seq;
    model.catalog.last = Some(LastCall { form: kept });
    effects.push(Effect::Send { seq, method, params });
}

/// Cancels the running call of the form on top.
pub(crate) fn cancel(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(form) = form(model) else { return };
    if let Call::Running { seq, .. } = form.call {
        form.call = Call::Cancelled;
        effects.push(Effect::Cancel(seq));
    }
}
