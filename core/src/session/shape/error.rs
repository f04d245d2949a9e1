//! Errors that differ between the editions (protocol.md, 3.9).

use super::{Active, at, inside};
use crate::protocol::{Era, Field, Message, Method, Patch, Revision, Span, Spliced, code, walk};

/// URLs and capabilities named in one message, at most.
const MAX_NAMED: usize = 8;

/// Makes an error that of the client's edition, and gives its code.
pub(super) fn shape(out: &mut Spliced, message: &Message, active: &Active, from: Era) -> i32 {
    let given = message.error_code().unwrap_or(0);
    let Some(error) = message.span(Field::Error) else { return given };
    let it = Error { raw: message.raw(), error };
    let revision = active.facts.revision;
    let is_read = active.method == Some(Method::ResourcesRead);
    if is_read && let Some((own, exposed)) = &active.uris {
        it.rename(out, own, exposed);
    }
    let to = match (from, revision.era(), given) {
        (Era::Legacy, Era::Modern, code::RESOURCE_NOT_FOUND) if is_read => {
            let named = active.uris.as_ref().map(|(_, exposed)| exposed.clone()).or_else(|| active.shown.clone());
            if let Some(uri) = named.filter(|_| it.data("uri").is_none()) {
                it.name_uri(out, &uri);
            }
            code::INVALID_PARAMS
        }
        (Era::Modern, Era::Legacy, code::INVALID_PARAMS) if is_read && it.data("uri").is_some() => {
            code::RESOURCE_NOT_FOUND
        }
        (Era::Modern, Era::Legacy, code::MISSING_CAPABILITY) => {
            it.name_capabilities(out);
            given
        }
        // These are about what we have sent, and what is done about them has been done.
        (_, _, code::HEADER_MISMATCH | code::UNSUPPORTED_VERSION) => code::INTERNAL,
        // Editions before 2025-11-25 have no URLs to be opened first: a person reads the message.
        (_, Era::Legacy, code::URL_ELICITATION_REQUIRED) if revision < Revision::V2025_11_25 => {
            it.name_urls(out);
            code::INTERNAL
        }
        _ => return given,
    };
    if to != given
        && let Some(span) = message.span(Field::ErrorCode)
    {
        out.patch(span, Patch::Bytes(to.to_string().into()));
    }
    to
}

/// An error object.
struct Error<'a> {
    raw: &'a [u8],
    error: Span,
}

impl Error<'_> {
    fn member(&self, object: Span, key: &str) -> Option<Span> {
        walk::member(self.raw, object, key).map(|(_, v)| v)
    }

    /// A member of `data`.
    fn data(&self, key: &str) -> Option<Span> {
        self.member(self.member(self.error, "data")?, key)
    }

    fn text(&self, span: Span) -> Option<String> {
        walk::decode(at(self.raw, span)).map(std::borrow::Cow::into_owned)
    }

    /// Adds to what the message says.
    fn say(&self, out: &mut Spliced, more: &str) {
        match self.member(self.error, "message") {
            Some(span) => {
                let text = self.text(span).unwrap_or_default();
                let text = serde_json::Value::from(format!("{text}{more}"));
                out.patch(span, Patch::Bytes(text.to_string().into()));
            }
            None => {
                let text = serde_json::Value::from(more.trim_start());
                out.patch(inside(self.error), Patch::Bytes(format!(r#""message":{text},"#).into()));
            }
        }
    }

    /// Names the capabilities a client of the other era would have had to declare.
    fn name_capabilities(&self, out: &mut Spliced) {
        let said = self.member(self.error, "message").and_then(|m| self.text(m)).unwrap_or_default();
        let required = self.data("requiredCapabilities").into_iter().flat_map(|r| walk::members(self.raw, r));
        let names = required.filter_map(|(key, _)| self.text(key)).filter(|name| !said.contains(name.as_str()));
        let names: Vec<String> = names.take(MAX_NAMED).map(|n| format!("`{n}`")).collect();
        if !names.is_empty() {
            self.say(out, &format!(" (the client did not declare the capability {})", names.join(", ")));
        }
    }

    /// Names the URLs that have to be opened first.
    fn name_urls(&self, out: &mut Spliced) {
        let all = self.data("elicitations").into_iter().flat_map(|e| walk::elements(self.raw, e));
        let urls = all.filter_map(|e| self.text(self.member(e, "url")?));
        let urls: Vec<String> = urls.take(MAX_NAMED).collect();
        if !urls.is_empty() {
            self.say(out, &format!(" (open this first, then call again: {})", urls.join(" , ")));
        }
    }

    /// Says in `data` which resource there is not.
    fn name_uri(&self, out: &mut Spliced, uri: &str) {
        let uri = serde_json::Value::from(uri);
        let (place, text) = match self.member(self.error, "data") {
            None => (inside(self.error), format!(r#""data":{{"uri":{uri}}},"#)),
            Some(data) if at(self.raw, data).first() == Some(&b'{') => {
                let comma = if walk::members(self.raw, data).next().is_some() { "," } else { "" };
                (inside(data), format!(r#""uri":{uri}{comma}"#))
            }
            Some(data) if at(self.raw, data) == b"null" => (data, format!(r#"{{"uri":{uri}}}"#)),
            // It says something else there.
            Some(_) => return,
        };
        out.patch(place, Patch::Bytes(text.into()));
    }

    /// A resource that clients know by another URI is called by that.
    fn rename(&self, out: &mut Spliced, own: &str, exposed: &str) {
        let Some(uri) = self.data("uri") else { return };
        if self.text(uri).as_deref() == Some(own) {
            out.patch(uri, Patch::Bytes(serde_json::Value::from(exposed).to_string().into()));
        }
    }
}
