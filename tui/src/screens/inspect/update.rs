//! What keys do in Inspect.

use mcp_proxy_core::observe::{Flow, FlowKind, Status};
use mcp_proxy_core::protocol::{CallId, floor_char};

use super::layer::{Layer, Prompt, Then};
use super::marks::{MAX_MARKS, Mark};
use super::state::Pane;
use super::{files, find, hold, layout, replay};
use crate::app::cursor;
use crate::app::effect::Effect;
use crate::app::layout::{Breadth, breadth};
use crate::app::model::{Model, Screen};
use crate::app::popup::{Ask, CopyEntry, Popup, Source};
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::json::scan::Kind;
use crate::json::tree::Tree;
use crate::widgets::number;

/// Longest text a popup shows; a longer one is read by copying it.
const READER_BYTES: usize = 64 * 1024;
/// A string longer than this opens in a popup.
const LONG_TEXT: usize = 24;

/// Goes to Inspect with this filter, following the newest.
pub(crate) fn show_only(model: &mut Model, filter: &str, effects: &mut Vec<Effect>) {
    model.inspect.input = crate::widgets::input::Input::new(filter);
    model.inspect.typing = false;
    model.inspect.pane = Pane::List;
    model.inspect.set_follow(true);
    model.inspect.apply_filter(effects);
    model.show(Screen::Inspect);
}

/// Does what a key asks.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if find::act(model, action, effects) {
        return;
    }
    let areas = layout::areas(model);
    let state = &mut model.inspect;
    match action {
        Action::Filter => {
            state.typing = true;
            state.pane = Pane::List;
        }
        Action::FilterDone => state.typing = false,
        Action::FilterClear => {
            state.typing = false;
            state.input = crate::widgets::input::Input::default();
            state.apply_filter(effects);
        }
        Action::Follow => {
            let on = !state.follow;
            if on && state.rows.order().is_some() {
                effects.extend(state.rows.set_order(None));
            }
            state.set_follow(on);
        }
        Action::Replay => replay::replay(model, effects),
        Action::Edit => replay::edit(model, effects),
        Action::Intercept => hold::open(model),
        Action::InterceptSwitch => hold::switch(model, effects),
        Action::Release => hold::release(model, effects),
        Action::ReleaseAll => hold::release_all(model, effects),
        Action::AnswerByHand => hold::answer_by_hand(model, effects),
        Action::Export => files::export(model),
        Action::SaveRows => files::save(model),
        Action::Load => files::load(model),
        Action::Stream => files::stream(model, effects),
        Action::Mark | Action::UnmarkAll | Action::OnlyMarked | Action::Comment => marking(model, action, effects),
        Action::Compare => compare(model, effects),
        Action::Related => related(model),
        Action::Columns => open_layer(model, Layer::Columns { cursor: cursor::Cursor::default() }),
        Action::Clear => clear(model, effects),
        Action::Freeze => freeze(model, effects),
        Action::Search => state.set_searching(true),
        Action::SearchDone => state.set_searching(false),
        Action::SearchCancel => {
            state.set_searching(false);
            if let Some(side) = state.side() {
                side.found = None;
            }
        }
        Action::SearchNext | Action::SearchPrev => search_on(model, action == Action::SearchNext),
        Action::BodyView => {
            if let Some(side) = state.side() {
                side.turn_view();
            }
        }
        Action::Open => {
            if state.detail.is_some() {
                state.enter(Pane::Request);
            }
        }
        Action::NextPane | Action::PrevPane => state.enter(next_pane(state.pane, action == Action::NextPane)),
        Action::CancelFlow => cancel(model),
        Action::Parent => go_to(model, |d| d.flow.parent, "this one belongs to no other call"),
        Action::Child => {
            let first = |d: &super::detail::Detail| {
                d.relations.children.first().or_else(|| d.relations.replays.first()).copied()
            };
            go_to(model, first, "nothing belongs to this call");
        }
        Action::NextRound | Action::PrevRound => turn(model, action == Action::NextRound),
        Action::Copy => copy_menu(model),
        _ => match state.pane {
            Pane::List => {
                let page = areas.list_rows();
                if action == Action::Bottom && state.rows.order().is_none() {
                    // The newest is where following begins.
                    state.set_follow(true);
                } else if let Some(at) = cursor::moved(action, state.at(), state.rows.len(), page) {
                    state.select(at);
                }
            }
            pane => {
                let page = areas.pane_rows(pane);
                if action == Action::Fold && read_text(model) {
                    return;
                }
                if let Some(side) = model.inspect.side() {
                    side.act(action, page, areas.pane_cells(pane), super::facts::N_LINES);
                }
            }
        },
    }
}

