//! Where things are, by the size of the terminal. Used by the view and, for pages and the mouse, by the update.

use ratatui::layout::{Constraint, Layout, Rect};

/// Smallest size that shows more than a line of text.
pub(crate) const MIN_WIDTH: u16 = 60;
/// Smallest height.
pub(crate) const MIN_HEIGHT: u16 = 12;
/// Below this height lines of secondary interest go.
pub(crate) const TALL: u16 = 20;

/// How much fits beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breadth {
    /// One pane at a time, under 90 columns.
    Narrow,
    /// Panes side by side.
    Normal,
    /// From 160 columns: a wide list, and details stacked beside it.
    Wide,
}

/// The parts every screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Name, tabs, servers.
    pub(crate) header: Rect,
    /// The screen.
    pub(crate) body: Rect,
    /// What was just done, or how to begin. No height when there is no room: it takes the place of the hints then.
    pub(crate) note: Rect,
    /// Keys.
    pub(crate) hints: Rect,
}

/// Whether the terminal is too small for anything.
#[must_use]
pub(crate) const fn too_small(size: (u16, u16)) -> bool {
    size.0 < MIN_WIDTH || size.1 < MIN_HEIGHT
}

/// How list and details share a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Share {
    /// The list has it.
    List,
    /// Both have some of it.
    #[default]
    Both,
    /// The details have it.
    Details,
}

impl Share {
    /// More for the details, or less.
    #[must_use]
    pub(crate) const fn turned(self, more: bool) -> Self {
        match (self, more) {
            (Self::List, true) | (Self::Details, false) => Self::Both,
            (_, true) => Self::Details,
            (_, false) => Self::List,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Both => "both",
            Self::Details => "details",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::List, Self::Both, Self::Details].into_iter().find(|s| s.name() == name)
    }
}

/// Whether the details have the keys when the screen is shared like this: whoever has all of it does.
#[must_use]
pub(crate) fn shares(share: Share, in_detail: bool) -> bool {
    match share {
        Share::List => false,
        Share::Both => in_detail,
        Share::Details => true,
    }
}

/// The share where the details are asked for.
#[must_use]
pub(crate) fn details_shown(share: Share) -> Share {
    if share == Share::List { Share::Both } else { share }
}

/// How broad it is.
#[must_use]
pub(crate) const fn breadth(size: (u16, u16)) -> Breadth {
    match size.0 {
        0..90 => Breadth::Narrow,
        90..160 => Breadth::Normal,
        _ => Breadth::Wide,
    }
}

/// Rows that details need to say something below a list.
const WORTHWHILE: u16 = 9;

/// A list of `n` with its frame and headings, and details below it, if these get enough of `body`.
#[must_use]
pub(crate) fn below_list(body: Rect, n: u16) -> Option<[Rect; 2]> {
    let list = n.saturating_add(3);
    let rest = body.height.checked_sub(list).filter(|rest| *rest >= WORTHWHILE)?;
    Some(Layout::vertical([Constraint::Length(list), Constraint::Length(rest)]).areas(body))
}

/// The parts of the terminal.
#[must_use]
pub(crate) fn frame(size: (u16, u16)) -> Frame {
    let note = u16::from(size.1 >= TALL);
    let rows =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(note), Constraint::Length(1)]);
    let [header, body, note, hints] = rows.areas(Rect::new(0, 0, size.0, size.1));
    Frame { header, body, note, hints }
}

/// A box in the middle of `area`, not larger than it.
#[must_use]
pub(crate) fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (w, h) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - w) / 2, area.y + (area.height - h) / 2, w, h)
}

/// The rows inside a frame.
#[must_use]
pub(crate) const fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}
