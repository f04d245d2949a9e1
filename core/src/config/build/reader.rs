//! Reads values out of the tree, each with its type, variables put in; what does not fit becomes a diagnostic.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Environment;
use crate::config::diagnostic::{Diagnostic, Edit, Level, MAX_DIAGNOSTICS, NoteKind, Span};
use crate::config::expand::{self, Expanded, Problem, ProblemKind};
use crate::config::node::{Entry, Kind, Node, Scalar, Value};
use crate::config::source::Sources;
use crate::config::variables::{Unasked, Variables};
use crate::config::{fix, mask, quantity};

/// A text after its variables were put in. It may be secret now: show `raw`.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) value: String,
    /// What the file says.
    pub(super) raw: String,
    pub(super) span: Span,
}

/// The state of one reading.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    pub(super) variables: &'a Variables<'a>,
    pub(super) sources: &'a mut Sources,
    pub(super) out: &'a mut Vec<Diagnostic>,
    /// Folder of the configuration.
    pub(super) base: PathBuf,
    /// What is read now belongs to a server that is switched off: nothing about it stops the others.
    pub(super) soft: bool,
    /// How many errors were made warnings because of that.
    pub(super) n_softened: usize,
    /// What was reported already.
    pub(super) told: HashSet<(Span, &'static str, String)>,
    /// Keys that are accepted and not used by this version.
    pub(super) unused: Vec<(String, Span)>,
}

