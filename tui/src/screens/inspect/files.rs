//! Flows that leave the screen, and recordings that come to it: what is asked for, and what is said of it.

use mcp_proxy_core::protocol::CallId;

use super::layer::{Layer, Prompt, Then};
use super::marks::{MAX_MARKS, Mark};
use super::state::State;
use crate::app::cursor::Cursor;
use crate::app::effect::{Effect, Format};
use crate::app::model::Model;
use crate::app::msg::Loaded;
use crate::app::popup::Popup;
use crate::app::theme::Tone;
use crate::widgets::number;

impl State {
    /// These flows with what was written beside them.
    fn with_comments(&self, ids: impl Iterator<Item = u64>) -> Vec<(CallId, Option<String>)> {
        ids.map(|id| (CallId(id), self.marks.get(&id).map(|m| m.comment.clone()))).collect()
    }

    /// What an export is about: the marked flows, else the selected one.
    pub(crate) fn chosen(&self) -> Vec<(CallId, Option<String>)> {
        if self.marks.is_empty() {
            self.with_comments(self.selected.into_iter())
        } else {
            self.with_comments(self.marks.keys().copied())
        }
    }

    /// All that the list has.
    fn listed(&self) -> Vec<(CallId, Option<String>)> {
        self.with_comments((0..self.rows.len()).filter_map(|at| self.rows.id(at)))
    }
}

/// A file name that says when.
fn name(model: &Model, end: &str) -> String {
    let time = number::time_of_day(model.now, model.utc_offset, false).replace(':', "");
    format!("mcp-proxy-{time}.{end}")
}

fn prompt(model: &mut Model, title: &'static str, about: &'static str, text: String, then: Then) {
    model.popups.push(Popup::Inspect(Box::new(Layer::Prompt(Prompt::new(title, about, text, then)))));
}

/// Offers the ways to export.
pub(crate) fn export(model: &mut Model) {
    let rows = model.inspect.chosen();
    if rows.is_empty() {
        return model.say(Tone::Quiet, "nothing is selected");
    }
    model.popups.push(Popup::Inspect(Box::new(Layer::Export { rows, cursor: Cursor::default() })));
}

/// Asks for the file of an export.
pub(crate) fn export_to_file(model: &mut Model, format: Format, rows: Vec<(CallId, Option<String>)>) {
    let end = match format {
        Format::Curl => "sh",
        Format::Json => "json",
        Format::Jsonl => "jsonl",
        Format::Har => "har",
    };
    let text = name(model, end);
    prompt(model, "Write into the file", ABOUT_FILE, text, Then::Export(format, rows));
}

const ABOUT_FILE: &str = "a new file that only you may read; secrets are masked";

/// Asks for the file that what the list shows is saved in.
pub(crate) fn save(model: &mut Model) {
    if model.inspect.rows.len() == 0 {
        return model.say(Tone::Quiet, "the list is empty");
    }
    let text = name(model, "jsonl");
    prompt(model, "Save what the list shows as", ABOUT_FILE, text, Then::Save);
}

/// Saves what the list shows.
pub(crate) fn save_as(model: &mut Model, path: String, effects: &mut Vec<Effect>) {
    let rows = model.inspect.listed();
    effects.push(Effect::Export { format: Format::Jsonl, rows, path: Some(path) });
}

/// Asks for the recording to look at.
pub(crate) fn load(model: &mut Model) {
    let about = "a recording saved with w or written with W; Esc in the list leaves it";
    prompt(model, "Look at the recording", about, String::new(), Then::Load);
}

/// Asks for the file that flows are written into, or stops that.
pub(crate) fn stream(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.inspect.streaming.is_some() {
        return effects.push(Effect::Stream(None));
    }
    let text = name(model, "jsonl");
    prompt(model, "Write each call into the file as it ends", ABOUT_FILE, text, Then::Stream);
}

/// Flows are written into a file, or no more.
pub(crate) fn streaming(model: &mut Model, path: Option<String>) {
    let s = model.theme.symbols();
    let was = std::mem::replace(&mut model.inspect.streaming, path);
    match (&model.inspect.streaming, was) {
        (Some(path), _) => {
            let text = format!("{} each call goes into {path} as it ends; W stops that", s.good);
            model.say(Tone::Good, text);
        }
        (None, Some(path)) => model.say(Tone::Good, format!("{} {path} is complete", s.good)),
        (None, None) => {}
    }
}

/// A recording is shown.
pub(crate) fn loaded(model: &mut Model, loaded: Result<Loaded, String>, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    match loaded {
        Ok(loaded) => {
            let bad = match loaded.n_bad {
                0 => String::new(),
                n => format!("; {} could not be read", number::plural(n as u64, "line")),
            };
            let n_all = (loaded.n_flows + loaded.n_left) as u64;
            let flows = number::first_of(loaded.n_flows as u64, n_all, "flow");
            let text = format!("{} {flows} from {}{bad}", s.good, loaded.name);
            let comments = loaded.comments.iter().take(MAX_MARKS);
            let marks = comments.map(|(id, comment)| (id.0, Mark { comment: comment.clone() })).collect();
            let state = &mut model.inspect;
            state.change_source(Some((loaded.name, loaded.n_flows as u64)), marks);
            effects.push(Effect::Look(0));
            model.say(Tone::Good, text);
        }
        Err(why) => model.say(Tone::Bad, format!("{} {why}", s.bad)),
    }
}

/// Leaves the recording. `false`: there is none.
pub(crate) fn leave(model: &mut Model, effects: &mut Vec<Effect>) -> bool {
    if model.inspect.recording.is_none() {
        return false;
    }
    model.inspect.change_source(None, std::collections::BTreeMap::new());
    effects.push(Effect::Live);
    effects.push(Effect::Look(0));
    model.say(Tone::Plain, "live again");
    true
}
