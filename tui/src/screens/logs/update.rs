//! What keys do in Logs: tui-logger's own map, by our table.

use tui_logger::TuiWidgetEvent as E;

use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::input::action::Action;

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let shows_sources = super::view::shows_sources(model);
    let logs = &mut model.logs;
    let event = match action {
        Action::OnlySource if logs.only.is_some() => return logs.show_all(),
        Action::LogsNewest if !logs.paused && logs.only.is_some() => return logs.show_all(),
        Action::Up => E::UpKey,
        Action::Down => E::DownKey,
        Action::ShowLess => E::LeftKey,
        Action::ShowMore => E::RightKey,
        Action::KeepLess => E::MinusKey,
        Action::KeepMore => {
            effects.push(Effect::CaptureAll);
            E::PlusKey
        }
        Action::HideOff => {
            logs.hide_off ^= true;
            E::SpaceKey
        }
        Action::OnlySource => {
            logs.focused ^= true;
            E::FocusKey
        }
        Action::LogsBack => {
            logs.paused = true;
            E::PrevPageKey
        }
        Action::LogsOn => E::NextPageKey,
        Action::LogsNewest => {
            logs.paused = false;
            E::EscapeKey
        }
        Action::Sources => {
            logs.sources = Some(!shows_sources);
            return;
        }
        _ => return,
    };
    logs.widget.transition(event);
}
