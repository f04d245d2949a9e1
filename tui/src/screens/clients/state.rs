//! What Clients knows beside the snapshot.

use crate::app::cursor::Cursor;

/// What Clients knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected client.
    pub(crate) cursor: Cursor,
    /// The details have the keys.
    pub(crate) in_detail: bool,
    /// The first line of the details on the screen.
    pub(crate) detail_top: usize,
}
