//! Parking: what a legacy server asks during the call of a modern client (protocol.md, 3.6).
//!
//! A modern client is asked by the result of its call and answers with the same call made again. The server knows nothing of
//! that: its call stays open meanwhile. So a call that a server may ask something in is not its session's, which may be as short
//! as one POST, but the [`Keeper`]'s, from beginning to end: to the server's side it is the call's [`Peer`]. Sessions tell it
//! who waits ([`Word`]); it tells them what their clients get.

mod keeper;
mod kept;
mod park;
mod round;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use foldhash::HashMap;

pub(crate) use keeper::Keeper;
use kept::Kept;
use seal::Seal;

use super::clients::ClientStatus;
use crate::backend::{ClientFacts, Context, Delivery, Peer, Port, Principal};
use crate::guard::Guard;
use crate::protocol::{CallId, Field, Message, Method, RequestId, SessionId};
use crate::transport::Mailbox;

/// What servers say about the calls, waiting to be read: as much as for a few thousand of them at once.
const N_DELIVERIES: usize = 16 * 1024;
/// What sessions say of the calls. More is taken in all the same: a few words a call, and their calls are bounded.
const N_WORDS: usize = 16 * 1024;
/// Calls whose clients may come again, at most: each holds its request, and a call open at its server.
const MAX_PARKS: usize = 4096;
/// The same for one user, so that nobody takes all.
const MAX_PARKS_OF_ONE: usize = 1024;

/// The way to the keeper, and what others may see of its calls.
#[derive(Debug)]
pub struct Parks {
    deliveries: Mailbox<Delivery>,
    words: Mailbox<Word>,
    /// Calls that have begun since the keeper looked last. Nothing is to be done for one before somebody says something of it, so
    /// nobody is woken. Bounded as the calls of sessions are.
    begun: Mutex<VecDeque<Box<Kept>>>,
    seal: Seal,
    /// Parked calls by server.
    counts: Mutex<HashMap<Arc<str>, u64>>,
    n_ever: AtomicU64,
    max_of_one: AtomicUsize,
    max_in_all: AtomicUsize,
}

/// The client's id of a call that is kept, towards its server's side: what stands for it there has this one call, and is known by
/// its own number.
pub(super) const fn its_only() -> RequestId {
    RequestId(Bytes::from_static(b"0"))
}

/// Who waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct Waiter {
    /// Its session.
    pub(super) peer: Arc<Peer>,
    /// Its id of the request.
    pub(super) client_id: RequestId,
}

/// A call that begins.
#[derive(Debug)]
pub(super) struct Beginning {
    /// What stands for it towards the server.
    pub(super) peer: Arc<Peer>,
    pub(super) waiter: Waiter,
    pub(super) call: CallId,
    pub(super) port: Arc<Port>,
    pub(super) method: Option<Method>,
    /// As the client sent it.
    pub(super) raw: Bytes,
    pub(super) facts: Arc<ClientFacts>,
    /// Counted for this client.
    pub(super) status: Arc<ClientStatus>,
    /// The session it ends with. `None`: its client may come again by another one.
    pub(super) home: Option<SessionId>,
    /// To be sent again, should the server want that: where the routing name stands, and what stands there towards the server.
    pub(super) again: Again,
}

/// What of a call is not in its message.
#[derive(Clone, Debug)]
pub(super) struct Again {
    /// The server's own name of what is called.
    pub(super) own: Option<Bytes>,
    pub(super) timeout: std::time::Duration,
    /// Its tool takes calls as tasks only.
    pub(super) needs_task: bool,
}

/// What sessions tell the keeper.
#[derive(Debug)]
pub(super) enum Word {
    /// A client comes again.
    Again {
        /// The call it is matched to.
        park: SessionId,
        call: CallId,
        waiter: Waiter,
        /// The request, with its answers.
        message: Message,
        facts: Arc<ClientFacts>,
    },
    /// Whoever waited does not any more.
    Left {
        park: SessionId,
        session: SessionId,
        client_id: RequestId,
        /// The client's own word on that.
        message: Option<Box<Message>>,
    },
    /// A session is over, and with it the calls that only it could come again for.
    Gone(SessionId),
    /// Somebody at the terminal cancels a call.
    Cancel(CallId),
    /// Tokens may have been taken away: who has none any more will not come again.
    Tokens(Arc<Guard>),
    /// The engine is shutting down: nobody will come again.
    Close,
}

impl Parks {
    /// Nothing parked. What servers say about calls is heard by whoever is told of here.
    #[must_use]
    pub fn new(ctx: &Context) -> Self {
        let deliveries = Mailbox::new(N_DELIVERIES);
        ctx.peers.set_keeper(deliveries.clone());
        Self {
            deliveries,
            words: Mailbox::new(N_WORDS),
            begun: Mutex::default(),
            seal: Seal::new(),
            counts: Mutex::default(),
            n_ever: AtomicU64::new(0),
            max_of_one: AtomicUsize::new(MAX_PARKS_OF_ONE),
            max_in_all: AtomicUsize::new(MAX_PARKS),
        }
    }

    /// Calls whose clients may come again, at most: of one user, and in all.
    fn limits(&self) -> (usize, usize) {
        (self.max_of_one.load(Ordering::Relaxed), self.max_in_all.load(Ordering::Relaxed))
    }

    /// Lower limits, which a test can reach.
    #[cfg(test)]
    pub(crate) fn limit(&self, of_one: usize, in_all: usize) {
        self.max_of_one.store(of_one, Ordering::Relaxed);
        self.max_in_all.store(in_all, Ordering::Relaxed);
    }

    /// What stands for a new call towards its server.
    pub(super) fn peer(&self, id: SessionId, principal: Principal, facts: Arc<ClientFacts>) -> Arc<Peer> {
        Arc::new(Peer::for_call(id, principal, self.deliveries.clone(), facts))
    }

    /// A call begins; it goes to the server next.
    pub(super) fn begin(&self, begun: Beginning) {
        let kept = Box::new(Kept::new(begun));
        self.begun().push_back(kept);
    }

    fn begun(&self) -> MutexGuard<'_, VecDeque<Box<Kept>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the keeper. Without one, at the very end, there is nobody who waits either.
    pub(super) fn tell(&self, word: Word) {
        let _ = self.words.push_owed(word);
    }

    /// The call a request is the next round of, if its state is good for it.
    pub(super) fn match_up(&self, principal: &Principal, message: &Message) -> Option<(SessionId, CallId)> {
        let state = message.text(Field::RequestState)?;
        self.seal.open(&state, &seal::bound(principal, message))
    }

    /// Somebody at the terminal cancels a call whose client is away.
    pub fn cancel(&self, call: CallId) {
        self.tell(Word::Cancel(call));
    }

    /// Tokens may have been taken away; `guard` knows.
    pub fn look_at_tokens(&self, guard: &Arc<Guard>) {
        self.tell(Word::Tokens(guard.clone()));
    }

    /// The keeper must break down.
    #[cfg(test)]
    pub(crate) fn break_down(&self) {
        let _ = self.deliveries.push_owed(Delivery::Panic);
    }

    /// The engine is shutting down.
    pub fn close(&self) {
        self.tell(Word::Close);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Arc<str>, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is parked any more: who kept it has broken down.
    pub fn forget(&self) {
        self.counts().clear();
        self.begun().clear();
    }

    /// Calls at this server whose clients have been asked something, or soon will be.
    #[must_use]
    pub fn at(&self, backend: &str) -> u64 {
        self.counts().get(backend).copied().unwrap_or_default()
    }

    /// Calls that have been parked since the start.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.n_ever.load(Ordering::Relaxed)
    }
}
