//! What Inspect knows.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use mcp_proxy_core::control::InterceptView;
use mcp_proxy_core::observe::filter::{Filter, FilterError};
use mcp_proxy_core::observe::{Flow, FlowKind, Status};
use mcp_proxy_core::protocol::CallId;

use super::detail::{Detail, Side};
use super::find::Find;
use super::rows::{Marks, Rows};
use crate::app::effect::{Edited, Effect};
use crate::app::msg::Relations;
use crate::widgets::flow_table::Chosen;
use crate::widgets::input::Input;
use crate::widgets::number;

/// How often the newest flow is opened while it is followed.
pub(crate) const DETAIL_EVERY: Duration = Duration::from_millis(200);

/// Which pane has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pane {
    /// The list of flows.
    #[default]
    List,
    /// The request of the selected flow.
    Request,
    /// Its answer.
    Response,
}

/// What Inspect knows.
#[derive(Debug)]
pub(crate) struct State {
    /// The pane that has the keys.
    pub(crate) pane: Pane,
    /// A filter is being typed.
    pub(crate) typing: bool,
    /// The filter as typed.
    pub(crate) input: Input,
    /// Why the typed filter does not count; the last good one does.
    pub(crate) mistake: Option<FilterError>,
    /// The rows that pass.
    pub(crate) rows: Rows,
    /// The newest row stays selected.
    pub(crate) follow: bool,
    /// The selected row.
    pub(crate) selected: Option<u64>,
    /// The place of the first row on the screen.
    pub(crate) top: usize,
    /// The id the next row had when following stopped.
    pub(crate) seen_next: u64,
    /// The rows on the screen, as last read.
    pub(crate) window: Vec<Flow>,
    /// The rows that were asked for.
    pub(crate) wanted: Vec<CallId>,
    /// The journal's version.
    pub(crate) version: u64,
    /// The selected flow, opened.
    pub(crate) detail: Option<Detail>,
    /// The flow asked for.
    pub(crate) asked: Option<u64>,
    /// When.
    asked_at: SystemTime,
    /// The selected flow is not asked for yet.
    pub(crate) postponed: bool,
    /// What is intercepted, and what is held.
    pub(crate) intercept: InterceptView,
    /// The filter of what was held last.
    pub(crate) last_rule: String,
    /// What is marked, by id.
    pub(crate) marks: Marks,
    /// The same of the journal, while a recording is shown.
    live_marks: Option<Marks>,
    /// The columns that were chosen.
    pub(crate) columns: Chosen,
    /// The list stays as it is; recording goes on.
    pub(crate) frozen: bool,
    /// Calls made again so far.
    pub(crate) n_replays: u64,
    /// Calls made again, by the one each repeats, until the list has looked at their rows; bounded (`replay.rs`).
    pub(crate) begun: VecDeque<(CallId, CallId)>,
    /// What was written in an editor and could not be sent.
    pub(crate) draft: Option<(Edited, String)>,
    /// The file that flows are written into as they end.
    pub(crate) streaming: Option<String>,
    /// The recording that is shown instead of the journal.
    pub(crate) recording: Option<String>,
    /// The text of a body that is being looked for.
    searching: Option<Input>,
    /// The call that is being looked for.
    pub(crate) find: Option<Find>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            pane: Pane::default(),
            typing: false,
            input: Input::default(),
            mistake: None,
            rows: Rows::default(),
            follow: true,
            selected: None,
            top: 0,
            seen_next: 0,
            window: Vec::new(),
            wanted: Vec::new(),
            version: 0,
            detail: None,
            asked: None,
            asked_at: SystemTime::UNIX_EPOCH,
            postponed: false,
            intercept: InterceptView::default(),
            last_rule: String::new(),
            marks: Marks::new(),
            live_marks: None,
            columns: Chosen::default(),
            frozen: false,
            n_replays: 0,
            begun: VecDeque::new(),
            draft: None,
            streaming: None,
            recording: None,
            searching: None,
            find: None,
        }
    }
}

