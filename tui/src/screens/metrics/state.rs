//! What Metrics knows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mcp_proxy_core::control::{HISTORY_STEP, MetricsView, Point};

use crate::app::cursor::Cursor;

/// Time between two looks at the measurements: the clock of the charts is slower still.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much of the past the charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Window {
    /// Ten minutes: there is something to see soon after the start.
    #[default]
    Short,
    /// An hour.
    Long,
}

impl Window {
    /// Its length.
    pub(crate) const fn length(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(600),
            Self::Long => Duration::from_secs(3_600),
        }
    }

    /// Its length in words.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Short => "10 minutes",
            Self::Long => "hour",
        }
    }

    /// Steps in it.
    pub(crate) fn n_steps(self) -> usize {
        usize::try_from(self.length().as_secs() / HISTORY_STEP.as_secs()).unwrap_or(1)
    }
}

/// Whose measurements are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// A server; `None`: all.
    pub(crate) server: Option<Arc<str>>,
    /// One tool of it.
    pub(crate) tool: Option<Arc<str>>,
}

/// What Metrics knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The selected line of the list.
    pub(crate) cursor: Cursor,
    /// What it stands for.
    pub(crate) subject: Subject,
    /// Tools of its server that can be looked at one by one.
    pub(crate) tools: Vec<Arc<str>>,
    /// How much of the past is shown.
    pub(crate) window: Window,
    /// What was measured of the selected line; `None` until looked at.
    pub(crate) seen: Option<MetricsView>,
    /// Our share of a processor between the last two looks, in percent.
    pub(crate) cpu: Option<f64>,
    /// When it was looked at last.
    pub(crate) asked: Option<SystemTime>,
    /// When the processor time was read last, and what it was.
    used: Option<(SystemTime, Duration)>,
}

impl State {
    /// Whether it is time for a look.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        self.asked.is_none_or(|at| now.duration_since(at).map_or(true, |d| d >= LOOK_EVERY))
    }

    /// Takes a look's result, if it is of what is selected still.
    pub(crate) fn take(&mut self, view: MetricsView, now: SystemTime) {
        if view.backend != self.subject.server || view.tool != self.subject.tool {
            return;
        }
        self.tools.clone_from(&view.tools);
        if let Some(process) = &view.process {
            if let Some((at, cpu)) = self.used
                && let Ok(passed) = now.duration_since(at)
                && passed >= LOOK_EVERY / 2
            {
                self.cpu = Some(process.cpu.saturating_sub(cpu).as_secs_f64() / passed.as_secs_f64() * 100.0);
                self.used = Some((now, process.cpu));
            }
            self.used.get_or_insert((now, process.cpu));
        }
        self.seen = Some(view);
    }

    /// Looks at something else.
    pub(crate) fn turn_to(&mut self, subject: Subject) {
        if subject == self.subject {
            return;
        }
        if subject.server != self.subject.server {
            self.tools.clear();
        }
        self.subject = subject;
        (self.seen, self.asked) = (None, None);
    }

    /// The points of the window.
    pub(crate) fn points(&self) -> &[Point] {
        let all = self.seen.as_ref().map_or(&[][..], |s| &s.points);
        &all[all.len().saturating_sub(self.window.n_steps())..]
    }

    /// Whether the charts move by themselves with time.
    pub(crate) fn is_moving(&self) -> bool {
        self.points().iter().any(|p| p.n > 0)
    }
}
