//! [`Spans`]: where the members of one message stand. Most messages have few of those that are looked for.

use super::message::{Field, Span};

/// Members there is room for at first: a call of either era has no more. The memory of so many is the most that the allocator
/// gives and takes in its quick way.
const USUAL: usize = 10;

/// The members that were found.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// A bit for each field that was found: most that are asked for were not.
    fields: u64,
    /// In the order they stand in. On the heap from the beginning: a message is handed on many times, its places are found once.
    places: Vec<(Field, Span)>,
}

impl Spans {
    /// None found yet.
    pub(super) fn new() -> Self {
        Self { fields: 0, places: Vec::with_capacity(USUAL) }
    }

    /// Whether a member was found.
    #[inline(always)]
    pub(super) const fn has(&self, field: Field) -> bool {
        self.fields & bit(field) != 0
    }

    /// Where a member's value stands; [`Span::NONE`]: nowhere.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Span {
        if !self.has(field) {
            return Span::NONE;
        }
        self.places.iter().find(|(f, _)| *f == field).map_or(Span::NONE, |(_, span)| *span)
    }

    /// A member was found that was not found before.
    #[inline]
    pub(super) fn add(&mut self, field: Field, span: Span) {
        self.fields |= bit(field);
        self.places.push((field, span));
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
        self.places.retain(|(f, _)| *f != field);
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
