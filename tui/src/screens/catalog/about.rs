//! All about one item as text: where it comes from, what it costs, whom it is too much for, what it takes and gives.

use mcp_proxy_core::control::{CatalogItem, ItemKind, tokens};
use ratatui::text::{Line, Span};
use serde_json::Value;

use super::schema::{self, Argument};
use super::{limits, template};
use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::facts::{heading, named};
use crate::widgets::{number, text};

/// Lines of a description that are shown.
const DESCRIPTION_LINES: usize = 200;
/// Lines of what an argument is about.
const ABOUT_LINES: usize = 6;

/// All of it, as lines of `cells`.
#[must_use]
pub(super) fn lines(model: &Model, item: &CatalogItem, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let raw: Value = serde_json::from_slice(&item.raw).unwrap_or_default();
    let mut out = facts(model, item, &raw, cells);
    if let Some(description) = &item.description {
        out.push(Line::default());
        let lines = text::wrap(description, cells.saturating_sub(2), DESCRIPTION_LINES);
        out.extend(lines.into_iter().map(|l| Line::raw(format!(" {l}"))));
    }
    match item.kind {
        ItemKind::Tool => {
            table("takes", raw.get("inputSchema"), cells, theme, &mut out);
            if raw.get("outputSchema").is_some() {
                table("gives", raw.get("outputSchema"), cells, theme, &mut out);
            }
        }
        ItemKind::Prompt => {
            let arguments = super::form::prompt_arguments(&raw);
            heading(&mut out, "takes", theme.dim());
            rows(&arguments, cells, theme, &mut out);
        }
        ItemKind::Template => {
            heading(&mut out, "takes", theme.dim());
            let names = template::variables(&item.exposed);
            out.extend(names.into_iter().map(|n| Line::raw(format!("   {}", text::clean(&n)))));
        }
        ItemKind::Resource => {}
    }
    out
}

fn facts(model: &Model, item: &CatalogItem, raw: &Value, cells: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let s = theme.symbols();
    let mut out = Vec::new();
    let mut fact = |name: &str, value: &str| out.extend(named(name, value, cells, theme));
    fact("server", &item.backend);
    if item.own != item.exposed {
        fact("its name", &item.own);
    }
    if let Some(title) = &item.title {
        fact("title", title);
    }
    let promises = promises(raw);
    if !promises.is_empty() {
        fact("says", &promises);
    }
    for key in ["mimeType", "size"] {
        if let Some(value) = raw.get(key).filter(|v| !v.is_null()) {
            fact(if key == "size" { "bytes" } else { "type" }, &schema::shown(value));
        }
    }
    let cost = format!("about {} tokens of every model's context", number::count(tokens(item.raw.len()) as u64));
    fact("costs", &cost);
    if item.cached {
        fact("state", &format!("{} from the cache, the server has not confirmed it yet", s.warn));
    }
    if item.withheld {
        fact("state", &format!("{} hidden: `tools` of the configuration keeps it from all clients", s.empty));
    }
    for broken in limits::of_name(&model.limits, item) {
        let line = format!("{} {broken}", s.warn);
        let mut lines = named("too long", &line, cells, theme);
        for span in lines.iter_mut().filter_map(|l| l.spans.last_mut()) {
            span.style = theme.tone(Tone::Warn);
        }
        out.extend(lines);
    }
    out
}

/// What its annotations promise, in words.
fn promises(raw: &Value) -> String {
    let hint = |name: &str| raw.pointer(&format!("/annotations/{name}")).and_then(Value::as_bool);
    let mut words = Vec::new();
    match (hint("readOnlyHint"), hint("destructiveHint")) {
        (Some(true), _) => words.push("only reads"),
        (_, Some(true)) => words.push("may destroy"),
        (_, Some(false)) => words.push("destroys nothing"),
        _ => {}
    }
    if hint("idempotentHint") == Some(true) {
        words.push("twice is harmless");
    }
    match hint("openWorldHint") {
        Some(true) => words.push("reaches outside"),
        Some(false) => words.push("stays inside"),
        None => {}
    }
    words.join(", ")
}

fn table(title: &str, schema: Option<&Value>, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    heading(out, title, theme.dim());
    match schema.and_then(schema::arguments) {
        Some(arguments) => rows(&arguments, cells, theme, out),
        None if super::form::has_no_arguments(schema) => out.push(Line::styled("   nothing", theme.dim())),
        None => out.push(Line::styled("   an object of its own kind: J shows the schema", theme.dim())),
    }
}

/// One argument a line or more: name, star where it is needed, type, what it is about.
fn rows(arguments: &[Argument], cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    if arguments.is_empty() {
        out.push(Line::styled("   nothing", theme.dim()));
    }
    let ellipsis = theme.symbols().ellipsis;
    let widest = |of: &dyn Fn(&Argument) -> usize| arguments.iter().map(of).max().unwrap_or(0);
    let name = widest(&|a| text::width(&a.name)).clamp(4, (cells / 3).max(4));
    let kind = widest(&|a| text::width(&a.kind.word())).clamp(4, 14);
    let indent = 3 + name + 1 + 1 + kind + 2;
    let room = cells.saturating_sub(indent + 1);
    // Without room beside it, it goes below.
    let below = room < 18;
    for a in arguments {
        let about = about(a);
        let star = if a.is_needed() { "*" } else { " " };
        let shown = text::fit(&a.name, name, ellipsis);
        let blanks = name + 1 - text::width(&shown);
        let mut spans = vec![
            Span::raw("   "),
            Span::styled(shown, theme.json_key()),
            Span::styled(star, theme.tone(Tone::Warn)),
            Span::raw(" ".repeat(blanks)),
            Span::styled(text::pad(&a.kind.word(), kind, ellipsis), theme.json_atom()),
            Span::raw("  "),
        ];
        let (width, pad) = if below { (cells.saturating_sub(6), 5) } else { (room, indent) };
        let mut pieces = text::wrap(&about, width, ABOUT_LINES).into_iter();
        if !below {
            spans.push(Span::raw(pieces.next().unwrap_or_default()));
        }
        out.push(Line::from(spans));
        out.extend(pieces.map(|p| Line::raw(format!("{}{p}", " ".repeat(pad)))));
    }
    if arguments.iter().any(Argument::is_needed) {
        out.push(Line::styled("   * must be given", theme.dim()));
    }
}

/// What an argument is about, its choices, what it is without being given.
fn about(a: &Argument) -> String {
    let mut lines = Vec::new();
    if !a.about.is_empty() {
        lines.push(a.about.clone());
    }
    if let schema::Kind::Choice(choices) = &a.kind {
        let names: Vec<String> = choices.iter().take(20).map(schema::shown).collect();
        lines.push(format!("one of: {}", names.join(", ")));
    }
    if let Some(default) = &a.default {
        lines.push(format!("without it: {}", schema::shown(default)));
    }
    lines.join("\n")
}
