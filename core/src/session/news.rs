//! [`News`]: waits until the configuration or the catalog is another one than a session has seen.
//!
//! A session waits for it from turn to turn and mostly in vain: getting in line and out of it again with each message would cost as much
//! as a good part of the message. It stays in line, and looks at two numbers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;
use tokio_util::sync::ReusableBoxFuture;

use super::run::Session;
use crate::catalog::Catalog;
use crate::config::Config;

/// Is ready when there is something a session has not seen; told by [`News::begin_again`] that it has.
pub(super) struct News {
    config: watch::Receiver<Arc<Config>>,
    catalog: watch::Receiver<Arc<Catalog>>,
    /// Stands in line for both.
    changed: ReusableBoxFuture<'static, ()>,
    /// Whom it wakes there; `None`: it has not got in line yet.
    waker: Option<Waker>,
}

impl News {
    /// What `session` has not seen from now on.
    pub(super) fn of(session: &Session) -> Self {
        Self::after(session.config_rx.clone(), session.catalog_rx.clone())
    }

    fn after(config: watch::Receiver<Arc<Config>>, catalog: watch::Receiver<Arc<Catalog>>) -> Self {
        let changed = ReusableBoxFuture::new(changed(&config, &catalog));
        Self { config, catalog, changed, waker: None }
    }

    /// The session has seen what there is.
    pub(super) fn begin_again(&mut self, session: &Session) {
        (self.config, self.catalog) = (session.config_rx.clone(), session.catalog_rx.clone());
        self.changed.set(changed(&self.config, &self.catalog));
        self.waker = None;
    }
}

/// Waits for the next of either; for ever once the configuration is not going to change any more, which is so at the end.
///
/// Never held up by tokio's budget: who is sent away by that is not in line.
pub(super) fn changed(
    config: &watch::Receiver<Arc<Config>>,
    catalog: &watch::Receiver<Arc<Catalog>>,
) -> impl Future<Output = ()> + Send + use<> {
    let (mut config, mut catalog) = (config.clone(), catalog.clone());
    tokio::task::unconstrained(async move {
        let is_there = tokio::select! { biased;
            changed = config.changed() => changed.is_ok(),
            changed = catalog.changed() => changed.is_ok(),
        };
        if !is_there {
            // Nobody is left to change anything.
            std::future::pending().await
        }
    })
}

impl Future for News {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let is_quiet = matches!((self.config.has_changed(), self.catalog.has_changed()), (Ok(false), Ok(false)));
        if is_quiet && self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.changed.poll(cx)
    }
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A number of turns that use up what tokio lets a task do at once.
    const MANY: usize = 1000;

    #[tokio::test]
    async fn who_waits_is_woken_by_each_change_whatever_else_its_task_does() {
        let (config, config_rx) = watch::channel(Arc::<Config>::default());
        let (catalog, catalog_rx) = watch::channel(Arc::<Catalog>::default());
        let mut is_left = true;
        for _ in 0..MANY {
            let mut budget = Box::pin(tokio::task::coop::consume_budget());
            is_left &= poll_fn(|cx| Poll::Ready(budget.as_mut().poll(cx).is_ready())).await;
        }
        assert!(!is_left, "nothing of the budget is left when it first gets in line");
        let mut seen = (config_rx, catalog_rx);
        for turn in 0..4 {
            let count = Arc::new(Count::default());
            let waker = Waker::from(count.clone());
            let mut news = News::after(seen.0.clone(), seen.1.clone());
            for _ in 0..3 {
                assert!(Pin::new(&mut news).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            assert_eq!(count.0.load(Ordering::Relaxed), 0, "for nothing");
            if turn % 2 == 0 {
                config.send_replace(Arc::default());
            } else {
                catalog.send_replace(Arc::default());
            }
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            assert!(Pin::new(&mut news).poll(&mut Context::from_waker(&waker)).is_ready());
            seen.0.mark_unchanged();
            seen.1.mark_unchanged();
        }
    }

    #[tokio::test]
    async fn a_task_that_is_woken_otherwise_than_before_gets_in_line_anew() {
        let (config, config_rx) = watch::channel(Arc::<Config>::default());
        let (catalog, catalog_rx) = watch::channel(Arc::<Catalog>::default());
        let mut news = News::after(config_rx, catalog_rx);
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        for count in &counts {
            let waker = Waker::from(count.clone());
            assert!(Pin::new(&mut news).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        config.send_replace(Arc::default());
        assert_eq!(counts.map(|c| c.0.load(Ordering::Relaxed)), [0, 1]);
        drop((config, catalog));
        let (config, catalog) = (watch::channel(Arc::default()), watch::channel(Arc::default()));
        let mut news = News::after(config.1, catalog.1);
        drop((config.0, catalog.0));
        assert!(Pin::new(&mut news).poll(&mut Context::from_waker(Waker::noop())).is_pending(), "nothing can come");
    }
}
