//! How a server is reached: which of `command` and `url` it has, and everything that belongs to the one or the other.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::keys;
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

    fn env(&mut self, fields: Fields<'_>, path: &str) -> BTreeMap<String, Secret> {
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
                .note(NoteKind::Fix, format!("put it in quotes: `\"{shown}\"`"));
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

    fn http(&mut self, fields: Fields<'_>, url: &Node, sse: bool, path: &str, server: &str) -> Option<Target> {
        let text = self.text(url, &format!("{path}.url"));
        let headers = self.headers(fields, path);
        let authorization = self.auth(fields, path, server);
        let text = text?;
        let value = text.value.trim();
        if value.len() < text.value.len() {
            self.warning("MP401", url.span, "`url` has spaces around it", "remove them");
        }
        if let Some(problem) = url_problem(value) {
            let d = Diagnostic::new("MP401", Level::Error, format!("`url` of server `{server}` {problem}"))
                .label(format!("{path}.url"))
                .note(NoteKind::Fix, "write `https://host/path`");
            self.report(d, url.span);
            return None;
        }
        if !sse && value.split(['?', '#']).next().is_some_and(|u| u.ends_with("/sse")) && !fields.is_foreign {
            let fix = "write `transport: sse`, or the server's `/mcp` address";
            self.warning("MP401", url.span, "`url` ends in `/sse`, and the transport is `http`", fix);
        }
        let mut headers = headers;
        if let Some((name, secret, span)) = authorization {
            if value_of(&headers, &name).is_some() {
                let message = format!("both `auth` and the header `{name}` are given; `auth` counts");
                self.warning("MP404", span, message, "drop one of the two");
                headers.retain(|k, _| !k.eq_ignore_ascii_case(&name));
            }
            if secret.reveal().is_empty() {
                return None;
            }
            if is_clear(value_without_scheme(value)) {
                let message = format!("`auth` of server `{server}` goes over plain http");
                self.warning("MP402", span, message, "use https, so that nobody on the way can read it");
            }
            headers.insert(name, secret);
        }
        Some(Target::Http { url: Secret::new(value), url_shown: mask::url(&text.raw), sse, headers })
    }

    fn headers(&mut self, fields: Fields<'_>, path: &str) -> BTreeMap<String, Secret> {
        let mut headers = BTreeMap::new();
        let path = format!("{path}.headers");
        for node in [fields.defaults.and_then(|d| d.get("headers")), fields.own("headers")].into_iter().flatten() {
            for entry in self.names(node, &path) {
                let path = format!("{path}.{}", entry.key);
                if !is_header_name(&entry.key) {
                    let message = format!("`{}` cannot be a header's name", entry.key.escape_debug());
                    self.error("MP102", entry.key_span, message, "write `Name: value`");
                    continue;
                }
                let Some(text) = self.text(&entry.value, &path) else { continue };
                let Some(value) = self.header_value(&text, &path) else { continue };
                headers.retain(|k: &String, _| !k.eq_ignore_ascii_case(&entry.key));
                headers.insert(entry.key.clone(), value);
            }
        }
        headers
    }

    /// MP113
    fn header_value(&mut self, text: &Text, path: &str) -> Option<Secret> {
        let value = text.value.trim();
        if value.len() < text.value.len() {
            let message = "there are spaces or line ends around the value; they are not sent";
            let d = Diagnostic::new("MP113", Level::Warning, message).label(path.to_owned());
            self.report(d.note(NoteKind::Fix, "remove them; was it pasted with its line end?"), text.span);
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            let d = Diagnostic::new("MP113", Level::Error, "a header cannot hold a line end").label(path.to_owned());
            self.report(d.note(NoteKind::Fix, "write it in one line"), text.span);
            return None;
        }
        Some(Secret::new(value))
    }

    /// The header that `auth` stands for. An empty value: it is wrong, and was reported.
    fn auth(&mut self, fields: Fields<'_>, path: &str, server: &str) -> Option<(String, Secret, Span)> {
        let variables = self.variables;
        let node = fields.own("auth").or_else(|| variables.auth(server))?;
        let path = format!("{path}.auth");
        let wrong = || Some(("Authorization".to_owned(), Secret::new(""), node.span));
        if node.as_map().is_none() {
            if fields.is_foreign && node.as_scalar().is_some_and(|s| s.text == "oauth") {
                return self.oauth(node, &path);
            }
            self.error("MP403", node.span, "`auth` must be a map", "write `auth: { type: bearer, token: … }`");
            return wrong();
        }
        let kinds = "known: bearer, basic, header, oauth";
        let Some(kind_node) = node.get("type") else {
            if fields.is_foreign {
                return self.oauth(node, &path);
            }
            self.error("MP403", node.span, "`auth` has no `type`", kinds);
            return wrong();
        };
        let Some(kind) = self.text(kind_node, &format!("{path}.type")) else { return wrong() };
        match kind.value.trim().to_ascii_lowercase().as_str() {
            "bearer" => {
                self.auth_keys(node, &path, &["type", "token"]);
                let Some(token) = self.auth_value(node, &path, "token") else { return wrong() };
                let bare = token.reveal().strip_prefix("Bearer ").unwrap_or(token.reveal());
                Some(("Authorization".to_owned(), Secret::new(format!("Bearer {bare}")), node.span))
            }
            "basic" => {
                self.auth_keys(node, &path, &["type", "credentials"]);
                let Some(pair) = self.auth_value(node, &path, "credentials") else { return wrong() };
                if !pair.reveal().contains(':') {
                    let span = node.get("credentials").map_or(node.span, |n| n.span);
                    let message = "basic `credentials` have no `:` between user and password";
                    self.error("MP403", span, message, "write `user:password`");
                    return wrong();
                }
                let value = format!("Basic {}", BASE64.encode(pair.reveal()));
                Some(("Authorization".to_owned(), Secret::new(value), node.span))
            }
            "header" => {
                self.auth_keys(node, &path, &["type", "name", "value"]);
                let name = node.get("name").and_then(|n| self.text(n, &format!("{path}.name")));
                let value = self.auth_value(node, &path, "value");
                let Some(name) = name.map(|t| t.value).filter(|n| is_header_name(n)) else {
                    self.error("MP403", node.span, "`auth` of type header needs a `name`", "write `name: X-Api-Key`");
                    return wrong();
                };
                value.map_or_else(wrong, |value| Some((name, value, node.span)))
            }
            "oauth" => self.oauth(node, &path),
            _ => {
                self.error("MP403", kind_node.span, format!("unknown `auth.type` {}", quoted(&kind)), kinds);
                wrong()
            }
        }
    }

    /// Taken as it is, for a version that can sign in.
    fn oauth(&mut self, node: &Node, path: &str) -> Option<(String, Secret, Span)> {
        self.unused.push((format!("{path} (oauth)"), node.span));
        None
    }

    fn auth_value(&mut self, node: &Node, path: &str, key: &str) -> Option<Secret> {
        let path = format!("{path}.{key}");
        let Some(value) = node.get(key).filter(|n| !matches!(n.value, Value::Null)) else {
            // A slip of the hand was reported as such.
            let names = node.as_map().unwrap_or_default().iter().map(|e| e.key.as_str());
            if keys::nearest(key, names).is_some() {
                return None;
            }
            let kind = node.get("type").and_then(Node::as_scalar).map_or("", |s| s.text.as_str());
            let fix = format!("add `{key}: \"${{NAME}}\"`");
            self.error("MP403", node.span, format!("`auth` of type {kind} needs `{key}`"), &fix);
            return None;
        };
        let text = self.text(value, &path)?;
        if text.value.trim().is_empty() {
            self.error("MP403", value.span, format!("`{key}` is empty"), "write `\"${NAME}\"`, and set it");
            return None;
        }
        self.header_value(&text, &path)
    }

    fn auth_keys(&mut self, node: &Node, path: &str, known: &[&str]) {
        for entry in node.as_map().unwrap_or_default() {
            if !known.contains(&entry.key.as_str()) {
                let message = format!("unknown field `{}` in `{path}`", entry.key);
                let mut d = Diagnostic::new("MP104", Level::Error, message);
                if let Some(meant) = keys::nearest(&entry.key, known.iter().copied()) {
                    d = d.label(format!("did you mean `{meant}`?"));
                }
                let d = d.note(NoteKind::Fix, format!("known here: {}", known.join(", ")));
                self.report(d, entry.key_span);
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

fn value_of<'h>(headers: &'h BTreeMap<String, Secret>, name: &str) -> Option<&'h Secret> {
    headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The part behind `http://`; empty for other schemes.
fn value_without_scheme(url: &str) -> &str {
    match url.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => &url[7..],
        _ => "",
    }
}

/// Whether the host is another machine; names without a dot are of the own network and excused.
fn is_clear(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').filter(|(h, _)| !h.ends_with(':')).map_or(host, |(h, _)| h);
    host.contains('.') && !host.starts_with("127.") && !host.ends_with(".localhost")
}

/// What is wrong with a URL, as the rest of a sentence.
fn url_problem(url: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some("is no URL: it has no `http://` or `https://`");
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some("must begin with `http://` or `https://`");
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("has a space in it");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host.strip_prefix('[') {
        Some(v6) => {
            let Some((host, after)) = v6.split_once(']') else { return Some("has a `[` without its `]`") };
            (host, after.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(h, p)| (h, Some(p))),
    };
    if host.is_empty() {
        return Some("has no host");
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Some("has a port that is no port"),
        _ => None,
    }
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
    fn urls() {
        for (url, fine) in [
            ("https://example.com/mcp", true),
            ("HTTP://localhost:8001", true),
            ("http://[::1]:9000/mcp?x=1", true),
            ("https://user:pw@host/", true),
            ("example.com", false),
            ("ftp://example.com", false),
            ("https://", false),
            ("https:///mcp", false),
            ("https://exa mple.com", false),
            ("http://host:port", false),
            ("http://host:0", false),
            ("http://host:99999", false),
            ("http://[::1", false),
        ] {
            assert_eq!(url_problem(url).is_none(), fine, "{url}");
        }
    }

    #[test]
    fn who_can_read_it_on_the_way() {
        for (url, clear) in [
            ("http://api.example.com/mcp", true),
            ("http://10.0.0.7:80/mcp", true),
            ("https://api.example.com", false),
            ("http://localhost:8001/mcp", false),
            ("http://127.0.0.1/mcp", false),
            ("http://db-server:8001/mcp", false),
            ("http://[::1]:80/", false),
        ] {
            assert_eq!(is_clear(value_without_scheme(url)), clear, "{url}");
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
