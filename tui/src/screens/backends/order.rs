//! In which order servers stand.

use std::cmp::{Ordering, Reverse};

use mcp_proxy_core::control::{BackendState, BackendView};

use super::state::Order;

/// Puts servers in that order; those that are equal stay as the configuration has them.
pub(crate) fn sort(servers: &mut [BackendView], order: Order) {
    match order {
        Order::File => {}
        Order::State => servers.sort_by_key(|b| urgency(&b.state)),
        Order::Name => servers.sort_by(|a, b| a.name.cmp(&b.name)),
        Order::Rate => servers.sort_by_key(|b| Reverse(b.per_second.iter().map(|n| u32::from(*n)).sum::<u32>())),
        Order::P95 => servers.sort_by_key(|b| Reverse(b.latency.p95)),
        Order::Errors => servers.sort_by(by_errors),
    }
}

/// What needs a look comes first.
const fn urgency(state: &BackendState) -> u8 {
    match state {
        BackendState::Parked => 0,
        BackendState::Backoff { .. } => 1,
        BackendState::Starting | BackendState::Handshaking | BackendState::Stopping => 2,
        BackendState::Ready => 3,
        BackendState::Idle => 4,
        BackendState::Stopped => 5,
        BackendState::Disabled => 6,
    }
}

fn by_errors(a: &BackendView, b: &BackendView) -> Ordering {
    // Shares compared without division: x/n < y/m as x*m < y*n.
    let product = |x: u64, y: u64| u128::from(x) * u128::from(y.max(1));
    product(b.n_errors, a.n_calls).cmp(&product(a.n_errors, b.n_calls))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn names(order: Order) -> Vec<String> {
        let mut servers = sample::snapshot().backends;
        sort(&mut servers, order);
        servers.iter().map(|b| b.name.to_string()).collect()
    }

    #[test]
    fn servers_stand_as_asked() {
        assert_eq!(names(Order::File), ["demo", "notes", "asks", "broken", "linear"]);
        assert_eq!(names(Order::State), ["broken", "asks", "demo", "notes", "linear"]);
        assert_eq!(names(Order::Name), ["asks", "broken", "demo", "linear", "notes"]);
        assert_eq!(names(Order::Rate)[..2], ["demo", "notes"]);
        assert_eq!(names(Order::P95)[..2], ["asks", "demo"]);
        assert_eq!(names(Order::Errors)[..2], ["asks", "demo"]);
    }
}
