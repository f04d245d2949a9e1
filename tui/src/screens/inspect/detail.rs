//! One flow opened: its request and its answer as trees, and what the proxy changed in each.

use bytes::Bytes;
use mcp_proxy_core::observe::{Flow, FlowKind};
use mcp_proxy_core::protocol::{CallId, Spliced};

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
    /// The proxy made this frame itself: nobody sent it here.
    pub(crate) ours: bool,
    /// What was changed on the way through; `None` if it was not passed on.
    pub(crate) changes: Option<Vec<Change>>,
    /// The selected line.
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
    /// The trees are those of the flow.
    fresh: bool,
}

impl Detail {
    /// Opens a flow.
    #[must_use]
    pub(crate) fn new(flow: Flow, children: Vec<CallId>) -> Self {
        Self { request: Side::default(), response: Side::default(), children, flow, fresh: false }
    }

    /// Takes the newer state of the same flow; what is unfolded stays so.
    pub(crate) fn renew(&mut self, flow: Flow, children: Vec<CallId>) {
        self.flow = flow;
        self.children = children;
        self.fresh = false;
    }

    /// Makes the trees, where the frames are not those they were made of. Done only when they are to be seen: while
    /// calls rush by, most are never looked at.
    pub(crate) fn prepare(&mut self) {
        if std::mem::replace(&mut self.fresh, true) {
            return;
        }
        let frames = &self.flow.frames;
        self.request.renew(frames.received.as_ref(), frames.sent.as_ref());
        self.response.renew(frames.returned.as_ref(), frames.answered.as_ref());
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
    /// Takes other frames; the tree stays as it is folded if they are the same.
    fn renew(&mut self, frame: Option<&Bytes>, passed: Option<&Spliced>) {
        // A frame made here has no received form: what was sent is all there is.
        let Some(whole) = frame.cloned().or_else(|| passed.map(Spliced::to_bytes)) else {
            *self = Self::default();
            return;
        };
        let same_passed = self.changes.is_some() == (frame.is_some() && passed.is_some());
        if self.there && same_passed && *self.tree.whole() == whole {
            return;
        }
        self.there = true;
        self.ours = frame.is_none();
        self.tree = Tree::new(whole);
        self.changes = if frame.is_some() { passed.map(change::changes) } else { None };
        self.cursor = Cursor::default();
    }

    /// Lines of the tree and of the changes below it.
    pub(crate) fn n_lines(&self) -> usize {
        let below = match &self.changes {
            Some(changes) => 2 + changes.len(),
            None => 2 * usize::from(self.ours),
        };
        self.tree.lines().len() + usize::from(self.tree.n_left_out() > 0) + below
    }

    /// Does what a key asks of a tree; `false` if it asks nothing of it.
    pub(crate) fn act(&mut self, action: Action, page: usize) -> bool {
        let n = self.n_lines();
        self.cursor.go(action, n, page) || act_on_tree(&mut self.tree, &mut self.cursor, action)
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
