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
        /// The filter looks into frames.
        with_frames: bool,
    },
    /// Read these rows again for a filter.
    Recheck {
        /// Which.
        ids: Vec<CallId>,
        /// The filter looks into frames.
        with_frames: bool,
    },
    /// Read these rows, in this order, for what is looked for.
    Find {
        /// Which.
        ids: Vec<CallId>,
        /// For this way through the list.
        generation: u64,
    },
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
    /// Make a call again as a client.
    Replay(Again),
    /// Have a text edited by the program of `$EDITOR`.
    Edit {
        /// What for.
        what: Edited,
        /// The text.
        text: String,
    },
    /// Give flows to the clipboard or a file.
    Export {
        /// How.
        format: Format,
        /// Which, and what was written beside each that is marked.
        rows: Vec<(CallId, Option<String>)>,
        /// A file; `None`: the clipboard.
        path: Option<String>,
    },
    /// Read two flows to be compared.
    Compare(CallId, CallId),
    /// Read a recording and show it.
    Load(String),
    /// Stop what is being read or written.
    StopWork,
    /// Show the journal again.
    Live,
    /// Write flows into a file as they end; `None`: no more.
    Stream(Option<String>),
    /// Read the message that is held of a flow, for an editor.
    Held(Edited),
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

/// A call that is to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// Which.
    pub(crate) of: CallId,
    /// Our number of it.
    pub(crate) n: u64,
    /// The method.
    pub(crate) method: String,
    /// The params as JSON.
    pub(crate) params: String,
}

/// What a text is edited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edited {
    /// The params of a call that is to be made again.
    Call {
        /// Which.
        of: CallId,
        /// Its method.
        method: String,
    },
    /// A held message that is to go on so.
    Held(CallId),
    /// An answer to a held request.
    Answer(CallId),
}

/// How flows are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A command line that makes the call.
    Curl,
    /// One JSON value.
    Json,
    /// A recording: JSON, a flow a line.
    Jsonl,
    /// As a HAR file has it.
    Har,
}
