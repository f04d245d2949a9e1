//! The port that clients come by: where it is, and why it cannot be had.

use std::error::Error as _;

use mcp_proxy_core::config::{Config, TlsFiles};
use mcp_proxy_core::proxy::Listener;
use mcp_proxy_core::transport::Certificate;

use crate::report::Failure;

/// Where clients come by HTTP.
#[derive(Clone, Debug)]
pub(super) struct Place {
    host: String,
    port: u16,
    /// It was typed: the configuration does not move it.
    is_port_fixed: bool,
    path: String,
    tls: Option<TlsFiles>,
}

/// A bound port.
pub(super) struct Bound {
    pub(super) listener: Listener,
    pub(super) is_port_fixed: bool,
}

impl Place {
    /// As the configuration says.
    pub(super) fn of(config: &Config) -> Self {
        let Config { host, port, path, tls, .. } = config;
        Self { host: host.clone(), port: *port, is_port_fixed: false, path: path.clone(), tls: tls.clone() }
    }

    /// At another port, which may be 0 here: the system chooses.
    pub(super) fn at(self, port: Option<u16>) -> Self {
        Self { port: port.unwrap_or(self.port), is_port_fixed: port.is_some(), ..self }
    }

    /// Takes the port, and logs where it is.
    pub(super) async fn bind(self) -> Result<Bound, Failure> {
        let Self { host, port, is_port_fixed, path, tls } = self;
        let shown = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let failed = |error: std::io::Error| {
            let hint = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another process listens there: end it, or choose another port (`proxy.port`, `--port`)"
                }
                std::io::ErrorKind::AddrNotAvailable => "this machine has no such address (`proxy.host`, `--host`)",
                std::io::ErrorKind::PermissionDenied => {
                    "ports below 1024 need rights: choose another (`proxy.port`, `--port`)"
                }
                _ => "see `proxy.host` and `proxy.port`",
            };
            Failure::failed(format!("cannot listen on {shown}")).because(error).hint(hint)
        };
        let certificate = tls.map(|files| tls_of(&files)).transpose()?;
        let mut listener = Listener::bind(&host, port).await.map_err(failed)?;
        if let Some(certificate) = certificate {
            listener = listener.with_tls(certificate);
        }
        let address = listener.address().map_err(failed)?;
        let scheme = if listener.is_tls() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}{path}");
        Ok(Bound { listener, is_port_fixed })
    }
}

/// The certificate of our door.
fn tls_of(files: &TlsFiles) -> Result<Certificate, Failure> {
    Certificate::open(&files.cert, &files.key).map_err(|error| {
        let why = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        Failure::usage("`proxy.tls` cannot be used")
            .because(format!("{error}{why}"))
            .hint("`cert` and `key` must be PEM files that belong together, the certificate's chain after it")
    })
}
