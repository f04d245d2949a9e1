//! What the screen asks the runtime for, and what it is told. Plain data.

use std::path::PathBuf;
use std::sync::Arc;

use mcp_proxy_core::config::edit::replace::Seen;
use mcp_proxy_core::config::{Level, Plan};
use mcp_proxy_core::control::{BackendView, Saved};
use serde_json::{Map, Value};

/// Something to be done with the file, away from the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Read it.
    Read,
    /// Say [`Told::Quiet`] after a moment.
    Quiet(u64),
    /// Check a text as `mcp-proxy check` would.
    Check {
        /// The version of the text.
        version: u64,
        /// The text.
        text: String,
        /// Programs that the file names for secrets may be asked: it is to be saved.
        is_final: bool,
    },
    /// Put a text in the place of the file that was seen, and go by it.
    Save {
        /// The file as it must still be.
        seen: Box<Seen>,
        /// The version of the text.
        version: u64,
        /// The text.
        text: String,
    },
    /// Open a text in the editor of the user.
    Edit(String),
    /// Start a server to see whether it does.
    Probe {
        /// Our number of it.
        seq: u64,
        /// What it is called.
        name: String,
        /// What would stand in the file.
        entry: Map<String, Value>,
    },
    /// Make a file, and have the engine follow it.
    Init,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Told {
    /// The file as it is now.
    Read(Result<File, NoFile>),
    /// Nothing was typed for a moment since this version.
    Quiet(u64),
    /// A text was checked.
    Checked(Box<Checked>),
    /// It was saved.
    Saved {
        /// The version of the text.
        version: u64,
        /// What came of it.
        result: Result<Box<Saved>, NotSaved>,
    },
    /// The user's editor has been closed.
    Edited {
        /// The program.
        program: String,
        /// The text, or why there is none.
        result: Result<String, String>,
    },
    /// A server was tried.
    Probed {
        /// Our number of it.
        seq: u64,
        /// What came of it, or why it could not be tried.
        result: Result<Box<Probe>, String>,
    },
    /// A file was made.
    Made(Result<String, String>),
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// As it was read.
    pub(crate) seen: Box<Seen>,
    /// Its path, for people.
    pub(crate) shown: String,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoFile {
    /// The engine follows no file. The one that could be made, for people.
    None(Option<String>),
    /// It cannot be read.
    Unreadable(String),
}

/// Why a file was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotSaved {
    /// It is not what was read any more.
    Changed,
    /// Something else.
    Failed(String),
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The version of the text.
    pub(crate) version: u64,
    /// It was to be saved.
    pub(crate) is_final: bool,
    /// In the order of the file; what is said of other files comes last.
    pub(crate) problems: Vec<Problem>,
    /// What saving changes, if it can be saved.
    pub(crate) plan: Option<Plan>,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// How bad.
    pub(crate) level: Level,
    /// `MP104`
    pub(crate) code: &'static str,
    /// What.
    pub(crate) message: String,
    /// A few words for the end of the line.
    pub(crate) label: Option<String>,
    /// Why, what to do: the word in front, and the text.
    pub(crate) notes: Vec<(&'static str, String)>,
    /// Line, first byte and the byte after the last one; `None`: it is about something else.
    pub(crate) at: Option<(usize, usize, usize)>,
    /// That, where it is another file.
    pub(crate) file: Option<PathBuf>,
}

impl Checked {
    /// How many are of that level.
    pub(crate) fn n_of(&self, level: Level) -> usize {
        self.problems.iter().filter(|p| p.level == level).count()
    }
}

/// A server that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// How it ended: ready, or why not.
    pub(crate) view: BackendView,
    /// Its tools.
    pub(crate) tools: Vec<Arc<str>>,
    /// How long it took.
    pub(crate) took: std::time::Duration,
}
