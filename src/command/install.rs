//! `mcp-proxy install` and `uninstall`: our entry in the clients' files. What else is in them stays, byte for byte; what was there
//! before is kept for `mcp-proxy undo`.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use mcp_proxy_core::config::edit::replace::{ReplaceError, Seen, digest};
use mcp_proxy_core::config::edit::{Document, EditError};
use mcp_proxy_core::config::{self, Config, Environment, Located, masked, render};
use serde_json::{Value, json};

use crate::cli::{Install, Uninstall};
use crate::clients::doctor::Subject;
use crate::clients::doubles::keeping;
use crate::clients::entry::{self, Put, Way};
use crate::clients::journal::{Journal, JournalError, Operation};
use crate::clients::place::{self, System};
use crate::clients::table::{CLIENTS, Client, OUR_NAME, menu};
use crate::clients::{self, ClientFile, ClientFileError};
use crate::report::{self, Failure};

/// Somebody else may write in the same moment; who does so all the time is left alone.
const TRIES: usize = 3;
/// Times that one entry was brought up to date, looked back at most.
const MAX_INSTALLS: usize = 100;

/// What came of one client.
enum Outcome {
    /// And these servers of ours were taken out.
    Added(Vec<String>),
    Updated(Vec<String>),
    /// And these, which one of our entries stood for, were put back.
    Removed(Vec<String>),
    AsItWas,
    /// To be put in by hand.
    Shown(String),
    Failed(String),
}

/// Each client with what came of it, and its file.
type Outcomes = Vec<(&'static Client, Outcome, Option<PathBuf>)>;

pub(super) fn install(config: Option<&Path>, args: &Install) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let way = match &args.url {
        Some(url) => Way::Address(url.clone()),
        None => started(config, args.profile.as_deref(), &environment)?,
    };
    let port = port(config, &environment);
    let chosen = chosen(&args.clients, args.all, args.yes, args.dry_run, &environment)?;
    let (located, ours) = (config::locate(config, &environment), ours(config, args, &environment)?);
    let quiet = environment.clone().without_programs();
    let subject = Subject::new(&located, ours.as_ref(), &quiet, Some(&way));
    let n_doubles = Cell::new(0);
    let kept = RefCell::new(Vec::new());
    let put = |file: &mut Document, client: &Client| -> Result<Outcome, String> {
        let tree = file.tree().clone();
        let way = keeping(&way, entry::ours_in(&client.form, &tree, port), client, config.is_some());
        let put = entry::put(file, &client.form, &way, port).map_err(|e| e.to_string())?;
        let mut replaced = Vec::new();
        for double in subject.doubles_of(client, &entry::all(&client.form, &tree), &way) {
            match double.kept {
                Some(why) => kept.borrow_mut().push((client.title, double.name, why)),
                None if args.replace => {
                    file.remove(&entry::path(&client.form, &double.name)).map_err(|e| e.to_string())?;
                    replaced.push(double.name);
                }
                None => n_doubles.set(n_doubles.get() + 1),
            }
        }
        match put {
            Put::Added => Ok(Outcome::Added(replaced)),
            Put::AsItWas if replaced.is_empty() => Ok(Outcome::AsItWas),
            Put::Updated | Put::AsItWas => Ok(Outcome::Updated(replaced)),
            Put::Taken => Err(format!("it has an entry `{OUR_NAME}` that is another program: rename that one")),
            Put::NoRemote => Err("its file cannot hold an address; install without --url".to_owned()),
        }
    };
    let by_hand = |client: &Client| Outcome::Shown(snippet(client, &way));
    let outcomes = each("install", &chosen, args.dry_run, &environment, put, by_hand)?;
    told(&outcomes, args.dry_run, &environment)?;
    let mut kept = kept.take();
    // One that was tried twice says it once.
    kept.dedup();
    for (title, name, why) in kept.iter().filter(|_| args.replace) {
        report::note(&format!("note: {title} keeps `{}`: {why}", crate::render::printable(name)));
    }
    if n_doubles.get() > 0 {
        report::note(
            "note: some of them still start themselves what mcp-proxy starts; `mcp-proxy install --replace` takes it out of their files",
        );
    }
    if outcomes.iter().any(|(c, o, _)| c.limits.reads_others && !matches!(o, Outcome::Failed(_))) {
        report::note(
            "note: Warp may also start what it finds in other clients' files: switch that off there, or do not add it",
        );
    }
    Ok(())
}

