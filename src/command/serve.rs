//! `mcp-proxy serve`: the engine without a screen.

use std::path::Path;

use mcp_proxy_core::config::Environment;

use super::engine::{Engine, Face};
use super::listen::Place;
use super::load::{self, Chosen};
use super::runtime;
use crate::cli::Serve;
use crate::log;
use crate::report::Failure;
use crate::signals::Signals;

/// What is typed goes before what is written, also when the file is read again, and is checked in the same way.
fn typed(args: &Serve) -> Environment {
    let mut environment = Environment::of_process().with_insecure(args.insecure);
    let transports = [(args.stdio, "--stdio", "stdio"), (args.http, "--http", "http")];
    let given: Vec<_> = transports.into_iter().filter(|t| t.0).collect();
    if let Some((_, flag, _)) = given.first() {
        let names: Vec<&str> = given.iter().map(|t| t.2).collect();
        environment = environment.with_typed(flag, "MCP_PROXY__PROXY__TRANSPORT", &names.join("|"));
    }
    if let Some(profile) = &args.profile {
        environment = environment.with_typed("--profile", "MCP_PROXY__CLIENTS__PROFILE", profile);
    }
    if let Some(host) = &args.host {
        environment = environment.with_typed("--host", "MCP_PROXY__PROXY__HOST", host);
    }
    if let Some(path) = &args.path {
        environment = environment.with_typed("--path", "MCP_PROXY__PROXY__PATH", path);
    }
    environment
}

pub(super) fn run(config: Option<&Path>, args: &Serve) -> Result<(), Failure> {
    let chosen = load::with_token(load::here(typed(args), |environment| load::required(config, environment))?)?;
    let Chosen { config, warnings, origin, .. } = chosen;
    let (has_stdio, has_http) = (config.transports.stdio, config.transports.http);
    if !has_http && (args.host.is_some() || args.port.is_some() || args.path.is_some()) {
        return Err(Failure::usage("`--host`, `--port` and `--path` are for HTTP, which is not served here")
            .hint("add --http, or set `proxy.transport: http`"));
    }
    let place = has_http.then(|| Place::of(&config).at(args.port));
    log::start(args.log_format, args.log_level.unwrap_or(config.log_level));
    for warning in warnings {
        tracing::warn!("configuration: {warning}");
    }
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::open()?;
        let bound = match place {
            Some(place) => Some(place.bind().await?),
            None => None,
        };
        let face = if has_stdio { Face::Stdio } else { Face::Http };
        let mut engine = Engine::start(config, face, bound, origin)?;
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    if signal == "HUP" && face == Face::Http {
                        tracing::info!("HUP: looking at the configuration");
                        engine.look_at_configuration();
                        continue;
                    }
                    tracing::info!(signal, "shutting down");
                    break;
                }
                ended = engine.ended() => return ended,
            }
        }
        // The next INT or TERM does not wait for the servers: the guardian ends them.
        tokio::select! {
            biased;
            stopped = engine.stop() => stopped,
            signal = signals.impatient() => Err(Failure::failed(format!("ended by {signal} before the servers were stopped"))),
        }
    });
    // A read on stdin cannot be taken back and would keep the process.
    runtime.shutdown_background();
    result
}
