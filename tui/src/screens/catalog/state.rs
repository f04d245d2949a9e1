//! What Catalog knows.

use std::sync::Arc;

use mcp_proxy_core::control::{CatalogItem, CatalogView, ItemKind};
use mcp_proxy_core::observe::filter::contains;

use crate::app::cursor::Cursor;
use crate::json::tree::Tree;
use crate::widgets::input::Input;

/// The kinds in the order of the sub-tabs.
pub(crate) const KINDS: [ItemKind; 4] = [ItemKind::Tool, ItemKind::Prompt, ItemKind::Resource, ItemKind::Template];

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
    /// Places in `view.items` that are shown.
    pub(crate) shown: Vec<usize>,
    /// The selected row of `shown`.
    pub(crate) cursor: Cursor,
    /// The schema has the keys.
    pub(crate) in_detail: bool,
    /// The selected item's JSON, by its exposed name.
    pub(crate) tree: Option<(Arc<str>, Tree)>,
    /// The line in it.
    pub(crate) tree_cursor: Cursor,
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
            shown: Vec::new(),
            cursor: Cursor::default(),
            in_detail: false,
            tree: None,
            tree_cursor: Cursor::default(),
            last: None,
            seq: 0,
        }
    }
}

impl State {
    /// Takes a new catalog; the selected item stays selected if it is still there.
    pub(crate) fn seen(&mut self, view: Arc<CatalogView>) -> bool {
        if view.version == self.view.version && view.items.len() == self.view.items.len() {
            return false;
        }
        let selected = self.item().map(|i| i.exposed.clone());
        self.view = view;
        self.tree = None;
        self.find();
        self.select(selected.as_deref());
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
    }

    fn select(&mut self, name: Option<&str>) {
        let again = self.shown.iter().position(|at| Some(&*self.view.items[*at].exposed) == name);
        self.cursor.at = again.unwrap_or(0);
    }

    fn find(&mut self) {
        let words: Vec<String> = self.input.text().split_whitespace().map(str::to_ascii_lowercase).collect();
        let passes = |i: &CatalogItem| {
            let texts =
                [&*i.exposed, &*i.backend, i.title.as_deref().unwrap_or(""), i.description.as_deref().unwrap_or("")];
            i.kind == self.kind && words.iter().all(|w| texts.iter().any(|t| contains(t, w)))
        };
        self.shown = (0..self.view.items.len()).filter(|at| passes(&self.view.items[*at])).collect();
    }

    /// The selected item.
    pub(crate) fn item(&self) -> Option<&CatalogItem> {
        self.shown.get(self.cursor.at).and_then(|at| self.view.items.get(*at))
    }

    /// How many items of a kind there are.
    pub(crate) fn n_of(&self, kind: ItemKind) -> usize {
        self.view.items.iter().filter(|i| i.kind == kind).count()
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
            let tree =
                Tree::without(item.raw.clone(), &["name", "title", "description", "uri", "uriTemplate", "icons"]);
            self.tree = Some((item.exposed.clone(), tree));
            self.tree_cursor = Cursor::default();
        }
    }
}
