//! What the fake server does as a process: ignores signals, leaves children behind, floods stderr.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::flags::Flags;

const MARK: &str = "FAKE_SERVER_IGNORES_TERM";

/// Starts us again with SIGTERM ignored, which a shell can do and which is inherited.
#[expect(clippy::disallowed_methods, reason = "a server of the tests, not the proxy")]
pub(crate) fn survive_term() {
    if std::env::var_os(MARK).is_some() {
        return;
    }
    let Ok(exe) = std::env::current_exe() else { return };
    let error = Command::new("/bin/sh")
        .args(["-c", "trap '' TERM; exec \"$0\" \"$@\""])
        .arg(exe)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .exec();
    say(&format!("fake: no shell: {error}"));
}

/// What comes before the first line is read.
pub(crate) fn at_start(flags: &Flags) {
    if let Some(path) = &flags.pid_file {
        let line = format!("{}\n", std::process::id());
        let written =
            OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| f.write_all(line.as_bytes()));
        written.expect("the test names a place that can be written");
    }
    if let Some(path) = &flags.spawn_grandchild {
        spawn_grandchild(path);
    }
    let mut stderr = io::stderr().lock();
    for n in 0..flags.flood_stderr {
        // One line in eight is not UTF-8.
        let tail: &[u8] = if n % 8 == 7 { b"\xff\xfe\n" } else { b"\n" };
        let _ = stderr.write_all(format!("flood {n}").as_bytes()).and_then(|()| stderr.write_all(tail));
    }
    drop(stderr);
    std::thread::sleep(flags.startup);
}

/// A process that ignores everything but KILL and outlives us, unless our whole group is ended.
#[expect(clippy::disallowed_methods, reason = "a server of the tests, not the proxy")]
#[expect(clippy::zombie_processes, reason = "that it is left behind is the point")]
fn spawn_grandchild(path: &std::path::Path) {
    let child = Command::new("/bin/sh")
        .args(["-c", "trap '' TERM HUP INT; while :; do sleep 1; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    std::fs::write(path, child.id().to_string()).expect("the test names a place that can be written");
}

/// Ends us at once.
pub(crate) fn die(code: i32) -> ! {
    std::process::exit(code)
}

/// Waits for ever.
pub(crate) fn stay() -> ! {
    loop {
        std::thread::park();
    }
}

/// A line on stderr.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
