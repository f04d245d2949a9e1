//! What the screen knows of the file.

use mcp_proxy_core::config::Level;
use mcp_proxy_core::config::change::syntax_of;
use mcp_proxy_core::config::edit::{self, replace::Seen};

use super::complete::{self, Completion, Names};
use super::outline::{self, Entry};
use super::place::{self, Spot};
use super::talk::{Checked, File, Problem};
use crate::app::cursor::Cursor;
use crate::input::context::Context;
use crate::widgets::editor::Editor;
use crate::widgets::editor::buffer::Place;
use crate::widgets::editor::lexer::Syntax;
use crate::widgets::input::Input;

/// A configuration is read up to here; more cannot be typed.
const MAX_BYTES: usize = 1 << 20;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The file, or what is known of it.
    pub(crate) source: Source,
    /// Which part has the keys.
    pub(crate) focus: Focus,
    /// How many times the engine had read the file when we did.
    pub(crate) n_readings: u64,
    /// The server to go to, once the file is read.
    pub(crate) wanted: Option<String>,
    /// The number of the last server that was tried.
    pub(crate) seq: u64,
}

/// Which part has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The outline.
    #[default]
    Outline,
    /// The text.
    Text,
}

/// What is known of the file.
#[derive(Debug, Default)]
pub(crate) enum Source {
    /// Nobody has looked.
    #[default]
    Unread,
    /// It is being read.
    Reading,
    /// There is none; the one that could be made.
    None(Option<String>),
    /// It cannot be read.
    Unreadable(String),
    /// It is open.
    Open(Box<Open>),
}

/// How far saving is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Saving {
    /// Nobody saves.
    #[default]
    No,
    /// It is checked a last time.
    Checking,
    /// Somebody is asked.
    Asking,
    /// It is written.
    Writing,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Open {
    /// The file as it was read or written last.
    pub(crate) seen: Box<Seen>,
    /// Its path, for people.
    pub(crate) shown: String,
    pub(crate) syntax: Syntax,
    pub(crate) editor: Editor,
    /// The text differs from the file.
    pub(crate) is_modified: bool,
    pub(crate) outline: Vec<Entry>,
    pub(crate) cursor: Cursor,
    /// The last check.
    pub(crate) checked: Option<Checked>,
    pub(crate) completion: Option<Completion>,
    /// Somebody asked for it, or typed: it goes along with what is typed.
    pub(crate) saving: Saving,
    /// The file on disk is another one than ours by now.
    pub(crate) theirs: Option<Box<Seen>>,
    /// A server, and the name that is typed for it.
    pub(crate) naming: Option<(String, Input)>,
    /// A line is typed to go to.
    pub(crate) line: Option<Input>,
    /// What came of the last saving.
    pub(crate) saved: Option<String>,
    /// What is under the cursor; of this version and place.
    pub(crate) spot: Spot,
    spot_of: Option<(u64, Place)>,
}

impl State {
    /// The open file.
    pub(crate) fn open(&self) -> Option<&Open> {
        match &self.source {
            Source::Open(open) => Some(open),
            _ => None,
        }
    }

    /// The open file.
    pub(crate) fn open_mut(&mut self) -> Option<&mut Open> {
        match &mut self.source {
            Source::Open(open) => Some(open),
            _ => None,
        }
    }

    /// Something would be lost.
    pub(crate) fn is_modified(&self) -> bool {
        self.open().is_some_and(|o| o.is_modified)
    }

    /// The text has the keys.
    pub(crate) fn in_text(&self) -> bool {
        self.focus == Focus::Text && self.open().is_some()
    }

    /// The field that is typed in, if one is open.
    pub(crate) fn field(&mut self) -> Option<&mut Input> {
        let open = self.open_mut()?;
        match (&mut open.line, &mut open.naming) {
            (Some(input), _) | (None, Some((_, input))) => Some(input),
            (None, None) => open.editor.find.is_open.then_some(&mut open.editor.find.input),
        }
    }
}

/// Where keys go on this screen, the nearest first.
pub(crate) fn contexts(state: &State) -> Vec<Context> {
    use Context as C;
    if matches!(state.source, Source::None(_) | Source::Unreadable(_)) {
        return vec![C::NoConfig, C::Everywhere];
    }
    let Some(open) = state.open().filter(|_| state.focus == Focus::Text) else {
        return vec![C::Config, C::ConfigFile, C::Move, C::Everywhere];
    };
    if open.line.is_some() || open.naming.is_some() || open.editor.find.is_open {
        vec![C::Find]
    } else if open.completion.is_some() {
        vec![C::Offers, C::ConfigFile, C::Text]
    } else {
        vec![C::ConfigFile, C::Text]
    }
}

