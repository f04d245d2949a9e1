//! What can happen to the model.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcp_proxy_core::control::{
    CatalogView, Command, CommandError, Holding, InstanceView, InterceptView, MetricsView, ServerDetail, Snapshot,
};
use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::{CallId, SessionId};

use super::effect::Edited;
use crate::input::key::Key;
use crate::recording::Recording;
use crate::screens::config;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something at a cell.
    Mouse(Mouse, u16, u16),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// The terminal window came to the front or left it.
    Focus(bool),
    /// The terminal said what its background is.
    Background {
        /// It is light.
        light: bool,
    },
    /// The wall clock moved while something on the screen tells a time.
    Tick,
    /// The proxy has something new.
    Seen(Box<Seen>),
    /// The next rows a new filter has to look at.
    Scanned {
        /// The filter they were read for.
        generation: u64,
        /// Where reading goes on.
        upto: u64,
        /// The rows.
        rows: Vec<Flow>,
    },
    /// Rows in which a call is looked for.
    Found {
        /// The way through the list they were read for.
        generation: u64,
        /// The rows.
        rows: Vec<Flow>,
    },
    /// Rows that changed.
    Rechecked(Vec<Flow>),
    /// The rows on the screen.
    Rows(Vec<Flow>),
    /// A flow with its frames, and those that belong to it; `None` when it has left the journal.
    Flow(CallId, Option<Box<(Flow, Relations)>>),
    /// A call that was made again stands in the journal.
    Replayed {
        /// Which call.
        of: CallId,
        /// The new one.
        new: CallId,
    },
    /// A text comes from the editor; `None`: it was left as it was.
    Edited(Edited, Result<Option<String>, String>),
    /// The message that is held of a flow, if it still is.
    Held(Edited, Option<Box<Holding>>),
    /// Two flows to be compared, if they are still there.
    Compare(Option<Box<Flow>>, Option<Box<Flow>>),
    /// Something that takes a while has begun.
    Working {
        /// Counts such things.
        n: u64,
        /// What is being done.
        what: String,
    },
    /// It is so far.
    Progress {
        /// Which.
        n: u64,
        /// Of `of`.
        done: u64,
        /// All of it.
        of: u64,
    },
    /// It has ended.
    Worked {
        /// Which.
        n: u64,
        /// How.
        ended: Ended,
    },
    /// Flows are written into this file from now on; `None`: no more.
    Streaming(Option<String>),
    /// What was measured.
    Metrics(Box<MetricsView>),
    /// What came of something with the configuration file.
    Config(Box<config::talk::Told>),
    /// All there is about a server, and what has not ended.
    Server(Option<Box<ServerDetail>>, Vec<Flow>),
    /// Which instances a client has, and what has not ended.
    Client(SessionId, Vec<InstanceView>, Vec<Flow>),
    /// New log lines were put into the log; some were lost.
    Logs {
        /// Lost before they could be read.
        n_dropped: u64,
    },
    /// A command was accepted or refused.
    Commanded(Command, Result<(), CommandError>),
    /// A call made from the catalog has ended.
    Answer {
        /// Which call.
        seq: u64,
        /// The whole answer, or why there is none.
        result: Result<Bytes, String>,
        /// How long it took.
        took: Duration,
    },
    /// Something was copied: how, or why not.
    Copied(Result<String, String>),
}

/// All that is looked at when the proxy says that something is new.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Servers, clients, sums.
    pub(crate) snapshot: Snapshot,
    /// The oldest row kept.
    pub(crate) first: u64,
    /// The id of the next row.
    pub(crate) next: u64,
    /// The journal's version.
    pub(crate) version: u64,
    /// Rows changed since the version before; `None`: any.
    pub(crate) changed: Option<Vec<CallId>>,
    /// What is offered.
    pub(crate) catalog: Arc<CatalogView>,
    /// How many times the configuration file was read again.
    pub(crate) n_readings: u64,
    /// What is intercepted, and what is held.
    pub(crate) intercept: InterceptView,
}

/// What belongs to a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relations {
    /// What arose from it: questions, notifications.
    pub(crate) children: Vec<CallId>,
    /// Calls that repeat it by hand.
    pub(crate) replays: Vec<CallId>,
    /// It repeats this one of the same client, which had failed.
    pub(crate) retry_of: Option<CallId>,
    /// The same call of the same client before it.
    pub(crate) before: Option<CallId>,
    /// The same call of the same client after it.
    pub(crate) after: Option<CallId>,
    /// What came next before and after it in the same session.
    pub(crate) session: (Option<CallId>, Option<CallId>),
}

/// How something that took a while ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was stopped, and nothing is left of it.
    Stopped,
    /// A recording was read.
    Loaded(Result<Loaded, String>),
    /// Something was written, or could not be.
    Said(Result<String, String>),
    /// Text for the clipboard.
    Text {
        /// What it is.
        what: String,
        /// The text.
        text: String,
    },
}

/// A recording that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    /// Its file.
    pub(crate) name: String,
    /// What it holds, for the runtime.
    pub(crate) recording: Arc<Recording>,
    /// Flows in it.
    pub(crate) n_flows: usize,
    /// Lines that were left out because they are none.
    pub(crate) n_bad: usize,
    /// Lines that were left out because there were too many.
    pub(crate) n_left: usize,
    /// What was written beside those that are marked.
    pub(crate) comments: Vec<(CallId, String)>,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mouse {
    /// The left button went down.
    Click,
    /// It was dragged.
    Drag,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}
