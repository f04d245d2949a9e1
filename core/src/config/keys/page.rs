//! The table as the page `docs/config.md`, which a test keeps up to date.

use super::{Key, Kind, NOT_IN_DEFAULTS, ROOT, SERVER, State};

/// The part of the page that no table says.
const HEAD: &str = "\
# Configuration: every key

Made from the table in `core/src/config/keys/`; a test compares. `config.example.yaml` shows the same as one file,
`mcp-proxy schema` prints it as a JSON Schema for editors, and `mcp-proxy check` holds a file against it.

- Files are YAML, JSON or JSON with comments, by their extension. A file of another program (`mcpServers`, `servers`,
  `mcp`, `context_servers`) can be used as it is.
- Times are `500ms`, `30s`, `5m`, `1h`, or a number of seconds. Sizes are `16MiB`, `1MB`, `10KiB`, or a number of bytes.
- `${NAME}`, `${NAME:-default}` and their kin may stand in every value; see [References](#references).
- A variable `MCP_PROXY__LIMITS__MAX_CONCURRENT=7` goes over the key `limits.max_concurrent`; what is no section of the file belongs
  to `proxy` (`MCP_PROXY__PORT`). `_` stands for `-` in a server's name; a list is written `[a, b]`.
- A key in italics is not supported yet: it is refused, so that nobody relies on it.
";

const TAIL: &str = "
## References

In every value, after the file was parsed; so a value can never change the file's structure. What comes out is not looked at again.

| | |
|---|---|
| `${NAME}` | a variable of the environment, else of the credentials, else what `mcp-proxy secret set NAME` put into the keyring; an error if it is not set |
| `${NAME:-text}` | `text` if it is not set or empty; may hold references itself |
| `${NAME-text}` | `text` only if it is not set |
| `${NAME:?message}` | stops with this message if it is not set or empty |
| `${env:NAME}` | the same as `${NAME}` |
| `${file:path}` | what a file holds, at most 64 KiB, without the line end |
| `${keyring:name}` | an entry of the keyring that `mcp-proxy secret set name` made; where there is no keyring, of the credentials |
| `${cmd:program argument …}` | what a program prints, at most 64 KiB, without the line end. Quotes group words, references in them are replaced, no shell is involved; it has 10 s. A file of somebody else cannot do it |
| `$$` | a `$` |

`$NAME` without braces is text. Inside `{…}` and `[…]` of YAML a reference is quoted: `token: \"${NAME}\"`.

Credentials are looked for in what `MCP_CREDENTIALS_PATH` names (a file, or a folder with one file a variable), else in `credentials.json`
beside the configuration, then in the one in the user's folder. Texts in it are variables; an object under a server's name is its `auth`.

The keyring is the desktop's: on Linux that of the Secret Service (GNOME, KDE, KeePassXC), by the program `secret-tool` (package
`libsecret-tools` or `libsecret`).

## A project's own servers

`.mcp-proxy.yaml` in a folder has `servers` (or `mcpServers` and the like) and `defaults` for them, and nothing else. They are added to those
of the configuration for clients that start mcp-proxy in that folder or below, once `mcp-proxy trust` was said there, and as long as the file
stays as it was then. A server of the configuration is never replaced by one of a project; `${cmd:…}` is refused in it, `${NAME}` and
`${keyring:name}` are not; its relative paths start at its own folder, and its programs run there.
";

/// `docs/config.md`
#[must_use]
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    table(&mut out, "The whole file", "", &ROOT.iter().collect::<Vec<_>>(), true);
    for key in ROOT {
        let (title, keys) = match key.kind {
            _ if is_refused(key) => continue,
            Kind::Section(keys) => (format!("`{}`", key.name), keys),
            // That of a server is the last one.
            Kind::Map(Kind::Section(keys)) if key.name != "servers" => (format!("`{}.NAME`", key.name), *keys),
            _ => continue,
        };
        table(&mut out, &title, key.doc, &keys.iter().collect::<Vec<_>>(), false);
    }
    let doc = "Also in `defaults`, for all servers, except for: ";
    let not: Vec<String> = NOT_IN_DEFAULTS.iter().map(|name| format!("`{name}`")).collect();
    table(&mut out, "`servers.NAME`", &format!("{doc}{}.", not.join(", ")), &SERVER.iter().collect::<Vec<_>>(), false);
    out + TAIL
}

fn is_refused(key: &Key) -> bool {
    matches!(key.state, State::NotYet(_))
}

/// `is_flat`: only what stands there itself.
fn table(out: &mut String, title: &str, doc: &str, keys: &[&Key], is_flat: bool) {
    out.push_str(&format!("\n## {title}\n\n"));
    if !doc.is_empty() {
        out.push_str(&format!("{doc}\n\n"));
    }
    out.push_str("| Key | Value | Default | |\n|---|---|---|---|\n");
    rows(out, "", keys, is_flat);
}

fn rows(out: &mut String, above: &str, keys: &[&Key], is_flat: bool) {
    for key in keys {
        let path = format!("{above}{}", key.name);
        let name = if is_refused(key) { format!("*`{path}`*") } else { format!("`{path}`") };
        let default = key.default.map_or_else(String::new, |d| format!("`{}`", d.replace('"', "")));
        let mut doc = key.doc.to_owned();
        for kind in choices(key.kind) {
            let meanings = kind.iter().filter(|c| !c.1.is_empty()).map(|(word, doc)| format!("<br>`{word}`: {doc}"));
            doc.extend(meanings);
        }
        match key.state {
            State::NotYet([]) => doc.push_str(" Not supported yet."),
            State::NotYet(idle) => doc.push_str(&format!(" Not supported yet but for `{}`.", idle.join("`, `"))),
            State::Works | State::Alias(_) | State::Ignored => {}
        }
        let line = format!("| {name} | {} | {default} | {doc} |\n", words(key.kind));
        out.push_str(&line.replace("stdio|http", "stdio\\|http"));
        let is_deep = !is_flat && !is_refused(key);
        let inner = match key.kind {
            Kind::Map(Kind::Either(kinds)) => (format!("{path}.NAME."), Kind::Either(kinds).keys()),
            Kind::List(item @ Kind::Section(_)) => (format!("{path}[]."), item.keys()),
            kind => (format!("{path}."), kind.keys()),
        };
        if is_deep {
            rows(out, &inner.0, &inner.1, false);
        }
    }
}

/// The words a value may be.
pub(super) fn choices(kind: Kind) -> Vec<&'static [(&'static str, &'static str)]> {
    match kind {
        Kind::Choice(choices) => vec![choices],
        Kind::Either(kinds) => kinds.iter().flat_map(|k| choices(*k)).collect(),
        _ => Vec::new(),
    }
}

/// What a value looks like.
pub(super) fn words(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Truth => "true or false".to_owned(),
        Kind::Number { least, most: u64::MAX } => format!("number from {least}"),
        Kind::Number { least, most } => format!("{least}–{most}"),
        Kind::Duration => "time".to_owned(),
        Kind::Durations => "`time..time`".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Choice(choices) => choices.iter().map(|c| format!("`{}`", c.0)).collect::<Vec<_>>().join(" "),
        Kind::List(item) => format!("list of {}", words(*item)),
        Kind::Map(Kind::Section(_)) => "map by name".to_owned(),
        Kind::Map(value) => format!("map of name to {}", words(*value)),
        Kind::Section(_) | Kind::Defaults => "map".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(|k| words(*k)).collect::<Vec<_>>().join(", or "),
        Kind::Foreign => "map".to_owned(),
    }
}
