//! Random keys, sizes, mouse and news: nothing may panic, and every state can be drawn.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::msg::{Mouse, Msg};
use crate::app::theme::Theme;
use crate::app::view;
use crate::driver::{Driver, LOGS};
use crate::input::key::{Code, Key};
use crate::input::keymap::TABLE;
use crate::screens::config::talk::{NotSaved, Told};

#[derive(Clone, Debug)]
enum Step {
    Key(Key),
    Paste(String),
    Mouse(Mouse, u16, u16),
    Resize(u16, u16),
    More(u8),
    Drop(u8),
    Answer(Vec<u8>),
    Theme(bool, bool, bool),
    Later(u64),
    Empty,
    Readings(String),
    Saved(bool),
}

/// Keys pressed on the screen Config only.
fn config_step() -> impl Strategy<Value = Step> {
    prop_oneof![6 => key().prop_map(Step::Key), 1 => step()]
}

fn key() -> impl Strategy<Value = Key> {
    let known: Vec<Key> = TABLE.iter().flat_map(crate::input::keymap::Binding::parsed).collect();
    prop_oneof![
        6 => proptest::sample::select(known),
        2 => any::<char>().prop_map(|c| Key { code: Code::Char(c), ctrl: false, shift: false }),
        1 => Just(Key { code: Code::Backspace, ctrl: false, shift: false }),
        1 => Just(Key { code: Code::Delete, ctrl: false, shift: false }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let mouse = prop_oneof![Just(Mouse::Click), Just(Mouse::Drag), Just(Mouse::WheelUp), Just(Mouse::WheelDown)];
    prop_oneof![
        24 => key().prop_map(Step::Key),
        2 => ".{0,40}".prop_map(Step::Paste),
        3 => (mouse, 0_u16..220, 0_u16..70).prop_map(|(m, x, y)| Step::Mouse(m, x, y)),
        2 => (0_u16..300, 0_u16..120).prop_map(|(w, h)| Step::Resize(w, h)),
        1 => (40_u16..100, 8_u16..30).prop_map(|(w, h)| Step::Resize(w, h)),
        2 => (0_u8..30).prop_map(Step::More),
        1 => (0_u8..30).prop_map(Step::Drop),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Step::Answer),
        1 => any::<(bool, bool, bool)>().prop_map(|(c, a, w)| Step::Theme(c, a, w)),
        1 => (0_u64..200_000).prop_map(Step::Later),
        1 => Just(Step::Empty),
        2 => "[a-z: \n#\"{}-]{0,60}".prop_map(Step::Readings),
        1 => any::<bool>().prop_map(Step::Saved),
    ]
}

fn take(d: &mut Driver, step: Step) {
    match step {
        Step::Key(key) => d.tell(Msg::Key(key)),
        Step::Paste(text) => d.tell(Msg::Paste(text)),
        Step::Mouse(mouse, x, y) => d.tell(Msg::Mouse(mouse, x, y)),
        Step::Resize(w, h) => d.tell(Msg::Resize(w, h)),
        Step::More(n) => {
            let mut row = crate::sample::flows()[usize::from(n) % 14].clone();
            for _ in 0..n {
                row.id.0 = d.journal.last().map_or(50, |f| f.id.0 + 1);
                d.journal.push(row.clone());
            }
            let changed = d.journal.first().map(|f| f.id).into_iter().collect();
            d.look((n % 3 != 0).then_some(changed));
        }
        Step::Drop(n) => {
            d.journal.drain(..usize::from(n).min(d.journal.len()));
            d.look(Some(Vec::new()));
        }
        Step::Answer(junk) => {
            let mut frame = br#"{"jsonrpc":"2.0","id":1,"result":{"a":["#.to_vec();
            frame.extend(junk);
            let seq = d.model.catalog.seq;
            d.tell(Msg::Answer { seq, result: Ok(Bytes::from(frame)), took: Duration::from_millis(3) });
        }
        Step::Theme(color, ascii, accessible) => d.model.theme = Theme { color, ascii, accessible, light: color },
        Step::Readings(text) => {
            d.file = (!text.is_empty()).then(|| format!("{}{text}", crate::sample::CONFIG));
            d.n_readings += 1;
            d.look(Some(Vec::new()));
        }
        Step::Saved(well) => {
            let version = d.model.config.open().map_or(0, |o| o.editor.version());
            let result = if well { Err(NotSaved::Changed) } else { Err(NotSaved::Failed("no room".to_owned())) };
            d.tell(Msg::Config(Box::new(Told::Saved { version, result })));
            d.tell(Msg::Config(Box::new(crate::sample::probed(d.model.config.seq, "broken"))));
        }
        Step::Later(ms) => {
            d.model.now += Duration::from_millis(ms);
            d.tell(Msg::Tick);
        }
        Step::Empty => {
            d.snapshot.backends.truncate(1);
            d.catalog = std::sync::Arc::default();
            d.look(None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_in_the_editor(steps in proptest::collection::vec(config_step(), 1..80), w in 60_u16..220, h in 12_u16..70) {
        let mut d = Driver::new((w, h));
        d.keys("7 enter");
        for step in steps {
            take(&mut d, step);
            let (w, h) = d.model.size;
            let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
            terminal.draw(|frame| view::draw(&d.model, frame)).unwrap();
        }
    }

    #[test]
    fn nothing_panics(steps in proptest::collection::vec(step(), 1..50), w in 0_u16..220, h in 0_u16..70) {
        let _alone = LOGS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut d = Driver::new((w, h));
        for step in steps {
            take(&mut d, step);
            let (w, h) = d.model.size;
            let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
            terminal.draw(|frame| view::draw(&d.model, frame)).unwrap();
            let dirt = terminal.backend().buffer().content().iter().find(|c| c.symbol().chars().any(char::is_control));
            prop_assert!(dirt.is_none(), "a control character reached a cell: {:?}", dirt);
        }
    }
}
