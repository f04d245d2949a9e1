//! Certificate and key of our own door: two PEM files in, what turns an accepted connection into an encrypted one out. A renewed
//! certificate counts from the next connection on.
//!
//! The provider is named here, ring, and never taken from the process: nobody else's choice changes what we do. Messages say
//! which file and what is wrong with it, never what stands in it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A chain of certificates has a few kilobytes.
const MAX_PEM_BYTES: u64 = 1 << 20;
/// What is spoken inside: the front knows HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// Why there is no encrypted door.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no PEM file, or is damaged.
    #[error("`{}` is not in PEM form, or is damaged", path.display())]
    NotPem {
        /// Which one.
        path: PathBuf,
    },
    /// There is no certificate where it should be.
    #[error("`{}` has no certificate (`-----BEGIN CERTIFICATE-----`)", path.display())]
    NoCertificate {
        /// Which one.
        path: PathBuf,
    },
    /// There is no private key where it should be.
    #[error("`{}` has no private key (`-----BEGIN PRIVATE KEY-----`)", path.display())]
    NoKey {
        /// Which one.
        path: PathBuf,
    },
    /// Nobody is there to type a password.
    #[error("the private key in `{}` has a password: write it without one (`openssl pkey -in … -out …`)", path.display())]
    KeyLocked {
        /// Which one.
        path: PathBuf,
    },
    /// They do not go together, or are of a kind that is not known.
    #[error("the certificate in `{}` and the key in `{}` cannot be used together", cert.display(), key.display())]
    Unusable {
        /// Certificate.
        cert: PathBuf,
        /// Key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Certificate and key, as their files are at the moment.
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    now: Mutex<Now>,
}

struct Now {
    acceptor: TlsAcceptor,
    /// The files it was made of, or could not be made of.
    stamps: [Option<Stamp>; 2],
    looked: Instant,
}

/// What changes when a file does, also when another one is put in its place.
type Stamp = (SystemTime, u64, u64);

impl Certificate {
    /// Reads certificate chain and key.
    ///
    /// # Errors
    /// Which file is not as it should be, and why.
    pub fn open(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        // Before they are read: a change meanwhile is seen at the next look.
        let stamps = [cert, key].map(stamp);
        let now = Now { acceptor: acceptor(cert, key)?, stamps, looked: Instant::now() };
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), now: Mutex::new(now) })
    }

    /// What encrypts a connection that was accepted at `at`. Files that cannot be used leave what was before in force.
    pub(super) fn acceptor(&self, at: Instant) -> TlsAcceptor {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_duration_since(now.looked) >= LOOK {
            now.looked = at;
            self.look(&mut now);
        }
        now.acceptor.clone()
    }

    fn look(&self, now: &mut Now) {
        let stamps = [&self.cert, &self.key].map(|path| stamp(path));
        if stamps == now.stamps {
            return;
        }
        now.stamps = stamps;
        match acceptor(&self.cert, &self.key) {
            Ok(acceptor) => {
                now.acceptor = acceptor;
                tracing::info!("the certificate was read again, new connections get it");
            }
            // Renewed one file after the other, they do not belong together for a moment.
            Err(error) => tracing::warn!("the certificate stays as it was: {error}"),
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("cert", &self.cert).finish_non_exhaustive()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&found);
    #[cfg(not(unix))]
    let number = 0;
    Some((found.modified().ok()?, found.len(), number))
}

