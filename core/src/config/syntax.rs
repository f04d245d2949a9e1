//! The three spellings of a file (YAML, JSON, JSON with comments), and what is said when one of them is broken.

use std::path::Path;

use serde::de::IgnoredAny;
use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::diagnostic::{Diagnostic, Edit, Level, NoteKind, Span};
use super::node::{self, Node};
use super::source::Sources;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Json,
    Jsonc,
}

impl Format {
    /// By extension, else by the first character that counts.
    pub(crate) fn of(path: &Path, text: &str) -> Self {
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("yaml" | "yml") => Self::Yaml,
            Some("json") => Self::Json,
            Some("jsonc" | "json5") => Self::Jsonc,
            _ if text.trim_start().starts_with(['{', '/']) => Self::Jsonc,
            _ => Self::Yaml,
        }
    }
}

/// Parses a text of any of the three spellings.
pub(crate) fn parse(
    text: &str,
    format: Format,
    source: usize,
    sources: &Sources,
    out: &mut Vec<Diagnostic>,
) -> Option<Node> {
    match format {
        Format::Yaml => node::parse(text, source, sources, out),
        Format::Json => {
            // The YAML reader would take comments and commas at the end; programs that read this file too would not.
            if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
                out.push(explain_json(&error, text, source, sources));
                return None;
            }
            node::parse(text, source, sources, out)
        }
        Format::Jsonc => node::parse(&without_comments(text), source, sources, out),
    }
}

/// The text with `//` and `/* */` comments turned to spaces: every other byte keeps its place.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let blank = |out: &mut String, comment: &str| {
        for c in comment.chars() {
            match c {
                '\n' | '\r' => out.push(c),
                _ => out.extend(std::iter::repeat_n(' ', c.len_utf8())),
            }
        }
    };
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' {
            let length = string_length(rest);
            out.push_str(&rest[..length]);
            length
        } else if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            blank(&mut out, &rest[..length]);
            length
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let length = comment.find("*/").map_or(rest.len(), |i| i + "/**/".len());
            blank(&mut out, &rest[..length]);
            length
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    out
}

/// Bytes of the JSON string that `text` starts with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// What is wrong with a `.json` file.
fn explain_json(error: &serde_json::Error, text: &str, source: usize, sources: &Sources) -> Diagnostic {
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // serde_json counts bytes, and points behind what it read.
    let at = (start + error.column().saturating_sub(1)).min(text.len());
    let at = crate::protocol::floor_char(text, at);
    let rest = &text[at..];
    let before = text[..at].trim_end();
    let width = rest.chars().next().map_or(0, char::len_utf8);
    let span = Span { source, start: at, end: at + width };
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let json = |message: &str| Diagnostic::new("MP005", Level::Error, format!("this is not strict JSON: {message}"));
    let diagnostic = if rest.starts_with('/') {
        json("it has a comment")
            .label("comments are not allowed in .json")
            .note(NoteKind::Fix, "rename the file to `.jsonc`, or remove the comment")
    } else if rest.starts_with(['}', ']']) && before.ends_with(',') {
        json("it has a comma before the closing bracket")
            .label("the comma before this is one too many")
            .note(NoteKind::Fix, "remove the comma, or rename the file to `.jsonc`")
            .fixed_by([Edit { span: Span { source, start: before.len() - 1, end: before.len() }, text: String::new() }])
    } else if message.contains("expected `,`") {
        json("a comma is missing").label("expected `,` before this").note(NoteKind::Fix, "put a comma between the two")
    } else {
        Diagnostic::new("MP002", Level::Error, format!("JSON syntax: {message}"))
            .label("here")
            .note(NoteKind::Fix, "JSON wants double quotes around every name and text; YAML files end in `.yaml`")
    };
    sources.locate(diagnostic, span)
}

