//! How a server is reached: which of `command` and `url` it has, and all that belongs to a program.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::mask;
use crate::config::node::{Node, Value};
use crate::config::source::MAX_FILE_BYTES;
use crate::config::variables::dotenv;
use crate::config::{Secret, Target};

use super::reader::{Reader, Text, is_ambiguous, quoted};
use super::server::Fields;

/// What `transport` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stdio,
    Http { sse: bool },
}

/// A transport by any of the names clients have for it.
pub(super) fn transport_of(word: &str) -> Option<Kind> {
    let plain: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "stdio" | "local" => Some(Kind::Stdio),
        "http" | "https" | "streamablehttp" | "remote" => Some(Kind::Http { sse: false }),
        "sse" => Some(Kind::Http { sse: true }),
        _ => None,
    }
}

const KNOWN: &str = "known: stdio, http (also streamable-http), sse";

impl Reader<'_> {
    /// `None`: it cannot be reached the way it is written; that was reported.
    pub(super) fn target(&mut self, fields: Fields<'_>, path: &str, name_span: Span) -> Option<Target> {
        let written = self.transport(fields, path);
        // Some clients write an empty `command` beside a `url`.
        let is_empty = |n: &Node| n.as_scalar().is_some_and(|s| s.text.is_empty()) && fields.is_foreign;
        let command = fields.own("command").filter(|n| !is_empty(n));
        let url = fields.own("url").filter(|n| !is_empty(n));
        let server = path.trim_start_matches("servers.");
        let kind = match (written, command, url) {
            (Err(()), _, _) => return None,
            (Ok(Some(kind)), _, _) => kind,
            (Ok(None), Some(_), None) => Kind::Stdio,
            (Ok(None), None, Some(_)) => Kind::Http { sse: false },
            // As the clients that have both do it: the URL counts.
            (Ok(None), Some(_), Some(_)) if fields.is_foreign => Kind::Http { sse: false },
            (Ok(None), Some(command), Some(url)) => {
                let first = self.sources.short(command.span);
                let mut d = Diagnostic::new(
                    "MP106",
                    Level::Error,
                    format!("server `{server}` has both `command` and `url` (first at {first})"),
                )
                .label("this or `command`")
                .note(NoteKind::Why, "it cannot be told whether it is started or called")
                .note(NoteKind::Fix, "remove one of the two");
                d.also.extend(self.sources.place(command.span).map(|p| (p, "`command` is here".to_owned())));
                self.report(d, url.span);
                return None;
            }
            (Ok(None), None, None) => {
                self.neither(server, name_span, "`command` or `url`");
                return None;
            }
        };
        match kind {
            Kind::Stdio => {
                self.refuse(fields, &["url"], "stdio", Level::Error);
                self.refuse(fields, &["headers", "auth"], "stdio", Level::Warning);
                let Some(command) = command else {
                    if url.is_none() {
                        self.neither(server, name_span, "`command`");
                    }
                    return None;
                };
                self.stdio(fields, command, path)
            }
            Kind::Http { sse } => {
                let level = if fields.is_foreign { Level::Hint } else { Level::Error };
                self.refuse(fields, &["command", "args", "env", "env_file", "cwd"], "http", level);
                let Some(url) = url else {
                    if command.is_none() {
                        self.neither(server, name_span, "`url`");
                    }
                    return None;
                };
                self.http(fields, url, sse, path, server)
            }
        }
    }

    fn neither(&mut self, server: &str, span: Span, what: &str) {
        let d = Diagnostic::new("MP105", Level::Error, format!("{what} is required for server `{server}`"))
            .note(NoteKind::Why, "`command` starts a program here, `url` reaches one elsewhere")
            .note(NoteKind::Fix, "add one below the name");
        self.report(d, span);
    }

    /// MP107: keys that do not go with the transport.
    fn refuse(&mut self, fields: Fields<'_>, keys: &[&str], transport: &str, level: Level) {
        for key in keys {
            let Some(entry) = fields.own.entry(key).filter(|e| !matches!(e.value.value, Value::Null)) else { continue };
            if entry.value.as_scalar().is_some_and(|s| s.text.is_empty()) && fields.is_foreign {
                continue;
            }
            let message = format!("`{key}` does not go with a server of transport `{transport}`");
            let d = Diagnostic::new("MP107", level, message)
                .note(NoteKind::Fix, format!("remove `{key}`, or change `transport`"));
            self.report(d, entry.key_span);
        }
    }

    /// `transport` or `type`. `Err`: it is wrong.
    fn transport(&mut self, fields: Fields<'_>, path: &str) -> Result<Option<Kind>, ()> {
        let key = if fields.own("transport").is_some() { "transport" } else { "type" };
        let Some(mut node) = fields.own(key) else { return Ok(None) };
        // Cline's command line writes `transport: { type: … }`.
        if let Some(inner) = node.get("type") {
            node = inner;
        }
        let text = self.text(node, &format!("{path}.{key}")).ok_or(())?;
        let kind = transport_of(text.value.trim());
        match kind {
            Some(Kind::Http { sse: true }) if !fields.is_foreign => self.warning(
                "MP109",
                node.span,
                "`sse` is out of date since 2025-03-26",
                "use `http` if the server has it; many have it under `/mcp`",
            ),
            Some(_) => {}
            None => {
                let message = format!("unknown transport {}", quoted(&text));
                self.report(Diagnostic::new("MP108", Level::Error, message).note(NoteKind::Fix, KNOWN), node.span);
                return Err(());
            }
        }
        Ok(kind)
    }

    fn stdio(&mut self, fields: Fields<'_>, command: &Node, path: &str) -> Option<Target> {
        let cwd = fields.get("cwd").and_then(|n| self.path(n, &format!("{path}.cwd")));
        let (command_node, mut args) = match &command.value {
            // OpenCode writes program and arguments in one list.
            Value::List(items) if fields.is_foreign && !items.is_empty() => {
                let args = items[1..].iter().filter_map(|n| self.text(n, &format!("{path}.command"))).collect();
                (&items[0], args)
            }
            _ => (command, Vec::new()),
        };
        let command = self.text(command_node, &format!("{path}.command"));
        if let Some(node) = fields.own("args") {
            let texts = self.texts(node, &format!("{path}.args")).unwrap_or_default();
            self.two_in_one(&texts);
            args.extend(texts);
        } else if let Some(command) = &command
            && args.is_empty()
            && looks_like_a_line(&command.raw)
        {
            let words = command.raw.split_whitespace().count() - 1;
            let message = format!("`command` holds {words} arguments too, and no shell takes them apart");
            self.warning("MP112", command.span, message, "put them in a list: `args: [first, second]`");
        }
        let env = self.env(fields, path);
        let command = command?;
        if command.value.trim().is_empty() {
            self.error("MP105", command.span, "`command` is empty", "write the program's name or path");
            return None;
        }
        let base = cwd.clone().unwrap_or_else(|| self.base.clone());
        Some(Target::Stdio {
            command: self.program(&command.value, &base),
            args: args.into_iter().map(|t| Secret::new(t.value)).collect(),
            cwd,
            env,
        })
    }

    /// A name stays for PATH; a path becomes absolute against the folder the program runs in.
    fn program(&self, command: &str, base: &Path) -> String {
        let is_path = command.contains('/') || (cfg!(windows) && command.contains('\\'));
        if !is_path {
            return command.to_owned();
        }
        self.absolute(command, base).to_string_lossy().into_owned()
    }

    /// MP112 for `-y package` in one argument.
    fn two_in_one(&mut self, args: &[Text]) {
        for arg in args {
            let flag = arg.raw.split_whitespace().next().unwrap_or_default();
            let is_two = arg.raw.starts_with('-') && arg.raw.contains(' ') && !flag.contains('=');
            if is_two {
                let message = format!("`{flag}` and what follows are one argument; were two meant?");
                self.warning("MP112", arg.span, message, "write them as two items of the list");
            }
        }
    }

    pub(super) fn env(&mut self, fields: Fields<'_>, path: &str) -> BTreeMap<String, Secret> {
        let mut env = BTreeMap::new();
        for node in [fields.defaults.and_then(|d| d.get("env_file")), fields.own("env_file")].into_iter().flatten() {
            let files: Vec<&Node> = match &node.value {
                Value::List(items) => items.iter().collect(),
                Value::Null => Vec::new(),
                _ => vec![node],
            };
            for node in files {
                self.env_file(node, &format!("{path}.env_file"), &mut env);
            }
        }
        let path = format!("{path}.env");
        for node in [fields.defaults.and_then(|d| d.get("env")), fields.own("env")].into_iter().flatten() {
            for entry in self.names(node, &path) {
                let path = format!("{path}.{}", entry.key);
                if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                    let message = format!("`{}` cannot be a variable's name", entry.key.escape_debug());
                    self.error("MP102", entry.key_span, message, "write `NAME: value`");
                    continue;
                }
                self.ambiguous(&entry.value, &entry.key);
                let text = match entry.value.value {
                    Value::Null => Some(String::new()),
                    _ => self.text(&entry.value, &path).map(|t| t.value),
                };
                let Some(text) = text else { continue };
                env.insert(entry.key.clone(), Secret::new(text));
            }
        }
        env
    }

    /// MP114
    fn ambiguous(&mut self, node: &Node, name: &str) {
        match &node.value {
            Value::Null => {
                self.warning("MP114", node.span, format!("`{name}` has no value"), "write `\"\"` if so meant")
            }
            Value::Scalar(scalar) if is_ambiguous(scalar) && self.is_plain(node) => {
                let line = format!("{name}: {}", scalar.text);
                let is_secret = mask::line(&line) != line;
                let shown = if is_secret { "…" } else { &scalar.text };
                let d = Diagnostic::new(
                    "MP114",
                    Level::Warning,
                    format!("`{name}`: unquoted `{shown}` is not text in YAML"),
                )
                .label("passed on as the text it is")
                .note(NoteKind::Why, "other programs that read this file may pass something else")
                .note(NoteKind::Fix, format!("put it in quotes: `\"{shown}\"`"))
                .fixed_by(self.in_quotes(node.span, &scalar.text));
                self.report(d, node.span);
            }
            _ => {}
        }
    }

    fn env_file(&mut self, node: &Node, path: &str, env: &mut BTreeMap<String, Secret>) {
        let Some(file) = self.path(node, path) else { return };
        let text = match self.variables.read(&file, MAX_FILE_BYTES) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read `env_file`: {error}");
                let d = Diagnostic::new("MP307", Level::Error, message)
                    .label(path)
                    .note(NoteKind::LookedIn, file.display().to_string())
                    .note(NoteKind::Fix, "a relative path starts at the configuration's folder");
                self.report(d, node.span);
                return;
            }
        };
        match dotenv(&text) {
            Ok(lines) => env.extend(lines.into_iter().map(|(k, v)| (k, Secret::new(v)))),
            Err(line) => {
                let message = format!("line {line} of `{}` is not `NAME=value`", file.display());
                self.error("MP307", node.span, message, "one variable a line; quote what has spaces around it");
            }
        }
    }
}

/// `npx -y package` in one string; a path with a space in it is none.
fn looks_like_a_line(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let first = words.next().unwrap_or_default();
    words.next().is_some() && !first.contains(['/', '\\', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_by_their_many_names() {
        for (words, expected) in [
            (&["stdio", "STDIO", "local"][..], Some(Kind::Stdio)),
            (
                &["http", "streamable-http", "streamableHttp", "streamable_http", "remote"],
                Some(Kind::Http { sse: false }),
            ),
            (&["sse", "SSE"], Some(Kind::Http { sse: true })),
            (&["websocket", "", "ws"], None),
        ] {
            for word in words {
                assert_eq!(transport_of(word), expected, "{word}");
            }
        }
    }

    #[test]
    fn command_lines() {
        for (command, expected) in
            [("npx -y pkg", true), ("npx", false), ("/opt/my app/run", false), ("C:\\Program Files\\x", false)]
        {
            assert_eq!(looks_like_a_line(command), expected, "{command}");
        }
    }
}
