//! Mends what can be mended without doubt: puts the edits of [`Diagnostic`]s into the text, so that every other byte stays.
//!
//! Pure. What comes of it is read again and must be the same tree but for the places that were edited, and have no problem that was
//! not there before; else nothing is changed. Who writes the file is elsewhere (`edit::replace`).

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Edit, Fix, Span};
use super::edit;
use super::load::{Loaded, load_text};
use super::node::{Node, Value};
use super::source::Sources;
use super::syntax::{self, Format};
use super::{Environment, Level};

/// What is to be done to files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// The new text of the configuration, if it changes.
    pub text: Option<String>,
    /// Files that others than their owner may read.
    pub to_close: Vec<PathBuf>,
    /// What was mended: code and message, in the order of the file.
    pub done: Vec<(&'static str, String)>,
    /// What could have been, and would have changed more than it should.
    pub left: Vec<(&'static str, String)>,
}

/// What `loaded` offers to mend, mended.
#[must_use]
pub fn mend(loaded: &Loaded, environment: &Environment) -> Mended {
    let mut mended = Mended::default();
    let Some(path) = &loaded.path else { return mended };
    let main = loaded.sources.get(0).filter(|s| s.path == *path).and_then(|s| s.text.as_deref());
    let mut text = main.unwrap_or_default().to_owned();
    let mut chosen: Vec<&Edit> = Vec::new();
    let mut told = Vec::new();
    for d in &loaded.diagnostics {
        match &d.fix {
            Some(Fix::Edits(edits)) if edits.iter().all(|e| e.span.source == 0) && main.is_some() => {
                let overlaps = |a: &Edit| chosen.iter().any(|b| touches(a.span, b.span));
                if edits.iter().any(overlaps) {
                    mended.left.push(said(d));
                } else {
                    chosen.extend(edits);
                    told.push(said(d));
                }
            }
            Some(Fix::CloseFile(file)) => {
                mended.to_close.push(file.clone());
                mended.done.push(said(d));
            }
            _ => {}
        }
    }
    if chosen.is_empty() {
        return mended;
    }
    apply(&mut text, &chosen);
    if is_what_was_meant(main.unwrap_or_default(), &text, path, &chosen, loaded, environment) {
        mended.done.extend(told);
        mended.text = Some(text);
    } else {
        mended.left.extend(told);
    }
    mended
}

fn said(d: &Diagnostic) -> (&'static str, String) {
    (d.code, d.message.clone())
}

fn touches(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}

/// `text` with the edits in it.
pub(crate) fn apply(text: &mut String, edits: &[&Edit]) {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    for edit in edits {
        if text.get(edit.span.start..edit.span.end).is_some() {
            text.replace_range(edit.span.start..edit.span.end, &edit.text);
        }
    }
}

/// Whether `new` is `old` with these edits and no new problem.
fn is_what_was_meant(
    old: &str,
    new: &str,
    path: &Path,
    edits: &[&Edit],
    loaded: &Loaded,
    environment: &Environment,
) -> bool {
    let again = load_text(new, path, environment);
    if again.n_of(Level::Error) > loaded.n_of(Level::Error) {
        return false;
    }
    match (tree(old, path), tree(new, path)) {
        // Only now it can be read at all.
        (None, Some(_)) => true,
        (Some(old), Some(new)) => is_same(&old, &new, edits),
        (_, None) => false,
    }
}

/// The tree of a text, if there is one.
pub(crate) fn tree(text: &str, path: &Path) -> Option<Node> {
    let mut sources = Sources::default();
    let source = sources.add(path, text);
    syntax::parse(text, Format::of(path, text), source, &sources, &mut Vec::new())
}

/// The same but for what was edited.
pub(crate) fn is_same(old: &Node, new: &Node, edits: &[&Edit]) -> bool {
    let is_edited = |span: Span| edits.iter().any(|e| touches(e.span, span));
    match (&old.value, &new.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(a), Value::Scalar(b)) => (a.text == b.text && a.kind == b.kind) || is_edited(old.span),
        (Value::List(a), Value::List(b)) if a.len() == b.len() => a.iter().zip(b).all(|(a, b)| is_same(a, b, edits)),
        // An item was put in.
        (Value::List(a), Value::List(b)) if a.len() < b.len() && is_edited(extent(old)) => {
            let mut rest = b.iter();
            a.iter().all(|a| rest.any(|b| is_same(a, b, edits)))
        }
        (Value::Map(a), Value::Map(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .all(|(a, b)| (a.key == b.key || is_edited(a.key_span)) && is_same(&a.value, &b.value, edits)),
        // A text became a list, or the like.
        (Value::Scalar(_), Value::List(_)) => is_edited(old.span),
        _ => false,
    }
}

/// A list and all its items: of one with a line for each item the place is only where it begins.
fn extent(list: &Node) -> Span {
    let Value::List(items) = &list.value else { return list.span };
    let end = items.iter().map(|i| i.span.end).fold(list.span.end, usize::max);
    let start = items.iter().map(|i| i.span.start).fold(list.span.start, usize::min);
    Span { start, end, ..list.span }
}

/// `text` as it has to be written in the place of what stands at `span`, in the same quotes. `None`: that place cannot be written by
/// us (a text of several lines, an alias, another file).
pub(crate) fn written(sources: &Sources, span: Span, text: &str) -> Option<Edit> {
    let source = sources.get(span.source).filter(|_| span.source == 0)?;
    written_in(source.text.as_deref()?, span, text)
}

/// The same in `whole`, the text of the file.
pub(crate) fn written_in(whole: &str, span: Span, text: &str) -> Option<Edit> {
    let old = whole.get(span.start..span.end)?;
    let double = || serde_json::Value::from(text).to_string();
    let new = match old.chars().next()? {
        '"' => double(),
        '\'' if !text.contains('\'') => format!("'{text}'"),
        '\'' => double(),
        '|' | '>' | '*' | '&' | '!' | '{' | '[' => return None,
        _ if old.contains('\n') => return None,
        _ if edit::is_plain(text) && text.starts_with(|c: char| c.is_ascii_alphabetic()) => text.to_owned(),
        _ => double(),
    };
    Some(Edit { span, text: new })
}
