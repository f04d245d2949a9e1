//! What a client may see, and why: what its token or its starter opens, and within that what `clients.rules` says of clients like it.
//! Found anew whenever one of these changes, so that a changed profile counts for clients that are there already.
//!
//! A legacy client that can be asked says itself in which folders it works, but only where a rule asks for a folder.

use std::path::Path;
use std::sync::Arc;

use super::http::Weight;
use super::run::{CallLimits, Session};
use crate::backend::{ClientFacts, ItemKind};
use crate::catalog::matches;
use crate::config::{Access, ClientRule};
use crate::protocol::{Field, Kind, Message, Spliced};

/// Folders one client may say it works in, at most.
const MAX_FOLDERS: usize = 64;

/// Where what a client may see comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It sees what it came in with, whatever the configuration says.
    Fixed,
    /// It launched us: `clients.profile`.
    Launcher,
    /// What its token opens.
    Token,
}

/// Whether a rule is for a client of this name (lower case; `None`: not known yet) that works in these folders.
fn is_for(rule: &ClientRule, name: Option<&str>, folders: &[Arc<Path>]) -> bool {
    let is_name = rule.name.as_ref().is_none_or(|pattern| name.is_some_and(|name| matches(pattern, name)));
    is_name && (rule.folders.is_empty() || folders.iter().any(|folder| is_within(&rule.folders, folder)))
}

/// Whether a folder, or one it lies in, is what one of `patterns` means.
fn is_within(patterns: &[String], folder: &Path) -> bool {
    let above = folder.ancestors().filter_map(Path::to_str);
    above.into_iter().any(|folder| patterns.iter().any(|pattern| matches(pattern, folder)))
}

impl Session {
    /// What it may see by the present configuration, as far as it is known who it is.
    fn access(&self) -> Arc<Access> {
        let granted = match self.grant {
            Grant::Fixed => self.granted.clone(),
            Grant::Launcher => self.engine.config.borrow().clients.own.clone(),
            // Who is not known any more is ended elsewhere, and sees nothing new until then.
            Grant::Token => self.engine.guard.access_of(&self.peer.principal).unwrap_or_else(|| self.granted.clone()),
        };
        // What its token or its starter chose stays.
        if granted.within.is_some() {
            return granted;
        }
        let config = self.engine.config.borrow();
        if config.clients.rules.is_empty() {
            return granted;
        }
        let name = self.legacy.as_ref().or(self.modern.as_ref()).map(|facts| facts.name.to_lowercase());
        let rule = config.clients.rules.iter().find(|rule| is_for(rule, name.as_deref(), &self.folders));
        match rule {
            None => granted,
            Some(rule) if granted.is_full() => rule.access.clone(),
            Some(rule) => Arc::new(Access { within: Some(rule.access.clone()), ..Access::clone(&granted) }),
        }
    }

    /// Takes the present configuration's word on what it may see. `false`: that is what it saw before.
    fn decide(&mut self) -> bool {
        let access = self.access();
        if access == self.scope.access {
            return false;
        }
        self.scope.access = access;
        self.tell_cut();
        true
    }

    /// Takes it before anything was shown.
    pub(super) fn begins_to_see(&mut self) {
        if self.decide() {
            self.catalog = self.engine.view_with(&self.scope, &self.sight.others);
        }
    }

    /// A list that is cut short is told to whoever looks after us: its client does not know.
    fn tell_cut(&self) {
        if self.shares_status {
            // Each of its client's messages has a session of its own.
            return;
        }
        let n_all = self.engine.catalog.borrow().items[ItemKind::Tool as usize].len();
        if let Some(most) = self.scope.most_tools().filter(|most| n_all > *most) {
            let client = self.status.said().0;
            tracing::info!(%client, "sees at most {most} of {n_all} tools: `max_tools` in `clients.rules`");
        }
    }

    /// The configuration has changed.
    pub(super) fn take_config(&mut self) {
        self.config_rx.mark_unchanged();
        self.limits = CallLimits::of(&self.engine);
        self.ask_folders();
        self.sees_anew();
    }

    /// Takes a changed configuration before anything else is done, if there is one.
    pub(super) fn take_config_first(&mut self) {
        if self.config_rx.has_changed().is_ok_and(|is| is) {
            self.take_config();
        }
    }

    fn sees_anew(&mut self) {
        if self.decide() {
            self.looks_again();
            self.on_view(self.engine.view_with(&self.scope, &self.sight.others));
        }
    }

