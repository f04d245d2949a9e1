//! Whether the machine has slept: connections that were open before are dead, and nobody says so.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::transport::http::{HttpError, HttpResponse};

/// How often the clocks are compared while nothing comes.
const TICK: Duration = Duration::from_secs(30);
/// The wall clock is ahead of the other one by this much: the machine has slept.
const JUMP: Duration = Duration::from_secs(30);

/// Two clocks: one that stands still while the machine sleeps and one that does not.
#[derive(Debug)]
pub(super) struct SleepWatch {
    wall: SystemTime,
    running: Instant,
}

impl SleepWatch {
    pub(super) fn new() -> Self {
        Self { wall: SystemTime::now(), running: Instant::now() }
    }

    /// Whether the machine has slept since it was asked last.
    fn slept(&mut self, wall: SystemTime, running: Instant) -> bool {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let by_running = running.saturating_duration_since(self.running);
        (self.wall, self.running) = (wall, running);
        by_wall.saturating_sub(by_running) > JUMP
    }

    /// The next bytes of a stream that may be silent for hours.
    ///
    /// # Errors
    /// As the stream; also after the machine has slept.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn chunk(&mut self, response: &mut HttpResponse) -> Result<Option<Bytes>, HttpError> {
        loop {
            match tokio::time::timeout(TICK, response.chunk()).await {
                Ok(chunk) => return chunk,
                Err(_) if self.slept(SystemTime::now(), Instant::now()) => {
                    return Err(HttpError::Broken("the machine was asleep".to_owned()));
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jump_of_the_wall_clock_is_a_sleep() {
        let mut watch = SleepWatch::new();
        let (wall, running) = (watch.wall, watch.running);
        let s = Duration::from_secs;
        assert!(!watch.slept(wall + s(30), running + s(30)));
        assert!(!watch.slept(wall + s(85), running + s(60)), "clocks are corrected now and then");
        assert!(watch.slept(wall + s(3600), running + s(90)));
        assert!(!watch.slept(wall + s(3630), running + s(120)), "it is told once");
        assert!(!watch.slept(wall, running + s(150)), "set back by hand");
    }
}
