//! What Backends knows beside the snapshot.

use crate::app::cursor::Cursor;

/// What Backends knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected server.
    pub(crate) cursor: Cursor,
    /// The details have the keys.
    pub(crate) in_detail: bool,
    /// The first line of the details on the screen.
    pub(crate) detail_top: usize,
}
