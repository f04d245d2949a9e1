//! Our own events and the servers' stderr, into tui-logger's ring.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use mcp_proxy_core::control::{LogLine, LogStream};
use tokio::sync::Notify;
use tracing::subscriber::Interest;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tui_logger::{Drain, LevelFilter, TuiTracingSubscriberLayer};

/// Lines kept for the Logs screen.
const RING_LINES: usize = 2_000;
/// Lines that may come between two frames.
const HOT_LINES: usize = 1_000;

/// Events of every level are captured, not only `INFO` and worse.
static CAPTURE_ALL: AtomicBool = AtomicBool::new(false);
/// Told when an event of ours has been logged.
static LOGGED: Notify = Notify::const_new();

/// The layer that shows tracing events on the Logs screen; put it into the subscriber when the terminal is to be shown.
pub fn tracing_layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    set_up();
    ScreenLayer(TuiTracingSubscriberLayer).with_filter(Captured)
}

/// Events below `INFO` cost next to nothing until somebody asks to see them.
pub(super) fn capture_all() {
    if !CAPTURE_ALL.swap(true, Ordering::Relaxed) {
        tracing::callsite::rebuild_interest_cache();
    }
}

/// What is captured: asked once for each place in the code, not for each event.
struct Captured;

impl Captured {
    fn max() -> tracing::level_filters::LevelFilter {
        if CAPTURE_ALL.load(Ordering::Relaxed) { Level::TRACE.into() } else { Level::INFO.into() }
    }
}

impl<S> Filter<S> for Captured {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        *metadata.level() <= Self::max()
    }

    fn callsite_enabled(&self, metadata: &'static tracing::Metadata<'static>) -> Interest {
        if *metadata.level() <= Self::max() { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(Self::max())
    }
}

/// Sizes the ring, once. tui-logger's own start-up would add a thread that wakes 100 times a second: lines are moved
/// when they are looked at instead.
pub(crate) fn set_up() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tui_logger::set_default_level(LevelFilter::Info);
        tui_logger::set_buffer_depth(RING_LINES);
        tui_logger::set_hot_buffer_depth(HOT_LINES);
    });
}

/// Waits until one of our own events was logged. Cancel safe.
pub(super) async fn logged() {
    LOGGED.notified().await;
}

/// Puts lines of servers into the ring.
pub(crate) fn push(lines: &[LogLine]) {
    let drain = Drain::new();
    for line in lines {
        let level = match line.stream {
            LogStream::Stderr | LogStream::Message => log::Level::Info,
            LogStream::Stdout => log::Level::Warn,
        };
        let text = &*line.text;
        let what = if line.stream == LogStream::Stdout { "not a message on stdout: " } else { "" };
        drain
            .log(&log::Record::builder().args(format_args!("{what}{text}")).level(level).target(&line.backend).build());
    }
}

/// Moves what was logged to where the screen reads it.
pub(crate) fn settle() {
    tui_logger::move_events();
}

struct ScreenLayer(TuiTracingSubscriberLayer);

impl<S> Layer<S> for ScreenLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attrs: &tracing::span::Attributes<'_>, id: &tracing::span::Id, ctx: Context<'_, S>) {
        self.0.on_new_span(attrs, id, ctx);
    }

    fn on_event(&self, event: &tracing::Event<'_>, ctx: Context<'_, S>) {
        self.0.on_event(event, ctx);
        LOGGED.notify_one();
    }
}