    /// Asks a client that can be asked for the folders it works in, if a rule wants to know.
    pub(super) fn ask_folders(&mut self) {
        let can = |facts: &Arc<ClientFacts>| facts.can("roots");
        let wants = self.engine.config.borrow().clients.rules.iter().any(|rule| !rule.folders.is_empty());
        if !wants || !self.is_open || self.asked_folders.is_some() || !self.legacy.as_ref().is_some_and(can) {
            return;
        }
        self.n_questions += 1;
        let id = self.n_questions;
        self.asked_folders = Some(id);
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#);
        self.tell(None, &Spliced::new(text.into()), Weight::Owed);
    }

    /// The client is ready to be asked.
    pub(super) fn is_ready(&mut self) {
        self.is_open = true;
        self.ask_folders();
    }

    /// The client works in other folders now.
    pub(super) fn folders_changed(&mut self) {
        self.asked_folders = None;
        self.ask_folders();
    }

    /// Takes the answer to our own question. `false`: it is the answer to another one.
    pub(super) fn takes_folders(&mut self, id: Option<u64>, message: &Message) -> bool {
        let Some(id) = id.filter(|_| self.asked_folders.is_some()) else { return false };
        if self.asked_folders != Some(id) {
            return false;
        }
        if message.kind() == Kind::Response
            && let Some(result) = message.get(Field::Result)
        {
            self.folders.truncate(self.n_own_folders);
            self.folders.extend(folders_in(result));
            self.sees_anew();
        }
        true
    }
}

/// The folders in the result of a `roots/list`.
fn folders_in(result: &[u8]) -> Vec<Arc<Path>> {
    let value: serde_json::Value = serde_json::from_slice(result).unwrap_or_default();
    let roots = value["roots"].as_array().into_iter().flatten();
    roots.filter_map(|root| folder_of(root["uri"].as_str()?)).take(MAX_FOLDERS).collect()
}

/// The folder of a `file://` URI.
fn folder_of(uri: &str) -> Option<Arc<Path>> {
    let path = uri.strip_prefix("file://")?;
    let path = path.strip_prefix("localhost").unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let path = String::from_utf8(bytes).ok()?;
    // `..` must not lead out of where a rule means.
    let path: std::path::PathBuf = Path::new(path.trim_end_matches('/')).components().collect();
    let is_plain = path.is_absolute() && !path.components().any(|c| matches!(c, std::path::Component::ParentDir));
    is_plain.then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_a_name_a_folder_or_both() {
        let rule = |name: Option<&str>, folders: &[&str]| ClientRule {
            name: name.map(str::to_owned),
            folders: folders.iter().map(|f| (*f).to_owned()).collect(),
            access: Arc::default(),
        };
        let here: Vec<Arc<Path>> = vec![Path::new("/home/u/oss/app").into()];
        for (rule, name, folders, expected) in [
            (rule(Some("cursor*"), &[]), Some("cursor-vscode"), &here[..0], true),
            (rule(Some("cursor*"), &[]), Some("zed"), &here[..], false),
            (rule(Some("cursor*"), &[]), None, &here[..], false),
            (rule(None, &["/home/u/oss"]), None, &here[..], true),
            (rule(None, &["/home/u/oss"]), Some("any"), &here[..0], false),
            (rule(None, &["/home/u/oss/app"]), None, &here[..], true),
            (rule(None, &["/home/u/os"]), None, &here[..], false),
            (rule(None, &["/home/*/oss"]), None, &here[..], true),
            (rule(None, &["/nowhere", "/home/u"]), None, &here[..], true),
            (rule(Some("zed"), &["/home/u/oss"]), Some("zed"), &here[..], true),
            (rule(Some("zed"), &["/home/u/oss"]), Some("cursor"), &here[..], false),
        ] {
            assert_eq!(is_for(&rule, name, folders), expected, "{rule:?} {name:?}");
        }
    }

    #[test]
    fn folders_are_read_out_of_roots() {
        let result = br#"{"roots":[{"uri":"file:///home/u/a%20b/"},{"uri":"https://h/x"},{"uri":"file:///a/../b"},
            {"name":"no uri"},{"uri":"file://localhost/c"},{"uri":"file://host/d"},{"uri":7}]}"#;
        let folders: Vec<String> = folders_in(result).iter().map(|f| f.display().to_string()).collect();
        assert_eq!(folders, ["/home/u/a b", "/c"]);
        assert!(folders_in(b"nonsense").is_empty());
    }
}
