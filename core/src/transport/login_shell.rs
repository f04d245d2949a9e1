//! What the login shell has for PATH, since a desktop application starts us with hardly one: [`find_program`].
//!
//! The shell is asked once per process, only when a program was not found otherwise, and never for long. What it prints
//! besides (rc files greet, warn, and draw prompts) is ignored.

use std::collections::hash_map::RandomState;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::BuildHasher;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::child::{Child, ChildSpec, Grace};
use super::{Guardian, NotFound, SearchPath};
use crate::config::well_known_dirs;

/// How long a shell may take: version managers in rc files need up to two seconds on a cold disk.
const SHELL_TIME: Duration = Duration::from_secs(5);
/// How long it may take to leave once it has answered: what its rc files started beside is then ended too.
const LEAVE_TIME: Duration = Duration::from_millis(200);
/// Most bytes of output looked at.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// The shell of those who have none.
const NO_SHELL: &str = "/bin/sh";

/// Finds the program of a server: in `own` first (our PATH, or the one its configuration sets), and only if it is not
/// there, and `ask_login_shell`, in the login shell's directories and the well-known ones too. Gives the program and
/// the path it was found with, which is the PATH its process should get.
///
/// # Errors
/// When it is in none of them.
pub async fn find_program(
    command: &str,
    cwd: Option<&Path>,
    own: SearchPath,
    ask_login_shell: bool,
) -> Result<(PathBuf, SearchPath), NotFound> {
    let missing = match own.resolve(command, cwd) {
        Ok(program) => return Ok((program, own)),
        Err(missing) => missing,
    };
    if !ask_login_shell || !matches!(missing, NotFound::OnPath { .. }) {
        return Err(missing);
    }
    let mut wider = own;
    wider.add(login_shell_path().await.dirs().iter().cloned());
    let program = wider.resolve(command, cwd)?;
    Ok((program, wider))
}

/// Our own PATH, then what the login shell adds, then the well-known directories that exist. Asked once per process.
///
/// # Cancel safety
/// Cancel safe: the shell is killed, and the next caller asks again.
pub async fn login_shell_path() -> &'static SearchPath {
    static ANSWER: OnceCell<SearchPath> = OnceCell::const_new();
    let ours = || async {
        let question = Question { env: env::vars_os().collect(), is_detached: false };
        merged(SearchPath::current(), ask(&user_shell(), question, SHELL_TIME).await.as_deref())
    };
    ANSWER.get_or_init(ours).await
}

/// The same as it would be for a program with this environment that has no terminal, whatever we have. Asked each time.
///
/// # Cancel safety
/// Cancel safe: the shell is killed.
pub async fn login_shell_path_with(env: Vec<(OsString, OsString)>) -> SearchPath {
    let own = env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone()).unwrap_or_default();
    let answer = ask(&user_shell(), Question { env, is_detached: true }, SHELL_TIME).await;
    merged(SearchPath::new(&own), answer.as_deref())
}

/// How the shell is asked.
struct Question {
    /// What it has before it reads its files.
    env: Vec<(OsString, OsString)>,
    /// As if we had no terminal.
    is_detached: bool,
}

fn merged(own: SearchPath, shells: Option<&OsStr>) -> SearchPath {
    let mut path = own;
    if let Some(shells) = shells {
        path.add(SearchPath::new(shells).dirs().iter().cloned());
    }
    path.add(well_known_dirs(dirs::home_dir().as_deref()));
    path
}

/// `$SHELL`, else the shell of our entry in the user database, else `sh`.
fn user_shell() -> PathBuf {
    let named = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let entry = || shell_in(&fs::read_to_string("/etc/passwd").ok()?, rustix::process::getuid().as_raw());
    named.or_else(|| entry().map(Into::into)).unwrap_or_else(|| NO_SHELL.into()).into()
}

/// passwd(5): `name:password:uid:gid:comment:home:shell`.
fn shell_in(passwd: &str, uid: u32) -> Option<String> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|e| e.len() == 7 && e[2].parse() == Ok(uid))?;
    (!entry[6].is_empty()).then(|| entry[6].to_owned())
}

