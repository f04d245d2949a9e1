//! The programs of servers: whether they are there, and what is known to go wrong with the way they are called.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::config::{Config, Diagnostic, Environment, Level, NoteKind, Placed, Secret, Server, Span, Target, render};
use crate::transport::{NotFound, SearchPath, find_program};

use super::command_line::{self, Advice};
use super::{Findings, enabled, find};

/// Each command is looked for once, however many servers use it; with whether it is this very program.
type Known = HashMap<(String, Option<PathBuf>, Option<String>), Result<bool, NotFound>>;

pub(super) async fn programs<'p>(
    config: &Config,
    placed: &impl Fn(&str) -> Option<&'p Placed>,
    environment: &Environment,
    out: &mut Findings<'_>,
) {
    let mut known = Known::new();
    let us = std::env::current_exe().and_then(|us| us.canonicalize()).ok();
    for server in enabled(config) {
        let Some(place) = placed(&server.name) else { continue };
        let span_of = |key: &str| find(&place.node, key).map_or(place.key_span, |e| e.value.span);
        if let Some(file) = server.ca_file.as_deref().filter(|f| !f.exists()) {
            missing("ca_file", file, span_of("tls.ca_file"), environment, out);
        }
        let Target::Stdio { command, args, cwd, env } = &server.target else { continue };
        if let Some(folder) = cwd.as_deref().filter(|f| !f.is_dir()) {
            missing("cwd", folder, span_of("cwd"), environment, out);
            continue;
        }
        let path = env.get("PATH").map(|p| p.reveal().to_owned());
        let key = (command.clone(), cwd.clone(), path);
        let found = match known.get(&key) {
            Some(found) => found.clone(),
            None => {
                let path = key.2.as_deref().or_else(|| environment.get("PATH"));
                let own = path.map_or_else(SearchPath::current, |p| SearchPath::new(OsStr::new(p)));
                let shell = config.env.path_from_login_shell;
                let found = find_program(command, cwd.as_deref(), own, shell).await;
                let found = found.map(|(program, _)| is_us(&program, us.as_deref()));
                known.insert(key, found.clone());
                found
            }
        };
        let span = span_of("command");
        match &found {
            Err(error) => not_found(error, command, span, environment, out),
            Ok(is_us) => itself(*is_us, args, span, out),
        }
        advise(server, place, span, command, args, out);
    }
}

/// MP307
fn missing(key: &str, path: &Path, span: Span, environment: &Environment, out: &mut Findings<'_>) {
    let shown = render::short_path(path, environment.home());
    let what = if path.exists() { "is no folder" } else { "does not exist" };
    let d = Diagnostic::new("MP307", Level::Error, format!("`{key}` {what}: {shown}"))
        .note(NoteKind::Fix, "make it, or name another; a relative path starts at the configuration's folder");
    out.report(d, span);
}

/// MP301, MP302
fn not_found(error: &NotFound, command: &str, span: Span, environment: &Environment, out: &mut Findings<'_>) {
    let short = |p: &PathBuf| render::short_path(p, environment.home());
    let d = match error {
        NotFound::OnPath { dirs, .. } => {
            let dirs: Vec<String> = dirs.iter().map(short).collect();
            let install = match command {
                "npx" | "node" | "npm" => "install Node.js",
                "uvx" | "uv" => "install uv (https://docs.astral.sh/uv)",
                "docker" => "install Docker",
                _ => "install it",
            };
            Diagnostic::new("MP301", Level::Error, format!("command `{command}` was not found"))
                .note(
                    NoteKind::LookedIn,
                    format!(
                        "the {} of PATH: {}",
                        if dirs.len() == 1 { "folder".to_owned() } else { format!("{} folders", dirs.len()) },
                        dirs.join(", ")
                    ),
                )
                .note(NoteKind::Fix, format!("{install}, or give the full path"))
        }
        NotFound::NoFile(path) => Diagnostic::new("MP301", Level::Error, format!("there is no file `{}`", short(path)))
            .note(
                NoteKind::Fix,
                "see whether the path is right; a relative one starts at `cwd`, or at the configuration's folder",
            ),
        NotFound::NotExecutable(path) if path.is_dir() => {
            Diagnostic::new("MP302", Level::Error, format!("`{}` is a folder", short(path)))
                .note(NoteKind::Fix, "name the program in it")
        }
        NotFound::NotExecutable(path) => {
            Diagnostic::new("MP302", Level::Error, format!("`{}` is not executable", short(path)))
                .note(NoteKind::Fix, format!("chmod +x {}, or name what runs it", short(path)))
        }
    };
    out.report(d, span);
}

