//! What no proof may be, of whichever type; what each type takes and says is with the type. The rest here is what all of them are signed with.

use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm::Rs512;
use josekit::jws::{HS256, JwsSigner};
use serde_json::json;

use super::*;

const ALGS: [Alg; 3] = [Alg::Es256, Alg::Rs256, Alg::EdDsa];
const PAYLOAD: &str = r#"{"jti":"one"}"#;

pub(in crate::jose) fn signed(header: &Value, payload: &str, signer: &dyn JwsSigner) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

/// A key that signs, and what of it is public: as a JWK, and as a SubjectPublicKeyInfo in DER.
pub(in crate::jose) struct Pair {
    pub signer: Box<dyn JwsSigner>,
    pub jwk: Value,
    pub der: Vec<u8>,
}

fn pair(pair: &dyn KeyPair, signer: Box<dyn JwsSigner>) -> Pair {
    let public: Map<String, Value> = pair.to_jwk_public_key().into();
    let jwk = ["kty", "crv", "x", "y", "n", "e"].iter().filter_map(|member| Some(((*member).to_owned(), public.get(*member)?.clone()))).collect();
    Pair { signer, jwk: Value::Object(jwk), der: pair.to_der_public_key() }
}

pub(in crate::jose) fn ec() -> Pair {
    let made = EcKeyPair::generate(EcCurve::P256).unwrap();
    pair(&made, Box::new(ES256.signer_from_der(made.to_der_private_key()).unwrap()))
}

pub(in crate::jose) fn ed() -> Pair {
    let made = EdKeyPair::generate(EdCurve::Ed25519).unwrap();
    pair(&made, Box::new(EdDSA.signer_from_der(made.to_der_private_key()).unwrap()))
}

pub(in crate::jose) fn rsa() -> Pair {
    let made = RsaKeyPair::generate(2048).unwrap();
    pair(&made, Box::new(RS256.signer_from_der(made.to_der_private_key()).unwrap()))
}

fn new_key_of(token: &str) -> Result<Vec<u8>, ProofError> {
    let signed = Signed::parse(token, "proof+jwt", &ALGS)?;
    signed.claims::<Map<String, Value>>()?;
    signed.new_key()
}

#[test]
fn every_kind_of_key_is_the_one_that_signed() {
    for (pair, alg) in [(ec(), "ES256"), (rsa(), "RS256"), (ed(), "EdDSA"), (ed(), "Ed25519")] {
        let token = signed(&json!({ "alg": alg, "typ": "proof+jwt", "jwk": pair.jwk }), PAYLOAD, pair.signer.as_ref());
        assert_eq!(new_key_of(&token).as_ref(), Ok(&pair.der), "{alg}");
        let later = signed(&json!({ "alg": alg, "typ": "proof+jwt" }), PAYLOAD, pair.signer.as_ref());
        let later = Signed::parse(&later, "proof+jwt", &ALGS).unwrap();
        assert_eq!(later.verify(&pair.der), Ok(()), "{alg}");
        // Keys of the other kinds, and another of the same.
        for other in [ec(), rsa(), ed()] {
            assert_eq!(later.verify(&other.der), Err(ProofError::Signature), "{alg}");
        }
    }
}

/// Signed by the key that is there each time, so that nothing but the change can be what it is refused for; the first are as they should be.
#[test]
fn what_is_no_proof() {
    let Pair { signer, jwk, .. } = ec();
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut header = json!({ "alg": "ES256", "typ": "proof+jwt", "jwk": jwk.clone() });
        change(header.as_object_mut().unwrap());
        new_key_of(&signed(&header, PAYLOAD, signer.as_ref())).map(|_| ())
    };
    let set = |name: &'static str, value: Value| move |header: &mut Map<String, Value>| drop(header.insert(name.to_owned(), value.clone()));
    let in_key = |member: &'static str, value: Value| {
        move |header: &mut Map<String, Value>| drop(header["jwk"].as_object_mut().unwrap().insert(member.to_owned(), value.clone()))
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&set("typ", json!("application/Proof+JWT"))), Ok(()));
    // What nobody asked for decides nothing, a certificate in the key least of all.
    assert_eq!(with(&in_key("x5c", json!(["AAAA"]))), Ok(()));
    assert_eq!(with(&set("kid", json!("another"))), Ok(()));
    for typ in ["JWT", "at+jwt", "dbsc+jwt", "dpop+jwt", ""] {
        assert_eq!(with(&set("typ", json!(typ))), Err(ProofError::Type), "{typ}");
    }
    for alg in ["none", "HS256", "PS256", "ES384", "ES256K", "RS512", "es256", ""] {
        assert_eq!(with(&set("alg", json!(alg))), Err(ProofError::Algorithm), "{alg}");
    }
    // The key is of another kind than the algorithm.
    for alg in ["RS256", "EdDSA", "Ed25519"] {
        assert_eq!(with(&set("alg", json!(alg))), Err(ProofError::UnfitKey), "{alg}");
    }
    for other in [rsa().jwk, ed().jwk] {
        assert_eq!(with(&set("jwk", other.clone())), Err(ProofError::UnfitKey), "{other}");
    }
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
    assert_eq!(with(&set("jwk", ec().jwk)), Err(ProofError::Signature));
}

