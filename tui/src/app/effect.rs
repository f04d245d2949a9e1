//! What the model asks for; the runtime does it and answers with a message.

use std::sync::Arc;

use mcp_proxy_core::control::Command;
use mcp_proxy_core::protocol::{CallId, SessionId};

use crate::screens::metrics::state::Subject;

use crate::screens::config;

/// Rows a scan for a filter reads at once: the journal is locked no longer than copying them takes.
pub(crate) const SCAN_ROWS: usize = 512;

/// Something to be done outside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Look at everything; the journal's changes after this version.
    Look(u64),
    /// Read the next [`SCAN_ROWS`] rows for a filter.
    Scan {
        /// From this id on.
        from: u64,
        /// For this filter.
        generation: u64,
    },
    /// Read these rows again for a filter.
    Recheck(Vec<CallId>),
    /// Read these rows for the screen.
    Rows(Vec<CallId>),
    /// Read a flow with its frames.
    Flow(CallId),
    /// Read what was measured.
    Metrics(Subject),
    /// Read all there is about a server, and what has not ended.
    Server(Arc<str>),
    /// Read which instances a client has, and what has not ended.
    Client(SessionId),
    /// Do something with the configuration file.
    Config(config::talk::Wish),
    /// Tell the proxy to do something.
    Command(Command),
    /// Make a call as a client.
    Send {
        /// Our number of it.
        seq: u64,
        /// The method.
        method: &'static str,
        /// The params as JSON.
        params: String,
    },
    /// Cancel it.
    Cancel(u64),
    /// Put text into the clipboard.
    Copy {
        /// What it is, for the message.
        what: String,
        /// The text.
        text: String,
    },
    /// Give the terminal back and stop.
    Quit,
    /// Go into the background.
    Suspend,
    /// Draw every cell again.
    Redraw,
    /// Mouse on or off.
    Mouse(bool),
    /// Capture our own events of every level.
    CaptureAll,
}
