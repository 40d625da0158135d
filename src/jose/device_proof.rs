//! What a browser signs with the key of a device bound session: a JWT of type `dbsc+jwt` (Device Bound Session Credentials, §9.9 "DBSC Proof
//! JWT Syntax"). The first one brings the public key along; it is believed to be nothing but the key that signed.

use serde::Deserialize;

pub use super::embedded_key::ProofError;
use super::embedded_key::{Alg, Signed};

const TYP: &str = "dbsc+jwt";
const ALGS: [Alg; 2] = [Alg::Es256, Alg::Rs256];

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

/// A proof taken apart; nothing in it is believed yet.
pub struct Presented<'a> {
    signed: Signed<'a>,
    challenge: String,
}

impl<'a> Presented<'a> {
    pub fn parse(token: &'a str) -> Result<Self, ProofError> {
        let signed = Signed::parse(token, TYP, &ALGS)?;
        let Claims { jti } = signed.claims()?;
        Ok(Self { signed, challenge: jti })
    }

    /// What it claims to answer: to be looked at before the signature, which costs more.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The key that it brings along, if that signed it: a SubjectPublicKeyInfo in DER.
    pub fn new_key(&self) -> Result<Vec<u8>, ProofError> {
        self.signed.new_key()
    }

    /// Whether the holder of this key signed it, and said no other.
    pub fn by(&self, public: &[u8]) -> Result<(), ProofError> {
        if self.signed.jwk.is_some() { Err(ProofError::OtherKey) } else { self.signed.verify(public) }
    }
}

#[cfg(test)]
mod tests;
