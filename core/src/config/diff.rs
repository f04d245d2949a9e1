//! What is different between two configurations, server by server. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Config, Server, Target};

/// From one [`Config`] to the next. Servers are the same if their names are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigDiff {
    /// Servers that were not there, in the order of the new file.
    pub added: Vec<Arc<Server>>,
    /// Names of servers that are gone, in the order of the old file.
    pub removed: Vec<Arc<str>>,
    /// Servers whose entry is another, as they are now. What all children inherit (`proxy.env`) counts as part of each
    /// server that is started here.
    pub changed: Vec<Arc<Server>>,
    /// The servers in both files stand in another order, and the order of what clients see with them.
    pub is_reordered: bool,
    /// Something outside `servers` is different.
    pub is_global_changed: bool,
}

impl ConfigDiff {
    /// What leads from `old` to `new`.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let before: BTreeMap<&str, &Arc<Server>> = old.servers.iter().map(|s| (&*s.name, s)).collect();
        let after: BTreeMap<&str, &Arc<Server>> = new.servers.iter().map(|s| (&*s.name, s)).collect();
        let is_env_changed = old.env != new.env;
        let mut diff = Self::default();
        for server in &new.servers {
            match before.get(&*server.name) {
                None => diff.added.push(Arc::clone(server)),
                Some(old) => {
                    let inherits = matches!(server.target, Target::Stdio { .. });
                    if *old != server || (is_env_changed && inherits) {
                        diff.changed.push(Arc::clone(server));
                    }
                }
            }
        }
        let gone = old.servers.iter().filter(|s| !after.contains_key(&*s.name));
        diff.removed = gone.map(|s| Arc::clone(&s.name)).collect();
        let order = |config: &Config, other: &BTreeMap<&str, &Arc<Server>>| -> Vec<Arc<str>> {
            config.servers.iter().map(|s| Arc::clone(&s.name)).filter(|n| other.contains_key(&**n)).collect()
        };
        diff.is_reordered = order(old, &after) != order(new, &before);
        let without_servers = |config: &Config| Config { servers: Vec::new(), paths: Vec::new(), ..config.clone() };
        diff.is_global_changed = without_servers(old) != without_servers(new);
        diff
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(servers: &[(&str, &str)]) -> Config {
        let servers = servers.iter().map(|(name, command)| Arc::new(Server::stdio(name, command, &[]))).collect();
        Config { servers, ..Config::default() }
    }

    /// added, removed, changed, is_reordered
    fn check(old: &[(&str, &str)], new: &[(&str, &str)], expected: (&[&str], &[&str], &[&str], bool)) {
        let diff = ConfigDiff::between(&config(old), &config(new));
        let names = |servers: &[Arc<Server>]| servers.iter().map(|s| s.name.to_string()).collect::<Vec<_>>();
        let removed = diff.removed.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&diff.added), expected.0);
        assert_eq!(removed, expected.1);
        assert_eq!(names(&diff.changed), expected.2);
        assert_eq!(diff.is_reordered, expected.3);
        assert!(!diff.is_global_changed);
        let is_same = expected.0.len() + expected.1.len() + expected.2.len() == 0 && !expected.3;
        assert_eq!(diff.is_empty(), is_same);
    }

    #[test]
    fn servers() {
        let (a, b, c) = (("a", "x"), ("b", "x"), ("c", "x"));
        check(&[], &[], (&[], &[], &[], false));
        check(&[a, b], &[a, b], (&[], &[], &[], false));
        check(&[a], &[a, b], (&["b"], &[], &[], false));
        check(&[a, b, c], &[b], (&[], &["a", "c"], &[], false));
        check(&[a, b], &[("a", "other"), b], (&[], &[], &["a"], false));
        check(&[a, b], &[b, a], (&[], &[], &[], true));
        check(&[a, b], &[b, c, ("a", "y")], (&["c"], &[], &["a"], true));
        check(&[a, b], &[c, a, b], (&["c"], &[], &[], false));
    }

    #[test]
    fn what_is_outside_of_servers() {
        let old = config(&[("a", "x")]);
        let other_port = Config { port: 9000, ..old.clone() };
        let diff = ConfigDiff::between(&old, &other_port);
        assert!(diff.is_global_changed && diff.changed.is_empty());
        let other_files = Config { paths: vec!["/x".into()], ..old.clone() };
        assert!(ConfigDiff::between(&old, &other_files).is_empty());
    }

    #[test]
    fn what_children_inherit_changes_children() {
        let mut old = config(&[("a", "x")]);
        let target = Target::Http {
            url: super::super::Secret::new("http://h"),
            url_shown: String::new(),
            sse: false,
            headers: BTreeMap::new(),
        };
        old.servers.push(Arc::new(Server::new("b", target)));
        let mut new = old.clone();
        new.env.inherit.push("MORE".to_owned());
        let diff = ConfigDiff::between(&old, &new);
        assert_eq!(diff.changed, [Arc::clone(&old.servers[0])]);
        assert!(diff.is_global_changed);
    }
}
