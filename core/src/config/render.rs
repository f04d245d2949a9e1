//! Diagnostics for people (source line, caret, why, fix) and for programs (JSON). Only makes text; printing is the caller's.

use std::fmt::Write as _;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level as Tone, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Level, NoteKind, Place};
use super::load::Loaded;
use super::mask;

/// Longest source line that is shown whole; of longer ones the part around the place.
const WIDTH: usize = 120;

/// Of a longer line no part is shown, only where it is.
const MAX_LINE_BYTES: usize = 4096;
/// Places further apart are not shown in one excerpt.
const MAX_LINES: usize = 500;

/// How diagnostics are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style<'a> {
    /// With ANSI colours.
    pub is_coloured: bool,
    /// Written as `~` in paths.
    pub home: Option<&'a Path>,
}

/// All diagnostics of `loaded`, and the summary.
#[must_use]
pub fn human(loaded: &Loaded, style: Style<'_>) -> String {
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        out.push_str(&one(diagnostic, loaded, style));
        out.push_str("\n\n");
    }
    out.push_str(&summary(loaded));
    out.push('\n');
    out
}

/// `2 errors, 1 warning in config.yaml (6 servers)`
#[must_use]
pub fn summary(loaded: &Loaded) -> String {
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let name = loaded.path.as_deref().and_then(Path::file_name).map(|n| one_line(&n.to_string_lossy()));
    let mut parts = Vec::new();
    for level in [Level::Error, Level::Warning, Level::Hint] {
        let n = loaded.n_of(level);
        if n > 0 {
            parts.push(count(n, level.name()));
        }
    }
    let found = if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") };
    let place = name.map_or(String::new(), |name| format!(" in {name}"));
    if loaded.is_unreadable {
        return format!("{found}{place}");
    }
    format!("{found}{place} ({})", count(loaded.n_servers, "server"))
}

