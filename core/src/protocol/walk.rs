//! Steps through the members of JSON that a scan has found valid; for the rare places that reshape a message.
//!
//! Never panics, whatever the bytes: what is no valid JSON just ends the walk. Input: a message's bytes and a span in
//! them; output: spans in the same bytes, or decoded text.

use std::borrow::Cow;

use super::message::Span;
use super::scan::Scan;

/// The members of the object at `object` in `raw`: spans of key (quotes included) and value. Empty if it is no object.
pub fn members(raw: &[u8], object: Span) -> impl Iterator<Item = (Span, Span)> + '_ {
    Items::open(raw, object, b'{').map_while(|(key, value)| Some((key?, value)))
}

/// Whether what stands at `object` is no object, or one without members.
#[must_use]
pub fn is_empty(raw: &[u8], object: Span) -> bool {
    let inner = raw.get(object.start as usize..object.end as usize).and_then(|all| all.strip_prefix(b"{"));
    inner.is_none_or(|inner| matches!(inner.trim_ascii_start(), [] | [b'}', ..]))
}

/// The elements of the array at `array`. Empty if it is no array.
pub fn elements(raw: &[u8], array: Span) -> impl Iterator<Item = Span> + '_ {
    Items::open(raw, array, b'[').map(|(_, value)| value)
}

/// The member `key` (plain text; escaped spellings are found too): spans of key and value. The first, if it stands
/// twice.
#[must_use]
pub fn member(raw: &[u8], object: Span, key: &str) -> Option<(Span, Span)> {
    members(raw, object).find(|(found, _)| is_key(raw, *found, key))
}

/// What to cut so that these members are gone and the object stays valid: one span per run of members, comma included.
/// `keys` are plain text.
#[must_use]
pub fn cuts(raw: &[u8], object: Span, keys: &[&str]) -> Vec<Span> {
    let mut cuts: Vec<Span> = Vec::new();
    // The end of the last member that stays, and the run being cut after it.
    let mut kept: Option<u32> = None;
    let mut run: Option<Span> = None;
    for (key, value) in members(raw, object) {
        if keys.iter().any(|wanted| is_key(raw, key, wanted)) {
            // After a member that stays the comma before the run goes with it.
            let start = run.map_or(kept.unwrap_or(key.start), |run| run.start);
            run = Some(Span { start, end: value.end });
        } else {
            // Before the first member that stays the comma after the run goes with it.
            cuts.extend(run.take().map(|run| if kept.is_none() { Span { end: key.start, ..run } } else { run }));
            kept = Some(value.end);
        }
    }
    cuts.extend(run);
    cuts
}

/// The same for the object at `object`, which is the member `name` of that at `of`: where nothing is left of it, it goes as a whole.
#[must_use]
pub fn cuts_within(raw: &[u8], of: Span, (name, object): (&str, Span), keys: &[&str]) -> Vec<Span> {
    let mut found = [false, false];
    for (key, _) in members(raw, object) {
        found[usize::from(keys.iter().any(|wanted| is_key(raw, key, wanted)))] = true;
    }
    match found {
        [_, false] => Vec::new(),
        [true, true] => cuts(raw, object, keys),
        [false, true] => cuts(raw, of, &[name]),
    }
}

/// What to cut so that the member whose value stands at `value` is gone and its object stays valid; found from there, without a
/// walk through the object. `None`: its key is not written as `key` is.
pub(super) fn cut_of_value(raw: &[u8], value: Span, key: &str) -> Option<Span> {
    let before = |end: usize| raw.get(..end).map(<[u8]>::trim_ascii_end);
    let literal = before(value.start as usize)?.strip_suffix(b":")?.trim_ascii_end();
    let ahead = literal.strip_suffix(b"\"")?.strip_suffix(key.as_bytes())?.strip_suffix(b"\"")?;
    let outside = ahead.trim_ascii_end();
    if let Some(kept) = outside.strip_suffix(b",") {
        // The comma before it goes with it.
        return Some(Span::new(kept.trim_ascii_end().len(), value.end as usize));
    }
    outside.strip_suffix(b"{")?;
    let after = raw.get(value.end as usize..)?.trim_ascii_start();
    let end = match after.strip_prefix(b",") {
        // It is the first: the comma after it goes with it.
        Some(next) => raw.len() - next.trim_ascii_start().len(),
        None => value.end as usize,
    };
    Some(Span::new(ahead.len(), end))
}

