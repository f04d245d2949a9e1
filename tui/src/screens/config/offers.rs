//! Offering what may stand where one types, and putting it in.

use super::complete::{Completion, Entry, Tail};
use super::state::Open;
use super::update::text_changed;
use crate::app::cursor::Cursor;
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::editor::buffer::{Place, place};
use crate::widgets::editor::lexer::Syntax;

/// Offers what may stand at the cursor; with `is_asked` also where nothing is typed yet.
pub(super) fn complete(model: &mut Model, is_asked: bool) {
    let Some(open) = model.config.open_mut() else { return };
    let entries = open.offered();
    let word = open.editor.buffer().line(open.editor.cursor().line)[open.spot.word.clone()].to_owned();
    // What is written out already needs no help, and nobody wants a list for a name of their own.
    let is_done = !is_asked && (entries.is_empty() || (entries.len() == 1 && entries[0].text == word));
    if entries.is_empty() && is_asked {
        open.completion = None;
        model.say(Tone::Plain, "nothing to offer here: the name or value is yours");
    } else {
        open.completion = (!is_done).then(|| Completion { entries, cursor: Cursor::default(), is_chosen: is_asked });
    }
}

/// Offers the words a value may be, once its name and colon are there.
pub(super) fn offer_words(model: &mut Model) {
    let Some(open) = model.config.open_mut() else { return };
    let at = open.editor.cursor();
    let is_value = open.editor.buffer().line(at.line)[..at.byte].trim_end().ends_with(':');
    let entries = if is_value { open.offered() } else { Vec::new() };
    let is_words = entries.iter().all(|e| e.tail == Tail::Nothing && !e.text.starts_with("${"));
    open.completion =
        (is_words && !entries.is_empty()).then(|| Completion { entries, cursor: Cursor::default(), is_chosen: false });
}

/// Puts the selected entry in.
pub(super) fn accept(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(open) = model.config.open_mut() else { return };
    let Some(completion) = open.completion.take() else { return };
    let Some(entry) = completion.entries.get(completion.cursor.at) else { return };
    let at = open.editor.cursor();
    let line = open.editor.buffer().line(at.line).to_owned();
    let (range, new, back) = put(open, entry, &line);
    let range = place(at.line, range.start)..place(at.line, range.end);
    open.editor.put(range, &new, format!("completed `{}`", entry.text));
    let end = open.editor.cursor();
    if back > 0 {
        open.editor.go_to(Place { byte: end.byte - back, ..end });
    }
    let goes_on = entry.tail == Tail::Value;
    text_changed(model, effects);
    if goes_on {
        offer_words(model);
    }
}

/// Which bytes of the line an entry replaces, by what, and how many bytes before the end of that the cursor stands.
fn put(open: &Open, entry: &Entry, line: &str) -> (std::ops::Range<usize>, String, usize) {
    let word = open.spot.word.clone();
    let (head, tail) = (&line[..word.start], &line[word.end..]);
    if open.syntax == Syntax::Json {
        let has_open = head.ends_with('"');
        let has_close = has_open && tail.starts_with('"');
        let range = word.start - usize::from(has_open)..word.end + usize::from(has_close);
        let is_named = line[range.end..].trim_start().starts_with(':');
        let is_bare = matches!(entry.text.as_str(), "true" | "false") && entry.tail == Tail::Nothing;
        let text = if is_bare { entry.text.clone() } else { format!("\"{}\"", entry.text) };
        return match entry.tail {
            Tail::Nothing => (range, text, 0),
            _ if is_named => (range, text, 0),
            Tail::Value => (range, format!("{text}: "), 0),
            Tail::List => (range, format!("{text}: []"), 1),
            Tail::Below => (range, format!("{text}: {{}}"), 1),
        };
    }
    let is_named = tail.trim_start().starts_with(':');
    let text = entry.text.clone();
    match entry.tail {
        Tail::Nothing => {
            // In brackets the braces of a reference need quotes around them.
            let quotes = open.spot.in_flow && text.contains('{') && !head.ends_with('"');
            (word, if quotes { format!("\"{text}\"") } else { text }, 0)
        }
        _ if is_named => (word, text, 0),
        Tail::Value => (word, format!("{text}: "), 0),
        Tail::List => (word, format!("{text}: []"), 1),
        Tail::Below if open.spot.in_flow => (word, format!("{text}: {{}}"), 1),
        Tail::Below => {
            let column = head.len();
            let new = format!("{text}:\n{}", " ".repeat(column + 2));
            (word, new, 0)
        }
    }
}