/// One diagnostic, without a line end behind it.
#[must_use]
pub fn one(diagnostic: &Diagnostic, loaded: &Loaded, style: Style<'_>) -> String {
    let tone = match diagnostic.level {
        Level::Error => Tone::ERROR,
        Level::Warning => Tone::WARNING,
        Level::Hint => Tone::HELP.with_name("hint"),
    };
    let message = one_line(&diagnostic.message);
    let title = tone.primary_title(message).id(diagnostic.code);
    let path = diagnostic.file.as_deref().map(|p| one_line(&short_path(p, style.home)));
    let excerpt = diagnostic.place.and_then(|place| Excerpt::new(place, diagnostic, loaded));
    let mut group = match (&excerpt, path) {
        (Some(excerpt), Some(path)) => {
            let mut snippet = Snippet::source(excerpt.text.as_str()).line_start(excerpt.first_line).path(path);
            for (range, label, is_primary) in &excerpt.marks {
                let kind = if *is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                snippet = snippet.annotation(kind.span(range.clone()).label(label.clone()));
            }
            Group::with_title(title).element(snippet)
        }
        (None, Some(path)) => {
            let mut origin = Origin::path(path);
            if let Some(place) = diagnostic.place {
                origin = origin.line(place.line).char_column(place.column);
            }
            Group::with_title(title).element(origin)
        }
        (_, None) => Group::with_title(title),
    };
    for (kind, text) in &diagnostic.notes {
        let tone = if *kind == NoteKind::Fix { Tone::HELP } else { Tone::NOTE };
        group = group.element(tone.with_name(kind.name()).message(one_line(text)));
    }
    let renderer = if style.is_coloured { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.term_width(WIDTH).render(&[group]);
    // Lines that end in spaces look the same and are a nuisance to compare.
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The lines around a place, secrets covered, and the marks in them.
struct Excerpt {
    text: String,
    first_line: usize,
    marks: Vec<(std::ops::Range<usize>, Option<String>, bool)>,
}

impl Excerpt {
    fn new(place: Place, diagnostic: &Diagnostic, loaded: &Loaded) -> Option<Self> {
        let source = loaded.sources.get(place.span.source)?;
        let full = source.text.as_deref()?;
        let is_near = |p: &Place| p.span.source == place.span.source && p.line.abs_diff(place.line) <= MAX_LINES;
        let also: Vec<_> = diagnostic.also.iter().filter(|(p, _)| is_near(p)).collect();
        let lines = also.iter().map(|(p, _)| p.line).chain([place.line]);
        let (first, last) = lines.fold((place.line, place.line), |(low, high), l| (low.min(l), high.max(l)));
        let mut text = String::new();
        let mut starts = Vec::new();
        for line in first..=last {
            let range = source.line_range(line)?;
            starts.push((range.start, text.len()));
            if range.len() > MAX_LINE_BYTES {
                return None;
            }
            let mut secret = source.covered_in(&range);
            secret.extend(mask::tokens_in(full, &range));
            let raw = full.get(range)?.trim_end_matches('\r');
            let shown: String =
                mask::line_with(raw, secret).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            text.push_str(&shown);
            text.push('\n');
        }
        // Columns are the same in the covered text; bytes need not be.
        let mark = |place: Place, label: Option<String>, is_primary: bool| {
            let start = starts.get(place.line.checked_sub(first)?)?.1;
            let line = text[start..].lines().next().unwrap_or_default();
            let byte = |column: usize| line.char_indices().nth(column - 1).map_or(line.len(), |(i, _)| i);
            let end = if place.end_line == place.line { byte(place.end_column) } else { line.len() };
            let from = byte(place.column);
            Some((start + from..start + end.max(from), label, is_primary))
        };
        let mut marks = Vec::new();
        marks.extend(mark(place, diagnostic.label.as_deref().map(one_line), true));
        for (place, label) in also {
            marks.extend(mark(*place, Some(one_line(label)), false));
        }
        Some(Self { text, first_line: first, marks })
    }
}

/// A text that breaks no layout and sends no terminal commands.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `path` with the home directory as `~`.
#[must_use]
pub fn short_path(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

/// All diagnostics as one JSON object: `{"diagnostics": […], "errors": n, "warnings": n, "hints": n, "servers": n, "file": …}`.
#[must_use]
pub fn json(loaded: &Loaded) -> String {
    use serde_json::{Value, json};
    let place =
        |p: &Place| json!({ "line": p.line, "column": p.column, "end_line": p.end_line, "end_column": p.end_column });
    let diagnostics: Vec<Value> = loaded
        .diagnostics
        .iter()
        .map(|d| {
            let notes: Vec<Value> =
                d.notes.iter().map(|(k, text)| json!({ "kind": k.name().replace(' ', "_"), "text": text })).collect();
            let also: Vec<Value> =
                d.also.iter().map(|(p, label)| json!({ "span": place(p), "label": label })).collect();
            json!({
                "code": d.code,
                "level": d.level.name(),
                "message": d.message,
                "file": d.file,
                "span": d.place.as_ref().map(place),
                "label": d.label,
                "also": also,
                "notes": notes,
                "fixable": d.fix.is_some(),
            })
        })
        .collect();
    let all = json!({
        "file": loaded.path,
        "servers": loaded.n_servers,
        "errors": loaded.n_of(Level::Error),
        "warnings": loaded.n_of(Level::Warning),
        "hints": loaded.n_of(Level::Hint),
        "diagnostics": diagnostics,
    });
    let mut out = String::new();
    // A `Value` always has a text.
    let _ = write!(out, "{all:#}");
    out
}

/// Lines for the log of a GitHub action: each diagnostic is shown beside the line it is about.
#[must_use]
pub fn github(loaded: &Loaded, style: Style<'_>, root: &Path) -> String {
    let mut out = String::new();
    for d in &loaded.diagnostics {
        let kind = match d.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Hint => "notice",
        };
        // GitHub's escapes for the two parts of a line.
        let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
        let mut parts = Vec::new();
        if let Some(file) = d.file.as_deref() {
            parts.push(format!("file={}", property(&relative(file, root))));
        }
        if let Some(p) = d.place {
            parts.push(format!("line={},endLine={},col={}", p.line, p.end_line, p.column));
            if p.line == p.end_line {
                parts.push(format!("endColumn={}", p.end_column));
            }
        }
        parts.push(format!("title={}", property(d.code)));
        let notes: Vec<String> = d.notes.iter().map(|(k, t)| format!("\n{}: {}", k.name(), one_line(t))).collect();
        let text = format!("{}{}", one_line(&d.message), notes.concat());
        let text = style.home.map_or(text.clone(), |home| text.replace(&home.display().to_string(), "~"));
        out.push_str(&format!("::{kind} {}::{}\n", parts.join(","), data(&text)));
    }
    out
}

/// All diagnostics as SARIF 2.1.0, for programs that gather the findings of many tools.
#[must_use]
pub fn sarif(loaded: &Loaded, root: &Path) -> String {
    use serde_json::{Value, json};
    let mut used: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code).collect();
    used.sort_unstable();
    used.dedup();
    let rules: Vec<Value> = used
        .iter()
        .filter_map(|code| super::codes::explain(code))
        .map(|c| {
            json!({
                "id": c.code,
                "shortDescription": { "text": c.title },
                "help": { "text": c.text, "markdown": c.text },
                "helpUri": c.address(),
            })
        })
        .collect();
    let results: Vec<Value> = loaded
        .diagnostics
        .iter()
        .map(|d| {
            let level = match d.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Hint => "note",
            };
            let notes: String = d.notes.iter().map(|(k, t)| format!("\n{}: {t}", k.name())).collect();
            let mut result = json!({
                "ruleId": d.code,
                "level": level,
                "message": { "text": format!("{}{notes}", d.message) },
            });
            if let Some(file) = d.file.as_deref() {
                let mut location = json!({ "artifactLocation": { "uri": relative(file, root).replace('\\', "/") } });
                if let Some(p) = d.place {
                    location["region"] = json!({
                        "startLine": p.line, "startColumn": p.column, "endLine": p.end_line, "endColumn": p.end_column,
                    });
                }
                result["locations"] = json!([{ "physicalLocation": location }]);
            }
            result
        })
        .collect();
    let all = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "mcp-proxy", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{all:#}")
}

/// As a repository has it, if it is in it.
fn relative(file: &Path, root: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}
