//! What was done to a text, so that it can be undone, in words. Steps that belong together are one; how many are kept, and how
//! much text is in them, is bounded.

use std::collections::VecDeque;
use std::ops::Range;

use super::buffer::{Buffer, Place};

/// Steps that can be undone.
const MAX_STEPS: usize = 1_000;
/// Text kept for that.
const MAX_BYTES: usize = 8 << 20;
/// Characters of a text named in words.
const MAX_SHOWN: usize = 24;

/// What kind of change it is: of the same kind, and beside each other, they become one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Typed.
    Typed,
    /// Deleted, to the left or to the right.
    Deleted,
    /// Something that stands alone, in words: `pasted 3 lines`.
    Whole(String),
}

/// One text in the place of another.
#[derive(Clone, Debug)]
struct Splice {
    at: Place,
    old: String,
    new: String,
}

/// What is undone at once.
#[derive(Clone, Debug)]
struct Step {
    deed: Deed,
    splices: Vec<Splice>,
    /// Where the cursor was, and where it was put.
    before: Place,
    after: Place,
}

impl Step {
    fn n_bytes(&self) -> usize {
        self.splices.iter().map(|s| s.old.len() + s.new.len()).sum()
    }

    /// `typed "npx"`
    fn words(&self) -> String {
        let shown = |text: &str| {
            let n_lines = text.matches('\n').count();
            let trimmed = text.trim();
            if n_lines > 0 && !trimmed.is_empty() {
                return format!("{} lines", n_lines + 1);
            }
            if n_lines > 0 {
                return "a line break".to_owned();
            }
            if trimmed.is_empty() {
                return if text.chars().count() == 1 { "a blank".to_owned() } else { "blanks".to_owned() };
            }
            let mut cut: String = trimmed.chars().take(MAX_SHOWN).collect();
            if cut.len() < trimmed.len() {
                cut.push_str("..");
            }
            format!("`{cut}`")
        };
        let all = |of: fn(&Splice) -> &str| self.splices.iter().map(of).collect::<String>();
        match &self.deed {
            Deed::Typed => format!("typed {}", shown(&all(|s| &s.new))),
            Deed::Deleted => {
                // Deleting to the left takes the last one first.
                let is_left = self.splices.windows(2).all(|w| w[1].at < w[0].at);
                let parts: Vec<&str> = self.splices.iter().map(|s| s.old.as_str()).collect();
                let text: String = if is_left { parts.into_iter().rev().collect() } else { parts.concat() };
                format!("deleted {}", shown(&text))
            }
            Deed::Whole(words) => words.clone(),
        }
    }
}

/// What can be undone and done again.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    n_bytes: usize,
    /// The next change begins a step of its own.
    is_closed: bool,
    /// Steps that were forgotten: the text as it came cannot be reached any more.
    n_lost: usize,
}

impl History {
    /// Does something to `buffer` and keeps how to undo it. Gives where it ends.
    pub(crate) fn apply(
        &mut self,
        buffer: &mut Buffer,
        deed: Deed,
        range: Range<Place>,
        new: &str,
        cursor: Place,
    ) -> Place {
        let old = buffer.slice(&range);
        let end = buffer.replace(&range, new);
        self.undone.clear();
        let splice = Splice { at: range.start, old, new: new.to_owned() };
        self.n_bytes += splice.old.len() + splice.new.len();
        let joins = !self.is_closed && self.done.back().is_some_and(|step| joins(step, &deed, &splice));
        self.is_closed = matches!(deed, Deed::Whole(_));
        match self.done.back_mut().filter(|_| joins) {
            Some(step) => {
                step.splices.push(splice);
                step.after = end;
            }
            None => self.done.push_back(Step { deed, splices: vec![splice], before: cursor, after: end }),
        }
        while self.done.len() > MAX_STEPS || (self.n_bytes > MAX_BYTES && self.done.len() > 1) {
            let Some(step) = self.done.pop_front() else { break };
            self.n_bytes -= step.n_bytes();
            self.n_lost += 1;
        }
        end
    }

    /// Several places at once, as one step; given from the last to the first.
    pub(crate) fn apply_all(
        &mut self,
        buffer: &mut Buffer,
        words: String,
        changes: Vec<(Range<Place>, String)>,
        cursor: Place,
        after: Place,
    ) {
        let mut splices = Vec::with_capacity(changes.len());
        for (range, new) in changes {
            let old = buffer.slice(&range);
            buffer.replace(&range, &new);
            splices.push(Splice { at: range.start, old, new });
        }
        self.undone.clear();
        let step = Step { deed: Deed::Whole(words), splices, before: cursor, after };
        self.n_bytes += step.n_bytes();
        self.done.push_back(step);
        self.is_closed = true;
    }

    /// What comes next is a step of its own.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Takes the last step back. Gives what that was, where the cursor was, and the first line that changed.
    pub(crate) fn undo(&mut self, buffer: &mut Buffer) -> Option<(String, Place, usize)> {
        let step = self.done.pop_back()?;
        for s in step.splices.iter().rev() {
            let end = end_of(s.at, &s.new);
            buffer.replace(&(s.at..end), &s.old);
        }
        self.is_closed = true;
        let first = step.splices.iter().map(|s| s.at.line).min().unwrap_or(0);
        let told = (step.words(), step.before, first);
        self.n_bytes -= step.n_bytes();
        self.undone.push(step);
        Some(told)
    }

    /// Does it again.
    pub(crate) fn redo(&mut self, buffer: &mut Buffer) -> Option<(String, Place, usize)> {
        let step = self.undone.pop()?;
        for s in &step.splices {
            let end = end_of(s.at, &s.old);
            buffer.replace(&(s.at..end), &s.new);
        }
        self.is_closed = true;
        let first = step.splices.iter().map(|s| s.at.line).min().unwrap_or(0);
        let told = (step.words(), step.after, first);
        self.n_bytes += step.n_bytes();
        self.done.push_back(step);
        Some(told)
    }

    /// How many steps can be undone, and done again.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.done.len(), self.undone.len())
    }
}

/// Where a text that begins at `at` ends.
fn end_of(at: Place, text: &str) -> Place {
    match text.rfind('\n') {
        Some(last) => Place { line: at.line + text.matches('\n').count(), byte: text.len() - last - 1 },
        None => Place { line: at.line, byte: at.byte + text.len() },
    }
}

/// Whether a change continues a step.
fn joins(step: &Step, deed: &Deed, splice: &Splice) -> bool {
    let Some(last) = step.splices.last() else { return false };
    match (&step.deed, deed) {
        (Deed::Typed, Deed::Typed) => {
            // A word and the blanks behind it are one.
            let begins_word = last.new.ends_with(char::is_whitespace) && !splice.new.starts_with(char::is_whitespace);
            splice.old.is_empty() && end_of(last.at, &last.new) == splice.at && !begins_word && !last.new.contains('\n')
        }
        (Deed::Deleted, Deed::Deleted) => {
            let is_left = end_of(splice.at, &splice.old) == last.at;
            let is_right = splice.at == last.at;
            (is_left || is_right) && !splice.old.contains('\n') && !last.old.contains('\n')
        }
        _ => false,
    }
}
