//! What a failed attempt means: its card for people, and whether trying again may help.

use std::time::{Duration, Instant, SystemTime};

use super::handshake::OpenError;
use super::instance::End;
use super::memory::Eras;
use super::outdated::without;
use super::port::{Control, Port};
use super::remote::{Trouble, TroubleKind};
use super::status::Failure;
use crate::config::{RestartPolicy, Target};
use crate::observe::{NoticeLevel, Observer};
use crate::protocol::{Fault, code};
use crate::transport::{ExitReason, NotFound};

/// How one attempt ended.
#[derive(Debug)]
pub(super) enum Life {
    /// It ended well, or nobody needs it.
    Over,
    /// Told to: by hand, by a reload, by the end of the proxy.
    Told(Control),
    /// It failed; trying again may help unless `hopeless`.
    Failed {
        failure: Failure,
        /// It had served for long.
        steady: bool,
        hopeless: bool,
    },
}

/// One attempt to run a server.
#[derive(Debug)]
pub(super) struct Attempt {
    begun: Instant,
    /// The program after the search on PATH.
    pub(super) resolved: Option<String>,
    /// For how long it has been ready; `None`: it never was.
    pub(super) ready: Option<Duration>,
}

/// A server that was ready for so long has not failed in a row.
const STEADY: Duration = Duration::from_secs(60);

impl Attempt {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), resolved: None, ready: None }
    }

    /// It failed in `phase`.
    pub(super) fn failed(&self, phase: &'static str, message: String) -> Life {
        self.failed_with(phase, message, None, None)
    }

    fn failed_with(
        &self,
        phase: &'static str,
        message: String,
        exit: Option<ExitReason>,
        hint: Option<String>,
    ) -> Life {
        let failure = Failure {
            at: SystemTime::now(),
            phase,
            message,
            resolved: self.resolved.clone(),
            exit,
            after: self.begun.elapsed(),
            stderr: Vec::new(),
            hint,
        };
        Life::Failed { failure, steady: self.ready.is_some_and(|d| d >= STEADY), hopeless: false }
    }

    /// It failed, and will as long as nobody changes anything.
    pub(super) fn hopeless(&self, message: String, hint: String) -> Life {
        let mut life = self.failed_with("resolve", message, None, Some(hint));
        if let Life::Failed { hopeless, .. } = &mut life {
            *hopeless = true;
        }
        life
    }

    /// The task that looked after it broke down: a fault of ours.
    pub(super) fn broken_down(&self) -> Failure {
        Failure {
            at: SystemTime::now(),
            phase: "task",
            message: "mcp-proxy has made a mistake with it (its log says where)".to_owned(),
            resolved: None,
            exit: None,
            after: self.begun.elapsed(),
            stderr: Vec::new(),
            hint: Some("report it with the log".to_owned()),
        }
    }

    /// Its program was not found.
    pub(super) fn missing(&self, command: &str, missing: &NotFound) -> Life {
        let (message, hint) = explain(command, missing);
        self.hopeless(message, hint)
    }

    /// A URL could not be used.
    pub(super) fn troubled(&self, phase: &'static str, trouble: &Trouble) -> Life {
        let mut life = self.failed_with(trouble.phase(phase), format!("it {}", trouble.message), None, trouble.hint());
        if let Life::Failed { hopeless, .. } = &mut life {
            *hopeless = trouble.kind == TroubleKind::Setup || trouble.is_unauthorized();
        }
        life
    }

    /// What the end of a started server means.
    pub(super) fn judge(
        &self,
        ended: Result<End, OpenError>,
        port: &Port,
        observer: &Observer,
        eras: &mut Eras,
    ) -> Life {
        let describe = |exit: Option<ExitReason>| {
            exit.map_or_else(|| "it closed its pipes".to_owned(), |e| format!("it ended with {e}"))
        };
        match ended {
            Ok(End::Idle) => Life::Over,
            Ok(End::Stale) => Life::Over,
            Ok(End::Outdated(era)) => {
                *eras = without(era, *eras);
                port.pool.set_eras(*eras);
                Life::Told(Control::Restart)
            }
            Ok(End::Told(control)) | Err(OpenError::Told(control)) => Life::Told(control),
            Ok(End::Gone(Some(ExitReason::Code(0)))) if port.server().restart.policy == RestartPolicy::OnFailure => {
                Life::Over
            }
            Ok(End::Lost(trouble)) => self.troubled("serve", &trouble),
            Err(OpenError::Failed { phase, trouble }) => self.troubled(phase, &trouble),
            Ok(End::Gone(exit)) => self.failed_with("serve", describe(exit), exit, None),
            Ok(End::Junk) | Err(OpenError::Junk) => {
                let phase = if self.ready.is_some() { "serve" } else { "initialize" };
                let message = "it wrote 100 lines in a row on stdout that are no MCP messages".to_owned();
                let hint = "stdout is for messages only: look at its log for what it prints, e.g. use `npm --silent`";
                self.failed_with(phase, message, None, Some(hint.to_owned()))
            }
            // It died on the probe, not of itself: the next start leaves the probe out, at once.
            Err(OpenError::Gone { phase: "probe", .. }) if eras.probe_harms => {
                let text = "it does not survive `server/discover`; starting it again with `initialize`";
                observer.notice(NoticeLevel::Info, Some(port.name()), text);
                Life::Told(Control::Restart)
            }
            Err(OpenError::Gone { phase, exit }) => self.failed_with(phase, describe(exit), exit, None),
            Err(OpenError::Silent { phase: "probe", .. }) if eras.probe_harms => Life::Told(Control::Restart),
            Err(OpenError::Silent { phase, waited }) if matches!(port.server().target, Target::Http { .. }) => {
                self.failed(phase, format!("it did not answer within {waited:.0?}"))
            }
            Err(OpenError::Silent { phase, waited }) => {
                // It may have swallowed a probe: without one the next start may go well.
                eras.probe_harms = true;
                self.failed(phase, format!("it did not answer within {waited:.0?}"))
            }
            // It was bound to the other era by a request that it refused: a new process is asked the right one first.
            Err(OpenError::Refused { phase: "probe", .. }) if eras.legacy == Some(false) && eras.modern.is_none() => {
                Life::Told(Control::Restart)
            }
            Err(OpenError::Refused { phase, message }) => self.failed(phase, message),
        }
    }
}

