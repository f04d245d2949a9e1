//! What the process was given from outside, as one value: tests make their own and touch nothing of the real process.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::outside::Answers;

/// Environment variables, home and working directory.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    current_dir: PathBuf,
    is_insecure: bool,
    refuses_commands: bool,
    /// What programs and the keyring have said already.
    answers: Option<Answers>,
    has_project: bool,
    /// Variables that stand for what was typed, and how it was typed.
    typed: BTreeMap<String, &'static str>,
    /// Where the keyring of the desktop is reached, though no variable says so.
    session_bus: Option<String>,
}

impl Environment {
    /// That of this process. Variables that are not Unicode are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let variables =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let current_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self {
            variables,
            home: dirs::home_dir(),
            current_dir,
            is_insecure: false,
            refuses_commands: false,
            answers: None,
            has_project: false,
            typed: BTreeMap::new(),
            session_bus: session_bus(),
        }
    }

    /// An empty one: no variables, no home, `/` as the working directory.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            variables: BTreeMap::new(),
            home: None,
            current_dir: PathBuf::from("/"),
            is_insecure: false,
            refuses_commands: false,
            answers: None,
            has_project: false,
            typed: BTreeMap::new(),
            session_bus: None,
        }
    }

    /// The same with a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a variable that stands for a `flag` of the command line: messages name the flag.
    #[must_use]
    pub fn with_typed(mut self, flag: &'static str, name: &str, value: &str) -> Self {
        self.typed.insert(name.to_owned(), flag);
        self.with(name, value)
    }

    /// What the value of a variable is called: `environment variable X`, or the flag it stands for.
    pub(crate) fn title_of(&self, name: &str) -> String {
        self.typed.get(name).map_or_else(|| format!("environment variable {name}"), |flag| (*flag).to_owned())
    }

    /// The same with only those variables that `keeps` says yes to.
    #[must_use]
    pub fn only(&self, keeps: impl Fn(&str) -> bool) -> Self {
        let mut less = self.clone();
        less.variables.retain(|name, _| keeps(name));
        less
    }

    /// The same with a home directory.
    #[must_use]
    pub fn with_home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// The same with a working directory.
    #[must_use]
    pub fn with_current_dir(mut self, dir: &Path) -> Self {
        dir.clone_into(&mut self.current_dir);
        self
    }

    /// The same, with the user's word (`--insecure`) that anybody who can reach us may come in: MP501 stops nothing.
    #[must_use]
    pub fn with_insecure(mut self, is_insecure: bool) -> Self {
        self.is_insecure = is_insecure;
        self
    }

    /// The same for a file that somebody else may have written: no program is run for `${cmd:…}`.
    #[must_use]
    pub fn without_commands(mut self) -> Self {
        self.refuses_commands = true;
        self
    }

    /// The same for a text that is read again and again while it is typed: see [`Answers`].
    #[must_use]
    pub fn with_answers(mut self, answers: Answers) -> Self {
        self.answers = Some(answers);
        self
    }

    /// The same for whoever asks what a file says, not what programs say to it: none is started, neither for `${cmd:…}` nor for the
    /// keyring, and what they would say stands open.
    #[must_use]
    pub fn without_programs(self) -> Self {
        self.with_answers(Answers::default())
    }

    pub(crate) fn answers(&self) -> Option<&Answers> {
        self.answers.as_ref()
    }

    /// The same for whoever works in the working directory: a trusted project file of it counts too, or does not.
    #[must_use]
    pub fn with_project(mut self, has_project: bool) -> Self {
        self.has_project = has_project;
        self
    }

    pub(crate) fn looks_for_project(&self) -> bool {
        self.has_project
    }

    /// The working directory.
    #[must_use]
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    pub(crate) fn refuses_commands(&self) -> bool {
        self.refuses_commands
    }

    /// Whether `--insecure` was given.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.is_insecure
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that is set to something; empty counts as not set.
    #[must_use]
    pub fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|v| !v.is_empty())
    }

    /// The same where no variable names the bus of the desktop session and it is known all the same: clients that pass few variables
    /// on leave it out.
    pub(crate) fn with_session_bus(&self) -> Option<Self> {
        self.session_bus.as_deref().map(|bus| self.clone().with(BUS, bus))
    }

    /// All variables, in the order of their names.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// `path` with `~/` expanded, absolute against `base`. Purely by text: nothing has to exist.
    #[must_use]
    pub fn absolute(&self, path: &str, base: &Path) -> PathBuf {
        let expanded = match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            (None, Some(home)) if path == "~" => home.to_owned(),
            _ => PathBuf::from(path),
        };
        base.join(expanded).components().collect()
    }

    /// `path` absolute against the working directory.
    #[must_use]
    pub fn absolute_here(&self, path: &Path) -> PathBuf {
        path.to_str().map_or_else(|| self.current_dir.join(path), |p| self.absolute(p, &self.current_dir))
    }
}

/// What programs look for the session's bus in.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Where systemd has the bus of whoever is signed in.
#[cfg(target_os = "linux")]
fn session_bus() -> Option<String> {
    use std::os::unix::fs::FileTypeExt as _;
    let path = format!("/run/user/{}/bus", rustix::process::getuid().as_raw());
    std::fs::metadata(&path).is_ok_and(|m| m.file_type().is_socket()).then(|| format!("unix:path={path}"))
}

#[cfg(not(target_os = "linux"))]
const fn session_bus() -> Option<String> {
    None
}

/// Names only: values may be secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("current_dir", &self.current_dir)
            .finish()
    }
}
