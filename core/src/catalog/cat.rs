//! [`Catalog`]: one immutable value; who has what, and the lists as ready bytes.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use foldhash::HashMap;

use super::capability::{self, Declared};
use super::fence::Fence;
use super::item::Item;
use super::merge::Source;
use super::pattern::matches;
use super::promoted::{Promoted, promoted};
use crate::backend::{ItemKind, Offer};
use crate::config::Routing;
use crate::protocol::{Era, Revision};

/// Where an exposed name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name or URI clients know.
    pub exposed: Arc<str>,
    /// The server.
    pub backend: Arc<str>,
    /// The server's own name or URI.
    pub own: Arc<str>,
    /// The same as a JSON string, ready to be spliced in; `None` if it is what the client wrote.
    pub own_json: Option<Bytes>,
    /// A tool that takes calls as tasks only, as far as its server says so.
    pub needs_task: bool,
}

/// Where a URI leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriRoute {
    /// The server.
    pub backend: Arc<str>,
    /// The server's own URI as a JSON string, where it differs.
    pub own_json: Option<Bytes>,
    /// The server's own URI, where it differs.
    pub own: Option<Arc<str>>,
}

/// A list result as ready bytes: by era, made when first asked for.
#[derive(Debug, Default)]
pub struct ListBytes {
    pub(super) legacy: Bytes,
    modern: OnceLock<Bytes>,
}

impl ListBytes {
    /// A list whose items all look the same to both eras, or are told apart item by item.
    pub(super) fn new(legacy: Bytes) -> Self {
        Self { legacy, modern: OnceLock::new() }
    }
}

/// What a catalog was made of: views of it are made from the same.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) sources: Arc<[Source]>,
    pub(super) routing: Routing,
    pub(super) preface: Option<String>,
}

/// A tool that no client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The server's own name for it.
    pub own: Arc<str>,
    /// Its JSON as the server sent it.
    pub raw: Bytes,
}

/// Where names lead. They are bytes: one in a message is looked up as it stands there.
pub(super) type Names = HashMap<Arc<[u8]>, Entry>;

/// Everything we offer at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Grows with every change.
    pub version: u64,
    /// Items by [`ItemKind`], in the order clients see.
    pub items: [Vec<Item>; 4],
    pub(super) lists: [ListBytes; 4],
    pub(super) tools: Names,
    pub(super) prompts: Names,
    pub(super) resources: Names,
    /// Prefix with separator to server, longest first: for names that are not listed.
    pub(super) prefixes: Vec<(String, Arc<str>)>,
    /// Own names no client may see or call, by server.
    pub(super) hidden: HashMap<Arc<str>, Vec<String>>,
    /// Servers whose lists are on their way.
    pub pending: Vec<Arc<str>>,
    /// A reload has begun servers anew that have not said yet what they offer: clients are told of changes after that.
    pub is_settling: bool,
    /// Servers a list has to wake.
    pub asleep: Vec<Arc<str>>,
    /// Servers that declare completions.
    pub(super) completers: Vec<Arc<str>>,
    /// What servers say to the model about themselves, put together.
    pub instructions: String,
    /// The server whose own endpoint this looks like: names, URIs and bytes are its own, and it gets what is not listed too.
    pub sole: Option<Arc<str>>,
    /// What that server offers, once known: to clients we are this server.
    pub transparent: Option<Arc<Offer>>,
    /// What is declared to clients; nothing before the first merge.
    pub(super) capabilities: Declared,
    /// Keeps tools a token does not allow from being called by names that are not listed.
    pub(super) fence: Option<Fence>,
    pub(super) origin: Origin,
    /// Set aside or repaired items with the reason, by server.
    pub quarantined: HashMap<Arc<str>, Vec<String>>,
    /// Tools that rules of the configuration keep from all clients, by server.
    pub withheld: HashMap<Arc<str>, Vec<Withheld>>,
    /// Arguments of tools that also stand in HTTP headers, by exposed name; looked for when first asked for.
    pub(super) promoted: OnceLock<HashMap<Arc<str>, Vec<Promoted>>>,
}

