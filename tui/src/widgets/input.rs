//! A line of text being typed.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use super::text;
use crate::app::theme::Theme;
use crate::input::key::{Code, Key};

/// Longest text that can be typed or pasted.
const MAX_CHARS: usize = 16 * 1024;

/// A text and the place in it where typing goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    text: String,
    /// In bytes, at a character.
    at: usize,
    /// Nobody has touched the text it began with: typing replaces it.
    proposed: bool,
}

impl Input {
    /// A text with the cursor behind it.
    #[must_use]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text, proposed: false }
    }

    /// A proposal: typing replaces it, moving in it keeps it.
    #[must_use]
    pub(crate) fn proposal(text: impl Into<String>) -> Self {
        Self { proposed: true, ..Self::new(text) }
    }

    /// Whether it is still the text it began with.
    pub(crate) const fn is_proposal(&self) -> bool {
        self.proposed
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Puts text in at the cursor; line breaks become blanks.
    pub(crate) fn insert(&mut self, text: &str) {
        if std::mem::take(&mut self.proposed) {
            self.cut(0);
        }
        let room = MAX_CHARS.saturating_sub(self.text.len());
        let mut new: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        while new.len() > room {
            new.pop();
        }
        self.text.insert_str(self.at, &new);
        self.at += new.len();
    }

    /// Edits; `false` if the key edits nothing.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        match (key.code, key.ctrl) {
            (Code::Char(c), false) => self.insert(c.encode_utf8(&mut [0; 4])),
            (Code::Backspace, _) => self.cut(self.before()),
            (Code::Delete, _) => {
                let end = self.after();
                self.text.drain(self.at..end);
            }
            (Code::Char('u'), true) => self.cut(0),
            (Code::Char('w'), true) => {
                let head = self.text[..self.at].trim_end();
                self.cut(head.rfind(char::is_whitespace).map_or(0, |n| n + 1));
            }
            (Code::Left, _) => self.at = self.before(),
            (Code::Right, _) => self.at = self.after(),
            (Code::Home, _) => self.at = 0,
            (Code::End, _) => self.at = self.text.len(),
            _ => return false,
        }
        self.proposed = false;
        true
    }

    fn cut(&mut self, from: usize) {
        self.text.drain(from..self.at);
        self.at = from;
    }

    fn before(&self) -> usize {
        self.text[..self.at].char_indices().next_back().map_or(0, |(i, _)| i)
    }

    fn after(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    /// The part of the text around the cursor that fits into `cells`, the cursor as a reversed cell.
    pub(crate) fn line(&self, cells: usize, theme: Theme) -> Line<'static> {
        let mut from = self.at;
        let mut used = 1;
        for (i, c) in self.text[..self.at].char_indices().rev() {
            used += c.width().unwrap_or(0);
            if used > cells {
                break;
            }
            from = i;
        }
        let mut rest = self.text[self.at..].chars();
        let under = rest.next().map_or_else(|| " ".to_owned(), String::from);
        let before = text::clean(&self.text[from..self.at]).into_owned();
        let room = cells.saturating_sub(text::width(&before) + text::width(&under));
        let after = text::fit(rest.as_str(), room, "");
        Line::from(vec![
            Span::raw(before),
            Span::styled(text::clean(&under).into_owned(), theme.cursor(true)),
            Span::raw(after),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[&str]) -> String {
        let mut input = Input::default();
        for k in keys {
            input.key(Key::parse(k).unwrap());
        }
        input.text().to_owned()
    }

    #[test]
    fn editing() {
        assert_eq!(typed(&["a", "é", "日", "backspace", "x"]), "aéx");
        assert_eq!(typed(&["a", "b", "left", "left", "left", "x", "delete"]), "xb");
        assert_eq!(typed(&["a", "space", "b", "ctrl-w"]), "a ");
        assert_eq!(typed(&["a", "b", "left", "ctrl-u"]), "b");
    }

    #[test]
    fn the_cursor_is_always_visible() {
        let input = Input::new("日本語テキストの長い行");
        for cells in 1..30 {
            assert!(input.line(cells, Theme::default()).width() <= cells.max(1));
        }
    }
}
