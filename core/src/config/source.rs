//! The texts a configuration was read from, and how they are read: never more than [`MAX_FILE_BYTES`], never from a pipe
//! that would make us wait. Text of files that hold nothing but secrets is not kept, so it cannot be shown.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::diagnostic::{Diagnostic, Place, Span};
use crate::protocol::floor_char;

/// A configuration of a thousand servers has a few hundred kilobytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, or a few words for what is none (`environment variable MCP_PROXY__PORT`).
    pub path: PathBuf,
    /// Its text; `None` if it must not be shown.
    pub text: Option<String>,
    /// What stands for each of its values in messages, if the text must not be shown.
    pub(crate) stand_in: &'static str,
    /// Parts of the text that are secret whatever stands around them.
    covered: Vec<(usize, usize)>,
    /// First byte of every line.
    line_starts: Vec<usize>,
}

/// All texts of one load; the index is [`Span::source`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text that may be shown; gives its index.
    pub(crate) fn add(&mut self, path: &Path, text: &str) -> usize {
        self.push(path, Some(text))
    }

    /// Adds something whose text is not kept; messages say `stand_in` for its values.
    pub(crate) fn add_hidden(&mut self, path: &Path, stand_in: &'static str) -> usize {
        let index = self.push(path, None);
        self.0[index].stand_in = stand_in;
        index
    }

    fn push(&mut self, path: &Path, text: Option<&str>) -> usize {
        let text = text.map(str::to_owned);
        let newlines = text.iter().flat_map(|t| t.bytes().enumerate()).filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        self.0.push(Source { path: path.to_owned(), text, stand_in: "", covered: Vec::new(), line_starts });
        self.0.len() - 1
    }

    /// Says that what stands at `span` is secret.
    pub(crate) fn cover(&mut self, span: Span) {
        if let Some(source) = self.0.get_mut(span.source) {
            source.covered.push((span.start, span.end));
        }
    }

    /// Whether what stands at `span` is secret.
    pub(crate) fn is_covered(&self, span: Span) -> bool {
        let source = self.0.get(span.source);
        source.is_some_and(|s| s.covered.iter().any(|(start, end)| *start < span.end && *end > span.start))
    }

    /// The source of that index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Source> {
        self.0.get(index)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// Where `span` is, for people; `None` if the text is not kept.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<Place> {
        let source = self.get(span.source)?;
        let text = source.text.as_deref()?;
        let (line, column) = source.line_column(text, span.start);
        let (end_line, end_column) = source.line_column(text, span.end.max(span.start));
        Some(Place { span, line, column, end_line, end_column })
    }

    /// `line:column` of `span`, or the name of its source if there is none.
    pub(crate) fn short(&self, span: Span) -> String {
        match (self.place(span), self.get(span.source)) {
            (Some(place), _) => format!("{}:{}", place.line, place.column),
            (None, Some(source)) => source.path.display().to_string(),
            (None, None) => "?".to_owned(),
        }
    }

    /// Puts file and place into a diagnostic.
    pub(crate) fn locate(&self, mut diagnostic: Diagnostic, span: Span) -> Diagnostic {
        diagnostic.file = self.get(span.source).map(|s| s.path.clone());
        diagnostic.place = self.place(span);
        diagnostic
    }
}

impl Source {
    fn line_column(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = floor_char(text, offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = text.get(start..offset).map_or(0, |t| t.chars().count()) + 1;
        (line, column)
    }

    /// The parts of `range` that are secret, from its beginning.
    pub(crate) fn covered_in(&self, range: &std::ops::Range<usize>) -> Vec<(usize, usize)> {
        let near = self.covered.iter().filter(|(start, end)| *start < range.end && *end > range.start);
        near.map(|(start, end)| (start.saturating_sub(range.start), (end - range.start).min(range.len()))).collect()
    }

    /// Byte range of a line counted from 1, without its line end.
    pub(crate) fn line_range(&self, line: usize) -> Option<std::ops::Range<usize>> {
        let text = self.text.as_deref()?;
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let end = self.line_starts.get(line).map_or(text.len(), |next| next - 1);
        Some(start..end)
    }
}

/// A file that was read, or looked for: a change of it may change the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSeen {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// It could be read.
    pub is_read: bool,
    limit: u64,
    /// Of its text, or of the reason why there is none.
    digest: u64,
    /// What the system said of it; `None` where it may have been written since without another word: clocks of file systems
    /// are coarse.
    stamp: Option<Stamp>,
}

