//! The sessions as others may see them.

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
    all: Mutex<Vec<Arc<ClientStatus>>>,
    n: AtomicU64,
}

impl Clients {
    /// A client has come; `name` is shown until it says who it is.
    pub(super) fn add(&self, via: &'static str, name: &str) -> Arc<ClientStatus> {
        let client = Arc::new(ClientStatus {
            id: SessionId(self.n.fetch_add(1, Ordering::Relaxed) + 1),
            via,
            since: SystemTime::now(),
            said: Mutex::new((name.into(), None)),
            n_calls: AtomicU64::new(0),
            n_in_flight: AtomicU64::new(0),
        });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
        client
    }

    pub(super) fn remove(&self, id: SessionId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|c| c.id != id);
    }

    /// The sessions at this moment, in the order they came.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ClientStatus>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sessions ever.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.n.load(Ordering::Relaxed)
    }
}
