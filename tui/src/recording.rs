//! Recordings: flows in a file, one a line, after a line that says what it is. Pure; `runtime/` reads and writes the files.
//!
//! Secrets are masked when a flow is written, so no recording holds one.

use std::collections::BTreeMap;

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::CallId;
use serde::{Deserialize, Serialize};

use crate::export::masked;

/// The format written; what is written by a later one is refused.
const FORMAT: u32 = 1;
/// Flows read from one file, at most.
pub(crate) const MAX_FLOWS: usize = 1_000_000;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    recording: String,
    format: u32,
    written_by: String,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    flow: Flow,
    /// What was written beside it, if it was marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    flows: BTreeMap<u64, Flow>,
    /// What was written beside those that are marked.
    pub(crate) comments: Vec<(CallId, String)>,
    /// Lines that are none.
    pub(crate) n_bad: usize,
    /// Lines after as many flows as are read.
    pub(crate) n_left: usize,
}

/// The first line of a file.
#[must_use]
pub(crate) fn header() -> String {
    let header =
        Header { recording: "mcp-proxy".to_owned(), format: FORMAT, written_by: env!("CARGO_PKG_VERSION").to_owned() };
    line_of(&header)
}

/// The line of a flow.
#[must_use]
pub(crate) fn line(flow: &Flow, comment: Option<&str>) -> String {
    line_of(&Line { flow: masked(flow), comment: comment.map(str::to_owned) })
}

/// The line that says how many flows were lost before they could be written.
#[must_use]
pub(crate) fn lost(n: u64) -> String {
    format!("{{\"lost\":{n}}}\n")
}

fn line_of(value: &impl Serialize) -> String {
    // Only maps with keys that are no text could fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A recording that is being read, a line at a time.
#[derive(Debug)]
pub(crate) struct Reading {
    /// `None` before the first line.
    recording: Option<Recording>,
    /// Flows taken, at most.
    max: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { recording: None, max: MAX_FLOWS }
    }
}

/// How the line of [`lost`] begins.
const LOST: &str = "{\"lost\":";
const NO_HEADER: &str = "its first line does not say that it is a recording";

impl Reading {
    /// Takes the next line; once it has as many flows as one may have, only counts it.
    ///
    /// # Errors
    /// Why it is no recording.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), String> {
        let Some(recording) = &mut self.recording else {
            self.recording = Some(begin(line)?);
            return Ok(());
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        if recording.flows.len() >= self.max {
            recording.n_left += usize::from(!line.starts_with(LOST));
            return Ok(());
        }
        match serde_json::from_str::<Line>(line) {
            Ok(Line { flow, comment }) => {
                recording.comments.extend(comment.map(|c| (flow.id, c)));
                recording.flows.insert(flow.id.0, flow);
            }
            Err(_) if line.starts_with(LOST) => {}
            // The last line may be cut: whoever wrote it was killed.
            Err(_) => recording.n_bad += 1,
        }
        Ok(())
    }

    /// There are no more lines.
    ///
    /// # Errors
    /// There was none.
    pub(crate) fn done(self) -> Result<Recording, String> {
        self.recording.ok_or_else(|| NO_HEADER.to_owned())
    }
}

/// An empty recording, if its first line says that it is one.
fn begin(first: &str) -> Result<Recording, String> {
    let header: Header = serde_json::from_str(first).map_err(|_| NO_HEADER.to_owned())?;
    if header.recording != "mcp-proxy" {
        return Err("it is a recording of another program".to_owned());
    }
    if header.format > FORMAT {
        let by: String = header.written_by.chars().take(20).collect();
        return Err(format!("it was written by mcp-proxy {by}, in a format this one does not know"));
    }
    Ok(Recording::default())
}

impl Recording {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// The first id, and the one after the last.
    pub(crate) fn ends(&self) -> (u64, u64) {
        let first = self.flows.first_key_value().map_or(0, |(id, _)| *id);
        let next = self.flows.last_key_value().map_or(0, |(id, _)| id.saturating_add(1));
        (first, next)
    }

