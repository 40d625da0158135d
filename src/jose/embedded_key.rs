//! A compact JWS that may bring the key along that signed it (RFC 7515 §4.1.3): for proofs that somebody holds a key, and for nothing else.
//! The key is believed to be nothing but the key that signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{ES256, EdDSA, JwsVerifier, RS256};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use openssl::rsa::Rsa;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::compact;

/// A 4096-bit RSA key and its signature are below 2 KiB.
pub const LONGEST: usize = 4096;

/// Why a text is no proof. For the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof is longer than 4 KiB")]
    TooLong,
    #[error("the proof is no compact JWS of a JSON object with the claims it needs")]
    Malformed,
    #[error("the proof is not of the type that is asked for")]
    Type,
    #[error("the proof names an extension that must be understood")]
    Critical,
    #[error("the proof is not signed with an algorithm that is taken here")]
    Algorithm,
    #[error("the proof brings no key, and has to")]
    NoKey,
    #[error("the proof brings a key, and must not")]
    OtherKey,
    #[error("the key of the proof has private members")]
    PrivateKey,
    #[error("the key of the proof is not of its algorithm: a P-256 or Ed25519 public key, or an RSA key of 2048 to 4096 bits with the exponent 65537")]
    UnfitKey,
    #[error("the signature of the proof does not verify")]
    Signature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    #[serde(default)]
    jwk: Option<Map<String, Value>>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alg {
    Es256,
    Rs256,
    /// Of Ed25519 alone (RFC 8037 §3.1, RFC 9864 §2.2).
    EdDsa,
}

impl Alg {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// Taken apart; nothing in it is believed yet.
pub(super) struct Signed<'a> {
    alg: Alg,
    pub jwk: Option<Map<String, Value>>,
    payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    pub fn parse(token: &'a str, typ: &str, algs: &[Alg]) -> Result<Self, ProofError> {
        if token.len() > LONGEST {
            return Err(ProofError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(ProofError::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Malformed);
        let header: Header = object(&decode(header)?)?;
        if !compact::is_one_of(&header.typ, &[typ]) {
            return Err(ProofError::Type);
        }
        if header.crit.is_some() {
            return Err(ProofError::Critical);
        }
        let alg = Alg::parse(&header.alg).filter(|alg| algs.contains(alg)).ok_or(ProofError::Algorithm)?;
        Ok(Self { alg, jwk: header.jwk, payload: decode(payload)?, signing_input, signature: decode(signature)? })
    }

    pub fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, ProofError> {
        object(&self.payload)
    }

    /// The key that it brings along, if that signed it: a SubjectPublicKeyInfo in DER.
    pub fn new_key(&self) -> Result<Vec<u8>, ProofError> {
        let jwk = self.jwk.as_ref().ok_or(ProofError::NoKey)?;
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(ProofError::PrivateKey);
        }
        let public = match self.alg {
            Alg::Es256 => p256(jwk),
            Alg::Rs256 => rsa(jwk),
            Alg::EdDsa => ed25519(jwk),
        };
        let public = public.ok_or(ProofError::UnfitKey)?;
        self.verify(&public)?;
        Ok(public)
    }

    /// A key of another kind than the algorithm is for makes no verifier.
    pub fn verify(&self, public: &[u8]) -> Result<(), ProofError> {
        let verifier: Result<Box<dyn JwsVerifier>, _> = match self.alg {
            Alg::Es256 => ES256.verifier_from_der(public).map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>),
            Alg::Rs256 => RS256.verifier_from_der(public).map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>),
            Alg::EdDsa => EdDSA.verifier_from_der(public).map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>),
        };
        let verifier = verifier.map_err(|_| ProofError::Signature)?;
        verifier.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_| ProofError::Signature)
    }
}

/// RFC 7515 §4: a JSON object. A list of the members' values would be read as well.
fn object<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ProofError> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(ProofError::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| ProofError::Malformed)
}

/// RFC 7518 §6.2.2, §6.3.2 and §6.4; RFC 8037 §2.
pub(super) const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn number(jwk: &Map<String, Value>, member: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(member)?.as_str()?).ok()
}

/// A point of P-256 that is on the curve (OpenSSL looks).
fn p256(jwk: &Map<String, Value>) -> Option<Vec<u8>> {
    let named = jwk.get("kty")?.as_str()? == "EC" && jwk.get("crv")?.as_str()? == "P-256";
    let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
    if !named || x.len() != 32 || y.len() != 32 {
        return None;
    }
    let der = || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = EcKey::from_public_key_affine_coordinates(&group, BigNum::from_slice(&x)?.as_ref(), BigNum::from_slice(&y)?.as_ref())?;
        key.check_key()?;
        PKey::from_ec_key(key)?.public_key_to_der()
    };
    let der: Result<Vec<u8>, ErrorStack> = der();
    der.ok()
}

/// As TPMs make them: 2048 to 4096 bits, the exponent 65537.
fn rsa(jwk: &Map<String, Value>) -> Option<Vec<u8>> {
    let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
    if jwk.get("kty")?.as_str()? != "RSA" || e != [1, 0, 1] {
        return None;
    }
    let n = BigNum::from_slice(&n).ok()?;
    if !(2048..=4096).contains(&n.num_bits()) || !n.is_bit_set(0) {
        return None;
    }
    let der = || PKey::from_rsa(Rsa::from_public_components(n, BigNum::from_u32(65537)?)?)?.public_key_to_der();
    let der: Result<Vec<u8>, ErrorStack> = der();
    der.ok()
}

/// RFC 8037 §2.
fn ed25519(jwk: &Map<String, Value>) -> Option<Vec<u8>> {
    let named = jwk.get("kty")?.as_str()? == "OKP" && jwk.get("crv")?.as_str()? == "Ed25519";
    let x = number(jwk, "x")?;
    if !named || x.len() != 32 {
        return None;
    }
    PKey::public_key_from_raw_bytes(&x, Id::ED25519).ok()?.public_key_to_der().ok()
}

#[cfg(test)]
pub(super) mod tests;
