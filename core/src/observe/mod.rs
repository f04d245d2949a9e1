//! What an inspector may know. Never slows a message: writers take a short lock, readers pull with cursors and lose the
//! oldest when they are late.

mod backend_metrics;
mod buckets;
mod counts;
mod exposition;
pub mod filter;
mod flow;
mod head;
mod history;
mod http_counts;
mod journal;
mod log_ring;
mod method_name;
mod metrics;
mod named;
mod names;
mod observer;
pub(crate) mod plain;
mod process;
mod quantiles;
mod rounds;
mod row;
mod signal;
mod standing;
mod store;

pub use backend_metrics::{BackendMetrics, Latency, ToolLatency};
pub use buckets::{BOUNDS_US, Buckets};
pub use counts::{Counts, Outcome};
pub use exposition::{CONTENT_TYPE as EXPOSITION_TYPE, Exposition, FamilyKind};
pub use flow::{Begun, Flow, FlowKind, Frames, Round, Status, Timing};
pub use head::{Head, HeadOf, HeadText, Hop, Hops, PackedHead};
pub use history::{History, N_STEPS, Point, STEP};
pub use http_counts::HttpCounts;
pub use journal::{Journal, JournalWindow};
pub use log_ring::{LogLine, LogRing, LogStream, LogWindow};
pub use method_name::MethodName;
pub use metrics::{Measured, Metrics};
pub use observer::{Ended, Notice, NoticeLevel, Observer};
pub use plain::Word;
pub use process::ProcessUse;
pub use signal::{Signal, Subscription};
pub use standing::{Slice, Standing, Standings};
