//! Certificate and key of our own door: two PEM files in, what turns an accepted connection into an encrypted one out.
//!
//! The provider is named here, ring, and never taken from the process: nobody else's choice changes what we do. Messages say
//! which file and what is wrong with it, never what stands in it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
pub use tokio_rustls::TlsAcceptor;

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

/// Reads certificate chain and key. Call it again when the configuration was read again: the files are part of it.
///
/// # Errors
/// Which file is not as it should be, and why.
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
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

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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
            let error = acceptor(&cert, &key).err().unwrap();
            let text = format!("{error} {error:?}");
            assert!(!text.contains(&secret[8..]), "{text}");
            let shown = error.to_string().replace(&dir.path().display().to_string(), "DIR");
            let shown = shown.replace(&file("").display().to_string(), "FILES/");
            assert!(shown.starts_with(expected), "{shown}");
        }
    }
}
