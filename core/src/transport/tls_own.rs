//! A question to our own door, for health checks: the certificate it shows must be the very one in our file, whoever signed it and
//! whatever name it is for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use super::tls::{TlsError, certificates};

/// `stream`, encrypted, to whoever has the certificate that is first in the file `cert`. The talk begins with the first byte.
///
/// # Errors
/// When the file has no certificate, or no connection can be set up with it.
pub fn to_own_door(stream: TcpStream, cert: &Path) -> Result<impl Read + Write, TlsError> {
    let unusable = |source| TlsError::Unusable { cert: cert.to_owned(), key: cert.to_owned(), source };
    let own = certificates(cert)?.remove(0);
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        // Not dangerous: it asks for more than a signature.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Only { own, provider }))
        .with_no_client_auth();
    // The name says nothing here.
    let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let connection = ClientConnection::new(Arc::new(config), name).map_err(unusable)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Trusts one certificate.
#[derive(Debug)]
struct Only {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.own {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
