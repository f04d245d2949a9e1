//! `.mcp-proxy.yaml` of a project: servers for clients that are started in its folder, beside those of the user's own configuration, and
//! only once the user has looked at it (`mcp-proxy trust`, [`super::trust`]).
//!
//! It comes with the folder, so somebody else may have written it. It brings servers and nothing else; no program is run for a
//! value in it, no server of the user is replaced by one of it, and the credentials of the user's servers are not for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::build;
use super::diagnostic::{Diagnostic, Level, NoteKind};
use super::load::{Placed, closed};
use super::node::{Node, Value};
use super::source::{FileSeen, MAX_FILE_BYTES, Sources};
use super::syntax::{self, Format};
use super::trust::{Standing, Trust, digest};
use super::variables::Variables;
use super::{Config, Environment, Loaded, Server, Target, render};

/// The name of the file.
pub const FILE_NAME: &str = ".mcp-proxy.yaml";
/// What may stand in it.
const KEYS: [&str; 8] =
    ["version", "$schema", "defaults", "servers", "mcpServers", "context_servers", "mcp", "mcp.servers"];

/// The project file for whoever is in the folder `environment` says: the nearest one above it, or in it. Not the home
/// directory's: that is nobody's project. `None`: there is none.
#[must_use]
pub fn find(environment: &Environment) -> Option<PathBuf> {
    places(environment).find(|file| fs::symlink_metadata(file).is_ok())
}

/// Where one may be, the nearest first.
fn places(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let is_home = |folder: &Path| environment.home().is_some_and(|home| home.starts_with(folder));
    let above = environment.current_dir().ancestors().take_while(move |folder| !is_home(folder));
    above.map(|folder| folder.join(FILE_NAME))
}

/// A project's file, read.
pub(super) struct Project {
    pub(super) path: PathBuf,
    /// Its text, if it may be used.
    pub(super) text: Option<String>,
    /// What is to be said of it otherwise.
    problem: Option<Diagnostic>,
    /// What was looked at.
    pub(super) files: Vec<FileSeen>,
}

impl Project {
    /// The one of the present folder. `None`: nobody asked for one, or there can be none.
    pub(super) fn look(environment: &Environment) -> Option<Self> {
        if !environment.looks_for_project() {
            return None;
        }
        // Where there is none, one may come.
        let path = find(environment).or_else(|| places(environment).next())?;
        let (text, seen) = FileSeen::read(&path, MAX_FILE_BYTES);
        let mut project = Self { path, text: None, problem: None, files: vec![seen] };
        let shown = render::short_path(&project.path, environment.home());
        match text {
            Ok(text) => {
                let trust = Trust::of(environment);
                let standing = trust.as_ref().map_or(Standing::Unknown, |t| t.standing(&project.path, &text));
                project.files.extend(trust.map(Trust::seen));
                match standing {
                    Standing::Trusted => project.text = Some(text),
                    Standing::Unknown => {
                        let message = format!("`{shown}` is not trusted: its servers are not used");
                        project.problem = Some(untrusted(message));
                    }
                    Standing::Changed => {
                        let message = format!("`{shown}` has changed since you trusted it: its servers are not used");
                        project.problem = Some(untrusted(message));
                    }
                }
            }
            Err(error) if error.is_missing() => {}
            Err(error) => {
                let message = format!("cannot read the project's `{shown}`: {error}");
                let d = Diagnostic::new("MP001", Level::Warning, message);
                project.problem = Some(d.note(NoteKind::Fix, "make it a file that you can read, or take it away"));
            }
        }
        Some(project)
    }

    /// Says what is to be said of it if it is not used.
    pub(super) fn tell(&mut self, out: &mut Vec<Diagnostic>) {
        if let Some(mut problem) = self.problem.take() {
            problem.file = Some(self.path.clone());
            out.push(problem);
        }
    }