#[test]
fn an_rsa_key_must_be_of_use() {
    // josekit signs with no key of less than 2048 bits: OpenSSL does.
    let proof = |key: &Rsa<openssl::pkey::Private>, e: &str| {
        let jwk = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(key.n().to_vec()), "e": e });
        let header = json!({ "alg": "RS256", "typ": "proof+jwt", "jwk": jwk });
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(PAYLOAD));
        let key = PKey::from_rsa(key.clone()).unwrap();
        let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        new_key_of(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))).map(|_| ())
    };
    let key = Rsa::generate(2048).unwrap();
    assert_eq!(proof(&key, "AQAB"), Ok(()));
    assert_eq!(proof(&key, "Aw"), Err(ProofError::UnfitKey), "the exponent 3");
    assert_eq!(proof(&Rsa::generate(1024).unwrap(), "AQAB"), Err(ProofError::UnfitKey), "1024 bits");
    // Another hash than the header says.
    let pair = RsaKeyPair::generate(2048).unwrap();
    let public: Map<String, Value> = pair.to_jwk_public_key().into();
    let header = json!({ "alg": "RS256", "typ": "proof+jwt", "jwk": { "kty": "RSA", "n": public["n"], "e": public["e"] } });
    let by = |signer: &dyn JwsSigner| new_key_of(&signed(&header, PAYLOAD, signer)).map(|_| ());
    assert_eq!(by(&RS256.signer_from_der(pair.to_der_private_key()).unwrap()), Ok(()));
    assert_eq!(by(&Rs512.signer_from_der(pair.to_der_private_key()).unwrap()), Err(ProofError::Signature));
}

/// The public key is no secret, and what everybody knows signs nothing.
#[test]
fn the_public_key_signs_nothing() {
    let jwk = ec().jwk;
    let by_the_public_key = HS256.signer_from_bytes(jwk.to_string().repeat(2)).unwrap();
    for (alg, refused) in [("HS256", ProofError::Algorithm), ("ES256", ProofError::Signature)] {
        let proof = signed(&json!({ "alg": alg, "typ": "proof+jwt", "jwk": jwk }), PAYLOAD, &by_the_public_key);
        assert_eq!(new_key_of(&proof), Err(refused), "{alg}");
    }
}

#[test]
fn a_text_that_is_no_jws() {
    let Pair { signer, jwk, .. } = ec();
    let header = json!({ "alg": "ES256", "typ": "proof+jwt", "jwk": jwk });
    let token = signed(&header, PAYLOAD, signer.as_ref());
    assert!(new_key_of(&token).is_ok());
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for text in [
        "",
        ".",
        "..",
        "x",
        head,
        &format!("{head}.{payload}"),
        &format!("{head}=.{payload}.{signature}"),
        &format!(" {token}"),
        &format!("{token}="),
        &format!("{token}."),
        &format!("x.{token}"),
        &format!("{token}, {token}"),
        &format!("{token}.{token}"),
    ] {
        assert_eq!(new_key_of(text), Err(ProofError::Malformed), "{text}");
    }
    assert_eq!(new_key_of(&format!("{head}.{payload}.")), Err(ProofError::Signature));
    for payload in ["", "null", r#"["one"]"#] {
        assert_eq!(new_key_of(&signed(&header, payload, signer.as_ref())), Err(ProofError::Malformed), "{payload}");
    }
    // Not as JSON's list of the same values.
    let list = URL_SAFE_NO_PAD.encode(json!(["ES256", "proof+jwt", jwk]).to_string());
    assert_eq!(new_key_of(&format!("{list}.{payload}.{signature}")), Err(ProofError::Malformed));
    // A member twice (RFC 7515 §4).
    let twice = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","alg":"ES256","typ":"proof+jwt","jwk":{jwk}}}"#));
    assert_eq!(new_key_of(&format!("{twice}.{payload}.{signature}")), Err(ProofError::Malformed));
    // One bit of the signature.
    let mut other = URL_SAFE_NO_PAD.decode(signature).unwrap();
    other[10] ^= 1;
    assert_eq!(new_key_of(&format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(other))), Err(ProofError::Signature));
}

#[test]
fn a_proof_is_not_longer_than_it_may_be() {
    let Pair { signer, jwk, .. } = ec();
    let long = json!({ "jti": "one", "more": "x".repeat(LONGEST) }).to_string();
    assert_eq!(new_key_of(&signed(&json!({ "alg": "ES256", "typ": "proof+jwt", "jwk": jwk }), &long, signer.as_ref())), Err(ProofError::TooLong));
    // To the byte.
    assert_eq!(new_key_of(&"x".repeat(LONGEST)), Err(ProofError::Malformed));
    assert_eq!(new_key_of(&"x".repeat(LONGEST + 1)), Err(ProofError::TooLong));
}
