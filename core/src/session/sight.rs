//! [`Sight`]: what servers list for one client in the place of what they list for everybody: because it can be asked something, or
//! has an instance of its own.

use std::sync::Arc;

use super::run::Session;
use crate::backend::{ClientFacts, Port};
use crate::catalog::Others;

/// What servers list for one client in the place of what they list for everybody.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) others: Others,
    /// Instances that will say it.
    pub(super) awaited: Vec<Arc<Port>>,
    /// Who has looked, and whether to see lists; `None`: it may be something else now.
    looked: Option<(Arc<ClientFacts>, bool)>,
}

impl Session {
    /// Looks at what servers list for a client of these facts. `asks`: it asks for lists, so servers are asked where need be.
    pub(super) fn looks(&mut self, facts: &Arc<ClientFacts>, asks: bool) {
        let is_seen = |(by, asked): &(Arc<ClientFacts>, bool)| Arc::ptr_eq(by, facts) && (*asked || !asks);
        if self.sight.looked.as_ref().is_some_and(is_seen) {
            return;
        }
        self.peer.looks();
        self.sight.looked = Some((facts.clone(), asks));
        let ports = self.engine.ports.borrow().clone();
        let mut others = Vec::new();
        self.sight.awaited.clear();
        for port in ports.values().filter(|p| self.scope.sees(p.name())) {
            let lists = port.lists_for(&self.peer, facts, asks);
            others.extend(lists.offer.map(|offer| (port.name().clone(), offer)));
            self.sight.awaited.extend(lists.awaited);
        }
        let others = Others::new(others);
        if others != self.sight.others {
            self.sight.others = others;
            self.on_view(self.engine.view_with(&self.scope, &self.sight.others));
        }
    }

    /// What servers list may be something else now: for everybody, or for this client.
    pub(super) fn looks_again(&mut self) {
        self.sight.looked = None;
        let Some(facts) = self.legacy.clone().or_else(|| self.modern.clone()) else { return };
        // Who has seen lists hears of changes, and so wants to know of them.
        let asks = !self.parked_lists.is_empty() || self.seen.iter().any(Option::is_some) || !self.listens.is_empty();
        self.looks(&facts, asks);
    }

    /// What servers list for this client may be something else now.
    pub(super) fn on_lists(&mut self) {
        self.sight.looked = None;
        self.peer.looks();
        if let Some(facts) = self.legacy.clone().or_else(|| self.modern.clone()) {
            self.looks(&facts, false);
        }
        self.answer_lists();
        self.retry_calls();
    }
}
