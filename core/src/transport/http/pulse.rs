//! [`Pulse`]: what a connection is doing, so that one look at all of them a second takes the place of a timer for each.
//!
//! The connection's own task writes it, the listener reads it; both live on one thread, so nothing here is ordered.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::receipt::Receipt;

/// The head of a request has to arrive within this many seconds, from its first byte or from the connect: slow ones hold
/// a connection for nothing.
const HEAD_S: u32 = 10;
/// A connection without a request is kept this many seconds: longer than clients keep theirs, so that it is they who
/// close it and no request meets a closing door.
const IDLE_S: u32 = 150;
/// A connection at work is given this many seconds of silence before it is taken for a silent one.
const REST_S: u32 = 2;
/// So many requests within a second are work: buffers are kept between them. Fewer cost less than buffers that nobody uses.
const AT_WORK: u32 = 8;
/// Who has had a share of the buffers for so many ticks of the clock gives it back: its answer takes long.
const SHARE_S: u32 = 2;
/// A share is waited for so long.
const WAIT: Duration = Duration::from_secs(2);
/// A peer that takes no bytes of its response for this many seconds is gone.
const STUCK_S: u32 = 60;

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Whole seconds, set by the listener.
    clock: Arc<AtomicU32>,
    busy: AtomicBool,
    /// A response is complete, but not all of it has been written.
    owing: AtomicBool,
    /// Nothing that was to be written is left.
    flushed: AtomicBool,
    reading: AtomicBool,
    since: AtomicU32,
    /// Since when the peer takes nothing; 0: it does.
    stuck: AtomicU32,
    /// Requests within the second `second`.
    n_begun: AtomicU32,
    second: AtomicU32,
    /// Our side is being closed, or may be for what was not read of a request.
    closing: AtomicBool,
    /// It is to hold no buffers, or does not.
    resting: AtomicBool,
    /// Of its task, while that may be told to rest.
    waker: AtomicWaker,
    /// Told when the response at hand has been written.
    receipt: Mutex<Option<Receipt>>,
    /// Shares of the buffers of all connections: how many take some before one of them has its answer. Closed: as many as like.
    buffers: Arc<Semaphore>,
    /// This one's share of them, and since when.
    share: Mutex<Option<(OwnedSemaphorePermit, u32)>>,
}

/// Ends a request when it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pulse>);

/// A connection that may take buffers; its share is given back when this is dropped, if it still has it.
#[derive(Debug)]
pub(super) struct Entered<'p>(&'p Pulse);

impl Pulse {
    /// A connection that has just been accepted, one of those that share `buffers`.
    pub(super) fn new(clock: Arc<AtomicU32>, buffers: Arc<Semaphore>) -> Arc<Self> {
        let since = clock.load(Relaxed).into();
        let (busy, owing, reading) = (false.into(), false.into(), true.into());
        let (closing, resting) = (false.into(), false.into());
        let (n_begun, second) = (0.into(), 0.into());
        Arc::new(Self {
            n_begun,
            second,
            clock,
            busy,
            owing,
            flushed: false.into(),
            reading,
            since,
            stuck: 0.into(),
            closing,
            resting,
            waker: AtomicWaker::new(),
            receipt: Mutex::default(),
            buffers,
            share: Mutex::default(),
        })
    }

