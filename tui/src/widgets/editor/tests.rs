//! Keys in, text out; and what is drawn.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::*;
use crate::app::theme::{Theme, Tone};

/// `|` is the cursor.
fn editor(text: &str) -> Editor {
    let at = text.find('|').unwrap_or(0);
    let mut e = Editor::new(&text.replacen('|', "", 1), Syntax::Yaml, 1 << 20);
    let head = &text[..at];
    e.go_to(place(head.matches('\n').count(), head.len() - head.rfind('\n').map_or(0, |n| n + 1)));
    e.settle(10, 40);
    e
}

fn shown(e: &Editor) -> String {
    let mut lines: Vec<String> = e.buffer().lines().to_vec();
    lines[e.cursor().line].insert(e.cursor().byte, '|');
    lines.join("\n")
}

fn keys(e: &mut Editor, names: &str) {
    for name in names.split_whitespace() {
        e.key(Key::parse(name).unwrap_or_else(|| panic!("no key `{name}`")));
        e.settle(10, 40);
    }
}

#[track_caller]
fn check(text: &str, names: &str, expected: &str) {
    let mut e = editor(text);
    keys(&mut e, names);
    assert_eq!(shown(&e), expected);
}

#[test]
fn typing_and_deleting() {
    check("a|b", "x y backspace delete", "ax|");
    check("日|本", "backspace é delete", "é|");
    check("ae\u{301}|x", "backspace", "a|x");
    check("one two|", "ctrl-w", "one |");
    check("one two|\nx", "ctrl-u", "|\nx");
    check("on|e\nx", "ctrl-k ctrl-k", "on|x");
    check("a\n|b", "backspace", "a|b");
    check("a|\nb", "delete", "a|b");
    check("|one two", "ctrl-delete", "|two");
}

#[test]
fn new_lines_are_indented_as_the_text_asks_for() {
    check("servers:|", "enter", "servers:\n  |");
    check("  a: # x|", "enter", "  a: # x\n    |");
    check("  a: b|", "enter x", "  a: b\n  x|");
    check("  - a:|", "enter", "  - a:\n      |");
    check("    |", "backspace", "  |");
    check("   |", "backspace", "  |");
    check("a|", "tab x", "a x|");
    check("  |", "tab", "    |");
    check("    x|", "s-tab", "  x|");
}

#[test]
fn moving() {
    check("ab|c\nx\nlong", "down down", "abc\nx\nlo|ng");
    check("日本|\nabcdef", "down", "日本\nabcd|ef");
    check("  ab|c", "home", "  |abc");
    check("  |abc", "home", "|  abc");
    check("ab|c\nx", "end right", "abc\n|x");
    check("abc\n|x", "left", "abc|\nx");
    check("a|b\ncd", "ctrl-end ctrl-home", "|ab\ncd");
    check("ab|", "down", "ab|");
    check("a|b", "up", "|ab");
    check("one t|wo", "ctrl-left ctrl-left", "|one two");
    check("|one two", "ctrl-right", "one |two");
}

#[test]
fn selecting_copying_and_pasting() {
    let mut e = editor("one |two\nthree");
    keys(&mut e, "s-right s-right s-right");
    assert_eq!(e.copy(), "two");
    keys(&mut e, "end");
    assert!(e.paste_clip());
    assert_eq!(shown(&e), "one twotwo|\nthree");
    keys(&mut e, "ctrl-home s-down");
    assert_eq!(e.cut(), "one twotwo\n");
    assert_eq!(shown(&e), "|three");
    e.undo();
    assert_eq!(e.text(), "one twotwo\nthree");
    // Without a selection the line is meant.
    e.go_to(place(1, 2));
    assert_eq!(e.cut(), "three\n");
    assert_eq!(e.text(), "one twotwo\n");
    keys(&mut e, "ctrl-home s-end x");
    assert_eq!(shown(&e), "x|\n");
    assert!(e.paste("a\r\nb\u{1b}[31m\tc\rd"));
    assert_eq!(shown(&e), "xa\nb[31m\tc\nd|\n");
}

#[test]
fn undoing_says_what_and_goes_word_by_word() {
    let mut e = editor("|");
    keys(&mut e, "n p x space - y enter a");
    let mut told = Vec::new();
    while let Some(words) = e.undo() {
        told.push((words, e.text()));
    }
    let expected =
        [("typed `a`", "npx -y\n"), ("typed a line break", "npx -y"), ("typed `-y`", "npx "), ("typed `npx`", "")];
    assert_eq!(told.iter().map(|(w, t)| (w.as_str(), t.as_str())).collect::<Vec<_>>(), expected);
    while e.redo().is_some() {}
    assert_eq!(e.text(), "npx -y\na");
    keys(&mut e, "backspace backspace backspace backspace");
    assert_eq!(e.undo().as_deref(), Some("deleted `-y`"));
    assert_eq!(e.undo().as_deref(), Some("deleted a line break"));
    keys(&mut e, "z");
    assert_eq!(e.redo(), None, "what was undone is gone once something else is done");
}