pub(super) fn uninstall(config: Option<&Path>, args: &Uninstall) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let port = port(config, &environment);
    let chosen: Vec<&Client> = if args.clients.is_empty() {
        CLIENTS.iter().filter(|c| !c.files.is_empty() && is_in(c, port, &environment)).collect()
    } else {
        named(&args.clients)?
    };
    if chosen.is_empty() {
        report::note("no client's file has an entry of mcp-proxy");
        return Ok(());
    }
    let take = |file: &mut Document, client: &Client| -> Result<Outcome, String> {
        let changed = entry::take_out(file, &client.form, port).map_err(|e| e.to_string())?;
        Ok(if changed { Outcome::Removed(Vec::new()) } else { Outcome::AsItWas })
    };
    let by_hand = |client: &Client| Outcome::Shown(format!("take `{OUR_NAME}` out in {}", menu(client.id)));
    let outcomes = each("uninstall", &chosen, args.dry_run, &environment, take, by_hand)?;
    told(&outcomes, args.dry_run, &environment)
}

/// Whether a client has an entry of ours.
fn is_in(client: &Client, port: u16, environment: &Environment) -> bool {
    match clients::open(client, System::current(), environment) {
        Ok(file) => entry::take_out(&mut file.document.clone(), &client.form, port).unwrap_or(true),
        Err(_) => false,
    }
}

/// How a client starts us: with the absolute path of this program, and the configuration if it is not where it is looked for without
/// any variable. No client needs a PATH, or ours.
pub(super) fn started(config: Option<&Path>, profile: Option<&str>, environment: &Environment) -> Result<Way, Failure> {
    let program = std::env::current_exe().map_err(|e| Failure::failed("cannot find our own executable").because(e))?;
    let program = entry::stable_program(&program, std::env::var_os("PATH").as_deref());
    let command =
        program.to_str().ok_or_else(|| Failure::failed("the path of our own executable is no text"))?.to_owned();
    let mut args = Vec::new();
    match config::locate(config, environment) {
        Located::Nothing { .. } => {
            return Err(Failure::usage("there is no configuration yet: clients would get an error instead of tools")
                .hint(
                    "`mcp-proxy import` takes over the servers your clients have; `mcp-proxy init` writes an empty one",
                ));
        }
        Located::File { path } => {
            let plain = environment.home().map(|h| Environment::empty().with_home(h));
            let found = plain.map(|e| config::locate(None, &e));
            if found != Some(Located::File { path: path.clone() }) {
                args.extend(["--config".to_owned(), path.display().to_string()]);
            }
        }
    }
    args.extend(["serve".to_owned(), "--stdio".to_owned()]);
    if let Some(profile) = profile {
        let known = read(config, environment).map(|c| c.clients.profiles);
        if let Some(known) = known.filter(|k| !k.contains_key(profile)) {
            let known: Vec<String> = known.into_keys().collect();
            return Err(Failure::usage(format!("there is no profile `{profile}`"))
                .hint(format!("`profiles` in the configuration has: {}", known.join(", "))));
        }
        args.extend(["--profile".to_owned(), profile.to_owned()]);
    }
    Ok(Way::Start { command, args })
}

/// Where we listen, if we do.
pub(super) fn port(config: Option<&Path>, environment: &Environment) -> u16 {
    const DEFAULT: u16 = 8000;
    read(config, environment).map_or(DEFAULT, |c| c.port)
}

