//! A long text with its lines: they are made when it is shown at another width, not for every frame.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use super::text;

/// A text, and its lines at the width they were last asked for.
#[derive(Debug)]
pub(crate) struct Wrapped {
    text: String,
    /// Cells by which what does not fit into the first line of a paragraph is set in.
    hang: usize,
    lines: RefCell<Option<(usize, Rc<[String]>)>>,
}

impl Wrapped {
    /// A text whose paragraphs begin with a head of so many cells, plain characters, of which the rest stands clear. What has no
    /// such head is wrapped as it is.
    pub(crate) fn hanging(text: String, hang: usize) -> Self {
        Self { hang, ..text.into() }
    }

    fn lines(&self, cells: usize) -> Vec<String> {
        if self.hang == 0 || self.hang * 2 > cells {
            return text::wrap(&self.text, cells, usize::MAX);
        }
        let indent = " ".repeat(self.hang);
        let mut out = Vec::new();
        for paragraph in self.text.lines() {
            let split = paragraph.split_at_checked(self.hang);
            let is_plain = |head: &str| head.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
            let Some((head, rest)) = split.filter(|(head, _)| is_plain(head)) else {
                let pieces = text::wrap(paragraph, cells, usize::MAX);
                out.extend(if pieces.is_empty() { vec![String::new()] } else { pieces });
                continue;
            };
            let pieces = text::wrap(rest, cells - self.hang, usize::MAX);
            let first = format!("{head}{}", pieces.first().map_or("", String::as_str));
            out.push(first.trim_end().to_owned());
            out.extend(pieces.iter().skip(1).map(|piece| format!("{indent}{piece}")));
        }
        out
    }

    /// All of it as lines of at most `cells`.
    pub(crate) fn wrapped(&self, cells: usize) -> Rc<[String]> {
        let mut kept = self.lines.borrow_mut();
        match &*kept {
            Some((at, lines)) if *at == cells => lines.clone(),
            _ => {
                let lines: Rc<[String]> = self.lines(cells).into();
                *kept = Some((cells, lines.clone()));
                lines
            }
        }
    }
}

impl From<String> for Wrapped {
    fn from(text: String) -> Self {
        Self { text, hang: 0, lines: RefCell::new(None) }
    }
}

impl Deref for Wrapped {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_width() {
        let text = Wrapped::from("one two three".to_owned());
        let first = text.wrapped(7);
        assert_eq!(*first, ["one two", "three"]);
        assert!(Rc::ptr_eq(&first, &text.wrapped(7)), "made once");
        assert_eq!(*text.wrapped(20), ["one two three"]);
        assert_eq!(*text.wrapped(7), ["one two", "three"]);
    }

    #[test]
    fn paragraphs_hang_below_their_heads() {
        let text = Wrapped::hanging("1: one two three\n2: four\n\n日本語".to_owned(), 3);
        assert_eq!(*text.wrapped(10), ["1: one two", "   three", "2: four", "", "日本語"]);
        assert_eq!(*text.wrapped(5), ["1:", "one", "two", "three", "2:", "four", "", "日本", "語"], "no room for it");
        let text = Wrapped::hanging("aé日本語日本語\nab\n\u{1b}[2Jx\n日本語日本語".to_owned(), 3);
        let expected = ["aé日本語", "日本語", "ab", "x", "日本語日", "本語"];
        assert_eq!(*text.wrapped(8), expected, "no head, and nothing of it is lost");
    }
}
