//! Whom we trust over TLS: what the system trusts, and a configured authority beside it. Made only for `https` servers.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// Reads the certificates of a PEM file.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|e| format!("cannot read `tls.ca_file` {shown}: {e}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|e| format!("`tls.ca_file` {shown} is no PEM file: {e}"))?;
    if certificates.is_empty() {
        return Err(format!("`tls.ca_file` {shown} holds no certificate"));
    }
    Ok(certificates)
}

/// What connections are made with. `authorities`: `None` for clients that never speak TLS.
pub(super) fn config(authorities: Option<Vec<CertificateDer<'static>>>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?;
    let mut config = match authorities {
        None => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        Some(extra) => {
            let verifier = Verifier::new_with_extra_roots(extra, provider)
                .map_err(|e| format!("the certificates this system trusts cannot be loaded: {e}"))?;
            // Not dangerous: it is the system's own verifier.
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("ca.pem");
        assert!(read_authorities(&path).expect_err("missing").contains("cannot read `tls.ca_file`"));
        std::fs::write(&path, "nothing in it").expect("writes");
        assert!(read_authorities(&path).expect_err("empty").contains("holds no certificate"));
    }

    #[test]
    fn without_tls_no_authorities_are_loaded() {
        assert!(config(None).is_ok());
    }
}
