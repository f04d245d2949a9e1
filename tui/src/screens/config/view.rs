//! How the screen looks: outline, text with what is wrong at its place, and below what the cursor is on and what saving changes.

use mcp_proxy_core::config::Level;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::outline::Entry;
use super::state::{Focus, Open, Saving, Source};
use super::talk::Problem;
use super::{below, offers_view};
use crate::app::layout::{self, Breadth, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::screens::backends;
use crate::widgets::editor::{self, Look, Remark};
use crate::widgets::{number, pane, text};

/// Entries of a completion on the screen.
pub(crate) const LIST_ROWS: usize = 8;
/// Cells of the outline.
const OUTLINE: u16 = 28;
/// The same where there is room.
const WIDE_OUTLINE: u16 = 40;

/// Where things are: the line above, outline, text, below left and right.
struct Areas {
    head: Rect,
    outline: Rect,
    text: Rect,
    here: Rect,
    plan: Rect,
}

fn areas(model: &Model) -> Areas {
    let body = layout::frame(model.size).body;
    let narrow = breadth(model.size) == Breadth::Narrow;
    let below = match (narrow, body.height) {
        (_, 0..16) => 0,
        (true, _) => 5,
        (false, 16..30) => 6,
        (false, _) => 9,
    };
    let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(below)];
    let [head, middle, below] = Layout::vertical(rows).areas(body);
    let none = Rect { width: 0, height: 0, ..middle };
    let outline = if breadth(model.size) == Breadth::Wide { WIDE_OUTLINE } else { OUTLINE };
    let (outline, text) = match (narrow, model.config.focus) {
        (true, Focus::Outline) => (middle, none),
        (true, Focus::Text) => (none, middle),
        (false, _) => {
            let [outline, text] = Layout::horizontal([Constraint::Length(outline), Constraint::Min(0)]).areas(middle);
            (outline, text)
        }
    };
    let (here, plan) = if narrow {
        // In the text what one is on counts, beside it what saving does.
        match model.config.focus {
            Focus::Outline => (none, below),
            Focus::Text => (below, none),
        }
    } else {
        let [here, plan] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(below);
        (here, plan)
    };
    Areas { head, outline, text, here, plan }
}

/// Lines of the outline on the screen.
#[must_use]
pub(crate) fn outline_rows(model: &Model) -> usize {
    usize::from(inside(areas(model).outline).height)
}

/// The rows of the outline, for the mouse.
#[must_use]
pub(crate) fn outline_area(model: &Model) -> Rect {
    inside(areas(model).outline)
}

/// The rows of the text with its numbers, for the mouse and for pages.
#[must_use]
pub(crate) fn text_area(model: &Model) -> Rect {
    inside(areas(model).text)
}

/// Puts cursors on lines and lines on the screen.
pub(crate) fn settle(model: &mut Model) {
    let rows = outline_rows(model);
    let area = text_area(model);
    if let Some(open) = model.config.open_mut() {
        let n = open.outline.len();
        open.cursor.settle(n, rows);
        let columns = area.width.saturating_sub(open.editor.gutter());
        open.settle(usize::from(area.height), usize::from(columns));
    }
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let body = layout::frame(model.size).body;
    match &model.config.source {
        Source::Unread | Source::Reading => {
            message(model, body, "Configuration", &[(Tone::Quiet, "reading the file".to_owned())], frame)
        }
        Source::None(path) => none(model, body, path.as_deref(), frame),
        Source::Unreadable(why) => {
            let lines = [
                (Tone::Bad, format!("{} {why}", s.bad)),
                (Tone::Plain, String::new()),
                (Tone::Plain, format!("{} looks again.", s.enter)),
            ];
            message(model, body, "Configuration", &lines, frame);
        }
        Source::Open(open) => {
            let areas = areas(model);
            frame.render_widget(head(model, open, usize::from(areas.head.width)), areas.head);
            if areas.outline.height > 0 {
                outline(model, open, areas.outline, frame);
            }
            if areas.text.height > 0 {
                text_pane(model, open, areas.text, frame);
            }
            if areas.here.height > 0 {
                below::here(model, open, areas.here, frame);
            }
            if areas.plan.height > 0 {
                below::plan(model, open, areas.plan, frame);
            }
            if areas.text.height > 0 {
                offers_view::draw(model, open, areas.text, frame);
            }
        }
    }
}

/// The screen of those who have no configuration.
fn none(model: &Model, body: Rect, path: Option<&str>, frame: &mut Frame<'_>) {
    let s = model.theme.symbols();
    let mut lines = vec![
        (Tone::Plain, "There is no configuration yet: what runs here are the demo servers.".to_owned()),
        (Tone::Plain, String::new()),
    ];
    match path {
        Some(path) => {
            lines.push((Tone::Plain, format!("{} writes a commented one to {path} and opens it here.", s.enter)));
            lines.push((Tone::Plain, "The demo servers go then; a adds a server of yours.".to_owned()));
            lines.push((Tone::Plain, String::new()));
            lines.push((Tone::Quiet, "In a shell `mcp-proxy init` writes the same file,".to_owned()));
            lines.push((Tone::Quiet, "and `mcp-proxy import` takes over what your clients have.".to_owned()));
        }
        None => {
            lines.push((Tone::Warn, "There is no folder for one: neither XDG_CONFIG_HOME nor HOME is set.".to_owned()))
        }
    }
    message(model, body, "Configuration", &lines, frame);
}

