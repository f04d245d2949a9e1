//! Which file is the configuration. Looks, reads nothing.
//!
//! Order: the command line, `MCP_CONFIG_PATH`, the user's folder. A file that was named is taken even if it is missing:
//! the one who named it wants to hear about it.

use std::io;
use std::path::{Path, PathBuf};

use super::Environment;

/// The names in the user's folder, first come first served.
const NAMES: [&str; 4] = ["config.yaml", "config.yml", "config.json", "config.jsonc"];

/// Where the configuration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// This file: named by somebody, or found.
    File {
        /// Absolute.
        path: PathBuf,
    },
    /// There is none.
    Nothing {
        /// Where was looked.
        looked: Vec<PathBuf>,
    },
}

/// Finds the configuration file; `named` is `--config`.
#[must_use]
pub fn locate(named: Option<&Path>, environment: &Environment) -> Located {
    if let Some(path) = named {
        return Located::File { path: environment.absolute_here(path) };
    }
    if let Some(path) = environment.get_filled("MCP_CONFIG_PATH") {
        return Located::File { path: environment.absolute_here(Path::new(path)) };
    }
    let looked: Vec<PathBuf> = user_dir(environment).iter().flat_map(|dir| NAMES.map(|name| dir.join(name))).collect();
    match looked.iter().find(|path| is_there(path)) {
        Some(path) => Located::File { path: path.clone() },
        None => Located::Nothing { looked },
    }
}

/// Whether there is something, be it a link that leads nowhere or what we may not look at: whoever put it there wants to hear about it.
fn is_there(path: &Path) -> bool {
    let missing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    path.symlink_metadata().map_or_else(|e| !missing.contains(&e.kind()), |_| true)
}

/// The user's folder for our files: `$XDG_CONFIG_HOME/mcp-proxy`, else `~/.config/mcp-proxy`; on Windows
/// `%APPDATA%\mcp-proxy`. The same on macOS as on Linux: people share their dot files.
#[must_use]
pub fn user_dir(environment: &Environment) -> Option<PathBuf> {
    ours(environment, "XDG_CONFIG_HOME", ".config", "APPDATA")
}

/// The folder of what is kept between runs and is no cache: `$XDG_STATE_HOME/mcp-proxy`, else `~/.local/state/mcp-proxy`;
/// on Windows `%LOCALAPPDATA%\mcp-proxy`.
#[must_use]
pub fn state_dir(environment: &Environment) -> Option<PathBuf> {
    ours(environment, "XDG_STATE_HOME", ".local/state", "LOCALAPPDATA")
}

/// Our folder in the one a variable names, or in its usual place.
fn ours(environment: &Environment, xdg: &str, in_home: &str, on_windows: &str) -> Option<PathBuf> {
    let xdg = environment.get_filled(xdg).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = if cfg!(windows) {
        xdg.or_else(|| environment.get_filled(on_windows).map(PathBuf::from))
    } else {
        xdg.or_else(|| environment.home().map(|h| h.join(in_home)))
    };
    base.map(|b| b.join("mcp-proxy"))
}

/// The file `mcp-proxy init` writes when no other is named.
#[must_use]
pub fn default_path(environment: &Environment) -> Option<PathBuf> {
    user_dir(environment).map(|dir| dir.join(NAMES[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_home(files: &[&str]) -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        for file in files {
            let path = home.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let environment = Environment::empty().with_home(home.path()).with_current_dir(Path::new("/work"));
        (home, environment)
    }

    fn check(located: &Located, expected: impl AsRef<Path>) {
        assert_eq!(*located, Located::File { path: expected.as_ref().to_owned() });
    }

    #[test]
    fn the_command_line_comes_first() {
        let (_home, environment) = in_home(&[".config/mcp-proxy/config.yaml"]);
        let environment = environment.with("MCP_CONFIG_PATH", "/etc/other.yaml");
        check(&locate(Some(Path::new("mine.json")), &environment), "/work/mine.json");
        check(&locate(None, &environment), "/etc/other.yaml");
    }

    #[test]
    fn an_empty_variable_names_nothing() {
        let (home, environment) = in_home(&[".config/mcp-proxy/config.yml", ".config/mcp-proxy/config.json"]);
        let environment = environment.with("MCP_CONFIG_PATH", "");
        check(&locate(None, &environment), home.path().join(".config/mcp-proxy/config.yml"));
    }

    #[test]
    fn a_home_sign_is_expanded() {
        let (home, environment) = in_home(&[]);
        let environment = environment.with("MCP_CONFIG_PATH", "~/proxy.yaml");
        check(&locate(None, &environment), home.path().join("proxy.yaml"));
    }

    #[test]
    fn xdg_is_honoured() {
        let (home, environment) = in_home(&["elsewhere/mcp-proxy/config.jsonc", ".config/mcp-proxy/config.yaml"]);
        let xdg = home.path().join("elsewhere");
        let environment = environment.with("XDG_CONFIG_HOME", xdg.to_str().unwrap());
        check(&locate(None, &environment), xdg.join("mcp-proxy/config.jsonc"));
    }

    #[test]
    #[cfg(unix)]
    fn a_broken_link_is_a_configuration_that_cannot_be_read() {
        let (home, environment) = in_home(&[".config/mcp-proxy/other"]);
        let path = home.path().join(".config/mcp-proxy/config.yaml");
        for target in [Path::new("/nowhere/config.yaml"), &path] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            check(&locate(None, &environment), &path);
            let loaded = crate::config::load(&locate(None, &environment), &environment);
            let told = &loaded.diagnostics[0];
            assert!(loaded.is_unreadable && told.message.contains("link"), "{told:?}");
            assert!(told.notes.iter().any(|(_, note)| note.starts_with("mend the link")), "{told:?}");
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn nothing_says_where_was_looked() {
        let (home, environment) = in_home(&[]);
        let dir = home.path().join(".config/mcp-proxy");
        let looked = NAMES.map(|n| dir.join(n)).to_vec();
        assert_eq!(locate(None, &environment), Located::Nothing { looked });
        assert_eq!(locate(None, &Environment::empty()), Located::Nothing { looked: Vec::new() });
    }
}
