//! Processes of a test: run to their end, watched until they are gone.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// After this long a test has failed. Never reached by one that passes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at something that cannot be waited for.
const LOOK: Duration = Duration::from_millis(5);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn to_end(mut command: Command) -> Self {
        Self::of(command.stdin(std::process::Stdio::null()).output().expect("the binary starts"))
    }

    /// What an ended process has left.
    pub(crate) fn of(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Waits until something outside our reach (a file, another process) is as wanted.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "never happened: {what}");
        thread::sleep(LOOK);
    }
}

/// Whether a process runs; one that has ended and waits for its parent does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state stands after the name, which may hold anything but ends with the last bracket.
        return !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X']));
    }
    if cfg!(target_os = "linux") {
        return false;
    }
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// How a process is scheduled: policy and nice value, fields 41 and 19 of its `stat` (proc_pid_stat(5)).
#[cfg(target_os = "linux")]
pub(crate) fn scheduling(pid: u32) -> (u32, i32) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("a name").split(' ').collect();
    (fields[41 - 3].parse().expect("a number"), fields[19 - 3].parse().expect("a number"))
}

/// How many descriptors a process has open; none on systems without `/proc`.
pub(crate) fn n_fds(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Sees to it that we, and what we start from now on, may have as many descriptors as the system allows; gives the number.
pub(crate) fn many_fds() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}

/// The processes that a process has started, theirs too; none on systems without `/proc`.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = all
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}
