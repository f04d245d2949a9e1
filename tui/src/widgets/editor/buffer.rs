//! A text as lines, and places in it. It knows neither cursor nor history; what is at the end of its lines it keeps.

use std::ops::Range;

use mcp_proxy_core::protocol::floor_char;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Cells to the next stop of a tab.
pub(crate) const TAB: usize = 4;

/// A place between two characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// From 0.
    pub(crate) line: usize,
    /// In bytes of the line, at the beginning of what is one character for people.
    pub(crate) byte: usize,
}

/// Shorthand for tests and callers that count.
pub(crate) const fn place(line: usize, byte: usize) -> Place {
    Place { line, byte }
}

/// The lines of a text; there is always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    lines: Vec<String>,
    /// All lines end in `\r\n`.
    is_crlf: bool,
    n_bytes: usize,
}

impl Buffer {
    /// A text. Ends of lines that are not all the same stay as they are: the odd ones are part of their lines.
    pub(crate) fn new(text: &str) -> Self {
        let n_newlines = text.matches('\n').count();
        let is_crlf = n_newlines > 0 && text.matches("\r\n").count() == n_newlines;
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        if is_crlf {
            let last = lines.len() - 1;
            for line in &mut lines[..last] {
                line.pop();
            }
        }
        let n_bytes = lines.iter().map(|l| l.len() + 1).sum::<usize>() - 1;
        Self { lines, is_crlf, n_bytes }
    }

    /// All of it, as it goes into a file.
    pub(crate) fn text(&self) -> String {
        self.lines.join(if self.is_crlf { "\r\n" } else { "\n" })
    }

    /// The lines.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// A line; empty behind the last one.
    pub(crate) fn line(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", String::as_str)
    }

    /// How many there are.
    pub(crate) fn n_lines(&self) -> usize {
        self.lines.len()
    }

    /// Bytes of the text, each end of a line as one.
    pub(crate) const fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// The end of the text.
    pub(crate) fn end(&self) -> Place {
        let line = self.lines.len() - 1;
        place(line, self.lines[line].len())
    }

    /// The nearest place that is one.
    pub(crate) fn fit(&self, at: Place) -> Place {
        if at.line >= self.lines.len() {
            return self.end();
        }
        let line = self.line(at.line);
        place(at.line, floor_char(line, at.byte))
    }

    /// What stands between two places.
    pub(crate) fn slice(&self, range: &Range<Place>) -> String {
        let (from, to) = (range.start, range.end);
        if from.line == to.line {
            return self.line(from.line)[from.byte..to.byte].to_owned();
        }
        let mut out = self.line(from.line)[from.byte..].to_owned();
        for line in from.line + 1..to.line {
            out.push('\n');
            out.push_str(self.line(line));
        }
        out.push('\n');
        out.push_str(&self.line(to.line)[..to.byte]);
        out
    }

    /// Puts `text` in the place of what stands there; gives where it ends.
    pub(crate) fn replace(&mut self, range: &Range<Place>, text: &str) -> Place {
        let (from, to) = (range.start, range.end);
        let tail = self.line(to.line)[to.byte..].to_owned();
        let head = self.line(from.line)[..from.byte].to_owned();
        let removed: usize = if from.line == to.line {
            to.byte - from.byte
        } else {
            let middle: usize = self.lines[from.line + 1..to.line].iter().map(|l| l.len() + 1).sum();
            self.line(from.line).len() - from.byte + 1 + middle + to.byte
        };
        let mut new: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let last = new.len() - 1;
        new[0].insert_str(0, &head);
        let end = place(from.line + last, new[last].len());
        new[last].push_str(&tail);
        self.lines.splice(from.line..=to.line, new);
        self.n_bytes = self.n_bytes + text.len() - removed;
        end
    }

    /// One character to the right, over the end of a line.
    pub(crate) fn after(&self, at: Place) -> Place {
        match self.line(at.line)[at.byte..].graphemes(true).next() {
            Some(g) => place(at.line, at.byte + g.len()),
            None if at.line + 1 < self.lines.len() => place(at.line + 1, 0),
            None => at,
        }
    }

    /// One character to the left, over the beginning of a line.
    pub(crate) fn before(&self, at: Place) -> Place {
        match self.line(at.line)[..at.byte].graphemes(true).next_back() {
            Some(g) => place(at.line, at.byte - g.len()),
            None if at.line > 0 => place(at.line - 1, self.line(at.line - 1).len()),
            None => at,
        }
    }

    /// The beginning of the next word; at the end of a line the next line.
    pub(crate) fn word_after(&self, at: Place) -> Place {
        let rest = &self.line(at.line)[at.byte..];
        if rest.is_empty() {
            return self.after(at);
        }
        let mut chars = rest.char_indices();
        let class = chars.next().map(|(_, c)| class(c));
        let end = chars.find(|(_, c)| Some(self::class(*c)) != class).map_or(rest.len(), |(i, _)| i);
        let blanks = rest[end..].len() - rest[end..].trim_start().len();
        place(at.line, at.byte + end + blanks)
    }

