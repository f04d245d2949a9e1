//! All the terminal knows.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use mcp_proxy_core::control::{BackendState, BackendView, ClientView, Snapshot};
use mcp_proxy_core::observe::Flow;

use super::layout;
use super::popup::Popup;
use super::theme::{Theme, Tone};
use crate::input::context::Context;
use crate::input::keymap::Keymap;
use crate::screens::catalog::form::Focus;
use crate::screens::catalog::limits::ClientLimit;
use crate::screens::inspect::state::{DETAIL_EVERY, Pane};
use crate::screens::{backends, catalog, clients, config, inspect, logs, metrics};
use crate::widgets::{input::Input, number};

/// The screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// Servers.
    Backends,
    /// Traffic.
    Inspect,
    /// What is offered.
    Catalog,
    /// Who is connected.
    Clients,
    /// Logs.
    Logs,
    /// Measurements over time.
    Metrics,
    /// The configuration file.
    Config,
}

impl Screen {
    /// All, in the order of the tabs.
    pub(crate) const ALL: [Self; 7] =
        [Self::Backends, Self::Inspect, Self::Catalog, Self::Clients, Self::Logs, Self::Metrics, Self::Config];

    /// Its tab.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Backends => "1 Backends",
            Self::Inspect => "2 Inspect",
            Self::Catalog => "3 Catalog",
            Self::Clients => "4 Clients",
            Self::Logs => "5 Logs",
            Self::Metrics => "6 Metrics",
            Self::Config => "7 Config",
        }
    }
}

/// Lines of that kind kept.
pub(super) const N_TOLD: usize = 200;

/// A line that says what was just done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toast {
    /// How loud.
    pub(crate) tone: Tone,
    /// What.
    pub(crate) text: String,
}

/// Something that takes a while, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Counts such things.
    pub(crate) n: u64,
    /// What is being done.
    pub(crate) what: String,
    /// So much of `of`.
    pub(crate) done: u64,
    /// All of it; 0: not known.
    pub(crate) of: u64,
    /// It was told to stop.
    pub(crate) is_stopping: bool,
}

impl Work {
    /// What is said of it while it is done.
    pub(crate) fn note(&self, ellipsis: &str) -> String {
        if self.is_stopping {
            return format!("{}: stopping{ellipsis}", self.what);
        }
        let percent = self.done.saturating_mul(100).checked_div(self.of).map(|p| format!(" {}%", p.min(100)));
        format!("{}{ellipsis}{}  Esc stops it", self.what, percent.unwrap_or_default())
    }
}

/// All the terminal knows.
#[derive(Debug)]
pub(crate) struct Model {
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    /// The time, set before every message.
    pub(crate) now: SystemTime,
    /// Seconds east of Greenwich.
    pub(crate) utc_offset: i32,
    /// What the terminal can show.
    pub(crate) theme: Theme,
    /// The window is in front.
    pub(crate) focused: bool,
    /// The mouse is ours.
    pub(crate) mouse: bool,
    /// Which background was chosen, whatever the terminal says of its own.
    pub(crate) chosen_light: Option<bool>,
    /// What does not work from the start; `None` when dismissed.
    pub(crate) trouble: Option<String>,
    /// How to begin; `None` when dismissed.
    pub(crate) first_run: Option<String>,
    /// The servers are the embedded ones.
    pub(crate) demo: bool,
    /// The screen shown.
    pub(crate) screen: Screen,
    /// The one before.
    pub(crate) last_screen: Screen,
    /// Which key does what.
    pub(crate) keys: Keymap,
    /// What clients can take.
    pub(crate) limits: Vec<ClientLimit>,
    /// Servers, clients, sums; `None` until looked at.
    pub(crate) snapshot: Option<Snapshot>,
    /// Counts the looks.
    pub(crate) n_seen: u64,
    /// What has not ended, as of the last look at a server or a client.
    pub(crate) open: Vec<Flow>,
    pub(crate) backends: backends::state::State,
    pub(crate) inspect: inspect::state::State,
    pub(crate) catalog: catalog::state::State,
    pub(crate) clients: clients::state::State,
    pub(crate) logs: logs::state::State,
    pub(crate) metrics: metrics::state::State,
    pub(crate) config: config::state::State,
    /// What lies over the screen, the last on top.
    pub(crate) popups: Vec<Popup>,
    /// What was just done.
    pub(crate) toast: Option<Toast>,
    /// What is being read or written.
    pub(crate) work: Option<Work>,
    /// All that was said, the newest last.
    pub(crate) told: VecDeque<(SystemTime, Toast)>,
    /// Something to draw changed.
    pub(crate) dirty: bool,
}