impl Life {
    /// The failure learns the server's last words, and what they usually mean.
    pub(super) fn hears(&mut self, words: Vec<String>) {
        if let Self::Failed { failure, .. } = self {
            if failure.hint.is_none() {
                failure.hint = hint(&words);
            }
            failure.stderr = words;
        }
    }

    /// What calls in flight are told.
    pub(super) fn fault(&self, backend: &str) -> Fault {
        let Self::Failed { failure, .. } = self else {
            let data = serde_json::json!({ "backend": backend, "reason": "stopped" });
            return Fault::new(code::INTERNAL, format!("server `{backend}` was stopped")).with_data(&data);
        };
        let mut data = serde_json::json!({ "backend": backend, "reason": "exited" });
        match failure.exit {
            Some(ExitReason::Code(code)) => data["code"] = code.into(),
            Some(ExitReason::Signal(signal)) => data["signal"] = signal.into(),
            None => {}
        }
        if let Some(last) = failure.stderr.last() {
            data["detail"] = last.as_str().into();
        }
        Fault::new(code::INTERNAL, format!("server `{backend}`: {}", failure.message)).with_data(&data)
    }
}

/// Why a program was not found, and what to do.
fn explain(command: &str, missing: &NotFound) -> (String, String) {
    let config = "give the full path in `command`";
    match missing {
        NotFound::OnPath { dirs, .. } => {
            let install = match command {
                "npx" | "node" | "npm" => "install Node.js, or ",
                "uvx" | "uv" => "install uv (https://docs.astral.sh/uv), or ",
                "docker" => "install Docker, or ",
                _ => "install it, or ",
            };
            let dirs: Vec<String> = dirs.iter().map(|d| d.display().to_string()).collect();
            let message =
                format!("`{command}` was not found in the {} directories of PATH: {}", dirs.len(), dirs.join(":"));
            (message, format!("{install}{config}"))
        }
        NotFound::NoFile(path) => (format!("there is no file {}", path.display()), config.to_owned()),
        NotFound::NotExecutable(path) => {
            (format!("{} is not executable", path.display()), format!("`chmod +x {}`, or {config}", path.display()))
        }
    }
}

/// What the last words of a server usually mean.
fn hint(stderr: &[String]) -> Option<String> {
    let has = |text: &str| stderr.iter().any(|l| l.contains(text));
    let has_one = |texts: &[&str]| texts.iter().any(|t| has(t));
    let hint = if has("E404") && has("npm") {
        "npm knows no package of this name: look at it in `args`"
    } else if has_one(&["was not found in the package registry", "No matching distribution found"]) {
        "PyPI knows no package of this name: look at it in `args`"
    } else if has_one(&["ENOTFOUND", "EAI_AGAIN", "Temporary failure in name resolution", "dns error"]) {
        "a name could not be looked up: is the network there, is a proxy needed?"
    } else if has_one(&["EADDRINUSE", "Address already in use"]) {
        "the port it wants is taken: end what has it, or give it another one"
    } else if has_one(&["invalid_api_key", "401 Unauthorized", "Bad credentials", "Invalid API key"]) {
        "it was refused: look at the token in `env`"
    } else if has("canceled due to missing packages") {
        "`npx` asked whether it may install the package: add `-y` before its name"
    } else if has("AttributeError") && has("mcp") {
        "an old Python server with a newer `mcp` package: pin it, e.g. `uvx --with 'mcp<2' PACKAGE`"
    } else if has("ModuleNotFoundError") || has("Cannot find module") {
        "a package it needs is not installed"
    } else if has("EACCES") || has("Permission denied") {
        "it lacks a permission; see its last words"
    } else {
        return None;
    };
    Some(hint.to_owned())
}
