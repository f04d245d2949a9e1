//! The sections of a file and the servers in it, by the text alone, so that it is there while something is wrong.

use super::place::name_of;
use crate::widgets::editor::buffer::Buffer;
use crate::widgets::editor::lexer::{self, Class, State, Syntax};

/// Keys below which servers stand.
const MAPS: [&str; 5] = ["servers", "mcpServers", "context_servers", "mcp", "mcp.servers"];
/// More is not listed: nobody walks through it line by line.
const MAX_ENTRIES: usize = 5_000;

/// A line of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) line: usize,
    /// First byte of the name.
    pub(crate) byte: usize,
    /// The line its part of the file ends before.
    pub(crate) end: usize,
    /// It is a server.
    pub(crate) is_server: bool,
}

/// All of them, in the order of the file.
pub(crate) fn entries(buffer: &Buffer, syntax: Syntax) -> Vec<Entry> {
    let mut names = match syntax {
        Syntax::Json => json(buffer),
        Syntax::Yaml | Syntax::Plain => yaml(buffer),
    };
    names.truncate(MAX_ENTRIES);
    let n_lines = buffer.n_lines();
    for i in 0..names.len() {
        let is_server = names[i].is_server;
        let next = names[i + 1..].iter().find(|n| is_server || !n.is_server);
        names[i].end = next.map_or(n_lines, |n| n.line.max(names[i].line + 1));
    }
    names
}

fn entry(name: String, line: usize, byte: usize, is_server: bool) -> Entry {
    Entry { name, line, byte, end: line + 1, is_server }
}

fn yaml(buffer: &Buffer) -> Vec<Entry> {
    let mut out = Vec::new();
    let mut state = State::Open;
    // The column of the servers of the map that is open.
    let mut servers: Option<Option<usize>> = None;
    for (at, line) in buffer.lines().iter().enumerate() {
        let was = state;
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (parts, next) = lexer::lex(line, state, Syntax::Yaml);
        state = next;
        let Some((range, Class::Key)) = parts.first() else { continue };
        if matches!(was, State::Quoted(_)) || range.start != indent {
            continue;
        }
        let name = name_of(&line[range.clone()]);
        if indent == 0 {
            servers = MAPS.contains(&name.as_str()).then_some(None);
            out.push(entry(name, at, 0, false));
        } else if let Some(column) = &mut servers {
            let column = *column.get_or_insert(indent);
            if indent == column {
                out.push(entry(name, at, indent, true));
            }
        }
    }
    out
}

fn json(buffer: &Buffer) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    let mut state = State::Open;
    // The name of each open map.
    let mut open: Vec<String> = Vec::new();
    let mut last = String::new();
    for (at, line) in buffer.lines().iter().enumerate() {
        let (parts, next) = lexer::lex(line, state, Syntax::Json);
        state = next;
        for (range, class) in parts {
            match (class, &line[range.clone()]) {
                (Class::Sign, "{" | "[") => open.push(std::mem::take(&mut last)),
                (Class::Sign, "}" | "]") => drop(open.pop()),
                (Class::Key, text) => {
                    last = name_of(text);
                    let is_server = match open.as_slice() {
                        [_] => false,
                        [_, map] if map == "mcp" && last == "servers" => continue,
                        [_, map] if MAPS.contains(&map.as_str()) => true,
                        [_, mcp, servers] if mcp == "mcp" && servers == "servers" => true,
                        _ => continue,
                    };
                    out.push(entry(last.clone(), at, range.start, is_server));
                }
                _ => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, syntax: Syntax) -> Vec<String> {
        let entries = entries(&Buffer::new(text), syntax);
        entries
            .iter()
            .map(|e| format!("{}{} {}-{}", if e.is_server { "  " } else { "" }, e.name, e.line, e.end))
            .collect()
    }

    #[test]
    fn yaml_has_sections_and_servers() {
        let text = "# a\nversion: 1\nservers:\n  # x\n  one:\n    command: x\n    env:\n      A: b\n  \"two\": { url: y }\nproxy:\n  port: 1\n";
        assert_eq!(shown(text, Syntax::Yaml), ["version 1-2", "servers 2-9", "  one 4-8", "  two 8-9", "proxy 9-12"]);
        assert_eq!(shown("a: |\n  servers:\n   x: 1\nb: \"c\n  d: e\"", Syntax::Yaml), ["a 0-3", "b 3-5"]);
        assert_eq!(shown("servers:\n  a", Syntax::Yaml), ["servers 0-2"]);
    }

    #[test]
    fn json_has_them_too() {
        let text =
            "{\n  // x\n  \"mcpServers\": {\n    \"a\": { \"env\": {\"b\": 1} },\n    \"c\": {}\n  },\n  \"x\": [1]\n}";
        assert_eq!(shown(text, Syntax::Json), ["mcpServers 2-6", "  a 3-4", "  c 4-6", "x 6-8"]);
        assert_eq!(shown("{\"mcp\": {\"servers\": {\"a\": {}}}}", Syntax::Json), ["mcp 0-1", "  a 0-1"]);
        assert_eq!(shown("]}{", Syntax::Json), Vec::<String>::new());
    }
}
