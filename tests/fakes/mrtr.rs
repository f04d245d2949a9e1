//! `--rmcp`: not scripted at all, but a server made with rmcp, the official SDK, that asks by its answers (MCP 2026-07-28).

#![expect(deprecated, reason = "sampling and roots still exist in this edition")]

use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateMessageRequest,
    CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, ErrorData, InputRequest, InputRequests,
    InputRequiredResult, ListRootsRequest, ListToolsResult, PaginatedRequestParams, ProtocolVersion, SamplingMessage,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use serde_json::json;

/// What must come back as it is.
const STATE: &str = "st.ate/with+special=chars and \"quotes\"\n\t\u{e4}";

struct Asks;

fn who() -> InputRequest {
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: "Who?".to_owned(),
        requested_schema: serde_json::from_value(json!({"type": "object", "properties": {"name": {"type": "string"}}}))
            .expect("a schema"),
    };
    InputRequest::Elicitation(ElicitRequest::new(params))
}

fn model() -> InputRequest {
    let params =
        CreateMessageRequestParams::new(vec![SamplingMessage::user_text("What is the capital of France?")], 10);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn asks(requests: impl IntoIterator<Item = (&'static str, InputRequest)>, state: &str) -> CallToolResponse {
    let requests: InputRequests = requests.into_iter().map(|(key, r)| (key.to_owned(), r)).collect();
    InputRequiredResult::new(Some(requests), Some(state.to_owned())).into()
}

impl ServerHandler for Asks {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.protocol_version = ProtocolVersion::V_2026_07_28;
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object"}).as_object().cloned().expect("an object");
        let tool = |name| Tool::new(Cow::Borrowed(name), Cow::Borrowed("asks"), Arc::new(schema.clone()));
        Ok(ListToolsResult { tools: vec![tool("rounds")], ..ListToolsResult::default() })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let answers = request.input_responses.unwrap_or_default();
        let says = |key: &str, path: &str| {
            let found = answers.get(key).and_then(|a| a.pointer(path)).and_then(|v| v.as_str()).map(str::to_owned);
            found.ok_or_else(|| ErrorData::invalid_params(format!("no {path} of {key}"), None))
        };
        match request.request_state.as_deref() {
            None => {
                let roots = InputRequest::ListRoots(ListRootsRequest::default());
                Ok(asks([("who", who()), ("model", model()), ("where", roots)], STATE))
            }
            Some(STATE) => {
                let (name, city) = (says("who", "/content/name")?, says("model", "/content/text")?);
                let root = says("where", "/roots/0/uri")?;
                Ok(asks([("again", who())], &format!("{name} in {city} at {root}")))
            }
            Some(said) => {
                let text = format!("{said}, then {}", says("again", "/action")?);
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
            }
        }
    }
}

/// Serves on stdin and stdout until stdin ends.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let served = runtime.block_on(async {
        match Asks.serve(stdio()).await {
            Ok(running) => running.waiting().await.is_ok(),
            Err(_) => false,
        }
    });
    if served { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
