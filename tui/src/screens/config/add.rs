//! A server by a short form: what starts it or where it is, what it is called, what it needs to know. It can be tried before it is
//! put into the text.

use std::time::SystemTime;

use mcp_proxy_core::config::change;
use serde_json::{Map, Value};

use super::state::{Focus, Open};
use super::talk::{Probe, Wish};
use super::update;
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::popup::Popup;
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::widgets::editor::buffer::place;
use crate::widgets::input::Input;

/// Longest name of a server that is proposed.
const MAX_NAME: usize = 24;

/// The fields, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// A command line or an address.
    Target,
    /// The name.
    Name,
    /// Variables of the environment, or headers.
    Extra,
}

impl Field {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Target, Self::Name, Self::Extra];
}

/// How far trying it is.
#[derive(Debug)]
pub(crate) enum Trial {
    /// Nobody has.
    None,
    /// It is on its way.
    Running { seq: u64, since: SystemTime },
    /// It was tried; what is typed now may be something else.
    Done { result: Result<Box<Probe>, String>, entry: Map<String, Value> },
}

/// The form.
#[derive(Debug)]
pub(crate) struct Add {
    /// What is typed, by [`Field::ALL`].
    pub(crate) inputs: [Input; 3],
    /// The selected field.
    pub(crate) at: usize,
    /// Names that are taken.
    names: Vec<String>,
    /// What is wrong, and with which field.
    pub(crate) error: Option<(Field, String)>,
    pub(crate) trial: Trial,
}

impl Add {
    /// An empty form; these names are taken.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { inputs: Default::default(), at: 0, names, error: None, trial: Trial::None }
    }

    /// The field that is typed in.
    pub(crate) fn typing(&mut self) -> &mut Input {
        &mut self.inputs[self.at]
    }

    /// What is typed in a field.
    pub(crate) fn text(&self, field: Field) -> &str {
        self.inputs[field as usize].text().trim()
    }

    /// It is an address.
    pub(crate) fn is_url(&self) -> bool {
        let target = self.text(Field::Target);
        ["http://", "https://"].iter().any(|scheme| target.starts_with(scheme))
    }

    /// The text of a field changed: the name follows what it is made of until somebody types one.
    pub(crate) fn typed(&mut self) {
        self.error = None;
        let name = &self.inputs[Field::Name as usize];
        if self.at == Field::Target as usize && (name.text().is_empty() || name.is_proposal()) {
            self.inputs[Field::Name as usize] = Input::proposal(self.proposal());
        }
    }

    /// A name for what is typed, that is not taken.
    fn proposal(&self) -> String {
        let target = self.text(Field::Target);
        let base = if self.is_url() { of_url(target) } else { of_command(&words(target).unwrap_or_default()) };
        let mut name = base.clone();
        let mut n = 2;
        while !base.is_empty() && self.names.contains(&name) {
            name = format!("{base}{n}");
            n += 1;
        }
        name
    }

    /// What would stand in the file.
    pub(crate) fn entry(&self) -> Result<(String, Map<String, Value>), (Field, String)> {
        let target = self.text(Field::Target);
        let mut entry = Map::new();
        if target.is_empty() {
            return Err((Field::Target, "a command such as `npx -y PACKAGE`, or an address".to_owned()));
        }
        if self.is_url() {
            entry.insert("url".to_owned(), Value::from(target));
        } else {
            let words = words(target).map_err(|why| (Field::Target, why))?;
            let mut words = words.into_iter();
            let command = words.next().unwrap_or_default();
            if command.contains('=') {
                return Err((Field::Target, "variables belong into the last field".to_owned()));
            }
            entry.insert("command".to_owned(), Value::from(command));
            let args: Vec<Value> = words.map(Value::from).collect();
            if !args.is_empty() {
                entry.insert("args".to_owned(), Value::from(args));
            }
        }
        let extra = self.extra()?;
        if !extra.is_empty() {
            entry.insert(if self.is_url() { "headers" } else { "env" }.to_owned(), Value::Object(extra));
        }
        let name = self.text(Field::Name);
        if name.is_empty() {
            return Err((Field::Name, "its tools will begin with it".to_owned()));
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Err((Field::Name, "letters, digits and `-` only: clients refuse others".to_owned()));
        }
        if self.names.iter().any(|n| n == name) {
            return Err((Field::Name, "there is a server of this name already".to_owned()));
        }
        Ok((name.to_owned(), entry))
    }

    fn extra(&self) -> Result<Map<String, Value>, (Field, String)> {
        let words = words(self.text(Field::Extra)).map_err(|why| (Field::Extra, why))?;
        let pair = |word: String| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::from(value))),
            // A name alone is passed on from our own environment.
            None if word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                let reference = format!("${{{word}}}");
                Ok((word, Value::from(reference)))
            }
            _ => Err((Field::Extra, format!("`{word}`: write NAME=value, or NAME to pass on your own"))),
        };
        words.into_iter().map(pair).collect()
    }

    /// What came of trying it.
    pub(crate) fn probed(&mut self, seq: u64, result: Result<Box<Probe>, String>) {
        if matches!(self.trial, Trial::Running { seq: running, .. } if running == seq) {
            let entry = self.entry().map(|(_, entry)| entry).unwrap_or_default();
            self.trial = Trial::Done { result, entry };
        }
    }
}

