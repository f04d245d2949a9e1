//! `mcp-proxy read`: one resource. Text as it is; binary contents go to a file or pipe as bytes, to a person as a size.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::peer;
use crate::cli::Read;
use crate::client::Client;
use crate::render;
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Read) -> Result<(), Failure> {
    peer::with_client(peer::config(config)?, async |client: &mut Client| {
        let raw = peer::ask(client, "resources/read", json!({ "uri": args.uri })).await.map_err(|e| {
            let known = "`mcp-proxy list resources` shows the URIs";
            peer::refused_name(format!("reading `{}` failed", args.uri), &e, known)
        })?;
        if args.json {
            return report::out(format!("{raw}\n").as_bytes());
        }
        let result: Value =
            serde_json::from_str(raw.get()).map_err(|e| Failure::failed("the result cannot be read").because(e))?;
        if report::stdout_is_terminal() {
            return report::out(render::resource_contents(&result).as_bytes());
        }
        result["contents"].as_array().into_iter().flatten().try_for_each(|item| report::out(&bytes(item)?))
    })
}

fn bytes(item: &Value) -> Result<Vec<u8>, Failure> {
    match (item["text"].as_str(), item["blob"].as_str()) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(blob)) => {
            STANDARD.decode(blob).map_err(|e| Failure::failed("the server sent bad base64").because(e))
        }
        (None, None) => Ok(Vec::new()),
    }
}