    /// Its servers, but for those whose names are `taken` by the user's own. Gives the files they name, too.
    pub(super) fn servers(
        &self,
        taken: &[Placed],
        variables: &Variables<'_>,
        environment: &Environment,
        sources: &mut Sources,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Theirs> {
        let mut theirs = read(self.text.as_deref()?, &self.path, variables, environment, sources, out)?;
        let mut taken: BTreeSet<String> = taken.iter().map(|s| s.name.clone()).collect();
        theirs.placed.retain(|placed| {
            if !taken.insert(placed.name.clone()) {
                let message = format!("`{}` is a server of your own already: the project's is not used", placed.name);
                let d = Diagnostic::new("MP006", Level::Warning, message).note(NoteKind::Fix, "rename one of the two");
                out.push(sources.locate(d, placed.key_span));
                theirs.servers.retain(|server| *server.name != *placed.name);
                return false;
            }
            true
        });
        Some(theirs)
    }
}

/// What a project's file says.
#[derive(Default)]
pub(super) struct Theirs {
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) placed: Vec<Placed>,
    /// What counts for each of them.
    defaults: Option<Node>,
    /// Files that it names.
    pub(super) files: Vec<FileSeen>,
}

fn untrusted(message: String) -> Diagnostic {
    Diagnostic::new("MP011", Level::Warning, message)
        .note(NoteKind::Why, "it says what runs on your machine, and came with the folder")
        .note(NoteKind::Fix, "mcp-proxy trust   (shows what it would start, and asks)")
}

/// What the text of a project's file says. `None`: it cannot be read.
fn read(
    text: &str,
    path: &Path,
    variables: &Variables<'_>,
    environment: &Environment,
    sources: &mut Sources,
    out: &mut Vec<Diagnostic>,
) -> Option<Theirs> {
    let source = sources.add(path, text);
    let mut root = syntax::parse(text, Format::of(path, text), source, sources, out)?;
    if let Value::Null = root.value {
        root.value = Value::Map(Vec::new());
    }
    if root.as_map().is_none() {
        let message = format!("expected a map at the top of the file, found {}", root.kind_name());
        let d = Diagnostic::new("MP101", Level::Error, message)
            .note(NoteKind::Fix, "begin with `servers:` and one entry for each server below it");
        out.push(sources.locate(d, root.span));
        return None;
    }
    keep_servers(&mut root, sources, out);
    let base = path.parent().unwrap_or(path);
    let environment = environment.clone().without_commands();
    let of_project = variables.of_project(&environment, base);
    let built = build::build(&root, base, &environment, &of_project, sources, out);
    variables.were_used(&of_project);
    let mut servers = built.config.servers;
    for server in &mut servers {
        // Wherever below it a client was started: its programs run in its folder.
        if let Target::Stdio { cwd: cwd @ None, .. } = &mut Arc::make_mut(server).target {
            *cwd = Some(base.to_owned());
        }
    }
    let defaults = root.get("defaults").cloned();
    Some(Theirs { servers, placed: built.servers, defaults, files: of_project.seen() })
}

/// MP010
fn keep_servers(root: &mut Node, sources: &Sources, out: &mut Vec<Diagnostic>) {
    let Value::Map(entries) = &mut root.value else { return };
    entries.retain(|entry| {
        if KEYS.contains(&entry.key.as_str()) {
            return true;
        }
        let message = format!("`{}` cannot be set by a project", entry.key);
        let d = Diagnostic::new("MP010", Level::Error, message)
            .note(NoteKind::Why, "a project brings servers; everything else is its user's")
            .note(NoteKind::Fix, "take it out, or write it into your own configuration");
        out.push(sources.locate(d, entry.key_span));
        false
    });
}