/// The words of a command line; quotes keep blanks together.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"') | None, '\\') => {
                let next = chars.next().ok_or("there is nothing behind the last `\\`")?;
                word.get_or_insert_default().push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, c) if c.is_whitespace() => out.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("a {quote} is open at the end"));
    }
    out.extend(word);
    Ok(out)
}

/// The machine, without what says nothing: `api.github.com` is `github`.
fn of_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let plain = ["api", "mcp", "www", "server"];
    let telling = labels.iter().take(labels.len().max(2) - 1).find(|l| !plain.contains(l));
    cleaned(telling.or(labels.first()).copied().unwrap_or_default())
}

/// The package or program, without what says nothing: `npx -y @modelcontextprotocol/server-filesystem@1 ~` is `filesystem`.
fn of_command(words: &[String]) -> String {
    const RUNNERS: [&str; 14] = [
        "npx", "uvx", "bunx", "pnpm", "yarn", "npm", "uv", "deno", "docker", "podman", "node", "python", "python3",
        "env",
    ];
    const VERBS: [&str; 4] = ["run", "exec", "dlx", "tool"];
    let file = |word: &str| word.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let Some(first) = words.first() else { return String::new() };
    let program = file(first);
    let name = if RUNNERS.contains(&program.as_str()) {
        let telling = words[1..].iter().find(|w| !w.starts_with('-') && !VERBS.contains(&w.as_str()));
        telling.map_or(program, |w| file(w))
    } else {
        program
    };
    // A version behind it, an ending of a file.
    let name = name.split(['@', ':']).find(|p| !p.is_empty()).unwrap_or_default().to_owned();
    let name = [".js", ".py", ".ts", ".sh"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(&name);
    let mut short = name;
    for part in ["mcp-server-", "server-", "mcp-"] {
        short = short.strip_prefix(part).filter(|s| !s.is_empty()).unwrap_or(short);
    }
    for part in ["-mcp-server", "-server", "-mcp"] {
        short = short.strip_suffix(part).filter(|s| !s.is_empty()).unwrap_or(short);
    }
    cleaned(short)
}

/// What is fit to be a name.
fn cleaned(text: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(sign).take(MAX_NAME).collect();
    name.trim_matches('-').to_owned()
}

/// Does what was asked for in the form, which is the popup on top.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let seq = model.config.seq + 1;
    let now = model.now;
    let Some(Popup::AddServer(add)) = model.popups.last_mut() else { return };
    let n = add.inputs.len();
    match action {
        Action::NextField => add.at = (add.at + 1) % n,
        Action::PrevField => add.at = (add.at + n - 1) % n,
        Action::Try => match add.entry() {
            Ok((name, entry)) => {
                add.trial = Trial::Running { seq, since: now };
                model.config.seq = seq;
                effects.push(Effect::Config(Wish::Probe { seq, name, entry }));
            }
            Err((field, why)) => wrong(add, field, why),
        },
        Action::Send => match add.entry() {
            Ok((name, entry)) => insert(model, &name, &entry, effects),
            Err((field, why)) => wrong(add, field, why),
        },
        Action::Back => drop(model.popups.pop()),
        _ => {}
    }
}

