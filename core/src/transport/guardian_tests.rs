use std::env;
use std::ffi::OsString;
use std::io::BufReader;

use tokio::io::{AsyncBufReadExt, BufReader as AsyncBufReader};

use super::*;
use crate::transport::{Child, ChildSpec, ExitReason, Grace};

fn spec(script: &str) -> ChildSpec {
    let path = ("PATH".into(), env::var_os("PATH").unwrap_or_default());
    let args = ["-c", script].map(OsString::from).to_vec();
    ChildSpec { program: "/bin/sh".into(), args, cwd: None, env: vec![path], is_batch: false }
}

/// A guardian whose pipe this is.
fn running_over(pipe: OwnedFd) -> Guardian {
    let inner = OnceLock::from(Some(Inner::over(pipe, None).unwrap()));
    Guardian { later: Some(Arc::new(Later { exe: PathBuf::new(), args: Vec::new(), inner })) }
}

/// A guardian played by a thread; it ends when every clone is gone and its work is done.
fn in_a_thread() -> (Guardian, thread::JoinHandle<()>) {
    let (reader, writer) = io::pipe().unwrap();
    let guardian = running_over(writer.into());
    (guardian, thread::spawn(move || guard(BufReader::new(reader))))
}

async fn first_line(child: &mut Child) -> String {
    let mut lines = AsyncBufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap()
}

