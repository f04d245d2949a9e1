//! Tokens: read from the header, and looked up without telling anything by time.

use std::sync::Arc;

use http::HeaderValue;
use subtle::{Choice, ConditionallySelectable as _};

use crate::backend::Principal;
use crate::config::{Access, Token, TokenHash};

/// No token is longer; hashing more is work for a stranger.
const MAX_TOKEN_BYTES: usize = 4096;

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
pub(super) fn token_in(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim_matches(' ');
    let is_token = (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("Bearer") && is_token).then_some(token)
}

/// The tokens that are known.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<Known>);

#[derive(Debug)]
struct Known {
    hash: TokenHash,
    principal: Principal,
    access: Arc<Access>,
}

impl Tokens {
    pub(super) fn new(tokens: &[Arc<Token>]) -> Self {
        let known = |t: &Arc<Token>| Known {
            hash: t.hash,
            principal: Principal::token(&t.name).marked(t.hash.mark()),
            access: t.access.clone(),
        };
        Self(tokens.iter().map(known).collect())
    }

    /// Whose token it is. Every known one is compared in full, whichever it is, if any.
    pub(super) fn find(&self, text: &str) -> Option<(Principal, Arc<Access>)> {
        let shown = TokenHash::of(text);
        let mut any = Choice::from(0);
        let mut found = 0_u64;
        for (i, known) in (0_u64..).zip(&self.0) {
            let is_it = known.hash.is(&shown);
            found.conditional_assign(&i, is_it);
            any |= is_it;
        }
        if !bool::from(any) {
            return None;
        }
        let known = self.0.get(usize::try_from(found).ok()?)?;
        Some((known.principal.clone(), known.access.clone()))
    }

    /// What the token opens that `principal` has shown, if it is still known.
    pub(super) fn access_of(&self, principal: &Principal) -> Option<Arc<Access>> {
        self.0.iter().find(|k| k.principal == *principal).map(|k| k.access.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_header_holds() {
        for (value, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc ", Some("abc")),
            ("Bearer abc def", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearerabc", None),
            ("Bearer\tabc", None),
            ("Basic abc", None),
            ("abc", None),
            ("", None),
            (" Bearer abc", None),
            ("Bearer a,b", Some("a,b")),
        ] {
            assert_eq!(token_in(&HeaderValue::from_str(value).unwrap()), expected, "{value}");
        }
        assert_eq!(token_in(&HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap()), None);
        let long = |n| HeaderValue::from_str(&format!("Bearer {}", "a".repeat(n))).unwrap();
        assert!(token_in(&long(MAX_TOKEN_BYTES)).is_some());
        assert!(token_in(&long(MAX_TOKEN_BYTES + 1)).is_none());
    }

    fn tokens(texts: &[String]) -> Tokens {
        let token = |(i, text): (usize, &String)| {
            let name = format!("t{i}").into();
            Arc::new(Token { name, hash: TokenHash::of(text), access: Arc::default(), is_stored: false })
        };
        Tokens::new(&texts.iter().enumerate().map(token).collect::<Vec<_>>())
    }

    #[test]
    fn nobody_is_known_to_an_empty_list() {
        assert!(Tokens::default().find("").is_none());
        assert!(Tokens::default().find("abc").is_none());
    }

    proptest::proptest! {
        #[test]
        fn only_the_right_text_passes(
            texts in proptest::collection::hash_set("[!-~]{1,40}", 1..6),
            other in "[!-~]{0,41}",
            which in 0_usize..6,
            cut in 0_usize..40,
        ) {
            let texts: Vec<String> = texts.into_iter().collect();
            let tokens = tokens(&texts);
            for (i, text) in texts.iter().enumerate() {
                let (principal, _) = tokens.find(text).unwrap();
                proptest::prop_assert_eq!(principal.name(), format!("token:t{i}"));
            }
            // Something else, a beginning of a right one, a right one with more behind it, in other letters, or its hash.
            let near = &texts[which % texts.len()];
            let hash = TokenHash::of(near).to_text();
            for wrong in [other.clone(), near[..cut % near.len()].to_owned(), format!("{near}x"), swapped(near), hash] {
                if !texts.contains(&wrong) {
                    proptest::prop_assert!(tokens.find(&wrong).is_none(), "{}", wrong);
                }
            }
        }
    }

    fn swapped(text: &str) -> String {
        let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        text.chars().map(swap).collect()
    }
}
