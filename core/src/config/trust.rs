//! Which project files the user has looked at and found good: each by its path and the hash of its text. A file that was changed,
//! moved or copied is another one.
//!
//! Kept in `trusted.json` in the user's folder for state, for its owner only; written whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::credentials::{CredentialsError, lock, make_folder};
use super::edit::replace::{ReplaceError, Seen};
use super::source::{FileSeen, MAX_FILE_BYTES};
use super::{Environment, state_dir};

const FILE_NAME: &str = "trusted.json";

/// What the user has said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is as it was when it was trusted.
    Trusted,
    /// It was another text that was trusted.
    Changed,
    /// Nothing.
    Unknown,
}

/// Why a word of the user's cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is no home.
    #[error("there is no folder to keep it in: neither XDG_STATE_HOME nor HOME is set")]
    NoFolder,
    /// It is no list of ours.
    #[error("`{}` is not what mcp-proxy wrote: take it away, and trust again", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Its path is no text.
    #[error("`{}` has a name that cannot be written down", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] ReplaceError),
    /// Somebody else is at it.
    #[error(transparent)]
    Locked(CredentialsError),
    /// There is no folder for it, and none can be made.
    #[error("cannot make a folder for `{}`: {source}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The list.
#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    version: u32,
    /// Path to hash.
    #[serde(default)]
    trusted: BTreeMap<String, String>,
}

/// The list, for reading.
#[derive(Debug)]
pub(super) struct Trust {
    list: List,
    seen: FileSeen,
}

impl Trust {
    /// The user's; one that cannot be read trusts nothing. `None`: there is no folder for it.
    pub(super) fn of(environment: &Environment) -> Option<Self> {
        let (text, seen) = FileSeen::read(&place(environment)?, MAX_FILE_BYTES);
        let list = text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Some(Self { list, seen })
    }

    pub(super) fn standing(&self, file: &Path, text: &str) -> Standing {
        match key_of(file).and_then(|key| self.list.trusted.get(&key)) {
            Some(known) if *known == digest(text) => Standing::Trusted,
            Some(_) => Standing::Changed,
            None => Standing::Unknown,
        }
    }

    /// The list as a file that was looked at.
    pub(super) fn seen(self) -> FileSeen {
        self.seen
    }
}

