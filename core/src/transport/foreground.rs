//! Other programs that take our place on the terminal, and what they say of themselves. No server is started here.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::config::{self, Environment};

/// A program says which one it is at once; what takes longer is something else.
const FIRST_LINE_TIME: Duration = Duration::from_secs(5);

/// A program to be run as a shell would run it.
#[expect(clippy::disallowed_methods, reason = "it takes our place: there is nothing to look after")]
fn plain(program: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// The first line a program prints, e.g. with `--version`; `None` if it cannot be run, fails, says nothing, or does not come to an end.
#[must_use]
pub fn first_line(program: &Path, args: &[&str]) -> Option<String> {
    said_by(program, args, FIRST_LINE_TIME)
}

fn said_by(program: &Path, args: &[&str], time: Duration) -> Option<String> {
    let words: Vec<&str> = std::iter::once(program.to_str()?).chain(args.iter().copied()).collect();
    let text = config::ask(&words, None, &Environment::of_process(), Path::new("/"), time).ok()?;
    text.lines().next().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty())
}

/// Runs a program in our place: it has our terminal, our process id and our end. Comes back only if it cannot be run.
#[cfg(unix)]
#[must_use]
pub fn become_program(program: &Path, args: &[String]) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut plain(program, args))
}

/// Runs a program in our place, and ends with its exit code. Comes back only if it cannot be run.
#[cfg(not(unix))]
#[must_use]
pub fn become_program(program: &Path, args: &[String]) -> io::Error {
    match plain(program, args).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_its_first_line() {
        assert_eq!(first_line(Path::new("/bin/echo"), &["v22.19.0"]).as_deref(), Some("v22.19.0"));
        assert_eq!(first_line(Path::new("/bin/true"), &[]), None);
        assert_eq!(first_line(Path::new("/no/such/program"), &[]), None);
        let short = Duration::from_millis(100);
        assert_eq!(said_by(Path::new("/bin/sh"), &["-c", "echo v1; sleep 1000"], short), None, "nobody waits for ever");
        assert_eq!(first_line(Path::new("/bin/sh"), &["-c", "yes"]), None, "nor reads for ever");
    }
}
