//! What lies over a screen.

use std::sync::Arc;

use bytes::Bytes;
use mcp_proxy_core::config::change::Change;
use mcp_proxy_core::protocol::{CallId, SessionId, Spliced};

use crate::input::context::Context;
use crate::screens::catalog::form::Form;
use crate::screens::config::add::Add;
use crate::screens::inspect::layer::Layer;

use super::cursor::Cursor;
use super::effect::Again;
use super::palette::Palette;
use crate::json::mask;
use crate::widgets::input::Input;
use crate::widgets::wrapped::Wrapped;

/// One layer.
#[derive(Debug)]
pub(crate) enum Popup {
    /// The keys that work below it.
    Help {
        /// The contexts below.
        contexts: Vec<Context>,
        /// The selected entry.
        cursor: Cursor,
    },
    /// What may be copied.
    Copy {
        /// The entries.
        entries: Vec<CopyEntry>,
        /// The selected entry.
        cursor: Cursor,
    },
    /// All that can be done or gone to.
    Palette(Box<Palette>),
    /// A long text.
    Reader {
        /// What it is.
        title: String,
        /// The text.
        text: Wrapped,
        /// The first line shown.
        top: usize,
    },
    /// A question.
    Confirm {
        /// What is asked.
        question: String,
        /// What it means.
        detail: String,
        /// What happens on yes.
        then: Ask,
        /// Whether the button *yes* is marked.
        yes: bool,
    },
    /// A form that tries an item of the catalog.
    Form(Box<Form>),
    /// The question before the configuration is saved.
    Save {
        /// Whether the button *yes* is marked.
        yes: bool,
    },
    /// The question when the configuration file has changed on disk.
    Changed,
    /// A form that adds a server.
    AddServer(Box<Add>),
    /// A layer of Inspect.
    Inspect(Box<Layer>),
    /// Another name for a tool.
    Rename(Box<Rename>),
}

/// Another name for a tool, as it is typed.
#[derive(Debug)]
pub(crate) struct Rename {
    /// Its server.
    pub(crate) server: Arc<str>,
    /// The server's own name for it.
    pub(crate) tool: Arc<str>,
    /// What stands before the name for clients.
    pub(crate) prefix: String,
    /// The name.
    pub(crate) input: Input,
}

/// Something that may be copied. The text is made when it is: frames may be big.
#[derive(Clone, Debug)]
pub(crate) struct CopyEntry {
    /// What it is.
    pub(crate) what: &'static str,
    /// Where its text comes from.
    pub(crate) source: Source,
}

/// Where text comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Ready text, masked already.
    Text(String),
    /// A frame as it came.
    Frame(Bytes),
    /// A frame as it was passed on.
    Passed(Spliced),
}

/// Bytes of a frame that are shown in the menu.
const PREVIEW_BYTES: usize = 256;

impl CopyEntry {
    /// The text, secrets masked.
    pub(crate) fn text(&self) -> String {
        match &self.source {
            Source::Text(text) => text.clone(),
            Source::Frame(frame) => masked(frame),
            Source::Passed(spliced) => masked(&spliced.to_bytes()),
        }
    }

    /// How it begins.
    pub(crate) fn preview(&self) -> String {
        match &self.source {
            Source::Text(text) => text.chars().take(PREVIEW_BYTES).collect(),
            Source::Frame(frame) => masked(&frame[..frame.len().min(PREVIEW_BYTES)]),
            Source::Passed(spliced) if spliced.is_untouched() => {
                masked(&spliced.base()[..spliced.base().len().min(PREVIEW_BYTES)])
            }
            Source::Passed(spliced) => {
                let mut head = Vec::new();
                spliced.for_each_run(|run| {
                    let room = PREVIEW_BYTES.saturating_sub(head.len());
                    head.extend_from_slice(&run.bytes()[..run.bytes().len().min(room)]);
                });
                masked(&head)
            }
        }
    }

    /// Its bytes, about: masks are shorter or longer than what they hide.
    pub(crate) fn n_bytes(&self) -> usize {
        match &self.source {
            Source::Text(text) => text.len(),
            Source::Frame(frame) => frame.len(),
            Source::Passed(spliced) => spliced.len(),
        }
    }
}

fn masked(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&mask::masked(bytes)).into_owned()
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Quit?
    Quit,
    /// Restart this server?
    Restart(Arc<str>),
    /// Stop this server?
    Stop(Arc<str>),
    /// Write this into the configuration?
    Configure(Change),
    /// Disconnect this client?
    Disconnect(SessionId),
    /// Cancel this call of a client?
    CancelFlow(CallId),
    /// Send the form below, which may change something?
    Send,
    /// Make this call again?
    Replay(Again),
    /// Drop what is held of this flow?
    DropHeld(CallId),
    /// Cancel the running call and close the form below?
    CancelCall,
}
