//! Where the parts of a YAML collection between brackets (`{…}`, `[…]`) stand: its members, the commas behind them, its comments.
//! Members are put in and taken out so that comments stay. Of what it cannot follow it says nothing at all.

use std::ops::Range;

use super::{Splices, line_end, line_start};

/// A collection between brackets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// Its opening bracket.
    pub(super) open: usize,
    /// Its closing bracket.
    pub(super) close: usize,
    /// Its members, without blanks and comments around them.
    pub(super) members: Vec<Range<usize>>,
    /// The comma behind each member; behind the last there may be none.
    pub(super) commas: Vec<usize>,
    /// Every comment in it, those inside its members too.
    pub(super) comments: Vec<Range<usize>>,
}

impl Flow {
    /// Reads the one whose bracket is at `open`.
    pub(super) fn read(text: &str, open: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut flow = Self { open, close: open, members: Vec::new(), commas: Vec::new(), comments: Vec::new() };
        let mut member: Option<Range<usize>> = None;
        let mut depth = 0_usize;
        // Only its first character makes a scalar a quoted one: `rock 'n roll` is not.
        let mut may_begin = false;
        // A colon right behind a quote or a bracket needs no blank.
        let mut is_closed = false;
        let mut at = open;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => continue,
                b'#' if start > 0 && bytes[start - 1].is_ascii_whitespace() => {
                    at = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| start + n);
                    flow.comments.push(start..at);
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    (may_begin, is_closed) = (true, false);
                    if depth == 1 {
                        continue;
                    }
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    (may_begin, is_closed) = (false, true);
                    if depth == 0 {
                        flow.members.extend(member);
                        flow.close = start;
                        return Some(flow);
                    }
                }
                b',' => {
                    (may_begin, is_closed) = (true, false);
                    if depth == 1 {
                        flow.members.push(member.take()?);
                        flow.commas.push(start);
                        continue;
                    }
                }
                b'"' | b'\'' if may_begin => {
                    at = end_of_quote(bytes, start)?;
                    (may_begin, is_closed) = (false, true);
                }
                b':' if is_closed || bytes.get(at).is_none_or(|b| ends_plain(*b)) => {
                    (may_begin, is_closed) = (true, false);
                }
                b'?' if may_begin && bytes.get(at).is_none_or(u8::is_ascii_whitespace) => {}
                b'&' | b'!' if may_begin => at = end_of_property(bytes, start)?,
                _ => (may_begin, is_closed) = (false, false),
            }
            member = Some(member.map_or(start, |m| m.start)..at);
        }
        None
    }

    /// Puts a member behind the last one: on a line of its own if that has one.
    pub(super) fn insert(&self, text: &str, nl: &str, member: &str, splices: &mut Splices) -> Option<()> {
        let last = self.members.last()?;
        let head = &text[line_start(text, last.start)..last.start];
        let line = line_end(text, last.end);
        let comma = self.commas.get(self.members.len() - 1);
        if !head.trim().is_empty() || line > self.close || comma.is_some_and(|c| *c >= line) {
            splices.add(last.end..last.end, format!(", {member}"));
            return Some(());
        }
        if comma.is_none() {
            splices.add(last.end..last.end, ",");
        }
        splices.add(line..line, format!("{head}{member}{}{}", if comma.is_some() { "," } else { "" }, nl));
        Some(())
    }

    /// Takes one member out from between brackets. A comment goes with it only if it stands in it, or behind it on its own line.
    pub(super) fn cut(&self, text: &str, index: usize, splices: &mut Splices) -> Option<()> {
        let own = self.members.get(index)?.clone();
        let comma = self.commas.get(index).copied();
        let before = index.checked_sub(1).and_then(|i| self.members.get(i));
        let comma_before = index.checked_sub(1).and_then(|i| self.commas.get(i).copied());
        let next = self.members.get(index + 1);
        let is_last = next.is_none();
        // Without one at the end the comma before the last one goes too.
        let loose = comma_before.filter(|_| is_last && comma.is_none());
        let lines = line_start(text, own.start)..line_end(text, own.end);
        let has_lines = text[lines.start..own.start].trim().is_empty()
            && lines.end <= self.close
            && comma.is_none_or(|c| c < lines.end)
            && next.is_none_or(|n| n.start >= lines.end);
        if has_lines {
            splices.add(lines, "");
            splices.add_gone(loose);
        } else if let Some(next) = next.filter(|next| !self.has_comment(&(own.end..next.start))) {
            splices.add(own.start..next.start, "");
        } else if let Some(before) = before.filter(|b| is_last && !self.has_comment(&(b.end..own.start))) {
            splices.add(before.end..own.end, "");
        } else if self.members.len() == 1 && self.comments.iter().all(|c| own.contains(&c.start)) {
            splices.add(self.open + 1..self.close, "");
        } else {
            // A comment lies beside it: nothing goes but the member, and one comma.
            let start = text[..own.start].trim_end_matches([' ', '\t']).len();
            let is_first = text[..start].ends_with('\n');
            splices.add(if is_first { own.start } else { start }..own.end, "");
            splices.add_gone(comma.or(loose));
        }
        Some(())
    }

    /// Whether a comment begins in `range`.
    fn has_comment(&self, range: &Range<usize>) -> bool {
        self.comments.iter().any(|c| range.contains(&c.start))
    }
}

