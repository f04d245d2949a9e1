//! Exposed names: `prefix__name`, in characters and lengths clients take, without clashes, the same after every start.
//!
//! A name depends on names only, never on order or time: a new tool does not rename an old one (protocol.md, 5). Pure.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::config::{NameCharset, Naming, Routing, Server};

/// Longest prefix in characters; `protocol.md` 5.1.
const MAX_PREFIX: usize = 24;
/// Hex digits that make a long name unique.
const LONG_DIGITS: usize = 6;
/// Hex digits that make a clashing name unique.
const CLASH_DIGITS: usize = 4;

/// One name to be exposed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The server's name in the configuration.
    pub(super) backend: &'a str,
    /// Its prefix; empty for none.
    pub(super) prefix: &'a str,
    /// The server's own name of the item.
    pub(super) own: &'a str,
    /// The name to be shown after the prefix, if the configuration gives another one.
    pub(super) shown: &'a str,
}

/// The prefix of a server as clients see it, separator included; empty without one.
#[must_use]
pub fn exposed_prefix(server: &Server, routing: &Routing) -> String {
    let prefix = prefix(server.prefix.as_deref(), &server.name, routing);
    if prefix.is_empty() { prefix } else { prefix + &routing.separator }
}

/// The prefix of a server as clients see it, without the separator.
#[must_use]
pub(super) fn prefix(configured: Option<&str>, backend: &str, routing: &Routing) -> String {
    if routing.naming == Naming::Flat {
        return String::new();
    }
    let mut prefix: String =
        allowed(configured.unwrap_or(backend), NameCharset::Model).chars().take(MAX_PREFIX).collect();
    // The first separator must split the name: none inside, none half at the end.
    if !routing.separator.is_empty() {
        while prefix.contains(&routing.separator) {
            prefix = prefix.replace(&routing.separator, "_");
            if routing.separator == "_" {
                break;
            }
        }
    }
    prefix.trim_end_matches('_').to_owned()
}

fn allowed(text: &str, charset: NameCharset) -> String {
    let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || (charset == NameCharset::Spec && c == '.');
    text.chars().map(|c| if ok(c) { c } else { '_' }).collect()
}

fn digits(backend: &str, own: &str, n: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(backend.as_bytes());
    hash.update([0]);
    hash.update(own.as_bytes());
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>()[..n].to_owned()
}

/// `name` cut to `max` characters, ending in `_` and digits of its hash if it was longer.
fn cut(name: &str, wanted: &Wanted<'_>, max: usize, n_digits: usize) -> String {
    let keep = max.saturating_sub(n_digits + 1);
    format!("{}_{}", &name[..name.len().min(keep)], digits(wanted.backend, wanted.own, n_digits))
}

