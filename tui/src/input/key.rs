//! A key as the table names it, free of any terminal library.

use std::fmt;

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// A character, shifted as typed.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 to F12.
    F(u8),
}

/// A key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Which key.
    pub(crate) code: Code,
    /// With Ctrl held.
    pub(crate) ctrl: bool,
    /// With Shift held; of characters it says nothing: they are as typed.
    pub(crate) shift: bool,
}

impl Key {
    /// The key of a name as the table writes it: `j`, `ctrl-d`, `pgup`, `space`, `f1`, `s-left`, `ctrl-s-end`.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (ctrl, rest) = name.strip_prefix("ctrl-").map_or((false, name), |rest| (true, rest));
        let (shift, rest) = match rest.strip_prefix("s-") {
            Some(rest) if rest != "tab" && !rest.is_empty() => (true, rest),
            _ => (false, rest),
        };
        let mut chars = rest.chars();
        let code = match rest {
            "enter" => Code::Enter,
            "esc" => Code::Esc,
            "tab" => Code::Tab,
            "s-tab" => Code::BackTab,
            "backspace" => Code::Backspace,
            "delete" => Code::Delete,
            "left" => Code::Left,
            "right" => Code::Right,
            "up" => Code::Up,
            "down" => Code::Down,
            "home" => Code::Home,
            "end" => Code::End,
            "pgup" => Code::PageUp,
            "pgdn" => Code::PageDown,
            "space" => Code::Char(' '),
            _ => match (chars.next()?, chars.next()) {
                (c, None) if !shift => Code::Char(c),
                ('f', Some(_)) => Code::F(rest[1..].parse().ok().filter(|n| (1..=12).contains(n))?),
                _ => return None,
            },
        };
        Some(Self { code, ctrl, shift })
    }

    /// The same key without Ctrl and Shift, where that is another one and types nothing: what it means where nobody has given the
    /// two of them a meaning.
    #[must_use]
    pub(crate) fn alone(self) -> Option<Self> {
        let has_more = (self.ctrl || self.shift) && !matches!(self.code, Code::Char(_));
        has_more.then_some(Self { ctrl: false, shift: false, ..self })
    }

    /// The character this key types, if it types one.
    #[must_use]
    pub(crate) const fn typed(self) -> Option<char> {
        match self {
            Self { code: Code::Char(c), ctrl: false, .. } => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.shift {
            f.write_str("S-")?;
        }
        match self.code {
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            Code::Char(c) => write!(f, "{c}"),
            Code::Enter => f.write_str("Enter"),
            Code::Esc => f.write_str("Esc"),
            Code::Tab => f.write_str("Tab"),
            Code::BackTab => f.write_str("S-Tab"),
            Code::Backspace => f.write_str("Backspace"),
            Code::Delete => f.write_str("Delete"),
            Code::Left => f.write_str("Left"),
            Code::Right => f.write_str("Right"),
            Code::Up => f.write_str("Up"),
            Code::Down => f.write_str("Down"),
            Code::Home => f.write_str("Home"),
            Code::End => f.write_str("End"),
            Code::PageUp => f.write_str("PgUp"),
            Code::PageDown => f.write_str("PgDn"),
            Code::F(n) => write!(f, "F{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_keys_and_back() {
        for (name, shown) in [
            ("j", "j"),
            ("ctrl-d", "Ctrl-D"),
            ("s-tab", "S-Tab"),
            ("f8", "F8"),
            ("s-f8", "S-F8"),
            ("ctrl-space", "Ctrl-Space"),
            ("ctrl-s-end", "Ctrl-S-End"),
            ("s-left", "S-Left"),
            ("ctrl-s", "Ctrl-S"),
            ("s", "s"),
            ("ctrl--", "Ctrl--"),
        ] {
            assert_eq!(Key::parse(name).unwrap_or_else(|| panic!("{name}")).to_string(), shown);
        }
        for name in ["", "ctrl-", "s-a", "ctrl-s-a", "f0", "f13", "nothing"] {
            assert_eq!(Key::parse(name), None, "{name}");
        }
        assert_eq!(Key::parse("ctrl-left").and_then(Key::alone), Key::parse("left"));
        assert_eq!(Key::parse("ctrl-s").and_then(Key::alone), None);
    }
}
