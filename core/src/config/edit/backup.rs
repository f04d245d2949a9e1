//! Keeps what a file held before it is replaced: beside it, for its owner only. The newest is `NAME.bak`, the one before
//! `NAME.bak.2` and so on; there are a few of them, and the oldest goes when they are full.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::replace::{ReplaceError, create_private, make_private};

/// Old files kept beside one: who saves ten times on the way to a working file still has the one that worked.
const N_KEPT: usize = 10;

/// Puts `old` beside the file at `path`, and gives where. What is the newest there already is not kept twice.
///
/// # Errors
/// When it cannot be written, or what is there cannot be moved on; nothing is lost then.
pub fn keep(path: &Path, old: &[u8]) -> Result<PathBuf, ReplaceError> {
    let newest = beside(path, 1);
    if is_kept(&newest, old) {
        // Whoever made it.
        make_private(&newest).map_err(|source| ReplaceError::Io { doing: "protect", path: newest.clone(), source })?;
        return Ok(newest);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = path.with_file_name(format!(".{name}.bak.{}.mcp-proxy-new", std::process::id()));
    write(&half, old).and_then(|()| make_room(path)).and_then(|()| fs::rename(&half, &newest)).map_err(|source| {
        // The first problem is the one to be told.
        let _ = fs::remove_file(&half);
        ReplaceError::Io { doing: "write", path: newest.clone(), source }
    })?;
    Ok(newest)
}

/// What is kept beside the file at `path`, the newest first.
pub fn kept(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=N_KEPT).map(|n| beside(path, n)).filter(|kept| kept.is_file())
}

/// The `n`th newest.
fn beside(path: &Path, n: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(if n == 1 { format!("{name}.bak") } else { format!("{name}.bak.{n}") })
}

/// Moves what is kept one place on, as far as the first place that is free.
fn make_room(path: &Path) -> io::Result<()> {
    let is_free = |n: &usize| fs::symlink_metadata(beside(path, *n)).is_err();
    let free = (1..N_KEPT).find(is_free).unwrap_or(N_KEPT);
    (1..free).rev().try_for_each(|n| fs::rename(beside(path, n), beside(path, n + 1)))
}

/// Whether the file at `path` is one, and holds just this. What only leads to a file is none.
fn is_kept(path: &Path, old: &[u8]) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == old.len() as u64)
        && fs::read(path).is_ok_and(|kept| kept == old)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &Path) -> Vec<String> {
        kept(path).map(|kept| fs::read_to_string(kept).unwrap()).collect()
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        assert_eq!(keep(&path, b"1").unwrap(), dir.path().join("config.yaml.bak"));
        keep(&path, b"2").unwrap();
        keep(&path, b"2").unwrap();
        assert_eq!(texts(&path), ["2", "1"], "nothing twice in a row");
        for n in 3..=N_KEPT + 2 {
            keep(&path, n.to_string().as_bytes()).unwrap();
        }
        let wanted: Vec<String> = (3..=N_KEPT + 2).rev().map(|n| n.to_string()).collect();
        assert_eq!(texts(&path), wanted);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), N_KEPT, "nothing half done is left");
    }

    #[test]
    fn a_gap_is_filled_before_anything_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        for n in 1..=4 {
            keep(&path, n.to_string().as_bytes()).unwrap();
        }
        fs::remove_file(beside(&path, 3)).unwrap();
        keep(&path, b"5").unwrap();
        assert_eq!(texts(&path), ["5", "4", "3", "1"]);
    }

    #[test]
    fn what_cannot_be_kept_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no-such-folder/config.yaml");
        assert!(matches!(keep(&path, b"1"), Err(ReplaceError::Io { doing: "write", .. })));
    }

    #[cfg(unix)]
    #[test]
    fn is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(beside(&path, 1), "older").unwrap();
        fs::set_permissions(beside(&path, 1), fs::Permissions::from_mode(0o644)).unwrap();
        let made = keep(&path, b"old").unwrap();
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(texts(&path), ["old", "older"]);
        // Also where somebody has made it already.
        fs::set_permissions(beside(&path, 1), fs::Permissions::from_mode(0o644)).unwrap();
        keep(&path, b"old").unwrap();
        assert_eq!(fs::metadata(beside(&path, 1)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(texts(&path), ["old", "older"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_file_itself_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, "now").unwrap();
        std::os::unix::fs::symlink(&path, beside(&path, 1)).unwrap();
        let made = keep(&path, b"now").unwrap();
        fs::write(&path, "then").unwrap();
        assert_eq!(fs::read_to_string(made).unwrap(), "now");
    }
}
