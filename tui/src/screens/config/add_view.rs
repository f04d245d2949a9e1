//! How the form that adds a server looks.

use mcp_proxy_core::control::BackendState;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::add::{Add, Field, Trial};
use super::talk::Probe;
use crate::app::layout::{self, centered, inside};
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::{number, pane, text};

/// Cells of the longest label.
const LABEL: usize = 15;
/// Last words of a server that are shown.
const N_WORDS: usize = 4;

/// Draws it.
pub(crate) fn draw(model: &Model, add: &Add, on_top: bool, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let body = layout::frame(model.size).body;
    let width = body.width.saturating_sub(4).min(96);
    let lines = lines(model, add, usize::from(width.saturating_sub(2)));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = centered(body, width, height);
    frame.render_widget(Clear, area);
    let block = pane::block(theme, on_top)
        .title(pane::title("Add a server"))
        .title_bottom(pane::title("Ctrl-T tries it, Enter puts it into the text"));
    frame.render_widget(block, area);
    let inner = inside(area);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
}

fn lines(model: &Model, add: &Add, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let room = cells.saturating_sub(LABEL + 4);
    let mut out = Vec::new();
    for (at, field) in Field::ALL.into_iter().enumerate() {
        let label = match field {
            Field::Target => "Command or URL",
            Field::Name => "Name",
            Field::Extra if add.is_url() => "Headers",
            Field::Extra => "Environment",
        };
        let is_here = at == add.at;
        let marker = if is_here { s.cursor } else { " " };
        let mut line = vec![
            Span::styled(format!(" {marker} "), theme.key()),
            Span::styled(text::pad(label, LABEL, s.ellipsis), if is_here { theme.strong() } else { theme.dim() }),
            Span::raw(" "),
        ];
        let input = &add.inputs[at];
        if is_here {
            line.extend(input.line(room, theme).spans);
        } else {
            line.push(Span::raw(text::fit(input.text(), room, s.ellipsis)));
        }
        out.push(Line::from(line));
        let indent = " ".repeat(LABEL + 4);
        match &add.error {
            Some((wrong, why)) if *wrong == field => {
                let why = text::fit(&format!("{} {why}", s.bad), room, s.ellipsis);
                out.push(Line::styled(format!("{indent}{why}"), theme.tone(Tone::Bad)));
            }
            _ if is_here => {
                for piece in text::wrap(about(field, add.is_url()), room, 2) {
                    out.push(Line::styled(format!("{indent}{piece}"), theme.dim()));
                }
            }
            _ => {}
        }
    }
    out.push(Line::default());
    trial(model, add, cells, &mut out);
    out
}

const fn about(field: Field, is_url: bool) -> &'static str {
    match (field, is_url) {
        (Field::Target, _) => "as in a shell: npx -y PACKAGE, uvx PACKAGE, a path; or https://... of a server",
        (Field::Name, _) => "what its tools begin with: letters, digits and -",
        (Field::Extra, true) => "NAME=value, with blanks between them; secrets as Authorization='Bearer ${TOKEN}'",
        (Field::Extra, false) => {
            "NAME=value, with blanks between them; NAME alone passes on yours, and is no secret in the file"
        }
    }
}

fn trial(model: &Model, add: &Add, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    let s = theme.symbols();
    let mut say = |tone, content: &str, n| {
        let lines = text::wrap(content, cells.saturating_sub(3), n);
        out.extend(lines.into_iter().map(|l| Line::styled(format!("   {l}"), theme.tone(tone))));
    };
    match &add.trial {
        Trial::None => say(Tone::Quiet, "not tried yet: Ctrl-T starts it, asks what it offers, and ends it", 2),
        Trial::Running { since, .. } => {
            let took = number::span(number::since(model.now, *since));
            say(Tone::Busy, &format!("{} trying it, {took}", s.wait), 1);
        }
        Trial::Done { result, entry } => {
            let is_other = add.entry().is_ok_and(|(_, now)| now != *entry);
            match result {
                Ok(probe) => told(probe, s.good, s.bad, &mut say),
                Err(why) => say(Tone::Bad, &format!("{} {why}", s.bad), 3),
            }
            if is_other {
                say(Tone::Warn, "what is typed now was not tried", 1);
            }
        }
    }
}

fn told(probe: &Probe, good: &str, bad: &str, say: &mut impl FnMut(Tone, &str, usize)) {
    let view = &probe.view;
    if view.state == BackendState::Ready {
        let revision = view.revision.map_or_else(String::new, |r| format!(", MCP {r}"));
        let info = view.server_info.as_ref().map_or_else(String::new, |i| format!(", {i}"));
        say(Tone::Good, &format!("{good} ready after {}{revision}{info}", number::latency(probe.took)), 2);
        let counts = [
            number::plural(view.n_tools as u64, "tool"),
            number::plural(view.n_resources as u64, "resource"),
            number::plural(view.n_prompts as u64, "prompt"),
        ];
        let names: Vec<&str> = probe.tools.iter().map(|t| &**t).collect();
        let named = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        say(Tone::Plain, &format!("{}{named}", counts.join(", ")), 4);
        return;
    }
    let Some(failure) = &view.failure else {
        return say(Tone::Bad, &format!("{bad} it did not get ready in time: it was {}", view.state.word()), 2);
    };
    say(Tone::Bad, &format!("{bad} {} ({})", failure.message, failure.phase), 3);
    if let Some(hint) = &failure.hint {
        say(Tone::Plain, hint, 2);
    }
    let from = failure.stderr.len().saturating_sub(N_WORDS);
    for line in &failure.stderr[from..] {
        say(Tone::Quiet, &format!("stderr: {}", mcp_proxy_core::config::masked(line)), 1);
    }
}
