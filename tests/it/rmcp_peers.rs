//! rmcp as a real client of both eras, the demo servers (rmcp too) behind.

use std::process::Stdio;
use std::sync::Mutex;

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    GetPromptRequestParams, Implementation, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::harness::Home;

#[derive(Default)]
struct Client {
    progress: Mutex<Vec<f64>>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::builder().enable_elicitation().build(), Implementation::new("rmcp", "1"))
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": "Ada", "guests": 2})))
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.progress.lock().expect("no panic").push(params.progress);
    }
}

struct Connected {
    _home: Home,
    child: Child,
    client: RunningService<RoleClient, Client>,
}

async fn connect(lifecycle: ClientLifecycleMode) -> Connected {
    let mut home = Home::new();
    for name in ["tools", "library", "asker"] {
        home = home.server(name, env!("CARGO_BIN_EXE_mcp-proxy"), &["demo-server".to_owned(), name.to_owned()]);
    }
    let config = home.config();
    let command = home.command(&["serve", "--stdio", "--config", config.to_str().expect("plain")]);
    let mut child = Command::from(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let streams = (child.stdout.take().expect("piped"), child.stdin.take().expect("piped"));
    let client = Client::default().serve_with_lifecycle(streams, lifecycle).await.expect("the talk is opened");
    Connected { _home: home, child, client }
}

impl Connected {
    async fn call(&self, name: &'static str, arguments: serde_json::Value) -> rmcp::model::CallToolResult {
        let arguments = arguments.as_object().cloned().expect("an object");
        self.client.call_tool(CallToolRequestParams::new(name).with_arguments(arguments)).await.expect("a result")
    }

    async fn close(mut self) {
        self.client.cancel().await.expect("the client ends");
        assert!(self.child.wait().await.expect("our child").success());
    }
}

async fn everything(lifecycle: ClientLifecycleMode) -> Connected {
    let it = connect(lifecycle).await;
    let tools = it.client.list_all_tools().await.expect("tools");
    for name in ["tools__add", "tools__slow", "asker__book_table"] {
        assert!(tools.iter().any(|t| t.name == name), "{name}");
    }
    assert!(tools.iter().find(|t| t.name == "tools__add").is_some_and(|t| t.output_schema.is_some()));
    assert_eq!(it.call("tools__add", json!({"a": 1, "b": 2})).await.structured_content, Some(json!({"sum": 3.0})));
    assert_eq!(it.call("tools__fail", json!({})).await.is_error, Some(true));
    it.call("tools__slow", json!({"seconds": 0.1, "steps": 3})).await;
    assert_eq!(*it.client.service().progress.lock().expect("no panic"), [1.0, 2.0, 3.0]);

    let prompts = it.client.list_all_prompts().await.expect("prompts");
    assert!(prompts.iter().any(|p| p.name == "library__recommend"));
    let prompt = GetPromptRequestParams::new("library__discuss");
    let prompt = prompt.with_arguments(json!({"book": "emma"}).as_object().cloned().expect("an object"));
    assert_eq!(it.client.get_prompt(prompt).await.expect("a prompt").messages.len(), 2);
    assert_eq!(it.client.list_all_resources().await.expect("resources").len(), 3);
    assert_eq!(it.client.list_all_resource_templates().await.expect("templates").len(), 2);
    let read = ReadResourceRequestParams::new("library://books/moby-dick/words/3");
    let read = serde_json::to_value(it.client.read_resource(read).await.expect("a book")).expect("JSON");
    assert_eq!(read["contents"][0]["text"], "Ishmael.");
    let styles = it.client.complete_prompt_simple("library__recommend", "style", "pl").await.expect("values");
    assert_eq!(styles, ["plain", "playful"]);
    it
}

#[tokio::test]
async fn legacy_client() {
    let it = everything(ClientLifecycleMode::Initialize).await;
    let booked = it.call("asker__book_table", json!({})).await;
    assert_eq!(booked.content[0].as_text().map(|t| t.text.as_str()), Some("a table for 2 inside, under the name Ada"));
    it.close().await;
}

#[tokio::test]
async fn modern_client() {
    let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let it = everything(lifecycle).await;
    // Its server speaks the other era: what it asks comes between two rounds of the call, which the client makes by itself.
    let booked = it.call("asker__book_table", json!({})).await;
    assert_eq!(booked.content[0].as_text().map(|t| t.text.as_str()), Some("a table for 2 inside, under the name Ada"));
    it.close().await;
}

#[tokio::test]
async fn client_that_finds_out() {
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    };
    everything(lifecycle).await.close().await;
}
