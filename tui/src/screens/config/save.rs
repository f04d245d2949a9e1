//! Saving: a last check, the plan, the question; and what to do when the file on disk has become another one.

use mcp_proxy_core::config::{Level, Plan, Step};
use mcp_proxy_core::control::{Saved, Verdict};

use super::diff::{self, Sign};
use super::state::{Open, Saving};
use super::talk::{Checked, NotSaved, Wish};
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::popup::Popup;
use crate::app::theme::Tone;
use crate::widgets::editor::buffer::place;
use crate::widgets::number;

/// Asks for the last check.
pub(crate) fn begin(model: &mut Model, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    if open.saving != Saving::No {
        return;
    }
    if open.theirs.is_some() {
        return model.popups.push(Popup::Changed);
    }
    if !open.is_modified {
        let told = format!("{} {} has no changes to save", s.good, open.name());
        return model.say(Tone::Plain, told);
    }
    open.saving = Saving::Checking;
    effects.push(Effect::Config(Wish::Check {
        version: open.editor.version(),
        text: open.editor.text(),
        is_final: true,
    }));
}

/// The last check is over: asks, or goes to the first error.
pub(crate) fn checked(model: &mut Model) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    let Some(checked) = &open.checked else { return };
    let n = checked.n_of(Level::Error);
    if n == 0 {
        open.saving = Saving::Asking;
        let yes = checked.plan.as_ref().is_none_or(|p| !p.servers.iter().any(|c| c.step.ends_instance()));
        return model.popups.push(Popup::Save { yes });
    }
    open.saving = Saving::No;
    let told = format!("{} not saved: {}; this is the first", s.bad, number::plural(n as u64, "error"));
    let first = checked.problems.iter().find(|p| p.level == Level::Error);
    match first.and_then(|p| p.at) {
        Some((line, byte, _)) => {
            open.editor.show(place(line, byte));
            model.config.focus = super::state::Focus::Text;
            model.say(Tone::Bad, told);
        }
        None => {
            let what = first.map_or_else(String::new, |p| p.message.clone());
            model.say(Tone::Bad, format!("{} not saved: {what}", s.bad));
        }
    }
}

/// Yes: writes it.
pub(crate) fn write(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(open) = model.config.open_mut() else { return };
    open.saving = Saving::Writing;
    effects.push(Effect::Config(Wish::Save {
        seen: open.seen.clone(),
        version: open.editor.version(),
        text: open.editor.text(),
    }));
}

/// No.
pub(crate) fn leave(model: &mut Model) {
    if let Some(open) = model.config.open_mut() {
        open.saving = Saving::No;
    }
}

/// It was written, or not.
pub(crate) fn saved(model: &mut Model, result: Result<Box<Saved>, NotSaved>, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    open.saving = Saving::No;
    match result {
        Ok(saved) => {
            let kept = saved.backup.as_ref().and_then(|b| b.file_name()).map(|n| n.to_string_lossy().into_owned());
            let kept = kept.map_or_else(String::new, |name| format!("; the old one is {name}"));
            let (tone, what) = match saved.report.outcome {
                Verdict::Applied => {
                    (Tone::Good, format!("{} saved and in force: {}", s.good, saved.report.plan.summary()))
                }
                Verdict::Unchanged => (Tone::Good, format!("{} saved; nothing that runs has changed", s.good)),
                Verdict::Planned => (Tone::Good, format!("{} saved", s.good)),
                Verdict::Refused => {
                    let why = saved.report.problems.lines().next().unwrap_or_default().to_owned();
                    (Tone::Bad, format!("{} saved, but not in force: {why}", s.bad))
                }
            };
            *open.seen = saved.seen;
            open.theirs = None;
            open.changed();
            open.saved = Some(format!("{what}{kept}"));
            model.say(tone, format!("{what}{kept}"));
        }
        Err(NotSaved::Changed) => {
            // What it is now has to be known first.
            effects.push(Effect::Config(Wish::Read));
            model.say(
                Tone::Warn,
                format!("{} not saved: the file has changed on disk; Ctrl-S asks what to keep", s.warn),
            );
        }
        Err(NotSaved::Failed(why)) => model.say(Tone::Bad, format!("{} not saved: {why}", s.bad)),
    }
}

