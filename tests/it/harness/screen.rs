//! The program on a terminal of its own: what it draws, what is typed, how it ends.

use std::io::{Read as _, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::process::DEADLINE;
use super::{eventually, is_alive};

/// What came from the program.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The window was closed: nobody reads any more.
    closed: bool,
}

/// A terminal with the program on it.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    /// None after the window was closed.
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

const fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has cells")
}

impl Screen {
    /// Starts a command on a terminal of this size.
    pub(crate) fn start(command: &Command, size: (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).expect("a terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        builder.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                builder.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            builder.cwd(folder);
        }
        let child = pair.slave.spawn_command(builder).expect("the binary starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let parser = vt100::Parser::new(cells(size.1), cells(size.0), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, raw: Vec::new(), closed: false }), Condvar::new()));
        let shared = seen.clone();
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let (seen, news) = &*shared;
                let Ok(mut seen) = seen.lock() else { return };
                if seen.closed {
                    return;
                }
                seen.raw.extend_from_slice(&buffer[..n]);
                seen.parser.process(&buffer[..n]);
                news.notify_all();
            }
        });
        Self { child, master: Some(pair.master), keys: Some(keys), seen }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Types keys as a terminal sends them.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        let writer = self.keys.as_mut().expect("the window is open");
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("keys are taken");
        self
    }

    /// Waits until the screen is as wanted, and gives its text.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> String {
        let (seen, news) = &*self.seen;
        let end = Instant::now() + DEADLINE;
        let mut seen = seen.lock().expect("no panic");
        while !wanted(seen.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "there never was {what} on the screen:\n{}", seen.parser.screen().contents());
            seen = news.wait_timeout(seen, left).expect("no panic").0;
        }
        seen.parser.screen().contents()
    }

    /// Waits until the screen contains all of these.
    pub(crate) fn shows(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| {
            let contents = screen.contents();
            texts.iter().all(|text| contents.contains(text))
        })
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        self.seen.0.lock().expect("no panic").parser.screen_mut().set_size(cells(size.1), cells(size.0));
        self.master.as_ref().expect("the window is open").resize(pty_size(size)).expect("a new size");
    }

    /// All bytes written so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen.0.lock().expect("no panic").raw.clone()
    }

    /// Waits until nothing has been written for so long; fails if that never happens.
    pub(crate) fn quiet_for(&self, time: Duration) {
        let (seen, news) = &*self.seen;
        let end = Instant::now() + DEADLINE;
        let mut seen = seen.lock().expect("no panic");
        loop {
            let n = seen.raw.len();
            let (after, waited) = news.wait_timeout_while(seen, time, |seen| seen.raw.len() == n).expect("no panic");
            if waited.timed_out() {
                return;
            }
            assert!(Instant::now() < end, "never quiet for {time:?}");
            seen = after;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// Closes the window: the terminal is gone as soon as the program writes again.
    pub(crate) fn close(&mut self) {
        self.seen.0.lock().expect("no panic").closed = true;
        self.keys = None;
        self.master = None;
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the end of the process", || child.try_wait().expect("our child"))
    }

    /// Whether the terminal is as a shell expects it: nothing of ours is left on.
    pub(crate) fn assert_restored(&self) {
        self.until("a restored terminal", |s| {
            !s.alternate_screen()
                && !s.hide_cursor()
                && !s.bracketed_paste()
                && s.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        // The parser does not know this mode.
        let raw = self.raw();
        let last = |what: &[u8]| raw.windows(what.len()).rposition(|w| w == what);
        assert!(last(b"\x1b[?1004l") > last(b"\x1b[?1004h"), "focus reports are still on");
        self.assert_echoes();
    }

    /// Whether the terminal shows what is typed, and takes it by lines.
    pub(crate) fn assert_echoes(&self) {
        let Some(tty) = self.master.as_ref().and_then(|m| m.tty_name()) else { return };
        use rustix::fs::{Mode, OFlags, open};
        let tty = open(&tty, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the terminal");
        let modes = rustix::termios::tcgetattr(&tty).expect("its modes").local_modes;
        use rustix::termios::LocalModes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "still raw: {modes:?}");
    }

    /// Waits until these processes are gone.
    pub(crate) fn assert_gone(pids: &[u32]) {
        eventually(&format!("the end of {pids:?}"), || pids.iter().all(|p| !is_alive(*p)).then_some(()));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Only what a failed test has left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
