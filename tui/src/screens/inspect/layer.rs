//! What lies over Inspect: a field that asks for something, and menus of its own.

use mcp_proxy_core::observe::filter::Filter;
use mcp_proxy_core::protocol::CallId;

use super::compare::Compared;
use super::marks::{MAX_COMMENT, MAX_MARKS, Mark};
use super::{files, hold, replay, update};
use crate::app::cursor::{self, Cursor};
use crate::app::effect::{Edited, Effect, Format};
use crate::app::model::Model;
use crate::app::popup::Popup;
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::input::key::Key;
use crate::widgets::editor::Editor;
use crate::widgets::editor::buffer::place;
use crate::widgets::editor::lexer::Syntax;
use crate::widgets::flow_table;
use crate::widgets::input::Input;

/// One layer.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// A field.
    Prompt(Prompt),
    /// The ways to export these flows.
    Export {
        /// Which, and what was written beside them.
        rows: Vec<(CallId, Option<String>)>,
        /// The selected way.
        cursor: Cursor,
    },
    /// What belongs to a flow, and how.
    Related {
        /// Which flow.
        of: CallId,
        /// How, and which.
        entries: Vec<(&'static str, CallId)>,
        /// The selected one.
        cursor: Cursor,
    },
    /// The columns.
    Columns {
        /// The selected one.
        cursor: Cursor,
    },
    /// Two flows compared.
    Compare(Compared),
    /// A message being edited.
    Edit(Box<Draft>),
}

/// A message being edited.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What for.
    pub(crate) what: Edited,
    /// The text.
    pub(crate) editor: Editor,
    /// What is wrong with it: the line, the byte in it, and why.
    pub(crate) mistake: Option<(usize, usize, String)>,
    /// Why it was not taken when it was sent.
    pub(crate) refused: Option<String>,
    /// The version of the text that was checked.
    checked: u64,
}

/// The longest message edited.
const MAX_TEXT: usize = 16 << 20;
/// A longer text is checked when it is sent, not while it is typed.
const CHECK_BYTES: usize = 1 << 20;

impl Draft {
    pub(crate) fn new(what: Edited, text: &str) -> Self {
        let editor = Editor::new(text, Syntax::Json, MAX_TEXT);
        let mut draft = Self { what, editor, mistake: None, refused: None, checked: u64::MAX };
        draft.check(false);
        draft
    }

    /// Looks whether the text is a JSON object, if it has changed.
    fn check(&mut self, is_final: bool) {
        let version = self.editor.version();
        if version == self.checked || (!is_final && self.editor.buffer().n_bytes() > CHECK_BYTES) {
            return;
        }
        if self.checked != u64::MAX {
            self.refused = None;
        }
        self.checked = version;
        self.mistake = replay::check(&self.editor.text()).err();
    }

    /// Does what a key types.
    fn key(&mut self, key: Key) {
        self.editor.key(key);
        self.check(false);
    }
}

/// What is done with what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is the filter of what is held.
    Rule,
    /// It stands beside this flow.
    Comment(CallId),
    /// It is the file these flows go into.
    Export(Format, Vec<(CallId, Option<String>)>),
    /// It is the file what the list shows goes into.
    Save,
    /// It is the recording to look at.
    Load,
    /// It is the file flows go into as they end.
    Stream,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    /// What is asked for.
    pub(crate) title: String,
    /// What can be typed.
    pub(crate) about: &'static str,
    /// The field.
    pub(crate) input: Input,
    /// What is wrong with it.
    pub(crate) error: Option<String>,
    then: Then,
}

impl Prompt {
    pub(crate) fn new(title: impl Into<String>, about: &'static str, text: impl Into<String>, then: Then) -> Self {
        Self { title: title.into(), about, input: Input::new(text), error: None, then }
    }
}

/// The ways to export.
pub(crate) const EXPORTS: [(Format, &str, &str); 4] = [
    (Format::Curl, "curl", "a command line that makes the call by HTTP"),
    (Format::Json, "JSON", "the flow with its frames and times"),
    (Format::Jsonl, "JSONL", "a recording, a flow a line; L reads it"),
    (Format::Har, "HAR-like", "for tools that read HTTP archives"),
];