    /// Waits for a share of the buffers, in the order of asking, but not for long: where all who have one wait for slow answers, it goes on without.
    /// That its peer leaves meanwhile is seen afterwards.
    pub(super) async fn enters(&self) -> Entered<'_> {
        let share = if let Ok(share) = self.buffers.clone().try_acquire_owned() {
            Some(share)
        } else {
            // Its time does not run while it waits for others.
            self.busy.store(true, Relaxed);
            let share = timeout(WAIT, self.buffers.clone().acquire_owned()).await;
            self.busy.store(false, Relaxed);
            self.since.store(self.clock.load(Relaxed), Relaxed);
            share.ok().and_then(Result::ok)
        };
        *self.share() = share.map(|share| (share, self.clock.load(Relaxed)));
        Entered(self)
    }

    fn share(&self) -> MutexGuard<'_, Option<(OwnedSemaphorePermit, u32)>> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is going on, nor about to.
    fn is_silent(&self) -> bool {
        self.is_idle() && !self.reading.load(Relaxed) && !self.closing.load(Relaxed)
    }

    /// Whether it is likely to be asked again soon.
    fn is_at_work(&self) -> bool {
        self.second.load(Relaxed) == self.clock.load(Relaxed) && self.n_begun.load(Relaxed) >= AT_WORK
    }

    /// Once a second: who was at work and has been silent for a while rests, and who waits for its answer lets others in.
    pub(super) fn look(&self) {
        let now = self.clock.load(Relaxed);
        self.share().take_if(|(_, since)| now.saturating_sub(*since) >= SHARE_S);
        let past = now.saturating_sub(self.since.load(Relaxed));
        if past >= REST_S && self.is_silent() && !self.resting.swap(true, Relaxed) {
            self.waker.wake();
        }
    }

    /// Whether the connection holds no buffers from now on. If not, `waker` is told when it should look again.
    pub(super) fn rests(&self, waker: &Waker) -> bool {
        if self.is_silent() && (self.resting.load(Relaxed) || !self.is_at_work()) {
            self.resting.store(true, Relaxed);
            return true;
        }
        self.resting.store(false, Relaxed);
        self.waker.register(waker);
        false
    }

    /// The peer has said something to a connection that rested.
    pub(super) fn wakes(&self) {
        self.resting.store(false, Relaxed);
    }

    /// Our side is being closed.
    pub(super) fn on_shutdown(&self) {
        self.closing.store(true, Relaxed);
    }

    /// Bytes came.
    pub(super) fn on_read(&self) {
        if !self.reading.load(Relaxed) && !self.busy.load(Relaxed) {
            self.reading.store(true, Relaxed);
            self.since.store(self.clock.load(Relaxed), Relaxed);
        }
    }

    /// The peer took bytes, or did not.
    pub(super) fn on_write(&self, taken: bool) {
        self.flushed.store(false, Relaxed);
        if taken {
            self.stuck.store(0, Relaxed);
        } else if self.stuck.load(Relaxed) == 0 {
            self.stuck.store(self.clock.load(Relaxed).max(1), Relaxed);
        }
    }

    /// Who wants to know when the response that comes now has been written.
    pub(super) fn expects(&self, receipt: Option<Receipt>) {
        *self.receipt() = receipt;
    }

    fn receipt(&self) -> MutexGuard<'_, Option<Receipt>> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything has been written.
    pub(super) fn on_flush(&self) {
        self.flushed.store(true, Relaxed);
        if self.owing.swap(false, Relaxed) {
            // It may keep its buffers, but nobody waits for them any longer.
            self.share().take();
            let receipt = self.receipt().take();
            if let Some(receipt) = receipt {
                receipt.tell();
            }
        }
    }

    /// Whether all that was to be written has been.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.load(Relaxed)
    }

    /// A request has been read; it ends with what is given.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Relaxed);
        self.reading.store(false, Relaxed);
        let now = self.clock.load(Relaxed);
        if self.second.swap(now, Relaxed) != now {
            self.n_begun.store(0, Relaxed);
        }
        self.n_begun.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        let now = self.clock.load(Relaxed);
        let past = |since: u32, limit| now.saturating_sub(since) > limit;
        let stuck = self.stuck.load(Relaxed);
        if stuck != 0 && past(stuck, STUCK_S) {
            return true;
        }
        let limit = if self.reading.load(Relaxed) { HEAD_S } else { IDLE_S };
        !self.busy.load(Relaxed) && past(self.since.load(Relaxed), limit)
    }

    /// Whether nothing is going on: no request, and nothing left to be written.
    pub(super) fn is_idle(&self) -> bool {
        !self.busy.load(Relaxed) && !self.owing.load(Relaxed) && self.stuck.load(Relaxed) == 0
    }

    /// Since when, for whoever looks for the one idle longest.
    pub(super) fn since(&self) -> u32 {
        self.since.load(Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.share().take();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.owing.store(true, Relaxed);
        self.0.busy.store(false, Relaxed);
        self.0.since.store(self.0.clock.load(Relaxed), Relaxed);
    }
}

