//! Values as YAML: maps and lists of maps over several lines, everything else in one.

use serde_json::Value;

/// What a level is indented with.
pub(super) const INDENT: usize = 2;

/// Lines of a value, `column` deep.
pub(super) fn block(value: &Value, column: usize) -> Vec<String> {
    match value {
        Value::Object(map) => map.iter().flat_map(|(k, v)| member(k, v, column)).collect(),
        Value::Array(items) => items.iter().flat_map(|v| item(v, column)).collect(),
        scalar => vec![format!("{}{}", " ".repeat(column), flow(scalar))],
    }
}

/// `key: value`, and the lines below it.
pub(super) fn member(key: &str, value: &Value, column: usize) -> Vec<String> {
    let head = format!("{}{}:", " ".repeat(column), scalar(key));
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => items.iter().any(|v| v.is_object() || v.is_array()),
        _ => false,
    };
    if is_block {
        let mut lines = vec![head];
        lines.extend(block(value, column + INDENT));
        lines
    } else {
        vec![format!("{head} {}", flow(value))]
    }
}

/// `- …`, and the lines below it.
pub(super) fn item(value: &Value, column: usize) -> Vec<String> {
    let mut lines = match value {
        Value::Object(map) if !map.is_empty() => block(value, column + INDENT),
        other => vec![format!("{}{}", " ".repeat(column + INDENT), flow(other))],
    };
    if let Some(first) = lines.first_mut() {
        first.replace_range(column..column + INDENT, "- ");
    }
    lines
}

/// How maps are written in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Every text in quotes, as JSON has it.
    pub(super) is_quoted: bool,
    /// Blanks inside the braces.
    pub(super) is_padded: bool,
}

impl Style {
    /// What we write where there is nothing to follow.
    const OURS: Self = Self { is_quoted: false, is_padded: true };

    /// A value in one line.
    pub(super) fn value(self, value: &Value) -> String {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(|v| self.value(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Object(map) if map.is_empty() => "{}".to_owned(),
            Value::Object(map) => {
                let members: Vec<String> = map.iter().map(|(k, v)| self.member(k, v)).collect();
                let blank = if self.is_padded { " " } else { "" };
                format!("{{{blank}{}{blank}}}", members.join(", "))
            }
            other => other.to_string(),
        }
    }

    /// `key: value` between braces.
    pub(super) fn member(self, key: &str, value: &Value) -> String {
        format!("{}: {}", self.text(key), self.value(value))
    }

    fn text(self, text: &str) -> String {
        if self.is_quoted { Value::from(text).to_string() } else { scalar(text) }
    }
}

/// A value in one line, as we write it.
pub(super) fn flow(value: &Value) -> String {
    Style::OURS.value(value)
}

/// A text, in quotes wherever YAML, or a person, could take it for something else.
fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::from(text).to_string() }
}

/// Whether a text needs no quotes.
pub(crate) fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"];
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '+' | '=' | '@');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        || (text.starts_with('-') && text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphabetic()));
    starts_well
        && text.chars().all(is_inner)
        && !text.starts_with("---")
        && !WORDS.iter().any(|w| text.eq_ignore_ascii_case(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for (text, expected) in [
            ("npx", "npx"),
            ("-y", "-y"),
            ("--flag=x", "--flag=x"),
            ("/home/me/a.txt", "/home/me/a.txt"),
            ("@scope/pkg", "\"@scope/pkg\""),
            ("1.10", "\"1.10\""),
            ("30s", "\"30s\""),
            ("yes", "\"yes\""),
            ("No", "\"No\""),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("${X}", "\"${X}\""),
            ("a: b", "\"a: b\""),
            ("---", "\"---\""),
            ("-1", "\"-1\""),
            ("é\n", "\"é\\n\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
