//! What was changed in the user's files, so that it can be put back byte for byte: one record an operation in the state folder,
//! with the bytes that were there before. Records and bytes are for their owner only. A file that is not as it was left is
//! never touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mcp_proxy_core::config::edit::replace::{ReplaceError, Seen, digest};
use mcp_proxy_core::config::{Environment, state_dir};
use serde::{Deserialize, Serialize};

/// Written into each record; another number is not read.
const FORMAT: u32 = 1;
/// Operations that can be undone, one after the other. Older ones are forgotten, and what they kept.
const N_KEPT: usize = 50;

/// Why something was not changed, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no place for it.
    #[error("there is no folder for backups: neither XDG_STATE_HOME nor HOME is set")]
    NoFolder,
    /// The records cannot be read or written.
    #[error("the backups in `{}` cannot be used: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else is at it.
    #[error("another mcp-proxy is changing files right now")]
    Locked,
    /// A file of the user.
    #[error(transparent)]
    File(#[from] ReplaceError),
    /// Nothing was changed, or all of it was undone.
    #[error("there is nothing to undo")]
    Nothing,
    /// Files are not as they were left.
    #[error("changed since: {}", paths.iter().map(|p| format!("`{}`", p.display())).collect::<Vec<_>>().join(", "))]
    ChangedSince {
        /// Those files.
        paths: Vec<PathBuf>,
        /// Where the bytes of before are.
        kept: Vec<PathBuf>,
    },
}

/// One file of an operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRecord {
    /// The file.
    pub path: PathBuf,
    /// Hash of what was there; `None`: nothing was.
    before: Option<String>,
    /// Hash of what is there now; `None`: nothing is.
    after: Option<String>,
    /// Names of entries that were taken out beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<String>,
}

/// One operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    /// The command: `install`.
    pub what: String,
    /// Seconds since 1970.
    pub at: u64,
    /// Its files, in the order they were changed.
    pub files: Vec<FileRecord>,
}

/// All that was changed.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// Held as long as this lives.
    _lock: fs::File,
}

/// An operation that is going on.
#[derive(Debug)]
pub struct Operation<'j> {
    journal: &'j Journal,
    number: u32,
    record: Record,
}

/// What undoing did to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is as it was.
    Restored,
    /// It was not there, and is not there again.
    Removed,
    /// It was as it was already.
    Untouched,
}