async fn join(thread: thread::JoinHandle<()>) {
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

/// A child the guardian does not know yet, and the first line it printed.
async fn start(script: &str) -> (Child, String) {
    let mut child = Child::spawn(&spec(script), &Guardian::none()).unwrap();
    let line = first_line(&mut child).await;
    (child, line)
}

fn start_time(pid: u32) -> Option<u64> {
    Tree::of(pid).unwrap().start()
}

#[tokio::test]
async fn what_is_recorded_ends_when_the_pipe_closes() {
    let (guardian, thread) = in_a_thread();
    let (mut mild, _) = start("echo ready; exec sleep 1000").await;
    let (mut hard, grandchild) = start("trap '' TERM; sleep 1000 & echo $!; while :; do wait; done").await;
    let (mut ended, _) = start("echo ready; exec cat").await;
    for child in [&mild, &hard, &ended] {
        guardian.add(child.pid(), start_time(child.pid()));
    }
    guardian.del(ended.pid());
    drop(guardian);
    join(thread).await;
    assert_eq!(mild.wait().await, ExitReason::Signal(15));
    assert_eq!(hard.wait().await, ExitReason::Signal(9));
    let grandchild = Tree::recorded(grandchild.parse().unwrap(), None).unwrap().refresh();
    assert!(!grandchild, "the grandchild is gone when the guardian is");
    // What was taken off the record goes on.
    drop(ended.stdin.take());
    assert_eq!(ended.wait().await, ExitReason::Code(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_grandchild_in_another_session_ends_too() {
    let (guardian, thread) = in_a_thread();
    let (child, grandchild) = start("setsid sh -c 'echo $$; exec sleep 1000' & wait").await;
    guardian.add(child.pid(), start_time(child.pid()));
    drop(guardian);
    join(thread).await;
    let grandchild = Tree::recorded(grandchild.parse().unwrap(), None).unwrap().refresh();
    assert!(!grandchild, "the grandchild is gone when the guardian is");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reused_number_is_not_hit() {
    let (guardian, thread) = in_a_thread();
    let (mut child, _) = start("echo ready; exec cat").await;
    guardian.add(child.pid(), start_time(child.pid()).map(|start| start - 1));
    drop(guardian);
    join(thread).await;
    drop(child.stdin.take());
    assert_eq!(child.wait().await, ExitReason::Code(0));
}

#[tokio::test]
async fn a_child_does_not_hold_the_guardians_pipe() {
    let (guardian, thread) = in_a_thread();
    let (mut child, _) = start("echo ready; exec cat").await;
    drop(guardian);
    // Ends only when nobody has the other end any more.
    join(thread).await;
    drop(child.stdin.take());
    assert_eq!(child.wait().await, ExitReason::Code(0));
}

#[tokio::test]
async fn a_child_is_on_record_from_its_start_to_its_end() {
    let (reader, writer) = io::pipe().unwrap();
    let guardian = running_over(writer.into());
    let grace = Grace::default();
    let ended = Child::spawn(&spec("exec cat"), &guardian).unwrap();
    let (first, start) = (ended.pid(), start_time(ended.pid()).unwrap_or(0));
    ended.end(grace).await;
    let dropped = Child::spawn(&spec("exec cat"), &guardian).unwrap();
    let second = dropped.pid();
    drop((dropped, guardian));
    let lines: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
    assert_eq!(lines[..2], [format!("add {first} {start}"), format!("del {first}")]);
    assert!(lines[2].starts_with(&format!("add {second} ")), "{lines:?}");
    assert_eq!(lines[3..], [format!("del {second}")]);
}

#[test]
fn a_guardian_that_does_not_read_holds_nobody_up() {
    let (_reader, writer) = io::pipe().unwrap();
    let guardian = running_over(writer.into());
    for pid in 0..100_000 {
        guardian.add(pid, None);
    }
    assert!(guardian.inner().unwrap().complained.load(Ordering::Relaxed));
}

/// Runs this test program again as one of the two roles below.
fn role(name: &str) -> [String; 4] {
    ["--ignored", "--nocapture", "--exact", &format!("transport::guardian::tests::{name}")].map(str::to_owned)
}

#[test]
#[ignore = "not a test: the guardian process of the tests below"]
fn role_guardian() {
    let _ = guardian_main();
}

#[tokio::test]
#[ignore = "not a test: the process that is killed in a test below"]
async fn role_proxy() {
    if env::var_os("ROLE").is_none() {
        return;
    }
    let args = role("role_guardian");
    let guardian = Guardian::new(&env::current_exe().unwrap(), &args.each_ref().map(String::as_str));
    guardian.start();
    let spec = spec("trap '' TERM; sleep 1000 & echo $!; while :; do wait; done");
    let mut child = Child::spawn(&spec, &guardian).unwrap();
    let grandchild = first_line(&mut child).await;
    println!("\nROLE {} {} {}", guardian.pid().unwrap(), child.pid(), grandchild);
    std::future::pending::<()>().await;
}

/// Waits until somebody else's process is gone.
#[cfg(target_os = "linux")]
async fn gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Tree::recorded(pid, None).unwrap().refresh() {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a process has handlers for all four signals: it has them from a moment after its start on.
#[cfg(target_os = "linux")]
fn hears_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    [SIGINT, SIGTERM, SIGHUP, SIGQUIT].iter().all(|signal| caught & (1 << (signal - 1)) != 0)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_kill_of_us_leaves_nobody_behind() {
    let spec = ChildSpec {
        program: env::current_exe().unwrap(),
        args: role("role_proxy").map(OsString::from).to_vec(),
        cwd: None,
        env: vec![("ROLE".into(), "1".into()), ("PATH".into(), env::var_os("PATH").unwrap_or_default())],
        is_batch: false,
    };
    let mut proxy = Child::spawn(&spec, &Guardian::none()).unwrap();
    let mut lines = AsyncBufReader::new(proxy.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = loop {
        let line = lines.next_line().await.unwrap().expect("the role says its process ids");
        if let Some(pids) = line.strip_prefix("ROLE ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    let as_pid = |pid: u32| rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !hears_signals(pids[0]) {
        assert!(Instant::now() < deadline, "the guardian does not get ready");
        tokio::time::sleep(LOOK).await;
    }
    // What a terminal or a service manager sends to everybody does not end the guardian.
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        rustix::process::kill_process(as_pid(pids[0]), signal).unwrap();
    }
    // Only the one process, as the kernel would when memory is short.
    rustix::process::kill_process(as_pid(proxy.pid()), Signal::KILL).unwrap();
    assert_eq!(proxy.wait().await, ExitReason::Signal(9));
    for pid in pids {
        gone(pid).await;
    }
    // Nobody has kept our stdout open either.
    while lines.next_line().await.unwrap().is_some() {}
}

#[test]
fn without_its_program_there_is_none() {
    let guardian = Guardian::new(Path::new("/no/such/program"), &[]);
    guardian.start();
    assert_eq!(guardian.pid(), None);
}

#[test]
fn the_record_follows_the_lines() {
    let mut record = BTreeMap::new();
    for line in ["add 7 70", "add 8 0", "add 9 90", "del 7", "del 5", "what", "add x 1", ""] {
        note(&mut record, line.as_bytes());
    }
    assert_eq!(record, BTreeMap::from([(8, None), (9, Some(90))]));
}
