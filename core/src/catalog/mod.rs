//! What we offer: the lists of all servers merged into one immutable [`Catalog`], with names that never clash.

mod capability;
mod cat;
mod fence;
mod fix;
mod item;
mod merge;
mod names;
mod others;
mod pattern;
mod promoted;
mod refresh;
mod scope;
mod view;

pub use cat::{Catalog, Entry, ListBytes, UriRoute, Withheld};
pub use item::{Item, tokens};
pub use merge::{Source, merge, remembered};
pub use names::exposed_prefix;
pub use others::Others;
pub(crate) use pattern::matches;
pub use pattern::rule_for;
pub use promoted::{Promoted, promoted};
pub use refresh::Refresher;
pub use scope::Scope;
pub(crate) use scope::{opens, permits};
pub use view::Views;
