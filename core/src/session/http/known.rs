//! [`Known`]: clients of the modern era as others may see them. Each of their requests stands alone; the same principal
//! with the same `clientInfo` is shown as one client, for as long as it comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;

use crate::backend::{ClientFacts, Principal};
use crate::session::clients::{ClientStatus, Clients};

/// A client that has not come for so long is not shown any more.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// Clients known at once; a new one takes the place of whoever has been away longest.
const MAX_KNOWN: usize = 1000;

/// The known clients.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<(Principal, Bytes), Entry>>);

#[derive(Debug)]
struct Entry {
    status: Arc<ClientStatus>,
    facts: Option<Arc<ClientFacts>>,
    used: Instant,
}

impl Known {
    fn all(&self) -> MutexGuard<'_, HashMap<(Principal, Bytes), Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client that says `info` of itself, and what else it said last.
    pub(super) fn client(
        &self,
        clients: &Clients,
        principal: &Principal,
        info: &Bytes,
    ) -> (Arc<ClientStatus>, Option<Arc<ClientFacts>>) {
        let mut all = self.all();
        let key = (principal.clone(), info.clone());
        if let Some(entry) = all.get_mut(&key) {
            entry.used = Instant::now();
            return (entry.status.clone(), entry.facts.clone());
        }
        if all.len() >= MAX_KNOWN
            && let Some(oldest) = all.iter().min_by_key(|(_, e)| e.used).map(|(key, _)| key.clone())
            && let Some(gone) = all.remove(&oldest)
        {
            clients.remove(gone.status.id);
        }
        let status = clients.add("http", "");
        // The key must not hold on to the request it was read from.
        let key = (principal.clone(), Bytes::copy_from_slice(info));
        all.insert(key, Entry { status: status.clone(), facts: None, used: Instant::now() });
        (status, None)
    }

    /// What a client said of itself, so that the same need not be read again.
    pub(super) fn remember(&self, principal: &Principal, facts: &Arc<ClientFacts>) {
        let key = (principal.clone(), facts.info.clone());
        if let Some(entry) = self.all().get_mut(&key) {
            entry.facts = Some(facts.clone());
        }
    }

    /// Forgets who has not come for long.
    pub(super) fn sweep(&self, clients: &Clients) {
        let now = Instant::now();
        self.all().retain(|_, entry| {
            let stays = now.saturating_duration_since(entry.used) < IDLE;
            if !stays {
                clients.remove(entry.status.id);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_client_is_shown_once() {
        let (known, clients) = (Known::default(), Clients::default());
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        let info = Bytes::from_static(br#"{"name":"x"}"#);
        let id = |principal, info: &Bytes| known.client(&clients, principal, info).0.id;
        let first = id(&a, &info);
        assert_eq!(id(&a, &Bytes::copy_from_slice(&info)), first);
        assert_ne!(id(&b, &info), first, "another principal");
        assert_ne!(id(&a, &Bytes::from_static(br#"{"name":"y"}"#)), first, "another name");
        assert_eq!(clients.all().len(), 3);
        for n in 0..MAX_KNOWN {
            id(&b, &Bytes::from(format!("{{\"name\":\"{n}\"}}")));
        }
        assert_eq!(clients.all().len(), MAX_KNOWN);
    }
}
