//! `--rmcp`: not scripted at all, but a server made with rmcp, the official SDK, that asks by its answers (MCP 2026-07-28), and
//! makes a task of a call that asks later (SEP-2663).

#![expect(deprecated, reason = "sampling and roots still exist in this edition")]

use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock, CreateMessageRequest,
    CreateMessageRequestParams, CreateTaskResult, ElicitRequest, ElicitRequestParams, ErrorData, GetTaskParams,
    GetTaskResult, InputRequest, InputRequests, InputRequiredResult, ListRootsRequest, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, SamplingMessage, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskManager, TaskOptions};
use rmcp::transport::stdio;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use serde_json::json;

/// What must come back as it is.
const STATE: &str = "st.ate/with+special=chars and \"quotes\"\n\t\u{e4}";

#[derive(Default)]
struct Asks {
    tasks: TaskManager,
}

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
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tasks().build());
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
        Ok(ListToolsResult { tools: vec![tool("rounds"), tool("later")], ..ListToolsResult::default() })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name == "later" {
            let options = TaskOptions::new().with_poll_interval_ms(100);
            let task = self.tasks.spawn(options, |context| {
                Box::pin(async move {
                    let answer = context.request_input("who", who()).await?;
                    let name = answer.pointer("/content/name").and_then(|v| v.as_str()).unwrap_or("nobody").to_owned();
                    Ok(CallToolResult::success(vec![ContentBlock::text(format!("later, {name}"))]))
                })
            });
            return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
        }
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

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

/// Serves on stdin and stdout until stdin ends.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let served = runtime.block_on(async {
        match Asks::default().serve(stdio()).await {
            Ok(running) => running.waiting().await.is_ok(),
            Err(_) => false,
        }
    });
    if served { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
