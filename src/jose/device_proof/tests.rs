//! What is of a device's proofs alone; what no proof may be is told of [`crate::jose::embedded_key`].

use serde_json::{Value, json};

use super::*;
use crate::jose::embedded_key::tests::{Pair, ec, ed, rsa, signed};

const PAYLOAD: &str = r#"{"jti":"challenge"}"#;

fn new_key(token: &str) -> Result<Vec<u8>, ProofError> {
    Presented::parse(token)?.new_key()
}

#[test]
fn both_kinds_of_keys_register_and_sign() {
    for (Pair { signer, jwk, der }, alg) in [(ec(), "ES256"), (rsa(), "RS256")] {
        let token = signed(&json!({ "alg": alg, "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, signer.as_ref());
        assert_eq!(Presented::parse(&token).unwrap().challenge(), "challenge");
        assert_eq!(new_key(&token).as_ref(), Ok(&der));
        let again = signed(&json!({ "alg": alg, "typ": "dbsc+jwt" }), PAYLOAD, signer.as_ref());
        let again = Presented::parse(&again).unwrap();
        assert_eq!(again.by(&der), Ok(()));
        // A key of the other kind, and another of the same.
        assert_eq!((again.by(&ec().der), again.by(&rsa().der)), (Err(ProofError::Signature), Err(ProofError::Signature)));
    }
    // Ed25519 is of the other proofs.
    let Pair { signer, jwk, .. } = ed();
    for alg in ["EdDSA", "Ed25519"] {
        assert_eq!(new_key(&signed(&json!({ "alg": alg, "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, signer.as_ref())), Err(ProofError::Algorithm), "{alg}");
    }
}

/// Each proof is of its own type, and a new key is the one that signed.
#[test]
fn what_is_no_proof_of_a_new_key() {
    let Pair { signer, jwk, .. } = ec();
    let with = |header: Value| new_key(&signed(&header, PAYLOAD, signer.as_ref())).map(|_| ());
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk })), Ok(()));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk })), Err(ProofError::Type));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dbsc+jwt" })), Err(ProofError::NoKey));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": ec().jwk })), Err(ProofError::Signature));
}

#[test]
fn a_later_proof_brings_no_key() {
    let Pair { signer, jwk, der } = ec();
    let token = signed(&json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, signer.as_ref());
    assert_eq!(Presented::parse(&token).unwrap().by(&der), Err(ProofError::OtherKey));
}

#[test]
fn what_it_has_to_say() {
    let Pair { signer, jwk, .. } = ec();
    let header = json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk });
    let parse = |payload: &str| Presented::parse(&signed(&header, payload, signer.as_ref())).map(|_| ());
    assert_eq!(parse(PAYLOAD), Ok(()));
    for payload in ["{}", r#"["challenge"]"#, r#"{"jti":1}"#, r#"{"jti":"a","jti":"b"}"#] {
        assert_eq!(parse(payload), Err(ProofError::Malformed), "{payload}");
    }
}
