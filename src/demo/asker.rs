//! The demo server `asker`: its tools ask the client back, by elicitation, sampling and roots.
//!
//! It speaks the legacy era only: there a question is a request of the server's own, which is what it is here to show.

#![expect(
    deprecated,
    reason = "sampling and roots are removed from the newest edition only: clients of the others use it"
)]

use std::borrow::Cow;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, CreateMessageRequestParams, ProtocolVersion, SamplingMessage, ServerCapabilities,
    ServerConfig,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::{ElicitationError, Peer, ServiceError};
use rmcp::{RoleServer, ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ServeError, about};

/// Most tokens a summary may have.
const MAX_TOKENS: u32 = 200;

/// The server.
#[derive(Debug)]
pub(super) struct Asker {
    tool_router: ToolRouter<Self>,
}

/// What `book_table` asks for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Booking {
    /// Under which name
    name: String,
    /// For how many
    #[schemars(range(min = 1, max = 20))]
    guests: u8,
    /// Outside, if the weather is good
    #[serde(default)]
    outside: bool,
}

rmcp::elicit_safe!(Booking);

/// Arguments of `summarise`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Summarise {
    /// The text to make shorter
    text: String,
}

#[tool_router]
impl Asker {
    /// A fresh server.
    pub(super) fn new() -> Self {
        Self { tool_router: Self::tool_router() }
    }

    #[tool(
        description = "Books a table: asks the user for name and number of guests (elicitation)",
        annotations(title = "Book a table", read_only_hint = false, destructive_hint = false)
    )]
    async fn book_table(&self, peer: Peer<RoleServer>) -> CallToolResult {
        match peer.elicit::<Booking>("Who is coming, and how many?").await {
            Ok(Some(Booking { name, guests, outside })) => {
                let place = if outside { "outside" } else { "inside" };
                said(format!("a table for {guests} {place}, under the name {name}"))
            }
            Ok(None) => said("nothing was said, so nothing was booked"),
            Err(ElicitationError::UserDeclined) => said("the user would rather not"),
            Err(ElicitationError::UserCancelled) => said("the user closed the question"),
            Err(e) => refused("elicitation", &e),
        }
    }

    #[tool(
        description = "Makes a text shorter: asks the client's model (sampling)",
        annotations(title = "Summarise", read_only_hint = true)
    )]
    async fn summarise(
        &self,
        Parameters(Summarise { text }): Parameters<Summarise>,
        peer: Peer<RoleServer>,
    ) -> CallToolResult {
        let question = SamplingMessage::user_text(format!("Say this in one short sentence: {text}"));
        let params = CreateMessageRequestParams::new(vec![question], MAX_TOKENS).with_system_prompt("You are brief.");
        let answer = peer.create_message(params).await;
        match answer {
            Ok(result) => {
                let text: Vec<&str> =
                    result.message.content.iter().filter_map(|c| c.as_text()).map(|t| t.text.as_str()).collect();
                said(format!("{} says: {}", result.model, text.join(" ")))
            }
            Err(e) => refused("sampling", &e),
        }
    }

    #[tool(
        description = "Tells which folders the client works in (roots)",
        annotations(title = "Where am I", read_only_hint = true)
    )]
    async fn where_am_i(&self, peer: Peer<RoleServer>) -> CallToolResult {
        let answer: Result<_, ServiceError> = peer.list_roots().await;
        match answer {
            Ok(result) if result.roots.is_empty() => said("nowhere in particular"),
            Ok(result) => said(result.roots.into_iter().map(|r| r.uri).collect::<Vec<_>>().join("\n")),
            Err(e) => refused("roots", &e),
        }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Asker {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(about("asker", "Demo: a server that asks back"))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25))
    }
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn refused(what: &str, error: &dyn std::error::Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("the client did not answer by {what}: {error}"))])
}

pub(super) async fn serve<R, W>(streams: (R, W)) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    Asker::new().serve(streams).await?.waiting().await?;
    Ok(())
}
