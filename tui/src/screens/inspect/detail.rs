//! One flow opened: its request and its answer as trees, and what the proxy changed in each.

use bytes::Bytes;
use mcp_proxy_core::observe::{Flow, FlowKind, Frames};
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
    /// Which of its rounds is shown, counted from 0; `None`: the last one.
    round: Option<usize>,
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
        Self { request: Side::default(), response: Side::default(), children, flow, round: None, fresh: false }
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
        let frames = self.frames().clone();
        self.request.renew(frames.received.as_ref(), frames.sent.as_ref());
        self.response.renew(frames.returned.as_ref(), frames.answered.as_ref());
    }

    /// The round that is shown, counted from 1, and how many there are.
    pub(crate) fn round(&self) -> (usize, usize) {
        let n = usize::from(self.flow.n_rounds) + 1;
        // Of very many the first and the last ones are kept.
        let n_lost = (n - 1).saturating_sub(self.flow.rounds.len());
        let shown = match self.round {
            None => n,
            Some(0) => 1,
            Some(i) => i + 1 + n_lost,
        };
        (shown, n)
    }

    /// Shows the next round, or the one before. `false`: there is none.
    pub(crate) fn turn(&mut self, forward: bool) -> bool {
        let n = self.flow.rounds.len();
        let at = self.round.unwrap_or(n);
        let to = if forward { at + 1 } else { at.wrapping_sub(1) };
        if to > n {
            return false;
        }
        self.round = (to < n).then_some(to);
        self.fresh = false;
        true
    }

    /// The frames of the round that is shown.
    pub(crate) fn frames(&self) -> &Frames {
        self.round.and_then(|i| self.flow.rounds.get(i)).map_or(&self.flow.frames, |r| &r.frames)
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

#[cfg(test)]
mod tests {
    use mcp_proxy_core::observe::Round;

    use super::*;
    use crate::sample;

    fn turn(flow: &mut Flow) {
        let frames = std::mem::take(&mut flow.frames);
        flow.rounds.push(Round { frames, ..Round::default() });
        flow.n_rounds += 1;
    }

    #[test]
    fn rounds_are_paged_through() {
        let mut flow = sample::echo();
        for text in ["first", "second", "last"] {
            flow.frames.returned = Some(Bytes::from_static(text.as_bytes()));
            if text != "last" {
                turn(&mut flow);
            }
        }
        let mut detail = Detail::new(flow.clone(), Vec::new());
        let shown =
            |d: &Detail| (d.round(), d.frames().returned.clone().map(|b| String::from_utf8_lossy(&b).into_owned()));
        assert_eq!(shown(&detail), ((3, 3), Some("last".to_owned())));
        assert!(!detail.turn(true) && detail.turn(false));
        assert_eq!(shown(&detail), ((2, 3), Some("second".to_owned())));
        assert!(detail.turn(false) && !detail.turn(false));
        assert_eq!(shown(&detail), ((1, 3), Some("first".to_owned())));
        // Another round begins meanwhile: what is read stays.
        turn(&mut flow);
        detail.renew(flow, Vec::new());
        assert_eq!(shown(&detail), ((1, 4), Some("first".to_owned())));
        assert!(detail.turn(true) && detail.turn(true) && detail.turn(true) && !detail.turn(true));
        assert_eq!(shown(&detail).0, (4, 4));
        assert!(!Detail::new(sample::divide(), Vec::new()).turn(false), "a single round");
    }
}