impl Layer {
    /// Where keys go.
    pub(crate) fn contexts(&self) -> Vec<Context> {
        use Context as C;
        match self {
            Self::Prompt(_) => vec![C::Prompt],
            Self::Export { .. } => vec![C::Export, C::Menu, C::Move],
            Self::Related { .. } => vec![C::Menu, C::Move],
            Self::Columns { .. } => vec![C::Columns, C::Menu, C::Move],
            Self::Compare(_) => vec![C::Reader, C::Move],
            Self::Edit(_) => vec![C::Message],
        }
    }

    /// The field characters go into.
    pub(crate) fn typing(&mut self) -> Option<&mut Input> {
        match self {
            Self::Prompt(prompt) => Some(&mut prompt.input),
            _ => None,
        }
    }

    /// Does what a key types into a text; `false`: there is none.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        match self {
            Self::Edit(draft) => {
                draft.key(key);
                true
            }
            _ => false,
        }
    }

    /// Puts what was pasted into a text; `false`: there is none.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        match self {
            Self::Edit(draft) => {
                draft.editor.paste(text);
                draft.check(false);
                true
            }
            _ => false,
        }
    }

    /// The text of the field changed.
    pub(crate) fn typed(&mut self) {
        if let Self::Prompt(prompt) = self {
            prompt.error = match prompt.then {
                Then::Rule => Filter::parse(prompt.input.text()).err().map(|e| e.under(prompt.input.text())),
                _ => None,
            };
        }
    }

    /// Keeps cursors on lines, and these on the screen of so many rows and cells.
    pub(crate) fn settle(&mut self, page: usize, cells: usize) {
        match self {
            Self::Export { cursor, .. } => cursor.settle(EXPORTS.len(), page),
            Self::Related { entries, cursor, .. } => cursor.settle(entries.len(), page),
            Self::Columns { cursor } => cursor.settle(n_columns(), page),
            Self::Edit(draft) => draft.editor.settle(page, cells),
            Self::Prompt(_) | Self::Compare(_) => {}
        }
    }
}

fn n_columns() -> usize {
    flow_table::choices(0, flow_table::Chosen::default()).len()
}

/// Does what a key asks of the layer on top.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(Popup::Inspect(layer)) = model.popups.pop() else { return };
    let mut layer = *layer;
    if action == Action::Back {
        return closed(model, layer);
    }
    let page = super::layer_view::page(model, &layer);
    match (&mut layer, action) {
        (Layer::Prompt(prompt), Action::Accept) => {
            if prompt.error.is_none() {
                let (then, text) = (prompt.then.clone(), prompt.input.text().to_owned());
                return accept(model, then, text, effects);
            }
        }
        (Layer::Export { rows, cursor }, Action::Accept) => {
            let (format, ..) = EXPORTS[cursor.at.min(EXPORTS.len() - 1)];
            return effects.push(Effect::Export { format, rows: std::mem::take(rows), path: None });
        }
        (Layer::Export { rows, cursor }, Action::ToFile) => {
            let (format, ..) = EXPORTS[cursor.at.min(EXPORTS.len() - 1)];
            return files::export_to_file(model, format, std::mem::take(rows));
        }
        (Layer::Export { cursor, .. }, _) => {
            cursor.go(action, EXPORTS.len(), page);
        }
        (Layer::Related { entries, cursor, .. }, Action::Accept) => {
            if let Some((_, id)) = entries.get(cursor.at) {
                update::jump(model, *id);
            }
            return;
        }
        (Layer::Related { entries, cursor, .. }, _) => {
            cursor.go(action, entries.len(), page);
        }
        (Layer::Columns { cursor }, Action::Accept) => order_by(model, cursor.at, effects),
        (Layer::Columns { cursor }, Action::Toggle) => {
            let cells = update::list_cells(model);
            let state = &mut model.inspect;
            if let Some((at, .., shown)) = flow_table::choices(cells, state.columns).get(cursor.at) {
                state.columns.turn(*at, *shown);
            }
        }
        (Layer::Columns { cursor }, _) => {
            cursor.go(action, n_columns(), page);
        }
        (Layer::Compare(compared), Action::Copy) => {
            effects.push(Effect::Copy { what: "the comparison".to_owned(), text: compared.text() });
        }
        (Layer::Compare(_), _) => {
            let n = super::layer_view::compare_lines(model, &layer).saturating_sub(page) + 1;
            if let Layer::Compare(compared) = &mut layer
                && let Some(at) = cursor::moved(action, compared.top, n, page)
            {
                compared.top = at;
            }
        }
        (Layer::Edit(draft), Action::Send) => {
            draft.check(true);
            match draft.mistake.clone() {
                None => return replay::take(model, draft.what.clone(), draft.editor.text(), effects),
                Some((line, byte, _)) => draft.editor.show(place(line, byte)),
            }
        }
        (Layer::Edit(draft), Action::OutsideEditor) => {
            let (what, text) = (draft.what.clone(), draft.editor.text());
            // It is there again if nothing comes of the other editor.
            model.inspect.draft = Some((what.clone(), text.clone()));
            return effects.push(Effect::Edit { what, text });
        }
        (Layer::Edit(draft), Action::Undo | Action::Redo) => {
            let done = if action == Action::Undo { draft.editor.undo() } else { draft.editor.redo() };
            draft.check(false);
            let word = if action == Action::Undo { "taken back" } else { "done again" };
            model.say(Tone::Quiet, done.map_or_else(|| "nothing to do".to_owned(), |what| format!("{word}: {what}")));
        }
        (Layer::Edit(draft), Action::CopyText | Action::CutText) => {
            let text = if action == Action::CopyText { draft.editor.copy() } else { draft.editor.cut() };
            draft.check(false);
            effects.push(Effect::Copy { what: "text".to_owned(), text });
        }
        (Layer::Edit(draft), Action::PasteText) => {
            draft.editor.paste_clip();
            draft.check(false);
        }
        (Layer::Prompt(_) | Layer::Edit(_), _) => {}
    }
    model.popups.push(Popup::Inspect(Box::new(layer)));
}

