//! What this process uses of the machine, as the kernel tells it. Nothing where there is no `/proc`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What this process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessUse {
    /// Memory in use, in bytes.
    pub resident_bytes: u64,
    /// Address space, in bytes.
    pub virtual_bytes: u64,
    /// Processor time, ours and the kernel's for us.
    pub cpu: Duration,
    /// Threads.
    pub n_threads: u64,
    /// Open file descriptors.
    pub n_fds: Option<u64>,
    /// How many there may be.
    pub max_fds: Option<u64>,
}

impl ProcessUse {
    /// At this moment.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut used = Self::from_stat(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size())?;
        // Newer kernels give the number of entries as the folder's size.
        let sized = std::fs::metadata("/proc/self/fd").ok().map(|m| m.len()).filter(|n| *n > 0);
        used.n_fds = sized.or_else(|| u64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok());
        used.max_fds = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Some(used)
    }

    /// At this moment.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub const fn now() -> Option<Self> {
        None
    }

    /// Out of the line of `/proc/self/stat` (proc_pid_stat(5)).
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "for systems with /proc"))]
    fn from_stat(stat: &str, ticks_per_second: u64, page_bytes: usize) -> Option<Self> {
        // The second field is the name in brackets, which may hold anything; the next one is number 3.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        let cpu = Duration::from_millis(ticks.saturating_mul(1000) / ticks_per_second.max(1));
        Some(Self {
            resident_bytes: number(24)?.saturating_mul(page_bytes as u64),
            virtual_bytes: number(23)?,
            cpu,
            n_threads: number(20)?,
            n_fds: None,
            max_fds: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat() {
        let line =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 5000 1000000 25 18446744073709551615";
        let used = ProcessUse::from_stat(line, 100, 4096).expect("complete");
        assert_eq!((used.resident_bytes, used.virtual_bytes), (25 * 4096, 1_000_000));
        assert_eq!((used.cpu, used.n_threads), (Duration::from_secs(2), 3));
        assert_eq!(ProcessUse::from_stat("7 (a", 100, 4096), None);
        assert_eq!(ProcessUse::from_stat("7 (a) S 1", 100, 4096), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files() {
        let used = ProcessUse::now().expect("there is /proc");
        assert!(used.resident_bytes > 100_000 && used.n_threads >= 1);
        assert!(used.n_fds.is_some_and(|n| n >= 3) && used.max_fds.is_none_or(|max| max >= 3));
    }
}
