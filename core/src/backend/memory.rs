//! What is remembered of servers between runs: the era they speak and what they offered last.
//!
//! One file a server and client profile under the cache folder. A file that cannot be read is as good as none; writing
//! happens off the message path and its failure costs only the next start some time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::offer::{ItemKind, Offer};
use super::tenant::Profile;
use crate::config::edit::replace::create_private;
use crate::config::{Server, Target};
use crate::protocol::{Era, Revision};

/// Written into each file; another number is not read.
const FORMAT: u32 = 1;
/// A cache file over this many bytes is not read.
const MAX_BYTES: u64 = 32 << 20;

/// How a server can be opened, as far as it has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Eras {
    /// It answered `initialize` (true) or refused it (false).
    pub(super) legacy: Option<bool>,
    /// It answered `server/discover` (true) or refused it (false).
    pub(super) modern: Option<bool>,
    /// It died or fell silent on `server/discover`: never probe it again.
    #[serde(default)]
    pub(super) probe_harms: bool,
}

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Memory {
    dir: Option<PathBuf>,
    /// Writes are numbered when they are asked for: threads may come in another order.
    n_asked: Arc<AtomicU64>,
    /// Of these so many have been seen to.
    n_done: Arc<watch::Sender<u64>>,
    /// The newest written, by file; held by the threads that write, never on the message path.
    written: Arc<Mutex<HashMap<PathBuf, u64>>>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    format: u32,
    eras: Eras,
    #[serde(borrow)]
    offer: Option<StoredOffer<'a>>,
    /// What everybody saw when this was for some clients only.
    #[serde(default)]
    beside: Option<String>,
}

/// A file as it was read.
#[derive(Debug, Default)]
struct Remembered {
    eras: Eras,
    offer: Option<Offer>,
    beside: Option<String>,
}

#[derive(Deserialize)]
struct StoredOffer<'a> {
    revision: String,
    #[serde(borrow)]
    capabilities: &'a RawValue,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    instructions: Option<String>,
    #[serde(borrow)]
    items: BTreeMap<String, Vec<&'a RawValue>>,
}