fn wrong(add: &mut Add, field: Field, why: String) {
    add.at = field as usize;
    add.error = Some((field, why));
}

/// Puts it into the text.
fn insert(model: &mut Model, name: &str, entry: &Map<String, Value>, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    match change::with_server(&open.editor.text(), &open.seen.path, name, entry) {
        Ok(new) => {
            open.editor.become_text(&new, format!("server `{name}` added"));
            show(open, name);
            model.config.focus = Focus::Text;
            drop(model.popups.pop());
            update::text_changed(model, effects);
            model.say(Tone::Good, format!("{} `{name}` added to the text: Ctrl-S saves and starts it", s.good));
        }
        Err(error) => {
            let Some(Popup::AddServer(add)) = model.popups.last_mut() else { return };
            add.error = Some((Field::Name, error.to_string()));
        }
    }
}

/// Goes to a server in the text.
fn show(open: &mut Open, name: &str) {
    open.look_again();
    if let Some(at) = open.outline.iter().position(|e| e.is_server && e.name == name) {
        open.cursor.at = at;
        let (line, byte) = (open.outline[at].line, open.outline[at].byte);
        open.editor.show(place(line, byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(target: &str, name: Option<&str>, extra: &str) -> Add {
        let mut add = Add::new(vec!["time".to_owned()]);
        add.inputs[0] = Input::new(target);
        add.typed();
        if let Some(name) = name {
            add.inputs[1] = Input::new(name);
        }
        add.inputs[2] = Input::new(extra);
        add
    }

    #[test]
    fn names_are_proposed() {
        for (target, name) in [
            ("npx -y @modelcontextprotocol/server-filesystem@2025.8.21 /home/me", "filesystem"),
            ("uvx mcp-server-git --repository .", "git"),
            ("uvx mcp-server-time", "time2"),
            ("/usr/local/bin/my-mcp", "my"),
            ("docker run -i --rm mcp/fetch:latest", "fetch"),
            ("python3 server.py", "server"),
            ("node ./weather-mcp-server.js", "weather"),
            ("https://api.githubcopilot.com/mcp/", "githubcopilot"),
            ("https://mcp.linear.app/sse", "linear"),
            ("http://localhost:8000/mcp", "localhost"),
            ("http://127.0.0.1/mcp", "127"),
            ("", ""),
        ] {
            assert_eq!(add(target, None, "").text(Field::Name), name, "{target}");
        }
    }

    #[test]
    fn an_entry_is_made_of_what_is_typed() {
        let (name, entry) = add("npx -y \"a b\" c\\ d ''", Some("x"), "A=1 TOKEN").entry().unwrap();
        let expected = r#"{"command":"npx","args":["-y","a b","c d",""],"env":{"A":"1","TOKEN":"${TOKEN}"}}"#;
        assert_eq!((name.as_str(), Value::Object(entry).to_string().as_str()), ("x", expected));
        let (_, entry) = add("https://h/mcp", Some("x"), "Authorization='Bearer ${T}'").entry().unwrap();
        let expected = r#"{"url":"https://h/mcp","headers":{"Authorization":"Bearer ${T}"}}"#;
        assert_eq!(Value::Object(entry).to_string(), expected);
    }

    #[test]
    fn mistakes_are_told_at_their_field() {
        let wrong = |target, name, extra| add(target, name, extra).entry().unwrap_err().0;
        assert_eq!(wrong("", None, ""), Field::Target);
        assert_eq!(wrong("npx \"a", None, ""), Field::Target);
        assert_eq!(wrong("A=1 npx", None, ""), Field::Target);
        assert_eq!(wrong("npx", Some("time"), ""), Field::Name);
        assert_eq!(wrong("npx", Some("a b"), ""), Field::Name);
        assert_eq!(wrong("npx", Some(""), ""), Field::Name);
        assert_eq!(wrong("npx", Some("x"), "=1"), Field::Extra);
        assert_eq!(wrong("npx", Some("x"), "a-b"), Field::Extra);
    }
}
