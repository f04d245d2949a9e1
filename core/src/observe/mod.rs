//! What an inspector may know. Never slows a message: writers take a short lock, readers pull with cursors.

mod flow;

pub use flow::{Flow, FlowKind, Frames, Status, Timing};
