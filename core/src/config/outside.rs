//! Asks another program for a text: `${cmd:…}`, and the tool of the system's keyring. Never by a shell, never for longer than
//! [`PATIENCE`], never for more than [`MAX_OUTPUT_BYTES`]; what it started beside is ended with it. The texts are secrets: they go back to
//! whoever asked and nowhere else.

use std::collections::HashMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::Environment;

/// A password manager may ask for a finger; who waits longer has gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A secret is a line or a key file, not a book.
const MAX_OUTPUT_BYTES: u64 = 64 << 10;
/// Of what it complains, this much is repeated.
const MAX_COMPLAINT: usize = 160;
/// How often an ended output is looked at for an ended process.
const TICK: Duration = Duration::from_millis(5);

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such program.
    NotFound,
    /// It ended with this code (-1: by a signal), and this was the first it said on stderr.
    Failed(i32, String),
    /// Something else, as the rest of a sentence.
    Other(String),
}

impl Refusal {
    /// As the rest of a sentence about `program`.
    pub(super) fn words(&self, program: &str) -> String {
        match self {
            Self::NotFound => format!("`{program}` was not found on PATH"),
            Self::Failed(code, said) if said.is_empty() => format!("`{program}` ended with code {code}"),
            Self::Failed(code, said) => format!("`{program}` ended with code {code}: {said}"),
            Self::Other(what) => format!("`{program}` {what}"),
        }
    }
}

/// What programs and the keyring have said, for whoever reads a text that is just being typed: a program must not be started
/// because half of its name stands there. What was asked once is known; what was not is left open, until somebody asks for it with
/// [`Answers::asking`]. Clones share what they know.
#[derive(Clone, Default)]
pub struct Answers {
    known: Arc<Mutex<HashMap<String, Result<String, String>>>>,
    asks: bool,
}

/// References somebody can have answered at once; who writes more of them is asked again.
const MAX_ANSWERS: usize = 1_000;
/// Stands for a text that is not known.
const OPEN: &str = "unknown";

impl Answers {
    /// The same, for a reading in which programs may be started: what they say is known from then on.
    #[must_use]
    pub fn asking(&self) -> Self {
        Self { known: self.known.clone(), asks: true }
    }

    /// The answer to `key`, by `ask` if that may be.
    pub(crate) fn get(&self, key: &str, ask: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
        if self.asks {
            let answer = ask();
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_ANSWERS {
                known.clear();
            }
            known.insert(key.to_owned(), answer.clone());
            return answer;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned().unwrap_or_else(|| Ok(OPEN.to_owned()))
    }
}

/// The same if they share what they know.
impl PartialEq for Answers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.known, &other.known) && self.asks == other.asks
    }
}

impl Eq for Answers {}

/// They are secrets.
impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("asks", &self.asks).finish_non_exhaustive()
    }
}

/// What `words[0]` prints when it is given the others and, on stdin, `input`.
pub(super) fn ask(
    words: &[&str],
    input: Option<&str>,
    environment: &Environment,
    base: &Path,
    patience: Duration,
) -> Result<String, Refusal> {
    let other = |what: String| Refusal::Other(what);
    let program = find(words.first().copied().unwrap_or_default(), environment, base).ok_or(Refusal::NotFound)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "asked while a file is read, before there is a runtime; ended here too"
    )]
    let mut command = Command::new(program);
    command.args(&words[1..]).env_clear().envs(environment.variables()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    if base.is_dir() {
        command.current_dir(base);
    }
    // A group of its own: what it starts can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|e| other(format!("cannot be started: {e}")))?;
    let until = Instant::now() + patience;
    let (tell, told) = mpsc::channel();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    // Small enough for a pipe, so it can be written before anything is read.
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // Who does not listen says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>, tell: mpsc::Sender<(bool, Vec<u8>)>, is_answer: bool| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.map(|p| p.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut bytes));
            let _ = tell.send((is_answer, bytes));
        })
    };
    read(stdout.map(|p| Box::new(p) as Box<_>), tell.clone(), true);
    read(stderr.map(|p| Box::new(p) as Box<_>), tell, false);
    let (mut answer, mut complaint) = (None, None);
    while answer.is_none() || complaint.is_none() {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((true, bytes)) => answer = Some(bytes),
            Ok((false, bytes)) => complaint = Some(bytes),
            Err(_) => break,
        }
        if answer.as_ref().is_some_and(|a| a.len() as u64 > MAX_OUTPUT_BYTES) {
            end(&mut child);
            return Err(other(format!("printed more than {} KiB", MAX_OUTPUT_BYTES >> 10)));
        }
    }
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            Ok(None) if Instant::now() < until => std::thread::sleep(TICK),
            Ok(None) => {
                end(&mut child);
                return Err(other(format!("did not end within {} s", patience.as_secs())));
            }
            Err(e) => return Err(other(format!("was lost: {e}"))),
        }
    };
    if code != 0 {
        return Err(Refusal::Failed(code, first_line(&complaint.unwrap_or_default())));
    }
    let Some(answer) = answer else {
        // It has ended, and something it started holds the pipe.
        end(&mut child);
        return Err(other("ended, and its output did not".to_owned()));
    };
    String::from_utf8(answer).map_err(|_| other("printed something that is no text".to_owned()))
}

