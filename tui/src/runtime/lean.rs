//! Writes a frame in fewer bytes: a move to the right within a row is told by its length, not by row and column. In a list that is
//! followed most of what is written are such moves. Only where it is certain where the cursor stands: behind characters to which
//! every terminal gives one cell.

use std::io::{self, Write};

/// Keeps what is written until it is flushed.
#[derive(Debug)]
pub(super) struct Lean<W> {
    out: W,
    frame: Vec<u8>,
    short: Vec<u8>,
}

impl<W> Lean<W> {
    /// Room for a frame of this length without asking for more.
    pub(super) fn new(out: W, capacity: usize) -> Self {
        Self { out, frame: Vec::with_capacity(capacity), short: Vec::with_capacity(capacity) }
    }
}

impl<W: Write> Write for Lean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.short.clear();
        shorten(&self.frame, &mut self.short);
        self.frame.clear();
        self.out.write_all(&self.short)?;
        self.out.flush()
    }
}

const ESC: u8 = 0x1b;

/// The same for a terminal, in `out`.
fn shorten(mut rest: &[u8], out: &mut Vec<u8>) {
    // Row and column, counted from 1, while they are certain.
    let mut at: Option<(u16, u16)> = None;
    while let [first, ..] = rest {
        let (piece, after) = rest.split_at(length(rest));
        match (first, piece.last()) {
            (&ESC, Some(b'H')) => {
                let to = place(piece);
                match (at, to) {
                    (Some((row, from)), Some((to_row, to))) if row == to_row && to > from => right(to - from, out),
                    _ => out.extend_from_slice(piece),
                }
                at = to;
            }
            // Colours move nothing.
            (&ESC, Some(b'm')) => out.extend_from_slice(piece),
            (b' '..=b'~', _) => {
                out.extend_from_slice(piece);
                at = at.map(|(row, column)| (row, column.saturating_add(1)));
            }
            _ => {
                out.extend_from_slice(piece);
                at = None;
            }
        }
        rest = after;
    }
}

fn right(n: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    if n > 1 {
        out.extend_from_slice(n.to_string().as_bytes());
    }
    out.push(b'C');
}

/// Bytes of the first piece: a character's byte, or a control sequence; what else begins with ESC is one piece to the end.
fn length(bytes: &[u8]) -> usize {
    match bytes {
        [ESC, b'[', parameters @ ..] => {
            let end = parameters.iter().position(|b| matches!(b, b'@'..=b'~'));
            end.map_or(bytes.len(), |end| end + 3)
        }
        [ESC, ..] => bytes.len(),
        _ => 1,
    }
}

/// Where `ESC [ row ; column H` goes.
fn place(sequence: &[u8]) -> Option<(u16, u16)> {
    let numbers = std::str::from_utf8(sequence.get(2..sequence.len() - 1)?).ok()?;
    let (row, column) = numbers.split_once(';')?;
    Some((row.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(frame: &str, want: &str) {
        let mut out = Vec::new();
        shorten(frame.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn moves_within_a_row_are_told_by_their_length() {
        check("\x1b[5;12H66\x1b[5;19H\x1b[22m9f\x1b[5;22Hx", "\x1b[5;12H66\x1b[5C\x1b[22m9f\x1b[Cx");
        check("\x1b[5;12Ha\x1b[6;14Hb", "\x1b[5;12Ha\x1b[6;14Hb");
        check("\x1b[5;12Ha\x1b[5;2Hb", "\x1b[5;12Ha\x1b[5;2Hb");
        check("\x1b[5;12Ha\x1b[5;13Hb", "\x1b[5;12Ha\x1b[5;13Hb");
    }

    #[test]
    fn where_the_cursor_may_stand_elsewhere_nothing_is_changed() {
        for same in [
            "a\x1b[5;12H",
            "\x1b[5;12H日\x1b[5;19Hx",
            "\x1b[5;12H✓\x1b[5;19Hx",
            "\x1b[5;12Ha\r\x1b[5;19Hx",
            "\x1b[5;12Ha\x1b[K\x1b[5;19Hx",
            "\x1b[5;12Ha\x1b]52;c;aGk=\x07\x1b[5;19Hx",
            "\x1b[?2026h\x1b[5;12H",
            "\x1b[",
            "\x1b[;H\x1b[H\x1b[99999;1H",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn a_frame_is_written_when_it_is_flushed() {
        let mut lean = Lean::new(Vec::new(), 16);
        lean.write_all(b"\x1b[1;").unwrap();
        lean.write_all(b"1Ha\x1b[1;4Hb").unwrap();
        assert!(lean.out.is_empty());
        lean.flush().unwrap();
        lean.flush().unwrap();
        assert_eq!(lean.out, b"\x1b[1;1Ha\x1b[2Cb");
    }

    proptest! {
        #[test]
        fn the_screen_is_the_same(
            cells in prop::collection::vec((1u16..8, 1u16..40, prop::sample::select(vec!["a", "bc", "日", "✓", "\x1b[1mx\x1b[0m", "é"])), 0..60)
        ) {
            let frame: String = cells.iter().map(|(row, column, text)| format!("\x1b[{row};{column}H{text}")).collect();
            let mut short = Vec::new();
            shorten(frame.as_bytes(), &mut short);
            prop_assert!(short.len() <= frame.len());
            let screen = |bytes: &[u8]| {
                let cells = |n| std::num::NonZero::new(n).unwrap();
                let mut parser = vt100::Parser::new(cells(8), cells(48), 0);
                parser.process(bytes);
                parser.screen().contents_formatted()
            };
            prop_assert_eq!(screen(&short), screen(frame.as_bytes()));
        }
    }
}
