//! How Clients looks: a table of who is connected, and all about the selected one.

use mcp_proxy_core::control::ClientView;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use super::detail;
use crate::app::layout::{self, Breadth, Share, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::widgets::table::{Cell, Column, Table, column};
use crate::widgets::{number, pane, text};

/// Where things are: list, details.
fn areas(model: &Model) -> [Rect; 2] {
    let body = layout::frame(model.size).body;
    let none = Rect { height: 0, ..body };
    let n = u16::try_from(model.sessions().len()).unwrap_or(u16::MAX).max(1);
    match breadth(model.size) {
        Breadth::Narrow if model.clients.in_detail => [none, body],
        // Nobody has no details.
        _ if model.clients.share == Share::List || model.sessions().is_empty() => [body, none],
        _ if model.clients.share == Share::Details => [none, body],
        Breadth::Narrow => layout::below_list(body, n).unwrap_or([body, none]),
        Breadth::Normal => {
            let list = n.saturating_add(3).min(body.height / 2);
            Layout::vertical([Constraint::Length(list), Constraint::Min(0)]).areas(body)
        }
        Breadth::Wide => Layout::horizontal([Constraint::Percentage(52), Constraint::Percentage(48)]).areas(body),
    }
}

/// Whether the details are on the screen.
#[must_use]
pub(crate) fn shows_detail(model: &Model) -> bool {
    areas(model)[1].height > 0
}

/// Clients the list shows at once.
#[must_use]
pub(crate) fn list_rows(model: &Model) -> usize {
    usize::from(inside(areas(model)[0]).height.saturating_sub(1))
}

/// The list, for the mouse: the area of its rows.
#[must_use]
pub(crate) fn list_area(model: &Model) -> Rect {
    let inner = inside(areas(model)[0]);
    Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner }
}

/// Lines of the details, and how many fit.
#[must_use]
pub(crate) fn detail_size(model: &Model) -> (usize, usize) {
    let inner = inside(areas(model)[1]);
    let n = model.session().map_or(0, |c| detail::lines(model, c, usize::from(inner.width)).len());
    (n, usize::from(inner.height))
}

/// The columns; the name takes what is left.
const TABLE: Table = Table { columns: &COLUMNS, min_name: 16 };
const COLUMNS: [Column; 12] = [
    column("CLIENT", 0, false, 0),
    column("ID", 6, false, 4),
    column("BY", 6, false, 1),
    column("MCP", 10, false, 2),
    column("SINCE", 5, true, 3),
    column("INFL", 4, true, 1),
    column("CALLS", 7, true, 0),
    column("ERR%", 5, true, 1),
    column("IN", 6, true, 5),
    column("OUT", 6, true, 5),
    column("ASKED", 5, true, 2),
    column("PARK", 4, true, 3),
];

/// What a client calls itself, or its id.
#[must_use]
pub(super) fn name(c: &ClientView) -> String {
    if c.name.is_empty() { format!("({})", c.id) } else { c.name.to_string() }
}

fn cells_of(c: &ClientView, model: &Model) -> Vec<Cell> {
    let theme = model.theme;
    let none = theme.symbols().none;
    let plain = Style::new;
    let error = if c.n_calls == 0 { none.to_owned() } else { number::percent(c.n_errors, c.n_calls) };
    let error_tone = if c.n_errors * 20 > c.n_calls { Tone::Bad } else { Tone::Plain };
    let asked = if c.n_open == 0 { none.to_owned() } else { c.n_open.to_string() };
    let asked_tone = if c.n_open == 0 { Tone::Plain } else { Tone::Warn };
    vec![
        (name(c), theme.strong()),
        (c.id.to_string(), theme.dim()),
        (c.via.to_owned(), plain()),
        (c.revision.map_or_else(|| none.to_owned(), |r| r.date().to_owned()), plain()),
        (number::age(number::since(model.now, c.since)), plain()),
        (c.n_in_flight.to_string(), plain()),
        (number::count(c.n_calls), plain()),
        (error, theme.tone(error_tone)),
        (number::bytes(c.n_bytes_in), plain()),
        (number::bytes(c.n_bytes_out), plain()),
        (asked, theme.tone(asked_tone)),
        (if c.n_parked == 0 { none.to_owned() } else { c.n_parked.to_string() }, plain()),
    ]
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let [list_area, detail_area] = areas(model);
    if list_area.height > 0 {
        list(model, list_area, frame);
    }
    if detail_area.height > 0 {
        detail_pane(model, detail_area, frame);
    }
}

fn list(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let active = !model.clients.in_detail && model.popups.is_empty();
    let mut block = pane::block(theme, active).title(pane::title("Clients"));
    let n = model.sessions().len();
    if n > 1 {
        let order = format!("sort: {}", model.clients.order.title());
        block = block.title(pane::title(&order).right_aligned());
    }
    if n > 0 {
        let at = format!("{} of {n}", model.clients.cursor.at + 1);
        block = block.title_bottom(pane::title(&at).right_aligned());
    }
    frame.render_widget(block, area);
    let inner = inside(area);
    if n == 0 {
        let why = "No client is connected. A client starts `mcp-proxy serve --stdio`, or comes by HTTP.";
        for (y, line) in (inner.y..inner.bottom()).zip(text::wrap(why, usize::from(inner.width).saturating_sub(2), 3)) {
            let line = Line::styled(format!(" {line}"), theme.dim());
            frame.render_widget(line, Rect { y, height: 1, ..inner });
        }
        return;
    }
    let rows = model.sessions().iter().skip(model.clients.cursor.top).map(|c| cells_of(c, model));
    TABLE.draw(inner, rows, model.clients.cursor, active, theme, frame);
}

fn detail_pane(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let active = model.clients.in_detail && model.popups.is_empty();
    let Some(c) = model.session() else {
        return frame.render_widget(pane::block(theme, active), area);
    };
    let lines = detail::lines(model, c, usize::from(inside(area).width));
    pane::text(&name(c), lines, model.clients.detail_top, active, area, theme, frame);
}
