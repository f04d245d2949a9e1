//! Which rows of the journal the list has, without holding any: ids and places.
//!
//! Without a filter the ids run from the oldest to the newest without gaps. With one, the matching ids are kept,
//! extended as rows come, and rebuilt only when the filter changes, [`SCAN_ROWS`] rows at a time. Ordered by a column they
//! have a second order of their own (`order.rs`).

use std::collections::{BTreeMap, VecDeque};

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::observe::filter::Filter;
use mcp_proxy_core::protocol::CallId;

use super::marks::Mark;
use super::order::Ordered;
use crate::app::effect::{Effect, SCAN_ROWS};
use crate::widgets::flow_table::Order;

/// The rows that pass the filter.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The oldest row kept.
    pub(crate) first: u64,
    /// The id of the next row.
    pub(crate) next: u64,
    filter: Filter,
    /// Rows before this one are not wanted.
    floor: u64,
    /// There are ids without rows: how many have one.
    sparse: Option<u64>,
    /// Ids that pass, ascending; unused without a filter.
    ids: VecDeque<u64>,
    /// The same in the order of a column, if there is one.
    ordered: Option<Ordered>,
    /// Rows before this id have been looked at.
    scanned: u64,
    /// A scan is on its way.
    scanning: bool,
    /// Counts filters, so that the rows of an old scan are not taken for those of a new one.
    generation: u64,
}

/// What a person has marked.
pub(crate) type Marks = BTreeMap<u64, Mark>;

impl Rows {
    /// Whether every id is a row that is shown, in its own order.
    fn is_plain(&self) -> bool {
        self.filter.is_empty() && self.ordered.is_none() && self.sparse.is_none()
    }

    /// The oldest row that may be shown.
    fn begin(&self) -> u64 {
        self.first.max(self.floor).min(self.next)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        if self.is_plain() {
            usize::try_from(self.next - self.begin()).unwrap_or(usize::MAX)
        } else {
            self.ordered.as_ref().map_or(self.ids.len(), Ordered::len)
        }
    }

    /// How many rows the journal has.
    pub(crate) fn total(&self) -> u64 {
        match self.sparse {
            // What was put away is not told from what never was.
            Some(n) if !self.has_floor() => n,
            _ => self.next - self.begin(),
        }
    }

