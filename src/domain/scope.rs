//! Scope (RFC 6749 §3.3): a set of case-sensitive words.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

pub const OPENID: &str = "openid";
pub const OFFLINE_ACCESS: &str = "offline_access";
/// Asks for a refresh token that stands for the session: it stays the same, and ends with it.
pub const ONLINE_ACCESS: &str = "online_access";

/// A set of scope values; printed sorted and separated by one space.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(BTreeSet<String>);

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope is a list of words of visible ASCII without quote and backslash, separated by spaces")]
pub struct InvalidScope;

impl Scope {
    /// Reads `scope-token *( SP scope-token )`; surplus spaces are forgiven, an empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let token = |word: &str| word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        let words: BTreeSet<String> = text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        if words.iter().all(|w| token(w)) { Ok(Self(words)) } else { Err(InvalidScope) }
    }

    pub fn contains(&self, value: &str) -> bool {
        self.0.contains(value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With only what `keep` says yes to.
    #[must_use]
    pub fn retain(mut self, mut keep: impl FnMut(&str) -> bool) -> Self {
        self.0.retain(|word| keep(word));
        self
    }

    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    #[must_use]
    pub fn with(mut self, value: &str) -> Self {
        if !self.contains(value) {
            self.0.insert(value.to_owned());
        }
        self
    }

    pub fn without(&self, value: &str) -> Self {
        Self(self.0.iter().filter(|w| *w != value).cloned().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({self})")
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set_of_words() {
        assert_eq!(Scope::parse("profile openid  openid").unwrap().to_string(), "openid profile");
        assert!(Scope::parse("a\"b").is_err());
        assert!(Scope::parse("a\tb").is_err());
        assert!(Scope::parse("").unwrap().is_empty());
    }
}
