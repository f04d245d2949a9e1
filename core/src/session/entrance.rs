//! [`Entrance`]: how a client came in, and with that what it may see.

use std::path::Path;
use std::sync::Arc;

pub use super::rights::Grant;
use crate::backend::Principal;
use crate::catalog::Scope;
use crate::config::Access;

/// How a client came in.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// `stdio`, `memory`, `http` or `sse`.
    pub via: &'static str,
    /// Shown until the client says who it is.
    pub name: Arc<str>,
    /// On whose behalf it speaks.
    pub principal: Principal,
    /// What of the catalog it sees at first.
    pub scope: Scope,
    /// Where that comes from: what it sees later.
    pub grant: Grant,
    /// The folder it works in, if that is known.
    pub folder: Option<Arc<Path>>,
}

impl Entrance {
    /// Whoever lives in our process: sees everything, but for what `clients.rules` says of its name.
    #[must_use]
    pub fn own(via: &'static str, name: &str) -> Self {
        Self {
            via,
            name: name.into(),
            principal: Principal::own(),
            scope: Scope::default(),
            grant: Grant::Fixed,
            folder: None,
        }
    }

    /// Whoever launched us, in `folder`: sees what `clients.profile` says.
    #[must_use]
    pub fn launcher(profile: Arc<Access>, folder: Option<&Path>) -> Self {
        let scope = Scope { access: profile, ..Scope::default() };
        Self { scope, grant: Grant::Launcher, folder: folder.map(Into::into), ..Self::own("stdio", "") }
    }
}