fn message(model: &Model, body: Rect, title: &str, lines: &[(Tone, String)], frame: &mut Frame<'_>) {
    let theme = model.theme;
    frame.render_widget(pane::block(theme, true).title(pane::title(title)), body);
    let inner = inside(body);
    let mut y = inner.y.saturating_add(u16::from(inner.height > 6));
    for (tone, line) in lines {
        let pieces = text::wrap(line, usize::from(inner.width).saturating_sub(4), 4);
        for piece in if pieces.is_empty() { vec![String::new()] } else { pieces } {
            if y >= inner.bottom() {
                return;
            }
            frame.render_widget(Line::styled(format!("  {piece}"), theme.tone(*tone)), Rect { y, height: 1, ..inner });
            y += 1;
        }
    }
}

/// Path, state, problems; at the right where the cursor is.
fn head(model: &Model, open: &Open, cells: usize) -> Line<'static> {
    let theme = model.theme;
    let s = theme.symbols();
    let (tone, state) = match open.saving {
        Saving::Checking => (Tone::Busy, format!("{} checking", s.wait)),
        Saving::Writing => (Tone::Busy, format!("{} writing", s.wait)),
        _ if open.theirs.is_some() => (Tone::Bad, format!("{} changed here and on disk", s.warn)),
        _ if open.is_modified => (Tone::Warn, format!("{} not saved", s.full)),
        _ => (Tone::Quiet, "saved".to_owned()),
    };
    let mut parts = vec![(tone, state)];
    if let Some(checked) = &open.checked {
        let (errors, warnings) = (checked.n_of(Level::Error), checked.n_of(Level::Warning));
        match (errors, warnings) {
            (0, 0) => parts.push((Tone::Good, format!("{} no problems", s.good))),
            (0, n) => parts.push((Tone::Warn, format!("{} {}", s.warn, number::plural(n as u64, "warning")))),
            (n, 0) => parts.push((Tone::Bad, format!("{} {}", s.bad, number::plural(n as u64, "error")))),
            (n, m) => {
                parts.push((Tone::Bad, format!("{} {}", s.bad, number::plural(n as u64, "error"))));
                parts.push((Tone::Warn, format!("{} {}", s.warn, number::plural(m as u64, "warning"))));
            }
        }
    } else {
        parts.push((Tone::Quiet, format!("{} checking", s.wait)));
    }
    let at = open.editor.cursor();
    let column = open.editor.buffer().column(at) + 1;
    let right = format!("{}:{column} ", at.line + 1);
    let said: usize = parts.iter().map(|(_, p)| text::width(p) + 3).sum();
    let room = cells.saturating_sub(said + right.len() + 2);
    let path = text::fit(&open.shown, room, s.ellipsis);
    let mut spans = vec![Span::styled(format!(" {path}"), theme.strong())];
    let mut used = 1 + text::width(&path);
    for (tone, part) in parts {
        used += 3 + text::width(&part);
        spans.push(Span::raw("   "));
        spans.push(Span::styled(part, theme.tone(tone)));
    }
    let gap = cells.saturating_sub(used + right.len());
    spans.push(Span::styled(format!("{}{right}", " ".repeat(gap)), theme.dim()));
    Line::from(spans)
}

/// The sign of a level, and how loud it is.
pub(super) fn sign(level: Level, theme: Theme) -> (Tone, &'static str) {
    let s = theme.symbols();
    match level {
        Level::Error => (Tone::Bad, s.bad),
        Level::Warning => (Tone::Warn, s.warn),
        Level::Hint => (Tone::Busy, s.dot),
    }
}

fn outline(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let is_active = model.config.focus == Focus::Outline && model.popups.is_empty();
    let n = open.outline.iter().filter(|e| e.is_server).count();
    let count = number::plural(n as u64, "server");
    let block =
        pane::block(theme, is_active).title(pane::title("Outline")).title_bottom(pane::title(&count).right_aligned());
    frame.render_widget(block, area);
    let inner = inside(area);
    let cells = usize::from(inner.width);
    if open.outline.is_empty() {
        frame.render_widget(Line::styled(" (empty)", theme.dim()), Rect { height: 1.min(inner.height), ..inner });
    }
    let here = (model.config.focus == Focus::Text).then(|| open.entry_of(open.editor.cursor().line)).flatten();
    for (y, (at, entry)) in (inner.y..inner.bottom()).zip(open.outline.iter().enumerate().skip(open.cursor.top)) {
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(outline_line(model, open, entry, cells), place);
        let is_selected = at == open.cursor.at && model.config.focus == Focus::Outline;
        if is_selected {
            frame.buffer_mut().set_style(place, theme.cursor(is_active));
        } else if here == Some(at) {
            frame.buffer_mut().set_style(place, theme.strong());
        }
        if (is_selected || here == Some(at))
            && let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y))
        {
            cell.set_symbol(s.cursor);
        }
    }
}

