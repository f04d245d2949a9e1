//! What keys do in Backends.

use mcp_proxy_core::config::change::Change;
use mcp_proxy_core::control::{BackendState, Command};

use super::order;
use super::state::{Order, Tab};
use super::view;
use crate::app::cursor::moved;
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, Share, breadth, details_shown, shares};
use crate::app::model::{Model, Screen};
use crate::app::popup::{Ask, Popup};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::screens::{config, inspect};
use crate::widgets::number;

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::NextPane | Action::PrevPane => {
            model.backends.in_detail ^= true;
            model.backends.share = Share::Both;
        }
        Action::Larger | Action::Smaller => {
            model.backends.share = model.backends.share.turned(action == Action::Larger);
            model.backends.in_detail = shares(model.backends.share, model.backends.in_detail);
        }
        Action::Describe => {
            model.backends.in_detail = true;
            model.backends.share = details_shown(model.backends.share);
        }
        Action::NextKind | Action::PrevKind => {
            model.backends.tab = model.backends.tab.turned(action == Action::NextKind);
            // A log is read from its end.
            model.backends.detail_top = if model.backends.tab == Tab::Log { usize::MAX } else { 0 };
        }
        Action::Order => {
            let at = Order::ALL.iter().position(|o| *o == model.backends.order).unwrap_or(0);
            model.backends.order = Order::ALL[(at + 1) % Order::ALL.len()];
            arrange(model);
        }
        Action::Ping => ping(model, effects),
        Action::EditConfig => {
            if let Some(name) = model.server().map(|b| b.name.to_string()) {
                config::update::go_to(model, name);
            }
        }
        Action::UseServer => use_or_not(model),
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
                let at_end = at == last && model.backends.tab == Tab::Log;
                model.backends.detail_top = if at_end { usize::MAX } else { at };
            }
        }
        _ => {
            let (n, page) = (model.servers().len(), view::list_rows(model));
            let before = model.backends.cursor.at;
            model.backends.cursor.go(action, n, page);
            if model.backends.cursor.at != before {
                model.backends.detail_top = if model.backends.tab == Tab::Log { usize::MAX } else { 0 };
            }
        }
    }
}

/// Puts the servers in order; the selected one stays selected.
pub(crate) fn arrange(model: &mut Model) {
    let Some(mut snapshot) = model.snapshot.take() else { return };
    let selected = snapshot.backends.get(model.backends.cursor.at).map(|b| b.name.clone());
    order::sort(&mut snapshot.backends, model.backends.order);
    if let Some(at) = selected.and_then(|name| snapshot.backends.iter().position(|b| b.name == name)) {
        model.backends.cursor.at = at;
    }
    model.snapshot = Some(snapshot);
}

/// Looks at all there is about the selected server, where that is on the screen and something is new.
pub(crate) fn look(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.screen != Screen::Backends || !view::shows_detail(model) {
        return;
    }
    let Some(name) = model.server().map(|b| b.name.clone()) else { return };
    let wanted = (name.clone(), model.n_seen);
    if model.backends.asked.as_ref() != Some(&wanted) {
        model.backends.asked = Some(wanted);
        effects.push(Effect::Server(name));
    }
}

/// Says what a server answered that was asked whether it is there.
pub(crate) fn pinged(model: &mut Model) {
    let Some((name, since)) = &model.backends.pinging else { return };
    let answer = model.servers().iter().find(|b| b.name == *name).and_then(|b| b.pinged.clone());
    let Some(answer) = answer.filter(|a| a.at >= *since) else { return };
    let (name, s) = (name.clone(), model.theme.symbols());
    model.backends.pinging = None;
    match answer.took {
        Some(took) => model.say(Tone::Good, format!("{} `{name}` answered in {}", s.good, number::latency(took))),
        None => model.say(Tone::Bad, format!("{} `{name}` did not answer", s.bad)),
    }
}

fn ping(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(b) = model.server() else { return };
    let name = b.name.clone();
    model.backends.pinging = Some((name.clone(), model.now));
    effects.push(Effect::Command(Command::Ping(name)));
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model) -> bool {
    if model.backends.share == Share::Details {
        model.backends.share = Share::Both;
    }
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

/// Asks whether the server is to be used or not, from now on.
fn use_or_not(model: &mut Model) {
    let Some(b) = model.server() else { return };
    let on = b.state == BackendState::Disabled;
    let (verb, end) = if on {
        ("Enable", "It is started at once.".to_owned())
    } else {
        ("Disable", format!("It is stopped. {}", consequence(b.n_in_flight)))
    };
    let change = Change::UseServer { server: b.name.clone(), on };
    let popup = Popup::Confirm {
        question: format!("{verb} `{}` for good?", b.name),
        detail: format!("{end} `enabled` is written into the configuration; the old file is kept."),
        then: Ask::Configure(change),
        yes: false,
    };
    model.popups.push(popup);
}

fn restart(model: &mut Model) {
    let Some(b) = model.server() else { return };
    if b.state == BackendState::Disabled {
        let text = format!("`{}` is disabled: u enables it", b.name);
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
            let text = format!("`{}` is disabled: u enables it", b.name);
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
