//! Entries of a client's file that are servers of ours as well: their tools are there twice. Two are one only if all that they are
//! given is the same, we start it, and that client sees all of it; in doubt the client's stays. Starts nothing, changes nothing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use mcp_proxy_core::backend::ItemKind;
use mcp_proxy_core::catalog::{Catalog, Scope, Views};
use mcp_proxy_core::config::{self, Access, Located, Server, StartPolicy, Target};
use serde_json::{Map, Value, json};

use super::doctor::Subject;
use super::entry::{self, Way, command_line, word_after};
use super::foreign::{Found, translate};
use super::table::Client;

/// What a server is given beside what it is started or asked by.
const GIVEN: [&str; 5] = ["env", "env_file", "cwd", "headers", "auth"];

/// An entry that starts or asks what a server of ours does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Double {
    /// Its name in the client's file.
    pub name: String,
    /// Why it has to stay there all the same; `None`: it is that server, and its tools are there twice.
    pub kept: Option<Kept>,
}

/// Why an entry stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Ours is given something else.
    Differs(&'static str),
    /// What it is given is not known without that client.
    Unknown,
    /// We wait until somebody starts it.
    Manual,
    /// That client is not shown all of it.
    Hidden,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(what) => write!(f, "mcp-proxy gives it another `{what}`"),
            Self::Unknown => f.write_str("it refers to what only the client knows"),
            Self::Manual => f.write_str("mcp-proxy starts it only when told to"),
            Self::Hidden => f.write_str("mcp-proxy does not show all of it to that client"),
        }
    }
}

impl Subject<'_> {
    /// The entries of a client's file that start or ask what we do, for a client that gets to us by `way`.
    #[must_use]
    pub fn doubles_of(&self, client: &Client, entries: &[(String, &Value)], way: &Way) -> Vec<Double> {
        let (Some(config), Located::File { path }) = (self.config, self.located) else { return Vec::new() };
        // Of another configuration nothing is known here.
        if let Way::Start { args, .. } = way
            && word_after(args, "--config").is_some_and(|other| !is_same_file(Path::new(other), path))
        {
            return Vec::new();
        }
        let one = |name: &str, entry: &Value| {
            let found = translate(&client.form, name, entry, self.port()).ok()?;
            let theirs = self.target(&found, path);
            let reached = theirs.clone().or_else(|| self.target(&bare(found.clone()), path))?;
            let alike = config.servers.iter().filter(|s| s.enabled && is_reached_alike(&s.target, &reached));
            let whole = theirs.filter(|_| !is_relative(&found.entry));
            let kept = alike.map(|server| self.kept(client, server, entry, whole.as_ref(), way));
            // One that is the same is enough.
            let kept = kept.reduce(|first, next| if next.is_none() { next } else { first })?;
            Some(Double { name: name.to_owned(), kept })
        };
        entries.iter().filter(|(_, entry)| is_on(entry)).filter_map(|(name, entry)| one(name, entry)).collect()
    }

    fn kept(&self, client: &Client, ours: &Server, entry: &Value, theirs: Option<&Target>, way: &Way) -> Option<Kept> {
        let Some(theirs) = theirs else { return Some(Kept::Unknown) };
        // The client has logged in itself: we have not.
        let logs_in = ["oauth", "auth", "scopes", "authProviderType"];
        if logs_in.iter().any(|field| !matches!(&entry[*field], Value::Null | Value::Bool(false))) {
            return Some(Kept::Differs("auth"));
        }
        if let Some(what) = differs(&ours.target, theirs) {
            return Some(Kept::Differs(what));
        }
        if ours.start == StartPolicy::Manual {
            return Some(Kept::Manual);
        }
        (!self.shows_all_of(client, &ours.name, way)).then_some(Kept::Hidden)
    }

    /// Whether a client that gets to us by `way` sees every tool of a server.
    fn shows_all_of(&self, client: &Client, server: &str, way: &Way) -> bool {
        let Some(config) = self.config else { return false };
        let profile = match way {
            Way::Start { args, .. } => word_after(args, "--profile"),
            Way::Address(url) => {
                // What is shown there depends on the path, and on the token that the client has for it.
                let is_whole =
                    url.trim_end_matches('/').ends_with("/mcp") && entry::is_ours(&json!({ "url": url }), config.port);
                if !is_whole || config.clients.require_auth || !config.clients.tokens.is_empty() {
                    return false;
                }
                None
            }
        };
        if profile.is_some_and(|name| !config.clients.profiles.contains_key(name)) {
            return false;
        }
        let (certain, _) = self.access(config, client, profile);
        // A rule for a folder goes before others, in that folder.
        let elsewhere = config.clients.rules.iter().filter(|rule| {
            let is_for_it = rule.name.as_deref().is_none_or(|pattern| client.is_called(pattern));
            profile.is_none() && !rule.folders.is_empty() && is_for_it
        });
        elsewhere.map(|rule| &rule.access).chain([&certain]).all(|access| self.opens_all_of(access, server))
    }

    fn opens_all_of(&self, access: &Arc<Access>, server: &str) -> bool {
        let scope = Scope { server: None, access: access.clone() };
        if !scope.sees(server) {
            return false;
        }
        if !scope.limits_tools() && scope.most_tools().is_none() {
            return true;
        }
        // Single tools are kept from it: all of this server's have to be known, and to be among the others.
        let Some(all) = &self.catalog else { return false };
        let n_tools =
            |of: &Catalog| of.items[ItemKind::Tool as usize].iter().filter(|tool| &*tool.backend == server).count();
        let n_all = n_tools(all);
        n_all > 0 && n_tools(&Views::default().of(all, &scope)) == n_all
    }

    /// What our own reader makes of an entry, if it has all that the entry refers to.
    fn target(&self, found: &Found, path: &Path) -> Option<Target> {
        let mut entry = found.entry.clone();
        entry.remove("enabled");
        entry.remove("tools");
        let text = json!({ "version": 1, "servers": { found.name.as_str(): entry } }).to_string();
        // As if it stood beside our file, so that credentials are the same; nobody has looked at it, and nothing is started for it.
        let environment = self.environment.clone().without_commands();
        let loaded = config::load_text(&text, &path.with_file_name("import.json"), &environment);
        Some(loaded.config?.servers.into_iter().next()?.target.clone())
    }
}

