//! Where `${…}` gets its values: the process environment, then the credentials, then the keyring for what `mcp-proxy secret` put
//! there, then nothing. Credentials are where
//! `MCP_CREDENTIALS_PATH` says (a file or a folder), else beside the configuration and in the user's folder.
//!
//! The credentials file holds variables (texts), under the name of a server that server's `auth` (maps), and under `mcp-proxy`
//! what we keep there ourselves. Its text is
//! never shown, and its values never leave but as [`Lookup`] answers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Environment;
use super::ahead;
use super::diagnostic::{Diagnostic, Fix, Level, NoteKind, Span};
use super::expand::Lookup;
use super::keyring::{Keyring, KeyringError};
use super::locate;
use super::node::{Entry, Node, Value};
use super::outside;
use super::source::{FileSeen, MAX_FILE_BYTES, ReadError, Sources};
use super::syntax::{self, Format};

/// A secret is a line or a key file, not a book.
const MAX_VALUE_BYTES: u64 = 64 << 10;

/// What messages say for a value of the credentials.
const HIDDEN: &str = "(from the credentials)";

pub(super) const FILE_NAME: &str = "credentials.json";
/// What is ours in it: no server can have that name.
pub(super) const OURS: &str = "mcp-proxy";

/// See the page.
pub(crate) struct Variables<'a> {
    environment: &'a Environment,
    /// Folder of the configuration: what relative paths are relative to.
    base: PathBuf,
    texts: BTreeMap<String, String>,
    auth: Vec<Entry>,
    /// What `mcp-proxy token add` keeps there: one a file, the first one read counts most.
    tokens: Vec<Node>,
    /// A folder with one file a variable.
    folder: Option<PathBuf>,
    /// Names that `mcp-proxy secret set` put into the keyring.
    in_keyring: BTreeSet<String>,
    /// What was asked of the keyring and of programs: each once.
    asked: RefCell<HashMap<String, Result<String, String>>>,
    /// Names of `texts` and `auth` that something asked for.
    used: RefCell<BTreeSet<String>>,
    /// For `looked in`.
    looked: String,
    /// Every file that was read or looked for.
    seen: RefCell<Vec<FileSeen>>,
}

impl<'a> Variables<'a> {
    /// Reads the credentials, if there are any.
    pub(crate) fn open(
        environment: &'a Environment,
        base: &Path,
        sources: &mut Sources,
        out: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut paths: Vec<PathBuf> = match named(environment) {
            Some(path) => vec![path],
            None => {
                let of_user = locate::user_dir(environment).map(|dir| dir.join(FILE_NAME));
                std::iter::once(base.join(FILE_NAME)).chain(of_user).collect()
            }
        };
        paths.dedup();
        let mut variables = Self {
            environment,
            base: base.to_owned(),
            texts: BTreeMap::new(),
            auth: Vec::new(),
            tokens: Vec::new(),
            folder: None,
            in_keyring: BTreeSet::new(),
            asked: RefCell::default(),
            used: RefCell::default(),
            looked: String::new(),
            seen: RefCell::new(Vec::new()),
        };
        for path in paths {
            let how = variables.add(&path, sources, out);
            let shown = super::render::short_path(&path, environment.home());
            let comma = if variables.looked.is_empty() { "" } else { ", " };
            variables.looked += &format!("{comma}{shown}{how}");
        }
        variables
    }

    /// Reads one place for credentials: a file, or a folder. Says how that went, for `looked in`.
    fn add(&mut self, path: &Path, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> &'static str {
        const NOT_READABLE: &str = " (not readable)";
        let is_folder = path.is_dir();
        let file = if is_folder { path.join(FILE_NAME) } else { path.to_owned() };
        self.folder = is_folder.then(|| path.to_owned());
        match self.read(&file, MAX_FILE_BYTES) {
            Ok(text) if self.take(&file, &text, sources, out) => "",
            Ok(_) => NOT_READABLE,
            Err(error) if error.is_missing() && is_folder => "",
            Err(error) if error.is_missing() => " (not found)",
            Err(error) => {
                let source = sources.add_hidden(&file, HIDDEN);
                let d = Diagnostic::new("MP001", Level::Error, format!("cannot read the credentials: {error}"))
                    .note(NoteKind::Fix, "make it a readable JSON file of names and texts");
                out.push(sources.locate(d, Span { source, start: 0, end: 0 }));
                NOT_READABLE
            }
        }
    }

