//! How the screen looks: outline, text with what is wrong at its place, and below what the cursor is on and what saving changes.

use mcp_proxy_core::config::Level;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::complete;
use super::outline::Entry;
use super::save;
use super::state::{Focus, Open, Saving, Source};
use super::talk::Problem;
use crate::app::layout::{self, Breadth, breadth, centered, inside};
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
                here(model, open, areas.here, frame);
            }
            if areas.plan.height > 0 {
                plan(model, open, areas.plan, frame);
            }
            if areas.text.height > 0 {
                completion(model, open, areas.text, frame);
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
            lines.push((Tone::Plain, format!("{} writes a commented one to {path}", s.enter)));
            lines.push((
                Tone::Plain,
                "and opens it here. The demo servers go; then press a to add a server of yours.".to_owned(),
            ));
            lines.push((Tone::Plain, String::new()));
            lines.push((
                Tone::Quiet,
                "The same in a shell: `mcp-proxy init`. To take over what your clients have:".to_owned(),
            ));
            lines.push((Tone::Quiet, "`mcp-proxy import`.".to_owned()));
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

fn sign(level: Level, theme: Theme) -> (Tone, &'static str) {
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
        Some(entry) if entry.is_server => format!("{} {} {}", open.name(), s.dot, entry.name),
        _ => open.name(),
    };
    let mut block = pane::block(theme, is_active).title(pane::title(&title));
    let find = &open.editor.find;
    if open.line.is_none() && !find.is_open {
        block = block.title_bottom(pane::title(&format!("undo {undo} {} redo {redo}", s.dot)).right_aligned());
    }
    frame.render_widget(block, area);
    let inner = inside(area);
    let mask = |line: &str| mcp_proxy_core::config::masked(line);
    let remarks = |line: usize| remarks(open, line, theme);
    editor::draw(&open.editor, &Look { theme, is_active, remarks: &remarks, masks: Some(&mask) }, inner, frame);
    let field = match &open.line {
        Some(line) => Some((" line: ".to_owned(), line, format!("of {}", open.editor.buffer().n_lines()))),
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

/// What the cursor is on: what is wrong there, else what the key is for.
fn here(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let cells = usize::from(area.width).saturating_sub(4);
    let at = open.editor.cursor();
    let mut lines: Vec<Line<'static>> = Vec::new();
    for p in open.problems_on(at.line) {
        let (tone, sign) = sign(p.level, theme);
        for (i, piece) in text::wrap(&p.message, cells.saturating_sub(9), 3).into_iter().enumerate() {
            let head = if i == 0 { format!(" {sign} {} ", p.code) } else { "         ".to_owned() };
            lines.push(Line::from(vec![Span::styled(head, theme.tone(tone)), Span::raw(piece)]));
        }
        for (word, note) in &p.notes {
            for (i, piece) in text::wrap(note, cells.saturating_sub(9), 3).into_iter().enumerate() {
                let head = if i == 0 { text::pad(word, 7, "") } else { " ".repeat(7) };
                lines.push(Line::from(vec![Span::styled(format!(" {head} "), theme.dim()), Span::raw(piece)]));
            }
        }
    }
    let mut title = "Here".to_owned();
    if let Some((path, kind, doc)) = complete::about(&open.spot, open.editor.buffer().line(at.line)) {
        title = format!("{path}: {kind}");
        let doc = doc.replace('`', "");
        lines.extend(text::wrap(&doc, cells, 12).into_iter().map(|l| Line::styled(format!(" {l}"), Style::new())));
    } else if lines.is_empty() {
        lines.push(Line::styled(" nothing to say about this line; Ctrl-N offers what may stand here", theme.dim()));
    }
    pane::text(&title, lines, 0, false, area, theme, frame);
}

/// What saving would change, or has changed.
fn plan(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let cells = usize::from(area.width).saturating_sub(3);
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(saved) = open.saved.as_ref().filter(|_| !open.is_modified) {
        lines.extend(text::wrap(saved, cells, 3).into_iter().map(|l| Line::raw(format!(" {l}"))));
    }
    match &open.checked {
        None => lines.push(Line::styled(format!(" {} checking", s.wait), theme.dim())),
        Some(checked) => {
            for p in checked.problems.iter().filter(|p| p.level == Level::Error) {
                let (tone, sign) = sign(p.level, theme);
                let at = p.at.map_or_else(String::new, |(l, ..)| format!("line {}: ", l + 1));
                let line = text::fit(&format!("{sign} {at}{}", p.message), cells, s.ellipsis);
                lines.push(Line::styled(format!(" {line}"), theme.tone(tone)));
            }
            match &checked.plan {
                Some(plan) if !plan.is_empty() => lines.extend(plan_lines(plan, cells, theme)),
                _ if !lines.is_empty() => {}
                _ => {
                    let (tone, text) = save::plan_line(checked, open.is_modified);
                    lines.push(Line::styled(format!(" {text}"), theme.tone(tone)));
                }
            }
            let elsewhere = checked.problems.iter().filter(|p| p.at.is_none() && p.level == Level::Warning);
            for p in elsewhere {
                let line = text::fit(&format!("{} {}", s.warn, p.message), cells, s.ellipsis);
                lines.push(Line::styled(format!(" {line}"), theme.tone(Tone::Warn)));
            }
        }
    }
    let is_bad = open.checked.as_ref().is_some_and(|c| c.n_of(Level::Error) > 0);
    let title = match (is_bad, open.is_modified) {
        (true, _) => "Not fit to be saved",
        (false, true) => "On save",
        (false, false) => "In force",
    };
    pane::text(title, lines, 0, false, area, theme, frame);
}

/// The rows of a plan in columns.
pub(crate) fn plan_lines(plan: &mcp_proxy_core::config::Plan, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let s = theme.symbols();
    let rows = save::plan_rows(plan);
    let name = rows.iter().map(|r| text::width(&r.who)).max().unwrap_or(0).clamp(4, 20);
    let word = rows.iter().map(|r| text::width(&r.what)).max().unwrap_or(0);
    let line = |row: save::Row| {
        let room = cells.saturating_sub(name + word + 6);
        Line::from(vec![
            Span::styled(format!(" {} ", row.sign), theme.tone(row.tone)),
            Span::raw(format!("{}  ", text::pad(&row.who, name, s.ellipsis))),
            Span::styled(format!("{}  ", text::pad(&row.what, word, s.ellipsis)), theme.tone(row.tone)),
            Span::styled(text::fit(&row.why, room, s.ellipsis), theme.dim()),
        ])
    };
    rows.into_iter().map(line).collect()
}

fn completion(model: &Model, open: &Open, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let Some(completion) = &open.completion else { return };
    let Some((x, y)) = open.editor.cursor_cell(inside(area)) else { return };
    let screen = layout::frame(model.size).body;
    let name = completion.entries.iter().map(|e| text::width(&e.text)).max().unwrap_or(0).clamp(8, 28);
    let kind = completion.entries.iter().map(|e| text::width(&e.kind)).max().unwrap_or(0).min(18);
    let width = u16::try_from(name + kind + 44).unwrap_or(80).min(screen.width.saturating_sub(2)).max(30);
    let selected = completion.entries.get(completion.cursor.at);
    let doc = selected
        .map_or_else(Vec::new, |e| text::wrap(&e.doc.replace('`', ""), usize::from(width).saturating_sub(4), 3));
    let n = completion.entries.len().min(LIST_ROWS);
    let wanted = u16::try_from(n + doc.len() + usize::from(!doc.is_empty())).unwrap_or(10) + 2;
    // Below the cursor, or where there is no room above it.
    let below = screen.bottom().saturating_sub(y + 1);
    let above = y.saturating_sub(screen.y);
    let (top, height) = if below >= wanted || below >= above {
        (y + 1, wanted.min(below))
    } else {
        (y - wanted.min(above), wanted.min(above))
    };
    if height < 3 {
        return;
    }
    let word = u16::try_from(
        open.editor.buffer().line(open.editor.cursor().line)
            [open.spot.word.start.min(open.editor.cursor().byte)..open.editor.cursor().byte]
            .chars()
            .count(),
    )
    .unwrap_or(0);
    let left = x.saturating_sub(word + 2).min(screen.right().saturating_sub(width)).max(screen.x);
    let place = Rect { x: left, y: top, width, height };
    frame.render_widget(Clear, place);
    let count = format!("{} of {}", completion.cursor.at + 1, completion.entries.len());
    let block = pane::block(theme, true)
        .title_bottom(pane::title("Tab takes it"))
        .title_bottom(pane::title(&count).right_aligned());
    frame.render_widget(block, place);
    let inner = inside(place);
    let cells = usize::from(inner.width);
    let rows = inner.y..inner.bottom().min(inner.y + u16::try_from(n).unwrap_or(8));
    for (y, (at, entry)) in rows.zip(completion.entries.iter().enumerate().skip(completion.cursor.top)) {
        let here = Rect { y, height: 1, ..inner };
        let gap = if kind > 0 { 2 } else { 0 };
        let room = cells.saturating_sub(name + kind + gap + 4);
        let first = entry.doc.replace('`', "");
        frame.render_widget(
            Line::from(vec![
                Span::raw(format!(" {}  ", text::pad(&entry.text, name, s.ellipsis))),
                Span::styled(
                    format!("{}{}", text::pad(&entry.kind, kind, s.ellipsis), " ".repeat(gap)),
                    theme.tone(Tone::Busy),
                ),
                Span::styled(text::pad(&first, room, s.ellipsis), theme.dim()),
            ]),
            here,
        );
        if at == completion.cursor.at {
            frame.buffer_mut().set_style(here, theme.cursor(true));
        }
    }
    let from = inner.y + u16::try_from(n).unwrap_or(8);
    if !doc.is_empty() && from < inner.bottom() {
        frame.render_widget(Line::styled(s.rule.repeat(cells), theme.dim()), Rect { y: from, height: 1, ..inner });
        for (y, line) in (from + 1..inner.bottom()).zip(doc) {
            frame.render_widget(Line::raw(format!(" {line}")), Rect { y, height: 1, ..inner });
        }
    }
}

/// The question before saving.
pub(crate) fn draw_save(model: &Model, yes: bool, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let Some(open) = model.config.open() else { return };
    let body = layout::frame(model.size).body;
    let width = body.width.saturating_sub(4).min(90);
    let cells = usize::from(width).saturating_sub(3);
    let mut lines = vec![Line::styled(format!(" Save {} and go by it?", open.shown), theme.strong()), Line::default()];
    match open.checked.as_ref().and_then(|c| c.plan.as_ref()) {
        Some(plan) if !plan.is_empty() => lines.extend(plan_lines(plan, cells, theme)),
        _ => lines.push(Line::styled(" Nothing that runs changes.", theme.dim())),
    }
    let n_clients = model.sessions().len();
    let stay = if n_clients > 0 {
        format!(
            "{} connected. ",
            if n_clients == 1 { "1 client stays".to_owned() } else { format!("{n_clients} clients stay") }
        )
    } else {
        String::new()
    };
    lines.push(Line::default());
    lines.push(Line::styled(format!(" {stay}The old file is kept as {}.bak.", open.name()), theme.dim()));
    lines.push(Line::default());
    let most = usize::from(body.height).saturating_sub(3);
    if lines.len() > most {
        // The question and its end stay.
        let n_left = lines.len() - most + 1;
        lines.drain(most.saturating_sub(4)..most.saturating_sub(4) + n_left);
        lines.insert(most.saturating_sub(4), Line::styled(format!(" and {n_left} more"), theme.dim()));
    }
    lines.push(crate::widgets::popup::buttons(("n  not now", "y  save"), yes, theme));
    let area = centered(body, width, u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    frame.render_widget(Clear, area);
    frame.render_widget(pane::block(theme, true).title(pane::title("On save")), area);
    let inner = inside(area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

/// The question when the file on disk is another one.
pub(crate) fn draw_changed(model: &Model, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let Some(open) = model.config.open() else { return };
    let body = layout::frame(model.size).body;
    let key = |key: &'static str, what: &'static str| {
        Line::from(vec![Span::styled(format!("   {key}  "), theme.key()), Span::raw(what)])
    };
    let lines = [
        Line::styled(format!(" {} was changed on disk by somebody else.", open.name()), theme.strong()),
        Line::styled(" Your changes here are not saved yet.", theme.dim()),
        Line::default(),
        key("k", "keep mine: save over it (theirs is kept as .bak)"),
        key("t", "take theirs: it replaces the text here (undo brings yours back)"),
        key("d", "see the difference"),
        key("Esc", "leave it for now"),
    ];
    let area = centered(body, 72, u16::try_from(lines.len() + 2).unwrap_or(9));
    frame.render_widget(Clear, area);
    frame.render_widget(pane::block(theme, true).title(pane::title("Changed on disk")), area);
    let inner = inside(area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
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
