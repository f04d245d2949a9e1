//! The selected line of anything with lines, and which line is the first on the screen.

use crate::input::action::Action;

/// A cursor over lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The selected line.
    pub(crate) at: usize,
    /// The first line on the screen.
    pub(crate) top: usize,
}

/// Where a motion leads from line `at` of `len`, with `page` lines on the screen; `None` if the action is no motion.
#[must_use]
pub(crate) fn moved(action: Action, at: usize, len: usize, page: usize) -> Option<usize> {
    let last = len.saturating_sub(1);
    let page = page.max(1);
    Some(match action {
        Action::Down => at.saturating_add(1).min(last),
        Action::Up => at.saturating_sub(1),
        Action::Top => 0,
        Action::Bottom => last,
        Action::HalfDown => at.saturating_add(page.div_ceil(2)).min(last),
        Action::HalfUp => at.saturating_sub(page.div_ceil(2)),
        Action::PageDown => at.saturating_add(page).min(last),
        Action::PageUp => at.saturating_sub(page),
        _ => return None,
    })
}

impl Cursor {
    /// Moves; `false` if the action is no motion.
    pub(crate) fn go(&mut self, action: Action, len: usize, page: usize) -> bool {
        let Some(at) = moved(action, self.at, len, page) else { return false };
        self.at = at;
        true
    }

    /// Keeps the cursor on a line and that line on the screen.
    pub(crate) fn settle(&mut self, len: usize, page: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        let page = page.max(1);
        let lowest = self.at.saturating_sub(page - 1);
        self.top = self.top.clamp(lowest, self.at.max(lowest)).min(len.saturating_sub(page));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_line_stays_on_the_screen() {
        for len in [0, 1, 5, 100] {
            for page in [0, 1, 3, 200] {
                for at in [0, 1, 4, 50, 99, 500] {
                    for top in [0, 2, 60, 500] {
                        let mut c = Cursor { at, top };
                        c.settle(len, page);
                        assert!(c.at < len.max(1) && c.top <= c.at && c.at < c.top + page.max(1), "{c:?} {len} {page}");
                    }
                }
            }
        }
    }

    #[test]
    fn motions() {
        for (action, want) in [
            (Action::Down, 6),
            (Action::Up, 4),
            (Action::Top, 0),
            (Action::Bottom, 9),
            (Action::PageDown, 9),
            (Action::PageUp, 0),
            (Action::HalfDown, 8),
            (Action::HalfUp, 2),
        ] {
            assert_eq!(moved(action, 5, 10, 6), Some(want));
            assert_eq!(moved(action, 0, 0, 6), Some(0));
        }
        assert_eq!(moved(Action::Help, 5, 10, 6), None);
    }
}