    /// Up to `limit` flows from `from` on.
    pub(crate) fn from(&self, from: u64, limit: usize) -> impl Iterator<Item = &Flow> {
        self.flows.range(from..).take(limit).map(|(_, flow)| flow)
    }

    /// Up to `limit` flows before `id`, the nearest first.
    pub(crate) fn before(&self, id: u64, limit: usize) -> impl Iterator<Item = &Flow> {
        self.flows.range(..id).rev().take(limit).map(|(_, flow)| flow)
    }

    /// A flow.
    pub(crate) fn get(&self, id: CallId) -> Option<&Flow> {
        self.flows.get(&id.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn read(text: &str) -> Result<Recording, String> {
        let mut reading = Reading::default();
        text.lines().try_for_each(|line| reading.line(line))?;
        reading.done()
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let mut reading = Reading { max: 2, ..Reading::default() };
        let lines = (1..=4).map(|id| line(&Flow { id: CallId(id), ..sample::echo() }, None));
        for line in [header()].into_iter().chain(lines).chain([lost(7), "\n".to_owned()]) {
            reading.line(line.trim_end()).expect("a line");
        }
        let read = reading.done().expect("a recording");
        assert_eq!((read.len(), read.n_left, read.n_bad), (2, 2, 0));
    }

    fn written() -> String {
        let mut text = header();
        for flow in [sample::echo(), sample::timed_out(), sample::divide()] {
            text.push_str(&line(&flow, (flow.id.0 == 4).then_some("slow")));
        }
        text + &lost(7)
    }

    #[test]
    fn what_is_written_is_read_again_without_secrets() {
        let text = written();
        assert!(!text.contains("sk-very-secret"));
        let read = read(&text).expect("a recording");
        assert_eq!((read.len(), read.ends(), read.n_bad), (3, (3, 6), 0));
        assert_eq!(read.comments, [(CallId(4), "slow".to_owned())]);
        let (echo, was) = (read.get(CallId(3)).expect("there"), sample::echo());
        assert_eq!((&echo.target, &echo.status, echo.timing, echo.at), (&was.target, &was.status, was.timing, was.at));
        assert!(echo.frames.returned == was.frames.returned && echo.frames.sent.is_some());
        assert_eq!(read.from(4, 1).map(|f| f.id.0).collect::<Vec<_>>(), [4]);
        assert_eq!(read.before(5, 9).map(|f| f.id.0).collect::<Vec<_>>(), [4, 3]);
    }

    #[test]
    fn headers_are_kept_and_recordings_without_them_are_read() {
        let flow = sample::by_http();
        let new = read(&(header() + &line(&flow, None))).expect("a recording");
        assert_eq!(new.get(flow.id).expect("there").hops, flow.hops);
        // As it was written before there were any.
        let old = header() + &line(&sample::echo(), None);
        assert!(!old.contains("hops"));
        let old = read(&old).expect("a recording");
        assert!(old.n_bad == 0 && old.get(CallId(3)).expect("there").hops.is_none());
    }

    #[test]
    fn a_cut_line_costs_itself_and_other_files_are_refused() {
        let text = written();
        let cut = &text[..text.len() - lost(7).len() - 9];
        let cut = read(cut).expect("a recording");
        assert_eq!((cut.len(), cut.n_bad), (2, 1));
        assert!(read("").is_err() && read("{}").is_err() && read(r#"{"log":{}}"#).is_err());
        let later = header().replace("\"format\":1", "\"format\":2");
        assert!(read(&later).expect_err("too new").contains("does not know"));
    }

    proptest! {
        #[test]
        fn hostile_files_do_no_harm(rest in "\\PC{0,200}") {
            let _ = read(&rest);
            let _ = read(&(header() + &rest));
        }
    }
}