/// What clients need not start themselves. Nothing is taken out of a file for a configuration that does not work.
fn ours(config: Option<&Path>, args: &Install, environment: &Environment) -> Result<Option<Config>, Failure> {
    match read(config, environment) {
        None if args.replace => Err(Failure::usage("nothing is replaced by a configuration that cannot be used")
            .hint("`mcp-proxy check` says what is wrong with it")),
        ours => Ok(ours),
    }
}

/// Our configuration, if it has no errors. Neither names nor ports are secrets: no program is started for one.
fn read(config: Option<&Path>, environment: &Environment) -> Option<Config> {
    config::load(&config::locate(config, environment), &environment.clone().without_programs()).config
}

fn named(ids: &[String]) -> Result<Vec<&'static Client>, Failure> {
    let known = || CLIENTS.iter().map(|c| c.id).collect::<Vec<_>>().join(", ");
    let one = |id: &String| {
        clients::by_id(id).ok_or_else(|| {
            Failure::usage(format!("no client is called `{id}`")).hint(format!("known are: {}", known()))
        })
    };
    ids.iter().map(one).collect()
}

/// Which clients: those that were named, else those that are here, if somebody says so.
fn chosen(
    ids: &[String],
    all: bool,
    yes: bool,
    is_dry: bool,
    environment: &Environment,
) -> Result<Vec<&'static Client>, Failure> {
    if !ids.is_empty() {
        return named(ids);
    }
    let here: Vec<&Client> = clients::here(System::current(), environment).collect();
    if here.is_empty() {
        return Err(Failure::usage("no client was found on this machine").hint("name one: `mcp-proxy install cursor`"));
    }
    if all || yes || is_dry {
        return Ok(here);
    }
    let titles: Vec<String> = here.iter().map(|c| format!("  {:18} {}", c.id, c.title)).collect();
    report::note(&format!("on this machine are:\n{}", titles.join("\n")));
    if asked("put mcp-proxy into all of them?")? { Ok(here) } else { Err(unchosen()) }
}

fn unchosen() -> Failure {
    Failure::usage("nothing was changed").hint("name the clients, e.g. `mcp-proxy install cursor`, or all with --all")
}

/// Asks a person; without one, or without an answer, it is no.
pub(super) fn asked(question: &str) -> Result<bool, Failure> {
    if !can_ask() {
        return Ok(false);
    }
    report::note(&format!("{question} [y/N]"));
    Ok(matches!(answer()?.as_str(), "y" | "yes"))
}

/// The same where nothing speaks against it: only a no is a no.
pub(super) fn asked_gladly(question: &str) -> Result<bool, Failure> {
    if !can_ask() {
        return Ok(true);
    }
    report::note(&format!("{question} [Y/n]"));
    Ok(!matches!(answer()?.as_str(), "n" | "no"))
}

/// Whether somebody is there to answer.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && report::stderr_is_terminal()
}

fn answer() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|e| Failure::failed("cannot read the answer").because(e))?;
    Ok(line.trim().to_ascii_lowercase())
}

