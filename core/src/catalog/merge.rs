//! Many servers' offers into one catalog. Filters, repairs and clashes are settled here and nowhere else. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::capability;
use super::cat::{Catalog, Entry, Origin, Withheld};
use super::fix::{Change, Execution, Fixed, fix, name_of, needs_task};
use super::item::Item;
use super::names::{Wanted, expose, prefix};
use super::pattern::matches;
use crate::backend::{ItemKind, Memory, Offer, OfferState, takes_tasks};
use crate::config::{Config, Naming, Routing, Server};
use crate::protocol::floor_char;

/// Longest instructions taken from one server, in bytes.
const MAX_INSTRUCTIONS: usize = 2000;
/// Longest instructions in all, in bytes.
const MAX_ALL_INSTRUCTIONS: usize = 8000;

/// One server and what is known of its offer.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its configuration.
    pub server: Arc<Server>,
    /// What is known.
    pub state: OfferState,
}

/// An item on its way into the catalog.
struct Candidate<'a> {
    source: usize,
    own: String,
    shown: String,
    raw: &'a Bytes,
}

/// How servers are shown.
#[derive(Clone, Copy)]
enum Manner<'a> {
    /// Many servers as one.
    Merged,
    /// One server as itself; only these tools of it, if given.
    Transparent(Option<&'a HashSet<Arc<str>>>),
}

/// The catalog of `sources`, in their order. One server alone under `routing.naming: flat` is shown as itself.
#[must_use]
pub fn merge(sources: &[Source], routing: &Routing, preface: Option<&str>, version: u64) -> Catalog {
    let mut enabled = sources.iter().filter(|s| s.server.enabled);
    let mut catalog = match (routing.naming, enabled.next(), enabled.next()) {
        (Naming::Flat, Some(only), None) => merge_transparent(only, routing, preface, version, None),
        _ => merge_as(Manner::Merged, sources, routing, preface, version),
    };
    let preface = preface.map(str::to_owned);
    catalog.origin = Origin { sources: sources.into(), routing: routing.clone(), preface };
    catalog
}

/// The catalog as far as it is remembered from earlier runs. Starts nothing.
#[must_use]
pub fn remembered(config: &Config, memory: &Memory) -> Catalog {
    let kept = memory.kept();
    let known = |server: &Arc<Server>| {
        let offer = kept.offer(server).map(Arc::new);
        let state = offer.map_or(OfferState::Absent, |offer| OfferState::Known { offer, cached: true });
        Source { server: server.clone(), state }
    };
    let sources: Vec<Source> = config.servers.iter().filter(|s| s.enabled).map(known).collect();
    merge(&sources, &config.routing, config.instructions.as_deref(), 1)
}

/// The catalog of one server shown as itself: own names and URIs, bytes as it sent them where nothing needs repair, own
/// instructions. `tools` are the own names of those shown; `None`: all.
pub(super) fn merge_transparent(
    source: &Source,
    routing: &Routing,
    preface: Option<&str>,
    version: u64,
    tools: Option<&HashSet<Arc<str>>>,
) -> Catalog {
    let mut catalog = merge_as(Manner::Transparent(tools), std::slice::from_ref(source), routing, preface, version);
    let name = &source.server.name;
    catalog.sole = Some(name.clone());
    catalog.prefixes = vec![(String::new(), name.clone())];
    if let OfferState::Known { offer, .. } = &source.state {
        catalog.transparent = Some(offer.clone());
        catalog.capabilities = capability::transparent(offer);
        let own = offer.instructions.as_deref().unwrap_or_default();
        catalog.instructions = match preface.map(str::trim) {
            Some(preface) if own.is_empty() => preface.to_owned(),
            Some(preface) => format!("{preface}\n\n{own}"),
            None => own.to_owned(),
        };
    }
    catalog
}

