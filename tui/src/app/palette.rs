//! The palette: everything that can be done or gone to from where one is, found by a few letters.

use std::sync::Arc;

use mcp_proxy_core::control::ItemKind;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::cursor::Cursor;
use super::effect::Effect;
use super::model::{Model, Screen};
use super::popup::Popup;
use super::update;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::widgets::input::Input;

/// Entries shown at most: who wants another one types another letter.
const MAX_SHOWN: usize = 200;

/// The palette as it stands open.
#[derive(Debug)]
pub(crate) struct Palette {
    /// What is looked for.
    pub(crate) input: Input,
    /// The contexts below, in which actions are done.
    pub(crate) contexts: Vec<Context>,
    /// All there is.
    pub(crate) entries: Vec<Entry>,
    /// Places in `entries` that match, the best first.
    pub(crate) shown: Vec<usize>,
    /// The selected one.
    pub(crate) cursor: Cursor,
}

/// One thing that can be done or gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is, in a word.
    pub(crate) kind: &'static str,
    /// What it says.
    pub(crate) text: String,
    /// The keys that do it without the palette.
    pub(crate) keys: String,
    goal: Goal,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Do(Action),
    Server(Arc<str>),
    Item(ItemKind, Arc<str>),
}

impl Palette {
    /// All that can be done in `contexts`, and all servers and items.
    pub(crate) fn new(model: &Model, contexts: &[Context]) -> Self {
        let actions = model.keys.bindings(contexts).filter(|b| b.binding.action != Action::Palette).map(|b| Entry {
            kind: b.binding.context.title(),
            text: b.binding.help.to_owned(),
            keys: b.all_keys(),
            goal: Goal::Do(b.binding.action),
        });
        let servers = model.servers().iter().map(|b| Entry {
            kind: "server",
            text: b.name.to_string(),
            keys: String::new(),
            goal: Goal::Server(b.name.clone()),
        });
        let items = model.catalog.view.items.iter().map(|i| Entry {
            kind: match i.kind {
                ItemKind::Tool => "tool",
                ItemKind::Prompt => "prompt",
                ItemKind::Resource => "resource",
                ItemKind::Template => "template",
            },
            text: i.title.as_ref().map_or_else(|| i.exposed.to_string(), |t| format!("{}  {t}", i.exposed)),
            keys: String::new(),
            goal: Goal::Item(i.kind, i.exposed.clone()),
        });
        let entries = actions.chain(servers).chain(items).collect();
        let mut palette = Self {
            input: Input::default(),
            contexts: contexts.to_vec(),
            entries,
            shown: Vec::new(),
            cursor: Cursor::default(),
        };
        palette.choose();
        palette
    }

    /// Finds what matches; without a word everything does, in its own order.
    pub(crate) fn choose(&mut self) {
        let pattern = Pattern::parse(self.input.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let (mut text, mut buffer) = (String::new(), Vec::new());
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            text.clear();
            text.push_str(&entry.text);
            text.push(' ');
            text.push_str(entry.kind);
            if let Some(score) = pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher) {
                found.push((score, at));
            }
        }
        // Equal ones keep their order: what is near comes first.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.truncate(MAX_SHOWN);
        self.shown = found.into_iter().map(|(_, at)| at).collect();
        self.cursor = Cursor::default();
    }
}

/// Closes the palette and does its selected entry.
pub(crate) fn accept(model: &mut Model, palette: &Palette, effects: &mut Vec<Effect>) {
    let Some(entry) = palette.shown.get(palette.cursor.at).and_then(|at| palette.entries.get(*at)) else { return };
    match &entry.goal {
        Goal::Do(action) => update::act(model, &palette.contexts, *action, effects),
        Goal::Server(name) => {
            if let Some(at) = model.servers().iter().position(|b| b.name == *name) {
                model.backends.cursor.at = at;
                model.backends.detail_top = 0;
                model.show(Screen::Backends);
            }
        }
        Goal::Item(kind, exposed) => {
            model.catalog.go_to(*kind, exposed);
            model.show(Screen::Catalog);
        }
    }
}

/// Opens it over the screen.
pub(crate) fn open(model: &mut Model, contexts: &[Context]) {
    let palette = Palette::new(model, contexts);
    model.popups.push(Popup::Palette(Box::new(palette)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;

    fn first(d: &Driver) -> (&str, &str) {
        let Some(Popup::Palette(p)) = d.model.popups.last() else { panic!("the palette is open") };
        let entry = &p.entries[p.shown[p.cursor.at]];
        (entry.kind, &entry.text)
    }

    #[test]
    fn a_few_letters_find_actions_servers_and_items() {
        let mut d = Driver::new((120, 40));
        d.keys(":").text("rstart");
        assert_eq!(first(&d), ("Backends", "restart this server (asks)"));
        d.keys("esc :").text("notes server");
        assert_eq!(first(&d), ("server", "notes"));
        d.keys("enter");
        assert!(d.model.popups.is_empty());
        assert_eq!(&*d.model.server().expect("selected").name, "notes");
        d.keys("ctrl-p").text("book");
        assert_eq!(first(&d), ("tool", "asks__book_table"));
        d.keys("enter");
        assert_eq!(d.model.screen, Screen::Catalog);
        assert_eq!(&*d.model.catalog.item().expect("selected").exposed, "asks__book_table");
    }

    #[test]
    fn an_action_is_done_where_the_palette_was_opened() {
        let mut d = Driver::new((120, 40));
        d.keys("1 j :").text("restart this").keys("enter");
        assert!(matches!(d.model.popups.last(), Some(Popup::Confirm { question, .. }) if question.contains("notes")));
    }

    #[test]
    fn nothing_found_does_nothing() {
        let mut d = Driver::new((120, 40));
        d.keys(":").text("zzzzqqqq").keys("down up pgdn enter");
        assert!(d.model.popups.is_empty() && d.wishes.is_empty());
    }
}
