use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::*;

/// Long enough for any machine: a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// No step may run out.
const PATIENT: Grace = Grace { eof: DEADLINE, term: DEADLINE, kill: DEADLINE };
/// Neither EOF nor TERM is given time.
const RUTHLESS: Grace = Grace { eof: Duration::ZERO, term: Duration::ZERO, kill: DEADLINE };
/// Only EOF is not waited for.
const TERM_SOON: Grace = Grace { eof: Duration::ZERO, ..PATIENT };

fn spec(script: &str) -> ChildSpec {
    let args = ["-c", script].map(OsString::from).to_vec();
    let path = ("PATH".into(), std::env::var_os("PATH").unwrap_or_default());
    ChildSpec { program: "/bin/sh".into(), args, cwd: None, env: vec![path], is_batch: false }
}

fn start(script: &str) -> Child {
    Child::spawn(&spec(script), &Guardian::none()).unwrap()
}

/// The next `n` lines of its stdout, each a number.
async fn numbers(child: &mut Child, n: usize) -> Vec<i32> {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut numbers = Vec::new();
    while numbers.len() < n {
        numbers.push(lines.next_line().await.unwrap().expect("a line").trim().parse().unwrap());
    }
    numbers
}

/// Waits for something that happens without telling.
async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Gone or a zombie somebody else has to reap.
fn is_gone(pid: i32) -> bool {
    Tree::recorded(u32::try_from(pid).unwrap(), None).is_none_or(|mut tree| !tree.refresh())
}

async fn check_gone(pids: &[i32]) {
    for pid in pids {
        eventually(&format!("process {pid} is gone"), || is_gone(*pid)).await;
    }
}

#[tokio::test]
async fn end_of_input_ends_cat() {
    let mut child = start("exec cat");
    child.stdin.as_mut().unwrap().write_all(b"through\n").await.unwrap();
    let mut line = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"through\n");
    assert_eq!(child.end(PATIENT).await, Ended::Eof(ExitReason::Code(0)));
}

#[tokio::test]
async fn only_the_given_environment_is_there() {
    let mut child = start("exec env");
    let mut env = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut env).await.unwrap();
    // PWD and the like are the shell's own.
    assert!(!env.contains("HOME="), "{env}");
    assert!(env.contains("PATH="), "{env}");
    child.end(PATIENT).await;
}

#[tokio::test]
async fn it_leads_a_group_of_its_own() {
    let child = start("exec cat");
    let group = rustix::process::getpgid(rustix::process::Pid::from_raw(i32::try_from(child.pid()).unwrap())).unwrap();
    assert_eq!(u32::try_from(group.as_raw_pid()).unwrap(), child.pid());
    child.end(PATIENT).await;
}

#[tokio::test]
async fn one_that_only_hears_term_is_terminated() {
    let mut child = start("echo $$; exec sleep 1000");
    let pids = numbers(&mut child, 1).await;
    assert_eq!(child.end(TERM_SOON).await, Ended::Term(ExitReason::Signal(15)));
    check_gone(&pids).await;
}

#[tokio::test]
async fn one_that_was_stopped_hears_term_too() {
    let mut child = start("echo $$; kill -STOP $$; exec sleep 1000");
    let pids = numbers(&mut child, 1).await;
    assert_eq!(child.end(TERM_SOON).await, Ended::Term(ExitReason::Signal(15)));
    check_gone(&pids).await;
}

#[tokio::test]
async fn one_that_ignores_eof_and_term_is_killed() {
    let mut child = start("trap '' TERM; sleep 1000 & echo $$; echo $!; while :; do wait; done");
    let pids = numbers(&mut child, 2).await;
    assert_eq!(child.end(RUTHLESS).await, Ended::Kill(ExitReason::Signal(9)));
    check_gone(&pids).await;
}

#[tokio::test]
async fn grandchildren_end_with_it() {
    let mut child = start("sleep 1000 & echo $$; echo $!; wait");
    let pids = numbers(&mut child, 2).await;
    assert!(!is_gone(pids[1]));
    assert_eq!(child.end(TERM_SOON).await, Ended::Term(ExitReason::Signal(15)));
    check_gone(&pids).await;
}

