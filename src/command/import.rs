//! `mcp-proxy import`: takes over the servers that clients have. It copies: no client's file is changed. Values are never shown.

use std::path::{Path, PathBuf};

use mcp_proxy_core::check::{Literal, literals, with_references};
use mcp_proxy_core::config::edit::replace::Seen;
use mcp_proxy_core::config::edit::{Document, Step, Syntax};
use mcp_proxy_core::config::{self, Environment, Level, Located, Secret, TEMPLATE, default_path, locate, masked};
use serde_json::{Map, Value};

use super::install::{asked, asked_gladly, can_ask, difference, failure, port, short};
use super::secret;
use crate::cli::Import;
use crate::clients::beside::{self, Beside, Project};
use crate::clients::foreign::{Found, Skip, translate};
use crate::clients::journal::Journal;
use crate::clients::merge::{Fate, Plan, Planned, servers_in};
use crate::clients::place::{self, System};
use crate::clients::table::{CLIENTS, Client, Form};
use crate::clients::{self, entry};
use crate::render::printable;
use crate::report::{self, Failure};

/// Where servers were looked for, and what was found there.
#[derive(Default)]
struct Search {
    /// Titles, and how many servers.
    read: Vec<(String, usize)>,
    /// Files that could not be read.
    broken: Vec<String>,
    /// Entries that are no servers for us.
    skipped: Vec<(String, String, Skip)>,
}

pub(super) fn run(config: Option<&Path>, args: &Import) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let ours = Ours::open(config, &environment)?;
    let mut plan = Plan::new(ours.servers());
    let mut search = Search::default();
    let port = port(config, &environment);
    match &args.from {
        Some(from) => match clients::by_id(from) {
            Some(client) => search.client(client, port, &environment, &mut plan),
            None => search.file(Path::new(from), port, &environment, &mut plan)?,
        },
        None => CLIENTS.iter().for_each(|client| search.client(client, port, &environment, &mut plan)),
    }
    plan.check(&ours.path, &environment);
    report::out(shown(&plan, &search).as_bytes())?;
    let hint = project_files(&environment);
    let n_written = plan.written().count();
    if n_written == 0 {
        report::note("nothing to import");
        hint.iter().for_each(|h| report::note(h));
        return if search.broken.is_empty() { Ok(()) } else { Err(Failure::failed("some files could not be read")) };
    }
    let servers = format!("{n_written} server{}", if n_written == 1 { "" } else { "s" });
    let path = short(&ours.path, &environment);
    let asks = !args.yes && !args.dry_run && can_ask();
    if asks && !asked(&format!("write {servers} to {path}?"))? {
        report::note("nothing was changed");
        return Ok(());
    }
    let vault = secret::Place::of(Located::File { path: ours.path.clone() }, environment.clone())?;
    if asks {
        ask_values(&mut plan, &vault)?;
        plan.check(&ours.path, &environment);
    }
    let (before, after) = ours.with(&plan)?;
    let moving = if args.keep_secrets { None } else { Moving::of(&plan, &ours, &after, &vault, &environment)? };
    if args.dry_run {
        let after = moving.as_ref().map_or(&after, |m| &m.after);
        report::note(&format!("would be written to {path}:\n{}", difference(&before, after)));
        return Ok(());
    }
    let moving = match moving {
        Some(moving) if asks && !asked_gladly(&moving.question())? => None,
        moving => moving,
    };
    // First they are where they will be looked for, then what refers to them is written.
    let (after, n_moved) = match moving {
        Some(moving) => moving.carry_out(&vault)?,
        None => (after, 0),
    };
    let journal = Journal::open(&environment).map_err(|e| failure(&e))?;
    journal
        .begin("import")
        .change(&ours.seen, Some(&after))
        .map_err(|e| failure(&e).hint("nothing was written; run it again"))?;
    let but = if n_moved > 0 { " (but not the secrets: `mcp-proxy secret list`)" } else { "" };
    report::note(&format!("wrote {servers} to {path}; `mcp-proxy undo` takes it back{but}"));
    report::note("next: `mcp-proxy check`, then `mcp-proxy install` puts mcp-proxy into your clients");
    hint.iter().for_each(|h| report::note(h));
    Ok(())
}

