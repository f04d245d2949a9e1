//! How a server is started or reached: command, environment with secrets masked, limits, instances.

use mcp_proxy_core::control::{BackendView, InstanceView, ServerDetail};
use ratatui::text::{Line, Span};

use super::view;
use crate::app::model::Model;
use crate::app::theme::Theme;
use crate::widgets::facts::{heading, named};
use crate::widgets::{number, text};

/// Cells of a name in these tables.
const NAME: usize = 22;

/// All of it, as lines of `cells`.
pub(super) fn lines(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    if !b.prefix.is_empty() {
        out.extend(named("prefix", &b.prefix, cells, theme));
    }
    let Some(seen) = model.backends.seen.as_ref().filter(|d| d.name == b.name) else { return };
    if let Some(cwd) = &seen.cwd {
        out.extend(named("folder", cwd, cells, theme));
    }
    environment(seen, cells, theme, out);
    instances(model, &seen.instances, cells, out);
    heading(out, "settings", theme.dim());
    for (key, value) in &seen.settings {
        out.extend(pair(key, value, cells, theme));
    }
}

fn pair(name: &str, value: &str, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let room = cells.saturating_sub(NAME + 4);
    let lines = text::wrap(value, room, 3);
    let line = |(i, piece): (usize, String)| {
        let name = text::pad(if i == 0 { name } else { "" }, NAME, theme.symbols().ellipsis);
        Line::from(vec![Span::styled(format!("   {name} "), theme.json_key()), Span::raw(piece)])
    };
    lines.into_iter().enumerate().map(line).collect()
}

fn environment(seen: &ServerDetail, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    if !seen.headers.is_empty() {
        heading(out, "headers it is sent (values are never shown)", theme.dim());
        out.extend(seen.headers.iter().map(|name| Line::raw(format!("   {}", text::clean(name)))));
    }
    if seen.env.is_empty() {
        return;
    }
    heading(out, "environment, beside what it inherits (secrets are stars)", theme.dim());
    for (name, value) in &seen.env {
        out.extend(pair(name, if value.is_empty() { "(empty)" } else { value }, cells, theme));
    }
}

fn instances(model: &Model, all: &[InstanceView], cells: usize, out: &mut Vec<Line<'static>>) {
    if all.is_empty() {
        return;
    }
    heading(out, &number::plural(all.len() as u64, "instance"), model.theme.dim());
    for instance in all {
        out.push(Line::raw(text::fit(&line(model, instance), cells, model.theme.symbols().ellipsis)));
    }
}

/// One instance in a line.
pub(crate) fn line(model: &Model, i: &InstanceView) -> String {
    let (word, _) = view::state_of(&i.state, model);
    let whose = match (&i.session, &i.principal) {
        (Some(session), _) => format!("{} {session}", i.tenancy),
        (None, Some(principal)) => format!("{} {principal}", i.tenancy),
        (None, None) => i.tenancy.to_owned(),
    };
    let mut parts = vec![text::pad(&word, 14, ""), text::pad(&whose, 20, model.theme.symbols().ellipsis)];
    parts.extend(i.pid.map(|pid| format!("pid {pid}")));
    parts.extend(i.revision.map(|r| format!("MCP {}", r.date())));
    parts.push(format!("for {}", number::age(number::since(model.now, i.since))));
    format!("   {}", parts.join("  "))
}
