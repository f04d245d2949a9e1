//! The last line: the keys that matter here, as many as fit.

use ratatui::text::{Line, Span};

use super::text;
use crate::app::theme::Theme;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::input::key::Code;
use crate::input::keymap::{Keymap, Reachable};

/// What keys have to act on at this moment, as far as it changes what is told of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// They come before all others, in this order.
    pub(crate) first: Vec<Action>,
    /// They would do nothing.
    pub(crate) idle: Vec<Action>,
    /// It does something else than what the table calls it.
    pub(crate) other: Option<(Action, &'static str)>,
}

/// The hints of these contexts in `cells`; the way to the help is always there. At the root nothing is left to close.
#[must_use]
pub(crate) fn line(
    keys: &Keymap,
    contexts: &[Context],
    moment: &Moment,
    at_root: bool,
    cells: usize,
    theme: Theme,
) -> Line<'static> {
    let mut last: Option<(String, &str)> = None;
    let mut hints: Vec<(String, &str)> = Vec::new();
    let is_told = |b: &Reachable| !b.binding.label.is_empty() && !moment.idle.contains(&b.binding.action);
    let mut told: Vec<Reachable> = keys.bindings(contexts).filter(is_told).collect();
    told.sort_by_key(|b| moment.first.iter().position(|a| *a == b.binding.action).unwrap_or(usize::MAX));
    for b in told {
        let enter = b.keys.first().is_some_and(|k| k.code == Code::Enter);
        let key = if enter { theme.symbols().enter.to_owned() } else { b.first_key() };
        match b.binding.action {
            Action::Help => last = Some((key, b.binding.label)),
            Action::Close if !at_root => hints.push((key, "back")),
            action => {
                let other = moment.other.filter(|(of, _)| *of == action).map(|(_, label)| label);
                hints.push((key, other.unwrap_or(b.binding.label)));
            }
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
