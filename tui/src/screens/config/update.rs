//! What keys and news do to the screen.

use mcp_proxy_core::config::Level;

use super::add::Add;
use super::save;
use super::state::{Focus, Open, Saving, Source};
use super::talk::{NoFile, Told, Wish};
use super::{offers, servers, view};
use crate::app::effect::Effect;
use crate::app::model::{Model, Screen};
use crate::app::popup::Popup;
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::input::key::{Code, Key};
use crate::widgets::editor::buffer::place;
use crate::widgets::input::Input;

/// Looks at the file when the screen is shown, and when the engine has read it again.
pub(crate) fn look(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.screen == Screen::Config && matches!(model.config.source, Source::Unread) {
        model.config.source = Source::Reading;
        effects.push(Effect::Config(Wish::Read));
    }
}

/// Goes to a server in the file.
pub(crate) fn go_to(model: &mut Model, server: String) {
    model.show(Screen::Config);
    model.config.wanted = Some(server);
    find_wanted(model);
}

fn find_wanted(model: &mut Model) {
    let Some(name) = model.config.wanted.clone() else { return };
    let Some(open) = model.config.open_mut() else { return };
    let found = open.outline.iter().position(|e| e.is_server && e.name == name);
    if let Some(at) = found {
        open.cursor.at = at;
        enter(open, true);
        model.config.focus = Focus::Text;
    } else {
        model.say(Tone::Warn, format!("`{name}` does not stand in this file"));
    }
    model.config.wanted = None;
}

/// The engine has read the file again.
pub(crate) fn read_again(model: &mut Model, n_readings: u64, effects: &mut Vec<Effect>) {
    let is_new = model.config.n_readings != n_readings;
    model.config.n_readings = n_readings;
    let is_shown = !matches!(model.config.source, Source::Unread | Source::Reading);
    let is_writing = model.config.open().is_some_and(|o| o.saving == Saving::Writing);
    if is_new && is_shown && !is_writing {
        effects.push(Effect::Config(Wish::Read));
    }
}

/// Takes what the runtime tells.
pub(crate) fn told(model: &mut Model, told: Told, effects: &mut Vec<Effect>) {
    match told {
        Told::Read(Ok(file)) => read(model, file, effects),
        Told::Read(Err(why)) => {
            // What is being edited is not thrown away because the file is gone.
            if model.config.open().is_none() {
                model.config.source = match why {
                    NoFile::None(path) => Source::None(path),
                    NoFile::Unreadable(why) => Source::Unreadable(why),
                };
            } else if let NoFile::Unreadable(why) = why {
                model.say(Tone::Bad, format!("{} the file on disk: {why}", model.theme.symbols().bad));
            }
        }
        Told::Quiet(version) => {
            let Some(open) = model.config.open_mut() else { return };
            if open.editor.version() == version {
                open.look_again();
                effects.push(Effect::Config(Wish::Check { version, text: open.editor.text(), is_final: false }));
            }
        }
        Told::Checked(checked) => {
            let Some(open) = model.config.open_mut() else { return };
            if checked.version != open.editor.version() {
                // What was typed meanwhile is checked by itself; saving is not what was asked for any more.
                if checked.is_final && open.saving == Saving::Checking {
                    open.saving = Saving::No;
                    model.say(Tone::Warn, "not saved: the text was changed while it was checked; Ctrl-S saves it");
                }
                return;
            }
            let is_final = checked.is_final && open.saving == Saving::Checking;
            open.checked = Some(*checked);
            if is_final {
                save::checked(model);
            }
        }
        Told::Saved { version, result } => {
            save::saved(model, result, effects);
            if model.config.open().is_some_and(|o| o.editor.version() == version && !o.is_modified) {
                check(model, effects);
            }
        }
        Told::Edited { program, result } => match result {
            Ok(text) => {
                let Some(open) = model.config.open_mut() else { return };
                if open.editor.become_text(&text, format!("edited in {program}")) {
                    text_changed(model, effects);
                    let told = format!("{} taken from {program}; Ctrl-S saves it", model.theme.symbols().good);
                    model.say(Tone::Good, told);
                }
            }
            Err(why) => model.say(Tone::Bad, format!("{} {why}", model.theme.symbols().bad)),
        },
        Told::Probed { seq, result } => {
            if let Some(Popup::AddServer(add)) = model.popups.iter_mut().find(|p| matches!(p, Popup::AddServer(_))) {
                add.probed(seq, result);
            }
        }
        Told::Made(result) => match result {
            Ok(shown) => {
                model.demo = false;
                model.first_run = None;
                model.config.source = Source::Reading;
                effects.push(Effect::Config(Wish::Read));
                model.say(Tone::Good, format!("{} made {shown}: press a to add a server", model.theme.symbols().good));
            }
            Err(why) => model.say(Tone::Bad, format!("{} {why}", model.theme.symbols().bad)),
        },
    }
}

