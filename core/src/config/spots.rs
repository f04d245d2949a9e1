//! Where the file system has to be listened to, so that every change of some files is heard: in the folder of each file, and
//! of each link on the way to it. Asks the file system, changes nothing.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// Links on the way to one file; a circle of them ends here, as in the kernel.
const MAX_LINKS: usize = 40;

/// Folders, and names in them that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spots {
    folders: BTreeSet<PathBuf>,
    names: BTreeSet<OsString>,
    /// The files behind all links, as far as they are there.
    files: BTreeSet<PathBuf>,
}

impl Spots {
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Whether what happened at `path` may be a change of one of the files. By name: systems spell folders in several ways.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        path.file_name().is_none_or(|name| self.names.contains(name)) || self.folders.contains(path)
    }

    fn add(&mut self, folder: &Path, name: &OsStr) {
        self.folders.insert(folder.to_owned());
        self.names.insert(name.to_owned());
    }
}

/// Where `files` (absolute) have to be listened to.
pub(super) fn spots_of<'a>(files: impl Iterator<Item = &'a Path>) -> Spots {
    let mut spots = Spots::default();
    for file in files {
        if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
            spots.add(folder, name);
        }
        follow(file, &mut spots);
    }
    // What is not there cannot be listened to; where it would come can.
    let missing: Vec<PathBuf> = spots.folders.iter().filter(|f| !f.is_dir()).cloned().collect();
    for folder in missing {
        spots.folders.remove(&folder);
        if let Some((above, name)) = coming(&folder) {
            spots.add(&above, &name);
        }
    }
    spots
}

/// The nearest folder above one that is not there, and the name that has to come in it first.
fn coming(folder: &Path) -> Option<(PathBuf, OsString)> {
    let mut missing = folder;
    loop {
        let above = missing.parent()?;
        if above.is_dir() {
            return Some((above.to_owned(), missing.file_name()?.to_owned()));
        }
        missing = above;
    }
}

/// Goes the way to `file` step by step, and notes each link on it.
fn follow(file: &Path, spots: &mut Spots) {
    let mut at = PathBuf::new();
    let mut ahead: Vec<OsString> = steps(file);
    let mut n_links = 0;
    while let Some(step) = ahead.pop() {
        if step == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&step);
        match std::fs::read_link(&next) {
            Ok(target) if n_links < MAX_LINKS => {
                n_links += 1;
                spots.add(&at, &step);
                if target.is_absolute() {
                    at = PathBuf::new();
                }
                ahead.extend(steps(&target));
            }
            _ => at = next,
        }
    }
    if let (Some(folder), Some(name)) = (at.parent(), at.file_name()) {
        spots.add(folder, name);
    }
    spots.files.insert(at);
}

/// The steps of a way, the last one first.
fn steps(path: &Path) -> Vec<OsString> {
    let steps = path.components().filter(|c| !matches!(c, Component::CurDir));
    steps.rev().map(|c| c.as_os_str().to_owned()).collect()
}

/// Whether the system tells of every change there: not of what another machine does, and not of a file that is a mount of
/// its own.
#[cfg(target_os = "linux")]
pub(super) fn tells_changes(spots: &Spots) -> bool {
    /// NFS, SMB in three versions, FUSE (and what virtual machines share by it), 9P, Ceph, AFS, VirtualBox.
    const SILENT: [u32; 9] =
        [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400, 0x5346_414F, 0x786F_4256];
    let is_silent = |folder: &PathBuf| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magic numbers have 32 bits")]
        rustix::fs::statfs(folder).is_ok_and(|fs| SILENT.contains(&(fs.f_type as u32)))
    };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_mount = |file: &PathBuf| mounts.lines().filter_map(mount_point).any(|point| point == *file);
    !spots.folders.iter().any(is_silent) && !spots.files.iter().any(is_mount)
}

/// Whether the system tells of every change there; nobody knows.
#[cfg(not(target_os = "linux"))]
pub(super) fn tells_changes(_: &Spots) -> bool {
    false
}

/// Where something is mounted, out of a line of `/proc/self/mountinfo` (proc(5)); blanks are written in octal.
#[cfg(target_os = "linux")]
fn mount_point(line: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;

    let field = line.split(' ').nth(4)?.as_bytes();
    let mut bytes = Vec::with_capacity(field.len());
    let mut i = 0;
    while i < field.len() {
        let octal = field.get(i + 1..i + 4).filter(|_| field[i] == b'\\');
        let value = octal.and_then(|o| u8::from_str_radix(std::str::from_utf8(o).ok()?, 8).ok());
        bytes.push(value.unwrap_or(field[i]));
        i += if value.is_some() { 4 } else { 1 };
    }
    Some(OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn every_link_on_the_way_counts() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::fs::write(root.join("real/f"), "").unwrap();
        symlink("real", root.join("turn")).unwrap();
        symlink("turn/f", root.join("f")).unwrap();
        let spots = spots_of([root.join("f").as_path()].into_iter());
        assert_eq!(spots.folders, BTreeSet::from([root.clone(), root.join("real")]));
        assert_eq!(spots.names, BTreeSet::from(["f".into(), "turn".into()]));
        assert_eq!(spots.files, BTreeSet::from([root.join("real/f")]));
        assert!(spots.concerns(&root.join("turn")) && !spots.concerns(&root.join("other")));
        // A folder that is not there yet is waited for.
        let later = spots_of([root.join("not/yet/f").as_path()].into_iter());
        assert_eq!(later.folders, BTreeSet::from([root.clone()]));
        assert!(later.concerns(&root.join("not")) && !later.concerns(&root.join("other")));
        // A circle ends.
        symlink("round", root.join("round")).unwrap();
        spots_of([root.join("round").as_path()].into_iter());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn mounts_are_told_apart() {
        let line = r"36 35 98:0 /mnt1 /mnt/a\040b\134c rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount_point(line), Some(PathBuf::from(r"/mnt/a b\c")));
        assert_eq!(mount_point("36 35"), None);
    }
}
