//! Patterns of rules for names: `*` matches any run of characters, everything else itself. Pure.

/// Whether `pattern` matches all of `text`.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_run() {
        let check = |pattern, text, expected| assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        check("a", "a", true);
        check("a", "ab", false);
        check("*", "", true);
        check("delete_*", "delete_file", true);
        check("delete_*", "undelete_file", false);
        check("*file*", "read_file_now", true);
        check("a*b*c", "a1b2c", true);
        check("a*b*c", "a1c2b", false);
        check("a*a", "a", false);
    }
}