/// The way that a client gets to us by once `install` has written `way` over the entry of ours that is `there`: nobody sees more than
/// before because an entry was brought up to date. `has_config`: the configuration was typed.
#[must_use]
pub fn keeping(way: &Way, there: Option<&Value>, client: &Client, has_config: bool) -> Way {
    let (Way::Start { command, args }, Some(there)) = (way, there) else { return way.clone() };
    let old = command_line(there);
    let is_chosen = word_after(args, "--profile").is_some();
    if old.is_empty() && !is_chosen && client.form.remote.is_some() {
        return entry::address(there).map_or_else(|| way.clone(), |(_, url)| Way::Address(url.to_owned()));
    }
    let mut args = args.clone();
    if let Some(profile) = word_after(&old, "--profile").filter(|_| !is_chosen) {
        args.extend(["--profile".to_owned(), profile.to_owned()]);
    }
    // One that is gone helps nobody.
    let other = word_after(&old, "--config").filter(|path| Path::new(path).is_file());
    if let Some(path) = other.filter(|_| !has_config && word_after(&args, "--config").is_none()) {
        args.splice(0..0, ["--config".to_owned(), path.to_owned()]);
    }
    Way::Start { command: command.clone(), args }
}

/// Whether an entry of a client is surely not switched off, in any client's word for it.
fn is_on(entry: &Value) -> bool {
    let is = |field: &str, on: bool| entry[field].is_null() || entry[field] == on;
    is("disabled", false) && is("enabled", true) && is("active", true)
}

/// The same without what it is given.
fn bare(mut found: Found) -> Found {
    GIVEN.iter().for_each(|field| drop(found.entry.remove(*field)));
    found
}

/// Whether it names files from where the client happens to stand.
fn is_relative(entry: &Map<String, Value>) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    let is_relative = |path: &&str| !(Path::new(path).is_absolute() || path.starts_with(['~', '$']));
    let paths = ["cwd", "env_file"].into_iter().filter_map(text);
    paths.chain(text("command").filter(|command| command.contains(['/', '\\']))).any(|path| is_relative(&path))
}

fn is_reached_alike(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Stdio { command: a, args: x, .. }, Target::Stdio { command: b, args: y, .. }) => a == b && x == y,
        (Target::Http { url: a, .. }, Target::Http { url: b, .. }) => {
            a.reveal().trim_end_matches('/') == b.reveal().trim_end_matches('/')
        }
        _ => false,
    }
}

/// What two that are reached alike are given differently.
fn differs(a: &Target, b: &Target) -> Option<&'static str> {
    match (a, b) {
        (Target::Stdio { cwd: a, env: x, .. }, Target::Stdio { cwd: b, env: y, .. }) => {
            if x != y {
                Some("env")
            } else {
                (a != b).then_some("cwd")
            }
        }
        (Target::Http { headers: a, .. }, Target::Http { headers: b, .. }) => {
            let is_in = |(name, value): (&String, &config::Secret)| {
                b.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
            };
            (a.len() != b.len() || !a.iter().all(is_in)).then_some("headers")
        }
        _ => Some("command"),
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b))
}

#[cfg(test)]
#[path = "doubles_tests.rs"]
mod tests;