/// Asks for what clients keep themselves or ask for, and keeps it; what is not given stays missing.
fn ask_values(plan: &mut Plan, vault: &secret::Place) -> Result<(), Failure> {
    if !cfg!(unix) {
        // A value cannot be asked for without showing it here: what is missing is said with what is written.
        return Ok(());
    }
    let mut done: Vec<&str> = Vec::new();
    for planned in plan.servers.iter().filter(|p| matches!(p.fate, Fate::Off(_))) {
        let missing = planned.found.asked.iter().filter(|name| !vault.has(name));
        for name in missing {
            if done.contains(&name.as_str()) {
                continue;
            }
            done.push(name);
            report::note(&format!("`{}` needs `{name}`; Enter leaves it for later", planned.found.name));
            let value = secret::typed(name)?;
            if value.is_empty() {
                continue;
            }
            // What cannot be kept is missing, and nothing else is lost.
            report::note(&match vault.keep(name, &Secret::new(value), false) {
                Ok(kept) => format!("kept `{name}` in {}", vault.whereabouts(&kept)),
                Err(failure) => failure.in_one_line(),
            });
        }
    }
    Ok(())
}

/// Secrets of what is imported, on their way out of the file.
struct Moving {
    /// The file with references in their places.
    after: Vec<u8>,
    literals: Vec<Literal>,
}

impl Moving {
    /// `None`: there are none, or they cannot be replaced without changing more.
    fn of(
        plan: &Plan,
        ours: &Ours,
        after: &[u8],
        vault: &secret::Place,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        let Ok(text) = std::str::from_utf8(after) else { return Ok(None) };
        let (all, loaded) = literals(text, &ours.path, &environment.clone().without_programs());
        let is_new = |l: &Literal| plan.written().any(|p| l.path.starts_with(&format!("servers.{}.", p.found.name)));
        let mut literals: Vec<Literal> = all.into_iter().filter(is_new).collect();
        for at in 0..literals.len() {
            let Literal { name, value, .. } = literals[at].clone();
            // Somebody else's secret of that name stays what it is.
            let is_taken = |name: &str| literals[..at].iter().any(|l| l.name == name && l.value != value);
            let names = std::iter::once(name.clone()).chain((2..100).map(|n| format!("{name}-{n}")));
            let mut free = None;
            for name in names {
                if !is_taken(&name) && vault.is_free(&name, &value)? {
                    free = Some(name);
                    break;
                }
            }
            let Some(free) = free else { return Ok(None) };
            literals[at].name = free;
        }
        let new = with_references(text, &ours.path, &literals, &loaded.sources).filter(|_| !literals.is_empty());
        Ok(new.map(|new| Self { after: new.into_bytes(), literals }))
    }

    fn question(&self) -> String {
        let n = self.literals.len();
        let (what, they, stand) = if n == 1 { ("secret", "it", "stands") } else { ("secrets", "they", "stand") };
        format!(
            "keep {n} {what} in the keyring, so that {they} {stand} in no file (without a keyring: in credentials.json, for you only)?"
        )
    }

    /// Keeps them. Gives the file without them, and how many they are.
    fn carry_out(self, vault: &secret::Place) -> Result<(Vec<u8>, usize), Failure> {
        let mut moved: Vec<(String, Vec<String>)> = Vec::new();
        for literal in &self.literals {
            let kept = vault.keep(&literal.name, &literal.value, false)?;
            let (to, name) = (vault.whereabouts(&kept), format!("`{}`", literal.name));
            match moved.iter_mut().find(|(place, _)| *place == to) {
                Some((_, names)) => names.push(name),
                None => moved.push((to, vec![name])),
            }
        }
        for (to, names) in moved {
            let n = names.len();
            report::note(&format!("moved {n} secret{} to {to}: {}", if n == 1 { "" } else { "s" }, names.join(", ")));
        }
        Ok((self.after, self.literals.len()))
    }
}

/// Our configuration.
struct Ours {
    path: PathBuf,
    seen: Seen,
    document: Document,
}

