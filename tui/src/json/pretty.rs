//! JSON on many lines for people who edit it: only white space is put in or taken out, every number and string stays as it was
//! written.

/// Deepest line that is indented further.
const MAX_INDENT: usize = 40;

/// The same JSON, a value a line. What is no JSON comes out about as it went in.
#[must_use]
pub(crate) fn pretty(b: &[u8]) -> String {
    let mut out = Vec::with_capacity(b.len() * 2);
    let mut depth = 0_usize;
    let mut i = 0;
    let newline = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', 2 * depth.min(MAX_INDENT)));
    };
    while let Some(c) = b.get(i) {
        i += 1;
        match c {
            b'"' => {
                let end = end_of_text(b, i);
                out.extend_from_slice(&b[i - 1..end]);
                i = end;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' | b'[' => {
                out.push(*c);
                let next = super::scan::blanks(b, i);
                if matches!(b.get(next), Some(b'}' | b']')) {
                    out.push(b[next]);
                    i = next + 1;
                } else {
                    depth += 1;
                    newline(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                newline(&mut out, depth);
                out.push(*c);
            }
            b',' => {
                out.push(b',');
                newline(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            c => out.push(*c),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// One past the quote that closes the string whose text begins at `at`.
fn end_of_text(b: &[u8], mut at: usize) -> usize {
    while let Some(n) = b.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if b[at + n] == b'"' {
            return at + n + 1;
        }
        at += n + 2;
    }
    b.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_a_line_and_nothing_else_changes() {
        let text = pretty(br#"{"a":1e400,"b":[],"c":[1,{"d\"":"x, {y}: z"}],"e":{ }}"#);
        assert_eq!(
            text,
            "{\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\\\"\": \"x, {y}: z\"\n    }\n  ],\n  \"e\": {}\n}"
        );
    }

    proptest! {
        #[test]
        fn it_stays_the_same_value(value in "\\PC{0,40}", n in any::<i64>()) {
            let json = serde_json::json!({"k": [value, n, null, {"x": [[]]}]});
            let again: serde_json::Value = serde_json::from_str(&pretty(json.to_string().as_bytes())).unwrap();
            prop_assert_eq!(again, json);
        }

        #[test]
        fn hostile_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = pretty(&bytes);
        }
    }
}