impl Catalog {
    /// The server's tool behind an exposed name.
    #[must_use]
    pub fn tool(&self, exposed: &str) -> Option<&Entry> {
        self.tool_spelled(exposed.as_bytes())
    }

    /// The same behind a name of a message that is spelled without escapes.
    #[must_use]
    pub fn tool_spelled(&self, exposed: &[u8]) -> Option<&Entry> {
        self.tools.get(exposed)
    }

    /// Arguments of the tool `exposed` that also stand in HTTP headers.
    #[must_use]
    pub fn promoted(&self, exposed: &str) -> &[Promoted] {
        let all = self.promoted.get_or_init(|| {
            let tools = self.items[ItemKind::Tool as usize].iter();
            let found = tools.map(|t| (t.exposed.clone(), promoted(t.json(Era::Modern))));
            found.filter(|(_, p)| !p.is_empty()).collect()
        });
        all.get(exposed).map_or(&[], Vec::as_slice)
    }

    /// The server's prompt behind an exposed name.
    #[must_use]
    pub fn prompt(&self, exposed: &str) -> Option<&Entry> {
        self.prompts.get(exposed.as_bytes())
    }

    /// A name that is not listed but begins with a server's prefix: hidden tools work, denied ones do not.
    #[must_use]
    pub fn unlisted(&self, exposed: &str) -> Option<Entry> {
        let (prefix, backend) = self.prefixes.iter().find(|(p, _)| exposed.starts_with(p.as_str()))?;
        let own = &exposed[prefix.len()..];
        let denied = self.hidden.get(backend).is_some_and(|h| h.iter().any(|rule| matches(rule, own)));
        let fenced = self.fence.as_ref().is_some_and(|f| !f.permits(backend, own));
        if own.is_empty() || denied || fenced {
            return None;
        }
        let own_json = (!prefix.is_empty()).then(|| serde_json::Value::from(own).to_string().into());
        let (exposed, backend, own) = (exposed.into(), backend.clone(), own.into());
        Some(Entry { exposed, backend, own, own_json, needs_task: false })
    }

    /// The server of a resource: listed, matching a template (longest literal beginning first), or the first server that
    /// lists something of the same scheme and authority.
    #[must_use]
    pub fn resource(&self, uri: &str) -> Option<UriRoute> {
        if let Some(entry) = self.resources.get(uri.as_bytes()) {
            let own = entry.own_json.as_ref().map(|_| entry.own.clone());
            return Some(UriRoute { backend: entry.backend.clone(), own_json: entry.own_json.clone(), own });
        }
        let to = |backend: &Arc<str>| UriRoute { backend: backend.clone(), own_json: None, own: None };
        if let Some(sole) = &self.sole {
            return Some(to(sole));
        }
        let literal = |template: &str| template.find('{').unwrap_or(template.len());
        let by_template = self.items[ItemKind::Template as usize]
            .iter()
            .filter(|t| matches(&template_pattern(&t.own), uri))
            // The first of the longest: `max_by_key` gives the last.
            .rev()
            .max_by_key(|t| literal(&t.own));
        if let Some(template) = by_template {
            return Some(to(&template.backend));
        }
        let place = authority(uri)?;
        let mut listed = self.items[ItemKind::Resource as usize].iter().chain(&self.items[ItemKind::Template as usize]);
        listed.find(|i| authority(&i.own) == Some(place)).map(|i| to(&i.backend))
    }

    /// The server of a URI template that stands in a completion's `ref`.
    #[must_use]
    pub fn template(&self, template: &str) -> Option<UriRoute> {
        let found = self.items[ItemKind::Template as usize].iter().find(|t| &*t.own == template);
        match found {
            Some(t) => Some(UriRoute { backend: t.backend.clone(), own_json: None, own: None }),
            None => self.resource(template),
        }
    }

    /// The URI clients know for a server's own one.
    #[must_use]
    pub fn exposed_uri(&self, backend: &str, own: &str) -> Option<&Arc<str>> {
        let differs = |i: &&Item| &*i.own == own && &*i.backend == backend && i.own != i.exposed;
        self.items[ItemKind::Resource as usize].iter().find(differs).map(|i| &i.exposed)
    }

