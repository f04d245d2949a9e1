//! One flow opened: its request and its answer as trees, and what the proxy changed in each.

use bytes::Bytes;
use mcp_proxy_core::observe::{Flow, FlowKind, Frames};
use mcp_proxy_core::protocol::Spliced;

use super::heads::{self, Titled};
use super::state::Pane;
use crate::app::cursor::Cursor;
use crate::app::msg::Relations;
use crate::input::action::Action;
use crate::json::change::{self, Change};
use crate::json::find::{self, Found};
use crate::json::mask;
use crate::json::tree::Tree;

/// How a side is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum View {
    /// The frame as it came, as a tree.
    #[default]
    Tree,
    /// The frame as it was passed on, as a tree.
    Sent,
    /// The bytes of the frame.
    Raw,
    /// What HTTP said around it.
    Headers,
    /// What is known of the flow besides.
    Facts,
}

/// One direction of a flow.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// How it is shown.
    pub(crate) view: View,
    /// The frame as it came in, or as it was passed on.
    pub(crate) tree: Tree,
    /// The same as bytes, secrets masked; made when it is shown.
    pub(crate) raw: Option<Bytes>,
    /// What HTTP said around it, and around what was passed on.
    pub(crate) heads: Vec<Titled>,
    /// What was looked for.
    pub(crate) found: Option<Found>,
    came: Option<Bytes>,
    passed: Option<Spliced>,
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
    pub(crate) relations: Relations,
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
    pub(crate) fn new(flow: Flow, relations: Relations) -> Self {
        Self { request: Side::default(), response: Side::default(), relations, flow, round: None, fresh: false }
    }

    /// Takes the newer state of the same flow; what is unfolded stays so.
    pub(crate) fn renew(&mut self, flow: Flow, relations: Relations) {
        self.flow = flow;
        self.relations = relations;
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
        let heads = |pane| if self.round.is_none() { heads::of(&self.flow, pane) } else { Vec::new() };
        (self.request.heads, self.response.heads) = (heads(Pane::Request), heads(Pane::Response));
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

    /// Whether a round before the last one is shown.
    pub(crate) const fn is_earlier_round(&self) -> bool {
        self.round.is_some()
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

impl View {
    /// Its name.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Sent => "passed on",
            Self::Raw => "raw",
            Self::Headers => "headers",
            Self::Facts => "facts",
        }
    }
}

impl Side {
    /// Takes other frames; the tree stays as it is folded if they are the same.
    fn renew(&mut self, frame: Option<&Bytes>, passed: Option<&Spliced>) {
        // A frame made here has no received form: what was sent is all there is.
        let Some(whole) = frame.cloned().or_else(|| passed.map(Spliced::to_bytes)) else {
            *self = Self {
                view: if matches!(self.view, View::Facts | View::Headers) { self.view } else { View::Tree },
                ..Self::default()
            };
            return;
        };
        let same_passed = self.changes.is_some() == (frame.is_some() && passed.is_some());
        if self.there && same_passed && self.came.as_ref() == Some(&whole) {
            return;
        }
        self.there = true;
        self.ours = frame.is_none();
        self.changes = frame.zip(passed).map(|(came, passed)| change::between(came, passed));
        self.came = Some(whole);
        self.passed = passed.filter(|_| frame.is_some()).cloned();
        self.cursor = Cursor::default();
        self.fill();
    }

    /// Makes the tree of the view.
    fn fill(&mut self) {
        let body = match (&self.passed, self.view) {
            (Some(passed), View::Sent) => Some(passed.to_bytes()),
            _ => self.came.clone(),
        };
        self.tree = body.map(Tree::new).unwrap_or_default();
        self.found = None;
        self.renew_raw();
    }

    fn renew_raw(&mut self) {
        self.raw = (self.view == View::Raw).then(|| mask::masked(self.tree.bytes()).into());
    }

    /// The views there are; the present one always is.
    pub(crate) fn views(&self) -> impl Iterator<Item = View> {
        let (is_passed, is_there, has_heads) = (self.passed.is_some(), self.there, !self.heads.is_empty());
        let now = self.view;
        [View::Tree, View::Sent, View::Raw, View::Headers, View::Facts].into_iter().filter(move |view| {
            *view == now
                || match view {
                    View::Sent => is_passed,
                    View::Raw => is_there,
                    View::Headers => has_heads,
                    View::Tree | View::Facts => true,
                }
        })
    }

    /// The next view there is.
    pub(crate) fn turn_view(&mut self) {
        let was = self.view;
        let behind = self.views().skip_while(|v| *v != was).nth(1);
        self.view = behind.unwrap_or(View::Tree);
        self.cursor = Cursor::default();
        if (was == View::Sent) != (self.view == View::Sent) {
            self.fill();
        }
        self.renew_raw();
    }

    /// Bytes of a line of the raw view that has so many cells.
    pub(crate) const fn per_line(cells: usize) -> usize {
        // The place, then two digits with a blank and a character for each byte.
        let n = cells.saturating_sub(11) / 4;
        let n = n - n % 4;
        if n < 4 {
            4
        } else if n > 32 {
            32
        } else {
            n
        }
    }

