//! A bounded queue into one task. Pushing never waits: a full box gives the item back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Items there stays room for.
const KEPT: usize = 256;

/// A clonable way into one task's queue. The task itself takes with [`Mailbox::drain`].
#[derive(Debug)]
pub struct Mailbox<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    queue: Mutex<Queue<T>>,
    closed: AtomicBool,
    capacity: usize,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// Whom the next item wakes. It stays when its task does not wait any more: being woken for nothing costs less than saying so.
    waiter: Option<Waker>,
    /// It was closed, and its task has not heard of that yet.
    is_news: bool,
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
            queue: Mutex::new(Queue { items: VecDeque::new(), waiter: None, is_news: false }),
            closed: AtomicBool::new(false),
            capacity,
        }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
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
        if queue.items.len() >= capacity {
            return Err(item);
        }
        queue.items.push_back(item);
        let waiter = queue.waiter.take();
        drop(queue);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        Ok(())
    }

    /// Waits until there is something to take. Spurious wake-ups happen. Only the task whose box it is waits.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue();
        if !queue.items.is_empty() || std::mem::take(&mut queue.is_news) {
            return Poll::Ready(());
        }
        if !queue.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(cx.waker())) {
            queue.waiter = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes everything there is, putting it behind what `into` holds.
    pub fn drain(&self, into: &mut VecDeque<T>) {
        // Many may have waited once; what they took is not kept.
        if into.capacity() > KEPT {
            into.shrink_to(KEPT);
        }
        let mut queue = self.queue();
        if into.is_empty() {
            std::mem::swap(&mut queue.items, into);
        } else {
            into.append(&mut queue.items);
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
        let mut queue = self.queue();
        queue.is_news = true;
        let waiter = queue.waiter.take();
        drop(queue);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
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

    #[tokio::test]
    async fn who_waits_is_woken_by_what_comes_and_by_the_end() {
        let mailbox = Mailbox::new(1);
        let mut tasks = tokio::task::JoinSet::new();
        let other = mailbox.clone();
        tasks.spawn(async move {
            let mut taken = VecDeque::new();
            while !other.is_closed() {
                // Given up and waited for again: the way a task waits for several things.
                let gone = tokio::time::timeout(std::time::Duration::ZERO, other.ready()).await;
                if gone.is_err() {
                    other.ready().await;
                }
                other.drain(&mut taken);
            }
            taken.len()
        });
        for item in 0..100 {
            let mut item = item;
            while let Err(back) = mailbox.push(item) {
                item = back;
                tokio::task::yield_now().await;
            }
        }
        mailbox.close();
        assert_eq!(tasks.join_next().await.expect("one").expect("no panic"), 100);
    }
}