const fn next_pane(pane: Pane, forward: bool) -> Pane {
    match (pane, forward) {
        (Pane::List, true) | (Pane::Response, false) => Pane::Request,
        (Pane::Request, true) | (Pane::List, false) => Pane::Response,
        (Pane::Response, true) | (Pane::Request, false) => Pane::List,
    }
}

/// One step back; `false` when there is none here.
pub(crate) fn back(model: &mut Model, effects: &mut Vec<Effect>) -> bool {
    let state = &mut model.inspect;
    if state.pane != Pane::List {
        state.pane = Pane::List;
    } else if state.find.take().is_some() {
        // The selection stays where it was found.
    } else if !state.input.text().is_empty() {
        state.input = crate::widgets::input::Input::default();
        state.apply_filter(effects);
    } else if state.rows.order().is_some() {
        effects.extend(state.rows.set_order(None));
        state.set_follow(true);
    } else {
        return files::leave(model, effects);
    }
    true
}

/// Whether something lies over the list that `q` closes.
pub(crate) fn close(model: &mut Model) -> bool {
    let pushed = breadth(model.size) == Breadth::Narrow && model.inspect.pane != Pane::List;
    if pushed {
        model.inspect.pane = Pane::List;
    }
    pushed
}

/// Asks whether the selected call is to be cancelled.
fn cancel(model: &mut Model) {
    let state = &model.inspect;
    let Some(flow) = state.selected_flow() else {
        return model.say(Tone::Quiet, "nothing is selected");
    };
    if let Some(leg) = state.held(flow.id) {
        let id = flow.id;
        return hold::ask_drop(model, id, leg);
    }
    if flow.status != Status::Pending {
        let text = format!("{} has ended already", flow.id);
        return model.say(Tone::Quiet, text);
    }
    if !state.can_cancel() {
        let why = if state.recording.is_some() { "is of a recording" } else { "is no call of a client" };
        let text = format!("{} {why}: only running calls of clients can be cancelled", flow.id);
        return model.say(Tone::Warn, text);
    }
    let what = flow.target.as_deref().unwrap_or(&flow.method);
    let popup = Popup::Confirm {
        question: format!("Cancel {} (`{what}`)?", flow.id),
        detail: "The server is told to stop, and the client gets an error.".to_owned(),
        then: Ask::CancelFlow(flow.id),
        yes: false,
    };
    model.popups.push(popup);
}

/// Shows another round of the opened call.
fn turn(model: &mut Model, forward: bool) {
    let state = &mut model.inspect;
    // What is being read must not change under the reader.
    state.set_follow(false);
    let why = match &mut state.detail {
        None => "nothing is selected",
        Some(detail) => match (detail.turn(forward), detail.flow.n_rounds, forward) {
            (true, ..) => return,
            (false, 0, _) => "this one took a single round",
            (false, _, true) => "this is the last round",
            (false, _, false) => "this is the first round",
        },
    };
    model.say(Tone::Quiet, why);
}

fn go_to(model: &mut Model, whom: impl Fn(&super::detail::Detail) -> Option<CallId>, none: &str) {
    match model.inspect.detail.as_ref().and_then(whom) {
        Some(id) => jump(model, id),
        None => model.say(Tone::Quiet, none),
    }
}

/// Selects a flow.
pub(crate) fn jump(model: &mut Model, id: CallId) {
    let state = &mut model.inspect;
    let at = state.rows.place(id.0);
    if state.rows.id(at) == Some(id.0) {
        state.set_follow(false);
        state.select(at);
    } else if id.0 < state.rows.first {
        model.say(Tone::Warn, format!("{id} has left the journal"));
    } else {
        model.say(Tone::Warn, format!("{id} is not in the list: Esc takes the filter away"));
    }
}

fn open_layer(model: &mut Model, layer: Layer) {
    model.popups.push(Popup::Inspect(Box::new(layer)));
}

/// Cells of a row of the list in a window of usual width.
const USUAL_CELLS: usize = 118;

