//! Steps over JSON text (RFC 8259): whether it is valid, and where each value ends.
//!
//! Never recurses, never decodes, allocates for a flaw only. Input: bytes already known to be UTF-8; output: positions in them.

use super::marks::Marks;
use super::message::{MalformedKind, Message};

/// What is wrong, and where. Boxed: it comes rarely, and what comes always fits a register then.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) kind: MalformedKind,
    pub(super) at: usize,
}

/// A position in JSON text that moves forward token by token.
#[derive(Clone, Debug)]
pub(super) struct Scan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) pos: usize,
    /// Whether a raw CR or LF was passed; they can only stand between tokens.
    pub(super) newline: bool,
    marks: Marks,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8], pos: usize) -> Self {
        Self { bytes, pos, newline: false, marks: Marks::default() }
    }

    /// Passes whitespace. The byte that follows; 0, with which no token begins, at the end.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> u8 {
        match self.bytes.get(self.pos) {
            Some(&byte) if byte > b' ' => byte,
            _ => self.peek_past_space(),
        }
    }

    fn peek_past_space(&mut self) -> u8 {
        while let Some(&byte) = self.bytes.get(self.pos) {
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.newline = true,
                _ => return byte,
            }
            self.pos += 1;
        }
        0
    }

    /// Passes whitespace; whether nothing else is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.peek();
        self.pos >= self.bytes.len()
    }

    /// Passes a key and its colon. The key's place without quotes, and whether it has escapes.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<(usize, usize, bool), Box<Flaw>> {
        if self.peek() != b'"' {
            return Err(self.flaw("expected a key"));
        }
        let start = self.pos + 1;
        let escaped = self.string()?;
        let end = self.pos - 1;
        if self.peek() != b':' {
            return Err(self.flaw("expected `:`"));
        }
        self.pos += 1;
        Ok((start, end, escaped))
    }

    /// Passes one value of any kind; `depth` is how many containers are open around it.
    #[inline(always)]
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Box<Flaw>> {
        // Most values are text or numbers.
        match self.peek() {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.skip_any(depth),
        }
    }

    fn skip_any(&mut self, depth: usize) -> Result<(), Box<Flaw>> {
        // One bit an open container, the innermost lowest: 1 is an object. `MAX_DEPTH` of them fit.
        let mut objects = 0_u128;
        let mut n_open = 0;
        'value: loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    if depth + n_open >= Message::MAX_DEPTH {
                        return Err(Box::new(Flaw { kind: MalformedKind::TooDeep, at: self.pos }));
                    }
                    self.pos += 1;
                    // In ASCII both closing brackets stand two after their opening ones.
                    if self.peek() == open + 2 {
                        self.pos += 1;
                    } else {
                        n_open += 1;
                        objects = (objects << 1) | u128::from(open == b'{');
                        if open == b'{' {
                            self.key()?;
                        }
                        continue 'value;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(self.flaw("expected a value")),
            }
            loop {
                if n_open == 0 {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    b',' => {
                        self.pos += 1;
                        if in_object {
                            self.key()?;
                        }
                        continue 'value;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ if in_object => return Err(self.flaw("expected `,` or `}`")),
                    _ => return Err(self.flaw("expected `,` or `]`")),
                }
                self.pos += 1;
                n_open -= 1;
                objects >>= 1;
            }
        }
    }

    /// Passes the string that begins here; whether it has escapes.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<bool, Box<Flaw>> {
        let pos = self.marks.next(self.bytes, self.pos + 1);
        if self.bytes.get(pos) == Some(&b'"') {
            self.pos = pos + 1;
            return Ok(false);
        }
        self.escaped_string(pos)
    }

    /// As [`Scan::string`], from the first place inside it at which it cannot just run on and does not end.
    fn escaped_string(&mut self, mut pos: usize) -> Result<bool, Box<Flaw>> {
        let flaw = |kind, at| Err(Box::new(Flaw { kind, at }));
        loop {
            match self.bytes.get(pos) {
                Some(b'"') => {
                    self.pos = pos + 1;
                    return Ok(true);
                }
                Some(b'\\') => {
                    let Some(after) = self.escape(pos) else {
                        return flaw(MalformedKind::NotJson("no such escape in a string"), pos);
                    };
                    pos = self.marks.next(self.bytes, after);
                }
                Some(_) => return flaw(MalformedKind::NotJson("a control character in a string"), pos),
                None => return flaw(MalformedKind::NotJson("a string has no end"), pos),
            }
        }
    }

    /// The place after the escape whose backslash is at `pos`.
    #[inline(always)]
    fn escape(&self, pos: usize) -> Option<usize> {
        match self.bytes.get(pos + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(pos + 2),
            b'u' => self.bytes.get(pos + 2..pos + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(pos + 6),
            _ => None,
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), Box<Flaw>> {
        if self.bytes.get(self.pos) == Some(&b'-') {
            self.pos += 1;
        }
        if self.bytes.get(self.pos) == Some(&b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.pos) == Some(&b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.pos) {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.pos) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes one digit or more.
    #[inline(always)]
    fn digits(&mut self) -> Result<(), Box<Flaw>> {
        let start = self.pos;
        while self.bytes.get(self.pos).is_some_and(u8::is_ascii_digit) {
            self.pos += 1;
        }
        if self.pos == start { Err(self.flaw("expected a digit")) } else { Ok(()) }
    }

    #[inline(always)]
    fn literal(&mut self, word: &'static [u8]) -> Result<(), Box<Flaw>> {
        if !self.bytes[self.pos..].starts_with(word) {
            return Err(self.flaw("expected a value"));
        }
        self.pos += word.len();
        Ok(())
    }

    #[cold]
    pub(super) fn flaw(&self, expected: &'static str) -> Box<Flaw> {
        Box::new(Flaw { kind: MalformedKind::NotJson(expected), at: self.pos })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes one value and says where it ends, or what is wrong and where.
    fn ends(text: &str) -> Result<usize, (String, usize)> {
        let mut scan = Scan::new(text.as_bytes(), 0);
        scan.skip(0).map(|()| scan.pos).map_err(|flaw| (flaw.kind.to_string(), flaw.at))
    }

    #[test]
    fn valid_values_end_where_they_end() {
        for text in [
            "0",
            "-0",
            "12",
            "-1.5",
            "1e3",
            "1E+3",
            "1.25e-30",
            "123456789012345678901234567890",
            "true",
            "false",
            "null",
            r#""""#,
            r#""a""#,
            r#""\"\\\/\b\f\n\r\t\u00e9\uD800""#,
            "[]",
            "{}",
            "[ ]",
            "{ }",
            "[1,2 , 3]",
            r#"{"a":1 , "b":[{"c":{}}]}"#,
            "[[],{},[[]]]",
            "\"\u{7f}é漢😀\"",
            r#""longer than one block, and longer than four blocks together, to see the long stride at work""#,
            r#""longer than one block, with \"escapes\" \\ and \u00e9 \n further on in the text""#,
        ] {
            assert_eq!(ends(text), Ok(text.len()), "{text}");
            assert_eq!(ends(&format!(" \t\r\n{text}")), Ok(text.len() + 4), "{text}");
            assert_eq!(ends(&format!("{text} x")), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn invalid_values_say_where() {
        for (text, what, at) in [
            ("", "expected a value", 0),
            ("  ", "expected a value", 2),
            ("tru", "expected a value", 0),
            ("nul", "expected a value", 0),
            ("True", "expected a value", 0),
            ("NaN", "expected a value", 0),
            ("+1", "expected a value", 0),
            (".5", "expected a value", 0),
            ("-", "expected a digit", 1),
            ("-a", "expected a digit", 1),
            ("1.", "expected a digit", 2),
            ("1.e3", "expected a digit", 2),
            ("1e", "expected a digit", 2),
            ("1e+", "expected a digit", 3),
            ("[1,]", "expected a value", 3),
            ("[,1]", "expected a value", 1),
            ("[1 2]", "expected `,` or `]`", 3),
            ("[01]", "expected `,` or `]`", 2),
            ("[1}", "expected `,` or `]`", 2),
            ("[", "expected a value", 1),
            ("[1", "expected `,` or `]`", 2),
            ("{", "expected a key", 1),
            ("{a:1}", "expected a key", 1),
            ("{1:1}", "expected a key", 1),
            (r#"{"a"1}"#, "expected `:`", 4),
            (r#"{"a":}"#, "expected a value", 5),
            (r#"{"a":1,}"#, "expected a key", 7),
            (r#"{"a":1]"#, "expected `,` or `}`", 6),
            ("\"a", "a string has no end", 2),
            ("\"a long string that never comes to its end, for blocks", "a string has no end", 54),
            ("\"a\\\"", "a string has no end", 4),
            ("\"\\", "no such escape in a string", 1),
            (r#""\x""#, "no such escape in a string", 1),
            (r#""\u12g4""#, "no such escape in a string", 1),
            (r#""\u12""#, "no such escape in a string", 1),
            ("\"a\tb\"", "a control character in a string", 2),
            ("\"a\nb and more text to fill a block\"", "a control character in a string", 2),
            ("\"\0\"", "a control character in a string", 1),
            ("\u{b}1", "expected a value", 0),
        ] {
            assert_eq!(ends(text), Err((format!("not JSON: {what}"), at)), "{text}");
        }
    }

    #[test]
    fn depth_is_counted_from_outside() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(ends(&nested(128)), Ok(256));
        assert_eq!(ends(&nested(129)), Err(("nested deeper than 128 levels".into(), 128)));
        assert!(Scan::new(nested(127).as_bytes(), 0).skip(1).is_ok());
        assert!(Scan::new(nested(128).as_bytes(), 0).skip(1).is_err());
        let objects = r#"{"a":"#.repeat(128) + "1" + &"}".repeat(128);
        assert_eq!(ends(&objects), Ok(objects.len()));
    }

    #[test]
    fn newlines_are_noticed_between_tokens_only() {
        for (text, newline) in [("[1]", false), ("[1,\n2]", true), ("[1\r]", true), (r#"["\n"]"#, false)] {
            let mut scan = Scan::new(text.as_bytes(), 0);
            scan.skip(0).unwrap();
            assert_eq!(scan.newline, newline, "{text}");
        }
    }
}
