//! Waits for something to happen, lets the model take it, does what the model asks, draws at most 30 times a second.
//!
//! When nothing happens there is no timer, unless a running time is on the screen; nothing is written then.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use mcp_proxy_core::control::ProxyHandle;
use mcp_proxy_core::protocol::CallId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::background::{Background, Heard, QUESTION};
use super::client::{self, Order};
use super::config::{self, Desk};
use super::pace::Pace;
use super::signals::Signals;
use super::terminal::Screen;
use super::work::{Chosen, Work, whole};
use super::{Options, Outcome, clipboard, files, flow_files, logging, looking, recorder};
use crate::app::effect::{Again, Edited, Effect};
use crate::app::memory;
use crate::app::model::Model;
use crate::app::msg::{Ended, Msg};
use crate::app::theme::Tone;
use crate::app::update::update;
use crate::recording::Recording;
use crate::screens::config::talk::{Told, Wish};
use crate::screens::metrics::state::Subject;

/// Time between two frames: 30 a second.
const FRAME: Duration = Duration::from_millis(33);
/// The same for a frame that answers a key, after one that traffic asked for. Two that answer keys have [`FRAME`] between them: a
/// key that is held, or a wheel, draws no more than traffic does.
const AFTER_KEY: Duration = Duration::from_millis(4);
/// How long the last flows may take into their file when we end, and what is half done to go.
const STREAM_LIMIT: Duration = Duration::from_secs(2);
/// Calls made again that are looked for in the journal at once; they stand there within moments.
const N_REPLAYS: usize = 16;
/// Answers and orders on their way; each is taken within a frame.
const MAILBOX: usize = 64;

/// Runs until the user quits or a signal comes.
pub(super) async fn run(handle: &ProxyHandle, options: Options, screen: &mut Screen) -> io::Result<Outcome> {
    logging::set_up();
    handle.keep_history();
    Loop::new(handle, options, screen)?.run().await
}

struct Loop<'a> {
    handle: &'a ProxyHandle,
    screen: &'a mut Screen,
    model: Model,
    /// Scans for a filter, one step a turn.
    scans: VecDeque<Effect>,
    tasks: JoinSet<()>,
    /// Our end of the client in memory, which holds the other; none until the first call.
    client: Option<mpsc::Sender<Order>>,
    /// Tasks send their results here.
    out: mpsc::Sender<Msg>,
    inbox: Option<mpsc::Receiver<Msg>>,
    /// The next log line to read.
    next_log: u64,
    /// Something is new and not looked at yet.
    stale: bool,
    quit: bool,
    suspend: bool,
    /// Text and name of a file for the editor of the user, and what for.
    edit: Option<(String, String, EditFor)>,
    /// Does what the screen wants with the configuration file.
    desk: Desk,
    state_file: Option<PathBuf>,
    /// A recording that is shown instead of the journal.
    recording: Option<Arc<Recording>>,
    /// What takes a while.
    work: Work,
    /// Calls made again that are not in the journal yet, and the row from which on they may be.
    replays: VecDeque<(CallId, u64)>,
    /// Ends what writes flows into a file.
    stream: Option<CancellationToken>,
    streams: JoinSet<()>,
}

impl<'a> Loop<'a> {
    fn new(handle: &'a ProxyHandle, options: Options, screen: &'a mut Screen) -> io::Result<Self> {
        let mut model = Model::new(screen.size()?, SystemTime::now(), options.theme);
        model.first_run = options.first_run_line;
        model.demo = options.demo;
        model.trouble = options.trouble;
        model.mouse = options.mouse;
        model.limits = options.client_limits;
        if let Some(kept) = options.state_file.as_deref().and_then(files::left) {
            memory::recall(&mut model, &kept);
            screen.set_mouse(model.mouse)?;
        }
        if let Some(path) = &options.keys_file {
            let (keys, problems) = files::keys(path);
            model.keys = keys;
            let n = problems.len();
            for problem in problems {
                model.say(Tone::Warn, format!("{}: {problem}", path.display()));
            }
            if n > 1 {
                model.say(Tone::Warn, format!("{}: {n} problems, F3 shows them", path.display()));
            }
        }
        model.utc_offset = utc_offset();
        let (out, inbox) = mpsc::channel(MAILBOX);
        Ok(Self {
            handle,
            screen,
            model,
            scans: VecDeque::new(),
            tasks: JoinSet::new(),
            client: None,
            desk: Desk::new(handle.clone(), out.clone()),
            work: Work::new(out.clone()),
            out,
            inbox: Some(inbox),
            next_log: 0,
            stale: false,
            quit: false,
            suspend: false,
            state_file: options.state_file,
            edit: None,
            recording: None,
            replays: VecDeque::new(),
            stream: None,
            streams: JoinSet::new(),
        })
    }

