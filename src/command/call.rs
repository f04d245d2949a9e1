//! `mcp-proxy call`: one tool, once.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::peer;
use crate::arguments::{self, ArgumentError};
use crate::cli::Call;
use crate::client::Client;
use crate::render;
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Call) -> Result<(), Failure> {
    // What needs no server is refused before one is started.
    let ready = match &args.args {
        Some(text) => Some(arguments::from_json(text).map_err(|e| wrong(&e))?),
        None if args.pairs.is_empty() => Some(Map::new()),
        None => arguments::from_pairs(&args.pairs, None).map(|_| None).map_err(|e| wrong(&e))?,
    };
    peer::with_client(peer::config(config)?, async |client: &mut Client| {
        let work = call(client, args, ready);
        match args.timeout {
            None => work.await,
            Some(limit) => match tokio::time::timeout(limit, work).await {
                Ok(result) => result,
                Err(_) => {
                    // The proxy may be gone already: then there is nothing left to cancel.
                    let _ = client.cancel("timed out").await;
                    Err(timed_out(&args.name, limit))
                }
            },
        }
    })
}

async fn call(client: &mut Client, args: &Call, ready: Option<Map<String, Value>>) -> Result<(), Failure> {
    let arguments = match ready {
        Some(arguments) => arguments,
        None => {
            let schema = schema(client, &args.name).await?;
            arguments::from_pairs(&args.pairs, schema.as_ref()).map_err(|e| wrong(&e))?
        }
    };
    let params = json!({ "name": args.name, "arguments": arguments });
    let raw = peer::ask(client, "tools/call", params).await.map_err(|e| {
        peer::refused_name(format!("calling `{}` failed", args.name), &e, "`mcp-proxy list tools` shows the names")
    })?;
    let result: Value =
        serde_json::from_str(raw.get()).map_err(|e| Failure::failed("the result cannot be read").because(e))?;
    if args.json {
        report::out(format!("{raw}\n").as_bytes())?;
    } else {
        report::out(render::tool_result(&result).as_bytes())?;
    }
    if result["isError"] == Value::Bool(true) {
        // The tool has said what failed, as its result.
        return Err(Failure::failed("").said());
    }
    Ok(())
}

/// The tool's input schema; `None` when it is not in the list: the engine says so better.
async fn schema(client: &mut Client, name: &str) -> Result<Option<Value>, Failure> {
    let tools = peer::list(client, "tools/list", "tools")
        .await
        .map_err(|e| peer::refused("listing the tools failed".to_owned(), &e))?;
    Ok(tools
        .iter()
        .filter_map(|t| serde_json::from_str::<Value>(t.get()).ok())
        .find(|t| t["name"] == name)
        .map(|mut t| t["inputSchema"].take()))
}

fn wrong(error: &ArgumentError) -> Failure {
    Failure::usage(error.to_string()).hint("arguments are KEY=VALUE, or all of them as one object with --args '{…}'")
}

fn timed_out(name: &str, limit: Duration) -> Failure {
    Failure::failed(format!("`{name}` did not answer within {limit:?}")).hint("give it longer with --timeout")
}
