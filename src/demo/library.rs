//! The demo server `library`: resources, templates, prompts, completion. One resource changes every few seconds, and now
//! and then one comes or goes: subscribers and lists are told.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptResult, ListResourceTemplatesResult,
    ListResourcesResult, PaginatedRequestParams, PromptMessage, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, Reference, Resource, ResourceContents, ResourceTemplate, ResourceUpdatedNotificationParam,
    Role, ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::{NotificationContext, Peer, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _, prompt, prompt_handler, prompt_router};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{ServeError, about, picture};

/// How often the visitor book changes.
const CHANGE: Duration = Duration::from_secs(3);
/// Every so many changes the guest book comes or goes.
const CHANGES_A_GUEST: u64 = 5;
/// The resource that changes.
const VISITORS: &str = "library://visitors";
/// Books by id, title and first line.
const BOOKS: [(&str, &str, &str); 6] = [
    (
        "alice",
        "Alice's Adventures in Wonderland",
        "Alice was beginning to get very tired of sitting by her sister on the bank.",
    ),
    (
        "emma",
        "Emma",
        "Emma Woodhouse, handsome, clever, and rich, seemed to unite some of the best blessings of existence.",
    ),
    (
        "frankenstein",
        "Frankenstein",
        "You will rejoice to hear that no disaster has accompanied the commencement of an enterprise.",
    ),
    ("moby-dick", "Moby-Dick", "Call me Ishmael."),
    ("odyssey", "The Odyssey", "Tell me, O Muse, of that ingenious hero who travelled far and wide."),
    ("walden", "Walden", "When I wrote the following pages, I lived alone, in the woods, a mile from any neighbor."),
];
/// What prompts can be written like.
const STYLES: [&str; 5] = ["plain", "playful", "poetic", "precise", "pirate"];

/// The server.
#[derive(Debug)]
pub(super) struct Library {
    prompt_router: PromptRouter<Self>,
    /// Changes so far; every listener holds a receiver.
    changes: watch::Sender<u64>,
    /// What a client of the legacy era subscribed to. Only what exists can be subscribed to: that bounds it.
    subscribed: Mutex<BTreeSet<String>>,
    /// A client of the legacy era is told without having to listen.
    legacy: AtomicBool,
    /// Cancelled when our stdin ends: open subscriptions must not keep us.
    gone: CancellationToken,
}

/// Arguments of `recommend`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Recommend {
    /// For whom
    reader: String,
    /// plain, playful, poetic, precise or pirate
    style: Option<String>,
}

/// Arguments of `discuss`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Discuss {
    /// The book's id
    book: String,
}

#[prompt_router]
impl Library {
    /// A fresh server.
    pub(super) fn new() -> Self {
        Self {
            prompt_router: Self::prompt_router(),
            changes: watch::Sender::new(0),
            subscribed: Mutex::default(),
            legacy: AtomicBool::new(false),
            gone: CancellationToken::new(),
        }
    }

    /// Recommends a book to somebody.
    #[prompt(description = "Recommends a book to somebody")]
    async fn recommend(&self, Parameters(Recommend { reader, style }): Parameters<Recommend>) -> GetPromptResult {
        let style = style.unwrap_or_else(|| "plain".to_owned());
        let text = format!("Recommend one of the books in library://catalogue to {reader}, in a {style} style.");
        GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).with_description("A recommendation")
    }

    /// Opens a talk about a book, its text included.
    #[prompt(description = "Opens a talk about a book, its text included")]
    async fn discuss(&self, Parameters(Discuss { book }): Parameters<Discuss>) -> Result<GetPromptResult, ErrorData> {
        let uri = format!("library://books/{book}");
        let text = self.text(&uri).ok_or_else(|| ErrorData::invalid_params(format!("no book `{book}`"), None))?;
        Ok(GetPromptResult::new(vec![
            PromptMessage::new_resource(Role::User, uri, Some("text/plain".to_owned()), Some(text), None, None, None),
            PromptMessage::new_text(Role::User, "What is this book about?"),
        ]))
    }

    /// Says hello.
    #[prompt(description = "Says hello")]
    async fn hello(&self) -> Vec<PromptMessage> {
        vec![PromptMessage::new_text(Role::Assistant, "Hello, what would you like to read?")]
    }

    /// Whether the guest book lies out.
    fn has_guest(&self) -> bool {
        *self.changes.borrow() / CHANGES_A_GUEST % 2 == 1
    }

    fn resources(&self) -> Vec<Resource> {
        let mut all = vec![
            Resource::new("library://catalogue", "catalogue").with_title("All books").with_mime_type("text/markdown"),
            Resource::new("library://cover", "cover").with_title("A cover").with_mime_type("image/png"),
            Resource::new(VISITORS, "visitors")
                .with_title("Visitors today")
                .with_description("Changes every few seconds: subscribe to it")
                .with_mime_type("text/plain"),
        ];
        if self.has_guest() {
            all.push(
                Resource::new("library://guest", "guest")
                    .with_description("Comes and goes")
                    .with_mime_type("text/plain"),
            );
        }
        all
    }

    fn text(&self, uri: &str) -> Option<String> {
        let path = uri.strip_prefix("library://")?;
        let book = |id: &str| BOOKS.iter().find(|(known, ..)| *known == id);
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["catalogue"] => Some(BOOKS.map(|(id, title, _)| format!("- {title} (library://books/{id})\n")).concat()),
            ["visitors"] => Some(format!("{} visitors today", *self.changes.borrow())),
            ["guest"] if self.has_guest() => Some("I was here.".to_owned()),
            ["books", id] => book(id).map(|(_, title, line)| format!("{title}\n\n{line}")),
            ["books", id, "words", n] => {
                book(id)?.2.split_whitespace().nth(n.parse::<usize>().ok()?.checked_sub(1)?).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Changes the library for ever.
    async fn change(&self, peer: &Peer<RoleServer>) {
        let mut clock = tokio::time::interval(CHANGE);
        clock.tick().await;
        loop {
            clock.tick().await;
            self.changes.send_modify(|n| *n += 1);
            let n = *self.changes.borrow();
            self.tell(peer, n).await;
        }
    }

    /// Tells a client of the legacy era. Clients of the modern era listen.
    async fn tell(&self, peer: &Peer<RoleServer>, n: u64) {
        if !self.legacy.load(Ordering::Relaxed) {
            return;
        }
        // A client that is gone needs to be told nothing.
        if self.subscribed.lock().is_ok_and(|s| s.contains(VISITORS)) {
            let _ = peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(VISITORS)).await;
        }
        if n.is_multiple_of(CHANGES_A_GUEST) {
            let _ = peer.notify_resource_list_changed().await;
        }
    }
}

