//! What is wrong between a client, its file and us. Reads files; starts nothing and changes nothing.

mod programs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcp_proxy_core::backend::{ItemKind, Memory};
use mcp_proxy_core::catalog::{Catalog, Item, Scope, Views, remembered, tokens};
use mcp_proxy_core::config::{self, Access, Config, Diagnostic, Environment, Level, Located, NoteKind, render};
use mcp_proxy_core::transport::SearchPath;
pub use programs::programs;
use serde_json::Value;

use super::doubles::keeping;
use super::entry::{self, Put, Way, word_after};
use super::place::{self, System};
use super::table::{Client, OUR_NAME, Passes};
use super::{ClientFile, ClientFileError};

/// What a program has that was started from a menu.
const DESKTOP_ENV: [&str; 12] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TMPDIR",
    "DISPLAY",
    "XDG_RUNTIME_DIR",
    "XDG_DATA_HOME",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
];
/// Its PATH.
const DESKTOP_PATH: &str =
    if cfg!(target_os = "macos") { "/usr/bin:/bin:/usr/sbin:/sbin" } else { "/usr/local/bin:/usr/bin:/bin" };
/// Names of tools that are told one by one.
const N_NAMED: usize = 3;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It does not work.
    Problem,
    /// It works, and not as it could.
    Warning,
    /// Good to know.
    Note,
    /// As it should be.
    Fine,
}

impl Weight {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Fine => "ok",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// What it is.
    pub what: String,
    /// What to do.
    pub fix: Option<String>,
}

impl Finding {
    fn new(weight: Weight, what: impl Into<String>) -> Self {
        Self { weight, what: what.into(), fix: None }
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// A client, and what was found about it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Which.
    pub client: &'static Client,
    /// Its file.
    pub path: Option<PathBuf>,
    /// In the order they were looked for.
    pub findings: Vec<Finding>,
}

/// What all clients are compared with.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Where our configuration is.
    pub located: &'a Located,
    /// What it says, if it has no errors.
    pub config: Option<&'a Config>,
    /// Ours; programs that references name are not started with it.
    pub environment: &'a Environment,
    /// What `install` would write.
    pub way: Option<&'a Way>,
    /// What is remembered of the servers.
    pub catalog: Option<Arc<Catalog>>,
}

impl<'a> Subject<'a> {
    /// Our configuration and what is remembered of its servers.
    #[must_use]
    pub fn new(
        located: &'a Located,
        config: Option<&'a Config>,
        environment: &'a Environment,
        way: Option<&'a Way>,
    ) -> Self {
        let catalog = config.map(|c| Arc::new(remembered(c, &Memory::user())));
        Self { located, config, environment, way, catalog }
    }

    /// What a client pays for all of it, as far as it is known.
    #[must_use]
    pub fn weight(&self) -> Option<Finding> {
        let tools = &self.catalog.as_ref()?.items[ItemKind::Tool as usize];
        if tools.is_empty() {
            return Some(
                Finding::new(Weight::Note, "no tools are remembered yet")
                    .fix("mcp-proxy list (starts every server once)"),
            );
        }
        Some(Finding::new(Weight::Fine, format!("{} for a client that reads all", cost("are known", tools))))
    }

    /// What a client sees: all of it, or what [`Self::access`] leaves; and why.
    fn seen_by(&self, client: &Client, profile: Option<&str>) -> Option<(Arc<Catalog>, Option<String>)> {
        let (catalog, config) = (self.catalog.as_ref()?, self.config?);
        let (access, why) = self.access(config, client, profile);
        Some((Views::default().of(catalog, &Scope { server: None, access }), why))
    }

