//! [`Spans`]: where the members of one message stand. Most messages have few of those that are looked for.

use std::cell::RefCell;

use super::message::{Field, Span};

/// Members with a place of their own: the first of [`Field`], those of calls, their answers and their progress.
const N_NEAR: usize = Field::MetaCapabilities as usize + 1;

/// The members that were found.
#[derive(Debug)]
pub(super) struct Spans {
    /// A bit for each field that was found: most that are asked for were not.
    fields: u64,
    /// On the heap from the beginning: a message is handed on many times, its places are found once. `None`: it is being dropped.
    places: Option<Box<Places>>,
}

/// Where they stand. What stands here of a field that was not found is of a message before.
#[derive(Debug)]
struct Places {
    near: [Span; N_NEAR],
    /// Those of other members, in the order they stand in.
    far: Vec<(Field, Span)>,
}

/// As many as there are messages on their way at once, mostly: the allocator keeps only a few at hand.
const N_SPARE: usize = 64;
/// One that had to be larger is not kept.
const MOST_FAR: usize = 16;

thread_local! {
    /// Of messages that are gone, for those that come.
    #[expect(clippy::vec_box, reason = "what is taken out of it is a message's own")]
    static SPARE: RefCell<Vec<Box<Places>>> = const { RefCell::new(Vec::new()) };
}

impl Places {
    #[inline]
    fn take() -> Box<Self> {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        spare.unwrap_or_else(|| Box::new(Self { near: [Span::NONE; N_NEAR], far: Vec::new() }))
    }
}

impl Drop for Spans {
    #[inline]
    fn drop(&mut self) {
        let Some(mut places) = self.places.take().filter(|places| places.far.capacity() <= MOST_FAR) else { return };
        places.far.clear();
        // At the end of a thread there is nobody to keep it for.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < N_SPARE {
                spare.push(places);
            }
        });
    }
}

impl Clone for Spans {
    fn clone(&self) -> Self {
        let mut clone = Self::new();
        clone.fields = self.fields;
        if let (Some(into), Some(from)) = (&mut clone.places, &self.places) {
            into.near = from.near;
            into.far.extend_from_slice(&from.far);
        }
        clone
    }
}

impl Spans {
    /// None found yet.
    #[inline]
    pub(super) fn new() -> Self {
        Self { fields: 0, places: Some(Places::take()) }
    }

    /// Whether a member was found.
    #[inline(always)]
    pub(super) const fn has(&self, field: Field) -> bool {
        self.fields & bit(field) != 0
    }

    /// Where a member's value stands; [`Span::NONE`]: nowhere.
    #[inline(always)]
    pub(super) fn get(&self, field: Field) -> Span {
        match &self.places {
            Some(places) if self.has(field) => match places.near.get(field as usize) {
                Some(span) => *span,
                None => places.get_far(field),
            },
            _ => Span::NONE,
        }
    }

    /// A member was found that was not found before.
    #[inline]
    pub(super) fn add(&mut self, field: Field, span: Span) {
        let Some(places) = &mut self.places else { return };
        self.fields |= bit(field);
        match places.near.get_mut(field as usize) {
            Some(place) => *place = span,
            None => places.far.push((field, span)),
        }
    }

    /// `params._meta` has a member that is not looked for.
    #[inline]
    pub(super) const fn has_more_meta(&mut self) {
        self.fields |= MORE_META;
    }

    /// Whether `params._meta` has members, and of these fields only.
    pub(super) fn has_only_meta(&self, fields: impl Iterator<Item = Field>) -> bool {
        let wanted = fields.fold(0, |all, f| all | bit(f));
        let found = self.fields & (MORE_META | ALL_META);
        found != 0 && found & !wanted == 0
    }

    /// As if it had not been found.
    pub(super) fn remove(&mut self, field: Field) {
        self.fields &= !bit(field);
        if let Some(places) = &mut self.places {
            places.far.retain(|(f, _)| *f != field);
        }
    }
}

impl Places {
    #[inline(never)]
    fn get_far(&self, field: Field) -> Span {
        self.far.iter().find(|(f, _)| *f == field).map_or(Span::NONE, |(_, span)| *span)
    }
}

/// Stands for the members of `params._meta` that are no [`Field`].
const MORE_META: u64 = 1 << 63;

/// Those that are.
const ALL_META: u64 = bit(Field::MetaToken)
    | bit(Field::MetaVersion)
    | bit(Field::MetaClientInfo)
    | bit(Field::MetaCapabilities)
    | bit(Field::MetaLogLevel)
    | bit(Field::MetaSubscription)
    | bit(Field::MetaTask);

/// The bit that stands for a field; there are fewer than 64.
#[inline(always)]
const fn bit(field: Field) -> u64 {
    1 << field as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_wherever_their_places_are() {
        let fields = [
            Field::Id,
            Field::Cursor,
            Field::Method,
            Field::MetaCapabilities,
            Field::ProtocolVersion,
            Field::ResultMeta,
            Field::Level,
            Field::Progress,
        ];
        assert_eq!(fields.iter().filter(|f| (**f as usize) < N_NEAR).count(), 4, "of both kinds");
        for removed in [Field::Cursor, Field::Method] {
            let mut spans = Spans::new();
            for (at, field) in fields.into_iter().enumerate() {
                assert_eq!(spans.get(field), Span::NONE);
                spans.add(field, Span::new(at, at + 1));
            }
            spans.remove(removed);
            for (at, field) in fields.into_iter().enumerate() {
                let expected = if field == removed { Span::NONE } else { Span::new(at, at + 1) };
                assert_eq!((spans.get(field), spans.has(field)), (expected, field != removed), "{field:?}");
            }
        }
    }

    #[test]
    fn what_was_of_a_message_before_is_not_of_the_next() {
        let fields = [Field::Id, Field::Params, Field::Cursor, Field::Level];
        let mut before = Spans::new();
        fields.into_iter().for_each(|f| before.add(f, Span::new(1, 2)));
        before.has_more_meta();
        let copy = before.clone();
        drop(before);
        let mut next = Spans::new();
        next.add(Field::Level, Span::new(3, 4));
        for field in fields {
            let expected = if field == Field::Level { Span::new(3, 4) } else { Span::NONE };
            assert_eq!((next.get(field), copy.get(field)), (expected, Span::new(1, 2)), "{field:?}");
        }
        assert!(!next.has_only_meta(std::iter::once(Field::MetaToken)));
    }

    #[test]
    fn what_is_kept_for_the_next_messages_is_bounded() {
        let all: Vec<Spans> = (0..2 * N_SPARE).map(|_| Spans::new()).collect();
        drop(all);
        assert_eq!(SPARE.with_borrow(Vec::len), N_SPARE);
        let mut large = Spans::new();
        (0..2 * MOST_FAR).for_each(|at| large.add(Field::Cursor, Span::new(at, at + 1)));
        drop(large);
        assert_eq!(SPARE.with_borrow(Vec::len), N_SPARE - 1);
    }
}
