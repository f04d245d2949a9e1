//! One flow opened: its request and its answer as trees, and what the proxy changed in each.

use mcp_proxy_core::observe::{Flow, FlowKind};
use mcp_proxy_core::protocol::CallId;

use crate::app::cursor::Cursor;
use crate::input::action::Action;
use crate::json::change::{self, Change};
use crate::json::tree::Tree;

/// One direction of a flow.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The frame as it came in.
    pub(crate) tree: Tree,
    /// Whether there is a frame at all.
    pub(crate) there: bool,
    /// What was changed on the way through; `None` if it was not passed on.
    pub(crate) changes: Option<Vec<Change>>,
    /// The bytes as they were passed on, only kept when they differ.
    pub(crate) cursor: Cursor,
}

/// A flow with its frames.
#[derive(Debug)]
pub(crate) struct Detail {
    /// The flow.
    pub(crate) flow: Flow,
    /// What belongs to it.
    pub(crate) children: Vec<CallId>,
    /// As asked.
    pub(crate) request: Side,
    /// As answered.
    pub(crate) response: Side,
}

impl Detail {
    /// Opens a flow.
    #[must_use]
    pub(crate) fn new(flow: Flow, children: Vec<CallId>) -> Self {
        let mut detail = Self { request: Side::default(), response: Side::default(), children, flow };
        detail.fill(None);
        detail
    }

    /// Takes the newer state of the same flow; what is unfolded stays so.
    pub(crate) fn renew(&mut self, flow: Flow, children: Vec<CallId>) {
        let old = std::mem::replace(&mut self.flow, flow);
        self.children = children;
        self.fill(Some(&old));
    }

    fn fill(&mut self, old: Option<&Flow>) {
        let (new, old) = (&self.flow.frames, old.map(|o| &o.frames));
        if old.is_none_or(|o| o.received != new.received || o.sent.is_some() != new.sent.is_some()) {
            self.request = Side::new(new.received.as_ref(), new.sent.as_ref());
        }
        if old.is_none_or(|o| o.returned != new.returned || o.answered.is_some() != new.answered.is_some()) {
            self.response = Side::new(new.returned.as_ref(), new.answered.as_ref());
        }
    }

    /// Who is asked.
    pub(crate) fn asked(&self) -> &str {
        match self.flow.kind {
            FlowKind::Upcall | FlowKind::ServerNotification => "client",
            FlowKind::Call | FlowKind::ClientNotification | FlowKind::Own => "server",
        }
    }
}

impl Side {
    fn new(frame: Option<&bytes::Bytes>, passed: Option<&mcp_proxy_core::protocol::Spliced>) -> Self {
        // A frame made here has no received form: what was sent is all there is.
        let whole = frame.cloned().or_else(|| passed.map(mcp_proxy_core::protocol::Spliced::to_bytes));
        Self {
            there: whole.is_some(),
            tree: whole.map(Tree::new).unwrap_or_default(),
            changes: if frame.is_some() { passed.map(change::changes) } else { None },
            cursor: Cursor::default(),
        }
    }

    /// Lines of the tree and of the changes below it.
    pub(crate) fn n_lines(&self) -> usize {
        let below = match &self.changes {
            Some(changes) => 2 + changes.len(),
            None => 0,
        };
        self.tree.lines().len() + usize::from(self.tree.n_left_out() > 0) + below
    }

    /// Does what a key asks of a tree; `false` if it asks nothing of it.
    pub(crate) fn act(&mut self, action: Action, page: usize) -> bool {
        let (n, at) = (self.n_lines(), self.cursor.at);
        if !self.cursor.go(action, n, page) && !act_on_tree(&mut self.tree, &mut self.cursor, action) {
            return false;
        }
        let _ = at;
        true
    }
}

/// Folding, unfolding, masks: the same for every tree.
pub(crate) fn act_on_tree(tree: &mut Tree, cursor: &mut Cursor, action: Action) -> bool {
    let at = cursor.at;
    match action {
        Action::Fold if tree.can_unfold(at) => tree.unfold(at),
        Action::Fold => tree.fold(at),
        Action::Unfold => tree.unfold(at),
        Action::FoldUp => match tree.lines().get(at) {
            Some(l) if l.open => tree.fold(at),
            _ => cursor.at = tree.parent(at).unwrap_or(at),
        },
        Action::Whole => tree.show_whole(),
        Action::Reveal => {
            tree.reveal(at);
        }
        _ => return false,
    }
    true
}
