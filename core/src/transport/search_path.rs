//! [`SearchPath`]: the directories programs are looked for in, and the search itself. Starts nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where to look when we have no PATH at all.
const NO_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A list of directories, as in PATH. Empty entries (they would mean the working directory) are left out: a program
/// must not be found because of where we happen to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPath {
    dirs: Vec<PathBuf>,
}

/// Why a command was not found, and where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// No directory has it.
    OnPath {
        /// As it was asked for.
        command: String,
        /// The directories, in the order they were searched.
        dirs: Vec<PathBuf>,
    },
    /// It was given as a path, and there is nothing.
    NoFile(PathBuf),
    /// There is something, but it cannot be started: a directory, or a file without execute permission.
    NotExecutable(PathBuf),
}

impl SearchPath {
    /// From the text of a PATH variable.
    #[must_use]
    pub fn new(path: &OsStr) -> Self {
        let mut new = Self { dirs: Vec::new() };
        new.add(env::split_paths(path));
        new
    }

    /// Our own PATH.
    #[must_use]
    pub fn current() -> Self {
        Self::new(&env::var_os("PATH").unwrap_or_else(|| NO_PATH.into()))
    }

    /// Adds directories at the end, leaving out those that are there already.
    pub fn add(&mut self, dirs: impl IntoIterator<Item = PathBuf>) {
        for dir in dirs {
            if !dir.as_os_str().is_empty() && !self.dirs.contains(&dir) {
                self.dirs.push(dir);
            }
        }
    }

    /// The directories in the order they are searched.
    #[must_use]
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// As the value of a PATH variable.
    #[must_use]
    pub fn to_env(&self) -> OsString {
        let mut path = OsString::new();
        for (i, dir) in self.dirs.iter().enumerate() {
            if i > 0 {
                path.push(":");
            }
            path.push(dir);
        }
        path
    }

    /// The program that `command` means. With a `/` in it, it is a path (`~/` is the home directory, a relative one starts
    /// at `cwd`, or at our working directory); otherwise the directories are searched, relative ones from `cwd` too.
    ///
    /// # Errors
    /// When there is none, with all that was looked at.
    pub fn resolve(&self, command: &str, cwd: Option<&Path>) -> Result<PathBuf, NotFound> {
        if command.contains('/') {
            let path = absolute(&expand_home(command), cwd);
            return match look(&path) {
                Look::Program => Ok(path),
                Look::Other => Err(NotFound::NotExecutable(path)),
                Look::Nothing => Err(NotFound::NoFile(path)),
            };
        }
        let mut refused = None;
        for dir in self.dirs.iter().filter(|_| !command.is_empty()) {
            let path = absolute(&dir.join(command), cwd);
            match look(&path) {
                Look::Program => return Ok(path),
                Look::Other if path.is_file() => refused = refused.or(Some(path)),
                Look::Other | Look::Nothing => {}
            }
        }
        Err(match refused {
            Some(path) => NotFound::NotExecutable(path),
            None => NotFound::OnPath { command: command.to_owned(), dirs: self.dirs.clone() },
        })
    }
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnPath { command, dirs } => {
                write!(f, "`{command}` was not found on PATH; searched {} directories: ", dirs.len())?;
                for (i, dir) in dirs.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { ":" } else { "" }, dir.display())?;
                }
                Ok(())
            }
            Self::NoFile(path) => write!(f, "`{}` does not exist", path.display()),
            Self::NotExecutable(path) => write!(f, "`{}` is not an executable file", path.display()),
        }
    }
}

enum Look {
    Program,
    /// There is something else.
    Other,
    Nothing,
}

fn look(path: &Path) -> Look {
    match path.metadata() {
        Ok(found) if found.is_file() && access(path, Access::EXEC_OK).is_ok() => Look::Program,
        Ok(_) => Look::Other,
        Err(_) => Look::Nothing,
    }
}

fn expand_home(command: &str) -> PathBuf {
    match (command.strip_prefix("~/"), dirs::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => command.into(),
    }
}

fn absolute(path: &Path, cwd: Option<&Path>) -> PathBuf {
    let from = cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path));
    // Fails only for an empty path or without a working directory: the start of the program will say so.
    std::path::absolute(&from).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with `a/tool` and `b/tool` executable, `a/text` not, and the directory `a/sub`.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/sub")).unwrap();
        fs::create_dir_all(folder.path().join("b/text")).unwrap();
        for (name, mode) in [("a/tool", 0o755), ("b/tool", 0o755), ("a/text", 0o644)] {
            fs::write(folder.path().join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        folder
    }

    fn check(path: &str, command: &str, expected: &str) {
        let folder = folder();
        let root = folder.path().to_str().unwrap();
        let path = SearchPath::new(OsStr::new(&path.replace('@', root)));
        let found = match path.resolve(&command.replace('@', root), Some(folder.path())) {
            Ok(found) => found.to_str().unwrap().to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found.replace(root, "@"), expected);
    }

    #[test]
    fn the_first_directory_wins() {
        check("@/none:@/b:@/a", "tool", "@/b/tool");
        check("b:a", "tool", "@/b/tool");
    }

    #[test]
    fn a_path_is_not_searched_for() {
        check("@/b", "@/a/tool", "@/a/tool");
        check("@/b", "./a/tool", "@/a/tool");
        check("@/b", "c/tool", "`@/c/tool` does not exist");
        check("@/b", "@/a/sub", "`@/a/sub` is not an executable file");
    }

    #[test]
    fn what_was_searched_is_said() {
        check("@/a::@/b:@/a", "npx", "`npx` was not found on PATH; searched 2 directories: @/a:@/b");
        check("", "npx", "`npx` was not found on PATH; searched 0 directories: ");
        check("@/a", "", "`` was not found on PATH; searched 1 directories: @/a");
    }

    #[test]
    fn a_file_that_may_not_be_started_is_named() {
        check("@/a:@/b", "text", "`@/a/text` is not an executable file");
        check("@/a:@/b", "sub", "`sub` was not found on PATH; searched 2 directories: @/a:@/b");
    }

    #[test]
    fn home_is_expanded() {
        let home = dirs::home_dir().unwrap();
        let error = SearchPath::new(OsStr::new("/bin")).resolve("~/no/such/tool", None).unwrap_err();
        assert_eq!(error, NotFound::NoFile(home.join("no/such/tool")));
    }

    #[test]
    fn added_directories_come_last_and_once() {
        let mut path = SearchPath::new(OsStr::new("/a:/b"));
        path.add(["/c", "/a", ""].map(PathBuf::from));
        assert_eq!(path.to_env(), "/a:/b:/c");
    }
}
