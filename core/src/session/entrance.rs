//! [`Entrance`]: how a client came in, and with that what it may see.

use std::sync::Arc;

use crate::backend::Principal;
use crate::catalog::Scope;

/// How a client came in.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// `stdio`, `memory`, `http` or `sse`.
    pub via: &'static str,
    /// Shown until the client says who it is.
    pub name: Arc<str>,
    /// On whose behalf it speaks.
    pub principal: Principal,
    /// What of the catalog it sees.
    pub scope: Scope,
}

impl Entrance {
    /// Whoever launched us (`stdio`), or lives in our process (`memory`): sees everything.
    #[must_use]
    pub fn own(via: &'static str, name: &str) -> Self {
        Self { via, name: name.into(), principal: Principal::own(), scope: Scope::default() }
    }
}