/// What a project's file would bring, for whoever decides whether to trust it.
#[derive(Debug)]
pub struct Proposal {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// All there is to say about it.
    pub loaded: Loaded,
    /// Its servers.
    pub servers: Vec<Brought>,
    /// What it says for all of them: keys and values, as written.
    pub defaults: Vec<(String, String)>,
    /// What its values refer to: names of variables, `keyring:NAME`, `file:PATH`.
    pub references: Vec<String>,
}

/// A server of a project, as written: nothing is left out or hidden, for this is what is agreed to.
#[derive(Debug)]
pub struct Brought {
    /// Its name.
    pub name: String,
    /// Its program and arguments, or its address.
    pub words: Vec<String>,
    /// All else that is said of it: keys and values.
    pub rest: Vec<(String, String)>,
}

/// Reads a project's file as if it were trusted.
///
/// # Errors
/// Why it cannot be read, as the rest of a sentence.
pub fn propose(path: &Path, environment: &Environment) -> Result<Proposal, String> {
    let (text, seen) = FileSeen::read(path, MAX_FILE_BYTES);
    let text = text.map_err(|e| e.to_string())?;
    let (mut sources, mut out) = (Sources::default(), Vec::new());
    // The first text is what places lead into.
    let base = super::user_dir(environment).unwrap_or_default();
    let (mut unseen, mut untold) = (Sources::default(), Vec::new());
    let variables = Variables::open(environment, &base, &mut unseen, &mut untold);
    let theirs = read(&text, path, &variables, environment, &mut sources, &mut out).unwrap_or_default();
    let servers: Vec<_> = theirs.placed.iter().map(brought).collect();
    let mut defaults = Vec::new();
    theirs.defaults.iter().for_each(|node| leaves(node, "", &mut defaults));
    let values = servers.iter().flat_map(|s| s.words.iter().chain(s.rest.iter().map(|(_, value)| value)));
    let references = references(values.chain(defaults.iter().map(|(_, value)| value)));
    let loaded = Loaded {
        config: Some(Config { servers: theirs.servers, ..Config::default() }),
        n_servers: servers.len(),
        files: vec![seen],
        ..closed(path)
    };
    let loaded = loaded.with(out, sources);
    Ok(Proposal { path: path.to_owned(), text, loaded, servers, defaults, references })
}

impl Proposal {
    /// The hash of its text: what is trusted.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.text)
    }
}

fn brought(placed: &Placed) -> Brought {
    const TARGET: [&str; 3] = ["command", "args", "url"];
    let mut words = Vec::new();
    for value in TARGET.into_iter().filter_map(|key| placed.node.get(key)) {
        leaves(value, "", &mut words);
    }
    let mut rest = Vec::new();
    let others = placed.node.as_map().unwrap_or_default().iter().filter(|e| !TARGET.contains(&e.key.as_str()));
    others.for_each(|entry| leaves(&entry.value, &entry.key, &mut rest));
    Brought { name: placed.name.clone(), words: words.into_iter().map(|(_, word)| word).collect(), rest }
}

/// Every value below `node`, with the keys that lead to it.
fn leaves(node: &Node, path: &str, out: &mut Vec<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => out.push((path.to_owned(), scalar.text.clone())),
        Value::List(items) => items.iter().for_each(|item| leaves(item, path, out)),
        Value::Map(entries) => entries.iter().for_each(|entry| leaves(&entry.value, &below(&entry.key), out)),
    }
}

/// What values, as they are after the file's own escapes, refer to.
fn references<'a>(values: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all = BTreeSet::new();
    for rest in values.flat_map(|value| value.split("${").skip(1)) {
        let inner = rest.split('}').next().unwrap_or_default();
        let name = match inner.split_once(':') {
            Some(("keyring" | "file" | "cmd", _)) => inner,
            Some(("env", name)) => name,
            _ => inner.split([':', '-']).next().unwrap_or_default(),
        };
        let plain: String = name.trim().chars().filter(|c| !c.is_control()).collect();
        if !plain.is_empty() {
            all.insert(plain);
        }
    }
    all.into_iter().collect()
}
