//! [`Others`]: what servers list for a client in the place of what they list for everybody. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::backend::Offer;

/// What servers list for a client in the place of what they list for everybody. Compared by identity: what is the same is
/// the same value. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Others(Option<Arc<[OfServer]>>);

/// A server and what it lists.
type OfServer = (Arc<str>, Arc<Offer>);

impl Others {
    /// These offers, by server.
    #[must_use]
    pub fn new(mut offers: Vec<OfServer>) -> Self {
        if offers.is_empty() {
            return Self::default();
        }
        offers.sort_by(|a, b| a.0.cmp(&b.0));
        Self(Some(offers.into()))
    }

    /// Whether the client sees what everybody sees.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn offers(&self) -> &[OfServer] {
        self.0.as_deref().unwrap_or_default()
    }

    /// What this server lists.
    #[must_use]
    pub fn of(&self, server: &str) -> Option<&Arc<Offer>> {
        self.offers().iter().find(|(name, _)| &**name == server).map(|(_, offer)| offer)
    }

    /// Stands for all of it: the same lists have the same number.
    #[must_use]
    pub fn mark(&self) -> u32 {
        let mut hash = DefaultHasher::new();
        for (name, offer) in self.offers() {
            (name, &offer.items).hash(&mut hash);
        }
        let [a, b, c, d, ..] = hash.finish().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn identities(&self) -> impl Iterator<Item = (&str, *const Offer)> {
        self.offers().iter().map(|(name, offer)| (&**name, Arc::as_ptr(offer)))
    }
}

impl PartialEq for Others {
    fn eq(&self, other: &Self) -> bool {
        self.identities().eq(other.identities())
    }
}

impl Eq for Others {}

impl Hash for Others {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identities().for_each(|identity| identity.hash(state));
    }
}