impl Ours {
    fn open(config: Option<&Path>, environment: &Environment) -> Result<Self, Failure> {
        let located = locate(config, environment);
        let path = match &located {
            Located::File { path } => path.clone(),
            Located::Nothing { .. } => default_path(environment).ok_or_else(|| {
                Failure::usage("there is no folder for the configuration")
                    .because("neither XDG_CONFIG_HOME nor HOME is set")
                    .hint("say where with --config")
            })?,
        };
        let failed = || Failure::usage(format!("the configuration `{}` cannot be added to", short(&path, environment)));
        let seen = Seen::read(&path).map_err(|e| failed().because(e))?;
        let syntax = syntax(&path, seen.bytes.as_deref());
        let bytes = match (&seen.bytes, syntax) {
            (Some(bytes), _) => bytes.clone(),
            (None, Syntax::Yaml) => TEMPLATE.as_bytes().to_vec(),
            (None, _) => b"{\n  \"version\": 1\n}\n".to_vec(),
        };
        if seen.bytes.is_some() {
            let loaded = config::load(&located, &environment.clone().without_programs());
            let names = loaded.diagnostics.iter().find(|d| d.level == Level::Error);
            if let Some(error) = names {
                return Err(failed()
                    .because(&error.message)
                    .hint("`mcp-proxy check` shows all of it; mend that first"));
            }
        }
        let document = Document::parse(&bytes, syntax).map_err(|e| failed().because(e))?;
        Ok(Self { path, seen, document })
    }

    /// Its servers.
    fn servers(&self) -> Vec<(String, Value)> {
        servers_in(self.document.tree())
    }

    /// The bytes of before, and those with the new servers.
    fn with(&self, plan: &Plan) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let mut document = self.document.clone();
        for planned in plan.written() {
            let found = &planned.found;
            document
                .set(&[Step::Key("servers"), Step::Key(&found.name)], &Value::Object(found.entry.clone()))
                .map_err(|e| {
                    Failure::failed(format!("`{}` cannot be written into `{}`", found.name, self.path.display()))
                        .because(e)
                        .hint("write `servers:` on a line of its own, with one entry below it, and run it again")
                })?;
        }
        Ok((self.seen.bytes.clone().unwrap_or_default(), document.to_bytes()))
    }
}

fn syntax(path: &Path, bytes: Option<&[u8]>) -> Syntax {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("json") => Syntax::Json,
        Some("jsonc" | "json5") => Syntax::Jsonc,
        Some("toml") => Syntax::Toml,
        Some("yaml" | "yml") => Syntax::Yaml,
        _ if bytes.is_some_and(|b| b.trim_ascii_start().starts_with(b"{")) => Syntax::Jsonc,
        _ => Syntax::Yaml,
    }
}

impl Search {
    fn client(&mut self, client: &'static Client, port: u16, environment: &Environment, plan: &mut Plan) {
        if client.files.is_empty() || !place::is_here(client, System::current(), environment) {
            return;
        }
        match clients::open(client, System::current(), environment) {
            Ok(file) => {
                let tree = file.document.tree();
                self.servers(&client.form, client.title, client.id, &entry::all(&client.form, tree), port, plan);
                for beside in beside::of_projects(client, tree, environment) {
                    self.beside(client, &beside, port, plan);
                }
            }
            Err(error) => self.broken.push(format!("{}: {error}", client.title)),
        }
        let own = place::file_of(client, System::current(), environment);
        match own.map_or(Ok(None), |own| beside::of_settings(client, &own)) {
            Ok(found) => found.iter().for_each(|beside| self.beside(client, beside, port, plan)),
            Err(error) => self.broken.push(format!("{}: {error}", client.title)),
        }
    }

