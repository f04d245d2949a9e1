//! TOML. A new entry is a table of its own at the end of the file, where it can disturb nothing.

use std::ops::Range;

use serde_json::{Map, Value};
use toml_edit::{Document, Item, Table, TableLike};

use super::{EditError, Splices, Step, dotted, kind_name, line_column, line_end, line_start, nested, newline};

pub(super) fn parse(text: &str) -> Result<Value, EditError> {
    Ok(plain_table(read(text)?.as_table()))
}

fn read(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |s| crate::protocol::floor_char(text, s.start));
        let (line, column) = line_column(text, at);
        EditError::Syntax { line, column, message: error.message().lines().next().unwrap_or_default().to_owned() }
    })
}

fn plain_table(table: &dyn TableLike) -> Value {
    Value::Object(table.iter().map(|(k, v)| (k.to_owned(), plain(v))).collect())
}

fn plain(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => plain_value(value),
        Item::Table(table) => plain_table(table),
        Item::ArrayOfTables(tables) => tables.iter().map(|t| plain_table(t)).collect(),
    }
}

fn plain_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(s) => Value::from(s.value().as_str()),
        toml_edit::Value::Integer(n) => Value::from(*n.value()),
        toml_edit::Value::Float(n) => Value::from(*n.value()),
        toml_edit::Value::Boolean(b) => Value::from(*b.value()),
        toml_edit::Value::Datetime(d) => Value::from(d.value().to_string()),
        toml_edit::Value::Array(items) => items.iter().map(plain_value).collect(),
        toml_edit::Value::InlineTable(table) => plain_table(table),
    }
}

/// The keys of a path; lists of maps are not written here.
fn keys<'a>(path: &[Step<'a>]) -> Result<Vec<&'a str>, EditError> {
    let key = |step: &Step<'a>| match step {
        Step::Key(key) => Ok(*key),
        Step::Named(_) => Err(EditError::Entangled { path: dotted(path) }),
    };
    path.iter().map(key).collect()
}

