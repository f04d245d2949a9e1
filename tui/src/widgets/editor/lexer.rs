//! What the parts of a line of YAML or JSON are, for their colours. One line at a time, with what the line before left open; a mistake
//! colours wrongly and costs nothing else.

use std::ops::Range;

/// How a text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// No colours.
    #[default]
    Plain,
    /// YAML.
    Yaml,
    /// JSON, also with comments.
    Json,
}

/// What a part of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The name of a value.
    Key,
    /// A text.
    Text,
    /// A number, a truth value, nothing.
    Atom,
    /// For people.
    Comment,
    /// Brackets, commas, dashes.
    Sign,
    /// `${NAME}`
    Reference,
    /// An anchor, an alias, a tag, a directive.
    Mark,
}

/// What a line leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing.
    #[default]
    Open,
    /// A text between these quotes.
    Quoted(u8),
    /// A text of YAML by its indentation: deeper than this.
    Block(usize),
    /// A comment of JSON.
    Comment,
}

/// Parts of a line in order, and what it leaves open. Where there is no part, it is plain.
pub(crate) fn lex(line: &str, state: State, syntax: Syntax) -> (Vec<(Range<usize>, Class)>, State) {
    let mut lexer = Lexer { line, at: 0, out: Vec::new() };
    let state = match syntax {
        Syntax::Plain => State::Open,
        Syntax::Yaml => lexer.yaml(state),
        Syntax::Json => lexer.json(state),
    };
    (lexer.out, state)
}

