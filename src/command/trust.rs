//! `mcp-proxy trust`: a person looks at what a project's file would start, and says whether it may. Only that makes it count.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::project::{self, FILE_NAME, Proposal};
use mcp_proxy_core::config::trust::{self, Standing};
use mcp_proxy_core::config::{Environment, Level, render};
use serde_json::json;

use super::inspector::shell_words;
use super::install::{asked, can_ask, short};
use super::load;
use crate::cli::Trust;
use crate::render::{printable, table};
use crate::report::{self, Failure};

pub(super) fn run(args: &Trust) -> Result<(), Failure> {
    let environment = Environment::of_process();
    if args.list {
        return list(args.json, &environment);
    }
    let path = file(args.path.as_deref(), &environment);
    if args.revoke {
        return revoke(path, args.path.as_deref(), &environment);
    }
    let Some(path) = path else {
        return Err(Failure::usage(format!("there is no `{FILE_NAME}` here or in a folder above"))
            .hint("name the folder of the project, or write one with `servers:` in it"));
    };
    let shown = short(&path, &environment);
    let proposal = project::propose(&path, &environment)
        .map_err(|why| Failure::usage(format!("cannot read `{shown}`")).because(why))?;
    let (stopping, missing) = errors(&proposal);
    if stopping > 0 {
        report::note(load::human(&proposal.loaded, report::colour(report::stderr_is_terminal())).trim_end());
        return Err(Failure::usage(format!("`{shown}` cannot be trusted before it is right")));
    }
    let standing = trust::standing(&path, &proposal.text, &environment);
    report::out(described(&proposal, standing, &environment).as_bytes())?;
    missing.iter().for_each(|what| report::note(&format!("not yet there: {what}")));
    if standing == Standing::Trusted {
        report::note("it is trusted already, as it is now");
        return Ok(());
    }
    if !args.yes {
        if !can_ask() {
            return Err(Failure::usage("nobody can be asked whether this may run")
                .hint("look at it, then say `mcp-proxy trust --yes`"));
        }
        if !asked("may these run whenever a client is started in this folder?")? {
            report::note("nothing was changed");
            return Ok(());
        }
    }
    trust::trust(&path, &proposal.text, &environment)
        .map_err(|e| Failure::failed(format!("`{shown}` is not trusted")).because(e))?;
    report::note(&format!("trusted {shown} as it is now; when it changes, it has to be trusted again"));
    Ok(())
}

/// The file of a folder or by its own name; without a word, the one that would be used here.
fn file(named: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    let Some(named) = named else { return project::find(environment) };
    let path = environment.absolute_here(named);
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path };
    // Another name would never be looked for.
    file.file_name().is_some_and(|name| name == FILE_NAME).then_some(file).filter(|f| f.symlink_metadata().is_ok())
}

/// How many errors stop it, and what is missing on this machine only.
fn errors(proposal: &Proposal) -> (usize, Vec<&str>) {
    let errors = proposal.loaded.diagnostics.iter().filter(|d| d.level == Level::Error);
    let (missing, stopping): (Vec<_>, Vec<_>) = errors.partition(|d| matches!(d.code, "MP201" | "MP206"));
    (stopping.len(), missing.into_iter().map(|d| d.message.as_str()).collect())
}

fn described(proposal: &Proposal, standing: Standing, environment: &Environment) -> String {
    let n = proposal.servers.len();
    let changed = if standing == Standing::Changed { " (changed since it was trusted)" } else { "" };
    let path = short(&proposal.path, environment);
    let mut out = format!("{path}{changed} brings {n} server{}\n", if n == 1 { "" } else { "s" });
    let mut with = |what: String, rest: &[(String, String)]| {
        out.push_str(&format!("  + {}\n", printable(&what)));
        for (key, value) in rest {
            out.push_str(&format!("      {}\n", printable(&format!("{key}: {value}"))));
        }
    };
    let width = proposal.servers.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    for server in &proposal.servers {
        with(format!("{:width$}  {}", server.name, shell_words(&server.words)), &server.rest);
    }
    if !proposal.defaults.is_empty() {
        with("for each of them".to_owned(), &proposal.defaults);
    }
    if !proposal.references.is_empty() {
        out.push_str(&format!("  it is given: {}\n", printable(&proposal.references.join(", "))));
    }
    out
}

fn revoke(path: Option<PathBuf>, named: Option<&Path>, environment: &Environment) -> Result<(), Failure> {
    // What is gone can be taken back as well.
    let path = path.or_else(|| {
        let named = environment.absolute_here(named?);
        Some(if named.ends_with(FILE_NAME) { named } else { named.join(FILE_NAME) })
    });
    let path = path.unwrap_or_else(|| environment.current_dir().join(FILE_NAME));
    let shown = short(&path, environment);
    let failed = |e| Failure::failed(format!("the word on `{shown}` cannot be taken back")).because(e);
    if trust::distrust(&path, environment).map_err(failed)? {
        report::note(&format!("{shown} is not trusted any more"));
        return Ok(());
    }
    Err(Failure::usage(format!("`{shown}` was not trusted")).hint("`mcp-proxy trust --list` names what is"))
}

fn list(is_json: bool, environment: &Environment) -> Result<(), Failure> {
    let all = trust::trusted(environment).map_err(|e| Failure::failed("cannot read what is trusted").because(e))?;
    let word = |standing: &Standing| match standing {
        Standing::Trusted => "as it was trusted",
        Standing::Changed => "changed since: not used",
        Standing::Unknown => "gone",
    };
    if is_json {
        let one = |(path, standing): &(PathBuf, Standing)| json!({ "path": path, "is_used": *standing == Standing::Trusted, "state": word(standing) });
        return report::out(format!("{:#}\n", json!(all.iter().map(one).collect::<Vec<_>>())).as_bytes());
    }
    if all.is_empty() {
        report::note(&format!("no project is trusted; `mcp-proxy trust` looks at the `{FILE_NAME}` of this folder"));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(path, standing)| vec![render::short_path(path, environment.home()), word(standing).to_owned()])
        .collect();
    report::out(table(&["PROJECT FILE", "NOW"], &rows, report::columns()).as_bytes())
}
