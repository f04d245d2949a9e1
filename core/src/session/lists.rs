//! Lists: ready bytes of the catalog; waiting for servers that are about to come, and telling of changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held::Resumed;
use super::run::Session;
use super::shape::content::without_tasks;
use crate::backend::{ClientFacts, Control, ItemKind};
use crate::protocol::{CallId, Era, Fault, Field, Message, Method, RequestId, Revision, code};

/// Changes of lists are told once per this time: servers change several in a row.
const TELL_PAUSE: Duration = Duration::from_millis(100);

/// How long the very first catalog may take: it is made as soon as the engine runs.
const FIRST_CATALOG: Duration = Duration::from_secs(1);

/// Lists, and calls, of one session that wait for servers on their way, at most: a client asks for four kinds of lists.
pub(super) const MAX_PARKED: usize = 256;

/// What a client gets that asks for more meanwhile.
pub(super) fn too_many_parked() -> Fault {
    let text = format!(
        "{MAX_PARKED} requests of this session wait for servers that are starting already: wait for their answers"
    );
    Fault::new(code::INTERNAL, text).with_data(&serde_json::json!({ "reason": "busy" }))
}

/// A request for a thing no server is known to have, while some are still on their way.
#[derive(Debug)]
pub(super) struct ParkedCall {
    pub(super) message: Message,
    pub(super) method: Method,
    pub(super) facts: Arc<ClientFacts>,
    pub(super) arrived: Instant,
    /// When it is answered with what is known.
    pub(super) deadline: Instant,
    /// It was held before.
    pub(super) resumed: Option<Resumed>,
}

/// A list request that waits for servers on their way.
#[derive(Debug)]
pub(super) struct ParkedList {
    pub(super) client_id: RequestId,
    pub(super) call: CallId,
    pub(super) kind: ItemKind,
    pub(super) era: Era,
    pub(super) cursor: Option<String>,
    pub(super) arrived: Instant,
    /// When it is answered with what is there.
    pub(super) deadline: Instant,
}

impl Session {
    pub(super) fn on_list(&mut self, message: Message, kind: ItemKind, facts: &Arc<ClientFacts>) {
        let Some(client_id) = message.id() else { return };
        if self.parked_lists.len() >= MAX_PARKED {
            return self.fault_own(&message, facts, &too_many_parked());
        }
        self.looks(facts, true);
        let cursor = message.text(Field::Cursor).map(std::borrow::Cow::into_owned);
        let call = self.begin_own(&message, facts);
        self.wake_unknown();
        let list = ParkedList {
            client_id,
            call,
            kind,
            era: facts.revision.era(),
            cursor,
            arrived: self.now,
            deadline: self.now,
        };
        self.parked_lists.push(list);
        self.answer_lists();
    }

    /// Until when a request that arrived at `arrived` waits for servers on their way: for each of them `list_wait` from
    /// the start of its process, so only the first requests after a start wait at all. `None`: there is nobody to wait for.
    pub(super) fn waits_until(&self, arrived: Instant) -> Option<Instant> {
        if self.catalog.version == 0 {
            // The first catalog is about to come.
            return arrived.checked_add(FIRST_CATALOG);
        }
        let pending = self.catalog.pending.iter().chain(&self.catalog.asleep);
        let ports = pending.filter_map(|b| self.engine.port(b)).chain(self.sight.awaited.iter().cloned());
        let until = ports.filter_map(|port| {
            let from = port.status.started().unwrap_or(arrived);
            from.checked_add(port.server().list_wait)
        });
        until.max()
    }

    /// Servers that are asleep and not known yet are started.
    pub(super) fn wake_unknown(&self) {
        for backend in &self.catalog.asleep {
            if let Some(port) = self.engine.port(backend) {
                // A full box is full of such words.
                let _ = port.control.push(Control::Want);
            }
        }
    }

    /// Answers the lists that need not wait any longer.
    pub(super) fn answer_lists(&mut self) {
        let mut wait = Vec::new();
        for mut list in std::mem::take(&mut self.parked_lists) {
            match self.waits_until(list.arrived).filter(|until| *until > self.now) {
                Some(until) => {
                    list.deadline = until;
                    wait.push(list);
                }
                None => self.answer_list(list),
            }
        }
        self.parked_lists = wait;
    }

    fn answer_list(&mut self, list: ParkedList) {
        let page_size = self.engine.config.borrow().routing.page_size;
        let offset = match &list.cursor {
            None => Some(0),
            Some(cursor) => page_size.and_then(|_| self.catalog.offset(cursor)),
        };
        let Some(offset) = offset else {
            let fault =
                Fault::new(code::INVALID_PARAMS, "this cursor is stale or not ours: list again from the beginning");
            self.refuse(Some(&list.client_id), &fault);
            return self.end_flow(list.call, crate::observe::Status::Fault(fault.code));
        };
        let bytes = match page_size {
            Some(n) => self.catalog.page(list.kind, list.era, offset, n.max(1)),
            None => self.catalog.list(list.kind, list.era),
        };
        let is_old = self.legacy.as_ref().is_some_and(|f| f.revision < Revision::V2025_11_25);
        // One server shown as itself shows what it wrote.
        let is_shaped = is_old && list.kind == ItemKind::Tool && self.catalog.sole.is_none();
        let bytes = if is_shaped { without_tasks(&bytes) } else { bytes };
        self.seen[list.kind as usize] = Some(self.catalog.clone());
        self.finish_own(Some(list.client_id), list.call, &bytes, list.arrived);
    }

    /// The catalog has changed: tell soon what the client has seen differently.
    pub(super) fn note_changed_lists(&mut self) {
        if !self.catalog.is_settling && self.changed_kinds().next().is_some() && self.tell_at.is_none() {
            self.tell_at = Some(self.now + TELL_PAUSE);
        }
    }

    fn changed_kinds(&self) -> impl Iterator<Item = ItemKind> + '_ {
        ItemKind::ALL.into_iter().filter(|kind| {
            let seen = self.seen[*kind as usize].as_ref();
            let seen = seen.or_else(|| self.listens.first().map(|l| &l.catalog));
            seen.is_some_and(|seen| self.catalog.differs(seen, *kind))
        })
    }

    pub(super) fn tell_changed_lists(&mut self) {
        if self.catalog.is_settling {
            // Once for all of a reload: the catalog that ends it brings us here again.
            return;
        }
        let changed: Vec<ItemKind> = self.changed_kinds().collect();
        let mut told = Vec::new();
        for kind in changed {
            let method = kind.changed_method();
            if !told.contains(&method) {
                told.push(method);
                if self.legacy.is_some() {
                    self.out.changed(method);
                }
                self.tell_listeners(kind);
            }
            // Told once: the next word comes with the next change.
            if self.seen[kind as usize].is_some() {
                self.seen[kind as usize] = Some(self.catalog.clone());
            }
        }
        for listen in &mut self.listens {
            listen.catalog = self.catalog.clone();
        }
    }
}