/// The bracket of the collection that begins at `start`, behind its anchor and its tag.
pub(super) fn bracket(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'{' | b'[' => return Some(at),
            b'&' | b'!' => at = end_of_property(bytes, at)?,
            b' ' | b'\t' | b'\r' | b'\n' if at > start => at += 1,
            _ => return None,
        }
    }
}

/// What cannot be in a scalar without quotes, behind a colon.
fn ends_plain(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

/// Behind the quote that ends the text whose quote is at `start`.
fn end_of_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        let byte = *bytes.get(at)?;
        let is_escape = match quote {
            b'"' => byte == b'\\',
            _ => byte == quote && bytes.get(at + 1) == Some(&quote),
        };
        if is_escape {
            at += 2;
        } else if byte == quote {
            return Some(at + 1);
        } else {
            at += 1;
        }
    }
}

/// Behind the anchor or the tag at `start`.
fn end_of_property(bytes: &[u8], start: usize) -> Option<usize> {
    let ends: fn(u8) -> bool = if bytes[start..].starts_with(b"!<") { |b| b == b'>' } else { ends_plain };
    let n = bytes[start + 1..].iter().position(|b| ends(*b))?;
    let is_verbatim = bytes[start + 1 + n] == b'>';
    Some(start + 1 + n + usize::from(is_verbatim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_whatever_is_in_them() {
        for (text, expected) in [
            ("{}", &[][..]),
            ("{ # a, b }\n}", &[]),
            ("{a: 1, b: 2,}", &["a: 1", "b: 2"]),
            ("{T: rock 'n roll}", &["T: rock 'n roll"]),
            ("[rock 'n roll, it's, 5\" x]", &["rock 'n roll", "it's", "5\" x"]),
            ("{T: 'it''s {', U: \"\\\"}\"}", &["T: 'it''s {'", "U: \"\\\"}\""]),
            ("{\"a\":'}', b:\n\t'{'}", &["\"a\":'}'", "b:\n\t'{'"]),
            ("{a: [{b: '}'}, c] # }\n , d:}", &["a: [{b: '}'}, c]", "d:"]),
            (
                "{a: &x '}', b: !!str ']', c: !<t,u> '{', ? d : ',', e: *x}",
                &["a: &x '}'", "b: !!str ']'", "c: !<t,u> '{'", "? d : ','", "e: *x"],
            ),
            ("[a#b, a::b, :c, é]", &["a#b", "a::b", ":c", "é"]),
        ] {
            let flow = Flow::read(text, 0).unwrap();
            assert_eq!(flow.members.iter().map(|m| &text[m.clone()]).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(flow.close, text.len() - 1, "{text}");
        }
        for text in ["", "{", "{a: 'b}", "[a,,b]", "{a: \"\\", "{&", "}"] {
            assert_eq!(Flow::read(text, 0), None, "{text}");
        }
    }
}
