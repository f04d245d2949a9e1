//! What may stand where the cursor is, and what it is for: by the table of keys.

use mcp_proxy_core::config::keys::{self, Key, Kind, State};

use super::place::Spot;
use crate::app::cursor::Cursor;

/// Entries offered at most.
const MAX_ENTRIES: usize = 200;
/// Programs that servers are usually started by.
const PROGRAMS: [(&str, &str); 6] = [
    ("npx", "runs a package of npm; give it `-y`"),
    ("uvx", "runs a package of PyPI"),
    ("node", "runs a file of JavaScript"),
    ("python3", "runs a file of Python"),
    ("docker", "runs an image; give it `run -i --rm`"),
    ("deno", "runs a file or package of JavaScript"),
];
/// References.
const REFERENCES: [(&str, &str); 5] = [
    ("${NAME}", "a variable of the environment, or of the credentials"),
    ("${NAME:-text}", "`text` where it is not set"),
    ("${file:path}", "what a file holds"),
    ("${keyring:name}", "an entry of the keyring (`mcp-proxy secret set`)"),
    ("${cmd:program argument}", "what a program prints"),
];

/// One thing that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What is put in.
    pub(crate) text: String,
    /// What kind of value it takes; empty for values.
    pub(crate) kind: String,
    /// What it is for.
    pub(crate) doc: String,
    /// What follows it.
    pub(crate) tail: Tail,
}

/// What follows a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It is a value.
    Nothing,
    /// A value on the same line.
    Value,
    /// A list on the same line.
    List,
    /// More below it.
    Below,
}

/// The popup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What may stand there, the best first.
    pub(crate) entries: Vec<Entry>,
    /// The selected one.
    pub(crate) cursor: Cursor,
    /// Somebody has chosen one with the arrows: Enter takes it.
    pub(crate) is_chosen: bool,
}

/// Names that a file gives itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Of its servers.
    pub(crate) servers: Vec<String>,
    /// Of its profiles.
    pub(crate) profiles: Vec<String>,
}

/// The path with the names of our own table: entries of other programs have the keys of a server too.
fn ours(path: &[String]) -> Vec<&str> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["mcpServers" | "context_servers" | "mcp.servers", name, rest @ ..] => [&["servers", name][..], rest].concat(),
        ["mcp", "servers", name, rest @ ..] => [&["servers", name][..], rest].concat(),
        _ => path,
    }
}

