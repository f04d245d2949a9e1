//! Drives a model in tests as the runtime does, with a journal made of plain rows.

use std::collections::VecDeque;
use std::time::Duration;

use mcp_proxy_core::control::{CatalogView, InterceptView, Leg, Snapshot};
use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::CallId;
use std::sync::Arc;

use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::msg::{Msg, Seen};
use crate::app::theme::Theme;
use crate::app::update::update;
use crate::input::key::Key;
use crate::json::change::Change;
use crate::runtime::looking::relations;
use crate::sample;
use crate::screens::config::talk::{NoFile, Told, Wish};

/// Held by tests that write to tui-logger's ring or change its levels: there is one for the process.
pub(crate) static LOGS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A model with something behind it.
pub(crate) struct Driver {
    pub(crate) model: Model,
    pub(crate) journal: Vec<Flow>,
    pub(crate) snapshot: Snapshot,
    pub(crate) catalog: Arc<CatalogView>,
    pub(crate) intercept: InterceptView,
    /// Effects the journal cannot answer: what the model wanted done.
    pub(crate) wishes: Vec<Effect>,
    version: u64,
    /// How many times the engine has read the configuration again.
    pub(crate) n_readings: u64,
    /// The configuration on disk; `None`: the demo.
    pub(crate) file: Option<String>,
}

