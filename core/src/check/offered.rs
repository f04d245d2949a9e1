//! What the servers offered when they were seen last (the lists kept on disk): names that clients cut or refuse, tools that
//! are too many, patterns that match nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::backend::{ItemKind, Memory, OfferState};
use crate::catalog::{Catalog, Item, Source, matches, merge};
use crate::config::{Config, Diagnostic, Level, Naming, Node, NoteKind, Placed, Server, Span, Value, nearest};

use super::{Findings, enabled, find};

/// With its own prefix before it, Cursor leaves a longer name out.
const CURSOR_NAME: usize = 60;
/// What model APIs take.
const API_NAME: usize = 64;
/// VS Code refuses more in one request, Windsurf takes 100 in all.
const WINDSURF_TOOLS: usize = 100;
const VS_CODE_TOOLS: usize = 128;

pub(super) fn names<'p>(
    config: &Config,
    root: Option<&Node>,
    placed: &impl Fn(&str) -> Option<&'p Placed>,
    memory: &Memory,
    out: &mut Findings<'_>,
) {
    let mut all_known = true;
    let kept = memory.kept();
    let sources: Vec<Source> = enabled(config)
        .map(|server| {
            let state = match kept.offer(server) {
                Some(offer) => OfferState::Known { offer: Arc::new(offer), cached: true },
                None => {
                    all_known = false;
                    OfferState::Absent
                }
            };
            Source { server: server.clone(), state }
        })
        .collect();
    if sources.iter().all(|s| matches!(s.state, OfferState::Absent)) {
        return;
    }
    let note = "by the lists that the servers gave last";
    let catalog = merge(&sources, &config.routing, None, 0);
    // What would be mended, if it may be.
    let mended = (!config.routing.schema_fixes).then(|| {
        let mending = crate::config::Routing { schema_fixes: true, ..config.routing.clone() };
        merge(&sources, &mending, None, 0)
    });
    let tools = by_server(&catalog);
    for source in &sources {
        let Some(place) = placed(&source.server.name) else { continue };
        if !matches!(source.state, OfferState::Known { .. }) {
            continue;
        }
        let tools = tools.get(&*source.server.name).map_or(&[][..], Vec::as_slice);
        long_names(config, tools, &source.server, place, note, out);
        idle_patterns(source, place, tools, note, out);
        defects(&source.server.name, &catalog, mended.as_ref(), place, note, out);
    }
    if config.routing.naming == Naming::Flat {
        clashes(&catalog, placed, note, out);
    }
    let servers = root.and_then(|r| r.entry("servers")).map(|e| e.key_span);
    if let Some(span) = servers.or_else(|| sources.first().and_then(|s| placed(&s.server.name)).map(|p| p.key_span)) {
        too_many(&catalog, note, span, out);
    }
    if all_known && let Some(root) = root {
        idle_token_patterns(root, &catalog, note, out);
    }
}

/// The tools of each server, as far as they are shown.
fn by_server(catalog: &Catalog) -> HashMap<&str, Vec<&Item>> {
    let mut all: HashMap<&str, Vec<&Item>> = HashMap::new();
    for item in &catalog.items[ItemKind::Tool as usize] {
        all.entry(&item.backend).or_default().push(item);
    }
    all
}