impl Model {
    /// A model that has seen nothing yet.
    #[must_use]
    pub(crate) fn new(size: (u16, u16), now: SystemTime, theme: Theme) -> Self {
        Self {
            size,
            now,
            utc_offset: 0,
            theme,
            focused: true,
            mouse: true,
            chosen_light: None,
            trouble: None,
            first_run: None,
            demo: false,
            screen: Screen::Backends,
            last_screen: Screen::Inspect,
            snapshot: None,
            keys: Keymap::default(),
            limits: Vec::new(),
            n_seen: 0,
            open: Vec::new(),
            backends: backends::state::State::default(),
            inspect: inspect::state::State::default(),
            catalog: catalog::state::State::default(),
            clients: clients::state::State::default(),
            logs: logs::state::State::default(),
            metrics: metrics::state::State::default(),
            config: config::state::State::default(),
            popups: Vec::new(),
            toast: None,
            work: None,
            told: VecDeque::new(),
            dirty: true,
        }
    }

    /// The servers.
    pub(crate) fn servers(&self) -> &[BackendView] {
        self.snapshot.as_ref().map_or(&[], |s| &s.backends)
    }

    /// The selected server.
    pub(crate) fn server(&self) -> Option<&BackendView> {
        self.servers().get(self.backends.cursor.at)
    }

    /// The clients.
    pub(crate) fn sessions(&self) -> &[ClientView] {
        self.snapshot.as_ref().map_or(&[], |s| &s.clients)
    }

    /// The selected client.
    pub(crate) fn session(&self) -> Option<&ClientView> {
        self.sessions().get(self.clients.cursor.at)
    }

    /// Where keys go, the nearest first.
    #[must_use]
    pub(crate) fn contexts(&self) -> Vec<Context> {
        match self.popups.last() {
            None => self.screen_contexts(),
            Some(Popup::Help { .. } | Popup::Copy { .. }) => vec![Context::Menu, Context::Move],
            Some(Popup::Palette(_)) => vec![Context::Palette],
            Some(Popup::Reader { .. }) => vec![Context::Reader, Context::Move],
            Some(Popup::Confirm { .. } | Popup::Save { .. }) => vec![Context::Confirm],
            Some(Popup::Changed) => vec![Context::Changed],
            Some(Popup::AddServer(_)) => vec![Context::AddServer],
            Some(Popup::Rename(_)) => vec![Context::Rename],
            Some(Popup::Inspect(layer)) => layer.contexts(),
            Some(Popup::Form(form)) => match form.focus {
                Focus::Fields => vec![Context::Form],
                Focus::Answer if form.is_readable() => vec![Context::Answer, Context::Move, Context::Everywhere],
                Focus::Answer => vec![Context::Answer, Context::Json, Context::Move, Context::Everywhere],
            },
        }
    }

    /// The same below all popups.
    fn screen_contexts(&self) -> Vec<Context> {
        use Context as C;
        match self.screen {
            Screen::Backends => vec![C::Backends, C::Move, C::Everywhere],
            Screen::Inspect if self.inspect.typing => vec![C::Filter],
            Screen::Inspect if self.inspect.is_searching() => vec![C::Search],
            Screen::Inspect if self.inspect.is_finding() => vec![C::Find],
            Screen::Inspect if self.inspect.pane == Pane::List => vec![C::Inspect, C::List, C::Move, C::Everywhere],
            Screen::Inspect => vec![C::Body, C::Json, C::Inspect, C::List, C::Move, C::Everywhere],
            Screen::Catalog if self.catalog.typing => vec![C::Filter],
            Screen::Catalog if self.catalog.in_detail && self.catalog.as_json => {
                vec![C::Json, C::Catalog, C::List, C::Move, C::Everywhere]
            }
            Screen::Catalog => vec![C::Catalog, C::List, C::Move, C::Everywhere],
            Screen::Clients => vec![C::Clients, C::Move, C::Everywhere],
            Screen::Logs => vec![C::Logs, C::Everywhere],
            Screen::Metrics => vec![C::Metrics, C::Move, C::Everywhere],
            Screen::Config => config::state::contexts(&self.config),
        }
    }

