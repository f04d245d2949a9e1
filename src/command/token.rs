//! `mcp-proxy token`: makes, lists and takes away the tokens that clients show over HTTP. The text of a token goes to stdout when
//! it is made, and nowhere else ever.

use std::path::Path;

use mcp_proxy_core::config::{
    self, Access, Config, Credentials, CredentialsError, Environment, Kept, Located, locate, render,
};
use serde_json::json;

use crate::cli::{Token, TokenAdd};
use crate::report::{self, Failure};

/// What all three need.
struct Place {
    environment: Environment,
    credentials: Credentials,
    /// `None` if there is none, or it has errors: tokens can be handled all the same.
    config: Option<Config>,
}

pub(super) fn run(config: Option<&Path>, args: Token) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let located = locate(config, &environment);
    let credentials = Credentials::of(&located, &environment).map_err(|e| failure(&e))?;
    let config = match &located {
        Located::File { .. } => {
            // Who may come in, not what the servers' secrets are.
            let loaded = config::load(&located, &environment.clone().without_programs());
            if loaded.config.is_none() {
                report::note(
                    "note: the configuration has errors, its own tokens are not known (see `mcp-proxy check`)",
                );
            }
            loaded.config
        }
        Located::Nothing { .. } => None,
    };
    let place = Place { environment, credentials, config };
    match args {
        Token::Add(args) => add(&place, args),
        Token::List { json } => list(&place, json),
        Token::Rm { name } => rm(&place, &name),
    }
}

fn add(place: &Place, args: TokenAdd) -> Result<(), Failure> {
    if place.in_file().any(|t| *t.name == *args.name) {
        return Err(failure(&CredentialsError::Exists { name: args.name }));
    }
    for server in args.servers.iter().filter(|s| !s.contains('*')) {
        if let Some(config) = &place.config
            && !config.servers.iter().any(|s| *s.name == **server)
        {
            let known: Vec<&str> = config.servers.iter().map(|s| &*s.name).collect();
            return Err(Failure::usage(format!("there is no server `{server}`"))
                .hint(format!("configured are: {}", known.join(", "))));
        }
    }
    let access = Access { servers: args.servers, allow: args.tools, deny: args.deny, ..Access::default() };
    let token = place.credentials.add(&args.name, &access).map_err(|e| failure(&e))?;
    report::out(format!("{}\n", token.reveal()).as_bytes())?;
    let path = render::short_path(place.credentials.path(), place.environment.home());
    report::note(&format!(
        "this is the only time it is shown; its hash is in {path}\nclients send it as `Authorization: Bearer …`"
    ));
    if place.config.as_ref().is_some_and(|c| !c.clients.require_auth) {
        report::note("note: others come in without a token until `clients.require_auth` is true");
    }
    Ok(())
}

fn rm(place: &Place, name: &str) -> Result<(), Failure> {
    if place.in_file().any(|t| *t.name == *name) {
        return Err(Failure::usage(format!("the token `{name}` is written in the configuration"))
            .hint("take it out of `clients.tokens` there"));
    }
    place.credentials.remove(name).map_err(|e| failure(&e))
}

fn list(place: &Place, is_json: bool) -> Result<(), Failure> {
    let written =
        place.in_file().map(|t| (Kept { name: t.name.to_string(), access: (*t.access).clone() }, "configuration"));
    let kept = place.credentials.tokens().map_err(|e| failure(&e))?.into_iter().map(|t| (t, "credentials"));
    let mut all: Vec<(Kept, &str)> = written.chain(kept).collect();
    // Elsewhere than where we write: a file of the user's beside that of the configuration.
    for token in place.config.iter().flat_map(|c| &c.clients.tokens) {
        if !all.iter().any(|(t, _)| *t.name == *token.name) {
            all.push((Kept { name: token.name.to_string(), access: (*token.access).clone() }, "other credentials"));
        }
    }
    if is_json {
        let array: Vec<_> = all
            .iter()
            .map(|(t, from)| {
                let Access { servers, allow, deny, .. } = &t.access;
                json!({ "name": t.name, "from": from, "servers": servers, "tools": { "allow": allow, "deny": deny } })
            })
            .collect();
        return report::out(format!("{:#}\n", json!(array)).as_bytes());
    }
    if all.is_empty() {
        report::note("no tokens; `mcp-proxy token add NAME` makes one");
        return Ok(());
    }
    let rows =
        all.iter().map(|(t, from)| [t.name.clone(), servers_of(&t.access), tools_of(&t.access), (*from).to_owned()]);
    report::out(table(rows.collect()).as_bytes())
}

fn servers_of(access: &Access) -> String {
    if access.servers.is_empty() { "all".to_owned() } else { access.servers.join(", ") }
}

fn tools_of(access: &Access) -> String {
    let allow = if access.allow.is_empty() { "all".to_owned() } else { access.allow.join(", ") };
    if access.deny.is_empty() { allow } else { format!("{allow}, but not {}", access.deny.join(", ")) }
}

/// Columns as wide as their widest text; no spaces at the end of a line.
fn table(rows: Vec<[String; 4]>) -> String {
    let head = ["NAME", "SERVERS", "TOOLS", "KEPT IN"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), 0];
    let line = |row: &[String; 4]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(text, width)| format!("{text:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

impl Place {
    /// The tokens that the user has written.
    fn in_file(&self) -> impl Iterator<Item = &config::Token> {
        self.config.iter().flat_map(|c| &c.clients.tokens).filter(|t| !t.is_stored).map(|t| &**t)
    }
}

pub(super) fn failure(error: &CredentialsError) -> Failure {
    let failure = match error {
        CredentialsError::Read { .. } | CredentialsError::Write { .. } | CredentialsError::Locked { .. } => {
            Failure::failed(error.to_string())
        }
        CredentialsError::NoRandom => Failure::failed(error.to_string()),
        _ => Failure::usage(error.to_string()),
    };
    match error {
        CredentialsError::Exists { .. } => {
            failure.hint("choose another name, or take that one away first: `mcp-proxy token rm NAME`")
        }
        CredentialsError::Unknown { .. } => failure.hint("`mcp-proxy token list` names those there are"),
        CredentialsError::Write { .. } => failure.hint("MCP_CREDENTIALS_PATH names another file or folder"),
        CredentialsError::NotJson { .. } => {
            failure.hint("take the comments out, or name another file with MCP_CREDENTIALS_PATH")
        }
        CredentialsError::Locked { .. } => failure.hint("wait for it to end, and try again"),
        _ => failure,
    }
}
