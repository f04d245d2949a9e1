//! `mcp-proxy tail`: the traffic of running engines as it comes, one line a call, once it has ended. A reader that is too
//! slow loses lines and is told how many; the engines never wait for it.

use std::path::Path;

use mcp_proxy_core::observe::filter::Filter;

use crate::cli::Tail;
use crate::report::Failure;

pub(super) fn run(config: Option<&Path>, args: &Tail) -> Result<(), Failure> {
    let filter = Filter::parse(&args.filter)
        .map_err(|error| Failure::usage("`--filter` cannot be read").because(error.under(&args.filter)))?;
    follow(config, args, filter)
}

#[cfg(not(unix))]
fn follow(config: Option<&Path>, args: &Tail, _: Filter) -> Result<(), Failure> {
    Err(super::engines::unavailable(config, &args.which))
}

#[cfg(unix)]
fn follow(config: Option<&Path>, args: &Tail, filter: Filter) -> Result<(), Failure> {
    use std::sync::Arc;

    use tokio::sync::mpsc;
    use tokio::task::JoinSet;

    use super::columns::{Columns, Line};
    use super::{engines, runtime};
    use crate::report;

    /// Lines on their way to be printed.
    const N_LINES: usize = 256;
    /// Cells of the columns that vary, as they usually are: time of day, id, from, to, outcome, time, size, method.
    const USUAL: [usize; 8] = [12, 5, 9, 10, 12, 7, 6, 20];

    let config = engines::named(config);
    runtime()?.block_on(async {
        let engines = engines::open(config.as_deref(), &args.which).await?;
        let shape = following::Shape {
            is_json: args.json,
            is_coloured: report::colour(report::stdout_is_terminal()),
            has_pid: engines.len() > 1,
        };
        let filter = Arc::new(filter);
        let (to, mut lines) = mpsc::channel::<Line>(N_LINES);
        let mut tasks = JoinSet::new();
        for engine in engines {
            let title = engines::title(engine.hello());
            let following = following::Following::new(engine, filter.clone(), shape);
            let (to, last) = (to.clone(), args.last);
            tasks.spawn(async move { (title, following.run(last, to).await) });
        }
        drop(to);
        let mut widths = USUAL.to_vec();
        if shape.has_pid {
            // Behind the time of day; all of one engine are as wide.
            widths.insert(1, 0);
        }
        let mut columns = Columns::of(&widths);
        // Ends when all engines have ended.
        while let Some(line) = lines.recv().await {
            if !report::out_while_read(columns.text(&line).as_bytes())? {
                return Ok(());
            }
        }
        while let Some(Ok((title, ended))) = tasks.join_next().await {
            report::note(&format!("note: {title}: {ended}"));
        }
        Ok(())
    })
}

/// One engine's traffic, line by line.
#[cfg(unix)]
mod following {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use mcp_proxy_core::control::{Ask, FlowWindow, Remote, RemoteError, Told};
    use mcp_proxy_core::observe::filter::{Filter, failed};
    use mcp_proxy_core::observe::{Flow, FlowKind, Status};
    use mcp_proxy_core::protocol::CallId;
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::super::columns::{Cell, Line};
    use crate::render;

    /// Rows asked for at a time.
    const N_ROWS: usize = 256;
    /// Rows that are remembered as printed, or as not ended yet.
    const N_KEPT: usize = 16_384;

