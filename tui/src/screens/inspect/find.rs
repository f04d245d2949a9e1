//! Finding a call by a few letters of its tool, server, client, method or id: the selection goes there, the list stays as it is.
//!
//! Rows are looked at in the order of the list, a page at a time, from the selected one on and round to it again.

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::CallId;
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::rows::Rows;
use super::state::{Pane, State};
use crate::app::effect::{Effect, SCAN_ROWS};
use crate::app::model::Model;
use crate::app::theme::Tone;
use crate::input::action::Action;
use crate::widgets::input::Input;
use crate::widgets::text;

/// Bytes of a field that are looked at: nobody means what stands behind them.
const MAX_FIELD: usize = 256;

/// What is looked for, and how far that is.
#[derive(Debug, Default)]
pub(crate) struct Find {
    input: Input,
    /// It is being typed.
    is_typing: bool,
    words: Vec<Atom>,
    /// What was selected and whether that was followed before anything was typed.
    began: (Option<u64>, bool),
    /// The way that is still to go.
    way: Option<Way>,
    /// Counts ways, so that the rows of an old one are not taken for those of a new one.
    generation: u64,
    /// None of the rows is it.
    is_missing: bool,
    /// Those on the screen that are it.
    hits: Vec<CallId>,
}

/// A way through the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// The next place.
    at: usize,
    down: bool,
    n_left: usize,
}

/// The place below or above another one, round the end of so many.
const fn beside(at: usize, len: usize, down: bool) -> usize {
    let last = len.saturating_sub(1);
    match (down, at) {
        (true, at) if at >= last => 0,
        (true, at) => at + 1,
        (false, 0) => last,
        (false, at) => at - 1,
    }
}

impl Way {
    /// The places looked at next, in their order; what is left then.
    fn page(self, len: usize) -> (Vec<usize>, Self) {
        let n = self.n_left.min(SCAN_ROWS);
        let (mut at, mut places) = (self.at.min(len.saturating_sub(1)), Vec::with_capacity(n));
        for _ in 0..n {
            places.push(at);
            at = beside(at, len, self.down);
        }
        (places, Self { at, n_left: self.n_left - n, ..self })
    }
}

impl Find {
    /// Whether a call is what is looked for: each word fits one of its fields.
    fn fits(&self, matcher: &mut Matcher, flow: &Flow) -> bool {
        let id = flow.id.to_string();
        let mut buffer = Vec::new();
        let fields = [
            flow.target.as_deref().unwrap_or_default(),
            &flow.method,
            flow.backend.as_deref().unwrap_or_default(),
            &flow.client,
            &id,
        ];
        !self.words.is_empty()
            && self.words.iter().all(|word| {
                fields.iter().any(|field| {
                    let field = Utf32Str::new(text::head(field, MAX_FIELD), &mut buffer);
                    word.score(field, matcher).is_some()
                })
            })
    }

    /// Begins a way of so many places.
    fn go(&mut self, rows: &Rows, at: usize, down: bool) -> Option<Effect> {
        self.generation += 1;
        self.is_missing = false;
        self.way = (!self.words.is_empty() && rows.len() > 0).then(|| Way { at, down, n_left: rows.len() });
        self.step(rows)
    }

    /// The next page of the way.
    fn step(&mut self, rows: &Rows) -> Option<Effect> {
        let way = self.way.filter(|w| w.n_left > 0);
        let Some(way) = way else {
            self.is_missing = self.way.take().is_some();
            return None;
        };
        let (places, rest) = way.page(rows.len());
        self.way = Some(rest);
        let ids = places.into_iter().filter_map(|at| rows.id(at)).map(CallId).collect();
        Some(Effect::Find { ids, generation: self.generation })
    }

    /// Which of the rows on the screen are it.
    pub(crate) fn look_at(&mut self, window: &[Flow]) {
        let mut matcher = Matcher::new(Config::DEFAULT);
        self.hits = window.iter().filter(|f| self.fits(&mut matcher, f)).map(|f| f.id).collect();
    }

    /// Whether a row on the screen is it.
    pub(crate) fn is_hit(&self, id: CallId) -> bool {
        self.hits.contains(&id)
    }

    /// What is said of it below the list.
    pub(crate) fn note(&self) -> Option<String> {
        if self.is_typing || self.words.is_empty() {
            return None;
        }
        let end = if self.is_missing { ": none" } else { ": n and N" };
        Some(format!("find {}{end}", self.input.text().trim()))
    }

    /// The field, while it is being typed.
    pub(crate) fn typed(&self) -> Option<&Input> {
        self.is_typing.then_some(&self.input)
    }

    /// Whether nothing that was typed fits.
    pub(crate) const fn is_missing(&self) -> bool {
        self.is_missing
    }
}

impl State {
    /// Whether a call to find is being typed.
    pub(crate) fn is_finding(&self) -> bool {
        self.find.as_ref().is_some_and(|f| f.is_typing)
    }

    /// The field it is typed in.
    pub(crate) fn find_input(&mut self) -> Option<&mut Input> {
        self.find.as_mut().filter(|f| f.is_typing).map(|f| &mut f.input)
    }

    /// The text that is looked for has changed: the nearest above fits best, for the newest calls are below.
    pub(crate) fn find_typed(&mut self, effects: &mut Vec<Effect>) {
        let Some(find) = &mut self.find else { return };
        let words = find.input.text().split_whitespace();
        let word = |w| Atom::new(w, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy, false);
        find.words = words.map(word).collect();
        let (began, followed) = find.began;
        if find.words.is_empty() {
            find.way = None;
            find.hits.clear();
            self.go_back(began, followed);
            return;
        }
        let at = began.map_or(0, |id| self.rows.place(id));
        effects.extend(find.go(&self.rows, at, false));
        find.look_at(&self.window);
    }

