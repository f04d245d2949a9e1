//! [`Scope`]: what part of the catalog a client sees.

use std::sync::Arc;

use crate::config::Access;

/// What part of the catalog a client sees. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// This server alone, by its own names (`/mcp/<server>`); `None`: all servers, merged.
    pub server: Option<Arc<str>>,
    /// What its token allows.
    pub access: Arc<Access>,
}
