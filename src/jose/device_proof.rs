//! What a browser signs with the key of a device bound session: a JWT of type `dbsc+jwt` (Device Bound Session Credentials, §9.9 "DBSC Proof
//! JWT Syntax"). The first one brings the public key along; it is believed to be nothing but the key that signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{ES256, JwsVerifier, RS256};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::compact;

/// A 4096-bit RSA key and its signature are below 2 KiB.
const LONGEST: usize = 4096;

/// Why a text is no proof. For the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof is longer than 4 KiB")]
    TooLong,
    #[error("the proof is no compact JWS of a JSON object")]
    Malformed,
    #[error("the proof is not of type dbsc+jwt")]
    Type,
    #[error("the proof names an extension that must be understood")]
    Critical,
    #[error("the proof is not signed with ES256 or RS256")]
    Algorithm,
    #[error("the proof brings no key, and has to")]
    NoKey,
    #[error("the proof brings a key, and must not")]
    OtherKey,
    #[error("the key of the proof has private members")]
    PrivateKey,
    #[error("the key of the proof is no P-256 key, and no RSA key of 2048 to 4096 bits with the exponent 65537")]
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

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

/// A proof taken apart; nothing in it is believed yet.
pub struct Presented<'a> {
    alg: Alg,
    jwk: Option<Map<String, Value>>,
    challenge: String,
    signing_input: &'a str,
    signature: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Alg {
    Es256,
    Rs256,
}

impl<'a> Presented<'a> {
    pub fn parse(token: &'a str) -> Result<Self, ProofError> {
        if token.len() > LONGEST {
            return Err(ProofError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(ProofError::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Malformed);
        let header: Header = object(&decode(header)?)?;
        if !compact::is_one_of(&header.typ, &["dbsc+jwt"]) {
            return Err(ProofError::Type);
        }
        if header.crit.is_some() {
            return Err(ProofError::Critical);
        }
        let alg = match header.alg.as_str() {
            "ES256" => Alg::Es256,
            "RS256" => Alg::Rs256,
            _ => return Err(ProofError::Algorithm),
        };
        let claims: Claims = object(&decode(payload)?)?;
        Ok(Self { alg, jwk: header.jwk, challenge: claims.jti, signing_input, signature: decode(signature)? })
    }

    /// What it claims to answer: to be looked at before the signature, which costs more.
    pub fn challenge(&self) -> &str {
        &self.challenge
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
        };
        let public = public.ok_or(ProofError::UnfitKey)?;
        self.verify(&public)?;
        Ok(public)
    }

    /// Whether the holder of this key signed it, and said no other.
    pub fn by(&self, public: &[u8]) -> Result<(), ProofError> {
        if self.jwk.is_some() { Err(ProofError::OtherKey) } else { self.verify(public) }
    }

    /// A key of another kind than the algorithm is for makes no verifier.
    fn verify(&self, public: &[u8]) -> Result<(), ProofError> {
        let verifier: Result<Box<dyn JwsVerifier>, _> = match self.alg {
            Alg::Es256 => ES256.verifier_from_der(public).map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>),
            Alg::Rs256 => RS256.verifier_from_der(public).map(|verifier| Box::new(verifier) as Box<dyn JwsVerifier>),
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

/// RFC 7518 §6.2.2, §6.3.2 and §6.4.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

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

#[cfg(test)]
mod tests;
