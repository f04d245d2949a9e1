//! Asks another program for a text: `${cmd:…}`, and the tool of the system's keyring. Never by a shell, never for longer than
//! [`PATIENCE`], never for more than [`MAX_OUTPUT_BYTES`]; what it started beside is ended with it where it gave no answer, and not
//! waited for where it did. The texts are secrets: they go back to whoever asked and nowhere else.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
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
/// How often it is looked whether the process has ended.
const TICK: Duration = Duration::from_millis(5);
/// A process that has ended has said all: what is in its pipes comes at once. Who holds them still is something it left running, an
/// agent perhaps.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Pieces of output that wait to be put together.
const N_PIECES: usize = 16;
/// Bytes of such a piece, at most.
const PIECE_BYTES: usize = 8 << 10;

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
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

/// Stands for a text that is not known. Another one for each, and fit for all that secrets are used as: an address, a token that is
/// long enough, a user and password with a `:` between.
pub(super) fn open(key: &str) -> String {
    let mut hash = DefaultHasher::new();
    key.hash(&mut hash);
    format!("https://unknown.invalid/{:016x}", hash.finish())
}

impl Answers {
    /// The same, for a reading in which programs may be started: what they say is known from then on.
    #[must_use]
    pub fn asking(&self) -> Self {
        Self { known: self.known.clone(), asks: true }
    }

    /// Whether programs may be started.
    pub(super) const fn may_ask(&self) -> bool {
        self.asks
    }

    /// The answer to `key` is known from now on.
    pub(super) fn keep(&self, key: &str, answer: Result<String, String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_ANSWERS {
            known.clear();
        }
        known.insert(key.to_owned(), answer);
    }