/// A clock for tests.
#[cfg(test)]
pub(super) struct Clock(Arc<AtomicU32>);

#[cfg(test)]
impl Clock {
    /// So much time passes that who is silent rests.
    pub(super) fn pass(&self) {
        self.0.fetch_add(REST_S, Relaxed);
    }
}

#[cfg(test)]
impl Pulse {
    pub(super) fn for_test() -> (Arc<Self>, Clock) {
        let clock = Arc::new(AtomicU32::new(1));
        (Self::new(clock.clone(), Arc::new(Semaphore::new(1))), Clock(clock))
    }

    /// Two connections that have one share of buffers between them.
    pub(super) fn sharing_for_test() -> (Arc<Self>, Arc<Self>, Clock) {
        let (clock, buffers) = (Arc::new(AtomicU32::new(1)), Arc::new(Semaphore::new(1)));
        let pulse = || Self::new(clock.clone(), buffers.clone());
        (pulse(), pulse(), Clock(clock))
    }

    /// Whether it has no share and wants one.
    pub(super) fn is_waiting(&self) -> bool {
        self.busy.load(Relaxed) && !self.has_share() && self.buffers.available_permits() == 0
    }

    pub(super) fn has_share(&self) -> bool {
        self.share().is_some()
    }

    pub(super) fn is_resting(&self) -> bool {
        self.resting.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_share_is_not_waited_for_for_ever() {
        let (one, two, clock) = Pulse::sharing_for_test();
        let entered = one.enters().await;
        let start = tokio::time::Instant::now();
        clock.0.fetch_add(1, Relaxed);
        one.look();
        // It has waited for longer than a head may take.
        clock.0.fetch_add(HEAD_S, Relaxed);
        two.on_read();
        let without = two.enters().await;
        assert_eq!(start.elapsed(), WAIT, "one tick is not long");
        assert!(!two.is_over() && two.share().is_none());
        // What it has not got it does not give back.
        drop(without);
        assert_eq!(one.buffers.available_permits(), 0);
        drop(entered);
        assert_eq!(one.buffers.available_permits(), 1);
        // Who gives up leaves nothing behind.
        let entered = one.enters().await;
        assert!(timeout(WAIT / 2, two.enters()).await.is_err());
        drop(entered);
        assert_eq!(one.buffers.available_permits(), 1);
        // At the end nobody waits.
        let _entered = one.enters().await;
        let start = tokio::time::Instant::now();
        one.buffers.close();
        let _all = two.enters().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn each_state_has_its_own_patience() {
        let clock = Arc::new(AtomicU32::new(100));
        let pulse = Pulse::new(clock.clone(), Arc::new(Semaphore::new(1)));
        let over_after = |n: u32| {
            let now = clock.load(Relaxed);
            clock.store(now + n, Relaxed);
            let over = pulse.is_over();
            clock.store(now, Relaxed);
            over
        };
        assert!(!over_after(HEAD_S) && over_after(HEAD_S + 1), "nothing said since the connect");
        let busy = pulse.begin();
        assert!(!over_after(100_000), "a request takes as long as it takes");
        assert!(!pulse.is_idle());
        drop(busy);
        assert!(!pulse.is_idle(), "its response is still to be written");
        pulse.on_flush();
        assert!(pulse.is_idle());
        assert!(!over_after(IDLE_S) && over_after(IDLE_S + 1), "kept alive");
        pulse.on_read();
        assert!(!over_after(HEAD_S) && over_after(HEAD_S + 1), "half a head");
        let _busy = pulse.begin();
        pulse.on_write(false);
        assert!(!over_after(STUCK_S) && over_after(STUCK_S + 1), "does not read");
        pulse.on_write(true);
        assert!(!over_after(100_000));
    }
}