struct Lexer<'a> {
    line: &'a str,
    at: usize,
    out: Vec<(Range<usize>, Class)>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn push(&mut self, to: usize, class: Class) {
        if to > self.at {
            self.out.push((self.at..to, class));
        }
        self.at = to;
    }

    /// A text up to `to`, references in it apart.
    fn text(&mut self, to: usize, class: Class) {
        while self.at < to {
            let here = &self.line[self.at..to];
            let Some(open) = here.find("${") else {
                self.push(to, class);
                return;
            };
            self.push(self.at + open, class);
            let end = self.line[self.at..to].find('}').map_or(to, |i| self.at + i + 1);
            self.push(end, Class::Reference);
        }
    }

    /// The end of a text between quotes whose first byte has been read; and whether it ends on this line.
    fn end_of_quoted(&self, from: usize, quote: u8) -> (usize, bool) {
        let bytes = self.line.as_bytes();
        let mut i = from;
        while i < bytes.len() {
            match bytes[i] {
                b'\\' if quote == b'"' => i += 1,
                b if b == quote && quote == b'\'' && bytes.get(i + 1) == Some(&b'\'') => i += 1,
                b if b == quote => return (i + 1, true),
                _ => {}
            }
            i += 1;
        }
        (self.line.len(), false)
    }

    fn json(&mut self, state: State) -> State {
        if state == State::Comment {
            match self.line.find("*/") {
                Some(end) => self.push(end + 2, Class::Comment),
                None => {
                    self.push(self.line.len(), Class::Comment);
                    return State::Comment;
                }
            }
        }
        while let Some(c) = self.rest().chars().next() {
            let at = self.at;
            match c {
                c if c.is_whitespace() => self.at += c.len_utf8(),
                '"' => {
                    let (end, _) = self.end_of_quoted(at + 1, b'"');
                    let is_key = self.line[end..].trim_start().starts_with(':');
                    self.text(end, if is_key { Class::Key } else { Class::Text });
                }
                '/' if self.rest().starts_with("//") => self.push(self.line.len(), Class::Comment),
                '/' if self.rest().starts_with("/*") => match self.rest()[2..].find("*/") {
                    Some(end) => self.push(at + end + 4, Class::Comment),
                    None => {
                        self.push(self.line.len(), Class::Comment);
                        return State::Comment;
                    }
                },
                '{' | '}' | '[' | ']' | ',' | ':' => self.push(at + 1, Class::Sign),
                _ => {
                    let word = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '[' | ']' | ',' | ':' | '"');
                    let end = self.rest().find(word).map_or(self.line.len(), |i| at + i);
                    let is_atom = is_atom(&self.line[at..end]);
                    if is_atom { self.push(end, Class::Atom) } else { self.at = end }
                }
            }
        }
        State::Open
    }

    fn yaml(&mut self, state: State) -> State {
        let indent = self.line.len() - self.line.trim_start_matches(' ').len();
        match state {
            State::Block(depth) if indent > depth || self.line.trim().is_empty() => {
                self.text(self.line.len(), Class::Text);
                return state;
            }
            State::Quoted(quote) => {
                let (end, is_closed) = self.end_of_quoted(0, quote);
                self.text(end, Class::Text);
                if !is_closed {
                    return state;
                }
            }
            State::Block(_) | State::Comment | State::Open => {}
        }
        if self.at == 0 && (self.line.starts_with("---") || self.line.starts_with("...") || self.line.starts_with('%'))
        {
            self.push(self.line.len(), Class::Mark);
            return State::Open;
        }
        let mut flow = 0_usize;
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else { return State::Open };
            let at = self.at;
            let is_alone = rest[c.len_utf8()..].chars().next().is_none_or(char::is_whitespace);
            match c {
                c if c.is_whitespace() => self.at += c.len_utf8(),
                '#' if at == 0 || self.line[..at].ends_with(char::is_whitespace) => {
                    self.push(self.line.len(), Class::Comment)
                }
                '-' | '?' if is_alone => self.push(at + 1, Class::Sign),
                ':' if is_alone || flow > 0 => self.push(at + 1, Class::Sign),
                '{' | '[' => {
                    flow += 1;
                    self.push(at + 1, Class::Sign);
                }
                '}' | ']' => {
                    flow = flow.saturating_sub(1);
                    self.push(at + 1, Class::Sign);
                }
                ',' => self.push(at + 1, Class::Sign),
                '"' | '\'' => {
                    let quote = if c == '"' { b'"' } else { b'\'' };
                    let (end, is_closed) = self.end_of_quoted(at + 1, quote);
                    let is_key = is_closed && self.line[end..].trim_start().starts_with(':');
                    self.text(end, if is_key { Class::Key } else { Class::Text });
                    if !is_closed {
                        return State::Quoted(quote);
                    }
                }
                '|' | '>' if is_block(rest) => {
                    let end = rest.find('#').map_or(self.line.len(), |i| at + i);
                    self.push(end, Class::Sign);
                    self.push(self.line.len(), Class::Comment);
                    // Of `- |` what is deeper than the dash belongs to it.
                    return State::Block(indent);
                }
                '&' | '*' | '!' if !is_alone => {
                    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'));
                    self.push(end.map_or(self.line.len(), |i| at + i), Class::Mark);
                }
                _ => {
                    let (end, is_key) = end_of_plain(rest, flow > 0);
                    let word = rest[..end].trim_end();
                    let (length, atom) = (word.len(), is_atom(word));
                    match (is_key, atom) {
                        (true, _) => self.push(at + length, Class::Key),
                        (false, true) => self.push(at + length, Class::Atom),
                        (false, false) => self.text(at + length, Class::Text),
                    }
                    self.at = self.at.max(at + length.max(c.len_utf8()));
                }
            }
        }
    }
}

