//! A JSON tree drawn: only the lines on the screen are looked at.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{number, text};
use crate::app::cursor::Cursor;
use crate::app::theme::Theme;
use crate::json::mask;
use crate::json::scan::{self, Kind};
use crate::json::tree::{self, Tree};

/// Names shown of a folded object.
const PREVIEW_NAMES: usize = 4;
/// A value at least this big says how big it is.
const BIG: usize = 1_024;

/// Draws the tree's lines that are on the screen, then `below`, as one list under one cursor.
pub(crate) fn draw(
    tree: &Tree,
    below: &[Line<'static>],
    cursor: Cursor,
    active: bool,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    draw_found(tree, below, cursor, active, "", theme, area, frame);
}

/// The same with each `needle`, which is in lower case, marked.
#[expect(clippy::too_many_arguments, reason = "what there is to draw, used twice")]
pub(crate) fn draw_found(
    tree: &Tree,
    below: &[Line<'static>],
    cursor: Cursor,
    active: bool,
    needle: &str,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let lines = tree.lines();
    for (row, y) in (area.y..area.bottom()).enumerate() {
        let at = cursor.top + row;
        let line = match lines.get(at) {
            Some(l) => marked(line(tree, l, usize::from(area.width), theme), needle, theme),
            None => match below.get(at - lines.len()) {
                Some(l) => l.clone(),
                None => break,
            },
        };
        let place = Rect { y, height: 1, ..area };
        frame.render_widget(line, place);
        if at == cursor.at && active {
            frame.buffer_mut().set_style(place, theme.cursor(true));
        }
    }
}

/// A line with each `needle` marked.
fn marked(line: Line<'static>, needle: &str, theme: Theme) -> Line<'static> {
    if needle.is_empty() {
        return line;
    }
    let mut spans = Vec::new();
    for span in line.spans {
        let text = span.content.as_ref();
        let mut done = 0;
        while let Some(at) = place(&text[done..], needle).map(|at| done + at) {
            let end = at + needle.len();
            spans.push(Span::styled(text[done..at].to_owned(), span.style));
            spans.push(Span::styled(text[at..end].to_owned(), span.style.patch(theme.found())));
            done = end;
        }
        spans.push(Span::styled(text[done..].to_owned(), span.style));
    }
    Line::from(spans)
}

/// Where a text in lower case stands in another one; capitals of ASCII do not count.
fn place(text: &str, needle: &str) -> Option<usize> {
    let n = needle.as_bytes();
    let found = text.as_bytes().windows(n.len()).position(|w| w.eq_ignore_ascii_case(n))?;
    (text.is_char_boundary(found) && text.is_char_boundary(found + n.len())).then_some(found)
}

/// The line that says what was left out of a big body.
#[must_use]
pub(crate) fn left_out(tree: &Tree, theme: Theme) -> Option<Line<'static>> {
    let n = tree.n_left_out();
    let shown = number::size(tree.bytes().len() as u64);
    let text =
        format!("  {} first {shown} shown, {} more: + shows all", theme.symbols().ellipsis, number::size(n as u64));
    (n > 0).then(|| Line::styled(text, theme.dim()))
}

fn line(tree: &Tree, l: &tree::Line, cells: usize, theme: Theme) -> Line<'static> {
    let s = theme.symbols();
    let b = tree.bytes();
    let masked = tree.is_masked(l);
    let container = l.value.n_children > 0 && !masked;
    // Deep trees keep some room for what they hold.
    let indent = (usize::from(l.depth) * 2).min(cells / 2);
    let marker = match (container, l.open) {
        (true, true) => s.open,
        (true, false) => s.closed,
        (false, _) => " ",
    };
    if l.more > 0 {
        let rest = format!("{}  {} {} more", " ".repeat(indent), s.ellipsis, number::count(l.more as u64));
        return Line::styled(rest, theme.dim());
    }
    let key = match l.key {
        Some((start, end)) => text::clean(&scan::decode(&b[start..end])).into_owned(),
        None if l.value.kind == Kind::Junk => String::new(),
        None if l.depth == 0 && tree.lines().len() == 1 => String::new(),
        None => l.index.to_string(),
    };
    let key = text::fit(&key, cells / 2, s.ellipsis);
    let size = l.value.end - l.value.start;
    let tail = if size >= BIG && !masked { number::bytes(size as u64) } else { String::new() };
    let gap = if key.is_empty() { "" } else { "  " };
    let used = indent + 2 + text::width(&key) + gap.len();
    let room = cells.saturating_sub(used + if tail.is_empty() { 0 } else { tail.len() + 1 });
    let (value, style) = if masked {
        (format!("{} (masked, s shows it)", mask::MASK), theme.dim())
    } else {
        value(tree, l, room, theme)
    };
    let value = text::pad(&value, room, s.ellipsis);
    let mut spans = vec![
        Span::raw(" ".repeat(indent)),
        Span::styled(format!("{marker} "), theme.dim()),
        Span::styled(key, theme.json_key()),
        Span::raw(gap),
        Span::styled(value, style),
    ];
    if !tail.is_empty() {
        spans.push(Span::styled(format!(" {tail}"), theme.dim()));
    }
    Line::from(spans)
}

fn value(tree: &Tree, l: &tree::Line, room: usize, theme: Theme) -> (String, Style) {
    let b = tree.bytes();
    let shown = &b[l.value.start..l.value.end.min(l.value.start + room * 4 + 16)];
    match l.value.kind {
        Kind::Text => (String::from_utf8_lossy(shown).into_owned(), theme.json_text()),
        Kind::Atom => (String::from_utf8_lossy(shown).into_owned(), theme.json_atom()),
        Kind::Junk => (format!("(not JSON) {}", String::from_utf8_lossy(shown)), theme.dim()),
        Kind::Object if l.value.n_children == 0 => ("{}".to_owned(), theme.dim()),
        Kind::Array if l.value.n_children == 0 => ("[]".to_owned(), theme.dim()),
        Kind::Array if l.open => (number::plural(l.value.n_children as u64, "item"), theme.dim()),
        Kind::Object if l.open => (String::new(), theme.dim()),
        Kind::Object => (format!("{{{}}}", names(tree, l.value, theme)), theme.dim()),
        Kind::Array => (list(tree, l.value, theme), theme.dim()),
    }
}

/// `[37 × {number, title, …}]`
fn list(tree: &Tree, v: scan::Value, theme: Theme) -> String {
    let (b, s) = (tree.bytes(), theme.symbols());
    let Some(first) = tree.children(v).next() else { return "[]".to_owned() };
    let inner = match first.value.kind {
        Kind::Object => format!("{{{}}}", names(tree, first.value, theme)),
        Kind::Array => "[..]".to_owned(),
        _ => text::fit(
            &text::clean_bytes(&b[first.value.start..first.value.end.min(first.value.start + 200)]),
            24,
            s.ellipsis,
        ),
    };
    format!("[{} {} {inner}]", number::count(v.n_children as u64), s.times)
}

fn names(tree: &Tree, v: scan::Value, theme: Theme) -> String {
    let b = tree.bytes();
    let mut names: Vec<String> = tree
        .children(v)
        .take(PREVIEW_NAMES)
        .filter_map(|c| c.key)
        .map(|(start, end)| scan::decode(&b[start..end.min(start + 200)]))
        .collect();
    if v.n_children > PREVIEW_NAMES {
        names.push(theme.symbols().ellipsis.to_owned());
    }
    names.join(", ")
}
