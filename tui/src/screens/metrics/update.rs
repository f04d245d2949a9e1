//! What keys do in Metrics.

use std::sync::Arc;

use super::state::Window;
use super::view;
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::input::action::Action;
use crate::screens::{backends, inspect};

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::NextKind | Action::PrevKind => {
            model.metrics.window = if model.metrics.window == Window::Long { Window::Short } else { Window::Long };
        }
        Action::Open => match selected(model) {
            Some(name) => inspect::update::show_only(model, &backends::update::filter_of(&name), effects),
            None => inspect::update::show_only(model, "", effects),
        },
        _ => {
            let (n, page) = (model.servers().len() + 1, view::list_rows(model));
            let before = model.metrics.cursor.at;
            if model.metrics.cursor.go(action, n, page) && model.metrics.cursor.at != before {
                model.metrics.seen = None;
                look(model, effects);
            }
        }
    }
}

/// The selected server; `None`: all of them.
pub(crate) fn selected(model: &Model) -> Option<Arc<str>> {
    let at = model.metrics.cursor.at.checked_sub(1)?;
    model.servers().get(at).map(|b| b.name.clone())
}

/// Looks at what was measured of the selected line.
pub(crate) fn look(model: &mut Model, effects: &mut Vec<Effect>) {
    model.metrics.asked = Some(model.now);
    effects.push(Effect::Metrics(selected(model)));
}
