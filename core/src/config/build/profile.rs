//! `profiles`, and who gets which: by the client's name or folder (`clients.rules`), by its token, or whoever starts us (`clients.profile`).

use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind};
use crate::config::keys::{self, Kind};
use crate::config::node::{Node, Value};
use crate::config::{Access, ClientRule, Config};

use super::reader::Reader;

/// Servers by tag.
const TAG: &str = "tag:";

impl Reader<'_> {
    /// Reads them; the servers are known by now.
    pub(super) fn profiles(&mut self, root: &Node, config: &mut Config) {
        if let Some(node) = Self::find(root, "profiles") {
            for entry in self.names(node, "profiles") {
                let path = format!("profiles.{}", entry.key);
                self.check_keys(&entry.value, &path, Kind::Section(keys::PROFILE));
                if let Some(access) = self.profile(&entry.value, &path, config) {
                    config.clients.profiles.insert(entry.key.clone(), Arc::new(access));
                }
            }
        }
        if let Some(node) = Self::find(root, "clients.rules") {
            self.rules(node, config);
        }
        if let Some(node) = Self::find(root, "clients.profile")
            && let Some(profile) = self.named_profile(node, "clients.profile", config)
        {
            config.clients.own = within(&Access::default(), profile);
        }
        let tokens = Self::find(root, "clients.tokens").and_then(Node::as_map).unwrap_or_default();
        for (entry, node) in tokens.iter().filter_map(|t| Some((t, t.value.get("profile")?))) {
            let path = format!("clients.tokens.{}.profile", entry.key);
            let Some(profile) = self.named_profile(node, &path, config) else { continue };
            if let Some(token) = config.clients.tokens.iter_mut().find(|t| *t.name == *entry.key) {
                let access = within(&token.access, profile);
                Arc::make_mut(token).access = access;
            }
        }
    }

    fn profile(&mut self, node: &Node, path: &str, config: &Config) -> Option<Access> {
        let mut access = self.access(node, path)?;
        let items = match node.get("servers").map(|n| &n.value) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        let mut servers = Vec::new();
        for (wanted, item) in access.servers.iter().zip(items) {
            let found: Vec<String> = match wanted.strip_prefix(TAG) {
                Some(tag) => {
                    let tagged = config.servers.iter().filter(|s| s.tags.iter().any(|t| t == tag));
                    tagged.map(|s| s.name.to_string()).collect()
                }
                None => vec![wanted.clone()],
            };
            let is_known = found.iter().any(|f| f.contains('*') || config.servers.iter().any(|s| *s.name == **f));
            if !is_known {
                let message = format!("`{path}` is for `{wanted}`, and no server is");
                let mut d = Diagnostic::new("MP603", Level::Warning, message);
                if let Some(meant) = keys::nearest(wanted, config.servers.iter().map(|s| &*s.name)) {
                    d = d.label(format!("did you mean `{meant}`?"));
                }
                self.report(d.note(NoteKind::Fix, "name one of `servers`, or `tag:` and one of their tags"), item.span);
            }
            servers.extend(found);
        }
        if !access.servers.is_empty() && servers.is_empty() {
            // None is not all: no server has an empty name.
            servers.push(String::new());
        }
        access.servers = servers;
        Some(access)
    }

    fn rules(&mut self, node: &Node, config: &mut Config) {
        let Value::List(items) = &node.value else {
            self.wrong_type(
                node,
                "clients.rules",
                "a list",
                "write `- { match: { name: \"cursor*\" }, profile: work }`",
            );
            return;
        };
        for (i, item) in items.iter().enumerate() {
            let path = format!("clients.rules.{}", i + 1);
            self.check_keys(item, &path, Kind::Section(keys::RULE));
            if item.as_map().is_none() {
                continue;
            }
            let profile = match item.get("profile") {
                // A rule that cannot be read in full opens nothing.
                Some(node) => match self.named_profile(node, &format!("{path}.profile"), config) {
                    Some(profile) => Some(profile),
                    None => continue,
                },
                None => None,
            };
            let max_tools = item.get("max_tools").filter(|n| !matches!(n.value, Value::Null));
            let max_tools = max_tools.and_then(|node| self.count(node, &format!("{path}.max_tools"), 1..=100_000));
            if profile.is_none() && item.get("max_tools").is_none() {
                self.error("MP102", item.span, "a rule says nothing of what they see", "add `profile: NAME`");
            }
            let name = Self::find(item, "match.name");
            let root = Self::find(item, "match.root");
            if name.is_none() && root.is_none() {
                self.error("MP102", item.span, "a rule says not for whom it is", "add `match: { name: \"cursor*\" }`");
            }
            let name = match name {
                Some(node) => match self.text(node, &format!("{path}.match.name")) {
                    Some(text) => Some(text.value.to_lowercase()),
                    None => continue,
                },
                None => None,
            };
            let folders = match root {
                Some(node) => match self.text(node, &format!("{path}.match.root")) {
                    Some(text) => self.folders(&text.value),
                    None => continue,
                },
                None => Vec::new(),
            };
            let access = match (profile, max_tools) {
                (Some(profile), None) => profile,
                (within, max_tools) => Arc::new(Access { max_tools, within, ..Access::default() }),
            };
            config.clients.rules.push(ClientRule { name, folders, access });
        }
    }

    /// A folder as it is written, and as it is called without links.
    fn folders(&self, text: &str) -> Vec<String> {
        let text = text.trim();
        // What lies in it counts anyway.
        let plain = text.trim_end_matches("/**").trim_end_matches("/*");
        let folder = self.absolute(plain, &self.base);
        let real = (!plain.contains('*')).then(|| folder.canonicalize().ok()).flatten();
        let mut all: Vec<String> =
            std::iter::once(folder).chain(real).map(|p| p.to_string_lossy().into_owned()).collect();
        all.dedup();
        all
    }

    /// The profile a key names.
    fn named_profile(&mut self, node: &Node, path: &str, config: &Config) -> Option<Arc<Access>> {
        let text = self.text(node, path)?;
        let profiles = &config.clients.profiles;
        if let Some(profile) = profiles.get(text.value.trim()) {
            return Some(profile.clone());
        }
        let message = format!("`{path}` names the profile `{}`, and there is none", text.raw);
        let fix = if profiles.is_empty() {
            "add `profiles: { NAME: { servers: […] } }`".to_owned()
        } else {
            format!("there are: {}", profiles.keys().cloned().collect::<Vec<_>>().join(", "))
        };
        // Everything instead would be more than its owner meant.
        self.error("MP603", node.span, message, &fix);
        None
    }
}

/// What `access` opens, as far as `profile` does too.
fn within(access: &Access, profile: Arc<Access>) -> Arc<Access> {
    Arc::new(Access { within: Some(profile), ..access.clone() })
}
