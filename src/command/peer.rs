//! What `call`, `list` and `read` have in common: an engine, one client in memory on it, and an end in order.

use std::collections::BTreeMap;
use std::path::Path;

use mcp_proxy_core::config::{Config, LogLevel};
use mcp_proxy_core::protocol::code;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::engine::{Engine, Face};
use super::runtime;
use crate::cli::LogFormat;
use crate::client::{Client, ClientError, Incoming};
use crate::log;
use crate::report::{self, Failure};
use crate::signals::Signals;

/// Most pages of one list that are asked for: a server that pages for ever must not keep us.
const MAX_PAGES: usize = 1_000;

/// Runs `work` with a client on an engine with this configuration. A signal ends it: the request in flight is cancelled.
pub(super) fn with_client(
    config: Config,
    work: impl AsyncFnOnce(&mut Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    log::start(LogFormat::Text, config.log_level.max(LogLevel::Warn));
    runtime()?.block_on(async {
        let mut signals = Signals::open()?;
        let engine = Engine::start(config, Face::Command, None, None)?;
        let result = on_engine(&engine, &mut signals, work).await;
        // A second signal does not wait for the servers.
        tokio::select! {
            biased;
            stopped = engine.stop() => result.and(stopped),
            signal = signals.next() => Err(Failure::failed(format!("ended by {signal}"))),
        }
    })
}

async fn on_engine(
    engine: &Engine,
    signals: &mut Signals,
    work: impl AsyncFnOnce(&mut Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut client =
        Client::open(engine.handle().connect("mcp-proxy"), "mcp-proxy", json!({})).await.map_err(|e| gone(&e))?;
    let signal = tokio::select! {
        biased;
        signal = signals.next() => signal,
        result = work(&mut client) => return result,
    };
    // The proxy may be gone already: then there is nothing left to cancel.
    let _ = client.cancel(&format!("ended by {signal}")).await;
    Err(Failure::failed(format!("ended by {signal}")))
}

/// Sends a request, shows its progress to a person, gives the result as it came.
pub(super) async fn ask(client: &mut Client, method: &str, params: Value) -> Result<Box<RawValue>, ClientError> {
    let shown = report::stderr_is_terminal();
    client
        .request(method, params, |incoming| {
            if let (true, Incoming::Notice { method, params }) = (shown, incoming)
                && method == "notifications/progress"
            {
                report::note(&progress(&params));
            }
        })
        .await
}

/// All items of a list, all pages, each as it came.
pub(super) async fn list(client: &mut Client, method: &str, key: &str) -> Result<Vec<Box<RawValue>>, ClientError> {
    let mut items = Vec::new();
    let mut params = json!({});
    for _ in 0..MAX_PAGES {
        let page = client.request(method, params.clone(), |_| ()).await?;
        let page: BTreeMap<String, &RawValue> = serde_json::from_str(page.get())?;
        if let Some(some) = page.get(key) {
            items.extend(serde_json::from_str::<Vec<Box<RawValue>>>(some.get())?);
        }
        match page.get("nextCursor").map(|c| serde_json::from_str(c.get())).transpose()? {
            Some(cursor @ Value::String(_)) if params["cursor"] != cursor => params = json!({ "cursor": cursor }),
            _ => break,
        }
    }
    Ok(items)
}

/// The failure of a request.
pub(super) fn refused(what: String, error: &ClientError) -> Failure {
    match error {
        ClientError::Refused(refusal) => Failure::failed(what).because(refusal),
        other => gone(other),
    }
}

/// The failure of a request that named something; `known` says where the names are found.
pub(super) fn refused_name(what: String, error: &ClientError, known: &str) -> Failure {
    let hint = match error {
        ClientError::Refused(r) if r.code == i64::from(code::INTERNAL) => "`mcp-proxy tui` shows what the server says",
        _ => known,
    };
    refused(what, error).hint(hint)
}

fn gone(error: &ClientError) -> Failure {
    let cause = std::error::Error::source(error).map_or_else(String::new, |s| format!(": {s}"));
    Failure::failed("the proxy did not answer").because(format!("{error}{cause}"))
}

fn progress(params: &Value) -> String {
    let total = params.get("total").map_or_else(String::new, |t| format!("/{t}"));
    let message = params["message"].as_str().map_or_else(String::new, |m| format!(" {m}"));
    crate::render::printable(&format!("progress {}{total}{message}", params["progress"]))
}

/// The configuration for a client command.
pub(super) fn config(path: Option<&Path>) -> Result<Config, Failure> {
    super::load::or_announced_demo(path)
}
