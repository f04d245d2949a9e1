//! URI templates (RFC 6570): the variables of one, and the URI they make.

/// One `{…}`.
struct Expression<'a> {
    operator: char,
    names: Vec<&'a str>,
}

enum Part<'a> {
    Literal(&'a str),
    Expression(Expression<'a>),
}

fn parts(template: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(len) = rest[open..].find('}') else { break };
        out.push(Part::Literal(&rest[..open]));
        let inner = &rest[open + 1..open + len];
        let operator = inner.chars().next().filter(|c| "+#./;?&".contains(*c)).unwrap_or(' ');
        let list = inner.strip_prefix(operator).unwrap_or(inner);
        let name = |n: &'_ str| n.split([':', '*']).next().unwrap_or_default().len();
        let names = list.split(',').map(|n| &n[..name(n)]).filter(|n| !n.is_empty()).collect();
        out.push(Part::Expression(Expression { operator, names }));
        rest = &rest[open + len + 1..];
    }
    out.push(Part::Literal(rest));
    out
}

/// The names of the variables, each once, in order.
#[must_use]
pub(crate) fn variables(template: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in parts(template) {
        if let Part::Expression(e) = part {
            for name in e.names {
                if !out.iter().any(|o| o == name) {
                    out.push(name.to_owned());
                }
            }
        }
    }
    out
}

/// The URI with the variables' values in their places; a variable without a value is left out.
#[must_use]
pub(crate) fn expand(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for part in parts(template) {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Expression(e) => {
                let mut first = true;
                for name in e.names {
                    let Some(value) = value(name).filter(|v| !v.is_empty()) else { continue };
                    let (begin, between) = match e.operator {
                        '#' => ("#", ","),
                        '.' => (".", "."),
                        '/' => ("/", "/"),
                        ';' => (";", ";"),
                        '?' => ("?", "&"),
                        '&' => ("&", "&"),
                        _ => ("", ","),
                    };
                    out.push_str(if first { begin } else { between });
                    first = false;
                    if matches!(e.operator, ';' | '?' | '&') {
                        out.push_str(name);
                        out.push('=');
                    }
                    encode(&value, matches!(e.operator, '+' | '#'), &mut out);
                }
            }
        }
    }
    out
}

fn encode(value: &str, reserved: bool, out: &mut String) {
    for b in value.bytes() {
        let plain =
            b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (reserved && b":/?#[]@!$&'()*+,;=%".contains(&b));
        if plain {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand() {
        let value = |name: &str| match name {
            "a" => Some("x y".to_owned()),
            "p" => Some("d/é".to_owned()),
            _ => None,
        };
        for (template, want) in [
            ("note://{a}", "note://x%20y"),
            ("file:///{+p}", "file:///d/%C3%A9"),
            ("u{?a,none,p}", "u?a=x%20y&p=d%2F%C3%A9"),
            ("u{/a}{#p}", "u/x%20y#d/%C3%A9"),
            ("u{a:3}{open", "ux%20y{open"),
            ("{none}", ""),
        ] {
            assert_eq!(expand(template, value), want, "{template}");
        }
        assert_eq!(variables("{a}/{b*}{?a,c:2}"), ["a", "b", "c"]);
    }
}
