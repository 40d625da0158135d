//! How somebody signed in: the authentication context class (`acr`) and methods (`amr`, RFC 8176).

use serde::{Deserialize, Serialize};

/// An authentication context class. More levels come with second factors; a level is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acr {
    #[serde(rename = "urn:gatekey:acr:pwd")]
    Password,
}

impl Acr {
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

    /// The values of the `amr` claim.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
        }
    }
}
