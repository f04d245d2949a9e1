//! The sessions as others may see them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::protocol::{Revision, SessionId};

/// One session, as others may see it.
#[derive(Debug)]
pub struct ClientStatus {
    /// Its id.
    pub id: SessionId,
    /// How it is connected.
    pub via: &'static str,
    /// Since when.
    pub since: SystemTime,
    /// Name and edition, once known.
    said: Mutex<(Arc<str>, Option<Revision>)>,
    /// Requests since it came.
    pub n_calls: AtomicU64,
    /// Calls in flight.
    pub n_in_flight: AtomicU64,
    /// Questions it has not answered yet.
    pub n_open: AtomicU64,
}

impl ClientStatus {
    pub(super) fn says(&self, name: &Arc<str>, revision: Revision) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = (name.clone(), Some(revision));
    }

    /// Its name (empty until known) and edition.
    #[must_use]
    pub fn said(&self) -> (Arc<str>, Option<Revision>) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Clients {
    all: Mutex<BTreeMap<SessionId, Arc<ClientStatus>>>,
    n: AtomicU64,
}

impl Clients {
    /// A client has come; `name` is shown until it says who it is.
    pub(super) fn add(&self, via: &'static str, name: &str) -> Arc<ClientStatus> {
        let client = Arc::new(ClientStatus {
            id: self.next_id(),
            via,
            since: SystemTime::now(),
            said: Mutex::new((name.into(), None)),
            n_calls: AtomicU64::new(0),
            n_in_flight: AtomicU64::new(0),
            n_open: AtomicU64::new(0),
        });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(client.id, client.clone());
        client
    }

    /// An id nobody has had.
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.n.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn remove(&self, id: SessionId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// The sessions at this moment, in the order they came.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ClientStatus>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Sessions ever.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.n.load(Ordering::Relaxed)
    }
}
