//! What `mcp-proxy check` says beyond the file itself: whether the programs are there, what the servers offered last time, what is
//! secret and stands in the open. Starts no server; the only program it may start is the login shell, where a command is not found.
//!
//! [`check`] reads the file ([`crate::config`]) and adds to its diagnostics. Each file here is one subject.

mod command;
mod command_line;
mod offered;
pub mod probe;
mod secret;
#[cfg(test)]
mod tests;

pub use secret::{Literal, literals, with_references};

use std::collections::HashMap;

use crate::backend::Memory;
use crate::config::{self, Config, Diagnostic, Entry, Environment, Loaded, Located, Node, Read, Sources, Span};

/// Reads a configuration and looks at all it leads to.
///
/// # Cancel safety
/// Cancel safe: a login shell that was asked is killed.
pub async fn check(located: &Located, environment: &Environment, memory: &Memory) -> Loaded {
    look(config::read(located, environment), located, environment, memory).await
}

/// The same for a text that stands in no file yet: as if it stood in `path`.
///
/// # Cancel safety
/// As [`check`].
pub async fn check_text(text: &str, path: &std::path::Path, environment: &Environment, memory: &Memory) -> Loaded {
    let located = Located::File { path: path.to_owned() };
    look(config::read_text(text, path, environment), &located, environment, memory).await
}

async fn look(read: Read, located: &Located, environment: &Environment, memory: &Memory) -> Loaded {
    let Read { mut loaded, config, root, servers, unused } = read;
    if root.is_none() {
        return loaded;
    }
    let mut findings = Findings { sources: &mut loaded.sources, out: Vec::new() };
    let by_name: HashMap<&str, &config::Placed> = servers.iter().rev().map(|s| (s.name.as_str(), s)).collect();
    let placed = |name: &str| by_name.get(name).copied();
    command::programs(&config, &placed, environment, &mut findings).await;
    command::same_twice(&config, &placed, &mut findings);
    offered::names(&config, root.as_ref(), &placed, memory, &mut findings);
    secret::in_the_open(&servers, &mut findings);
    secret::unused(&unused, located, environment, &mut findings);
    let out = findings.out;
    loaded.diagnostics.extend(out);
    loaded.sort();
    loaded
}

/// What was found, and where its places lead.
struct Findings<'a> {
    sources: &'a mut Sources,
    out: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn report(&mut self, diagnostic: Diagnostic, span: Span) {
        // A file with so many problems is not read to its end by anybody.
        if self.out.len() < config::MAX_DIAGNOSTICS {
            self.out.push(self.sources.locate(diagnostic, span));
        }
    }
}

/// Where a dotted key of an entry stands.
fn find<'n>(node: &'n Node, path: &str) -> Option<&'n Entry> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let entry = node.entry(first)?;
    rest.map_or(Some(entry), |rest| find(&entry.value, rest))
}

/// The servers that are on.
fn enabled(config: &Config) -> impl Iterator<Item = &std::sync::Arc<config::Server>> {
    config.servers.iter().filter(|s| s.enabled)
}

/// Adds a problem with a server, at its name in the file.
pub fn report_server(loaded: &mut Loaded, server: &str, diagnostic: Diagnostic) {
    let paths: Vec<Vec<&str>> = config::change::SERVER_MAPS.iter().map(|map| [*map, &[server]].concat()).collect();
    report_at(loaded, &paths, diagnostic);
}

/// Adds a problem with a key, at its value in the file.
pub fn report_key(loaded: &mut Loaded, path: &[&str], diagnostic: Diagnostic) {
    report_at(loaded, &[path.to_vec()], diagnostic);
}

fn report_at(loaded: &mut Loaded, paths: &[Vec<&str>], diagnostic: Diagnostic) {
    let main = loaded.sources.get(0).and_then(|s| Some((s.text.clone()?, s.path.clone())));
    let root = main.and_then(|(text, path)| config::fix::tree(&text, &path));
    let find = |path: &Vec<&str>| {
        let (last, above) = path.split_last()?;
        let node = above.iter().try_fold(root.as_ref()?, |node, key| node.get(key))?;
        node.entry(last).map(|e| e.key_span)
    };
    let diagnostic = match paths.iter().find_map(find) {
        Some(span) => loaded.sources.locate(diagnostic, span),
        None => Diagnostic { file: loaded.path.clone(), ..diagnostic },
    };
    loaded.diagnostics.push(diagnostic);
}
