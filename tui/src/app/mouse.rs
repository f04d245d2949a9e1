//! What the mouse does: click selects and gives the keys to a pane, the wheel moves.

use ratatui::layout::{Position, Rect};

use super::effect::Effect;
use super::layout;
use super::model::{Model, Screen};
use super::msg::Mouse;
use super::theme::Tone;
use super::update::act;
use super::view;
use crate::input::action::Action;
use crate::screens::inspect::state::Pane;
use crate::screens::{backends, catalog, clients, config, inspect, metrics};

/// Lines a turn of the wheel moves.
const WHEEL_LINES: usize = 3;

/// Takes what the mouse did at a cell.
pub(crate) fn on_mouse(model: &mut Model, mouse: Mouse, x: u16, y: u16, effects: &mut Vec<Effect>) {
    if layout::too_small(model.size) {
        return;
    }
    let contexts = model.contexts();
    match mouse {
        Mouse::Drag if in_text(model, x, y) => config::update::point(model, x, y, true),
        Mouse::Drag => {
            if model.toast.is_none() {
                model.say(Tone::Plain, "to select text with the mouse press F2, or copy with y");
            }
        }
        Mouse::WheelUp | Mouse::WheelDown if in_text(model, x, y) => {
            let lines = isize::try_from(WHEEL_LINES).unwrap_or(1);
            config::update::scroll(model, if mouse == Mouse::WheelUp { -lines } else { lines });
        }
        Mouse::WheelUp | Mouse::WheelDown => {
            let action = if mouse == Mouse::WheelUp { Action::Up } else { Action::Down };
            if model.popups.is_empty() {
                point(model, x, y);
            }
            for _ in 0..WHEEL_LINES {
                let can = model.keys.bindings(&model.contexts()).any(|b| b.binding.action == action);
                if can {
                    act(model, &contexts, action, effects);
                } else if model.screen == Screen::Logs {
                    break;
                }
            }
        }
        Mouse::Click if !model.popups.is_empty() => {}
        Mouse::Click => {
            model.toast = None;
            if y == 0 {
                let tab = view::tabs(model).into_iter().find(|(_, from, to)| (*from..*to).contains(&x));
                if let Some((screen, ..)) = tab {
                    model.show(screen);
                }
            } else {
                point(model, x, y);
                select(model, x, y);
            }
        }
    }
}

/// Gives the keys to the pane under the mouse.
fn point(model: &mut Model, x: u16, y: u16) {
    let at = Position::new(x, y);
    match model.screen {
        Screen::Inspect => {
            let areas = inspect::layout::areas(model);
            for (area, pane) in
                [(areas.list, Pane::List), (areas.request, Pane::Request), (areas.response, Pane::Response)]
            {
                if area.contains(at) {
                    model.inspect.pane = pane;
                }
            }
        }
        Screen::Backends => {
            model.backends.in_detail = !backends::view::list_area(model).contains(at) && in_body(model, at)
        }
        Screen::Catalog => {
            model.catalog.in_detail = !catalog::view::list_area(model).contains(at) && in_body(model, at)
        }
        Screen::Clients => {
            model.clients.in_detail = !clients::view::list_area(model).contains(at) && in_body(model, at)
        }
        Screen::Config => {
            if config::view::outline_area(model).contains(at) {
                model.config.focus = config::state::Focus::Outline;
            }
        }
        Screen::Logs | Screen::Metrics => {}
    }
}

/// Over the text of the configuration, with nothing over it.
fn in_text(model: &Model, x: u16, y: u16) -> bool {
    model.screen == Screen::Config
        && model.popups.is_empty()
        && model.config.open().is_some()
        && config::view::text_area(model).contains(Position::new(x, y))
}

/// Below the first line of the body, where panes are.
fn in_body(model: &Model, at: Position) -> bool {
    let body = layout::frame(model.size).body;
    Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body }.contains(at)
}

/// Selects the row under the mouse.
fn select(model: &mut Model, x: u16, y: u16) {
    let at = Position::new(x, y);
    let row = |area: Rect| area.contains(at).then(|| usize::from(y - area.y));
    match model.screen {
        Screen::Inspect => {
            let areas = inspect::layout::areas(model);
            let heading = u16::from(areas.row_height == 1);
            let inner = layout::inside(areas.list);
            let rows = Rect { y: inner.y + heading, height: inner.height.saturating_sub(heading), ..inner };
            if let Some(row) = row(rows) {
                let place = model.inspect.top + row / usize::from(areas.row_height.max(1));
                if place < model.inspect.rows.len() {
                    model.inspect.select(place);
                }
            }
            if let Some(detail) = &mut model.inspect.detail {
                for (area, side) in [(areas.request, &mut detail.request), (areas.response, &mut detail.response)] {
                    if let Some(row) = row(layout::inside(area)) {
                        side.cursor.at = side.cursor.top + row;
                    }
                }
            }
        }
        Screen::Backends => {
            if let Some(row) = row(backends::view::list_area(model)) {
                model.backends.cursor.at = model.backends.cursor.top + row;
            }
        }
        Screen::Catalog => {
            if let Some(row) = row(catalog::view::list_area(model)) {
                model.catalog.cursor.at = model.catalog.cursor.top + row;
                model.catalog.is_chosen = true;
            }
        }
        Screen::Clients => {
            if let Some(row) = row(clients::view::list_area(model)) {
                model.clients.cursor.at = model.clients.cursor.top + row;
            }
        }
        Screen::Metrics => {
            if let Some(row) = row(metrics::view::list_area(model)) {
                metrics::update::go_to(model, model.metrics.cursor.top + row);
            }
        }
        Screen::Config => {
            if config::view::text_area(model).contains(at) {
                config::update::point(model, x, y, false);
            } else if let Some(row) = row(config::view::outline_area(model))
                && let Some(open) = model.config.open_mut()
            {
                open.cursor.at = open.cursor.top + row;
            }
        }
        Screen::Logs => {}
    }
}
