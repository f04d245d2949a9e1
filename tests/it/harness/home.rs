//! A folder that is the whole world of one proxy: home, configuration, cache, records of its servers.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Peer, Running};

/// The scripted server.
pub(crate) fn fake_server() -> &'static str {
    env!("CARGO_BIN_EXE_fake-server")
}

/// The world of one proxy.
pub(crate) struct Home {
    dir: TempDir,
    servers: String,
    top: String,
}

impl Home {
    /// Nothing configured.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder"), servers: String::new(), top: String::new() }
    }

    /// One scripted server called `a` with these flags.
    pub(crate) fn with_fake(flags: &[&str]) -> Self {
        Self::new().fake("a", flags)
    }

    /// One more scripted server. It calls itself by `name`, records what it gets, and tells its pid.
    pub(crate) fn fake(self, name: &str, flags: &[&str]) -> Self {
        let record = self.path(&format!("{name}.record"));
        let pids = self.path(&format!("{name}.pids"));
        let mut args = vec!["--name", name, "--record", text(&record), "--pid-file", text(&pids)];
        args.extend(flags);
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        self.server(name, fake_server(), &args)
    }

    /// One more server.
    pub(crate) fn server(mut self, name: &str, command: &str, args: &[String]) -> Self {
        let args = serde_json::to_string(args).expect("text");
        writeln!(self.servers, "  {name}:\n    command: {command:?}\n    args: {args}").expect("a string grows");
        self
    }

    /// One more server, by URL.
    pub(crate) fn url(mut self, name: &str, url: &str) -> Self {
        writeln!(self.servers, "  {name}:\n    url: {url:?}").expect("a string grows");
        self
    }

    /// A line for the server named last, e.g. `start: lazy`.
    pub(crate) fn and(mut self, line: &str) -> Self {
        writeln!(self.servers, "    {line}").expect("a string grows");
        self
    }

    /// Top-level lines, e.g. `routing: { naming: flat }`.
    pub(crate) fn top(mut self, lines: &str) -> Self {
        writeln!(self.top, "{lines}").expect("a string grows");
        self
    }

    /// A file of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The lines the server `name` received so far, each as it came.
    pub(crate) fn received(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("{name}.record"))).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The requests of this method the server `name` received so far.
    pub(crate) fn received_of(&self, name: &str, method: &str) -> Vec<serde_json::Value> {
        let all = self.received(name).into_iter().filter_map(|l| serde_json::from_str::<serde_json::Value>(&l).ok());
        all.filter(|m| m["method"] == method).collect()
    }

    /// The pids of the server `name`, one a start.
    pub(crate) fn pids(&self, name: &str) -> Vec<u32> {
        let text = fs::read_to_string(self.path(&format!("{name}.pids"))).unwrap_or_default();
        text.lines().filter_map(|l| l.parse().ok()).collect()
    }

    /// Writes the configuration and gives its path.
    pub(crate) fn config(&self) -> PathBuf {
        let path = self.path("config.yaml");
        // Asking a login shell takes time and depends on the machine.
        let proxy = "proxy: { name: test, env: { path_from_login_shell: false } }";
        let servers = if self.servers.is_empty() { " {}\n".to_owned() } else { format!("\n{}", self.servers) };
        fs::write(&path, format!("version: 1\n{proxy}\n{}servers:{servers}", self.top)).expect("a configuration");
        path
    }

    /// The program in this world.
    #[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
        command.args(args).env_clear().current_dir(self.dir.path());
        for (name, folder) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "home/.config"),
            ("XDG_CACHE_HOME", "home/.cache"),
            ("XDG_STATE_HOME", "home/.local/state"),
            ("XDG_DATA_HOME", "home/.local/share"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
        ] {
            let folder = self.path(folder);
            fs::create_dir_all(&folder).expect("a folder");
            command.env(name, folder);
        }
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("SHELL", "/bin/sh").env("LANG", "C.UTF-8");
        command
    }

    /// Starts `serve --stdio`.
    pub(crate) fn serve(&self) -> Peer {
        let config = self.config();
        Peer::start(self.command(&["serve", "--stdio", "--config", text(&config), "--log-level", "debug"]))
    }

    /// Starts `serve --stdio` and opens the talk as a client of 2025-11-25 without capabilities.
    pub(crate) fn open(&self) -> Peer {
        let mut peer = self.serve();
        peer.initialize("2025-11-25", &serde_json::json!({}));
        peer
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Running {
        Running::to_end(self.command(args))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
