//! [`Spans`]: where the members of one message stand. Most messages have few of those that are looked for.

use super::message::{Field, Span};

/// Members with a place of their own: the first of [`Field`], those of calls, their answers and their progress.
const N_NEAR: usize = Field::MetaCapabilities as usize + 1;

/// The members that were found.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// A bit for each field that was found: most that are asked for were not.
    fields: u64,
    /// On the heap from the beginning: a message is handed on many times, its places are found once.
    places: Box<Places>,
}

#[derive(Clone, Debug)]
struct Places {
    near: [Span; N_NEAR],
    /// Those of other members, in the order they stand in.
    far: Vec<(Field, Span)>,
}

impl Spans {
    /// None found yet.
    pub(super) fn new() -> Self {
        Self { fields: 0, places: Box::new(Places { near: [Span::NONE; N_NEAR], far: Vec::new() }) }
    }

    /// Whether a member was found.
    #[inline(always)]
    pub(super) const fn has(&self, field: Field) -> bool {
        self.fields & bit(field) != 0
    }

    /// Where a member's value stands; [`Span::NONE`]: nowhere.
    #[inline(always)]
    pub(super) fn get(&self, field: Field) -> Span {
        match self.places.near.get(field as usize) {
            Some(span) => *span,
            None if self.has(field) => self.get_far(field),
            None => Span::NONE,
        }
    }

    #[inline(never)]
    fn get_far(&self, field: Field) -> Span {
        self.places.far.iter().find(|(f, _)| *f == field).map_or(Span::NONE, |(_, span)| *span)
    }

    /// A member was found that was not found before.
    #[inline]
    pub(super) fn add(&mut self, field: Field, span: Span) {
        self.fields |= bit(field);
        match self.places.near.get_mut(field as usize) {
            Some(place) => *place = span,
            None => self.places.far.push((field, span)),
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
        match self.places.near.get_mut(field as usize) {
            Some(place) => *place = Span::NONE,
            None => self.places.far.retain(|(f, _)| *f != field),
        }
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
        assert!(fields.iter().filter(|f| (**f as usize) < N_NEAR).count() == 4, "of both kinds");
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
}
