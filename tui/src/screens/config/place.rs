//! Where in the tree of a configuration a cursor stands, by the text alone: it works on a text that cannot be parsed, which is what a
//! text is while it is typed.

use std::ops::Range;

use crate::widgets::editor::buffer::{Buffer, Place};
use crate::widgets::editor::lexer::{self, Class, State, Syntax};

/// Lines looked at above the cursor: more have no place on any screen.
const MAX_LINES: usize = 20_000;

/// What is under a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The names of all that lies around it, from the outside.
    pub(crate) path: Vec<String>,
    /// A name is written there; else the value of the last name of `path`, or nothing.
    pub(crate) is_key: bool,
    /// The bytes of the line that belong to the word at the cursor.
    pub(crate) word: Range<usize>,
    /// Names that stand beside it already.
    pub(crate) beside: Vec<String>,
    /// It stands inside `{…}` or `[…]`, or is JSON.
    pub(crate) in_flow: bool,
    /// The word is in a comment.
    pub(crate) in_comment: bool,
}

/// The place of `cursor` in a text.
pub(crate) fn spot(buffer: &Buffer, cursor: Place, syntax: Syntax) -> Spot {
    match syntax {
        Syntax::Json => json(buffer, cursor),
        Syntax::Yaml | Syntax::Plain => yaml(buffer, cursor),
    }
}

/// A name without its quotes.
pub(crate) fn name_of(word: &str) -> String {
    let word = word.trim();
    let inner = ['"', '\''].into_iter().find_map(|q| word.strip_prefix(q)?.strip_suffix(q));
    inner.unwrap_or(word).to_owned()
}

/// The part of the line that is typed at `at`: letters, digits, `_`, `-`, `.`, `$` before it and behind it.
fn word_at(line: &str, at: usize) -> Range<usize> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '|' | '$');
    let head = &line[..at];
    let start = head.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(at, |(i, _)| i);
    let end = line[at..].find(|c: char| !is_part(c)).map_or(line.len(), |i| at + i);
    start..end
}

/// A name at the beginning of a line of YAML: the columns of the name and, if it is an item of a list, of its dash.
struct Head {
    column: usize,
    dash: Option<usize>,
    name: String,
}

/// The name a line of YAML in block style begins with, if it does.
fn head(line: &str) -> Option<Head> {
    let trimmed = line.trim_start_matches(' ');
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return None;
    }
    let (parts, _) = lexer::lex(line, State::Open, Syntax::Yaml);
    let mut dash = None;
    for (range, class) in parts {
        match class {
            Class::Sign if &line[range.clone()] == "-" => {
                dash.get_or_insert(range.start);
            }
            Class::Key => return Some(Head { column: range.start, dash, name: name_of(&line[range]) }),
            _ => return None,
        }
    }
    None
}

