//! [`Ways`]: the ways to the servers that a session has called, at hand for as long as all servers are the same.

use std::sync::Arc;

use tokio::sync::watch;

use crate::backend::{Port, Ports};

/// So many are at hand, at most.
const N_AT_HAND: usize = 16;

/// The ways that were asked for.
#[derive(Debug)]
pub(super) struct Ways {
    all: watch::Receiver<Ports>,
    at_hand: Vec<(Arc<str>, Arc<Port>)>,
}

impl Ways {
    /// Among these, at any time.
    pub(super) fn among(mut all: watch::Receiver<Ports>) -> Self {
        all.mark_changed();
        Self { all, at_hand: Vec::new() }
    }

    /// The way to `backend`; `None`: there is no such server any more.
    #[inline]
    pub(super) fn to(&mut self, backend: &Arc<str>) -> Option<Arc<Port>> {
        let is_new = self.all.has_changed().unwrap_or(true);
        // The name is mostly the very same: the catalog's.
        match self.at_hand.iter().find(|(name, _)| Arc::ptr_eq(name, backend)) {
            Some((_, port)) if !is_new => Some(port.clone()),
            _ => self.look(backend),
        }
    }

    #[inline(never)]
    fn look(&mut self, backend: &Arc<str>) -> Option<Arc<Port>> {
        let all = self.all.borrow_and_update();
        if all.has_changed() || self.at_hand.len() == N_AT_HAND {
            self.at_hand.clear();
        }
        let port = all.get(&**backend)?.clone();
        self.at_hand.push((backend.clone(), port.clone()));
        Some(port)
    }
}
