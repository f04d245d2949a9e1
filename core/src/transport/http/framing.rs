//! [`Framing`]: where in the body of an HTTP/1.1 answer a connection is, and which of its bytes are the body's.
//!
//! Chunks (RFC 9112, 7.1), or all until the connection ends. No I/O, and no byte is kept. As strict as hyper, which reads most answers.

/// Bytes of extensions and trailers in one body, at most. They say nothing to us, and must not go on for ever.
const MAX_BESIDE: u32 = 16 * 1024;

/// Where a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    at: At,
    /// Of the present chunk.
    n_left: u64,
    n_beside: u32,
}

/// A body that is not framed as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid chunk")]
pub(super) struct Flaw;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first digit of a length.
    Start,
    Size,
    /// Behind a length.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// Behind the last chunk, where a line begins.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    End,
    /// Without chunks: all belongs to the body.
    Open,
}

impl Framing {
    /// A body in chunks.
    pub(super) const fn chunked() -> Self {
        Self { at: At::Start, n_left: 0, n_beside: 0 }
    }

    /// A body that goes on until the connection ends.
    pub(super) const fn to_the_end() -> Self {
        Self { at: At::Open, n_left: 0, n_beside: 0 }
    }

    /// Goes on by what came; `data` is given what belongs to the body. What comes behind the body is passed over.
    ///
    /// # Errors
    /// When it is not framed; what was before is given all the same.
    pub(super) fn feed(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<(), Flaw> {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            match self.at {
                At::Data => {
                    let all = &bytes[bytes.len() - behind.len() - 1..];
                    let n = usize::try_from(self.n_left).unwrap_or(usize::MAX).min(all.len());
                    data(&all[..n]);
                    rest = &all[n..];
                    self.n_left -= n as u64;
                    if self.n_left == 0 {
                        self.at = At::DataCr;
                    }
                }
                At::Open => {
                    data(&bytes[bytes.len() - behind.len() - 1..]);
                    return Ok(());
                }
                At::End => return Ok(()),
                _ => self.at = self.step(byte)?,
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<At, Flaw> {
        Ok(match (self.at, byte) {
            (At::Start | At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(Flaw)?;
                let left = self.n_left.checked_mul(16).and_then(|left| left.checked_add(digit.into()));
                self.n_left = left.ok_or(Flaw)?;
                At::Size
            }
            (At::Size | At::Space, b' ' | b'\t') => At::Space,
            (At::Size | At::Space, b';') => At::Extension,
            (At::Size | At::Space | At::Extension, b'\r') => At::SizeLf,
            (At::Extension, other) if other != b'\n' => self.beside(At::Extension)?,
            (At::SizeLf, b'\n') if self.n_left == 0 => At::Line,
            (At::SizeLf, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Start,
            (At::Line, b'\r') => At::LastLf,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::Line | At::Trailer, _) => self.beside(At::Trailer)?,
            (At::TrailerLf, b'\n') => At::Line,
            (At::LastLf, b'\n') => At::End,
            _ => return Err(Flaw),
        })
    }

    fn beside(&mut self, at: At) -> Result<At, Flaw> {
        self.n_beside += 1;
        if self.n_beside < MAX_BESIDE { Ok(at) } else { Err(Flaw) }
    }

    /// Whether the body has said that it is over.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::End
    }

    /// Whether it is whole when the connection ends here.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.at, At::End | At::Open)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `pieces` carry, up to where they are at fault.
    fn read<'b>(framing: &mut Framing, pieces: impl IntoIterator<Item = &'b [u8]>) -> (Vec<u8>, Result<(), Flaw>) {
        let mut all = Vec::new();
        for piece in pieces {
            let fed = framing.feed(piece, |data| all.extend_from_slice(data));
            if fed.is_err() {
                return (all, fed);
            }
        }
        (all, Ok(()))
    }

    fn check(body: &[u8], expected: &[u8]) {
        for at in 0..=body.len() {
            let (first, second) = body.split_at(at);
            let mut framing = Framing::chunked();
            assert_eq!(read(&mut framing, [first, second]), (expected.to_vec(), Ok(())), "split at {at}");
            assert!(framing.is_over() && framing.may_end());
        }
        for n in 0..body.len() {
            let mut framing = Framing::chunked();
            assert_eq!(read(&mut framing, [&body[..n]]).1, Ok(()));
            assert!(!framing.may_end(), "cut off at {n}");
        }
    }

    #[test]
    fn what_is_valid_is_read_however_it_is_split() {
        check(b"0\r\n\r\n", b"");
        check(b"5\r\nhello\r\n0\r\n\r\n", b"hello");
        check(b"5 \t\r\nhello\r\n00B;a=\"b\";c\r\n 0\r\n\r\nworld\r\n000\r\n\r\n", b"hello 0\r\n\r\nworld");
        check(b"1;\r\nx\r\n0;last\r\nx-a: 1\r\nx-b: \r\n\r\n", b"x");
    }

    #[test]
    fn what_is_not_valid_is_said_and_what_was_before_is_kept() {
        let big = format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(MAX_BESIDE as usize));
        let trailers = format!("0\r\n{}\r\n", "x: 1\r\n".repeat(MAX_BESIDE as usize));
        for (body, expected) in [
            ("x", ""),
            ("\r\n", ""),
            (" 1\r\nx", ""),
            ("-1\r\nx", ""),
            ("0x1\r\nx", ""),
            ("1\nx", ""),
            ("1\rx", ""),
            ("1 2\r\nx", ""),
            ("1;a\nb\r\nx", ""),
            ("10000000000000000\r\nx", ""),
            ("1\r\nxy\r\n", "x"),
            ("1\r\nx\ry", "x"),
            ("1\r\nx\r\n\r\n", "x"),
            ("0\r\nx: 1\ry", ""),
            ("0\r\n\rx", ""),
            (&big, ""),
            (&trailers, ""),
        ] {
            let whole = read(&mut Framing::chunked(), [body.as_bytes()]);
            assert_eq!(whole, (expected.as_bytes().to_vec(), Err(Flaw)), "{}", &body[..body.len().min(30)]);
            assert_eq!(read(&mut Framing::chunked(), body.as_bytes().chunks(1)), whole);
        }
    }

