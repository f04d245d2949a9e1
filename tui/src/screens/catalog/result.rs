//! An answer as people read it: text as text, JSON laid out, pictures and sounds in a line. What it does not know stays JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ratatui::text::Line;
use serde_json::Value;

use crate::app::theme::{Theme, Tone};
use crate::json::mask;
use crate::widgets::{number, text};

/// Characters of text that are shown of one answer: what is longer is read as JSON, or copied.
const MAX_CHARS: usize = 200_000;
/// Pieces of content shown.
const MAX_PIECES: usize = 500;
/// Lines one piece may take.
const MAX_LINES: usize = 4_000;

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// What comes next, or all there is to say of it.
    Note(String),
    /// Something is wrong.
    Wrong(String),
    /// Text.
    Text(String),
    /// JSON, laid out.
    Json(String),
}

/// A readable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readable(Vec<Piece>);

impl Readable {
    /// Of a `result` or an `error`; `None` if there is nothing in it that reads better than JSON.
    #[must_use]
    pub(crate) fn of(body: &Bytes) -> Option<Self> {
        let value: Value = serde_json::from_slice(&mask::masked(body)).ok()?;
        let mut pieces = Vec::new();
        if let (Some(code), Some(message)) = (value.get("code").and_then(Value::as_i64), string(&value, "message")) {
            pieces.push(Piece::Wrong(format!("error {code}: {message}")));
            pieces.extend(value.get("data").map(|data| Piece::Json(laid_out(data))));
            return Some(Self(pieces).bounded());
        }
        if value.get("isError").and_then(Value::as_bool) == Some(true) {
            pieces.push(Piece::Wrong("the tool says that it failed".to_owned()));
        }
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        if let Some(content) = list("content") {
            content.iter().take(MAX_PIECES).for_each(|c| of_content(c, &mut pieces));
        } else if let Some(messages) = list("messages") {
            for message in messages.iter().take(MAX_PIECES) {
                pieces.push(Piece::Note(string(message, "role").unwrap_or("somebody").to_owned()));
                of_content(message.get("content").unwrap_or(&Value::Null), &mut pieces);
            }
        } else if let Some(contents) = list("contents") {
            contents.iter().take(MAX_PIECES).for_each(|c| of_resource(c, &mut pieces));
        } else {
            return None;
        }
        if let Some(structured) = value.get("structuredContent") {
            let said = pieces.iter().any(|p| matches!(p, Piece::Json(t) if *t == laid_out(structured)));
            // Servers say it once more as text for clients that know no structured content.
            if !said {
                pieces.push(Piece::Note("structured content".to_owned()));
                pieces.push(Piece::Json(laid_out(structured)));
            }
        }
        if pieces.is_empty() {
            pieces.push(Piece::Note("an answer without content".to_owned()));
        }
        Some(Self(pieces).bounded())
    }

    /// Cuts what is too long to be drawn again and again.
    fn bounded(mut self) -> Self {
        let mut room = MAX_CHARS;
        for piece in &mut self.0 {
            let (Piece::Text(content) | Piece::Json(content)) = piece else { continue };
            if content.len() > room {
                content.truncate(text::head(content, room).len());
                content.push_str("\n(the rest is left out: J shows the JSON, y copies all of it)");
            }
            room = room.saturating_sub(content.len());
        }
        self
    }

    /// As lines of `cells`.
    #[must_use]
    pub(crate) fn lines(&self, cells: usize, theme: Theme) -> Vec<Line<'static>> {
        let room = cells.saturating_sub(2);
        let mut out = Vec::new();
        let mut put = |text: &str, style| {
            for line in text::wrap(text, room, MAX_LINES) {
                out.push(Line::styled(format!(" {line}"), style));
            }
        };
        for piece in &self.0 {
            match piece {
                Piece::Note(text) => put(text, theme.dim()),
                Piece::Wrong(text) => put(&format!("{} {text}", theme.symbols().bad), theme.tone(Tone::Bad)),
                Piece::Text(text) => put(text, ratatui::style::Style::new()),
                Piece::Json(text) => put(text, theme.json_text()),
            }
        }
        out
    }
}

fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn laid_out(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Text that is JSON itself is laid out.
fn of_text(text: &str, pieces: &mut Vec<Piece>) {
    let is_json = text.trim_start().starts_with(['{', '[']);
    match serde_json::from_str::<Value>(text).ok().filter(|_| is_json) {
        Some(value) => pieces.push(Piece::Json(laid_out(&value))),
        None => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn of_content(content: &Value, pieces: &mut Vec<Piece>) {
    let mime = string(content, "mimeType").unwrap_or("of no known type");
    match string(content, "type") {
        Some("text") => of_text(string(content, "text").unwrap_or_default(), pieces),
        Some("image") => {
            let (size, bytes) = decoded(string(content, "data").unwrap_or_default());
            let pixels = png_size(&bytes).map_or_else(String::new, |(w, h)| format!(", {w} x {h} pixels"));
            pieces.push(Piece::Note(format!("picture: {mime}, {}{pixels}", size_word(size))));
        }
        Some("audio") => {
            let (size, _) = decoded(string(content, "data").unwrap_or_default());
            pieces.push(Piece::Note(format!("sound: {mime}, {}", size_word(size))));
        }
        Some("resource") => of_resource(content.get("resource").unwrap_or(&Value::Null), pieces),
        Some("resource_link") => {
            let name = string(content, "title").or_else(|| string(content, "name")).unwrap_or_default();
            let uri = string(content, "uri").unwrap_or("(without a URI)");
            pieces.push(Piece::Note(format!("link to a resource: {uri}  {name}")));
            pieces.extend(string(content, "description").map(|d| Piece::Text(d.to_owned())));
        }
        _ => pieces.push(Piece::Json(laid_out(content))),
    }
}

fn of_resource(resource: &Value, pieces: &mut Vec<Piece>) {
    let uri = string(resource, "uri").unwrap_or("(without a URI)");
    let mime = string(resource, "mimeType").map_or_else(String::new, |m| format!(", {m}"));
    match (string(resource, "text"), string(resource, "blob")) {
        (Some(text), _) => {
            let n = number::plural(text.lines().count() as u64, "line");
            pieces.push(Piece::Note(format!("resource {uri}{mime}, {} in {n}", size_word(text.len()))));
            of_text(text, pieces);
        }
        (None, Some(blob)) => {
            let (size, bytes) = decoded(blob);
            let pixels = png_size(&bytes).map_or_else(String::new, |(w, h)| format!(", {w} x {h} pixels"));
            pieces.push(Piece::Note(format!("resource {uri}{mime}, {}{pixels}", size_word(size))));
        }
        (None, None) => pieces.push(Piece::Json(laid_out(resource))),
    }
}

fn size_word(n: usize) -> String {
    number::size(n as u64)
}

/// How many bytes base 64 stands for, and the first of them.
fn decoded(base64: &str) -> (usize, Vec<u8>) {
    /// Characters of the beginning: of whole bytes, and enough for the head of a picture.
    const HEAD: usize = 44;
    let signs = || base64.bytes().filter(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_'));
    // Some write it as in addresses.
    let plain = |c| match c {
        b'-' => b'+',
        b'_' => b'/',
        c => c,
    };
    let mut head: Vec<u8> = signs().take(HEAD).map(plain).collect();
    head.truncate(head.len() / 4 * 4);
    (signs().count() * 3 / 4, STANDARD.decode(head).unwrap_or_default())
}

/// Width and height of a PNG, by its first bytes (ISO/IEC 15948, 11.2.2).
fn png_size(head: &[u8]) -> Option<(u32, u32)> {
    let rest = head.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let number = |at: usize| rest.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    (rest.get(4..8)? == b"IHDR").then_some(())?;
    Some((number(8)?, number(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, want: &[&str]) {
        let readable = Readable::of(&Bytes::from_static(body.as_bytes()));
        let lines = readable.map(|r| r.lines(78, Theme::default())).unwrap_or_default();
        let lines: Vec<String> = lines.iter().map(|l| l.to_string().trim_start().to_owned()).collect();
        assert_eq!(lines, want, "{body}");
    }

    #[test]
    fn each_kind_of_content_reads_in_its_own_way() {
        check(r#"{"content":[{"type":"text","text":"one\ntwo"}]}"#, &["one", "two"]);
        check(
            r#"{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{"a":1}}"#,
            &["{", "\"a\": 1", "}"],
        );
        check(
            r#"{"content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}]}"#,
            &["picture: image/png, 33 B, 1 x 1 pixels"],
        );
        check(r#"{"content":[{"type":"audio","mimeType":"audio/wav","data":"UklGRg=="}]}"#, &["sound: audio/wav, 4 B"]);
        check(
            r#"{"content":[{"type":"resource_link","uri":"note://a","name":"A"},{"type":"new","x":1}]}"#,
            &["link to a resource: note://a  A", "{", "\"type\": \"new\",", "\"x\": 1", "}"],
        );
        check(
            r#"{"contents":[{"uri":"note://a","mimeType":"text/plain","text":"hi"},{"uri":"b:","blob":"AAAA"}]}"#,
            &["resource note://a, text/plain, 2 B in 1 line", "hi", "resource b:, 3 B"],
        );
        check(r#"{"messages":[{"role":"user","content":{"type":"text","text":"review"}}]}"#, &["user", "review"]);
        check(r#"{"content":[],"isError":true}"#, &["✗ the tool says that it failed"]);
        check(r#"{"content":[]}"#, &["an answer without content"]);
        check(r#"{"code":-32602,"message":"no","data":[1]}"#, &["✗ error -32602: no", "[", "1", "]"]);
        check(r#"{"tools":[]}"#, &[]);
        check("junk", &[]);
    }

    #[test]
    fn secrets_are_masked_and_long_texts_cut() {
        check(
            r#"{"content":[{"type":"text","text":"x"}],"structuredContent":{"token":"abc"}}"#,
            &["x", "structured content", "{", "\"token\": \"***\"", "}"],
        );
        let long = format!(r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#, "ü".repeat(MAX_CHARS));
        let Some(Readable(pieces)) = Readable::of(&Bytes::from(long)) else { panic!("readable") };
        let Piece::Text(text) = &pieces[0] else { panic!("{pieces:?}") };
        assert!(text.len() < MAX_CHARS + 100 && text.contains("left out"));
    }
}
