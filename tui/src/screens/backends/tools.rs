//! A server's tools: how fast they are, and what was set aside or kept from clients.

use mcp_proxy_core::control::{BackendView, Latency};
use ratatui::text::Line;

use crate::app::model::Model;
use crate::app::theme::{Theme, Tone};
use crate::widgets::facts::{heading, named};
use crate::widgets::{number, text};

/// All of it, as lines of `cells`.
pub(super) fn lines(model: &Model, b: &BackendView, cells: usize, out: &mut Vec<Line<'static>>) {
    let theme = model.theme;
    out.push(Line::default());
    out.extend(named("offers", &offers(b), cells, theme));
    let (n, saved) = b.withheld;
    if n > 0 {
        let text = format!(
            "{} by the configuration, which saves {} tokens of every model's context",
            number::plural(n as u64, "tool"),
            number::count(saved as u64)
        );
        out.extend(named("kept back", &text, cells, theme));
    }
    latencies(b, cells, theme, out);
    if b.quarantined.is_empty() {
        return;
    }
    let title = format!("{} set aside or repaired", number::plural(b.quarantined.len() as u64, "item"));
    heading(out, &format!("{} {title}", theme.symbols().warn), theme.tone(Tone::Warn));
    for item in &b.quarantined {
        out.extend(text::wrap(item, cells.saturating_sub(3), 3).into_iter().map(|l| Line::raw(format!("   {l}"))));
    }
}

/// What it offers, and what that costs.
pub(super) fn offers(b: &BackendView) -> String {
    format!(
        "{}, {}, {}: about {} tokens",
        number::plural(b.n_tools as u64, "tool"),
        number::plural(b.n_resources as u64, "resource"),
        number::plural(b.n_prompts as u64, "prompt"),
        number::count(b.n_tokens as u64),
    )
}

fn latencies(b: &BackendView, cells: usize, theme: Theme, out: &mut Vec<Line<'static>>) {
    out.push(Line::default());
    if b.tools.is_empty() {
        out.push(Line::styled(" no tool was called yet", theme.dim()));
        return;
    }
    let name = cells.saturating_sub(2 + 5 * 8).clamp(8, 40);
    let line = |tool: &str, l: [String; 5]| {
        let mut text = format!(" {}", text::pad(tool, name, theme.symbols().ellipsis));
        for value in l {
            text.push_str(&text::pad_left(&value, 8, ""));
        }
        text
    };
    let titles = ["CALLS", "P50", "P95", "P99", "MAX"].map(str::to_owned);
    out.push(Line::styled(line("LATENCY BY TOOL", titles), theme.dim()));
    for t in &b.tools {
        let Latency { n, p50, p95, p99, max } = t.latency;
        let times = [p50, p95, p99, max].map(number::latency);
        let [p50, p95, p99, max] = times;
        out.push(Line::raw(line(&t.tool, [number::count(n), p50, p95, p99, max])));
    }
}
