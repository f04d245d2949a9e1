//! How Inspect looks.

use mcp_proxy_core::control::Leg;
use mcp_proxy_core::observe::{Flow, FlowKind, Status};
use mcp_proxy_core::protocol::CallId;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::detail::{Detail, Side, View};
use super::layout;
use super::state::{Pane, State};
use crate::app::cursor::Cursor;
use crate::app::layout::{Breadth, breadth, inside};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::flow_table::{self, Look};
use crate::widgets::{json_view, number, pane, text};

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let areas = layout::areas(model);
    let mistake = filter_line(model, areas.filter, frame);
    if areas.list.height > 0 {
        list(model, &areas, frame);
    }
    if areas.request.height > 0 {
        side(model, Pane::Request, areas.request, frame);
    }
    if areas.response.height > 0 {
        side(model, Pane::Response, areas.response, frame);
    }
    if let Some(detail) = &model.inspect.detail {
        frame.render_widget(timing(model, detail, usize::from(areas.timing.width)), areas.timing);
        frame.render_widget(relation(model, detail, usize::from(areas.relation.width)), areas.relation);
    }
    if let Some(at) = mistake {
        caret(model, at, areas.filter, frame);
    }
}

/// Draws it, and gives the column at which a mistake in it is to be pointed at.
fn filter_line(model: &Model, area: Rect, frame: &mut Frame<'_>) -> Option<usize> {
    let (state, theme) = (&model.inspect, model.theme);
    let s = theme.symbols();
    let follow = match (state.follow, state.n_new()) {
        _ if state.frozen => format!("{} FROZEN, P goes on", s.frozen),
        _ if state.rows.order().is_some() => "ordered, F follows".to_owned(),
        (true, _) => format!("{} FOLLOW", s.play),
        (false, 0) => "F follows".to_owned(),
        (false, n) => format!("+{} new, F follows", number::count(n as u64)),
    };
    let counts = if state.rows.total() == state.rows.len() as u64 {
        number::plural(state.rows.total(), "call")
    } else {
        let busy = if state.rows.is_complete() { "" } else { s.ellipsis };
        format!("{}{busy} of {}", number::count(state.rows.len() as u64), number::plural(state.rows.total(), "call"))
    };
    let mut right = Line::from(vec![
        Span::raw(format!("{counts}  ")),
        Span::styled(follow, if state.follow { theme.tone(Tone::Good) } else { theme.tone(Tone::Warn) }),
        Span::raw(" "),
    ]);
    let wide = usize::from(area.width);
    for (text, tone) in standing(state, theme, wide) {
        right.spans.insert(0, Span::styled(format!("{text}  "), theme.tone(tone)));
    }
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
    let left_cells = usize::from(area.width - right_width).saturating_sub(4);
    let mut spans = vec![Span::raw(" "), Span::styled("/", theme.key()), Span::raw(" ")];
    let mut left_cells = left_cells;
    let mut mistake = None;
    if let Some(name) = &state.recording {
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = format!("{} ", text::fit(&format!("recording {name}"), left_cells / 2, s.ellipsis));
        left_cells = left_cells.saturating_sub(text::width(&name));
        spans.insert(1, Span::styled(name, theme.tone(Tone::Busy)));
    }
    if state.typing {
        let before: usize = spans.iter().map(Span::width).sum();
        let field = state.input.line(left_cells, theme);
        // As long as all of it is on the screen.
        let is_whole = field.width() > text::width(state.input.text());
        let at = |at| before + text::width(&state.input.text().chars().take(at).collect::<String>());
        mistake = state.mistake.as_ref().filter(|_| is_whole).map(|m| at(m.at));
        spans.extend(field.spans);
    } else if state.input.text().is_empty() {
        spans.push(Span::styled(text::fit("no filter", left_cells, s.ellipsis), theme.dim()));
    } else {
        spans.push(Span::raw(text::fit(state.input.text(), left_cells, s.ellipsis)));
    }
    frame.render_widget(Line::from(spans), Rect { width: area.width - right_width, ..area });
    frame.render_widget(right, Rect { x: area.right() - right_width, width: right_width, ..area });
    mistake
}

