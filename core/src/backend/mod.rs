//! The servers behind us: started, opened in the edition they speak, supervised, called.
//!
//! A [`Port`] is the way in; everything else is one task per server. What a server offers is published as raw items in
//! [`Offers`]; merging them is the catalog's job. Who may not share an instance gets one of its own (`pool.rs`).

mod backoff;
mod broken;
mod call;
mod context;
mod failure;
mod forward;
mod handshake;
mod instance;
mod lease;
mod lifecycle;
mod living;
mod lists;
mod memory;
mod offer;
mod own;
mod peer;
mod pending;
mod pool;
mod port;
mod process;
mod reading;
mod remote;
mod roots;
mod settings;
mod settling;
mod shape;
mod status;
mod subscriptions;
mod supervisor;
mod tenant;
mod upcalls;
mod users;
mod waiting;
mod wanted;
mod wire;

pub use call::{Answer, Call, Delivery, Outcome, ServerNote, Upcall, Wants, may_ask};
pub use context::Context;
pub(crate) use handshake::declares;
pub use lease::Seat;
pub use memory::Memory;
pub use offer::{ItemKind, Offer, OfferState, Offers};
pub use peer::{ClientFacts, Level, Peer, Peers, Principal};
pub use port::{Control, Mail, Port};
pub use roots::Roots;
pub use status::{BackendState, Failure, Pinged, StatusView};
pub use supervisor::{Ports, Supervisor};
pub use tenant::{Profile, Tenant};
pub use wanted::Wanted;
