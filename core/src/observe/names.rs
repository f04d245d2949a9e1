//! [`Names`]: who calls what of whom, as rows keep it. Mostly a row says the same as one shortly before it, and shares it.

use std::sync::Arc;

use super::method_name::MethodName;

/// What a row says by names.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) client: Arc<str>,
    pub(super) backend: Option<Arc<str>>,
    pub(super) method: MethodName,
    pub(super) target: Option<Arc<str>>,
}

/// What names take of the ring's bytes, besides what they share with others: themselves, and a name or URI of their own.
pub(super) const NAMES_BYTES: usize = size_of::<Names>() + 16 + 48;

/// So many are looked through for the same: clients that call at the same time.
const N_LAST: usize = 4;
/// A URI that is longer is not kept for later rows; it goes with its own.
const MAX_TARGET: usize = 256;

/// The names of the last rows. What is counted for them counts for the row that had them first: there are never more than
/// [`N_LAST`] that are kept by later rows only.
#[derive(Debug, Default)]
pub(super) struct LastNames {
    last: [Option<Arc<Names>>; N_LAST],
    /// The place of the oldest.
    next: usize,
}

impl Names {
    /// Whether they are the same, seen by where they stand in memory; sessions of the same client have its name each for itself.
    #[inline]
    fn is(&self, other: &Self) -> bool {
        let same = |a: &Option<Arc<str>>, b: &Option<Arc<str>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let is_method = match (&self.method, &other.method) {
            (MethodName::Known(a), MethodName::Known(b)) => a == b,
            (MethodName::Other(a), MethodName::Other(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        is_method
            && (Arc::ptr_eq(&self.client, &other.client) || self.client == other.client)
            && same(&self.target, &other.target)
            && same(&self.backend, &other.backend)
    }
}

impl LastNames {
    /// The names to be kept, and what they take of the ring's bytes.
    #[inline]
    pub(super) fn keep(&mut self, names: Names) -> (Arc<Names>, usize) {
        match self.last.iter().flatten().find(|last| last.is(&names)) {
            Some(last) => (last.clone(), 0),
            None => self.keep_new(names),
        }
    }

    #[inline(never)]
    fn keep_new(&mut self, names: Names) -> (Arc<Names>, usize) {
        let names = Arc::new(names);
        if names.target.as_ref().is_some_and(|target| target.len() > MAX_TARGET) {
            return (names, NAMES_BYTES);
        }
        self.last[self.next] = Some(names.clone());
        self.next = (self.next + 1) % N_LAST;
        (names, NAMES_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Method;

    #[test]
    fn the_same_names_are_kept_once() {
        let mut last = LastNames::default();
        let all: Vec<Arc<str>> = ["a", "b", "a"].map(Into::into).into();
        let names = |client: usize, backend: Option<usize>, target: Option<usize>, method| Names {
            client: all[client].clone(),
            backend: backend.map(|at| all[at].clone()),
            method,
            target: target.map(|at| all[at].clone()),
        };
        let known = MethodName::Known(Method::ToolsCall);
        let other = MethodName::Other(all[0].clone());
        let first = last.keep(names(0, Some(1), None, known.clone()));
        assert_eq!(first.1, NAMES_BYTES);
        let again = last.keep(names(0, Some(1), None, known.clone()));
        assert!(Arc::ptr_eq(&first.0, &again.0) && again.1 == 0);
        assert_eq!(last.keep(names(2, Some(1), None, known.clone())).1, 0, "another session of it");
        for different in [
            names(1, Some(1), None, known.clone()),
            names(0, None, None, known.clone()),
            names(0, Some(1), Some(1), known.clone()),
            names(0, Some(1), None, other.clone()),
        ] {
            let (kept, n_bytes) = last.keep(different);
            assert!(!Arc::ptr_eq(&first.0, &kept) && n_bytes == NAMES_BYTES, "{kept:?}");
        }
        assert_eq!(last.keep(names(0, Some(1), None, other)).1, 0);
        assert_eq!(last.keep(names(0, Some(1), None, known)).1, NAMES_BYTES, "out of mind by now");
        let kept = last.keep(Names {
            client: all[0].clone(),
            backend: None,
            method: MethodName::Known(Method::ResourcesRead),
            target: Some("x".repeat(MAX_TARGET + 1).into()),
        });
        assert_eq!(Arc::strong_count(&kept.0), 1, "for its own row only");
    }
}
