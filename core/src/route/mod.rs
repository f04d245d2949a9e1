//! Which server a request is for, and under which name it knows the thing. Pure: knows names, not processes.

use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::{Catalog, Entry, UriRoute};
use crate::protocol::{Era, Fault, Field, Message, Method, Span, code};

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// To one server.
    Backend(To),
    /// A completion for a server that has none: answered with nothing.
    NoCompletions,
    /// Nowhere.
    Nowhere(Fault),
}

/// The way to what a request names.
#[derive(Debug, PartialEq, Eq)]
pub struct To {
    /// The server.
    pub backend: Arc<str>,
    /// The place of the routing name and what stands there towards the server; `None`: as the client wrote it.
    pub target: Option<(Span, Bytes)>,
    /// The name or URI as the client wrote it.
    pub shown: Arc<str>,
    /// The server's own name of a tool, for its histogram.
    pub tool: Option<Arc<str>>,
    /// The server's own URI, where it differs from what the client wrote.
    pub own_uri: Option<Arc<str>>,
    /// The tool takes calls as tasks only.
    pub needs_task: bool,
}

/// The route of a request that names a tool, a prompt or a resource.
#[must_use]
pub fn route(catalog: &Catalog, method: Method, message: &Message, era: Era) -> Route {
    match method {
        Method::ToolsCall => match message.spelled(Field::Name).and_then(|name| catalog.tool_spelled(name)) {
            // Nearly always.
            Some(entry) => to(message, Field::Name, entry.clone()),
            None => named(message, Field::Name, "tool", |name| {
                catalog.tool(name).cloned().or_else(|| catalog.unlisted(name))
            }),
        },
        Method::PromptsGet => named(message, Field::Name, "prompt", |name| {
            catalog.prompt(name).cloned().or_else(|| catalog.unlisted(name))
        }),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            uri(message, Field::Uri, era, |uri| catalog.resource(uri))
        }
        Method::Complete => completion(catalog, message, era),
        _ => Route::Nowhere(Fault::new(code::METHOD_NOT_FOUND, format!("`{}` has no route", method.name()))),
    }
}

fn named(message: &Message, field: Field, what: &str, find: impl FnOnce(&str) -> Option<Entry>) -> Route {
    let Some(name) = message.text(field) else {
        return Route::Nowhere(Fault::new(code::INVALID_PARAMS, format!("`params.name` must be the name of a {what}")));
    };
    let Some(entry) = find(&name) else {
        return Route::Nowhere(Fault::new(code::INVALID_PARAMS, format!("Unknown {what}: {name}")));
    };
    to(message, field, entry)
}

/// The way to what `field` of a message names.
fn to(message: &Message, field: Field, entry: Entry) -> Route {
    let target = message.span(field).zip(entry.own_json);
    let Entry { exposed: shown, backend, own, needs_task, .. } = entry;
    Route::Backend(To { backend, target, shown, tool: Some(own), own_uri: None, needs_task })
}

fn uri(message: &Message, field: Field, era: Era, find: impl FnOnce(&str) -> Option<UriRoute>) -> Route {
    let Some(uri) = message.text(field) else {
        return Route::Nowhere(Fault::new(code::INVALID_PARAMS, "`params.uri` must be a URI"));
    };
    let Some(route) = find(&uri) else {
        // MCP 2025-11-25, server/resources, error handling; 2026-07-28 uses the general code.
        let code = if era == Era::Legacy { code::RESOURCE_NOT_FOUND } else { code::INVALID_PARAMS };
        let data = serde_json::json!({ "uri": uri });
        return Route::Nowhere(Fault::new(code, format!("Resource not found: {uri}")).with_data(&data));
    };
    let target = message.span(field).zip(route.own_json);
    let shown = uri.as_ref().into();
    Route::Backend(To { backend: route.backend, target, shown, tool: None, own_uri: route.own, needs_task: false })
}

fn completion(catalog: &Catalog, message: &Message, era: Era) -> Route {
    let route = if message.span(Field::RefUri).is_some() {
        uri(message, Field::RefUri, era, |uri| catalog.template(uri))
    } else {
        named(message, Field::RefName, "prompt", |name| {
            catalog.prompt(name).cloned().or_else(|| catalog.unlisted(name))
        })
    };
    match route {
        Route::Backend(To { backend, .. }) if !catalog.completes(&backend) => Route::NoCompletions,
        Route::Backend(to) => Route::Backend(To { tool: None, needs_task: false, ..to }),
        Route::Nowhere(fault) => Route::Nowhere(Fault { code: code::INVALID_PARAMS, ..fault }),
        Route::NoCompletions => Route::NoCompletions,
    }
}
