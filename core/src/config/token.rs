//! The text of a token and what is kept of it: only its hash. Pure, but for the chance a new one is made of.
//!
//! A token's text exists where it was made (to be shown once), where it was written by the user, and where a client shows it;
//! everything else knows the [`TokenHash`]. Neither is ever printed: somebody's own, short token could be found from its hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Secret;

/// What our tokens begin with, so that people and scanners know one when they see it.
const PREFIX: &str = "mcpp_";
/// What a written hash begins with.
const SCHEME: &str = "sha256:";

/// SHA-256 of a token's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of the text that a client shows.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(SCHEME)?.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Whether a text is meant to be a hash, right or wrong.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// As [`Self::parse`] reads it. For the file it is kept in, nowhere else.
    #[must_use]
    pub fn to_text(self) -> String {
        use fmt::Write as _;
        let mut text = SCHEME.to_owned();
        for byte in self.0 {
            // A `String` takes everything.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Something short that tells tokens apart. No secret, and no way back to one.
    #[must_use]
    pub fn mark(&self) -> u64 {
        // Of what nobody else uses, so that it says nothing of the hash that is compared.
        let again: [u8; 32] = Sha256::digest([&b"mark"[..], &self.0].concat()).into();
        again.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
    }

    /// Whether both are the same; takes as long if they are not.
    #[must_use]
    pub fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A new token of 256 bits that nobody has seen yet. `None`: the system gives no chance, which no system does.
#[must_use]
pub fn new_token() -> Option<Secret> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).ok()?;
    Some(token_of(&random))
}

fn token_of(random: &[u8; 32]) -> Secret {
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        // `printf abc | sha256sum`
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_text(), text);
        assert_eq!(TokenHash::parse(text), Some(TokenHash::of("abc")));
        assert_eq!(TokenHash::parse(&text.to_uppercase().replace("SHA", "sha")), Some(TokenHash::of("abc")));
        for wrong in ["", "sha256:", &text[7..], &text[..70], &format!("{text}0"), &text.replace('f', "g"), "md5:00"] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
        let wide = format!("sha256:{}", "é".repeat(32));
        assert_eq!(TokenHash::parse(&wide), None);
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?} {:?}", TokenHash::of("abc"), token_of(&[7; 32])), "*** ***");
    }

    #[test]
    fn a_new_token_is_one_word_for_a_header() {
        let token = token_of(&[0xff; 32]);
        assert_eq!(token.reveal().len(), PREFIX.len() + 43);
        assert!(token.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
        assert_ne!(new_token().unwrap(), new_token().unwrap());
    }
}
