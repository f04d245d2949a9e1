//! Asks the terminal what its background is, and picks the answer out of what is typed.
//!
//! Nobody waits for it: a terminal may be far away, or never say. The answer (OSC 11, as xterm defined it) reaches us the way keys do, as
//! `Alt-]`, its characters, and `Alt-\` or `Ctrl-G`.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The question. Terminals that do not know it say nothing.
pub(super) const QUESTION: &[u8] = b"\x1b]11;?\x1b\\";
/// How an answer begins. What begins otherwise was typed.
const BEGINNING: &str = "11;";
/// No answer is longer.
const MAX_CHARS: usize = 40;

/// What an event is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing of the answer.
    Typed,
    /// A part of it.
    Part,
    /// Its end: the background is light, or dark.
    Light(bool),
}

/// Listens for the answer.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// What came of it.
    said: Option<String>,
}

impl Background {
    /// Takes an event.
    pub(super) fn hear(&mut self, event: &Event) -> Heard {
        let Event::Key(KeyEvent { code: KeyCode::Char(c), modifiers, kind: KeyEventKind::Press, .. }) = event else {
            return Heard::Typed;
        };
        let held = *modifiers - KeyModifiers::SHIFT;
        let Some(said) = &mut self.said else {
            if (*c, held) == (']', KeyModifiers::ALT) {
                self.said = Some(String::new());
                return Heard::Part;
            }
            return Heard::Typed;
        };
        if matches!((*c, held), ('\\', KeyModifiers::ALT) | ('g', KeyModifiers::CONTROL)) {
            let light = is_light(said);
            self.said = None;
            return light.map_or(Heard::Part, Heard::Light);
        }
        said.push(*c);
        let begins = BEGINNING.starts_with(&**said) || said.starts_with(BEGINNING);
        if !held.is_empty() || !begins || said.len() > MAX_CHARS {
            self.said = None;
            return Heard::Typed;
        }
        Heard::Part
    }
}

/// Whether `11;rgb:ffff/ffff/dddd` is a light colour; `None` if it is none.
fn is_light(said: &str) -> Option<bool> {
    let (_, parts) = said.strip_prefix(BEGINNING)?.split_once(':')?;
    let part = |text: &str| {
        let most = (1_u32 << (4 * u32::try_from(text.len()).ok().filter(|n| (1..=4).contains(n))?)) - 1;
        Some(f64::from(u32::from_str_radix(text, 16).ok()?) / f64::from(most))
    };
    let mut parts = parts.split('/').map(part);
    let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
    // How bright they seem (ITU-R BT.601).
    Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(c: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), modifiers))
    }

    fn hear(text: &str, end: Event) -> Vec<Heard> {
        let mut background = Background::default();
        let mut events = vec![key(']', KeyModifiers::ALT)];
        events.extend(text.chars().map(|c| key(c, KeyModifiers::NONE)));
        events.push(end);
        events.iter().map(|e| background.hear(e)).collect()
    }

    #[test]
    fn the_answer_is_no_key() {
        let st = || key('\\', KeyModifiers::ALT);
        let bel = || key('g', KeyModifiers::CONTROL);
        for (text, end, light) in [
            ("11;rgb:ffff/ffff/dddd", st(), true),
            ("11;rgb:fdfd/f6f6/e3e3", bel(), true),
            ("11;rgb:1e/1e/2e", bel(), false),
            ("11;rgba:0000/0000/0000/ffff", st(), false),
        ] {
            let mut heard = hear(text, end);
            assert_eq!(heard.pop(), Some(Heard::Light(light)), "{text}");
            assert!(heard.iter().all(|h| *h == Heard::Part), "{text}");
        }
    }

    #[test]
    fn what_is_typed_stays_a_key() {
        let mut background = Background::default();
        assert_eq!(background.hear(&key('r', KeyModifiers::NONE)), Heard::Typed);
        assert_eq!(background.hear(&key(']', KeyModifiers::NONE)), Heard::Typed);
        assert_eq!(background.hear(&key(']', KeyModifiers::ALT)), Heard::Part);
        assert_eq!(background.hear(&key('j', KeyModifiers::NONE)), Heard::Typed);
        assert_eq!(background.hear(&key('1', KeyModifiers::NONE)), Heard::Typed);
        let endless = hear(&format!("11;{}", "f".repeat(MAX_CHARS)), key('j', KeyModifiers::NONE));
        assert_eq!(endless.last(), Some(&Heard::Typed));
        assert_eq!(hear("11;what", key('\\', KeyModifiers::ALT)).last(), Some(&Heard::Part));
    }
}
