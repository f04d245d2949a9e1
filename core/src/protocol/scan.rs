//! Steps over JSON text (RFC 8259): whether it is valid, and where each value ends.
//!
//! Never recurses, never allocates, never decodes. Input: bytes already known to be UTF-8; output: positions in them.

use super::message::{MalformedKind, Message};

/// What is wrong, and where.
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
}

impl<'a> Scan<'a> {
    pub(super) const fn new(bytes: &'a [u8], pos: usize) -> Self {
        Self { bytes, pos, newline: false }
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
    pub(super) fn key(&mut self) -> Result<(usize, usize, bool), Flaw> {
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
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Flaw> {
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
                        return Err(Flaw { kind: MalformedKind::TooDeep, at: self.pos });
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
    pub(super) fn string(&mut self) -> Result<bool, Flaw> {
        // Most keys and many values end within the first words.
        let mut pos = self.pos + 1;
        for _ in 0..SHORT_WORDS {
            let Some(word) = word_at(self.bytes, pos) else { break };
            let found = special(word);
            if found != 0 {
                pos += first_byte(found);
                if self.bytes[pos] != b'"' {
                    break;
                }
                self.pos = pos + 1;
                return Ok(false);
            }
            pos += WORD;
        }
        self.long_string(pos)
    }

    /// As [`Scan::string`], from a place inside it before which there is no escape.
    fn long_string(&mut self, mut pos: usize) -> Result<bool, Flaw> {
        let mut escaped = false;
        loop {
            pos = next_special(self.bytes, pos);
            match self.bytes.get(pos) {
                Some(b'"') => {
                    self.pos = pos + 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    pos = self.escape(pos)?;
                }
                Some(_) => return Err(Flaw { kind: NOT_JSON_CONTROL, at: pos }),
                None => return Err(Flaw { kind: MalformedKind::NotJson("a string has no end"), at: pos }),
            }
        }
    }

    /// The place after the escape whose backslash is at `pos`.
    #[inline(always)]
    fn escape(&self, pos: usize) -> Result<usize, Flaw> {
        match self.bytes.get(pos + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(pos + 2),
            Some(b'u') if self.bytes.get(pos + 2..pos + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                Ok(pos + 6)
            }
            _ => Err(Flaw { kind: MalformedKind::NotJson("no such escape in a string"), at: pos }),
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), Flaw> {
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
    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.pos;
        while self.bytes.get(self.pos).is_some_and(u8::is_ascii_digit) {
            self.pos += 1;
        }
        if self.pos == start { Err(self.flaw("expected a digit")) } else { Ok(()) }
    }

    #[inline(always)]
    fn literal(&mut self, word: &'static [u8]) -> Result<(), Flaw> {
        if !self.bytes[self.pos..].starts_with(word) {
            return Err(self.flaw("expected a value"));
        }
        self.pos += word.len();
        Ok(())
    }

    #[cold]
    pub(super) const fn flaw(&self, expected: &'static str) -> Flaw {
        Flaw { kind: MalformedKind::NotJson(expected), at: self.pos }
    }
}

const NOT_JSON_CONTROL: MalformedKind = MalformedKind::NotJson("a control character in a string");

const WORD: usize = size_of::<u64>();
/// Words a string may take before the long way is taken.
const SHORT_WORDS: usize = 2;
/// Bytes looked at together in a long string.
const STRIDE: usize = 8 * WORD;

/// The first quote, backslash or control character at `pos` or after it; the length if there is none.
fn next_special(bytes: &[u8], mut pos: usize) -> usize {
    loop {
        // Escapes stand close together: begin with words, and take long strides only after some clean ones.
        for _ in 0..STRIDE / WORD {
            let Some(word) = word_at(bytes, pos) else {
                let rest = bytes.get(pos..).unwrap_or_default();
                return pos + rest.iter().position(|&b| is_special(b)).unwrap_or(rest.len());
            };
            let found = special(word);
            if found != 0 {
                return pos + first_byte(found);
            }
            pos += WORD;
        }
        while let Some(stride) = bytes.get(pos..).and_then(|rest| rest.first_chunk::<STRIDE>()) {
            if any_special(stride) {
                break;
            }
            pos += STRIDE;
        }
    }
}

/// Whether a string cannot just run on at this byte.
const fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Whether any byte of the stride is special.
#[inline(always)]
fn any_special(stride: &[u8; STRIDE]) -> bool {
    // Without a branch inside, so that the compiler can make vectors of it.
    stride.iter().fold(0, |any, &b| any | u8::from(b < b' ') | u8::from(b == b'"') | u8::from(b == b'\\')) != 0
}

/// The eight bytes at `pos`, the first lowest.
#[inline(always)]
fn word_at(bytes: &[u8], pos: usize) -> Option<u64> {
    bytes.get(pos..).and_then(|rest| rest.first_chunk()).map(|chunk| u64::from_le_bytes(*chunk))
}

/// Sets the top bit of bytes that are special. Exact for the lowest of them, which is the one that counts: a borrow may
/// mark bytes above it wrongly.
#[inline(always)]
const fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES * 0x80;
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word
    }
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    (below(word, b' ') | quote | backslash) & TOPS
}

/// Which byte of a word the lowest mark is in.
#[inline(always)]
const fn first_byte(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
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

    #[test]
    fn the_first_special_byte_of_a_word_is_found_whatever_follows() {
        for byte in 0..=u8::MAX {
            for place in 0..WORD {
                for filler in [b'a', 0x7f, 0x80, 0xff, b' ', b'!', b'#', b'[', b']', 0x9f, 0xa2, 0xdc] {
                    for after in [filler, 0, 0x1f, b'"', b'\\', b'!', b' '] {
                        let mut word = [filler; WORD];
                        word[place] = byte;
                        word[place + 1..].fill(after);
                        let marks = special(u64::from_le_bytes(word));
                        let found = (marks != 0).then(|| first_byte(marks));
                        assert_eq!(found, word.iter().position(|&b| is_special(b)), "{word:x?}");
                    }
                }
            }
            let mut stride = [b'a'; STRIDE];
            stride[usize::from(byte) % STRIDE] = byte;
            assert_eq!(any_special(&stride), is_special(byte), "{byte}");
        }
    }

    #[test]
    fn the_next_special_byte_is_found_at_every_distance() {
        for length in 0..300 {
            let clean = vec![b'a'; length];
            assert_eq!(next_special(&clean, 0), length);
            for place in 0..length {
                let mut text = clean.clone();
                text[place] = b'"';
                assert_eq!(next_special(&text, 0), place);
                assert_eq!(next_special(&text, place + 1), length);
            }
        }
        assert_eq!(next_special(b"abc", 7), 7, "past the end");
    }
}