/// Ours is to be saved though theirs is another one.
pub(crate) fn keep_mine(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(open) = model.config.open_mut() else { return };
    if let Some(theirs) = open.theirs.take() {
        open.seen = theirs;
        open.changed();
    }
    begin(model, effects);
}

/// Theirs takes the place of ours, which can be undone.
pub(crate) fn take_theirs(model: &mut Model, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    let Some(theirs) = open.theirs.take() else { return };
    open.editor.become_text(theirs.text().unwrap_or_default(), "took the file from the disk");
    open.seen = theirs;
    let told = format!("{} this is the file as it is on disk; Ctrl-Z brings yours back", s.good);
    super::update::text_changed(model, effects);
    model.say(Tone::Good, told);
}

/// What differs between theirs and ours.
pub(crate) fn difference(open: &Open) -> String {
    let theirs = open.theirs.as_deref().unwrap_or(&open.seen);
    let lines = diff::lines(theirs.text().unwrap_or_default(), &open.editor.text().replace("\r\n", "\n"));
    let line = |(sign, text): (Sign, String)| match sign {
        Sign::Same => format!("  {text}"),
        Sign::Gone => format!("- {text}"),
        Sign::New => format!("+ {text}"),
        Sign::Gap => "  ...".to_owned(),
    };
    let shown: Vec<String> = lines.into_iter().map(|(s, l)| line((s, mcp_proxy_core::config::masked(&l)))).collect();
    format!("- on disk    + in this editor\n\n{}", shown.join("\n"))
}

/// One thing saving changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// How loud.
    pub(crate) tone: Tone,
    /// Its sign.
    pub(crate) sign: &'static str,
    /// Which server, or what else.
    pub(crate) who: String,
    /// What happens to it.
    pub(crate) what: String,
    /// Why, and what ends with it.
    pub(crate) why: String,
}

/// What saving changes.
pub(crate) fn plan_rows(plan: &Plan) -> Vec<Row> {
    let row = |tone, sign, who: String, what: &str, why: String| Row { tone, sign, who, what: what.to_owned(), why };
    let mut rows = Vec::new();
    for change in &plan.servers {
        let (tone, sign) = match change.step {
            Step::Added | Step::Enabled => (Tone::Good, "+"),
            Step::Removed | Step::Disabled => (Tone::Warn, "-"),
            Step::Restarted => (Tone::Warn, "~"),
            Step::Adjusted => (Tone::Busy, "~"),
        };
        let word = match change.step {
            Step::Added => "starts",
            Step::Removed => "ends",
            Step::Restarted => "restarts",
            Step::Enabled => "starts",
            Step::Disabled => "ends",
            Step::Adjusted => "goes on",
        };
        let mut why: Vec<String> = Vec::new();
        match change.step {
            Step::Added => why.push("new".to_owned()),
            Step::Removed => why.push("taken out".to_owned()),
            _ if !change.keys.is_empty() => why.push(format!("{} changed", change.keys.join(", "))),
            _ => {}
        }
        if change.n_draining > 0 {
            why.push(format!("{} in flight may end first", number::plural(change.n_draining, "call")));
        }
        rows.push(row(tone, sign, change.name.to_string(), word, why.join("; ")));
    }
    let mut setting = |word: &str, keys: &[String]| {
        if !keys.is_empty() {
            rows.push(row(Tone::Busy, "~", "settings".to_owned(), word, keys.join(", ")));
        }
    };
    setting("at once", &plan.at_once);
    setting("next start", &plan.next_start);
    if plan.is_reordered {
        rows.push(row(Tone::Busy, "~", "lists".to_owned(), "reordered", String::new()));
    }
    if plan.n_unchanged > 0 {
        let n = number::plural(plan.n_unchanged as u64, "server");
        rows.push(row(Tone::Quiet, "=", n, "unchanged", "sessions stay open".to_owned()));
    }
    rows
}

/// The plan in one line.
pub(crate) fn plan_line(checked: &Checked, is_modified: bool) -> (Tone, String) {
    let n = checked.n_of(Level::Error);
    if n > 0 {
        return (Tone::Bad, format!("saving is held back: {}", number::plural(n as u64, "error")));
    }
    match &checked.plan {
        Some(plan) if !plan.is_empty() => (Tone::Plain, format!("saving: {}", plan.summary())),
        Some(_) if is_modified => (Tone::Quiet, "saving changes nothing that runs".to_owned()),
        _ => (Tone::Quiet, "the file is what runs".to_owned()),
    }
}
