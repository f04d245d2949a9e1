//! An editor for a text of several lines: typing, moving by characters, words and pages, selecting, undo and redo that say what they
//! undo, finding, and colours for YAML and JSON. Modeless: what is typed goes in.
//!
//! [`Editor`] is a plain value; [`Editor::key`] takes what types and moves, everything else is an action of whoever shows it. Only the
//! lines on the screen are looked at when it is drawn. [`Editor::settle`] has to be called between a change and drawing.

pub(crate) mod buffer;
mod find;
mod history;
pub(crate) mod lexer;
mod lines;
#[cfg(test)]
mod tests;
mod view;

use std::borrow::Cow;
use std::ops::Range;

use unicode_width::UnicodeWidthStr as _;

use buffer::{Buffer, Place, place};
pub(crate) use find::Find;
use history::{Deed, History};
use lexer::{State, Syntax};
pub(crate) use view::{Look, Remark, draw};

use crate::input::key::{Code, Key};
use crate::widgets::text;

/// Rows kept between the cursor and the edge of the screen, where there is more text.
const MARGIN: usize = 2;
/// Columns, likewise.
const SIDE: usize = 4;
/// What a level is indented by.
const INDENT: usize = 2;

/// A text and where one is in it.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    buffer: Buffer,
    history: History,
    cursor: Place,
    /// The other end of what is selected.
    anchor: Option<Place>,
    /// The column that moving up and down keeps to.
    column: Option<usize>,
    /// The first line on the screen.
    top: usize,
    /// The first column on the screen.
    left: usize,
    /// Lines on the screen.
    page: usize,
    syntax: Syntax,
    /// What is open before each line; known up to its length.
    states: Vec<State>,
    /// What was cut or copied last.
    clip: String,
    max_bytes: usize,
    /// Grows with every change of the text.
    version: u64,
    /// Something was refused because the text would be too long.
    is_full: bool,
    pub(crate) find: Find,
}

impl Editor {
    /// A text that grows to `max_bytes` at most.
    pub(crate) fn new(text: &str, syntax: Syntax, max_bytes: usize) -> Self {
        Self {
            buffer: Buffer::new(text),
            history: History::default(),
            cursor: Place::default(),
            anchor: None,
            column: None,
            top: 0,
            left: 0,
            page: 1,
            syntax,
            states: vec![State::Open],
            clip: String::new(),
            max_bytes,
            version: 0,
            is_full: false,
            find: Find::default(),
        }
    }

    /// The lines.
    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// All of it, as it goes into a file.
    pub(crate) fn text(&self) -> String {
        self.buffer.text()
    }

    /// Grows with every change of the text.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Where typing goes on.
    pub(crate) const fn cursor(&self) -> Place {
        self.cursor
    }

    /// How many steps can be undone, and done again.
    pub(crate) fn steps(&self) -> (usize, usize) {
        self.history.len()
    }

    /// Whether something was refused since the last call, because the text would be too long.
    pub(crate) fn was_full(&mut self) -> bool {
        std::mem::take(&mut self.is_full)
    }