    /// Whether something lies over the list of the screen that `q` closes.
    pub(crate) fn has_pushed(&self) -> bool {
        let narrow = layout::breadth(self.size) == layout::Breadth::Narrow;
        let inside = match self.screen {
            Screen::Backends => self.backends.in_detail,
            Screen::Inspect => self.inspect.pane != Pane::List,
            Screen::Catalog => self.catalog.in_detail,
            Screen::Clients => self.clients.in_detail,
            Screen::Config => self.config.in_text(),
            Screen::Logs | Screen::Metrics => false,
        };
        narrow && inside
    }

    /// The field characters go into, if any.
    pub(crate) fn typing(&mut self) -> Option<&mut Input> {
        match self.popups.last_mut() {
            Some(Popup::Form(form)) => form.typing(),
            Some(Popup::Palette(palette)) => Some(&mut palette.input),
            Some(Popup::AddServer(add)) => Some(add.typing()),
            Some(Popup::Rename(rename)) => Some(&mut rename.input),
            Some(Popup::Inspect(layer)) => layer.typing(),
            Some(_) => None,
            None if self.screen == Screen::Inspect && self.inspect.is_searching() => self.inspect.search_input(),
            None if self.screen == Screen::Inspect && self.inspect.is_finding() => self.inspect.find_input(),
            None if self.screen == Screen::Inspect && self.inspect.typing => Some(&mut self.inspect.input),
            None if self.screen == Screen::Catalog && self.catalog.typing => Some(&mut self.catalog.input),
            None if self.screen == Screen::Config => self.config.field(),
            None => None,
        }
    }

    /// Says something in the note line.
    pub(crate) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        let toast = Toast { tone, text: text.into() };
        if self.told.len() == N_TOLD {
            self.told.pop_front();
        }
        self.told.push_back((self.now, toast.clone()));
        self.toast = Some(toast);
        self.dirty = true;
    }

    /// How long until something on the screen reads differently though nothing happened; `None` if nothing will.
    #[must_use]
    pub(crate) fn tick_in(&self) -> Option<Duration> {
        // Who hears the screen is interrupted by whatever changes on it.
        let second = Duration::from_secs(if self.theme.accessible { 15 } else { 1 });
        if !self.focused {
            return None;
        }
        let is_running = |p: &Popup| match p {
            Popup::Form(form) => form.is_running(),
            Popup::AddServer(add) => matches!(add.trial, config::add::Trial::Running { .. }),
            _ => false,
        };
        if self.popups.iter().any(is_running) {
            return Some(second);
        }
        match self.screen {
            Screen::Inspect if self.inspect.postponed => Some(DETAIL_EVERY),
            Screen::Inspect => self.inspect.shows_running().then_some(second),
            Screen::Backends => {
                let moving = |b: &BackendView| {
                    b.per_second.iter().any(|n| *n > 0) || matches!(b.state, BackendState::Backoff { .. })
                };
                // Calls in flight stand in the details, with their age.
                let shows_open = self.server().is_some_and(|b| b.n_in_flight > 0) && backends::view::shows_detail(self);
                if shows_open || self.servers().iter().any(moving) {
                    return Some(second);
                }
                let ages = self.servers().iter().map(|b| number::age_lasts(number::since(self.now, b.since)));
                ages.min().map(|age| age.max(second))
            }
            Screen::Clients => {
                if self.session().is_some_and(|c| c.n_in_flight > 0) && clients::view::shows_detail(self) {
                    return Some(second);
                }
                let ages = self.sessions().iter().map(|c| number::age_lasts(number::since(self.now, c.since)));
                ages.min().map(|age| age.max(second))
            }
            Screen::Metrics => self.metrics.is_moving().then_some(mcp_proxy_core::control::HISTORY_STEP),
            // The outline says when a server is tried again.
            Screen::Config => {
                let waits = |b: &BackendView| matches!(b.state, BackendState::Backoff { .. });
                self.servers().iter().any(waits).then_some(second)
            }
            Screen::Catalog | Screen::Logs => None,
        }
    }
}
