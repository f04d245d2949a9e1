//! What was changed on the way: each patch as a path, what stood there, and what stands there now.

use bytes::Bytes;
use mcp_proxy_core::protocol::{Patch, Spliced};

use super::mask;
use super::scan::{self, Kind, Value};

/// One change of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Where: `params.name`.
    pub(crate) path: String,
    /// What stood there; empty: something was put in.
    pub(crate) old: String,
    /// What stands there now; empty: it was taken out.
    pub(crate) new: String,
}

/// Bytes of a change that are kept to be shown.
const SHOWN_BYTES: usize = 4 * 1024;

/// What was changed between a frame that came and what was passed on of it.
#[must_use]
pub(crate) fn between(came: &Bytes, passed: &Spliced) -> Vec<Change> {
    if came == passed.base() { changes(passed) } else { super::diff::diff(came, &passed.to_bytes()).changes }
}

/// The changes of a frame, in order, secrets masked.
#[must_use]
fn changes(spliced: &Spliced) -> Vec<Change> {
    let base = spliced.base();
    // All of it in one piece: somebody wrote it anew. What differs is found by looking.
    let whole = spliced.patches().count() == 1
        && spliced.patches().all(|(span, _)| span.start == 0 && span.end as usize == base.len() && !base.is_empty());
    if whole {
        return super::diff::diff(base, &spliced.to_bytes()).changes;
    }
    let patches = spliced.patches().map(|(span, patch)| {
        let new = match patch {
            Patch::Number(n) => Bytes::from(n.to_string()),
            Patch::Bytes(b) => b.clone(),
        };
        (span.start as usize, span.end as usize, new)
    });
    of_patches(spliced.base(), patches)
}

/// The same from plain ranges.
fn of_patches(base: &[u8], patches: impl Iterator<Item = (usize, usize, Bytes)>) -> Vec<Change> {
    patches
        .filter_map(|(start, end, new)| {
            let end = end.min(base.len());
            let start = start.min(end);
            if base[start..end] == new[..] {
                // Our id of it is the client's by chance.
                return None;
            }
            let place = place(base, start);
            let show = |b: &[u8]| {
                if place.secret && !b.is_empty() {
                    mask::MASK.to_owned()
                } else {
                    let shown = mask::masked(&b[..b.len().min(SHOWN_BYTES)]);
                    String::from_utf8_lossy(&shown).into_owned()
                }
            };
            Some(Change { old: show(&base[start..end]), new: show(&new), path: place.path })
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: String,
    secret: bool,
}

/// Deepest path that is written out.
const MAX_DEPTH: usize = 64;

/// The path of the value that holds byte `at`.
fn place(b: &[u8], at: usize) -> Place {
    let mut place = Place { path: String::new(), secret: false };
    // The root is not scanned to its end: most changes are near the front of what may be megabytes.
    let start = scan::blanks(b, 0);
    let kind = if b.get(start) == Some(&b'{') { Kind::Object } else { Kind::Array };
    let mut here = Value { kind, start, end: b.len(), n_children: 0, cut: false };
    for _ in 0..MAX_DEPTH {
        if !matches!(here.kind, Kind::Object | Kind::Array) {
            break;
        }
        let holds = |v: &Value, from: usize| from <= at && at < v.end;
        let found = scan::children(b, here)
            .enumerate()
            .take_while(|(_, c)| c.key.map_or(c.value.start, |k| k.0) <= at)
            .find(|(_, c)| holds(&c.value, c.key.map_or(c.value.start, |k| k.0)));
        let Some((index, child)) = found else { break };
        push_step(&mut place.path, b, child.key, index);
        if let Some((s, e)) = child.key {
            let number = child.value.kind == Kind::Atom && matches!(b[child.value.start], b'-' | b'0'..=b'9');
            place.secret |= mask::is_secret(&b[s..e], number) && !mask::is_bare(b, child.value);
        }
        here = child.value;
        if child.key.is_some_and(|(s, e)| s <= at && at < e) {
            break;
        }
    }
    place
}

/// Adds one step to a JSON path: `.name`, `["odd name"]`, `[3]`.
pub(crate) fn push_step(path: &mut String, b: &[u8], key: Option<(usize, usize)>, index: usize) {
    match key {
        None => path.push_str(&format!("[{index}]")),
        Some((s, e)) => {
            let name = scan::decode(&b[s..e]);
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
            if plain && !name.is_empty() {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            } else {
                path.push_str(&format!("[{}]", serde_json::Value::from(name)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_path_and_both_sides() {
        let base = br#"{"id":"a","params":{"name":"demo__echo","_meta":{"progressToken":"x"},"token":"t1","list":[1,{"odd name":2}]}}"#;
        let find = |part: &str| {
            let at = std::str::from_utf8(base).unwrap().find(part).unwrap();
            (at, at + part.len())
        };
        let one = |part: &str, new: &'static str| {
            let (s, e) = find(part);
            let c = of_patches(base, std::iter::once((s, e, Bytes::from_static(new.as_bytes())))).remove(0);
            (c.path, c.old, c.new)
        };
        let want = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(one("\"a\"", "7"), want("id", "\"a\"", "7"));
        assert_eq!(one("\"demo__echo\"", "\"echo\""), want("params.name", "\"demo__echo\"", "\"echo\""));
        assert_eq!(one("\"x\"", "12"), want("params._meta.progressToken", "\"x\"", "12"));
        assert_eq!(one("\"t1\"", "\"t2\""), want("params.token", "***", "***"));
        assert_eq!(one("2}", "3}"), want("params.list[1][\"odd name\"]", "2}", "3}"));
        assert_eq!(one(",\"list\"", ""), want("params", ",\"list\"", ""));
    }

    #[test]
    fn ranges_outside_do_no_harm() {
        let c = of_patches(b"{}", std::iter::once((5, 9, Bytes::from_static(b"x"))));
        assert_eq!(c[0].new, "x");
    }
}