    /// What a client has beside its own file; what is for a project is marked as that.
    fn beside(&mut self, client: &Client, beside: &Beside, port: u16, plan: &mut Plan) {
        let n_before = plan.servers.len();
        let entries: Vec<_> = beside.entries.iter().map(|(name, value)| (name.clone(), value)).collect();
        self.servers(&client.form, &beside.title, client.id, &entries, port, plan);
        let Some(Project { shown, name }) = &beside.project else { return };
        for planned in plan.servers.iter_mut().skip(n_before).filter(|p| p.fate == Fate::New) {
            planned.found.entry.insert("tags".to_owned(), Value::from(vec![name.as_str()]));
            planned.found.notes.push(format!(
                "it was for {shown} only; here it is for all, with the tag `{name}` that `profiles` and `clients.rules` can select"
            ));
        }
    }

    /// A file that was named: of a client, if its name or its keys say so.
    fn file(&mut self, path: &Path, port: u16, environment: &Environment, plan: &mut Plan) -> Result<(), Failure> {
        let path = environment.absolute_here(path);
        let title = short(&path, environment);
        let failed = || Failure::usage(format!("cannot import from `{title}`"));
        let seen = Seen::read(&path).map_err(|e| failed().because(e))?;
        let Some(bytes) = &seen.bytes else {
            let known: Vec<&str> = CLIENTS.iter().filter(|c| !c.files.is_empty()).map(|c| c.id).collect();
            return Err(failed()
                .because("there is no such file")
                .hint(format!("name a file, or a client: {}", known.join(", "))));
        };
        let form = form_of(&path, bytes, environment);
        let syntax = match form.map_or_else(|| syntax(&path, Some(bytes)), |form| form.syntax) {
            // Strict or not is the client's business.
            Syntax::Json => Syntax::Jsonc,
            other => other,
        };
        let document = Document::parse(bytes, syntax);
        let document = document.map_err(|e| failed().because(e).hint("mend it first"))?;
        let in_settings = beside::in_settings(document.tree());
        if let (None, false, Some(code)) = (form, in_settings.is_empty(), clients::by_id("vscode")) {
            let entries: Vec<_> = in_settings.iter().map(|(name, value)| (name.clone(), value)).collect();
            self.servers(&code.form, &title, "import", &entries, port, plan);
            return Ok(());
        }
        let form = form.or_else(|| form_by_keys(document.tree())).ok_or_else(|| {
            failed()
                .because("it has no servers under `mcpServers`, `servers`, `mcp`, `context_servers`, `mcp_servers` or `extensions`")
        })?;
        self.servers(form, &title, "import", &entry::all(form, document.tree()), port, plan);
        Ok(())
    }

    fn servers(
        &mut self,
        form: &Form,
        title: &str,
        client: &str,
        entries: &[(String, &Value)],
        port: u16,
        plan: &mut Plan,
    ) {
        let mut n_found = 0;
        for (name, value) in entries {
            match translate(form, name, value, port) {
                Ok(found) => {
                    n_found += 1;
                    plan.add(found, title, client);
                }
                Err(why) => self.skipped.push((name.clone(), title.to_owned(), why)),
            }
        }
        self.read.push((title.to_owned(), n_found));
    }
}

/// The client whose file this is, by its place or name.
fn form_of(path: &Path, bytes: &[u8], environment: &Environment) -> Option<&'static Form> {
    let is_its = |client: &&Client| {
        place::candidates(client, System::current(), environment).iter().any(|p| p == path)
            || client.projects.iter().any(|p| path.ends_with(p))
            || client.files.iter().any(|f| {
                let name = f.path.rsplit('/').next().unwrap_or_default().trim_end_matches('}');
                // `mcp.json`, `config.yaml` and `settings.json` are many clients'.
                !matches!(name, "mcp.json" | "mcp_config.json" | "settings.json" | "config.yaml" | "config.toml")
                    && path.file_name().is_some_and(|n| n == name)
            })
    };
    CLIENTS.iter().find(is_its).map(|c| &c.form).filter(|form| {
        // A file that only has the name is read by its keys.
        let syntax = if form.syntax == Syntax::Json { Syntax::Jsonc } else { form.syntax };
        Document::parse(bytes, syntax).is_ok_and(|d| !entry::all(form, d.tree()).is_empty())
    })
}

