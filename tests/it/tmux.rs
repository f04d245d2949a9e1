//! The terminal in tmux, as people keep it open: real servers' traffic appears, an edit of the file is taken over, a killed
//! server shows its card, and the pane has its shell back at the end.
//!
//! What tmux shows is what a terminal would: this test sees sizes, colours and the alternate screen through another program than
//! `terminal.rs` does. Skipped, with a word on stderr, only where there is no tmux.

#![expect(clippy::disallowed_methods, reason = "a test, not the proxy")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Home, eventually};

/// A tmux server of our own with one pane. Ended when dropped.
struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Starts a shell of this size; `None` where there is no tmux.
    fn start(home: &Home, (cols, rows): (u16, u16)) -> Option<Self> {
        let version = Command::new("tmux").arg("-V").output();
        if !version.is_ok_and(|v| v.status.success()) {
            return None;
        }
        let tmux = Self { socket: home.path("tmux.sock") };
        let (cols, rows) = (cols.to_string(), rows.to_string());
        // A plain shell that says nothing by itself.
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &cols,
            "-y",
            &rows,
            "env",
            "-i",
            "PS1=ready> ",
            "TERM=screen-256color",
            "LANG=C.UTF-8",
            "sh",
        ]);
        tmux.shows(&["ready>"]);
        Some(tmux)
    }

    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(args).env_remove("TMUX");
        let output = command.output().expect("tmux runs");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What stands on the pane.
    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Types text as it is.
    fn types(&self, text: &str) -> &Self {
        self.run(&["send-keys", "-l", text]);
        self
    }

    /// Presses a key by tmux's name of it.
    fn key(&self, key: &str) -> &Self {
        self.run(&["send-keys", key]);
        self
    }

    /// Waits until the pane is as wanted, and gives it.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        eventually(&format!("{what} on the pane"), || {
            last = self.screen();
            wanted(&last).then(|| last.clone())
        })
    }

    /// Waits until the pane contains all of these.
    fn shows(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| texts.iter().all(|t| screen.contains(t)))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

/// The command line that shows the terminal in `home`, for a shell without an environment.
fn command_line(home: &Home) -> String {
    let config = home.config();
    let command = home.command(&["tui", "--config", config.to_str().expect("a plain name")]);
    let words = command.get_envs().filter_map(|(k, v)| Some(format!("{}='{}'", k.to_str()?, v?.to_str()?)));
    let words = words.chain([command.get_program().to_string_lossy().into_owned()]);
    let words = words.chain(command.get_args().map(|a| format!("'{}'", a.to_string_lossy())));
    format!("env {}", words.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_day_with_the_terminal() {
    let home = Home::with_fake(&[]).fake("b", &[]);
    let Some(tmux) = Tmux::start(&home, (120, 40)) else {
        eprintln!("skipped: there is no tmux (Debian: apt-get install tmux)");
        return;
    };
    tmux.types(&command_line(&home)).key("Enter").shows(&["2/2 ready", "health 60 min"]);

    // Traffic appears: a tool is tried by its form, and stands in Inspect.
    tmux.types("3").shows(&["a__echo", "takes"]);
    tmux.types("/echo").key("Enter").key("Enter").shows(&["Call a__echo"]);
    tmux.key("Enter");
    tmux.until("an answer or a question", |s| {
        s.contains("answered in") || s.contains("must be") || s.contains("Call `a__echo`?")
    });
    if tmux.screen().contains("Call `a__echo`?") {
        tmux.types("y");
    }
    tmux.shows(&["answered in"]);
    // Escape and a key in one go would be one key: each is waited for.
    tmux.key("Escape").until("the form closed", |s| !s.contains("answered in"));
    tmux.key("Escape").shows(&["no filter"]);
    tmux.types("2").shows(&["tools/call", "a__echo", "terminal"]);

    // A ping is answered.
    tmux.types("1t").shows(&["`a` answered in"]);

    // An edit of the file is taken over.
    let config = home.config();
    let good = fs::read_to_string(&config).expect("our file");
    fs::write(&config, good.replace("  a:", "  renamed:")).expect("our file");
    tmux.until("the renamed server", |s| s.contains("renamed") && s.contains("2/2 ready"));

    // A killed server shows its card, and comes again.
    let pids = || home.pids("a");
    let pid = eventually("the process under the new name", || pids().get(1).copied());
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
    assert!(kill.success());
    tmux.shows(&["signal 9"]);
    tmux.until("it is ready again", |s| s.contains("2/2 ready") && pids().last() != Some(&pid));

    // Any size is drawn.
    tmux.run(&["resize-window", "-x", "80", "-y", "24"]);
    tmux.until("the narrow screen", |s| s.contains("? keys") && !s.contains("KIND"));
    tmux.run(&["resize-window", "-x", "40", "-y", "8"]);
    tmux.shows(&["too small"]);
    tmux.run(&["resize-window", "-x", "200", "-y", "60"]);
    tmux.shows(&["KIND", "health 60 min", "? keys"]);

    // Out and in again: what was chosen is still chosen.
    tmux.types("o").shows(&["sort: state"]);
    tmux.key("C-z");
    tmux.until("the shell", |s| s.contains("ready>") && !s.contains("sort: state"));
    tmux.types("fg").key("Enter").shows(&["sort: state"]);
    tmux.types("Q");
    tmux.until("the shell again", |s| s.contains("ready>") && !s.contains("sort: state"));
    tmux.types(&command_line(&home)).key("Enter").shows(&["sort: state"]);
    tmux.types("Q");
    tmux.until("the shell at the end", |s| !s.contains("sort: state"));
    assert_eq!(tmux.run(&["display-message", "-p", "#{alternate_on}"]).trim(), "0");
}
