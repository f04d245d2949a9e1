//! The clients before us: one task a session, from its bytes to the servers' ports and back.
//!
//! A client's edition matters here and nowhere behind: each call carries what its client said of itself.

mod answer;
mod calls;
mod client_notes;
mod clients;
mod engine;
mod entrance;
mod handshake;
mod held;
pub mod http;
mod listen;
mod lists;
mod near_ports;
mod news;
mod notes;
mod ops;
mod ops_metrics;
mod out;
mod parks;
mod piped;
mod rights;
mod rounds;
mod rows;
mod run;
mod shape;
mod sight;
mod tasks;
mod unwritten;
mod upcall;

pub use clients::{ClientStatus, Clients};
pub use engine::Engine;
pub use entrance::{Entrance, Grant};
pub use ops::{Page, health, metrics, ready, status};
pub(crate) use parks::Keeper;
pub use parks::Parks;
pub use piped::Piped;
