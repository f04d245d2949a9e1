//! `${…}` in texts, after parsing. Pure: where values come from is a [`Lookup`]. What came out of a variable is not looked
//! at again, so a value can never bring a reference of its own.

use std::ops::Range;

/// Defaults may hold references; nobody needs more than a few levels.
const MAX_NESTING: usize = 8;

/// Where values come from.
pub(crate) trait Lookup {
    /// A variable; `None` if it is not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of a file, or why not.
    fn file(&self, path: &str) -> Result<String, String>;
    /// An entry of the keyring, or why not.
    fn keyring(&self, name: &str) -> Result<String, String>;
    /// What a program prints, or why not.
    fn command(&self, words: &[String]) -> Result<String, String>;
}

/// What went wrong with one reference, and where in the text it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: Range<usize>,
    pub(crate) kind: ProblemKind,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// `${X}`, and nobody set `X`.
    Unset { name: String },
    /// `${X:?message}`
    Required { name: String, message: String },
    /// No name we understand.
    Bad,
    /// `${` without `}`.
    Unclosed,
    /// `${input:id}` of VS Code.
    Input { id: String },
    /// `${keyring:…}` that gave nothing.
    Keyring { name: String, reason: String },
    /// `${cmd:…}` that gave nothing.
    Command { reason: String },
    /// `${file:…}` that could not be read.
    File { path: String, reason: String },
    /// `$NAME`: stays as it is; a warning.
    BareName { name: String },
}

impl ProblemKind {
    /// Whether the text could be expanded all the same.
    pub(crate) fn is_warning(&self) -> bool {
        matches!(self, Self::BareName { .. })
    }
}

/// A text with its references replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether anything came from elsewhere.
    pub(crate) has_references: bool,
}

/// Replaces all references in `text`. `None` if one of them could not be.
pub(crate) fn expand(text: &str, lookup: &dyn Lookup, problems: &mut Vec<Problem>) -> Option<Expanded> {
    let before = problems.len();
    let mut has_references = false;
    let out = walk(text, 0, 0, lookup, problems, &mut has_references);
    let failed = problems[before..].iter().any(|p| !p.kind.is_warning());
    (!failed).then_some(Expanded { text: out, has_references })
}