    fn go_back(&mut self, to: Option<u64>, followed: bool) {
        self.set_follow(followed);
        if let Some(id) = to {
            self.select(self.rows.place(id));
        }
    }

    /// Rows on the way have been read.
    pub(crate) fn found(&mut self, generation: u64, rows: &[Flow], effects: &mut Vec<Effect>) {
        let Some(find) = self.find.as_mut().filter(|f| f.generation == generation) else { return };
        let mut matcher = Matcher::new(Config::DEFAULT);
        let Some(found) = rows.iter().find(|row| find.fits(&mut matcher, row)).map(|row| row.id.0) else {
            return effects.extend(find.step(&self.rows));
        };
        find.way = None;
        self.set_follow(false);
        self.select(self.rows.place(found));
    }
}

/// Does what a key asks of finding; `false`: it asks nothing of it.
pub(crate) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) -> bool {
    let state = &mut model.inspect;
    match action {
        Action::FindCall => {
            if state.rows.len() == 0 {
                model.say(Tone::Quiet, "the list is empty");
                return true;
            }
            state.pane = Pane::List;
            let began = (state.selected, state.follow);
            let before = state.find.take().unwrap_or_default();
            let input = Input::proposal(before.input.text().to_owned());
            state.find = Some(Find { input, is_typing: true, began, ..before });
        }
        Action::FilterDone if state.is_finding() => {
            let is_empty = state.find.as_ref().is_none_or(|f| f.words.is_empty());
            match &mut state.find {
                Some(find) if !is_empty => find.is_typing = false,
                _ => state.find = None,
            }
        }
        Action::FilterClear if state.is_finding() => {
            if let Some(find) = state.find.take() {
                state.go_back(find.began.0, find.began.1);
            }
        }
        Action::FindNext | Action::FindPrev | Action::FindNextCall | Action::FindPrevCall => {
            let down = matches!(action, Action::FindNext | Action::FindNextCall);
            let (at, len) = (state.at(), state.rows.len());
            let Some(find) = state.find.as_mut().filter(|f| !f.words.is_empty()) else {
                model.say(Tone::Quiet, "nothing is looked for: Ctrl-F finds a call");
                return true;
            };
            effects.extend(find.go(&state.rows, beside(at, len, down), down));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;
    use crate::sample;

    fn find(words: &str) -> Find {
        let word = |w| Atom::new(w, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy, false);
        Find { words: words.split_whitespace().map(word).collect(), ..Find::default() }
    }

    #[test]
    fn each_word_fits_a_field() {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let echo = sample::echo();
        for (words, fits) in [
            ("echo", true),
            ("dmech", true),
            ("tools/call", true),
            ("CLAUDE echo", true),
            ("c-3", true),
            ("demo__echoo", false),
            ("echo notes", false),
            ("hoclaude", false),
            ("", false),
        ] {
            assert_eq!(find(words).fits(&mut matcher, &echo), fits, "{words}");
        }
    }

    #[test]
    fn a_way_goes_round_once() {
        for (down, at) in [(true, 7), (false, 2), (true, 0), (false, 0), (true, 99)] {
            let mut way = Way { at, down, n_left: 10 };
            let mut all = Vec::new();
            while way.n_left > 0 {
                let (places, rest) = way.page(10);
                all.extend(places);
                way = rest;
            }
            assert_eq!(all[0], at.min(9));
            all.sort_unstable();
            assert_eq!(all, (0..10).collect::<Vec<_>>());
        }
        assert_eq!(Way { at: 0, down: true, n_left: 0 }.page(0).0, Vec::<usize>::new());
    }

    #[test]
    fn the_selection_goes_there_and_back() {
        let mut d = Driver::new((120, 40));
        let selected = |d: &Driver| d.model.inspect.selected;
        d.keys("2");
        let (newest, n) = (selected(&d), d.model.inspect.rows.len());
        // The nearest above the newest one.
        d.keys("ctrl-f").text("demo");
        assert_eq!(selected(&d), Some(11));
        assert!(!d.model.inspect.follow && d.model.inspect.rows.len() == n, "the list stays");
        d.keys("up");
        assert_eq!(selected(&d), Some(10));
        d.keys("esc");
        assert!(selected(&d) == newest && d.model.inspect.follow, "back to where it began");
        d.keys("ctrl-f").text("demo").keys("enter");
        let seen = |d: &mut Driver, key: &str| {
            d.keys(key);
            selected(d)
        };
        let up: Vec<_> = (0..6).map(|_| seen(&mut d, "N")).collect();
        // Round the end of the list; its initialize and its notification are of the same server.
        assert_eq!(up, [Some(10), Some(8), Some(5), Some(3), Some(0), Some(11)]);
        assert_eq!(seen(&mut d, "n"), Some(0));
        d.keys("ctrl-f").text("zzz").keys("enter");
        assert_eq!(selected(&d), Some(0));
        assert_eq!(d.model.inspect.find.as_ref().and_then(Find::note).as_deref(), Some("find zzz: none"));
        // What is found leaves the list meanwhile.
        d.keys("ctrl-f").text("echo").keys("enter").keys("/").text("~be notes").keys("enter n");
        assert!(d.model.inspect.rows.len() < n);
    }
}