/// The text of the JSON string `literal` (quotes included), decoded. `None` if it is no string or has a lone surrogate.
#[must_use]
pub fn decode(literal: &[u8]) -> Option<Cow<'_, str>> {
    let mut scan = Scan::new(literal, 0);
    if literal.first() != Some(&b'"') {
        return None;
    }
    let escaped = scan.string().ok()?;
    if scan.pos != literal.len() {
        return None;
    }
    let inner = &literal[1..literal.len() - 1];
    if escaped { decode_inner(inner).map(Cow::Owned) } else { std::str::from_utf8(inner).ok().map(Cow::Borrowed) }
}

/// The same of a value that a scan has found valid.
pub(super) fn decode_valid(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    match memchr::memchr(b'\\', inner) {
        None => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        Some(_) => decode_inner(inner).map(Cow::Owned),
    }
}

/// The text between the quotes of a valid string, decoded. `None` if it has a lone surrogate.
pub(super) fn decode_inner(inner: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(inner).ok()?;
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let kind = escape.chars().next()?;
        rest = &escape[kind.len_utf8()..];
        text.push(match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (unit, after) = utf16_unit(rest)?;
                rest = after;
                match char::from_u32(unit) {
                    Some(c) => c,
                    None => {
                        // A high surrogate means something only together with the low one after it.
                        let (low, after) = utf16_unit(rest.strip_prefix("\\u")?)?;
                        rest = after;
                        char::decode_utf16([u16::try_from(unit).ok()?, u16::try_from(low).ok()?]).next()?.ok()?
                    }
                }
            }
            itself => itself,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// The four hex digits at the start, and what follows them.
fn utf16_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

fn is_key(raw: &[u8], literal: Span, plain: &str) -> bool {
    let literal = &raw[literal.start as usize..literal.end as usize];
    let inner = &literal[1..literal.len() - 1];
    match memchr::memchr(b'\\', inner) {
        None => inner == plain.as_bytes(),
        Some(_) => decode(literal).is_some_and(|key| key == plain),
    }
}

/// The members or elements of one container.
struct Items<'a> {
    scan: Scan<'a>,
    /// The opening bracket; 0 once the walk is over.
    open: u8,
    first: bool,
}

impl<'a> Items<'a> {
    fn open(raw: &'a [u8], container: Span, open: u8) -> Self {
        let mut scan = Scan::new(raw.get(..container.end as usize).unwrap_or_default(), container.start as usize);
        let open = if scan.peek() == open { open } else { 0 };
        scan.pos += 1;
        Self { scan, open, first: true }
    }

    fn step(&mut self) -> Option<(Option<Span>, Span)> {
        let scan = &mut self.scan;
        let next = scan.peek();
        // In ASCII both closing brackets stand two after their opening ones.
        if self.open == 0 || next == self.open + 2 {
            return None;
        }
        if !std::mem::take(&mut self.first) {
            if next != b',' {
                return None;
            }
            scan.pos += 1;
        }
        let key = if self.open == b'{' {
            let (start, end, _) = scan.key().ok()?;
            Some(Span::new(start - 1, end + 1))
        } else {
            None
        };
        scan.peek();
        let start = scan.pos;
        scan.skip(0).ok()?;
        Some((key, Span::new(start, scan.pos)))
    }
}

