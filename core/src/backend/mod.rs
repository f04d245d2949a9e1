//! The servers behind us: started, opened in the edition they speak, supervised, called.
//!
//! A [`Port`] is the way in; everything else is one task per server. What a server offers is published as raw items in
//! [`Offers`]; merging them is the catalog's job. Who may not share an instance gets one of its own (`pool.rs`).

mod apart;
mod awaited;
mod backoff;
mod broken;
mod call;
mod context;
mod failure;
mod forward;
mod handshake;
mod hearing;
mod held;
mod input_request;
mod instance;
mod lease;
mod lifecycle;
mod living;
mod lists;
mod memory;
mod offer;
mod outdated;
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
mod task_id;
mod task_words;
mod tasking;
mod tasks;
mod tenant;
mod upcalls;
mod users;
mod waiting;
mod wanted;
mod wire;

pub use call::{Answer, Call, Delivery, Outcome, OwnTask, ServerNote, Upcall, Verdict, Wants, may_ask};
pub use context::Context;
pub(crate) use handshake::declares;
pub use input_request::input_request;
pub use lease::Seat;
pub use memory::Memory;
pub use offer::{ItemKind, Offer, OfferState, Offers};
pub use peer::{Carried, ClientFacts, Level, Peer, Peers, Principal};
pub use pool::Lists;
pub use port::{Control, Mail, Port};
pub use roots::Roots;
pub use status::{BackendState, Failure, Pinged, StatusView};
pub use supervisor::{Ports, Supervisor};
pub use task_id::TaskIds;
pub use task_words::{RELATED_TASK, TASKS_EXTENSION, has_extension, related_task, takes_tasks};
pub use tasks::Tasks;
pub use tenant::{Profile, Tenant};
pub use wanted::Wanted;
