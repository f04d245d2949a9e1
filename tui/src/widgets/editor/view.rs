//! The editor drawn: line numbers with a sign where there is something to say, the text in its colours, and what there is to say
//! behind the line.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;

use super::buffer::{place, width};
use super::lexer::{self, Class};
use super::{Editor, find, shown};
use crate::app::theme::{Theme, Tone};
use crate::widgets::text;

/// Something said about a line.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    /// How loud.
    pub(crate) tone: Tone,
    /// Its sign in front of the number.
    pub(crate) sign: &'static str,
    /// Behind the line; may be empty.
    pub(crate) text: String,
    /// Bytes of the line that are meant.
    pub(crate) range: Range<usize>,
}

/// What is drawn beside the text.
pub(crate) struct Look<'a> {
    /// Colours and symbols.
    pub(crate) theme: Theme,
    /// It has the keys.
    pub(crate) is_active: bool,
    /// What there is to say about a line.
    pub(crate) remarks: &'a dyn Fn(usize) -> Vec<Remark>,
    /// A line as others may see it, character for character; the one the cursor is on is shown as it is while it has the keys.
    pub(crate) masks: Option<&'a dyn Fn(&str) -> String>,
}

/// Remarks need so many cells behind the text.
const MIN_REMARK: usize = 12;
/// Between text and remark.
const GAP: usize = 3;

impl Editor {
    /// Cells before the text: sign, number and a blank on either side.
    pub(crate) fn gutter(&self) -> u16 {
        let digits = self.buffer.n_lines().to_string().len().max(3);
        u16::try_from(digits + 4).unwrap_or(8)
    }

    /// Where the text itself is drawn.
    pub(crate) fn text_area(&self, area: Rect) -> Rect {
        let gutter = self.gutter().min(area.width);
        Rect { x: area.x + gutter, width: area.width - gutter, ..area }
    }

    /// The cell the cursor is in, if it is on the screen.
    pub(crate) fn cursor_cell(&self, area: Rect) -> Option<(u16, u16)> {
        let area = self.text_area(area);
        let x = self.buffer.column(self.cursor).checked_sub(self.left)?;
        let y = self.cursor.line.checked_sub(self.top)?;
        let (x, y) = (u16::try_from(x).ok()?, u16::try_from(y).ok()?);
        (x < area.width && y < area.height).then_some((area.x + x, area.y + y))
    }
}

/// Draws the lines on the screen.
pub(crate) fn draw(editor: &Editor, look: &Look<'_>, area: Rect, frame: &mut Frame<'_>) {
    let text_area = editor.text_area(area);
    for y in 0..area.height {
        let at = editor.top + usize::from(y);
        if at >= editor.buffer.n_lines() {
            break;
        }
        let remarks = (look.remarks)(at);
        gutter(editor, at, &remarks, look, Rect { y: area.y + y, height: 1, ..area }, frame);
        line(editor, at, &remarks, look, Rect { y: area.y + y, height: 1, ..text_area }, frame);
    }
}

fn gutter(editor: &Editor, at: usize, remarks: &[Remark], look: &Look<'_>, area: Rect, frame: &mut Frame<'_>) {
    let theme = look.theme;
    let is_here = look.is_active && at == editor.cursor.line;
    let style = if is_here { theme.strong() } else { theme.dim() };
    let cells = usize::from(editor.gutter()).saturating_sub(4);
    let number = format!("{:>cells$}", at + 1);
    put(frame, area, 3, &number, style);
    if let Some(worst) = remarks.first() {
        put(frame, area, 1, worst.sign, theme.tone(worst.tone));
    }
}

/// Writes a text of one cell a character.
fn put(frame: &mut Frame<'_>, area: Rect, x: usize, text: &str, style: Style) {
    for (i, g) in text.graphemes(true).enumerate() {
        let Ok(x) = u16::try_from(x + i) else { return };
        if x >= area.width {
            return;
        }
        if let Some(cell) = frame.buffer_mut().cell_mut((area.x + x, area.y)) {
            cell.set_symbol(g).set_style(style);
        }
    }
}

fn style_of(class: Class, theme: Theme) -> Style {
    match class {
        Class::Key => theme.json_key(),
        Class::Text => theme.json_text(),
        Class::Atom => theme.json_atom(),
        Class::Comment | Class::Sign => theme.dim(),
        Class::Reference | Class::Mark => theme.tone(Tone::Busy),
    }
}

