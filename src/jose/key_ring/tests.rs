//! What the key ring promises, shown with all four algorithms and checked against OpenSSL used directly.

mod forgeries;
mod life;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use serde_json::json;

use super::*;
use crate::domain::entropy::SystemEntropy;
use crate::domain::secret::Secret;

const POLICY: KeyPolicy = KeyPolicy { retire_after: TimeDelta::hours(1) };

fn at(minutes: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
}

fn sealer() -> Sealer {
    Sealer::new(Secret::new([7; 32]))
}

fn key(alg: SigningAlg, announced: i64, active: i64) -> SigningKey {
    generate(alg, at(announced), at(active), &sealer(), &SystemEntropy).unwrap()
}

/// One key of each algorithm, active from minute 0: made once, for RSA keys take long.
static ROWS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| SigningAlg::ALL.map(|alg| key(alg, 0, 0)).into());

fn ring() -> KeyRing {
    KeyRing::load(&ROWS, &sealer(), POLICY).unwrap()
}

fn claims() -> Map<String, Value> {
    json!({ "iss": "https://id.example/", "sub": "alice", "exp": 1_800_000_600, "ä": ["ß", null, 1.5] }).as_object().unwrap().clone()
}

fn row(alg: SigningAlg) -> &'static SigningKey {
    ROWS.iter().find(|row| row.alg == alg).unwrap()
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// A token with this header, signed by `row`'s private key with OpenSSL alone: what an attacker would need our key for, and so
/// the way to show that a check holds by itself and not because the signature happens to fail.
fn signed_by_openssl(row: &SigningKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let private: PKey<Private> = PKey::private_key_from_der(&sealer().open(row.kid.as_bytes(), &row.sealed_private).unwrap()).unwrap();
    let signature = if row.alg == SigningAlg::EdDsa {
        Signer::new_without_digest(&private).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap()
    } else {
        let mut signer = Signer::new(MessageDigest::sha256(), &private).unwrap();
        if row.alg == SigningAlg::Ps256 {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        if row.alg == SigningAlg::Es256 {
            let signature = EcdsaSig::from_der(&signature).unwrap();
            [signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat()
        } else {
            signature
        }
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(row: &SigningKey) -> String {
    format!(r#"{{"alg":"{}","kid":"{}","typ":"at+jwt"}}"#, row.alg.as_str(), row.kid)
}

/// The public key of a published JWK, put together without josekit.
fn public_key(jwk: &Value) -> PKey<Public> {
    let number = |member: &str| BigNum::from_slice(&decoded(jwk[member].as_str().unwrap())).unwrap();
    match (jwk["kty"].as_str().unwrap(), jwk["crv"].as_str()) {
        ("EC", Some("P-256")) => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap()).unwrap()
        }
        ("RSA", None) => PKey::from_rsa(Rsa::from_public_components(number("n"), number("e")).unwrap()).unwrap(),
        ("OKP", Some("Ed25519")) => PKey::public_key_from_raw_bytes(&decoded(jwk["x"].as_str().unwrap()), Id::ED25519).unwrap(),
        other => panic!("unexpected key {other:?}"),
    }
}

/// Verifies as a stranger would: the JWKS, RFC 7518 §3.3–3.5, RFC 8037 §3.1, and OpenSSL.
fn verifies_by_openssl(jwks: &Value, token: &str) -> bool {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(input.split_once('.').unwrap().0)).unwrap();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
    assert_eq!(jwk["alg"], header["alg"]);
    let (key, signature) = (public_key(jwk), decoded(signature));
    match header["alg"].as_str().unwrap() {
        "EdDSA" => Verifier::new_without_digest(&key).unwrap().verify_oneshot(&signature, input.as_bytes()).unwrap(),
        "ES256" => {
            assert_eq!(signature.len(), 64);
            let number = |half: &[u8]| BigNum::from_slice(half).unwrap();
            let signature = EcdsaSig::from_private_components(number(&signature[..32]), number(&signature[32..])).unwrap();
            Verifier::new(MessageDigest::sha256(), &key).unwrap().verify_oneshot(&signature.to_der().unwrap(), input.as_bytes()).unwrap()
        }
        alg => {
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            if alg == "PS256" {
                verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
                verifier.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
                // Exactly the length of the hash (RFC 7518 §3.5).
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32)).unwrap();
            }
            verifier.verify_oneshot(&signature, input.as_bytes()).unwrap()
        }
    }
}

