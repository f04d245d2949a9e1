//! Secrets in the open: values of the file that look like keys and passwords, and credentials that nothing uses.

use std::path::Path;

use crate::config::{
    Diagnostic, Environment, Level, Loaded, Located, Node, NoteKind, Placed, Scalar, Secret, Sources, Span, Value, fix,
    mask, read_text, user_dir,
};

use super::{Findings, find};

/// Shorter values are words.
const MIN_CHARS: usize = 8;

/// A secret that stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Where, as in `servers.github.env.GITHUB_TOKEN`.
    pub path: String,
    /// What it could be called in the keyring.
    pub name: String,
    /// The secret.
    pub value: Secret,
    /// The place of the whole value.
    pub span: Span,
}

/// All secrets that stand in a text as it would be in `path`.
#[must_use]
pub fn literals(text: &str, path: &Path, environment: &Environment) -> (Vec<Literal>, Loaded) {
    let read = read_text(text, path, environment);
    let mut all: Vec<Literal> = Vec::new();
    for mut literal in read.servers.iter().flat_map(|s| found(s, &read.loaded.sources)) {
        // One secret has one name, and another one has another.
        let taken = |name: &str| all.iter().any(|l| l.name == name && l.value != literal.value);
        if taken(&literal.name) {
            let name = (2..).map(|n| format!("{}-{n}", literal.name)).find(|n| !taken(n));
            literal.name = name.unwrap_or_default();
        }
        all.push(literal);
    }
    (all, read.loaded)
}

/// The text with a reference in the place of each secret; `None` if that would change anything else.
#[must_use]
pub fn with_references(text: &str, path: &Path, literals: &[Literal], sources: &Sources) -> Option<String> {
    let edit = |l: &Literal| fix::written(sources, l.span, &format!("${{keyring:{}}}", l.name));
    let edits: Vec<_> = literals.iter().map(edit).collect::<Option<_>>()?;
    let edits: Vec<_> = edits.iter().collect();
    let mut new = text.to_owned();
    fix::apply(&mut new, &edits);
    fix::is_same(&fix::tree(text, path)?, &fix::tree(&new, path)?, &edits).then_some(new)
}

/// MP204
pub(super) fn in_the_open(servers: &[Placed], out: &mut Findings<'_>) {
    for server in servers {
        for literal in found(server, out.sources) {
            out.sources.cover(literal.span);
            let place = literal.path.trim_start_matches("servers.").split_once('.').map_or("", |(_, rest)| rest);
            let d = Diagnostic::new(
                "MP204",
                Level::Warning,
                format!("a secret stands in the file: `{place}` of `{}`", server.name),
            )
            .label(mask::kind_of(literal.value.reveal()).unwrap_or("by its name"))
            .note(NoteKind::Why, "configurations are shared, shown and backed up")
            .note(
                NoteKind::Fix,
                format!("mcp-proxy secret move   (puts `${{keyring:{}}}` in its place)", literal.name),
            );
            out.report(d, literal.span);
        }
    }
}

/// The secrets of one server.
fn found(server: &Placed, sources: &Sources) -> Vec<Literal> {
    let mut all = Vec::new();
    let mut add = |path: String, node: &Node, scalar: &Scalar, hint: &str| {
        // What is no value of this file cannot be moved out of it.
        let is_here = node.span.source == 0 && fix::written(sources, node.span, "x").is_some();
        if is_here && !all.iter().any(|l: &Literal| l.span == node.span) {
            let name = name_of(&server.name, hint);
            let path = format!("servers.{}.{path}", server.name);
            all.push(Literal { path, name, value: Secret::new(scalar.text.clone()), span: node.span });
        }
    };
    for key in ["env", "headers"] {
        for entry in find(&server.node, key).and_then(|e| e.value.as_map()).unwrap_or_default() {
            if let Some(scalar) = entry.value.as_scalar().filter(|s| is_secret(&entry.key, s)) {
                add(format!("{key}.{}", entry.key), &entry.value, scalar, &entry.key);
            }
        }
    }
    for key in ["token", "credentials", "value"] {
        let entry = find(&server.node, "auth").and_then(|e| e.value.entry(key));
        if let Some((entry, scalar)) = entry.and_then(|e| Some((e, e.value.as_scalar()?)))
            && is_literal(scalar)
        {
            add(format!("auth.{key}"), &entry.value, scalar, if key == "value" { "key" } else { key });
        }
    }
    if let Some(Value::List(items)) = find(&server.node, "args").map(|e| &e.value.value) {
        let mut before = "";
        for (i, item) in items.iter().enumerate() {
            let Some(scalar) = item.as_scalar() else { continue };
            let is_named = before.starts_with('-') && mask::is_secret_name(before) && looks_random(&scalar.text);
            if is_literal(scalar) && (mask::kind_of(&scalar.text).is_some() || is_named) {
                add(format!("args[{i}]"), item, scalar, before.trim_start_matches('-'));
            }
            before = &scalar.text;
        }
    }
    all
}

fn is_secret(name: &str, scalar: &Scalar) -> bool {
    is_literal(scalar)
        && (mask::kind_of(&scalar.text).is_some() || (mask::is_secret_name(name) && looks_random(&scalar.text)))
}

