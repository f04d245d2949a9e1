//! [`as_batch`]: what is started here is woken without interrupting anybody.
//!
//! A server is woken by each line that is written to it. As a usual process it would take the processor from us in that moment, for a few
//! microseconds of work, and we would come back to cold caches: with several servers at work most of our time goes there. Linux has a kind of
//! process for those nobody looks at (`SCHED_BATCH`, sched(7)): it has the same share of the processors, but it begins when who is
//! running waits for something. The processes that it starts in turn are of the same kind.
//!
//! Other systems have nothing like it; there things are started as usual.

#[cfg(target_os = "linux")]
use rustix::process::getpriority_process;
#[cfg(target_os = "linux")]
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

#[cfg(target_os = "linux")]
const USUAL: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
#[cfg(target_os = "linux")]
const BATCH: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
/// Nice value 0, which is what nearly everybody has, as the library counts: 0 is the nicest (19), 99 the least nice (-20).
#[cfg(target_os = "linux")]
const NICE_0: u8 = 47;

/// A process that `start` starts is a batch process. Where somebody has chosen how we are scheduled (`nice`, `chrt`), or the system
/// does not let us choose, it is what we are.
#[cfg(target_os = "linux")]
pub(super) fn as_batch<T>(start: impl FnOnce() -> T) -> T {
    let _batch = Batch::begin();
    start()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn as_batch<T>(start: impl FnOnce() -> T) -> T {
    start()
}

/// Until it is dropped, this thread is one of the batch kind: a process is what the thread is that starts it.
#[cfg(target_os = "linux")]
struct Batch;

#[cfg(target_os = "linux")]
impl Batch {
    fn begin() -> Option<Self> {
        if thread_schedule_policy() != Ok(USUAL) || getpriority_process(None) != Ok(0) {
            return None;
        }
        let batch = Self;
        set(BATCH).then_some(batch)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Batch {
    fn drop(&mut self) {
        set(USUAL);
    }
}

#[cfg(target_os = "linux")]
fn set(policy: ThreadSchedulePolicy) -> bool {
    let Ok(nice) = ThreadPriorityValue::try_from(NICE_0) else { return false };
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(nice), policy).is_ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::nice;

    use super::*;

    /// Policy and nice value of this thread.
    fn kind() -> (ThreadSchedulePolicy, i32) {
        (thread_schedule_policy().expect("the system says"), getpriority_process(None).expect("the system says"))
    }

    /// Those of a process: fields 41 and 19 of its `stat` (proc_pid_stat(5)).
    fn kind_of_cat() -> (String, String) {
        let cat = || std::process::Command::new("cat").arg("/proc/self/stat").output();
        let stat = String::from_utf8(as_batch(cat).expect("cat").stdout).expect("text");
        let fields: Vec<&str> = stat.rsplit(") ").next().expect("a name").split_whitespace().collect();
        (fields[41 - 3].to_owned(), fields[19 - 3].to_owned())
    }

    #[test]
    fn only_what_is_started_is_of_the_batch_kind() {
        // On a thread of its own: what is tried here stays with it.
        let tried = std::thread::spawn(|| {
            if kind() == (USUAL, 0) {
                assert_eq!(as_batch(kind), (BATCH, 0));
                assert_eq!(kind(), (USUAL, 0));
                assert_eq!(kind_of_cat(), ("3".to_owned(), "0".to_owned()));
                let panics = std::panic::catch_unwind(|| as_batch(|| std::panic::resume_unwind(Box::new(()))));
                assert!(panics.is_err() && kind() == (USUAL, 0), "also after a panic");
                assert_eq!(nice(3), Ok(3));
            }
            // Somebody has chosen.
            let chosen = kind();
            assert_eq!((as_batch(kind), kind()), (chosen, chosen));
            assert_eq!(kind_of_cat().1, chosen.1.to_string());
        });
        tried.join().expect("it is so");
    }
}