/// Whether a program is mcp-proxy: `us`, or another one of that name.
fn is_us(program: &Path, us: Option<&Path>) -> bool {
    program.file_stem().is_some_and(|n| n == "mcp-proxy")
        || us.is_some_and(|us| program.canonicalize().is_ok_and(|program| program == us))
}

/// MP308
fn itself(is_us: bool, args: &[Secret], span: Span, out: &mut Findings<'_>) {
    let serves = args.iter().any(|a| matches!(a.reveal(), "serve" | "run" | "tui"));
    if is_us && serves {
        let d = Diagnostic::new("MP308", Level::Warning, "this server is mcp-proxy itself")
            .note(NoteKind::Why, "it would start itself, which would start itself, without end")
            .note(NoteKind::Fix, "take the entry out: it is the one that clients have");
        out.report(d, span);
    }
}

/// MP303 to MP306
fn advise(server: &Server, place: &Placed, span: Span, command: &str, args: &[Secret], out: &mut Findings<'_>) {
    let words: Vec<&str> = args.iter().map(Secret::reveal).collect();
    let name = Path::new(command).file_stem().and_then(OsStr::to_str).unwrap_or(command);
    for Advice { code, message, fix, at, insert } in command_line::advice(name, &words) {
        let items = find(&place.node, "args").and_then(|e| match &e.value.value {
            crate::config::Value::List(items) if items.len() == words.len() => Some(items),
            _ => None,
        });
        let span = items.and_then(|items| items.get(at)).map_or(span, |n| n.span);
        let edit = insert.zip(items).and_then(|(word, items)| command_line::insertion(out.sources, items, at, word));
        let d = Diagnostic::new(code, Level::Warning, message)
            .label(format!("servers.{}", server.name))
            .note(NoteKind::Fix, fix)
            .fixed_by(edit);
        out.report(d, span);
    }
}

/// MP405
pub(super) fn same_twice<'p>(config: &Config, placed: &impl Fn(&str) -> Option<&'p Placed>, out: &mut Findings<'_>) {
    let mut seen: HashMap<String, &Server> = HashMap::new();
    for server in enabled(config) {
        let key = match &server.target {
            Target::Stdio { command, args, cwd, env } => {
                let args: Vec<&str> = args.iter().map(Secret::reveal).collect();
                let env: Vec<(&String, &str)> = env.iter().map(|(k, v)| (k, v.reveal())).collect();
                format!("{command:?} {args:?} {cwd:?} {env:?}")
            }
            Target::Http { url, headers, .. } => {
                let headers: Vec<(&String, &str)> = headers.iter().map(|(k, v)| (k, v.reveal())).collect();
                format!("{} {headers:?}", url.reveal().trim_end_matches('/'))
            }
        };
        let Some(first) = seen.get(&key) else {
            seen.insert(key, server);
            continue;
        };
        let (Some(place), Some(other)) = (placed(&server.name), placed(&first.name)) else { continue };
        let message = format!("servers `{}` and `{}` are the same", first.name, server.name);
        let mut d = Diagnostic::new("MP405", Level::Warning, message)
            .label("the same again")
            .note(NoteKind::Why, "all its tools are offered twice")
            .note(NoteKind::Fix, "take one of them out");
        d.also.extend(out.sources.place(other.key_span).map(|p| (p, "first here".to_owned())));
        out.report(d, place.key_span);
    }
}