/// `|`, `>-`, `|2+` with nothing behind it but a comment.
fn is_block(rest: &str) -> bool {
    let rest = rest[1..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+'));
    rest.trim().is_empty() || rest.trim_start().starts_with('#') && rest.starts_with(char::is_whitespace)
}

/// Where an unquoted text ends, and whether it is the name of a value.
fn end_of_plain(rest: &str, in_flow: bool) -> (usize, bool) {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (i, c) in rest.char_indices() {
        // A reference has brackets of its own, and only YAML minds them in brackets.
        if rest[i..].starts_with("${") {
            depth += 1;
        }
        if depth > 0 {
            if c == '}' {
                depth -= 1;
            }
            before = c;
            continue;
        }
        let next = rest[i + c.len_utf8()..].chars().next();
        match c {
            ':' if next.is_none_or(|n| n.is_whitespace() || (in_flow && matches!(n, ',' | ']' | '}'))) => {
                return (i, true);
            }
            '#' if before.is_whitespace() && i > 0 => return (i, false),
            ',' | ']' | '}' | '[' | '{' if in_flow => return (i, false),
            _ => {}
        }
        before = c;
    }
    (rest.len(), false)
}

fn is_atom(word: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL", "~"];
    let is_number = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.parse::<f64>().is_ok();
    WORDS.contains(&word) || is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts as `k:name`; the first letter of the class.
    fn shown(text: &str, syntax: Syntax) -> Vec<String> {
        let mut state = State::Open;
        let line = |line: &str| {
            let (parts, next) = lex(line, state, syntax);
            state = next;
            let part = |(range, class): (Range<usize>, Class)| {
                let class = format!("{class:?}").to_lowercase();
                format!("{}:{}", &class[..1], &line[range])
            };
            parts.into_iter().map(part).collect::<Vec<_>>().join(" ")
        };
        text.split('\n').map(line).collect()
    }

    #[test]
    fn yaml() {
        for (text, expected) in [
            ("# a", "c:# a"),
            ("a: b # c", "k:a s:: t:b c:# c"),
            ("  time-out: 30", "k:time-out s:: a:30"),
            ("a: 30s", "k:a s:: t:30s"),
            ("- true", "s:- a:true"),
            ("- name: \"x: #y\"", "s:- k:name s:: t:\"x: #y\""),
            ("url: https://h/mcp#x", "k:url s:: t:https://h/mcp#x"),
            (
                "a: { b: [-y, 'c''d'], \"e\": ~ }",
                "k:a s:: s:{ k:b s:: s:[ t:-y s:, t:'c''d' s:] s:, k:\"e\" s:: a:~ s:}",
            ),
            ("token: ${env:X}", "k:token s:: r:${env:X}"),
            ("t: \"Bearer ${X:-a}!\"", "k:t s:: t:\"Bearer  r:${X:-a} t:!\""),
            ("a: { token: ${T}, x: y }", "k:a s:: s:{ k:token s:: r:${T} s:, k:x s:: t:y s:}"),
            ("a: &x", "k:a s:: m:&x"),
            ("<<: *x", "k:<< s:: m:*x"),
            ("---", "m:---"),
            ("a b", "t:a b"),
            ("a:", "k:a s::"),
            ("a:b", "t:a:b"),
            ("日本: 本", "k:日本 s:: t:本"),
        ] {
            assert_eq!(shown(text, Syntax::Yaml), [expected], "{text}");
        }
        assert_eq!(
            shown("a: |  # why\n  b: c\n\n   d\ne: f", Syntax::Yaml),
            ["k:a s:: s:|   c:# why", "t:  b: c", "", "t:   d", "k:e s:: t:f"]
        );
        assert_eq!(shown("a: \"b\n c\\\"\" # d", Syntax::Yaml), ["k:a s:: t:\"b", "t: c\\\"\" c:# d"]);
    }

    #[test]
    fn json() {
        for (text, expected) in [
            ("{\"a\": [1, -2.5e3, true, null]}", "s:{ k:\"a\" s:: s:[ a:1 s:, a:-2.5e3 s:, a:true s:, a:null s:] s:}"),
            ("\"a\\\"\" : \"b\" // c", "k:\"a\\\"\" s:: t:\"b\" c:// c"),
            ("\"${X}\",", "t:\" r:${X} t:\" s:,"),
            ("/* a */ 1 nope", "c:/* a */ a:1"),
            ("\"open", "t:\"open"),
        ] {
            assert_eq!(shown(text, Syntax::Json), [expected], "{text}");
        }
        assert_eq!(shown("1 /* a\nb */ 2", Syntax::Json), ["a:1 c:/* a", "c:b */ a:2"]);
    }

    #[test]
    fn any_line_is_read_to_its_end() {
        for line in [
            "'",
            "\"",
            "\\",
            "${",
            "a: ${",
            ": :",
            "[}{]",
            "&",
            "*",
            "!",
            "|",
            "|x",
            "> #",
            "-",
            "?",
            "日",
            "\u{0}\t\u{301}",
        ] {
            for syntax in [Syntax::Yaml, Syntax::Json, Syntax::Plain] {
                for state in [State::Open, State::Quoted(b'"'), State::Block(2), State::Comment] {
                    let (parts, _) = lex(line, state, syntax);
                    assert!(parts.windows(2).all(|w| w[0].0.end <= w[1].0.start), "{line} {parts:?}");
                }
            }
        }
    }
}