/// The last part of a dotted path: what messages call a value.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl Reader<'_> {
    /// More problems than anybody reads: the rest is left out.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= MAX_DIAGNOSTICS
    }

    /// Adds a problem with what stands at `span`.
    pub(super) fn report(&mut self, mut diagnostic: Diagnostic, span: Span) {
        if self.soft && diagnostic.level == Level::Error {
            self.n_softened += 1;
            diagnostic.level = Level::Warning;
            diagnostic = diagnostic.note(NoteKind::Note, "the server is disabled, so this stops nothing");
        }
        // What stands in `defaults` is read once a server.
        let is_new = self.told.insert((span, diagnostic.code, diagnostic.message.clone()));
        if is_new && !self.is_full() {
            self.out.push(self.sources.locate(diagnostic, span));
        }
    }

    pub(super) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>, fix: &str) {
        self.report(Diagnostic::new(code, Level::Error, message).note(NoteKind::Fix, fix), span);
    }

    pub(super) fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>, fix: &str) {
        self.report(Diagnostic::new(code, Level::Warning, message).note(NoteKind::Fix, fix), span);
    }

    /// MP101 for a value that should be `expected`.
    pub(super) fn wrong_type(&mut self, node: &Node, path: &str, expected: &str, fix: &str) {
        let message = format!("expected {expected} for `{}`, found {}", last(path), node.kind_name());
        let d = Diagnostic::new("MP101", Level::Error, message).label(path).note(NoteKind::Fix, fix);
        self.report(d, node.span);
    }

    /// Any scalar as text. Nothing (`null`) is the empty text nowhere: callers leave it out before.
    pub(super) fn text(&mut self, node: &Node, path: &str) -> Option<Text> {
        let Some(scalar) = node.as_scalar() else {
            self.wrong_type(node, path, "text", &format!("write `{}: \"…\"`", last(path)));
            return None;
        };
        self.expand(scalar, node.span, path)
    }

    fn expand(&mut self, scalar: &Scalar, span: Span, path: &str) -> Option<Text> {
        let hidden = self.sources.get(span.source).filter(|s| s.text.is_none()).map(|s| s.stand_in.to_owned());
        let raw = hidden.unwrap_or_else(|| scalar.text.clone());
        if !scalar.text.contains('$') {
            return self.without_zero(Text { value: scalar.text.clone(), raw, span }, path);
        }
        let mut problems = Vec::new();
        let expanded = self.expanded(&scalar.text, &mut problems);
        for problem in problems {
            self.reference_problem(&raw, problem, span, path);
        }
        let text = expanded.map(|e| Text { value: e.text, raw, span })?;
        self.without_zero(text, path)
    }

    /// `text` with its references replaced; for a server that is switched off no program is asked.
    pub(super) fn expanded(&self, text: &str, problems: &mut Vec<Problem>) -> Option<Expanded> {
        if self.soft {
            expand::expand(text, &Unasked(self.variables), problems)
        } else {
            expand::expand(text, self.variables, problems)
        }
    }

    /// Neither arguments nor variables nor headers can hold a zero byte.
    fn without_zero(&mut self, text: Text, path: &str) -> Option<Text> {
        if text.value.contains('\0') {
            let message = format!("`{}` holds a zero byte", last(path));
            self.error("MP102", text.span, message, "remove it");
            return None;
        }
        Some(text)
    }

    fn reference_problem(&mut self, raw: &str, problem: Problem, span: Span, path: &str) {
        if self.is_full() {
            return;
        }
        // Out of range only where `raw` stands for a text that is not shown.
        let at = raw.get(problem.at.clone()).unwrap_or(raw);
        let span = self.narrow(span, at);
        let error = |code, message: String| Diagnostic::new(code, Level::Error, message).label(path);
        let looked = self.variables.looked();
        // What looks like a reference may be a part of a secret that has a `$` in it.
        let is_covered = self.sources.is_covered(span);
        let at = if is_covered { "${…}" } else { at };
        let d = match problem.kind {
            ProblemKind::BareName { .. } if is_covered => {
                Diagnostic::new("MP208", Level::Warning, "a `$` without braces begins no reference here")
                    .label(path)
                    .note(NoteKind::Fix, "write `${NAME}`, or `$$` for the character itself")
            }
            ProblemKind::Unset { name } if name.starts_with("workspaceFolder") || name == "userHome" => {
                error("MP201", format!("`{name}` is known to editors only"))
                    .note(NoteKind::Fix, "write the path itself, or a variable of the environment")
            }
            ProblemKind::Unset { name } => error("MP201", format!("`{name}` is not set"))
                .note(NoteKind::LookedIn, looked)
                .note(NoteKind::Note, "desktop clients do not pass your shell's variables to mcp-proxy")
                .note(NoteKind::Fix, format!("mcp-proxy secret set {name}, or write `${{{name}:-default}}`")),
            ProblemKind::Required { name, message } if message.is_empty() => {
                error("MP201", format!("`{name}` is not set")).note(NoteKind::LookedIn, looked)
            }
            ProblemKind::Required { name, message } => {
                error("MP201", format!("`{name}` is not set: {message}")).note(NoteKind::LookedIn, looked)
            }
            ProblemKind::Bad if at.starts_with("${{") => error("MP202", format!("bad reference `{at}`"))
                .note(NoteKind::Fix, "write `${NAME}`; double braces are of another program"),
            ProblemKind::Bad => error("MP202", format!("bad reference `{at}`")).note(
                NoteKind::Fix,
                "a name is letters, digits and `_`, as in `${NAME}` or `${NAME:-default}`; a plain `$` is `$$`",
            ),
            ProblemKind::Unclosed => error("MP202", "`${` without its `}`".to_owned())
                .note(NoteKind::Fix, "close it, or write `$${` for the characters themselves"),
            ProblemKind::Input { id } => error("MP203", format!("`${{input:{id}}}` asks the user of VS Code"))
                .note(NoteKind::Why, "mcp-proxy is started by other programs and has nobody to ask")
                .note(NoteKind::Fix, format!("write `${{keyring:{id}}}`, then: mcp-proxy secret set {id}")),
            ProblemKind::Keyring { name, reason } => error("MP206", format!("no `{name}` in the keyring: {reason}"))
                .note(NoteKind::LookedIn, format!("keyring, {}", self.variables.looked_beside()))
                .note(
                    NoteKind::Fix,
                    format!("mcp-proxy secret set {name}; where there is no keyring, it goes to credentials.json"),
                ),
            ProblemKind::Command { reason } => error("MP202", format!("`${{cmd:…}}` gave nothing: {reason}")).note(
                NoteKind::Fix,
                if self.environment.refuses_commands() {
                    "write `${keyring:NAME}`, and `mcp-proxy secret set NAME`"
                } else {
                    "write a program and its arguments, as in `${cmd:op read op://dev/jira/key}`; no shell is involved, and it has 10 s"
                },
            ),
            ProblemKind::File { path: file, reason } => error("MP202", format!("cannot read `{file}`: {reason}"))
                .note(NoteKind::Fix, "the path is relative to the configuration's folder; `~/` works"),
            ProblemKind::BareName { name } => {
                Diagnostic::new("MP208", Level::Warning, format!("`${name}` without braces is not expanded here"))
                    .label(path)
                    .note(NoteKind::Fix, format!("write `${{{name}}}`, or `$${name}` for the characters themselves"))
            }
        };
        self.report(d, span);
    }

    /// The part of `span` that reads `part`, if it can be found.
    fn narrow(&self, span: Span, part: &str) -> Span {
        let text = self.sources.get(span.source).and_then(|s| s.text.as_deref());
        let offset = text.and_then(|t| t.get(span.start..span.end)).and_then(|t| t.find(part));
        match offset {
            Some(offset) => Span { start: span.start + offset, end: span.start + offset + part.len(), ..span },
            None => span,
        }
    }

    /// `text` in the place of what stands at `span`.
    pub(super) fn written(&self, span: Span, text: &str) -> Option<Edit> {
        fix::written(self.sources, span, text)
    }

    /// The value without the blanks around it, if it is written so and not what a variable holds.
    pub(super) fn trimmed(&self, text: &Text) -> Option<Edit> {
        let trimmed = text.raw.trim();
        (trimmed.len() < text.raw.len()).then(|| self.written(text.span, trimmed)).flatten()
    }

    /// The same value in quotes.
    pub(super) fn in_quotes(&self, span: Span, text: &str) -> Option<Edit> {
        let text = serde_json::Value::from(text).to_string();
        (span.source == 0).then_some(Edit { span, text })
    }

    /// Whether the value stands in the file without quotes.
    pub(super) fn is_plain(&self, node: &Node) -> bool {
        let text = self.sources.get(node.span.source).and_then(|s| s.text.as_deref());
        let first = text.and_then(|t| t.get(node.span.start..)).and_then(|t| t.chars().next());
        first.is_some_and(|c| !matches!(c, '"' | '\'' | '|' | '>' | '*' | '&' | '!'))
    }

    pub(super) fn truth(&mut self, node: &Node, path: &str) -> Option<bool> {
        let text = self.text_or(node, path, "true or false", "write `true` or `false`")?;
        let truth = quantity::truth(text.value.trim());
        if truth.is_none() {
            let message = format!("`{}` must be true or false, got {}", last(path), quoted(&text));
            self.report(
                Diagnostic::new("MP101", Level::Error, message)
                    .label(path)
                    .note(NoteKind::Fix, "write `true` or `false`"),
                node.span,
            );
        }
        truth
    }

    /// A whole number within `range`.
    pub(super) fn number(&mut self, node: &Node, path: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (low, high) = (*range.start(), *range.end());
        let bounds = if high == u64::MAX { format!("at least {low}") } else { format!("{low}–{high}") };
        let text = self.text_or(node, path, "a number", &format!("write a whole number, {bounds}"))?;
        let number = text.value.trim().parse::<u64>().ok().filter(|n| range.contains(n));
        if number.is_none() {
            let message = format!("`{}` must be {bounds}, got {}", last(path), quoted(&text));
            let d = Diagnostic::new("MP102", Level::Error, message)
                .label(path)
                .note(NoteKind::Fix, format!("write a whole number, {bounds}"));
            self.report(d, node.span);
        }
        number
    }

    /// The same as a `usize`.
    pub(super) fn count(&mut self, node: &Node, path: &str, range: std::ops::RangeInclusive<u64>) -> Option<usize> {
        self.number(node, path, range).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    pub(super) fn size(&mut self, node: &Node, path: &str, least: usize) -> Option<usize> {
        let fix = "write bytes, or a size as in `16MiB`, `1MB`, `10KiB`";
        let text = self.text_or(node, path, "a size", fix)?;
        let size = quantity::size(text.value.trim());
        match size {
            None => {
                let message = format!("`{}`: {} is not a size", last(path), quoted(&text));
                self.error("MP102", node.span, message, fix);
                None
            }
            Some(n) if n < least => {
                let message = format!("`{}` must be at least {least} bytes, got {}", last(path), quoted(&text));
                self.error("MP102", node.span, message, fix);
                None
            }
            size => size,
        }
    }

    /// A span of time.
    pub(super) fn duration(&mut self, node: &Node, path: &str) -> Option<Duration> {
        let text = self.duration_text(node, path)?;
        let duration = quantity::duration(text.value.trim());
        if duration.is_none() {
            self.no_duration(&text, path);
        }
        duration
    }

    /// A span of time that is not zero.
    pub(super) fn positive_duration(&mut self, node: &Node, path: &str) -> Option<Duration> {
        let duration = self.duration(node, path)?;
        if duration.is_zero() {
            let message = format!("`{}` must be longer than nothing", last(path));
            self.error("MP102", node.span, message, "write a time as in `30s`, `500ms`, `5m`");
            return None;
        }
        Some(duration)
    }

    pub(super) fn duration_text(&mut self, node: &Node, path: &str) -> Option<Text> {
        self.text_or(node, path, "a time", "write `30s`, `500ms` or `5m`; a bare number is seconds")
    }

    pub(super) fn no_duration(&mut self, text: &Text, path: &str) {
        let message = format!("`{}`: {} is not a duration", last(path), quoted(text));
        let d = Diagnostic::new("MP103", Level::Error, message)
            .label(path)
            .note(NoteKind::Fix, "write `30s`, `500ms` or `5m`; a bare number is seconds");
        self.report(d, text.span);
    }

    /// One of `choices`, given by name.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, path: &str, choices: &[(&str, T)]) -> Option<T> {
        let names = choices.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
        let text = self.text_or(node, path, "a word", &format!("known: {names}"))?;
        let found = choices.iter().find(|c| c.0.eq_ignore_ascii_case(text.value.trim()));
        if found.is_none() {
            let message = format!("`{}` cannot be {}", last(path), quoted(&text));
            let mut d = Diagnostic::new("MP102", Level::Error, message).note(NoteKind::Fix, format!("known: {names}"));
            if let Some(meant) = super::super::keys::nearest(&text.raw, choices.iter().map(|c| c.0)) {
                d = d.label(format!("did you mean `{meant}`?"));
            }
            self.report(d, node.span);
        }
        found.map(|c| c.1)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, path: &str) -> Option<Vec<Text>> {
        let Value::List(items) = &node.value else {
            let message = format!("`{}` must be a list of texts; got {}", last(path), node.kind_name());
            let mut edit = None;
            let fix = match node.as_scalar() {
                // Words that may be secret are not repeated.
                Some(s) if mask::line(&s.text) == s.text && s.text.len() < 60 && self.is_plain(node) => {
                    let words: Vec<&str> = s.text.split_whitespace().collect();
                    if !s.text.contains(['"', '\'', '\\', '$']) && node.span.source == 0 {
                        let items: Vec<String> =
                            words.iter().map(|w| serde_json::Value::from(*w).to_string()).collect();
                        edit = Some(Edit { span: node.span, text: format!("[{}]", items.join(", ")) });
                    }
                    format!("write `{}: [{}]`", last(path), words.join(", "))
                }
                _ => format!("write `{}: [first, second]`", last(path)),
            };
            let d = Diagnostic::new("MP112", Level::Error, message).label(path).note(NoteKind::Fix, fix);
            self.report(d.fixed_by(edit), node.span);
            return None;
        };
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let item_path = format!("{path}[{i}]");
            match &item.value {
                Value::Scalar(_) => out.extend(self.text(item, &item_path)),
                _ => {
                    let message =
                        format!("`{}` must be a list of texts; item {} is {}", last(path), i + 1, item.kind_name());
                    self.report(
                        Diagnostic::new("MP112", Level::Error, message).note(NoteKind::Fix, "quote it, or take it out"),
                        item.span,
                    );
                }
            }
        }
        Some(out)
    }

    /// The same without places.
    pub(super) fn plain_texts(&mut self, node: &Node, path: &str) -> Option<Vec<String>> {
        self.texts(node, path).map(|texts| texts.into_iter().map(|t| t.value).collect())
    }

    /// A map whose names the user chose.
    pub(super) fn names<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Entry] {
        let fix = format!("write `{}: {{ name: value }}`", last(path));
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                self.wrong_type(node, path, "a map", &fix);
                &[]
            }
        }
    }

    /// A path, absolute against the configuration's folder.
    pub(super) fn path(&mut self, node: &Node, path: &str) -> Option<PathBuf> {
        let text = self.text(node, path)?;
        if text.value.is_empty() {
            self.error("MP102", node.span, format!("`{}` is empty", last(path)), "write a path, or take it out");
            return None;
        }
        Some(self.absolute(&text.value, &self.base))
    }

    pub(super) fn absolute(&self, path: &str, base: &Path) -> PathBuf {
        self.environment.absolute(path, base)
    }

    fn text_or(&mut self, node: &Node, path: &str, expected: &str, fix: &str) -> Option<Text> {
        if node.as_scalar().is_none() {
            self.wrong_type(node, path, expected, fix);
            return None;
        }
        self.text(node, path)
    }
}

/// What the file says, for a message; never what a variable held.
pub(super) fn quoted(text: &Text) -> String {
    let shown: String = text.raw.chars().take(40).collect();
    let dots = if shown.len() < text.raw.len() { "…" } else { "" };
    format!("\"{}{dots}\"", shown.escape_debug())
}

/// Whether YAML would make something else of this unquoted value.
pub(super) fn is_ambiguous(scalar: &Scalar) -> bool {
    match scalar.kind {
        Kind::Bool => true,
        Kind::Float => scalar.text.parse::<f64>().map(|f| f.to_string()) != Ok(scalar.text.clone()),
        Kind::Int => scalar.text.parse::<i128>().map(|n| n.to_string()) != Ok(scalar.text.clone()),
        Kind::Text => matches!(scalar.text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n"),
    }
}
