//! What a token opens. Pure.

use crate::catalog::{opens, permits};
use crate::config::Access;

/// Whether `access` opens the server of this name.
#[must_use]
pub fn allows_server(access: &Access, server: &str) -> bool {
    opens(access, server)
}

/// Whether `access` opens the tool of this exposed name, on a server it opens.
#[must_use]
pub fn allows_tool(access: &Access, server: &str, exposed: &str) -> bool {
    opens(access, server) && permits(access, exposed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(servers: &[&str], allow: &[&str], deny: &[&str]) -> Access {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Access { servers: owned(servers), allow: owned(allow), deny: owned(deny), ..Access::default() }
    }

    #[test]
    fn what_is_not_limited_is_open_and_deny_wins() {
        for (access, server, tool, expected) in [
            (access(&[], &[], &[]), "files", "files__read", true),
            (access(&["files"], &[], &[]), "files", "files__read", true),
            (access(&["files"], &[], &[]), "mail", "mail__send", false),
            (access(&["fi*"], &[], &[]), "files", "files__read", true),
            (access(&[], &["files__read*"], &[]), "files", "files__read_all", true),
            (access(&[], &["files__read*"], &[]), "files", "files__write", false),
            (access(&[], &[], &["*__write"]), "files", "files__write", false),
            (access(&[], &["files__*"], &["files__write"]), "files", "files__write", false),
            (access(&["mail"], &["files__*"], &[]), "files", "files__read", false),
        ] {
            assert_eq!(allows_tool(&access, server, tool), expected, "{access:?} {tool}");
        }
    }
}
