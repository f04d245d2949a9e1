//! How things look: the terminal's own 16 colours (darker ones on a light background), and a symbol beside every word.
//!
//! A state is never told by colour alone: without colour everything still reads the same.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Colours may be used (`NO_COLOR` is not set).
    pub color: bool,
    /// Only ASCII may be used (the locale is not UTF-8).
    pub ascii: bool,
    /// The background is light: yellow, cyan and green as terminals show them cannot be read on it.
    pub light: bool,
    /// Words only, for screen readers (`ACCESSIBLE=1`): no symbols, no charts, no frames, and the cursor stands on the selection.
    pub accessible: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self { color: true, ascii: false, light: false, accessible: false }
    }
}

/// How loud something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Needs a look.
    Warn,
    /// Does not work.
    Bad,
    /// Under way.
    Busy,
    /// Of no concern.
    Quiet,
    /// Plain text.
    Plain,
}

/// The symbols of one alphabet; each takes one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbols {
    pub(crate) brand: &'static str,
    pub(crate) good: &'static str,
    pub(crate) bad: &'static str,
    pub(crate) warn: &'static str,
    pub(crate) wait: &'static str,
    pub(crate) held: &'static str,
    pub(crate) frozen: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) full: &'static str,
    pub(crate) half: &'static str,
    pub(crate) dotted: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) cursor: &'static str,
    pub(crate) open: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) none: &'static str,
    pub(crate) right: &'static str,
    pub(crate) left: &'static str,
    pub(crate) from: &'static str,
    /// Around the chosen tab.
    pub(crate) tab: [&'static str; 2],
    pub(crate) dot: &'static str,
    /// Between facts in one line, with its blanks.
    pub(crate) sep: &'static str,
    pub(crate) play: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) bar: &'static str,
    pub(crate) shade: &'static str,
    pub(crate) enter: &'static str,
    pub(crate) ellipsis: &'static str,
    pub(crate) times: &'static str,
    pub(crate) levels: [&'static str; 8],
}

const UNICODE: Symbols = Symbols {
    brand: "◆",
    good: "✓",
    bad: "✗",
    warn: "▲",
    wait: "⋯",
    held: "‖",
    frozen: "‖",
    mark: "●",
    up: "↑",
    down: "↓",
    full: "●",
    half: "◐",
    dotted: "◌",
    empty: "○",
    cursor: "▸",
    open: "▾",
    closed: "▸",
    none: "—",
    right: "→",
    left: "⇠",
    from: "↳",
    tab: ["▐", "▌"],
    dot: "·",
    sep: " · ",
    play: "▶",
    rule: "─",
    bar: "█",
    shade: "░",
    enter: "↵",
    ellipsis: "…",
    times: "×",
    levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Symbols = Symbols {
    brand: "#",
    good: "+",
    bad: "x",
    warn: "!",
    wait: ".",
    held: "#",
    frozen: "#",
    mark: "*",
    up: "^",
    down: "v",
    full: "*",
    half: "%",
    dotted: "~",
    empty: "o",
    cursor: ">",
    open: "v",
    closed: ">",
    none: "-",
    right: ">",
    left: "<",
    from: "^",
    tab: ["[", "]"],
    dot: "-",
    sep: " - ",
    play: ">",
    rule: "-",
    bar: "#",
    shade: ":",
    enter: "Enter",
    ellipsis: "~",
    times: "x",
    levels: ["_", ".", ":", "-", "=", "+", "*", "#"],
};

/// For screen readers: every state has a word beside it, which is enough.
const WORDS: Symbols = Symbols {
    brand: " ",
    good: "",
    bad: "",
    warn: "",
    wait: "",
    held: "",
    frozen: "",
    mark: "*",
    up: "^",
    down: "v",
    full: "",
    half: "",
    dotted: "",
    empty: "",
    cursor: ">",
    open: " ",
    closed: " ",
    none: "-",
    right: "to",
    left: "from",
    from: "",
    tab: ["[", "]"],
    dot: ",",
    sep: ", ",
    play: "",
    rule: " ",
    bar: "",
    shade: "",
    enter: "Enter",
    ellipsis: "~",
    times: " times",
    levels: [""; 8],
};

const NO_BORDER: border::Set<'static> = border::Set {
    top_left: " ",
    top_right: " ",
    bottom_left: " ",
    bottom_right: " ",
    vertical_left: " ",
    vertical_right: " ",
    horizontal_top: " ",
    horizontal_bottom: " ",
};

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Theme {
    /// The symbols to draw with.
    pub(crate) const fn symbols(self) -> &'static Symbols {
        match (self.accessible, self.ascii) {
            (true, _) => &WORDS,
            (_, true) => &ASCII,
            _ => &UNICODE,
        }
    }

    /// The lines of a frame.
    pub(crate) const fn border(self) -> border::Set<'static> {
        match (self.accessible, self.ascii) {
            (true, _) => NO_BORDER,
            (_, true) => ASCII_BORDER,
            _ => border::ROUNDED,
        }
    }

    /// Text of a tone.
    pub(crate) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Good => self.fg(Color::Green),
            Tone::Warn => self.fg(Color::Yellow),
            Tone::Bad => self.fg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Busy => self.fg(Color::Cyan),
            Tone::Quiet => self.dim(),
            Tone::Plain => Style::new(),
        }
    }

    /// Beside the point.
    pub(crate) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Headings and the names of keys.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A key one may press.
    pub(crate) fn key(self) -> Style {
        self.fg(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The row under the cursor; `active` when its pane has the keys.
    pub(crate) fn cursor(self, active: bool) -> Style {
        if !active {
            return Style::new().add_modifier(Modifier::BOLD);
        }
        // One calm bar: colours in it would become backgrounds.
        Style::new().fg(Color::Reset).add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM)
    }

    /// Text that was looked for.
    pub(crate) fn found(self) -> Style {
        self.fg(Color::Yellow).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The frame of a pane.
    pub(crate) fn frame(self, active: bool) -> Style {
        if active { self.fg(Color::Cyan) } else { self.dim() }
    }

    /// Names of JSON members.
    pub(crate) fn json_key(self) -> Style {
        self.fg(Color::Blue)
    }

    /// JSON strings.
    pub(crate) fn json_text(self) -> Style {
        self.fg(Color::Green)
    }

    /// JSON numbers, `true`, `false`, `null`.
    pub(crate) fn json_atom(self) -> Style {
        self.fg(Color::Magenta)
    }

    fn fg(self, color: Color) -> Style {
        match (self.color, self.light) {
            (false, _) => Style::new(),
            (true, false) => Style::new().fg(color),
            (true, true) => Style::new().fg(on_light(color)),
        }
    }
}

/// The same colour, dark enough for a light background: out of the 256 that do not follow the terminal's palette. Each has a contrast of
/// 4.5 or more against white.
const fn on_light(color: Color) -> Color {
    match color {
        Color::Green => Color::Indexed(22),
        Color::Yellow => Color::Indexed(94),
        Color::Red => Color::Indexed(124),
        Color::Cyan => Color::Indexed(24),
        Color::Blue => Color::Indexed(19),
        Color::Magenta => Color::Indexed(90),
        other => other,
    }
}
