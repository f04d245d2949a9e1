//! The demo servers, each in front of a real peer of both eras, without a proxy between.

#![expect(
    deprecated,
    reason = "sampling and roots are removed from the newest edition only: clients of the others use them"
)]

use std::sync::Mutex;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction, GetPromptRequestParams, Implementation,
    ListRootsResult, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
    ResourceUpdatedNotificationParam, Root, SamplingMessage, SubscribeRequestParams,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestContext, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient, ServiceError};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{ServeError, asker, client, library, tools};

const BUFFER: usize = 64 * 1024;

type Streams = (tokio::io::ReadHalf<DuplexStream>, tokio::io::WriteHalf<DuplexStream>);

/// A client that answers everything and remembers what it was told.
#[derive(Default)]
struct Peer {
    progress: Mutex<Vec<f64>>,
    updated: Mutex<Vec<String>>,
    told: Notify,
}

impl ClientHandler for Peer {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().enable_sampling().enable_roots().build();
        ClientConfig::new(capabilities, Implementation::new("peer", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        assert!(matches!(request, ElicitRequestParams::FormElicitationParams { .. }));
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "name": "Ada", "guests": 3 })))
    }

    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("short"), "model".to_owned()))
    }

    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///work")]))
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.progress.lock().unwrap().push(params.progress);
        self.told.notify_one();
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.updated.lock().unwrap().push(params.uri);
        self.told.notify_one();
    }
}

/// A peer connected to a server, and the tasks that keep both alive.
struct Connected {
    peer: RunningService<RoleClient, Peer>,
    tasks: JoinSet<Result<(), ServeError>>,
}

fn legacy() -> ClientLifecycleMode {
    ClientLifecycleMode::Initialize
}

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

async fn connect<F>(serve: impl FnOnce(Streams) -> F, lifecycle: ClientLifecycleMode) -> Connected
where
    F: Future<Output = Result<(), ServeError>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(tokio::io::split(theirs)));
    let peer = Peer::default().serve_with_lifecycle(ours, lifecycle).await.expect("the talk is opened");
    Connected { peer, tasks }
}

impl Connected {
    async fn call(&self, name: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let arguments = arguments.as_object().cloned().expect("an object");
        self.peer.call_tool(CallToolRequestParams::new(name).with_arguments(arguments)).await
    }

    async fn close(mut self) {
        self.peer.cancel().await.expect("the client ends");
        self.tasks.join_next().await.expect("one server").expect("no panic").expect("the server ends well");
    }
}

fn text(result: &CallToolResult) -> &str {
    result.content.iter().find_map(|c| c.as_text()).map_or("", |t| &t.text)
}

#[tokio::test]
async fn tools_work_in_both_eras() {
    for lifecycle in [legacy(), modern()] {
        let it = connect(tools::serve, lifecycle).await;
        let listed = it.peer.list_all_tools().await.unwrap();
        let mut names: Vec<&str> = listed.iter().map(|t| &*t.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["add", "chatter", "echo", "fail", "forget", "order", "picture", "slow"]);
        let add = listed.iter().find(|t| t.name == "add").unwrap();
        assert!(add.output_schema.is_some());
        assert_eq!(add.annotations.as_ref().and_then(|a| a.read_only_hint), Some(true));

        assert_eq!(text(&it.call("echo", json!({ "text": "hi" })).await.unwrap()), "hi");
        let sum = it.call("add", json!({ "a": 1, "b": 2 })).await.unwrap();
        assert_eq!(sum.structured_content, Some(json!({ "sum": 3.0 })));
        let failed = it.call("fail", json!({ "reason": "why not" })).await.unwrap();
        assert_eq!((failed.is_error, text(&failed)), (Some(true), "why not"));
        let order = json!({ "drink": "tea", "place": { "floor": 1 } });
        let order = it.call("order", order).await.unwrap().structured_content.unwrap();
        assert_eq!(order["order"]["cups"], 1);
        let picture = it.call("picture", json!({})).await.unwrap();
        assert_eq!(picture.content[1].as_image().unwrap().mime_type, "image/png");
        it.close().await;
    }
}

#[tokio::test]
async fn form_has_choices_switches_lists_and_nested_objects() {
    let it = connect(tools::serve, legacy()).await;
    let listed = it.peer.list_all_tools().await.unwrap();
    let order = listed.iter().find(|t| t.name == "order").unwrap();
    let properties = &order.input_schema["properties"];
    let kinds: Vec<&Value> = ["milk", "cups", "extras", "place"].iter().map(|k| &properties[k]["type"]).collect();
    assert_eq!(kinds, ["boolean", "integer", "array", "object"]);
    assert!(properties["drink"].to_string().contains("coffee"));
    it.close().await;
}

