//! The whole screen. Draws the model and changes nothing.

use mcp_proxy_core::control::BackendState;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::layout::{self, Breadth, MIN_HEIGHT, MIN_WIDTH};
use super::model::{Model, Screen};
use super::theme::Tone;
use crate::screens::{backends, catalog, clients, config, inspect, logs, metrics};
use crate::widgets::hint::{self, Moment};
use crate::widgets::{popup, text};

/// Draws the model.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    // The terminal may have changed since the model last heard of it.
    let seen = frame.area();
    if layout::too_small((seen.width, seen.height)) || layout::too_small(model.size) {
        return too_small(frame);
    }
    if seen.width < model.size.0 || seen.height < model.size.1 {
        return;
    }
    let parts = layout::frame(model.size);
    header(model, parts.header, frame);
    match model.screen {
        Screen::Backends => backends::view::draw(model, frame),
        Screen::Inspect => inspect::view::draw(model, frame),
        Screen::Catalog => catalog::view::draw(model, frame),
        Screen::Clients => clients::view::draw(model, frame),
        Screen::Logs => logs::view::draw(model, frame),
        Screen::Metrics => metrics::view::draw(model, frame),
        Screen::Config => config::view::draw(model, frame),
    }
    popup::draw(model, frame);
    let moment = if model.screen == Screen::Inspect { model.inspect.moment() } else { Moment::default() };
    let cells = usize::from(parts.hints.width);
    let hints = hint::line(&model.keys, &model.contexts(), &moment, !model.has_pushed(), cells, model.theme);
    match note(model, cells) {
        Some(line) if parts.note.height > 0 => {
            frame.render_widget(line, parts.note);
            frame.render_widget(hints, parts.hints);
        }
        // Where there is one line only, what was just done is worth more than the hints.
        Some(line) if model.toast.is_some() => frame.render_widget(line, parts.hints),
        _ => frame.render_widget(hints, parts.hints),
    }
    if model.theme.accessible {
        point(frame);
    }
}

/// Puts the terminal's own cursor on the selection, which is what a screen reader reads.
fn point(frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    // The first two lines have tabs, of which one is marked in the same way.
    let cells = (area.y + 2..area.bottom()).flat_map(|y| (area.x..area.right()).map(move |x| (x, y)));
    let marked = |at: &(u16, u16)| buffer[*at].modifier.contains(Modifier::REVERSED);
    if let Some(at) = cells.into_iter().find(marked) {
        frame.set_cursor_position(at);
    }
}

fn too_small(frame: &mut Frame<'_>) {
    let area = frame.area();
    let text = format!("too small: {}x{}, need {MIN_WIDTH}x{MIN_HEIGHT}  (q quits)", area.width, area.height);
    let y = area.height / 2;
    if area.height > 0 {
        frame.render_widget(Paragraph::new(text).centered(), Rect { y, height: 1, ..area });
    }
}

/// Where the tabs are, for the mouse: first column and one past the last.
#[must_use]
pub(crate) fn tabs(model: &Model) -> [(Screen, u16, u16); Screen::ALL.len()] {
    let name = name(model);
    // Where there is no room for the name there is none for the sign before it.
    let mut x = u16::try_from(if name.is_empty() { 0 } else { name.len() + 3 }).unwrap_or(0);
    Screen::ALL.map(|screen| {
        let from = x;
        x += u16::try_from(tab(model, screen).len()).unwrap_or(0);
        (screen, from, x)
    })
}

/// Columns that the words of all tabs need.
const WHOLE_TABS: u16 = 72;

/// A tab with the blanks around it.
fn tab(model: &Model, screen: Screen) -> String {
    let title = screen.title();
    // Where not all of them fit, the others are their digits.
    if model.size.0 < WHOLE_TABS && screen != model.screen {
        return format!(" {}", title.split(' ').next().unwrap_or_default());
    }
    // The state of the servers is worth more than air.
    if layout::breadth(model.size) == Breadth::Wide { format!(" {title} ") } else { format!(" {title}") }
}

/// What the proxy is called, cut to leave room for the tabs; nothing where there is none.
fn name(model: &Model) -> String {
    if layout::breadth(model.size) == Breadth::Narrow {
        return String::new();
    }
    let name = model.snapshot.as_ref().map_or("mcp-proxy", |s| s.name.as_str());
    let ascii: String = name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(14).collect();
    let ascii = ascii.trim().to_owned();
    if ascii.is_empty() { "mcp-proxy".to_owned() } else { ascii }
}