    /// The answer to `key`, by `ask` if that may be.
    pub(crate) fn get(&self, key: &str, ask: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
        if self.asks {
            let answer = ask();
            self.keep(key, answer.clone());
            return answer;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned().unwrap_or_else(|| Ok(open(key)))
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
pub(crate) fn ask(
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
    let (tell, told) = mpsc::sync_channel(N_PIECES);
    read(child.stdout.take(), Stream::Answer, tell.clone());
    read(child.stderr.take(), Stream::Complaint, tell);
    // Small enough for a pipe, so it can be written before anything is read.
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // Who does not listen says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let mut said = Said::default();
    let mut status = None;
    let mut last_word = Instant::now();
    let status = loop {
        match told.recv_timeout(TICK) {
            Ok(piece) => {
                said.take(piece);
                last_word = Instant::now();
            }
            // Both ends are there: only the process itself is waited for.
            Err(mpsc::RecvTimeoutError::Disconnected) if status.is_none() => std::thread::sleep(TICK),
            Err(_) => {}
        }
        if said.answer.len() as u64 > MAX_OUTPUT_BYTES {
            end(&mut child);
            return Err(other(format!("printed more than {} KiB", MAX_OUTPUT_BYTES >> 10)));
        }
        if status.is_none() {
            status = child.try_wait().map_err(|e| other(format!("was lost: {e}")))?;
            last_word = Instant::now();
        }
        if let Some(status) = status {
            let is_quiet = last_word.elapsed() >= LAST_WORDS;
            let has_said = !said.answer.is_empty() || !status.success();
            if said.is_whole() || (is_quiet && (said.answer_has_ended || has_said)) {
                break status;
            }
        }
        if Instant::now() >= until {
            end(&mut child);
            let seconds = patience.as_secs();
            return Err(other(match status {
                Some(_) => "ended, and its output did not".to_owned(),
                None => format!("did not end within {seconds} s"),
            }));
        }
    };
    if !status.success() {
        return Err(Refusal::Failed(status.code().unwrap_or(-1), first_line(&said.complaint, words[0])));
    }
    String::from_utf8(said.answer).map_err(|_| other("printed something that is no text".to_owned()))
}

/// Which of its pipes.
#[derive(Clone, Copy)]
enum Stream {
    /// stdout
    Answer,
    /// stderr
    Complaint,
}

/// What came out of a pipe; nothing any more, if it is empty.
type Piece = (Stream, Vec<u8>);

/// What it has said so far.
#[derive(Default)]
struct Said {
    answer: Vec<u8>,
    answer_has_ended: bool,
    complaint: Vec<u8>,
    complaint_has_ended: bool,
}

impl Said {
    fn take(&mut self, (stream, bytes): Piece) {
        let (all, has_ended) = match stream {
            Stream::Answer => (&mut self.answer, &mut self.answer_has_ended),
            Stream::Complaint => (&mut self.complaint, &mut self.complaint_has_ended),
        };
        *has_ended |= bytes.is_empty();
        if all.len() as u64 <= MAX_OUTPUT_BYTES {
            all.extend(bytes);
        }
    }

    const fn is_whole(&self) -> bool {
        self.answer_has_ended && self.complaint_has_ended
    }
}

/// Reads a pipe until its end, or until nobody wants to hear of it any more. The thread is there for as long as somebody holds the
/// other end.
fn read(pipe: Option<impl std::io::Read + Send + 'static>, stream: Stream, tell: mpsc::SyncSender<Piece>) {
    std::thread::spawn(move || {
        let mut pipe = pipe;
        let mut bytes = vec![0; PIECE_BYTES];
        loop {
            let n = match pipe.as_mut().map_or(Ok(0), |pipe| pipe.read(&mut bytes)) {
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            if tell.send((stream, bytes[..n].to_vec())).is_err() || n == 0 {
                return;
            }
        }
    });
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

/// The first thing it said, fit to be shown; without its own name, which stands before it already (and `secret-tool: …` would be
/// taken for a secret).
fn first_line(said: &[u8], program: &str) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let own = Path::new(program).file_name().and_then(|n| n.to_str()).unwrap_or(program);
    let line = line.strip_prefix(own).and_then(|l| l.strip_prefix(": ")).unwrap_or(line);
    let plain: String = line.chars().filter(|c| !c.is_control()).take(MAX_COMPLAINT).collect();
    super::mask::line(&plain)
}

/// Where installers put programs without always telling the shell; `~` is the home directory.
const WELL_KNOWN_DIRS: [&str; 4] = ["~/.local/bin", "~/.cargo/bin", "/opt/homebrew/bin", "/usr/local/bin"];

/// Those of them that are there.
pub(crate) fn well_known_dirs(home: Option<&Path>) -> impl Iterator<Item = PathBuf> {
    let whole = move |dir: &str| match dir.strip_prefix("~/") {
        Some(rest) => home.map(|home| home.join(rest)),
        None => Some(PathBuf::from(dir)),
    };
    WELL_KNOWN_DIRS.into_iter().filter_map(whole).filter(|dir| dir.is_dir())
}

/// A path as it is; a name on the PATH we were given, then in the well-known directories: a client that was started from a menu has
/// a short PATH for us.
fn find(program: &str, environment: &Environment, base: &Path) -> Option<PathBuf> {
    if program.contains(std::path::is_separator) {
        return Some(environment.absolute(program, base)).filter(|p| p.is_file());
    }
    let path = environment.get_filled("PATH").filter(|_| !program.is_empty())?;
    let on_path = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    on_path.chain(well_known_dirs(environment.home())).map(|dir| dir.join(program)).find(|p| p.is_file())
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
        assert_eq!(
            first_line(b"\nsecret-tool: Cannot autolaunch D-Bus\nmore", "secret-tool"),
            "Cannot autolaunch D-Bus"
        );
    }

    /// What it leaves running holds its pipes for longer than anybody waits here.
    #[test]
    fn what_it_leaves_running_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let long = Duration::from_secs(600);
        for (holds, says, expected) in [
            ("", "echo s3cret; echo note >&2", Ok("s3cret\n".to_owned())),
            ("", "echo locked >&2; exit 2", Err(Refusal::Failed(2, "locked".to_owned()))),
            (">/dev/null", "true", Ok(String::new())),
        ] {
            let line = format!("sleep 1000 {holds} & echo $! > {}; {says}", pid.display());
            assert_eq!(asked(&["sh", "-c", &line], None, long), expected, "{says}");
            let agent = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
            let agent = rustix::process::Pid::from_raw(agent).unwrap();
            // It was left alone.
            rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
        }
        // Of who has said nothing yet, somebody else may say it.
        let late = asked(&["sh", "-c", "(sleep 1; echo late) &"], None, long);
        assert_eq!(late.as_deref(), Ok("late\n"));
    }

    #[test]
    fn what_is_not_known_is_fit_for_all_it_is_used_as() {
        let answers = Answers::default();
        let open = |key| answers.get(key, || Err("asked".to_owned())).unwrap();
        assert_ne!(open("cmd:a"), open("cmd:b"));
        assert!(open("cmd:a").len() >= 24 && open("cmd:a").contains(':') && open("cmd:a").starts_with("https://"));
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
