//! Where the sockets are: one folder of the user's own, a file an engine, named by its configuration and its process.
//!
//! `$XDG_RUNTIME_DIR/mcp-proxy`, where there is such a thing; else a folder beside our state, else one below `/tmp`. A desktop
//! starts programs with other variables than a shell does, so whoever looks for engines looks at all of them. A folder that
//! others could change is not used: it must be ours, for us alone, and no link.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use tokio::net::UnixListener;

use super::line::Hello;
use crate::config::Environment;

/// A socket's path may not be longer (`sun_path`: 108 bytes on Linux, 104 elsewhere, with a zero at its end).
const MAX_PATH: usize = 100;
/// Characters of the configuration's name in that of the socket.
const MAX_STEM: usize = 16;
/// Entries of one folder looked at.
const MAX_ENTRIES: usize = 1024;
/// How a socket's name ends.
const ENDING: &str = ".sock";

/// The folders where sockets may be, the best first.
fn folders(environment: &Environment) -> Vec<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let filled = |name| environment.get_filled(name).map(PathBuf::from).filter(|p| p.is_absolute());
    // Where it would be, had the desktop told us.
    let runtime = filled("XDG_RUNTIME_DIR").or_else(|| Some(format!("/run/user/{us}").into()));
    let runtime = runtime.filter(|dir| is_ours(dir, us)).map(|dir| dir.join("mcp-proxy"));
    let state = filled("XDG_STATE_HOME").or_else(|| environment.home().map(|h| h.join(".local/state")));
    let state = state.map(|dir| dir.join("mcp-proxy/run"));
    let last = PathBuf::from(format!("/tmp/mcp-proxy-{us}"));
    runtime.into_iter().chain(state).chain([last]).collect()
}

/// Whether it is a folder of ours.
fn is_ours(dir: &Path, us: u32) -> bool {
    fs::metadata(dir).is_ok_and(|m| m.is_dir() && m.uid() == us)
}

/// Why a folder is not used; `None`: it is safe.
fn objection(dir: &Path) -> Option<String> {
    let us = rustix::process::geteuid().as_raw();
    match fs::symlink_metadata(dir) {
        Err(error) => Some(error.to_string()),
        Ok(m) if m.file_type().is_symlink() => Some("it is a link".to_owned()),
        Ok(m) if !m.is_dir() => Some("it is no folder".to_owned()),
        Ok(m) if m.uid() != us => Some(format!("it belongs to user {}", m.uid())),
        Ok(m) if m.mode() & 0o077 != 0 => {
            Some(format!("others may use it (mode {:o}): `chmod 700` it", m.mode() & 0o777))
        }
        Ok(_) => None,
    }
}

/// Makes a folder for us alone, and those above it.
fn make(dir: &Path) -> io::Result<()> {
    if let Some(above) = dir.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The name of an engine's socket: `config-1a2b3c4d-4711.sock`.
fn name_of(hello: &Hello) -> String {
    let (stem, digest) = match &hello.config {
        None => ("demo".to_owned(), 0),
        Some(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            (stem, hasher.finish())
        }
    };
    let stem: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(MAX_STEM).collect();
    format!("{stem}-{:08x}-{}{ENDING}", digest & 0xFFFF_FFFF, hello.pid)
}

/// Opens a socket in the first folder that will do, and takes away what engines have left there that are gone.
pub(super) fn open(environment: &Environment, hello: &Hello) -> Result<(PathBuf, UnixListener), String> {
    let mut why = Vec::new();
    for dir in folders(environment) {
        match open_in(&dir, &name_of(hello)) {
            Ok(opened) => {
                sockets(&dir).iter().filter(|path| is_left_behind(path)).for_each(|path| remove(path));
                return Ok(opened);
            }
            Err(reason) => why.push(format!("{}: {reason}", dir.display())),
        }
    }
    Err(why.join("; "))
}

fn open_in(dir: &Path, name: &str) -> Result<(PathBuf, UnixListener), String> {
    make(dir).map_err(|e| e.to_string())?;
    if let Some(objection) = objection(dir) {
        return Err(objection);
    }
    let path = dir.join(name);
    if path.as_os_str().len() > MAX_PATH {
        return Err("its path is too long for a socket".to_owned());
    }
    // It gets its name when it listens: a socket with a name where nobody listens is one that was left behind. What stands
    // in its place, be it a link, is replaced and not followed.
    let fresh = dir.join(format!(".{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).map_err(|e| e.to_string())?;
    fs::rename(&fresh, &path).map_err(|e| e.to_string())?;
    Ok((path, listener))
}

/// The sockets of engines, in all folders; one that was left behind is taken away by whoever tries it.
#[must_use]
pub fn running(environment: &Environment) -> Vec<PathBuf> {
    let safe = folders(environment).into_iter().filter(|dir| objection(dir).is_none());
    let mut found: Vec<PathBuf> = safe.flat_map(|dir| sockets(&dir)).collect();
    found.sort();
    found.dedup();
    found
}

/// The sockets in a folder.
fn sockets(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let entries = entries.flatten().take(MAX_ENTRIES).map(|e| e.path());
    entries.filter(|path| path.to_string_lossy().ends_with(ENDING) && is_our_socket(path)).collect()
}

fn is_our_socket(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket() && m.uid() == us)
}

/// Takes away a socket where nobody listens any more.
pub(super) fn remove(path: &Path) {
    if is_our_socket(path) {
        // Somebody else may have been faster.
        let _ = fs::remove_file(path);
    }
}

/// Whether the engine of this socket has ended without a word.
fn is_left_behind(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let pid = name.rsplit('-').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    let is_gone = pid.is_some_and(|pid| test_kill_process(pid).is_err_and(|e| e == rustix::io::Errno::SRCH));
    is_gone && StdStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}
