use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::{ES256, EdDSA, HS256, JwsSigner, RS256};
use serde_json::{Map, Value, json};

use super::*;
use crate::jose::embedded_key::{LONGEST, PRIVATE_MEMBERS};

fn signed(header: &Value, claims: &Value, signer: &dyn JwsSigner) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": "https://id.test/oauth/token", "iat": 100 })
}

fn public(pair: &dyn KeyPair) -> Value {
    let public: Map<String, Value> = pair.to_jwk_public_key().into();
    Value::Object(["kty", "crv", "x", "y"].iter().filter_map(|member| Some(((*member).to_owned(), public.get(*member)?.clone()))).collect())
}

fn ec() -> (Box<dyn JwsSigner>, Value) {
    let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
    (Box::new(ES256.signer_from_der(pair.to_der_private_key()).unwrap()), public(&pair))
}

fn ed() -> (Box<dyn JwsSigner>, Value) {
    let pair = EdKeyPair::generate(EdCurve::Ed25519).unwrap();
    (Box::new(EdDSA.signer_from_der(pair.to_der_private_key()).unwrap()), public(&pair))
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
    for ((signer, jwk), alg) in [(ec(), "ES256"), (ed(), "EdDSA"), (ed(), "Ed25519")] {
        let proof = read(&signed(&json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk }), &claims(), signer.as_ref())).unwrap();
        assert_eq!(Some(proof.key.as_str()), jwk::thumbprint(jwk.as_object().unwrap()).as_deref());
    }
}

/// DP-01. Signed by the key that is there each time, so that nothing but the change can be what it is refused for; the first is as it should be.
#[test]
fn what_is_no_proof() {
    let (signer, jwk) = ec();
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk.clone() });
        change(header.as_object_mut().unwrap());
        read(&signed(&header, &claims(), signer.as_ref())).map(|_| ())
    };
    let set = |path: &'static str, value: Value| move |header: &mut Map<String, Value>| drop(header.insert(path.to_owned(), value.clone()));
    let in_key = |member: &'static str, value: Value| {
        move |header: &mut Map<String, Value>| drop(header["jwk"].as_object_mut().unwrap().insert(member.to_owned(), value.clone()))
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&set("typ", json!("application/DPoP+JWT"))), Ok(()));
    // What nobody asked for decides nothing, a certificate in the key least of all.
    assert_eq!(with(&in_key("x5c", json!(["AAAA"]))), Ok(()));
    assert_eq!(with(&set("kid", json!("another"))), Ok(()));
    for typ in ["JWT", "at+jwt", "dbsc+jwt", ""] {
        assert_eq!(with(&set("typ", json!(typ))), Err(ProofError::Type), "{typ}");
    }
    for alg in ["none", "HS256", "RS256", "PS256", "ES384", "ES256K", "es256", ""] {
        assert_eq!(with(&set("alg", json!(alg))), Err(ProofError::Algorithm), "{alg}");
    }
    // The key is of another kind than the algorithm.
    assert_eq!(with(&set("alg", json!("EdDSA"))), Err(ProofError::UnfitKey));
    assert_eq!(with(&set("jwk", ed().1)), Err(ProofError::UnfitKey));
    for missing in ["typ", "alg"] {
        assert_eq!(with(&|header| drop(header.remove(missing))), Err(ProofError::Malformed), "{missing}");
    }
    assert_eq!(with(&|header| drop(header.remove("jwk"))), Err(ProofError::NoKey));
    assert_eq!(with(&set("jwk", json!("x"))), Err(ProofError::Malformed));
    assert_eq!(with(&set("crit", json!(["exp"]))), Err(ProofError::Critical));
    for member in PRIVATE_MEMBERS {
        assert_eq!(with(&in_key(member, json!("AAAA"))), Err(ProofError::PrivateKey), "{member}");
    }
    for (member, value) in [
        ("kty", json!("oct")),
        ("kty", json!("OKP")),
        ("crv", json!("P-384")),
        ("x", json!(1)),
        ("x", json!(URL_SAFE_NO_PAD.encode([1u8; 33]))),
        // Not on the curve.
        ("y", json!(URL_SAFE_NO_PAD.encode([1u8; 32]))),
        ("x", json!(URL_SAFE_NO_PAD.encode([0u8; 32]))),
    ] {
        assert_eq!(with(&in_key(member, value.clone())), Err(ProofError::UnfitKey), "{member} {value}");
    }
    // The key of somebody else.
    assert_eq!(with(&set("jwk", ec().1)), Err(ProofError::Signature));
}

#[test]
fn what_it_has_to_say() {
    let (signer, jwk) = ec();
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

#[test]
fn a_text_that_is_no_jws() {
    let (signer, jwk) = ec();
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk });
    let good = signed(&header, &claims(), signer.as_ref());
    assert!(read(&good).is_ok());
    let (input, signature) = good.rsplit_once('.').unwrap();
    for odd in
        ["", ".", "..", "x", &format!("{input}."), input, &format!(" {good}"), &format!("{good}="), &format!("{good}, {good}"), &format!("{good}.{good}")]
    {
        assert!(read(odd).is_err(), "{odd}");
    }
    assert_eq!(read(&good.replace(&signature[..4], "AAAA")), Err(ProofError::Signature));
    // Not as JSON's list of the same values.
    let list = URL_SAFE_NO_PAD.encode(json!(["ES256", "dpop+jwt", jwk]).to_string());
    assert_eq!(read(&format!("{list}.{}", input.split_once('.').unwrap().1)), Err(ProofError::Malformed));
    // A member twice (RFC 7515 §4).
    let twice = format!(r#"{{"alg":"none","alg":"ES256","typ":"dpop+jwt","jwk":{jwk}}}"#);
    assert_eq!(read(&format!("{}.e30.x", URL_SAFE_NO_PAD.encode(twice))), Err(ProofError::Malformed));
    let mut long = claims();
    long["more"] = json!("x".repeat(LONGEST));
    assert_eq!(read(&signed(&header, &long, signer.as_ref())), Err(ProofError::TooLong));
}

/// The public key is no secret, and what everybody knows signs nothing.
#[test]
fn no_other_algorithm_with_the_same_key() {
    let (_, jwk) = ec();
    let by_the_public_key = HS256.signer_from_bytes(jwk.to_string().repeat(2)).unwrap();
    for alg in ["HS256", "ES256"] {
        let proof = signed(&json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk }), &claims(), &by_the_public_key);
        assert!(read(&proof).is_err(), "{alg}");
    }
    let pair = RsaKeyPair::generate(2048).unwrap();
    let rsa: Map<String, Value> = pair.to_jwk_public_key().into();
    let signer = RS256.signer_from_der(pair.to_der_private_key()).unwrap();
    let proof = signed(&json!({ "alg": "RS256", "typ": "dpop+jwt", "jwk": rsa }), &claims(), &signer);
    assert_eq!(read(&proof), Err(ProofError::Algorithm));
}