/// It stands there itself, not a reference to it.
fn is_literal(scalar: &Scalar) -> bool {
    scalar.text.len() >= MIN_CHARS && !scalar.text.contains("${") && !scalar.text.contains('\n')
}

/// No word, no path, no address.
fn looks_random(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("Basic ")).unwrap_or(text);
    let has = |f: fn(&char) -> bool| text.chars().any(|c| f(&c));
    text.len() >= MIN_CHARS
        && !text.contains([' ', '/', '<'])
        && !text.contains("://")
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}

/// `github` and `GITHUB_TOKEN` make `GITHUB_TOKEN`, `jira` and `token` make `jira-token`.
fn name_of(server: &str, hint: &str) -> String {
    let is_variable =
        hint.contains('_') && hint.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let clean = |text: &str| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect::<String>()
    };
    let name = match hint {
        hint if is_variable => hint.to_owned(),
        "" => clean(server),
        hint => format!("{}-{}", clean(server), clean(&hint.to_lowercase())),
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts { name } else { format!("_{name}") }
}

/// MP207: in the credentials of this configuration; those of the user may be for another one.
pub(super) fn unused(names: &[String], located: &Located, environment: &Environment, out: &mut Findings<'_>) {
    let Located::File { path } = located else { return };
    let is_shared =
        user_dir(environment).is_some_and(|dir| path.parent() != Some(&dir) && dir.join("credentials.json").exists());
    if is_shared || names.is_empty() {
        return;
    }
    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    let message = format!("the credentials hold what nothing uses: {}", list.join(", "));
    let d = Diagnostic::new("MP207", Level::Warning, message)
        .note(NoteKind::Fix, "see whether it is spelled right; `mcp-proxy secret rm NAME` takes it away");
    let source = out.sources.iter().position(|s| s.text.is_none() && s.path.ends_with("credentials.json"));
    out.report(d, Span { source: source.unwrap_or(0), start: 0, end: 0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/c/config.yaml";

    fn literals_of(text: &str) -> Vec<(String, String)> {
        let (all, _) = literals(text, Path::new(PATH), &Environment::empty());
        all.into_iter().map(|l| (l.path, l.name)).collect()
    }

    #[test]
    fn what_looks_like_a_secret() {
        let s = |body: &str| format!("servers:\n  a:\n    command: x\n    {body}\n");
        for (body, expected) in [
            ("env: { GITHUB_TOKEN: ghp_abcdefghijklmno1 }", Some(("env.GITHUB_TOKEN", "GITHUB_TOKEN"))),
            ("env: { X: ghp_abcdefghijklmno1 }", Some(("env.X", "a-x"))),
            ("env: { API_KEY: \"a1b2c3d4e5\" }", Some(("env.API_KEY", "API_KEY"))),
            ("args: [--api-key, a1b2c3d4e5]", Some(("args[1]", "a-api-key"))),
            ("args: [sk-abcdefgh12345]", Some(("args[0]", "a"))),
            ("env: { GITHUB_TOKEN: \"${GITHUB_TOKEN}\" }", None),
            ("env: { GITHUB_TOKEN: changeme }", None),
            ("env: { KEY_FILE: /etc/keys/1 }", None),
            ("env: { TOKEN_URL: \"https://h/1\" }", None),
            ("env: { NAME: a1b2c3d4e5 }", None),
            ("args: [--port, \"80808080\"]", None),
        ] {
            let expected = expected.map(|(path, name)| (format!("servers.a.{path}"), name.to_owned()));
            assert_eq!(literals_of(&s(body)), expected.into_iter().collect::<Vec<_>>(), "{body}");
        }
        let remote = "servers: { j: { url: \"https://h\", auth: { type: bearer, token: hunter2hunter2 } } }";
        assert_eq!(literals_of(remote), [("servers.j.auth.token".to_owned(), "j-token".to_owned())]);
    }

    #[test]
    fn two_secrets_of_one_name_stay_two() {
        let text = "servers:\n  a: { command: x, env: { T_TOKEN: ghp_aaaaaaaaaaa1 } }\n  b: { command: x, env: { T_TOKEN: ghp_bbbbbbbbbbb1 } }\n  \
                    c: { command: x, env: { T_TOKEN: ghp_aaaaaaaaaaa1 } }\n";
        let names: Vec<String> = literals_of(text).into_iter().map(|l| l.1).collect();
        assert_eq!(names, ["T_TOKEN", "T_TOKEN-2", "T_TOKEN"]);
    }

    #[test]
    fn references_take_their_place_and_nothing_else_changes() {
        let text = "# mine\nservers:\r\n  a:   # é\n    command: x\n    env: { 'T_TOKEN':   'ghp_aaaaaaaaaaa1', B: \"on\" }\n    args: [--token, sk-abcdefgh12345]\n";
        let (all, loaded) = literals(text, Path::new(PATH), &Environment::empty());
        let new = with_references(text, Path::new(PATH), &all, &loaded.sources).expect("possible");
        let expected = text
            .replace("ghp_aaaaaaaaaaa1", "${keyring:T_TOKEN}")
            .replace("sk-abcdefgh12345", "\"${keyring:a-token}\"");
        assert_eq!(new, expected);
    }
}