fn header(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let s = theme.symbols();
    let name = name(model);
    let brand = if name.is_empty() { String::new() } else { format!(" {} {name}", s.brand) };
    let mut spans = vec![Span::styled(brand, theme.strong())];
    for screen in Screen::ALL {
        let style = if screen == model.screen { theme.cursor(true) } else { Style::new() };
        spans.push(Span::styled(tab(model, screen), style));
    }
    frame.render_widget(Line::from(spans), area);
    let tabs = tabs(model);
    if let Some((_, from, to)) = tabs.iter().find(|(screen, ..)| *screen == model.screen) {
        // In the places of the blanks around it.
        let is_wide = layout::breadth(model.size) == Breadth::Wide;
        for (x, symbol) in [*from, if is_wide { to - 1 } else { *to }].into_iter().zip(s.tab) {
            if let Some(cell) = frame.buffer_mut().cell_mut((area.x + x, area.y)) {
                cell.reset();
                cell.set_symbol(symbol);
            }
        }
    }
    // One for the end of the last tab.
    let end_of_tabs = tabs.last().map_or(0, |(.., to)| *to + 1);
    let room = usize::from(area.width.saturating_sub(end_of_tabs));
    let Some(right) = alerts(model).into_iter().find(|line| line.width() <= room) else { return };
    let width = u16::try_from(right.width()).unwrap_or(u16::MAX);
    frame.render_widget(right, Rect { x: area.right() - width, width, ..area });
}

/// What needs a look, and how many servers are ready; the longest telling first, for as much room as there is.
fn alerts(model: &Model) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let Some(snapshot) = &model.snapshot else { return Vec::new() };
    let n = |test: &dyn Fn(&BackendState) -> bool| snapshot.backends.iter().filter(|b| test(&b.state)).count();
    let failed = n(&|s| *s == BackendState::Parked);
    let retrying = n(&|s| matches!(s, BackendState::Backoff { .. }));
    // Servers that sleep until a call comes are as they should be.
    let wanted = n(&|s| !matches!(s, BackendState::Disabled | BackendState::Idle | BackendState::Stopped));
    let ready = n(&|s| *s == BackendState::Ready);
    let mut alerts = Vec::new();
    if snapshot.config_error.is_some() {
        alerts.push((Tone::Bad, format!("{} config", s.bad)));
    }
    if failed > 0 {
        alerts.push((Tone::Bad, format!("{} {failed} failed", s.bad)));
    }
    if retrying > 0 {
        alerts.push((Tone::Warn, format!("{} {retrying} retry", s.warn)));
    }
    let tone = if ready == wanted { Tone::Good } else { Tone::Plain };
    let worst = alerts.first().map_or(s.full, |(tone, _)| if *tone == Tone::Bad { s.bad } else { s.warn });
    let line = |parts: &[(Tone, String)]| {
        let parts =
            parts.iter().flat_map(|(tone, text)| [Span::styled(text.clone(), theme.tone(*tone)), Span::raw("  ")]);
        let mut spans: Vec<Span<'static>> = parts.collect();
        spans.pop();
        spans.push(Span::raw(" "));
        Line::from(spans)
    };
    let ready_word = (tone, format!("{} {ready}/{wanted} ready", s.full));
    let first: Vec<_> = alerts.iter().take(1).cloned().collect();
    let full = [alerts.clone(), vec![ready_word.clone()]].concat();
    let both = [first.clone(), vec![ready_word]].concat();
    let all = [full, alerts, both, first];
    let mut lines: Vec<_> = all.iter().filter(|parts| !parts.is_empty()).map(|parts| line(parts)).collect();
    lines.push(line(&[(tone, format!("{worst} {ready}/{wanted}"))]));
    lines
}

/// The note line: what was just done, a mistake in the filter, a refused configuration, why the
/// selected server failed, or how to begin.
fn note(model: &Model, cells: usize) -> Option<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let line = |tone, content: &str| {
        let content = text::fit(content, cells.saturating_sub(2), s.ellipsis);
        Some(Line::from(vec![Span::raw(" "), Span::styled(content, theme.tone(tone))]))
    };
    if let Some(toast) = &model.toast {
        return line(toast.tone, &toast.text);
    }
    if let Some(work) = &model.work {
        return line(Tone::Busy, &work.note(s.ellipsis));
    }
    if model.screen == Screen::Inspect
        && let Some((tone, text)) = inspect::view::filter_note(&model.inspect, theme)
    {
        return line(tone, &text);
    }
    if model.screen == Screen::Inspect
        && let Some((tone, text)) = inspect::view::held_note(model)
    {
        return line(tone, &text);
    }
    if let Some(error) = model.snapshot.as_ref().and_then(|s| s.config_error.as_ref()) {
        return line(Tone::Bad, &format!("{} configuration refused: {error}; the one before stays", s.bad));
    }
    if let Some(trouble) = &model.trouble {
        return line(Tone::Bad, &format!("{} {trouble}", s.bad));
    }
    if model.screen == Screen::Config
        && let Some((tone, text)) = config::view::problem_note(model)
    {
        return line(tone, &text);
    }
    if let Some((tone, text)) = backends::view::failure_note(model) {
        return line(tone, &text);
    }
    let first = model.first_run.as_ref()?;
    line(Tone::Busy, first)
}
