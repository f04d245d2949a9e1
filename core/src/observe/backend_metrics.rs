//! [`BackendMetrics`]: what is counted for one server and its tools.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use super::counts::{Codes, Counts};
use super::history::History;
use super::named::Named;
use super::quantiles::Quantiles;

/// Tools measured per server; calls of further ones count for the server only.
pub(super) const MAX_TOOLS: usize = 256;

/// Percentiles; zero when there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Calls measured.
    pub n: u64,
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Slowest.
    pub max: Duration,
}

/// Latency of one tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolLatency {
    /// The server's own name of the tool.
    pub tool: Arc<str>,
    /// Its latency.
    pub latency: Latency,
}

/// One tool's times.
#[derive(Debug)]
pub(super) struct Tool {
    latency: Quantiles<4>,
    /// Its last hour, if it is one of those whose last hour is kept.
    pub(super) history: Option<Box<History>>,
    /// Among the metrics, if it is one of those with a series of their own.
    series: Option<Box<Buckets>>,
}

/// How a call of a tool has ended.
pub(super) struct ToolEnded {
    /// When, from the beginning of the counting.
    pub(super) since: Duration,
    pub(super) failed: bool,
    /// There is room for one more series, and for one more tool whose last hour is kept.
    pub(super) may_have_series: bool,
    pub(super) may_have_history: bool,
}

/// What a tool has from now on.
#[derive(Default)]
pub(super) struct Begins {
    pub(super) series: bool,
    pub(super) history: bool,
}

/// What is counted for one server.
#[derive(Debug)]
pub struct BackendMetrics {
    /// Calls begun.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
    /// The same and more, to be added up.
    pub counts: Counts,
    pub(super) latency: Quantiles<6>,
    pub(super) tools: Named<Tool>,
    /// Tools that have no series of their own.
    other_tools: Buckets,
    pub(super) history: Option<History>,
    pub(super) codes: Codes,
    /// Calls ended in each second, `seconds[i]` for the seconds `i` modulo 60.
    seconds: [u16; 60],
    /// The second `seconds` was last written in.
    now_second: u64,
}

pub(super) fn latency<const DIGITS: u32>(of: &Quantiles<DIGITS>) -> Latency {
    let at = |n| Duration::from_micros(of.per_mille(n));
    Latency { n: of.n(), p50: at(500), p95: at(950), p99: at(990), max: Duration::from_micros(of.max()) }
}

impl BackendMetrics {
    pub(super) fn new() -> Self {
        Self {
            n_calls: 0,
            n_errors: 0,
            n_in_flight: 0,
            counts: Counts::default(),
            latency: Quantiles::default(),
            tools: Named::default(),
            other_tools: Buckets::default(),
            history: None,
            codes: Codes::default(),
            seconds: [0; 60],
            now_second: 0,
        }
    }

    fn tick(&mut self, second: u64) {
        let n_passed = second.saturating_sub(self.now_second).min(60);
        for s in 1..=n_passed {
            self.seconds[((self.now_second + s) % 60) as usize] = 0;
        }
        self.now_second = self.now_second.max(second);
    }

    /// A call of `tool` has ended; `took` microseconds if that is worth measuring. Which of the two kinds of memory, bounded
    /// for all servers together, it has from now on.
    pub(super) fn tool_ended(&mut self, tool: &Arc<str>, took: Option<u64>, ended: &ToolEnded) -> Begins {
        if self.tools.find(tool).is_none() {
            let Some(us) = took else { return Begins::default() };
            if self.tools.len() >= MAX_TOOLS {
                self.other_tools.record(us);
                return Begins::default();
            }
        }
        let of = self.tools.of(tool, || Tool { latency: Quantiles::default(), history: None, series: None });
        let mut begins = Begins::default();
        if let Some(us) = took {
            of.latency.record(us);
            if ended.may_have_series && of.series.is_none() {
                of.series = Some(Box::default());
                begins.series = true;
            }
            of.series.as_deref_mut().unwrap_or(&mut self.other_tools).record(us);
        }
        if ended.may_have_history && of.history.is_none() {
            of.history = Some(Box::default());
            begins.history = true;
        }
        if let Some(history) = &mut of.history {
            history.ended(ended.since, took, ended.failed);
        }
        begins
    }

    /// Its latency.
    #[must_use]
    pub fn latency(&self) -> Latency {
        latency(&self.latency)
    }

    /// The latency of its tools, slowest p95 first, at most `n`.
    #[must_use]
    pub fn tools(&self, n: usize) -> Vec<ToolLatency> {
        let of = |(name, tool): (&Arc<str>, &Tool)| ToolLatency { tool: name.clone(), latency: latency(&tool.latency) };
        let mut tools: Vec<_> = self.tools.iter().map(of).collect();
        tools.sort_by(|a, b| b.latency.p95.cmp(&a.latency.p95).then_with(|| a.tool.cmp(&b.tool)));
        tools.truncate(n);
        tools
    }

    /// The times of its tools that have a series of their own, by name, and of all others together.
    #[must_use]
    pub fn tool_series(&self) -> (Vec<(&Arc<str>, &Buckets)>, &Buckets) {
        let mut series: Vec<_> = self.tools.iter().filter_map(|(name, t)| Some((name, t.series.as_deref()?))).collect();
        series.sort_by_key(|(name, _)| *name);
        (series, &self.other_tools)
    }

    /// A call has ended in this second.
    pub(super) fn ended_in(&mut self, second: u64) {
        self.tick(second);
        let slot = &mut self.seconds[(second % 60) as usize];
        *slot = slot.saturating_add(1);
    }

    /// Calls ended in each of the 60 seconds up to this one, oldest first.
    pub(super) fn last_minute(&mut self, second: u64) -> [u16; 60] {
        self.tick(second);
        std::array::from_fn(|i| self.seconds[((second + 1 + i as u64) % 60) as usize])
    }
}
