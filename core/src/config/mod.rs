//! From a file to a checked [`Config`].
//!
//! [`locate()`] finds the file, [`load()`] reads it into a tree with places, checks all of it and reports every
//! problem in one run as [`Diagnostic`]s; only without an error is there a [`Config`]. [`render`] makes the problems readable.
//! Nothing here starts a server or opens a connection; the only files read are the configuration, the credentials, and those that the
//! configuration names; the only programs run are those it names for a secret, and the keyring's. Values of variables are [`Secret`] or stay inside; no diagnostic holds one.

mod ahead;
mod build;
pub mod change;
pub mod codes;
mod credentials;
mod diagnostic;
pub mod edit;
mod environment;
mod expand;
pub mod fix;
mod keyring;
pub mod keys;
mod load;
mod locate;
pub(crate) mod mask;
mod model;
mod node;
mod origin;
mod outside;
mod overrides;
mod pattern;
mod plan;
pub mod project;
mod quantity;
pub mod render;
mod secret;
mod source;
mod spots;
mod syntax;
mod template;
mod token;
pub mod trust;
mod variables;
pub mod watch;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, CredentialsError, Kept};
pub(crate) use diagnostic::MAX_DIAGNOSTICS;
pub use diagnostic::{Diagnostic, Edit, Fix, Level, NoteKind, Place, Span};
pub use environment::Environment;
pub use expand::is_variable_name;
pub use keyring::{Keyring, KeyringError};
pub(crate) use keys::nearest;
pub use load::{Loaded, load, load_text};
pub(crate) use load::{Placed, Read, read, read_text};
pub use locate::{Located, default_path, locate, state_dir, user_dir};
pub use model::*;
pub(crate) use node::{Entry, Node, Scalar, Value};
pub use origin::{HostName, Origin};
pub use outside::Answers;
pub(crate) use outside::{ask, well_known_dirs};
pub use pattern::matches;
pub(crate) use plan::step as plan_step;
pub use plan::{Plan, ServerChange, Step};
pub use secret::Secret;
pub use source::{FileSeen, MAX_FILE_BYTES, Source, Sources};
pub use template::{FromClientError, TEMPLATE, template_from};
pub use token::{TokenHash, new_token};
pub use variables::REFUSED;
pub use watch::{ConfigWatch, Reload};

/// A name of the code as it is written in files: `PerSession` as `per-session`.
#[must_use]
pub fn kebab_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A variable's value fit to be shown: stars where its name or itself looks like a secret.
#[must_use]
pub fn shown_variable(name: &str, value: &Secret) -> String {
    mask::env_value(name, value.reveal())
}

/// A line fit to be shown: what may be secret in it is stars.
#[must_use]
pub fn masked(line: &str) -> String {
    mask::line(line)
}
