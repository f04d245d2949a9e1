//! How the values an inspector sees are written as JSON, where they do not say so themselves.
//!
//! Frames are messages, and messages are valid UTF-8: they are written as text. Words that are constants in the engine are read
//! back as constants: a reader keeps each word once, for as long as it runs, and only so many of them.

/// A word that stands in the program's text.
pub type Word = &'static str;

/// A [`Word`], which is read back as the same.
pub(crate) mod word {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Words kept, at most: there are some thirty of them.
    const N_WORDS: usize = 512;
    /// The longest word kept, in bytes.
    const MAX_BYTES: usize = 256;
    /// What stands for a word that is not kept.
    const OTHER: &str = "other";

    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    pub(crate) fn serialize<S: Serializer>(word: &&'static str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(word)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
        Ok(keep(&std::borrow::Cow::<str>::deserialize(from)?))
    }

    fn keep(word: &str) -> &'static str {
        let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.get(word) {
            return known;
        }
        if words.len() >= N_WORDS || word.len() > MAX_BYTES {
            return OTHER;
        }
        let kept: &'static str = Box::leak(word.into());
        words.insert(kept);
        kept
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_word_is_kept_once_and_not_without_limit() {
            let first = keep("spawn");
            assert!(std::ptr::eq(first, keep("spawn")));
            assert_eq!(keep(&"x".repeat(MAX_BYTES + 1)), OTHER);
            for i in 0..2 * N_WORDS {
                keep(&format!("w{i}"));
            }
            assert_eq!(keep("one more"), OTHER);
            assert_eq!(keep("spawn"), "spawn");
        }
    }
}

/// Bytes that are text.
pub(crate) mod bytes {
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        Ok(String::deserialize(from)?.into())
    }
}

/// The same where there may be none.
pub(crate) mod text {
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Bytes>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(String::from_utf8_lossy).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Bytes::from))
    }
}

/// The same with patches, which are applied.
pub(crate) mod spliced {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::protocol::Spliced;

    pub(crate) fn serialize<S: Serializer>(spliced: &Option<Spliced>, to: S) -> Result<S::Ok, S::Error> {
        let bytes = spliced.as_ref().map(Spliced::to_bytes);
        bytes.as_deref().map(String::from_utf8_lossy).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Spliced>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(|text| Spliced::new(text.into())))
    }
}

/// A longer array.
pub(crate) mod array {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer, const N: usize>(array: &[u16; N], to: S) -> Result<S::Ok, S::Error> {
        array.as_slice().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u16; N], D::Error> {
        let found = Vec::deserialize(from)?;
        found.try_into().map_err(|v: Vec<u16>| D::Error::invalid_length(v.len(), &"another number of values"))
    }
}