impl Memory {
    /// Remembers in `dir`; `None` remembers nothing.
    #[must_use]
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, n_asked: Arc::default(), n_done: Arc::default(), written: Arc::default() }
    }

    /// The folder of the user: `$XDG_CACHE_HOME/mcp-proxy` or what the system has for it.
    #[must_use]
    pub fn user() -> Self {
        Self::new(dirs::cache_dir().map(|d| d.join("mcp-proxy").join("servers")))
    }

    /// Where what `server` offers to clients of `profile` is kept.
    fn path(&self, server: &Server, profile: &str) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{}-{}.json", server.name, Self::mark(server, profile))))
    }

    /// What decides what a server offers: how it is started, not what its secrets are.
    fn mark(server: &Server, profile: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &[u8]| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(profile.as_bytes());
        match &server.target {
            Target::Stdio { command, args, cwd, env } => {
                add(command.as_bytes());
                args.iter().for_each(|a| add(a.reveal().as_bytes()));
                add(cwd.as_deref().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
                env.keys().for_each(|k| add(k.as_bytes()));
            }
            Target::Http { url, headers, .. } => {
                add(url.reveal().as_bytes());
                headers.keys().for_each(|k| add(k.as_bytes()));
            }
        }
        hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
    }

    /// What is remembered of `server` for clients of `profile`.
    pub(super) fn load(&self, server: &Server, profile: &str) -> (Eras, Option<Offer>) {
        let Remembered { eras, offer, .. } = self.read(server, profile).unwrap_or_default();
        (eras, offer)
    }

    /// What `server` listed last for clients of `profile` only, and whether everybody saw then what they see now.
    pub(super) fn load_apart(&self, server: &Server, profile: Profile, everybody: &Offer) -> (Option<Offer>, bool) {
        let Remembered { offer, beside, .. } = self.read(server, &profile.key()).unwrap_or_default();
        let holds = offer.is_some() && beside.is_some_and(|mark| mark == everybody.mark());
        (offer, holds)
    }

    fn read(&self, server: &Server, profile: &str) -> Option<Remembered> {
        let path = self.path(server, profile)?;
        let meta = std::fs::metadata(&path).ok()?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return None;
        }
        let bytes = std::fs::read(&path).map(Bytes::from).ok()?;
        let stored = serde_json::from_slice::<Stored<'_>>(&bytes).ok()?;
        if stored.format != FORMAT {
            return None;
        }
        let slice = |raw: &RawValue| bytes.slice_ref(raw.get().as_bytes());
        let offer = stored.offer.filter(|_| server.cache_lists).and_then(|o| {
            Some(Offer {
                revision: Revision::from_date(&o.revision)?,
                capabilities: slice(o.capabilities),
                info: o.info.map(slice),
                instructions: o.instructions,
                items: ItemKind::ALL
                    .map(|kind| o.items.get(kind.key()).into_iter().flatten().map(|r| slice(r)).collect()),
            })
        });
        Some(Remembered { eras: stored.eras, offer, beside: stored.beside })
    }

    /// All there is, by one look at the folder.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        let files = self.dir.as_ref().and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
        let mut marks: HashMap<String, HashSet<String>> = HashMap::new();
        for file in files {
            let file = file.file_name();
            let parts = file.to_str().and_then(|f| f.strip_suffix(".json")?.rsplit_once('-'));
            if let Some((name, mark)) = parts {
                marks.entry(name.to_owned()).or_default().insert(mark.to_owned());
            }
        }
        Kept { memory: self, marks }
    }

    /// Remembers tools of a server at once, for tests of whoever only looks.
    #[cfg(test)]
    pub(crate) fn keep_for_test(&self, server: &Server, tools: Vec<Bytes>) {
        let offer = Offer {
            revision: Revision::V2025_11_25,
            capabilities: Bytes::from_static(br#"{"tools":{}}"#),
            info: None,
            instructions: None,
            items: [tools, vec![], vec![], vec![]],
        };
        let path = self.path(server, "Legacy---").expect("a folder was given");
        write(&path, &render(Eras::default(), Some(&offer), None)).expect("written");
    }

    /// Remembers; returns at once, a thread of the runtime writes.
    pub(super) fn save(&self, server: &Server, profile: &str, eras: Eras, offer: Option<&Offer>) {
        self.keep(server, profile, render(eras, offer.filter(|_| server.cache_lists), None));
    }

    /// Remembers what `server` lists for clients of `profile` only, while it lists `everybody` for all others.
    pub(super) fn save_apart(
        &self,
        server: &Server,
        profile: Profile,
        eras: Eras,
        offer: &Offer,
        everybody: Option<&Offer>,
    ) {
        if server.cache_lists && self.dir.is_some() {
            let beside = everybody.map(Offer::mark);
            self.keep(server, &profile.key(), render(eras, Some(offer), beside.as_deref()));
        }
    }

    fn keep(&self, server: &Server, profile: &str, text: Vec<u8>) {
        let Some(path) = self.path(server, profile) else { return };
        let memory = self.clone();
        let number = memory.ask();
        drop(tokio::task::spawn_blocking(move || {
            memory.write(&path, number, &text);
            memory.n_done.send_modify(|n| *n += 1);
        }));
    }

    /// Everything that was asked for has been written, or could not be.
    pub(crate) async fn settled(&self) {
        let n_asked = self.n_asked.load(Ordering::Relaxed);
        // It is told for as long as there is one of us.
        let _ = self.n_done.subscribe().wait_for(|n| *n >= n_asked).await;
    }

    fn ask(&self) -> u64 {
        self.n_asked.fetch_add(1, Ordering::Relaxed)
    }

    /// One at a time, and never an older one over a newer.
    fn write(&self, path: &Path, number: u64, bytes: &[u8]) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = written.entry(path.to_owned()).or_default();
        if *newest > number {
            return;
        }
        *newest = number;
        if let Err(error) = write(path, bytes) {
            tracing::debug!(path = %path.display(), %error, "could not remember what a server offers");
        }
    }
}

