//! Calls that wait for an instance that is being replaced go on to the one that takes its place: none of them is lost, and
//! none is made twice, since none of them was sent.

use std::sync::Arc;

use super::call::{Call, Delivery, may_ask};
use super::context::Context;
use super::port::{Mail, Port};

/// Gives a call that was not sent to whoever serves its caller now. `Err`: nobody does but the instance it comes from.
pub(super) fn forward(from: &Port, ctx: &Context, mut call: Box<Call>) -> Result<(), Box<Call>> {
    let Some(base) = ctx.ports.borrow().get(from.name()).cloned() else { return Err(call) };
    let asks = may_ask(call.method);
    let chosen = if asks { base.for_caller(&call.peer, &call.facts) } else { base.home_of(&call.peer, &call.facts) };
    let port = match chosen {
        Ok(port) if port.number == from.number || port.mailbox.is_closed() => return Err(call),
        Ok(port) => port,
        Err(fault) => {
            call.fail(fault);
            return Ok(());
        }
    };
    call.seat = if asks { port.seat(call.peer.id) } else { None };
    let (to, client_id, id) = (call.peer.id, call.client_id.clone(), call.id);
    // First, so that its session knows where it is when its answer comes.
    let _ = call.peer.mailbox.push_owed(Delivery::Moved { to, client_id, call: id, port: port.clone() });
    port.hand_over(call);
    Ok(())
}

/// What clients want of a server that is being replaced is told to the one in its place. `Err`: there is none.
pub(super) fn forward_wish(from: &Port, ctx: &Context, mail: Mail) -> Result<(), Mail> {
    let base: Option<Arc<Port>> = ctx.ports.borrow().get(from.name()).cloned();
    match base.filter(|base| base.number != from.number && from.is_base()) {
        Some(base) => base.mailbox.push_owed(mail),
        None => Err(mail),
    }
}