    #[test]
    fn without_chunks_all_is_the_body() {
        let mut framing = Framing::to_the_end();
        assert!(framing.may_end() && !framing.is_over());
        assert_eq!(read(&mut framing, [b"0\r\n\r\n".as_slice(), b"x"]), (b"0\r\n\r\nx".to_vec(), Ok(())));
        assert!(framing.may_end() && !framing.is_over());
    }

    /// A body in chunks and what it carries.
    fn bodies() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let chunk =
            (prop::collection::vec(any::<u8>(), 1..40), "0{0,3}", "([ \t]{0,2}(;[a-z=\" ]{0,9})?)?", any::<bool>());
        let trailers = "([a-z]{1,5}: ?[a-z]{0,5}\r\n){0,3}";
        (prop::collection::vec(chunk, 0..6), trailers).prop_map(|(chunks, trailers)| {
            let (mut body, mut carried) = (Vec::new(), Vec::new());
            for (data, zeros, beside, upper) in chunks {
                let size = if upper { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
                body.extend_from_slice(format!("{zeros}{size}{beside}\r\n").as_bytes());
                body.extend_from_slice(&data);
                body.extend_from_slice(b"\r\n");
                carried.extend_from_slice(&data);
            }
            body.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
            (body, carried)
        })
    }

    proptest! {
        #[test]
        fn any_split_of_any_body_reads_the_same((body, carried) in bodies(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let mut framing = Framing::chunked();
            let pieces = cuts.windows(2).map(|w| &body[w[0]..w[1]]);
            prop_assert_eq!(read(&mut framing, pieces), (carried, Ok(())));
            prop_assert!(framing.is_over());
        }

        #[test]
        fn garbage_reads_the_same_at_once_and_byte_by_byte(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'0'), Just(b'1'), Just(b'\r'), Just(b'\n'), Just(b';')], 0..200)) {
            let (mut one, mut other) = (Framing::chunked(), Framing::chunked());
            let whole = read(&mut one, [&*bytes]);
            prop_assert!(whole.0.len() <= bytes.len());
            prop_assert_eq!(read(&mut other, bytes.chunks(1)), whole);
            prop_assert_eq!(one, other);
        }
    }
}
