//! How Logs looks: tui-logger's list of sources and its lines, side by side.
//!
//! These are the two halves of its smart widget; put together here so that the list never takes the lines' room and the
//! lines are cleaned before they reach the terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerTargetWidget, TuiLoggerWidget};

use crate::app::layout::{self, Breadth};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::{number, pane, text};

/// Cells of a source's name.
const SOURCE: usize = 12;
/// Cells that a text needs beside its time, level and source.
const BESIDE: usize = 30;
/// Lines one log line may take.
const MAX_LINES: usize = 8;

/// Whether the list of sources is on the screen.
#[must_use]
pub(crate) fn shows_sources(model: &Model) -> bool {
    model.logs.sources.unwrap_or(layout::breadth(model.size) != Breadth::Narrow)
}

/// The letters of the levels before each source.
const LEVELS: &str = "EWIDT";
const N_LEVELS: u16 = 5;

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let body = layout::frame(model.size).body;
    let logs = &model.logs;
    let theme = model.theme;
    let sources = if shows_sources(model) { (body.width / 3).min(36) } else { 0 };
    let [left, right] = Layout::horizontal([Constraint::Length(sources), Constraint::Min(0)]).areas(body);
    if left.width > 0 {
        let legend = if left.width < 24 { "EWIDT: levels" } else { "EWIDT: levels shown" };
        let block = pane::block(theme, true).title(pane::title("Sources")).title_bottom(pane::title(legend));
        TuiLoggerTargetWidget::default()
            .block(block)
            .highlight_style(theme.cursor(true))
            .style_show(theme.tone(Tone::Good))
            .style_hide(theme.dim())
            .state(&logs.widget)
            .render(left, frame.buffer_mut());
        hide_hidden(layout::inside(left), theme, frame);
    }
    lines(model, right, frame);
}

/// The widget tells levels that are not shown by their colour only: their letters go.
fn hide_hidden(sources: Rect, theme: Theme, frame: &mut Frame<'_>) {
    for at in sources.positions().filter(|at| at.x < sources.x + N_LEVELS) {
        let cell = &mut frame.buffer_mut()[at];
        if cell.modifier.contains(Modifier::DIM) && LEVELS.contains(cell.symbol()) {
            cell.set_symbol(theme.symbols().dot);
        }
    }
}

fn lines(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (logs, theme) = (&model.logs, model.theme);
    let what = match &logs.only {
        Some(name) => format!("Logs of {} only (f: all)", text::clean(name)),
        None if logs.focused => "Logs of the selected source only (f: all)".to_owned(),
        None => "Logs".to_owned(),
    };
    let state = if logs.paused { "older lines, G: newest" } else { "newest last" };
    let mut block = pane::block(theme, true).title(pane::title(&what)).title(pane::title(state).right_aligned());
    if logs.n_dropped > 0 {
        let lost = format!("{} lost before they could be shown", number::plural(logs.n_dropped, "line"));
        block = block.title_bottom(pane::title(&lost).style(theme.tone(Tone::Warn)));
    }
    TuiLoggerWidget::default()
        .block(block)
        .formatter(Box::new(Formatter { theme, times: logs.times }))
        .state(&logs.widget)
        .render(area, frame.buffer_mut());
    let inner = layout::inside(area);
    let untouched = (inner.x..inner.right()).all(|x| frame.buffer_mut()[(x, inner.y)].symbol() == " ");
    if untouched && inner.height > 0 && !logs.paused {
        // It may have logged what is hidden by its levels.
        let text = if logs.only.is_some() || logs.focused {
            " Nothing to be shown of it, at these levels."
        } else {
            " Nothing was logged yet."
        };
        frame.render_widget(Line::styled(text, theme.dim()), Rect { height: 1, ..inner });
    }
}

/// Turns a log record into clean lines: time, level, source, text.
struct Formatter {
    theme: Theme,
    times: bool,
}

impl LogFormatter for Formatter {
    fn min_width(&self) -> u16 {
        24
    }

    fn format(&self, width: usize, record: &ExtLogRecord) -> Vec<Line<'_>> {
        let (word, tone) = match record.level {
            log::Level::Error => ("error", Tone::Bad),
            log::Level::Warn => ("warn ", Tone::Warn),
            log::Level::Info => ("info ", Tone::Good),
            log::Level::Debug => ("debug", Tone::Busy),
            log::Level::Trace => ("trace", Tone::Quiet),
        };
        let time = if self.times { format!("{} ", record.timestamp.strftime("%H:%M:%S")) } else { String::new() };
        let source = text::pad(record.target(), SOURCE, self.theme.symbols().ellipsis);
        let used = text::width(&time) + 6 + text::width(&source) + 1;
        let head = vec![
            Span::styled(time, self.theme.dim()),
            Span::styled(format!("{word} "), self.theme.tone(tone)),
            Span::styled(format!("{source} "), self.theme.strong()),
        ];
        // Too little beside it: the text stands below.
        let indent = if width.saturating_sub(used) < BESIDE { 2 } else { used };
        let pieces = text::wrap(record.msg().trim(), width.saturating_sub(indent).max(8), MAX_LINES);
        let mut out: Vec<Line<'_>> = Vec::new();
        let mut head = Some(Line::from(head));
        if indent < used {
            out.extend(head.take());
        }
        for piece in pieces {
            match head.take() {
                Some(mut line) => {
                    line.spans.push(Span::raw(piece));
                    out.push(line);
                }
                None => out.push(Line::from(format!("{}{piece}", " ".repeat(indent)))),
            }
        }
        // tui-logger wants at least one line a record.
        if out.is_empty() {
            out.extend(head);
        }
        out
    }
}