/// What is wrong with a YAML text, as far as the parser came.
pub(crate) fn explain(error: &Error, text: &str, source: usize, sources: &Sources) -> Diagnostic {
    let error = error.without_snippet();
    let span = node::error_span(error, text, source);
    let at = span.map_or(0, |s| s.start);
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    let line = &text[line_start..line_end];
    let locate = |d: Diagnostic, span: Option<Span>| match span {
        Some(span) => sources.locate(d, widen(span, text)),
        None => sources.locate(d, Span { source, start: 0, end: 0 }),
    };
    match error {
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } | Error::MultipleDocuments { .. } => {
            return locate(two_documents(), span);
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            return locate(too_much("an alias contains itself"), span);
        }
        Error::Budget { breach, .. } => return locate(too_much(what_is_too_much(breach)), span),
        _ => {}
    }
    let message = message_of(error);
    if message.contains("recursion limit") || message.contains("too deep") || message.contains("nesting") {
        return locate(too_much("the file is nested too deep"), span);
    }
    if message.starts_with("alias") && message.contains("exceeded") {
        return locate(too_much("the aliases unfold to too much"), span);
    }
    if let Some(offset) = reference_in_flow(line) {
        let start = line_start + offset;
        let length = text[start..line_end].find('}').map_or(2, |i| i + 1);
        let reference = &text[start..start + length];
        let d = Diagnostic::new("MP004", Level::Error, format!("`{reference}` inside `{{…}}` or `[…]` must be quoted"))
            .label("YAML reads the brace as its own")
            .note(NoteKind::Fix, format!("write `\"{reference}\"`"));
        let span = Span { source, start, end: start + length };
        return sources.locate(d.fixed_by([quoted(span, reference)]), span);
    }
    if (message.contains("unexpected character") || message.contains("unknown anchor"))
        && let Some((offset, word)) = bad_start(line, line_start, at)
    {
        let start = line_start + offset;
        let first = word.chars().next().unwrap_or('@');
        let d =
            Diagnostic::new("MP003", Level::Error, format!("`{first}` cannot start a YAML value that is not quoted"))
                .label("quote this")
                .note(NoteKind::Fix, format!("write `\"{word}\"`"));
        let span = Span { source, start, end: start + word.len() };
        return sources.locate(d.fixed_by([quoted(span, word)]), span);
    }
    let mut d = Diagnostic::new("MP002", Level::Error, format!("YAML syntax: {message}"));
    let indent = line.len() - line.trim_start().len();
    if line[..indent].contains('\t') {
        d = d.note(NoteKind::Fix, "YAML does not indent with tabs: use spaces");
    } else if message.contains("mapping values are not allowed") || message.contains("simple key") {
        d = d
            .note(NoteKind::Why, "a line is indented deeper than its neighbours, or a value with `: ` is not quoted")
            .note(NoteKind::Fix, "align the line with the one above, or quote the value");
    } else {
        d = d.note(
            NoteKind::Fix,
            "look at the indentation and the quotes here and on the line before; a `[` or `{` may not be closed",
        );
    }
    locate(d.label("here"), span)
}

/// The same text in quotes.
fn quoted(span: Span, text: &str) -> Edit {
    Edit { span, text: serde_json::Value::from(text).to_string() }
}

fn two_documents() -> Diagnostic {
    Diagnostic::new("MP002", Level::Error, "more than one YAML document in one file")
        .label("the second one starts here")
        .note(NoteKind::Fix, "keep one, and remove the line `---`")
}

fn what_is_too_much(breach: &BudgetBreach) -> &'static str {
    match breach {
        BudgetBreach::Depth { .. } => "the file is nested too deep",
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. } => "the file has too many aliases",
        _ => "the file is too big to be a configuration",
    }
}

/// MP007: more than any configuration needs.
fn too_much(what: &str) -> Diagnostic {
    Diagnostic::new("MP007", Level::Error, what)
        .note(NoteKind::Fix, "a configuration needs a handful of levels and few aliases; simplify it")
}

/// The parser's words without its place.
fn message_of(error: &Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("YAML parse error: ").unwrap_or(text);
    let cut = text.find(" at line ").or_else(|| text.find(" at byte ")).unwrap_or(text.len());
    text[..cut].trim_end_matches([':', ',', ' ']).to_owned()
}

/// At least one character, at most one line.
fn widen(span: Span, text: &str) -> Span {
    let end_of_line = text[span.start..].find('\n').map_or(text.len(), |i| span.start + i);
    let next = text[span.start..].chars().next().map_or(span.start, |c| span.start + c.len_utf8());
    Span { end: span.end.max(next).min(end_of_line.max(next)), ..span }
}

/// Offset of a `${` that stands unquoted inside a flow collection of this line.
fn reference_in_flow(line: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut before = ' ';
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before.is_whitespace() => return None,
            (None, '$') if depth > 0 && line[i..].starts_with("${") => return Some(i),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        before = c;
    }
    None
}

/// A value of this line that begins with a character YAML keeps for itself, at or before the place of the error.
fn bad_start(line: &str, line_start: usize, at: usize) -> Option<(usize, &str)> {
    let mut previous = ' ';
    for (i, c) in line.char_indices() {
        let starts_value = i == 0 || matches!(previous, ' ' | '[' | '{' | ',' | ':' | '-');
        if starts_value && matches!(c, '@' | '`' | '%' | '*') && line_start + i <= at + 1 {
            let word = line[i..].split([',', ']', '}', ' ', '\t', '\r']).next().unwrap_or_default();
            return Some((i, word));
        }
        if c == '#' && previous == ' ' {
            return None;
        }
        previous = c;
    }
    None
}