fn form_by_keys(tree: &Value) -> Option<&'static Form> {
    let form = |id: &str| clients::by_id(id).map(|c| &c.form);
    match tree {
        _ if tree["mcpServers"].is_array() => form("continue"),
        _ if tree["mcpServers"].is_object() => form("cursor"),
        _ if tree["context_servers"].is_object() => form("zed"),
        _ if tree["mcp_servers"].is_object() => form("codex"),
        _ if tree["extensions"].is_object() => form("goose"),
        _ if tree["servers"].is_object() => form("vscode"),
        _ if tree["mcp"].is_object() => form("opencode"),
        _ => None,
    }
}

/// What lies in this folder and is not read by itself: it is somebody's project, not the user.
fn project_files(environment: &Environment) -> Vec<String> {
    // In the home directory the file of a project is that of the user, which was read.
    let own =
        |client: &Client, path: &Path| place::file_of(client, System::current(), environment).as_deref() == Some(path);
    let is_there = |client: &Client, file: &str| {
        let path = environment.absolute_here(Path::new(file));
        path.is_file() && !own(client, &path)
    };
    let files = CLIENTS.iter().flat_map(|c| c.projects.iter().map(move |file| (c, *file)));
    let mut there: Vec<&str> = files.filter(|(client, file)| is_there(client, file)).map(|(_, file)| file).collect();
    there.dedup();
    let hint = |file: &&str| {
        format!("this folder has servers of its own: `mcp-proxy import --from {file}` takes them over too")
    };
    there.iter().map(hint).collect()
}

/// The preview. Nothing in it is a value of a variable or a header.
fn shown(plan: &Plan, search: &Search) -> String {
    let mut out = String::new();
    let read: Vec<String> = search.read.iter().map(|(title, n)| format!("{title} ({n})")).collect();
    if !read.is_empty() {
        out.push_str(&format!("servers found: {}\n", read.join(", ")));
    }
    for broken in &search.broken {
        out.push_str(&format!("not read: {}\n", printable(broken)));
    }
    let width = plan.servers.iter().map(|p| p.found.name.chars().count()).max().unwrap_or(0);
    for planned in &plan.servers {
        out.push_str(&line(planned, width));
    }
    for (name, title, why) in &search.skipped {
        out.push_str(&format!("  - {} ({title}): left out, {why}\n", printable(name)));
    }
    out
}

fn line(planned: &Planned, width: usize) -> String {
    let Planned { found, from, fate } = planned;
    let (sign, fate) = match fate {
        Fate::New => ('+', None),
        Fate::Off(why) => ('+', Some(switched_off(found, why))),
        Fate::Known => ('=', Some("you have it already".to_owned())),
        Fate::Unfit(why) => ('-', Some(format!("left out: {why}"))),
    };
    let words = target(&found.entry);
    let mut out = format!("  {sign} {:width$}  {words}  ({})\n", found.name, from.join(", "));
    let is_written = sign == '+';
    let notes = found.notes.iter().filter(|_| is_written).cloned();
    let secrets = found.secrets.iter().filter(|_| is_written).map(|f| format!("`{f}` has a secret in plain text"));
    for note in fate.into_iter().chain(notes).chain(secrets) {
        out.push_str(&format!("      {}\n", printable(&note)));
    }
    out
}

/// What keeps a server from being used at once, and how to change that.
fn switched_off(found: &Found, why: &str) -> String {
    let [name, more @ ..] = &*found.asked else {
        return format!("switched off: {why}; then take its `enabled: false` out");
    };
    let and = if more.is_empty() { String::new() } else { format!(" (and {})", more.join(", ")) };
    format!(
        "switched off: the client keeps `{name}`{and} itself, or asks for it; give it with `mcp-proxy secret set {name}`, then take its `enabled: false` out"
    )
}

/// What it starts or asks, fit to be shown.
fn target(entry: &Map<String, Value>) -> String {
    let value = Value::Object(entry.clone());
    let words = entry::command_line(&value).join(" ");
    let words = if words.is_empty() { entry.get("url").and_then(Value::as_str).unwrap_or_default() } else { &words };
    const MAX: usize = 60;
    let words = printable(&masked(words));
    if words.chars().count() > MAX { words.chars().take(MAX - 1).chain(['…']).collect() } else { words }
}
