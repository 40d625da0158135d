//! Reads JWTs as a relying party does: checks the signature against the JWKS the issuer publishes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::JwkSet;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde_json::{Map, Value};

/// Header and claims of a token whose signature verifies.
pub fn verify(jwks: &str, token: &str) -> (Map<String, Value>, Map<String, Value>) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url without padding"));
    let header: Map<String, Value> = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    let claims: Map<String, Value> = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    let signature = parts.next().unwrap();
    assert!(parts.next().is_none());
    let keys = JwkSet::from_bytes(jwks).unwrap();
    let kid = header["kid"].as_str().unwrap();
    let found = keys.get(kid);
    assert_eq!(found.len(), 1, "one key {kid} in {jwks}");
    let verifier: Box<dyn JwsVerifier> = match header["alg"].as_str().unwrap() {
        "ES256" => Box::new(ES256.verifier_from_jwk(found[0]).unwrap()),
        "RS256" => Box::new(RS256.verifier_from_jwk(found[0]).unwrap()),
        "PS256" => Box::new(PS256.verifier_from_jwk(found[0]).unwrap()),
        "EdDSA" => Box::new(EdDSA.verifier_from_jwk(found[0]).unwrap()),
        other => panic!("alg {other}"),
    };
    let (signed, _) = token.rsplit_once('.').unwrap();
    verifier.verify(signed.as_bytes(), &signature).expect("the signature verifies");
    (header, claims)
}
