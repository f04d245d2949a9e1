//! A table whose columns go, the least important first, where there is no room for all.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use crate::app::cursor::Cursor;
use crate::app::theme::Theme;

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    title: &'static str,
    /// Its width; 0: it takes what the others leave.
    cells: usize,
    right: bool,
    /// The highest goes first when there is no room; 0 stays.
    rank: u8,
}

/// A column of `cells`, its values to the `right` or to the left.
pub(crate) const fn column(title: &'static str, cells: usize, right: bool, rank: u8) -> Column {
    Column { title, cells, right, rank }
}

/// A value and how it looks.
pub(crate) type Cell = (String, Style);

/// The columns of a table; exactly one of them has no width of its own.
#[derive(Debug)]
pub(crate) struct Table {
    /// All of them.
    pub(crate) columns: &'static [Column],
    /// The column without a width never has less.
    pub(crate) min_name: usize,
}

impl Table {
    /// Columns of a rank under this are shown, and the one without a width has so many cells.
    fn kept(&self, cells: usize) -> (u8, usize) {
        let highest = self.columns.iter().map(|c| c.rank).max().unwrap_or(0);
        for cut in (1..=highest + 1).rev() {
            let shown = self.columns.iter().filter(|c| c.rank < cut && c.cells > 0);
            let fixed: usize = shown.map(|c| c.cells + 1).sum::<usize>() + 2;
            if fixed + self.min_name <= cells || cut == 1 {
                return (cut, cells.saturating_sub(fixed));
            }
        }
        (1, self.min_name)
    }

    fn row(&self, values: &[Cell], cells: usize, theme: Theme) -> Line<'static> {
        let (cut, name) = self.kept(cells);
        let ellipsis = theme.symbols().ellipsis;
        let mut spans = vec![Span::raw(" ")];
        for (column, (value, style)) in self.columns.iter().zip(values).filter(|(c, _)| c.rank < cut) {
            let w = if column.cells == 0 { name } else { column.cells };
            let value = if column.right { text::pad_left(value, w, ellipsis) } else { text::pad(value, w, ellipsis) };
            spans.push(Span::styled(value, *style));
            spans.push(Span::raw(" "));
        }
        Line::from(spans)
    }

    /// Draws headings and as many `rows` as fit, of which the first is that on top; the selected one marked, `active` when the table has the
    /// keys.
    pub(crate) fn draw(
        &self,
        area: Rect,
        rows: impl Iterator<Item = Vec<Cell>>,
        cursor: Cursor,
        active: bool,
        theme: Theme,
        frame: &mut Frame<'_>,
    ) {
        let cells = usize::from(area.width);
        let headings: Vec<Cell> = self.columns.iter().map(|c| (c.title.to_owned(), theme.dim())).collect();
        frame.render_widget(self.row(&headings, cells, theme), Rect { height: 1.min(area.height), ..area });
        for (y, (at, values)) in (area.y.saturating_add(1)..area.bottom()).zip((cursor.top..).zip(rows)) {
            let place = Rect { y, height: 1, ..area };
            frame.render_widget(self.row(&values, cells, theme), place);
            if at == cursor.at {
                frame.buffer_mut().set_style(place, theme.cursor(active));
                if let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y)) {
                    cell.set_symbol(theme.symbols().cursor);
                }
            }
        }
    }
}
