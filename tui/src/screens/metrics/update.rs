//! What keys do in Metrics.

use super::state::{Subject, Window};
use super::view;
use crate::app::cursor::moved;
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
        Action::Open => {
            let Subject { server, tool } = &model.metrics.subject;
            let mut filter = server.as_deref().map(backends::update::filter_of).unwrap_or_default();
            if let Some(tool) = tool {
                filter.push_str(&format!(" & ~t {tool}"));
            }
            inspect::update::show_only(model, &filter, effects);
        }
        _ => {
            let (lines, page) = (lines(model), view::list_rows(model));
            if let Some(at) = moved(action, model.metrics.cursor.at, lines.len(), page) {
                go_to(model, at);
            }
        }
    }
}

/// The lines of the list: all servers, each server, and below the selected one its tools.
pub(crate) fn lines(model: &Model) -> Vec<Subject> {
    let state = &model.metrics;
    let mut lines = vec![Subject::default()];
    for b in model.servers() {
        lines.push(Subject { server: Some(b.name.clone()), tool: None });
        if state.subject.server.as_ref() == Some(&b.name) {
            let of = |tool: &std::sync::Arc<str>| Subject { server: Some(b.name.clone()), tool: Some(tool.clone()) };
            lines.extend(state.tools.iter().map(of));
        }
    }
    lines
}

/// Selects a line of the list.
pub(crate) fn go_to(model: &mut Model, at: usize) {
    if let Some(subject) = lines(model).into_iter().nth(at) {
        model.metrics.turn_to(subject);
    }
}

/// Puts the cursor on what is looked at; what is gone is looked at no more.
pub(crate) fn settle(model: &mut Model) {
    let lines = lines(model);
    let at = lines.iter().position(|l| *l == model.metrics.subject).unwrap_or_else(|| {
        model.metrics.turn_to(Subject::default());
        0
    });
    model.metrics.cursor.at = at;
    let page = view::list_rows(model);
    model.metrics.cursor.settle(lines.len(), page);
}

/// Looks at what was measured of the selected line.
pub(crate) fn look(model: &mut Model, effects: &mut Vec<Effect>) {
    model.metrics.asked = Some(model.now);
    effects.push(Effect::Metrics(model.metrics.subject.clone()));
}
