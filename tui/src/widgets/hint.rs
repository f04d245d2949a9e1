//! The last line: the keys that matter here, as many as fit.

use ratatui::text::{Line, Span};

use super::text;
use crate::app::theme::Theme;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::input::key::Code;
use crate::input::keymap::Keymap;

/// The hints of these contexts in `cells`, without those of keys that have nothing to act on now; the way to the help is always there. At
/// the root nothing is left to close.
#[must_use]
pub(crate) fn line(
    keys: &Keymap,
    contexts: &[Context],
    without: &[Action],
    at_root: bool,
    cells: usize,
    theme: Theme,
) -> Line<'static> {
    let mut last: Option<(String, &str)> = None;
    let mut hints: Vec<(String, &str)> = Vec::new();
    for b in keys.bindings(contexts).filter(|b| !b.binding.label.is_empty()) {
        let enter = b.keys.first().is_some_and(|k| k.code == Code::Enter);
        let key = if enter { theme.symbols().enter.to_owned() } else { b.first_key() };
        match b.binding.action {
            action if without.contains(&action) => {}
            Action::Help => last = Some((key, b.binding.label)),
            Action::Close if !at_root => hints.push((key, "back")),
            _ => hints.push((key, b.binding.label)),
        }
    }
    let cost = |(key, label): &(String, &str)| text::width(key) + 1 + text::width(label) + 2;
    let mut room = cells.saturating_sub(1 + last.as_ref().map_or(0, cost));
    let mut spans = vec![Span::raw(" ")];
    let mut push = |(key, label): (String, &str)| {
        spans.push(Span::styled(key, theme.key()));
        spans.push(Span::raw(format!(" {label}  ")));
    };
    for hint in hints {
        let Some(left) = room.checked_sub(cost(&hint)) else { break };
        room = left;
        push(hint);
    }
    last.into_iter().for_each(&mut push);
    Line::from(spans)
}
