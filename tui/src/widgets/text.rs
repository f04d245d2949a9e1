//! Text that came from somewhere else, made fit for a cell grid.
//!
//! Server text is never sent raw to the terminal: control, escape, bidirectional and invisible characters are taken
//! out here. Input: any text; output: text whose width in cells is known.

use std::borrow::Cow;

use mcp_proxy_core::protocol::floor_char;
use unicode_width::UnicodeWidthChar;

/// Whether a character could move the cursor, reorder the line, or hide.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line without anything dangerous; line breaks and tabs become a space.
#[must_use]
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => out.push(' '),
            '\u{1b}' => rest = after_escape(rest),
            c if is_unsafe(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// What follows an escape sequence (ECMA-48: CSI ends with a letter, OSC with BEL or ST).
fn after_escape(mut rest: std::str::Chars<'_>) -> std::str::Chars<'_> {
    let begin = rest.clone();
    match rest.next() {
        Some('[') => {
            // A sequence has a few parameters; something longer is no sequence and stays readable.
            for _ in 0..32 {
                match rest.next() {
                    Some('0'..='?' | ' '..='/') => {}
                    Some('@'..='~') => return rest,
                    _ => return begin,
                }
            }
            begin
        }
        Some(']') => loop {
            match rest.next() {
                Some('\u{7}') => return rest,
                Some('\u{1b}') if rest.as_str().starts_with('\\') => {
                    rest.next();
                    return rest;
                }
                Some(_) => {}
                None => return begin,
            }
        },
        _ => begin,
    }
}

/// The text of bytes that may be no text at all, cleaned.
#[must_use]
pub(crate) fn clean_bytes(bytes: &[u8]) -> String {
    clean(&String::from_utf8_lossy(bytes)).into_owned()
}

/// Width in cells of cleaned text.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Cleaned text cut to `cells`, with `ellipsis` where something is missing.
#[must_use]
pub(crate) fn fit(text: &str, cells: usize, ellipsis: &str) -> String {
    // Bytes beyond this cannot be seen; a body's text may be megabytes.
    let head = head(text, cells.saturating_mul(8).saturating_add(64));
    let cleaned = clean(head);
    if head.len() == text.len() && width(&cleaned) <= cells {
        return cleaned.into_owned();
    }
    let room = cells.saturating_sub(width(ellipsis));
    let mut out = take(&cleaned, room).to_owned();
    if cells >= width(ellipsis) {
        out.push_str(ellipsis);
    }
    out
}

/// The same, padded with blanks on the right.
#[must_use]
pub(crate) fn pad(text: &str, cells: usize, ellipsis: &str) -> String {
    let mut out = fit(text, cells, ellipsis);
    let w = width(&out);
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(w)));
    out
}

/// The same, padded with blanks on the left.
#[must_use]
pub(crate) fn pad_left(text: &str, cells: usize, ellipsis: &str) -> String {
    let out = fit(text, cells, ellipsis);
    let blanks = cells.saturating_sub(width(&out));
    format!("{}{out}", " ".repeat(blanks))
}

/// As many whole characters from the start as fit into `cells`.
fn take(text: &str, cells: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > cells {
            return &text[..at];
        }
    }
    text
}

/// At most `bytes` from the start, ending at a character.
pub(crate) fn head(text: &str, bytes: usize) -> &str {
    &text[..floor_char(text, bytes)]
}

/// Where a text goes on that is not shown. Every terminal has dots.
const MORE: &str = "...";

/// The end of a text, in at most `cells`.
#[must_use]
pub(crate) fn fit_end(text: &str, cells: usize, ellipsis: &str) -> String {
    let cleaned = clean(text);
    if width(&cleaned) <= cells {
        return cleaned.into_owned();
    }
    let room = cells.saturating_sub(width(ellipsis));
    let fits = |at: &usize| width(&cleaned[*at..]) <= room;
    let begin = cleaned.char_indices().rev().map(|(at, _)| at).take_while(fits).last().unwrap_or(cleaned.len());
    fit(&format!("{ellipsis}{}", &cleaned[begin..]), cells, "")
}

/// Text as lines of at most `cells`, broken between words where possible; its own line breaks are kept. Stops after
/// `limit` lines; the last of them says then that there was more.
#[must_use]
pub(crate) fn wrap(text: &str, cells: usize, limit: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let paragraph = clean(paragraph);
        let mut rest: &str = &paragraph;
        loop {
            if lines.len() >= limit {
                if let Some(last) = lines.last_mut() {
                    *last = format!("{}{MORE}", take(last, cells.saturating_sub(MORE.len())).trim_end());
                }
                return lines;
            }
            let piece = take(rest, cells);
            if piece.len() == rest.len() {
                lines.push(piece.trim_end().to_owned());
                break;
            }
            let whole_word = rest[piece.len()..].starts_with(' ');
            let cut = if whole_word { None } else { piece.rfind(' ').filter(|at| *at > 0) }.unwrap_or(piece.len());
            // A character wider than the line still has to go somewhere.
            let cut = if cut == 0 { rest.chars().next().map_or(rest.len(), char::len_utf8) } else { cut };
            lines.push(rest[..cut].trim_end().to_owned());
            rest = rest[cut..].trim_start();
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_bidi_are_taken_out() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{200b}d\r\ne\tf"), "abcd e f");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{1b}]52;c;eA==\u{1b}\\y"), "xy");
        assert_eq!(clean("\u{1b}]never ends"), "]never ends");
        assert_eq!(clean("\u{1b}[\u{1b}[1;2"), "[[1;2");
    }

    #[test]
    fn wide_characters_count_two() {
        assert_eq!(width("日本"), 4);
        assert_eq!(fit("日本語テキスト", 7, "…"), "日本語…");
        assert_eq!(pad("日本", 6, "…"), "日本  ");
        assert_eq!(fit("日本", 1, "…"), "…");
        assert_eq!(fit("abc", 0, "…"), "");
    }

    #[test]
    fn the_end_of_a_text_fits() {
        for (text, cells, shown) in [
            ("params._meta.token", 9, "…ta.token"),
            ("short", 9, "short"),
            ("日本語", 4, "…語"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(fit_end(text, cells, "…"), shown);
        }
    }

    #[test]
    fn wrap_breaks_between_words_and_ends() {
        assert_eq!(wrap("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3, 9), ["abc", "def", "gh"]);
        assert_eq!(wrap("日本", 1, 9), ["日", "本"]);
        assert_eq!(wrap("a\nb\nc", 9, 2), ["a", "b..."]);
        assert_eq!(wrap("one two three", 7, 1), ["one..."]);
        assert_eq!(wrap("one two", 9, 1), ["one two"]);
    }
}