    /// Whether `backend` declares completions, or may turn out to.
    #[must_use]
    pub fn completes(&self, backend: &str) -> bool {
        let is_unknown = self.sole.as_deref() == Some(backend) && self.transparent.is_none();
        is_unknown || self.completers.iter().any(|b| &**b == backend)
    }

    /// What is declared to clients of `revision`, as JSON.
    #[must_use]
    pub fn declared(&self, revision: Revision) -> Cow<'_, str> {
        if self.capabilities.is_empty() {
            // Nothing is known of any server yet.
            return Cow::Owned(capability::merged(std::iter::empty(), false).to(revision).into_owned());
        }
        self.capabilities.to(revision)
    }

    /// The whole list result for clients of `era`, without paging.
    #[must_use]
    pub fn list(&self, kind: ItemKind, era: Era) -> Bytes {
        let list = &self.lists[kind as usize];
        match era {
            Era::Legacy => list.legacy.clone(),
            Era::Modern => list.modern.get_or_init(|| self.page(kind, era, 0, usize::MAX)).clone(),
        }
    }

    /// A page of the list: `n` items from `offset` on; with `nextCursor` if there are more.
    #[must_use]
    pub fn page(&self, kind: ItemKind, era: Era, offset: usize, n: usize) -> Bytes {
        let items = &self.items[kind as usize];
        let shown = &items[offset.min(items.len())..offset.saturating_add(n).min(items.len())];
        let mut out = BytesMut::with_capacity(shown.iter().map(|i| i.json(era).len() + 1).sum::<usize>() + 128);
        out.extend_from_slice(b"{");
        if era == Era::Modern {
            out.extend_from_slice(br#""resultType":"complete","ttlMs":0,"cacheScope":"private","#);
        }
        let next = offset.saturating_add(n);
        if next < items.len() {
            out.extend_from_slice(format!(r#""nextCursor":"{}","#, self.cursor(next)).as_bytes());
        }
        out.extend_from_slice(format!(r#""{}":["#, kind.key()).as_bytes());
        for (i, item) in shown.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b",");
            }
            out.extend_from_slice(item.json(era));
        }
        out.extend_from_slice(b"]}");
        out.freeze()
    }

    /// A cursor that holds as long as the catalog does.
    fn cursor(&self, offset: usize) -> String {
        format!("{:x}-{offset:x}", self.version)
    }

    /// The offset a cursor of this catalog stands for; `None` if it is stale or not ours.
    #[must_use]
    pub fn offset(&self, cursor: &str) -> Option<usize> {
        let (version, offset) = cursor.split_once('-')?;
        (u64::from_str_radix(version, 16) == Ok(self.version)).then(|| usize::from_str_radix(offset, 16).ok())?
    }

    /// Whether clients see another list of `kind` than in `before`.
    #[must_use]
    pub fn differs(&self, before: &Self, kind: ItemKind) -> bool {
        let i = kind as usize;
        let modern = |c: &Self| c.items[i].iter().any(|item| item.modern.is_some());
        self.lists[i].legacy != before.lists[i].legacy
            || ((modern(self) || modern(before))
                && !self.items[i].iter().map(|x| &x.modern).eq(before.items[i].iter().map(|x| &x.modern)))
    }
}

/// A URI template (RFC 6570) with each expression as a star.
fn template_pattern(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        out.push_str(literal);
        let Some((_, after)) = after.split_once('}') else { break };
        out.push('*');
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Scheme and authority of a URI (RFC 3986, section 3).
fn authority(uri: &str) -> Option<&str> {
    let scheme = uri.find(':')?;
    let rest = &uri[scheme + 1..];
    let end = rest.strip_prefix("//").map_or(0, |r| 2 + r.find(['/', '?', '#', '{']).unwrap_or(r.len()));
    Some(&uri[..=scheme + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_authorities() {
        assert_eq!(template_pattern("repo://{owner}/{+path}{?q}"), "repo://*/**");
        let check = |uri, expected| assert_eq!(authority(uri), expected, "{uri}");
        check("demo://resource/a", Some("demo://resource"));
        check("file:///a/b", Some("file://"));
        check("urn:x:y", Some("urn:"));
        check("nothing", None);
    }
}
