//! Which configuration is used: a file that is named or found, else, where that is allowed, the built-in demo.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::Config;

use crate::demo;
use crate::report::{self, Failure};

/// A configuration and where it came from.
pub(super) struct Loaded {
    /// The configuration.
    pub(super) config: Config,
    /// Whether it is the built-in demo.
    pub(super) demo: bool,
}

/// What a look at a configuration file found.
pub(super) struct Checked {
    /// All problems for people, ready to be printed.
    pub(super) human: String,
    /// The same for programs.
    pub(super) json: serde_json::Value,
    /// Problems that keep it from being used.
    pub(super) n_errors: usize,
    /// Problems that do not.
    pub(super) n_warnings: usize,
}

/// The configuration there must be.
pub(super) fn required(path: Option<&Path>) -> Result<Config, Failure> {
    match locate(path) {
        Some(path) => load(&path),
        None => Err(Failure::usage("no configuration found")
            .because(searched())
            .hint("`mcp-proxy init` writes a commented one; `mcp-proxy tui` shows a demo without any")),
    }
}

/// The configuration, or the demo when there is none.
pub(super) fn or_demo(path: Option<&Path>) -> Result<Loaded, Failure> {
    match locate(path) {
        Some(path) => Ok(Loaded { config: load(&path)?, demo: false }),
        None => Ok(Loaded { config: demo_config()?, demo: true }),
    }
}

/// The same for a command that prints on a plain terminal: says so when it is the demo.
pub(super) fn or_announced_demo(path: Option<&Path>) -> Result<Config, Failure> {
    let loaded = or_demo(path)?;
    if loaded.demo {
        report::note(
            "note: no configuration found, this is the built-in demo (`mcp-proxy init` writes a configuration)",
        );
    }
    Ok(loaded.config)
}

fn demo_config() -> Result<Config, Failure> {
    let exe = std::env::current_exe().map_err(|e| Failure::failed("cannot find our own executable").because(e))?;
    Ok(demo::config(&exe))
}

/// Where `mcp-proxy init` writes without `--path`.
pub(super) fn default_path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = if cfg!(windows) {
        set("APPDATA")?
    } else {
        set("XDG_CONFIG_HOME").filter(|p| p.is_absolute()).or_else(|| Some(set("HOME")?.join(".config")))?
    };
    Some(dir.join("mcp-proxy").join("config.yaml"))
}

fn searched() -> String {
    let path = default_path().map_or_else(String::new, |p| format!(" and {}", p.display()));
    format!("looked at --config, MCP_CONFIG_PATH{path}")
}

/// The configuration file to use, if any.
fn locate(path: Option<&Path>) -> Option<PathBuf> {
    unreachable!("filled in with core::config::locate: {path:?}")
}

/// Reads and checks a configuration file.
fn load(path: &Path) -> Result<Config, Failure> {
    unreachable!("filled in with core::config::load: {}", path.display())
}

/// Looks at a configuration file for everything that is wrong with it.
pub(super) fn check(path: Option<&Path>) -> Result<Checked, Failure> {
    unreachable!("filled in with core::config::load: {path:?}")
}