impl Journal {
    /// Opens it for writing: one process at a time.
    ///
    /// # Errors
    /// When there is no place for it, or somebody else has it.
    pub fn open(environment: &Environment) -> Result<Self, JournalError> {
        let dir = state_dir(environment).ok_or(JournalError::NoFolder)?.join("changes");
        let failed = |source| JournalError::Io { path: dir.clone(), source };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).map_err(failed)?;
        let lock = fs::OpenOptions::new().create(true).append(true).open(dir.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(JournalError::Locked),
            // A file system without locks: nobody else can have one.
            Err(fs::TryLockError::Error(_)) => {}
        }
        Ok(Self { dir, _lock: lock })
    }

    /// Where the bytes of before are kept.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins an operation; it is there as soon as its first file was changed.
    #[must_use]
    pub fn begin(&self, what: &str) -> Operation<'_> {
        let number = self.numbers().last().map_or(1, |n| n + 1);
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Operation {
            journal: self,
            number,
            record: Record { format: FORMAT, what: what.to_owned(), at, files: Vec::new() },
        }
    }

    /// The numbers of all records, oldest first.
    fn numbers(&self) -> Vec<u32> {
        let names = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|e| e.file_name());
        let number = |name: std::ffi::OsString| name.to_str()?.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u32> = names.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    fn record_path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:06}.json"))
    }

    fn kept_path(&self, number: u32, index: usize) -> PathBuf {
        self.dir.join(format!("{number:06}-{index}.before"))
    }

    fn read(&self, number: u32) -> Option<Record> {
        let record: Record = serde_json::from_slice(&fs::read(self.record_path(number)).ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    /// What a file held before the operation that left it with this hash; `None`: with none of it left.
    #[must_use]
    pub fn before(&self, what: &str, path: &Path, after: Option<&str>) -> Option<Option<Vec<u8>>> {
        self.numbers().into_iter().rev().find_map(|number| {
            let record = self.read(number).filter(|r| r.what == what)?;
            let index = record.files.iter().position(|f| f.path == path && f.after.as_deref() == after)?;
            self.kept(number, index, &record.files[index])
        })
    }

    /// What `install` took out of a file since the last `uninstall` there, newest first: the names, where the bytes are that had them,
    /// and those bytes if they are still what they were.
    #[must_use]
    pub fn taken(&self, path: &Path) -> Vec<(Vec<String>, PathBuf, Option<Vec<u8>>)> {
        let mut out = Vec::new();
        for number in self.numbers().into_iter().rev() {
            let Some(record) = self.read(number) else { continue };
            let Some(index) = record.files.iter().position(|f| f.path == path) else { continue };
            let file = &record.files[index];
            match record.what.as_str() {
                "uninstall" => break,
                "install" if !file.taken.is_empty() => {
                    let bytes = self.kept(number, index, file).flatten();
                    out.push((file.taken.clone(), self.kept_path(number, index), bytes));
                }
                _ => {}
            }
        }
        out
    }

    /// The bytes of before, if they are still what they were.
    fn kept(&self, number: u32, index: usize, file: &FileRecord) -> Option<Option<Vec<u8>>> {
        let Some(before) = &file.before else { return Some(None) };
        let bytes = fs::read(self.kept_path(number, index)).ok()?;
        (digest(&bytes) == *before).then_some(Some(bytes))
    }

    /// Puts back what the last operation changed, all of it or nothing.
    ///
    /// # Errors
    /// When there is none, or a file was changed since.
    pub fn undo(&self, is_dry: bool) -> Result<(Record, Vec<(PathBuf, Undone)>), JournalError> {
        let last = self.numbers().into_iter().rev().find_map(|n| Some((n, self.read(n)?)));
        let (number, record) = last.ok_or(JournalError::Nothing)?;
        let mut steps = Vec::new();
        let (mut changed, mut kept_at) = (Vec::new(), Vec::new());
        for (index, file) in record.files.iter().enumerate() {
            let seen = Seen::read(&file.path)?;
            let now = seen.digest();
            if now == file.before {
                steps.push((seen, None, Undone::Untouched));
                continue;
            }
            match self.kept(number, index, file).filter(|_| now == file.after) {
                Some(before) => {
                    let how = if before.is_some() { Undone::Restored } else { Undone::Removed };
                    steps.push((seen, before, how));
                }
                None => {
                    changed.push(file.path.clone());
                    kept_at.extend(file.before.is_some().then(|| self.kept_path(number, index)));
                }
            }
        }
        if !changed.is_empty() {
            return Err(JournalError::ChangedSince { paths: changed, kept: kept_at });
        }
        let mut done = Vec::new();
        for (seen, before, how) in steps {
            match (how, before) {
                _ if is_dry => {}
                (Undone::Restored, Some(bytes)) => seen.replace(&bytes)?,
                (Undone::Removed, _) => seen.delete()?,
                _ => {}
            }
            done.push((seen.path, how));
        }
        if !is_dry {
            self.forget(number);
        }
        Ok((record, done))
    }

    fn forget(&self, number: u32) {
        // The record first: without it the bytes mean nothing. What cannot be deleted is in nobody's way.
        let _ = fs::remove_file(self.record_path(number));
        let prefix = format!("{number:06}-");
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Operation<'_> {
    /// Changes one file: its bytes of before are kept first. `None` takes the file away.
    ///
    /// # Errors
    /// When the file, or the record of it, cannot be written; the file is as it was then.
    pub fn change(&mut self, seen: &Seen, after: Option<&[u8]>) -> Result<(), JournalError> {
        self.change_taking(seen, after, &[])
    }

    /// The same, and these entries of the file are not in it any more.
    ///
    /// # Errors
    /// As there.
    pub fn change_taking(&mut self, seen: &Seen, after: Option<&[u8]>, taken: &[String]) -> Result<(), JournalError> {
        seen.check_writable()?;
        let index = self.record.files.len();
        if let Some(bytes) = &seen.bytes {
            Seen::read(&self.journal.kept_path(self.number, index))?.replace(bytes)?;
        }
        let (path, taken) = (seen.path.clone(), taken.to_vec());
        let file = FileRecord { path, before: seen.digest(), after: after.map(digest), taken };
        self.record.files.push(file);
        self.write()?;
        let changed = match after {
            Some(bytes) => seen.replace(bytes),
            None => seen.delete(),
        };
        if let Err(error) = changed {
            self.record.files.pop();
            let _ = fs::remove_file(self.journal.kept_path(self.number, index));
            self.write()?;
            return Err(error.into());
        }
        Ok(())
    }

    fn write(&self) -> Result<(), JournalError> {
        let path = self.journal.record_path(self.number);
        if self.record.files.is_empty() {
            // It may never have been there.
            let _ = fs::remove_file(&path);
            return Ok(());
        }
        let failed = |source: io::Error| JournalError::Io { path: self.journal.dir.clone(), source };
        let text = serde_json::to_vec_pretty(&self.record).map_err(|e| failed(e.into()))?;
        Seen::read(&path)?.replace(&text)?;
        let numbers = self.journal.numbers();
        for old in &numbers[..numbers.len().saturating_sub(N_KEPT)] {
            self.journal.forget(*old);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (tempfile::TempDir, Journal, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let environment = Environment::empty().with_home(dir.path());
        let journal = Journal::open(&environment).expect("opens");
        let file = dir.path().join("file.json");
        (dir, journal, file)
    }

    fn change(operation: &mut Operation<'_>, path: &Path, after: Option<&str>) {
        operation.change(&Seen::read(path).expect("read"), after.map(str::as_bytes)).expect("changed");
    }

    #[test]
    fn operations_are_undone_one_after_the_other() {
        let (dir, journal, file) = world();
        let new = dir.path().join("new.json");
        fs::write(&file, "one\r\n").expect("written");
        let mut first = journal.begin("install");
        change(&mut first, &file, Some("two"));
        change(&mut first, &new, Some("made"));
        change(&mut journal.begin("uninstall"), &file, None);
        assert!(!file.exists());
        let (record, done) = journal.undo(false).expect("undone");
        assert_eq!((record.what.as_str(), done), ("uninstall", vec![(file.clone(), Undone::Restored)]));
        assert_eq!(fs::read(&file).expect("there"), b"two");
        let (_, done) = journal.undo(true).expect("would be undone");
        assert_eq!(done, [(file.clone(), Undone::Restored), (new.clone(), Undone::Removed)]);
        assert!(new.exists());
        journal.undo(false).expect("undone");
        assert_eq!(fs::read(&file).expect("there"), b"one\r\n");
        assert!(!new.exists());
        assert!(matches!(journal.undo(false), Err(JournalError::Nothing)));
        assert_eq!(fs::read_dir(journal.dir()).expect("there").count(), 1, "only the lock is left");
    }

    #[test]
    fn what_was_changed_since_is_not_touched_and_neither_are_the_others() {
        let (dir, journal, file) = world();
        let other = dir.path().join("other");
        fs::write(&file, "one").expect("written");
        fs::write(&other, "one").expect("written");
        let mut operation = journal.begin("install");
        change(&mut operation, &file, Some("two"));
        change(&mut operation, &other, Some("two"));
        fs::write(&other, "theirs").expect("written");
        let Err(JournalError::ChangedSince { paths, kept }) = journal.undo(false) else { panic!("refused") };
        assert_eq!(paths, std::slice::from_ref(&other));
        assert_eq!(fs::read(&kept[0]).expect("kept"), b"one");
        assert_eq!(
            (fs::read(&file).expect("there"), fs::read(&other).expect("there")),
            (b"two".into(), b"theirs".into())
        );
        // Put back by hand: there is nothing left to do with it.
        fs::write(&other, "one").expect("written");
        let (_, done) = journal.undo(false).expect("undone");
        assert_eq!(done[1], (other, Undone::Untouched));
        assert_eq!(fs::read(&file).expect("there"), b"one");
    }

    #[test]
    fn a_change_that_fails_leaves_no_record() {
        let (_dir, journal, file) = world();
        fs::write(&file, "one").expect("written");
        let seen = Seen::read(&file).expect("read");
        fs::write(&file, "theirs").expect("written");
        let mut operation = journal.begin("install");
        assert!(matches!(operation.change(&seen, Some(b"x")), Err(JournalError::File(ReplaceError::Changed { .. }))));
        assert!(matches!(journal.undo(false), Err(JournalError::Nothing)));
        assert_eq!(fs::read(&file).expect("there"), b"theirs");
    }

    #[test]
    fn only_one_changes_files_at_a_time_and_the_last_ones_are_kept() {
        let (dir, journal, file) = world();
        let environment = Environment::empty().with_home(dir.path());
        assert!(matches!(Journal::open(&environment), Err(JournalError::Locked)));
        for i in 0..N_KEPT + 5 {
            change(&mut journal.begin("install"), &file, Some(&i.to_string()));
        }
        assert_eq!(journal.numbers().len(), N_KEPT);
        let seen = Seen::read(&file).expect("read");
        assert_eq!(
            journal.before("install", &seen.path, seen.digest().as_deref()),
            Some(Some((N_KEPT + 3).to_string().into_bytes()))
        );
        assert_eq!(journal.before("import", &seen.path, seen.digest().as_deref()), None);
    }
}