/// MP601
fn long_names(config: &Config, tools: &[&Item], server: &Server, place: &Placed, note: &str, out: &mut Findings<'_>) {
    let prefix = crate::catalog::exposed_prefix(server, &config.routing);
    let rules = &server.tools.rename;
    let mut longest: Option<(String, &str)> = None;
    let mut n = 0;
    for item in tools {
        let shown = rules.get(&*item.own).map_or(&*item.own, String::as_str);
        let full = format!("{prefix}{shown}");
        let is_cut = full.len() > config.routing.max_tool_name;
        if is_cut || item.exposed.len() > CURSOR_NAME {
            n += 1;
            if longest.as_ref().is_none_or(|(l, _)| full.len() > l.len()) {
                longest = Some((full, &item.exposed));
            }
        }
    }
    let Some((full, exposed)) = longest else { return };
    let more = if n > 1 { format!(", and {} more", n - 1) } else { String::new() };
    let mut d = Diagnostic::new(
        "MP601",
        Level::Warning,
        format!("names of tools of `{}` are too long: `{full}`{more}", server.name),
    )
    .label(format!("{} characters", full.len()));
    if exposed != full {
        d = d.note(
            NoteKind::Note,
            format!("cut to `routing.max_tool_name` ({}), it is `{exposed}`", config.routing.max_tool_name),
        );
    } else {
        d = d.note(
            NoteKind::Why,
            format!(
                "Cursor leaves out what is over {CURSOR_NAME} with its own prefix, Claude and Codex over {API_NAME}"
            ),
        );
    }
    let d = d.note(NoteKind::Note, note).note(
        NoteKind::Fix,
        format!("give `{}` a short `prefix`, or the tool another name: `tools: {{ rename: … }}`", server.name),
    );
    out.report(d, place.key_span);
}

/// MP602
fn clashes<'p>(catalog: &Catalog, placed: &impl Fn(&str) -> Option<&'p Placed>, note: &str, out: &mut Findings<'_>) {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in &catalog.items[ItemKind::Tool as usize] {
        owners.entry(&item.own).or_default().push(&item.backend);
    }
    for (tool, servers) in owners.iter().filter(|(_, s)| s.len() > 1) {
        let Some(place) = servers.get(1).and_then(|s| placed(s)) else { continue };
        let list: Vec<String> = servers.iter().map(|s| format!("`{s}`")).collect();
        let d = Diagnostic::new("MP602", Level::Warning, format!("`{tool}` is a tool of {}", list.join(" and ")))
            .note(NoteKind::Why, "with `naming: flat` the first keeps the name, the others get a suffix")
            .note(NoteKind::Note, note)
            .note(
                NoteKind::Fix,
                "write `naming: prefix-on-conflict`, or give one of them another name: `tools: { rename: … }`",
            );
        out.report(d, place.key_span);
    }
}

/// MP603: rules for tools that the server has not.
fn idle_patterns(source: &Source, place: &Placed, shown: &[&Item], note: &str, out: &mut Findings<'_>) {
    let OfferState::Known { offer, .. } = &source.state else { return };
    // All it has, also what the rules hide.
    let all: Vec<String> = offer.items[ItemKind::Tool as usize]
        .iter()
        .filter_map(|raw| serde_json::from_slice::<serde_json::Value>(raw).ok()?["name"].as_str().map(str::to_owned))
        .collect();
    for key in ["allow", "deny", "rename", "describe", "timeout"] {
        let Some(entry) = find(&place.node, &format!("tools.{key}")) else { continue };
        let patterns: Vec<(&str, Span)> = match &entry.value.value {
            Value::List(items) => items.iter().filter_map(|i| Some((i.as_scalar()?.text.as_str(), i.span))).collect(),
            Value::Map(entries) => entries.iter().map(|e| (e.key.as_str(), e.key_span)).collect(),
            _ => Vec::new(),
        };
        for (pattern, span) in patterns.into_iter().filter(|(p, _)| !p.contains('$')) {
            if all.iter().any(|tool| matches(pattern, tool)) {
                continue;
            }
            let message = format!("`tools.{key}`: `{}` has no tool `{pattern}`", source.server.name);
            let mut d = Diagnostic::new("MP603", Level::Warning, message).note(NoteKind::Note, note);
            if let Some(meant) = nearest(pattern, all.iter().map(String::as_str)) {
                d = d.label(format!("did you mean `{meant}`?"));
            }
            let some: Vec<&str> = shown.iter().take(8).map(|t| &*t.own).collect();
            let d = d.note(
                NoteKind::Fix,
                format!("its tools: {}{}", some.join(", "), if shown.len() > 8 { ", …" } else { "" }),
            );
            out.report(d, span);
        }
    }
}

