//! What is wrong with a configuration, where, and what to do about it. Plain data: [`super::render`] makes it readable.
//!
//! A diagnostic never holds an expanded value: it quotes what the file says, and of secrets not even that.

use std::path::PathBuf;

/// A file with more problems is not a configuration; the rest is left out.
pub(crate) const MAX_DIAGNOSTICS: usize = 500;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// There is no [`super::Config`] while it is there.
    Error,
    /// The configuration works; it may not do what was meant.
    Warning,
    /// Understood and fine; there is a better way to write it.
    Hint,
}

impl Level {
    /// The word in front of the code.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

/// What a note below the source line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Which places were searched.
    LookedIn,
    /// Why this is a problem.
    Why,
    /// Something worth knowing.
    Note,
    /// What to do.
    Fix,
}

impl NoteKind {
    /// The word in front of the text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LookedIn => "looked in",
            Self::Why => "why",
            Self::Note => "note",
            Self::Fix => "fix",
        }
    }
}

/// Bytes of one source: an index into [`super::Sources`] and a range there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which source.
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A [`Span`] with what a reader needs to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The bytes.
    pub span: Span,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character, in characters, from 1.
    pub column: usize,
    /// Line of the character after the last one.
    pub end_line: usize,
    /// Column of the character after the last one.
    pub end_column: usize,
}

/// Another text for one place. It may hold what the file says, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty: something is put in there.
    pub span: Span,
    /// By this.
    pub text: String,
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("span", &self.span).finish_non_exhaustive()
    }
}

/// How a problem can be mended without any doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// By these edits of the file, all of them.
    Edits(Vec<Edit>),
    /// By taking this file away from the eyes of others.
    CloseFile(PathBuf),
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `MP104`: stable, the list is in the documentation of `check`.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong: lower case, names in backticks.
    pub message: String,
    /// The file, if it is about one.
    pub file: Option<PathBuf>,
    /// Where in that file.
    pub place: Option<Place>,
    /// A few words right beside the marked text.
    pub label: Option<String>,
    /// Other places in the same file that belong to it.
    pub also: Vec<(Place, String)>,
    /// Why, what to do, where was looked.
    pub notes: Vec<(NoteKind, String)>,
    /// How `check --fix` mends it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A problem without a place yet.
    #[must_use]
    pub fn new(code: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self {
            code,
            level,
            message: message.into(),
            file: None,
            place: None,
            label: None,
            also: Vec::new(),
            notes: Vec::new(),
            fix: None,
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn note(mut self, kind: NoteKind, text: impl Into<String>) -> Self {
        self.notes.push((kind, text.into()));
        self
    }

    /// The same, mended by these edits; with none of them, by nothing.
    #[must_use]
    pub fn fixed_by(mut self, edits: impl IntoIterator<Item = Edit>) -> Self {
        let edits: Vec<Edit> = edits.into_iter().collect();
        self.fix = (!edits.is_empty()).then_some(Fix::Edits(edits));
        self
    }

    /// The same with a few words beside the marked text.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }
}
