//! [`Views`]: the catalog as one kind of client sees it, made from the main one when somebody first looks.
//!
//! A view only ever takes away: what is not in it can be neither listed nor called, by no name, URI or template. What servers list for
//! some clients only is merged first ([`Others`]); views of that are made in the same way.

use std::collections::HashSet;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::BytesMut;
use foldhash::HashMap;

use super::capability;
use super::cat::{Catalog, ListBytes, Origin};
use super::fence::Fence;
use super::item::Item;
use super::merge::{Source, instructions_of, known, merge, merge_transparent};
use super::others::Others;
use super::scope::{Scope, permits};
use crate::backend::{ItemKind, OfferState};

/// Views kept. One is in use for each per-server endpoint, each kind of token and each kind of clients that can be asked
/// something; each takes some two times the bytes of its lists. What is over it is made again when somebody looks, which costs a merge and no more.
const N_VIEWS: usize = 256;

/// The views in use.
#[derive(Debug, Default)]
pub struct Views {
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    views: HashMap<Key, View>,
    /// Counts looks, for the age of views.
    n_looks: u64,
}

type Key = (Scope, Others);

/// A view as it was made last.
#[derive(Debug)]
struct View {
    /// What it was made from. Weak: a view nobody looks at keeps no old catalog alive.
    main: Weak<Catalog>,
    catalog: Arc<Catalog>,
    /// When it was looked at last.
    looked: u64,
}

impl Views {
    /// What a client of `scope` sees of `main`: the same value as long as neither changes. The whole of it costs nothing.
    #[must_use]
    pub fn of(&self, main: &Arc<Catalog>, scope: &Scope) -> Arc<Catalog> {
        self.with(main, scope, &Others::default())
    }

    /// The same with `others` in the place of what everybody sees.
    #[must_use]
    pub fn with(&self, main: &Arc<Catalog>, scope: &Scope, others: &Others) -> Arc<Catalog> {
        // Before the first merge there is nothing to keep from anybody.
        if main.version == 0 || (scope.is_all() && others.is_empty()) {
            return main.clone();
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if others.is_empty() {
            return made.view(main, (scope, others), |before| make(main, scope, before));
        }
        let all = Scope::default();
        let merged = made.view(main, (&all, others), |before| merged_with(main, others, before));
        if scope.is_all() {
            return merged;
        }
        made.view(&merged, (scope, others), |before| make(&merged, scope, before))
    }
}

impl Made {
    fn view(
        &mut self,
        main: &Arc<Catalog>,
        (scope, others): (&Scope, &Others),
        make: impl FnOnce(Option<&Arc<Catalog>>) -> Arc<Catalog>,
    ) -> Arc<Catalog> {
        self.n_looks += 1;
        let looked = self.n_looks;
        let key = (scope.clone(), others.clone());
        if let Some(view) = self.views.get_mut(&key) {
            view.looked = looked;
            if std::ptr::eq(view.main.as_ptr(), Arc::as_ptr(main)) {
                return view.catalog.clone();
            }
            view.catalog = make(Some(&view.catalog));
            view.main = Arc::downgrade(main);
            return view.catalog.clone();
        }
        if self.views.len() >= N_VIEWS {
            let oldest = self.views.iter().min_by_key(|(_, v)| v.looked).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.views.remove(&oldest);
            }
        }
        let catalog = make(None);
        self.views.insert(key, View { main: Arc::downgrade(main), catalog: catalog.clone(), looked });
        catalog
    }
}

/// The catalog with `others` in the place of what everybody sees.
fn merged_with(main: &Catalog, others: &Others, before: Option<&Arc<Catalog>>) -> Arc<Catalog> {
    let Origin { sources, routing, preface } = &main.origin;
    let sources: Vec<Source> = sources
        .iter()
        .map(|source| match others.of(&source.server.name).filter(|_| source.server.enabled) {
            Some(offer) => {
                let state = OfferState::Known { offer: offer.clone(), cached: false };
                Source { server: source.server.clone(), state }
            }
            None => source.clone(),
        })
        .collect();
    let mut merged = merge(&sources, routing, preface.as_deref(), 0);
    merged.is_settling = main.is_settling;
    // A cursor into what everybody sees leads nowhere in here.
    merged.version = match before {
        Some(before) if ItemKind::ALL.iter().all(|kind| !merged.differs(before, *kind)) => before.version,
        _ => main.version | u64::from(others.mark()) << 32,
    };
    for (server, notes) in &merged.quarantined {
        if main.quarantined.get(server) != Some(notes) {
            tracing::debug!(%server, ?notes, "of what some clients see");
        }
    }
    Arc::new(merged)
}

/// The view of `scope`; `before` is the one that stood in its place.
fn make(main: &Catalog, scope: &Scope, before: Option<&Arc<Catalog>>) -> Arc<Catalog> {
    let routing = &main.origin.routing;
    let sources: Vec<Source> = main.origin.sources.iter().filter(|s| scope.sees(&s.server.name)).cloned().collect();
    let mut view = if scope.server.is_some() {
        let Some(source) = sources.first() else { return absent(main, before) };
        if let Some(before) = before
            .filter(|b| !scope.picks_tools() && b.is_settling == main.is_settling && is_same(&b.origin, source, main))
        {
            return before.clone();
        }
        let tools = scope.picks_tools().then(|| allowed_tools(main, scope));
        merge_transparent(source, routing, None, 0, tools.as_ref())
    } else {
        narrowed(main, &sources, scope)
    };
    view.fence = Fence::of(main, scope);
    view.is_settling = main.is_settling;
    view.origin = Origin { sources: sources.into(), routing: routing.clone(), preface: main.origin.preface.clone() };
    view.version = version(&view, main, before);
    Arc::new(view)
}

