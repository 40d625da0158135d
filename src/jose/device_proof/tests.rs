use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::JwsSigner;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm::Rs512;
use serde_json::json;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{ES256, RS256};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde_json::{Map, Value};

use super::*;
use crate::jose::embedded_key::{LONGEST, PRIVATE_MEMBERS};

fn signed(header: &Value, payload: &str, signer: &dyn JwsSigner) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

const PAYLOAD: &str = r#"{"jti":"challenge"}"#;

fn public(jwk: &Jwk, members: &[&str]) -> Map<String, Value> {
    members.iter().map(|member| ((*member).to_owned(), jwk.parameter(member).unwrap().clone())).collect()
}

fn ec() -> (EcKeyPair, Map<String, Value>) {
    let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
    let jwk = public(&pair.to_jwk_key_pair(), &["kty", "crv", "x", "y"]);
    (pair, jwk)
}

fn rsa_key(bits: u32) -> (RsaKeyPair, Map<String, Value>) {
    let pair = RsaKeyPair::generate(bits).unwrap();
    let jwk = public(&pair.to_jwk_key_pair(), &["kty", "n", "e"]);
    (pair, jwk)
}

fn es256(pair: &EcKeyPair) -> Box<dyn JwsSigner> {
    Box::new(ES256.signer_from_der(pair.to_der_private_key()).unwrap())
}

fn new_key(token: &str) -> Result<Vec<u8>, ProofError> {
    Presented::parse(token)?.new_key()
}

#[test]
fn both_kinds_of_keys_register_and_sign() {
    let (pair, jwk) = ec();
    let signer = es256(&pair);
    let token = signed(&json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, signer.as_ref());
    assert_eq!(Presented::parse(&token).unwrap().challenge(), "challenge");
    let key = new_key(&token).unwrap();
    assert_eq!(key, pair.to_der_public_key());
    let again = signed(&json!({ "alg": "ES256", "typ": "dbsc+jwt" }), PAYLOAD, signer.as_ref());
    assert_eq!(Presented::parse(&again).unwrap().by(&key), Ok(()));

    let (pair, jwk) = rsa_key(2048);
    let signer = RS256.signer_from_der(pair.to_der_private_key()).unwrap();
    let token = signed(&json!({ "alg": "RS256", "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, &signer);
    let rsa_public = new_key(&token).unwrap();
    let again = signed(&json!({ "alg": "RS256", "typ": "dbsc+jwt" }), PAYLOAD, &signer);
    let again = Presented::parse(&again).unwrap();
    assert_eq!(again.by(&rsa_public), Ok(()));
    // A key of the other kind, and another of the same.
    assert_eq!(again.by(&key), Err(ProofError::Signature));
    let (stranger, _) = ec();
    let by_a_stranger = signed(&json!({ "alg": "ES256", "typ": "dbsc+jwt" }), PAYLOAD, es256(&stranger).as_ref());
    let by_a_stranger = Presented::parse(&by_a_stranger).unwrap();
    assert_eq!((by_a_stranger.by(&key), by_a_stranger.by(&rsa_public)), (Err(ProofError::Signature), Err(ProofError::Signature)));
}

/// Signed by the key that is there each time, so that nothing but the change can be what it is refused for; the first is as it should be.
#[test]
fn what_is_no_proof_of_a_new_key() {
    let (pair, jwk) = ec();
    let signer = es256(&pair);
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut header = json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk.clone() });
        change(header.as_object_mut().unwrap());
        new_key(&signed(&header, PAYLOAD, signer.as_ref())).map(|_| ())
    };
    let set = |path: &'static str, value: Value| move |header: &mut Map<String, Value>| *header.get_mut(path).unwrap() = value.clone();
    let in_key = |member: &'static str, value: Value| {
        move |header: &mut Map<String, Value>| {
            header["jwk"].as_object_mut().unwrap().insert(member.to_owned(), value.clone());
        }
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&set("typ", json!("application/dbsc+jwt"))), Ok(()));
    for typ in ["JWT", "at+jwt", "dpop+jwt", ""] {
        assert_eq!(with(&set("typ", json!(typ))), Err(ProofError::Type), "{typ}");
    }
    for alg in ["none", "HS256", "ES384", "PS256", "RS512", "EdDSA", "es256", ""] {
        assert_eq!(with(&set("alg", json!(alg))), Err(ProofError::Algorithm), "{alg}");
    }
    // The key is of another kind than the algorithm.
    assert_eq!(with(&set("alg", json!("RS256"))), Err(ProofError::UnfitKey));
    assert_eq!(with(&|header| drop(header.remove("jwk"))), Err(ProofError::NoKey));
    assert_eq!(with(&|header| drop(header.insert("crit".to_owned(), json!(["exp"])))), Err(ProofError::Critical));
    for member in PRIVATE_MEMBERS {
        assert_eq!(with(&in_key(member, json!("AAAA"))), Err(ProofError::PrivateKey), "{member}");
    }
    for (member, value) in [
        ("kty", json!("oct")),
        ("kty", json!("OKP")),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("x", json!("")),
        ("x", json!(1)),
        ("x", json!(URL_SAFE_NO_PAD.encode([1u8; 33]))),
        // Not on the curve.
        ("y", json!(URL_SAFE_NO_PAD.encode([1u8; 32]))),
        ("x", json!(URL_SAFE_NO_PAD.encode([0u8; 32]))),
    ] {
        assert_eq!(with(&in_key(member, value.clone())), Err(ProofError::UnfitKey), "{member} {value}");
    }
    // The key of somebody else.
    let (_, other) = ec();
    assert_eq!(with(&set("jwk", Value::Object(other))), Err(ProofError::Signature));
}

