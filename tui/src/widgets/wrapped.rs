//! A long text with its lines: they are made when it is shown at another width, not for every frame.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use super::text;

/// A text, and its lines at the width they were last asked for.
#[derive(Debug)]
pub(crate) struct Wrapped {
    text: String,
    lines: RefCell<Option<(usize, Rc<[String]>)>>,
}

impl Wrapped {
    /// All of it as lines of at most `cells`.
    pub(crate) fn wrapped(&self, cells: usize) -> Rc<[String]> {
        let mut kept = self.lines.borrow_mut();
        match &*kept {
            Some((at, lines)) if *at == cells => lines.clone(),
            _ => {
                let lines: Rc<[String]> = text::wrap(&self.text, cells, usize::MAX).into();
                *kept = Some((cells, lines.clone()));
                lines
            }
        }
    }
}

impl From<String> for Wrapped {
    fn from(text: String) -> Self {
        Self { text, lines: RefCell::new(None) }
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
}
