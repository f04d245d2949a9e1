//! What is counted of requests, whoever they are for: how many, how they ended, and with which codes.

use serde::{Deserialize, Serialize};

use super::buckets::Buckets;

/// Different error codes counted; further ones are not told apart.
const MAX_CODES: usize = 32;

/// How a request ended, told apart by who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With a result that says `isError`.
    ToolError,
    /// With a JSON-RPC error of the server.
    ServerError,
    /// With a JSON-RPC error of ours: no such tool, no server, too many calls.
    ProxyError,
    /// The server did not answer in time.
    Timeout,
    /// Whoever asked took it back, or left.
    Cancelled,
}

impl Outcome {
    /// All, in the order they are counted in.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::ToolError, Self::ServerError, Self::ProxyError, Self::Timeout, Self::Cancelled];

    /// One word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::ServerError => "server_error",
            Self::ProxyError => "proxy_error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) const fn is_error(self) -> bool {
        !matches!(self, Self::Ok | Self::Cancelled)
    }
}

/// What can be added up over servers.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests begun.
    pub n_calls: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
    /// Of these, ended, by [`Outcome`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Bytes of requests as they came from clients.
    pub n_bytes_in: u64,
    /// Bytes of answers as clients got them.
    pub n_bytes_out: u64,
    /// Questions to clients.
    pub n_questions: u64,
    /// Of these, not answered yet.
    pub n_open: u64,
    /// Rounds of calls that took more than one, besides the first.
    pub n_rounds: u64,
    /// From arrival to answer, where the server gave one.
    pub latency: Buckets,
}

impl Counts {
    /// All of `other` too.
    pub fn add(&mut self, other: &Self) {
        self.n_calls += other.n_calls;
        self.n_in_flight += other.n_in_flight;
        for (count, more) in self.ended.iter_mut().zip(&other.ended) {
            *count += more;
        }
        self.n_bytes_in += other.n_bytes_in;
        self.n_bytes_out += other.n_bytes_out;
        self.n_questions += other.n_questions;
        self.n_open += other.n_open;
        self.n_rounds += other.n_rounds;
        self.latency.add(&other.latency);
    }

    pub(super) fn begun(&mut self, n_bytes: u64) {
        self.n_calls += 1;
        self.n_in_flight += 1;
        self.n_bytes_in += n_bytes;
    }

    pub(super) fn ended(&mut self, outcome: Outcome, n_bytes: u64) {
        self.n_in_flight = self.n_in_flight.saturating_sub(1);
        self.ended[outcome as usize] += 1;
        self.n_bytes_out += n_bytes;
    }
}

/// How often each error code was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes(Vec<(i32, u64)>);

impl Codes {
    pub(super) fn count(&mut self, code: i32) {
        if let Some((_, n)) = self.0.iter_mut().find(|(c, _)| *c == code) {
            *n += 1;
        } else if self.0.len() < MAX_CODES {
            self.0.push((code, 1));
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (code, n) in &other.0 {
            match self.0.iter_mut().find(|(c, _)| c == code) {
                Some((_, sum)) => *sum += n,
                None => self.0.push((*code, *n)),
            }
        }
    }

    /// The most frequent first.
    pub(super) fn sorted(mut self) -> Vec<(i32, u64)> {
        self.0.sort_by_key(|(code, n)| (std::cmp::Reverse(*n), *code));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_bounded() {
        let mut codes = Codes::default();
        (0..1000).for_each(|code| codes.count(code % 100));
        assert_eq!((codes.0.len(), codes.0[0]), (MAX_CODES, (0, 10)));
    }
}
