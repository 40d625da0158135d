//! What is of DPoP's proofs alone; what no proof may be is told of [`crate::jose::embedded_key`].

use josekit::jws::JwsSigner;
use serde_json::{Map, Value, json};

use super::*;
use crate::jose::embedded_key::tests::{Pair, ec, ed, rsa};

fn signed(header: &Value, claims: &Value, signer: &dyn JwsSigner) -> String {
    crate::jose::embedded_key::tests::signed(header, &claims.to_string(), signer)
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": "https://id.test/oauth/token", "iat": 100 })
}

/// RFC 9449 §4.1, Figure 2, whose key RFC 9449 §6.1 says the thumbprint of.
#[test]
fn the_example_of_the_specification() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let read = read(proof).unwrap();
    assert_eq!(read.key.as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert_eq!(
        (read.jti.as_str(), read.htm.as_str(), read.htu.as_str(), read.iat),
        ("-BwC3ESc6acc2lTc", "POST", "https://server.example.com/token", 1_562_262_616)
    );
    assert_eq!(read.ath, None);
}

#[test]
fn both_kinds_of_keys() {
    for (Pair { signer, jwk, .. }, alg) in [(ec(), "ES256"), (ed(), "EdDSA"), (ed(), "Ed25519")] {
        let proof = read(&signed(&json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk }), &claims(), signer.as_ref())).unwrap();
        assert_eq!(Some(proof.key.as_str()), jwk::thumbprint(jwk.as_object().unwrap()).as_deref());
    }
    // RSA is of the other proofs.
    let Pair { signer, jwk, .. } = rsa();
    assert_eq!(read(&signed(&json!({ "alg": "RS256", "typ": "dpop+jwt", "jwk": jwk }), &claims(), signer.as_ref())), Err(ProofError::Algorithm));
}

/// DP-01. Each proof is of its own type, and brings the key that signed it.
#[test]
fn what_is_no_proof() {
    let Pair { signer, jwk, .. } = ec();
    let with = |header: Value| read(&signed(&header, &claims(), signer.as_ref())).map(|_| ());
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk })), Ok(()));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk })), Err(ProofError::Type));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dpop+jwt" })), Err(ProofError::NoKey));
    assert_eq!(with(json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": ec().jwk })), Err(ProofError::Signature));
}

#[test]
fn what_it_has_to_say() {
    let Pair { signer, jwk, .. } = ec();
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk });
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut claims = claims();
        change(claims.as_object_mut().unwrap());
        read(&signed(&header, &claims, signer.as_ref()))
    };
    for missing in ["jti", "htm", "htu", "iat"] {
        assert_eq!(with(&|claims| drop(claims.remove(missing))), Err(ProofError::Malformed), "{missing}");
        for odd in [json!(null), json!([]), json!({}), json!(true)] {
            assert_eq!(with(&|claims| drop(claims.insert(missing.to_owned(), odd.clone()))), Err(ProofError::Malformed), "{missing} {odd}");
        }
    }
    assert_eq!(with(&|claims| drop(claims.insert("iat".to_owned(), json!("100")))), Err(ProofError::Malformed));
    assert_eq!(with(&|claims| drop(claims.insert("iat".to_owned(), json!(1e300)))), Err(ProofError::Malformed));
    // RFC 7519 §2: with a fraction, too.
    assert_eq!(with(&|claims| drop(claims.insert("iat".to_owned(), json!(100.9)))).unwrap().iat, 100);
    let more = with(&|claims| claims.extend([("ath".to_owned(), json!("x")), ("nonce".to_owned(), json!(7)), ("exp".to_owned(), json!(1))]));
    assert_eq!(more.unwrap().ath.as_deref(), Some("x"));
}
