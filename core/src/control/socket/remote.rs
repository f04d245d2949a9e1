//! [`Remote`]: an engine in another process, asked by its socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::super::ask::{Ask, Told};
use super::line::{Asked, Hello, PROTOCOL, Said};
use super::place;

/// The longest line taken from an engine: a call's four frames as the journal keeps them.
const MAX_LINE: u64 = 64 << 20;
/// An engine says who it is at once.
const GREETING: Duration = Duration::from_secs(5);
/// An answer takes no longer, the reading of a configuration that asks other programs included.
const ANSWER: Duration = Duration::from_secs(90);

/// Why an engine cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nobody listens there.
    #[error("nobody listens at `{}`", .0.display())]
    Gone(PathBuf),
    /// The other side is another user's.
    #[error("`{}` belongs to another user", .0.display())]
    Foreign(PathBuf),
    /// It speaks otherwise.
    #[error("process {pid} is mcp-proxy {version}, which speaks another language: end it, or use its own program")]
    Edition {
        /// Its process.
        pid: u32,
        /// Its version.
        version: String,
    },
    /// It ended the talk, and why.
    #[error("{0}")]
    Closed(String),
    /// It does not answer.
    #[error("it does not answer")]
    Silent,
    /// What it says is no line of ours.
    #[error("it says something else: {0}")]
    Garbled(String),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An engine in another process of this user.
#[derive(Debug)]
pub struct Remote {
    hello: Hello,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    line: Vec<u8>,
    n_asked: u64,
    has_changed: bool,
}

impl Remote {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// When nobody is there, or somebody else.
    pub async fn open(path: &Path) -> Result<Self, RemoteError> {
        let stream = UnixStream::connect(path).await.map_err(|e| match e.kind() {
            io::ErrorKind::ConnectionRefused => {
                place::remove(path);
                RemoteError::Gone(path.to_owned())
            }
            io::ErrorKind::NotFound => RemoteError::Gone(path.to_owned()),
            _ => RemoteError::Io(e),
        })?;
        if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
            return Err(RemoteError::Foreign(path.to_owned()));
        }
        let (reader, writer) = stream.into_split();
        let reader = BufReader::new(reader);
        let unknown = Hello {
            protocol: 0,
            version: String::new(),
            pid: 0,
            name: String::new(),
            config: None,
            face: String::new(),
            started: std::time::UNIX_EPOCH,
        };
        let mut remote = Self { hello: unknown, reader, writer, line: Vec::new(), n_asked: 0, has_changed: false };
        match timeout(GREETING, remote.hear()).await.map_err(|_| RemoteError::Silent)?? {
            Said::Hello(hello) if hello.protocol == PROTOCOL => remote.hello = hello,
            Said::Hello(Hello { pid, version, .. }) => return Err(RemoteError::Edition { pid, version }),
            _ => return Err(RemoteError::Garbled("no greeting".to_owned())),
        }
        Ok(remote)
    }

    /// Who it is.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks, and waits for the answer: the same as [`super::super::ProxyHandle::ask`].
    ///
    /// # Errors
    /// When the connection ends first.
    pub async fn ask(&mut self, ask: Ask) -> Result<Told, RemoteError> {
        self.n_asked += 1;
        let id = self.n_asked;
        let mut line = serde_json::to_vec(&Asked { id, ask }).map_err(|e| RemoteError::Garbled(e.to_string()))?;
        line.push(b'\n');
        let answer = async {
            self.writer.write_all(&line).await?;
            loop {
                match self.hear().await? {
                    Said::Told { id: of, told } if of == id => return Ok(told),
                    Said::Changed => self.has_changed = true,
                    Said::Told { .. } | Said::Hello(_) | Said::Closed(_) => {}
                }
            }
        };
        timeout(ANSWER, answer).await.map_err(|_| RemoteError::Silent)?
    }

    /// Waits until something has changed since the last such word; after [`Ask::Subscribe`].
    ///
    /// # Errors
    /// When the connection ends.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn changed(&mut self) -> Result<(), RemoteError> {
        while !self.has_changed {
            if matches!(self.hear().await?, Said::Changed) {
                self.has_changed = true;
            }
        }
        self.has_changed = false;
        Ok(())
    }

    /// The next line. Cancel safe: what was read of it stays.
    async fn hear(&mut self) -> Result<Said, RemoteError> {
        let room = MAX_LINE.saturating_sub(self.line.len() as u64);
        (&mut self.reader).take(room).read_until(b'\n', &mut self.line).await?;
        if self.line.is_empty() {
            return Err(RemoteError::Closed("it has ended".to_owned()));
        }
        let line = std::mem::take(&mut self.line);
        match serde_json::from_slice(&line) {
            Ok(Said::Closed(why)) => Err(RemoteError::Closed(why)),
            Ok(said) => Ok(said),
            // Of another edition, or cut off.
            Err(error) => Err(RemoteError::Garbled(error.to_string())),
        }
    }
}
