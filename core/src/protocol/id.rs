//! The ids of a message and of our own bookkeeping.

use std::borrow::Borrow;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A peer's JSON-RPC id as its raw JSON text, quotes included: big integers, strings and escapes survive byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub Bytes);

/// Our id of a request on one upstream link; sent as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WireId(pub u64);

/// Our id of a call (or question, or notification) in this process: the correlation id. Shown as `c-1a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// Our id of a client session in this process. Shown as `s-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub u64);

impl RequestId {
    /// The id of an integer.
    #[must_use]
    pub fn number(n: u64) -> Self {
        Self(Bytes::from(n.to_string()))
    }

    /// The id as the number we sent; a server may echo `7` as `"7"` (seen in the field). Only digits as we write them:
    /// no sign, no leading zero.
    #[must_use]
    pub fn as_wire(&self) -> Option<WireId> {
        WireId::read(&self.0)
    }
}

/// Tables of ids are asked with an id where it stands in its message.
impl Borrow<[u8]> for RequestId {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// How the id of a request begins that a face makes again for somebody.
const REPLAY: &str = "replay-";

impl CallId {
    /// The id, as raw JSON, of the `n`-th request with which a face in this process makes this call again: the engine knows by
    /// it what belongs together. It never leaves the process: towards servers all ids are ours.
    #[must_use]
    pub fn replay(self, n: u64) -> String {
        format!("\"{REPLAY}{}-{n}\"", self.0)
    }

    /// The call that is made again by a request of this id, and `n`.
    #[must_use]
    pub fn replayed(id: &[u8]) -> Option<(Self, u64)> {
        let text = std::str::from_utf8(id).ok()?.strip_prefix('"')?.strip_suffix('"')?;
        let (of, n) = text.strip_prefix(REPLAY)?.split_once('-')?;
        Some((Self(of.parse().ok()?), n.parse().ok()?))
    }
}

impl WireId {
    /// The id in raw JSON, as [`RequestId::as_wire`] reads it.
    #[must_use]
    pub fn read(raw: &[u8]) -> Option<Self> {
        let digits = raw.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(raw);
        if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
            return None;
        }
        let add = |n: u64, digit: &u8| match digit {
            b'0'..=b'9' => n.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        };
        digits.iter().try_fold(0, add).map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c-{:x}", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_02_our_number_is_known_as_number_and_as_string() {
        for (id, wire) in [
            ("7", Some(7)),
            (r#""7""#, Some(7)),
            ("0", Some(0)),
            (r#""0""#, Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("+7", None),
            (r#""+7""#, None),
            ("-7", None),
            ("-0", None),
            ("07", None),
            (r#""007""#, None),
            ("7.0", None),
            (r#"" 7""#, None),
            (r#""7"#, None),
            (r#"7""#, None),
            (r#""""#, None),
            (r#"""#, None),
            ("", None),
            (r#""\u0037""#, None),
            (r#""abc""#, None),
        ] {
            assert_eq!(RequestId(Bytes::from_static(id.as_bytes())).as_wire(), wire.map(WireId), "{id}");
        }
        assert_eq!(RequestId::number(42).as_wire(), Some(WireId(42)));
    }

    #[test]
    fn a_replay_says_what_it_repeats() {
        let id = CallId(26).replay(7);
        assert_eq!(id, r#""replay-26-7""#);
        assert_eq!(CallId::replayed(id.as_bytes()), Some((CallId(26), 7)));
        for other in ["7", r#""a""#, r#""replay-""#, r#""replay-26""#, r#""replay-x-1""#, r#""replay-1-2"#] {
            assert_eq!(CallId::replayed(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn ids_are_shown_short() {
        assert_eq!(RequestId(Bytes::from_static(b"\"a\"")).to_string(), "\"a\"");
        assert_eq!(CallId(26).to_string(), "c-1a");
        assert_eq!(SessionId(3).to_string(), "s-3");
    }
}