    /// Runs, and keeps what one leaves behind, however it ends.
    async fn run(mut self) -> io::Result<Outcome> {
        let result = self.turn().await;
        if let Some(path) = &self.state_file {
            files::leave(path, &memory::of(&self.model));
        }
        // What is half written goes.
        self.work.stop();
        let stopped = async { while self.work.ended().await.is_some() {} };
        let _ = tokio::time::timeout(STREAM_LIMIT, stopped).await;
        if let Some(stop) = self.stream.take() {
            // What has ended is in the file when we have.
            stop.cancel();
            let written = async { while self.streams.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(STREAM_LIMIT, written).await;
        }
        result
    }

    async fn turn(&mut self) -> io::Result<Outcome> {
        let mut signals = Signals::new()?;
        let mut input = EventStream::new();
        let mut background = Background::default();
        let mut news = self.handle.subscribe();
        // Taken out so that waiting on it does not borrow all of self.
        let Some(mut inbox) = self.inbox.take() else { return Ok(Outcome::Quit) };
        let mut last_frame = Instant::now();
        let mut looked = last_frame;
        // What is to be drawn answers a key.
        let mut typed = false;
        let mut last_answer = last_frame;
        let mut pace = Pace::new(last_frame.into_std());
        self.look()?;
        self.screen.draw(&self.model)?;
        self.model.dirty = false;
        self.ask_background()?;
        while !self.quit {
            let look_due = self.stale.then_some(looked + pace.pause());
            let drawn = if typed { (last_frame + AFTER_KEY).max(last_answer + FRAME) } else { last_frame + FRAME };
            let draw_due = self.model.dirty.then_some(drawn);
            let frame_due = draw_due.into_iter().chain(look_due).min();
            let tick_due = self.model.tick_in().map(|d| looked + d);
            tokio::select! {
                biased;
                () = signals.any() => return Ok(Outcome::Signal),
                // Before input: a held key must not hold up the screen.
                () = at(frame_due) => {
                    if look_due.is_some_and(|due| due <= Instant::now()) {
                        looked = Instant::now();
                        self.look()?;
                    }
                    if std::mem::take(&mut self.model.dirty) {
                        let n_bytes = self.screen.draw(&self.model)?;
                        pace.wrote(n_bytes, Instant::now().into_std());
                    }
                    last_frame = Instant::now();
                    if std::mem::take(&mut typed) {
                        last_answer = last_frame;
                    }
                }
                event = input.next() => match event {
                    // The terminal is gone.
                    None => return Ok(Outcome::Signal),
                    // A stream that ended before this one began was woken up in the middle of its waiting.
                    Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Some(Err(error)) => return Err(error),
                    Some(Ok(event)) => match background.hear(&event) {
                        Heard::Part => {}
                        Heard::Light(light) => self.take(Msg::Background { light })?,
                        Heard::Typed => {
                            if event == Event::FocusGained {
                                self.ask_background()?;
                            }
                            if let Some(msg) = super::keys::message(event) {
                                self.take(msg)?;
                                typed = true;
                            }
                        }
                    },
                },
                Some(msg) = inbox.recv() => self.take(msg)?,
                Some(ended) = self.tasks.join_next() => whole(ended),
                Some(ended) = self.work.ended() => whole(ended),
                () = news.changed(), if !self.stale => self.stale = true,
                () = logging::logged() => {
                    logging::settle();
                    self.take(Msg::Logs { n_dropped: 0 })?;
                }
                () = at(tick_due) => {
                    looked = Instant::now();
                    self.take(Msg::Tick)?;
                }
                () = std::future::ready(()), if !self.scans.is_empty() => {
                    let recording = self.recording.as_deref();
                    let msg = match self.scans.pop_front() {
                        Some(Effect::Scan { from, generation, with_frames }) => {
                            Some(looking::scan(self.handle, recording, from, generation, with_frames))
                        }
                        Some(Effect::Find { ids, generation }) => {
                            let rows = looking::rows(self.handle, recording, &ids);
                            Some(Msg::Found { generation, rows })
                        }
                        _ => None,
                    };
                    if let Some(msg) = msg {
                        self.take(msg)?;
                    }
                    // Others on this thread get their turn between two steps.
                    tokio::task::yield_now().await;
                }
            }
            if let Some((text, name, what)) = self.edit.take() {
                // It reads the keys, and so it must be the only one that does; what is typed to end it does not end us.
                drop(input);
                self.screen.lend();
                let before = text.clone();
                let edited = tokio::task::spawn_blocking(move || config::edit(&text, &name)).await;
                self.screen.take_back()?;
                input = EventStream::new();
                signals = Signals::new()?;
                let lost = |_| ("the editor".to_owned(), Err("the editor was lost".to_owned()));
                let (program, result) = edited.unwrap_or_else(lost);
                let (w, h) = self.screen.size()?;
                self.take(Msg::Resize(w, h))?;
                self.take(match what {
                    EditFor::Config => Msg::Config(Box::new(Told::Edited { program, result })),
                    EditFor::Inspect(what) => {
                        let text = result.map(|new| (new.trim_end() != before.trim_end()).then_some(new));
                        Msg::Edited(what, text)
                    }
                })?;
            }
            if std::mem::take(&mut self.suspend) {
                self.screen.suspend().await?;
                let (w, h) = self.screen.size()?;
                self.model.utc_offset = utc_offset();
                self.take(Msg::Resize(w, h))?;
            }
        }
        Ok(Outcome::Quit)
    }

    /// Asks the terminal for its background: it may have changed with the time of day.
    fn ask_background(&mut self) -> io::Result<()> {
        if !self.model.theme.color {
            return Ok(());
        }
        let writer = self.screen.writer();
        writer.write_all(QUESTION)?;
        writer.flush()
    }

    /// Looks at everything that may be new.
    fn look(&mut self) -> io::Result<()> {
        let (next, unread, logs) = looking::logs(self.handle, self.next_log);
        self.next_log = next;
        self.stale = unread;
        if let Some(msg) = logs {
            self.take(msg)?;
        }
        self.take(looking::seen(self.handle, self.recording.as_deref(), self.model.inspect.version))?;
        for (of, from) in std::mem::take(&mut self.replays) {
            match looking::replay(self.handle, of, from) {
                Some(new) => self.take(Msg::Replayed { of, new })?,
                None => self.replays.push_back((of, from)),
            }
        }
        Ok(())
    }

    /// Lets the model take a message, and does all it asks for.
    fn take(&mut self, msg: Msg) -> io::Result<()> {
        if let Msg::Worked { ended: Ended::Loaded(Ok(loaded)), .. } = &msg {
            self.recording = Some(loaded.recording.clone());
        }
        let mut msgs = VecDeque::from([msg]);
        while let Some(msg) = msgs.pop_front() {
            self.model.now = SystemTime::now();
            for effect in update(&mut self.model, msg) {
                msgs.extend(self.perform(effect)?);
            }
        }
        Ok(())
    }

    /// Does one thing; some have an answer at once.
    fn perform(&mut self, effect: Effect) -> io::Result<Option<Msg>> {
        Ok(match effect {
            Effect::Look(since) => Some(looking::seen(self.handle, self.recording.as_deref(), since)),
            Effect::Scan { .. } | Effect::Find { .. } => {
                self.scans.push_back(effect);
                None
            }
            Effect::Recheck { ids, with_frames } => {
                Some(Msg::Rechecked(looking::recheck(self.handle, self.recording.as_deref(), &ids, with_frames)))
            }
            Effect::Rows(ids) => Some(Msg::Rows(looking::rows(self.handle, self.recording.as_deref(), &ids))),
            Effect::Flow(id) => Some(looking::flow(self.handle, self.recording.as_deref(), id)),
            Effect::Compare(a, b) => {
                let whole = |id| looking::whole(self.handle, self.recording.as_deref(), id).map(Box::new);
                Some(Msg::Compare(whole(a), whole(b)))
            }
            Effect::Held(what) => {
                let (Edited::Held(call) | Edited::Answer(call) | Edited::Call { of: call, .. }) = &what;
                let held = self.handle.held(*call).map(Box::new);
                Some(Msg::Held(what, held))
            }
            Effect::Edit { what, text } => {
                self.edit = Some((text, "message.json".to_owned(), EditFor::Inspect(what)));
                None
            }
            Effect::Replay(again) => self.replay(again),
            Effect::Export { format, rows, path } => {
                let (handle, recording) = (self.handle.clone(), self.recording.clone());
                let find = Box::new(move |id| looking::whole(&handle, recording.as_deref(), id));
                Some(self.work.export(Chosen { find, rows }, format, path))
            }
            Effect::Load(path) => Some(self.work.load(path)),
            Effect::StopWork => {
                self.work.stop();
                None
            }
            Effect::Live => {
                self.recording = None;
                None
            }
            Effect::Stream(path) => self.stream(path.as_deref()),
            Effect::Metrics(Subject { server, tool }) => {
                Some(Msg::Metrics(Box::new(self.handle.metrics_of(server.as_ref(), tool.as_ref()))))
            }
            Effect::Server(name) => {
                let seen = self.handle.server(&name).map(Box::new);
                Some(Msg::Server(seen, self.handle.open_flows()))
            }
            Effect::Client(id) => Some(Msg::Client(id, self.handle.instances_of(id), self.handle.open_flows())),
            Effect::Config(Wish::Edit(text)) => {
                let name = self.model.config.open().map_or_else(|| "config.yaml".to_owned(), |open| open.name());
                self.edit = Some((text, name, EditFor::Config));
                None
            }
            Effect::Config(wish) => {
                self.desk.take(wish, &mut self.tasks);
                None
            }
            Effect::Command(command) => {
                let (handle, out) = (self.handle.clone(), self.out.clone());
                self.tasks.spawn(async move {
                    let result = handle.command(command.clone()).await;
                    let _ = out.send(Msg::Commanded(command, result)).await;
                });
                None
            }
            Effect::Send { seq, method, params } => {
                self.order(seq, Order::Call { seq, method: method.to_owned(), params })
            }
            Effect::Cancel(seq) => self.order(seq, Order::Cancel(seq)),
            Effect::Copy { what, text } => Some(Msg::Copied(clipboard::copy(self.screen.writer(), &what, &text))),
            Effect::Quit => {
                self.quit = true;
                None
            }
            Effect::Suspend => {
                self.suspend = true;
                None
            }
            Effect::Redraw => {
                self.screen.clear()?;
                None
            }
            Effect::CaptureAll => {
                logging::capture_all();
                None
            }
            Effect::Mouse(on) => {
                self.screen.set_mouse(on)?;
                None
            }
        })
    }

    /// Has a call made again.
    fn replay(&mut self, again: Again) -> Option<Msg> {
        let Again { of, n, method, params } = again;
        let seq = client::REPLAYS + n;
        if self.recording.is_some() {
            // What it repeats is in no journal of ours.
            return self.order(seq, Order::Call { seq, method, params });
        }
        let next = self.handle.flows(CallId(u64::MAX), 1).next.0;
        if self.replays.len() == N_REPLAYS {
            self.replays.pop_front();
        }
        self.replays.push_back((of, next));
        self.order(seq, Order::Again { of, n, method, params })
    }

    /// Writes flows into a file as they end, or stops that.
    fn stream(&mut self, path: Option<&str>) -> Option<Msg> {
        let Some(typed) = path else {
            // What writes says itself that it has ended.
            self.stream.take()?.cancel();
            return None;
        };
        let path = flow_files::path(typed);
        let file = match flow_files::create(&path) {
            Ok(file) => file,
            Err(why) => return Some(Msg::Copied(Err(why))),
        };
        let stop = CancellationToken::new();
        if let Some(before) = self.stream.replace(stop.clone()) {
            before.cancel();
        }
        let (handle, out) = (self.handle.clone(), self.out.clone());
        let shown = path.display().to_string();
        // Ended ones have told all they had to.
        while self.streams.try_join_next().is_some() {}
        self.streams.spawn(async move {
            let written = recorder::run(handle, file, stop).await;
            let _ = out.send(Msg::Streaming(None)).await;
            // The last word: that it is complete would be none.
            if let Err(error) = written {
                let why = format!("{shown} is not complete, it could not be written: {error}; W begins another file");
                let _ = out.send(Msg::Copied(Err(why))).await;
            }
        });
        Some(Msg::Streaming(Some(path.display().to_string())))
    }

    /// Passes an order to the client in memory, which is connected by the first one.
    fn order(&mut self, seq: u64, order: Order) -> Option<Msg> {
        if self.client.as_ref().is_none_or(mpsc::Sender::is_closed) {
            let (orders, inbox) = mpsc::channel(MAILBOX);
            let link = self.handle.connect("terminal");
            self.tasks.spawn(client::run(link, inbox, self.out.clone()));
            self.client = Some(orders);
        }
        let sent = self.client.as_ref().is_some_and(|c| c.try_send(order).is_ok());
        let busy = || Msg::Answer {
            seq,
            result: Err("too many calls are waiting: try again".to_owned()),
            took: Duration::ZERO,
        };
        (!sent).then(busy)
    }
}

/// What a text is edited for.
enum EditFor {
    /// The configuration.
    Config,
    /// Something of Inspect.
    Inspect(Edited),
}

/// Sleeps until then, for ever without a time.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

/// Seconds east of Greenwich, now and here.
fn utc_offset() -> i32 {
    jiff::tz::TimeZone::system().to_offset(jiff::Timestamp::now()).seconds()
}
