//! What we write into the credentials ourselves: the hashes of our tokens and the names of what is in the keyring, under
//! `"mcp-proxy": { "tokens": { … }, "keyring": [ … ] }`, and variables that `mcp-proxy secret` is given.
//!
//! Everything else in the file stays as it is, byte for byte. A file appears whole or not at all (written beside it, then renamed),
//! for its owner only, and two writers come one after the other (a lock on the folder). What has comments in it, or is
//! broken, is never written over. Input: what is typed at the command line. Output: `credentials.json`; the text of a new
//! token goes back to the caller and nowhere else.

mod content;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use content::Content;

use super::build::is_token_name;
use super::edit::replace::{create_private, keep_owner};
use super::source::{FileSeen, MAX_FILE_BYTES};
use super::variables::{FILE_NAME, OURS, named};
use super::{Access, Environment, Located, Secret, TokenHash, locate, new_token};

/// Longest name of a secret.
const MAX_SECRET_NAME: usize = 128;
/// Another writer has the lock for milliseconds.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Why a token could not be kept, or taken away.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Neither a configuration nor a home.
    #[error("there is no folder for the credentials: neither XDG_CONFIG_HOME nor HOME is set")]
    NoFolder,
    /// The file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file is no JSON object, or has comments: writing would lose something.
    #[error("`{}` is not plain JSON (comments are read, but cannot be kept when it is written)", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
    },
    /// A token of this name is there.
    #[error("there is a token `{name}` already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// There is no token of this name.
    #[error("there is no token `{name}` in `{}`", path.display())]
    Unknown {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A token cannot be called so.
    #[error("a token cannot be called `{}`: letters, digits, `-`, `_` and `.`, at most 64", name.escape_debug())]
    Name {
        /// The name.
        name: String,
    },
    /// What is called so is no variable.
    #[error("`{name}` in `{}` is no text but the `auth` of a server, or ours", path.display())]
    NotText {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A secret cannot be called so.
    #[error("a secret cannot be called `{}`: letters, digits, `_`, `-` and `.`, at most 128, a letter or `_` first", name.escape_debug())]
    SecretName {
        /// The name.
        name: String,
    },
    /// Another process is at it, and does not come to an end.
    #[error("another process is writing in `{}`", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no chance.
    #[error("the operating system has no random numbers")]
    NoRandom,
}

/// A token that is kept: what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// What it opens.
    pub access: Access,
}

/// Where our tokens are kept.
#[derive(Clone, Debug)]
pub struct Credentials {
    path: PathBuf,
}

impl Credentials {
    /// Those of a configuration: what `MCP_CREDENTIALS_PATH` names, else the file beside the configuration, else the one in the
    /// user's folder. Always one of the places where they are read.
    ///
    /// # Errors
    /// [`CredentialsError::NoFolder`]
    pub fn of(located: &Located, environment: &Environment) -> Result<Self, CredentialsError> {
        let path = match (named(environment), located) {
            (Some(path), _) if path.is_dir() => path.join(FILE_NAME),
            (Some(path), _) => path,
            (None, Located::File { path }) => path.with_file_name(FILE_NAME),
            (None, Located::Nothing { .. }) => {
                locate::user_dir(environment).ok_or(CredentialsError::NoFolder)?.join(FILE_NAME)
            }
        };
        Ok(Self { path })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tokens that are kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<Kept>, CredentialsError> {
        let texts = |value: &serde_json::Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let tokens = self.read(&self.path)?.tokens.0.into_iter().map(|(name, raw)| {
            let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let access = Access {
                servers: texts(&value["servers"]),
                allow: texts(&value["tools"]["allow"]),
                deny: texts(&value["tools"]["deny"]),
                ..Access::default()
            };
            Kept { name, access }
        });
        Ok(tokens.collect())
    }

    /// Makes a token and keeps its hash. Its text is nowhere but in the answer.
    ///
    /// # Errors
    /// When there is one of that name, or it cannot be kept: then nothing has changed.
    pub fn add(&self, name: &str, access: &Access) -> Result<Secret, CredentialsError> {
        if !is_token_name(name) {
            return Err(CredentialsError::Name { name: name.to_owned() });
        }
        let token = new_token().ok_or(CredentialsError::NoRandom)?;
        let mut entry = json!({ "hash": TokenHash::of(token.reveal()).to_text() });
        if !access.servers.is_empty() {
            entry["servers"] = json!(access.servers);
        }
        for (key, patterns) in [("allow", &access.allow), ("deny", &access.deny)] {
            if !patterns.is_empty() {
                entry["tools"][key] = json!(patterns);
            }
        }
        self.change(|content| {
            let tokens = &mut content.tokens;
            if tokens.0.iter().any(|(n, _)| n == name) {
                return Err(CredentialsError::Exists { name: name.to_owned() });
            }
            // A `Value` is always JSON.
            let raw = RawValue::from_string(entry.to_string()).map_err(|_| CredentialsError::NoRandom)?;
            tokens.0.push((name.to_owned(), raw));
            Ok(())
        })?;
        Ok(token)
    }

    /// Takes a token away.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), CredentialsError> {
        self.change(|content| {
            let tokens = &mut content.tokens;
            let n_before = tokens.0.len();
            tokens.0.retain(|(n, _)| n != name);
            if tokens.0.len() < n_before {
                return Ok(());
            }
            Err(CredentialsError::Unknown { name: name.to_owned(), path: self.path.clone() })
        })
    }

