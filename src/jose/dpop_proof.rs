//! The proof of DPoP: a JWT of type `dpop+jwt` that brings the public key along which signed it (RFC 9449 §4.2). Whether it is for the request that
//! it came with is [`crate::domain::dpop::DpopProof`]'s reader to say.

use serde::Deserialize;
use serde_json::Number;

pub use super::embedded_key::ProofError;
use super::embedded_key::{Alg, Signed};
use super::jwk;
use crate::domain::dpop::{DpopProof, KeyThumbprint};

const TYP: &str = "dpop+jwt";
/// Asymmetric all of them (RFC 9449 §11.6), and such that a signature is small and soon looked at.
const ALGS: [Alg; 2] = [Alg::Es256, Alg::EdDsa];

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: Number,
    #[serde(default)]
    ath: Option<String>,
}

/// What it says, once the key that it brings has been found to have signed it (RFC 9449 §4.3, 2 to 7).
pub fn read(token: &str) -> Result<DpopProof, ProofError> {
    let signed = Signed::parse(token, TYP, &ALGS)?;
    let Claims { jti, htm, htu, iat, ath } = signed.claims()?;
    // RFC 7519 §2: seconds, which may have a fraction.
    let iat = iat.as_i64().or_else(|| whole_seconds(iat.as_f64()?)).ok_or(ProofError::Malformed)?;
    signed.new_key()?;
    let thumbprint = signed.jwk.as_ref().and_then(jwk::thumbprint).and_then(|text| KeyThumbprint::parse(&text).ok());
    Ok(DpopProof { key: thumbprint.ok_or(ProofError::UnfitKey)?, jti, htm, htu, iat, ath })
}

#[allow(clippy::cast_possible_truncation)] // far from the ends of either
fn whole_seconds(seconds: f64) -> Option<i64> {
    (seconds.abs() < 1e15).then_some(seconds.floor() as i64)
}

#[cfg(test)]
mod tests;