    /// False: it is no readable JSON.
    fn take(&mut self, file: &Path, text: &str, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> bool {
        let source = sources.add_hidden(file, HIDDEN);
        let span = Span { source, start: 0, end: 0 };
        if let Some(mode) = open_to_others(file) {
            let mut d =
                Diagnostic::new("MP205", Level::Warning, format!("the credentials are readable by others ({mode})"))
                    .note(NoteKind::Fix, format!("chmod 600 {}", file.display()));
            d.fix = Some(Fix::CloseFile(file.to_owned()));
            out.push(sources.locate(d, span));
        }
        // A syntax error would quote the text around it: say where it is, and nothing else.
        let mut problems = Vec::new();
        let mut readable = Sources::default();
        let inner = readable.add(file, text);
        let tree = syntax::parse(text, Format::Jsonc, inner, &readable, &mut problems);
        for problem in problems {
            let at = problem.place.map_or(String::new(), |p| format!(" (line {}, column {})", p.line, p.column));
            let d = Diagnostic::new("MP002", Level::Error, format!("the credentials are not readable JSON{at}"))
                .note(NoteKind::Fix, "write `{ \"NAME\": \"value\" }`");
            out.push(sources.locate(d, span));
        }
        let Some(Value::Map(entries)) = tree.map(|t| t.value) else { return false };
        for entry in entries {
            match entry.value.value {
                Value::Scalar(scalar) => {
                    // What was read before counts.
                    self.texts.entry(entry.key).or_insert(scalar.text);
                }
                Value::Map(_) if entry.key == OURS => {
                    let ours = at(entry.value, span);
                    self.tokens.extend(ours.get("tokens").cloned());
                    if let Some(Value::List(names)) = ours.get("keyring").map(|n| &n.value) {
                        self.in_keyring.extend(names.iter().filter_map(Node::as_scalar).map(|s| s.text.clone()));
                    }
                }
                Value::Map(_) => self.auth.push(Entry { key: entry.key, key_span: span, value: at(entry.value, span) }),
                Value::Null | Value::List(_) => {
                    let d = Diagnostic::new(
                        "MP101",
                        Level::Error,
                        format!("`{}` in the credentials must be a text, or the `auth` of a server", entry.key),
                    )
                    .note(NoteKind::Fix, "write `\"NAME\": \"value\"`");
                    out.push(sources.locate(d, span));
                }
            }
        }
        true
    }

    /// The same for the file of a project in the folder `base`: paths start there, and what belongs to the user's own servers
    /// or to us is not for it.
    pub(crate) fn of_project<'e>(&self, environment: &'e Environment, base: &Path) -> Variables<'e> {
        Variables {
            environment,
            base: base.to_owned(),
            texts: self.texts.clone(),
            auth: Vec::new(),
            tokens: Vec::new(),
            folder: self.folder.clone(),
            in_keyring: self.in_keyring.clone(),
            asked: RefCell::default(),
            used: RefCell::default(),
            looked: self.looked.clone(),
            seen: RefCell::default(),
        }
    }

    /// What `other` asked for is used.
    pub(crate) fn were_used(&self, other: &Variables<'_>) {
        self.used.borrow_mut().extend(other.used.take());
    }

    /// Asks the programs that `root` is certain to ask for, side by side.
    pub(crate) fn ask_ahead(&self, root: &Node) {
        let answers = self.environment.answers();
        if self.environment.refuses_commands() || answers.is_some_and(|a| !a.may_ask()) {
            return;
        }
        let all = ahead::certain(root);
        // One alone is asked when it is its turn.
        if all.len() < 2 {
            return;
        }
        let (environment, base) = (self.environment, self.base.as_path());
        let said = ahead::asked(&all, |words| run(words, environment, base));
        for (words, said) in all.iter().zip(said) {
            let key = command_key(words);
            if let Some(answers) = answers {
                answers.keep(&key, said.clone());
            }
            self.asked.borrow_mut().insert(key, said);
        }
    }

    /// The `auth` of a server from the credentials.
    pub(crate) fn auth(&self, server: &str) -> Option<&Node> {
        self.used.borrow_mut().insert(server.to_owned());
        self.auth.iter().find(|e| e.key == server).map(|e| &e.value)
    }

    /// The tokens that are kept in the credentials: one map a file.
    pub(crate) fn tokens(&self) -> &[Node] {
        &self.tokens
    }

    /// For `looked in`.
    pub(crate) fn looked(&self) -> String {
        format!("process environment, {}", self.looked)
    }

    /// The same without the environment.
    pub(crate) fn looked_beside(&self) -> &str {
        &self.looked
    }

    /// Names in the credentials that nothing asked for so far.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let names = self.texts.keys().chain(self.auth.iter().map(|e| &e.key));
        names.filter(|name| !used.contains(*name)).cloned().collect()
    }

    /// Asks once, however often it is written.
    fn once(&self, key: String, ask: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
        if let Some(known) = self.asked.borrow().get(&key) {
            return known.clone();
        }
        let answer = match self.environment.answers() {
            Some(answers) => answers.get(&key, ask),
            None => ask(),
        };
        self.asked.borrow_mut().insert(key, answer.clone());
        answer
    }

    /// Reads a file that the configuration names, and remembers it.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        let (text, seen) = FileSeen::read(path, limit);
        let mut all = self.seen.borrow_mut();
        if !all.iter().any(|s| s.path == seen.path) {
            all.push(seen);
        }
        text
    }

    /// Every file that was read or looked for.
    pub(crate) fn seen(&self) -> Vec<FileSeen> {
        self.seen.borrow().clone()
    }

    fn value_of(&self, path: &Path) -> Result<String, ReadError> {
        let text = self.read(path, MAX_VALUE_BYTES)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }
}

