//! What is done to whole lines: beginning one, indenting, making comments of them.

use std::ops::Range;

use super::buffer::{Place, place};
use super::history::Deed;
use super::lexer::Syntax;
use super::{Editor, INDENT};

impl Editor {
    /// A new line, indented as what is written asks for.
    pub(super) fn new_line(&mut self) {
        let c = self.selection().map_or(self.cursor, |s| s.start);
        let head = &self.buffer.line(c.line)[..c.byte];
        let blanks = &head[..head.len() - head.trim_start_matches([' ', '\t']).len()];
        let code = match (self.syntax, head.find(" #")) {
            (Syntax::Yaml, Some(comment)) => head[..comment].trim(),
            _ => head.trim(),
        };
        let opens = match self.syntax {
            Syntax::Yaml => code.ends_with(':') && !code.starts_with('#'),
            Syntax::Json => code.ends_with(['{', '[']),
            Syntax::Plain => false,
        };
        let more = if opens { INDENT } else { 0 };
        // `- name:` opens a level below its name.
        let more = if opens && code.starts_with("- ") { more + INDENT } else { more };
        let new = format!("\n{blanks}{}", " ".repeat(more));
        let range = self.selection().unwrap_or(c..c);
        self.history.close();
        self.change(Deed::Typed, range, &new);
    }

    /// Blanks to the next level; of what is selected every line.
    pub(super) fn indent(&mut self) {
        let Some(lines) = self.selected_lines() else {
            let n = INDENT - self.buffer.column(self.cursor) % INDENT;
            self.insert(&" ".repeat(n));
            return;
        };
        let filled = lines.clone().filter(|l| !self.buffer.line(*l).is_empty());
        let changes: Vec<_> = filled.rev().map(|l| (place(l, 0)..place(l, 0), " ".repeat(INDENT))).collect();
        self.change_lines(lines, changes, "indented");
    }

    pub(super) fn unindent(&mut self) {
        let lines = self.selected_lines().unwrap_or(self.cursor.line..self.cursor.line + 1);
        let blanks = |l: usize| {
            let line = self.buffer.line(l);
            if line.starts_with('\t') { 1 } else { (line.len() - line.trim_start_matches(' ').len()).min(INDENT) }
        };
        let changes: Vec<_> = lines
            .clone()
            .rev()
            .map(|l| (place(l, 0)..place(l, blanks(l)), String::new()))
            .filter(|(range, _)| !range.is_empty())
            .collect();
        self.change_lines(lines, changes, "unindented");
    }

    /// Puts `# ` before the lines of the selection, or takes it away.
    pub(crate) fn comment(&mut self) {
        let mark = match self.syntax {
            Syntax::Yaml => "# ",
            Syntax::Json => "// ",
            Syntax::Plain => return,
        };
        let sign = mark.trim_end();
        let lines = self.selected_lines().unwrap_or(self.cursor.line..self.cursor.line + 1);
        let start = |l: usize| {
            let line = self.buffer.line(l);
            line.len() - line.trim_start().len()
        };
        let filled: Vec<usize> = lines.clone().filter(|l| !self.buffer.line(*l).trim().is_empty()).collect();
        let is_off = filled.iter().all(|l| self.buffer.line(*l).trim_start().starts_with(sign));
        let column = filled.iter().map(|l| start(*l)).min().unwrap_or(0);
        let change = |l: usize| {
            if !is_off {
                return (place(l, column)..place(l, column), mark.to_owned());
            }
            let from = start(l);
            let n = if self.buffer.line(l)[from..].starts_with(mark) { mark.len() } else { sign.len() };
            (place(l, from)..place(l, from + n), String::new())
        };
        let changes: Vec<_> = filled.into_iter().rev().map(change).collect();
        self.change_lines(lines, changes, if is_off { "uncommented" } else { "commented" });
    }

    /// The lines of the selection; one that it only touches at its beginning does not count.
    fn selected_lines(&self) -> Option<Range<usize>> {
        let range = self.selection().filter(|r| r.start.line != r.end.line)?;
        Some(range.start.line..range.end.line + usize::from(range.end.byte > 0))
    }

    fn change_lines(&mut self, lines: Range<usize>, changes: Vec<(Range<Place>, String)>, deed: &str) {
        let grows: usize = changes.iter().map(|(_, new)| new.len()).sum();
        if changes.is_empty() {
            return;
        }
        if self.buffer.n_bytes() + grows > self.max_bytes {
            self.is_full = true;
            return;
        }
        let selected = self.selection().is_some();
        let n = changes.len();
        let words = format!("{deed} {}", if n == 1 { "a line".to_owned() } else { format!("{n} lines") });
        let shift = changes.iter().find(|(range, _)| range.start.line == self.cursor.line).map_or(0, |(range, new)| {
            let gone = range.end.byte - range.start.byte;
            isize::try_from(new.len()).unwrap_or(0) - isize::try_from(gone).unwrap_or(0)
        });
        let after = place(self.cursor.line, self.cursor.byte.saturating_add_signed(shift));
        let before = self.cursor;
        self.history.apply_all(&mut self.buffer, words, changes, before, after);
        self.changed(lines.start);
        self.cursor = self.buffer.fit(after);
        if selected {
            let last = place(lines.end - 1, self.buffer.line(lines.end - 1).len());
            (self.anchor, self.cursor) = (Some(place(lines.start, 0)), last);
        }
    }
}