fn outline_line(model: &Model, open: &Open, entry: &Entry, cells: usize) -> Line<'static> {
    let theme = model.theme;
    let s = theme.symbols();
    let indent = if entry.is_server { "   " } else { " " };
    let worst = open.worst_of(entry).map(|level| sign(level, theme));
    let server = model.servers().iter().find(|b| entry.is_server && *b.name == *entry.name);
    let state = match (&worst, server) {
        (_, Some(b)) => {
            let (word, tone) = backends::view::state(b, model);
            Some((tone, word))
        }
        (None, None) if entry.is_server => Some((Tone::Quiet, "new".to_owned())),
        _ => None,
    };
    let mut right: Vec<(Tone, String)> = state.into_iter().collect();
    right.extend(worst.map(|(tone, sign)| (tone, sign.to_owned())));
    let used: usize = right.iter().map(|(_, t)| text::width(t) + 1).sum();
    let room = cells.saturating_sub(indent.len() + used + 1);
    let mut spans = vec![
        Span::raw(indent),
        Span::styled(
            text::pad(&entry.name, room, s.ellipsis),
            if entry.is_server { Style::new() } else { theme.dim() },
        ),
    ];
    for (tone, word) in right {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(word, theme.tone(tone)));
    }
    Line::from(spans)
}

/// What is said about a line, the worst first.
fn remarks(open: &Open, line: usize, theme: Theme) -> Vec<Remark> {
    let text = |p: &Problem| match &p.label {
        // A label of one word is where it stands in the file, which one sees.
        Some(label) if label.contains(' ') => format!("{}: {label}", p.message),
        _ => p.message.clone(),
    };
    let remark = |p: &&Problem| {
        let (tone, sign) = sign(p.level, theme);
        let range = p.at.map_or(0..0, |(_, from, to)| from..to);
        // Hints are told below, where there is room.
        let text = if p.level == Level::Hint { String::new() } else { text(p) };
        Remark { tone, sign, text, range }
    };
    open.problems_on(line).iter().map(remark).collect()
}

fn text_pane(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let is_active = model.config.in_text() && model.popups.is_empty();
    let (undo, redo) = open.editor.steps();
    let title = match open.entry_of(open.editor.cursor().line).and_then(|at| open.outline.get(at)) {
        Some(entry) if entry.is_server => format!("{}{}{}", open.name(), s.sep, entry.name),
        _ => open.name(),
    };
    let mut block = pane::block(theme, is_active).title(pane::title(&title));
    let find = &open.editor.find;
    if open.line.is_none() && open.naming.is_none() && !find.is_open {
        block = block.title_bottom(pane::title(&format!("undo {undo}{}redo {redo}", s.sep)).right_aligned());
    }
    frame.render_widget(block, area);
    let inner = inside(area);
    let mask = |line: &str| mcp_proxy_core::config::masked(line);
    let remarks = |line: usize| remarks(open, line, theme);
    editor::draw(&open.editor, &Look { theme, is_active, remarks: &remarks, masks: Some(&mask) }, inner, frame);
    let field = match &open.line {
        Some(line) => Some((" line: ".to_owned(), line, format!("of {}", open.editor.buffer().n_lines()))),
        None if open.naming.is_some() => {
            open.naming.as_ref().map(|(name, input)| (format!(" another name for {name}: "), input, String::new()))
        }
        None if find.is_open => {
            let seen = match find.seen {
                None => String::new(),
                Some((_, 0)) => "not found".to_owned(),
                Some((at, n)) => format!("{at} of {n}"),
            };
            Some((" find: ".to_owned(), &find.input, seen))
        }
        None => None,
    };
    if let Some((label, input, seen)) = field
        && area.width > 30
        && area.height > 2
    {
        let place = Rect { x: area.x + 1, y: area.bottom() - 1, width: area.width - 2, height: 1 };
        let cells = usize::from(place.width).saturating_sub(label.len() + seen.len() + 4);
        frame.render_widget(Clear, place);
        let mut line = input.line(cells, theme);
        line.spans.insert(0, Span::styled(label, theme.key()));
        let used = line.width();
        let gap = usize::from(place.width).saturating_sub(used + seen.len() + 1);
        line.spans.push(Span::styled(format!("{}{seen} ", " ".repeat(gap)), theme.dim()));
        frame.render_widget(line, place);
    }
}

/// The note line: what is wrong where the cursor is, on narrow screens that have no room below.
#[must_use]
pub(crate) fn problem_note(model: &Model) -> Option<(Tone, String)> {
    let open = model.config.open()?;
    let is_told_below = areas(model).here.height > 0;
    if is_told_below || !model.config.in_text() {
        return None;
    }
    let problem = open.problems_on(open.editor.cursor().line).into_iter().next()?;
    let (tone, sign) = sign(problem.level, model.theme);
    Some((tone, format!("{sign} {} {}", problem.code, problem.message)))
}
