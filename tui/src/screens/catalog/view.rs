//! How Catalog looks: the items of a kind, and all about the selected one.

use mcp_proxy_core::control::{CatalogItem, ItemKind};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde_json::Value;

use super::state::KINDS;
use crate::app::layout::{self, Breadth, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::Theme;
use crate::widgets::{json_view, pane, text};

/// Lines of a description that are shown.
const DESCRIPTION_LINES: usize = 8;

/// Where things are: kinds and filter, list, details.
fn areas(model: &Model) -> [Rect; 3] {
    let body = layout::frame(model.size).body;
    let [top, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    let none = Rect { height: 0, ..body };
    match breadth(model.size) {
        Breadth::Narrow if model.catalog.in_detail => [top, none, body],
        Breadth::Narrow => [top, body, none],
        _ => {
            let [list, detail] =
                Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(body);
            [top, list, detail]
        }
    }
}

/// Items the list shows at once.
#[must_use]
pub(crate) fn list_rows(model: &Model) -> usize {
    usize::from(inside(areas(model)[1]).height)
}

/// The area of the list's rows, for the mouse.
#[must_use]
pub(crate) fn list_area(model: &Model) -> Rect {
    inside(areas(model)[1])
}

/// Lines of the schema shown at once.
#[must_use]
pub(crate) fn tree_rows(model: &Model) -> usize {
    let inner = inside(areas(model)[2]);
    let above = model.catalog.item().map_or(0, |i| about(i, usize::from(inner.width), model.theme).len());
    usize::from(inner.height).saturating_sub(above)
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let [top, list_area, detail_area] = areas(model);
    top_line(model, top, frame);
    if list_area.height > 0 {
        list(model, list_area, frame);
    }
    if detail_area.height > 0 {
        detail(model, detail_area, frame);
    }
}

/// The plural of a kind.
pub(crate) const fn kind_title(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "Tools",
        ItemKind::Prompt => "Prompts",
        ItemKind::Resource => "Resources",
        ItemKind::Template => "Templates",
    }
}

fn top_line(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.catalog, model.theme);
    let mut spans = vec![Span::raw(" "), Span::styled("[ ]", theme.key()), Span::raw(" ")];
    for kind in KINDS {
        let text = format!(" {} {} ", kind_title(kind), state.n_of(kind));
        spans.push(Span::styled(text, if kind == state.kind { theme.cursor(true) } else { Style::new() }));
    }
    spans.extend([Span::raw("  "), Span::styled("/", theme.key()), Span::raw(" ")]);
    let used = Line::from(spans.clone()).width();
    let room = usize::from(area.width).saturating_sub(used + 1);
    if state.typing {
        spans.extend(state.input.line(room, theme).spans);
    } else if state.input.text().is_empty() {
        spans.push(Span::styled(text::fit("no filter", room, ""), theme.dim()));
    } else {
        spans.push(Span::raw(text::fit(state.input.text(), room, theme.symbols().ellipsis)));
    }
    frame.render_widget(Line::from(spans), area);
}

fn list(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.catalog, model.theme);
    let active = !state.in_detail && model.popups.is_empty();
    let mut block = pane::block(theme, active).title(pane::title(kind_title(state.kind)));
    if !state.shown.is_empty() {
        let at = format!("{} of {}", state.cursor.at + 1, state.shown.len());
        block = block.title_bottom(pane::title(&at).right_aligned());
    }
    frame.render_widget(block, area);
    let inner = inside(area);
    if state.shown.is_empty() {
        let text = if state.n_of(state.kind) > 0 {
            " Nothing passes the filter. Esc takes it away."
        } else {
            " No server offers any."
        };
        return frame.render_widget(Line::styled(text, theme.dim()), Rect { height: 1.min(inner.height), ..inner });
    }
    let cells = usize::from(inner.width);
    let ellipsis = theme.symbols().ellipsis;
    let (server, name) = if cells >= 60 { (12, cells * 2 / 5) } else { (10, cells.saturating_sub(13)) };
    let rows = state.shown.iter().enumerate().skip(state.cursor.top);
    for (y, (row, at)) in (inner.y..inner.bottom()).zip(rows) {
        let Some(item) = state.view.items.get(*at) else { continue };
        let about = item.title.as_deref().or(item.description.as_deref()).unwrap_or_default();
        let about = about.lines().next().unwrap_or_default();
        let line = Line::from(vec![
            Span::raw(" "),
            Span::styled(text::pad(&item.exposed, name, ellipsis), theme.strong()),
            Span::raw(" "),
            Span::styled(text::pad(&item.backend, server, ellipsis), Style::new()),
            Span::raw(" "),
            Span::styled(text::fit(about, cells.saturating_sub(name + server + 4), ellipsis), theme.dim()),
        ]);
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(line, place);
        if row == state.cursor.at {
            frame.buffer_mut().set_style(place, theme.cursor(active));
            if let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y)) {
                cell.set_symbol(theme.symbols().cursor);
            }
        }
    }
}