#[tokio::test]
async fn a_wrapper_around_a_wrapper_ends_whole() {
    let mut child = start("sh -c 'sleep 1000 & echo $$; echo $!; wait; :'; :");
    let pids = numbers(&mut child, 2).await;
    child.end(TERM_SOON).await;
    check_gone(&pids).await;
}

#[tokio::test]
async fn what_a_wrapper_left_behind_at_eof_ends_too() {
    // The wrapper goes at once when its stdin closes; its child stays, and ignores TERM.
    let mut child = start("(trap '' TERM; exec sleep 1000) & echo $!; exec cat");
    let pids = numbers(&mut child, 1).await;
    let grace = Grace { term: Duration::from_millis(10), ..PATIENT };
    assert_eq!(child.end(grace).await, Ended::Eof(ExitReason::Code(0)));
    check_gone(&pids).await;
}

#[tokio::test]
async fn what_is_left_after_it_ended_by_itself_ends_too() {
    let mut child = start("sleep 1000 & echo $!; exit 7");
    let pids = numbers(&mut child, 1).await;
    assert_eq!(child.wait().await, ExitReason::Code(7));
    assert_eq!(child.wait().await, ExitReason::Code(7));
    assert!(!is_gone(pids[0]));
    assert_eq!(child.end(PATIENT).await, Ended::Eof(ExitReason::Code(7)));
    check_gone(&pids).await;
}

#[cfg(target_os = "linux")]
mod sessions {
    use super::*;

    /// Session of a process, the fourth field after the name.
    fn session(pid: i32) -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
    }

    async fn start_apart(script: &str) -> (Child, Vec<i32>) {
        let mut child = start(script);
        let pids = numbers(&mut child, 1).await;
        eventually("a session of its own", || session(pids[0]) == Some(pids[0])).await;
        (child, pids)
    }

    #[tokio::test]
    async fn a_grandchild_in_another_session_ends_with_it() {
        let (child, pids) = start_apart("setsid sleep 1000 & echo $!; wait").await;
        assert_eq!(child.end(TERM_SOON).await, Ended::Term(ExitReason::Signal(15)));
        check_gone(&pids).await;
    }

    #[tokio::test]
    async fn it_ends_too_when_its_parent_left_at_eof() {
        let (child, pids) = start_apart("setsid sleep 1000 & echo $!; exec cat").await;
        assert_eq!(child.end(PATIENT).await, Ended::Eof(ExitReason::Code(0)));
        check_gone(&pids).await;
    }

    #[tokio::test]
    async fn it_is_killed_when_the_child_is_dropped() {
        let (child, pids) = start_apart("setsid sleep 1000 & echo $!; wait").await;
        drop(child);
        check_gone(&pids).await;
    }

    #[tokio::test]
    async fn nothing_is_left_to_be_reaped() {
        let mut child = start("sleep 1000 & echo $$; wait");
        let pid = numbers(&mut child, 1).await[0];
        child.end(TERM_SOON).await;
        assert_eq!(session(pid), None);
        let mut child = start("echo $$; exec sleep 1000");
        let pid = numbers(&mut child, 1).await[0];
        drop(child);
        eventually("a dropped child is reaped", || session(pid).is_none()).await;
    }
}

#[tokio::test]
async fn dropping_kills_the_whole_group() {
    let mut child = start("trap '' TERM; sleep 1000 & echo $$; echo $!; wait");
    let pids = numbers(&mut child, 2).await;
    drop(child);
    check_gone(&pids).await;
}

#[tokio::test]
async fn an_aborted_end_kills() {
    let mut child = start("trap '' TERM; sleep 1000 & echo $$; echo $!; wait");
    let pids = numbers(&mut child, 2).await;
    assert!(timeout(Duration::from_millis(1), child.end(PATIENT)).await.is_err());
    check_gone(&pids).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let spec = ChildSpec { program: "/no/such/program".into(), args: vec![], cwd: None, env: vec![], is_batch: false };
    let error = Child::spawn(&spec, &Guardian::none()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn no_secret_is_shown() {
    let mut spec = spec("secret in an argument");
    spec.env.push(("KEY".into(), "secret in a variable".into()));
    let shown = format!("{spec:?}");
    assert!(shown.contains("KEY") && !shown.contains("secret"), "{shown}");
}