    /// What is selected, from its beginning to its end.
    pub(crate) fn selection(&self) -> Option<Range<Place>> {
        let anchor = self.anchor.filter(|a| *a != self.cursor)?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor))
    }

    /// Puts the cursor there, and nothing is selected.
    pub(crate) fn go_to(&mut self, at: Place) {
        self.cursor = self.buffer.fit(at);
        self.anchor = None;
        self.column = None;
        self.history.close();
    }

    /// The same, and the line stands in the middle of the screen if it was not on it.
    pub(crate) fn show(&mut self, at: Place) {
        self.go_to(at);
        if !(self.top..self.top + self.page).contains(&self.cursor.line) {
            self.top = self.cursor.line.saturating_sub(self.page / 2);
        }
    }

    /// Selects, the cursor at the end.
    pub(crate) fn select(&mut self, range: Range<Place>) {
        self.show(range.end);
        self.anchor = Some(self.buffer.fit(range.start));
    }

    /// Moves the cursor there; what is between is selected too if `selects`.
    pub(crate) fn drag_to(&mut self, at: Place, selects: bool) {
        self.moved(self.buffer.fit(at), selects);
    }

    /// The place below a cell of the text's area.
    pub(crate) fn place_at(&self, x: usize, y: usize) -> Place {
        let line = (self.top + y).min(self.buffer.n_lines() - 1);
        self.buffer.at_column(line, self.left + x)
    }

    /// Moves the text under the screen.
    pub(crate) fn scroll(&mut self, lines: isize) {
        let last = self.buffer.n_lines().saturating_sub(self.page);
        self.top = self.top.saturating_add_signed(lines).min(last);
        // The cursor comes along.
        let highest = if self.top == 0 { 0 } else { self.top + MARGIN.min(self.page / 2) };
        let lowest = self.top + self.page.saturating_sub(1 + MARGIN.min(self.page / 2));
        let line = self.cursor.line.clamp(highest, lowest.max(highest));
        if line != self.cursor.line {
            let column = self.buffer.column(self.cursor);
            self.cursor = self.buffer.at_column(line.min(self.buffer.n_lines() - 1), column);
            self.anchor = None;
        }
    }

    /// Does what a key types, deletes or moves; `false` if that is nothing here.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        let (by_word, selects) = (key.ctrl, key.shift);
        let c = self.cursor;
        match (key.code, key.ctrl) {
            (Code::Char(c), false) => {
                self.insert(c.encode_utf8(&mut [0; 4]));
            }
            (Code::Enter, _) => self.new_line(),
            (Code::Backspace, false) => self.delete_back(),
            (Code::Backspace, true) | (Code::Char('w'), true) => self.delete(self.buffer.word_before(c)..c),
            (Code::Delete, false) => self.delete(c..self.buffer.after(c)),
            (Code::Delete, true) => self.delete(c..self.buffer.word_after(c)),
            (Code::Char('u'), true) => self.delete(place(c.line, 0)..c),
            (Code::Char('k'), true) => {
                let end = place(c.line, self.buffer.line(c.line).len());
                self.delete(c..if c == end { self.buffer.after(c) } else { end });
            }
            (Code::Tab, _) => self.indent(),
            (Code::BackTab, _) => self.unindent(),
            (Code::Left, _) if by_word => self.moved(self.buffer.word_before(c), selects),
            (Code::Left, _) => match self.selection().filter(|_| !selects) {
                Some(range) => self.moved(range.start, false),
                None => self.moved(self.buffer.before(c), selects),
            },
            (Code::Right, _) if by_word => self.moved(self.buffer.word_after(c), selects),
            (Code::Right, _) => match self.selection().filter(|_| !selects) {
                Some(range) => self.moved(range.end, false),
                None => self.moved(self.buffer.after(c), selects),
            },
            (Code::Up, _) => self.vertical(-1, selects),
            (Code::Down, _) => self.vertical(1, selects),
            (Code::PageUp, _) => self.page(-1, selects),
            (Code::PageDown, _) => self.page(1, selects),
            (Code::Home, _) if by_word => self.moved(place(0, 0), selects),
            (Code::Home, _) => {
                // To the first word, and from there to the very beginning.
                let line = self.buffer.line(c.line);
                let word = line.len() - line.trim_start_matches([' ', '\t']).len();
                self.moved(place(c.line, if c.byte == word { 0 } else { word }), selects);
            }
            (Code::End, _) if by_word => self.moved(self.buffer.end(), selects),
            (Code::End, _) => self.moved(place(c.line, self.buffer.line(c.line).len()), selects),
            _ => return false,
        }
        true
    }

    fn moved(&mut self, to: Place, selects: bool) {
        if selects {
            self.anchor.get_or_insert(self.cursor);
        } else {
            self.anchor = None;
        }
        self.cursor = to;
        self.column = None;
        self.history.close();
    }

    fn vertical(&mut self, lines: isize, selects: bool) {
        let column = self.column.unwrap_or_else(|| self.buffer.column(self.cursor));
        let last = self.buffer.n_lines() - 1;
        let line = self.cursor.line.saturating_add_signed(lines).min(last);
        let to = match (lines < 0 && self.cursor.line == 0, lines > 0 && self.cursor.line == last) {
            (true, _) => place(0, 0),
            (_, true) => self.buffer.end(),
            _ => self.buffer.at_column(line, column),
        };
        self.moved(to, selects);
        self.column = Some(column);
    }

    fn page(&mut self, pages: isize, selects: bool) {
        let lines = isize::try_from(self.page.saturating_sub(1).max(1)).unwrap_or(1) * pages;
        let last = self.buffer.n_lines().saturating_sub(self.page);
        self.top = self.top.saturating_add_signed(lines).min(last);
        self.vertical(lines, selects);
    }

    /// Puts `new` in the place of `range`. `false`: it does not fit, or is nothing.
    fn change(&mut self, deed: Deed, range: Range<Place>, new: &str) -> bool {
        if range.is_empty() && new.is_empty() {
            return false;
        }
        if self.buffer.n_bytes() + new.len() > self.max_bytes && !new.is_empty() {
            self.is_full = true;
            return false;
        }
        let first = range.start.line;
        self.cursor = self.history.apply(&mut self.buffer, deed, range, new, self.cursor);
        self.changed(first);
        true
    }

    /// The text is another one from `line` on.
    fn changed(&mut self, line: usize) {
        self.states.truncate(line + 1);
        self.anchor = None;
        self.column = None;
        self.version += 1;
    }

    /// Types a text without line breaks; what is selected goes.
    pub(crate) fn insert(&mut self, new: &str) -> bool {
        match self.selection() {
            Some(range) => {
                self.history.close();
                self.change(Deed::Typed, range, new)
            }
            None => self.change(Deed::Typed, self.cursor..self.cursor, new),
        }
    }

    /// Puts a text in the place of what stands there, as one step called `words`; the cursor is behind it.
    pub(crate) fn put(&mut self, range: Range<Place>, new: &str, words: impl Into<String>) -> bool {
        let range = self.buffer.fit(range.start)..self.buffer.fit(range.end);
        self.change(Deed::Whole(words.into()), range, new)
    }

    /// Makes it another text by the least that has to change, as one step called `words`.
    pub(crate) fn become_text(&mut self, new: &str, words: impl Into<String>) -> bool {
        let new = Buffer::new(new);
        let (old, new) = (self.buffer.lines(), new.lines());
        let n = old.len().min(new.len());
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        if head == old.len() && head == new.len() {
            return false;
        }
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count().min(n - head.min(n));
        // From the beginning of the first line that differs to the end of the last one.
        let (range, text) = if head + tail == old.len() && head > 0 {
            let end = place(head - 1, old[head - 1].len());
            (end..end, format!("\n{}", new[head..new.len() - tail].join("\n")))
        } else if head + tail == new.len() && head > 0 {
            let last = old.len() - tail - 1;
            (place(head - 1, old[head - 1].len())..place(last, old[last].len()), String::new())
        } else if head + tail == old.len() {
            (place(0, 0)..place(0, 0), format!("{}\n", new[..new.len() - tail].join("\n")))
        } else if head + tail == new.len() {
            (place(0, 0)..place(old.len() - tail, 0), String::new())
        } else {
            let last = old.len() - tail - 1;
            (place(head, 0)..place(last, old[last].len()), new[head..new.len() - tail].join("\n"))
        };
        self.put(range, &text, words)
    }

    /// Takes out a text as it comes from elsewhere: a clipboard, another program.
    pub(crate) fn paste(&mut self, pasted: &str) -> bool {
        let pasted = pasted.replace("\r\n", "\n").replace('\r', "\n");
        let new: String = pasted.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        if new.is_empty() {
            return false;
        }
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        self.put(range, &new, format!("pasted {}", amount(&new)))
    }

    /// The same from our own clipboard.
    pub(crate) fn paste_clip(&mut self) -> bool {
        let clip = self.clip.clone();
        self.paste(&clip)
    }

    /// Copies what is selected, else the line. Gives it.
    pub(crate) fn copy(&mut self) -> String {
        self.clip = match self.selection() {
            Some(range) => self.buffer.slice(&range),
            None => format!("{}\n", self.buffer.line(self.cursor.line)),
        };
        self.clip.clone()
    }

    /// The same, and takes it out.
    pub(crate) fn cut(&mut self) -> String {
        let copied = self.copy();
        let range = self.selection().unwrap_or_else(|| {
            let line = self.cursor.line;
            match line + 1 < self.buffer.n_lines() {
                true => place(line, 0)..place(line + 1, 0),
                false => place(line, 0)..self.buffer.end(),
            }
        });
        self.put(range, "", format!("cut {}", amount(&copied)));
        copied
    }

    fn delete(&mut self, range: Range<Place>) {
        match self.selection() {
            Some(range) => {
                let words = format!("deleted {}", amount(&self.buffer.slice(&range)));
                self.put(range, "", words);
            }
            None => {
                self.change(Deed::Deleted, range, "");
            }
        }
    }

    fn delete_back(&mut self) {
        let c = self.cursor;
        let head = &self.buffer.line(c.line)[..c.byte];
        // Where only blanks are before it, a level goes.
        if !head.is_empty() && head.bytes().all(|b| b == b' ') {
            let n = if c.byte.is_multiple_of(INDENT) { INDENT } else { c.byte % INDENT };
            return self.delete(place(c.line, c.byte - n.min(c.byte))..c);
        }
        self.delete(self.buffer.before(c)..c);
    }

    /// Takes the last step back; gives what it was.
    pub(crate) fn undo(&mut self) -> Option<String> {
        let told = self.history.undo(&mut self.buffer)?;
        Some(self.stepped(told))
    }

    /// Does it again; gives what it is.
    pub(crate) fn redo(&mut self) -> Option<String> {
        let told = self.history.redo(&mut self.buffer)?;
        Some(self.stepped(told))
    }

    fn stepped(&mut self, (words, cursor, first): (String, Place, usize)) -> String {
        self.changed(first);
        self.show(cursor);
        words
    }

    /// Puts the cursor on the screen of so many rows and columns, and knows the colours of what is on it.
    pub(crate) fn settle(&mut self, rows: usize, columns: usize) {
        self.page = rows.max(1);
        let margin = MARGIN.min(self.page.saturating_sub(1) / 2);
        let line = self.cursor.line;
        let lowest = (line + margin + 1).saturating_sub(self.page);
        let highest = line.saturating_sub(margin);
        self.top = self.top.clamp(lowest.min(highest), highest);
        self.top = self.top.min(self.buffer.n_lines().saturating_sub(self.page));
        let columns = columns.max(1);
        let side = SIDE.min(columns.saturating_sub(1) / 2);
        let x = self.buffer.column(self.cursor);
        // What can be seen from the first column on is; the window may have been narrower before.
        if x < columns.saturating_sub(1) {
            self.left = 0;
        }
        let least = (x + side + 1).saturating_sub(columns);
        if x + 1 + side > columns + self.left {
            self.left = least;
        } else if x < self.left + side {
            self.left = x.saturating_sub(side);
        }
        let wanted = (self.top + self.page).min(self.buffer.n_lines());
        while self.states.len() < wanted {
            let at = self.states.len() - 1;
            let (_, next) = lexer::lex(self.buffer.line(at), self.states[at], self.syntax);
            self.states.push(next);
        }
    }
}