    /// Whether the filter has looked at every row.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_plain() || self.scanned >= self.next
    }

    /// Whether it is known of a row if it passes.
    pub(crate) fn has_looked_at(&self, id: u64) -> bool {
        id < if self.is_plain() { self.next } else { self.scanned }
    }

    /// The row at a place.
    pub(crate) fn id(&self, at: usize) -> Option<u64> {
        if self.is_plain() {
            (at < self.len()).then(|| self.begin() + at as u64)
        } else {
            self.ordered.as_ref().map_or_else(|| self.ids.get(at).copied(), |o| o.id(at))
        }
    }

    /// The place of a row, or where it would be.
    pub(crate) fn place(&self, id: u64) -> usize {
        if self.is_plain() {
            usize::try_from(id.clamp(self.begin(), self.next) - self.begin()).unwrap_or(usize::MAX)
        } else if let Some(ordered) = &self.ordered {
            ordered.place(id)
        } else {
            self.ids.binary_search(&id).unwrap_or_else(|at| at)
        }
    }

    /// What the list is ordered by.
    pub(crate) fn order(&self) -> Order {
        self.ordered.as_ref().map(Ordered::by)
    }

    /// Another filter.
    pub(crate) fn set_filter(&mut self, filter: Filter) -> Option<Effect> {
        if filter == self.filter {
            return None;
        }
        self.filter = filter;
        self.rebuild()
    }

    /// Whether the filter asks what is marked.
    pub(crate) fn needs_marks(&self) -> bool {
        self.filter.needs_marks()
    }

    /// Another order.
    pub(crate) fn set_order(&mut self, order: Order) -> Option<Effect> {
        let turned = self.ordered.as_mut().zip(order).is_some_and(|(ordered, by)| ordered.turn(by));
        if turned {
            return None;
        }
        self.ordered = order.map(Ordered::new);
        self.rebuild()
    }

    /// Rows before this one are not shown.
    pub(crate) fn set_floor(&mut self, floor: u64) -> Option<Effect> {
        self.floor = floor;
        self.rebuild()
    }

    /// Whether rows are left out because they are too old to be wanted.
    pub(crate) const fn has_floor(&self) -> bool {
        self.floor > self.first
    }

    /// Other rows altogether: so many of a recording, whose ids may have gaps, or the journal's again.
    pub(crate) fn change_source(&mut self, sparse: Option<u64>) {
        (self.first, self.next, self.floor, self.sparse) = (0, 0, 0, sparse);
        // What is read next is all new.
        let _ = self.rebuild();
    }

    /// Looks at everything again.
    pub(crate) fn rebuild(&mut self) -> Option<Effect> {
        self.ids.clear();
        if let Some(ordered) = &mut self.ordered {
            ordered.clear();
        }
        self.scanned = self.begin();
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
        let with_frames = self.filter.needs_frames();
        Some(Effect::Scan { from: self.scanned, generation: self.generation, with_frames })
    }

    /// The journal has moved on. Returns how many places at the front are gone, and what is to be read.
    pub(crate) fn seen(&mut self, first: u64, next: u64, changed: Option<&[CallId]>) -> (usize, Vec<Effect>) {
        let next = next.max(first);
        let mut effects = Vec::new();
        let begin = self.begin();
        (self.first, self.next) = (first, next);
        let gone = if self.is_plain() {
            usize::try_from(self.begin().saturating_sub(begin)).unwrap_or(usize::MAX)
        } else {
            let n = self.ids.partition_point(|id| *id < first);
            self.ids.drain(..n);
            match &mut self.ordered {
                Some(ordered) => {
                    ordered.drop_before(first, n);
                    0
                }
                None => n,
            }
        };
        self.scanned = self.scanned.max(self.begin());
        if !self.is_plain() {
            let is_volatile = self.filter.is_volatile() || self.ordered.is_some();
            match changed {
                None if is_volatile => effects.extend(self.rebuild()),
                Some(ids) if is_volatile => {
                    let begin = self.begin();
                    let wanted = |id: &CallId| id.0 < self.scanned && id.0 >= begin;
                    let again: Vec<CallId> = ids.iter().copied().filter(wanted).collect();
                    let with_frames = self.filter.needs_frames();
                    effects.extend(again.chunks(SCAN_ROWS).map(|c| Effect::Recheck { ids: c.to_vec(), with_frames }));
                }
                _ => {}
            }
            effects.extend(self.scan());
        }
        (gone, effects)
    }

    /// Takes the rows of a scan.
    pub(crate) fn scanned(&mut self, generation: u64, upto: u64, rows: &[Flow], marks: &Marks) -> Option<Effect> {
        if generation != self.generation {
            return None;
        }
        self.scanning = false;
        for row in rows.iter().filter(|r| r.id.0 >= self.scanned && passes(&self.filter, r, marks)) {
            self.ids.push_back(row.id.0);
            if let Some(ordered) = &mut self.ordered {
                ordered.put(row);
            }
        }
        self.scanned = self.scanned.max(upto).min(self.next.max(self.scanned));
        let is_complete = self.is_complete();
        if let Some(ordered) = &mut self.ordered {
            ordered.merge(is_complete);
        }
        self.scan()
    }

    /// Takes rows that changed.
    pub(crate) fn rechecked(&mut self, rows: &[Flow], marks: &Marks) {
        if let Some(ordered) = &mut self.ordered {
            ordered.take_out(rows.iter().map(|r| r.id.0));
        }
        let begin = self.begin();
        for row in rows.iter().filter(|r| r.id.0 < self.scanned && r.id.0 >= begin) {
            let passes = passes(&self.filter, row, marks);
            match (self.ids.binary_search(&row.id.0), passes) {
                (Ok(at), false) => {
                    self.ids.remove(at);
                }
                (Err(at), true) => self.ids.insert(at, row.id.0),
                _ => {}
            }
            if let Some(ordered) = self.ordered.as_mut().filter(|_| passes) {
                ordered.put(row);
            }
        }
        if let Some(ordered) = &mut self.ordered {
            ordered.merge(true);
        }
    }
}

