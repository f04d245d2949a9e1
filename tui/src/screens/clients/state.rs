//! What Clients knows beside the snapshot.

use mcp_proxy_core::control::InstanceView;
use mcp_proxy_core::protocol::SessionId;

use crate::app::cursor::Cursor;
use crate::app::layout::Share;

/// The order of the clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Who came first.
    #[default]
    Since,
    /// By name.
    Name,
    /// Who calls most.
    Calls,
    /// Whose calls fail most.
    Errors,
    /// Whom most questions wait for.
    Waiting,
}

impl Order {
    /// All, in the order of the key that turns them.
    pub(crate) const ALL: [Self; 5] = [Self::Since, Self::Name, Self::Calls, Self::Errors, Self::Waiting];

    /// Its name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Since => "since",
            Self::Name => "name",
            Self::Calls => "calls",
            Self::Errors => "errors",
            Self::Waiting => "waiting",
        }
    }

    /// The one of this name.
    pub(crate) fn named(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.title() == title)
    }
}

/// What Clients knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected client.
    pub(crate) cursor: Cursor,
    /// The order of the clients.
    pub(crate) order: Order,
    /// The details have the keys.
    pub(crate) in_detail: bool,
    /// How list and details share the screen.
    pub(crate) share: Share,
    /// The first line of the details on the screen.
    pub(crate) detail_top: usize,
    /// Which instances the selected client has; `None` until looked at.
    pub(crate) instances: Option<(SessionId, Vec<InstanceView>)>,
    /// Which client was looked at last, and at which news.
    pub(crate) asked: Option<(SessionId, u64)>,
}
