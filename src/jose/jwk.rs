//! Public keys as JSON Web Keys (RFC 7517): built member by member from an allow-list, so that no private member can slip in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::signing_key::SigningAlg;

/// The members that define a key of this type, in the lexicographic order of RFC 7638 §3.2 (for `OKP`: RFC 8037 §2).
fn defining_members(kty: &str) -> Option<&'static [&'static str]> {
    match kty {
        "EC" => Some(&["crv", "kty", "x", "y"]),
        "RSA" => Some(&["e", "kty", "n"]),
        "OKP" => Some(&["crv", "kty", "x"]),
        _ => None,
    }
}

/// The JWK thumbprint with SHA-256 (RFC 7638 §3): it depends on the public key alone. `None` for an unknown key type or a
/// missing member.
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let members = defining_members(jwk.get("kty")?.as_str()?)?;
    let mut canonical = Map::new();
    for member in members {
        canonical.insert((*member).to_owned(), Value::String(jwk.get(*member)?.as_str()?.to_owned()));
    }
    // The map keeps the order of insertion, and serde_json writes no white space: the form RFC 7638 §3.3 asks for.
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(Value::Object(canonical).to_string())))
}

/// The public JWK as published: the defining members of `source`, and `use`, `alg`, `kid`. `None` as for [`thumbprint`].
pub(super) fn public(source: &Map<String, Value>, alg: SigningAlg) -> Option<(String, Map<String, Value>)> {
    let kid = thumbprint(source)?;
    let mut jwk = Map::new();
    for (member, value) in [("use", "sig"), ("alg", alg.as_str()), ("kid", kid.as_str())] {
        jwk.insert(member.to_owned(), Value::String(value.to_owned()));
    }
    for member in defining_members(source.get("kty")?.as_str()?)? {
        jwk.insert((*member).to_owned(), source.get(*member)?.clone());
    }
    Some((kid, jwk))
}
