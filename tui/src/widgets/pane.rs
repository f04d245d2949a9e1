//! The frame around a part of the screen.

use ratatui::text::Line;
use ratatui::widgets::{Block, Borders};

use super::text;
use crate::app::theme::Theme;

/// A frame; `active` when its pane has the keys.
pub(crate) fn block(theme: Theme, active: bool) -> Block<'static> {
    Block::new().borders(Borders::ALL).border_set(theme.border()).border_style(theme.frame(active))
}

/// Text in a frame's line, with a blank on each side.
pub(crate) fn title(text: &str) -> Line<'static> {
    Line::from(format!(" {} ", text::clean(text)))
}
