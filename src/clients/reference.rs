//! What a client's texts refer to (variables, secrets, files), in our words. Pure.

use mcp_proxy_core::config::is_variable_name;

use super::table::Variables;

/// A text in our words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) text: String,
    /// What the client keeps itself, or asks its user for.
    pub(super) asked: Vec<String>,
    /// What is different here.
    pub(super) note: Option<&'static str>,
}

/// Translates the references of `text`; every other `$` stays one.
pub(super) fn translate(text: &str, variables: Variables) -> Translated {
    let mut out = Translated::default();
    if variables == Variables::None && text.contains("${") {
        out.note = Some("`${…}` is plain text there, and stays so here");
    }
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((reference, length)) = reference(rest, variables, &mut out) {
            out.text.push_str(&reference);
            rest = &rest[length..];
            continue;
        }
        let after = &rest[c.len_utf8()..];
        if c == '$' && after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '$')) {
            out.text.push('$');
        }
        out.text.push(c);
        rest = after;
    }
    out
}

/// The reference `text` begins with, in our words, and its bytes there.
fn reference(text: &str, variables: Variables, out: &mut Translated) -> Option<(String, usize)> {
    let between = |open: &str, close: &str| {
        let inner = text.strip_prefix(open)?;
        let end = inner.find(close)?;
        Some((inner[..end].trim().to_owned(), open.len() + end + close.len()))
    };
    match variables {
        Variables::None => None,
        Variables::Secrets => {
            let (inner, length) = between("${{", "}}")?;
            let name = inner.strip_prefix("secrets.").filter(|n| is_variable_name(n))?;
            out.asked.push(name.to_owned());
            Some((format!("${{{name}}}"), length))
        }
        Variables::Braces => {
            if let Some((name, length)) = between("{env:", "}").filter(|(n, _)| is_variable_name(n)) {
                return Some((format!("${{{name}}}"), length));
            }
            between("{file:", "}").map(|(path, length)| (format!("${{file:{path}}}"), length))
        }
        Variables::Shell => {
            let (inner, length) = between("${", "}")?;
            // Nothing else is a reference there, and to us `${cmd:…}` would be one.
            let (name, default) =
                inner.split_once(":-").map_or((&*inner, None), |(name, default)| (name, Some(default)));
            // Its default is a text, whatever stands in it.
            let default = default.map_or_else(String::new, |text| format!(":-{}", text.replace('$', "$$")));
            is_variable_name(name).then(|| (format!("${{{name}{default}}}"), length))
        }
        Variables::EnvOnly => {
            if let Some((name, length)) =
                between("${", "}").or_else(|| between("%", "%")).filter(|(n, _)| is_variable_name(n))
            {
                return Some((format!("${{{name}}}"), length));
            }
            let after = text.strip_prefix('$')?;
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            is_variable_name(&after[..end]).then(|| (format!("${{{}}}", &after[..end]), end + 1))
        }
        Variables::Editor => {
            let (inner, length) = between("${", "}")?;
            let ours = match inner.split_once(':') {
                Some(("env", name)) if is_variable_name(name) => format!("${{{name}}}"),
                Some(("input", id)) => {
                    out.asked.push(id.to_owned());
                    format!("${{keyring:{id}}}")
                }
                Some(("file", path)) => format!("${{file:{path}}}"),
                None if inner == "pathSeparator" || inner == "/" => std::path::MAIN_SEPARATOR.to_string(),
                None if inner.starts_with("workspaceFolder") => {
                    out.note = Some("`${workspaceFolder}` is the editor's: give a folder instead");
                    format!("${{{inner}}}")
                }
                None if is_variable_name(&inner) => format!("${{{inner}}}"),
                _ => return None,
            };
            Some((ours, length))
        }
    }
}

/// Whether a text says anything but what it refers to, and the scheme before it.
pub(super) fn is_written_out(value: &str) -> bool {
    let mut left = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        left.push_str(before);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    left.push_str(rest);
    !matches!(left.trim().to_ascii_lowercase().as_str(), "" | "bearer" | "basic" | "token")
}
