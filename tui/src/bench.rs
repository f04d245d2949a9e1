//! What the benches drive: Inspect over a journal as large as they like. Only with the feature `bench`.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mcp_proxy_core::observe::{Flow, FlowKind, Journal, Status, Timing};
use mcp_proxy_core::protocol::{CallId, SessionId, Spliced};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::effect::{Effect, SCAN_ROWS};
use crate::app::model::{Model, Screen};
use crate::app::msg::{Msg, Relations};
use crate::app::theme::Theme;
use crate::app::update::update;
use crate::app::view;
use crate::input::key::Key;

/// Inspect over a journal.
#[expect(missing_debug_implementations, reason = "for benches only")]
pub struct Bench {
    model: Model,
    journal: Journal,
    terminal: Terminal<TestBackend>,
}

fn call(n: u64, answer: &Bytes) -> Flow {
    let mut flow = Flow::at(FlowKind::Call, "tools/call".into(), SystemTime::UNIX_EPOCH + Duration::from_millis(n));
    flow.session = Some(SessionId(n % 7));
    flow.client = if n.is_multiple_of(2) { "claude-code" } else { "cursor" }.into();
    flow.backend = Some(if n.is_multiple_of(3) { "github" } else { "postgres" }.into());
    flow.target = Some(if n.is_multiple_of(3) { "github__search_issues" } else { "postgres__query" }.into());
    flow.status = if n.is_multiple_of(17) { Status::ToolError } else { Status::Ok };
    flow.timing = Timing { server: Duration::from_micros(n * 7919 % 400_000), ..Timing::default() };
    flow.n_bytes_in = 160;
    flow.n_bytes_out = u32::try_from(answer.len()).unwrap_or(u32::MAX);
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":{n},"method":"tools/call","params":{{"name":"query","arguments":{{"sql":"select {n}"}}}}}}"#
    );
    flow.frames.received = Some(request.into());
    flow.frames.returned = Some(answer.clone());
    flow.frames.answered = Some(Spliced::new(answer.clone()));
    flow
}

impl Bench {
    /// `n_flows` small calls, and after them one with this answer, on a screen of this size.
    #[must_use]
    pub fn new(n_flows: u64, answer: &Bytes, size: (u16, u16)) -> Self {
        let mut journal = Journal::new(usize::MAX, usize::MAX);
        let small =
            Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"37 rows"}]}}"#);
        for n in 0..n_flows {
            journal.push(call(n, &small));
        }
        journal.push(call(n_flows, answer));
        let mut model = Model::new(size, SystemTime::UNIX_EPOCH + Duration::from_secs(1), Theme::default());
        model.screen = Screen::Inspect;
        let Ok(terminal) = Terminal::new(TestBackend::new(size.0, size.1));
        let mut bench = Self { model, journal, terminal };
        bench.look();
        bench
    }

    /// One more call, and all that the screen has to do because of it but drawing.
    pub fn one_more(&mut self) {
        let next = self.journal.next_id().0;
        let answer = Bytes::from_static(b"{}");
        self.journal.push(call(next, &answer));
        self.look();
    }

    fn look(&mut self) {
        let next = self.journal.next_id();
        let changed = next.0.checked_sub(1).map(CallId);
        let mut effects = Vec::new();
        self.model.inspect.seen(0, next.0, Some(changed.as_slice()), &mut effects);
        self.perform(effects);
        let (w, h) = self.model.size;
        let effects = update(&mut self.model, Msg::Resize(w, h));
        self.perform(effects);
    }

    fn perform(&mut self, mut effects: Vec<Effect>) {
        while let Some(effect) = effects.pop() {
            let msg = match effect {
                Effect::Rows(ids) => Msg::Rows(ids.iter().filter_map(|id| self.journal.glance(*id)).collect()),
                Effect::Recheck { ids, .. } => {
                    Msg::Rechecked(ids.iter().filter_map(|id| self.journal.glance(*id)).collect())
                }
                Effect::Scan { from, generation, .. } => {
                    let rows = self.journal.window(CallId(from), SCAN_ROWS).rows;
                    let upto = rows.last().map_or(self.journal.next_id().0, |f| f.id.0 + 1);
                    Msg::Scanned { generation, upto, rows }
                }
                Effect::Flow(id) => Msg::Flow(id, self.journal.get(id).map(|f| Box::new((f, Relations::default())))),
                _ => continue,
            };
            effects.extend(update(&mut self.model, msg));
        }
    }

    /// Presses keys, by their names in the table, with blanks between them.
    pub fn keys(&mut self, names: &str) {
        for key in names.split_whitespace().filter_map(Key::parse) {
            let effects = update(&mut self.model, Msg::Key(key));
            self.perform(effects);
        }
    }

    /// Draws a frame; gives the number of cells that are not blank, so that nothing is left out.
    pub fn frame(&mut self) -> usize {
        let Self { model, terminal, .. } = self;
        let Ok(drawn) = terminal.draw(|frame| view::draw(model, frame));
        drawn.buffer.content().iter().filter(|cell| cell.symbol() != " ").count()
    }

    /// Draws every cell anew and nothing else: what a frame of this size costs whatever is on it.
    pub fn bare_frame(&mut self) -> usize {
        let Ok(drawn) = self.terminal.draw(|frame| {
            let area = frame.area();
            for y in area.top()..area.bottom() {
                frame.buffer_mut().set_string(
                    area.x,
                    y,
                    "x".repeat(usize::from(area.width)),
                    ratatui::style::Style::new(),
                );
            }
        });
        drawn.buffer.content().iter().filter(|cell| cell.symbol() != " ").count()
    }
}
