//! [`NearPorts`]: the ports of the servers that a session calls, at hand for as long as all servers are the same.

use std::sync::Arc;

use tokio::sync::watch;

use crate::backend::{Port, Ports};

/// So many are at hand, at most.
const N_AT_HAND: usize = 16;

/// Those that were asked for.
#[derive(Debug, Default)]
pub(super) struct NearPorts {
    /// A session that makes one call keeps nothing.
    has_asked: bool,
    at_hand: Option<Box<AtHand>>,
}

#[derive(Debug)]
struct AtHand {
    all: watch::Receiver<Ports>,
    ports: Vec<(Arc<str>, Arc<Port>)>,
}

impl NearPorts {
    /// The port of `backend` among `all`, of which there is only one; `None`: there is no such server any more.
    #[inline]
    pub(super) fn of(&mut self, all: &watch::Receiver<Ports>, backend: &Arc<str>) -> Option<Arc<Port>> {
        if let Some(at_hand) = &self.at_hand
            && at_hand.all.has_changed().is_ok_and(|is| !is)
            // The name is mostly the very same: the catalog's.
            && let Some((_, port)) = at_hand.ports.iter().find(|(name, _)| Arc::ptr_eq(name, backend))
        {
            return Some(port.clone());
        }
        self.look(all, backend)
    }

    #[inline(never)]
    fn look(&mut self, all: &watch::Receiver<Ports>, backend: &Arc<str>) -> Option<Arc<Port>> {
        if !std::mem::replace(&mut self.has_asked, true) {
            return all.borrow().get(&**backend).cloned();
        }
        let at_hand = self.at_hand.get_or_insert_with(|| Box::new(AtHand { all: all.clone(), ports: Vec::new() }));
        let now = at_hand.all.borrow_and_update();
        if now.has_changed() || at_hand.ports.len() == N_AT_HAND {
            at_hand.ports.clear();
        }
        let port = now.get(&**backend)?.clone();
        at_hand.ports.push((backend.clone(), port.clone()));
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Server;

    #[test]
    fn the_port_is_that_of_the_server_there_is() {
        let port = |name: &str| Arc::new(Port::new(Arc::new(Server::stdio(name, "x", &[]))));
        let names: Vec<Arc<str>> = (0..2 * N_AT_HAND).map(|n| format!("s{n}").into()).collect();
        let all = || -> Ports { Arc::new(names.iter().map(|name| (name.clone(), port(name))).collect()) };
        let (sender, receiver) = watch::channel(all());
        let mut near = NearPorts::default();
        let mut check = |what: &str| {
            for name in names.iter().chain(&names).chain([&names[0], &names[0]]) {
                let found = near.of(&receiver, name);
                let there_is = receiver.borrow().get(&**name).cloned();
                let is_it = found.as_ref().zip(there_is.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
                assert!(is_it || (found.is_none() && there_is.is_none()), "{what}: {name}");
            }
            assert!(near.at_hand.as_ref().is_none_or(|at_hand| at_hand.ports.len() <= N_AT_HAND));
        };
        check("at first");
        sender.send_replace(all());
        check("others of the same names");
        sender.send_replace(Ports::default());
        check("none");
        sender.send_replace(all());
        check("again");
        drop(sender);
        check("for good");
    }
}
