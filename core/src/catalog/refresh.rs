//! Keeps the catalog up to date: merges again when a server's offer or the configuration has changed.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::cat::Catalog;
use super::merge::{Source, merge};
use crate::backend::{Context, ItemKind, Offer, OfferState};
use crate::config::Config;
use crate::observe::NoticeLevel;

/// The task that publishes catalogs.
#[derive(Debug)]
pub struct Refresher {
    ctx: Arc<Context>,
    config: watch::Receiver<Arc<Config>>,
    catalog: watch::Sender<Arc<Catalog>>,
    /// What the present catalog was made of.
    made_of: Option<MadeOf>,
}

/// What a catalog is made of. Compared by identity.
#[derive(Debug)]
struct MadeOf {
    config: Arc<Config>,
    /// Each server's state with its offer.
    offers: Vec<(Discriminant<OfferState>, Option<Arc<Offer>>)>,
    is_settling: bool,
}

impl Refresher {
    /// A refresher and where it publishes.
    #[must_use]
    pub fn new(ctx: Arc<Context>, config: watch::Receiver<Arc<Config>>) -> (Self, watch::Receiver<Arc<Catalog>>) {
        let catalog = watch::Sender::new(Arc::default());
        let receiver = catalog.subscribe();
        (Self { ctx, config, catalog, made_of: None }, receiver)
    }

    /// The task's body; ends when the configuration's sender is gone.
    pub async fn run(mut self) {
        let mut offers = self.ctx.offers.subscribe();
        loop {
            offers.mark_unchanged();
            let config = self.config.borrow_and_update().clone();
            let awaited = self.ctx.offers.awaited(Instant::now());
            self.refresh(&config, awaited.is_some());
            let settled = async {
                match awaited {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = settled => {}
                changed = offers.changed() => if changed.is_err() { return },
                changed = self.config.changed() => if changed.is_err() { return },
            }
            // Several servers often change in one go (a start): let them, then merge once.
            tokio::task::yield_now().await;
        }
    }

    fn refresh(&mut self, config: &Arc<Config>, is_settling: bool) {
        let sources: Vec<Source> = config
            .servers
            .iter()
            .map(|server| {
                let state = if server.enabled { self.ctx.offers.of(&server.name) } else { OfferState::Absent };
                Source { server: server.clone(), state }
            })
            .collect();
        let of = |s: &Source| match &s.state {
            OfferState::Known { offer, .. } => (discriminant(&s.state), Some(offer.clone())),
            state => (discriminant(state), None),
        };
        let made_of = MadeOf { config: config.clone(), offers: sources.iter().map(of).collect(), is_settling };
        if self.made_of.as_ref().is_some_and(|last| is_same(last, &made_of)) {
            // A server has confirmed what was remembered of it.
            return self.ctx.observer.signal.raise();
        }
        self.made_of = Some(made_of);
        let before = self.catalog.borrow().clone();
        let after = merge(&sources, &config.routing, config.instructions.as_deref(), before.version + 1);
        for (backend, texts) in &after.quarantined {
            if before.quarantined.get(backend) != Some(texts) {
                for text in texts {
                    self.ctx.observer.notice(NoticeLevel::Warning, Some(backend), text.clone());
                }
            }
        }
        let same =
            ItemKind::ALL.iter().all(|k| !after.differs(&before, *k)) && after.items[0].len() == before.items[0].len();
        // Lists that have not changed keep their version, and cursors into them stay good.
        let version = if same && before.version > 0 { before.version } else { after.version };
        self.catalog.send_replace(Arc::new(Catalog { version, is_settling, ..after }));
        self.ctx.observer.signal.raise();
    }
}

fn is_same(a: &MadeOf, b: &MadeOf) -> bool {
    let same_offer = |a: &Option<Arc<Offer>>, b: &Option<Arc<Offer>>| match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    Arc::ptr_eq(&a.config, &b.config)
        && a.is_settling == b.is_settling
        && a.offers.len() == b.offers.len()
        && a.offers.iter().zip(&b.offers).all(|(a, b)| a.0 == b.0 && same_offer(&a.1, &b.1))
}
