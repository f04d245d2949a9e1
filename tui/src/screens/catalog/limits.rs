//! What clients can take, and which of them an item is too much for.

use mcp_proxy_core::control::{CatalogItem, ItemKind};

/// What one client can take. Whoever starts the terminal knows the clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLimit {
    /// What people call it.
    pub client: String,
    /// Tools in all, and what happens to more of them.
    pub tools: Option<(usize, String)>,
    /// Characters of a name, what the client puts before it, and what happens to a longer one.
    pub name: Option<(usize, String, String)>,
}

/// Clients for which the name of this item is too long, each in a sentence.
pub(crate) fn of_name(limits: &[ClientLimit], item: &CatalogItem) -> Vec<String> {
    if item.kind != ItemKind::Tool {
        return Vec::new();
    }
    let broken = |limit: &ClientLimit| {
        let (most, before, then) = limit.name.as_ref()?;
        let n = before.chars().count() + item.exposed.chars().count();
        let with = if before.is_empty() { String::new() } else { format!(" with `{before}`") };
        (n > *most).then(|| format!("{}: {n} characters{with}, it takes {most} and {then}", limit.client))
    };
    limits.iter().filter_map(broken).collect()
}

/// Clients for which so many tools are too many, with how many they take.
pub(crate) fn of_number(limits: &[ClientLimit], n_tools: usize) -> Vec<String> {
    let most = |l: &ClientLimit| l.tools.as_ref().map(|(most, _)| *most);
    let broken = limits.iter().filter_map(|l| most(l).filter(|m| n_tools > *m).map(|m| format!("{} ({m})", l.client)));
    broken.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn an_item_is_too_much_for_some() {
        let limit = |client: &str, tools, name| ClientLimit { client: client.into(), tools, name };
        let limits = [
            limit("Small", Some((3, "hides them".into())), None),
            limit("Short", None, Some((12, "p_".into(), "cuts it".into()))),
            limit("Large", Some((100, "hides them".into())), Some((64, String::new(), "cuts it".into()))),
        ];
        let catalog = sample::catalog();
        let found: Vec<_> = catalog.items.iter().flat_map(|i| of_name(&limits, i)).collect();
        let want = ["demo__mixed", "asks__book_table"]
            .map(|name| format!("Short: {} characters with `p_`, it takes 12 and cuts it", name.len() + 2));
        assert_eq!(found, want);
        assert_eq!(of_number(&limits, 4), ["Small (3)"]);
        assert!(of_number(&limits, 3).is_empty());
    }
}