    /// Lines of the view in a pane of so many cells.
    pub(crate) fn n_lines(&self, cells: usize, n_facts: usize) -> usize {
        match self.view {
            View::Facts => n_facts,
            View::Headers => heads::n_lines(&self.heads, cells),
            View::Raw => {
                let n = self.raw.as_ref().map_or(0, Bytes::len);
                n.div_ceil(Self::per_line(cells)) + usize::from(self.tree.n_left_out() > 0)
            }
            View::Tree | View::Sent => self.n_tree_lines(),
        }
    }

    /// Lines of the tree and of the changes below it.
    fn n_tree_lines(&self) -> usize {
        let below = match &self.changes {
            Some(changes) => 2 + changes.len(),
            None => 2 * usize::from(self.ours),
        };
        self.tree.lines().len() + usize::from(self.tree.n_left_out() > 0) + below
    }

    /// Does what a key asks of a side; `false` if it asks nothing of it.
    pub(crate) fn act(&mut self, action: Action, page: usize, cells: usize, n_facts: usize) -> bool {
        let n = self.n_lines(cells, n_facts);
        if self.cursor.go(action, n, page) {
            return true;
        }
        if action == Action::Whole {
            self.tree.show_whole();
            self.found = None;
            self.renew_raw();
            return true;
        }
        matches!(self.view, View::Tree | View::Sent) && act_on_tree(&mut self.tree, &mut self.cursor, action)
    }

    /// Looks for text, from the selected line on.
    pub(crate) fn search(&mut self, text: &str) {
        if matches!(self.view, View::Raw | View::Headers | View::Facts) {
            self.view = View::Tree;
            self.fill();
        }
        let from = self.tree.lines().get(self.cursor.at).map_or(0, |l| l.key.map_or(l.value.start, |k| k.0));
        let mut found = find::find(self.tree.bytes(), text);
        let place = found.from(from);
        self.found = Some(found).filter(|f| !f.needle.is_empty());
        self.go_to(place);
    }

    /// Goes on to the next place of what was looked for. `false`: there is none.
    pub(crate) fn search_on(&mut self, forward: bool) -> bool {
        let place = self.found.as_mut().and_then(|f| f.turn(forward));
        self.go_to(place);
        place.is_some()
    }

    fn go_to(&mut self, place: Option<usize>) {
        if let Some(at) = place.and_then(|place| self.tree.line_of(place)) {
            self.cursor.at = at;
        }
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
        let mut detail = Detail::new(flow.clone(), Relations::default());
        let shown =
            |d: &Detail| (d.round(), d.frames().returned.clone().map(|b| String::from_utf8_lossy(&b).into_owned()));
        assert_eq!(shown(&detail), ((3, 3), Some("last".to_owned())));
        assert!(!detail.turn(true) && detail.turn(false));
        assert_eq!(shown(&detail), ((2, 3), Some("second".to_owned())));
        assert!(detail.turn(false) && !detail.turn(false));
        assert_eq!(shown(&detail), ((1, 3), Some("first".to_owned())));
        // Another round begins meanwhile: what is read stays.
        turn(&mut flow);
        detail.renew(flow, Relations::default());
        assert_eq!(shown(&detail), ((1, 4), Some("first".to_owned())));
        assert!(detail.turn(true) && detail.turn(true) && detail.turn(true) && !detail.turn(true));
        assert_eq!(shown(&detail).0, (4, 4));
        assert!(!Detail::new(sample::divide(), Relations::default()).turn(false), "a single round");
    }

    #[test]
    fn headers_are_a_view_where_there_are_some() {
        let mut detail = Detail::new(sample::by_http(), Relations::default());
        detail.prepare();
        let views = |side: &mut Side| {
            let turned = |_| {
                side.turn_view();
                side.view
            };
            (0..5).map(turned).collect::<Vec<_>>()
        };
        let all = [View::Sent, View::Raw, View::Headers, View::Facts, View::Tree];
        assert_eq!((views(&mut detail.request), views(&mut detail.response)), (all.to_vec(), all.to_vec()));
        // A notification has no answer, and yet it was taken with a status.
        detail.response.view = View::Tree;
        detail.flow.frames = Frames::default();
        detail.renew(detail.flow.clone(), Relations::default());
        detail.prepare();
        detail.response.turn_view();
        assert_eq!((detail.response.view, detail.response.n_lines(80, 9) > 3), (View::Headers, true));
    }

    #[test]
    fn views_follow_each_other_and_text_is_found_in_them() {
        let mut detail = Detail::new(sample::echo(), Relations::default());
        detail.prepare();
        let side = &mut detail.response;
        side.search("hi");
        let at = side.cursor.at;
        assert_eq!(side.tree.path(at), "result.content[1].resource.text");
        assert!(side.search_on(true) && side.cursor.at == at, "there is one");
        side.search("nobody says that");
        assert!(!side.search_on(true));
        let mut views = Vec::new();
        for _ in 0..4 {
            side.turn_view();
            views.push((side.view, side.n_lines(80, 9) > 5));
        }
        assert_eq!(views, [(View::Sent, true), (View::Raw, true), (View::Facts, true), (View::Tree, true)]);
        side.turn_view();
        side.turn_view();
        let raw = side.raw.clone().expect("shown");
        assert!(!String::from_utf8_lossy(&raw).contains("sk-very"));
        assert_eq!((Side::per_line(0), Side::per_line(43), Side::per_line(500)), (4, 8, 32));
    }
}