    /// How lines look.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Shape {
        pub(super) is_json: bool,
        pub(super) is_coloured: bool,
        /// There are several engines.
        pub(super) has_pid: bool,
    }

    pub(super) struct Following {
        engine: Remote,
        filter: Arc<Filter>,
        shape: Shape,
        /// Rows that have been printed, or did not pass.
        done: BTreeSet<CallId>,
        /// Rows that have not ended.
        open: BTreeSet<CallId>,
        /// The first row nothing is known of.
        next: CallId,
        /// The journal's version of the last look.
        version: u64,
    }

    impl Following {
        pub(super) fn new(engine: Remote, filter: Arc<Filter>, shape: Shape) -> Self {
            let (done, open) = (BTreeSet::new(), BTreeSet::new());
            Self { engine, filter, shape, done, open, next: CallId(0), version: 0 }
        }

        /// Until the engine ends: why. Begins with the `last` rows.
        pub(super) async fn run(mut self, last: u64, to: mpsc::Sender<Line>) -> RemoteError {
            match self.follow(last, &to).await {
                Err(error) => error,
                Ok(()) => RemoteError::Closed("nobody reads any more".to_owned()),
            }
        }

        async fn follow(&mut self, last: u64, to: &mpsc::Sender<Line>) -> Result<(), RemoteError> {
            self.engine.ask(Ask::Subscribe).await?;
            let end = self.window(CallId(u64::MAX), 1).await?;
            self.version = end.version;
            self.next = CallId(end.next.0.saturating_sub(last).max(end.first.0));
            self.scan(to).await?;
            loop {
                self.engine.changed().await?;
                let Told::FlowsChanged { changed, version } =
                    self.engine.ask(Ask::FlowsChanged { since: self.version }).await?
                else {
                    return Err(garbled());
                };
                self.version = version;
                let went_on = match changed {
                    Some(ids) => self.look_at(&ids, to).await?,
                    None => self.scan(to).await?,
                };
                if !went_on {
                    return Ok(());
                }
            }
        }

        async fn window(&mut self, from: CallId, limit: usize) -> Result<FlowWindow, RemoteError> {
            match self.engine.ask(Ask::Flows { from, limit }).await? {
                Told::Flows(window) => Ok(window),
                _ => Err(garbled()),
            }
        }

        /// Rows that have changed. `false`: nobody reads any more.
        async fn look_at(&mut self, ids: &[CallId], to: &mpsc::Sender<Line>) -> Result<bool, RemoteError> {
            let mut ids = ids;
            while let [first, ..] = ids {
                let window = self.window(*first, N_ROWS).await?;
                let Some(past) = window.rows.last().map(|row| CallId(row.id.0 + 1)).or(Some(window.next)) else {
                    break;
                };
                let here = ids.partition_point(|id| *id < past);
                let wanted: BTreeSet<CallId> = ids[..here].iter().copied().collect();
                ids = &ids[here..];
                let lost = wanted.iter().filter(|id| **id < window.first && !self.done.contains(id)).count();
                if !self.lost(lost as u64, to).await {
                    return Ok(false);
                }
                for row in window.rows.iter().filter(|row| wanted.contains(&row.id)) {
                    if !self.take(row, to).await {
                        return Ok(false);
                    }
                }
                if here == 0 {
                    break;
                }
            }
            Ok(true)
        }

        /// All rows from the first one that has not ended. `false`: nobody reads any more.
        async fn scan(&mut self, to: &mpsc::Sender<Line>) -> Result<bool, RemoteError> {
            let mut from = self.open.first().copied().unwrap_or(self.next).min(self.next);
            loop {
                let window = self.window(from, N_ROWS).await?;
                let gone = self.open.range(..window.first).count() as u64;
                let lost = window.first.0.saturating_sub(self.next.0) + gone;
                self.open = self.open.split_off(&window.first);
                self.next = self.next.max(window.first);
                if !self.lost(lost, to).await {
                    return Ok(false);
                }
                let Some(last) = window.rows.last().map(|row| row.id) else { return Ok(true) };
                for row in &window.rows {
                    if !self.take(row, to).await {
                        return Ok(false);
                    }
                }
                from = CallId(last.0 + 1);
                if from >= window.next {
                    return Ok(true);
                }
            }
        }

        /// Prints a row if it has ended, passes, and was not printed before.
        async fn take(&mut self, row: &Flow, to: &mpsc::Sender<Line>) -> bool {
            self.next = self.next.max(CallId(row.id.0 + 1));
            if row.status == Status::Pending {
                self.open.insert(row.id);
                if self.open.len() > N_KEPT {
                    self.open.pop_first();
                }
                return true;
            }
            self.open.remove(&row.id);
            if !self.done.insert(row.id) {
                return true;
            }
            if self.done.len() > N_KEPT {
                self.done.pop_first();
            }
            if !self.passes(row).await {
                return true;
            }
            let pid = self.engine.hello().pid;
            let line = if self.shape.is_json {
                Line::Whole(json_line(row, pid))
            } else {
                Line::Cells(human(row, self.shape.has_pid.then_some(pid), self.shape.is_coloured))
            };
            to.send(line).await.is_ok()
        }

        /// Whether a row passes the filter; its frames are asked for where that looks into them.
        async fn passes(&mut self, row: &Flow) -> bool {
            if !self.filter.needs_frames() {
                return self.filter.matches(row);
            }
            // One that has left the journal meanwhile has no frames that could be looked into.
            match self.engine.ask(Ask::Flow { id: row.id }).await {
                Ok(Told::Flow(Some(whole))) => self.filter.matches(&whole),
                _ => self.filter.matches(row),
            }
        }

        async fn lost(&self, n: u64, to: &mpsc::Sender<Line>) -> bool {
            if n == 0 {
                return true;
            }
            let pid = self.engine.hello().pid;
            let line = if self.shape.is_json {
                format!("{}\n", json!({ "pid": pid, "lost": n }))
            } else {
                format!("... {n} lost: they left the journal before they were read\n")
            };
            to.send(Line::Whole(line)).await.is_ok()
        }
    }

    fn garbled() -> RemoteError {
        RemoteError::Garbled("another answer".to_owned())
    }

    /// Where it came from and where it went.
    fn way(row: &Flow) -> (&str, &str) {
        let server = row.backend.as_deref().unwrap_or("-");
        let client = if row.client.is_empty() { "-" } else { &*row.client };
        match row.kind {
            FlowKind::Call | FlowKind::ClientNotification => (client, server),
            FlowKind::Upcall | FlowKind::ServerNotification => (server, client),
            FlowKind::Own => ("mcp-proxy", server),
        }
    }

    /// What is as long in every row comes first: so it stands in columns.
    fn human(row: &Flow, pid: Option<u32>, is_coloured: bool) -> Vec<Cell> {
        // Names are the clients' and servers' own: they must not move the cursor. The colours are ours.
        let cell = |text: &str| Cell::left(render::one_line(text));
        let paint = |code: &'static str, cell: Cell| if is_coloured { cell.painted(code) } else { cell };
        let mut cells = vec![paint("2", cell(&render::time_of_day(row.at)))];
        cells.extend(pid.map(|pid| paint("2", cell(&pid.to_string()))));
        let (from, to) = way(row);
        let outcome = cell(&row.status.to_string());
        let takes_time = !matches!(row.status, Status::Sent | Status::Dropped(_));
        let time = if takes_time { render::duration(row.timing.total()) } else { String::new() };
        let n_bytes = u64::from(row.n_bytes_in) + u64::from(row.n_bytes_out);
        cells.extend([
            cell(&row.id.to_string()),
            cell(from),
            cell(&format!("> {to}")),
            if failed(&row.status) { paint("31", outcome) } else { outcome },
            Cell::right(time),
            Cell::right(render::size(usize::try_from(n_bytes).unwrap_or(usize::MAX))),
            cell(&row.method),
            cell(row.target.as_deref().unwrap_or_default()),
        ]);
        cells
    }

    fn ms(time: std::time::Duration) -> f64 {
        (time.as_secs_f64() * 1e6).round() / 1e3
    }

    fn json_line(row: &Flow, pid: u32) -> String {
        let kind = match row.kind {
            FlowKind::Call => "call",
            FlowKind::Upcall => "question",
            FlowKind::ClientNotification => "client_notification",
            FlowKind::ServerNotification => "server_notification",
            FlowKind::Own => "own",
        };
        let value: Value = json!({
            "at": render::rfc3339(row.at),
            "pid": pid,
            "call": row.id.to_string(),
            "kind": kind,
            "session": row.session.map(|s| s.to_string()),
            "client": row.client,
            "server": row.backend,
            "method": row.method,
            "target": row.target,
            "status": row.status.to_string(),
            "is_error": failed(&row.status),
            "latency_ms": ms(row.timing.total()),
            "timing_ms": {
                "proxy": ms(row.timing.proxy), "queue": ms(row.timing.queue), "server": ms(row.timing.server),
                "client": ms(row.timing.client), "held": ms(row.timing.held), "send": ms(row.timing.send),
            },
            "bytes_in": row.n_bytes_in,
            "bytes_out": row.n_bytes_out,
            "wire_id": row.wire_id,
            "progress": row.n_progress,
            "rounds": u32::from(row.n_rounds) + 1,
            "parent": row.parent.map(|p| p.to_string()),
        });
        format!("{value}\n")
    }

    #[cfg(test)]
    mod tests {
        use std::time::Duration;

        use mcp_proxy_core::observe::Timing;

        use super::super::super::columns::Columns;
        use super::*;

        fn row() -> Flow {
            let mut row = Flow::new(FlowKind::Call, "tools/call".into());
            row.id = CallId(26);
            row.client = "claude-code".into();
            row.backend = Some("github".into());
            row.target = Some("github__search".into());
            row.status = Status::Ok;
            row.timing = Timing { server: Duration::from_micros(41_300), ..Timing::default() };
            (row.n_bytes_in, row.n_bytes_out) = (200, 1_000);
            row
        }

        /// Without the time of day.
        fn shown(row: &Flow, pid: Option<u32>) -> String {
            let line = Columns::default().text(&Line::Cells(human(row, pid, false)));
            line.split_once("  ").expect("a time first").1.to_owned()
        }

        #[test]
        fn a_call_is_a_line() {
            let expected = "c-1a  claude-code  > github  ok  41.3 ms  2 KB  tools/call  github__search\n";
            assert_eq!(shown(&row(), None), expected);
            assert_eq!(shown(&row(), Some(7)), format!("7  {expected}"));
            let failed = Flow { status: Status::Fault(-32602), kind: FlowKind::Upcall, target: None, ..row() };
            assert_eq!(shown(&failed, None), "c-1a  github  > claude-code  error -32602  41.3 ms  2 KB  tools/call\n");
            let coloured = Columns::default().text(&Line::Cells(human(&failed, None, true)));
            assert!(coloured.contains("\u{1b}[31merror -32602\u{1b}[0m"), "{coloured:?}");
        }

        #[test]
        fn names_cannot_move_the_cursor() {
            let evil = Flow { target: Some("\u{1b}[2J\nx".into()), client: "\u{1b}[31mred".into(), ..row() };
            let text = |is_coloured| Columns::default().text(&Line::Cells(human(&evil, None, is_coloured)));
            let line = text(false);
            assert!(!line.contains('\u{1b}') && line.matches('\n').count() == 1, "{line:?}");
            let coloured = text(true);
            assert!(!coloured.contains("\u{1b}[2J") && !coloured.contains("\u{1b}[31mred"), "{coloured:?}");
        }

        #[test]
        fn a_call_is_an_object() {
            let value: Value = serde_json::from_str(&json_line(&row(), 7)).expect("JSON");
            assert_eq!(
                (&value["call"], &value["pid"], &value["latency_ms"]),
                (&json!("c-1a"), &json!(7), &json!(41.3))
            );
            assert_eq!((&value["status"], &value["is_error"]), (&json!("ok"), &json!(false)));
        }
    }
}
