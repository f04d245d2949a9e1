//! [`child_env`]: what a server sees of our environment. An allow-list, so that no token of ours leaks into a server that
//! nobody meant it for. Never prints a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::SearchPath;
use crate::config::{EnvPolicy, Secret};

/// The complete environment of a child: what `policy` lets through of ours, PATH as `path` has it (always: without it
/// hardly a program starts), then `extra`, which wins. Sorted by name.
#[must_use]
pub fn child_env(policy: &EnvPolicy, path: &SearchPath, extra: &BTreeMap<String, Secret>) -> Vec<(OsString, OsString)> {
    env_from(std::env::vars_os(), policy, path, extra)
}

fn env_from(
    ours: impl Iterator<Item = (OsString, OsString)>,
    policy: &EnvPolicy,
    path: &SearchPath,
    extra: &BTreeMap<String, Secret>,
) -> Vec<(OsString, OsString)> {
    let mut env: BTreeMap<OsString, OsString> = ours.filter(|(name, _)| inherits(policy, name)).collect();
    env.insert("PATH".into(), path.to_env());
    env.extend(extra.iter().map(|(name, value)| (name.into(), value.reveal().into())));
    env.into_iter().collect()
}

fn inherits(policy: &EnvPolicy, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    policy.inherit.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix.as_bytes()),
        None => name == pattern.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inherit: &[&str], extra: &[(&str, &str)], expected: &[&str]) {
        let ours = [
            ("GITHUB_TOKEN", "ghp_1"),
            ("HOME", "/home/me"),
            ("HOMEBREW_TOKEN", "2"),
            ("LC_ALL", "C"),
            ("LC_TIME", "de"),
            ("PATH", "/ours"),
        ];
        let policy = EnvPolicy { inherit: inherit.iter().map(|s| (*s).to_owned()).collect(), ..EnvPolicy::default() };
        let extra = extra.iter().map(|(n, v)| ((*n).to_owned(), Secret::new(*v))).collect();
        let path = SearchPath::new(OsStr::new("/found:/bin"));
        let env = env_from(ours.iter().map(|(n, v)| (n.into(), v.into())), &policy, &path, &extra);
        let shown: Vec<_> = env.iter().map(|(n, v)| format!("{}={}", n.display(), v.display())).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn tokens_of_ours_stay_ours() {
        let default = EnvPolicy::default().inherit;
        let default: Vec<_> = default.iter().map(String::as_str).collect();
        check(&default, &[], &["HOME=/home/me", "LC_ALL=C", "LC_TIME=de", "PATH=/found:/bin"]);
    }

    #[test]
    fn a_star_is_a_prefix_and_only_at_the_end() {
        check(&["LC_*"], &[], &["LC_ALL=C", "LC_TIME=de", "PATH=/found:/bin"]);
        check(&["*_ALL", "HOM"], &[], &["PATH=/found:/bin"]);
        let all = ["GITHUB_TOKEN=ghp_1", "HOME=/home/me", "HOMEBREW_TOKEN=2", "LC_ALL=C", "LC_TIME=de"];
        check(&["*"], &[], &[&all[..], &["PATH=/found:/bin"]].concat());
    }

    #[test]
    fn what_the_server_entry_says_wins() {
        check(&["HOME"], &[("HOME", "/other"), ("API_KEY", "k")], &["API_KEY=k", "HOME=/other", "PATH=/found:/bin"]);
        check(&[], &[("PATH", "/mine")], &["PATH=/mine"]);
    }
}