fn read(model: &mut Model, file: super::talk::File, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else {
        model.config.source = Source::Open(Box::new(Open::new(file)));
        find_wanted(model);
        return check(model, effects);
    };
    if open.seen.bytes == file.seen.bytes {
        open.theirs = None;
        return;
    }
    let text = file.seen.text().unwrap_or_default().to_owned();
    let same = open.editor.text() == text;
    if open.is_modified && !same {
        if open.theirs.as_ref() != Some(&file.seen) {
            open.theirs = Some(file.seen);
            let told = format!("{} {} has changed on disk too: Ctrl-S asks which one you want", s.warn, open.name());
            model.say(Tone::Warn, told);
        }
        return;
    }
    open.seen = file.seen;
    open.theirs = None;
    let name = open.name();
    if !same {
        open.editor.become_text(&text, "read from the disk again");
        model.say(Tone::Plain, format!("{} {name} has changed on disk: this is what it says now", s.good));
    }
    text_changed(model, effects);
}

/// Checks the text now.
fn check(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some(open) = model.config.open_mut() {
        open.look_again();
        let version = open.editor.version();
        effects.push(Effect::Config(Wish::Check { version, text: open.editor.text(), is_final: false }));
    }
}

/// The text is another one.
pub(crate) fn text_changed(model: &mut Model, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    open.changed();
    effects.push(Effect::Config(Wish::Quiet(open.editor.version())));
    if open.editor.was_full() {
        model.say(Tone::Bad, format!("{} a configuration has 1 MiB at most", s.bad));
    }
}

/// A key that is no action: types in the text.
pub(crate) fn key(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    let version = open.editor.version();
    let before = open.editor.cursor();
    if !open.editor.key(key) {
        return;
    }
    let is_word = key.typed().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    let goes_on = open.completion.is_some() && (is_word || key.code == Code::Backspace);
    if open.editor.version() != version {
        text_changed(model, effects);
    } else if open.editor.was_full() {
        model.say(Tone::Bad, format!("{} a configuration has 1 MiB at most", s.bad));
    }
    if is_word || goes_on {
        offers::complete(model, false);
    } else if key.typed() == Some(' ') {
        offers::offer_words(model);
    } else if let Some(open) = model.config.open_mut() {
        // Moving away from the word closes the list.
        let stays = open.editor.cursor() == before;
        open.completion = open.completion.take().filter(|_| stays);
    }
}

/// Text was pasted.
pub(crate) fn paste(model: &mut Model, text: &str, effects: &mut Vec<Effect>) {
    if !model.config.in_text() {
        return;
    }
    if let Some(open) = model.config.open_mut() {
        open.completion = None;
        open.editor.paste(text);
        text_changed(model, effects);
    }
}

/// The text of a field changed.
pub(crate) fn typed(model: &mut Model) {
    let Some(open) = model.config.open_mut() else { return };
    match &open.line {
        Some(line) => {
            if let Ok(n) = line.text().trim().parse::<usize>() {
                open.editor.show(place(n.saturating_sub(1), 0));
            }
        }
        None if open.naming.is_some() => {}
        None => open.editor.find_typed(),
    }
}

