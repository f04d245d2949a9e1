//! `mcp-proxy inspector`: the official MCP Inspector, connected to us. Says how it is started, or starts it in our place.

use std::path::{Path, PathBuf};

use mcp_proxy_core::config::Environment;
use mcp_proxy_core::transport::{SearchPath, become_program, find_program, first_line};

use super::{install, runtime};
use crate::cli::{Inspector, InspectorMode};
use crate::clients::entry::Way;
use crate::report::{self, Failure};

/// Its package on npm.
const PACKAGE: &str = "@modelcontextprotocol/inspector";
/// What it needs: `engines` of 2.12.0.
const NODE: (u32, u32) = (22, 19);
/// The package that brings such a Node where the one that is there is older.
const NODE_PACKAGE: &str = "node@22";

pub(super) fn run(config: Option<&Path>, args: &Inspector) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let way = match &args.url {
        Some(url) => Way::Address(url.clone()),
        None => install::started(config, None, &environment)?,
    };
    let npx = found("npx")?;
    let node = found("node").ok().and_then(|node| first_line(&node, &["--version"]));
    let words = words(&way, args.mode, &args.rest, node.as_deref());
    if args.run {
        let error = become_program(&npx, &words);
        return Err(Failure::failed(format!("`{}` cannot be run", npx.display())).because(error));
    }
    report::out(format!("{}\n", shell_line("npx", &words)).as_bytes())?;
    report::note("note: `mcp-proxy inspector --run` starts it");
    Ok(())
}

/// A program on the PATH, also on that of the login shell.
fn found(name: &str) -> Result<PathBuf, Failure> {
    let search = find_program(name, None, SearchPath::current(), true);
    let (program, _) = runtime()?.block_on(search).map_err(|_| {
        Failure::failed(format!("`{name}` was not found on PATH: the MCP Inspector is a program for Node.js"))
            .hint("install Node.js 22.19 or newer (https://nodejs.org)")
    })?;
    Ok(program)
}

/// What `npx` is given. `node` is the version that is there.
fn words(way: &Way, mode: InspectorMode, rest: &[String], node: Option<&str>) -> Vec<String> {
    let mut words = vec!["-y".to_owned()];
    if node.and_then(version).is_some_and(|v| v < NODE) {
        // Both packages, and the program of the second one.
        words.extend(["-p", NODE_PACKAGE, "-p", PACKAGE, "mcp-inspector"].map(str::to_owned));
    } else {
        words.push(PACKAGE.to_owned());
    }
    words.push(format!("--{}", mode.word()));
    words.extend_from_slice(rest);
    match way {
        Way::Address(url) => words.extend(["--transport", "http", "--server-url", url].map(str::to_owned)),
        Way::Start { command, args } => {
            // What follows is ours: the Inspector has a `--config` of its own.
            words.push("--".to_owned());
            words.push(command.clone());
            words.extend_from_slice(args);
        }
    }
    words
}

/// `v22.19.0` as (22, 19).
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// A command line that can be pasted into a shell.
fn shell_line(program: &str, words: &[String]) -> String {
    format!("{program} {}", shell_words(words))
}

/// Words as a shell takes them: where one ends and the next begins can be seen.
pub(super) fn shell_words(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(way: &Way, mode: InspectorMode, rest: &[&str], node: Option<&str>) -> String {
        let rest: Vec<String> = rest.iter().map(|r| (*r).to_owned()).collect();
        shell_line("npx", &words(way, mode, &rest, node))
    }

    #[test]
    fn it_starts_us_or_asks_us_at_an_address() {
        let start = Way::Start {
            command: "/opt/my tools/mcp-proxy".to_owned(),
            args: vec!["serve".to_owned(), "--stdio".to_owned()],
        };
        assert_eq!(
            line(&start, InspectorMode::Web, &[], Some("v24.1.0")),
            "npx -y @modelcontextprotocol/inspector --web -- '/opt/my tools/mcp-proxy' serve --stdio"
        );
        let address = Way::Address("http://127.0.0.1:8000/mcp".to_owned());
        assert_eq!(
            line(&address, InspectorMode::Cli, &["--method", "tools/list"], None),
            "npx -y @modelcontextprotocol/inspector --cli --method tools/list --transport http --server-url \
             http://127.0.0.1:8000/mcp"
        );
    }

    #[test]
    fn an_old_node_gets_a_newer_one_beside_it() {
        let address = Way::Address("http://h/mcp".to_owned());
        let old = line(&address, InspectorMode::Tui, &[], Some("v20.20.2"));
        assert!(old.starts_with("npx -y -p node@22 -p @modelcontextprotocol/inspector mcp-inspector --tui"), "{old}");
        assert!(!line(&address, InspectorMode::Tui, &[], Some("v22.19.0")).contains("node@22"));
        assert!(!line(&address, InspectorMode::Tui, &[], Some("nonsense")).contains("node@22"));
    }
}