impl State {
    /// The place of the selected row.
    pub(crate) fn at(&self) -> usize {
        self.selected.map_or(0, |id| self.rows.place(id)).min(self.rows.len().saturating_sub(1))
    }

    /// Selects the row at a place. Leaving the newest stops following.
    pub(crate) fn select(&mut self, at: usize) {
        let last = self.rows.len().saturating_sub(1);
        self.selected = self.rows.id(at.min(last));
        if at < last && self.follow {
            self.follow = false;
            self.seen_next = self.rows.next;
        }
    }

    /// Follows the newest row, or stops.
    pub(crate) fn set_follow(&mut self, on: bool) {
        self.follow = on;
        self.seen_next = self.rows.next;
    }

    /// Gives a pane the keys. What is being read must not change under the reader: following stops.
    pub(crate) fn enter(&mut self, pane: Pane) {
        self.pane = pane;
        if pane != Pane::List && self.follow {
            self.set_follow(false);
        }
    }

    /// Rows that came since following stopped.
    pub(crate) fn n_new(&self) -> usize {
        if self.follow || self.rows.order().is_some() {
            0
        } else {
            self.rows.len() - self.rows.place(self.seen_next).min(self.rows.len())
        }
    }

    /// Shows a recording, or (`None`) the journal again.
    pub(crate) fn change_source(&mut self, recording: Option<(String, u64)>, marks: Marks) {
        let (recording, n_flows) = recording.unzip();
        let live = match (&self.recording, &recording) {
            (None, Some(_)) => Some(std::mem::replace(&mut self.marks, marks)),
            (Some(_), Some(_)) => {
                self.marks = marks;
                self.live_marks.take()
            }
            (_, None) => {
                self.marks = self.live_marks.take().unwrap_or_default();
                None
            }
        };
        self.live_marks = live;
        self.rows.change_source(n_flows);
        self.recording = recording;
        self.pane = Pane::List;
        self.follow = true;
        self.frozen = false;
        (self.selected, self.top, self.seen_next, self.version) = (None, 0, 0, 0);
        (self.detail, self.asked, self.postponed) = (None, None, false);
        self.find = None;
        self.begun.clear();
        self.window.clear();
        self.wanted.clear();
    }

    /// Whether text of a body is being typed.
    pub(crate) const fn is_searching(&self) -> bool {
        self.searching.is_some()
    }

    /// The field of the text that is looked for.
    pub(crate) const fn search_input(&mut self) -> Option<&mut Input> {
        self.searching.as_mut()
    }

    /// The same to be drawn.
    pub(crate) const fn searched(&self) -> Option<&Input> {
        self.searching.as_ref()
    }

    /// Begins to look for text in the body that has the keys, or stops.
    pub(crate) fn set_searching(&mut self, on: bool) {
        let found = self.side().and_then(|s| s.found.as_ref()).map(|f| f.needle.clone());
        self.searching = on.then(|| Input::proposal(found.unwrap_or_default()));
    }

    /// Looks for what is typed.
    pub(crate) fn search(&mut self) {
        let Some(text) = self.searching.as_ref().map(|i| i.text().to_owned()) else { return };
        if let Some(side) = self.side() {
            side.search(&text);
        }
    }