    /// The names of the variables it holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn variables(&self) -> Result<Vec<String>, CredentialsError> {
        let content = self.read(&self.path)?;
        let texts = content.others.0.into_iter().filter(|(_, raw)| raw.get().starts_with('"'));
        Ok(texts.map(|(name, _)| name).collect())
    }

    /// The value of a variable, if it is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn variable(&self, name: &str) -> Result<Option<Secret>, CredentialsError> {
        let content = self.read(&self.path)?;
        let raw = content.others.0.into_iter().find(|(n, _)| n == name).map(|(_, raw)| raw);
        Ok(raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).map(Secret::new))
    }

    /// The names of what `mcp-proxy secret` put into the keyring.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keyring_names(&self) -> Result<Vec<String>, CredentialsError> {
        Ok(self.read(&self.path)?.in_keyring)
    }

    /// Keeps a variable, over an older one.
    ///
    /// # Errors
    /// When it cannot have this name, or cannot be kept: then nothing has changed.
    pub fn set_variable(&self, name: &str, value: &Secret) -> Result<(), CredentialsError> {
        check_secret_name(name)?;
        // A `Value` is always JSON.
        let raw = RawValue::from_string(serde_json::Value::from(value.reveal()).to_string());
        let raw = raw.map_err(|_| CredentialsError::SecretName { name: name.to_owned() })?;
        self.change(|content| {
            let not_text = || CredentialsError::NotText { name: name.to_owned(), path: self.path.clone() };
            match content.others.0.iter_mut().find(|(n, _)| n == name) {
                _ if name == OURS => return Err(not_text()),
                Some((_, old)) if old.get().starts_with('"') => *old = raw,
                Some(_) => return Err(not_text()),
                None => content.others.0.push((name.to_owned(), raw)),
            }
            Ok(())
        })
    }

    /// Takes a variable away. Says whether it was there.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn remove_variable(&self, name: &str) -> Result<bool, CredentialsError> {
        if !self.variables()?.iter().any(|n| n == name) {
            return Ok(false);
        }
        self.change(|content| {
            content.others.0.retain(|(n, _)| n != name);
            Ok(())
        })?;
        Ok(true)
    }

    /// Notes that the keyring holds a variable of this name, or does no more.
    ///
    /// # Errors
    /// When it cannot have this name, or the file cannot be written.
    pub fn note_keyring(&self, name: &str, is_there: bool) -> Result<(), CredentialsError> {
        check_secret_name(name)?;
        if self.keyring_names()?.iter().any(|n| n == name) == is_there {
            return Ok(());
        }
        self.change(|content| {
            content.in_keyring.retain(|n| n != name);
            if is_there {
                content.in_keyring.push(name.to_owned());
            }
            Ok(())
        })
    }

    /// Reads, changes and writes, while nobody else does.
    fn change(
        &self,
        change: impl FnOnce(&mut Content) -> Result<(), CredentialsError>,
    ) -> Result<(), CredentialsError> {
        // A link is followed: what it leads to is written, and it stays a link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let failed = |source| CredentialsError::Write { path: path.clone(), source };
        let folder = path.parent().unwrap_or(Path::new("/"));
        make_folder(folder).map_err(failed)?;
        let _lock = lock(folder)?;
        let mut content = self.read(&path)?;
        change(&mut content)?;
        write(&path, &content.to_text()).map_err(failed)
    }

    fn read(&self, path: &Path) -> Result<Content, CredentialsError> {
        let not_json = || CredentialsError::NotJson { path: self.path.clone() };
        let text = match FileSeen::read(path, MAX_FILE_BYTES).0 {
            Ok(text) => text,
            Err(error) if error.is_missing() => String::new(),
            Err(error) => {
                return Err(CredentialsError::Read { path: self.path.clone(), reason: error.to_string() });
            }
        };
        Content::parse(&text).ok_or_else(not_json)
    }
}

/// A name that is one word in a reference, in a file's name, and for the keyring's tool.
fn check_secret_name(name: &str) -> Result<(), CredentialsError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.len() <= MAX_SECRET_NAME && name.bytes().all(fits) && name != OURS {
        return Ok(());
    }
    Err(CredentialsError::SecretName { name: name.to_owned() })
}

pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Held until it is dropped. On the folder itself, so that nothing is left behind.
pub(super) fn lock(folder: &Path) -> Result<Option<File>, CredentialsError> {
    #[cfg(unix)]
    let opened = File::open(folder);
    #[cfg(not(unix))]
    let opened = fs::OpenOptions::new().create(true).append(true).open(folder.join(".credentials.lock"));
    let file = opened.map_err(|source| CredentialsError::Write { path: folder.to_owned(), source })?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            // A file system without locks: nobody else can have one.
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    Err(CredentialsError::Locked { folder: folder.to_owned() })
}

/// Replaces the file in one step. Only while the folder is locked.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_file_name(format!(".{FILE_NAME}.new"));
    let done = create_private(&new).and_then(|mut file| {
        keep_owner(path, &file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    done.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // The first problem is the one to be told.
        let _ = fs::remove_file(&new);
    })
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
