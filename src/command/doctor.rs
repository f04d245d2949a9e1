//! `mcp-proxy doctor`: every client that is here compared with what `install` would write, and what keeps them and the servers from
//! working. Exit 0 well, 1 problems.

use std::path::Path;

use mcp_proxy_core::config::{self, Answers, Diagnostic, Environment, Level, locate};
use serde_json::json;

use super::install::{short, started};
use super::runtime;
use crate::cli::Doctor;
use crate::clients;
use crate::clients::doctor::{self, Examined, Finding, Subject, Weight};
use crate::clients::entry::Way;
use crate::clients::place::System;
use crate::render::printable;
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Doctor) -> Result<(), Failure> {
    let environment = Environment::of_process().with_project(true);
    let located = locate(config, &environment);
    // Programs are asked once, whoever might start us.
    let answers = Answers::default();
    let loaded = config::load(&located, &environment.clone().with_answers(answers.asking()));
    let environment = environment.with_answers(answers);
    let way = started(config, None, &environment).ok();
    let mut own = own(&loaded, way.as_ref(), &environment);
    let servers = match &loaded.config {
        Some(config) => runtime()?.block_on(doctor::programs(config, &environment)),
        None => Vec::new(),
    };
    let subject = Subject::new(&located, loaded.config.as_ref(), &environment, way.as_ref());
    own.extend(subject.weight());
    let examined: Vec<Examined> =
        clients::here(System::current(), &environment).map(|client| subject.examine(client)).collect();
    let all = || own.iter().chain(servers.iter().map(|s| &s.1)).chain(examined.iter().flat_map(|e| &e.findings));
    let count = |weight: Weight| all().filter(|f| f.weight == weight).count();
    let text =
        if args.json { as_json(&own, &servers, &examined) } else { as_text(&own, &servers, &examined, &environment) };
    report::out(text.as_bytes())?;
    let (n_problems, n_warnings) = (count(Weight::Problem), count(Weight::Warning));
    if !args.json {
        report::note(&format!("{}, {}", plural(n_problems, "problem"), plural(n_warnings, "warning")));
    }
    if n_problems > 0 { Err(Failure::failed("").said()) } else { Ok(()) }
}

/// What is wrong with the files of the clients that are here, for `check --clients`.
pub(super) fn of_clients(config: Option<&Path>, loaded: &config::Loaded) -> Vec<Diagnostic> {
    let environment = Environment::of_process().without_programs();
    let located = locate(config, &environment);
    let way = started(config, None, &environment).ok();
    let subject = Subject::new(&located, loaded.config.as_ref(), &environment, way.as_ref());
    doctor::diagnostics(&subject, clients::here(System::current(), &environment))
}

/// Ourselves.
fn own(loaded: &config::Loaded, way: Option<&Way>, environment: &Environment) -> Vec<Finding> {
    let finding = |weight, what: String, fix: Option<&str>| Finding { weight, what, fix: fix.map(str::to_owned) };
    let mut out = Vec::new();
    if let Some(Way::Start { command, .. }) = way {
        out.push(finding(Weight::Fine, format!("clients start {}", short(Path::new(command), environment)), None));
    }
    let path = loaded.path.as_deref().map_or_else(String::new, |p| short(p, environment));
    out.push(match (loaded.n_of(Level::Error), &loaded.config) {
        (0, Some(config)) => finding(Weight::Fine, format!("{path}, {}", plural(config.servers.len(), "server")), None),
        (_, _) if loaded.path.is_none() => finding(
            Weight::Problem,
            "there is no configuration".to_owned(),
            Some("mcp-proxy import (takes over what your clients have), or mcp-proxy init"),
        ),
        (n, _) => finding(Weight::Problem, format!("{path} has {}", plural(n, "error")), Some("mcp-proxy check")),
    });
    let project = loaded.diagnostics.iter().filter(|d| d.code == "MP011");
    out.extend(project.map(|d| finding(Weight::Note, d.message.clone(), Some("mcp-proxy trust"))));
    out
}

fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn as_text(own: &[Finding], servers: &[(String, Finding)], examined: &[Examined], environment: &Environment) -> String {
    let mut out = String::from("mcp-proxy\n");
    own.iter().for_each(|f| out.push_str(&line(f, "")));
    if !servers.is_empty() {
        out.push_str("\nservers\n");
        servers.iter().for_each(|(name, f)| out.push_str(&line(f, &format!("{name}: "))));
    }
    for Examined { client, path, findings } in examined {
        let path = path.as_deref().map_or_else(String::new, |p| format!("  {}", short(p, environment)));
        out.push_str(&format!("\n{}{path}\n", client.title));
        findings.iter().for_each(|f| out.push_str(&line(f, "")));
    }
    if examined.is_empty() {
        out.push_str("\nno client was found on this machine\n");
    }
    out
}

fn line(finding: &Finding, before: &str) -> String {
    let fix = finding.fix.as_ref().map_or_else(String::new, |fix| format!("           fix: {}\n", printable(fix)));
    format!("  {:8} {before}{}\n{fix}", finding.weight.name(), printable(&finding.what))
}

fn as_json(own: &[Finding], servers: &[(String, Finding)], examined: &[Examined]) -> String {
    let one = |f: &Finding| json!({ "level": f.weight.name(), "what": f.what, "fix": f.fix });
    let value = json!({
        "mcp_proxy": own.iter().map(one).collect::<Vec<_>>(),
        "servers": servers.iter().map(|(name, f)| json!({ "name": name, "findings": [one(f)] })).collect::<Vec<_>>(),
        "clients": examined.iter().map(|e| json!({
            "id": e.client.id,
            "title": e.client.title,
            "file": e.path,
            "verified": e.client.verified,
            "findings": e.findings.iter().map(one).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}
