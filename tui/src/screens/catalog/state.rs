//! What Catalog knows.

use std::sync::Arc;

use mcp_proxy_core::control::{CatalogItem, CatalogView, ItemKind};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::cursor::Cursor;
use crate::app::layout::Share;
use crate::json::tree::Tree;
use crate::widgets::input::Input;

/// The kinds in the order of the sub-tabs.
pub(crate) const KINDS: [ItemKind; 4] = [ItemKind::Tool, ItemKind::Prompt, ItemKind::Resource, ItemKind::Template];

/// The order of the items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the servers, as clients get them.
    #[default]
    Server,
    /// By name.
    Name,
    /// What costs most tokens first.
    Cost,
}

impl Order {
    /// All, in the order of the key that turns them.
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Name, Self::Cost];

    /// Its name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Name => "name",
            Self::Cost => "tokens",
        }
    }

    /// The one of this name.
    pub(crate) fn named(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.title() == title)
    }
}

/// What a match in a name counts more than one in a description.
const NAME_FIRST: u32 = 2_000;
/// The same of a match in a title or a server's name.
const TITLE_FIRST: u32 = 1_000;

/// What Catalog knows.
#[derive(Debug)]
pub(crate) struct State {
    /// What is offered.
    pub(crate) view: Arc<CatalogView>,
    /// The kind shown.
    pub(crate) kind: ItemKind,
    /// The filter.
    pub(crate) input: Input,
    /// It is being typed.
    pub(crate) typing: bool,
    /// The order of the items, without a filter.
    pub(crate) order: Order,
    /// Places in `view.items` that are shown.
    pub(crate) shown: Vec<usize>,
    /// The selected row of `shown`.
    pub(crate) cursor: Cursor,
    /// Somebody chose that row: it stays selected when others come. Before, the first one is, whatever it is.
    pub(crate) is_chosen: bool,
    /// The schema has the keys.
    pub(crate) in_detail: bool,
    /// How list and details share the screen.
    pub(crate) share: Share,
    /// The selected item's JSON, by its exposed name.
    pub(crate) tree: Option<(Arc<str>, Tree)>,
    /// The line in it.
    pub(crate) tree_cursor: Cursor,
    /// The item's JSON is shown, not what it says as text.
    pub(crate) as_json: bool,
    /// The first line of that text on the screen.
    pub(crate) detail_top: usize,
    /// The last call: an item and the params sent.
    pub(crate) last: Option<LastCall>,
    /// Counts calls made from here.
    pub(crate) seq: u64,
}

/// A call that can be made again.
#[derive(Clone, Debug)]
pub(crate) struct LastCall {
    /// The form as it was sent.
    pub(crate) form: super::form::Form,
}

impl Default for State {
    fn default() -> Self {
        Self {
            view: Arc::default(),
            kind: ItemKind::Tool,
            input: Input::default(),
            typing: false,
            order: Order::default(),
            shown: Vec::new(),
            cursor: Cursor::default(),
            is_chosen: false,
            in_detail: false,
            share: Share::default(),
            tree: None,
            tree_cursor: Cursor::default(),
            as_json: false,
            detail_top: 0,
            last: None,
            seq: 0,
        }
    }
}

impl State {
    /// Takes a new catalog; the selected item stays selected if it is still there.
    pub(crate) fn seen(&mut self, view: Arc<CatalogView>) -> bool {
        if Arc::ptr_eq(&view, &self.view) {
            return false;
        }
        if view.version == self.view.version && view.items.len() == self.view.items.len() {
            // The same items; what is known of them is not: a server has confirmed what was remembered.
            self.view = view;
            return false;
        }
        let selected = self.item().filter(|_| self.is_chosen).cloned();
        self.view = view;
        self.tree = None;
        self.find();
        // One that was given another name, or is hidden and has none, is the same item still.
        let place = |is: &dyn Fn(&CatalogItem) -> bool| self.shown.iter().position(|at| is(&self.view.items[*at]));
        let again = selected.and_then(|old| {
            let by_name = place(&|i| i.exposed == old.exposed);
            by_name.or_else(|| place(&|i| (&i.backend, &i.own) == (&old.backend, &old.own)))
        });
        self.cursor.at = again.unwrap_or(0);
        true
    }

