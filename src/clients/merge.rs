//! Many clients' servers as one list: the same server is known by what it starts or asks, not by its name. Pure, but for whether
//! our own check takes an entry.

use std::path::Path;

use mcp_proxy_core::config::{self, Environment, Level};
use serde_json::{Map, Value, json};

use super::entry::{address, command_line};
use super::foreign::Found;

/// One server on its way into our file.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What was found; the name is one that is free.
    pub found: Found,
    /// Where: titles of clients, or a file.
    pub from: Vec<String>,
    /// What comes of it.
    pub fate: Fate,
}

/// What comes of a server that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    New,
    /// It is written switched off: something it needs is missing.
    Off(String),
    /// We have it.
    Known,
    /// It cannot be used.
    Unfit(String),
}

/// All that were found, each once.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order they were found.
    pub servers: Vec<Planned>,
    /// Names in our file, with what they start or ask.
    taken: Vec<(String, Value)>,
}

impl Plan {
    /// For a file that has these servers.
    #[must_use]
    pub fn new(ours: Vec<(String, Value)>) -> Self {
        Self { servers: Vec::new(), taken: ours }
    }

    /// Adds what a client has. `client` is a word to tell apart two servers of one name.
    pub fn add(&mut self, mut found: Found, title: &str, client: &str) {
        let entry = Value::Object(found.entry.clone());
        if let Some(known) =
            self.servers.iter_mut().find(|p| is_same(&p.found.name, &p.found.entry, &found.name, &entry))
        {
            if !known.from.iter().any(|f| f == title) {
                known.from.push(title.to_owned());
            }
            let differs =
                ["env", "headers", "tools", "auth"].into_iter().filter(|k| known.found.entry.get(*k) != entry.get(*k));
            let differs: Vec<String> = differs.map(|k| format!("`{k}`")).collect();
            if !differs.is_empty() {
                known.found.notes.push(format!(
                    "{title} has other {} for it: those of {} were taken",
                    differs.join(", "),
                    known.from[0]
                ));
            }
            return;
        }
        let known = self
            .taken
            .iter()
            .any(|(name, ours)| ours.as_object().is_some_and(|ours| is_same(name, ours, &found.name, &entry)));
        let fate = if known { Fate::Known } else { Fate::New };
        if !known {
            let free = |name: &str, plan: &Self| {
                !plan.taken.iter().any(|t| t.0 == name) && !plan.servers.iter().any(|p| p.found.name == name)
            };
            if !free(&found.name, self) {
                let wanted = found.name.clone();
                let names = std::iter::once(format!("{wanted}-{client}"))
                    .chain((2..).map(|n| format!("{wanted}-{client}-{n}")));
                found.name = names.take(10_000).find(|n| free(n, self)).unwrap_or(wanted.clone());
                found.notes.push(format!("another server is called `{wanted}`"));
            }
        }
        self.servers.push(Planned { found, from: vec![title.to_owned()], fate });
    }

    /// Asks our own check about each, again if it was asked before: what needs something that is missing is switched off, what is wrong is left out.
    pub fn check(&mut self, file: &Path, environment: &Environment) {
        for planned in self.servers.iter_mut().filter(|p| matches!(p.fate, Fate::New | Fate::Off(_))) {
            if let Fate::Off(_) = planned.fate {
                // What was missing may be there now.
                planned.found.entry.remove("enabled");
                planned.fate = Fate::New;
            }
            if runs_programs(&planned.found, file, environment) {
                planned.fate = Fate::Unfit(config::REFUSED.to_owned());
                continue;
            }
            let Some(problem) = problem(&planned.found, file, environment) else { continue };
            planned.found.entry.insert("enabled".to_owned(), json!(false));
            let still = self::problem(&planned.found, file, environment);
            planned.fate = still.map_or(Fate::Off(problem), Fate::Unfit);
        }
    }

    /// Those that are written.
    pub fn written(&self) -> impl Iterator<Item = &Planned> {
        self.servers.iter().filter(|p| matches!(p.fate, Fate::New | Fate::Off(_)))
    }
}

