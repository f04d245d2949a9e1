//! [`as_batch`]: what is started here is woken without interrupting anybody.
//!
//! A server is woken by each line that is written to it. As a usual process it may take the processor from us in that moment, for a few
//! microseconds of work, and we go on with cold caches: with several servers at work a hundred clients take a sixth longer for it. Linux has a
//! kind of process for what nobody looks at (`SCHED_BATCH`, sched(7)): it has the same share of the processors, but where no processor
//! is free it waits until who is running pauses, or has used its slice (some milliseconds). What it starts in turn is of the
//! same kind. Elsewhere things are started as usual.

#[cfg(target_os = "linux")]
pub(super) use linux::as_batch;

#[cfg(not(target_os = "linux"))]
pub(super) fn as_batch<T>(start: impl FnOnce() -> T) -> T {
    start()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::read_to_string;

    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
    };

    const USUAL: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    const BATCH: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    /// Nice value 0 as the library counts: from 0, the nicest (19), to 99, the least nice (-20).
    const NICE_0: u8 = 47;

    /// A process that `start` starts is a batch process. It is what we are where somebody has chosen how we are scheduled (`nice`,
    /// `chrt`), where a filter for system calls is at work, which may kill who asks, and where the system does not let us choose.
    pub(crate) fn as_batch<T>(start: impl FnOnce() -> T) -> T {
        let _batch = Batch::begin();
        start()
    }

    /// Until it is dropped, this thread is one of the batch kind: a process is what the thread is that starts it.
    struct Batch(ThreadPriority);

    impl Batch {
        fn begin() -> Option<Self> {
            let nice = ThreadPriority::Crossplatform(ThreadPriorityValue::try_from(NICE_0).ok()?);
            // The nice value is set with the policy. It must stay what it is.
            if !may_choose() || nice.to_posix(BATCH) != Ok(0) {
                return None;
            }
            // Made first: of what succeeds by halves the first half is taken back.
            let batch = Self(nice);
            batch.set(BATCH).then_some(batch)
        }

        fn set(&self, policy: ThreadSchedulePolicy) -> bool {
            let set = set_thread_priority_and_policy(thread_native_id(), self.0, policy);
            if let Err(error) = &set {
                tracing::debug!(?error, ?policy, "the system does not let us choose how servers are scheduled");
            }
            set.is_ok()
        }
    }

    impl Drop for Batch {
        fn drop(&mut self) {
            self.set(USUAL);
        }
    }

    /// Whether this thread is scheduled as nearly all are and no filter for system calls is at work.
    fn may_choose() -> bool {
        let status = read_to_string("/proc/thread-self/status").unwrap_or_default();
        let seccomp = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        // Asked of both: glibc remembers what it was told once, the kernel does not tell all that it knows.
        seccomp.is_some_and(|mode| mode.trim() == "0")
            && scheduled("thread-self").is_some_and(|scheduled| scheduled == ("0".to_owned(), "0".to_owned()))
            && thread_schedule_policy() == Ok(USUAL)
    }

    /// Policy and nice value of a process or thread: fields 41 and 19 of its `stat` (proc_pid_stat(5)).
    fn scheduled(whose: &str) -> Option<(String, String)> {
        let stat = read_to_string(format!("/proc/{whose}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit(") ").next()?.split_whitespace().collect();
        Some(((*fields.get(41 - 3)?).to_owned(), (*fields.get(19 - 3)?).to_owned()))
    }

    #[cfg(test)]
    mod tests {
        use rustix::process::nice;

        use super::*;
        use crate::transport::child::command;

        fn own() -> (String, String) {
            scheduled("thread-self").expect("the system says")
        }

        fn of_a_child() -> (String, String) {
            let mut cat = command("cat".as_ref());
            cat.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
            let mut child = as_batch(|| cat.spawn()).expect("cat");
            let scheduled = scheduled(&child.id().to_string()).expect("the system says");
            drop(child.stdin.take());
            child.wait().expect("it ends with its input");
            scheduled
        }

        #[test]
        fn only_what_is_started_is_of_the_batch_kind() {
            let kind = |policy: &str, nice: &str| (policy.to_owned(), nice.to_owned());
            // On a thread of its own: what is tried here stays with it.
            let tried = std::thread::spawn(move || {
                if Batch::begin().is_some() {
                    assert_eq!(as_batch(own), kind("3", "0"));
                    assert_eq!(own(), kind("0", "0"));
                    assert_eq!(of_a_child(), kind("3", "0"));
                    let panics = std::panic::catch_unwind(|| as_batch(|| std::panic::resume_unwind(Box::new(()))));
                    assert!(panics.is_err() && own() == kind("0", "0"), "also after a panic");
                    assert_eq!(nice(3), Ok(3));
                    assert_eq!(own(), kind("0", "3"));
                } else {
                    eprintln!("how this test is scheduled was chosen by somebody, or must not be changed");
                }
                // Somebody has chosen.
                let chosen = own();
                assert_eq!((as_batch(own), own(), of_a_child()), (chosen.clone(), chosen.clone(), chosen));
            });
            tried.join().expect("it is so");
        }
    }
}
