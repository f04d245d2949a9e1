//! Files that flows go into and come from. New files are ours alone, and none is written over another one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::recording::{self, Recording};
use crate::widgets::number;

/// The largest recording that is read.
const MAX_BYTES: u64 = 1 << 30;

/// The path a person typed: `~/` is their home.
pub(super) fn path(typed: &str) -> PathBuf {
    match (typed.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(typed),
    }
}

/// Makes a new file only we may read.
///
/// # Errors
/// Why there is none.
pub(super) fn create(path: &Path) -> Result<File, String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => format!("{} is there already: choose another name", path.display()),
        _ => format!("{} cannot be made: {e}", path.display()),
    })
}

/// Writes a new file, and says so.
pub(super) fn write(typed: &str, text: &str) -> Result<String, String> {
    let path = path(typed);
    let mut file = create(&path)?;
    file.write_all(text.as_bytes()).map_err(|e| {
        // Half a file helps nobody.
        let _ = std::fs::remove_file(&path);
        format!("{} could not be written: {e}", path.display())
    })?;
    Ok(format!("written to {}, {} B", path.display(), number::bytes(text.len() as u64)))
}

/// Reads a recording.
pub(super) fn read(typed: &str) -> Result<Recording, String> {
    let path = path(typed);
    let shown = path.display();
    // Another one could be waited for, for ever.
    if !std::fs::metadata(&path).map_err(|e| format!("{shown} cannot be read: {e}"))?.is_file() {
        return Err(format!("{shown} is no file with a recording"));
    }
    let file = File::open(&path).map_err(|e| format!("{shown} cannot be read: {e}"))?;
    let is_large = file.metadata().is_ok_and(|m| m.len() > MAX_BYTES);
    if is_large {
        return Err(format!("{shown} is larger than 1 GiB"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| format!("{shown} cannot be read: {e}"))?;
    recording::read(&String::from_utf8_lossy(&bytes)).map_err(|why| format!("{shown} is no recording: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ours_and_never_written_over() {
        let folder = std::env::temp_dir().join(format!("mcp-proxy-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("a.jsonl");
        let typed = file.to_str().expect("a plain name");
        let text = recording::header() + &recording::line(&crate::sample::echo(), None);
        assert!(write(typed, &text).expect("written").contains(typed));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(write(typed, "x").expect_err("it is there").contains("choose another name"));
        assert_eq!(read(typed).expect("a recording").len(), 1);
        let other = folder.join("b");
        std::fs::write(&other, [0xff, 0, b'{']).expect("written");
        assert!(read(other.to_str().expect("a plain name")).expect_err("no recording").contains("is no recording"));
        assert!(read("/nowhere/at/all").expect_err("not there").contains("cannot be read"));
        std::fs::remove_dir_all(&folder).expect("ours");
    }
}
