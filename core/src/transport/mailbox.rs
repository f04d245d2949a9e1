//! A bounded queue into one task. Pushing never waits: a full box gives the item back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Items there stays room for.
const KEPT: usize = 256;

/// A clonable way into one task's queue. The task itself takes with [`Mailbox::drain`].
#[derive(Debug)]
pub struct Mailbox<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    queue: Mutex<VecDeque<T>>,
    notify: Notify,
    closed: AtomicBool,
    capacity: usize,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    /// A box for at most `capacity` items.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::new(VecDeque::new()),
            notify: Notify::new(),
            closed: AtomicBool::new(false),
            capacity,
        }))
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in.
    ///
    /// # Errors
    /// Gives it back when the box is full or its task has ended.
    pub fn push(&self, item: T) -> Result<(), T> {
        self.push_within(item, self.0.capacity)
    }

    /// Puts an item in that must not be lost and whose number is bounded elsewhere (answers: one a call in flight).
    ///
    /// # Errors
    /// Gives it back when the task has ended.
    pub fn push_owed(&self, item: T) -> Result<(), T> {
        self.push_within(item, usize::MAX)
    }

    fn push_within(&self, item: T, capacity: usize) -> Result<(), T> {
        if self.is_closed() {
            return Err(item);
        }
        let mut queue = self.queue();
        if queue.len() >= capacity {
            return Err(item);
        }
        queue.push_back(item);
        let first = queue.len() == 1;
        drop(queue);
        if first {
            self.0.notify.notify_one();
        }
        Ok(())
    }

    /// Waits until there is something to take. Spurious wake-ups happen.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ready(&self) {
        if self.queue().is_empty() {
            self.0.notify.notified().await;
        }
    }

    /// Takes everything there is, putting it behind what `into` holds.
    pub fn drain(&self, into: &mut VecDeque<T>) {
        // Many may have waited once; what they took is not kept.
        if into.capacity() > KEPT {
            into.shrink_to(KEPT);
        }
        let mut queue = self.queue();
        if into.is_empty() {
            std::mem::swap(&mut *queue, into);
        } else {
            into.append(&mut queue);
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Refuses further items; what is in the box can still be drained.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.notify.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bounded_ordered_and_closable() {
        let mailbox = Mailbox::new(2);
        assert_eq!((mailbox.push(1), mailbox.push(2), mailbox.push(3)), (Ok(()), Ok(()), Err(3)));
        assert_eq!(mailbox.push_owed(4), Ok(()));
        mailbox.ready().await;
        let mut taken = VecDeque::new();
        mailbox.drain(&mut taken);
        assert_eq!(taken, [1, 2, 4]);
        mailbox.close();
        assert_eq!(mailbox.push_owed(5), Err(5));
    }
}