/// MP603: what tokens are to open.
fn idle_token_patterns(root: &Node, catalog: &Catalog, note: &str, out: &mut Findings<'_>) {
    let names: Vec<&str> = catalog.items[ItemKind::Tool as usize].iter().map(|i| &*i.exposed).collect();
    let tokens = find(root, "clients.tokens").and_then(|e| e.value.as_map()).unwrap_or_default();
    for (token, key) in tokens.iter().flat_map(|t| ["allow", "deny"].map(|k| (t, k))) {
        let Some(Value::List(items)) = find(&token.value, &format!("tools.{key}")).map(|e| &e.value.value) else {
            continue;
        };
        for (item, text) in items.iter().filter_map(|i| Some((i, i.as_scalar()?.text.as_str()))) {
            if text.contains('$') || names.iter().any(|n| matches(text, n)) {
                continue;
            }
            let mut d = Diagnostic::new(
                "MP603",
                Level::Warning,
                format!("the token `{}`: no tool is called `{text}`", token.key),
            )
            .note(NoteKind::Note, note);
            if let Some(meant) = nearest(text, names.iter().copied()) {
                d = d.label(format!("did you mean `{meant}`?"));
            }
            out.report(d.note(NoteKind::Fix, "write names as clients see them: `mcp-proxy list tools`"), item.span);
        }
    }
}

/// MP604
fn too_many(catalog: &Catalog, note: &str, span: Span, out: &mut Findings<'_>) {
    let tools = &catalog.items[ItemKind::Tool as usize];
    let n = tools.len();
    if n <= WINDSURF_TOOLS {
        return;
    }
    let n_tokens = crate::catalog::tokens(tools.iter().map(|t| t.legacy.len()).sum());
    let who = if n > VS_CODE_TOOLS {
        format!(
            "VS Code refuses more than {VS_CODE_TOOLS} in one request, Windsurf takes {WINDSURF_TOOLS}, Cursor fewer"
        )
    } else {
        format!("Windsurf takes {WINDSURF_TOOLS}, Cursor fewer")
    };
    let mut by_server: BTreeMap<&str, usize> = BTreeMap::new();
    for tool in tools {
        *by_server.entry(&tool.backend).or_default() += 1;
    }
    let mut most: Vec<(&str, usize)> = by_server.into_iter().collect();
    most.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let most: Vec<String> = most.iter().take(5).map(|(s, n)| format!("{s} {n}")).collect();
    let d = Diagnostic::new(
        "MP604",
        Level::Warning,
        format!("{n} tools are offered, some {} tokens of every model's context", thousands(n_tokens)),
    )
    .note(NoteKind::Why, who)
    .note(NoteKind::Note, format!("most of them: {}", most.join(", ")))
    .note(NoteKind::Note, note)
    .note(NoteKind::Fix, "leave out what is not needed: `tools: { allow: […] }` or `{ deny: […] }`, `enabled: false`");
    out.report(d, span);
}

fn thousands(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{} 000", n / 1000) }
}

/// MP605. `mended`: what would come of mending it, where that is switched off.
fn defects(
    name: &Arc<str>,
    catalog: &Catalog,
    mended: Option<&Catalog>,
    place: &Placed,
    note: &str,
    out: &mut Findings<'_>,
) {
    let Some(notes) = mended.unwrap_or(catalog).quarantined.get(name).filter(|n| !n.is_empty()) else { return };
    let d = if mended.is_none() {
        Diagnostic::new("MP605", Level::Hint, format!("what `{name}` offers has defects, which are mended"))
            .note(NoteKind::Note, some_of(notes))
            .note(NoteKind::Note, note)
    } else {
        Diagnostic::new("MP605", Level::Warning, format!("some clients refuse what `{name}` offers"))
            .note(NoteKind::Note, some_of(notes))
            .note(NoteKind::Note, note)
            .note(NoteKind::Fix, "take `routing.schema_fixes: false` out: they are mended then")
    };
    out.report(d, place.key_span);
}

fn some_of(notes: &[String]) -> String {
    let more = if notes.len() > 3 { format!("; and {} more", notes.len() - 3) } else { String::new() };
    format!("{}{more}", notes.iter().take(3).cloned().collect::<Vec<_>>().join("; "))
}