/// The servers in a file of ours, under whatever key they are.
#[must_use]
pub fn servers_in(tree: &Value) -> Vec<(String, Value)> {
    let places =
        [&["servers"][..], &["mcpServers"], &["mcp", "servers"], &["mcp"], &["context_servers"], &["mcp.servers"]];
    let maps = places.iter().filter_map(|keys| keys.iter().try_fold(tree, |node, key| node.get(key))?.as_object());
    maps.flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// What our check says against an entry.
fn problem(found: &Found, file: &Path, environment: &Environment) -> Option<String> {
    let error = checked(&found.name, &found.entry, file, environment).into_iter().find(|d| d.level == Level::Error)?;
    let fix = error.notes.iter().find(|(kind, _)| *kind == config::NoteKind::Fix).map(|(_, fix)| format!("; {fix}"));
    Some(error.message + &fix.unwrap_or_default())
}

/// Whether our file would run a program for the entry, now or once it is switched on. None is written that does.
fn runs_programs(found: &Found, file: &Path, environment: &Environment) -> bool {
    if !Value::Object(found.entry.clone()).to_string().contains("cmd:") {
        return false;
    }
    let mut entry = found.entry.clone();
    entry.remove("enabled");
    checked(&found.name, &entry, file, environment).iter().any(|d| d.message.ends_with(config::REFUSED))
}

fn checked(name: &str, entry: &Map<String, Value>, file: &Path, environment: &Environment) -> Vec<config::Diagnostic> {
    let text = json!({ "version": 1, "servers": { name: entry } }).to_string();
    // As if it stood beside our file, so that relative paths and credentials are the same; but it is somebody else's, and nobody has
    // looked at it yet.
    let environment = environment.clone().without_commands();
    config::load_text(&text, &file.with_file_name("import.json"), &environment).diagnostics
}

/// Whether two entries are one server. With one name, what it starts or asks decides; with two, all that it is given.
fn is_same(a_name: &str, a: &Map<String, Value>, b_name: &str, b: &Value) -> bool {
    let a_value = Value::Object(a.clone());
    endpoint(&a_value).is_some_and(|e| Some(e) == endpoint(b))
        && (a_name == b_name || ["env", "headers", "auth", "cwd"].iter().all(|k| a.get(*k) == b.get(*k)))
}

/// What a server starts, or asks.
fn endpoint(entry: &Value) -> Option<String> {
    let line = command_line(entry);
    if line.is_empty() {
        return address(entry).map(|(_, url)| url.trim_end_matches('/').to_owned());
    }
    Some(line.join("\0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, entry: Value) -> Found {
        let Value::Object(entry) = entry else { panic!("a map") };
        Found { name: name.to_owned(), entry, notes: Vec::new(), secrets: Vec::new(), asked: Vec::new() }
    }

    #[test]
    fn a_server_is_known_by_what_it_starts() {
        let ours = vec![("git".to_owned(), json!({ "command": "uvx", "args": ["mcp-server-git"] }))];
        let mut plan = Plan::new(ours);
        plan.add(
            found("git", json!({ "command": "uvx", "args": ["mcp-server-git"], "env": { "A": "b" } })),
            "Cursor",
            "cursor",
        );
        plan.add(found("fetch", json!({ "url": "https://h/mcp" })), "Cursor", "cursor");
        plan.add(found("fetcher", json!({ "url": "https://h/mcp/" })), "Zed", "zed");
        plan.add(found("git", json!({ "command": "npx", "args": ["git"] })), "Zed", "zed");
        plan.add(found("git", json!({ "command": "npx", "args": ["git"], "env": { "A": "b" } })), "Codex", "codex");
        plan.add(
            found("two", json!({ "url": "https://h/mcp", "headers": { "A": "other account" } })),
            "Codex",
            "codex",
        );
        let shown: Vec<_> =
            plan.servers.iter().map(|p| (p.found.name.as_str(), p.from.len(), p.fate.clone())).collect();
        assert_eq!(
            shown,
            [
                ("git", 1, Fate::Known),
                ("fetch", 2, Fate::New),
                ("git-zed", 1, Fate::New),
                ("git-codex", 1, Fate::New),
                ("two", 1, Fate::New)
            ]
        );
    }

    #[test]
    fn what_needs_something_that_is_missing_is_written_switched_off() {
        let mut plan = Plan::default();
        plan.add(found("a", json!({ "command": "x", "env": { "T": "${NOBODY_SET_THIS}" } })), "Cursor", "cursor");
        plan.add(found("b", json!({ "command": "x" })), "Cursor", "cursor");
        plan.check(Path::new("/nowhere/config.yaml"), &Environment::empty());
        let Fate::Off(why) = &plan.servers[0].fate else { panic!("{:?}", plan.servers[0].fate) };
        assert!(why.contains("NOBODY_SET_THIS"), "{why}");
        assert_eq!(plan.servers[0].found.entry["enabled"], false);
        assert_eq!(plan.servers[1].fate, Fate::New);
        assert_eq!(plan.written().count(), 2);
    }
    #[test]
    fn what_would_run_a_program_is_not_written_even_switched_off() {
        let mut plan = Plan::default();
        let run = json!({ "A": "${NOBODY_SET_THIS}", "T": "${cmd:touch x}" });
        plan.add(found("a", json!({ "command": "x", "env": run })), "Cursor", "cursor");
        plan.add(found("b", json!({ "command": "y", "env": run, "enabled": false })), "Cursor", "cursor");
        plan.add(found("c", json!({ "command": "z", "env": { "T": "$${cmd:touch x}" } })), "Cursor", "cursor");
        plan.check(Path::new("/nowhere/config.yaml"), &Environment::empty());
        let fates: Vec<&Fate> = plan.servers.iter().map(|p| &p.fate).collect();
        assert!(matches!(fates[..], [Fate::Unfit(_), Fate::Unfit(_), Fate::New]), "{fates:?}");
    }
}