/// What is wrong with the filter, below its place.
fn caret(model: &Model, at: usize, filter: Rect, frame: &mut Frame<'_>) {
    let Some(mistake) = &model.inspect.mistake else { return };
    let theme = model.theme;
    let cells = usize::from(filter.width);
    let what = text::fit(&mistake.text, cells.saturating_sub(at + 4), theme.symbols().ellipsis);
    let line = Line::styled(format!("^ {what} "), theme.tone(Tone::Bad));
    let x = filter.x + u16::try_from(at).unwrap_or(u16::MAX).min(filter.width);
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(filter.right().saturating_sub(x));
    frame.render_widget(line, Rect { x, y: filter.y + 1, width, height: 1 });
}

/// What goes on besides: what is held, and what is written. The shorter words where there is less room.
fn standing(state: &State, theme: Theme, cells: usize) -> Vec<(String, Tone)> {
    let s = theme.symbols();
    let mut out = Vec::new();
    if let Some(path) = &state.streaming {
        let name = path.rsplit('/').next().unwrap_or(path);
        let text = if cells < 110 { "W".to_owned() } else { format!("W {}", text::fit(name, 24, s.ellipsis)) };
        out.push((format!("{} {text}", s.full), Tone::Bad));
    }
    let n = state.intercept.held.len();
    match (&state.intercept.filter, n) {
        (None, 0) => {}
        (Some(rule), 0) if cells >= 110 => {
            out.push((format!("{} holds {}", s.held, text::fit(rule, 24, s.ellipsis)), Tone::Warn));
        }
        (Some(_), 0) => out.push((format!("{} on", s.held), Tone::Warn)),
        (_, n) if cells >= 110 => out.push((format!("{} {n} held, a releases", s.held), Tone::Warn)),
        (_, n) => out.push((format!("{} {n} held", s.held), Tone::Warn)),
    }
    out
}

/// What the note line says about a filter being typed: the mistake, with its place marked.
#[must_use]
pub(crate) fn filter_note(state: &State, theme: Theme) -> Option<(Tone, String)> {
    let mistake = state.mistake.as_ref()?;
    let typed: Vec<char> = state.input.text().chars().collect();
    let at = mistake.at.min(typed.len());
    let near: String = typed[at..typed.len().min(at + 12)].iter().collect();
    let place = if near.is_empty() { "at the end".to_owned() } else { format!("at `{near}`") };
    let s = theme.symbols();
    Some((Tone::Bad, format!("{} filter, {place}: {}; the last good one stays", s.bad, mistake.text)))
}

fn list(model: &Model, areas: &layout::Areas, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.inspect, model.theme);
    let active = state.pane == Pane::List && model.popups.is_empty();
    let order = if state.rows.len() == 0 {
        String::new()
    } else {
        let last = match state.rows.order() {
            None => "newest last",
            Some((column, is_down)) => column.order(is_down),
        };
        format!("{} of {}, {last}", number::count(state.at() as u64 + 1), number::count(state.rows.len() as u64))
    };
    let order = match state.marks.len() {
        0 => order,
        n => format!("{} {} {order}", number::count(n as u64), if n == 1 { "mark," } else { "marks," }),
    };
    let mut block = pane::block(theme, active).title(pane::title("Calls"));
    if !order.is_empty() {
        block = block.title(pane::title(&order).right_aligned());
    }
    if let Some(note) = state.find.as_ref().and_then(super::find::Find::note) {
        block = block.title_bottom(pane::title(&note).right_aligned());
    }
    frame.render_widget(block, areas.list);
    find_field(model, areas.list, frame);
    let inner = inside(areas.list);
    let cells = usize::from(inner.width);
    if state.rows.len() == 0 {
        return empty(model, inner, frame);
    }
    let look = Look { theme, now: model.now, utc_offset: model.utc_offset };
    let mut y = inner.y;
    if areas.row_height == 1 {
        frame.render_widget(
            flow_table::heading(cells, state.columns, state.rows.order(), theme),
            Rect { height: 1, ..inner },
        );
        y += 1;
    }
    for flow in &state.window {
        if y + areas.row_height > inner.bottom() {
            break;
        }
        let place = Rect { y, height: areas.row_height, ..inner };
        if areas.row_height == 1 {
            frame.render_widget(flow_table::row(flow, cells, state.columns, look), place);
        } else {
            frame.render_widget(Paragraph::new(flow_table::two_lines(flow, cells, look).to_vec()), place);
        }
        if state.find.as_ref().is_some_and(|f| f.is_hit(flow.id)) {
            frame.buffer_mut().set_style(place, theme.strong());
        }
        let selected = state.selected == Some(flow.id.0);
        if selected {
            frame.buffer_mut().set_style(place, theme.cursor(active));
        }
        let marked = state.marks.contains_key(&flow.id.0);
        if (marked || selected)
            && let Some(cell) = frame.buffer_mut().cell_mut((place.x, place.y))
        {
            cell.set_symbol(if marked { theme.symbols().mark } else { theme.symbols().cursor });
        }
        y += areas.row_height;
    }
}

