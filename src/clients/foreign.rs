//! A server as a client has it, in our words: names of fields, units, variables. What cannot be said here is noted, field by
//! field. Pure; values are never part of a note.

use mcp_proxy_core::config::{is_variable_name, masked};
use serde_json::{Map, Value, json};

use super::entry::{address, command_line, is_ours};
use super::reference::{self, Translated, is_written_out};
use super::table::{Form, OUR_NAME, Timeout, Variables};

/// A server that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name, fit for our file.
    pub name: String,
    /// Its entry in our words.
    pub entry: Map<String, Value>,
    /// What is different here, field by field.
    pub notes: Vec<String>,
    /// Fields that hold a secret in plain text.
    pub secrets: Vec<String>,
    /// References to something that has to be asked for: names for the keyring or the credentials.
    pub asked: Vec<String>,
}

/// Why an entry is no server for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// Recursion.
    #[error("it is mcp-proxy itself")]
    Ours,
    /// It is part of the client.
    #[error("it is built into the client")]
    BuiltIn,
    /// We do not speak it.
    #[error("it is reached in a way that mcp-proxy does not speak (WebSocket, local socket or pipe)")]
    Transport,
    /// Nothing to start, nothing to ask.
    #[error("it has neither a command nor an address")]
    Nothing,
}

/// Fields that mean something to the client only.
const CLIENTS_OWN: [&str; 27] = [
    "name",
    "type",
    "transport",
    "transportType",
    "source",
    "version",
    "gallery",
    "bundled",
    "description",
    "dev",
    "enabled",
    "disabled",
    "active",
    "url",
    "serverUrl",
    "httpUrl",
    "uri",
    "command",
    "cmd",
    "args",
    "display_name",
    "icon",
    "homepage",
    "available_tools",
    "official",
    "settings",
    "$schema",
];

/// Translates one entry.
///
/// # Errors
/// When it is none for us.
pub fn translate(form: &Form, name: &str, entry: &Value, port: u16) -> Result<Found, Skip> {
    if is_ours(entry, port) {
        return Err(Skip::Ours);
    }
    let kind = ["type", "transportType", "transport"].into_iter().find_map(|k| entry[k].as_str());
    let kind = kind.or_else(|| entry["transport"]["type"].as_str()).unwrap_or_default();
    if matches!(kind, "builtin" | "platform" | "frontend" | "inline_python") {
        return Err(Skip::BuiltIn);
    }
    let mut reader = Reader { form, entry, notes: Vec::new(), asked: Vec::new(), used: Vec::new() };
    let mut out = Map::new();
    let line = command_line(entry);
    match address(entry) {
        // Gemini's order: an address goes before a command. Jan leaves an empty command beside one.
        Some((field, url)) if line.first().is_none_or(|c| c.is_empty()) || form.variables == Variables::EnvOnly => {
            if kind == "ws"
                || !(url.starts_with("http://")
                    || url.starts_with("https://")
                    || url.starts_with('$')
                    || url.starts_with('{'))
            {
                return Err(Skip::Transport);
            }
            reader.remote(field, url, kind, &mut out);
        }
        _ => {
            let Some((command, args)) = line.split_first().filter(|(c, _)| !c.is_empty()) else {
                return Err(Skip::Nothing);
            };
            reader.program(command, args, &mut out);
        }
    }
    reader.times(&mut out);
    reader.tools(&mut out);
    let is_off = entry["disabled"] == true || entry["enabled"] == false || entry["active"] == false;
    if is_off {
        out.insert("enabled".to_owned(), json!(false));
    }
    reader.rest();
    let secrets = secrets(&out);
    let Reader { notes, asked, .. } = reader;
    Ok(Found { name: fit(name), entry: out, notes, secrets, asked })
}

/// A name that every client takes.
fn fit(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let plain: String = name.chars().map(fits).collect();
    let words: Vec<&str> = plain.split('-').filter(|w| !w.is_empty()).collect();
    match words.join("-") {
        empty if empty.is_empty() => "server".to_owned(),
        ours if ours == OUR_NAME => format!("{OUR_NAME}-other"),
        name => name,
    }
}

struct Reader<'a> {
    form: &'a Form,
    entry: &'a Value,
    notes: Vec<String>,
    asked: Vec<String>,
    /// Fields that were read.
    used: Vec<&'static str>,
}

