//! Which rows of the journal the list has, without holding any: ids and places.
//!
//! Without a filter the ids run from the oldest to the newest without gaps. With one, the matching ids are kept,
//! extended as rows come, and rebuilt only when the filter changes, [`SCAN_ROWS`] rows at a time.

use std::collections::VecDeque;

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::observe::filter::Filter;
use mcp_proxy_core::protocol::CallId;

use crate::app::effect::{Effect, SCAN_ROWS};

/// The rows that pass the filter.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The oldest row kept.
    pub(crate) first: u64,
    /// The id of the next row.
    pub(crate) next: u64,
    filter: Filter,
    /// Ids that pass, ascending; unused without a filter.
    ids: VecDeque<u64>,
    /// Rows before this id have been looked at.
    scanned: u64,
    /// A scan is on its way.
    scanning: bool,
    /// Counts filters, so that the rows of an old scan are not taken for those of a new one.
    generation: u64,
}

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        if self.filter.is_empty() {
            usize::try_from(self.next - self.first).unwrap_or(usize::MAX)
        } else {
            self.ids.len()
        }
    }

    /// How many rows the journal has.
    pub(crate) const fn total(&self) -> u64 {
        self.next - self.first
    }

    /// Whether the filter has looked at every row.
    pub(crate) fn is_complete(&self) -> bool {
        self.filter.is_empty() || self.scanned >= self.next
    }

    /// The row at a place.
    pub(crate) fn id(&self, at: usize) -> Option<u64> {
        if self.filter.is_empty() {
            (at < self.len()).then(|| self.first + at as u64)
        } else {
            self.ids.get(at).copied()
        }
    }

    /// The place of a row, or where it would be.
    pub(crate) fn place(&self, id: u64) -> usize {
        if self.filter.is_empty() {
            usize::try_from(id.clamp(self.first, self.next) - self.first).unwrap_or(usize::MAX)
        } else {
            self.ids.binary_search(&id).unwrap_or_else(|at| at)
        }
    }

    /// Another filter.
    pub(crate) fn set_filter(&mut self, filter: Filter) -> Option<Effect> {
        if filter == self.filter {
            return None;
        }
        self.filter = filter;
        self.rebuild()
    }

    fn rebuild(&mut self) -> Option<Effect> {
        self.ids.clear();
        self.scanned = self.first;
        self.generation += 1;
        self.scanning = false;
        self.scan()
    }

    /// The next step of looking at rows, unless one is on its way.
    fn scan(&mut self) -> Option<Effect> {
        if self.scanning || self.is_complete() {
            return None;
        }
        self.scanning = true;
        Some(Effect::Scan { from: self.scanned, generation: self.generation })
    }

    /// The journal has moved on. Returns how many places at the front are gone, and what is to be read.
    pub(crate) fn seen(&mut self, first: u64, next: u64, changed: Option<&[CallId]>) -> (usize, Vec<Effect>) {
        let next = next.max(first);
        let mut effects = Vec::new();
        let gone = if self.filter.is_empty() {
            usize::try_from(first.saturating_sub(self.first)).unwrap_or(usize::MAX)
        } else {
            let n = self.ids.partition_point(|id| *id < first);
            self.ids.drain(..n);
            n
        };
        (self.first, self.next) = (first, next);
        self.scanned = self.scanned.max(first);
        if !self.filter.is_empty() {
            match changed {
                None if self.filter.is_volatile() => effects.extend(self.rebuild()),
                Some(ids) if self.filter.is_volatile() => {
                    let again: Vec<CallId> = ids.iter().copied().filter(|id| id.0 < self.scanned).collect();
                    effects.extend(again.chunks(SCAN_ROWS).map(|c| Effect::Recheck(c.to_vec())));
                }
                _ => {}
            }
            effects.extend(self.scan());
        }
        (gone, effects)
    }

    /// Takes the rows of a scan.
    pub(crate) fn scanned(&mut self, generation: u64, upto: u64, rows: &[Flow]) -> Option<Effect> {
        if generation != self.generation {
            return None;
        }
        self.scanning = false;
        for row in rows.iter().filter(|r| r.id.0 >= self.scanned && self.filter.matches(r)) {
            self.ids.push_back(row.id.0);
        }
        self.scanned = self.scanned.max(upto).min(self.next.max(self.scanned));
        self.scan()
    }

    /// Takes rows that changed.
    pub(crate) fn rechecked(&mut self, rows: &[Flow]) {
        for row in rows.iter().filter(|r| r.id.0 < self.scanned) {
            match (self.ids.binary_search(&row.id.0), self.filter.matches(row)) {
                (Ok(at), false) => {
                    self.ids.remove(at);
                }
                (Err(at), true) => self.ids.insert(at, row.id.0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn run(rows: &mut Rows, mut effects: Vec<Effect>, journal: &[Flow]) {
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Scan { from, generation } => {
                    let page: Vec<Flow> = journal.iter().filter(|f| f.id.0 >= from).take(3).cloned().collect();
                    let upto = page.last().map_or(rows.next, |f| f.id.0 + 1);
                    effects.extend(rows.scanned(generation, upto, &page));
                }
                Effect::Recheck(ids) => {
                    let page: Vec<Flow> = journal.iter().filter(|f| ids.contains(&f.id)).cloned().collect();
                    rows.rechecked(&page);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn shown(rows: &Rows) -> Vec<u64> {
        (0..rows.len()).filter_map(|at| rows.id(at)).collect()
    }

    #[test]
    fn without_a_filter_ids_run_on() {
        let mut rows = Rows::default();
        assert_eq!(rows.seen(0, 5, None).0, 0);
        assert_eq!(shown(&rows), [0, 1, 2, 3, 4]);
        assert_eq!(rows.seen(2, 7, None).0, 2);
        assert_eq!(shown(&rows), [2, 3, 4, 5, 6]);
        assert_eq!((rows.place(4), rows.place(0), rows.place(99)), (2, 0, 5));
    }

    #[test]
    fn a_filter_is_followed_through_new_changed_and_lost_rows() {
        let mut journal = sample::flows();
        let n = journal.len() as u64;
        let mut rows = Rows::default();
        rows.seen(0, n, None);
        let effects = rows.set_filter(Filter::parse("~e").unwrap()).into_iter().collect();
        run(&mut rows, effects, &journal);
        let expect = |journal: &[Flow], first: u64| -> Vec<u64> {
            journal
                .iter()
                .filter(|f| f.id.0 >= first && mcp_proxy_core::observe::filter::failed(&f.status))
                .map(|f| f.id.0)
                .collect()
        };
        assert_eq!(shown(&rows), expect(&journal, 0));

        let at = journal.iter().position(|f| f.status == mcp_proxy_core::observe::Status::Pending).unwrap();
        journal[at].status = mcp_proxy_core::observe::Status::TimedOut;
        let changed = [journal[at].id];
        let mut new = journal[1].clone();
        new.id = CallId(n);
        new.status = mcp_proxy_core::observe::Status::ToolError;
        journal.push(new);
        let (_, effects) = rows.seen(0, n + 1, Some(&changed));
        run(&mut rows, effects, &journal);
        assert_eq!(shown(&rows), expect(&journal, 0));

        let first = shown(&rows)[1];
        let (gone, effects) = rows.seen(first, n + 1, Some(&[]));
        run(&mut rows, effects, &journal);
        assert_eq!(gone, 1);
        assert_eq!(shown(&rows), expect(&journal, first));
    }

    #[test]
    fn the_rows_of_an_old_filter_are_not_taken() {
        let journal = sample::flows();
        let mut rows = Rows::default();
        rows.seen(0, journal.len() as u64, None);
        rows.set_filter(Filter::parse("a").unwrap());
        let Some(Effect::Scan { generation, .. }) = rows.set_filter(Filter::parse("~e").unwrap()) else { panic!() };
        assert_eq!(rows.scanned(generation - 1, 3, &journal), None);
        assert!(!rows.is_complete());
    }
}
