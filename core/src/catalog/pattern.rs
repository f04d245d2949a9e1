//! Rules for tools by their names or by patterns of them. Pure.

pub(crate) use crate::config::matches;

/// The value for `text`: under its own name, else under the first pattern that matches.
#[must_use]
pub fn rule_for<'a, T>(rules: &'a std::collections::BTreeMap<String, T>, text: &str) -> Option<&'a T> {
    rules.get(text).or_else(|| rules.iter().find(|(p, _)| matches(p, text)).map(|(_, v)| v))
}