fn walk(
    text: &str,
    offset: usize,
    depth: usize,
    lookup: &dyn Lookup,
    problems: &mut Vec<Problem>,
    has_references: &mut bool,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$').map(|i| at + i) {
        out.push_str(&text[at..dollar]);
        let after = &text[dollar + 1..];
        if after.starts_with('$') {
            out.push('$');
            at = dollar + 2;
        } else if after.starts_with('{') {
            let Some(length) = reference_length(&text[dollar..]) else {
                problems.push(Problem { at: offset + dollar..offset + text.len(), kind: ProblemKind::Unclosed });
                return out;
            };
            let inner = &text[dollar + 2..dollar + length - 1];
            let at_whole = offset + dollar..offset + dollar + length;
            *has_references = true;
            match reference(inner, at_whole.start + 2, depth, lookup, problems, has_references) {
                Ok(value) => out.push_str(&value),
                Err(Some(kind)) => problems.push(Problem { at: at_whole, kind }),
                Err(None) => {}
            }
            at = dollar + length;
        } else {
            let name = bare_name(after);
            if name.len() > 1 {
                let kind = ProblemKind::BareName { name: name.to_owned() };
                problems.push(Problem { at: offset + dollar..offset + dollar + 1 + name.len(), kind });
            }
            out.push('$');
            at = dollar + 1;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Bytes of the reference `text` starts with, both braces included; braces inside are counted.
fn reference_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The value of what stands between the braces. `Err(None)`: the problem is told already.
fn reference(
    inner: &str,
    offset: usize,
    depth: usize,
    lookup: &dyn Lookup,
    problems: &mut Vec<Problem>,
    has_references: &mut bool,
) -> Result<String, Option<ProblemKind>> {
    let (inner, offset, is_variable) = match inner.strip_prefix("env:") {
        Some(rest) => (rest, offset + "env:".len(), true),
        None => (inner, offset, false),
    };
    let name_length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(name_length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Some(ProblemKind::Bad));
    }
    let value = lookup.variable(name);
    let filled = value.clone().filter(|v| !v.is_empty());
    let default = |problems: &mut Vec<Problem>, has: &mut bool, text: &str| {
        if depth >= MAX_NESTING {
            return Err(Some(ProblemKind::Bad));
        }
        let before = problems.len();
        // A word of a command may be shorter than it is written: then the whole reference is meant.
        let default_offset = offset + inner.len().saturating_sub(text.len());
        let out = walk(text, default_offset, depth + 1, lookup, problems, has);
        if problems[before..].iter().any(|p| !p.kind.is_warning()) { Err(None) } else { Ok(out) }
    };
    if rest.is_empty() {
        value.ok_or_else(|| Some(ProblemKind::Unset { name: name.to_owned() }))
    } else if let Some(text) = rest.strip_prefix(":-") {
        filled.map_or_else(|| default(problems, has_references, text), Ok)
    } else if let Some(text) = rest.strip_prefix('-') {
        value.map_or_else(|| default(problems, has_references, text), Ok)
    } else if let Some(message) = rest.strip_prefix(":?") {
        let kind = || ProblemKind::Required { name: name.to_owned(), message: message.trim().to_owned() };
        filled.ok_or_else(|| Some(kind()))
    } else if let Some(argument) = rest.strip_prefix(':').filter(|_| !is_variable) {
        match name {
            "file" => {
                lookup.file(argument).map_err(|reason| Some(ProblemKind::File { path: argument.to_owned(), reason }))
            }
            "input" => Err(Some(ProblemKind::Input { id: argument.to_owned() })),
            "keyring" => {
                let entry = argument.trim();
                let problem = |reason| Some(ProblemKind::Keyring { name: entry.to_owned(), reason });
                lookup.keyring(entry).map_err(problem)
            }
            "cmd" => {
                let problem = |reason: String| Some(ProblemKind::Command { reason });
                let words = super::outside::words(argument).filter(|w| !w.is_empty());
                let words = words.ok_or_else(|| problem("it names no program, or a quote is not closed".to_owned()))?;
                let words: Result<Vec<String>, _> =
                    words.iter().map(|w| default(problems, has_references, w)).collect();
                lookup.command(&words?).map_err(problem)
            }
            _ => Err(Some(ProblemKind::Bad)),
        }
    } else {
        Err(Some(ProblemKind::Bad))
    }
}

/// Whether a text can be the name of a variable.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The upper-case name `text` starts with: what people mean by a variable. `$cost` is text.
fn bare_name(text: &str) -> &str {
    let length = text.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    let name = &text[..length];
    let ends = !text[length..].starts_with(|c: char| c.is_alphanumeric());
    if ends && name.starts_with(|c: char| c.is_ascii_uppercase()) { name } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Few;

    impl Lookup for Few {
        fn variable(&self, name: &str) -> Option<String> {
            match name {
                "A" => Some("alpha".to_owned()),
                "EMPTY" => Some(String::new()),
                "TRICK" => Some("${A}$A$$".to_owned()),
                _ => None,
            }
        }

        fn file(&self, path: &str) -> Result<String, String> {
            if path == "/key" { Ok("from file".to_owned()) } else { Err("it does not exist".to_owned()) }
        }

        fn keyring(&self, name: &str) -> Result<String, String> {
            if name == "notion" { Ok("from keyring".to_owned()) } else { Err("no such entry".to_owned()) }
        }

        fn command(&self, words: &[String]) -> Result<String, String> {
            if words[0] == "fail" { Err("it failed".to_owned()) } else { Ok(words.join("|")) }
        }
    }

    #[test]
    fn what_expands() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "alpha"),
            ("x${A}y${A}z", "xalphayalphaz"),
            ("${env:A}", "alpha"),
            ("${NONE:-def}", "def"),
            ("${EMPTY:-def}", "def"),
            ("${EMPTY-def}", ""),
            ("${EMPTY}", ""),
            ("${NONE-def}", "def"),
            ("${NONE:-}", ""),
            ("${NONE:-${A}!}", "alpha!"),
            ("${NONE:-${NONE2:-deep}}", "deep"),
            ("${A:-${NONE}}", "alpha"),
            ("${NONE:-{\"a\":1}}", "{\"a\":1}"),
            ("${env:NONE:-d}", "d"),
            ("${A:?needed}", "alpha"),
            ("$$", "$"),
            ("pa$$word", "pa$word"),
            ("$${A}", "${A}"),
            ("5$ and $", "5$ and $"),
            ("$cost", "$cost"),
            ("${TRICK}", "${A}$A$$"),
            ("${file:/key}", "from file"),
            ("${keyring:notion}", "from keyring"),
            ("${cmd:echo 'a b' c}", "echo|a b|c"),
            ("${cmd:echo ${A} $$ ${TRICK}}", "echo|alpha|$|${A}$A$$"),
            ("é${A}é", "éalphaé"),
        ] {
            let mut problems = Vec::new();
            let got = expand(text, &Few, &mut problems);
            assert_eq!(got.map(|e| e.text).as_deref(), Some(expected), "{text}");
            assert_eq!(problems, [], "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        use ProblemKind::{Bad, BareName, Command, File, Input, Keyring, Required, Unclosed, Unset};
        let name = |n: &str| n.to_owned();
        for (text, at, kind) in [
            ("a ${NONE} b", 2..9, Unset { name: name("NONE") }),
            ("${NONE:-${B}}", 8..12, Unset { name: name("B") }),
            ("${env:NONE-${B}}", 11..15, Unset { name: name("B") }),
            ("${NONE:?give me one}", 0..20, Required { name: name("NONE"), message: name("give me one") }),
            ("${EMPTY:?}", 0..10, Required { name: name("EMPTY"), message: String::new() }),
            ("${WEATHER API}", 0..14, Bad),
            ("${}", 0..3, Bad),
            ("${1A}", 0..5, Bad),
            ("${{ secrets.X }}", 0..16, Bad),
            ("${env:cmd:echo x}", 0..17, Bad),
            ("${env:file:/key}", 0..16, Bad),
            ("${env:keyring:notion}", 0..21, Bad),
            ("${A", 0..3, Unclosed),
            ("x${A:-${B}", 1..10, Unclosed),
            ("${input:key}", 0..12, Input { id: name("key") }),
            ("${keyring:none}", 0..15, Keyring { name: name("none"), reason: name("no such entry") }),
            ("${cmd:fail x}", 0..13, Command { reason: name("it failed") }),
            ("${cmd: }", 0..8, Command { reason: name("it names no program, or a quote is not closed") }),
            ("${cmd:a 'b}", 0..11, Command { reason: name("it names no program, or a quote is not closed") }),
            ("${file:/no}", 0..11, File { path: name("/no"), reason: name("it does not exist") }),
            ("$HOME/x", 0..5, BareName { name: name("HOME") }),
        ] {
            let mut problems = Vec::new();
            let got = expand(text, &Few, &mut problems);
            assert_eq!(got.is_some(), kind.is_warning(), "{text}");
            assert_eq!(problems, [Problem { at, kind }], "{text}");
        }
    }

    #[test]
    fn defaults_nest_only_so_deep() {
        let text = "${N:-".repeat(200) + "x" + &"}".repeat(200);
        let mut problems = Vec::new();
        assert_eq!(expand(&text, &Few, &mut problems), None);
        assert_eq!(problems.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged(text in "([$]|[{}]|:-|[A-Z]|é| |input:|file:){0,40}") {
            let mut problems = Vec::new();
            let got = expand(&text, &Few, &mut problems);
            proptest::prop_assert!(got.is_some() || !problems.is_empty());
            for problem in problems {
                proptest::prop_assert!(text.get(problem.at).is_some());
            }
        }

        #[test]
        fn text_without_dollars_stays(text in "[^$]{0,60}") {
            let got = expand(&text, &Few, &mut Vec::new());
            proptest::prop_assert_eq!(got, Some(Expanded { text, has_references: false }));
        }
    }
}