#[test]
fn an_rsa_key_must_be_of_use() {
    let proof = |pair: &RsaKeyPair, jwk: &Map<String, Value>| {
        let input =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "typ": "dbsc+jwt", "jwk": jwk }).to_string()), URL_SAFE_NO_PAD.encode(PAYLOAD));
        // josekit signs with no key of less than 2048 bits: OpenSSL does.
        let key = PKey::private_key_from_der(&pair.to_der_private_key()).unwrap();
        let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        new_key(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))).map(|_| ())
    };
    let (pair, jwk) = rsa_key(2048);
    assert_eq!(proof(&pair, &jwk), Ok(()));
    let mut other = jwk.clone();
    other["e"] = json!("Aw");
    assert_eq!(proof(&pair, &other), Err(ProofError::UnfitKey), "the exponent 3");
    let short = Rsa::generate(1024).unwrap();
    let short_jwk: Map<String, Value> = [("kty", "RSA".to_owned()), ("n", URL_SAFE_NO_PAD.encode(short.n().to_vec())), ("e", "AQAB".to_owned())]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "typ": "dbsc+jwt", "jwk": short_jwk }).to_string()), URL_SAFE_NO_PAD.encode(PAYLOAD));
    let key = PKey::from_rsa(short).unwrap();
    let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    assert_eq!(new_key(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))).map(|_| ()), Err(ProofError::UnfitKey), "1024 bits");
    // Another hash than the header says.
    let signer = Rs512.signer_from_der(pair.to_der_private_key()).unwrap();
    let token = signed(&json!({ "alg": "RS256", "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, &signer);
    assert_eq!(new_key(&token).map(|_| ()), Err(ProofError::Signature));
}

#[test]
fn a_later_proof_brings_no_key() {
    let (pair, jwk) = ec();
    let token = signed(&json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk }), PAYLOAD, es256(&pair).as_ref());
    assert_eq!(Presented::parse(&token).unwrap().by(&pair.to_der_public_key()), Err(ProofError::OtherKey));
}

#[test]
fn what_is_no_token_at_all() {
    let (pair, jwk) = ec();
    let header = json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk });
    let token = signed(&header, PAYLOAD, es256(&pair).as_ref());
    let parse = |text: &str| Presented::parse(text).map(|_| ());
    assert_eq!(parse(&token), Ok(()));
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for text in [
        "",
        ".",
        "..",
        head,
        &format!("{head}.{payload}"),
        &format!("{token}."),
        &format!("{token}="),
        &format!("{head}=.{payload}.{signature}"),
        &format!("x.{token}"),
    ] {
        assert_eq!(parse(text), Err(ProofError::Malformed), "{text}");
    }
    for payload in ["{}", "[\"challenge\"]", r#"{"jti":1}"#, r#"{"jti":"a","jti":"b"}"#, "", "null"] {
        assert_eq!(parse(&signed(&header, payload, es256(&pair).as_ref())), Err(ProofError::Malformed), "{payload}");
    }
    assert_eq!(parse(&signed(&json!(["ES256", "dbsc+jwt"]), PAYLOAD, es256(&pair).as_ref())), Err(ProofError::Malformed));
    let long = format!(r#"{{"jti":"challenge","more":"{}"}}"#, "x".repeat(LONGEST));
    assert_eq!(parse(&signed(&header, &long, es256(&pair).as_ref())), Err(ProofError::TooLong));
    // One bit of the signature.
    let mut other = URL_SAFE_NO_PAD.decode(signature).unwrap();
    other[10] ^= 1;
    assert_eq!(new_key(&format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(other))).map(|_| ()), Err(ProofError::Signature));
}