/// How deep a line is; of an item the dash counts.
fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn yaml(buffer: &Buffer, cursor: Place) -> Spot {
    let line = buffer.line(cursor.line);
    // Before the first word of a line one is at that word.
    let begin = if line.trim().is_empty() { 0 } else { depth(line) };
    let cursor = Place { byte: cursor.byte.max(begin), ..cursor };
    let before = &line[..cursor.byte];
    let (parts, _) = lexer::lex(line, State::Open, Syntax::Yaml);
    let mut spot = Spot { word: word_at(line, cursor.byte), ..Spot::default() };
    spot.in_comment = parts.iter().any(|(r, c)| *c == Class::Comment && r.start < cursor.byte);
    // What this line itself says before the cursor.
    let mut inner: Vec<Option<String>> = Vec::new();
    let (mut own, mut dash, mut name, mut has_colon) = (None, None, None, false);
    let mut flow_names: Vec<Vec<String>> = Vec::new();
    for (range, class) in parts.iter().filter(|(r, _)| r.start < cursor.byte) {
        let text = &line[range.clone()];
        match class {
            Class::Key if inner.is_empty() && own.is_none() && range.end < cursor.byte => {
                own = Some(range.start);
                name = Some(name_of(text));
            }
            Class::Key if !inner.is_empty() && range.end < cursor.byte => {
                if let Some(last) = inner.last_mut() {
                    *last = Some(name_of(text));
                }
                flow_names.last_mut().into_iter().for_each(|n| n.push(name_of(text)));
            }
            Class::Sign => match text {
                "-" if own.is_none() && dash.is_none() => dash = Some(range.start),
                ":" => has_colon = true,
                "{" => {
                    inner.push(None);
                    flow_names.push(Vec::new());
                    has_colon = false;
                }
                "[" => {
                    inner.push(Some(String::new()));
                    flow_names.push(Vec::new());
                    has_colon = true;
                }
                "}" | "]" => {
                    inner.pop();
                    flow_names.pop();
                    has_colon = true;
                }
                "," => {
                    let in_list = inner.last().is_some_and(|n| n.as_deref() == Some(""));
                    if !in_list {
                        inner.last_mut().into_iter().for_each(|n| *n = None);
                    }
                    has_colon = in_list;
                }
                _ => {}
            },
            _ => {}
        }
    }
    spot.in_flow = !inner.is_empty();
    // The names around the line: each one less deep than the one below it.
    let begins = own.or_else(|| dash.map(|d| d + 2)).unwrap_or_else(|| {
        let blank = depth(line);
        if line.trim().is_empty() { cursor.byte.max(blank) } else { blank }
    });
    let mut around: Vec<String> = Vec::new();
    let mut limit = dash.unwrap_or(begins);
    if let Some(dash) = dash {
        // An item of a list: its list is named above, at the dash or less deep.
        around.push(String::new());
        limit = dash + 1;
    }
    let mut is_item = dash.is_some();
    for above in (cursor.line.saturating_sub(MAX_LINES)..cursor.line).rev() {
        if limit == 0 {
            break;
        }
        let text = buffer.line(above);
        // What is deeper is neither around it nor beside it.
        if depth(text) > limit {
            continue;
        }
        let Some(head) = head(text) else { continue };
        let at = head.dash.unwrap_or(head.column);
        // Dashes may stand right below the name of their list.
        let is_above =
            if is_item { head.column < limit && head.dash.is_none_or(|d| d + 1 < limit) } else { head.column < limit };
        if is_above {
            let item = head.dash.is_some();
            around.push(head.name);
            if item {
                around.push(String::new());
            }
            limit = at + usize::from(item);
            is_item = item;
        } else if let Some(dash) = head.dash.filter(|_| head.column == limit && !is_item) {
            // The first name of the item that this one belongs to.
            if around.is_empty() {
                spot.beside.push(head.name);
            }
            around.push(String::new());
            limit = dash + 1;
            is_item = true;
        } else if head.column == begins && around.is_empty() {
            spot.beside.push(head.name);
        }
    }
    around.reverse();
    spot.path = around;
    // Names behind the cursor's line, at the same depth.
    for below in cursor.line + 1..buffer.n_lines().min(cursor.line + MAX_LINES) {
        let text = buffer.line(below);
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        if depth(text) < begins {
            break;
        }
        spot.beside.extend(head(text).filter(|h| h.column == begins && h.dash.is_none()).map(|h| h.name));
    }
    let is_value = name.is_some() && (has_colon || !inner.is_empty());
    if let Some(name) = name {
        spot.path.push(name);
    }
    if spot.in_flow {
        spot.is_key = !has_colon && inner.last().is_some_and(Option::is_none);
        spot.path.extend(inner.into_iter().flatten());
        spot.beside = flow_names.pop().unwrap_or_default();
    } else {
        let only_word = before[..spot.word.start.min(before.len())].trim_start_matches([' ', '-']).is_empty();
        spot.is_key = !is_value && only_word;
        // On the name itself, and not behind it.
        if let Some(word) =
            parts.iter().find(|(r, c)| *c == Class::Key && r.start <= cursor.byte && cursor.byte <= r.end)
            && !is_value
        {
            spot.word = word.0.clone();
            spot.is_key = true;
        }
    }
    spot
}

