//! Finding a text in the lines: without regard to case unless it has capitals in it.

use std::ops::Range;

use super::Editor;
use super::buffer::{Place, place};
use crate::widgets::input::Input;

/// Matches counted at most.
const MAX_COUNT: usize = 9_999;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Find {
    /// What is typed.
    pub(crate) input: Input,
    /// The field is open.
    pub(crate) is_open: bool,
    /// How many there are, and which one the cursor is at, from 1.
    pub(crate) seen: Option<(usize, usize)>,
    /// Where the cursor was when the field was opened.
    from: Place,
}

/// Where `wanted` stands in a line.
pub(crate) fn matches<'a>(line: &'a str, wanted: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let is_exact = wanted.chars().any(char::is_uppercase);
    let mut at = 0;
    std::iter::from_fn(move || {
        while !wanted.is_empty() && at < line.len() {
            match length(&line[at..], wanted, is_exact) {
                Some(n) => {
                    let found = at..at + n;
                    at += n;
                    return Some(found);
                }
                None => at += line[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        None
    })
}

/// Bytes of `wanted` at the beginning of `text`, if it stands there.
fn length(text: &str, wanted: &str, is_exact: bool) -> Option<usize> {
    if is_exact {
        return text.starts_with(wanted).then_some(wanted.len());
    }
    let mut there = text.char_indices();
    for c in wanted.chars() {
        let (_, t) = there.next()?;
        if t != c && !t.to_lowercase().eq(c.to_lowercase()) {
            return None;
        }
    }
    Some(there.next().map_or(text.len(), |(i, _)| i))
}

impl Editor {
    /// Opens the field; what is selected on one line is looked for.
    pub(crate) fn open_find(&mut self) {
        let selected = self.selection().filter(|r| r.start.line == r.end.line).map(|r| self.buffer.slice(&r));
        self.find.from = self.selection().map_or(self.cursor, |r| r.start);
        self.find.is_open = true;
        let text = selected.unwrap_or_else(|| self.find.input.text().to_owned());
        self.find.input = Input::proposal(text);
        self.find_typed();
    }

    /// Goes to the first match from where the field was opened.
    pub(crate) fn find_typed(&mut self) {
        let from = self.find.from;
        match self.next_match(from) {
            Some(range) => self.select(range),
            None => self.show(from),
        }
        self.count();
    }

    /// The next match behind the cursor, or the one before it; over the end of the text. `false`: there is none.
    pub(crate) fn find_next(&mut self, is_back: bool) -> bool {
        let from = self.selection().map_or(self.cursor, |r| if is_back { r.start } else { r.end });
        let found = if is_back { self.match_before(from) } else { self.next_match(from) };
        if let Some(range) = found.clone() {
            self.select(range);
        }
        self.count();
        found.is_some()
    }

    /// Closes the field; `keeps`: the cursor stays at the match.
    pub(crate) fn close_find(&mut self, keeps: bool) {
        self.find.is_open = false;
        if !keeps {
            let from = self.find.from;
            self.show(from);
        }
    }

    fn next_match(&self, from: Place) -> Option<Range<Place>> {
        let wanted = self.find.input.text();
        let n = self.buffer.n_lines();
        (0..=n).find_map(|i| {
            let line = (from.line + i) % n;
            let mut found = matches(self.buffer.line(line), wanted);
            let range = match i {
                0 => found.find(|r| r.start >= from.byte),
                _ => found.next(),
            };
            range.map(|r| place(line, r.start)..place(line, r.end))
        })
    }

    fn match_before(&self, from: Place) -> Option<Range<Place>> {
        let wanted = self.find.input.text();
        let n = self.buffer.n_lines();
        (0..=n).find_map(|i| {
            let line = (from.line + n - i % n) % n;
            let found = matches(self.buffer.line(line), wanted);
            let range = match i {
                0 => found.take_while(|r| r.end <= from.byte).last(),
                _ => found.last(),
            };
            range.map(|r| place(line, r.start)..place(line, r.end))
        })
    }

    fn count(&mut self) {
        let wanted = self.find.input.text();
        let start = self.selection().map_or(self.cursor, |r| r.start);
        let (mut n, mut at) = (0, 0);
        for (i, line) in self.buffer.lines().iter().enumerate() {
            for range in matches(line, wanted) {
                n += 1;
                if place(i, range.start) <= start {
                    at = n;
                }
            }
            if n >= MAX_COUNT {
                break;
            }
        }
        self.find.seen = (!wanted.is_empty()).then_some((at, n));
    }
}
