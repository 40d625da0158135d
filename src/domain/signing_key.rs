//! Signing keys and their lives.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// For how many seconds a verifier may keep the JWKS. A new key is announced for longer before it signs.
pub const JWKS_MAX_AGE_SECONDS: i64 = 3600;

/// How old the JWKS may be that a verifier goes by: kept for a day whatever it was told, after an hour in a cache on the way.
/// A key is announced for longer.
pub const VERIFIERS_KEEP_SECONDS: i64 = 86_400 + JWKS_MAX_AGE_SECONDS;

/// The signature algorithms on offer (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigningAlg {
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlg {
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// A key as stored. Its state at any moment follows from these instants alone, so every replica agrees without a message.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The JWK thumbprint (RFC 7638): unique, says nothing.
    pub kid: String,
    pub alg: SigningAlg,
    /// The public JWK, JSON.
    pub public_jwk: String,
    /// PKCS#8 DER sealed under the master key.
    pub sealed_private: Vec<u8>,
    /// From here on it is in the JWKS.
    pub announced_at: Timestamp,
    /// From here on it may sign; it does until a younger key of the same algorithm may.
    pub active_from: Timestamp,
    /// From here on it is no longer in the JWKS: set when it is retired by hand, else computed from its successor.
    pub retired_at: Option<Timestamp>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// In the JWKS, so that verifiers learn it before they meet it; signs nothing yet.
    Announced,
    /// Signs.
    Active,
    /// Signs no more; still in the JWKS, for tokens that live on.
    Retiring,
    /// Gone from the JWKS.
    Retired,
}
