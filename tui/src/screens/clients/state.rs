//! What Clients knows beside the snapshot.

use mcp_proxy_core::control::InstanceView;
use mcp_proxy_core::protocol::SessionId;

use crate::app::cursor::Cursor;
use crate::app::layout::Share;

/// What Clients knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected client.
    pub(crate) cursor: Cursor,
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