/// Ends it and all it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The first thing it said, fit to be shown.
fn first_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let plain: String = line.chars().filter(|c| !c.is_control()).take(MAX_COMPLAINT).collect();
    super::mask::line(&plain)
}

/// A path as it is, a name on the PATH we were given.
fn find(program: &str, environment: &Environment, base: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(environment.absolute(program, base)).filter(|p| p.is_file());
    }
    let path = environment.get_filled("PATH").filter(|_| !program.is_empty())?;
    std::env::split_paths(path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(program)).find(|p| p.is_file())
}

/// A command line to words, as a shell would without expanding anything: quotes of both kinds, and `\`. `None`: a quote is not
/// closed.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::empty().with("PATH", "/usr/bin:/bin").with("SAID", "from the environment")
    }

    fn asked(words: &[&str], input: Option<&str>, patience: Duration) -> Result<String, Refusal> {
        ask(words, input, &environment(), Path::new("/"), patience)
    }

    #[test]
    fn a_command_line_is_taken_apart() {
        for (line, expected) in [
            ("op read op://dev/jira/key", Some(&["op", "read", "op://dev/jira/key"][..])),
            ("  a  b ", Some(&["a", "b"])),
            ("a 'b c' \"d \\\" e\" f\\ g ''", Some(&["a", "b c", "d \" e", "f g", ""])),
            ("pre'mid'post", Some(&["premidpost"])),
            ("$HOME;*|", Some(&["$HOME;*|"])),
            ("", Some(&[])),
            ("a 'b", None),
            ("a \"b", None),
            ("a\\", None),
        ] {
            assert_eq!(
                words(line).as_deref(),
                expected.map(|w| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{line}"
            );
        }
    }

    #[test]
    fn what_it_prints_is_the_answer() {
        assert_eq!(asked(&["sh", "-c", "printf %s \"$SAID\""], None, PATIENCE).as_deref(), Ok("from the environment"));
        assert_eq!(asked(&["cat"], Some("in"), PATIENCE).as_deref(), Ok("in"));
        assert_eq!(asked(&["cat"], None, PATIENCE).as_deref(), Ok(""));
    }

    #[test]
    fn what_goes_wrong_is_told() {
        let failed = asked(&["sh", "-c", "echo; echo not signed in >&2; exit 3"], None, PATIENCE);
        assert_eq!(failed, Err(Refusal::Failed(3, "not signed in".to_owned())));
        assert_eq!(asked(&["no-such-program"], None, PATIENCE), Err(Refusal::NotFound));
        assert_eq!(asked(&["./sh"], None, PATIENCE), Err(Refusal::NotFound));
        assert_eq!(asked(&[""], None, PATIENCE), Err(Refusal::NotFound));
        let told = asked(&["sh", "-c", "echo token: hunter2 >&2; exit 1"], None, PATIENCE).unwrap_err().words("sh");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn nobody_waits_for_ever_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let line = format!("sleep 1000 & echo $! > {}; wait", pid.display());
        let late = asked(&["sh", "-c", &line], None, Duration::from_millis(500)).unwrap_err();
        assert!(matches!(&late, Refusal::Other(w) if w.contains("did not end")), "{late:?}");
        let pid = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        // It was ended; whoever inherits it buries it.
        let until = Instant::now() + Duration::from_secs(60);
        while rustix::process::test_kill_process(pid).is_ok() {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
            if stat.contains(") Z ") {
                break;
            }
            assert!(Instant::now() < until, "still there: {stat}");
            std::thread::yield_now();
        }
        let endless = asked(&["sh", "-c", "yes"], None, PATIENCE).unwrap_err();
        assert!(matches!(&endless, Refusal::Other(w) if w.contains("printed more")), "{endless:?}");
    }
}
