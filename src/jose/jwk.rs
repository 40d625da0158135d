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

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    const RFC_7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

    /// RFC 7638 §3.1, RFC 8037 appendix A.3.
    #[test]
    fn thumbprints_are_those_of_the_specifications() {
        assert_eq!(thumbprint(&map(RFC_7638)).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let ed25519 = map(r#"{"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","crv":"Ed25519","kty":"OKP"}"#);
        assert_eq!(thumbprint(&ed25519).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_symmetric_key_or_a_missing_member_has_no_thumbprint() {
        for jwk in [r#"{"kty":"oct","k":"AAAA"}"#, r#"{"kty":"EC","crv":"P-256","x":"AA"}"#, r#"{"kty":"OKP","crv":"Ed25519","x":1}"#, "{}"] {
            assert_eq!(thumbprint(&map(jwk)), None, "{jwk}");
        }
    }

    #[test]
    fn private_members_never_pass() {
        let source = map(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"PRIVATE","key_ops":["sign"],"k":"PRIVATE","alg":"none"}"#);
        let (kid, jwk) = public(&source, SigningAlg::Es256).unwrap();
        let mut members: Vec<&String> = jwk.keys().collect();
        members.sort();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&jwk["alg"], &jwk["kid"]), (&Value::from("ES256"), &Value::from(kid)));
    }
}
