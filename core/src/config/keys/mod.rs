//! Every key a configuration may have, in one table: what is no key of ours is found against it, and so is the key that was
//! meant; `mcp-proxy schema` ([`schema`]) and `docs/config.md` ([`page`]) are made of it, and whoever completes what is typed asks [`below`].
//!
//! The table says what a value looks like; the values themselves are read in `build/`, and a test holds both against each other. Plain
//! data, no I/O.

mod foreign;
mod page;
mod schema;
mod server;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use foreign::{CLIENTS_OWN, FOREIGN, nearest};
pub use page::page;
pub use schema::schema;
pub use server::{AUTH, NOT_IN_DEFAULTS, SERVER};
pub use table::{MONITORING, PROFILE, RATE_LIMITING, ROOT, RULE, TOKEN};

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What belongs under it.
    pub kind: Kind,
    /// What counts if it is missing, as JSON or plain text; `None`: nothing.
    pub default: Option<&'static str>,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
    /// Whether this version does what it says.
    pub state: State,
}

/// What belongs under a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text; numbers and truth values count as the text they are written as.
    Text,
    /// The path of a file or folder; a relative one starts at the folder of the configuration, `~/` is the home directory.
    Path,
    /// `true` or `false`.
    Truth,
    /// A whole number within bounds.
    Number {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A span of time: `500ms`, `30s`, `5m`; a bare number is seconds.
    Duration,
    /// Two spans of time: `1s..30s`.
    Durations,
    /// Bytes: `16MiB`, `1MB`, `10KiB`, or a number.
    Size,
    /// One of these words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// A list.
    List(&'static Self),
    /// A map with names the user chose.
    Map(&'static Self),
    /// A map with these keys.
    Section(&'static [Key]),
    /// The keys of a server that make sense for all of them.
    Defaults,
    /// One of these.
    Either(&'static [Self]),
    /// Anything: it is another program's.
    Foreign,
}

/// Whether this version does what a key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Works,
    /// Not yet: the key is refused by name, unless its value says what happens anyway: nothing, or one of these words.
    NotYet(&'static [&'static str]),
    /// Another name for this key.
    Alias(&'static str),
    /// It is for other programs, and skipped.
    Ignored,
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, default: None, doc, state: State::Works }
}

impl Key {
    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn not_yet(self, idle: &'static [&'static str]) -> Self {
        Self { state: State::NotYet(idle), ..self }
    }

    const fn alias(self, of: &'static str) -> Self {
        Self { state: State::Alias(of), ..self }
    }

    const fn ignored(self) -> Self {
        Self { state: State::Ignored, ..self }
    }
}

impl Kind {
    /// The keys of a map of this kind; empty where they are the user's, or there are none.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static Key> {
        match self {
            Self::Section(keys) => keys.iter().collect(),
            Self::Defaults => SERVER.iter().filter(|k| !NOT_IN_DEFAULTS.contains(&k.name)).collect(),
            Self::Either(kinds) => kinds.iter().flat_map(Self::keys).collect(),
            _ => Vec::new(),
        }
    }

    /// What a value looks like, in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            // Its words have a place of their own.
            Self::Choice(_) => "one word".to_owned(),
            kind => page::words(*kind).replace('`', "").replace('–', " to "),
        }
    }

    /// The words a value may be, each with its meaning.
    #[must_use]
    pub fn choices(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Truth => vec![("true", ""), ("false", "")],
            Self::Either(kinds) => kinds.iter().flat_map(Self::choices).collect(),
            kind => page::choices(*kind).concat(),
        }
    }

    /// What belongs under `name` in a map of this kind.
    fn at(&self, name: &str) -> Option<Self> {
        match self {
            Self::Map(kind) => Some(**kind),
            Self::Either(kinds) => kinds.iter().find_map(|k| k.at(name)),
            _ => self.keys().into_iter().find(|k| k.name == name).map(|k| k.kind),
        }
    }
}

/// What belongs at `path`, as in `["servers", "github", "limits"]`; of a list, what its items are is under any name.
#[must_use]
pub fn kind_at(path: &[&str]) -> Option<Kind> {
    path.iter().try_fold(Kind::Section(ROOT), |kind, name| match kind {
        Kind::List(item) => Some(*item),
        kind => kind.at(name),
    })
}

/// The keys that may stand below `path`, for completion; empty where the names are the user's.
#[must_use]
pub fn below(path: &[&str]) -> Vec<&'static Key> {
    kind_at(path).map_or_else(Vec::new, |kind| kind.keys())
}

/// The key `path` ends in, if it is one of ours.
#[must_use]
pub fn find(path: &[&str]) -> Option<&'static Key> {
    let (name, above) = path.split_last()?;
    below(above).into_iter().find(|k| k.name == *name)
}