impl Driver {
    /// The sample proxy on a screen of this size.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let mut journal = sample::flows();
        journal[3] = sample::echo();
        journal[4] = sample::timed_out();
        journal[5] = sample::divide();
        Self::with(size, journal, sample::snapshot(), sample::catalog())
    }

    /// A proxy that has done nothing yet.
    pub(crate) fn empty(size: (u16, u16)) -> Self {
        let mut snapshot = sample::snapshot();
        snapshot.backends.clear();
        snapshot.clients.clear();
        snapshot.totals = mcp_proxy_core::control::Totals::default();
        Self::with(size, Vec::new(), snapshot, Arc::default())
    }

    fn with(size: (u16, u16), journal: Vec<Flow>, snapshot: Snapshot, catalog: Arc<CatalogView>) -> Self {
        let mut model = Model::new(size, sample::now(), Theme::default());
        model.logs.times = false;
        let mut driver = Self {
            model,
            journal,
            snapshot,
            catalog,
            intercept: InterceptView::default(),
            wishes: Vec::new(),
            version: 0,
            n_readings: 0,
            file: Some(sample::CONFIG.to_owned()),
        };
        driver.look(None);
        driver
    }

    /// Holds the request of the slow call, by this filter.
    pub(crate) fn hold(&mut self, filter: &str) -> &mut Self {
        self.journal[11].is_held = true;
        self.intercept.filter = Some(filter.to_owned());
        self.intercept.held = vec![(CallId(11), Leg::Request, sample::now() + Duration::from_secs(290))];
        self.look(Some(vec![CallId(11)]));
        self
    }

    /// Tells the model that something is new.
    pub(crate) fn look(&mut self, changed: Option<Vec<CallId>>) {
        self.version += 1;
        let first = self.journal.first().map_or(0, |f| f.id.0);
        let next = self.journal.last().map_or(0, |f| f.id.0 + 1);
        let (snapshot, catalog) = (self.snapshot.clone(), self.catalog.clone());
        let (n_readings, intercept) = (self.n_readings, self.intercept.clone());
        let seen = Seen { snapshot, first, next, version: self.version, changed, catalog, n_readings, intercept };
        self.tell(Msg::Seen(Box::new(seen)));
    }

    /// Gives the model a message and answers its wishes.
    pub(crate) fn tell(&mut self, msg: Msg) {
        let mut msgs = VecDeque::from([msg]);
        let mut steps = 0;
        while let Some(msg) = msgs.pop_front() {
            steps += 1;
            assert!(steps < 10_000, "the model asks without end");
            for effect in update(&mut self.model, msg) {
                match effect {
                    Effect::Scan { from, generation, .. } => {
                        let rows: Vec<Flow> = self.journal.iter().filter(|f| f.id.0 >= from).take(4).cloned().collect();
                        let next = self.journal.last().map_or(0, |f| f.id.0 + 1);
                        let upto = if rows.len() == 4 { rows[3].id.0 + 1 } else { next };
                        msgs.push_back(Msg::Scanned { generation, upto, rows });
                    }
                    Effect::Recheck { ids, .. } => msgs.push_back(Msg::Rechecked(self.rows(&ids))),
                    Effect::Find { ids, generation } => {
                        msgs.push_back(Msg::Found { generation, rows: self.rows(&ids) });
                    }
                    Effect::Rows(ids) => msgs.push_back(Msg::Rows(self.rows(&ids))),
                    Effect::Flow(id) => {
                        let found = self.journal.iter().position(|f| f.id == id);
                        let found = found.map(|at| {
                            let relations = relations(&self.journal[at], &self.journal[..at], &self.journal[at + 1..]);
                            Box::new((self.journal[at].clone(), relations))
                        });
                        msgs.push_back(Msg::Flow(id, found));
                    }
                    Effect::Compare(a, b) => {
                        let whole = |id| self.journal.iter().find(|f| f.id == id).cloned().map(Box::new);
                        msgs.push_back(Msg::Compare(whole(a), whole(b)));
                    }
                    Effect::Metrics(of) => msgs.push_back(Msg::Metrics(Box::new(sample::metrics(of.server, of.tool)))),
                    Effect::Server(name) => {
                        let seen = self.snapshot.backends.iter().any(|b| b.name == name);
                        let seen = seen.then(|| Box::new(sample::server(&name)));
                        msgs.push_back(Msg::Server(seen, self.open()));
                    }
                    Effect::Client(id) => msgs.push_back({
                        let own = sample::instances(id).into_iter().filter(|i| i.session == Some(id)).collect();
                        Msg::Client(id, own, self.open())
                    }),
                    Effect::Config(wish) => msgs.extend(self.config(wish)),
                    Effect::Look(_) => {}
                    other => self.wishes.push(other),
                }
            }
        }
    }

    /// What the runtime would tell, with the file in memory. Saving and trying are left to the test.
    fn config(&mut self, wish: Wish) -> Option<Msg> {
        let told = match wish {
            Wish::Read => Told::Read(match &self.file {
                Some(text) => Ok(sample::file(text)),
                None => Err(NoFile::None(Some("~/.config/mcp-proxy/config.yaml".to_owned()))),
            }),
            Wish::Quiet(version) => Told::Quiet(version),
            Wish::Check { version, text, is_final } => {
                Told::Checked(Box::new(sample::checked(version, &text, is_final)))
            }
            other => {
                self.wishes.push(Effect::Config(other));
                return None;
            }
        };
        Some(Msg::Config(Box::new(told)))
    }

    /// What has not ended.
    fn open(&self) -> Vec<Flow> {
        self.journal.iter().filter(|f| f.status == mcp_proxy_core::observe::Status::Pending).cloned().collect()
    }

    fn rows(&self, ids: &[CallId]) -> Vec<Flow> {
        let found = ids.iter().filter_map(|id| self.journal.iter().find(|f| f.id == *id));
        let mut rows: Vec<Flow> = found.cloned().collect();
        for row in &mut rows {
            row.frames = mcp_proxy_core::observe::Frames::default();
        }
        rows
    }

    /// Presses keys, by their names in the table, with blanks between them.
    pub(crate) fn keys(&mut self, names: &str) -> &mut Self {
        for name in names.split_whitespace() {
            self.tell(Msg::Key(Key::parse(name).unwrap_or_else(|| panic!("no key `{name}`"))));
        }
        self
    }

    /// Types text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let name = if c == ' ' { "space".to_owned() } else { c.to_string() };
            self.keys(&name);
        }
        self
    }

    /// Goes to a call in Inspect, and opens it as this.
    pub(crate) fn open_as(&mut self, flow: &Flow) -> &mut Self {
        let at = self.journal.iter().position(|f| f.id == flow.id).expect("a call of the sample");
        self.journal[at] = flow.clone();
        self.keys("2 g");
        self.keys(&"j ".repeat(at));
        self
    }

    /// Goes to the echo call in Inspect and opens it, with the changes the proxy made to it.
    pub(crate) fn open_echo(&mut self) -> &mut Self {
        self.keys("2 g j j j");
        let change = |path: &str, old: &str, new: &str| Change { path: path.into(), old: old.into(), new: new.into() };
        let detail = self.model.inspect.detail.as_mut().expect("a row is selected");
        detail.request.changes = Some(vec![
            change("id", "\"a-7\"", "4403"),
            change("params.name", "\"demo__echo\"", "\"echo\""),
            change("params._meta.progressToken", "\"p-1\"", "4403"),
        ]);
        detail.response.changes = Some(vec![change("id", "4403", "\"a-7\"")]);
        self.tell(Msg::Tick);
        self
    }
}
