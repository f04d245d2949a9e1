//! [`Ordered`]: rows in the order of a column. New ones are merged in by the batch: putting each in its place by itself would
//! move all behind it.

use std::collections::{HashMap, HashSet};

use mcp_proxy_core::observe::Flow;

use crate::widgets::flow_table::{Column, Key};

/// While rows are still being read, they are merged in once they are one part in so many of those that are there.
const MERGE_SHARE: usize = 8;

/// Rows in the order of a column.
#[derive(Debug)]
pub(crate) struct Ordered {
    by: Column,
    /// The largest comes first.
    is_down: bool,
    /// Ascending.
    rows: Vec<(Key, u64)>,
    /// Not merged in yet.
    fresh: Vec<(Key, u64)>,
    /// The value of each row that is merged in.
    keys: HashMap<u64, Key>,
}

impl Ordered {
    pub(super) fn new((by, is_down): (Column, bool)) -> Self {
        Self { by, is_down, rows: Vec::new(), fresh: Vec::new(), keys: HashMap::new() }
    }

    pub(super) const fn by(&self) -> (Column, bool) {
        (self.by, self.is_down)
    }

    /// Turns it round. `false`: it is ordered by something else.
    pub(super) fn turn(&mut self, (by, is_down): (Column, bool)) -> bool {
        let same = by == self.by;
        if same {
            self.is_down = is_down;
        }
        same
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.fresh.clear();
        self.keys.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn turned(&self, at: usize) -> usize {
        if self.is_down { (self.rows.len() - 1).wrapping_sub(at) } else { at }
    }

    pub(super) fn id(&self, at: usize) -> Option<u64> {
        if at >= self.rows.len() {
            return None;
        }
        self.rows.get(self.turned(at)).map(|(_, id)| *id)
    }

    /// The place of a row; of one that is not there, the first.
    pub(super) fn place(&self, id: u64) -> usize {
        let Some(key) = self.keys.get(&id) else { return 0 };
        let found = self.rows.binary_search_by(|(k, i)| (k, i).cmp(&(key, &id)));
        found.map_or(0, |at| self.turned(at))
    }

    /// A row to be merged in.
    pub(super) fn put(&mut self, row: &Flow) {
        self.fresh.push((self.by.key(row), row.id.0));
    }

    /// Merges in what is new; unless it is `wanted` at once, only when that is worth the while.
    pub(super) fn merge(&mut self, wanted: bool) {
        if self.fresh.is_empty() || (!wanted && self.fresh.len() * MERGE_SHARE < self.rows.len()) {
            return;
        }
        self.keys.extend(self.fresh.iter().map(|(key, id)| (*id, key.clone())));
        self.rows.append(&mut self.fresh);
        // Two runs, the first of which is long and in order: the sort finds that.
        self.rows.sort();
    }

    /// Takes rows out.
    pub(super) fn take_out(&mut self, ids: impl Iterator<Item = u64>) {
        let gone: HashSet<u64> = ids.collect();
        let n_merged = gone.iter().filter(|id| self.keys.remove(id).is_some()).count();
        if n_merged > 0 {
            self.rows.retain(|(_, id)| !gone.contains(id));
        }
        self.fresh.retain(|(_, id)| !gone.contains(id));
    }

    /// Takes `n` rows out that stand before this one in the journal.
    pub(super) fn drop_before(&mut self, first: u64, n: usize) {
        if n > 0 {
            self.rows.retain(|(_, id)| *id >= first);
            self.fresh.retain(|(_, id)| *id >= first);
            self.keys.retain(|id, _| *id >= first);
        }
    }
}
