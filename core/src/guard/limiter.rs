//! Token buckets: how many requests a minute, the whole minute's at once if somebody was quiet before. Pure: the time is told.
//!
//! A bucket is one point in time: when it will be full again. A request puts that off by its share of a minute; who would put it
//! off by more than a minute from now has to wait. Buckets that are full say nothing and are forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::backend::Principal;

/// What a limit is counted by.
const WINDOW: Duration = Duration::from_secs(60);
/// More principals or servers at the same time are not remembered apart from each other.
pub(super) const MAX_BUCKETS: usize = 4096;

type Buckets<K> = HashMap<K, Instant, RandomState>;

/// The buckets that are not full.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    principals: Buckets<Principal>,
    servers: Buckets<Arc<str>>,
}

impl Limiter {
    /// Counts one request against both limits, or against none and says how long to wait.
    pub(super) fn take(
        &mut self,
        now: Instant,
        principal: Option<(&Principal, u32)>,
        server: Option<(&Arc<str>, u32)>,
    ) -> Result<(), Duration> {
        let of_principal = principal.map(|(key, limit)| (key, next(self.principals.get(key), limit, now)));
        let of_server = server.map(|(key, limit)| (key, next(self.servers.get(key), limit, now)));
        let latest = [of_principal.map(|(_, full)| full), of_server.map(|(_, full)| full)].into_iter().flatten().max();
        let wait = latest.map_or(Duration::ZERO, |full| full.saturating_duration_since(now + WINDOW));
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some((key, full)) = of_principal {
            put(&mut self.principals, key, full, now);
        }
        if let Some((key, full)) = of_server {
            put(&mut self.servers, key, full, now);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn n_buckets(&self) -> usize {
        self.principals.len() + self.servers.len()
    }
}

/// When the bucket will be full again after one more request.
fn next(full: Option<&Instant>, limit: u32, now: Instant) -> Instant {
    full.map_or(now, |full| (*full).max(now)) + WINDOW / limit.max(1)
}

fn put<K: Hash + Eq + Clone>(buckets: &mut Buckets<K>, key: &K, full: Instant, now: Instant) {
    if let Some(bucket) = buckets.get_mut(key) {
        *bucket = full;
        return;
    }
    if buckets.len() >= MAX_BUCKETS {
        forget(buckets, now);
    }
    buckets.insert(key.clone(), full);
}

/// Makes room: the full ones go, and if there are none the fuller half. Who has used up its share stays longest.
fn forget<K: Hash + Eq + Clone>(buckets: &mut Buckets<K>, now: Instant) {
    buckets.retain(|_, full| *full > now);
    if buckets.len() >= MAX_BUCKETS {
        let mut times: Vec<Instant> = buckets.values().copied().collect();
        let (_, middle, _) = times.select_nth_unstable(MAX_BUCKETS / 2);
        let middle = *middle;
        // Of those that are equally full, as many as there is room for.
        let mut n_equal = (MAX_BUCKETS / 2).saturating_sub(times.iter().filter(|full| **full > middle).count());
        buckets.retain(|_, full| {
            let is_kept = *full > middle || (*full == middle && n_equal > 0);
            n_equal -= usize::from(is_kept && *full == middle);
            is_kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = WINDOW;

    fn who(name: &str) -> Principal {
        Principal::token(name)
    }

    /// How many of `n` requests at once pass.
    fn burst(limiter: &mut Limiter, now: Instant, name: &str, limit: u32, n: u32) -> u32 {
        (0..n).map(|_| u32::from(limiter.take(now, Some((&who(name), limit)), None).is_ok())).sum()
    }

    #[test]
    fn a_minutes_worth_at_once_and_then_one_after_the_other() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        assert_eq!(burst(&mut limiter, start, "a", 60, 100), 60);
        let a = who("a");
        assert_eq!(limiter.take(start, Some((&a, 60)), None), Err(Duration::from_secs(1)));
        // Somebody else has a minute of its own.
        assert_eq!(burst(&mut limiter, start, "b", 60, 100), 60);
        let half = start + Duration::from_millis(500);
        assert_eq!(limiter.take(half, Some((&a, 60)), None), Err(Duration::from_millis(500)));
        assert_eq!(burst(&mut limiter, start + Duration::from_secs(1), "a", 60, 10), 1);
        assert_eq!(burst(&mut limiter, start + Duration::from_secs(11), "a", 60, 100), 10);
        assert_eq!(burst(&mut limiter, start + 10 * MINUTE, "a", 60, 100), 60);
    }

    #[test]
    fn whatever_the_pace_a_minute_lets_no_more_pass_than_two_minutes_worth() {
        for limit in [1, 7, 60, 1000] {
            let (mut limiter, start) = (Limiter::default(), Instant::now());
            let n = (0..6000_u64).filter(|i| {
                limiter.take(start + Duration::from_millis(i * 10), Some((&who("a"), limit)), None).is_ok()
            });
            let n = n.count();
            let limit = limit as usize;
            assert!((limit..=2 * limit).contains(&n), "{n} of {limit}");
        }
    }

    #[test]
    fn a_refused_request_costs_neither_bucket() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let (a, b, server) = (who("a"), who("b"), Arc::from("files"));
        assert_eq!(limiter.take(now, Some((&a, 10)), Some((&server, 1))), Ok(()));
        for _ in 0..20 {
            assert_eq!(limiter.take(now, Some((&b, 10)), Some((&server, 1))), Err(MINUTE));
        }
        assert_eq!(burst(&mut limiter, now, "b", 10, 20), 10, "the server was full, not the principal");
        assert_eq!(burst(&mut limiter, now, "a", 10, 20), 9);
    }

    #[test]
    fn a_limit_that_changes_counts_from_now() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        assert_eq!(burst(&mut limiter, now, "a", 10, 20), 10);
        // Half a minute later there is half a minute's worth, of the new limit.
        assert_eq!(burst(&mut limiter, now + MINUTE / 2, "a", 100, 200), 50);
        assert_eq!(burst(&mut limiter, now + MINUTE / 2, "a", 1, 1), 0);
    }

    #[test]
    fn ten_thousand_principals_take_no_more_room_than_a_few_and_the_greedy_one_is_remembered() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        assert_eq!(burst(&mut limiter, now, "greedy", 100, 200), 100);
        for i in 0..10_000 {
            assert_eq!(burst(&mut limiter, now, &i.to_string(), 100, 1), 1);
            assert!(limiter.n_buckets() <= MAX_BUCKETS);
        }
        assert_eq!(burst(&mut limiter, now, "greedy", 100, 1), 0);
        // An hour later everybody is forgotten when there is need of room.
        let later = now + 60 * MINUTE;
        for i in 0..MAX_BUCKETS {
            burst(&mut limiter, later, &format!("later{i}"), 100, 1);
        }
        assert!(limiter.n_buckets() <= MAX_BUCKETS);
    }
}
