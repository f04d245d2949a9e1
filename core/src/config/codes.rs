//! What each code of [`super::Diagnostic`] means: the text of `mcp-proxy check --explain` and of the pages in `docs/codes/`.

/// One code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// `MP104`
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means, why it matters, what to do; Markdown.
    pub text: &'static str,
}

const fn code(code: &'static str, title: &'static str, text: &'static str) -> Code {
    Code { code, title, text }
}

/// Every code, in order.
pub const CODES: &[Code] = &[
    code(
        "MP001",
        "the file cannot be read",
        "There is no configuration where it was looked for, or what is there is a folder, a pipe, not UTF-8, or not readable for you. `mcp-proxy init` writes one; `--config FILE` or `MCP_CONFIG_PATH` names another.",
    ),
    code(
        "MP002",
        "a syntax error",
        "The text is no YAML (or JSON), so nothing in it could be read. The place is where the parser gave up; the mistake is there or just before. In YAML, siblings stand in the same column, tabs do not indent, and a value with `: ` or ` #` in it is quoted. In JSON every name and text has double quotes.",
    ),
    code(
        "MP003",
        "a character that cannot begin a YAML value",
        "`@`, `` ` ``, `%` and `*` mean something to YAML, so a value that begins with one is quoted: `args: [-y, \"@scope/pkg\"]`. `check --fix` does it.",
    ),
    code(
        "MP004",
        "a reference without quotes between braces",
        "Inside `{…}` and `[…]` YAML reads the brace of `${NAME}` as its own. Write `\"${NAME}\"` there. `check --fix` does it.",
    ),
    code(
        "MP005",
        "not strict JSON",
        "A `.json` file has a comment, a comma at the end, or lacks a comma. Other programs that read it would refuse it. Rename it to `.jsonc`, or mend it; `check --fix` takes commas at the end out.",
    ),
    code(
        "MP006",
        "given twice",
        "A key, a server, or a token is there twice. Most programs would silently take the last. Rename or delete one.",
    ),
    code(
        "MP007",
        "more than a configuration needs",
        "The file is over 1 MiB, nested deeper than 64, or unfolds by aliases to something huge. Nothing of it was used.",
    ),
    code(
        "MP008",
        "an unknown version",
        "`version` says another format of the file than 1. Update mcp-proxy, or write `version: 1`.",
    ),
    code(
        "MP009",
        "not supported yet",
        "The file asks for something that this version cannot do. It is refused rather than ignored, because you would rely on it. Take it out, or write the value that says what happens anyway.",
    ),
    code(
        "MP010",
        "not for a project",
        "A project's `.mcp-proxy.yaml` has servers, and `defaults` for them. Ports, tokens, profiles and the like are its user's: they belong into the user's own configuration.",
    ),
    code(
        "MP011",
        "a project that is not trusted",
        "The folder has a `.mcp-proxy.yaml`, and you have not said that it is good, or it has changed since. It says what runs on your machine, and came with the folder. `mcp-proxy trust` shows what it would start, and asks; until then its servers are not used, and nothing else is different.",
    ),
    code(
        "MP101",
        "the wrong kind of value",
        "A map was expected and a list was found, or the like. Lists of servers (`- name: …`) are written as a map here: `name: { … }`.",
    ),
    code(
        "MP102",
        "a value that cannot be",
        "The value is of the right kind, but out of its bounds or none of the known words. The message names what is possible.",
    ),
    code("MP103", "no duration", "Times are `500ms`, `30s`, `5m`, `1h30m`, or a number of seconds."),
    code(
        "MP104",
        "an unknown field",
        "No key of this name belongs here, so what it says would have no effect. Mostly it is a slip (`comand`) or another program's word (`serverUrl`, `envs`). `check --fix` writes the key that was meant where there is no doubt. `docs/config.md` lists all.",
    ),
    code(
        "MP105",
        "neither command nor url",
        "A server is a program that is started here (`command`) or an address (`url`). This one has neither, or there is no server at all.",
    ),
    code("MP106", "both command and url", "It cannot be told whether this server is started or called. Remove one."),
    code(
        "MP107",
        "a key of the other transport",
        "`args`, `env` and `cwd` belong to programs, `headers` and `auth` to addresses.",
    ),
    code(
        "MP108",
        "an unknown transport",
        "Known are `stdio`, `http` (also `streamable-http`, `streamableHttp`) and `sse`. WebSockets are no transport of MCP.",
    ),
    code(
        "MP109",
        "an outdated transport",
        "HTTP+SSE was replaced on 2025-03-26. It works; most servers offer Streamable HTTP beside it, under `/mcp`.",
    ),
    code(
        "MP110",
        "milliseconds?",
        "A bare number is seconds here. Clients' files often hold milliseconds: `timeout: 30000` would be more than eight hours. Write the unit.",
    ),
    code(
        "MP111",
        "a name that clients refuse",
        "The server's name becomes the beginning of its tools' names, and model APIs take letters, digits, `_` and `-` only; Gemini CLI splits at the first `_`, and `__` is what separates the parts. `mcp-proxy` is taken: it is this program in the clients' files.",
    ),
    code(
        "MP112",
        "arguments in one text",
        "No shell takes arguments apart: each is an item of the list `args`. `[\"-y pkg\"]` is one argument with a space in it.",
    ),
    code(
        "MP113",
        "blanks around a header",
        "Spaces or a line end stand around the value, mostly pasted with it. They are not sent; a line end inside is an error. `check --fix` removes them.",
    ),
    code(
        "MP114",
        "not text in YAML",
        "Unquoted, `on`, `no`, `1.10` or `007` are a truth value or a number in YAML. We pass them on as they are written; other programs may not. `check --fix` quotes them.",
    ),
    code(
        "MP201",
        "a variable that is not set",
        "A reference `${NAME}` has no value. Looked for in the process environment, the credentials, and for what `mcp-proxy secret` put there the keyring. Desktop clients pass few variables of your shell on, and some strip names with TOKEN or KEY in them. `mcp-proxy secret set NAME` keeps it where every client finds it; `${NAME:-text}` gives a default.",
    ),
    code(
        "MP202",
        "a bad reference",
        "`${…}` holds no name we understand, is not closed, or what it names (`file:`, `cmd:`) gave nothing. A plain `$` is written `$$`.",
    ),
    code(
        "MP203",
        "a question for VS Code",
        "`${input:NAME}` makes VS Code ask its user; here nobody can be asked. Write `${keyring:NAME}` and run `mcp-proxy secret set NAME`.",
    ),
    code(
        "MP204",
        "a secret in the file",
        "A value looks like a key or password. Configurations are shared, shown and backed up. `mcp-proxy secret move` puts it into the keyring (or credentials.json, for its owner only) and a reference in its place.",
    ),
    code(
        "MP205",
        "secrets that others can read",
        "The credentials, or a private key, are readable by other users of this machine. `chmod 600`; `check --fix` does it for the credentials. An error with `--strict`.",
    ),
    code(
        "MP206",
        "nothing in the keyring",
        "`${keyring:NAME}` has no entry, or there is no keyring: machines without a desktop session have none, and on Linux the program `secret-tool` is needed. `mcp-proxy secret set NAME` makes the entry, or keeps the value in credentials.json, where the same reference finds it.",
    ),
    code(
        "MP207",
        "credentials that nothing uses",
        "A name in the credentials is no reference and no server of this configuration. A slip, or left over: `mcp-proxy secret rm NAME`.",
    ),
    code("MP208", "a variable without braces", "`$NAME` is text here. Write `${NAME}`, or `$$NAME` if so meant."),
    code(
        "MP301",
        "a program that is not found",
        "`command` is on none of the directories that would be searched: PATH, and (unless `proxy.env.path_from_login_shell` is false) what your login shell has. Install it, or give the full path; desktop clients start us with a short PATH.",
    ),
    code(
        "MP302",
        "a program that cannot be started",
        "What `command` names is a folder, or not executable: `chmod +x`.",
    ),
    code(
        "MP303",
        "npx may ask",
        "Without `-y`, `npx` asks whether it may install the package, and nobody can answer. `check --fix` adds it.",
    ),
    code(
        "MP304",
        "a package without a version",
        "Each start may fetch code that was published a minute ago: slow, and whoever takes the package over runs on your machine. Name a version: `pkg@1.2.3`, `pkg==1.2.3`, an image's tag.",
    ),
    code(
        "MP305",
        "a banner on stdout",
        "`npm`, `yarn` and `pnpm` print what they run on stdout, which carries messages only. Add `--silent`, or start the script itself. `check --fix` adds it.",
    ),
    code(
        "MP306",
        "docker run without -i",
        "Without `-i` the server has no stdin and ends at once; `-t` and `-d` break the pipes; without `--rm` every start leaves a container behind. `check --fix` adds `-i`.",
    ),
    code(
        "MP307",
        "a file or folder that is not there",
        "`cwd`, `env_file`, `ca_file` or a certificate names something that does not exist or cannot be read. A relative path starts at the configuration's folder.",
    ),
    code(
        "MP308",
        "mcp-proxy starts itself",
        "The server is this program: it would start itself, which would start itself. It is our entry of a client's file; take it out.",
    ),
    code(
        "MP401",
        "a bad URL",
        "It needs `http://` or `https://` and a host. A path `/sse` with transport `http` is mostly a mistake in one of them.",
    ),
    code(
        "MP402",
        "a secret in clear",
        "Tokens go over plain http, or come in so: everybody on the way can read them. Use https, or `proxy.tls`.",
    ),
    code(
        "MP403",
        "auth is not complete",
        "`bearer` needs `token`, `basic` needs `credentials` (`user:password`), `header` needs `name` and `value`.",
    ),
    code("MP404", "two authorizations", "`auth` and a header say the same thing; `auth` counts."),
    code(
        "MP405",
        "the same server twice",
        "Two entries lead to the same program with the same environment, or to the same address. All their tools appear twice and fill the model's context.",
    ),
    code(
        "MP501",
        "an open door",
        "The proxy listens where other machines reach it, and nobody has to show a token: anyone on the network can run your tools. Listen on 127.0.0.1, or set `clients.require_auth` and make tokens.",
    ),
    code(
        "MP502",
        "a token is needed and there is none",
        "Nobody could come in, so one is made at the start and shown once. `mcp-proxy token add NAME` makes one that you name.",
    ),
    code(
        "MP503",
        "a port that cannot be had",
        "Another program listens on it (seen with `--online`), or it is below 1024, which needs special rights.",
    ),
    code(
        "MP504",
        "a weak token",
        "It is shorter than 24 characters, empty, or cannot stand in a header. `mcp-proxy token add NAME` makes a good one.",
    ),
    code(
        "MP505",
        "a path that is taken",
        "Two things have the same path: `proxy.path`, the metrics, or a page of our own (`/health`, `/ready`, `/status`, `/sse`). Only one of them would be reached. Write another path.",
    ),
    code(
        "MP601",
        "a name that is too long",
        "Prefix and tool together are longer than `routing.max_tool_name` and are cut, or longer than clients take: Cursor leaves out what is over 60 with its own prefix, Claude and Codex over 64. A shorter `prefix` helps. From the lists the server gave last.",
    ),
    code(
        "MP602",
        "one name, several servers",
        "Without prefixes two servers offer a tool of the same name. The first keeps it; the other's gets a suffix, which models do not understand. Give one a `prefix`, or write `naming: prefix`.",
    ),
    code(
        "MP603",
        "a pattern that matches nothing",
        "A server, tool or pattern that is named does not exist, so the rule has no effect. Judged by the lists the servers gave last.",
    ),
    code(
        "MP604",
        "too many tools",
        "VS Code refuses a request with more than 128 tools, Windsurf takes 100, Cursor fewer; and every definition costs context. Leave out what is not needed: `tools.allow`, `tools.deny`, `enabled: false`.",
    ),
    code(
        "MP605",
        "a tool that clients refuse",
        "A definition has a defect for which some clients drop the whole list. With `routing.schema_fixes` (the default) it is mended or set aside; this tells which.",
    ),
    code(
        "MP701",
        "a server that does not start",
        "Seen with `--online`: the server was started and did not get ready. The message has the phase, how it ended and its last words.",
    ),
    code(
        "MP801",
        "a client's file",
        "Something in the configuration of a client: it cannot be read, or lists servers that are managed here too.",
    ),
];