/// The field in which a call to find is typed, on the lower edge of the list.
fn find_field(model: &Model, list: Rect, frame: &mut Frame<'_>) {
    let theme = model.theme;
    let Some((find, input)) = model.inspect.find.as_ref().and_then(|f| Some((f, f.typed()?))) else { return };
    if list.height < 2 || list.width < 20 {
        return;
    }
    let field = Rect { x: list.x + 2, y: list.bottom() - 1, width: list.width - 4, height: 1 };
    let none = if find.is_missing() { " none " } else { "" };
    let cells = usize::from(field.width).saturating_sub(" find ".len() + none.len());
    let mut line = input.line(cells, theme);
    line.spans.insert(0, Span::styled(" find ", theme.key()));
    let room = (usize::from(field.width)).saturating_sub(line.width() + none.len());
    line.spans.push(Span::raw(" ".repeat(room)));
    line.spans.push(Span::styled(none, theme.tone(Tone::Warn)));
    frame.render_widget(line, field);
}

fn empty(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let state = &model.inspect;
    let lines = if state.rows.total() == 0 {
        vec!["No calls yet.", "", "They appear here as clients make them; 3 (Catalog) makes one by hand."]
    } else if state.rows.is_complete() {
        vec!["No call passes the filter.", "", "Esc takes the filter away, F1 in the filter line says what it can say."]
    } else {
        vec!["Looking for calls that pass the filter."]
    };
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    let text = Paragraph::new(lines).centered().wrap(ratatui::widgets::Wrap { trim: true }).style(model.theme.dim());
    let y = area.y + area.height / 3;
    frame.render_widget(text, Rect { y, height: area.bottom() - y, ..area });
}

fn side(model: &Model, which: Pane, area: Rect, frame: &mut Frame<'_>) {
    let (state, theme) = (&model.inspect, model.theme);
    let active = state.pane == which && model.popups.is_empty();
    let name = if which == Pane::Request { "Request" } else { "Response" };
    let mut block = pane::block(theme, active).title(pane::title(name));
    let Some(detail) = &state.detail else {
        frame.render_widget(block, area);
        return;
    };
    let flow = &detail.flow;
    let side = if which == Pane::Request { &detail.request } else { &detail.response };
    let right = if which == Pane::Request { request_title(detail, theme) } else { response_title(model, flow) };
    block = block.title(pane::title(&right).right_aligned());
    if let Some(found) = &side.found {
        let at = if found.places.is_empty() { 0 } else { found.at + 1 };
        let found = format!("find: {} {at}/{}", text::fit(&found.needle, 16, ""), found.places.len());
        block = block.title_bottom(pane::title(&found).right_aligned());
    }
    if breadth(model.size) == Breadth::Narrow {
        let other = if which == Pane::Request { "Tab: response" } else { "Tab: list" };
        block = block.title_bottom(pane::title(other).right_aligned());
    }
    block = block.title_bottom(views(side, active, theme));
    frame.render_widget(block, area);
    let mut inner = inside(area);
    if let Some(input) = state.searched().filter(|_| state.pane == which) {
        let field = Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner };
        inner.height = inner.height.saturating_sub(1);
        let mut line = input.line(usize::from(field.width).saturating_sub(9), theme);
        line.spans.insert(0, Span::styled(" / find ", theme.key()));
        frame.render_widget(line, field);
    }
    if side.view == View::Facts {
        let lines = super::facts::lines(model, detail, usize::from(inner.width));
        return lines_at(lines, side.cursor, active, theme, inner, frame);
    }
    if side.view == View::Headers {
        if side.heads.is_empty() {
            let is_recording = state.recording.is_some();
            let text = super::heads::nothing(is_recording, detail.is_earlier_round(), flow.hops.is_some());
            return say_quietly(text, theme, inner, frame);
        }
        let lines = super::heads::lines(&side.heads, usize::from(inner.width), theme);
        return lines_at(lines, side.cursor, active, theme, inner, frame);
    }
    if let (View::Raw, Some(raw)) = (side.view, &side.raw) {
        let per_line = Side::per_line(usize::from(inner.width));
        let n = raw.len().div_ceil(per_line);
        let shown = side.cursor.top..(side.cursor.top + usize::from(inner.height)).min(n);
        let mut lines: Vec<Line<'static>> = shown.map(|at| raw_line(raw, at * per_line, per_line, theme)).collect();
        if lines.len() < usize::from(inner.height) {
            lines.extend(json_view::left_out(&side.tree, theme));
        }
        let top = Cursor { at: side.cursor.at.saturating_sub(side.cursor.top), top: 0 };
        return lines_at(lines, top, active, theme, inner, frame);
    }
    if !side.there {
        return say_quietly(nothing(flow, which), theme, inner, frame);
    }
    let below = below(detail, side, which, usize::from(inner.width), theme);
    let needle = side.found.as_ref().map_or("", |f| f.needle.as_str());
    json_view::draw_found(&side.tree, &below, side.cursor, active, needle, theme, inner, frame);
}

