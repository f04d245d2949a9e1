//! The help popup: the lines of the key table that count where it was opened.

use ratatui::text::{Line, Span};

use super::text;
use crate::app::theme::Theme;
use crate::input::context::Context;
use crate::input::keymap::{Keymap, Reachable};

/// The entries of the popup, nearest context first.
#[must_use]
pub(crate) fn entries(keys: &Keymap, contexts: &[Context]) -> Vec<Reachable> {
    keys.bindings(contexts).collect()
}

/// One entry as a line of `cells`.
#[must_use]
pub(crate) fn line(entry: &Reachable, cells: usize, theme: Theme) -> Line<'static> {
    let ellipsis = theme.symbols().ellipsis;
    let keys = text::pad(&entry.all_keys(), 16, ellipsis);
    let help = text::fit(entry.binding.help, cells.saturating_sub(18), ellipsis);
    Line::from(vec![Span::raw(" "), Span::styled(keys, theme.key()), Span::raw(" "), Span::raw(help)])
}