    /// What a client may see: all of it, or what the profile in its entry or a rule for clients of its name leaves; and why.
    pub(super) fn access(
        &self,
        config: &Config,
        client: &Client,
        profile: Option<&str>,
    ) -> (Arc<Access>, Option<String>) {
        if let Some((name, access)) = profile.and_then(|name| Some((name, config.clients.profiles.get(name)?))) {
            return (access.clone(), Some(format!("by its profile `{name}`")));
        }
        // What depends on a folder is not known here.
        let rules = config.clients.rules.iter().filter(|rule| rule.folders.is_empty());
        let mut named = rules.filter_map(|rule| Some((rule, rule.name.as_deref()?)));
        match named.find(|(_, pattern)| client.is_called(pattern)) {
            Some((rule, pattern)) => (rule.access.clone(), Some(format!("by the rule for `{pattern}`"))),
            None => (config.clients.own.clone(), None),
        }
    }

    pub(super) fn port(&self) -> u16 {
        const DEFAULT: u16 = 8000;
        self.config.map_or(DEFAULT, |c| c.port)
    }

    fn short(&self, path: &Path) -> String {
        render::short_path(path, self.environment.home())
    }

    /// One client.
    #[must_use]
    pub fn examine(&self, client: &'static Client) -> Examined {
        let system = System::current();
        let path = place::file_of(client, system, self.environment);
        let mut findings = Vec::new();
        match super::open(client, system, self.environment) {
            Ok(file) => self.file(client, &file, &mut findings),
            Err(error) => findings.push(self.unreadable(client, &error)),
        }
        if !client.is_certain {
            let text = format!("nobody could look at where {} keeps its servers; this is a guess", client.title);
            findings.push(Finding::new(Weight::Note, text));
        }
        Examined { client, path, findings }
    }

    fn unreadable(&self, client: &Client, error: &ClientFileError) -> Finding {
        match error {
            ClientFileError::Parse { path, source } => {
                Finding::new(Weight::Problem, format!("its file has an error: {}:{source}", self.short(path)))
                    .fix(format!("mend it: {} reads none of its servers until then", client.title))
            }
            other => Finding::new(Weight::Problem, other.to_string()).fix("make it a file that you can read"),
        }
    }

    fn file(&self, client: &'static Client, file: &ClientFile, findings: &mut Vec<Finding>) {
        let tree = file.document.tree();
        let all = entry::all(&client.form, tree);
        let ours: Vec<&(String, &Value)> = all.iter().filter(|(_, e)| entry::is_ours(e, self.port())).collect();
        if ours.len() > 1 {
            let names: Vec<String> = ours.iter().map(|(name, _)| format!("`{name}`")).collect();
            findings.push(
                Finding::new(Weight::Problem, format!("it has mcp-proxy {} times: {}", ours.len(), names.join(", ")))
                    .fix(format!("mcp-proxy uninstall {0} && mcp-proxy install {0}", client.id)),
            );
        }
        match (ours.first(), all.iter().find(|(name, _)| name == OUR_NAME)) {
            (Some((name, entry)), _) => self.ours(client, file, name, entry, findings),
            (None, Some((_, entry))) if entry::address(entry).is_none() => findings.push(
                Finding::new(Weight::Warning, format!("its entry `{OUR_NAME}` is another program"))
                    .fix("rename it; then `mcp-proxy install` can add ours"),
            ),
            (None, Some(_)) => findings.push(Finding::new(Weight::Fine, "it asks mcp-proxy at an address")),
            (None, None) => findings.push(
                Finding::new(Weight::Note, "mcp-proxy is not in it").fix(format!("mcp-proxy install {}", client.id)),
            ),
        }
        if !ours.is_empty() {
            self.doubles(client, &all, tree, findings);
            self.environment(client, findings);
            let profile = ours.first().map(|(_, entry)| entry::command_line(entry));
            let profile = profile.as_deref().and_then(|line| word_after(line, "--profile"));
            self.limits(client, profile, findings);
        }
    }

