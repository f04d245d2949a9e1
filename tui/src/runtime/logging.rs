//! Our own events and the servers' stderr, into tui-logger's ring.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use mcp_proxy_core::control::{LogLine, LogStream};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tui_logger::{Drain, LevelFilter};

use crate::screens::logs::said::said;

/// Lines kept for the Logs screen.
const RING_LINES: usize = 2_000;
/// The source of our own lines that are about no server in particular.
const OWN: &str = "proxy";
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
    ScreenLayer.with_filter(Captured)
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

/// The source of what a server says by `notifications/message`.
#[must_use]
pub(crate) fn messages_of(backend: &str) -> String {
    format!("{backend}/log")
}

/// Puts lines of servers into the ring.
pub(crate) fn push(lines: &[LogLine]) {
    let drain = Drain::new();
    for line in lines {
        let text = &*line.text;
        let (level, text, target) = match line.stream {
            LogStream::Stderr => (level(text), Cow::Borrowed(text), Cow::Borrowed(&*line.backend)),
            LogStream::Stdout => {
                (log::Level::Warn, format!("not a message on stdout: {text}").into(), Cow::Borrowed(&*line.backend))
            }
            // What it says to clients is a source of its own: it is of another kind than what it writes for whoever runs it.
            LogStream::Message => {
                let (level, text) =
                    said(text).map_or((log::Level::Info, Cow::Borrowed(text)), |(level, text)| (level, text.into()));
                (level, text, messages_of(&line.backend).into())
            }
        };
        drain.log(&log::Record::builder().args(format_args!("{text}")).level(level).target(&target).build());
    }
}

/// The level a line of stderr gives itself in one of its first words (`2026-01-01 ERROR …`, `[warn] …`, `INFO: …`);
/// without one it is info.
fn level(text: &str) -> log::Level {
    /// Date, time, level, or a name before it.
    const WORDS: usize = 4;
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|w| w.bytes().any(|c| c.is_ascii_alphabetic())).take(WORDS) {
        // In small letters only where it is marked: "no error" is none.
        let marked = word.bytes().all(|c| c.is_ascii_uppercase())
            || text.contains(&format!("[{word}]"))
            || text.starts_with(&format!("{word}:"));
        let level = match word.to_ascii_lowercase().as_str() {
            "error" | "err" | "fatal" | "critical" | "panic" => log::Level::Error,
            "warn" | "warning" => log::Level::Warn,
            "debug" => log::Level::Debug,
            "trace" => log::Level::Trace,
            "info" | "notice" => log::Level::Info,
            _ => continue,
        };
        if marked {
            return level;
        }
    }
    log::Level::Info
}

/// Moves what was logged to where the screen reads it.
pub(crate) fn settle() {
    tui_logger::move_events();
}

struct ScreenLayer;

impl<S: Subscriber> Layer<S> for ScreenLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let level = match *event.metadata().level() {
            Level::ERROR => log::Level::Error,
            Level::WARN => log::Level::Warn,
            Level::INFO => log::Level::Info,
            Level::DEBUG => log::Level::Debug,
            Level::TRACE => log::Level::Trace,
        };
        // What is about one server stands among what that server wrote.
        let (target, who) = match &told.server {
            Some(server) => (server.as_str(), "proxy: "),
            None => (OWN, ""),
        };
        Drain::new().log(
            &log::Record::builder()
                .args(format_args!("{who}{}{}", told.message, told.fields))
                .level(level)
                .target(target)
                .build(),
        );
        LOGGED.notify_one();
    }
}

/// An event in words.
#[derive(Default)]
struct Told {
    message: String,
    fields: String,
    server: Option<String>,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            // `-` stands for no server in particular.
            "server" => self.server = Some(value.to_owned()).filter(|v| v != "-"),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "server" => self.server = Some(format!("{value:?}")),
            name => self.fields.push_str(&format!(" {name}={value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_stderr_tell_their_level() {
        let check = |text: &str, want: log::Level| assert_eq!(level(text), want, "{text}");
        check("2026-11-22T16:31:08.190494Z  INFO slow work begins", log::Level::Info);
        check("2026-11-22T16:31:10.946436Z ERROR the tool failed", log::Level::Error);
        check("[warn] old option", log::Level::Warn);
        check("Error: cannot connect", log::Level::Error);
        check("ERROR:root:no such file", log::Level::Error);
        check("npm WARN deprecated", log::Level::Warn);
        check("DEBUG: 3 tools", log::Level::Debug);
        check("no error was found", log::Level::Info);
        check("listening", log::Level::Info);
        check("", log::Level::Info);
    }
}
