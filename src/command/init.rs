//! `mcp-proxy init`: writes a commented configuration, and never over an existing one unless told to.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

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
    write(&path, &text, args.force)?;
    let named = args.path.as_ref().map_or_else(String::new, |p| format!(" --config {}", p.display()));
    report::out(
        format!(
            "wrote {}\nnext: {}`mcp-proxy check{named}` and `mcp-proxy tui{named}`\n",
            path.display(),
            if args.from.is_some() { "" } else { "add your servers to it, then " },
        )
        .as_bytes(),
    )
}

/// The servers of a client's file as a configuration.
fn taken_over(file: &Path) -> Result<String, Failure> {
    let failed = || Failure::usage(format!("cannot take over `{}`", file.display()));
    let json = fs::read_to_string(file).map_err(|e| failed().because(e))?;
    template_from(&json).map_err(|e| {
        failed().because(e).hint("a JSON file such as Claude Desktop's or Cursor's is needed, without comments")
    })
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("`{}` exists already", path.display()))
            .hint("keep it, choose another place with --path, or overwrite it with --force"),
        _ => Failure::failed(format!("cannot write `{}`", path.display())).because(e),
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    // Secrets may be written into it: for its owner only.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(failed)
}

#[cfg(test)]
mod tests {
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

        write(&path, TEMPLATE, true).expect("forced");
        assert_eq!(fs::read_to_string(&path).expect("there"), TEMPLATE);
    }

    #[cfg(unix)]
    #[test]
    fn is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("config.yaml");
        write(&path, TEMPLATE, false).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