/// The view of a server that does not exist, or not for this client: nothing.
fn absent(main: &Catalog, before: Option<&Arc<Catalog>>) -> Arc<Catalog> {
    let mut view = Catalog { capabilities: capability::merged(std::iter::empty(), true), ..Catalog::default() };
    for kind in ItemKind::ALL {
        view.lists[kind as usize] = ListBytes::new(format!(r#"{{"{}":[]}}"#, kind.key()).into());
    }
    view.version = version(&view, main, before);
    Arc::new(view)
}

/// Lists that have not changed keep their version, and cursors into them stay good.
fn version(view: &Catalog, main: &Catalog, before: Option<&Arc<Catalog>>) -> u64 {
    match before {
        None => main.version,
        Some(before) if ItemKind::ALL.iter().all(|kind| !view.differs(before, *kind)) => before.version,
        Some(before) => main.version.max(before.version + 1),
    }
}

/// Whether a transparent view was made of the same things.
fn is_same(before: &Origin, source: &Source, main: &Catalog) -> bool {
    let [made_of] = &*before.sources else { return false };
    let same_offer = match (&made_of.state, &source.state) {
        (OfferState::Known { offer: a, .. }, OfferState::Known { offer: b, .. }) => Arc::ptr_eq(a, b),
        (a, b) => discriminant(a) == discriminant(b),
    };
    same_offer && Arc::ptr_eq(&made_of.server, &source.server) && before.routing == main.origin.routing
}

/// The own names of the tools of one server that `scope` may call. Patterns are about the names of the merged list.
fn allowed_tools(main: &Catalog, scope: &Scope) -> HashSet<Arc<str>> {
    let tools = main.items[ItemKind::Tool as usize].iter();
    let tools = tools.filter(|t| scope.sees(&t.backend) && permits(&scope.access, &t.exposed));
    tools.take(scope.most_tools().unwrap_or(usize::MAX)).map(|t| t.own.clone()).collect()
}

/// The merged catalog without what `scope` does not see. Everything else has the names it has for everybody.
fn narrowed(main: &Catalog, sources: &[Source], scope: &Scope) -> Catalog {
    let sees = |backend: &Arc<str>| scope.sees(backend);
    let mut view = Catalog::default();
    for kind in ItemKind::ALL {
        let shown = |i: &&Item| sees(&i.backend) && (kind != ItemKind::Tool || permits(&scope.access, &i.exposed));
        let mut items: Vec<Item> = main.items[kind as usize].iter().filter(shown).cloned().collect();
        // What is one too many for the list can be called as before.
        for item in &items {
            let (from, to) = match kind {
                ItemKind::Tool => (&main.tools, &mut view.tools),
                ItemKind::Prompt => (&main.prompts, &mut view.prompts),
                ItemKind::Resource => (&main.resources, &mut view.resources),
                ItemKind::Template => break,
            };
            if let Some(entry) = from.get(item.exposed.as_bytes()) {
                to.insert(item.exposed.clone().into(), entry.clone());
            }
        }
        if let Some(most) = scope.most_tools().filter(|_| kind == ItemKind::Tool) {
            items.truncate(most);
        }
        let (list, items) = rendered(kind, items);
        view.lists[kind as usize] = list;
        view.items[kind as usize] = items;
    }
    view.prefixes = main.prefixes.iter().filter(|(_, b)| sees(b)).cloned().collect();
    view.hidden = main.hidden.iter().filter(|(b, _)| sees(b)).map(|(b, h)| (b.clone(), h.clone())).collect();
    view.pending = main.pending.iter().filter(|b| sees(b)).cloned().collect();
    view.asleep = main.asleep.iter().filter(|b| sees(b)).cloned().collect();
    view.completers = main.completers.iter().filter(|b| sees(b)).cloned().collect();
    view.sole = main.sole.clone().filter(|b| sees(b));
    view.transparent = main.transparent.clone().filter(|_| view.sole.is_some());
    view.quarantined = main.quarantined.iter().filter(|(b, _)| sees(b)).map(|(b, q)| (b.clone(), q.clone())).collect();
    if view.sole.is_some() {
        view.instructions.clone_from(&main.instructions);
        view.capabilities.clone_from(&main.capabilities);
    } else {
        view.instructions = instructions_of(sources, &main.origin.routing, main.origin.preface.as_deref());
        let all_known = sources.iter().all(|s| known(s).is_some() || !s.server.enabled);
        view.capabilities = capability::merged(sources.iter().filter_map(known), all_known);
    }
    view
}

/// The list of `items`, which become parts of it.
fn rendered(kind: ItemKind, mut items: Vec<Item>) -> (ListBytes, Vec<Item>) {
    let mut list = BytesMut::with_capacity(items.iter().map(|i| i.legacy.len() + 1).sum::<usize>() + 32);
    list.extend_from_slice(format!(r#"{{"{}":["#, kind.key()).as_bytes());
    let mut places = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            list.extend_from_slice(b",");
        }
        places.push((list.len(), list.len() + item.legacy.len()));
        list.extend_from_slice(&item.legacy);
    }
    list.extend_from_slice(b"]}");
    let list = list.freeze();
    for (item, (start, end)) in items.iter_mut().zip(places) {
        item.legacy = list.slice(start..end);
    }
    (ListBytes::new(list), items)
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