impl Reader<'_> {
    fn field(&mut self, names: &[&'static str]) -> Option<Value> {
        self.used.extend(names);
        let inner = &self.entry["transport"];
        names.iter().find_map(|n| self.entry.get(n).or_else(|| inner.get(n))).filter(|v| !v.is_null()).cloned()
    }

    fn program(&mut self, command: &str, args: &[&str], out: &mut Map<String, Value>) {
        let mut words = vec![command];
        let is_line = args.is_empty() && command.contains(' ') && !command.contains(['"', '\'', '\\', '/']);
        if is_line {
            words = command.split_whitespace().collect();
            self.notes.push("`command` held its arguments too: they are `args` now".to_owned());
        }
        words.extend(args);
        let words: Vec<String> = words.into_iter().map(|w| self.text(w, false)).collect();
        out.insert("command".to_owned(), json!(words[0]));
        if words.len() > 1 {
            out.insert("args".to_owned(), json!(words[1..]));
        }
        if let Some(cwd) =
            self.field(&["cwd", "working_directory", "workingDirectory"]).as_ref().and_then(Value::as_str)
        {
            let cwd = self.text(cwd, false);
            out.insert("cwd".to_owned(), json!(cwd));
        }
        let mut env = self.texts(&["env", "envs", "environment"], true);
        for field in ["env_keys", "env_vars"] {
            for item in self.field(&[field]).as_ref().and_then(Value::as_array).into_iter().flatten() {
                if let Some(name) = item.as_str().or_else(|| item["name"].as_str())
                    && let Some(variable) = self.variable(field, name)
                {
                    env.entry(name).or_insert_with(|| json!(variable));
                    if field == "env_keys" {
                        self.ask(name);
                    }
                }
            }
        }
        if !env.is_empty() {
            out.insert("env".to_owned(), Value::Object(env));
        }
        if let Some(file) = self.field(&["envFile", "env_file"]).as_ref().and_then(Value::as_str) {
            let file = self.text(file, false);
            out.insert("env_file".to_owned(), json!(file));
        }
    }

    fn remote(&mut self, field: &str, url: &str, kind: &str, out: &mut Map<String, Value>) {
        let url = self.text(url, false);
        out.insert("url".to_owned(), json!(url));
        let untyped = kind.is_empty() && self.form.remote.is_some_and(|r| r.untyped_is_sse) && field == "url";
        if kind == "sse" || untyped {
            // It is found out by asking; many of them speak the newer one too.
            self.notes.push("it was HTTP+SSE there; which one it speaks is found out here".to_owned());
        }
        let mut headers = self.texts(&["headers", "http_headers", "httpHeaders"], false);
        for (header, name) in
            self.field(&["env_http_headers"]).as_ref().and_then(Value::as_object).into_iter().flatten()
        {
            if let Some(variable) = name.as_str().and_then(|name| self.variable("env_http_headers", name)) {
                headers.insert(header.clone(), json!(variable));
            }
        }
        for (header, value) in self.nested("requestOptions", "headers") {
            headers.insert(header, value);
        }
        if !headers.is_empty() {
            out.insert("headers".to_owned(), Value::Object(headers));
        }
        let variable = self.field(&["bearer_token_env_var"]);
        let key = self.field(&["apiKey"]);
        let token = match (&variable, &key) {
            (Some(Value::String(name)), _) => self.variable("bearer_token_env_var", name),
            (None, Some(Value::String(key))) => Some(self.text(key, false)),
            _ => None,
        };
        if let Some(token) = token {
            out.insert("auth".to_owned(), json!({ "type": "bearer", "token": token }));
        }
        if self.field(&["oauth", "auth", "scopes", "authProviderType"]).is_some_and(|v| v != false) {
            self.notes.push(
                "it was logged in by OAuth there, which mcp-proxy does not do yet: give it a token in `auth`"
                    .to_owned(),
            );
        }
    }

    fn nested(&mut self, field: &'static str, inner: &str) -> Vec<(String, Value)> {
        let Some(value) = self.field(&[field]) else { return Vec::new() };
        let map = value[inner].as_object().into_iter().flatten();
        map.filter_map(|(k, v)| Some((k.clone(), json!(self.text(v.as_str()?, false))))).collect()
    }

    /// A map of texts.
    fn texts(&mut self, names: &[&'static str], is_env: bool) -> Map<String, Value> {
        let Some(Value::Object(map)) = self.field(names) else { return Map::new() };
        let plain = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        let texts: Vec<(String, String)> = map.iter().filter_map(|(k, v)| Some((k.clone(), plain(v)?))).collect();
        texts.into_iter().map(|(k, v)| (k, json!(self.text(&v, is_env)))).collect()
    }

    fn times(&mut self, out: &mut Map<String, Value>) {
        let number = |value: Option<Value>| value.as_ref().and_then(Value::as_f64).filter(|n| *n > 0.0);
        let (key, timeout) = match self.form.timeout {
            Timeout::None => ("timeout", 0.0),
            Timeout::Milliseconds => ("timeout", 0.001),
            Timeout::Seconds => ("timeout", 1.0),
            Timeout::StartMilliseconds => ("startup_timeout", 0.001),
        };
        let given = number(self.field(&["timeout"]));
        // Where nobody says what it counts, nobody waits 17 minutes by plan.
        let guess = |n: f64| if n >= 1000.0 { n / 1000.0 } else { n };
        if let Some(seconds) = given.map(|n| if timeout == 0.0 { guess(n) } else { n * timeout }) {
            out.insert(key.to_owned(), json!(duration(seconds)));
        }
        for (field, key, unit) in [
            ("startup_timeout_ms", "startup_timeout", 0.001),
            ("startup_timeout_sec", "startup_timeout", 1.0),
            ("connectionTimeout", "startup_timeout", 0.001),
            ("tool_timeout_sec", "timeout", 1.0),
        ] {
            if let Some(n) = number(self.field(&[field])) {
                out.insert(key.to_owned(), json!(duration(n * unit)));
            }
        }
    }

    fn tools(&mut self, out: &mut Map<String, Value>) {
        let mut tools = Map::new();
        for (fields, key) in [
            (&["includeTools", "enabled_tools", "available_tools"][..], "allow"),
            (&["excludeTools", "disabled_tools", "disabledTools"][..], "deny"),
        ] {
            let names = self.field(fields);
            let names: Vec<&str> =
                names.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            let names: Vec<String> = names.into_iter().map(literal).collect();
            if !names.is_empty() {
                tools.insert(key.to_owned(), json!(names));
            }
        }
        if let Some(Value::Array(names)) = self.field(&["tools"])
            && !names.contains(&json!("*"))
        {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(literal).collect();
            tools.insert("allow".to_owned(), json!(names));
        }
        if !tools.is_empty() {
            out.insert("tools".to_owned(), Value::Object(tools));
        }
    }

    /// Notes what was not read.
    fn rest(&mut self) {
        const APPROVAL: [&str; 7] = [
            "autoApprove",
            "alwaysAllow",
            "trust",
            "default_tools_approval_mode",
            "approval_mode",
            "autoApproveTools",
            "alwaysLoad",
        ];
        let entries = self.entry.as_object().into_iter().flatten();
        let left: Vec<&String> = entries
            .filter(|(k, v)| !v.is_null() && !self.used.contains(&k.as_str()) && !CLIENTS_OWN.contains(&k.as_str()))
            .map(|(k, _)| k)
            .collect();
        for key in left {
            self.notes.push(if APPROVAL.contains(&key.as_str()) {
                format!("`{key}` stays with the client: it asks, or not, for the tools it gets from mcp-proxy")
            } else {
                format!("`{key}` has no counterpart here and was left out")
            });
        }
    }

    /// The variable that a field names, in our words. Anything else in there could be more than a name to us.
    fn variable(&mut self, field: &str, name: &str) -> Option<String> {
        if is_variable_name(name) {
            return Some(format!("${{{name}}}"));
        }
        self.notes.push(format!("`{field}` names a variable that can be none: it was left out"));
        None
    }

    fn ask(&mut self, name: &str) {
        if !self.asked.iter().any(|a| a == name) {
            self.asked.push(name.to_owned());
        }
    }

    /// A text with its references in our words.
    fn text(&mut self, text: &str, is_env: bool) -> String {
        let variables = match self.form.variables {
            Variables::EnvOnly if !is_env => Variables::None,
            other => other,
        };
        let Translated { text, asked, note } = reference::translate(text, variables);
        asked.iter().for_each(|name| self.ask(name));
        if let Some(note) = note.filter(|n| !self.notes.iter().any(|told| told == n)) {
            self.notes.push(note.to_owned());
        }
        text
    }
}

/// A text without references.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// `30s`, `500ms`
fn duration(seconds: f64) -> String {
    let ms = (seconds * 1000.0).round();
    if ms % 1000.0 == 0.0 { format!("{}s", ms / 1000.0) } else { format!("{ms}ms") }
}

/// Where a secret is written out.
fn secrets(entry: &Map<String, Value>) -> Vec<String> {
    let is_secret = |name: &str, value: &str| {
        let line = format!("{name}: {}", json!(value));
        is_written_out(value) && masked(&line) != line
    };
    let mut found = Vec::new();
    for field in ["env", "headers", "auth"] {
        for (name, value) in entry.get(field).and_then(Value::as_object).into_iter().flatten() {
            if value.as_str().is_some_and(|v| is_secret(name, v)) {
                found.push(format!("{field}.{name}"));
            }
        }
    }
    for field in ["args", "url"] {
        let line = entry.get(field).map(ToString::to_string).unwrap_or_default().replace("\",\"", "\", \"");
        if masked(&line) != line {
            found.push(field.to_owned());
        }
    }
    found
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