fn detail(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.catalog, model.theme);
    let active = state.in_detail && model.popups.is_empty();
    let Some(item) = state.item() else {
        return frame.render_widget(pane::block(theme, active), area);
    };
    frame.render_widget(pane::block(theme, active).title(pane::title(&item.exposed)), area);
    let inner = inside(area);
    let above = about(item, usize::from(inner.width), theme);
    let n = u16::try_from(above.len()).unwrap_or(u16::MAX).min(inner.height);
    for (y, line) in (inner.y..inner.bottom()).zip(above) {
        frame.render_widget(line, Rect { y, height: 1, ..inner });
    }
    if let Some((_, tree)) = &state.tree {
        let below = Rect { y: inner.y + n, height: inner.height - n, ..inner };
        json_view::draw(tree, &[], state.tree_cursor, active, theme, below, frame);
    }
}

/// What an item says about itself, as lines.
fn about(item: &CatalogItem, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let s = theme.symbols();
    let mut out = Vec::new();
    let mut named = |name: &str, value: &str| {
        let value = text::fit(value, cells.saturating_sub(11), s.ellipsis);
        out.push(Line::from(vec![Span::styled(format!(" {}", text::pad(name, 9, "")), theme.dim()), Span::raw(value)]));
    };
    named("server", &item.backend);
    if item.own != item.exposed {
        named("its name", &item.own);
    }
    if let Some(title) = &item.title {
        named("title", title);
    }
    let promises = promises(item, theme);
    if !promises.is_empty() {
        named("says", &promises);
    }
    if item.cached {
        named("state", &format!("{} from the cache, the server has not confirmed it yet", s.warn));
    }
    if let Some(description) = &item.description {
        out.push(Line::default());
        let lines = text::wrap(description, cells.saturating_sub(2), DESCRIPTION_LINES + 1);
        let cut = lines.len() > DESCRIPTION_LINES;
        out.extend(lines.into_iter().take(DESCRIPTION_LINES).map(|l| Line::raw(format!(" {l}"))));
        if cut {
            out.push(Line::styled(format!(" {}", s.ellipsis), theme.dim()));
        }
    }
    out.push(Line::default());
    out
}

/// What its annotations promise, in words.
fn promises(item: &CatalogItem, _theme: Theme) -> String {
    let raw: Value = serde_json::from_slice(&item.raw).unwrap_or_default();
    let hint = |name: &str| raw.pointer(&format!("/annotations/{name}")).and_then(Value::as_bool);
    let mut words = Vec::new();
    match (hint("readOnlyHint"), hint("destructiveHint")) {
        (Some(true), _) => words.push("only reads"),
        (_, Some(true)) => words.push("may destroy"),
        (_, Some(false)) => words.push("destroys nothing"),
        _ => {}
    }
    if hint("idempotentHint") == Some(true) {
        words.push("twice is harmless");
    }
    match hint("openWorldHint") {
        Some(true) => words.push("reaches outside"),
        Some(false) => words.push("stays inside"),
        None => {}
    }
    words.join(", ")
}
