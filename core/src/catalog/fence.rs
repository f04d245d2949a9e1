//! [`Fence`]: keeps tools a token does not allow from being called by names that are not listed. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::HashMap;

use super::cat::Catalog;
use super::names::{Wanted, expose, prefix};
use super::scope::{Scope, permits};
use crate::backend::ItemKind;
use crate::config::{Access, Routing, Server};

/// Answers whether a tool that is not listed may be called all the same.
#[derive(Debug)]
pub(super) struct Fence {
    access: Arc<Access>,
    routing: Routing,
    servers: HashMap<Arc<str>, Fenced>,
}

#[derive(Debug)]
struct Fenced {
    server: Arc<Server>,
    prefix: String,
    /// Own names of tools the merged list shows under names that are not allowed.
    denied: HashSet<Arc<str>>,
}

impl Fence {
    /// The fence of `scope`; `None` if it keeps no single tool away.
    pub(super) fn of(main: &Catalog, scope: &Scope) -> Option<Self> {
        if !scope.limits_tools() {
            return None;
        }
        let routing = &main.origin.routing;
        let seen = main.origin.sources.iter().filter(|s| scope.sees(&s.server.name));
        let mut servers: HashMap<Arc<str>, Fenced> = seen
            .map(|s| {
                let prefix = prefix(s.server.prefix.as_deref(), &s.server.name, routing);
                let fenced = Fenced { server: s.server.clone(), prefix, denied: HashSet::new() };
                (s.server.name.clone(), fenced)
            })
            .collect();
        for item in &main.items[ItemKind::Tool as usize] {
            if let Some(fenced) = servers.get_mut(&item.backend).filter(|_| !permits(&scope.access, &item.exposed)) {
                fenced.denied.insert(item.own.clone());
            }
        }
        Some(Self { access: scope.access.clone(), routing: routing.clone(), servers })
    }

    /// Whether the tool `own` of `backend` may be called. It has to be allowed by every name it has or would have in the
    /// merged list: as it is, renamed, cleaned and shortened.
    pub(super) fn permits(&self, backend: &str, own: &str) -> bool {
        let Some(Fenced { server, prefix, denied }) = self.servers.get(backend) else { return false };
        if denied.contains(own) {
            return false;
        }
        let plain = if prefix.is_empty() { own.to_owned() } else { format!("{prefix}{}{own}", self.routing.separator) };
        let shown = server.tools.rename.get(own).map_or(own, String::as_str);
        let exposed = expose(&[Wanted { backend, prefix, own, shown }], &self.routing);
        permits(&self.access, &plain) && exposed.iter().all(|name| permits(&self.access, name))
    }
}