/// PATH of a login shell; `None` if it would not say in time.
async fn ask(shell: &Path, question: Question, time: Duration) -> Option<OsString> {
    let marks = [mark(), mark()];
    let has_terminal = has_terminal();
    // A session of its own has no terminal; where there is no program that makes one, the shell is asked as far as it can be.
    let way_out = if has_terminal && question.is_detached { setsid() } else { None };
    let mut args = shell_args(shell, &marks, has_terminal && way_out.is_none());
    let program = match way_out {
        Some(setsid) => {
            args.splice(..0, ["-w".into(), shell.as_os_str().to_owned()]);
            setsid
        }
        None => shell.to_owned(),
    };
    let spec = ChildSpec { program, args, cwd: dirs::home_dir(), env: question.env, is_batch: false };
    // No guardian: it ends by itself, at the latest when its stdout breaks.
    let mut child = match Child::spawn_quiet(&spec, &Guardian::none()) {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(shell = %shell.display(), %error, "the login shell did not start; using PATH as it is");
            return None;
        }
    };
    let mut stdout = child.stdout.take()?;
    let answer = timeout(time, read_between(&mut stdout, &marks)).await;
    drop(stdout);
    let leave = if answer.is_ok() { LEAVE_TIME } else { Duration::ZERO };
    child.end(Grace { eof: leave, term: Duration::ZERO, kill: SHELL_TIME }).await;
    match answer {
        Ok(Some(path)) => Some(path),
        Ok(None) => {
            tracing::warn!(shell = %shell.display(), "the login shell did not tell its PATH; using PATH as it is");
            None
        }
        Err(_) => {
            tracing::warn!(shell = %shell.display(), ?time, "the login shell took too long; using PATH as it is");
            None
        }
    }
}

/// Something no rc file prints by chance.
fn mark() -> String {
    // Each RandomState has keys of its own from the system's random source.
    format!("<{:016x}{:016x}>", RandomState::new().hash_one(1), RandomState::new().hash_one(2))
}

/// Asks through `sh`, in words that mean the same in sh, dash, bash, zsh, fish and csh: exported, PATH is a list with
/// colons whatever the shell itself makes of it.
fn shell_args(shell: &Path, marks: &[String; 2], has_terminal: bool) -> Vec<OsString> {
    let question = format!("/bin/sh -c 'printf %s%s%s \"{}\" \"$PATH\" \"{}\"'", marks[0], marks[1]);
    let name = shell.file_name().unwrap_or_default();
    let mut args: Vec<OsString> = Vec::new();
    // They know -l as the only flag, and read their rc file anyway.
    if name != "csh" && name != "tcsh" {
        args.push("-l".into());
    }
    // Many set PATH in the file for interactive shells only. With a terminal, an interactive shell would take it away
    // from whoever has it, or be stopped for trying; but then our own PATH came from such a shell.
    if !has_terminal {
        args.push("-i".into());
    }
    args.extend(["-c".into(), question.into()]);
    args
}

/// The `setsid` of util-linux: other ones cannot wait.
fn setsid() -> Option<PathBuf> {
    let found = ["/usr/bin/setsid", "/bin/setsid"].map(PathBuf::from).into_iter().find(|p| p.is_file())?;
    let real = fs::canonicalize(&found).ok()?;
    real.file_name().is_some_and(|name| name == "setsid").then_some(found)
}

/// Whether we have a controlling terminal.
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok()
}

/// Reads until the second mark: a background job of an rc file may keep the pipe open for ever.
async fn read_between(stdout: &mut (impl AsyncRead + Unpin), marks: &[String; 2]) -> Option<OsString> {
    let mut said = Vec::new();
    while stdout.read_buf(&mut said).await.ok()? > 0 {
        if let Some(path) = between(&said, marks) {
            return Some(path);
        }
        if said.len() > MAX_OUTPUT_BYTES {
            return None;
        }
    }
    None
}

