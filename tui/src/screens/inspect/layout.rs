//! Where the panes of Inspect are.

use ratatui::layout::{Constraint, Layout, Rect};

use super::state::Pane;
use crate::app::layout::{self, Breadth};
use crate::app::model::Model;

/// The parts of the screen; a part that is not shown has no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) filter: Rect,
    pub(crate) list: Rect,
    pub(crate) request: Rect,
    pub(crate) response: Rect,
    pub(crate) timing: Rect,
    pub(crate) relation: Rect,
    /// Lines one row takes.
    pub(crate) row_height: u16,
}

/// The parts for this model.
#[must_use]
pub(crate) fn areas(model: &Model) -> Areas {
    let body = layout::frame(model.size).body;
    let tall = model.size.1 >= layout::TALL;
    let facts = u16::from(tall);
    let [filter, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    let below = |area: Rect| {
        let parts = [Constraint::Min(0), Constraint::Length(facts), Constraint::Length(facts)];
        Layout::vertical(parts).areas::<3>(area)
    };
    match layout::breadth(model.size) {
        Breadth::Narrow if model.inspect.pane == Pane::List => {
            Areas { filter, list: body, row_height: 2, ..Areas::default() }
        }
        Breadth::Narrow => {
            let [pane, timing, relation] = below(body);
            let mut areas = Areas { filter, timing, relation, row_height: 2, ..Areas::default() };
            match model.inspect.pane {
                Pane::Response => areas.response = pane,
                _ => areas.request = pane,
            }
            areas
        }
        Breadth::Normal => {
            let [upper, timing, relation] = below(body);
            let [list, lower] = Layout::vertical([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(upper);
            let [request, response] =
                Layout::horizontal([Constraint::Percentage(42), Constraint::Percentage(58)]).areas(lower);
            Areas { filter, list, request, response, timing, relation, row_height: 1 }
        }
        Breadth::Wide => {
            let [list, right] =
                Layout::horizontal([Constraint::Percentage(65), Constraint::Percentage(35)]).areas(body);
            let [panes, timing, relation] = below(right);
            let [request, response] =
                Layout::vertical([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(panes);
            Areas { filter, list, request, response, timing, relation, row_height: 1 }
        }
    }
}

impl Areas {
    /// Rows the list shows: frame and heading take some lines.
    pub(crate) const fn list_rows(&self) -> usize {
        (layout::inside(self.list).height.saturating_sub(if self.row_height == 1 { 1 } else { 0 })
            / self.row_height_or_one()) as usize
    }

    const fn row_height_or_one(&self) -> u16 {
        if self.row_height == 0 { 1 } else { self.row_height }
    }

    /// Cells a line of a pane has.
    pub(crate) const fn pane_cells(&self, pane: Pane) -> usize {
        let area = match pane {
            Pane::List => self.list,
            Pane::Request => self.request,
            Pane::Response => self.response,
        };
        layout::inside(area).width as usize
    }

    /// Lines a pane shows.
    pub(crate) const fn pane_rows(&self, pane: Pane) -> usize {
        let area = match pane {
            Pane::List => self.list,
            Pane::Request => self.request,
            Pane::Response => self.response,
        };
        layout::inside(area).height as usize
    }
}
