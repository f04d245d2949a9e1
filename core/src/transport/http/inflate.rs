//! [`Inflate`]: a body that was sent compressed, as it was before: `gzip` (RFC 1952) or `deflate` (RFC 1950).
//!
//! A piece at a time, so that what little comes may not become much at once.

use bytes::{Buf as _, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// What requests say that we read.
pub(super) const CODINGS: &str = "gzip,deflate";

/// Bytes of a piece, at most.
const PIECE: usize = 16 * 1024;

/// One body on its way.
#[derive(Debug)]
pub(super) struct Inflate {
    at: At,
    inner: Decompress,
    /// Of gzip's data, which others do not check.
    crc: Option<Crc>,
    /// What has come and is still to be read.
    input: Bytes,
    room: Vec<u8>,
    is_empty: bool,
}

/// What was said to be compressed and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be decompressed")]
pub(super) struct Corrupt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the byte of gzip's head with this number; its flags, once they are known.
    Head(u8, u8),
    /// In the length of an extra field, here and below with the flags of what is still to come: so many bytes of it, which are this.
    ExtraLength(u8, u8, u16),
    Extra(u8, u16),
    /// In a text that ends with a zero.
    Text(u8),
    HeadCrc(u8),
    Data,
    /// Before the byte with this number behind gzip's data; what came before.
    Tail(u8, u64),
    /// Where it may end.
    End,
}

const HEAD_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const UNKNOWN: u8 = 0b1110_0000;
/// How gzip begins: what it is, and that it is deflate within.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// The bytes of its head that are always there.
const N_HEAD: u8 = 10;

impl Inflate {
    /// What reads the body of an answer, if that is compressed in a way that we know. Its headers are then those of the body as it was.
    pub(super) fn of(headers: &mut HeaderMap) -> Option<Self> {
        let coding = headers.get(CONTENT_ENCODING)?.as_bytes();
        let is_gzip = coding.eq_ignore_ascii_case(b"gzip");
        if !is_gzip && !coding.eq_ignore_ascii_case(b"deflate") {
            return None;
        }
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Some(Self::new(is_gzip))
    }

    fn new(is_gzip: bool) -> Self {
        Self {
            at: if is_gzip { At::Head(0, 0) } else { At::Data },
            inner: Decompress::new(!is_gzip),
            crc: is_gzip.then(Crc::new),
            input: Bytes::new(),
            room: Vec::with_capacity(PIECE),
            is_empty: true,
        }
    }

    /// More came. All that was there has been read before.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.is_empty &= bytes.is_empty();
        self.input = bytes;
    }

    /// The next piece, if there is one in what came.
    ///
    /// # Errors
    /// When it is not what it was said to be.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Corrupt> {
        loop {
            if self.at == At::Data {
                self.room.clear();
                let n_before = self.inner.total_in();
                let status = self.inner.decompress_vec(&self.input, &mut self.room, FlushDecompress::None);
                let status = status.map_err(|_| Corrupt)?;
                let n_read = usize::try_from(self.inner.total_in() - n_before).map_err(|_| Corrupt)?;
                self.input.advance(n_read);
                if let Some(crc) = &mut self.crc {
                    crc.update(&self.room);
                }
                if status == Status::StreamEnd {
                    self.at = if self.crc.is_some() { At::Tail(0, 0) } else { At::End };
                }
                if !self.room.is_empty() {
                    return Ok(Some(Bytes::copy_from_slice(&self.room)));
                }
                if self.at == At::Data && n_read == 0 {
                    return if self.input.is_empty() { Ok(None) } else { Err(Corrupt) };
                }
            } else {
                if self.input.is_empty() {
                    return Ok(None);
                }
                let byte = self.input.get_u8();
                self.at = self.step(byte)?;
            }
        }
    }

    /// What `byte` of a head or a tail leads to.
    fn step(&mut self, byte: u8) -> Result<At, Corrupt> {
        Ok(match self.at {
            At::Head(n, _) if usize::from(n) < MAGIC.len() && byte != MAGIC[usize::from(n)] => return Err(Corrupt),
            At::Head(3, _) if byte & UNKNOWN != 0 => return Err(Corrupt),
            At::Head(3, _) => At::Head(4, byte),
            At::Head(n, flags) if n + 1 == N_HEAD => parts(flags),
            At::Head(n, flags) => At::Head(n + 1, flags),
            At::ExtraLength(flags, 0, _) => At::ExtraLength(flags, 1, byte.into()),
            At::ExtraLength(flags, _, low) => match low | u16::from(byte) << 8 {
                0 => parts(flags),
                n => At::Extra(flags, n),
            },
            At::Extra(flags, 1) => parts(flags),
            At::Extra(flags, n) => At::Extra(flags, n - 1),
            At::Text(flags) if byte == 0 => parts(flags),
            At::Text(flags) => At::Text(flags),
            At::HeadCrc(0) => At::HeadCrc(1),
            At::HeadCrc(_) => At::Data,
            At::Tail(n, before) => {
                let tail = before | u64::from(byte) << (8 * n);
                if n < 7 {
                    return Ok(At::Tail(n + 1, tail));
                }
                let Some(crc) = &mut self.crc else { return Err(Corrupt) };
                if tail != u64::from(crc.sum()) | u64::from(crc.amount()) << 32 {
                    return Err(Corrupt);
                }
                crc.reset();
                At::End
            }
            // Another one behind it belongs to it, if it is gzip.
            At::End if self.crc.is_some() && byte == MAGIC[0] => {
                self.inner.reset(false);
                At::Head(1, 0)
            }
            At::End | At::Data => return Err(Corrupt),
        })
    }

    /// Nothing comes any more.
    ///
    /// # Errors
    /// When something is missing.
    pub(super) fn end(&self) -> Result<(), Corrupt> {
        if self.is_empty || self.at == At::End { Ok(()) } else { Err(Corrupt) }
    }
}