/// Changes the file of each client; one that fails costs the others nothing.
fn each(
    what: &str,
    chosen: &[&'static Client],
    is_dry: bool,
    environment: &Environment,
    change: impl Fn(&mut Document, &Client) -> Result<Outcome, String>,
    by_hand: impl Fn(&Client) -> Outcome,
) -> Result<Outcomes, Failure> {
    let journal = (!is_dry).then(|| Journal::open(environment)).transpose().map_err(|e| failure(&e))?;
    let mut operation = journal.as_ref().map(|j| j.begin(what));
    let mut outcomes = Vec::new();
    for client in chosen {
        let path = place::file_of(client, System::current(), environment);
        let outcome = match &path {
            None if client.files.is_empty() => by_hand(client),
            None => Outcome::Failed("its file is not known on this system".to_owned()),
            Some(_) => one(client, environment, journal.as_ref(), operation.as_mut(), &change),
        };
        outcomes.push((*client, outcome, path));
    }
    Ok(outcomes)
}

fn one(
    client: &Client,
    environment: &Environment,
    journal: Option<&Journal>,
    mut operation: Option<&mut Operation<'_>>,
    change: &impl Fn(&mut Document, &Client) -> Result<Outcome, String>,
) -> Outcome {
    for attempt in 1..=TRIES {
        let ClientFile { seen, mut document } = match clients::open(client, System::current(), environment) {
            Ok(file) => file,
            Err(error) => return Outcome::Failed(why(&error, environment)),
        };
        let mut outcome = match change(&mut document, client) {
            Ok(Outcome::AsItWas) => return Outcome::AsItWas,
            Ok(outcome) => outcome,
            Err(why) => return Outcome::Failed(why),
        };
        let mut after = None;
        if let (Outcome::Removed(back), Some(journal)) = (&mut outcome, journal) {
            // Nobody changed it since we came: it is as it was before us, to the byte.
            after = untouched(journal, &seen, client);
            if after.is_none() {
                *back = put_back(journal, &seen, client, &mut document);
            }
        }
        let after = after.unwrap_or_else(|| Some(document.to_bytes()));
        let Some(operation) = operation.as_deref_mut() else {
            let shown = difference(seen.bytes.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default());
            report::note(&format!("{}: {}\n{shown}", client.title, short(&seen.path, environment)));
            return seen.check_writable().map_or_else(|e| Outcome::Failed(e.to_string()), |()| outcome);
        };
        let taken: &[String] = match &outcome {
            Outcome::Added(replaced) | Outcome::Updated(replaced) => replaced,
            _ => &[],
        };
        match operation.change_taking(&seen, after.as_deref(), taken) {
            Ok(()) => return outcome,
            Err(JournalError::File(ReplaceError::Changed { .. })) if attempt < TRIES => {}
            Err(error) => return Outcome::Failed(error.to_string()),
        }
    }
    Outcome::Failed("it is being written by somebody else all the time".to_owned())
}

/// What was in the file before `install`, if it is as that left it.
fn untouched(journal: &Journal, seen: &Seen, client: &Client) -> Option<Option<Vec<u8>>> {
    let mut now = seen.digest();
    // It may have been there already, and only been brought up to date.
    for _ in 0..MAX_INSTALLS {
        let before = journal.before("install", &seen.path, now.as_deref())?;
        let bytes = before.as_deref().unwrap_or_default();
        let document = Document::parse(bytes, client.form.syntax).ok()?;
        if document.get(&entry::path(&client.form, OUR_NAME)).is_none() {
            return Some(before);
        }
        now = before.as_deref().map(digest);
    }
    None
}

/// Puts back what `install --replace` took out of a file that was changed since: without us the client would not have it. What has
/// its name now stays.
fn put_back(journal: &Journal, seen: &Seen, client: &Client, document: &mut Document) -> Vec<String> {
    let mut back = Vec::new();
    for (names, kept, bytes) in journal.taken(&seen.path) {
        let before = bytes.and_then(|bytes| Document::parse(&bytes, client.form.syntax).ok());
        for name in names {
            let path = entry::path(&client.form, &name);
            if document.get(&path).is_some() {
                continue;
            }
            let entry = before.as_ref().and_then(|before| before.get(&path));
            if entry.is_some_and(|entry| document.set(&path, entry).is_ok()) {
                back.push(name);
            } else {
                report::note(&format!(
                    "note: {} had `{}` before `install --replace`, and it could not be put back; it is in {}",
                    client.title,
                    crate::render::printable(&name),
                    kept.display()
                ));
            }
        }
    }
    back
}

fn why(error: &ClientFileError, environment: &Environment) -> String {
    match error {
        ClientFileError::Parse { path, source: source @ EditError::Syntax { .. } } => {
            format!("its file has an error, {}:{source}; mend it first", short(path, environment))
        }
        other => other.to_string(),
    }
}

pub(super) fn failure(error: &JournalError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        JournalError::Locked => failure.hint("wait for it to end, and try again"),
        JournalError::NoFolder => failure.hint("set HOME"),
        JournalError::Io { .. } => failure
            .hint("nothing is changed without a copy of what was there; XDG_STATE_HOME names another folder for them"),
        JournalError::ChangedSince { kept, .. } => {
            let kept: Vec<String> = kept.iter().map(|p| p.display().to_string()).collect();
            let hint = "nothing was touched: undoing would lose what was written since";
            failure.hint(if kept.is_empty() {
                hint.to_owned()
            } else {
                format!("{hint}; what was there before: {}", kept.join(", "))
            })
        }
        _ => failure,
    }
}