    /// Takes what was typed as the filter.
    pub(crate) fn apply_filter(&mut self, effects: &mut Vec<Effect>) {
        match Filter::parse(self.input.text()) {
            Ok(filter) => {
                self.mistake = None;
                if let Some(scan) = self.rows.set_filter(filter) {
                    effects.push(scan);
                }
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
    }

    /// Takes the journal's new state.
    pub(crate) fn seen(&mut self, first: u64, next: u64, changed: Option<&[CallId]>, effects: &mut Vec<Effect>) {
        let (gone, more) = self.rows.seen(first, next, changed);
        effects.extend(more);
        self.top = self.top.saturating_sub(gone);
        let shown = |id: u64| changed.is_none_or(|ids| ids.iter().any(|c| c.0 == id));
        if self.wanted.iter().any(|id| shown(id.0)) {
            self.wanted.clear();
        }
        if self.asked.is_some_and(shown) {
            self.asked = None;
        }
    }

    /// The rows on the screen have been read.
    pub(crate) fn shown(&mut self, rows: Vec<Flow>) {
        if let Some(find) = &mut self.find {
            find.look_at(&rows);
        }
        self.window = rows;
    }

    /// Puts selection and window where they belong, and asks for what is missing.
    pub(crate) fn settle(&mut self, now: SystemTime, list_rows: usize, on_screen: bool, effects: &mut Vec<Effect>) {
        if self.pane == Pane::List {
            self.searching = None;
        }
        let len = self.rows.len();
        let list_rows = list_rows.max(1);
        if self.follow || self.selected.is_none() {
            // What one looks for in an order of one's own is at its top.
            let is_ordered = self.rows.order().is_some() && !self.follow;
            self.selected = self.rows.id(if is_ordered { 0 } else { len.saturating_sub(1) });
        }
        let at = self.at();
        self.selected = self.rows.id(at);
        let mut cursor = crate::app::cursor::Cursor { at, top: if self.follow { usize::MAX } else { self.top } };
        cursor.settle(len, list_rows);
        self.top = cursor.top;
        if !on_screen {
            return;
        }
        let ids: Vec<CallId> =
            (self.top..len.min(self.top + list_rows)).filter_map(|at| self.rows.id(at)).map(CallId).collect();
        if ids != self.wanted {
            self.wanted.clone_from(&ids);
            if ids.is_empty() {
                self.window.clear();
            } else {
                effects.push(Effect::Rows(ids));
            }
        }
        if self.selected.is_none() {
            self.detail = None;
        }
        if self.selected != self.asked {
            // While the newest is followed through a rush of calls, one of them now and then is enough.
            let due = self.detail.is_none() || !self.follow || number::since(now, self.asked_at) >= DETAIL_EVERY;
            self.postponed = !due;
            if due {
                self.asked = self.selected;
                self.asked_at = now;
                effects.extend(self.selected.map(|id| Effect::Flow(CallId(id))));
            }
        } else {
            self.postponed = false;
        }
    }

    /// Takes a flow that was asked for.
    pub(crate) fn opened(&mut self, id: CallId, found: Option<(Flow, Relations)>) {
        if self.asked != Some(id.0) {
            return;
        }
        self.detail = match (self.detail.take(), found) {
            (_, None) => None,
            (Some(mut old), Some((flow, relations))) if old.flow.id == id => {
                old.renew(flow, relations);
                Some(old)
            }
            (old, Some((flow, relations))) => {
                let mut new = Detail::new(flow, relations);
                // Who looks at bytes or facts goes on looking at them.
                if let Some(old) = old {
                    (new.request.view, new.response.view) = (old.request.view, old.response.view);
                }
                Some(new)
            }
        };
    }

    /// The side of the opened flow that has the keys.
    pub(crate) fn side(&mut self) -> Option<&mut Side> {
        let detail = self.detail.as_mut()?;
        match self.pane {
            Pane::List => None,
            Pane::Request => Some(&mut detail.request),
            Pane::Response => Some(&mut detail.response),
        }
    }

    /// The selected flow, as it was last seen.
    pub(crate) fn selected_flow(&self) -> Option<&Flow> {
        let row = self.window.iter().find(|f| Some(f.id.0) == self.selected);
        row.or(self.detail.as_ref().map(|d| &d.flow))
    }

    /// Whether the selected flow is a call that can be cancelled. The ids of a recording are those of another run.
    pub(crate) fn can_cancel(&self) -> bool {
        let can = |f: &Flow| f.status == Status::Pending && f.kind == FlowKind::Call;
        self.recording.is_none() && self.selected_flow().is_some_and(can)
    }

    /// Whether a running time is on the screen.
    pub(crate) fn shows_running(&self) -> bool {
        let running = |f: &Flow| f.status == Status::Pending;
        self.window.iter().any(running) || self.detail.as_ref().is_some_and(|d| running(&d.flow))
    }
}
