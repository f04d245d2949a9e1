//! What lies over a screen.

use std::sync::Arc;

use crate::input::context::Context;
use crate::screens::catalog::form::Form;

use super::cursor::Cursor;

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
    /// A long text.
    Reader {
        /// What it is.
        title: String,
        /// The text.
        text: String,
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
}

/// Text that may be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyEntry {
    /// What it is.
    pub(crate) what: String,
    /// The text.
    pub(crate) text: String,
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
    /// Send the form below, which may change something?
    Send,
    /// Cancel the running call and close the form below?
    CancelCall,
}
