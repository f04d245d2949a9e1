//! Results and lists as text for people. Pure: values in, text out.
//!
//! What servers say is shown without control characters: it must not move the cursor of the terminal it is printed on.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// A tool's result as text.
#[must_use]
pub fn tool_result(result: &Value) -> String {
    let structured = result.get("structuredContent");
    let mut out = String::new();
    for block in result["content"].as_array().into_iter().flatten() {
        // Servers repeat the structured content as text for older clients: it is shown once.
        let repeats = |text: &str| serde_json::from_str::<Value>(text).ok().as_ref() == structured;
        match block["text"].as_str() {
            Some(text) if structured.is_some() && repeats(text) => {}
            _ => push_line(&mut out, &content_block(block)),
        }
    }
    if let Some(structured) = structured {
        push_line(&mut out, &pretty(structured));
    }
    out
}

/// The contents of `resources/read` as text.
#[must_use]
pub fn resource_contents(result: &Value) -> String {
    let mut out = String::new();
    for item in result["contents"].as_array().into_iter().flatten() {
        push_line(&mut out, &content(item));
    }
    out
}

fn content_block(block: &Value) -> String {
    match block["type"].as_str() {
        Some("text") => printable(block["text"].as_str().unwrap_or_default()),
        Some("image" | "audio") => binary(block, "data"),
        Some("resource") => content(&block["resource"]),
        Some("resource_link") => {
            let name = block["title"].as_str().or_else(|| block["name"].as_str()).unwrap_or_default();
            printable(&format!("{name} <{}>", block["uri"].as_str().unwrap_or_default()))
        }
        _ => pretty(block),
    }
}

fn content(item: &Value) -> String {
    match item["text"].as_str() {
        Some(text) => printable(text),
        None => binary(item, "blob"),
    }
}

fn binary(block: &Value, key: &str) -> String {
    let kind = block["mimeType"].as_str().unwrap_or("application/octet-stream");
    let data = block[key].as_str().unwrap_or_default();
    let n_bytes = data.trim_end_matches('=').len() * 3 / 4;
    printable(&format!("{kind} {}", size(n_bytes)))
}

/// A number of bytes for people.
#[must_use]
pub fn size(n_bytes: usize) -> String {
    match n_bytes {
        0..1_000 => format!("{n_bytes} B"),
        1_000..1_000_000 => format!("{} KB", n_bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", n_bytes / 1_000_000, n_bytes % 1_000_000 / 100_000),
    }
}

/// A time span for people.
#[must_use]
pub fn duration(d: Duration) -> String {
    let us = d.as_micros();
    match us {
        0..1_000 => format!("{us} us"),
        1_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..100_000_000 => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
        _ => format!("{} s", us / 1_000_000),
    }
}

/// A time for programs; empty if it is none that has a date.
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    let rounded = jiff::Timestamp::try_from(at).ok().and_then(|t| t.round(jiff::Unit::Millisecond).ok());
    rounded.map_or_else(String::new, |t| t.to_string())
}

/// The time of day here, for people.
#[must_use]
pub fn time_of_day(at: SystemTime) -> String {
    let Ok(at) = jiff::Timestamp::try_from(at) else { return String::new() };
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string()
}

fn pretty(value: &Value) -> String {
    printable(&format!("{value:#}"))
}

fn push_line(out: &mut String, text: &str) {
    out.push_str(text);
    if !out.ends_with('\n') && !text.is_empty() {
        out.push('\n');
    }
}

/// The text without control characters other than line feed and tab.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// An aligned table. Each line is cut to `columns` if given; line feeds in cells become spaces.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> String {
    let head = head.iter().map(|h| (*h).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&head)
        .chain(rows)
        .map(|row: &Vec<String>| row.iter().map(|cell| one_line(cell)).collect())
        .collect();
    let n_cells = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..n_cells).map(|i| lines.iter().filter_map(|l| l.get(i)).map(|c| c.width()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (i, (cell, width)) in line.iter().zip(&widths).enumerate() {
            text.push_str(cell);
            if i + 1 < line.len() {
                text.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
        }
        out.push_str(&cut(text.trim_end(), columns));
        out.push('\n');
    }
    out
}

/// The text in one line, without control characters.
#[must_use]
pub fn one_line(cell: &str) -> String {
    printable(cell).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(line: &str, columns: Option<usize>) -> String {
    use unicode_width::UnicodeWidthChar as _;

    let Some(columns) = columns.filter(|c| line.width() > *c) else { return line.to_owned() };
    let mut used = 0;
    let mut out: String = line
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < columns
        })
        .collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_text_and_images_are_told_by_size() {
        let result = json!({"content": [
            {"type": "text", "text": "two\nlines\n"},
            {"type": "image", "mimeType": "image/png", "data": "A".repeat(45_336)},
            {"type": "resource_link", "uri": "a://b", "name": "b"},
            {"type": "hologram", "x": 1},
        ]});
        assert_eq!(
            tool_result(&result),
            "two\nlines\nimage/png 35 KB\nb <a://b>\n{\n  \"type\": \"hologram\",\n  \"x\": 1\n}\n"
        );
    }

    #[test]
    fn structured_content_is_shown_once() {
        let result = json!({"content": [{"type": "text", "text": "{\"sum\":3}"}], "structuredContent": {"sum": 3}});
        assert_eq!(tool_result(&result), "{\n  \"sum\": 3\n}\n");
        let result = json!({"content": [{"type": "text", "text": "three"}], "structuredContent": {"sum": 3}});
        assert_eq!(tool_result(&result), "three\n{\n  \"sum\": 3\n}\n");
    }

    #[test]
    fn servers_cannot_move_the_cursor() {
        assert_eq!(tool_result(&json!({"content": [{"type": "text", "text": "\u{1b}[2Jhi\r\u{9b}0m"}]})), "[2Jhi0m\n");
    }

    #[test]
    fn table_is_aligned_and_cut() {
        let rows = [vec!["a".to_owned(), "first\nline".to_owned()], vec!["日本".to_owned(), "second".to_owned()]];
        assert_eq!(table(&["NAME", "TEXT"], &rows, None), "NAME  TEXT\na     first line\n日本  second\n");
        assert_eq!(table(&["NAME", "TEXT"], &rows, Some(8)), "NAME  T…\na     f…\n日本  s…\n");
    }

    #[test]
    fn times() {
        let shown = [7, 1_250, 250_900, 2_340_000, 240_000_000].map(|us| duration(Duration::from_micros(us)));
        assert_eq!(shown, ["7 us", "1.2 ms", "250 ms", "2.3 s", "240 s"]);
        assert_eq!(rfc3339(std::time::UNIX_EPOCH + Duration::from_millis(1_500)), "1970-01-01T00:00:01.5Z");
    }

    #[test]
    fn sizes() {
        assert_eq!([size(0), size(999), size(33_900), size(2_560_000)], ["0 B", "999 B", "34 KB", "2.5 MB"]);
    }
}
