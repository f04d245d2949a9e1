//! The other programs that use MCP servers: where their files are, what is in them, and how our entry gets in and out. Client
//! files are changed in one place, [`journal::Operation::change`], and put back from there.

pub mod beside;
pub mod client;
pub mod doctor;
pub mod doubles;
pub mod entry;
pub mod foreign;
pub mod journal;
pub mod merge;
pub mod place;
mod reference;
pub mod table;

use mcp_proxy_core::config::Environment;
use mcp_proxy_core::config::edit::replace::{ReplaceError, Seen};
use mcp_proxy_core::config::edit::{Document, EditError};

use place::System;
use table::{CLIENTS, Client};

/// The file of a client, as it is now.
#[derive(Debug)]
pub struct ClientFile {
    /// Its bytes, and where they are.
    pub seen: Seen,
    /// What they say.
    pub document: Document,
}

/// Why a client's file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ClientFileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReplaceError),
    /// It cannot be understood: the client cannot either.
    #[error("`{}`:{source}", path.display())]
    Parse {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: EditError,
    },
    /// It has none on this system.
    #[error("its file is not known on this system")]
    NoPlace,
}

/// Reads the file of a client; one that is not there is empty.
///
/// # Errors
/// When it cannot be read or understood.
pub fn open(client: &Client, system: System, environment: &Environment) -> Result<ClientFile, ClientFileError> {
    let path = place::file_of(client, system, environment).ok_or(ClientFileError::NoPlace)?;
    let seen = Seen::read(&path)?;
    let document = Document::parse(seen.bytes.as_deref().unwrap_or_default(), client.form.syntax)
        .map_err(|source| ClientFileError::Parse { path, source })?;
    Ok(ClientFile { seen, document })
}

/// The client that is called so.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|c| c.id.eq_ignore_ascii_case(id) || c.title.eq_ignore_ascii_case(id))
}

/// Those that are on this machine.
pub fn here(system: System, environment: &Environment) -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().filter(move |c| place::is_here(c, system, environment))
}
