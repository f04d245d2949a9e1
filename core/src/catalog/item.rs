//! One thing we offer.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::ItemKind;
use crate::protocol::Era;

/// Bytes of JSON that are about one token of a model's context: 3.6 to 4.4 with the usual tokenizers on lists of tools.
const BYTES_A_TOKEN: usize = 4;

/// About how many tokens of a model's context so many bytes of JSON take.
#[must_use]
pub const fn tokens(n_bytes: usize) -> usize {
    n_bytes.div_ceil(BYTES_A_TOKEN)
}

/// One thing we offer. Its bytes are parts of the rendered list.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its server.
    pub backend: Arc<str>,
    /// The server's own name, URI or URI template.
    pub own: Arc<str>,
    /// The same as clients see it.
    pub exposed: Arc<str>,
    /// Its JSON for clients of the legacy era.
    pub legacy: Bytes,
    /// Its JSON for clients of the modern era, where that differs.
    pub modern: Option<Bytes>,
}

impl Item {
    /// Its JSON for clients of `era`.
    #[must_use]
    pub fn json(&self, era: Era) -> &Bytes {
        match (era, &self.modern) {
            (Era::Modern, Some(modern)) => modern,
            _ => &self.legacy,
        }
    }
}
