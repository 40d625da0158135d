//! How somebody signed in: the authentication context class (`acr`) and methods (`amr`, RFC 8176).

use serde::{Deserialize, Serialize};

/// An authentication context class: a level, from the lowest to the highest. More of them come with second factors, each in its place; a level is
/// never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acr {
    #[serde(rename = "urn:gatekey:acr:pwd")]
    Password,
}

impl Acr {
    /// From the lowest to the highest.
    pub const ALL: [Self; 1] = [Self::Password];

    /// The value of the `acr` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "urn:gatekey:acr:pwd",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == text)
    }

    /// Whether a sign-in of this level will do where `wanted` is asked for: one that proves more does.
    pub fn satisfies(self, wanted: Self) -> bool {
        self >= wanted
    }

    /// The values of the `amr` claim.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order that is announced, that of the levels, and what satisfies what are one.
    #[test]
    fn levels_stand_in_order() {
        assert!(Acr::ALL.is_sorted());
        for (i, acr) in Acr::ALL.into_iter().enumerate() {
            assert_eq!(Acr::parse(acr.as_str()), Some(acr));
            assert_eq!(serde_json::to_string(&acr).unwrap(), format!("\"{}\"", acr.as_str()));
            for (j, wanted) in Acr::ALL.into_iter().enumerate() {
                assert_eq!(acr.satisfies(wanted), i >= j, "{} {}", acr.as_str(), wanted.as_str());
            }
        }
    }
}