/// Cells of a row of the list, as far as columns are concerned.
pub(crate) fn list_cells(model: &Model) -> usize {
    let areas = layout::areas(model);
    let list = areas.list;
    if areas.row_height > 1 {
        // Rows of two lines are always the same: what is chosen counts in wider windows.
        return USUAL_CELLS;
    }
    // Where the list is not on the screen the columns are those of a whole one.
    if list.width == 0 { usize::from(model.size.0) } else { usize::from(crate::app::layout::inside(list).width) }
}

/// Marks came or went: a filter may ask for them.
pub(crate) fn marks_changed(model: &mut Model, effects: &mut Vec<Effect>) {
    let state = &mut model.inspect;
    if state.rows.needs_marks() {
        effects.extend(state.rows.rebuild());
    }
}

fn marking(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let state = &mut model.inspect;
    match action {
        Action::Mark => {
            let Some(id) = state.selected else { return model.say(Tone::Quiet, "nothing is selected") };
            if state.marks.remove(&id).is_none() {
                if state.marks.len() >= MAX_MARKS {
                    return model.say(Tone::Warn, format!("{MAX_MARKS} are marked already: U takes all marks away"));
                }
                state.marks.insert(id, Mark::default());
            }
        }
        Action::UnmarkAll => {
            let n = state.marks.len() as u64;
            state.marks.clear();
            model.say(Tone::Plain, format!("{} taken away", number::plural(n, "mark")));
        }
        Action::OnlyMarked => {
            let only = state.input.text() != MARKED;
            state.input = crate::widgets::input::Input::new(if only { MARKED } else { "" });
            return state.apply_filter(effects);
        }
        _ => {
            let Some(id) = state.selected else { return model.say(Tone::Quiet, "nothing is selected") };
            let text = state.marks.get(&id).map(|m| m.comment.clone()).unwrap_or_default();
            let title = format!("Beside {}", CallId(id));
            let about = "it is shown below the call, and goes into recordings";
            let then = Then::Comment(CallId(id));
            return open_layer(model, Layer::Prompt(Prompt::new(title, about, text, then)));
        }
    }
    marks_changed(model, effects);
}

/// The filter that leaves what is marked.
const MARKED: &str = "~marked";

/// Compares two marked flows, or the selected one with the same call before it.
fn compare(model: &mut Model, effects: &mut Vec<Effect>) {
    let state = &model.inspect;
    let marked: Vec<u64> = state.marks.keys().copied().take(3).collect();
    let before = state.detail.as_ref().and_then(|d| d.relations.before.map(|before| (before.0, d.flow.id.0)));
    match (marked.as_slice(), before) {
        ([a, b], _) => effects.push(Effect::Compare(CallId(*a), CallId(*b))),
        ([], Some((a, b))) => effects.push(Effect::Compare(CallId(a), CallId(b))),
        ([], None) => model.say(Tone::Quiet, "mark two with m; this client has not made this call before"),
        ([a], _) => match state.selected.filter(|b| b != a) {
            Some(b) => effects.push(Effect::Compare(CallId(*a), CallId(b))),
            None => model.say(Tone::Quiet, "one is marked: select another one, or mark it too"),
        },
        _ => model.say(Tone::Quiet, "more than two are marked: U takes all marks away"),
    }
}

/// Two flows were read to be compared.
pub(crate) fn compared(model: &mut Model, a: Option<Flow>, b: Option<Flow>) {
    match (a, b) {
        (Some(a), Some(b)) => open_layer(model, Layer::Compare(super::compare::compare(&a, &b))),
        _ => model.say(Tone::Warn, "one of the two has left the journal"),
    }
}