pub(super) fn set(text: &str, path: &[Step<'_>], value: &Value) -> Result<String, EditError> {
    let entangled = || EditError::Entangled { path: dotted(path) };
    let keys = keys(path)?;
    let document = read(text)?;
    let mut splices = Splices::default();
    let nl = newline(text);
    let mut item = document.as_item();
    for (i, key) in keys.iter().enumerate() {
        let table = item.as_table_like().ok_or_else(|| EditError::Shape {
            path: dotted(&path[..i]),
            found: kind_name(&plain(item)),
            wanted: "map",
        })?;
        let Some(inner) = table.get(key) else {
            // A single value belongs to the table that is there.
            if i + 1 == keys.len() && !value.is_object() {
                let own = item.as_table().filter(|t| i == 0 || header(t).is_some()).ok_or_else(entangled)?;
                let at = end_of_table(text, own, header(own).filter(|_| i > 0));
                let line = format!("{} = {}", quoted(key), inline(value));
                let has_newline = text[..at].is_empty() || text[..at].ends_with('\n');
                let (before, after) = if has_newline { ("", nl) } else { (nl, "") };
                splices.add(at..at, format!("{before}{line}{after}"));
                return Ok(splices.apply(text));
            }
            let header: Vec<&str> = keys[..=i].to_vec();
            let mut lines = Vec::new();
            table_lines(&header, &nested(&path[i + 1..], value), &mut lines);
            let gap = if text.is_empty() { "" } else { nl };
            let block = lines.join(nl);
            let block = if text.is_empty() || text.ends_with('\n') {
                format!("{gap}{block}{nl}")
            } else {
                format!("{nl}{gap}{block}")
            };
            return Ok(format!("{text}{block}"));
        };
        item = inner;
        if i + 1 == keys.len() {
            match (item, value) {
                (Item::Table(table), Value::Object(members)) => {
                    // Member by member, so that the comments between them stay.
                    let mut out = text.to_owned();
                    for (name, member) in members {
                        let inner: Vec<Step<'_>> = path.iter().copied().chain([Step::Key(name)]).collect();
                        if plain(item).get(name) != Some(member) {
                            out = set(&out, &inner, member)?;
                        }
                    }
                    for (name, _) in table.iter() {
                        if !members.contains_key(name) {
                            let inner: Vec<Step<'_>> = path.iter().copied().chain([Step::Key(name)]).collect();
                            out = remove(&out, &inner)?;
                        }
                    }
                    return Ok(out);
                }
                (Item::Value(old), _) => {
                    splices.add(old.span().ok_or_else(entangled)?, inline(value));
                    return Ok(splices.apply(text));
                }
                _ => return Err(entangled()),
            }
        }
    }
    Err(entangled())
}

pub(super) fn remove(text: &str, path: &[Step<'_>]) -> Result<String, EditError> {
    let entangled = || EditError::Entangled { path: dotted(path) };
    let keys = keys(path)?;
    let document = read(text)?;
    let Some((last, parents)) = keys.split_last() else { return Err(entangled()) };
    let mut table: &dyn TableLike = document.as_table();
    for key in parents {
        let Some(inner) = table.get(key).and_then(Item::as_table_like) else { return Ok(text.to_owned()) };
        table = inner;
    }
    let Some((key, item)) = table.get_key_value(last) else { return Ok(text.to_owned()) };
    let mut blocks = Vec::new();
    match item {
        Item::Value(value) => {
            let (from, to) = (key.span().ok_or_else(entangled)?.start, value.span().ok_or_else(entangled)?.end);
            let start = line_start(text, from);
            let rest = text[to..line_end(text, to)].trim();
            if !text[start..from].trim().is_empty() || !(rest.is_empty() || rest.starts_with('#')) {
                return Err(entangled());
            }
            blocks.push(start..line_end(text, to));
        }
        Item::Table(table) => add_blocks(text, table, &mut blocks).ok_or_else(entangled)?,
        Item::ArrayOfTables(_) | Item::None => return Err(entangled()),
    }
    blocks.sort_by_key(|b| b.start);
    let mut splices = Splices::default();
    for block in &blocks {
        // The empty line before a table goes with it.
        let before = &text[..block.start];
        let blank = if matches!(item, Item::Table(_)) && block.start > 0 {
            let line = line_start(text, block.start - 1);
            if before[line..].trim().is_empty() { block.start - line } else { 0 }
        } else {
            0
        };
        let mut range = block.start - blank..block.end;
        if block.end == text.len() && !text.ends_with('\n') {
            // A file that ended without a newline does so again.
            range.start = text[..range.start].trim_end_matches(['\r', '\n']).len();
        }
        splices.add(range, "");
    }
    Ok(splices.apply(text))
}

/// The lines of a table with a header of its own, and those of the tables in it.
fn add_blocks(text: &str, table: &Table, blocks: &mut Vec<Range<usize>>) -> Option<()> {
    if table.is_dotted() {
        return None;
    }
    if let Some(header) = header(table) {
        blocks.push(line_start(text, header.start)..end_of_table(text, table, Some(header)));
    } else if last_value(table).is_some() {
        return None;
    }
    for (_, item) in table.iter() {
        match item {
            Item::Table(inner) if inner.is_dotted() => {}
            Item::Table(inner) => add_blocks(text, inner, blocks)?,
            Item::ArrayOfTables(tables) => tables.iter().try_for_each(|t| add_blocks(text, t, blocks))?,
            _ => {}
        }
    }
    Some(())
}

/// Where the next line of a table belongs: behind its last value, else behind its header.
fn end_of_table(text: &str, table: &dyn TableLike, header: Option<Range<usize>>) -> usize {
    let last = last_value(table).or(header.map(|h| h.end));
    last.map_or(0, |at| line_end(text, at))
}

/// The header of a table that has one.
fn header(table: &Table) -> Option<Range<usize>> {
    table.span().filter(|_| !table.is_implicit() && !table.is_dotted())
}

/// The end of what stands last in a table itself.
fn last_value(table: &dyn TableLike) -> Option<usize> {
    let ends = table.iter().filter_map(|(_, item)| match item {
        Item::Value(value) => value.span().map(|s| s.end),
        Item::Table(inner) if inner.is_dotted() => last_value(inner),
        _ => None,
    });
    ends.max()
}

fn table_lines(header: &[&str], value: &Value, lines: &mut Vec<String>) {
    let Value::Object(members) = value else { return };
    let (inner, own): (Vec<_>, Vec<_>) = members.iter().partition(|(_, v)| v.is_object());
    if !own.is_empty() || inner.is_empty() {
        let names: Vec<String> = header.iter().map(|k| quoted(k)).collect();
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!("[{}]", names.join(".")));
        lines.extend(own.into_iter().map(|(k, v)| format!("{} = {}", quoted(k), inline(v))));
    }
    for (key, member) in inner {
        let below: Vec<&str> = header.iter().copied().chain([key.as_str()]).collect();
        table_lines(&below, member, lines);
    }
}

fn quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_bare { key.to_owned() } else { text(key) }
}

/// A basic string.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn inline(value: &Value) -> String {
    match value {
        // There is no null.
        Value::Null => text(""),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(s) => text(s),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => inline_table(members),
    }
}

fn inline_table(members: &Map<String, Value>) -> String {
    let inner: Vec<String> = members.iter().map(|(k, v)| format!("{} = {}", quoted(k), inline(v))).collect();
    if inner.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", inner.join(", ")) }
}
