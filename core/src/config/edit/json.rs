//! JSON, with comments or without.

use jsonc_parser::ast::{self, Object, ObjectProp};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use super::{EditError, Splices, Step, Syntax, dotted, indent_of, kind_name, line_column, line_start, nested, newline};

/// What most programs indent with.
const INDENT: &str = "  ";

pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Value, EditError> {
    Ok(tree(text, syntax)?.map_or_else(|| Value::Object(Map::new()), |v| plain(&v)))
}

fn tree(text: &str, syntax: Syntax) -> Result<Option<ast::Value<'_>>, EditError> {
    let with_comments = syntax == Syntax::Jsonc;
    let options = ParseOptions {
        allow_comments: with_comments,
        allow_trailing_commas: with_comments,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    parse_to_ast(text, &CollectOptions::default(), &options).map(|r| r.value).map_err(|error| {
        let (line, column) = line_column(text, floor(text, error.range().start));
        EditError::Syntax { line, column, message: lower_first(&error.kind().to_string()) }
    })
}

fn floor(text: &str, at: usize) -> usize {
    crate::protocol::floor_char(text, at)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

fn plain(value: &ast::Value<'_>) -> Value {
    match value {
        ast::Value::StringLit(s) => Value::from(&*s.value),
        ast::Value::NumberLit(n) => serde_json::from_str(n.value).unwrap_or_else(|_| Value::from(n.value)),
        ast::Value::BooleanLit(b) => Value::from(b.value),
        ast::Value::Object(o) => o.properties.iter().map(|p| (p.name.as_str().to_owned(), plain(&p.value))).collect(),
        ast::Value::Array(a) => a.elements.iter().map(plain).collect(),
        ast::Value::NullKeyword(_) => Value::Null,
    }
}

pub(super) fn set(text: &str, syntax: Syntax, path: &[Step<'_>], value: &Value) -> Result<String, EditError> {
    let root = tree(text, syntax)?;
    let nl = newline(text);
    let mut splices = Splices::default();
    let Some(root) = root else {
        // Nothing, or comments only.
        let before = text.trim_end();
        let gap = if before.is_empty() { "" } else { nl };
        return Ok(format!("{before}{gap}{}{nl}", pretty(&nested(path, value), INDENT, "", nl)));
    };
    let unit = unit(text, &root);
    let mut node = &root;
    for (i, step) in path.iter().enumerate() {
        let Step::Key(key) = step else { return Err(EditError::Entangled { path: dotted(path) }) };
        match node {
            ast::Value::Object(object) => match only(text, object, key)? {
                Some(found) => node = &found.value,
                None => {
                    insert(text, object, key, &nested(&path[i + 1..], value), unit, nl, &mut splices);
                    return Ok(splices.apply(text));
                }
            },
            ast::Value::NullKeyword(null) => {
                let base = indent_of(text, null.range.start);
                splices.add(null.range.start..null.range.end, pretty(&nested(&path[i..], value), unit, base, nl));
                return Ok(splices.apply(text));
            }
            other => {
                let found = kind_name(&plain(other));
                return Err(EditError::Shape { path: dotted(&path[..i]), found, wanted: "map" });
            }
        }
    }
    let range = node.range();
    splices.add(range.start..range.end, pretty(value, unit, indent_of(text, range.start), nl));
    Ok(splices.apply(text))
}

pub(super) fn remove(text: &str, syntax: Syntax, path: &[Step<'_>]) -> Result<String, EditError> {
    let Some((Step::Key(last), parents)) = path.split_last() else {
        return Err(EditError::Entangled { path: dotted(path) });
    };
    let mut text = text.to_owned();
    // One that is there twice goes twice.
    loop {
        let root = tree(&text, syntax)?;
        let mut node = root.as_ref();
        for step in parents {
            node = match (node, step) {
                (Some(ast::Value::Object(object)), Step::Key(key)) => only(&text, object, key)?.map(|p| &p.value),
                _ => None,
            };
        }
        let Some(ast::Value::Object(object)) = node else { return Ok(text) };
        let Some(index) = object.properties.iter().position(|p| p.name.as_str() == *last) else { return Ok(text) };
        text = without(&text, object, index);
    }
}

/// The property of that name.
fn only<'a, 'b>(text: &str, object: &'b Object<'a>, key: &str) -> Result<Option<&'b ObjectProp<'a>>, EditError> {
    let mut found = object.properties.iter().filter(|p| p.name.as_str() == key);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(second) => {
            let (line, column) = line_column(text, second.range.start);
            Err(EditError::Twice { key: key.to_owned(), line, column })
        }
    }
}

/// What one level of this file is indented with.
fn unit<'t>(text: &'t str, root: &ast::Value<'_>) -> &'t str {
    let first = root.as_object().and_then(|o| o.properties.first()).map(|p| p.range.start);
    let unit = first.filter(|at| text[..*at].contains('\n')).map_or("", |at| indent_of(text, at));
    if unit.is_empty() { INDENT } else { unit }
}

fn insert(text: &str, object: &Object<'_>, key: &str, value: &Value, unit: &str, nl: &str, splices: &mut Splices) {
    let base = indent_of(text, object.range.start);
    let key = Value::from(key);
    let close = object.range.end - 1;
    let Some(last) = object.properties.last() else {
        let open = object.range.start + 1;
        if text.contains('\n') || text.trim() == "{}" {
            let inner = format!("{base}{unit}");
            let kept = text[open..close].trim_end().len();
            let member = format!("{nl}{inner}{key}: {}{nl}{base}", pretty(value, unit, &inner, nl));
            splices.add(open + kept..close, member);
        } else {
            splices.add(open..close, format!("{key}:{value}"));
        }
        return;
    };
    let end = last.range.end;
    let after = skip(text, end);
    let has_comma = text[after..].starts_with(',');
    let first_start = object.properties[0].range.start;
    if text[object.range.start..first_start].contains('\n') {
        let own = line_start(text, last.range.start);
        let before = &text[own..last.range.start];
        let inner = if before.trim().is_empty() { before.to_owned() } else { format!("{base}{unit}") };
        if !has_comma {
            splices.add(end..end, ",");
        }
        let from = if has_comma { after + 1 } else { end };
        let at = end_of_line(text, from).unwrap_or(from);
        let comma = if has_comma { "," } else { "" };
        splices.add(at..at, format!("{nl}{inner}{key}: {}{comma}", pretty(value, unit, &inner, nl)));
    } else if has_comma {
        splices.add(after + 1..after + 1, format!(" {key}: {value},"));
    } else {
        splices.add(end..end, format!(", {key}: {value}"));
    }
}

/// The text without one property.
fn without(text: &str, object: &Object<'_>, index: usize) -> String {
    let property = &object.properties[index];
    let (start, end) = (property.range.start, property.range.end);
    let after = skip(text, end);
    let has_comma = text[after..].starts_with(',');
    let stop = if has_comma { after + 1 } else { end };
    let before = index.checked_sub(1).map(|i| object.properties[i].range.end);
    let own = line_start(text, start);
    let owns_front = own > object.range.start && text[own..start].trim().is_empty();
    let mut splices = Splices::default();
    match (end_of_line(text, stop).filter(|_| owns_front), object.properties.get(index + 1), before) {
        (Some(back), _, before) => {
            let back = text[back..].find('\n').map_or(text.len(), |i| back + i + 1);
            splices.add(own..back, "");
            if let (Some(before), false) = (before, has_comma) {
                let comma = skip(text, before);
                splices.add(comma..comma + 1, "");
            }
        }
        (None, Some(next), _) => splices.add(start..next.range.start, ""),
        (None, None, Some(before)) => splices.add(before..end, ""),
        (None, None, None) => splices.add(start..stop, ""),
    }
    let length = splices.0.iter().map(|s| s.0.len()).sum::<usize>();
    let text = splices.apply(text);
    let (open, close) = (object.range.start + 1, object.range.end - 1 - length);
    if object.properties.len() == 1 && text[open..close].trim().is_empty() {
        return format!("{}{}", &text[..open], &text[close..]);
    }
    text
}

/// The first byte at or after `at` that is no blank and in no comment.
fn skip(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        let rest = &rest[blank..];
        at += blank;
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            at += comment.find("*/").map_or(rest.len(), |i| i + 4);
        } else {
            return at;
        }
    }
}

/// The end of the line, its newline not included, if nothing but blanks and comments comes before it.
fn end_of_line(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = &rest[blank..];
        if rest.starts_with('\n') || rest.starts_with("\r\n") {
            return Some(at + blank);
        } else if rest.starts_with("//") {
            let line = rest.find('\n').unwrap_or(rest.len());
            return Some(at + blank + rest[..line].trim_end_matches('\r').len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let length = comment.find("*/")? + 4;
            if rest[..length].contains('\n') {
                return None;
            }
            at += blank + length;
        } else {
            return None;
        }
    }
}

/// A value over several lines; the first one has no indentation.
fn pretty(value: &Value, unit: &str, base: &str, nl: &str) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(unit.as_bytes()));
    // A `Value` has nothing that JSON has not.
    if serde::Serialize::serialize(value, &mut serializer).is_err() {
        return value.to_string();
    }
    String::from_utf8_lossy(&out).replace('\n', &format!("{nl}{base}"))
}
