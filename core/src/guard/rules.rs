//! What the configuration says about who may come in, ready to be looked up.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::bearer::Tokens;
use crate::backend::Principal;
use crate::config::{Access, Config, HostName, Origin};

/// Made from one configuration.
#[derive(Debug)]
pub(super) struct Rules {
    /// The name we listen under; `None` if it is none.
    bound: Option<HostName>,
    hosts: Vec<String>,
    /// The first text, of a `Host` or of a target, that was one of our names: mostly all the others say the same.
    known_host: OnceLock<Box<str>>,
    origins: Vec<Origin>,
    pub(super) require_auth: bool,
    pub(super) tokens: Tokens,
    /// Where the metrics are.
    metrics: String,
    /// Requests a minute of each principal.
    pub(super) of_principal: Option<u32>,
    /// Requests a minute to each server that has a limit.
    of_server: HashMap<Arc<str>, u32, RandomState>,
}

impl Rules {
    pub(super) fn of(config: &Config) -> Self {
        let limited = config.servers.iter().filter_map(|s| Some((s.name.clone(), s.requests_per_minute?)));
        Self {
            bound: HostName::parse(&config.host),
            hosts: config.allowed_hosts.clone(),
            known_host: OnceLock::new(),
            origins: config.allowed_origins.clone(),
            require_auth: config.clients.require_auth,
            tokens: Tokens::new(&config.clients.tokens),
            metrics: config.metrics.path.clone(),
            of_principal: config.limits.requests_per_minute,
            of_server: limited.collect(),
        }
    }

    /// Whether we are called `name`. An address cannot be rebound by a name server, so who listens on every address
    /// answers to each of them; names have to be ours.
    pub(super) fn is_us(&self, name: &HostName) -> bool {
        let is_bound = self
            .bound
            .as_ref()
            .is_some_and(|bound| bound == name || (bound.is_every_address() && matches!(name, HostName::Address(_))));
        name.is_loopback() || is_bound || self.hosts.iter().any(|pattern| name.matches(pattern))
    }

    /// Whether this text is the name of ours, with a port or without, that was seen first.
    pub(super) fn is_known_host(&self, host: &str) -> bool {
        self.known_host.get().is_some_and(|known| **known == *host)
    }

    /// This text is a name of ours.
    pub(super) fn remember_host(&self, host: &str) {
        // Another one is looked at each time.
        self.known_host.get_or_init(|| host.into());
    }

    pub(super) fn is_configured(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    /// Whether this page tells more than that we are well.
    pub(super) fn is_telling(&self, path: &str) -> bool {
        path == "/status" || path == self.metrics
    }

    /// Whether requests are counted at all.
    pub(super) fn has_rates(&self) -> bool {
        self.of_principal.is_some() || !self.of_server.is_empty()
    }

    pub(super) fn of_server(&self, name: &str) -> Option<(&Arc<str>, u32)> {
        self.of_server.get_key_value(name).map(|(name, limit)| (name, *limit))
    }

    /// What `principal` may do now; `None`: it may not come in.
    pub(super) fn access_of(&self, principal: &Principal) -> Option<Arc<Access>> {
        let is_free = *principal == Principal::own() || (*principal == Principal::anonymous() && !self.require_auth);
        if is_free { Some(Arc::default()) } else { self.tokens.access_of(principal) }
    }
}