/// A layer is closed. What was written is not lost.
fn closed(model: &mut Model, layer: Layer) {
    if let Layer::Edit(draft) = layer
        && draft.editor.steps().0 > 0
    {
        model.inspect.draft = Some((draft.what.clone(), draft.editor.text()));
        model.say(Tone::Quiet, "not sent; the same key opens your text again");
    }
}

/// Opens a text to be edited; `refused`: why it was not taken before.
pub(crate) fn edit(model: &mut Model, what: Edited, text: &str, refused: Option<String>) {
    let draft = Draft { refused, ..Draft::new(what, text) };
    model.popups.push(Popup::Inspect(Box::new(Layer::Edit(Box::new(draft)))));
}

/// Orders the list by a column; once more, the other way round; once more, as it was.
fn order_by(model: &mut Model, at: usize, effects: &mut Vec<Effect>) {
    let cells = update::list_cells(model);
    let state = &mut model.inspect;
    let Some((_, column, ..)) = flow_table::choices(cells, state.columns).get(at).copied() else { return };
    // The slowest, the largest, the newest first.
    let order = match state.rows.order() {
        Some((by, true)) if by == column => Some((column, false)),
        Some((by, false)) if by == column => None,
        _ => Some((column, true)),
    };
    state.set_follow(order.is_none());
    state.top = 0;
    state.selected = if order.is_none() { state.selected } else { None };
    effects.extend(state.rows.set_order(order));
}

/// Takes what was typed.
fn accept(model: &mut Model, then: Then, text: String, effects: &mut Vec<Effect>) {
    let text = text.trim().to_owned();
    let is_file = !matches!(then, Then::Rule | Then::Comment(_));
    if is_file && text.is_empty() {
        return model.say(Tone::Quiet, "no name, no file");
    }
    match then {
        Then::Rule => hold::set(model, &text, effects),
        Then::Comment(id) => {
            let state = &mut model.inspect;
            if state.marks.len() < MAX_MARKS || state.marks.contains_key(&id.0) {
                state.marks.insert(id.0, Mark { comment: text.chars().take(MAX_COMMENT).collect() });
                update::marks_changed(model, effects);
            }
        }
        Then::Export(format, rows) => effects.push(Effect::Export { format, rows, path: Some(text) }),
        Then::Save => files::save_as(model, text, effects),
        Then::Load => effects.push(Effect::Load(text)),
        Then::Stream => effects.push(Effect::Stream(Some(text))),
    }
}
