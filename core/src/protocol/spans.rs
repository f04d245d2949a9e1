//! [`Spans`]: where the members of one message stand. Most messages have few of those that are looked for.

use super::message::{Field, Span};

/// Members there is room for at first: a call of either era has no more. The memory of so many is the most that the allocator
/// gives and takes in its quick way.
const USUAL: usize = 10;

/// The members that were found, in the order they stand in.
/// On the heap from the beginning: a message is handed on many times, its places are found once.
#[derive(Clone, Debug)]
pub(super) struct Spans(Vec<(Field, Span)>);

impl Spans {
    /// None found yet.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(USUAL))
    }

    /// Where a member's value stands; [`Span::NONE`]: nowhere.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Span {
        self.0.iter().find(|(f, _)| *f == field).map_or(Span::NONE, |(_, span)| *span)
    }

    /// A member was found that was not found before.
    #[inline]
    pub(super) fn add(&mut self, field: Field, span: Span) {
        self.0.push((field, span));
    }

    /// As if it had not been found.
    pub(super) fn remove(&mut self, field: Field) {
        self.0.retain(|(f, _)| *f != field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_whatever_their_number() {
        let fields = [
            Field::Id,
            Field::Method,
            Field::Params,
            Field::Name,
            Field::Uri,
            Field::Cursor,
            Field::Level,
            Field::CancelId,
            Field::Progress,
            Field::Ref,
            Field::RefName,
            Field::Meta,
            Field::MetaToken,
        ];
        assert!(fields.len() > USUAL);
        let mut spans = Spans::new();
        for (at, field) in fields.into_iter().enumerate() {
            assert_eq!(spans.get(field), Span::NONE);
            spans.add(field, Span::new(at, at + 1));
        }
        spans.remove(Field::Cursor);
        for (at, field) in fields.into_iter().enumerate() {
            let expected = if field == Field::Cursor { Span::NONE } else { Span::new(at, at + 1) };
            assert_eq!(spans.get(field), expected, "{field:?}");
        }
    }
}
