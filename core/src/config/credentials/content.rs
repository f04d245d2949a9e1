//! What is in `credentials.json`: ours taken apart, everything else as it is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::variables::OURS;

const TOKENS: &str = "tokens";
const KEYRING: &str = "keyring";

/// The file: what is not ours, what may be ours in a later version, and the tokens.
#[derive(Default)]
pub(super) struct Content {
    pub(super) others: Members,
    ours: Members,
    pub(super) tokens: Members,
    /// Names of what `mcp-proxy secret` put into the keyring.
    pub(super) in_keyring: Vec<String>,
}

impl Content {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        let mut others: Members = serde_json::from_str(text).ok()?;
        let mut ours = others.take(OURS)?;
        let tokens = ours.take(TOKENS)?;
        let at = ours.0.iter().position(|(n, _)| n == KEYRING);
        let names = at.map(|at| ours.0.remove(at).1);
        let in_keyring = names.map_or(Some(Vec::new()), |raw| serde_json::from_str(raw.get()).ok())?;
        Some(Self { others, ours, tokens, in_keyring })
    }

    pub(super) fn to_text(&self) -> String {
        let mut ours = self.ours.clone();
        if !self.tokens.0.is_empty() {
            ours.put(TOKENS, &self.tokens, 2);
        }
        if let (Ok(raw), false) = (serde_json::value::to_raw_value(&self.in_keyring), self.in_keyring.is_empty()) {
            ours.0.push((KEYRING.to_owned(), raw));
        }
        let mut all = self.others.clone();
        if !ours.0.is_empty() {
            all.put(OURS, &ours, 1);
        }
        all.to_text(0) + "\n"
    }
}

/// The members of an object, values as they are written.
#[derive(Clone, Default)]
pub(super) struct Members(pub(super) Vec<(String, Box<RawValue>)>);

impl Members {
    /// Takes out the object under `key`; an empty one if there is none. `None`: it is there twice, or is no object.
    fn take(&mut self, key: &str) -> Option<Self> {
        let at: Vec<usize> = self.0.iter().enumerate().filter(|(_, m)| m.0 == key).map(|(i, _)| i).collect();
        match at.as_slice() {
            [] => Some(Self::default()),
            [at] => serde_json::from_str(self.0.remove(*at).1.get()).ok(),
            _ => None,
        }
    }

    fn put(&mut self, key: &str, value: &Self, depth: usize) {
        // What we write is JSON.
        if let Ok(raw) = RawValue::from_string(value.to_text(depth)) {
            self.0.push((key.to_owned(), raw));
        }
    }

    /// One member a line.
    fn to_text(&self, depth: usize) -> String {
        let inner = "  ".repeat(depth + 1);
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(k, v)| format!("{inner}{}: {}", serde_json::Value::from(k.as_str()), v.get()))
            .collect();
        if lines.is_empty() {
            return "{}".to_owned();
        }
        format!("{{\n{}\n{}}}", lines.join(",\n"), "  ".repeat(depth))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