fn passes(filter: &Filter, row: &Flow, marks: &Marks) -> bool {
    filter.matches_as(row, marks.contains_key(&row.id.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn run(rows: &mut Rows, mut effects: Vec<Effect>, journal: &[Flow]) {
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Scan { from, generation, .. } => {
                    let page: Vec<Flow> = journal.iter().filter(|f| f.id.0 >= from).take(3).cloned().collect();
                    let upto = page.last().map_or(rows.next, |f| f.id.0 + 1);
                    effects.extend(rows.scanned(generation, upto, &page, &Marks::new()));
                }
                Effect::Recheck { ids, .. } => {
                    let page: Vec<Flow> = journal.iter().filter(|f| ids.contains(&f.id)).cloned().collect();
                    rows.rechecked(&page, &Marks::new());
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
        assert_eq!(rows.scanned(generation - 1, 3, &journal, &Marks::new()), None);
        assert!(!rows.is_complete());
    }

    #[test]
    fn rows_stay_in_the_order_of_a_column_as_they_come_change_and_go() {
        use crate::widgets::flow_table::Column;
        let mut journal = sample::flows();
        let mut rows = Rows::default();
        rows.seen(0, journal.len() as u64, None);
        let effects = rows.set_order(Some((Column::Latency, true))).into_iter().collect();
        run(&mut rows, effects, &journal);
        let expect = |journal: &[Flow], first: u64, down: bool| {
            let mut all: Vec<_> =
                journal.iter().filter(|f| f.id.0 >= first).map(|f| (Column::Latency.key(f), f.id.0)).collect();
            all.sort();
            if down {
                all.reverse();
            }
            all.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        assert_eq!(shown(&rows), expect(&journal, 0, true));
        assert!(rows.set_order(Some((Column::Latency, false))).is_none(), "the other way round needs no reading");
        assert_eq!(shown(&rows), expect(&journal, 0, false));
        for (at, id) in shown(&rows).into_iter().enumerate() {
            assert_eq!(rows.place(id), at);
        }
        journal[11].status = mcp_proxy_core::observe::Status::Ok;
        journal[11].timing.server = std::time::Duration::from_millis(100);
        let mut new = journal[3].clone();
        new.id = CallId(14);
        journal.push(new);
        let (_, effects) = rows.seen(4, 15, Some(&[CallId(11), CallId(14)]));
        run(&mut rows, effects, &journal);
        assert_eq!(shown(&rows), expect(&journal, 4, false));
        let effects = rows.set_filter(Filter::parse("~be demo").unwrap()).into_iter().collect();
        run(&mut rows, effects, &journal);
        let of_demo: Vec<Flow> = journal.iter().filter(|f| f.backend.as_deref() == Some("demo")).cloned().collect();
        assert_eq!(shown(&rows), expect(&of_demo, 4, false));
        rows.set_order(None);
        assert_eq!(rows.order(), None);
    }

    #[test]
    fn old_rows_are_put_away_and_taken_out_again() {
        let mut rows = Rows::default();
        rows.seen(0, 10, None);
        rows.set_floor(8);
        assert_eq!((shown(&rows), rows.total(), rows.has_floor()), (vec![8, 9], 2, true));
        rows.seen(0, 12, None);
        assert_eq!(shown(&rows), [8, 9, 10, 11]);
        rows.seen(9, 12, None);
        assert_eq!((shown(&rows), rows.has_floor()), (vec![9, 10, 11], false));
        rows.set_floor(0);
        assert_eq!(rows.place(10), 1);
    }
}
