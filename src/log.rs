//! Our own log lines: to stderr, as text or JSON, never to stdout.
//!
//! A line about a call carries the field `call` with the correlation id (`c-1a`), one about a server the field `server`.

use std::io;

use mcp_proxy_core::config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::cli::LogFormat;
use crate::report;

/// Sends log lines of at least `level` to stderr from now on. Libraries are heard from WARN on.
pub fn start(format: LogFormat, level: LogLevel) {
    let targets = targets(level);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => {
            let colour = report::colour(report::stderr_is_terminal());
            lines.with_target(false).with_ansi(colour).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    // Refused only when there is a subscriber already, as in tests: then that one stays.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(targets)));
}

/// The same as text without the time: whoever starts a server of the demo notes when it wrote a line.
pub fn start_untimed(level: LogLevel) {
    let colour = report::colour(report::stderr_is_terminal());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).without_time();
    let lines = lines.with_target(false).with_ansi(colour).with_filter(targets(level));
    // As above.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
}

/// Shows log lines of at least `level` on the terminal's Logs screen from now on.
pub fn start_on_screen(level: LogLevel) {
    let layer = mcp_proxy_tui::tracing_layer().with_filter(targets(level));
    // As above.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(layer));
}

fn targets(level: LogLevel) -> Targets {
    let level = level_filter(level);
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("mcp_proxy", level)
        .with_target("mcp_proxy_core", level)
        .with_target("mcp_proxy_tui", level)
}

const fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}
