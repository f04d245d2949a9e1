//! What keys do in Clients.

use std::cmp::Reverse;

use mcp_proxy_core::control::ClientView;

use super::state::Order;
use super::view;
use crate::app::cursor::moved;
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, Share, breadth, details_shown, shares};
use crate::app::model::{Model, Screen};
use crate::app::popup::{Ask, Popup};
use crate::input::action::Action;
use crate::screens::inspect;
use crate::widgets::number;

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::NextPane | Action::PrevPane => {
            model.clients.in_detail ^= model.session().is_some();
            model.clients.share = Share::Both;
        }
        Action::Larger | Action::Smaller => {
            model.clients.share = model.clients.share.turned(action == Action::Larger);
            model.clients.in_detail = shares(model.clients.share, model.clients.in_detail);
        }
        Action::Describe => {
            model.clients.in_detail = model.session().is_some();
            model.clients.share = details_shown(model.clients.share);
        }
        Action::Open => {
            if let Some(id) = model.session().map(|c| c.id) {
                inspect::update::show_only(model, &format!("~sess {id}"), effects);
            }
        }
        Action::Order => {
            let at = Order::ALL.iter().position(|o| *o == model.clients.order).unwrap_or(0);
            model.clients.order = Order::ALL[(at + 1) % Order::ALL.len()];
            arrange(model);
        }
        Action::Disconnect => disconnect(model),
        _ if model.clients.in_detail => {
            let (len, page) = view::detail_size(model);
            let last = len.saturating_sub(page);
            let at = model.clients.detail_top.min(last);
            if let Some(at) = moved(action, at, last + 1, page) {
                model.clients.detail_top = at;
            }
        }
        _ => {
            let (n, page) = (model.sessions().len(), view::list_rows(model));
            if model.clients.cursor.go(action, n, page) {
                model.clients.detail_top = 0;
            }
        }
    }
}

/// Puts clients in that order; those that are equal stay as they came.
pub(crate) fn sort(clients: &mut [ClientView], order: Order) {
    match order {
        Order::Since => clients.sort_by_key(|c| c.id),
        Order::Name => clients.sort_by(|a, b| a.name.cmp(&b.name)),
        Order::Calls => clients.sort_by_key(|c| Reverse(c.n_calls)),
        Order::Errors => clients.sort_by_key(|c| Reverse(c.n_errors)),
        Order::Waiting => clients.sort_by_key(|c| Reverse((c.n_open, c.n_parked))),
    }
}

/// The same with those on the screen; the selected one stays selected.
fn arrange(model: &mut Model) {
    let selected = model.session().map(|c| c.id);
    let order = model.clients.order;
    let Some(snapshot) = &mut model.snapshot else { return };
    sort(&mut snapshot.clients, order);
    if let Some(at) = selected.and_then(|id| model.sessions().iter().position(|c| c.id == id)) {
        model.clients.cursor.at = at;
    }
}

/// Looks at all there is about the selected client, where that is on the screen and something is new.
pub(crate) fn look(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.screen != Screen::Clients || !view::shows_detail(model) {
        return;
    }
    let Some(id) = model.session().map(|c| c.id) else { return };
    let wanted = (id, model.n_seen);
    if model.clients.asked != Some(wanted) {
        model.clients.asked = Some(wanted);
        effects.push(Effect::Client(id));
    }
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model) -> bool {
    if model.clients.share == Share::Details {
        model.clients.share = Share::Both;
    }
    std::mem::take(&mut model.clients.in_detail)
}

/// Whether something lies over the list that `q` closes.
pub(crate) fn close(model: &mut Model) -> bool {
    breadth(model.size) == Breadth::Narrow && back(model)
}

fn disconnect(model: &mut Model) {
    let Some(c) = model.session() else { return };
    let detail = match c.n_in_flight {
        0 => "No call is in flight. The client may come back.".to_owned(),
        1 => "1 call in flight is cancelled. The client may come back.".to_owned(),
        n => format!("{} calls in flight are cancelled. The client may come back.", number::count(n)),
    };
    let name = if c.name.is_empty() { c.id.to_string() } else { format!("{} ({})", c.name, c.id) };
    let question = format!("Disconnect {name}?");
    let popup = Popup::Confirm { question, detail, then: Ask::Disconnect(c.id), yes: false };
    model.popups.push(popup);
}