fn line(editor: &Editor, at: usize, remarks: &[Remark], look: &Look<'_>, area: Rect, frame: &mut Frame<'_>) {
    let theme = look.theme;
    let text = editor.buffer.line(at);
    let state = editor.states.get(at).copied().unwrap_or_default();
    let (parts, _) = lexer::lex(text, state, editor.syntax);
    let is_here = at == editor.cursor.line;
    let masked = look.masks.filter(|_| !(is_here && look.is_active)).map(|mask| mask(text)).filter(|m| m != text);
    let mut masked = masked.as_deref().map(str::chars);
    let selection = editor.selection();
    let found: Vec<Range<usize>> = match editor.find.is_open {
        true => find::matches(text, editor.find.input.text()).collect(),
        false => Vec::new(),
    };
    let cells = usize::from(area.width);
    let style_at = |byte: usize| {
        let part = parts.get(parts.partition_point(|(r, _)| r.end <= byte));
        let class = part.filter(|(r, _)| r.contains(&byte)).map(|(_, c)| *c);
        let mut style = class.map_or_else(Style::new, |c| style_of(c, theme));
        if let Some(remark) = remarks.iter().find(|r| r.range.contains(&byte)) {
            style = theme.tone(remark.tone).add_modifier(Modifier::UNDERLINED);
        }
        if found.iter().any(|r| r.contains(&byte)) {
            style = theme.tone(Tone::Warn).add_modifier(Modifier::UNDERLINED);
        }
        if selection.as_ref().is_some_and(|s| s.contains(&place(at, byte))) {
            style = style.add_modifier(Modifier::REVERSED);
        }
        style
    };
    let mut x = 0;
    for (byte, g) in text.grapheme_indices(true) {
        let w = width(g, x);
        let stars = masked.as_mut().is_some_and(|chars| {
            let n = g.chars().count();
            let shown: String = chars.by_ref().take(n).collect();
            shown != g && shown.starts_with('*')
        });
        let (from, to) = (x, x + w);
        x = to;
        if to <= editor.left {
            continue;
        }
        if from >= editor.left + cells {
            break;
        }
        let style = style_at(byte);
        let symbol = match g {
            "\t" => std::borrow::Cow::Borrowed(theme.symbols().right),
            _ if stars => std::borrow::Cow::Borrowed("*"),
            g => shown(g),
        };
        let style = match g {
            "\t" => style.patch(theme.dim()),
            g if symbol == "?" && g != "?" => style.patch(theme.tone(Tone::Warn)),
            _ => style,
        };
        // Half a character is none; the cells behind the first one of a wide one are that one's.
        let is_cut = from < editor.left || to > editor.left + cells;
        for i in from.max(editor.left)..to.min(editor.left + cells) {
            let Ok(column) = u16::try_from(i - editor.left) else { break };
            let Some(cell) = frame.buffer_mut().cell_mut((area.x + column, area.y)) else { break };
            let is_shown = stars || (i == from && (!is_cut || g == "\t"));
            cell.set_symbol(if is_shown { &symbol } else { " " }).set_style(style);
        }
    }
    // A line that goes on to the right says so.
    if cells_of(text) > editor.left + cells && cells > 0 {
        put(frame, area, cells - 1, theme.symbols().ellipsis, theme.dim());
    }
    // A selection that goes over the end of the line.
    let end = place(at, text.len());
    if selection.as_ref().is_some_and(|s| s.contains(&end) && s.end.line > at)
        && let Some(column) = x.checked_sub(editor.left).filter(|c| *c < cells)
    {
        put(frame, area, column, " ", Style::new().add_modifier(Modifier::REVERSED));
    }
    remark(remarks, x.saturating_sub(editor.left), look, area, frame);
    if is_here && look.is_active {
        cursor(editor, area, frame);
    }
}

fn cells_of(text: &str) -> usize {
    super::buffer::cells(text)
}

fn remark(remarks: &[Remark], x: usize, look: &Look<'_>, area: Rect, frame: &mut Frame<'_>) {
    let Some(first) = remarks.first().filter(|r| !r.text.is_empty()) else { return };
    let cells = usize::from(area.width);
    let room = cells.saturating_sub(x + GAP + 1);
    if room < MIN_REMARK {
        return;
    }
    let symbols = look.theme.symbols();
    let shown = text::fit(&format!("{} {}", first.sign, first.text), room, symbols.ellipsis);
    let Ok(offset) = u16::try_from(x + GAP) else { return };
    let place = Rect { x: area.x + offset, width: area.width - offset, ..area };
    frame.render_widget(ratatui::text::Line::styled(shown, look.theme.tone(first.tone)), place);
}

fn cursor(editor: &Editor, area: Rect, frame: &mut Frame<'_>) {
    let Some(x) = editor.buffer.column(editor.cursor).checked_sub(editor.left) else { return };
    let Ok(x) = u16::try_from(x) else { return };
    if x >= area.width {
        return;
    }
    if let Some(cell) = frame.buffer_mut().cell_mut((area.x + x, area.y)) {
        // On what is selected it stands out by being plain.
        let is_reversed = cell.modifier.contains(Modifier::REVERSED);
        if is_reversed {
            cell.modifier.remove(Modifier::REVERSED);
            cell.modifier.insert(Modifier::UNDERLINED);
        } else {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }
}