/// The ways a side can be shown, the present one in brackets; the others where they can be chosen.
fn views(side: &Side, active: bool, theme: Theme) -> Line<'static> {
    let shown = side.views().filter(|view| active || *view == side.view);
    let mut line = pane::tabs(shown.map(|view| (view.word(), view == side.view)), theme);
    if side.there {
        let size = number::count(side.tree.whole().len() as u64);
        // The blank behind the last one.
        line.spans.pop();
        line.push_span(Span::raw(format!("{}{size} B ", theme.symbols().sep)));
    }
    line
}

/// A sentence in the place of what is not there.
fn say_quietly(sentence: &str, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let lines = text::wrap(sentence, usize::from(area.width).saturating_sub(2), 3);
    let lines: Vec<Line<'_>> = lines.into_iter().map(|l| Line::styled(format!(" {l}"), theme.dim())).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// Lines from the first one on the screen on, the selected one marked.
fn lines_at(lines: Vec<Line<'static>>, cursor: Cursor, active: bool, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let last = lines.len().saturating_sub(1);
    for (y, (at, line)) in (area.y..area.bottom()).zip(lines.into_iter().enumerate().skip(cursor.top)) {
        let place = Rect { y, height: 1, ..area };
        frame.render_widget(line, place);
        if at == cursor.at.min(last) && active {
            frame.buffer_mut().set_style(place, theme.cursor(true));
        }
    }
}

/// A line of bytes: their place, each of them, and what they say.
fn raw_line(raw: &[u8], from: usize, n: usize, theme: Theme) -> Line<'static> {
    let bytes = &raw[from.min(raw.len())..(from + n).min(raw.len())];
    let mut hex = String::with_capacity(3 * n + 1);
    let mut said = String::with_capacity(n);
    for i in 0..n {
        match bytes.get(i) {
            Some(b) => {
                hex.push_str(&format!("{b:02x} "));
                said.push(if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' });
            }
            None => hex.push_str("   "),
        }
    }
    Line::from(vec![
        Span::styled(format!(" {from:07x}  "), theme.dim()),
        Span::raw(hex),
        Span::styled(format!(" {said}"), theme.json_text()),
    ])
}

fn nothing(flow: &Flow, which: Pane) -> &'static str {
    match (which, flow.kind, &flow.status) {
        (Pane::Response, FlowKind::ClientNotification | FlowKind::ServerNotification, _) => {
            "A notification has no answer."
        }
        (Pane::Response, _, Status::Pending) => "No answer yet.",
        (Pane::Response, _, Status::TimedOut) => "No answer came in time.",
        (Pane::Response, _, Status::Cancelled) => "Cancelled before an answer came.",
        _ => "Not kept: too big for the journal, or dropped to make room.",
    }
}

fn request_title(detail: &Detail, theme: Theme) -> String {
    let arrow = theme.symbols().right;
    let flow = &detail.flow;
    if let (round, n @ 2..) = detail.round() {
        return format!("{}, round {round} of {n}", flow.id);
    }
    match (&flow.backend, flow.wire_id) {
        (Some(backend), Some(wire)) => format!("{} {arrow} {backend}#{wire}", flow.id),
        (Some(backend), None) => format!("{} {arrow} {backend}", flow.id),
        (None, _) => format!("{}, answered here", flow.id),
    }
}

