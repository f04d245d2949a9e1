//! Puts bytes in the place of a file so that nobody ever sees half of them, and none are lost: written beside it, flushed,
//! renamed over it, read again. A link stays a link: what it leads to is written. Mode and owner stay.
//!
//! [`Seen`] is the file as it was when it was read; it is replaced only while it still is that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::backup;

/// A client's file keeps its projects' history too; more than this is no file to be read at once.
pub const MAX_BYTES: u64 = 32 << 20;

/// A byte order mark.
const MARK: &str = "\u{feff}";

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The system says no.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// It is no file of text.
    #[error("`{}` is {found}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// It is too long.
    #[error("`{}` is longer than {} MiB", path.display(), MAX_BYTES >> 20)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Somebody said that it is not to be written.
    #[error("`{}` is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// It is not what it was when it was read.
    #[error("`{}` was changed by somebody else in the meantime", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As it was asked for.
    pub path: PathBuf,
    /// What is read and written: the same, or what the link leads to.
    target: PathBuf,
    /// Its bytes; `None` if there is no such file.
    pub bytes: Option<Vec<u8>>,
}

impl Seen {
    /// Reads a file; there may be none.
    ///
    /// # Errors
    /// When there is something that cannot be read.
    pub fn read(path: &Path) -> Result<Self, ReplaceError> {
        let failed = |source| ReplaceError::Io { doing: "read", path: path.to_owned(), source };
        let kind = |found| ReplaceError::Kind { path: path.to_owned(), found };
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound) => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(kind("a link that leads nowhere"));
                }
                return Ok(Self { path: path.to_owned(), target: path.to_owned(), bytes: None });
            }
            Err(e) => return Err(failed(e)),
        };
        let meta = fs::metadata(&target).map_err(failed)?;
        if meta.is_dir() {
            return Err(kind("a folder"));
        }
        if !meta.is_file() {
            return Err(kind("no regular file"));
        }
        let mut bytes = Vec::new();
        File::open(&target).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ReplaceError::TooLong { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), target, bytes: Some(bytes) })
    }

    /// A file that holds these bytes, without a look at it: it is replaced only if it does.
    #[must_use]
    pub fn holding(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), target: path.to_owned(), bytes: Some(bytes) }
    }

    /// The hash of its bytes; `None` if there is no such file.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        self.bytes.as_deref().map(digest)
    }

    /// Whether nobody wants it to stay as it is.
    ///
    /// # Errors
    /// [`ReplaceError::ReadOnly`]
    pub fn check_writable(&self) -> Result<(), ReplaceError> {
        match fs::metadata(&self.target) {
            Ok(meta) if meta.permissions().readonly() => Err(ReplaceError::ReadOnly { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// Puts `bytes` in its place. A new file is for its owner only; folders on the way are made.
    ///
    /// # Errors
    /// When it is not what was read any more, or cannot be written: it is as it was then.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), ReplaceError> {
        let failed = |source| ReplaceError::Io { doing: "write", path: self.path.clone(), source };
        self.check_writable()?;
        let folder = self.target.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder.join(format!(".{name}.{}.mcp-proxy-new", std::process::id()));
        let written = self.write_beside(&beside, bytes).map_err(failed).and_then(|()| {
            // As late as can be: what comes between is lost, and it is microseconds.
            self.check_unchanged()?;
            fs::rename(&beside, &self.target).map_err(failed)
        });
        if let Err(error) = written {
            // The first problem is the one to be told.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        flush(folder);
        let again = Self::read(&self.path)?;
        if again.bytes.as_deref() == Some(bytes) {
            Ok(())
        } else {
            Err(ReplaceError::Changed { path: self.path.clone() })
        }
    }

    /// The same, after what was read has been put beside it ([`backup`]). Gives the path of that; `None` if there
    /// was no file.
    ///
    /// # Errors
    /// As [`Self::replace`]; also when the copy cannot be made.
    pub fn replace_keeping(&self, bytes: &[u8]) -> Result<Option<PathBuf>, ReplaceError> {
        self.check_writable()?;
        self.check_unchanged()?;
        let backup = self.bytes.as_deref().map(|old| backup::keep(&self.path, old)).transpose()?;
        self.replace(bytes)?;
        Ok(backup)
    }

    /// Its text without a byte order mark; empty if there is no file.
    ///
    /// # Errors
    /// When it is no text.
    pub fn text(&self) -> Result<&str, ReplaceError> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| ReplaceError::Kind { path: self.path.clone(), found: "no UTF-8 text" })?;
        Ok(text.strip_prefix(MARK).unwrap_or(text))
    }

    /// `text` as bytes of this file: with its byte order mark, if it has one.
    #[must_use]
    pub fn with_mark(&self, text: &str) -> Vec<u8> {
        let has_mark = self.bytes.as_deref().is_some_and(|b| b.starts_with(MARK.as_bytes()));
        [if has_mark { MARK } else { "" }.as_bytes(), text.as_bytes()].concat()
    }

    /// Takes the file away.
    ///
    /// # Errors
    /// When it is not what was read any more, or cannot be taken away.
    pub fn delete(&self) -> Result<(), ReplaceError> {
        self.check_unchanged()?;
        fs::remove_file(&self.target).map_err(|source| ReplaceError::Io {
            doing: "delete",
            path: self.path.clone(),
            source,
        })
    }

    fn check_unchanged(&self) -> Result<(), ReplaceError> {
        if Self::read(&self.path)?.bytes == self.bytes {
            return Ok(());
        }
        Err(ReplaceError::Changed { path: self.path.clone() })
    }

    fn write_beside(&self, beside: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = create_private(beside)?;
        file.write_all(bytes)?;
        keep_rights(&self.target, &file)?;
        file.sync_all()
    }
}

/// An empty file that only its owner may read, in the place of whatever somebody left behind who was ended in the middle.
///
/// # Errors
/// As the system; also when somebody else puts one there at the same moment.
pub fn create_private(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    create_new_private(path)
}

/// A new file that only its owner may read.
///
/// # Errors
/// As the system; when something of this name is there already.
pub fn create_new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a file one that only its owner may read.
///
/// # Errors
/// As the system.
pub fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The hash of a file's bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// So that the new name survives a crash too. Not every file system can.
fn flush(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Whoever could read or write the old file can do the same with the new one.
fn keep_rights(old: &Path, new: &File) -> io::Result<()> {
    keep_owner(old, new)?;
    fs::metadata(old).map_or(Ok(()), |old| new.set_permissions(old.permissions()))
}

/// The new file belongs to whom the old one does: an administrator may write for a service.
#[cfg(unix)]
pub(crate) fn keep_owner(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let Ok(old) = fs::metadata(old) else { return Ok(()) };
    let now = new.metadata()?;
    let is_other = (old.uid(), old.gid()) != (now.uid(), now.gid());
    // Only the administrator can give a file away; a group of our own, everybody.
    match is_other.then(|| fchown(new, Some(old.uid()), Some(old.gid()))) {
        Some(Err(e)) if old.uid() != now.uid() => Err(e),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_owner(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.json");
        (dir, path)
    }

    fn n_files(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_file_is_made_replaced_and_taken_away() {
        let (dir, _) = world();
        let path = dir.path().join("a/b/file.json");
        let seen = Seen::read(&path).unwrap();
        assert_eq!(seen.bytes, None);
        seen.replace(b"one").unwrap();
        Seen::read(&path).unwrap().replace(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        Seen::read(&path).unwrap().delete().unwrap();
        assert_eq!(n_files(path.parent().unwrap()), 0);
    }

    #[test]
    fn what_was_changed_meanwhile_is_not_replaced() {
        let (dir, path) = world();
        fs::write(&path, "one").unwrap();
        let seen = Seen::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(seen.replace(b"ours"), Err(ReplaceError::Changed { .. })));
        assert!(matches!(seen.delete(), Err(ReplaceError::Changed { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(n_files(dir.path()), 1, "nothing is left behind");

        let (_dir, path) = world();
        let nothing = Seen::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(nothing.replace(b"ours"), Err(ReplaceError::Changed { .. })));
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let (dir, path) = world();
        assert!(matches!(Seen::read(dir.path()), Err(ReplaceError::Kind { .. })));
        fs::write(&path, vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1]).unwrap();
        assert!(matches!(Seen::read(&path), Err(ReplaceError::TooLong { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_modes_and_read_only_files_stay_what_they_are() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let (dir, path) = world();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        Seen::read(&path).unwrap().replace(b"one").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        Seen::read(&link).unwrap().replace(b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (b"two".as_slice(), 0o640));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(Seen::read(&link).unwrap().replace(b"x"), Err(ReplaceError::ReadOnly { .. })));
        let (nowhere, around) = (dir.path().join("nowhere"), dir.path().join("around"));
        symlink(dir.path().join("missing"), &nowhere).unwrap();
        symlink(&around, &around).unwrap();
        assert!(matches!(Seen::read(&nowhere), Err(ReplaceError::Kind { .. })));
        assert!(matches!(Seen::read(&around), Err(ReplaceError::Io { .. })));
    }
}
