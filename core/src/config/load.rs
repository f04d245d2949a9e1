//! Reads a configuration: file, tree, overrides, checks. One call, no state, no clock; what it reads besides the file are the
//! credentials and what the file itself names.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Level, NoteKind, Span};
use super::node::{Node, Value};
use super::project::Project;
use super::source::{FileSeen, MAX_FILE_BYTES, ReadError, Sources};
use super::syntax::{self, Format};
use super::variables::Variables;
use super::{Config, Environment, Located, build, overrides};

/// What came of reading a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration, if there is no error.
    pub config: Option<Config>,
    /// Everything there is to say about it, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts the places point into.
    pub sources: Sources,
    /// The main file.
    pub path: Option<PathBuf>,
    /// How many servers it names.
    pub n_servers: usize,
    /// Every file that was read or looked for, the main one first.
    pub files: Vec<FileSeen>,
    /// The main file could not be read at all.
    pub is_unreadable: bool,
}

impl Loaded {
    /// How many diagnostics have that level.
    #[must_use]
    pub fn n_of(&self, level: Level) -> usize {
        self.diagnostics.iter().filter(|d| d.level == level).count()
    }

    /// The same with all there is to say about it; with an error there is no configuration.
    pub(super) fn with(mut self, diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        self.diagnostics = diagnostics;
        self.sort();
        self.sources = sources;
        if self.n_of(Level::Error) > 0 {
            self.config = None;
        }
        self
    }

    /// Puts the diagnostics in the order of the file.
    pub fn sort(&mut self) {
        self.diagnostics.sort_by_key(|d| d.place.map_or((usize::MAX, 0), |p| (p.span.source, p.span.start)));
    }

    /// What `check` ends with: 0 well, 1 errors (or warnings, if `is_strict`), 2 unreadable.
    #[must_use]
    pub fn exit_code(&self, is_strict: bool) -> u8 {
        if self.is_unreadable {
            2
        } else {
            u8::from(self.n_of(Level::Error) > 0 || (is_strict && self.n_of(Level::Warning) > 0))
        }
    }
}

/// What was read, with all that a closer look needs.
pub(crate) struct Read {
    pub(crate) loaded: Loaded,
    /// The configuration as far as it could be read, errors or not; with the servers that could be.
    pub(crate) config: Config,
    pub(crate) root: Option<Node>,
    pub(crate) servers: Vec<Placed>,
    /// Names in the credentials that nothing asked for.
    pub(crate) unused: Vec<String>,
}

/// A server and where it stands in the file.
pub(crate) struct Placed {
    pub(crate) name: String,
    pub(crate) key_span: Span,
    /// Its entry, with our names for its keys.
    pub(crate) node: Node,
}

/// What was read of nothing yet.
pub(super) fn closed(path: &Path) -> Loaded {
    Loaded {
        config: None,
        diagnostics: Vec::new(),
        sources: Sources::default(),
        path: Some(path.to_owned()),
        n_servers: 0,
        files: Vec::new(),
        is_unreadable: false,
    }
}

impl From<Loaded> for Read {
    fn from(loaded: Loaded) -> Self {
        Self { loaded, config: Config::default(), root: None, servers: Vec::new(), unused: Vec::new() }
    }
}

/// Reads and checks what was located.
#[must_use]
pub fn load(located: &Located, environment: &Environment) -> Loaded {
    read(located, environment).loaded
}

/// The same, for whoever looks closer.
pub(crate) fn read(located: &Located, environment: &Environment) -> Read {
    let project = Project::look(environment);
    match located {
        Located::File { path } => load_file(path, environment, project),
        Located::Nothing { looked } => {
            let mut project = project;
            if project.as_ref().is_some_and(|p| p.text.is_some()) {
                return load_project(project, environment);
            }
            let home = environment.home();
            let looked: Vec<String> = looked.iter().map(|p| super::render::short_path(p, home)).collect();
            let mut d = Diagnostic::new("MP001", Level::Error, "there is no configuration");
            if !looked.is_empty() {
                d = d.note(NoteKind::LookedIn, looked.join(", "));
            }
            let d = d.note(NoteKind::Fix, "`mcp-proxy init` writes one; `--config FILE` names one");
            let mut loaded = unreadable(None, d);
            if let Some(project) = &mut project {
                project.tell(&mut loaded.diagnostics);
                loaded.files.append(&mut project.files);
            }
            loaded.into()
        }
    }
}

/// A project's servers, where the user has no configuration.
fn load_project(project: Option<Project>, environment: &Environment) -> Read {
    let path = project.as_ref().map(|p| p.path.clone());
    // As if there were one, and nothing in it.
    let beside = super::default_path(environment).unwrap_or_default();
    let mut read = load_with("servers: {}\n", &beside, Vec::new(), environment, project);
    let paths = [&mut read.config].into_iter().chain(&mut read.loaded.config);
    paths.for_each(|config| config.paths.retain(|p| *p != beside));
    read.loaded.path = path;
    read
}