/// Opens the list of what belongs to the selected flow.
fn related(model: &mut Model) {
    let Some(detail) = &model.inspect.detail else { return model.say(Tone::Quiet, "nothing is selected") };
    let (flow, r) = (&detail.flow, &detail.relations);
    let mut entries: Vec<(&'static str, CallId)> = Vec::new();
    let how = if flow.kind == FlowKind::Call { "replay of" } else { "belongs to" };
    entries.extend(flow.parent.map(|id| (how, id)));
    entries.extend(r.retry_of.map(|id| ("retry of", id)));
    entries.extend(r.replays.iter().map(|id| ("replayed as", *id)));
    entries.extend(r.children.iter().map(|id| ("led to", *id)));
    entries.extend(r.before.filter(|id| r.retry_of != Some(*id)).map(|id| ("the same call before", id)));
    entries.extend(r.after.map(|id| ("the same call after", id)));
    entries.extend(r.session.0.map(|id| ("before it in the session", id)));
    entries.extend(r.session.1.map(|id| ("after it in the session", id)));
    if entries.is_empty() {
        return model.say(Tone::Quiet, "nothing belongs to this one");
    }
    let of = flow.id;
    open_layer(model, Layer::Related { of, entries, cursor: cursor::Cursor::default() });
}

/// Puts away what came so far, or takes it out again.
fn clear(model: &mut Model, effects: &mut Vec<Effect>) {
    let state = &mut model.inspect;
    let floor = if state.rows.has_floor() { 0 } else { state.rows.next };
    effects.extend(state.rows.set_floor(floor));
    state.set_follow(true);
    state.wanted.clear();
    let text = if floor == 0 { "all is shown again" } else { "put away; it is kept, and z takes it out again" };
    model.say(Tone::Plain, text);
}

/// Freezes the list, or lets it go on.
fn freeze(model: &mut Model, effects: &mut Vec<Effect>) {
    let state = &mut model.inspect;
    state.frozen ^= true;
    if state.frozen {
        state.set_follow(false);
    } else {
        effects.push(Effect::Look(state.version));
        state.set_follow(true);
    }
}

fn search_on(model: &mut Model, forward: bool) {
    let Some(side) = model.inspect.side() else { return };
    if side.found.is_none() {
        return model.say(Tone::Quiet, "/ looks for text first");
    }
    if !side.search_on(forward) {
        model.say(Tone::Quiet, "it is not in here");
    }
}

/// Opens a popup for a long string under the cursor.
fn read_text(model: &mut Model) -> bool {
    let Some(side) = model.inspect.side() else { return false };
    let Some(popup) = reader(&side.tree, side.cursor.at) else { return false };
    model.popups.push(popup);
    true
}

/// The popup of a long string.
pub(crate) fn reader(tree: &Tree, at: usize) -> Option<Popup> {
    let line = tree.lines().get(at)?;
    let long = line.value.end - line.value.start > LONG_TEXT;
    if !long || !matches!(line.value.kind, Kind::Text | Kind::Junk) || tree.is_masked(line) {
        return None;
    }
    let mut text = tree.value_text(at)?;
    if text.len() > READER_BYTES {
        text.truncate(floor_char(&text, READER_BYTES));
        text.push_str("\n(the rest is left out: copy it with y)");
    }
    Some(Popup::Reader { title: tree.path(at), text: text.into(), top: 0 })
}

/// Entries to copy from a tree.
pub(crate) fn tree_entries(tree: &Tree, at: usize) -> Vec<CopyEntry> {
    let mut entries = Vec::new();
    if at < tree.lines().len() {
        entries.extend(tree.value_text(at).map(|text| CopyEntry { what: "value", source: Source::Text(text) }));
        entries.push(CopyEntry { what: "JSON path", source: Source::Text(tree.path(at)) });
    }
    entries
}

fn copy_menu(model: &mut Model) {
    let state = &model.inspect;
    let Some(detail) = &state.detail else { return model.say(Tone::Quiet, "nothing is selected") };
    let mut entries = match state.pane {
        Pane::List => Vec::new(),
        Pane::Request => tree_entries(&detail.request.tree, detail.request.cursor.at),
        Pane::Response => tree_entries(&detail.response.tree, detail.response.cursor.at),
    };
    let frames = detail.frames();
    let mut add = |what, source: Option<Source>| entries.extend(source.map(|source| CopyEntry { what, source }));
    add("id", Some(Source::Text(detail.flow.id.to_string())));
    add("request", frames.received.clone().map(Source::Frame));
    add("request as sent on", frames.sent.clone().map(Source::Passed));
    add("answer", frames.returned.clone().map(Source::Frame));
    add("answer as passed back", frames.answered.clone().map(Source::Passed));
    for (what, heads) in [("request headers", &detail.request.heads), ("answer headers", &detail.response.heads)] {
        add(what, (!heads.is_empty()).then(|| Source::Text(super::heads::plain(heads))));
    }
    model.popups.push(Popup::Copy { entries, cursor: cursor::Cursor::default() });
}