#[test]
fn every_algorithm_signs_and_verifies_here_and_with_openssl() {
    let ring = ring();
    let jwks: Value = serde_json::from_str(&ring.jwks(at(0))).unwrap();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims(), at(0)).unwrap();
        assert_eq!(ring.verify(&token, &["at+jwt"], at(0)).unwrap(), claims());
        assert!(verifies_by_openssl(&jwks, &token), "{alg:?}");
        let foreign = signed_by_openssl(row(alg), &header(row(alg)), r#"{"sub":"bob"}"#);
        assert_eq!(ring.verify(&foreign, &["at+jwt"], at(0)).unwrap()["sub"], "bob");
        // The header is alg, kid and typ, and nothing else.
        let header: Map<String, Value> = serde_json::from_slice(&decoded(token.split('.').next().unwrap())).unwrap();
        assert_eq!(Value::Object(header), json!({ "alg": alg.as_str(), "kid": row(alg).kid, "typ": "at+jwt" }));
    }
}

/// One signature in 128 has a leading zero in r or s, which a careless encoder drops.
#[test]
fn ecdsa_signatures_have_64_bytes_every_time() {
    let ring = ring();
    let jwks: Value = serde_json::from_str(&ring.jwks(at(0))).unwrap();
    let mut leading_zeros = 0;
    // Every signature is another, for its nonce is random; so the same token will do.
    while leading_zeros < 3 {
        let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
        let signature = decoded(token.rsplit_once('.').unwrap().1);
        leading_zeros += usize::from(signature[0] == 0 || signature[32] == 0);
        assert!(verifies_by_openssl(&jwks, &token));
        assert!(ring.verify(&token, &["at+jwt"], at(0)).is_ok());
    }
}

#[test]
fn the_jwks_has_public_members_alone_and_kids_that_are_thumbprints() {
    let jwks: Value = serde_json::from_str(&ring().jwks(at(0))).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4);
    for jwk in keys {
        let members: BTreeSet<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = match jwk["kty"].as_str().unwrap() {
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
            _ => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(members, expected.iter().copied().collect());
        assert_eq!(jwk["use"], "sig");
        assert_eq!(crate::jose::jwk::thumbprint(jwk.as_object().unwrap()).as_deref(), jwk["kid"].as_str());
        assert_eq!(public_key(jwk).bits(), if jwk["kty"] == "RSA" { 2048 } else { 256 });
    }
    assert_eq!(ring().jwks(at(0)), ring().jwks(at(0)), "the same bytes from every ring");
}

#[test]
fn rows_that_were_tampered_with_are_refused() {
    let load = |rows: &[SigningKey]| KeyRing::load(rows, &sealer(), POLICY).map(|_| ());
    let (first, second) = (key(SigningAlg::Es256, 0, 0), key(SigningAlg::Es256, 0, 0));
    assert!(load(&[first.clone(), second.clone()]).is_ok());
    assert!(matches!(load(&[first.clone(), first.clone()]), Err(KeyError::Duplicate { .. })));
    // A private key moved into another row, a flipped bit, another master key.
    assert!(matches!(load(&[SigningKey { sealed_private: second.sealed_private.clone(), ..first.clone() }]), Err(KeyError::Sealed { .. })));
    let mut flipped = first.clone();
    flipped.sealed_private[30] ^= 1;
    assert!(matches!(load(&[flipped]), Err(KeyError::Sealed { .. })));
    let other = Sealer::new(Secret::new([8; 32]));
    assert!(matches!(KeyRing::load(std::slice::from_ref(&first), &other, POLICY), Err(KeyError::Sealed { .. })));
    // A public key put in place of ours: we would publish it, and believe whoever holds its private half.
    assert!(matches!(load(&[SigningKey { public_jwk: second.public_jwk.clone(), ..first.clone() }]), Err(KeyError::Mismatch { .. })));
    assert!(matches!(load(&[SigningKey { public_jwk: String::new(), ..first.clone() }]), Err(KeyError::Mismatch { .. })));
    // Another algorithm: of another key type it does not parse, of the same it does not match its JWK.
    assert!(matches!(load(&[SigningKey { alg: SigningAlg::EdDsa, ..first.clone() }]), Err(KeyError::Material { .. })));
    let rsa = row(SigningAlg::Rs256).clone();
    assert!(matches!(load(&[SigningKey { alg: SigningAlg::Ps256, ..rsa }]), Err(KeyError::Mismatch { .. })));
}

#[test]
fn private_keys_are_nowhere_in_clear() {
    for row in ROWS.iter() {
        let pkcs8 = sealer().open(row.kid.as_bytes(), &row.sealed_private).unwrap();
        let middle = &pkcs8[pkcs8.len() - 24..pkcs8.len() - 8];
        assert!(!row.sealed_private.windows(16).any(|window| window == middle));
        assert!(row.sealed_private.len() == pkcs8.len() + 40);
    }
    let printed = format!("{:?}", ring());
    assert!(ROWS.iter().all(|row| printed.contains(&row.kid)) && printed.len() < 400);
}