/// The next part of a head that has those of `flags` still to come.
fn parts(flags: u8) -> At {
    let without = |flag: u8| flags & !flag;
    if flags & EXTRA != 0 {
        At::ExtraLength(without(EXTRA), 0, 0)
    } else if flags & NAME != 0 {
        At::Text(without(NAME))
    } else if flags & COMMENT != 0 {
        At::Text(without(COMMENT))
    } else if flags & HEAD_CRC != 0 {
        At::HeadCrc(0)
    } else {
        At::Data
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use flate2::{Compression, GzBuilder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn read<'b>(is_gzip: bool, pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<Vec<u8>, Corrupt> {
        let mut inflate = Inflate::new(is_gzip);
        let mut all = Vec::new();
        for piece in pieces {
            inflate.push(Bytes::copy_from_slice(piece));
            while let Some(piece) = inflate.next()? {
                assert!(!piece.is_empty() && piece.len() <= PIECE);
                all.extend_from_slice(&piece);
            }
        }
        inflate.end().map(|()| all)
    }

    #[test]
    fn what_was_compressed_is_read_however_it_is_split() {
        let text = b"hello hello hello".as_slice();
        let mut twice = gzip(b"hello hello");
        twice.extend(gzip(b" hello"));
        let mut head =
            GzBuilder::new().extra(vec![1; 300]).filename("a").comment("b").write(Vec::new(), Compression::fast());
        head.write_all(text).expect("memory");
        let mut checked = vec![0x1f, 0x8b, 8, EXTRA | HEAD_CRC, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7];
        checked.extend(&gzip(text)[10..]);
        let bodies = [
            (true, gzip(text)),
            (false, deflate(text)),
            (true, twice),
            (true, head.finish().expect("memory")),
            (true, checked),
        ];
        for (is_gzip, body) in bodies {
            for at in 0..=body.len() {
                let (one, other) = body.split_at(at);
                assert_eq!(read(is_gzip, [one, other]).as_deref(), Ok(text), "split at {at}");
                if at > 0 && at < body.len() {
                    let cut = read(is_gzip, [one]);
                    // The end of the first of two is one.
                    assert!(cut.is_err() || cut.as_deref() == Ok(b"hello hello"), "cut off at {at}: {cut:?}");
                }
            }
        }
        assert_eq!(read(true, []), Ok(Vec::new()), "nothing at all is nothing");
    }

    #[test]
    fn what_is_not_compressed_is_refused() {
        let good = gzip(b"hello");
        for at in [0, 1, 2, 3, 12, good.len() - 8, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            assert_eq!(read(true, [&*bad]), Err(Corrupt), "{at}");
        }
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"hello").expect("memory");
        assert_eq!(read(false, [&*raw.finish().expect("memory")]), Err(Corrupt));
        for is_gzip in [true, false] {
            let mut more = if is_gzip { gzip(b"x") } else { deflate(b"x") };
            more.push(b'{');
            assert_eq!(read(is_gzip, [&*more]), Err(Corrupt));
            assert_eq!(read(is_gzip, [b"{\"jsonrpc\"".as_slice()]), Err(Corrupt));
        }
    }

    #[test]
    fn what_has_come_is_there_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut inflate = Inflate::new(true);
        for n in [1, PIECE, PIECE - 1, 3 * PIECE + 7, 200_000] {
            encoder.write_all(&vec![b'x'; n]).expect("memory");
            encoder.flush().expect("memory");
            inflate.push(std::mem::take(encoder.get_mut()).into());
            let mut n_read = 0;
            while let Some(piece) = inflate.next().expect("gzip") {
                n_read += piece.len();
            }
            assert_eq!(n_read, n);
        }
    }

    #[test]
    fn only_what_we_asked_for_is_decompressed() {
        for (coding, is_known) in [("gzip", true), ("Deflate", true), ("br", false), ("gzip, deflate", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, coding.parse().expect("a value"));
            headers.insert(CONTENT_LENGTH, 5.into());
            assert_eq!(Inflate::of(&mut headers).is_some(), is_known, "{coding}");
            assert_eq!(headers.is_empty(), is_known, "{coding}");
        }
        assert!(Inflate::of(&mut HeaderMap::new()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..3000), n in 1_usize..500) {
            prop_assert_eq!(read(true, gzip(&bytes).chunks(n)), Ok(bytes.clone()));
            prop_assert_eq!(read(false, deflate(&bytes).chunks(n)), Ok(bytes));
        }

        #[test]
        fn garbage_does_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..300), as_gzip: bool) {
            if as_gzip {
                bytes.splice(..0, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]);
            }
            let _ = read(true, [&*bytes]);
            let _ = read(false, [&*bytes]);
        }
    }
}