fn load_file(path: &Path, environment: &Environment, project: Option<Project>) -> Read {
    let (text, seen) = FileSeen::read(path, MAX_FILE_BYTES);
    match text {
        Ok(text) => load_with(&text, path, vec![seen], environment, project),
        Err(error) => {
            let code = match error {
                ReadError::TooLong(_) | ReadError::OverLimit(_) => "MP007",
                _ => "MP001",
            };
            let shown = super::render::short_path(path, environment.home());
            let fix = match &error {
                ReadError::Directory => "name a file in it",
                ReadError::Special => "name a file of text; pipes and devices are not read",
                ReadError::TooLong(_) | ReadError::OverLimit(_) => "this is no configuration; name another file",
                ReadError::NotText(_) => "save it as UTF-8",
                ReadError::LinkToNothing | ReadError::LinksInCircle => "mend the link, or put a file in its place",
                ReadError::Io(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    "`mcp-proxy init` writes one; `--config FILE` names another"
                }
                ReadError::Io(e) if e.kind() == std::io::ErrorKind::PermissionDenied => "make it readable for you",
                ReadError::Io(_) => "see whether you can read it with another program",
            };
            let message = format!("cannot read the configuration `{shown}`: {error}");
            let mut d = Diagnostic::new(code, Level::Error, message).note(NoteKind::Fix, fix);
            d.file = Some(path.to_owned());
            let files = std::iter::once(seen).chain(project.into_iter().flat_map(|p| p.files)).collect();
            Loaded { files, ..unreadable(Some(path), d) }.into()
        }
    }
}

fn unreadable(path: Option<&Path>, diagnostic: Diagnostic) -> Loaded {
    Loaded {
        config: None,
        diagnostics: vec![diagnostic],
        sources: Sources::default(),
        path: path.map(Path::to_owned),
        n_servers: 0,
        files: Vec::new(),
        is_unreadable: true,
    }
}

/// Reads and checks a text as if it stood in `path` (absolute). Nothing is read from `path` itself; its folder is what
/// relative paths start at.
#[must_use]
pub fn load_text(text: &str, path: &Path, environment: &Environment) -> Loaded {
    read_text(text, path, environment).loaded
}

/// The same, for whoever looks closer.
pub(crate) fn read_text(text: &str, path: &Path, environment: &Environment) -> Read {
    load_with(text, path, Vec::new(), environment, None)
}

/// `files`: the main file, if it was read.
fn load_with(
    text: &str,
    path: &Path,
    mut files: Vec<FileSeen>,
    environment: &Environment,
    project: Option<Project>,
) -> Read {
    let mut sources = Sources::default();
    let mut out = Vec::new();
    let source = sources.add(path, text);
    let base = path.parent().unwrap_or(path);
    let tree = syntax::parse(text, Format::of(path, text), source, &sources, &mut out);
    // The project that stands in the configuration's own place is that configuration.
    let mut project = project.filter(|p| p.path != path);
    files.extend(project.iter().flat_map(|p| p.files.iter().cloned()));
    let mut loaded = Loaded { files, ..closed(path) };
    let Some(mut root) = tree else { return loaded.with(out, sources).into() };
    match root.value {
        Value::Map(_) => {}
        Value::Null => {
            let d = Diagnostic::new("MP101", Level::Error, "the configuration is empty").note(
                NoteKind::Fix,
                "begin with `servers:` and one entry for each server; `mcp-proxy init` writes a commented one",
            );
            out.push(sources.locate(d, Span { source, start: 0, end: 0 }));
            return loaded.with(out, sources).into();
        }
        _ => {
            let message = format!("expected a map at the top of the file, found {}", root.kind_name());
            let d = Diagnostic::new("MP101", Level::Error, message)
                .note(NoteKind::Fix, "begin with `servers:` and one entry for each server below it");
            out.push(sources.locate(d, root.span));
            return loaded.with(out, sources).into();
        }
    }
    let variables = Variables::open(environment, base, &mut sources, &mut out);
    overrides::apply(&mut root, environment, &mut sources);
    variables.ask_ahead(&root);
    let built = build::build(&root, base, environment, &variables, &mut sources, &mut out);
    let (mut config, mut servers) = (built.config, built.servers);
    let mut of_project = None;
    if let Some(project) = &mut project {
        project.tell(&mut out);
        let theirs = project.servers(&servers, &variables, environment, &mut sources, &mut out);
        if let Some(theirs) = theirs {
            of_project = Some(project.path.clone());
            config.servers.extend(theirs.servers);
            servers.extend(theirs.placed);
            loaded.files.extend(theirs.files);
        }
    }
    loaded.n_servers = servers.len();
    loaded.files.extend(variables.seen());
    config.paths = vec![path.to_owned()];
    config.paths.extend(variables.seen().into_iter().filter(|f| f.is_read && f.path != path).map(|f| f.path));
    config.paths.extend(of_project);
    loaded.config = Some(config.clone());
    let unused = variables.unused();
    Read { loaded: loaded.with(out, sources), config, root: Some(root), servers, unused }
}
