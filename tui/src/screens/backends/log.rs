//! The last lines of a server's log: what it wrote on stderr, what it said by `notifications/message`.

use mcp_proxy_core::control::{BackendView, LogStream};
use ratatui::text::{Line, Span};

use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::screens::logs::said::said;
use crate::widgets::{number, text};

/// Lines one log line may take.
const MAX_LINES: usize = 6;

/// All of it, as lines of `cells`.
pub(super) fn lines(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let Some(seen) = model.backends.seen.as_ref().filter(|d| d.name == b.name) else { return };
    if seen.log.is_empty() {
        out.push(Line::styled(" It has written nothing on stderr, and logged nothing.", theme.dim()));
    }
    for line in &seen.log {
        let said = if line.stream == LogStream::Message { said(&line.text) } else { None };
        let (word, tone) = match (line.stream, said.as_ref().map(|(level, _)| level)) {
            (LogStream::Stderr, _) => ("stderr", Tone::Quiet),
            (LogStream::Stdout, _) => ("stdout", Tone::Warn),
            (LogStream::Message, Some(log::Level::Error)) => ("error", Tone::Bad),
            (LogStream::Message, Some(log::Level::Warn)) => ("warn", Tone::Warn),
            (LogStream::Message, _) => ("logged", Tone::Busy),
        };
        let shown = said.as_ref().map_or(&*line.text, |(_, text)| text);
        let at = number::time_of_day(line.at, model.utc_offset, false);
        for (i, piece) in text::wrap(shown, cells.saturating_sub(19), MAX_LINES).into_iter().enumerate() {
            let head = if i == 0 { format!(" {at} ") } else { " ".repeat(10) };
            let word = if i == 0 { word } else { "" };
            out.push(Line::from(vec![
                Span::styled(head, theme.dim()),
                Span::styled(text::pad(word, 8, ""), theme.tone(tone)),
                Span::raw(piece),
            ]));
        }
    }
}
