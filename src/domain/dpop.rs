//! Demonstrating Proof of Possession (RFC 9449): whose key a token is bound to, and what a proof says.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::secret::Digest;

/// The name of a public key: its JWK thumbprint with SHA-256 (RFC 7638), as base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyThumbprint(String);

/// Why a text is no thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a thumbprint is the base64url of a SHA-256, 43 characters without padding")]
pub struct InvalidThumbprint;

impl KeyThumbprint {
    /// There is one spelling of each.
    pub fn parse(text: &str) -> Result<Self, InvalidThumbprint> {
        let canonical = URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
        if canonical { Ok(Self(text.to_owned())) } else { Err(InvalidThumbprint) }
    }

    pub fn of(digest: &Digest) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyThumbprint {
    type Error = InvalidThumbprint;

    fn try_from(text: String) -> Result<Self, InvalidThumbprint> {
        Self::parse(&text)
    }
}

impl fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a proof says (RFC 9449 §4.2), signed by the key it brings. Nothing of it has been compared with the request yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    pub key: KeyThumbprint,
    /// Unique among the proofs of this key.
    pub jti: String,
    /// The method of the request.
    pub htm: String,
    /// Its address.
    pub htu: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// The base64url of the SHA-256 of the access token that it goes with.
    pub ath: Option<String>,
}

/// How a proof is signed: `alg` (RFC 7518 §3.1, RFC 8037 §3.1; the last is the second one's name since RFC 9864).
pub const SIGNING_ALGS: [&str; 3] = ["ES256", "EdDSA", "Ed25519"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_has_one_spelling() {
        let text = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(KeyThumbprint::parse(text).unwrap().as_str(), text);
        assert_eq!(KeyThumbprint::of(&Digest([0; 32])).as_str(), "A".repeat(43));
        // Padded, of another alphabet, too short, too long, and with bits that say nothing.
        for odd in [&format!("{text}="), &text.replace('-', "+"), &text[1..], &format!("{text}AAAA"), &format!("{}t", &text[..42]), "", " "] {
            assert!(KeyThumbprint::parse(odd).is_err(), "{odd}");
            assert!(serde_json::from_value::<KeyThumbprint>(serde_json::json!(odd)).is_err(), "{odd}");
        }
    }
}
