//! How Catalog looks: the items of a kind, and all about the selected one.

use mcp_proxy_core::control::{CatalogItem, ItemKind, tokens};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::state::{KINDS, Order};
use super::{about, limits};
use crate::app::layout::{self, Breadth, Share, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::{json_view, number, pane, text};

/// Where things are: kinds and filter, list, details.
fn areas(model: &Model) -> [Rect; 3] {
    let body = layout::frame(model.size).body;
    let [top, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    let none = Rect { height: 0, ..body };
    match breadth(model.size) {
        Breadth::Narrow if model.catalog.in_detail => [top, none, body],
        Breadth::Narrow => [top, body, none],
        // Nothing has no details.
        _ if model.catalog.share == Share::List || model.catalog.is_bare() => [top, body, none],
        _ if model.catalog.share == Share::Details => [top, none, body],
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
    usize::from(list_area(model).height)
}

/// The area of the list's rows, for the mouse.
#[must_use]
pub(crate) fn list_area(model: &Model) -> Rect {
    below_headings(inside(areas(model)[1]))
}

/// The rows below the names of the columns.
const fn below_headings(inner: Rect) -> Rect {
    Rect { y: inner.y.saturating_add(1), height: inner.height.saturating_sub(1), ..inner }
}

/// Lines of the schema shown at once.
#[must_use]
pub(crate) fn tree_rows(model: &Model) -> usize {
    usize::from(inside(areas(model)[2]).height)
}

/// Lines of what an item says as text, and how many fit.
#[must_use]
pub(crate) fn detail_size(model: &Model) -> (usize, usize) {
    let inner = inside(areas(model)[2]);
    let n = model.catalog.item().map_or(0, |i| about::lines(model, i, usize::from(inner.width)).len());
    (n, usize::from(inner.height))
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

/// What stands where a filter would.
const NO_FILTER: &str = "no filter";

fn top_line(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.catalog, model.theme);
    let named = KINDS.map(|kind| (format!("{} {}", kind_title(kind), state.n_of(kind)), kind == state.kind));
    let mut spans = pane::tabs(named.iter().map(|(name, chosen)| (name.as_str(), *chosen)), theme).spans;
    spans.extend([Span::raw("  "), Span::styled("/", theme.key()), Span::raw(" ")]);
    let used = Line::from(spans.clone()).width();
    let room = usize::from(area.width).saturating_sub(used + 1);
    if state.typing {
        spans.extend(state.input.line(room, theme).spans);
    } else if state.input.text().is_empty() {
        spans.push(Span::styled(if room >= NO_FILTER.len() { NO_FILTER } else { "" }, theme.dim()));
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
        let n_tokens = tokens(state.of(state.kind).map(|i| i.raw.len()).sum());
        let n_hidden = state.view.items.iter().filter(|i| i.kind == state.kind && i.withheld).count();
        let hidden = if n_hidden > 0 { format!(", {n_hidden} hidden") } else { String::new() };
        block = block.title_bottom(pane::title(&format!("{} tokens{hidden}", number::count(n_tokens as u64))));
    }
    if state.order != Order::Server && state.input.text().trim().is_empty() {
        block = block.title(pane::title(&format!("sort: {}", state.order.title())));
    }
    let too_many = limits::of_number(&model.limits, state.n_of(ItemKind::Tool));
    if state.kind == ItemKind::Tool && !too_many.is_empty() {
        let text = format!("{} too many for {}", theme.symbols().warn, too_many.join(", "));
        let room = usize::from(area.width).saturating_sub(14);
        let title = pane::title(&text::fit(&text, room, theme.symbols().ellipsis));
        block = block.title(title.style(theme.tone(Tone::Warn)).right_aligned());
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
    let widest = state.shown.iter().filter_map(|at| state.view.items.get(*at)).map(|i| text::width(&i.exposed)).max();
    let columns = Columns::fit(usize::from(inner.width), widest.unwrap_or(0));
    let headings = ["NAME", "SERVER", "TOKENS", "", "ABOUT"].map(|h| (h.to_owned(), theme.dim()));
    frame.render_widget(columns.line(headings, theme), Rect { height: 1.min(inner.height), ..inner });
    let inner = below_headings(inner);
    let rows = state.shown.iter().enumerate().skip(state.cursor.top);
    for (y, (row, at)) in (inner.y..inner.bottom()).zip(rows) {
        let Some(item) = state.view.items.get(*at) else { continue };
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(columns.line(cells_of(item, model), theme), place);
        if row == state.cursor.at {
            frame.buffer_mut().set_style(place, theme.cursor(active));
            if let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y)) {
                cell.set_symbol(theme.symbols().cursor);
            }
        }
    }
}

/// An item's name, server, cost, what is to be known about it in a sign, and what it is about.
fn cells_of(item: &CatalogItem, model: &Model) -> [(String, Style); 5] {
    let (theme, s) = (model.theme, model.theme.symbols());
    let about = item.title.as_deref().or(item.description.as_deref()).unwrap_or_default();
    let about = about.lines().next().unwrap_or_default();
    let too_long = !limits::of_name(&model.limits, item).is_empty();
    let (sign, about) = match (item.withheld, too_long) {
        (true, _) => (s.empty, about.to_owned()),
        (_, true) => (s.warn, format!("name too long, {about}")),
        _ => ("", about.to_owned()),
    };
    let tone = if item.withheld { Tone::Quiet } else { Tone::Warn };
    let name = if item.withheld { theme.dim() } else { theme.strong() };
    // What clients do not get costs them nothing.
    let cost = if item.withheld { "hidden".to_owned() } else { number::bytes(tokens(item.raw.len()) as u64) };
    [
        (item.exposed.to_string(), name),
        (item.backend.to_string(), Style::new()),
        (cost, if item.withheld { theme.dim() } else { Style::new() }),
        (sign.to_owned(), theme.tone(tone)),
        (about, theme.dim()),
    ]
}

/// Cells of the columns; what has none is left out.
struct Columns {
    name: usize,
    server: usize,
    about: usize,
}

impl Columns {
    /// Cells of what an item costs, a blank, and its sign.
    const COST: usize = 8;
    const SERVER: usize = 12;
    /// Less of what it is about says nothing.
    const ABOUT: usize = 16;

    /// The name is never cut where it need not be; a prefix tells the server too, so that goes before what the item is about.
    fn fit(cells: usize, widest: usize) -> Self {
        let beside = 1 + 1 + Self::COST + 1;
        let name = widest.clamp(16, 64).min(cells.saturating_sub(beside));
        let rest = cells.saturating_sub(name + beside);
        let (server, about) = match rest {
            0..Self::ABOUT if rest > Self::SERVER => (Self::SERVER, 0),
            0..Self::ABOUT => (0, 0),
            _ if rest > Self::SERVER + Self::ABOUT => (Self::SERVER, rest - Self::SERVER - 2),
            _ => (0, rest - 1),
        };
        Self { name: if about + server == 0 { name + rest } else { name }, server, about }
    }

    fn line(&self, [name, server, cost, sign, about]: [(String, Style); 5], theme: Theme) -> Line<'static> {
        let ellipsis = theme.symbols().ellipsis;
        let mut spans = vec![Span::raw(" "), Span::styled(text::pad(&name.0, self.name, ellipsis), name.1)];
        if self.server > 0 {
            spans.extend([Span::raw(" "), Span::styled(text::pad(&server.0, self.server, ellipsis), server.1)]);
        }
        spans.extend([Span::raw(" "), Span::styled(text::pad_left(&cost.0, Self::COST - 2, ""), cost.1)]);
        spans.extend([Span::raw(" "), Span::styled(text::pad(&sign.0, 1, ""), sign.1)]);
        if self.about > 0 {
            spans.extend([Span::raw(" "), Span::styled(text::fit(&about.0, self.about, ellipsis), about.1)]);
        }
        Line::from(spans)
    }
}

fn detail(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.catalog, model.theme);
    let active = state.in_detail && model.popups.is_empty();
    let Some(item) = state.item() else {
        return frame.render_widget(pane::block(theme, active), area);
    };
    let tabs = [("Text", !state.as_json), ("JSON", state.as_json)];
    let block = pane::block(theme, active).title(pane::title(&item.exposed));
    let block = block.title_bottom(pane::tabs(tabs.into_iter(), theme));
    let inner = inside(area);
    match &state.tree {
        Some((_, tree)) if state.as_json => {
            frame.render_widget(block, area);
            json_view::draw(tree, &[], state.tree_cursor, active, theme, inner, frame);
        }
        _ => {
            let lines = about::lines(model, item, usize::from(inner.width));
            pane::framed(block, lines, state.detail_top, area, frame);
        }
    }
}
