//! [`Named`]: what is counted under each name.

use std::sync::Arc;

use foldhash::HashMap;

/// What is counted under each name. The name that was called last is found by where it stands in memory: mostly it is called again.
#[derive(Debug)]
pub(super) struct Named<T> {
    all: Vec<(Arc<str>, T)>,
    by_name: HashMap<Arc<str>, usize>,
    last: usize,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_name: HashMap::default(), last: 0 }
    }
}

impl<T> Named<T> {
    /// What is counted under a name, if anything is.
    #[inline]
    pub(super) fn find(&mut self, name: &Arc<str>) -> Option<&mut T> {
        if !self.all.get(self.last).is_some_and(|(last, _)| Arc::ptr_eq(last, name)) {
            self.last = *self.by_name.get(name)?;
            // Names come anew with each catalog.
            self.all[self.last].0 = name.clone();
        }
        Some(&mut self.all[self.last].1)
    }

    /// What is counted under a name; `new` where nothing is yet.
    #[inline]
    pub(super) fn of(&mut self, name: &Arc<str>, new: impl FnOnce() -> T) -> &mut T {
        if self.find(name).is_none() {
            self.last = self.all.len();
            self.by_name.insert(name.clone(), self.last);
            self.all.push((name.clone(), new()));
        }
        &mut self.all[self.last].1
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|at| &self.all[*at].1)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name.get(name).map(|at| &mut self.all[*at].1)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.iter_mut().map(|(_, of)| of)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.all.iter().map(|(name, of)| (name, of))
    }
}
