//! What keys do in Backends.

use mcp_proxy_core::control::{BackendState, Command};

use super::view;
use crate::app::cursor::moved;
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, breadth};
use crate::app::model::{Model, Screen};
use crate::app::popup::{Ask, Popup};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::screens::inspect;
use crate::widgets::number;

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::NextPane | Action::PrevPane => model.backends.in_detail ^= true,
        Action::Describe => model.backends.in_detail = true,
        Action::Open => show_flows(model, effects),
        Action::BackendLogs => {
            if let Some(name) = model.server().map(|b| b.name.clone()) {
                model.logs.show_only(name);
                model.show(Screen::Logs);
            }
        }
        Action::Restart => restart(model),
        Action::StartStop => start_or_stop(model, effects),
        _ if model.backends.in_detail => {
            let (len, page) = view::detail_size(model);
            let last = len.saturating_sub(page);
            let at = model.backends.detail_top.min(last);
            if let Some(at) = moved(action, at, last + 1, page) {
                model.backends.detail_top = at;
            }
        }
        _ => {
            let (n, page) = (model.servers().len(), view::list_rows(model));
            let before = model.backends.cursor.at;
            model.backends.cursor.go(action, n, page);
            if model.backends.cursor.at != before {
                model.backends.detail_top = 0;
            }
        }
    }
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model) -> bool {
    std::mem::take(&mut model.backends.in_detail)
}

/// Whether something lies over the list that `q` closes.
pub(crate) fn close(model: &mut Model) -> bool {
    breadth(model.size) == Breadth::Narrow && back(model)
}

fn show_flows(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(name) = model.server().map(|b| b.name.clone()) else { return };
    inspect::update::show_only(model, &filter_of(&name), effects);
}

/// The filter that lets this server's calls through.
#[must_use]
pub(crate) fn filter_of(name: &str) -> String {
    if name.contains(|c: char| c.is_whitespace() || "()&!|\"".contains(c)) {
        format!("~be \"{name}\"")
    } else {
        format!("~be {name}")
    }
}

fn restart(model: &mut Model) {
    let Some(b) = model.server() else { return };
    if b.state == BackendState::Disabled {
        let text = format!("`{}` is disabled: set `enabled: true` in the configuration", b.name);
        return model.say(Tone::Warn, text);
    }
    let detail = consequence(b.n_in_flight);
    let popup = Popup::Confirm {
        question: format!("Restart `{}`?", b.name),
        detail,
        then: Ask::Restart(b.name.clone()),
        yes: false,
    };
    model.popups.push(popup);
}

fn start_or_stop(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(b) = model.server() else { return };
    match b.state {
        BackendState::Disabled => {
            let text = format!("`{}` is disabled: set `enabled: true` in the configuration", b.name);
            model.say(Tone::Warn, text);
        }
        BackendState::Idle | BackendState::Stopped | BackendState::Backoff { .. } | BackendState::Parked => {
            effects.push(Effect::Command(Command::Start(b.name.clone())));
        }
        BackendState::Starting | BackendState::Handshaking | BackendState::Ready | BackendState::Stopping => {
            let detail = consequence(b.n_in_flight);
            let then = Ask::Stop(b.name.clone());
            let popup = Popup::Confirm { question: format!("Stop `{}`?", b.name), detail, then, yes: false };
            model.popups.push(popup);
        }
    }
}

fn consequence(n_in_flight: u64) -> String {
    match n_in_flight {
        0 => "No call is in flight.".to_owned(),
        1 => "1 call in flight fails.".to_owned(),
        n => format!("{} calls in flight fail.", number::count(n)),
    }
}