    /// Finds the items of the kind that pass the filter.
    pub(crate) fn choose(&mut self) {
        let selected = self.item().map(|i| i.exposed.clone());
        self.find();
        self.select(selected.as_deref());
    }

    /// Shows the item, whatever the filter says.
    pub(crate) fn go_to(&mut self, kind: ItemKind, exposed: &str) {
        self.kind = kind;
        self.find();
        if !self.shown.iter().any(|at| &*self.view.items[*at].exposed == exposed) {
            self.input = Input::default();
            self.find();
        }
        self.select(Some(exposed));
        self.is_chosen = true;
    }

    fn select(&mut self, name: Option<&str>) {
        let again = self.shown.iter().position(|at| Some(&*self.view.items[*at].exposed) == name);
        self.cursor.at = again.unwrap_or(0);
    }

    /// Letters in their order are enough for a name; in a description words are looked for. The best match comes first.
    fn find(&mut self) {
        let of_kind = |at: &usize| self.view.items[*at].kind == self.kind;
        let all = (0..self.view.items.len()).filter(of_kind);
        let wanted = self.input.text().trim();
        if wanted.is_empty() {
            self.shown = all.collect();
            let items = &self.view.items;
            match self.order {
                Order::Server => {}
                Order::Name => self.shown.sort_by(|a, b| items[*a].exposed.cmp(&items[*b].exposed)),
                Order::Cost => self.shown.sort_by_key(|at| std::cmp::Reverse(items[*at].raw.len())),
            }
            return;
        }
        let (ignore, smart) = (CaseMatching::Ignore, Normalization::Smart);
        let name = Pattern::parse(wanted, ignore, smart);
        let words = Pattern::new(wanted, ignore, smart, AtomKind::Substring);
        let (mut matcher, mut buffer) = (Matcher::new(Config::DEFAULT), Vec::new());
        let mut score = |pattern: &Pattern, text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
        let mut found: Vec<(u32, usize)> = Vec::new();
        for at in all {
            let i = &self.view.items[at];
            let title = format!("{} {}", i.title.as_deref().unwrap_or_default(), i.backend);
            // A name weighs more than what is said about it.
            let scores = [
                score(&name, &i.exposed).map(|s| 2 * s + NAME_FIRST),
                score(&words, &title).map(|s| s + TITLE_FIRST),
                i.description.as_deref().and_then(|d| score(&words, d)),
            ];
            found.extend(scores.into_iter().flatten().max().map(|s| (s, at)));
        }
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        self.shown = found.into_iter().map(|(_, at)| at).collect();
    }

    /// The selected item.
    pub(crate) fn item(&self) -> Option<&CatalogItem> {
        self.shown.get(self.cursor.at).and_then(|at| self.view.items.get(*at))
    }

    /// Whether there is nothing of the kind at all.
    pub(crate) fn is_bare(&self) -> bool {
        !self.view.items.iter().any(|i| i.kind == self.kind)
    }

    /// How many items of a kind clients get.
    pub(crate) fn n_of(&self, kind: ItemKind) -> usize {
        self.of(kind).count()
    }

    /// What of a kind clients get.
    pub(crate) fn of(&self, kind: ItemKind) -> impl Iterator<Item = &CatalogItem> {
        self.view.items.iter().filter(move |i| i.kind == kind && !i.withheld)
    }

    /// The next kind, or the one before.
    pub(crate) fn turn_kind(&mut self, forward: bool) {
        let at = KINDS.iter().position(|k| *k == self.kind).unwrap_or(0);
        let step = if forward { 1 } else { KINDS.len() - 1 };
        self.kind = KINDS[(at + step) % KINDS.len()];
        self.choose();
    }

    /// Makes the tree of the selected item, unless it is there.
    pub(crate) fn settle_tree(&mut self) {
        let Some(item) = self.shown.get(self.cursor.at).and_then(|at| self.view.items.get(*at)) else {
            self.tree = None;
            return;
        };
        if self.tree.as_ref().is_none_or(|(name, _)| *name != item.exposed) {
            let tree = Tree::without(item.raw.clone(), &["icons"]);
            self.tree = Some((item.exposed.clone(), tree));
            self.tree_cursor = Cursor::default();
            self.detail_top = 0;
        }
    }
}
