//! What Logs knows: the state of tui-logger's widgets.

use std::sync::Arc;

use tui_logger::{LevelFilter, TuiWidgetState};

/// What Logs knows.
pub(crate) struct State {
    /// What tui-logger keeps about the selected source, levels and place.
    pub(crate) widget: TuiWidgetState,
    /// The list of sources is shown, or not; `None`: where there is room beside the lines.
    pub(crate) sources: Option<bool>,
    /// Only lines of this server are shown.
    pub(crate) only: Option<Arc<str>>,
    /// Only lines of the selected source are shown.
    pub(crate) focused: bool,
    /// Sources that are off are hidden.
    pub(crate) hide_off: bool,
    /// Older lines are on the screen.
    pub(crate) paused: bool,
    /// Lines lost before they could be read.
    pub(crate) n_dropped: u64,
    /// The time of each line is shown (not in tests: tui-logger takes the clock itself).
    pub(crate) times: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("only", &self.only).finish_non_exhaustive()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            widget: TuiWidgetState::new().set_default_display_level(LevelFilter::Trace),
            sources: None,
            only: None,
            focused: false,
            hide_off: false,
            paused: false,
            n_dropped: 0,
            times: true,
        }
    }
}

impl State {
    /// Shows the lines of one server only.
    pub(crate) fn show_only(&mut self, name: Arc<str>) {
        self.widget = TuiWidgetState::new()
            .set_default_display_level(LevelFilter::Off)
            .set_level_for_target(&name, LevelFilter::Trace)
            .set_level_for_target(&crate::runtime::logging::messages_of(&name), LevelFilter::Trace);
        (self.focused, self.paused, self.sources) = (false, false, Some(false));
        self.only = Some(name);
    }

    /// Shows the lines of all sources.
    pub(crate) fn show_all(&mut self) {
        let (n_dropped, times) = (self.n_dropped, self.times);
        *self = Self { n_dropped, times, ..Self::default() };
    }
}
