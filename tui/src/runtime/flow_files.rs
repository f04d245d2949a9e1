//! Files that flows go into and come from. New files are ours alone, none is written over another one, and none has its name
//! before it is complete.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use mcp_proxy_core::config::edit::replace::{create_new_private, create_private};

use super::work::{Stopped, Talk};
use crate::recording::{Reading, Recording};
use crate::widgets::number;

/// The largest recording that is read.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes of a line that are read: flows of several rounds with the largest frames have fewer.
const MAX_LINE: usize = 256 << 20;
/// Bytes read and written at once.
const CHUNK: usize = 256 * 1024;

/// The path a person typed: `~/` is their home.
pub(super) fn path(typed: &str) -> PathBuf {
    match (typed.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(typed),
    }
}

fn taken(path: &Path) -> String {
    format!("{} is there already: choose another name", path.display())
}

/// Makes a new file only we may read.
///
/// # Errors
/// Why there is none.
pub(super) fn create(path: &Path) -> Result<File, String> {
    create_new_private(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => taken(path),
        _ => format!("{} cannot be made: {}", path.display(), why(&e)),
    })
}

/// A file that is being written under another name; dropping it before it is complete leaves nothing.
pub(super) struct NewFile {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
    n_bytes: u64,
}

impl NewFile {
    /// Begins the file of this name.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn begin(typed: &str) -> Result<Self, String> {
        let path = path(typed);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(taken(&path));
        }
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".{}.part", std::process::id()));
        let beside = PathBuf::from(beside);
        let file = create_private(&beside).map_err(|e| format!("{} cannot be made: {}", path.display(), why(&e)))?;
        Ok(Self { path, beside, file: BufWriter::with_capacity(CHUNK, file), n_bytes: 0 })
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("{} could not be written: {}", self.path.display(), why(error))
    }

    /// Writes more of it.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn write(&mut self, text: &str) -> Result<(), String> {
        self.n_bytes += text.len() as u64;
        self.file.write_all(text.as_bytes()).map_err(|e| self.failed(&e))
    }

    /// It is complete, and gets its name. Says so.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn finish(&mut self) -> Result<String, String> {
        self.file.flush().map_err(|e| self.failed(&e))?;
        self.name().map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => taken(&self.path),
            _ => self.failed(&e),
        })?;
        Ok(format!("written to {}, {}", self.path.display(), number::size(self.n_bytes)))
    }

    /// A name of its own, not in the place of another file that has come meanwhile.
    fn name(&self) -> io::Result<()> {
        match fs::hard_link(&self.beside, &self.path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists && fs::symlink_metadata(&self.path).is_err() => {
                // Not every file system has links.
                fs::rename(&self.beside, &self.path)
            }
            linked => linked,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // The other name is gone already if it was renamed.
        let _ = fs::remove_file(&self.beside);
    }
}

/// Reads a recording.
pub(super) fn read(typed: &str, talk: &mut Talk) -> Result<Result<Recording, String>, Stopped> {
    let path = path(typed);
    let shown = path.display();
    let file = match open(&path) {
        Ok(file) => file,
        Err(why) => return Ok(Err(format!("{shown} {why}"))),
    };
    let len = file.metadata().map_or(0, |m| m.len());
    if len > MAX_BYTES {
        return Ok(Err(format!("{shown} is larger than 1 GiB")));
    }
    // It may grow meanwhile.
    let mut bytes = BufReader::with_capacity(CHUNK, file.take(MAX_BYTES));
    let (mut line, mut n_read, mut reading) = (Vec::new(), 0, Reading::default());
    loop {
        talk.is_at(n_read, len)?;
        let chunk = match bytes.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) => return Ok(Err(format!("{shown} cannot be read: {}", why(&e)))),
        };
        let end = memchr::memchr(b'\n', chunk);
        let n = end.map_or(chunk.len(), |at| at + 1);
        // Of a line that is too long the beginning is enough to see that it is none.
        line.extend_from_slice(&chunk[..n.min(MAX_LINE.saturating_sub(line.len()))]);
        bytes.consume(n);
        n_read += n as u64;
        if end.is_none() && n > 0 {
            continue;
        }
        let is_last = n == 0;
        if !(is_last && line.is_empty()) {
            let text = String::from_utf8_lossy(&line);
            if let Err(why) = reading.line(text.trim_end_matches(['\r', '\n'])) {
                return Ok(Err(format!("{shown} is no recording: {why}")));
            }
        }
        line.clear();
        if is_last {
            break;
        }
    }
    Ok(reading.done().map_err(|why| format!("{shown} is no recording: {why}")))
}

/// Opens a file; another thing could be waited for, for ever.
fn open(path: &Path) -> Result<File, String> {
    let unread = |e: io::Error| format!("cannot be read: {}", why(&e));
    if !fs::metadata(path).map_err(unread)?.is_file() {
        return Err("is no file with a recording".to_owned());
    }
    File::open(path).map_err(unread)
}

/// What the system says, without its number.
fn why(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("mcp-proxy-files-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            Self(folder)
        }

        fn typed(&self, name: &str) -> String {
            self.0.join(name).to_str().expect("a plain name").to_owned()
        }

        fn names(&self) -> Vec<String> {
            let all = fs::read_dir(&self.0).expect("ours").flatten();
            all.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_ours_and_never_written_over() {
        let folder = Folder::new("new");
        let typed = folder.typed("a.jsonl");
        let (mut talk, stop) = Talk::for_test();
        let text = recording::header() + &recording::line(&crate::sample::echo(), None);
        let mut file = NewFile::begin(&typed).expect("a new file");
        file.write(&text).expect("written");
        assert!(fs::symlink_metadata(&typed).is_err(), "it has no name before it is complete");
        assert!(file.finish().expect("complete").contains(&typed));
        drop(file);
        assert_eq!(folder.names(), ["a.jsonl"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&typed).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(NewFile::begin(&typed).err().expect("it is there").contains("choose another name"));
        let mut read = |name: &str| read(name, &mut talk).expect("not stopped");
        assert_eq!(read(&typed).expect("a recording").len(), 1);
        fs::write(folder.typed("b"), [0xff, 0, b'{']).expect("written");
        assert!(read(&folder.typed("b")).expect_err("no recording").contains("is no recording"));
        assert!(read(&folder.typed("")).expect_err("a folder").contains("is no file"));
        assert!(read("/nowhere/at/all").expect_err("not there").contains("cannot be read"));
        stop.cancel();
        assert_eq!(super::read(&typed, &mut talk).err(), Some(Stopped));
    }

    #[test]
    fn what_is_given_up_leaves_nothing_and_takes_no_name_from_another() {
        let folder = Folder::new("part");
        let typed = folder.typed("a.jsonl");
        let mut file = NewFile::begin(&typed).expect("a new file");
        file.write("half").expect("written");
        drop(file);
        assert!(folder.names().is_empty());
        let mut file = NewFile::begin(&typed).expect("a new file");
        file.write("late").expect("written");
        fs::write(&typed, "first").expect("written");
        assert!(file.finish().expect_err("somebody was faster").contains("choose another name"));
        drop(file);
        assert_eq!(
            (folder.names(), fs::read_to_string(&typed).expect("there")),
            (vec!["a.jsonl".to_owned()], "first".to_owned())
        );
    }
}
