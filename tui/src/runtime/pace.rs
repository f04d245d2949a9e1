//! How often the proxy is looked at: ten times a second, and less often where what is written for it would be more than a slow line
//! takes. Keys are not its business: what they change is drawn within a frame. Pure; the time comes from outside.

use std::time::{Duration, Instant};

/// Time between two looks. In a rush nobody reads more than ten screens a second.
const LOOK: Duration = Duration::from_millis(100);
/// The most between two looks: a list that is followed moves three times a second, whatever that writes.
const SELDOM: Duration = Duration::from_millis(350);
/// Bytes a second: what remains of a line over ssh that is far away.
const RATE: usize = 9_000;
/// Bytes that may be written at once on top of that: a few screens that change altogether.
const AT_ONCE: usize = 24_000;

/// What may be written still.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes; below zero is what was too much.
    left: isize,
    at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AT_ONCE.cast_signed(), at: now }
    }

    /// So many bytes were written.
    pub(super) fn wrote(&mut self, n_bytes: usize, now: Instant) {
        let since = now.saturating_duration_since(self.at);
        self.at = now;
        let more = usize::try_from(since.as_millis()).unwrap_or(usize::MAX).saturating_mul(RATE) / 1_000;
        let most = AT_ONCE.cast_signed();
        self.left = self.left.saturating_add_unsigned(more).min(most).saturating_sub_unsigned(n_bytes).max(-most);
    }

    /// How long to wait from one look to the next.
    pub(super) fn pause(&self) -> Duration {
        let debt = self.left.min(0).unsigned_abs() as u64;
        (LOOK + Duration::from_millis(debt * 1_000 / RATE as u64)).min(SELDOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks and bytes in ten seconds of frames of this size.
    fn ten_seconds(frame: usize) -> (usize, usize) {
        let mut now = Instant::now();
        let end = now + Duration::from_secs(10);
        let mut pace = Pace::new(now);
        let mut looks = 0;
        while now < end {
            pace.wrote(frame, now);
            now += pace.pause();
            looks += 1;
        }
        (looks, looks * frame)
    }

    #[test]
    fn little_is_written_ten_times_a_second_and_much_less_often() {
        assert_eq!(ten_seconds(500).0, 100);
        let (looks, bytes) = ten_seconds(2_500);
        assert!(looks < 70 && bytes < 12_000 * 10 + AT_ONCE, "{looks} {bytes}");
        let (looks, _) = ten_seconds(50_000);
        assert!((28..=30).contains(&looks), "never stops: {looks}");
    }

    #[test]
    fn a_screen_now_and_then_costs_no_time() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.wrote(9_000, now);
        assert_eq!(pace.pause(), LOOK);
        pace.wrote(40_000, now);
        assert!(pace.pause() > LOOK);
        pace.wrote(0, now + Duration::from_secs(5));
        assert_eq!(pace.pause(), LOOK, "it is forgotten");
    }
}
