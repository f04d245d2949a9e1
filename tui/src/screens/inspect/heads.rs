//! What HTTP said around the messages of a flow, as lines. Where a message went by a pipe there is nothing.

use mcp_proxy_core::observe::{Flow, FlowKind, Head, HeadOf};
use ratatui::text::{Line, Span};

use super::state::Pane;
use crate::app::theme::Theme;
use crate::widgets::{number, text};

/// Cells of the longest name that the others are aligned with.
const MAX_NAME: usize = 28;
/// Cells before and between name and value.
const GAPS: usize = 5;
/// Fewer cells than this are no room for a value.
const MIN_VALUE: usize = 12;

/// The first line and the headers of one HTTP message, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Titled {
    title: &'static str,
    head: Head,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
enum Row<'h> {
    Blank,
    Title(&'static str, &'h str),
    /// A name, which only the first line of a value has, and a part of the value.
    Header(&'h str, String),
    LeftOut(u32),
}

/// The heads that are shown with the request of a flow, or with its answer, in the order they were made.
pub(crate) fn of(flow: &Flow, pane: Pane) -> Vec<Titled> {
    let is_asked_by_server = matches!(flow.kind, FlowKind::Upcall | FlowKind::ServerNotification);
    let all = flow.hops.iter().flat_map(|hops| hops.all()).filter_map(|(of, head)| Some((of, head?)));
    let shown = all.filter_map(|(of, head)| {
        // What a server asks goes by a stream that is open already: only its answer has a request of its own.
        let (in_pane, title) = match (of, is_asked_by_server) {
            (HeadOf::ClientRequest, false) => (Pane::Request, "from the client"),
            (HeadOf::ServerRequest, false) => (Pane::Request, "to the server"),
            (HeadOf::ServerResponse, false) => (Pane::Response, "from the server"),
            (HeadOf::ClientResponse, false) => (Pane::Response, "to the client"),
            (HeadOf::ClientRequest, true) => (Pane::Response, "the client's answer"),
            (HeadOf::ClientResponse, true) => (Pane::Response, "how it was taken"),
            (HeadOf::ServerRequest | HeadOf::ServerResponse, true) => return None,
        };
        (in_pane == pane).then(|| Titled { title, head: head.clone() })
    });
    shown.collect()
}

/// All of it as text.
pub(crate) fn plain(heads: &[Titled]) -> String {
    let mut out = String::new();
    for Titled { title, head } in heads {
        out.push_str(&format!("# {title}\n{}\n", head.line));
        head.headers.iter().for_each(|(name, value)| out.push_str(&format!("{name}: {value}\n")));
        if head.n_left_out > 0 {
            out.push_str(&format!("# {} not kept\n", number::plural(u64::from(head.n_left_out), "header")));
        }
        out.push('\n');
    }
    out
}

fn rows(heads: &[Titled], cells: usize) -> Vec<Row<'_>> {
    let name = name_cells(heads, cells);
    let value_cells = cells.saturating_sub(name + GAPS).max(MIN_VALUE);
    let mut out = Vec::new();
    for Titled { title, head } in heads {
        if !out.is_empty() {
            out.push(Row::Blank);
        }
        out.push(Row::Title(title, &head.line));
        for (name, value) in &head.headers {
            let mut parts = text::wrap(value, value_cells, usize::MAX).into_iter();
            out.push(Row::Header(name, parts.next().unwrap_or_default()));
            out.extend(parts.map(|part| Row::Header("", part)));
        }
        if head.n_left_out > 0 {
            out.push(Row::LeftOut(head.n_left_out));
        }
    }
    out
}

/// Cells that all names have.
fn name_cells(heads: &[Titled], cells: usize) -> usize {
    let names = heads.iter().flat_map(|h| &h.head.headers).map(|(name, _)| text::width(name));
    names.max().unwrap_or(0).min(MAX_NAME).min(cells / 2)
}

/// How many lines there are.
pub(crate) fn n_lines(heads: &[Titled], cells: usize) -> usize {
    rows(heads, cells).len()
}

/// The lines.
pub(crate) fn lines(heads: &[Titled], cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let s = theme.symbols();
    let name_cells = name_cells(heads, cells);
    let line = |row| match row {
        Row::Blank => Line::default(),
        Row::Title(title, first) => {
            let title = format!("{} {title}  ", s.rule.repeat(2));
            let first = text::fit(&text::clean(first), cells.saturating_sub(text::width(&title)), s.ellipsis);
            Line::from(vec![Span::styled(title, theme.strong()), Span::styled(first, theme.key())])
        }
        Row::Header(name, value) => {
            let name = text::pad(&text::clean(name), name_cells, s.ellipsis);
            Line::from(vec![Span::styled(format!("   {name}  "), theme.dim()), Span::raw(value)])
        }
        Row::LeftOut(n) => {
            Line::styled(format!("   {} not kept", number::plural(u64::from(n), "more header")), theme.dim())
        }
    };
    rows(heads, cells).into_iter().map(line).collect()
}

/// What is said where there are none.
pub(crate) const fn nothing(is_recording: bool, is_earlier_round: bool, has_others: bool) -> &'static str {
    match (is_earlier_round, has_others, is_recording) {
        (true, ..) => "Headers are kept of the last round only: ] goes there.",
        (_, true, _) => "No headers here: this way it went by a stream, or by a pipe.",
        (_, _, true) => "No headers: it went by a pipe, or the recording is older than they are.",
        (_, _, false) => "No headers: it went by a pipe.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn long_values_go_on_and_all_lines_are_counted() {
        let flow = sample::by_http();
        for pane in [Pane::Request, Pane::Response] {
            let heads = of(&flow, pane);
            assert_eq!(heads.len(), 2);
            for cells in [0, 1, 20, 40, 200] {
                let lines = lines(&heads, cells, Theme::default());
                assert_eq!(lines.len(), n_lines(&heads, cells), "{cells}");
                let widest = lines.iter().map(Line::width).max().unwrap_or(0);
                assert!(cells < 40 || widest <= cells, "{widest} of {cells}");
            }
            assert!(n_lines(&heads, 40) > n_lines(&heads, 200));
        }
        assert!(of(&sample::echo(), Pane::Request).is_empty());
    }

    #[test]
    fn a_question_has_those_of_its_answer_only() {
        let mut flow = sample::by_http();
        flow.kind = FlowKind::Upcall;
        assert!(of(&flow, Pane::Request).is_empty());
        let titles: Vec<&str> = of(&flow, Pane::Response).iter().map(|h| h.title).collect();
        assert_eq!(titles, ["the client's answer", "how it was taken"]);
    }
}