fn merge_as(manner: Manner<'_>, sources: &[Source], routing: &Routing, preface: Option<&str>, version: u64) -> Catalog {
    let mut catalog = Catalog { version, ..Catalog::default() };
    let prefixes = prefixes(sources, routing);
    for (source, prefix) in sources.iter().zip(&prefixes) {
        let name = &source.server.name;
        match &source.state {
            OfferState::Pending => catalog.pending.push(name.clone()),
            OfferState::Asleep => catalog.asleep.push(name.clone()),
            OfferState::Known { offer, .. } => {
                if crate::backend::declares(&offer.capabilities, "completions") {
                    catalog.completers.push(name.clone());
                }
            }
            OfferState::Absent => {}
        }
        if !prefix.is_empty() {
            catalog.prefixes.push((format!("{prefix}{}", routing.separator), name.clone()));
        }
        let rules = &source.server.tools;
        if rules.allow.is_empty() {
            catalog.hidden.insert(name.clone(), rules.deny.clone());
        } else {
            // With an allow-list what is not listed is not allowed.
            catalog.hidden.insert(name.clone(), vec!["*".to_owned()]);
        }
    }
    catalog.prefixes.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    for kind in ItemKind::ALL {
        let mut notes: HashMap<Arc<str>, Vec<String>> = HashMap::new();
        let candidates = collect(kind, manner, sources, &mut notes, &mut catalog.withheld);
        let exposed = match (manner, kind) {
            (Manner::Transparent(_), _) => own_names(&candidates),
            (Manner::Merged, ItemKind::Tool | ItemKind::Prompt) => {
                expose_names(&candidates, sources, &prefixes, routing)
            }
            (Manner::Merged, ItemKind::Resource) => expose_uris(&candidates, sources),
            (Manner::Merged, ItemKind::Template) => candidates.iter().map(|c| c.own.clone()).collect(),
        };
        render(&mut catalog, kind, manner, &candidates, exposed, sources, routing, &mut notes);
        for (backend, texts) in notes {
            catalog.quarantined.entry(backend).or_default().extend(texts);
        }
    }
    catalog.instructions = instructions(sources, &prefixes, routing, preface);
    let all_known = sources.iter().all(|s| known(s).is_some() || !s.server.enabled);
    catalog.capabilities = capability::merged(sources.iter().filter_map(known), all_known);
    catalog
}

fn prefixes(sources: &[Source], routing: &Routing) -> Vec<String> {
    sources.iter().map(|s| prefix(s.server.prefix.as_deref(), &s.server.name, routing)).collect()
}

/// What `sources` say of themselves, put together.
pub(super) fn instructions_of(sources: &[Source], routing: &Routing, preface: Option<&str>) -> String {
    instructions(sources, &prefixes(sources, routing), routing, preface)
}

/// The offer of `source`, if it is known.
pub(super) fn known(source: &Source) -> Option<&Offer> {
    match &source.state {
        OfferState::Known { offer, .. } => Some(offer),
        _ => None,
    }
}

/// The items of one kind that may be shown, each name of a server once.
fn collect<'a>(
    kind: ItemKind,
    manner: Manner<'_>,
    sources: &'a [Source],
    notes: &mut HashMap<Arc<str>, Vec<String>>,
    withheld: &mut foldhash::HashMap<Arc<str>, Vec<Withheld>>,
) -> Vec<Candidate<'a>> {
    let mut all = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let Some(offer) = known(source) else { continue };
        let rules = &source.server.tools;
        let mut seen = HashSet::new();
        for raw in &offer.items[kind as usize] {
            let own = match name_of(kind, raw) {
                Ok(own) => own,
                Err(why) => {
                    notes.entry(source.server.name.clone()).or_default().push(format!("left out: {why}"));
                    continue;
                }
            };
            let is_tool = kind == ItemKind::Tool;
            let allowed = rules.allow.is_empty() || rules.allow.iter().any(|p| matches(p, &own));
            let allowed = allowed && !matches!(manner, Manner::Transparent(Some(tools)) if !tools.contains(&*own));
            if is_tool && (!allowed || rules.deny.iter().any(|p| matches(p, &own))) {
                let tool = Withheld { own: own.into(), raw: raw.clone() };
                withheld.entry(source.server.name.clone()).or_default().push(tool);
                continue;
            }
            if !seen.insert(own.clone()) {
                notes
                    .entry(source.server.name.clone())
                    .or_default()
                    .push(format!("`{own}` is listed twice: the first is shown"));
                continue;
            }
            let shown = if is_tool { rules.rename.get(&own).cloned() } else { None }.unwrap_or_else(|| own.clone());
            all.push(Candidate { source: index, own, shown, raw });
        }
    }
    all
}