/// The exposed name of each of `wanted`, in their order.
#[must_use]
pub(super) fn expose(wanted: &[Wanted<'_>], routing: &Routing) -> Vec<String> {
    let max = routing.max_tool_name.max(LONG_DIGITS + 2);
    let plain_clash = count(wanted.iter().map(|w| w.shown));
    let joined = |w: &Wanted<'_>| {
        let bare = w.prefix.is_empty() || (routing.naming == Naming::PrefixOnConflict && plain_clash[w.shown] == 1);
        if bare { w.shown.to_owned() } else { format!("{}{}{}", w.prefix, routing.separator, w.shown) }
    };
    // What it would be called, and whether that is what it is called already.
    let first: Vec<(String, bool)> = wanted
        .iter()
        .map(|w| {
            let joined = joined(w);
            let clean = allowed(&joined, routing.name_charset);
            let exact = clean == joined && clean.len() <= max;
            if clean.len() > max { (cut(&clean, w, max, LONG_DIGITS), exact) } else { (clean, exact) }
        })
        .collect();
    let clashes = count(first.iter().map(|(name, _)| name.as_str()));
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<Option<String>> = vec![None; wanted.len()];
    // The one that is spelled so keeps the name; of several such (two servers without prefix) the first one configured.
    for (i, (name, exact)) in first.iter().enumerate() {
        if (clashes[name.as_str()] == 1 || *exact) && !taken.contains_key(name) {
            taken.insert(name.clone(), i);
            names[i] = Some(name.clone());
        }
    }
    for (i, w) in wanted.iter().enumerate() {
        if names[i].is_some() {
            continue;
        }
        let base = &first[i].0;
        let mut n_digits = CLASH_DIGITS;
        let name = loop {
            let room = max.saturating_sub(n_digits + 1);
            let name = cut(&base[..base.len().min(room)], w, max, n_digits);
            // Two hashes with the same start: take more of them. The same item twice cannot be told apart by any.
            if !taken.contains_key(&name) || n_digits >= 32 {
                break name;
            }
            n_digits += CLASH_DIGITS;
        };
        taken.insert(name.clone(), i);
        names[i] = Some(name);
    }
    names.into_iter().map(Option::unwrap_or_default).collect()
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(routing: &Routing, items: &[(&str, &str)]) -> Vec<String> {
        let prefixes: Vec<String> = items.iter().map(|(b, _)| prefix(None, b, routing)).collect();
        let wanted: Vec<Wanted<'_>> = items
            .iter()
            .zip(&prefixes)
            .map(|((backend, own), prefix)| Wanted { backend, prefix, own, shown: own })
            .collect();
        expose(&wanted, routing)
    }

    #[test]
    fn edge_33_exact_names_stay_and_others_get_a_hash() {
        let long = "a".repeat(70);
        let items = [("x", "a.b"), ("x", "a_b"), ("x", long.as_str())];
        let made = names(&Routing::default(), &items);
        assert_eq!(made[1], "x__a_b");
        assert!(made[0].starts_with("x__a_b_") && made[0].len() == 11, "{}", made[0]);
        assert_eq!(made[2].len(), 48);
        let mut turned = items;
        turned.reverse();
        let mut again = names(&Routing::default(), &turned);
        again.reverse();
        assert_eq!(again, made, "the order does not matter");
    }

    #[test]
    fn a_new_name_renames_no_old_one() {
        let routing = Routing::default();
        let before = names(&routing, &[("x", "a.b")]);
        let after = names(&routing, &[("x", "a.b"), ("x", "c")]);
        assert_eq!(before[0], after[0]);
        assert_eq!(before[0], "x__a_b", "alone it needs no hash");
    }

    #[test]
    fn prefixes_are_cleaned_so_that_the_first_separator_splits() {
        let check = |name, expected: &str| assert_eq!(prefix(None, name, &Routing::default()), expected);
        check("git.hub", "git_hub");
        check("a__b", "a_b");
        check("a_____b_", "a_b");
        check("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwx");
    }

    #[test]
    fn without_prefix_the_first_server_keeps_a_clashing_name() {
        let flat = Routing { naming: Naming::Flat, ..Routing::default() };
        let made = names(&flat, &[("a", "read"), ("b", "read"), ("b", "write")]);
        assert_eq!((made[0].as_str(), made[2].as_str()), ("read", "write"));
        assert!(made[1].starts_with("read_"));
        let on_conflict = Routing { naming: Naming::PrefixOnConflict, ..Routing::default() };
        assert_eq!(
            names(&on_conflict, &[("a", "read"), ("b", "read"), ("b", "write")]),
            ["a__read", "b__read", "write"]
        );
    }

    #[test]
    fn names_are_never_equal_and_never_too_long() {
        let routing = Routing { max_tool_name: 12, ..Routing::default() };
        let own: Vec<String> = (0..500).map(|i| format!("tool.{}.{i}", "x".repeat(i % 40))).collect();
        let items: Vec<(&str, &str)> = own.iter().map(|o| ("server", o.as_str())).collect();
        let made = names(&routing, &items);
        let unique: std::collections::HashSet<&String> = made.iter().collect();
        assert_eq!(unique.len(), made.len());
        assert!(made.iter().all(|n| n.len() <= 12), "{:?}", made.iter().find(|n| n.len() > 12));
    }
}