#[prompt_handler(router = self.prompt_router)]
impl ServerHandler for Library {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(about("library", "Demo: a small library"))
            .with_instructions("Read library://catalogue first; books are at library://books/{id}.")
    }

    async fn on_initialized(&self, _context: NotificationContext<RoleServer>) {
        self.legacy.store(true, Ordering::Relaxed);
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(self.resources()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(vec![
            ResourceTemplate::new("library://books/{id}", "book").with_title("A book").with_mime_type("text/plain"),
            ResourceTemplate::new("library://books/{id}/words/{n}", "word").with_title("A word of its first line"),
        ]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let contents = if uri == "library://cover" {
            ResourceContents::blob(picture(), uri).with_mime_type("image/png")
        } else {
            let kind = if uri == "library://catalogue" { "text/markdown" } else { "text/plain" };
            match self.text(&uri) {
                Some(text) => ResourceContents::text(text, uri).with_mime_type(kind),
                None => return Err(ErrorData::resource_not_found(format!("nothing at `{uri}`"), None)),
            }
        };
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let begun = request.argument.value.to_lowercase();
        let values: Vec<String> = match (&request.r#ref, request.argument.name.as_str()) {
            (Reference::Prompt(_), "style") => STYLES.map(str::to_owned).to_vec(),
            (Reference::Prompt(_), "book") | (Reference::Resource(_), "id") => {
                BOOKS.map(|(id, ..)| id.to_owned()).to_vec()
            }
            _ => Vec::new(),
        };
        let values = values.into_iter().filter(|v| v.starts_with(&begun)).collect();
        let info = CompletionInfo::with_all_values(values).map_err(|e| ErrorData::internal_error(e, None))?;
        Ok(CompleteResult::new(info))
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if request.uri != "library://cover" && self.text(&request.uri).is_none() {
            return Err(ErrorData::resource_not_found(format!("nothing at `{}`", request.uri), None));
        }
        if let Ok(mut subscribed) = self.subscribed.lock() {
            subscribed.insert(request.uri);
        }
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if let Ok(mut subscribed) = self.subscribed.lock() {
            subscribed.remove(&request.uri);
        }
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        let sink = context.sink();
        let visitors =
            sink.accepted().resource_subscriptions.as_ref().is_some_and(|uris| uris.iter().any(|u| u == VISITORS));
        let lists = sink.accepted().resources_list_changed == Some(true);
        loop {
            tokio::select! {
                biased;
                () = context.cancelled() => return Ok(()),
                () = self.gone.cancelled() => return Ok(()),
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
            }
            let n = *changes.borrow_and_update();
            let mut sent = Ok(());
            if visitors {
                sent = sink.notify_resource_updated(VISITORS).await;
            }
            if sent.is_ok() && lists && n.is_multiple_of(CHANGES_A_GUEST) {
                sent = sink.notify_resource_list_changed().await;
            }
            if sent.is_err() {
                return Ok(());
            }
        }
    }
}

/// Tells when there is nothing more to read.
struct Watched<R> {
    reader: R,
    gone: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.reader).poll_read(cx, buf);
        if polled.is_ready() && buf.filled().len() == before {
            self.gone.cancel();
        }
        polled
    }
}

pub(super) async fn serve<R, W>(streams: (R, W)) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let library = Library::new();
    let (reader, writer) = streams;
    let reader = Watched { reader, gone: library.gone.clone() };
    let running = Arc::new(library).serve((reader, writer)).await?;
    let library = running.service().clone();
    let peer = running.peer().clone();
    tokio::select! {
        ended = running.waiting() => { ended?; }
        () = library.change(&peer) => {}
    }
    Ok(())
}