#[tokio::test(start_paused = true)]
async fn slow_tells_how_far_it_is() {
    let it = connect(tools::serve, legacy()).await;
    let done = it.call("slow", json!({ "seconds": 4, "steps": 4 })).await.unwrap();
    assert_eq!(text(&done), "done after 4s");
    while it.peer.service().progress.lock().unwrap().len() < 4 {
        it.peer.service().told.notified().await;
    }
    assert_eq!(*it.peer.service().progress.lock().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    it.close().await;
}

#[tokio::test(start_paused = true)]
async fn slow_can_be_cancelled() {
    let it = connect(tools::serve, legacy()).await;
    let request =
        CallToolRequestParams::new("slow").with_arguments(json!({ "seconds": 60 }).as_object().cloned().unwrap());
    let request = rmcp::model::ClientRequest::CallToolRequest(rmcp::model::Request::new(request));
    let handle = it.peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap();
    let begun = tokio::time::Instant::now();
    it.peer.service().told.notified().await;
    handle.cancel(None).await.unwrap();
    // The server is free again at once, not after a minute.
    assert_eq!(text(&it.call("echo", json!({ "text": "free" })).await.unwrap()), "free");
    assert!(begun.elapsed() < Duration::from_secs(60));
    it.close().await;
}

#[tokio::test]
async fn library_works_in_both_eras() {
    for lifecycle in [legacy(), modern()] {
        let it = connect(library::serve, lifecycle).await;
        let uris: Vec<String> = it.peer.list_all_resources().await.unwrap().into_iter().map(|r| r.uri).collect();
        assert_eq!(uris, ["library://catalogue", "library://cover", "library://visitors"]);
        assert_eq!(it.peer.list_all_resource_templates().await.unwrap().len(), 2);
        assert_eq!(it.peer.list_all_prompts().await.unwrap().len(), 3);

        let read = async |uri: &str| it.peer.read_resource(ReadResourceRequestParams::new(uri)).await;
        let word = serde_json::to_value(read("library://books/moby-dick/words/3").await.unwrap()).unwrap();
        assert_eq!(word["contents"][0]["text"], "Ishmael.");
        let cover = serde_json::to_value(read("library://cover").await.unwrap()).unwrap();
        assert!(cover["contents"][0]["blob"].is_string());
        assert!(read("library://books/nothing").await.is_err());

        let prompt = GetPromptRequestParams::new("discuss");
        let prompt = prompt.with_arguments(json!({ "book": "emma" }).as_object().cloned().unwrap());
        assert_eq!(it.peer.get_prompt(prompt).await.unwrap().messages.len(), 2);
        let styles = it.peer.complete_prompt_simple("recommend", "style", "pl").await.unwrap();
        assert_eq!(styles, ["plain", "playful"]);
        it.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn library_tells_a_legacy_subscriber() {
    let it = connect(library::serve, legacy()).await;
    it.peer.subscribe(SubscribeRequestParams::new("library://visitors")).await.unwrap();
    it.peer.service().told.notified().await;
    assert_eq!(it.peer.service().updated.lock().unwrap()[0], "library://visitors");
    it.close().await;
}

#[tokio::test]
async fn asker_asks() {
    let it = connect(asker::serve, legacy()).await;
    let booked = it.call("book_table", json!({})).await.unwrap();
    assert_eq!(text(&booked), "a table for 3 inside, under the name Ada");
    let short = it.call("summarise", json!({ "text": "long" })).await.unwrap();
    assert_eq!(text(&short), "model says: short");
    assert_eq!(text(&it.call("where_am_i", json!({})).await.unwrap()), "file:///work");
    it.close().await;
}

#[tokio::test]
async fn asker_speaks_the_legacy_era_only() {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let mut tasks = JoinSet::new();
    tasks.spawn(asker::serve(tokio::io::split(theirs)));
    assert!(Peer::default().serve_with_lifecycle(ours, modern()).await.is_err());
}

/// What the demo client names is there, but for the two mistakes it makes on purpose.
#[tokio::test]
async fn demo_client_names_what_there_is() {
    let mut known: Vec<String> = Vec::new();
    let it = connect(tools::serve, legacy()).await;
    known.extend(it.peer.list_all_tools().await.unwrap().iter().map(|t| format!("tools__{}", t.name)));
    it.close().await;
    let it = connect(asker::serve, legacy()).await;
    known.extend(it.peer.list_all_tools().await.unwrap().iter().map(|t| format!("asker__{}", t.name)));
    it.close().await;
    let it = connect(library::serve, legacy()).await;
    known.extend(it.peer.list_all_prompts().await.unwrap().iter().map(|p| format!("library__{}", p.name)));
    known.extend(it.peer.list_all_resources().await.unwrap().into_iter().map(|r| r.uri));
    let mut unknown = Vec::new();
    for step in client::steps() {
        let named = step.params["name"].as_str().or_else(|| step.params["ref"]["name"].as_str());
        match (named, step.params["uri"].as_str()) {
            (Some(name), _) if !known.iter().any(|k| k == name) => unknown.push(name.to_owned()),
            (None, Some(uri)) if it.peer.read_resource(ReadResourceRequestParams::new(uri)).await.is_err() => {
                unknown.push(uri.to_owned());
            }
            _ => {}
        }
    }
    it.close().await;
    assert_eq!(unknown, ["library://books/the-lost-one", "tools__no_such_tool"]);
}