    /// Our entry, compared with what `install` would write.
    fn ours(&self, client: &Client, file: &ClientFile, name: &str, entry: &Value, findings: &mut Vec<Finding>) {
        let install = format!("mcp-proxy install {}", client.id);
        let is_off = entry["disabled"] == true || entry["enabled"] == false || entry["active"] == false;
        if is_off {
            findings.push(Finding::new(Weight::Warning, "mcp-proxy is switched off in it").fix("switch it on there"));
        }
        if let Some(command) = entry::command_line(entry).first()
            && SearchPath::new(DESKTOP_PATH.as_ref()).resolve(command, None).is_err()
        {
            let is_bare = !command.contains(['/', '\\']);
            let what = format!("`{command}` cannot be started");
            let (weight, why) = match (is_bare, client.passes) {
                (true, Passes::Shell | Passes::Without(_) | Passes::Only(_)) => {
                    (Weight::Note, format!("`{command}` is found only where PATH has it"))
                }
                (true, _) => (
                    Weight::Problem,
                    format!("{what}: an application that is started from a menu has not your shell's PATH"),
                ),
                (false, _) => (Weight::Problem, format!("{what}: there is no such program")),
            };
            findings.push(Finding::new(weight, why).fix(format!("{install} (writes the full path)")));
        }
        // Which part of it all a client sees is its owner's choice.
        let way = self.way.map(|way| keeping(way, Some(entry), client, false));
        let put = way.as_ref().filter(|_| name == OUR_NAME).map(|way| {
            let mut document = file.document.clone();
            entry::put(&mut document, &client.form, way, self.port())
        });
        match put {
            Some(Ok(Put::AsItWas)) => findings.push(Finding::new(Weight::Fine, "mcp-proxy is in it")),
            Some(Ok(_)) if entry::address(entry).is_none() => findings
                .push(Finding::new(Weight::Note, "mcp-proxy is in it, not as `install` would write it").fix(install)),
            _ => findings.push(Finding::new(Weight::Fine, format!("mcp-proxy is in it, as `{name}`"))),
        }
    }

    /// Servers that the client starts itself and we do too.
    fn doubles(&self, client: &'static Client, all: &[(String, &Value)], tree: &Value, findings: &mut Vec<Finding>) {
        let Some(way) = self.way else { return };
        let way = keeping(way, entry::ours_in(&client.form, tree, self.port()), client, false);
        let doubles = self.doubles_of(client, all, &way);
        let twice = doubles.iter().filter(|d| d.kept.is_none());
        let names: Vec<String> = twice.map(|d| format!("`{}`", d.name)).collect();
        if !names.is_empty() {
            let what =
                format!("it also starts {} itself, as mcp-proxy does: their tools are there twice", names.join(", "));
            let fix = format!("mcp-proxy install --replace {} (takes them out of its file)", client.id);
            findings.push(Finding::new(Weight::Warning, what).fix(fix));
        }
    }

    /// Variables that our configuration needs and that client does not pass on.
    fn environment(&self, client: &Client, findings: &mut Vec<Finding>) {
        let Some(theirs) = as_passed(client.passes, self.environment) else { return };
        if self.config.is_none() {
            return;
        }
        // What programs say is the same for all; they have been asked, or are not.
        let loaded = config::load(self.located, &theirs);
        let missing: Vec<&Diagnostic> = loaded.diagnostics.iter().filter(|d| d.level == Level::Error).collect();
        if let Some(first) = missing.first() {
            let more = if missing.len() > 1 { format!(" (and {} more)", missing.len() - 1) } else { String::new() };
            let what = format!(
                "it does not pass on what your shell has, so mcp-proxy will not start: {}{more}",
                first.message
            );
            findings.push(
                Finding::new(Weight::Problem, what)
                    .fix("mcp-proxy secret set NAME   (keeps it where every client finds it)"),
            );
        }
    }