fn between(said: &[u8], marks: &[String; 2]) -> Option<OsString> {
    let from = memmem::find(said, marks[0].as_bytes())? + marks[0].len();
    let to = from + memmem::find(&said[from..], marks[1].as_bytes())?;
    (from < to).then(|| OsString::from_vec(said[from..to].to_vec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A shell that has `body` for an rc file; runs the question itself only if `body` comes to an end.
    async fn ask_shell(body: &str, time: Duration) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let shell = folder.path().join("myshell");
        fs::write(&shell, format!("#!/bin/sh\n{body}\nfor question; do :; done\neval \"$question\"\n")).unwrap();
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
        ask(&shell, ours(), time).await.map(|path| path.into_string().unwrap())
    }

    fn ours() -> Question {
        Question { env: env::vars_os().collect(), is_detached: false }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn noise_of_rc_files_does_not_matter() {
        let noise = "echo hello; printf 'PATH=/wrong\\n<0>'; echo oops >&2; PATH=/rc/bin:/usr/bin; export PATH";
        assert_eq!(ask_shell(noise, LONG).await.as_deref(), Some("/rc/bin:/usr/bin"));
    }

    #[tokio::test]
    async fn a_background_job_holding_the_pipe_does_not_delay_the_answer() {
        let job = "PATH=/rc/bin:/usr/bin:/bin; sleep 1000 &";
        assert_eq!(ask_shell(job, LONG).await.as_deref(), Some("/rc/bin:/usr/bin:/bin"));
    }

    #[tokio::test]
    async fn a_shell_that_hangs_is_given_up() {
        assert_eq!(ask_shell("sleep 1000", Duration::from_millis(50)).await, None);
    }

    #[tokio::test]
    async fn a_shell_that_fails_or_floods_says_nothing() {
        assert_eq!(ask_shell("exit 3", LONG).await, None);
        assert_eq!(ask_shell("exec yes", LONG).await, None);
        assert_eq!(ask(Path::new("/no/such/shell"), ours(), LONG).await, None);
    }

    #[tokio::test]
    async fn real_shells_answer() {
        let shells = ["/bin/sh", "/bin/dash", "/bin/bash", "/bin/zsh", "/usr/bin/fish", "/bin/tcsh"];
        for shell in shells.map(Path::new).iter().filter(|shell| shell.exists()) {
            let path = ask(shell, ours(), LONG).await.unwrap_or_else(|| panic!("{} did not answer", shell.display()));
            assert!(path.to_str().unwrap().contains("/bin"), "{}: {}", shell.display(), path.display());
        }
    }

    #[tokio::test]
    async fn our_own_path_is_enough_when_the_program_is_there() {
        let own = SearchPath::new(OsStr::new("/bin:/usr/bin"));
        let (program, path) = find_program("sh", None, own.clone(), true).await.unwrap();
        assert!(program.ends_with("sh"), "{}", program.display());
        assert_eq!(path, own);
        let error = find_program("no-such-program", None, own.clone(), false).await.unwrap_err();
        assert_eq!(error, NotFound::OnPath { command: "no-such-program".to_owned(), dirs: own.dirs().to_vec() });
    }

    #[test]
    fn our_directories_come_before_the_shells() {
        let own = SearchPath::current();
        let all = merged(own.clone(), Some(OsStr::new("/shell/bin:/bin")));
        assert_eq!(all.dirs()[..own.dirs().len()], *own.dirs());
        assert_eq!(all.dirs()[own.dirs().len()..].first(), Some(&PathBuf::from("/shell/bin")));
    }

    #[tokio::test]
    async fn the_shell_is_asked_with_the_environment_of_somebody_else() {
        let env = [("PATH", "/usr/bin:/bin"), ("ONLY", "/only/here")].map(|(k, v)| (k.into(), v.into()));
        let folder = tempfile::tempdir().unwrap();
        let shell = folder.path().join("myshell");
        let body = "PATH=$PATH:${ONLY:-none}:${CARGO_MANIFEST_DIR:-clean}; export PATH; for question; do :; done; eval \"$question\"";
        fs::write(&shell, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
        for is_detached in [false, true] {
            let question = Question { env: env.to_vec(), is_detached };
            let path = ask(&shell, question, LONG).await.unwrap();
            assert_eq!(path, "/usr/bin:/bin:/only/here:clean");
        }
    }

    #[test]
    fn a_terminal_is_not_taken_away() {
        let marks = ["<a>".to_owned(), "<b>".to_owned()];
        let flags = |shell, has_terminal| {
            let mut args = shell_args(Path::new(shell), &marks, has_terminal);
            assert_eq!(args.pop().unwrap(), "/bin/sh -c 'printf %s%s%s \"<a>\" \"$PATH\" \"<b>\"'");
            args
        };
        assert_eq!(flags("/bin/zsh", false), ["-l", "-i", "-c"]);
        assert_eq!(flags("/bin/zsh", true), ["-l", "-c"]);
        assert_eq!(flags("/bin/tcsh", false), ["-i", "-c"]);
    }

    #[test]
    fn the_shell_of_the_user_database() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n# comment\nme:x:1000:1000::/home/me:/usr/bin/fish\nd:x:2:2:::\n";
        assert_eq!(shell_in(passwd, 1000).as_deref(), Some("/usr/bin/fish"));
        assert_eq!(shell_in(passwd, 2), None);
        assert_eq!(shell_in(passwd, 7), None);
    }
}