pub(super) fn short(path: &Path, environment: &Environment) -> String {
    render::short_path(path, environment.home())
}

/// What mcp-proxy starts now in a client's place.
fn instead(replaced: &[String]) -> String {
    if replaced.is_empty() { String::new() } else { format!(", in the place of {}", listed(replaced)) }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", crate::render::printable(name))).collect();
    names.join(", ")
}

/// One line a client, and what to do now.
fn told(
    outcomes: &[(&'static Client, Outcome, Option<PathBuf>)],
    is_dry: bool,
    environment: &Environment,
) -> Result<(), Failure> {
    let would = if is_dry { "would be " } else { "" };
    let mut out = String::new();
    let (mut changed, mut n_failed) = (Vec::new(), 0);
    for (client, outcome, path) in outcomes {
        let shown = path.as_ref().map_or_else(String::new, |p| short(p, environment));
        let text = match outcome {
            Outcome::Added(replaced) => format!("{would}added to {shown}{}", instead(replaced)),
            Outcome::Updated(replaced) => format!("{would}updated in {shown}{}", instead(replaced)),
            Outcome::Removed(back) if back.is_empty() => format!("{would}removed from {shown}"),
            Outcome::Removed(back) => format!("{would}removed from {shown}, which has {} again", listed(back)),
            Outcome::AsItWas => format!("nothing to do in {shown}"),
            Outcome::Shown(text) => text.clone(),
            Outcome::Failed(why) => {
                n_failed += 1;
                format!("not changed: {why}")
            }
        };
        let unsure = if client.is_certain || matches!(outcome, Outcome::Failed(_)) {
            ""
        } else {
            " (its place is not documented: see whether it is used)"
        };
        out.push_str(&format!("{:16} {text}{unsure}\n", client.title));
        if matches!(outcome, Outcome::Added(_) | Outcome::Updated(_) | Outcome::Removed(_)) {
            changed.push(client.title);
        }
    }
    report::out(out.as_bytes())?;
    if !changed.is_empty() && !is_dry {
        report::note(&format!(
            "restart {} to see it; `mcp-proxy undo` puts every file back as it was",
            changed.join(", ")
        ));
    }
    if n_failed > 0 {
        return Err(Failure::failed(format!("{n_failed} of {} clients were not changed", outcomes.len())));
    }
    Ok(())
}

/// What is pasted where there is no file.
fn snippet(client: &Client, way: &Way) -> String {
    let ours = entry::ours(&client.form, way).map_or(Value::Null, Value::Object);
    let mut inner = json!({ OUR_NAME: ours });
    for key in client.form.key.iter().rev() {
        inner = json!({ *key: inner });
    }
    format!("has no file: paste this in {}\n{inner:#}", menu(client.id))
}

/// The lines that are different: both files begin and end the same.
pub(super) fn difference(before: &[u8], after: &[u8]) -> String {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let front = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let back = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let lines = |sign: char, lines: &[&str]| -> String {
        lines.iter().map(|l| format!("  {sign} {}\n", crate::render::printable(&masked(l)))).collect()
    };
    let removed = lines('-', &old[front..old.len() - back]);
    removed + lines('+', &new[front..new.len() - back]).trim_end_matches('\n')
}