    /// What we offer, as far as it is known, against what it takes.
    fn limits(&self, client: &Client, profile: Option<&str>, findings: &mut Vec<Finding>) {
        let (Some((catalog, why)), Some(config)) = (self.seen_by(client, profile), self.config) else { return };
        let tools = &catalog.items[ItemKind::Tool as usize];
        if let (Some(why), false) = (why, tools.is_empty()) {
            findings.push(Finding::new(Weight::Fine, format!("{}, {why}", cost("are shown to it", tools))));
        }
        if let Some((most, what_then)) = client.limits.tools.filter(|(most, _)| tools.len() > *most) {
            let what = format!("{} tools, and {} takes {most}: it {what_then}", tools.len(), client.title);
            findings.push(Finding::new(Weight::Warning, what).fix(
                "a profile for it (`clients.rules`, with `max_tools`), or `tools.allow` and `tools.deny` of a server",
            ));
        }
        if let Some((most, before, what_then)) = client.limits.name {
            let long: Vec<&str> =
                tools.iter().map(|t| &*t.exposed).filter(|n| before.len() + n.chars().count() > most).collect();
            if let Some(first) = long.first() {
                let more = if long.len() > 1 { format!(" and {} more", long.len() - 1) } else { String::new() };
                let what = format!(
                    "`{first}`{more} is longer than {} characters: {} {what_then}",
                    most - before.len(),
                    client.title
                );
                findings.push(
                    Finding::new(Weight::Warning, what)
                        .fix("a shorter `prefix` for the server, or a lower `routing.max_tool_name`"),
                );
            }
        }
        let fits = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let odd: Vec<&str> = tools.iter().map(|t| &*t.exposed).filter(|n| !fits(n)).take(N_NAMED).collect();
        if client.limits.name.is_some() && !odd.is_empty() {
            let what = format!("{} has characters that {} does not take", odd.join(", "), client.title);
            findings.push(Finding::new(Weight::Warning, what).fix("`routing.name_charset: model`"));
        }
        let unknown: Vec<&str> = config
            .servers
            .iter()
            .filter(|s| s.enabled && !tools.iter().any(|t| t.backend == s.name))
            .filter(|s| client.limits.start.is_some_and(|start| start <= s.startup_timeout))
            .map(|s| &*s.name)
            .collect();
        if let (Some(start), false) = (client.limits.start, unknown.is_empty()) {
            let what = format!(
                "{} waits {} s for the first list, and no tools are remembered yet of: {}",
                client.title,
                start.as_secs(),
                unknown.join(", ")
            );
            findings.push(
                Finding::new(Weight::Note, what)
                    .fix("mcp-proxy list (starts them once; later lists are there at once)"),
            );
        }
    }
}

/// So many tools, and what reading them costs a model.
fn cost(what: &str, tools: &[Item]) -> String {
    let n_tokens = tokens(tools.iter().map(|t| t.legacy.len()).sum());
    format!("{} tools {what}, about {n_tokens} tokens", tools.len())
}

/// What a client passes on of an environment; `None`: all of it.
fn as_passed(passes: Passes, environment: &Environment) -> Option<Environment> {
    let keeps: Box<dyn Fn(&str) -> bool> = match passes {
        Passes::Shell => return None,
        Passes::Desktop => {
            let kept = environment.only(|name| DESKTOP_ENV.contains(&name));
            return Some(kept.with("PATH", DESKTOP_PATH));
        }
        Passes::Only(names) => Box::new(move |name: &str| names.contains(&name)),
        Passes::Without(parts) => Box::new(move |name: &str| {
            let upper = name.to_ascii_uppercase();
            !parts.iter().any(|part| upper.contains(part))
        }),
    };
    // Which configuration it is stands in our entry.
    Some(environment.only(keeps))
}

/// What is wrong with clients' files, as `check` says it.
#[must_use]
pub fn diagnostics(subject: &Subject<'_>, clients: impl Iterator<Item = &'static Client>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for client in clients {
        let Examined { path, findings, .. } = subject.examine(client);
        for finding in findings {
            let level = match finding.weight {
                Weight::Problem | Weight::Warning => Level::Warning,
                Weight::Note | Weight::Fine => continue,
            };
            let mut diagnostic = Diagnostic::new("MP801", level, format!("{}: {}", client.title, finding.what));
            diagnostic.file.clone_from(&path);
            out.push(finding.fix.into_iter().fold(diagnostic, |d, fix| d.note(NoteKind::Fix, fix)));
        }
    }
    out
}
