//! Where a client's files are on this machine, and whether it is here at all. Looks, reads nothing.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::Environment;

use super::table::Client;

/// What decides where files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// macOS
    Mac,
    /// Linux and its like
    Linux,
    /// Windows
    Windows,
}

impl System {
    /// The one we run on.
    #[must_use]
    pub fn current() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// All places its file of the user may be in, best first.
#[must_use]
pub fn candidates(client: &Client, system: System, environment: &Environment) -> Vec<PathBuf> {
    let here = client.files.iter().filter(|place| place.on == system);
    let mut paths: Vec<PathBuf> = Vec::new();
    for place in here {
        if let Some(path) = expand(place.path, environment).filter(|p| !paths.contains(p)) {
            paths.push(path);
        }
    }
    paths
}

/// Its file: the first one that is there, else the first one whose folder is, else the first one. `None`: it has none on this
/// system.
#[must_use]
pub fn file_of(client: &Client, system: System, environment: &Environment) -> Option<PathBuf> {
    let paths = candidates(client, system, environment);
    let there = |path: &&PathBuf| std::fs::symlink_metadata(path).is_ok();
    let folder = |path: &&PathBuf| path.parent().is_some_and(Path::is_dir);
    paths.iter().find(there).or_else(|| paths.iter().find(folder)).or_else(|| paths.first()).cloned()
}

/// Whether it is on this machine: its file is there, or the folder that it alone uses.
#[must_use]
pub fn is_here(client: &Client, system: System, environment: &Environment) -> bool {
    candidates(client, system, environment).iter().any(|path| {
        // A folder many programs share says nothing.
        let own = path.parent().filter(|folder| Some(*folder) != environment.home());
        let of_client = environment.home().map(|h| h.join(".claude")).filter(|_| client.id == "claude-code");
        std::fs::symlink_metadata(path).is_ok()
            || own.is_some_and(Path::is_dir)
            || of_client.is_some_and(|d| d.is_dir())
    })
}

/// `~` and `{NAME|path}`; `None` without a home where one is needed.
fn expand(template: &str, environment: &Environment) -> Option<PathBuf> {
    let mut text = String::new();
    let mut rest = template;
    if let Some(inner) = rest.strip_prefix('{') {
        let close = closing(inner)?;
        let (name, fallback) = inner[..close].split_once('|')?;
        match environment.get_filled(name).filter(|v| Path::new(v).is_absolute() || v.starts_with('~')) {
            Some(value) => text.push_str(environment.absolute(value, Path::new("/")).to_str()?),
            None => text.push_str(expand(fallback, environment)?.to_str()?),
        }
        rest = &inner[close + 1..];
    } else if let Some(below) = rest.strip_prefix('~') {
        text.push_str(environment.home()?.to_str()?);
        rest = below;
    }
    text.push_str(rest);
    Some(PathBuf::from(text))
}

/// The brace that closes what stands before it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    text.char_indices().find_map(|(i, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::table::CLIENTS;

    fn client(id: &str) -> &'static Client {
        CLIENTS.iter().find(|c| c.id == id).expect("known")
    }

    #[test]
    fn variables_move_files() {
        let environment = Environment::empty().with_home(Path::new("/home/u"));
        let check = |id: &str, environment: &Environment, expected: &str| {
            assert_eq!(candidates(client(id), System::Linux, environment)[0], Path::new(expected), "{id}");
        };
        check("codex", &environment, "/home/u/.codex/config.toml");
        check("codex", &environment.clone().with("CODEX_HOME", "/x"), "/x/config.toml");
        check("codex", &environment.clone().with("CODEX_HOME", "~/y"), "/home/u/y/config.toml");
        check("codex", &environment.clone().with("CODEX_HOME", "relative"), "/home/u/.codex/config.toml");
        check("claude-code", &environment.clone().with("CLAUDE_CONFIG_DIR", "/c"), "/c/.claude.json");
        check("cline", &environment, "/home/u/.cline/data/settings/cline_mcp_settings.json");
        check("cline", &environment.clone().with("CLINE_DIR", "/d"), "/d/data/settings/cline_mcp_settings.json");
        check("cline", &environment.clone().with("CLINE_DATA_DIR", "/d"), "/d/settings/cline_mcp_settings.json");
        check("cline", &environment.clone().with("CLINE_MCP_SETTINGS_PATH", "/d/f.json"), "/d/f.json");
        check("zed", &environment.clone().with("XDG_CONFIG_HOME", "/x"), "/x/zed/settings.json");
        assert!(candidates(client("codex"), System::Linux, &Environment::empty()).is_empty(), "no home");
    }

    #[test]
    fn the_file_that_is_there_counts() {
        let home = tempfile::tempdir().expect("a folder");
        let environment = Environment::empty().with_home(home.path());
        let cline = client("cline");
        assert!(!is_here(cline, System::Linux, &environment));
        let old = candidates(cline, System::Linux, &environment).pop().expect("two");
        std::fs::create_dir_all(old.parent().expect("a folder")).expect("made");
        assert_eq!(file_of(cline, System::Linux, &environment).as_ref(), Some(&old));
        assert!(is_here(cline, System::Linux, &environment));
        assert!(!is_here(client("claude-code"), System::Linux, &environment), "the home is everybody's");
    }
}