fn expose_names(
    candidates: &[Candidate<'_>],
    sources: &[Source],
    prefixes: &[String],
    routing: &Routing,
) -> Vec<String> {
    let wanted: Vec<Wanted<'_>> = candidates
        .iter()
        .map(|c| Wanted {
            backend: &sources[c.source].server.name,
            prefix: &prefixes[c.source],
            own: &c.own,
            shown: &c.shown,
        })
        .collect();
    expose(&wanted, routing)
}

/// Own names, and those the configuration gives instead where no other item has them.
fn own_names(candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut taken: HashSet<&str> = candidates.iter().map(|c| c.own.as_str()).collect();
    let name = |c: &Candidate<'_>, free: bool| if free { c.shown.clone() } else { c.own.clone() };
    candidates.iter().map(|c| name(c, c.shown == c.own || taken.insert(&c.shown))).collect()
}

/// URIs stay as they are; only one that an earlier server has too is told apart (protocol.md, 5.4).
fn expose_uris(candidates: &[Candidate<'_>], sources: &[Source]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut name = |c: &Candidate<'_>| {
        if taken.insert(c.own.clone()) {
            c.own.clone()
        } else {
            format!("mcpx+{}:{}", sources[c.source].server.name, c.own)
        }
    };
    candidates.iter().map(&mut name).collect()
}

/// Writes the list of one kind and enters its items.
#[expect(clippy::too_many_arguments, reason = "the steps of one merge, used once")]
fn render(
    catalog: &mut Catalog,
    kind: ItemKind,
    manner: Manner<'_>,
    candidates: &[Candidate<'_>],
    exposed: Vec<String>,
    sources: &[Source],
    routing: &Routing,
    notes: &mut HashMap<Arc<str>, Vec<String>>,
) {
    let mut list = BytesMut::with_capacity(candidates.iter().map(|c| c.raw.len() + 32).sum::<usize>() + 32);
    list.extend_from_slice(format!(r#"{{"{}":["#, kind.key()).as_bytes());
    let mut places: Vec<(usize, usize, Option<Bytes>)> = Vec::with_capacity(candidates.len());
    for (i, (candidate, name)) in candidates.iter().zip(&exposed).enumerate() {
        let server = &sources[candidate.source].server;
        let change = Change {
            name: (*name != candidate.own).then_some(name.as_str()),
            description: server
                .tools
                .describe
                .get(&candidate.own)
                .map(String::as_str)
                .filter(|_| kind == ItemKind::Tool),
            repair: routing.schema_fixes,
            execution: match (manner, known(&sources[candidate.source])) {
                (Manner::Transparent(_), _) => Execution::Kept,
                (_, Some(offer)) if takes_tasks(&offer.capabilities, offer.revision) => Execution::Offered,
                _ => Execution::Cut,
            },
        };
        let Fixed { legacy, modern, repairs } = fix(kind, candidate.raw, change);
        if !repairs.is_empty() {
            let text = format!("`{}` repaired: {}", candidate.own, repairs.join(", "));
            notes.entry(server.name.clone()).or_default().push(text);
        }
        if i > 0 {
            list.extend_from_slice(b",");
        }
        let start = list.len();
        list.extend_from_slice(&legacy);
        places.push((start, list.len(), modern));
    }
    list.extend_from_slice(b"]}");
    let list = list.freeze();
    for ((candidate, name), (start, end, modern)) in candidates.iter().zip(exposed).zip(places) {
        let source = &sources[candidate.source];
        let backend = source.server.name.clone();
        let exposed: Arc<str> = name.into();
        let own: Arc<str> = if *exposed == *candidate.own { exposed.clone() } else { candidate.own.as_str().into() };
        let own_json = (exposed != own).then(|| serde_json::Value::from(&*own).to_string().into());
        let needs_task = kind == ItemKind::Tool && needs_task(candidate.raw);
        let entry =
            Entry { exposed: exposed.clone(), backend: backend.clone(), own: own.clone(), own_json, needs_task };
        match kind {
            ItemKind::Tool => drop(catalog.tools.insert(exposed.clone().into(), entry)),
            ItemKind::Prompt => drop(catalog.prompts.insert(exposed.clone().into(), entry)),
            ItemKind::Resource => drop(catalog.resources.insert(exposed.clone().into(), entry)),
            ItemKind::Template => {}
        }
        let legacy = list.slice(start..end);
        catalog.items[kind as usize].push(Item { kind, backend, own, exposed, legacy, modern });
    }
    catalog.lists[kind as usize].legacy = list;
}

/// What servers say of themselves, each under its name, cut where it is too long.
fn instructions(sources: &[Source], prefixes: &[String], routing: &Routing, preface: Option<&str>) -> String {
    let mut all = preface.map_or_else(String::new, |p| format!("{}\n\n", p.trim()));
    for (source, prefix) in sources.iter().zip(prefixes) {
        let Some(text) = known(source).and_then(|o| o.instructions.as_deref()) else { continue };
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let mut part = format!("## {}\n", source.server.name);
        if !prefix.is_empty() {
            part.push_str(&format!("Tools of this server start with `{prefix}{}`.\n", routing.separator));
        }
        part.push_str(&shorten(text, MAX_INSTRUCTIONS));
        if all.len() + part.len() > MAX_ALL_INSTRUCTIONS {
            all.push_str("(Instructions of further servers left out.)\n");
            break;
        }
        all.push_str(&part);
        all.push_str("\n\n");
    }
    all.trim_end().to_owned()
}

/// `text` cut at the end of a paragraph or line before `max` bytes; a cut is said.
fn shorten(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = floor_char(text, max);
    let head = &text[..end];
    let end = head.rfind("\n\n").or_else(|| head.rfind('\n')).filter(|e| *e > max / 2).unwrap_or(end);
    format!("{}\n(cut)", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Era, Revision};

    fn source(name: &str, tools: &[&str], change: impl FnOnce(&mut Server)) -> Source {
        let mut server = Server::stdio(name, "x", &[]);
        change(&mut server);
        let item = |t: &&str| Bytes::from(format!(r#"{{"name":"{t}","inputSchema":{{"type":"object"}}}}"#));
        let offer = Offer {
            revision: Revision::V2025_11_25,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            instructions: Some(format!("I am {name}.")),
            items: [tools.iter().map(item).collect(), vec![], vec![], vec![]],
        };
        Source { server: Arc::new(server), state: OfferState::Known { offer: Arc::new(offer), cached: false } }
    }

    fn shown(catalog: &Catalog) -> Vec<&str> {
        catalog.items[0].iter().map(|i| &*i.exposed).collect()
    }

    #[test]
    fn servers_in_their_order_and_names_with_their_prefix() {
        let sources = [source("b", &["x", "y"], |_| {}), source("a", &["x"], |_| {})];
        let catalog = merge(&sources, &Routing::default(), None, 1);
        assert_eq!(shown(&catalog), ["b__x", "b__y", "a__x"]);
        let entry = catalog.tool("a__x").expect("listed");
        assert_eq!((&*entry.backend, &*entry.own, entry.own_json.as_deref()), ("a", "x", Some(&b"\"x\""[..])));
        let list: serde_json::Value = serde_json::from_slice(&catalog.list(ItemKind::Tool, Era::Modern)).expect("JSON");
        assert_eq!((list["resultType"].as_str(), list["tools"].as_array().map(Vec::len)), (Some("complete"), Some(3)));
        assert!(catalog.instructions.starts_with("## b\nTools of this server start with `b__`.\nI am b."));
    }

    #[test]
    fn rules_filter_rename_and_describe() {
        let sources = [source("s", &["read", "delete_a", "delete_b", "odd"], |s| {
            s.tools.deny = vec!["delete_*".into()];
            s.tools.rename.insert("odd".into(), "even".into());
            s.tools.describe.insert("read".into(), "Reads.".into());
        })];
        let catalog = merge(&sources, &Routing::default(), None, 1);
        assert_eq!(shown(&catalog), ["s__read", "s__even"]);
        assert_eq!(catalog.tool("s__even").map(|e| &*e.own), Some("odd"));
        assert!(String::from_utf8_lossy(&catalog.items[0][0].legacy).contains(r#""description":"Reads.""#));
        assert_eq!(catalog.unlisted("s__delete_a"), None, "denied is denied, listed or not");
        assert_eq!(catalog.unlisted("s__secret_tool").map(|e| e.own.to_string()).as_deref(), Some("secret_tool"));
        assert_eq!(catalog.unlisted("t__x"), None);
    }

    #[test]
    fn an_allow_list_closes_the_way_around_it() {
        let sources = [source("s", &["read", "write"], |s| s.tools.allow = vec!["read".into()])];
        let catalog = merge(&sources, &Routing::default(), None, 1);
        assert_eq!(shown(&catalog), ["s__read"]);
        assert_eq!(catalog.unlisted("s__write"), None);
    }

    #[test]
    fn one_bad_item_costs_itself_only() {
        let mut bad = source("bad", &["good"], |_| {});
        if let OfferState::Known { offer, .. } = &mut bad.state {
            Arc::make_mut(offer).items[0].insert(0, Bytes::from_static(b"{\"nme\":1}"));
        }
        let catalog = merge(&[bad, source("b", &["x"], |_| {})], &Routing::default(), None, 1);
        assert_eq!(shown(&catalog), ["bad__good", "b__x"]);
        assert_eq!(catalog.quarantined["bad"], ["left out: an item of tools has no `name`"]);
    }

    #[test]
    fn pages_follow_each_other_and_cursors_go_stale() {
        let names: Vec<String> = (0..5).map(|i| format!("t{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let catalog = merge(&[source("s", &names, |_| {})], &Routing::default(), None, 7);
        let (mut offset, mut seen) = (0, Vec::new());
        loop {
            let page = catalog.page(ItemKind::Tool, Era::Legacy, offset, 2);
            let page: serde_json::Value = serde_json::from_slice(&page).expect("JSON");
            seen.extend(
                page["tools"].as_array().expect("tools").iter().map(|t| t["name"].as_str().expect("name").to_owned()),
            );
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            offset = catalog.offset(cursor).expect("our own cursor");
        }
        assert_eq!(seen.len(), 5);
        assert_eq!(catalog.offset("6-2"), None, "of another catalog");
        assert_eq!(catalog.offset("rubbish"), None);
    }
}