impl Lookup for Variables<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.used.borrow_mut().insert(name.to_owned());
        let given = self.environment.get(name).map(str::to_owned).or_else(|| self.texts.get(name).cloned());
        given
            .or_else(|| self.in_keyring.contains(name).then(|| self.keyring(name).ok()).flatten())
            .or_else(|| self.folder.as_ref().and_then(|dir| self.value_of(&dir.join(name)).ok()))
            .or_else(|| (name == "userHome").then(|| self.environment.home()?.to_str().map(str::to_owned)).flatten())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.value_of(&self.environment.absolute(path.trim(), &self.base)).map_err(|e| e.to_string())
    }

    fn keyring(&self, name: &str) -> Result<String, String> {
        self.used.borrow_mut().insert(name.to_owned());
        self.once(format!("keyring:{name}"), || {
            let error = match Keyring::new(self.environment).get(name) {
                Ok(value) => return Ok(value.reveal().to_owned()),
                Err(error) => error,
            };
            // Where there is no keyring, `mcp-proxy secret set` writes here.
            let kept = self.texts.get(name).cloned();
            kept.or_else(|| self.folder.as_ref().and_then(|dir| self.value_of(&dir.join(name)).ok())).ok_or_else(|| {
                match error {
                    KeyringError::NoEntry => "there is no such entry".to_owned(),
                    KeyringError::Missing(_) => error.to_string(),
                }
            })
        })
    }

    fn command(&self, words: &[String]) -> Result<String, String> {
        if self.environment.refuses_commands() {
            return Err(REFUSED.to_owned());
        }
        self.once(command_key(words), || run(words, self.environment, &self.base))
    }
}

/// The same for a server that is switched off: it starts nothing, so no program is asked for it either, and what one would say stands
/// open.
pub(crate) struct Unasked<'a>(pub(crate) &'a Variables<'a>);

impl Lookup for Unasked<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.0.file(path)
    }

    fn keyring(&self, name: &str) -> Result<String, String> {
        self.0.keyring(name)
    }

    fn command(&self, words: &[String]) -> Result<String, String> {
        if self.0.environment.refuses_commands() {
            self.0.command(words)
        } else {
            Ok(outside::open(&command_key(words)))
        }
    }
}

fn command_key(words: &[String]) -> String {
    format!("cmd:{words:?}")
}

/// How a message ends about a reference that would run a program, in a file that somebody else may have written.
pub const REFUSED: &str = "programs are not run for a file that is not your own";

/// What a program prints, without the end of its last line.
fn run(words: &[String], environment: &Environment, base: &Path) -> Result<String, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = outside::ask(&words, None, environment, base, outside::PATIENCE);
    let text = text.map_err(|refusal| refusal.words(words[0]))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// The file or folder that somebody named for the credentials.
pub(super) fn named(environment: &Environment) -> Option<PathBuf> {
    environment.get_filled("MCP_CREDENTIALS_PATH").map(|p| environment.absolute_here(Path::new(p)))
}

/// The tree with every place set to `span`: its text is not shown.
fn at(node: Node, span: Span) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|n| at(n, span)).collect()),
        Value::Map(entries) => Value::Map(
            entries.into_iter().map(|e| Entry { key: e.key, key_span: span, value: at(e.value, span) }).collect(),
        ),
        other => other,
    };
    Node { span, value }
}

/// The mode of a file that others than its owner may read.
#[cfg(unix)]
pub(super) fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| format!("{mode:04o}"))
}

/// Access lists of other systems are not read.
#[cfg(not(unix))]
pub(super) fn open_to_others(_: &Path) -> Option<String> {
    None
}

/// Lines of a `.env` file. `Err`: the line that is none.
pub(crate) fn dotenv(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut out = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(i + 1)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(i + 1);
        }
        out.push((name.to_owned(), dotenv_value(value).ok_or(i + 1)?));
    }
    Ok(out)
}

fn dotenv_value(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split_once('\'').map(|(v, _)| v.to_owned());
    }
    let Some(rest) = value.strip_prefix('"') else {
        let end = value.find(" #").unwrap_or(value.len());
        return Some(value[..end].trim_end().to_owned());
    };
    let mut out = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                other => out.push(other),
            },
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_lines() {
        let text = "# c\n\nA=1\nexport B = two words # not this\nC='a # b'\nD=\"x\\ny\\\"\"\nE=\nF=a=b#c\r\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", "a # b"), ("D", "x\ny\""), ("E", ""), ("F", "a=b#c")];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
        assert_eq!(dotenv(text), Ok(expected));
        for (text, line) in [("A=1\nnonsense", 2), ("=x", 1), ("A B=x", 1), ("A='x", 1), ("A=\"x\\", 1)] {
            assert_eq!(dotenv(text), Err(line), "{text}");
        }
    }
}
