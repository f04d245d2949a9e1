//! [`TaskIds`]: the id a task has towards its client, which says whose it is, without any memory (protocol.md, 3.8).
//!
//! To a server we are one client: it would tell anybody of any task whose id it is given. So clients get ids with a seal in them
//! that is good for one principal. It needs nothing but a key, which outlives us in a file; nobody else's key is worth
//! anything here. Ids are no secrets of the user: they are passed through logs, which keeps nobody else from being refused.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::peer::Principal;
use crate::config::edit::replace::create_private;

/// Stands between the parts of an id. Names of servers have none.
const SEPARATOR: char = '~';
/// Stands before the number of an id that the same server has given twice.
const AGAIN: char = '.';
/// Bytes of the seal in an id: 96 bits. Some servers count their tasks from 1, and then nothing else is hard to guess.
const N_SEAL: usize = 12;
/// Bytes of the key.
const N_KEY: usize = 32;

/// Makes and opens the ids of tasks.
#[derive(Debug)]
pub struct TaskIds {
    /// Where the key is kept; `None`: for as long as we run.
    file: Option<PathBuf>,
    key: OnceLock<Key>,
}

/// Not to be printed. `None`: the system has no random numbers, and no id can be made or opened.
struct Key(Option<[u8; N_KEY]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// What an id says, once its seal was found good.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The server.
    pub backend: &'a str,
    /// The server's own id of the task.
    pub own: &'a str,
}

impl TaskIds {
    /// With the key in `file`, which is made when it is first needed; `None`: with one nobody keeps.
    #[must_use]
    pub const fn new(file: Option<PathBuf>) -> Self {
        Self { file, key: OnceLock::new() }
    }

    /// With the key of the user: in `$XDG_STATE_HOME/mcp-proxy`, or what the system has for it.
    #[must_use]
    pub fn user() -> Self {
        let dir = dirs::state_dir().or_else(dirs::data_local_dir);
        Self::new(dir.map(|d| d.join("mcp-proxy").join("task-key")))
    }

    fn key(&self) -> Option<&[u8; N_KEY]> {
        // Read once, and then only where there are tasks at all: that is no cost of a call.
        self.key.get_or_init(|| Key(self.file.as_deref().map_or_else(fresh, kept))).0.as_ref()
    }

    fn seal(&self, principal: &Principal, backend: &str, own: &str, n: u32) -> Option<[u8; N_SEAL]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key()?).ok()?;
        let (mark, n) = (principal.mark().to_be_bytes(), n.to_be_bytes());
        for part in [principal.name().as_bytes(), &mark, backend.as_bytes(), &n, own.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().first_chunk().copied()
    }

    /// The id under which `principal` knows the task `own` of `backend`. `n`: the server has given this id so many times before,
    /// for other tasks.
    #[must_use]
    pub fn exposed(&self, principal: &Principal, backend: &str, own: &str, n: u32) -> Option<String> {
        let seal = BASE64.encode(self.seal(principal, backend, own, n)?);
        let again = if n == 0 { String::new() } else { format!("{AGAIN}{n}") };
        Some(format!("{backend}{SEPARATOR}{seal}{again}{SEPARATOR}{own}"))
    }

    /// What the id `exposed` says, if it was made for this principal.
    #[must_use]
    pub fn open<'a>(&self, principal: &Principal, exposed: &'a str) -> Option<Opened<'a>> {
        let (backend, rest) = exposed.split_once(SEPARATOR)?;
        let (seal, own) = rest.split_once(SEPARATOR)?;
        let (seal, n) = match seal.split_once(AGAIN) {
            None => (seal, 0),
            Some((seal, n)) => (seal, n.parse().ok()?),
        };
        let given = BASE64.decode(seal).ok()?;
        let right = self.seal(principal, backend, own, n)?;
        bool::from(right[..].ct_eq(&given)).then_some(Opened { backend, own })
    }
}

fn fresh() -> Option<[u8; N_KEY]> {
    let mut key = [0; N_KEY];
    let made = getrandom::fill(&mut key).is_ok();
    if !made {
        tracing::error!("the system gives no random numbers: no task of a server can be used");
    }
    made.then_some(key)
}

/// The key in `file`, made if there is none. Where that does not work the ids are good for as long as we run.
fn kept(file: &Path) -> Option<[u8; N_KEY]> {
    match read(file).or_else(|_| make(file)) {
        Ok(key) => Some(key),
        Err(why) => {
            let file = file.display();
            tracing::warn!("the key to the ids of tasks is not kept (`{file}`: {why}): they end with this process");
            fresh()
        }
    }
}