/// What the system says of a file: the same stamp, the same contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    n_bytes: u64,
    /// Device, inode and time of the last change of either, where there are such things.
    identity: (u64, u64, i64, i64),
}

/// A file that was written less than this before it was looked at may be written again at the same time by its clock.
const CLOCK_STEP: Duration = Duration::from_secs(2);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt as _;
            (meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0, 0);
        Some(Self { modified: meta.modified().ok()?, n_bytes: meta.len(), identity })
    }

    /// Whether whoever writes the file after `looked` leaves another stamp.
    fn is_settled(&self, looked: SystemTime) -> bool {
        looked.duration_since(self.modified).is_ok_and(|age| age > CLOCK_STEP)
    }
}

impl FileSeen {
    /// Reads a file and notes what was seen.
    pub(crate) fn read(path: &Path, limit: u64) -> (Result<String, ReadError>, Self) {
        let (stamp, looked) = (Stamp::of(path), SystemTime::now());
        let text = read_text(path, limit);
        let mut hasher = DefaultHasher::new();
        match &text {
            Ok(text) => text.hash(&mut hasher),
            Err(error) => error.to_string().hash(&mut hasher),
        }
        // What was written while it was read has another one now.
        let stamp = stamp.filter(|s| s.is_settled(looked) && Stamp::of(path).as_ref() == Some(s));
        let seen = Self { path: path.to_owned(), is_read: text.is_ok(), limit, digest: hasher.finish(), stamp };
        (text, seen)
    }

    /// The same file as it is now. It is read only if the system says something else of it than last time.
    pub(crate) fn again(&self) -> Self {
        match self.stamp {
            Some(stamp) if self.is_read && Stamp::of(&self.path) == Some(stamp) => self.clone(),
            _ => Self::read(&self.path, self.limit).1,
        }
    }

    /// Whether it was read with the same outcome.
    pub(crate) fn holds_the_same(&self, other: &Self) -> bool {
        (&self.path, self.is_read, self.digest) == (&other.path, other.is_read, other.digest)
    }
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("is a directory")]
    Directory,
    #[error("is not a regular file")]
    Special,
    #[error("it is a link that leads nowhere")]
    LinkToNothing,
    #[error("its links lead around in a circle")]
    LinksInCircle,
    #[error("is {0} bytes long; the limit is {limit} MiB", limit = MAX_FILE_BYTES >> 20)]
    TooLong(u64),
    #[error("is longer than {0} bytes")]
    OverLimit(u64),
    #[error("is not UTF-8 text (byte {0})")]
    NotText(usize),
    #[error("{}", reason(.0))]
    Io(#[from] io::Error),
}

impl ReadError {
    /// There is no such file, or no folder where it would be.
    pub(crate) fn is_missing(&self) -> bool {
        let missing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        match self {
            Self::Io(e) => missing.contains(&e.kind()),
            Self::LinkToNothing => true,
            _ => false,
        }
    }
}

/// Why nothing can be said of what is at `path`.
fn unseen(path: &Path, error: io::Error) -> ReadError {
    let is_link = || path.symlink_metadata().is_ok_and(|m| m.is_symlink());
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return ReadError::LinksInCircle;
    }
    if error.kind() == io::ErrorKind::NotFound && is_link() {
        return ReadError::LinkToNothing;
    }
    error.into()
}

/// What the operating system said, without its number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

/// Reads a text file of at most `limit` bytes, a byte order mark removed. Opens regular files only: a pipe would block.
fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let meta = fs::metadata(path).map_err(|e| unseen(path, e))?;
    if meta.is_dir() {
        return Err(ReadError::Directory);
    }
    if !meta.is_file() {
        return Err(ReadError::Special);
    }
    let too_long = |n| if limit == MAX_FILE_BYTES { ReadError::TooLong(n) } else { ReadError::OverLimit(limit) };
    if meta.len() > limit {
        return Err(too_long(meta.len()));
    }
    // Files of /proc say 0 and may be endless, and a file may grow: the limit holds for what is read, too.
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(bytes.len() as u64));
    }
    let mut text = String::from_utf8(bytes).map_err(|e| ReadError::NotText(e.utf8_error().valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