/// Reads certificate chain and key.
fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let unusable = |source| TlsError::Unusable { cert: cert.to_owned(), key: key.to_owned(), source };
    let chain = certificates(cert)?;
    let private = private_key(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(chain) => Ok(chain),
        Err(_) => Err(TlsError::NotPem { path: path.to_owned() }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    const LOCKED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];
    let text = read(path)?;
    let path = path.to_owned();
    if LOCKED.iter().any(|mark| memchr::memmem::find(&text, mark.as_bytes()).is_some()) {
        return Err(TlsError::KeyLocked { path });
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey { path }),
        Err(_) => Err(TlsError::NotPem { path }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let mut text = Vec::new();
    let n = File::open(path).and_then(|f| f.take(MAX_PEM_BYTES + 1).read_to_end(&mut text)).map_err(failed)?;
    if n as u64 > MAX_PEM_BYTES {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport/tls_tests").join(name)
    }

    #[tokio::test]
    async fn what_is_said_inside_arrives() {
        let acceptor = acceptor(&file("cert.pem"), &file("key.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificates(&file("cert.pem")).unwrap().remove(0)).unwrap();
        let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec(), PROTOCOL.to_vec()];
        let (here, there) = tokio::io::duplex(4096);
        let connector = TlsConnector::from(Arc::new(client));
        let (server, client) =
            tokio::join!(acceptor.accept(here), connector.connect("localhost".try_into().unwrap(), there));
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(PROTOCOL));
        client.write_all(b"hello").await.unwrap();
        client.flush().await.unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }

    /// The certificate that whoever connects at `at` is shown, as it stands in its file.
    async fn shown(door: &Certificate, at: Instant) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        for name in ["cert.pem", "renewed_cert.pem"] {
            roots.add(certificates(&file(name)).unwrap().remove(0)).unwrap();
        }
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (here, there) = tokio::io::duplex(4096);
        let connector = TlsConnector::from(Arc::new(client));
        let acceptor = door.acceptor(at);
        let (server, client) =
            tokio::join!(acceptor.accept(here), connector.connect("localhost".try_into().unwrap(), there));
        server.unwrap();
        client.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }

    #[tokio::test]
    async fn a_renewed_certificate_counts_when_both_files_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        let put = |from: &str, to: &Path| {
            // As tools that renew do it: another file in its place.
            let new = dir.path().join("new");
            std::fs::copy(file(from), &new).unwrap();
            std::fs::rename(&new, to).unwrap();
        };
        put("cert.pem", &cert);
        put("key.pem", &key);
        let door = Certificate::open(&cert, &key).unwrap();
        let [old, new] = ["cert.pem", "renewed_cert.pem"].map(|name| certificates(&file(name)).unwrap().remove(0));
        let mut at = Instant::now();
        let mut later = || {
            at += LOOK;
            at
        };
        assert_eq!(shown(&door, later()).await, old);
        put("renewed_cert.pem", &cert);
        assert_eq!(shown(&door, later()).await, old, "the key is not its own yet");
        put("renewed_key.pem", &key);
        assert_eq!(shown(&door, later()).await, new);
        std::fs::remove_file(&cert).unwrap();
        assert_eq!(shown(&door, later()).await, new, "what cannot be read changes nothing");
        put("cert.pem", &cert);
        put("key.pem", &key);
        let now = later();
        assert_eq!(shown(&door, now).await, old);
        put("renewed_cert.pem", &cert);
        put("renewed_key.pem", &key);
        assert_eq!(shown(&door, now + LOOK / 2).await, old, "it does not look with every connection");
        assert!(!format!("{door:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file_and_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let key = std::fs::read_to_string(file("key.pem")).unwrap();
        let secret = key.lines().nth(1).unwrap();
        let damaged = write("damaged.pem", &key.replace(&secret[..8], "!!!!!!!!"));
        let cut = write("cut.pem", &key[..key.len() - 30]);
        let empty = write("empty.pem", "");
        let long = write("long.pem", &"x".repeat((1 << 20) + 1));
        let (cert, key) = (file("cert.pem"), file("key.pem"));
        for (cert, key, expected) in [
            (dir.path().join("none"), key.clone(), "cannot read `DIR/none`"),
            (cert.clone(), dir.path().join("none"), "cannot read `DIR/none`"),
            (dir.path().to_owned(), key.clone(), "cannot read `DIR`"),
            (long, key.clone(), "cannot read `DIR/long.pem`"),
            (empty.clone(), key.clone(), "`DIR/empty.pem` has no certificate"),
            (key.clone(), key, "`FILES/key.pem` has no certificate"),
            (cert.clone(), empty, "`DIR/empty.pem` has no private key"),
            (cert.clone(), cert.clone(), "`FILES/cert.pem` has no private key"),
            (cert.clone(), damaged, "`DIR/damaged.pem` is not in PEM form"),
            (cert.clone(), cut, "`DIR/cut.pem` is not in PEM form"),
            (cert.clone(), file("locked.pem"), "the private key in `FILES/locked.pem` has a password"),
            (cert, file("other.pem"), "the certificate in `FILES/cert.pem` and the key in `FILES/other.pem`"),
        ] {
            let error = Certificate::open(&cert, &key).err().unwrap();
            let text = format!("{error} {error:?}");
            assert!(!text.contains(&secret[8..]), "{text}");
            let shown = error.to_string().replace(&dir.path().display().to_string(), "DIR");
            let shown = shown.replace(&file("").display().to_string(), "FILES/");
            assert!(shown.starts_with(expected), "{shown}");
        }
    }
}
