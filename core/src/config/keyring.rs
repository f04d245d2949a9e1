//! The keyring of the desktop, by the tool the system has for it: `secret-tool` (Secret Service: GNOME, KDE, KeePassXC) on Linux,
//! `security` on macOS. No library of ours speaks to it: what there is for D-Bus brings some sixty crates and a second runtime.
//!
//! An entry is told by our name and its own. Values cross by stdin and stdout, never by arguments, and what was put in is read
//! again before anybody is told that it is there.

use std::path::Path;

use super::outside::{PATIENCE, Refusal, ask};
use super::{Environment, Secret};

/// What our entries are told by.
const SERVICE: &str = "mcp-proxy";

/// Why the keyring gave, or took, nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no such entry.
    #[error("there is no such entry in the keyring")]
    NoEntry,
    /// There is no keyring that we can reach.
    #[error("there is no keyring here: {0}")]
    Missing(String),
}

/// The keyring of whoever runs us.
#[derive(Clone, Copy, Debug)]
pub struct Keyring<'a> {
    environment: &'a Environment,
}

impl<'a> Keyring<'a> {
    /// That of `environment`.
    #[must_use]
    pub fn new(environment: &'a Environment) -> Self {
        Self { environment }
    }

    /// The value of an entry.
    ///
    /// # Errors
    /// When there is none, or no keyring.
    pub fn get(self, name: &str) -> Result<Secret, KeyringError> {
        let words = if cfg!(target_os = "macos") {
            ["security", "find-generic-password", "-s", SERVICE, "-w", "-a", name]
        } else {
            ["secret-tool", "lookup", "service", SERVICE, "account", name, ""]
        };
        let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
        let text = self.ask(&words, None)?;
        let text = if cfg!(target_os = "macos") { text.strip_suffix('\n').unwrap_or(&text) } else { &text };
        if text.is_empty() { Err(KeyringError::NoEntry) } else { Ok(Secret::new(text)) }
    }

    /// Puts an entry in, over an older one.
    ///
    /// # Errors
    /// When there is no keyring, or it did not keep it.
    pub fn set(self, name: &str, value: &Secret) -> Result<(), KeyringError> {
        if cfg!(target_os = "macos") {
            let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let line =
                format!("add-generic-password -U -s {SERVICE} -a {} -w {}\n", quoted(name), quoted(value.reveal()));
            self.ask(&["security", "-i"], Some(&line))?;
        } else {
            let label = format!("--label=mcp-proxy: {name}");
            let words = ["secret-tool", "store", &label, "service", SERVICE, "account", name];
            self.ask(&words, Some(value.reveal()))?;
        }
        match self.get(name) {
            Ok(kept) if kept == *value => Ok(()),
            _ => Err(KeyringError::Missing("it took the value and does not give it back".to_owned())),
        }
    }

    /// Takes an entry out.
    ///
    /// # Errors
    /// When there is none, or no keyring.
    pub fn remove(self, name: &str) -> Result<(), KeyringError> {
        self.get(name)?;
        let words: &[&str] = if cfg!(target_os = "macos") {
            &["security", "delete-generic-password", "-s", SERVICE, "-a", name]
        } else {
            &["secret-tool", "clear", "service", SERVICE, "account", name]
        };
        self.ask(words, None).map(drop)
    }

    fn ask(self, words: &[&str], input: Option<&str>) -> Result<String, KeyringError> {
        let program = words[0];
        // Where there is no session there is no service, and the tool would wait for one to be started.
        let needs_bus = program == "secret-tool";
        let lacks_bus = needs_bus
            && ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY"]
                .iter()
                .all(|v| self.environment.get_filled(v).is_none());
        let found = if lacks_bus { self.environment.with_session_bus() } else { None };
        if lacks_bus && found.is_none() {
            return Err(KeyringError::Missing("no desktop session (D-Bus)".to_owned()));
        }
        let environment = found.as_ref().unwrap_or(self.environment);
        ask(words, input, environment, Path::new("/"), PATIENCE).map_err(|refusal| match &refusal {
            // `secret-tool` says nothing then, `security` names its error.
            Refusal::Failed(1, said) if said.is_empty() => KeyringError::NoEntry,
            Refusal::Failed(44, _) => KeyringError::NoEntry,
            Refusal::NotFound if needs_bus => {
                KeyringError::Missing("`secret-tool` was not found on PATH (package libsecret-tools)".to_owned())
            }
            refusal => KeyringError::Missing(refusal.words(program)),
        })
    }
}