/// The hash of a text.
pub(super) fn digest(text: &str) -> String {
    let hex: String = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

fn place(environment: &Environment) -> Option<PathBuf> {
    state_dir(environment).map(|dir| dir.join(FILE_NAME))
}

/// The file under its folder's real name: what a link leads to is another folder's.
fn key_of(file: &Path) -> Option<String> {
    let folder = file.parent().and_then(|folder| fs::canonicalize(folder).ok());
    let path = folder.map_or_else(|| file.to_owned(), |folder| folder.join(file.file_name().unwrap_or_default()));
    path.to_str().map(str::to_owned)
}

/// The files that were trusted, each with what became of it.
///
/// # Errors
/// When the list cannot be read.
pub fn trusted(environment: &Environment) -> Result<Vec<(PathBuf, Standing)>, TrustError> {
    let Some(place) = place(environment) else { return Ok(Vec::new()) };
    let list = read(&Seen::read(&place)?)?;
    let standing = |path: &Path, known: &String| match FileSeen::read(path, MAX_FILE_BYTES).0 {
        Ok(text) if digest(&text) == *known => Standing::Trusted,
        Ok(_) => Standing::Changed,
        Err(_) => Standing::Unknown,
    };
    Ok(list.trusted.iter().map(|(path, known)| (PathBuf::from(path), standing(Path::new(path), known))).collect())
}

/// What the user has said of `file` if it holds `text`.
#[must_use]
pub fn standing(file: &Path, text: &str, environment: &Environment) -> Standing {
    Trust::of(environment).map_or(Standing::Unknown, |trust| trust.standing(file, text))
}

/// Keeps that `file` is good as long as it holds `text`.
///
/// # Errors
/// When that cannot be kept.
pub fn trust(file: &Path, text: &str, environment: &Environment) -> Result<(), TrustError> {
    let key = key_of(file).ok_or_else(|| TrustError::Name { path: file.to_owned() })?;
    change(environment, |list| {
        list.trusted.insert(key, digest(text));
        true
    })
    .map(drop)
}

/// Takes the word on `file` back. Says whether there was one.
///
/// # Errors
/// When the list cannot be read or written.
pub fn distrust(file: &Path, environment: &Environment) -> Result<bool, TrustError> {
    let key = key_of(file).ok_or_else(|| TrustError::Name { path: file.to_owned() })?;
    let as_typed = file.to_str().map(str::to_owned);
    change(environment, |list| {
        let there = list.trusted.remove(&key).is_some();
        // Its folder may be gone, and with that its real name.
        as_typed.as_ref().is_some_and(|typed| list.trusted.remove(typed).is_some()) || there
    })
}

fn read(seen: &Seen) -> Result<List, TrustError> {
    let Some(bytes) = &seen.bytes else { return Ok(List::default()) };
    serde_json::from_slice(bytes).map_err(|_| TrustError::NotOurs { path: seen.path.clone() })
}

/// Changes the list while nobody else does. Gives what `change` says: whether there is anything to write.
fn change(environment: &Environment, change: impl FnOnce(&mut List) -> bool) -> Result<bool, TrustError> {
    let place = place(environment).ok_or(TrustError::NoFolder)?;
    let folder = place.parent().unwrap_or(Path::new("/"));
    make_folder(folder).map_err(|source| TrustError::Folder { path: place.clone(), source })?;
    let _lock = lock(folder).map_err(TrustError::Locked)?;
    let seen = Seen::read(&place)?;
    let mut list = read(&seen)?;
    list.version = 1;
    if !change(&mut list) {
        return Ok(false);
    }
    let text = serde_json::to_string_pretty(&list).unwrap_or_default() + "\n";
    seen.replace(text.as_bytes())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_trusted_by_its_place_and_its_text() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::empty().with_home(home.path());
        let folder = home.path().join("work");
        fs::create_dir(&folder).unwrap();
        let (file, other) = (folder.join(".mcp-proxy.yaml"), home.path().join("copy.yaml"));
        let of = |file: &Path, text: &str| standing(file, text, &environment);
        assert_eq!(of(&file, "a"), Standing::Unknown);
        trust(&file, "a", &environment).unwrap();
        assert_eq!(
            [of(&file, "a"), of(&file, "b"), of(&other, "a")],
            [Standing::Trusted, Standing::Changed, Standing::Unknown]
        );
        trust(&file, "b", &environment).unwrap();
        assert_eq!([of(&file, "a"), of(&file, "b")], [Standing::Changed, Standing::Trusted]);
        fs::write(&file, "b").unwrap();
        let real = fs::canonicalize(&folder).unwrap().join(".mcp-proxy.yaml");
        assert_eq!(trusted(&environment).unwrap(), [(real, Standing::Trusted)]);
        assert!(distrust(&file, &environment).unwrap());
        assert!(!distrust(&file, &environment).unwrap());
        assert_eq!(of(&file, "b"), Standing::Unknown);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_a_trusted_folder_is_that_folder() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::empty().with_home(home.path());
        fs::create_dir(home.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", home.path().join("link")).unwrap();
        trust(&home.path().join("link/.mcp-proxy.yaml"), "a", &environment).unwrap();
        assert_eq!(standing(&home.path().join("real/.mcp-proxy.yaml"), "a", &environment), Standing::Trusted);
    }

    #[test]
    fn a_list_that_is_not_ours_trusts_nothing_and_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::empty().with_home(home.path());
        let place = place(&environment).unwrap();
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, "{ broken").unwrap();
        assert_eq!(standing(Path::new("/x"), "a", &environment), Standing::Unknown);
        assert!(matches!(trust(Path::new("/x"), "a", &environment), Err(TrustError::NotOurs { .. })));
        assert_eq!(fs::read_to_string(&place).unwrap(), "{ broken");
        let nowhere = Environment::empty();
        assert!(matches!(trust(Path::new("/x"), "a", &nowhere), Err(TrustError::NoFolder)));
    }

    #[test]
    fn many_at_once_are_all_kept() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::empty().with_home(home.path());
        std::thread::scope(|scope| {
            for i in 0..3 {
                let environment = environment.clone();
                scope.spawn(move || trust(Path::new(&format!("/p{i}/x")), "a", &environment).unwrap());
            }
        });
        assert_eq!(trusted(&environment).unwrap().len(), 3);
    }
}
