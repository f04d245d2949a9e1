//! The demo server `tools`: a tool of every kind. It does nothing outside its own process.

#![expect(deprecated, reason = "logging is removed from the newest edition only: clients of the others use it")]

use std::sync::Mutex;
use std::time::Duration;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
    ServerCapabilities, ServerConfig, SetLevelRequestParams,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, Json, RoleServer, ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ServeError, about, picture};

/// Longest a call of `slow` may be asked to take.
const MAX_SLOW: Duration = Duration::from_secs(60);

/// The server.
#[derive(Debug)]
pub(super) struct Tools {
    tool_router: ToolRouter<Self>,
    /// As the client wants it; `None`: no log messages.
    level: Mutex<Option<LoggingLevel>>,
}

/// Arguments of `echo`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Echo {
    /// What to say back
    text: String,
}

/// Arguments of `add`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Add {
    /// First number
    a: f64,
    /// Second number
    b: f64,
}

/// Result of `add`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Sum {
    /// The sum of both numbers
    sum: f64,
}

/// Arguments of `slow`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Slow {
    /// How long it takes
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 60))]
    seconds: f64,
    /// Progress notifications on the way
    #[serde(default = "six")]
    #[schemars(range(min = 1, max = 100))]
    steps: u32,
}

const fn three() -> f64 {
    3.0
}

const fn six() -> u32 {
    6
}

/// Arguments of `fail`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Fail {
    /// What the error says
    #[serde(default)]
    reason: Option<String>,
}

/// Arguments of `order`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Order {
    /// What to drink
    drink: Drink,
    /// With milk
    #[serde(default)]
    milk: bool,
    /// How many cups
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 12))]
    cups: u8,
    /// What else, in any order
    #[serde(default)]
    extras: Vec<String>,
    /// Where to bring it
    place: Place,
}

const fn one() -> u8 {
    1
}

/// What there is.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "lowercase")]
enum Drink {
    /// Black or green
    Tea,
    /// Strong
    Coffee,
    /// Still
    Water,
}

/// Where it is drunk.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
struct Place {
    /// Floor, the ground floor is 0
    floor: i8,
    /// Desk, if any
    #[serde(default)]
    desk: Option<String>,
}

/// Arguments of `forget`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Forget {
    /// What to forget
    what: String,
}

#[tool_router]
impl Tools {
    /// A fresh server.
    pub(super) fn new() -> Self {
        Self { tool_router: Self::tool_router(), level: Mutex::new(None) }
    }

    #[tool(
        description = "Says back what it is told",
        annotations(title = "Echo", read_only_hint = true, open_world_hint = false)
    )]
    async fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(
        description = "Adds two numbers; the result is structured and has a schema",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> Json<Sum> {
        Json(Sum { sum: a + b })
    }

    #[tool(
        description = "Takes its time and tells how far it is; can be cancelled",
        annotations(title = "Slow work", read_only_hint = true)
    )]
    async fn slow(
        &self,
        Parameters(Slow { seconds, steps }): Parameters<Slow>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let total = Duration::try_from_secs_f64(seconds).unwrap_or(MAX_SLOW).min(MAX_SLOW);
        let steps = steps.clamp(1, 100);
        let token = context.meta.get_progress_token();
        tracing::info!(?total, steps, "slow work begins");
        for step in 1..=steps {
            tokio::select! {
                biased;
                () = context.ct.cancelled() => {
                    tracing::warn!(step, "slow work was cancelled");
                    return Err(ErrorData::internal_error("cancelled", None));
                }
                () = tokio::time::sleep(total / steps) => {}
            }
            if let Some(token) = &token {
                let progress = ProgressNotificationParam::new(token.clone(), step.into())
                    .with_total(steps.into())
                    .with_message(format!("step {step} of {steps}"));
                // The client is gone: so is this call, soon.
                let _ = context.peer.notify_progress(progress).await;
            }
        }
        Ok(format!("done after {total:?}"))
    }

    #[tool(description = "Fails, as its result says")]
    async fn fail(&self, Parameters(Fail { reason }): Parameters<Fail>) -> CallToolResult {
        let reason = reason.unwrap_or_else(|| "this tool always fails".to_owned());
        tracing::error!(%reason, "the tool failed");
        CallToolResult::error(vec![ContentBlock::text(reason)])
    }

    #[tool(
        description = "Takes an order: choices, switches, lists and a nested object, to try forms with",
        annotations(title = "Order a drink", read_only_hint = false, destructive_hint = false)
    )]
    async fn order(&self, Parameters(order): Parameters<Order>) -> CallToolResult {
        CallToolResult::structured(json!({ "accepted": true, "order": order }))
    }

    #[tool(description = "Gives a small picture", annotations(read_only_hint = true, open_world_hint = false))]
    async fn picture(&self) -> CallToolResult {
        CallToolResult::success(vec![
            ContentBlock::text("a disc in a disc, 24 by 24 pixels"),
            ContentBlock::image(picture(), "image/png"),
        ])
    }

    #[tool(
        description = "Pretends to delete something; annotated as destructive",
        annotations(title = "Forget", read_only_hint = false, destructive_hint = true, idempotent_hint = true)
    )]
    async fn forget(&self, Parameters(Forget { what }): Parameters<Forget>) -> String {
        tracing::warn!(%what, "forgotten");
        format!("forgot `{what}`")
    }

    #[tool(description = "Sends three log messages, then answers", annotations(read_only_hint = true))]
    async fn chatter(&self, context: RequestContext<RoleServer>) -> String {
        let wanted = self.level.lock().ok().and_then(|level| *level);
        let mut n_sent = 0;
        for (level, text) in [
            (LoggingLevel::Debug, "thinking about it"),
            (LoggingLevel::Info, "this is going well"),
            (LoggingLevel::Warning, "almost out of words"),
        ] {
            if wanted.is_some_and(|wanted| rank(level) >= rank(wanted)) {
                let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("chatter");
                let sent = context.peer.notify_logging_message(message).await;
                n_sent += u32::from(sent.is_ok());
            }
        }
        format!("{n_sent} messages were sent")
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_logging().build();
        ServerConfig::new(capabilities)
            .with_server_info(about("tools", "Demo: tools of every kind"))
            .with_instructions("Harmless tools to try. `slow` shows progress, `fail` an error, `order` a form.")
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if let Ok(mut level) = self.level.lock() {
            *level = Some(request.level);
        }
        Ok(())
    }
}

/// Severity as a number, RFC 5424 the other way round.
const fn rank(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

pub(super) async fn serve<R, W>(streams: (R, W)) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    Tools::new().serve(streams).await?.waiting().await?;
    Ok(())
}