#[test]
fn lines_are_indented_and_commented_together() {
    let mut e = editor("|a:\n  b: 1\n\nc");
    keys(&mut e, "s-down s-down s-down");
    keys(&mut e, "tab");
    assert_eq!(e.text(), "  a:\n    b: 1\n\nc");
    assert_eq!(e.undo().as_deref(), Some("indented 2 lines"));
    e.select(place(0, 0)..place(2, 0));
    e.comment();
    assert_eq!(e.text(), "# a:\n#   b: 1\n\nc");
    e.comment();
    assert_eq!(e.text(), "a:\n  b: 1\n\nc");
    assert_eq!(e.undo().as_deref(), Some("uncommented 2 lines"));
}

#[test]
fn finding() {
    let mut e = editor("Alpha|\nbeta alpha\nALPHA");
    e.open_find();
    for c in "alp".chars() {
        e.find.input.key(Key { code: Code::Char(c), ctrl: false, shift: false });
        e.find_typed();
    }
    assert_eq!((e.selection(), e.find.seen), (Some(place(1, 5)..place(1, 8)), Some((2, 3))));
    assert!(e.find_next(false));
    assert_eq!(e.selection(), Some(place(2, 0)..place(2, 3)));
    assert!(e.find_next(false));
    assert_eq!((e.selection(), e.find.seen), (Some(place(0, 0)..place(0, 3)), Some((1, 3))));
    assert!(e.find_next(true));
    assert_eq!(e.selection(), Some(place(2, 0)..place(2, 3)));
    // With a capital it has to be the same.
    e.find.input = crate::widgets::input::Input::new("Al");
    e.find_typed();
    assert_eq!(e.find.seen, Some((1, 1)));
    e.find.input = crate::widgets::input::Input::new("nowhere");
    e.find_typed();
    assert!(!e.find_next(false));
    assert_eq!(e.find.seen, Some((0, 0)));
}

#[test]
fn another_text_takes_the_place_of_the_old_one_by_what_differs() {
    for (old, new) in [
        ("a\nb\nc\n", "a\nx\nc\n"),
        ("a\nb\n", "a\nb\nc\n"),
        ("a\nb\n", "x\na\nb\n"),
        ("a\nb\nc", "a\nc"),
        ("a\nb\nc", "b\nc"),
        ("a\nb\nc", "a\nb"),
        ("", "a\nb"),
        ("a\nb", ""),
        ("a\na\na", "a\na"),
        ("a\na", "a\na\na"),
    ] {
        let mut e = editor(old);
        assert!(e.become_text(new, "taken"), "{old:?} {new:?}");
        assert_eq!(e.text(), new, "{old:?}");
        assert_eq!(e.undo().as_deref(), Some("taken"));
        assert_eq!(e.text(), old);
    }
    assert!(!editor("a").become_text("a", "x"));
}

#[test]
fn a_text_does_not_grow_beyond_its_limit() {
    let mut e = Editor::new("12345678", Syntax::Plain, 10);
    assert!(!e.paste("abc") && e.was_full() && !e.was_full());
    assert!(e.paste("ab"));
    assert!(!e.insert("c") && e.was_full());
}