/// The entry of a code, upper or lower case.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|c| c.code.eq_ignore_ascii_case(code.trim()))
}

impl Code {
    /// Its page in `docs/codes/`.
    #[must_use]
    pub fn page(&self) -> String {
        let Self { code, title, text } = self;
        format!(
            "# {code}: {title}\n\n{text}\n\n`mcp-proxy check --explain {code}` says the same. [All codes](README.md)\n"
        )
    }

    /// Where that page can be read.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/blob/main/docs/codes/{}.md", env!("CARGO_PKG_REPOSITORY"), self.code)
    }
}

/// What the first digit of a code says it is about.
const SUBJECTS: [&str; 9] = [
    "the file as a whole",
    "keys and values",
    "variables and secrets",
    "programs",
    "addresses",
    "the own port",
    "tools, as clients see them",
    "servers that were started (`--online`)",
    "clients' files (`--clients`)",
];

/// `docs/codes/README.md`
#[must_use]
pub fn index() -> String {
    let mut out =
        "# Codes of `mcp-proxy check`\n\nOne page each, with the text of `mcp-proxy check --explain CODE`. Made from \
                   `core/src/config/codes.rs`; a test compares.\n"
            .to_owned();
    for (digit, subject) in SUBJECTS.iter().enumerate() {
        let begins = format!("MP{digit}");
        out.push_str(&format!("\n{begins}…: {subject}\n\n"));
        let of_it = CODES.iter().filter(|c| c.code.starts_with(&begins));
        for Code { code, title, .. } in of_it {
            out.push_str(&format!("- [{code}]({code}.md): {title}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn sources(of: &Path, into: &mut String) {
        for entry in std::fs::read_dir(of).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, into);
            } else if !path.ends_with("codes.rs") && path.extension().is_some_and(|e| e == "rs") {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_code_is_explained_and_used() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        let mut text = String::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["src", "../src"] {
            sources(&root.join(folder), &mut text);
        }
        for word in text.split('"').filter(|w| w.len() == 5 && w.starts_with("MP") && w[2..].parse::<u16>().is_ok()) {
            assert!(explain(word).is_some(), "{word}");
        }
        for Code { code, title, .. } in CODES {
            assert!(text.contains(&format!("\"{code}\"")) || *code == "MP801", "{code}: {title}");
        }
        assert_eq!(explain(" mp104 ").map(|c| c.code), Some("MP104"));
        assert!(explain("MP999").is_none());
    }

    #[test]
    fn the_pages_on_codes_are_the_table() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/codes"));
        let pages = CODES.iter().map(|c| (format!("{}.md", c.code), c.page()));
        let made: BTreeMap<String, String> = pages.chain([("README.md".to_owned(), index())]).collect();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir_all(folder).unwrap();
            made.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
        }
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let kept: BTreeMap<String, String> =
            files.map(|f| (f.file_name().into_string().unwrap(), std::fs::read_to_string(f.path()).unwrap())).collect();
        assert!(kept == made, "docs/codes is old: UPDATE_DOCS=1 cargo test -p mcp-proxy-core codes");
        // Every code is under a subject.
        assert!(CODES.iter().all(|c| index().contains(&format!("]({}.md)", c.code))));
    }
}