    /// The beginning of this word, or of the one before.
    pub(crate) fn word_before(&self, at: Place) -> Place {
        let head = &self.line(at.line)[..at.byte];
        if head.is_empty() {
            return self.before(at);
        }
        let head = head.trim_end();
        let Some(last) = head.chars().next_back().map(class) else { return place(at.line, 0) };
        let start = head.char_indices().rev().take_while(|(_, c)| class(*c) == last).last().map_or(0, |(i, _)| i);
        place(at.line, start)
    }

    /// The column of the screen a place stands in.
    pub(crate) fn column(&self, at: Place) -> usize {
        cells(&self.line(at.line)[..at.byte.min(self.line(at.line).len())])
    }

    /// The place on a line that is nearest to a column of the screen.
    pub(crate) fn at_column(&self, line: usize, column: usize) -> Place {
        let text = self.line(line);
        let mut x = 0;
        for (byte, g) in text.grapheme_indices(true) {
            let next = x + width(g, x);
            if next > column {
                return place(line, byte);
            }
            x = next;
        }
        place(line, text.len())
    }
}

#[derive(PartialEq)]
enum Class {
    Blank,
    Word,
    Sign,
}

fn class(c: char) -> Class {
    if c.is_whitespace() {
        Class::Blank
    } else if c.is_alphanumeric() || c == '_' {
        Class::Word
    } else {
        Class::Sign
    }
}

/// Cells of a character for people that begins in column `x`. What could not be seen takes one, so that it can.
pub(crate) fn width(g: &str, x: usize) -> usize {
    match g {
        "\t" => TAB - x % TAB,
        g if g.is_ascii() => 1,
        g => super::shown(g).width().clamp(1, 2),
    }
}

/// Cells of the beginning of a line.
pub(crate) fn cells(head: &str) -> usize {
    if head.is_ascii() && !head.contains('\t') {
        return head.len();
    }
    head.graphemes(true).fold(0, |x, g| x + width(g, x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in ["", "a", "a\n", "\n\n", "a\r\nb\r\n", "a\r\nb\n", "a\r\nb", "日本\n\te\u{301}x"] {
            let buffer = Buffer::new(text);
            assert_eq!(buffer.text(), text);
            assert_eq!(buffer.n_bytes(), text.len() - if buffer.is_crlf { text.matches('\r').count() } else { 0 });
        }
    }

    #[test]
    fn replacing_is_what_a_string_does() {
        let text = "one\ntwo three\n\nfour";
        let at = |i: usize| place(text[..i].matches('\n').count(), i - text[..i].rfind('\n').map_or(0, |n| n + 1));
        for from in 0..=text.len() {
            for to in from..=text.len() {
                for new in ["", "x", "x\n", "\n\n", "a\nb\nc"] {
                    let mut buffer = Buffer::new(text);
                    assert_eq!(buffer.slice(&(at(from)..at(to))), text[from..to]);
                    let end = buffer.replace(&(at(from)..at(to)), new);
                    let mut expected = text.to_owned();
                    expected.replace_range(from..to, new);
                    assert_eq!(buffer.text(), expected);
                    assert_eq!(buffer.n_bytes(), expected.len());
                    let head = &expected[..from + new.len()];
                    assert_eq!(
                        end,
                        place(head.matches('\n').count(), head.len() - head.rfind('\n').map_or(0, |n| n + 1))
                    );
                }
            }
        }
    }

    #[test]
    fn characters_are_what_people_take_for_one() {
        let buffer = Buffer::new("ae\u{301}日👨\u{200d}👩\u{200d}👧x\nb");
        let mut at = place(0, 0);
        let mut places = vec![at];
        while at != buffer.end() {
            at = buffer.after(at);
            places.push(at);
        }
        let columns: Vec<usize> = places.iter().map(|p| buffer.column(*p)).collect();
        assert_eq!(columns, [0, 1, 2, 4, 6, 7, 0, 1]);
        for p in places.into_iter().rev() {
            assert_eq!(at, p);
            at = buffer.before(at);
        }
    }

    #[test]
    fn tabs_go_to_their_stops() {
        let buffer = Buffer::new("\ta\tb");
        let columns: Vec<usize> = (0..=4).map(|byte| buffer.column(place(0, byte))).collect();
        assert_eq!(columns, [0, 4, 5, 8, 9]);
        assert_eq!(buffer.at_column(0, 2), place(0, 0));
        assert_eq!(buffer.at_column(0, 6), place(0, 2));
        assert_eq!(buffer.at_column(0, 99), place(0, 4));
    }

    #[test]
    fn words() {
        let buffer = Buffer::new("  args: [-y, \"@x/y\"]\nnext");
        let mut at = place(0, 0);
        let mut stops = Vec::new();
        while at != buffer.end() {
            at = buffer.word_after(at);
            stops.push((at.line, at.byte));
        }
        assert_eq!(
            stops,
            [
                (0, 2),
                (0, 6),
                (0, 8),
                (0, 10),
                (0, 11),
                (0, 13),
                (0, 15),
                (0, 16),
                (0, 17),
                (0, 18),
                (0, 20),
                (1, 0),
                (1, 4)
            ]
        );
        at = buffer.word_before(place(0, 8));
        assert_eq!(at, place(0, 6));
        assert_eq!(buffer.word_before(at), place(0, 2));
        assert_eq!(buffer.word_before(place(1, 0)), place(0, 20));
    }
}
