//! Whose an instance is ([`Tenant`]), and what a client can be asked ([`Profile`]). Pure.

use bytes::Bytes;

use super::peer::{ClientFacts, Principal};
use crate::protocol::{Era, Method, SessionId, Span, walk};

/// Whose calls an instance takes (protocol.md, section 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tenant {
    /// Everybody's.
    Everybody,
    /// Those of one user, whatever the session.
    Client(Principal),
    /// Those of one session.
    Session(SessionId),
    /// Those of one user's modern clients that can be asked the same things.
    Kind(Principal, Profile),
    /// Those of clients that can be asked the same things, of one session at a time; of modern ones that say no name, one call
    /// at a time.
    Lease(Profile),
}

/// What a client can be asked: as much of its capabilities as changes what servers do. Or that it can be asked nothing, but wants
/// to hear a server's log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile(u8);

const FORM: u8 = 1;
const URL: u8 = 1 << 1;
const SAMPLING: u8 = 1 << 2;
const SAMPLING_TOOLS: u8 = 1 << 3;
const ROOTS: u8 = 1 << 4;
const ROOTS_CHANGED: u8 = 1 << 5;
const HEARS: u8 = 1 << 6;

impl Profile {
    /// Of a client that can be asked nothing and wants log lines: on a pipe these are for whoever has the instance.
    pub(super) const HEARS: Self = Self(HEARS);
    /// Of a client that can be asked nothing.
    pub(super) const NOTHING: Self = Self(0);

    /// Of a client that can be asked anything at all.
    #[must_use]
    pub fn of(facts: &ClientFacts) -> Option<Self> {
        *facts.carried.profile.get_or_init(|| Self::read(facts))
    }

    fn read(facts: &ClientFacts) -> Option<Self> {
        let raw = &*facts.capabilities;
        let all = Span { start: 0, end: u32::try_from(raw.len()).unwrap_or(0) };
        let object = |within: Span, key: &str| {
            walk::member(raw, within, key).map(|(_, v)| v).filter(|v| raw.get(v.start as usize) == Some(&b'{'))
        };
        let mut bits = 0;
        if let Some(elicitation) = object(all, "elicitation") {
            // MCP 2025-11-25, client/elicitation: without modes it is forms.
            let url = object(elicitation, "url").is_some();
            let form = object(elicitation, "form").is_some() || !url;
            bits |= if url { URL } else { 0 } | if form { FORM } else { 0 };
        }
        if let Some(sampling) = object(all, "sampling") {
            bits |= SAMPLING | if object(sampling, "tools").is_some() { SAMPLING_TOOLS } else { 0 };
        }
        if let Some(roots) = object(all, "roots") {
            let told = walk::member(raw, roots, "listChanged")
                .is_some_and(|(_, v)| raw.get(v.start as usize..v.end as usize) == Some(b"true"));
            // A modern client says with every request what its roots are when it is asked: it is we who tell of changes.
            let told = told || facts.revision.era() == Era::Modern;
            bits |= ROOTS | if told { ROOTS_CHANGED } else { 0 };
        }
        (bits != 0).then_some(Self(bits))
    }

    /// What a client needs to be asked this.
    pub(super) const fn to_be_asked(method: Method) -> Self {
        Self(match method {
            Method::ElicitationCreate => FORM | URL,
            Method::SamplingCreate => SAMPLING,
            Method::RootsList => ROOTS,
            _ => 0,
        })
    }

    /// As much as either.
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether such a client can be asked any of this.
    pub(super) const fn has_any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// All there are of clients that can be asked something.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (1..ROOTS_CHANGED << 1).map(Self)
    }

    /// A short name for it.
    pub(super) fn key(self) -> String {
        format!("Kind{:02x}", self.0)
    }

    /// The capabilities an instance for such clients is told of.
    pub(super) fn capabilities(self) -> Bytes {
        let has = |bit| self.0 & bit != 0;
        let mut members = Vec::new();
        match (has(FORM), has(URL)) {
            (true, true) => members.push(r#""elicitation":{"form":{},"url":{}}"#),
            (true, false) => members.push(r#""elicitation":{}"#),
            (false, true) => members.push(r#""elicitation":{"url":{}}"#),
            (false, false) => {}
        }
        match (has(SAMPLING), has(SAMPLING_TOOLS)) {
            (_, true) => members.push(r#""sampling":{"tools":{}}"#),
            (true, false) => members.push(r#""sampling":{}"#),
            (false, false) => {}
        }
        match (has(ROOTS), has(ROOTS_CHANGED)) {
            (_, true) => members.push(r#""roots":{"listChanged":true}"#),
            (true, false) => members.push(r#""roots":{}"#),
            (false, false) => {}
        }
        format!("{{{}}}", members.join(",")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Revision;

    fn facts(revision: Revision, capabilities: &str) -> ClientFacts {
        let capabilities = Bytes::copy_from_slice(capabilities.as_bytes());
        ClientFacts {
            revision,
            name: "t".into(),
            info: Bytes::from_static(b"{}"),
            capabilities,
            level: None,
            carried: Default::default(),
        }
    }

    #[test]
    fn what_is_declared_is_what_the_clients_can_do() {
        for (said, declared) in [
            ("{}", None),
            (r#"{"tasks":{},"experimental":{"x":{}}}"#, None),
            (r#"{"roots":true,"sampling":null}"#, None),
            (r#"{"elicitation":{}}"#, Some(r#"{"elicitation":{}}"#)),
            (r#"{"elicitation":{"form":{}}}"#, Some(r#"{"elicitation":{}}"#)),
            (r#"{"elicitation":{"url":{}}}"#, Some(r#"{"elicitation":{"url":{}}}"#)),
            (
                r#"{"roots":{"listChanged":true},"sampling":{"tools":{},"context":{}},"elicitation":{"url":{},"form":{}}}"#,
                Some(r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true}}"#),
            ),
            (r#"{"roots":{"listChanged":false},"vendor":1}"#, Some(r#"{"roots":{}}"#)),
        ] {
            let profile = Profile::of(&facts(Revision::V2025_11_25, said));
            assert_eq!(profile.map(|p| p.capabilities()).as_deref(), declared.map(str::as_bytes), "{said}");
            // What is declared has the same profile: it says nothing twice and forgets nothing.
            if let (Some(profile), Some(declared)) = (profile, declared) {
                assert_eq!(Profile::of(&facts(Revision::V2025_11_25, declared)), Some(profile));
            }
        }
    }

    #[test]
    fn a_modern_client_can_be_asked_between_two_rounds() {
        let declared = |said| Profile::of(&facts(Revision::V2026_07_28, said)).map(Profile::capabilities);
        assert_eq!(declared(r#"{"elicitation":{}}"#).as_deref(), Some(&br#"{"elicitation":{}}"#[..]));
        assert_eq!(declared(r#"{"roots":{}}"#).as_deref(), Some(&br#"{"roots":{"listChanged":true}}"#[..]));
        assert_eq!(declared(r#"{"extensions":{}}"#), None);
    }
}