/// Does what was asked for on this screen.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if let Source::None(_) | Source::Unreadable(_) = model.config.source {
        match action {
            Action::Open if matches!(model.config.source, Source::None(Some(_))) => {
                effects.push(Effect::Config(Wish::Init))
            }
            Action::Open | Action::Refresh => {
                model.config.source = Source::Reading;
                effects.push(Effect::Config(Wish::Read));
            }
            _ => {}
        }
        return;
    }
    let in_text = model.config.in_text();
    let Some(open) = model.config.open_mut() else { return };
    match action {
        Action::Save => save::begin(model, effects),
        Action::Undo | Action::Redo => {
            open.completion = None;
            let (words, done) = match action {
                Action::Undo => (open.editor.undo(), "undone"),
                _ => (open.editor.redo(), "done again"),
            };
            match words {
                Some(words) => {
                    text_changed(model, effects);
                    model.say(Tone::Plain, format!("{done}: {words}"));
                }
                None => model
                    .say(Tone::Plain, if action == Action::Undo { "nothing to undo" } else { "nothing to do again" }),
            }
        }
        Action::CopyText | Action::CutText => {
            let text = if action == Action::CopyText { open.editor.copy() } else { open.editor.cut() };
            effects.push(Effect::Copy { what: "text".to_owned(), text });
            if action == Action::CutText {
                text_changed(model, effects);
            }
        }
        Action::PasteText => {
            if !open.editor.paste_clip() {
                model.say(Tone::Plain, "nothing was copied here; the terminal's own paste works too");
            }
            text_changed(model, effects);
        }
        Action::CommentLines => {
            open.editor.comment();
            text_changed(model, effects);
        }
        Action::FindText => {
            model.config.focus = Focus::Text;
            if let Some(open) = model.config.open_mut() {
                open.completion = None;
                open.editor.open_find();
            }
        }
        Action::FindNext | Action::FindPrev => {
            if !open.editor.find_next(action == Action::FindPrev) {
                model.say(Tone::Plain, "not found");
            }
        }
        Action::FilterDone if open.naming.is_some() => servers::rename(model, effects),
        Action::FilterClear if open.naming.take().is_some() => model.config.focus = Focus::Outline,
        Action::FilterDone => {
            open.line = None;
            open.editor.close_find(true);
        }
        Action::FilterClear => {
            open.line = None;
            open.editor.close_find(false);
        }
        Action::GoToLine => {
            open.completion = None;
            open.line = Some(Input::default());
            model.config.focus = Focus::Text;
        }
        Action::NextProblem | Action::PrevProblem => problem(model, action == Action::PrevProblem),
        Action::OutsideEditor => effects.push(Effect::Config(Wish::Edit(open.editor.text()))),
        Action::Complete => offers::complete(model, true),
        Action::Accept => offers::accept(model, effects),
        Action::AcceptChosen => match &open.completion {
            Some(c) if c.is_chosen => offers::accept(model, effects),
            _ => {
                open.completion = None;
                key(model, Key { code: Code::Enter, ctrl: false, shift: false }, effects);
            }
        },
        Action::CloseList => open.completion = None,
        Action::AddServer => {
            let names = open.outline.iter().filter(|e| e.is_server).map(|e| e.name.clone()).collect();
            model.popups.push(Popup::AddServer(Box::new(Add::new(names))));
        }
        Action::UseServer => servers::switch(model, effects),
        Action::Rename => servers::ask_name(model),
        Action::RemoveServer => servers::remove(model, effects),
        Action::LeaveText => model.config.focus = Focus::Outline,
        Action::Open | Action::NextPane | Action::PrevPane if !in_text => {
            enter(open, action == Action::Open);
            model.config.focus = Focus::Text;
        }
        _ if open.completion.is_some() => {
            let n = open.completion.as_ref().map_or(0, |c| c.entries.len());
            if let Some(completion) = &mut open.completion {
                completion.is_chosen |= completion.cursor.go(action, n, view::LIST_ROWS);
                completion.cursor.settle(n, view::LIST_ROWS);
            }
        }
        _ => {
            let page = view::outline_rows(model);
            if let Some(open) = model.config.open_mut() {
                let n = open.outline.len();
                if open.cursor.go(action, n, page) {
                    enter(open, true);
                }
            }
        }
    }
}

/// Goes to the selected entry in the text.
pub(super) fn enter(open: &mut Open, goes: bool) {
    if let (true, Some(entry)) = (goes, open.entry()) {
        let at = place(entry.line, entry.byte);
        open.editor.show(at);
    }
}

/// Goes to the next problem, or the one before it.
fn problem(model: &mut Model, is_back: bool) {
    let s = model.theme.symbols();
    let Some(open) = model.config.open_mut() else { return };
    open.completion = None;
    let here = (open.editor.cursor().line, open.editor.cursor().byte);
    let all = open.checked.iter().flat_map(|c| &c.problems);
    let mut places: Vec<(usize, usize)> = all.filter_map(|p| p.at.map(|(l, b, _)| (l, b))).collect();
    places.sort_unstable();
    places.dedup();
    let next = if is_back {
        places.iter().rev().find(|p| **p < here).or(places.last())
    } else {
        places.iter().find(|p| **p > here).or(places.first())
    };
    match next {
        Some((line, byte)) => {
            open.editor.show(place(*line, *byte));
            model.config.focus = Focus::Text;
        }
        None => {
            let elsewhere = open.checked.iter().flat_map(|c| &c.problems).find(|p| p.level != Level::Hint);
            let told =
                elsewhere.map_or_else(|| format!("{} no problems", s.good), |p| format!("{} {}", s.warn, p.message));
            model.say(Tone::Plain, told);
        }
    }
}

/// One step back: list, field, text. `false`: there was none.
pub(crate) fn back(model: &mut Model) -> bool {
    let was_in_text = model.config.in_text();
    if was_in_text {
        model.config.focus = Focus::Outline;
    }
    was_in_text
}

/// A click at a cell of the text, or a drag to it.
pub(crate) fn point(model: &mut Model, x: u16, y: u16, drags: bool) {
    let area = view::text_area(model);
    let Some(open) = model.config.open_mut() else { return };
    open.completion = None;
    let inner = open.editor.text_area(area);
    let at = open.editor.place_at(usize::from(x.saturating_sub(inner.x)), usize::from(y.saturating_sub(inner.y)));
    open.editor.drag_to(at, drags);
    model.config.focus = Focus::Text;
}

/// The wheel over the text.
pub(crate) fn scroll(model: &mut Model, lines: isize) {
    if let Some(open) = model.config.open_mut() {
        open.completion = None;
        open.editor.scroll(lines);
    }
}