fn json(buffer: &Buffer, cursor: Place) -> Spot {
    enum Level {
        Map { name: Option<String>, names: Vec<String> },
        List,
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut state = State::Open;
    let mut has_colon = false;
    let mut spot = Spot { in_flow: true, ..Spot::default() };
    for at in 0..=cursor.line {
        let line = buffer.line(at);
        let (parts, next) = lexer::lex(line, state, Syntax::Json);
        state = next;
        for (range, class) in parts {
            if at == cursor.line && range.start >= cursor.byte {
                break;
            }
            let is_before = at < cursor.line || range.end <= cursor.byte;
            let text = &line[range.clone()];
            match class {
                Class::Comment if !is_before || !text.ends_with("*/") => spot.in_comment = at == cursor.line,
                Class::Key if is_before => {
                    if let Some(Level::Map { name, names }) = levels.last_mut() {
                        *name = Some(name_of(text));
                        names.push(name_of(text));
                    }
                }
                Class::Sign if is_before => match text {
                    "{" => {
                        levels.push(Level::Map { name: None, names: Vec::new() });
                        has_colon = false;
                    }
                    "[" => {
                        levels.push(Level::List);
                        has_colon = true;
                    }
                    "}" | "]" => {
                        levels.pop();
                    }
                    ":" => has_colon = true,
                    "," => {
                        if let Some(Level::Map { name, .. }) = levels.last_mut() {
                            *name = None;
                        }
                        has_colon = matches!(levels.last(), Some(Level::List));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
    spot.word = word_at(buffer.line(cursor.line), cursor.byte);
    if let Some(Level::Map { name, names }) = levels.last_mut() {
        spot.is_key = !has_colon || name.is_none();
        spot.beside = std::mem::take(names);
        if spot.is_key {
            *name = None;
        }
    }
    spot.path = levels
        .into_iter()
        .filter_map(|level| match level {
            Level::Map { name, .. } => name,
            Level::List => Some(String::new()),
        })
        .collect();
    spot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widgets::editor::buffer::place;

    /// `|` is the cursor. `servers/a:key` or `servers/a=value`, and the word.
    #[track_caller]
    fn check(text: &str, syntax: Syntax, expected: &str, word: &str) {
        let at = text.find('|').unwrap();
        let head = &text[..at];
        let cursor = place(head.matches('\n').count(), head.len() - head.rfind('\n').map_or(0, |n| n + 1));
        let buffer = Buffer::new(&text.replacen('|', "", 1));
        let spot = spot(&buffer, cursor, syntax);
        let shown = format!("{}{}", spot.path.join("/"), if spot.is_key { ":" } else { "=" });
        assert_eq!(
            (shown.as_str(), &buffer.line(cursor.line)[spot.word.clone()]),
            (expected, word),
            "{spot:?}\n{text}"
        );
    }

    #[test]
    fn yaml_in_blocks() {
        let y = |text: &str, expected: &str, word: &str| check(text, Syntax::Yaml, expected, word);
        y("ser|", ":", "ser");
        y("servers:\n  a:\n    com|", "servers/a:", "com");
        y("servers:\n  a:\n    command: np|", "servers/a/command=", "np");
        y("servers:\n  a:\n    command: |", "servers/a/command=", "");
        y("servers:\n  a:\n    command: x\n    |", "servers/a:", "");
        y("servers:\n  a:\n    command: x\n  |", "servers:", "");
        y("servers:\n  a:\n    command: x\n|", ":", "");
        y("servers:\n  a: # the first\n\n    # here\n    re|start: x", "servers/a:", "restart");
        y("servers:\n  a:\n    restart:\n      policy: |", "servers/a/restart/policy=", "");
        y("servers:\n  a:\n    tools:\n      deny:\n        - wr|", "servers/a/tools/deny/:", "wr");
        y("servers:\n  a:\n    tools:\n      deny:\n      - wr|", "servers/a/tools/deny/:", "wr");
        y("clients:\n  rules:\n  - match: { name: x }\n    pro|", "clients/rules/:", "pro");
        y("clients:\n  rules:\n  - match:\n      na|", "clients/rules//match:", "na");
        y("clients:\n  rules:\n  - ma|", "clients/rules/:", "ma");
        y("clients:\n  rules:\n    - profile: wo|", "clients/rules//profile=", "wo");
        y("servers:\n  a:\n    env:\n      X: 1\nproxy:\n  lo|", "proxy:", "lo");
        y("a: b # co|", "a=", "co");
    }

    #[test]
    fn yaml_in_brackets() {
        let y = |text: &str, expected: &str, word: &str| check(text, Syntax::Yaml, expected, word);
        y("servers:\n  a: { comm|", "servers/a:", "comm");
        y("servers:\n  a: { command: np|", "servers/a/command=", "np");
        y("servers:\n  a: { command: npx, ar|", "servers/a:", "ar");
        y("servers:\n  a: { command: npx, auth: { ty| } }", "servers/a/auth:", "ty");
        y("servers:\n  a: { tools: { deny: [x, y|", "servers/a/tools/deny/=", "y");
    }

    #[test]
    fn json_in_brackets() {
        let j = |text: &str, expected: &str, word: &str| check(text, Syntax::Json, expected, word);
        j("{ \"ser|\" }", ":", "ser");
        j("{\n \"mcpServers\": {\n  \"a\": {\n   \"com|", "mcpServers/a:", "com");
        j("{\"servers\": {\"a\": {\"start\": \"la|", "servers/a/start=", "la");
        j("{\"servers\": {\"a\": {\"start\": \"lazy\", \"|", "servers/a:", "");
        j("{\"servers\": {\"a\": {\"args\": [\"x\", \"y|", "servers/a/args/=", "y");
        j("{\"servers\": {\"a\": {}}, |", ":", "");
    }

    #[test]
    fn names_beside_are_known() {
        let text = "servers:\n  a:\n    command: x\n    |\n    args: [y]\n  b:\n    url: z\n";
        let at = text.find('|').unwrap();
        let buffer = Buffer::new(&text.replacen('|', "", 1));
        let head = &text[..at];
        let cursor = place(head.matches('\n').count(), at - head.rfind('\n').unwrap() - 1);
        assert_eq!(spot(&buffer, cursor, Syntax::Yaml).beside, ["command", "args"]);
    }
}
