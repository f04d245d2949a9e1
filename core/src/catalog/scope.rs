//! [`Scope`]: what part of the catalog a client sees.

use std::sync::Arc;

use super::pattern::matches;
use crate::config::Access;

/// What part of the catalog a client sees. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// This server alone, by its own names (`/mcp/<server>`); `None`: all servers, merged.
    pub server: Option<Arc<str>>,
    /// What its token allows.
    pub access: Arc<Access>,
}

impl Scope {
    /// Whether it is everything, merged.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.server.is_none() && self.access.is_full()
    }

    /// Whether the server `name` exists for this client.
    #[must_use]
    pub fn sees(&self, name: &str) -> bool {
        self.server.as_deref().is_none_or(|s| s == name) && opens(&self.access, name)
    }

    /// The longest list of tools for this client, if there is a limit.
    #[must_use]
    pub fn most_tools(&self) -> Option<usize> {
        self.access.most_tools()
    }

    /// Whether single tools are kept from this client, besides those of servers it does not see.
    #[must_use]
    pub fn limits_tools(&self) -> bool {
        limits_tools(&self.access)
    }
}

impl Scope {
    /// Whether some tools are not in its list: kept from it, or one too many.
    pub(super) fn picks_tools(&self) -> bool {
        self.limits_tools() || self.most_tools().is_some()
    }
}

fn limits_tools(access: &Access) -> bool {
    !access.allow.is_empty() || !access.deny.is_empty() || access.within.as_deref().is_some_and(limits_tools)
}

/// Whether `access` opens the server of this name.
pub(crate) fn opens(access: &Access, server: &str) -> bool {
    (access.servers.is_empty() || access.servers.iter().any(|p| matches(p, server)))
        && access.within.as_deref().is_none_or(|profile| opens(profile, server))
}

/// Whether `access` allows the tool that is `exposed` in the merged list.
pub(crate) fn permits(access: &Access, exposed: &str) -> bool {
    (access.allow.is_empty() || access.allow.iter().any(|p| matches(p, exposed)))
        && !access.deny.iter().any(|p| matches(p, exposed))
        && access.within.as_deref().is_none_or(|profile| permits(profile, exposed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(server: Option<&str>, servers: &[&str]) -> Scope {
        let servers = servers.iter().map(|s| (*s).to_owned()).collect();
        Scope { server: server.map(Into::into), access: Arc::new(Access { servers, ..Access::default() }) }
    }

    #[test]
    fn a_server_is_seen_when_endpoint_and_token_both_say_so() {
        let check = |scope: Scope, expected: &str| {
            let seen: String = ["a", "ab", "b"].iter().filter(|s| scope.sees(s)).copied().collect();
            assert_eq!(seen, expected, "{scope:?}");
        };
        check(scope(None, &[]), "aabb");
        check(scope(None, &["a*"]), "aab");
        check(scope(Some("b"), &[]), "b");
        check(scope(Some("b"), &["a*"]), "");
        check(scope(None, &["A"]), "");
    }

    #[test]
    fn a_profile_only_takes_away() {
        let profile = Access { servers: vec!["fs".into()], allow: vec!["fs__*".into()], ..Access::default() };
        let access = Access { deny: vec!["*delete*".into()], within: Some(Arc::new(profile)), ..Access::default() };
        for (tool, expected) in [("fs__read", true), ("fs__delete_all", false), ("git__log", false)] {
            assert_eq!(permits(&access, tool), expected, "{tool}");
        }
        let scope = Scope { server: None, access: Arc::new(access) };
        assert!(scope.sees("fs") && !scope.sees("git") && scope.limits_tools() && !scope.is_all());
    }

    #[test]
    fn denied_wins_over_allowed() {
        let access = Access { allow: vec!["fs__*".into()], deny: vec!["*delete*".into()], ..Access::default() };
        assert!(permits(&access, "fs__read"));
        assert!(!permits(&access, "fs__delete_all"));
        assert!(!permits(&access, "git__log"));
    }
}