impl Open {
    /// A file that was read.
    pub(crate) fn new(file: File) -> Self {
        let text = file.seen.text().unwrap_or_default().to_owned();
        let syntax = match syntax_of(&file.seen.path, &text) {
            edit::Syntax::Yaml => Syntax::Yaml,
            _ => Syntax::Json,
        };
        let mut open = Self {
            editor: Editor::new(&text, syntax, MAX_BYTES),
            seen: file.seen,
            shown: file.shown,
            syntax,
            is_modified: false,
            outline: Vec::new(),
            cursor: Cursor::default(),
            checked: None,
            completion: None,
            saving: Saving::No,
            theirs: None,
            naming: None,
            line: None,
            saved: None,
            spot: Spot::default(),
            spot_of: None,
        };
        open.outline = outline::entries(open.editor.buffer(), syntax);
        // The first server is what one comes for.
        open.cursor.at = open.outline.iter().position(|e| e.is_server).unwrap_or(0);
        open
    }

    /// The name of the file.
    pub(crate) fn name(&self) -> String {
        self.seen.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The text is another one.
    pub(crate) fn changed(&mut self) {
        let saved = self.seen.text().unwrap_or_default();
        self.is_modified = self.editor.buffer().n_bytes() > saved.len() || self.editor.text() != saved;
        self.saved = None;
    }

    /// The outline of the text as it is; the same entry stays selected.
    pub(crate) fn look_again(&mut self) {
        let selected = self.entry().map(|e| (e.name.clone(), e.is_server));
        self.outline = outline::entries(self.editor.buffer(), self.syntax);
        if let Some((name, is_server)) = selected
            && let Some(at) = self.outline.iter().position(|e| e.name == name && e.is_server == is_server)
        {
            self.cursor.at = at;
        }
    }

    /// The selected line of the outline.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.outline.get(self.cursor.at)
    }

    /// The entry a line of the text belongs to, the nearest.
    pub(crate) fn entry_of(&self, line: usize) -> Option<usize> {
        self.outline.iter().rposition(|e| (e.line..e.end).contains(&line))
    }

    /// Problems on a line, the worst first.
    pub(crate) fn problems_on(&self, line: usize) -> Vec<&Problem> {
        let all = self.checked.iter().flat_map(|c| &c.problems);
        let mut here: Vec<&Problem> = all.filter(|p| p.at.is_some_and(|(l, ..)| l == line)).collect();
        here.sort_by_key(|p| p.level);
        here
    }

    /// The worst of the problems of an entry, and of what stands in it.
    pub(crate) fn worst_of(&self, entry: &Entry) -> Option<Level> {
        let all = self.checked.iter().flat_map(|c| &c.problems);
        let inside = all.filter(|p| p.at.is_some_and(|(l, ..)| (entry.line..entry.end).contains(&l)));
        inside.map(|p| p.level).filter(|l| *l != Level::Hint).min()
    }

    /// Names the file gives itself.
    pub(crate) fn names(&self) -> Names {
        let servers = self.outline.iter().filter(|e| e.is_server).map(|e| e.name.clone()).collect();
        let buffer = self.editor.buffer();
        let section = self.outline.iter().find(|e| !e.is_server && e.name == "profiles");
        let lines = section.map_or(0..0, |e| e.line + 1..e.end);
        let indent = |l: &str| l.len() - l.trim_start().len();
        let least = lines.clone().map(|l| buffer.line(l)).filter(|l| !l.trim().is_empty()).map(indent).min();
        let named = lines.filter_map(|l| {
            let line = buffer.line(l);
            let (name, _) = line.split_once(':').filter(|_| Some(indent(line)) == least)?;
            (!name.trim_start().starts_with('#')).then(|| place::name_of(name))
        });
        Names { servers, profiles: named.collect() }
    }

    /// Knows what is under the cursor.
    pub(crate) fn settle(&mut self, rows: usize, columns: usize) {
        self.editor.settle(rows, columns);
        let of = (self.editor.version(), self.editor.cursor());
        if self.spot_of != Some(of) {
            self.spot = place::spot(self.editor.buffer(), of.1, self.syntax);
            self.spot_of = Some(of);
        }
    }

    /// What may be put in where the cursor is.
    pub(crate) fn offered(&mut self) -> Vec<complete::Entry> {
        let at = self.editor.cursor();
        self.spot = place::spot(self.editor.buffer(), at, self.syntax);
        complete::at(&self.spot, self.editor.buffer().line(at.line), &self.names())
    }
}
