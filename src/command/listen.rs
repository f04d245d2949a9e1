//! The port that clients come by: where it is, and why it cannot be had.

use mcp_proxy_core::config::Config;
use mcp_proxy_core::proxy::Listener;

use crate::cli::Serve;
use crate::report::Failure;

/// Where clients come by HTTP.
#[derive(Clone, Debug)]
pub(super) struct Place {
    host: String,
    port: u16,
    path: String,
}

/// A bound port, and the path of the endpoint.
pub(super) struct Bound {
    pub(super) listener: Listener,
    pub(super) path: String,
}

impl Place {
    /// As the configuration says.
    pub(super) fn of(config: &Config) -> Self {
        Self { host: config.host.clone(), port: config.port, path: config.path.clone() }
    }

    /// As the command line says, where it says something.
    pub(super) fn or_as_typed(self, args: &Serve) -> Result<Self, Failure> {
        let path = args.path.clone().unwrap_or(self.path);
        if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || "?#".contains(c)) {
            return Err(
                Failure::usage(format!("`--path` must begin with `/`, got `{path}`")).hint("as in `--path /mcp`")
            );
        }
        Ok(Self { host: args.host.clone().unwrap_or(self.host), port: args.port.unwrap_or(self.port), path })
    }

    /// Takes the port, and logs where it is.
    pub(super) async fn bind(self) -> Result<Bound, Failure> {
        let Self { host, port, path } = self;
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
        let listener = Listener::bind(&host, port).await.map_err(failed)?;
        let address = listener.address().map_err(failed)?;
        let scheme = if listener.is_tls() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}{path}");
        Ok(Bound { listener, path })
    }
}
