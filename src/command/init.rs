//! `mcp-proxy init`: writes a commented configuration, and never over an existing one unless told to: that one is kept beside it.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::edit::replace::{ReplaceError, Seen};
use mcp_proxy_core::config::{Environment, TEMPLATE, default_path, template_from};

use crate::cli::Init;
use crate::report::{self, Failure};

pub(super) fn run(args: &Init) -> Result<(), Failure> {
    let path = args.path.clone().or_else(|| default_path(&Environment::of_process())).ok_or_else(|| {
        Failure::usage("there is no folder for the configuration")
            .because("neither XDG_CONFIG_HOME nor HOME is set")
            .hint("say where with --path")
    })?;
    let text = args.from.as_deref().map_or_else(|| Ok(TEMPLATE.to_owned()), taken_over)?;
    let old = write(&path, &text, args.force)?;
    let named = args.path.as_ref().map_or_else(String::new, |p| format!(" --config {}", p.display()));
    report::out(
        format!(
            "wrote {}{}\nnext: {}`mcp-proxy check{named}` and `mcp-proxy tui{named}`\n",
            path.display(),
            old.map_or_else(String::new, |old| format!("; the old one is {}", old.display())),
            if args.from.is_some() { "" } else { "add your servers to it, then " },
        )
        .as_bytes(),
    )
}

/// The servers of a client's file as a configuration.
fn taken_over(file: &Path) -> Result<String, Failure> {
    let failed = || Failure::usage(format!("cannot take over `{}`", file.display()));
    let seen = Seen::read(file).map_err(|e| failed().because(e))?;
    if seen.bytes.is_none() {
        return Err(failed().because("it does not exist"));
    }
    let json = seen.text().map_err(|e| failed().because(e))?;
    template_from(json).map_err(|e| {
        failed().because(e).hint("a JSON file such as Claude Desktop's or Cursor's is needed, without comments")
    })
}

/// Puts `text` at `path`, for its owner only: secrets may be written into it. Gives where an older file is kept.
fn write(path: &Path, text: &str, force: bool) -> Result<Option<PathBuf>, Failure> {
    let failed = |e: ReplaceError| Failure::failed(format!("cannot write `{}`", path.display())).because(e);
    let seen = Seen::read(path).map_err(failed)?;
    if seen.bytes.is_some() && !force {
        return Err(Failure::usage(format!("`{}` exists already", path.display()))
            .hint("keep it, choose another place with --path, or overwrite it with --force"));
    }
    seen.replace_keeping(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::Exit;

    #[test]
    fn writes_once_and_overwrites_only_by_force() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("new/config.yaml");
        write(&path, TEMPLATE, false).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("there"), TEMPLATE);

        fs::write(&path, "mine").expect("changed");
        let refused = write(&path, TEMPLATE, false).expect_err("exists");
        assert_eq!(refused.exit, Exit::Usage);
        assert_eq!(fs::read_to_string(&path).expect("there"), "mine");

        let old = write(&path, TEMPLATE, true).expect("forced").expect("kept");
        assert_eq!(fs::read_to_string(&path).expect("there"), TEMPLATE);
        assert_eq!(fs::read_to_string(old).expect("there"), "mine");
    }

    #[test]
    fn what_was_kept_before_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("config.yaml");
        fs::write(&path, "first").expect("there");
        write(&path, "second", true).expect("forced");
        let newest = write(&path, "third", true).expect("forced").expect("kept");
        let texts = [&path, &newest, &dir.path().join("config.yaml.bak.2")];
        assert_eq!(texts.map(|path| fs::read_to_string(path).expect("there")), ["third", "second", "first"]);
    }

    #[cfg(unix)]
    #[test]
    fn is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("config.yaml");
        write(&path, TEMPLATE, false).expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        // A copy of what is open to others is not.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        let old = write(&path, "other", true).expect("forced").expect("kept");
        assert_eq!(mode(&old), 0o600);
    }
}
