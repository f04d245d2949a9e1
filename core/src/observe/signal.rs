//! Tells readers that there is something new, folding many changes into one wake-up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// One reader's flag and the place it waits at.
#[derive(Debug, Default)]
struct Ear {
    /// Set by the first change after the reader last looked; further changes cost one load.
    told: AtomicBool,
    notify: Notify,
}

/// Where changes are announced. Costs one atomic load when nobody listens or all have been told already.
#[derive(Debug, Default)]
pub struct Signal {
    ears: Mutex<Vec<std::sync::Weak<Ear>>>,
    n_ears: AtomicUsize,
    /// Set while at least one reader has not been told since it last looked.
    armed: Arc<AtomicBool>,
}

/// A reader of a [`Signal`].
#[derive(Debug)]
pub struct Subscription {
    ear: Arc<Ear>,
    armed: Arc<AtomicBool>,
}

impl Signal {
    /// Announces a change.
    pub fn raise(&self) {
        if self.n_ears.load(Ordering::Relaxed) == 0 || !self.armed.swap(false, Ordering::AcqRel) {
            return;
        }
        let Ok(mut ears) = self.ears.lock() else { return };
        ears.retain(|ear| {
            let Some(ear) = ear.upgrade() else { return false };
            if !ear.told.swap(true, Ordering::AcqRel) {
                ear.notify.notify_one();
            }
            true
        });
        self.n_ears.store(ears.len(), Ordering::Relaxed);
    }

    /// Whether anybody listens, or did until the last change.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.n_ears.load(Ordering::Relaxed) > 0
    }

    /// Adds a reader; it is told at once that there is something to look at.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let ear = Arc::new(Ear::default());
        ear.told.store(true, Ordering::Release);
        ear.notify.notify_one();
        if let Ok(mut ears) = self.ears.lock() {
            ears.push(Arc::downgrade(&ear));
            self.n_ears.store(ears.len(), Ordering::Relaxed);
        }
        Subscription { ear, armed: self.armed.clone() }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // The next change finds out that nobody is there.
        self.armed.store(true, Ordering::Release);
    }
}

impl Subscription {
    /// Waits until something changed since the last call. At once if that already happened.
    ///
    /// # Cancel safety
    /// Cancel safe: no change is lost.
    pub async fn changed(&mut self) {
        self.ear.notify.notified().await;
        self.ear.told.store(false, Ordering::Release);
        self.armed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_changes_are_one_wake_up() {
        let signal = Signal::default();
        let mut a = signal.subscribe();
        a.changed().await;
        for _ in 0..10 {
            signal.raise();
        }
        a.changed().await;
        let again = tokio::time::timeout(std::time::Duration::ZERO, a.changed()).await;
        assert!(again.is_err(), "told twice of one burst");
        signal.raise();
        a.changed().await;
    }

    #[tokio::test]
    async fn a_reader_that_left_costs_nothing() {
        let signal = Signal::default();
        let mut a = signal.subscribe();
        a.changed().await;
        drop(a);
        signal.raise();
        assert_eq!(signal.n_ears.load(Ordering::Relaxed), 0);
    }
}
