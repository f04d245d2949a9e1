//! How it went: [`Failure`] to stderr and an exit code, results to stdout. The only place that prints.
//!
//! Never prints while the terminal UI has the screen, and nothing but JSON-RPC goes to stdout under `serve --stdio`.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Something the user asked for did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, one sentence: lower case, names in backticks.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// How the process ends.
    pub exit: Exit,
}

/// Exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 1: it was tried and failed.
    Failed,
    /// 2: wrong use or configuration; nothing was tried.
    Usage,
}

impl Failure {
    /// It was tried and failed.
    pub fn failed(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, hint: None, exit: Exit::Failed }
    }

    /// Wrong use or configuration.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(what) }
    }

    /// The same when all has been said already, on stdout: only the exit code is left.
    #[must_use]
    pub fn said(self) -> Self {
        Self { what: String::new(), cause: None, hint: None, exit: self.exit }
    }

    /// The same with its reason.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Failure {
    /// What failed and why, for a place with one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let rest = self.cause.iter().chain(&self.hint).map(|t| format!(": {t}"));
        rest.fold(self.what.clone(), |line, part| line + &part)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for (label, text) in [("cause", &self.cause), ("hint", &self.hint)] {
            if let Some(text) = text {
                // Further lines of a longer text stand under its first one.
                let under = format!("\n{}", " ".repeat(label.len() + 4));
                write!(f, "\n  {label}: {}", text.trim_end().replace('\n', &under))?;
            }
        }
        Ok(())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// Prints how it went and gives the exit code.
#[must_use]
pub fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.what.is_empty() {
                note(&failure.to_string());
            }
            failure.exit.into()
        }
    }
}

/// Writes a line to stderr.
pub fn note(line: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a question to stderr, without a line end.
pub fn ask(question: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// Writes bytes to stdout.
///
/// # Errors
/// When stdout cannot be written. A reader that has left (`| head`) is no error.
pub fn out(bytes: &[u8]) -> Result<(), Failure> {
    out_while_read(bytes).map(drop)
}

/// Writes bytes to stdout; `false`: whoever read them has left.
///
/// # Errors
/// When stdout cannot be written.
pub fn out_while_read(bytes: &[u8]) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::failed("cannot write to stdout").because(e)),
    }
}

/// Whether a person reads stdout.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person reads stderr.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether to write colours to a stream: only to a terminal, and not where `NO_COLOR` is set.
#[must_use]
pub fn colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Columns of the terminal on stdout; `None` when it is no terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    #[cfg(unix)]
    {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then_some(size.ws_col.into())
    }
    #[cfg(not(unix))]
    {
        stdout_is_terminal().then_some(80)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_says_what_why_and_what_to_do() {
        let failure = Failure::failed("backend `github` did not start")
            .because("`npx` was not found on PATH")
            .hint("install Node.js, or give the full path in `command`");
        assert_eq!(
            failure.to_string(),
            "error: backend `github` did not start\n  cause: `npx` was not found on PATH\n  hint: install Node.js, or give \
             the full path in `command`"
        );
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(Failure::usage("x").because("a\nb\n").to_string(), "error: x\n  cause: a\n         b");
    }
}
