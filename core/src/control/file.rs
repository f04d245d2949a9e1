//! [`ConfigFile`]: the file an engine follows, for whoever edits it. It is read, and replaced as a whole with the old one kept beside
//! it, only while it is what was read. [`ProxyHandle::save`] and [`ProxyHandle::configure`] go by it at once.
//!
//! Nothing here is on the message path: files are read and written by blocking threads of whoever asks.

use std::path::{Path, PathBuf};

use super::follow::{Report, Verdict};
use super::handle::{CommandError, ProxyHandle};
use crate::config::change::{self, Change};
use crate::config::edit::replace::{ReplaceError, Seen};
use crate::config::watch::off_thread;
use crate::config::{Diagnostic, Environment, Level, Loaded, load_text, render};

/// A configuration file and what its references are read with.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    environment: Environment,
}

/// What came of saving.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The file as it is now.
    pub seen: Seen,
    /// Where the old one is kept.
    pub backup: Option<PathBuf>,
    /// What the engine did with it.
    pub report: Report,
}

impl ConfigFile {
    /// That file (absolute).
    #[must_use]
    pub const fn new(path: PathBuf, environment: Environment) -> Self {
        Self { path, environment }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is, for people: `~` for the home directory.
    #[must_use]
    pub fn shown(&self) -> String {
        render::short_path(&self.path, self.environment.home())
    }

    /// What its references are read with.
    #[must_use]
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Reads it. Blocks on the disk.
    ///
    /// # Errors
    /// When there is something that cannot be read, or no text.
    pub fn read(&self) -> Result<Seen, ReplaceError> {
        let seen = Seen::read(&self.path)?;
        seen.text()?;
        Ok(seen)
    }
}

impl ProxyHandle {
    /// Puts `text` in the place of the file that was `seen`, keeps the old one beside it, and has the engine go by the new one.
    ///
    /// # Errors
    /// When the file is not what was seen any more ([`ReplaceError::Changed`]) or cannot be written: it is as it was then.
    pub async fn save(&self, seen: Seen, text: String) -> Result<Saved, ReplaceError> {
        let path = seen.path.clone();
        let written = off_thread(move || {
            let backup = seen.replace_keeping(&seen.with_mark(&text))?;
            Ok((Seen::read(&seen.path)?, backup))
        });
        let lost = || ReplaceError::Kind { path, found: "not written: the work was lost" };
        let (seen, backup) = written.await.unwrap_or_else(|| Err(lost()))?;
        let report = match self.reload_file().await {
            Ok(report) => report,
            Err(error) => Report {
                outcome: Verdict::Refused,
                path: Some(seen.path.clone()),
                plan: crate::config::Plan::default(),
                problems: error.to_string(),
            },
        };
        Ok(Saved { seen, backup, report })
    }

    /// Changes the configuration file and has the engine go by it. Everything else in the file stays as it is, and the old file is
    /// kept beside it. Gives `None` if the file says so already.
    ///
    /// # Errors
    /// [`CommandError::NotFollowed`] without a file, [`CommandError::NotConfigured`] if it cannot be done; nothing was changed then.
    pub async fn configure(&self, change: &Change) -> Result<Option<Saved>, CommandError> {
        let file = self.config_file().ok_or(CommandError::NotFollowed)?;
        let refused = |why: String| CommandError::NotConfigured(why);
        let change = change.clone();
        let prepared =
            off_thread(move || prepare(&file, &change)).await.unwrap_or_else(|| Err("it was lost".to_owned()));
        let Some((seen, text)) = prepared.map_err(refused)? else { return Ok(None) };
        self.save(seen, text).await.map(Some).map_err(|e| CommandError::NotConfigured(e.to_string()))
    }
}

/// The file as it is, and its text with the change in it; `None` if there is nothing to change.
fn prepare(file: &ConfigFile, change: &Change) -> Result<Option<(Seen, String)>, String> {
    let seen = file.read().map_err(|e| e.to_string())?;
    let old = seen.text().map_err(|e| e.to_string())?;
    let Some(new) = change::changed(old, &file.path, change).map_err(|e| e.to_string())? else { return Ok(None) };
    let load = |text: &str| load_text(text, &file.path, &file.environment);
    let after = load(&new);
    // A file with errors of its own is not made worse, and would not be read.
    match after.diagnostics.iter().find(|d| d.level == Level::Error) {
        Some(error) => Err(told(error, &after)),
        None => Ok(Some((seen, new))),
    }
}

/// An error in one line.
fn told(error: &Diagnostic, loaded: &Loaded) -> String {
    let place = error.place.filter(|_| error.file == loaded.path);
    let at = place.map_or_else(String::new, |p| format!(" (line {})", p.line));
    format!("{}{at}", error.message)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