fn response_title(model: &Model, flow: &Flow) -> String {
    let look = Look { theme: model.theme, now: model.now, utc_offset: model.utc_offset };
    let mut parts = vec![flow_table::status(flow, look).0];
    if let Status::Dropped(why) = flow.status {
        parts.push(why.to_owned());
    }
    parts.push(flow_table::latency(flow, look));
    if flow.n_bytes_out > 0 {
        parts.push(number::size(u64::from(flow.n_bytes_out)));
    }
    parts.retain(|p| !p.is_empty());
    parts.join(model.theme.symbols().sep)
}

/// What stands below a tree: what was left out, and what the proxy changed.
fn below(detail: &Detail, side: &Side, which: Pane, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let s = theme.symbols();
    let mut out: Vec<Line<'static>> = json_view::left_out(&side.tree, theme).into_iter().collect();
    let Some(changes) = &side.changes else {
        if side.ours {
            let what = if which == Pane::Response { "answered" } else { "asked" };
            out.push(Line::default());
            out.push(Line::styled(format!("{} {what} by the proxy itself", s.rule.repeat(2)), theme.strong()));
        }
        return out;
    };
    let to = match which {
        Pane::Response if detail.asked() == "server" => "as passed back to the client".to_owned(),
        Pane::Response => "as passed back to the server".to_owned(),
        _ => format!("as sent to the {}", detail.asked()),
    };
    let n = match changes.len() {
        0 => "unchanged".to_owned(),
        n => number::plural(n as u64, "change"),
    };
    out.push(Line::default());
    out.push(Line::from(vec![
        Span::styled(format!("{} {to}", s.rule.repeat(2)), theme.strong()),
        Span::styled(format!(" ({n})"), theme.dim()),
    ]));
    for change in changes {
        // Its last member says most.
        let path = text::fit_end(&change.path, cells / 2, s.ellipsis);
        let room = cells.saturating_sub(text::width(&path) + 6);
        let (old, new) = (change.old.as_str(), change.new.as_str());
        let mut spans = vec![Span::raw("    "), Span::styled(path, theme.json_key()), Span::raw("  ")];
        match (old.is_empty(), new.is_empty()) {
            (true, _) => {
                spans.push(Span::styled(text::fit(&format!("+ {new}"), room, s.ellipsis), theme.tone(Tone::Good)))
            }
            (_, true) => {
                spans.push(Span::styled(text::fit(&format!("- {old}"), room, s.ellipsis), theme.tone(Tone::Bad)))
            }
            _ => {
                let old = text::fit(old, room.saturating_sub(3) / 2, s.ellipsis);
                let room = room.saturating_sub(text::width(&old) + 3);
                spans.push(Span::styled(old, theme.tone(Tone::Bad)));
                spans.push(Span::raw(format!(" {} ", s.right)));
                spans.push(Span::styled(text::fit(new, room, s.ellipsis), theme.tone(Tone::Good)));
            }
        }
        out.push(Line::from(spans));
    }
    out
}

/// Where the time went, as numbers and bars.
fn timing(model: &Model, detail: &Detail, cells: usize) -> Line<'static> {
    let (theme, flow) = (model.theme, &detail.flow);
    let s = theme.symbols();
    let t = flow.timing;
    let total = t.total() + t.send;
    if total.is_zero() {
        let text = if flow.status == Status::Pending { " timing  not known yet" } else { "" };
        return Line::styled(text, theme.dim());
    }
    let server = flow.backend.as_deref().unwrap_or("here");
    let parts = [
        ("proxy", t.proxy, Tone::Good),
        ("queue", t.queue, Tone::Warn),
        (server, t.server, Tone::Busy),
        ("client", t.client, Tone::Quiet),
        ("held", t.held, Tone::Warn),
        ("send", t.send, Tone::Good),
    ];
    // Those behind the server's are seldom: nobody asked, nobody held it, nobody measured it.
    let shown = parts.into_iter().enumerate().filter(|(i, (_, part, _))| *i < 3 || !part.is_zero());
    let labels: Vec<(String, std::time::Duration, Tone)> = shown
        .map(|(_, (name, part, tone))| {
            (format!(" {} {}", text::fit(name, 16, s.ellipsis), number::latency(part)), part, tone)
        })
        .collect();
    let mut spans = vec![Span::styled(" timing  ", theme.dim())];
    let mut used = 9 + labels.iter().map(|(label, ..)| text::width(label)).sum::<usize>();
    // Each part that took any time has a cell of bar at least, and blanks behind it as far as there is room.
    let room = cells.saturating_sub(used + labels.len());
    let gap = if room >= 4 * labels.len() { "   " } else { " " };
    let bar = room.saturating_sub(gap.len() * labels.len()).clamp(1, 24);
    for (label, part, tone) in labels {
        let bars = usize::try_from(part.as_nanos() * bar as u128 / total.as_nanos().max(1))
            .unwrap_or(0)
            .max(usize::from(!part.is_zero()));
        used += bars + gap.len();
        spans.push(Span::styled(s.bar.repeat(bars), theme.tone(tone)));
        spans.push(Span::raw(label + gap));
    }
    let p95 =
        model.servers().iter().find(|b| Some(&b.name) == flow.backend.as_ref()).map(|b| b.latency).filter(|l| l.n > 0);
    let mut tail = String::new();
    if flow_table::is_slow(flow) {
        tail.push_str(&format!("{} slow: over {}  ", s.warn, number::span(flow_table::SLOW)));
    }
    if let Some(l) = p95 {
        tail.push_str(&format!("p95 {} ", number::latency(l.p95)));
    }
    let tail_width = text::width(&tail);
    if used + tail_width <= cells {
        spans.push(Span::raw(" ".repeat(cells - used - tail_width)));
        spans.push(Span::styled(tail, if flow_table::is_slow(flow) { theme.tone(Tone::Warn) } else { theme.dim() }));
    }
    Line::from(spans)
}

