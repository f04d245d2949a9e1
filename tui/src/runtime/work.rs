//! Reading and writing of flows that may take long: one at a time, on a thread that nobody waits for. It says how far it is,
//! stops when it is told to, and leaves nothing half done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::CallId;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::flow_files;
use crate::app::effect::Format;
use crate::app::msg::{Ended, Loaded, Msg};
use crate::export;
use crate::recording;
use crate::widgets::number;

/// Time between two words on how far it is.
const SAY_EVERY: Duration = Duration::from_millis(100);
/// Flows exported as one text: about what a journal holds. A recording is written flow by flow, however many they are.
const N_EXPORTED: usize = 100_000;

/// Does one such thing at a time.
pub(super) struct Work {
    out: mpsc::Sender<Msg>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    n: u64,
}

/// It was told to stop.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// What the thread at work hears and says.
pub(super) struct Talk {
    out: mpsc::Sender<Msg>,
    stop: CancellationToken,
    n: u64,
    said: Instant,
}

/// Which flows are exported, and where they come from.
pub(super) struct Chosen {
    pub(super) find: Box<dyn Fn(CallId) -> Option<Flow> + Send>,
    pub(super) rows: Vec<(CallId, Option<String>)>,
}

impl Talk {
    /// Says how far it is, now and then.
    pub(super) fn is_at(&mut self, done: u64, of: u64) -> Result<(), Stopped> {
        if self.stop.is_cancelled() {
            return Err(Stopped);
        }
        if self.said.elapsed() >= SAY_EVERY {
            self.said = Instant::now();
            // A full box has other things to say.
            let _ = self.out.try_send(Msg::Progress { n: self.n, done, of });
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn for_test() -> (Self, CancellationToken) {
        let stop = CancellationToken::new();
        let talk = Self { out: mpsc::channel(1).0, stop: stop.clone(), n: 0, said: Instant::now() };
        (talk, stop)
    }
}

/// A task that broke down takes us with it.
pub(super) fn whole(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // The hook has given the terminal back already.
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Work {
    /// Tells what comes of it by `out`.
    pub(super) fn new(out: mpsc::Sender<Msg>) -> Self {
        Self { out, tasks: JoinSet::new(), stop: CancellationToken::new(), n: 0 }
    }

    /// Has it done, unless something is being done already.
    fn begin(&mut self, what: String, does: impl FnOnce(&mut Talk) -> Result<Ended, Stopped> + Send + 'static) -> Msg {
        while let Some(ended) = self.tasks.try_join_next() {
            whole(ended);
        }
        if !self.tasks.is_empty() {
            return Msg::Copied(Err("one thing at a time: Esc stops the one before".to_owned()));
        }
        self.n += 1;
        self.stop = CancellationToken::new();
        let (n, out) = (self.n, self.out.clone());
        let mut talk = Talk { out: out.clone(), stop: self.stop.clone(), n, said: Instant::now() };
        self.tasks.spawn_blocking(move || {
            let ended = does(&mut talk).unwrap_or(Ended::Stopped);
            let _ = out.blocking_send(Msg::Worked { n, ended });
        });
        Msg::Working { n, what }
    }

    /// Stops what is being done.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn ended(&mut self) -> Option<Result<(), JoinError>> {
        self.tasks.join_next().await
    }

    /// Reads a recording.
    pub(super) fn load(&mut self, typed: String) -> Msg {
        self.begin(format!("reading {typed}"), move |talk| {
            let read = flow_files::read(&typed, talk)?;
            Ok(Ended::Loaded(read.map(|mut read| Loaded {
                n_flows: read.len(),
                n_bad: read.n_bad,
                n_left: read.n_left,
                comments: std::mem::take(&mut read.comments),
                name: typed,
                recording: Arc::new(read),
            })))
        })
    }

    /// Gives flows to the clipboard or into a file.
    pub(super) fn export(&mut self, chosen: Chosen, format: Format, path: Option<String>) -> Msg {
        let what = match (&path, chosen.rows.len()) {
            (Some(path), _) => format!("writing {path}"),
            (None, 1) => "exporting".to_owned(),
            (None, n) => format!("exporting {}", number::plural(n as u64, "flow")),
        };
        self.begin(what, move |talk| match path {
            Some(path) => Ok(Ended::Said(write(&chosen, format, &path, talk)?)),
            None => Ok(match text(&chosen, N_EXPORTED, format, talk)? {
                Ok((what, text)) => Ended::Text { what, text },
                Err(why) => Ended::Said(Err(why)),
            }),
        })
    }
}

impl Chosen {
    /// Each of the first `max` flows that is still there, as far as it was not told to stop.
    fn each(
        &self,
        max: usize,
        talk: &mut Talk,
        mut take: impl FnMut(Flow, &Option<String>) -> Result<(), String>,
    ) -> Reached {
        let n = self.rows.len().min(max) as u64;
        for (at, (id, comment)) in (0_u64..).zip(self.rows.iter().take(max)) {
            talk.is_at(at, n)?;
            if let Some(flow) = (self.find)(*id)
                && let Err(why) = take(flow, comment)
            {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }
}

type Reached = Result<Result<(), String>, Stopped>;

const GONE: &str = "they have all left the journal: W writes calls into a file as they end";

/// What is exported, and its text.
fn text(
    chosen: &Chosen,
    max: usize,
    format: Format,
    talk: &mut Talk,
) -> Result<Result<(String, String), String>, Stopped> {
    let mut flows = Vec::new();
    let gathered = chosen.each(max, talk, |flow, comment| {
        flows.push((flow, comment.clone()));
        Ok(())
    })?;
    let what = match flows.as_slice() {
        [] => return Ok(Err(GONE.to_owned())),
        [(one, _)] if chosen.rows.len() <= max => one.id.to_string(),
        // Some may have left the journal meanwhile: of those nobody was to be had.
        all => number::first_of(all.len() as u64, (all.len() + chosen.rows.len().saturating_sub(max)) as u64, "flow"),
    };
    let (name, text) = match format {
        Format::Curl => {
            let all: Result<Vec<String>, String> = flows.iter().map(|(f, _)| export::curl(f)).collect();
            match all {
                Ok(all) => ("curl", all.join("\n")),
                Err(why) => return Ok(Err(why)),
            }
        }
        Format::Json => ("JSON", export::json(&flows)),
        Format::Jsonl => {
            let lines = flows.iter().map(|(f, comment)| recording::line(f, comment.as_deref()));
            ("JSONL", recording::header() + &lines.collect::<String>())
        }
        Format::Har => ("HAR", export::har(&flows)),
    };
    Ok(gathered.map(|()| (format!("{what} as {name}"), text)))
}

/// Writes flows into a new file, and says so.
fn write(chosen: &Chosen, format: Format, path: &str, talk: &mut Talk) -> Result<Result<String, String>, Stopped> {
    let mut file = match flow_files::NewFile::begin(path) {
        Ok(file) => file,
        Err(why) => return Ok(Err(why)),
    };
    if format != Format::Jsonl {
        let (what, text) = match text(chosen, N_EXPORTED, format, talk)? {
            Ok(exported) => exported,
            Err(why) => return Ok(Err(why)),
        };
        return Ok(file.write(&text).and_then(|()| file.finish()).map(|how| format!("{what}: {how}")));
    }
    let mut n = 0;
    let mut written = file.write(&recording::header());
    if written.is_ok() {
        written = chosen.each(usize::MAX, talk, |flow, comment| {
            n += 1;
            file.write(&recording::line(&flow, comment.as_deref()))
        })?;
    }
    if n == 0 && written.is_ok() {
        return Ok(Err(GONE.to_owned()));
    }
    let what = number::plural(n, "flow");
    Ok(written.and_then(|()| file.finish()).map(|how| format!("{what} as JSONL: {how}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test);
    }

    /// Works until it is told to stop, and says how far it is as often as it is asked.
    fn without_end(talk: &mut Talk) -> Result<Ended, Stopped> {
        loop {
            talk.said -= SAY_EVERY;
            talk.is_at(1, 2)?;
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_thing_at_a_time_until_it_is_stopped() {
        run(async {
            let (out, mut inbox) = mpsc::channel(1);
            let mut work = Work::new(out);
            let begun = work.begin("reading x".to_owned(), without_end);
            assert!(matches!(begun, Msg::Working { n: 1, what } if what == "reading x"));
            assert!(matches!(inbox.recv().await, Some(Msg::Progress { n: 1, done: 1, of: 2 })));
            let second = work.load("/nowhere".to_owned());
            assert!(matches!(second, Msg::Copied(Err(why)) if why.contains("Esc stops the one before")));
            work.stop();
            let ended = async {
                loop {
                    if let Some(Msg::Worked { n, ended }) = inbox.recv().await {
                        return (n, matches!(ended, Ended::Stopped));
                    }
                }
            };
            assert_eq!(ended.await, (1, true));
            assert!(work.ended().await.is_some_and(|e| e.is_ok()));
            // Then there is room for the next.
            assert!(matches!(work.load("/nowhere".to_owned()), Msg::Working { n: 2, .. }));
            let told = inbox.recv().await;
            assert!(
                matches!(told, Some(Msg::Worked { n: 2, ended: Ended::Loaded(Err(why)) }) if why.contains("cannot be read"))
            );
        });
    }

    #[test]
    fn a_text_of_too_many_says_so() {
        let find = |id| Some(Flow { id, ..crate::sample::echo() });
        let rows = (1..=3).map(|id| (CallId(id), None)).collect();
        let (chosen, (mut talk, _stop)) = (Chosen { find: Box::new(find), rows }, Talk::for_test());
        let mut what = |max| {
            let (what, text) = text(&chosen, max, Format::Jsonl, &mut talk).expect("not stopped").expect("exported");
            (what, text.lines().count() - 1)
        };
        assert_eq!(what(2), ("the first 2 of 3 flows as JSONL".to_owned(), 2));
        assert_eq!(what(1), ("the first 1 of 3 flows as JSONL".to_owned(), 1));
        assert_eq!(what(3), ("3 flows as JSONL".to_owned(), 3));
    }

    #[test]
    fn a_recording_of_more_than_a_text_may_hold_has_the_last_too() {
        let path = std::env::temp_dir().join(format!("mcp-proxy-work-{}-all.jsonl", std::process::id()));
        let last = CallId(N_EXPORTED as u64 + 1);
        // The others have left the journal.
        let find = move |id| Some(Flow { id, ..crate::sample::echo() }).filter(|f| f.id == last);
        let rows = (1..=last.0).map(|id| (CallId(id), None)).collect();
        let chosen = Chosen { find: Box::new(find), rows };
        let typed = path.to_str().expect("a plain name");
        let written = write(&chosen, Format::Jsonl, typed, &mut Talk::for_test().0).expect("not stopped");
        assert!(written.expect("written").starts_with("1 flow as JSONL"));
        std::fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn a_recording_is_saved_and_one_that_is_given_up_leaves_nothing() {
        run(async {
            let dir = std::env::temp_dir().join(format!("mcp-proxy-work-{}", std::process::id()));
            std::fs::create_dir_all(&dir).expect("a folder");
            let file = dir.join("a.jsonl");
            let typed = file.to_str().expect("a plain name").to_owned();
            let echo = crate::sample::echo();
            let find = |id| Some(crate::sample::echo()).filter(|f| f.id == id);
            let chosen = |id| Chosen { find: Box::new(find), rows: vec![(id, None)] };
            let (mut talk, stop) = Talk::for_test();
            let written = write(&chosen(echo.id), Format::Jsonl, &typed, &mut talk).expect("not stopped");
            assert!(written.expect("written").contains("1 flow as JSONL"));
            let text = std::fs::read_to_string(&file).expect("there");
            assert!(text.lines().count() == 2 && !text.contains("sk-very"));
            std::fs::remove_file(&file).expect("ours");
            let gone = write(&chosen(CallId(77)), Format::Jsonl, &typed, &mut talk).expect("not stopped");
            assert!(gone.expect_err("not there").contains("left the journal"));
            stop.cancel();
            let stopped = write(&chosen(echo.id), Format::Jsonl, &typed, &mut talk);
            assert!(stopped.is_err());
            assert_eq!(std::fs::read_dir(&dir).expect("ours").count(), 0);
            let _ = std::fs::remove_dir_all(&dir);
        });
    }
}