/// What is remembered of all servers, for whoever asks after many: see [`Memory::kept`].
#[derive(Debug)]
pub struct Kept<'m> {
    memory: &'m Memory,
    /// By server, what tells its files apart.
    marks: HashMap<String, HashSet<String>>,
}

impl Kept<'_> {
    /// What `server` offered last, whatever kind of client asked. Of a server that is not known no file is looked for.
    #[must_use]
    pub fn offer(&self, server: &Server) -> Option<Offer> {
        let there = self.marks.get(&*server.name)?;
        let marks = |i: usize, name: &'static str| if i > 0 { name } else { "-" };
        let kinds = (0..16).map(|i| {
            let era = if i & 8 == 0 { Era::Legacy } else { Era::Modern };
            format!("{era:?}{}{}{}", marks(i & 4, "e"), marks(i & 2, "s"), marks(i & 1, "r"))
        });
        let kinds = kinds.chain(Profile::all().map(Profile::key));
        let mut kinds: Vec<String> = kinds.filter(|kind| there.contains(&Memory::mark(server, kind))).collect();
        if kinds.len() > 1 {
            let path = |kind: &String| self.memory.path(server, kind);
            kinds.sort_by_cached_key(|kind| path(kind).and_then(|p| std::fs::metadata(p).ok()?.modified().ok()));
        }
        kinds.iter().rev().find_map(|kind| self.memory.load(server, kind).1)
    }
}