fn read(file: &Path) -> io::Result<[u8; N_KEY]> {
    let bytes = fs::read(file)?;
    bytes.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no key"))
}

/// Another process may do the same at this moment: whoever is first has made the key of both.
fn make(file: &Path) -> io::Result<[u8; N_KEY]> {
    if fs::symlink_metadata(file).is_ok() {
        // Something is there that cannot be read, and that is not ours to replace.
        return read(file);
    }
    let key = fresh().ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let beside = dir.join(format!("task-key.{}", std::process::id()));
    let written = create_private(&beside).and_then(|mut f| f.write_all(&key).and_then(|()| f.sync_all()));
    // Fails if it is there already, and never leaves half of it.
    let linked = written.and_then(|()| fs::hard_link(&beside, file));
    let _ = fs::remove_file(&beside);
    match linked {
        Ok(()) => Ok(key),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => read(file),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edge case 40.
    #[test]
    fn an_id_is_good_for_one_principal_and_says_what_it_was_made_of() {
        let ids = TaskIds::new(None);
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        for own in ["1", "", "786512e2-9e0d-44bd-8f29-789f320fe840", "x~y~z.1", "\u{e4} \"\n"] {
            for n in [0, 1, 77] {
                let exposed = ids.exposed(&a, "srv", own, n).expect("random numbers");
                assert_eq!(ids.open(&a, &exposed), Some(Opened { backend: "srv", own }), "{exposed}");
                for other in [b.clone(), Principal::anonymous(), Principal::own(), a.clone().marked(1)] {
                    assert_eq!(ids.open(&other, &exposed), None, "{exposed} of {other:?}");
                }
                assert_eq!(TaskIds::new(None).open(&a, &exposed), None, "another key");
                assert_eq!(ids.open(&a, &exposed.replacen("srv", "srw", 1)), None);
                assert_eq!(ids.open(&a, &format!("{exposed}0")), None);
            }
        }
        assert_ne!(ids.exposed(&a, "s", "1", 0), ids.exposed(&a, "s", "1", 1));
    }

    #[test]
    fn what_was_never_made_opens_nothing() {
        let ids = TaskIds::new(None);
        let a = Principal::token("a");
        let good = ids.exposed(&a, "s", "1", 0).expect("random numbers");
        let (_, rest) = good.split_once('~').expect("made so");
        let (seal, _) = rest.split_once('~').expect("made so");
        for forged in ["", "1", "s", "s~", "s~~1", "s~1", "~~", "s~AAAAAAAAAAAAAAAA~1", "s~AAAA~1", "s~\u{e4}~1"] {
            assert_eq!(ids.open(&a, forged), None, "{forged}");
        }
        for forged in [
            format!("t~{seal}~1"),
            format!("s~{seal}~2"),
            format!("s~{seal}.1~1"),
            format!("s~{seal}.x~1"),
            format!("s~{}~1", &seal[1..]),
        ] {
            assert_eq!(ids.open(&a, &forged), None, "{forged}");
        }
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(ids.open(&a, &changed), None, "{changed}");
        }
    }

    #[test]
    fn the_key_outlives_the_process_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("a/b/task-key");
        let a = Principal::token("a");
        let exposed = TaskIds::new(Some(file.clone())).exposed(&a, "s", "1", 0).expect("random numbers");
        assert_eq!(TaskIds::new(Some(file.clone())).open(&a, &exposed).map(|o| o.own), Some("1"));
        assert_eq!(
            fs::read_dir(file.parent().expect("a folder")).expect("a folder").count(),
            1,
            "nothing is left beside it"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_left_alone_and_ids_are_good_for_now() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("task-key");
        fs::write(&file, "too short").expect("written");
        let ids = TaskIds::new(Some(file.clone()));
        let a = Principal::token("a");
        let exposed = ids.exposed(&a, "s", "1", 0).expect("random numbers");
        assert!(ids.open(&a, &exposed).is_some());
        assert!(TaskIds::new(Some(file.clone())).open(&a, &exposed).is_none());
        assert_eq!(fs::read(&file).expect("there"), b"too short");
        // Nor is a folder in its place of any harm.
        assert!(TaskIds::new(Some(dir.path().to_owned())).exposed(&a, "s", "1", 0).is_some());
    }
}