/// The cells as text, and the reversed ones.
fn drawn(e: &Editor, look: &Look<'_>, size: (u16, u16)) -> (Vec<String>, Vec<(u16, u16)>) {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(e, look, Rect::new(0, 0, size.0, size.1), frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut reversed = Vec::new();
    let mut lines = Vec::new();
    for y in 0..size.1 {
        let mut line = String::new();
        for x in 0..size.0 {
            line.push_str(buffer[(x, y)].symbol());
            if buffer[(x, y)].modifier.contains(Modifier::REVERSED) {
                reversed.push((x, y));
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    (lines, reversed)
}

fn plain<'a>(remarks: &'a dyn Fn(usize) -> Vec<Remark>) -> Look<'a> {
    Look { theme: Theme::default(), is_active: true, remarks, masks: None }
}

#[test]
fn lines_have_numbers_signs_and_remarks() {
    let mut e = editor("a: 1\nb|: \"日\"\n\tc\u{202e}d");
    e.settle(4, 33);
    let remarks = |line: usize| match line {
        1 => vec![Remark { tone: Tone::Bad, sign: "✗", text: "want a number, got text".into(), range: 3..8 }],
        _ => Vec::new(),
    };
    let (lines, reversed) = drawn(&e, &plain(&remarks), (44, 4));
    assert_eq!(lines, ["     1 a: 1", " ✗   2 b: \"日 \"   ✗ want a number, got text", "     3 →   c?d", ""]);
    assert_eq!(reversed, [(8, 1)]);
    let (x, y) = e.cursor_cell(Rect::new(0, 0, 40, 4)).unwrap();
    assert_eq!((x, y), (8, 1));
    assert_eq!(e.place_at(4, 1), place(1, 4));
}

#[test]
fn secrets_are_stars_but_where_one_types() {
    let mut e = editor("|token: ghp_abcdefgh123\nkey: x");
    e.settle(2, 40);
    let mask = |line: &str| mcp_proxy_core::config::masked(line);
    let none = |_: usize| Vec::new();
    let mut look = Look { masks: Some(&mask), ..plain(&none) };
    assert!(drawn(&e, &look, (40, 2)).0[0].contains("token: ghp_abc"));
    look.is_active = false;
    assert!(drawn(&e, &look, (40, 2)).0[0].contains("token: ***************"));
    e.go_to(place(1, 0));
    look.is_active = true;
    assert!(drawn(&e, &look, (40, 2)).0[0].contains("token: ***************"));
}

#[test]
fn a_long_line_follows_the_cursor() {
    let mut e = Editor::new(&"0123456789".repeat(10), Syntax::Plain, 1 << 20);
    e.settle(3, 20);
    let none = |_: usize| Vec::new();
    let (lines, _) = drawn(&e, &plain(&none), (27, 3));
    assert_eq!(lines[0], "     1 0123456789012345678…");
    keys(&mut e, "end");
    e.settle(3, 20);
    let (lines, reversed) = drawn(&e, &plain(&none), (27, 3));
    assert!(lines[0].ends_with("6789") && reversed.len() == 1, "{lines:?}");
    keys(&mut e, "home");
    e.settle(3, 20);
    assert_eq!(e.left, 0);
}

/// The cost of a key and of a frame does not grow with the file.
#[test]
fn only_what_is_on_the_screen_is_looked_at() {
    let text: String = (0..100_000).map(|i| format!("  server-{i}: {{ command: npx }}\n")).collect();
    let mut e = Editor::new(&text, Syntax::Yaml, 16 << 20);
    e.settle(50, 100);
    assert_eq!(e.states.len(), 50);
    e.go_to(place(40, 3));
    keys(&mut e, "x");
    e.settle(50, 100);
    assert!(e.states.len() <= 90, "{}", e.states.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_typed_can_be_undone(
        text in "[a-c:#\\-\" \n\t日\u{301}\u{202e}{}\\[\\]]{0,80}",
        steps in proptest::collection::vec((0_usize..26, 1_usize..12, 1_usize..40), 0..60),
    ) {
        const KEYS: [&str; 22] = [
            "a", "space", "enter", "backspace", "delete", "ctrl-w", "ctrl-k", "ctrl-u", "tab", "s-tab", "left", "right", "up",
            "down", "s-up", "s-down", "s-right", "ctrl-left", "ctrl-s-right", "home", "end", "pgdn",
        ];
        for syntax in [Syntax::Yaml, Syntax::Json] {
            let mut e = Editor::new(&text, syntax, 400);
            for (step, rows, columns) in &steps {
                match step {
                    22 => { e.comment(); }
                    23 => { e.cut(); }
                    24 => { e.paste_clip(); }
                    25 => { e.undo(); }
                    step => { e.key(Key::parse(KEYS[*step]).unwrap()); }
                }
                e.settle(*rows, *columns);
                prop_assert_eq!(e.buffer.n_bytes(), e.buffer.text().replace("\r\n", "\n").len());
                prop_assert_eq!(e.buffer.fit(e.cursor), e.cursor);
                prop_assert!((e.top..e.top + rows).contains(&e.cursor.line));
                let none = |_: usize| Vec::new();
                let width = u16::try_from(*columns).unwrap() + e.gutter();
                drawn(&e, &plain(&none), (width, u16::try_from(*rows).unwrap()));
                prop_assert!(e.cursor_cell(Rect::new(0, 0, width, u16::try_from(*rows).unwrap())).is_some());
            }
            let last = e.text();
            let mut n = 0;
            while e.undo().is_some() { n += 1; }
            prop_assert_eq!(e.text(), text.clone());
            for _ in 0..n { e.redo(); }
            prop_assert_eq!(e.text(), last);
        }
    }
}
