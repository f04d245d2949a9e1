//! What an inspector may know. Never slows a message: writers take a short lock, readers pull with cursors and lose the
//! oldest when they are late.

mod flow;
mod journal;
mod log_ring;
mod metrics;
mod observer;
mod signal;

pub use flow::{Flow, FlowKind, Frames, Status, Timing};
pub use journal::{Journal, JournalWindow};
pub use log_ring::{LogLine, LogRing, LogStream, LogWindow};
pub use metrics::{BackendMetrics, Latency, Metrics, ToolLatency};
pub use observer::{Ended, Notice, NoticeLevel, Observer};
pub use signal::{Signal, Subscription};
