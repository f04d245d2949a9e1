//! `mcp-proxy serve`: the engine without a screen.

use std::path::Path;

use super::engine::{Engine, Face};
use super::load::{self, Chosen};
use super::runtime;
use crate::cli::Serve;
use crate::log;
use crate::report::Failure;
use crate::signals::Signals;

pub(super) fn run(config: Option<&Path>, args: &Serve) -> Result<(), Failure> {
    let Chosen { config, warnings, origin, .. } = load::required(config)?;
    if !args.stdio && !config.transports.stdio {
        return Err(Failure::usage("`proxy.transport` asks for HTTP, which this version does not serve")
            .hint("set `transport: stdio`, or start with --stdio"));
    }
    log::start(args.log_format, args.log_level.unwrap_or(config.log_level));
    for warning in warnings {
        tracing::warn!("configuration: {warning}");
    }
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::open()?;
        let mut engine = Engine::start(config, Face::Stdio, origin)?;
        tokio::select! {
            biased;
            signal = signals.next() => tracing::info!(signal, "shutting down"),
            ended = engine.ended() => return ended,
        }
        // The next signal does not wait for the servers: the guardian ends them.
        tokio::select! {
            biased;
            stopped = engine.stop() => stopped,
            signal = signals.next() => Err(Failure::failed(format!("ended by {signal} before the servers were stopped"))),
        }
    });
    // A read on stdin cannot be taken back and would keep the process.
    runtime.shutdown_background();
    result
}