/// `3 lines`, or how a text begins.
fn amount(text: &str) -> String {
    let n = text.trim_end_matches('\n').matches('\n').count() + 1;
    if n > 1 {
        return format!("{n} lines");
    }
    if text.ends_with('\n') {
        return "a line".to_owned();
    }
    let shown = text::fit(text.trim(), 24, "..");
    if shown.is_empty() { "blanks".to_owned() } else { format!("`{shown}`") }
}

/// A character for people as it may be drawn: nothing that moves the cursor, turns the line around, or cannot be seen.
pub(crate) fn shown(g: &str) -> Cow<'_, str> {
    const UNSEEN: &str = "?";
    if g.len() == 1 && !g.as_bytes()[0].is_ascii_control() {
        return Cow::Borrowed(g);
    }
    let cleaned = text::clean(g);
    let mut out = String::new();
    for c in cleaned.chars() {
        // One that is joined of several is shown by its first: terminals disagree about the others.
        let is_wide = c.encode_utf8(&mut [0; 4]).width() > 0;
        if is_wide && !out.is_empty() {
            break;
        }
        out.push(c);
    }
    if out.width() == 0 || (g.starts_with(char::is_control) && g != "\t") {
        Cow::Borrowed(UNSEEN)
    } else {
        Cow::Owned(out)
    }
}