/// What may be written at a spot and begins with, or has in it, what stands there.
pub(crate) fn at(spot: &Spot, line: &str, names: &Names) -> Vec<Entry> {
    if spot.in_comment {
        return Vec::new();
    }
    let word = line.get(spot.word.clone()).unwrap_or_default();
    let path = ours(&spot.path);
    let mut entries = Vec::new();
    if spot.is_key {
        entries.extend(keys::below(&path).into_iter().filter(|k| is_offered(k, spot, word)).map(of_key));
    }
    let is_item = path.last() == Some(&"");
    if !spot.is_key || is_item {
        entries.extend(values(&path, word, names));
    }
    let lower = word.to_lowercase();
    let rank = |e: &Entry| {
        let text = e.text.to_lowercase();
        if text.starts_with(&lower) {
            Some(0)
        } else if lower.len() > 1 && text.contains(&lower) {
            Some(1)
        } else {
            None
        }
    };
    let mut ranked: Vec<(usize, Entry)> = entries.into_iter().filter_map(|e| Some((rank(&e)?, e))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(MAX_ENTRIES);
    ranked.into_iter().map(|(_, e)| e).collect()
}

fn is_offered(key: &Key, spot: &Spot, word: &str) -> bool {
    let is_there = spot.beside.iter().any(|b| b == key.name) && key.name != word;
    let works = matches!(key.state, State::Works) || key.name == word;
    works && !is_there
}

fn of_key(key: &'static Key) -> Entry {
    Entry { text: key.name.to_owned(), kind: key.kind.words(), doc: doc(key), tail: tail(key.kind) }
}

fn tail(kind: Kind) -> Tail {
    match kind {
        Kind::Section(_) | Kind::Map(_) | Kind::Defaults | Kind::Foreign => Tail::Below,
        Kind::List(_) => Tail::List,
        Kind::Either(kinds) if kinds.iter().all(|k| tail(*k) == Tail::Below) => Tail::Below,
        _ => Tail::Value,
    }
}

fn values(path: &[&str], word: &str, names: &Names) -> Vec<Entry> {
    let entry = |text: &str, doc: &str| Entry {
        text: text.to_owned(),
        kind: String::new(),
        doc: doc.to_owned(),
        tail: Tail::Nothing,
    };
    let named = |all: &[String], doc: &str| all.iter().map(|n| entry(n, doc)).collect::<Vec<_>>();
    match path {
        ["servers", _, "command"] => return PROGRAMS.iter().map(|(t, d)| entry(t, d)).collect(),
        ["profiles", _, "servers", ""] | ["clients", "tokens", _, "servers", ""] => {
            return named(&names.servers, "a server of this file");
        }
        ["clients", "profile"] | ["clients", "rules", _, "profile"] | ["clients", "tokens", _, "profile"] => {
            return named(&names.profiles, "a profile of this file");
        }
        _ => {}
    }
    let Some(kind) = keys::kind_at(path) else { return Vec::new() };
    let words = kind.choices();
    // A text is the user's; a reference is offered where one begins, or nothing does yet.
    let may_refer = word.is_empty() || word.starts_with('$');
    if words.is_empty() && may_refer && matches!(kind, Kind::Text | Kind::Path) {
        return REFERENCES.iter().map(|(t, d)| entry(t, d)).collect();
    }
    words.into_iter().map(|(text, doc)| entry(text, doc)).collect()
}

/// What a key is for, its default, and whether it works.
fn doc(key: &Key) -> String {
    let mut out = key.doc.to_owned();
    if let Some(default) = key.default {
        out.push_str(&format!(" Default: {}.", default.replace('"', "")));
    }
    match key.state {
        State::Works => {}
        State::NotYet([]) => out.push_str(" Not supported yet."),
        State::NotYet(idle) => out.push_str(&format!(" Not supported yet but for {}.", idle.join(", "))),
        State::Alias(of) => out.push_str(&format!(" The same as `{of}`.")),
        State::Ignored => out.push_str(" For other programs."),
    }
    out
}

/// What there is to say about a spot: its dotted path, what it takes, and what it is for.
pub(crate) fn about(spot: &Spot, line: &str) -> Option<(String, String, String)> {
    let mut path = spot.path.clone();
    if spot.is_key {
        let word = line.get(spot.word.clone()).unwrap_or_default();
        if !word.is_empty() {
            path.push(word.to_owned());
        }
    }
    // Of a value that is no key of ours, what it belongs to.
    for n in (1..=path.len()).rev() {
        let here = ours(&path[..n]);
        if let Some(key) = keys::find(&here) {
            let dotted: Vec<&str> = path[..n].iter().map(|p| if p.is_empty() { "[]" } else { p.as_str() }).collect();
            let mut text = doc(key);
            let words: Vec<String> = key
                .kind
                .choices()
                .into_iter()
                .map(|(w, d)| if d.is_empty() { w.to_owned() } else { format!("{w} ({d})") })
                .collect();
            if !words.is_empty() {
                text.push_str(&format!("\nOne of: {}", words.join(", ")));
            }
            return Some((dotted.join("."), key.kind.words(), text));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screens::config::place::spot;
    use crate::widgets::editor::buffer::{Buffer, place};
    use crate::widgets::editor::lexer::Syntax;

    fn offered(text: &str, syntax: Syntax) -> Vec<String> {
        let at = text.find('|').unwrap();
        let head = &text[..at];
        let cursor = place(head.matches('\n').count(), head.len() - head.rfind('\n').map_or(0, |n| n + 1));
        let buffer = Buffer::new(&text.replacen('|', "", 1));
        let names = Names { servers: vec!["github".into()], profiles: vec!["work".into()] };
        let spot = spot(&buffer, cursor, syntax);
        at_names(&spot, buffer.line(cursor.line), &names)
    }

    fn at_names(spot: &Spot, line: &str, names: &Names) -> Vec<String> {
        at(spot, line, names).into_iter().map(|e| e.text).collect()
    }

    #[test]
    fn keys_are_offered_where_they_may_stand() {
        let y = |text: &str| offered(text, Syntax::Yaml);
        assert_eq!(y("servers:\n  a:\n    comm|"), ["command"]);
        assert_eq!(y("servers:\n  a:\n    command: x\n    comm|"), Vec::<String>::new(), "it is there already");
        assert_eq!(y("mcpServers:\n  a:\n    star|"), ["start", "startup_timeout", "restart"]);
        assert_eq!(y("rout|"), ["routing"]);
        assert!(y("servers:\n  |").is_empty(), "names are the user's");
        assert_eq!(y("clients:\n  rules:\n  - pro|"), ["profile"]);
        assert_eq!(offered("{\"servers\": {\"a\": {\"cw|\"", Syntax::Json), ["cwd"]);
        assert!(!y("servers:\n  a:\n    |").contains(&"retry".to_owned()), "what does not work yet is not offered");
    }

    #[test]
    fn values_are_offered_too() {
        let y = |text: &str| offered(text, Syntax::Yaml);
        assert_eq!(y("servers:\n  a:\n    start: |"), ["eager", "lazy", "manual"]);
        assert_eq!(y("servers:\n  a:\n    enabled: f|"), ["false"]);
        assert_eq!(y("servers:\n  a:\n    command: np|"), ["npx"]);
        assert_eq!(y("profiles:\n  p:\n    servers: [gi|"), ["github"]);
        assert_eq!(y("clients:\n  profile: |"), ["work"]);
        assert!(y("servers:\n  a:\n    url: $|").contains(&"${NAME}".to_owned()));
        assert!(y("servers:\n  a:\n    command: x # st|").is_empty());
    }

    #[test]
    fn there_is_something_to_say_about_every_key() {
        let buffer = Buffer::new("servers:\n  a:\n    restart:\n      policy: always\n");
        let told = |line: usize, byte: usize| {
            let at = place(line, byte);
            about(&spot(&buffer, at, Syntax::Yaml), buffer.line(line))
        };
        let (path, kind, doc) = told(3, 16).unwrap();
        assert_eq!((path.as_str(), kind.as_str()), ("servers.a.restart.policy", "one word"));
        assert!(doc.contains("on-failure (after a crash") && doc.contains("Default: on-failure"), "{doc}");
        assert_eq!(told(2, 6).unwrap().0, "servers.a.restart");
        assert_eq!(told(1, 3).unwrap().0, "servers");
    }
}
