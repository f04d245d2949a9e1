//! What keys do in Clients.

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