impl Iterator for Items<'_> {
    type Item = (Option<Span>, Span);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step();
        if item.is_none() {
            self.open = 0;
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Span {
        Span::new(0, text.len())
    }

    fn at(text: &str, span: Span) -> &str {
        &text[span.range()]
    }

    #[test]
    fn an_object_of_which_nothing_is_left_goes_with_its_name() {
        for (text, expected) in [
            (r#"{"x":1,"m":{"a":1,"b":2}}"#, r#"{"x":1}"#),
            (r#"{"m":{"a":1,"c":3,"b":2},"x":1}"#, r#"{"m":{"c":3},"x":1}"#),
            (r#"{"m":{"c":3}}"#, r#"{"m":{"c":3}}"#),
            (r#"{"m":{}}"#, r#"{"m":{}}"#),
            (r#"{"m":{"\u0061":1}}"#, "{}"),
            (r#"{"m":7}"#, r#"{"m":7}"#),
        ] {
            let all = whole(text);
            let (_, object) = member(text.as_bytes(), all, "m").expect("there");
            let mut out = text.to_owned();
            for cut in cuts_within(text.as_bytes(), all, ("m", object), &["a", "b"]).iter().rev() {
                out.replace_range(cut.range(), "");
            }
            assert_eq!(out, expected, "{text}");
        }
    }

    #[test]
    fn members_come_in_order_with_their_places() {
        for (text, expected) in [
            ("{}", &[][..]),
            (" { } ", &[]),
            (r#"{"a":1}"#, &[(r#""a""#, "1")]),
            (
                r#" { "a" : [1,{"x":2}] , "b":{"a":"}"},"a":"," } "#,
                &[(r#""a""#, r#"[1,{"x":2}]"#), (r#""b""#, r#"{"a":"}"}"#), (r#""a""#, r#"",""#)],
            ),
            ("[1,2]", &[]),
            ("1", &[]),
            ("", &[]),
            // Broken: as far as it goes.
            (r#"{"a":1,"b"}"#, &[(r#""a""#, "1")]),
            (r#"{"a":1 "b":2}"#, &[(r#""a""#, "1")]),
            (r#"{"a":1"#, &[(r#""a""#, "1")]),
            (r#"{,"a":1}"#, &[]),
            ("{", &[]),
        ] {
            let found: Vec<_> =
                members(text.as_bytes(), whole(text)).map(|(k, v)| (at(text, k), at(text, v))).collect();
            assert_eq!(found, expected, "{text}");
            let is_whole = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert!(!is_whole || text.starts_with(' ') || is_empty(text.as_bytes(), whole(text)) == found.is_empty());
        }
    }

    #[test]
    fn elements_come_in_order() {
        for (text, expected) in [
            ("[]", &[][..]),
            (" [ ] ", &[]),
            (r#"[1, "]" ,[2],{"a":[]}]"#, &["1", r#""]""#, "[2]", r#"{"a":[]}"#]),
            ("[1,]", &["1"]),
            ("[1}", &["1"]),
            (r#"{"a":1}"#, &[]),
            ("", &[]),
        ] {
            let found: Vec<_> = elements(text.as_bytes(), whole(text)).map(|v| at(text, v)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn spans_that_are_not_in_the_bytes_walk_nowhere() {
        for (start, end) in [(0, 100), (100, 200), (7, 3), (u32::MAX, u32::MAX), (u32::MAX, 0)] {
            let span = Span { start, end };
            assert_eq!(members(br#"{"a":1}"#, span).count(), 0, "{span:?}");
            assert_eq!(elements(b"[1,2,3]", span).count(), 0, "{span:?}");
            assert!(cuts(br#"{"a":1}"#, span, &["a"]).is_empty(), "{span:?}");
        }
    }

    #[test]
    fn a_member_is_found_however_its_key_is_written() {
        let text = r#"{"x":{"a":0},"\u0061":1,"a":2,"\\":3,"\ud800":4}"#;
        let value = |key| member(text.as_bytes(), whole(text), key).map(|(_, value)| at(text, value));
        assert_eq!(value("a"), Some("1"));
        assert_eq!(value("x"), Some(r#"{"a":0}"#));
        assert_eq!(value("\\"), Some("3"));
        assert_eq!(value(r"\u0061"), None);
        assert_eq!(value("b"), None);
    }

    #[test]
    fn cuts_leave_a_valid_object() {
        for (text, keys, expected) in [
            (r#"{"a":1,"b":2,"c":3}"#, &["a"][..], r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["b"], r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["c"], r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "b"], r#"{"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["b", "c"], r#"{"a":1}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "c"], r#"{"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "b", "c"], "{}"),
            (r#"{"a":1,"b":2,"c":3}"#, &["d"], r#"{"a":1,"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"a":3,"c":4,"\u0061":5}"#, &["a"], r#"{"b":2,"c":4}"#),
            (r#"{ "a" : 1 , "b" : 2 }"#, &["a"], r#"{ "b" : 2 }"#),
            (r#"{ "a" : 1 , "b" : 2 }"#, &["b"], r#"{ "a" : 1 }"#),
            (r#"{ "a" : 1 , "b" : 2 }"#, &["a", "b"], "{  }"),
            ("{}", &["a"], "{}"),
            ("[1]", &["a"], "[1]"),
        ] {
            let cuts = cuts(text.as_bytes(), whole(text), keys);
            let mut left = text.to_owned();
            for cut in cuts.iter().rev() {
                left.replace_range(cut.range(), "");
            }
            assert_eq!(left, expected, "{text} without {keys:?}");
            assert!(cuts.is_sorted_by(|a, b| a.end < b.start), "one span a run: {cuts:?}");
        }
    }

    #[test]
    fn a_member_is_cut_from_its_value_as_from_its_object() {
        for text in [
            r#"{"a":1,"b":{"a":2},"c":3}"#,
            r#"{ "a" : 1 , "b" : [1,2] , "c" : "," }"#,
            "{\n\t\"a\"\n:\t1\n}",
            r#"{"a":{"b":1}}"#,
            r#"{"\u0061":1,"b":2}"#,
            r#"{"xa":1,"\"a":2,"a":3}"#,
        ] {
            for (key, value) in members(text.as_bytes(), whole(text)) {
                let name = decode(at(text, key).as_bytes()).expect("a key");
                let expected = cuts(text.as_bytes(), whole(text), &[&name]);
                let is_plain = at(text, key) == format!("\"{name}\"");
                let cut = cut_of_value(text.as_bytes(), value, &name);
                assert_eq!(cut, is_plain.then_some(expected[0]), "{name} in {text}");
            }
        }
        assert_eq!(cut_of_value(b"1", whole("1"), "a"), None);
        assert_eq!(cut_of_value(b"", Span { start: 7, end: 9 }, "a"), None);
    }

    #[test]
    fn strings_are_decoded() {
        for (literal, text) in [
            (r#""""#, Some("")),
            (r#""aé""#, Some("aé")),
            (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r#""\u0041\u00e9\uD83D\uDE00x""#, Some("Aé😀x")),
            (r#""\u0000""#, Some("\0")),
            (r#""\ud800""#, None),
            (r#""\ud800\n""#, None),
            (r#""\ud800\ud800""#, None),
            (r#""\udc00\ud800""#, None),
            (r#""\ud83d\u00""#, None),
            (r#""a"#, None),
            (r#""a"b""#, None),
            (r#""a" "#, None),
            (r#""\""#, None),
            (r#""\x""#, None),
            ("\"\n\"", None),
            ("\"", None),
            ("", None),
            ("12", None),
            ("null", None),
        ] {
            assert_eq!(decode(literal.as_bytes()).as_deref(), text, "{literal}");
        }
        assert!(matches!(decode(br#""plain""#), Some(Cow::Borrowed("plain"))));
        assert_eq!(decode(b"\"\xff\""), None);
        assert_eq!(decode(b"\"\\n\xff\""), None);
    }
}