/// What can be done with a message that is held.
fn held(model: &Model, id: CallId) -> Option<String> {
    let (what, more) = match model.inspect.held(id)? {
        Leg::Request => ("request", ", E answers"),
        Leg::Answer => ("answer", ""),
    };
    Some(format!("{} its {what} is held: a releases, e edits, X drops{more}", model.theme.symbols().held))
}

/// The same for the note line, where nothing is below the list.
#[must_use]
pub(crate) fn held_note(model: &Model) -> Option<(Tone, String)> {
    let id = CallId(model.inspect.selected.filter(|_| layout::areas(model).relation.height == 0)?);
    Some((Tone::Warn, format!("{id}: {}", held(model, id)?)))
}

/// What this flow belongs to, and what belongs to it.
fn relation(model: &Model, detail: &Detail, cells: usize) -> Line<'static> {
    let (theme, flow) = (model.theme, &detail.flow);
    let s = theme.symbols();
    let mut parts = Vec::new();
    let r = &detail.relations;
    if let Some(mark) = model.inspect.marks.get(&flow.id.0).filter(|m| !m.comment.is_empty()) {
        parts.push(format!("{} {}", s.mark, mark.comment));
    }
    parts.extend(held(model, flow.id));
    match (flow.parent, flow.kind) {
        (Some(parent), FlowKind::Call) => parts.push(format!("replay of {parent} (p)")),
        (Some(parent), _) => parts.push(format!("belongs to {parent} (p)")),
        (None, _) => {}
    }
    if let Some(earlier) = r.retry_of {
        parts.push(format!("retry of {earlier} (R)"));
    }
    let mut led = |word: &str, ids: &[CallId]| {
        if let Some(first) = ids.first() {
            let more = if ids.len() > 1 { format!(" and {} more", ids.len() - 1) } else { String::new() };
            parts.push(format!("{word} {first}{more} (c)"));
        }
    };
    led("led to", &r.children);
    led("replayed as", &r.replays);
    if flow.n_open > 0 {
        parts.push(format!("{} open", number::plural(u64::from(flow.n_open), "question")));
    }
    if flow.n_rounds > 0 {
        parts.push(format!("{} rounds ([ and ])", number::count(u64::from(flow.n_rounds) + 1)));
    }
    if flow.n_progress > 0 {
        parts.push(format!("{} passed on", number::plural(u64::from(flow.n_progress), "progress report")));
    }
    match (flow.session, &*flow.client) {
        (Some(session), "") => parts.push(format!("session {session}")),
        (Some(session), client) => parts.push(format!("session {session} of {client}")),
        (None, _) => {}
    }
    parts.push(
        match flow.kind {
            FlowKind::Call => "asked by a client",
            FlowKind::Upcall => "asked by the server",
            FlowKind::ClientNotification => "told by a client",
            FlowKind::ServerNotification => "told by the server",
            FlowKind::Own => "asked by the proxy itself",
        }
        .to_owned(),
    );
    let line = format!(" {} {}", s.from, parts.join(s.sep));
    Line::styled(text::fit(&line, cells, s.ellipsis), theme.dim())
}
