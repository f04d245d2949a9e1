//! What Backends knows beside the snapshot.

use std::sync::Arc;
use std::time::SystemTime;

use mcp_proxy_core::control::ServerDetail;

use crate::app::cursor::Cursor;
use crate::app::layout::Share;

/// What the details tell of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    /// How it is: up or down, latency, events, calls in flight, why it failed.
    #[default]
    Health,
    /// Its tools: how fast they are, what was set aside.
    Tools,
    /// How it is started: command, environment, limits, instances.
    Setup,
    /// The last lines of its log.
    Log,
}

impl Tab {
    /// All, in their order.
    pub(crate) const ALL: [Self; 4] = [Self::Health, Self::Tools, Self::Setup, Self::Log];

    /// Its name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Health => "Health",
            Self::Tools => "Tools",
            Self::Setup => "Setup",
            Self::Log => "Log",
        }
    }

    /// The next one, or the one before.
    #[must_use]
    pub(crate) fn turned(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|t| *t == self).unwrap_or(0);
        let step = if forward { 1 } else { Self::ALL.len() - 1 };
        Self::ALL[(at + step) % Self::ALL.len()]
    }
}

/// The order of the servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the configuration.
    #[default]
    File,
    /// What needs a look first.
    State,
    /// By name.
    Name,
    /// The busiest first.
    Rate,
    /// The slowest first.
    P95,
    /// The highest share of errors first.
    Errors,
}

impl Order {
    /// All, in the order of the key that turns them.
    pub(crate) const ALL: [Self; 6] = [Self::File, Self::State, Self::Name, Self::Rate, Self::P95, Self::Errors];

    /// Its name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::State => "state",
            Self::Name => "name",
            Self::Rate => "rate",
            Self::P95 => "p95",
            Self::Errors => "errors",
        }
    }

    /// The one of this name.
    pub(crate) fn named(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.title() == title)
    }
}

/// What Backends knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected server.
    pub(crate) cursor: Cursor,
    /// The details have the keys.
    pub(crate) in_detail: bool,
    /// How list and details share the screen.
    pub(crate) share: Share,
    /// What they tell of.
    pub(crate) tab: Tab,
    /// The first line of the details on the screen.
    pub(crate) detail_top: usize,
    /// The order of the servers.
    pub(crate) order: Order,
    /// All about the selected server; `None` until looked at.
    pub(crate) seen: Option<ServerDetail>,
    /// Which server was looked at last, and at which news.
    pub(crate) asked: Option<(Arc<str>, u64)>,
    /// A server that was asked whether it is there, and when.
    pub(crate) pinging: Option<(Arc<str>, SystemTime)>,
}
