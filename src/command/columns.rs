//! Lines of cells that stand in columns although nobody knows the lines to come: a column is as wide as its widest cell so far, up
//! to a limit, and never becomes narrower.

use unicode_width::UnicodeWidthStr as _;

/// The widest a column becomes. A longer cell moves the rest of its own line only.
const WIDEST: usize = 32;

/// Blanks between two columns.
const GAP: usize = 2;

/// A line on its way to be printed.
#[derive(Debug)]
pub(super) enum Line {
    /// As it is.
    Whole(String),
    /// In columns.
    Cells(Vec<Cell>),
}

/// Text without line breaks and control characters.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    /// The code of its colour.
    paint: Option<&'static str>,
    is_right: bool,
}

impl Cell {
    /// A cell whose text begins where the column does.
    pub(super) const fn left(text: String) -> Self {
        Self { text, paint: None, is_right: false }
    }

    /// A number: it ends where the column does.
    pub(super) const fn right(text: String) -> Self {
        Self { text, paint: None, is_right: true }
    }

    pub(super) fn painted(self, code: &'static str) -> Self {
        Self { paint: Some(code), ..self }
    }
}

/// How wide the columns are.
#[derive(Debug, Default)]
pub(super) struct Columns {
    widths: Vec<usize>,
}

impl Columns {
    /// Columns that are so wide from the start: what is usual moves nothing.
    pub(super) fn of(widths: &[usize]) -> Self {
        Self { widths: widths.to_vec() }
    }

    /// The line with its end.
    pub(super) fn text(&mut self, line: &Line) -> String {
        let cells = match line {
            Line::Whole(text) => return text.clone(),
            Line::Cells(cells) => cells,
        };
        self.widths.resize(self.widths.len().max(cells.len()), 0);
        let mut out = String::new();
        // Blanks that stand before the next text only.
        let mut blanks = 0;
        for (i, (cell, width)) in cells.iter().zip(&mut self.widths).enumerate() {
            let cells = cell.text.width();
            *width = (*width).max(cells.min(WIDEST));
            let fill = width.saturating_sub(cells);
            let (before, after) = if cell.is_right { (fill, 0) } else { (0, fill) };
            blanks += before + if i > 0 { GAP } else { 0 };
            if cells > 0 {
                out.extend(std::iter::repeat_n(' ', blanks));
                blanks = 0;
                match cell.paint {
                    Some(code) => out.push_str(&format!("\u{1b}[{code}m{}\u{1b}[0m", cell.text)),
                    None => out.push_str(&cell.text),
                }
            }
            blanks += after;
        }
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Line {
        Line::Cells(texts.iter().map(|t| Cell::left((*t).to_owned())).collect())
    }

    #[test]
    fn a_column_grows_and_stays_as_wide() {
        let mut columns = Columns::default();
        assert_eq!(columns.text(&cells(&["a", "b", "c"])), "a  b  c\n");
        assert_eq!(columns.text(&cells(&["long", "日本", "c"])), "long  日本  c\n");
        assert_eq!(columns.text(&cells(&["a", "", "c"])), "a           c\n");
        assert_eq!(columns.text(&cells(&["a", "b", ""])), "a     b\n", "no blanks at the end");
        assert_eq!(columns.text(&Line::Whole("as it is\n".to_owned())), "as it is\n");
        assert_eq!(Columns::of(&[4]).text(&cells(&["a", "b"])), "a     b\n");
    }

    #[test]
    fn a_very_long_cell_moves_its_own_line_only() {
        let mut columns = Columns::default();
        let long = "x".repeat(WIDEST + 8);
        assert_eq!(columns.text(&cells(&[&long, "b"])), format!("{long}  b\n"));
        assert_eq!(columns.text(&cells(&["a", "b"])), format!("a{}b\n", " ".repeat(WIDEST + 1)));
    }

    #[test]
    fn numbers_end_together_and_colours_take_no_room() {
        let mut columns = Columns::default();
        let line = |time: &str| {
            Line::Cells(vec![
                Cell::left("ok".to_owned()).painted("31"),
                Cell::right(time.to_owned()),
                Cell::left("x".to_owned()),
            ])
        };
        assert_eq!(columns.text(&line("41.3 ms")), "\u{1b}[31mok\u{1b}[0m  41.3 ms  x\n");
        assert_eq!(columns.text(&line("2 s")), "\u{1b}[31mok\u{1b}[0m      2 s  x\n");
        assert_eq!(columns.text(&line("")), "\u{1b}[31mok\u{1b}[0m           x\n");
    }
}