fn render(eras: Eras, offer: Option<&Offer>, beside: Option<&str>) -> Vec<u8> {
    let n_bytes = offer.map_or(0, |o| o.items.iter().flatten().map(|i| i.len() + 1).sum());
    // In one go: all servers of a first start are remembered at about the same time.
    let mut text = Vec::with_capacity(n_bytes + 1024);
    text.extend_from_slice(format!(r#"{{"format":{FORMAT},"eras":{}"#, serde_json::json!(eras)).as_bytes());
    if let Some(beside) = beside {
        text.extend_from_slice(format!(r#","beside":"{beside}""#).as_bytes());
    }
    if let Some(offer) = offer {
        text.extend_from_slice(format!(r#","offer":{{"revision":"{}","capabilities":"#, offer.revision).as_bytes());
        text.extend_from_slice(&offer.capabilities);
        text.extend_from_slice(br#","info":"#);
        text.extend_from_slice(offer.info.as_deref().unwrap_or(b"null"));
        let instructions = serde_json::json!(offer.instructions);
        text.extend_from_slice(format!(r#","instructions":{instructions},"items":{{"#).as_bytes());
        for (i, kind) in ItemKind::ALL.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            text.extend_from_slice(format!(r#"{comma}"{}":["#, kind.key()).as_bytes());
            for (n, item) in offer.items[i].iter().enumerate() {
                if n > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(item);
            }
            text.push(b']');
        }
        text.extend_from_slice(b"}}");
    }
    text.extend_from_slice(b"}\n");
    text
}

/// Writes through a temporary file, so that a reader never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(dir) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(dir)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    create_private(&temporary)?.write_all(bytes)?;
    std::fs::rename(&temporary, path)
}

/// Whether this era is worth trying, as far as is known.
pub(super) const fn may_speak(eras: Eras, era: Era) -> bool {
    match era {
        Era::Legacy => !matches!(eras.legacy, Some(false)),
        Era::Modern => !matches!(eras.modern, Some(false)) && !eras.probe_harms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer {
            revision: Revision::V2025_11_25,
            capabilities: Bytes::from_static(br#"{"tools":{}}"#),
            info: Some(Bytes::from_static(br#"{"name":"x"}"#)),
            instructions: Some("say \"please\"".into()),
            items: [vec![Bytes::from_static(br#"{"name":"a",  "n":1e3}"#)], vec![], vec![], vec![]],
        }
    }

    #[test]
    fn what_is_written_is_read_byte_for_byte() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let memory = Memory::new(Some(dir.path().join("a/b")));
        let server = Server::stdio("s", "cmd", &["x"]);
        let eras = Eras { legacy: Some(true), modern: None, probe_harms: true };
        assert_eq!(memory.load(&server, "p"), (Eras::default(), None));
        let path = memory.path(&server, "p").expect("a folder was given");
        write(&path, &render(eras, Some(&offer()), None)).expect("writes");
        assert_eq!(memory.load(&server, "p"), (eras, Some(offer())));
        assert_eq!(memory.load(&server, "another profile").1, None);
        assert_eq!(memory.load(&Server::stdio("s", "cmd", &["y"]), "p").1, None, "other arguments, another server");
    }

    #[test]
    fn what_was_offered_last_is_found_whoever_asked() {
        use crate::backend::ClientFacts;
        let dir = tempfile::tempdir().expect("temporary folder");
        let memory = Memory::new(Some(dir.path().to_owned()));
        let server = Server::stdio("s", "cmd", &[]);
        assert_eq!(memory.kept().offer(&server), None);
        let capabilities = Bytes::from_static(br#"{"roots":{},"sampling":{}}"#);
        let info = Bytes::from_static(b"{}");
        let facts = ClientFacts {
            revision: Revision::V2025_11_25,
            name: "t".into(),
            info,
            capabilities,
            level: None,
            carried: Default::default(),
        };
        let path = memory.path(&server, &facts.profile()).expect("a folder was given");
        write(&path, &render(Eras::default(), Some(&offer()), None)).expect("writes");
        assert_eq!(memory.kept().offer(&server), Some(offer()));
        // A later one counts, whatever kind of client it was for.
        let newer = Offer { instructions: Some("newer".into()), ..offer() };
        let other = memory.path(&server, "Modern---").expect("a folder was given");
        write(&other, &render(Eras::default(), Some(&newer), None)).expect("writes");
        let later =
            std::fs::metadata(&path).and_then(|m| m.modified()).expect("there") + std::time::Duration::from_secs(9);
        std::fs::File::options().append(true).open(&other).and_then(|f| f.set_modified(later)).expect("set");
        assert_eq!(memory.kept().offer(&server), Some(newer));
    }

    #[test]
    fn an_older_write_that_comes_late_is_left_out() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let memory = Memory::new(Some(dir.path().to_owned()));
        let path = dir.path().join("x.json");
        let (old, new) = (memory.ask(), memory.ask());
        memory.write(&path, new, b"new");
        memory.write(&path, old, b"old");
        assert_eq!(std::fs::read(&path).expect("written"), b"new");
    }

    #[tokio::test]
    async fn what_was_asked_for_is_there_once_it_has_settled() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let memory = Memory::new(Some(dir.path().to_owned()));
        let server = Server::stdio("s", "cmd", &[]);
        for legacy in [true, false] {
            let eras = Eras { legacy: Some(legacy), ..Eras::default() };
            memory.save(&server, "p", eras, None);
            memory.settled().await;
            assert_eq!(memory.load(&server, "p").0, eras);
        }
    }

    #[test]
    fn a_broken_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let memory = Memory::new(Some(dir.path().to_owned()));
        let server = Server::stdio("s", "cmd", &[]);
        let path = memory.path(&server, "p").expect("a folder was given");
        for text in ["", "{", "[]", r#"{"format":99,"eras":{}}"#] {
            write(&path, text.as_bytes()).expect("writes");
            assert_eq!(memory.load(&server, "p"), (Eras::default(), None), "{text}");
        }
    }
}
