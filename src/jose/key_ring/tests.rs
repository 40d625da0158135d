//! What the key ring promises, shown with all four algorithms and checked against OpenSSL used directly.

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
use proptest::prelude::*;
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
fn a_token_of_one_key_never_verifies_under_another() {
    let ring = ring();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims(), at(0)).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let payload = input.split_once('.').unwrap().1;
        for other in SigningAlg::ALL.into_iter().filter(|other| *other != alg) {
            let with_header = |header: &str| format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header));
            // Another key, honestly named.
            assert_eq!(ring.verify(&with_header(&header(row(other))), &["at+jwt"], at(0)), Err(VerifyError::BadSignature));
            // Our key under the name of another algorithm, validly signed by it over that very header.
            let confused = header(row(alg)).replace(alg.as_str(), other.as_str());
            let confused = signed_by_openssl(row(alg), &confused, r#"{"sub":"bob"}"#);
            assert_eq!(ring.verify(&confused, &["at+jwt"], at(0)), Err(VerifyError::WrongAlgorithm));
        }
    }
}

/// CA-07, PN-03: `none` in every case, HMAC keyed with what is public, an algorithm that is no text or not there.
#[test]
fn none_and_hmac_are_refused() {
    let ring = ring();
    for row in ROWS.iter() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"alice"}"#);
        let jwk = serde_json::from_str(&row.public_jwk).unwrap();
        let public_key = public_key(&jwk);
        let secrets = [public_key.public_key_to_pem().unwrap(), public_key.public_key_to_der().unwrap(), row.public_jwk.clone().into_bytes(), vec![0]];
        for alg in ["none", "None", "nOnE", "NONE", "HS256", "HS384", "HS512", "", "ES256K", "RS1", "ES384"] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","kid":"{}","typ":"at+jwt"}}"#, row.kid));
            let input = format!("{header}.{payload}");
            assert_eq!(ring.verify(&format!("{input}."), &["at+jwt"], at(0)), Err(VerifyError::WrongAlgorithm));
            for secret in &secrets {
                let mac = Signer::new(MessageDigest::sha256(), &PKey::hmac(secret).unwrap()).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap();
                let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac));
                assert_eq!(ring.verify(&token, &["at+jwt"], at(0)), Err(VerifyError::WrongAlgorithm));
            }
        }
    }
}

/// CA-08: each of these is validly signed by our own key, so only the header can be what refuses it.
#[test]
fn a_header_that_brings_its_own_key_or_rules_is_refused() {
    let row = row(SigningAlg::Es256);
    let (kid, ring) = (&row.kid, ring());
    let jwk = &row.public_jwk;
    let malformed = [
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","jwk":{jwk}}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","jku":"https://evil.test/jwks"}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","x5u":"https://evil.test/cert"}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","x5c":[]}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","crit":["exp"],"exp":1}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","crit":[]}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","b64":false}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","cty":"JWT"}}"#),
        format!(r#"{{"alg":"ES256","alg":"ES256","kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"alg":"ES256","kid":"other","kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"alg":["ES256"],"kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"alg":null,"kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#),
        r#"{"alg":"ES256","typ":"at+jwt"}"#.to_owned(),
        r#"{"alg":"ES256","kid":null,"typ":"at+jwt"}"#.to_owned(),
        format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt"}} x"#),
        String::new(),
        "null".to_owned(),
    ];
    for header in malformed {
        assert_eq!(ring.verify(&signed_by_openssl(row, &header, "{}"), &["at+jwt"], at(0)), Err(VerifyError::Malformed), "{header}");
    }
    for kid in ["' OR 1=1", "../../x", "", &"k".repeat(10_000), &kid.to_lowercase(), &format!("{kid} ")] {
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt" }).to_string();
        assert_eq!(ring.verify(&signed_by_openssl(row, &header, "{}"), &["at+jwt"], at(0)), Err(VerifyError::UnknownKey), "{kid}");
    }
}

#[test]
fn the_type_must_be_one_of_those_allowed() {
    let ring = ring();
    let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    for allowed in [&["at+jwt"][..], &["JWT", "AT+JWT"], &["application/at+jwt"]] {
        assert!(ring.verify(&token, allowed, at(0)).is_ok());
    }
    for allowed in [&["JWT"][..], &["logout+jwt", "JWT"], &[]] {
        assert_eq!(ring.verify(&token, allowed, at(0)), Err(VerifyError::WrongType));
    }
}

#[test]
fn a_payload_that_is_no_object_is_malformed_even_when_signed() {
    let row = row(SigningAlg::Es256);
    for payload in ["", "null", "[]", "\"text\"", "{", "{}{}"] {
        assert_eq!(ring().verify(&signed_by_openssl(row, &header(row), payload), &["at+jwt"], at(0)), Err(VerifyError::Malformed), "{payload}");
    }
}

/// CO-11, and RFC 7515 §5.2: no second spelling of a token.
#[test]
fn no_other_spelling_of_a_token_verifies() {
    let ring = ring();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims(), at(0)).unwrap();
        for end in 0..token.len() {
            assert!(ring.verify(&token[..end], &["at+jwt"], at(0)).is_err(), "cut at {end}");
        }
        for tail in ["=", "==", "A", "AAAA", " ", "\n", "\0", ".", ".AAAA", "%00"] {
            assert!(ring.verify(&format!("{token}{tail}"), &["at+jwt"], at(0)).is_err(), "{tail:?} appended");
            assert!(ring.verify(&format!("{tail}{token}"), &["at+jwt"], at(0)).is_err(), "{tail:?} before");
        }
        for (from, to) in [("-", "+"), ("_", "/"), (".", ".."), (".", ""), (".", "=.")] {
            let respelled = token.replacen(from, to, 1);
            assert!(respelled == token || ring.verify(&respelled, &["at+jwt"], at(0)).is_err());
        }
        // The last character of a part may have spare bits: they must be zero.
        let last = token.chars().next_back().unwrap();
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|other| *other != last) {
            assert!(ring.verify(&format!("{}{other}", &token[..token.len() - 1]), &["at+jwt"], at(0)).is_err());
        }
    }
}

#[test]
fn signatures_of_zeros_or_of_another_length_are_refused_quietly() {
    let ring = ring();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims(), at(0)).unwrap();
        let input = token.rsplit_once('.').unwrap().0;
        for length in [0, 1, 32, 63, 64, 65, 255, 256, 257, 1000] {
            for byte in [0u8, 1, 0x80, 0xff] {
                let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(vec![byte; length]));
                assert_eq!(ring.verify(&forged, &["at+jwt"], at(0)), Err(VerifyError::BadSignature));
            }
        }
    }
}

#[test]
fn a_token_above_16_kib_is_not_looked_at() {
    let ring = ring();
    let of = |length: usize| json!({ "pad": "a".repeat(length) }).as_object().unwrap().clone();
    let longest = ring.sign(SigningAlg::EdDsa, "at+jwt", &of(12_000), at(0)).unwrap();
    assert!(longest.len() <= 16 * 1024);
    assert!(ring.verify(&longest, &["at+jwt"], at(0)).is_ok());
    let too_long = ring.sign(SigningAlg::EdDsa, "at+jwt", &of(13_000), at(0)).unwrap();
    assert_eq!(ring.verify(&too_long, &["at+jwt"], at(0)), Err(VerifyError::TooLong));
    assert_eq!(ring.verify_cached(&too_long, &["at+jwt"], at(0)), Err(VerifyError::TooLong));
}

proptest! {
    #[test]
    fn one_flipped_bit_never_verifies(alg in prop::sample::select(&SigningAlg::ALL[..]), at_byte in any::<prop::sample::Index>(), bit in 0u32..7) {
        static RING: LazyLock<KeyRing> = LazyLock::new(ring);
        let token = RING.sign(alg, "at+jwt", &claims(), at(0)).unwrap();
        let mut bytes = token.clone().into_bytes();
        bytes[at_byte.index(token.len())] ^= 1u8 << bit;
        let flipped = String::from_utf8(bytes).unwrap();
        prop_assert!(RING.verify(&flipped, &["at+jwt"], at(0)).is_err());
        prop_assert!(RING.verify_cached(&token, &["at+jwt"], at(0)).is_ok());
        prop_assert!(RING.verify_cached(&flipped, &["at+jwt"], at(0)).is_err());
    }

    #[test]
    fn garbage_is_refused(text in any::<String>(), parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        static RING: LazyLock<KeyRing> = LazyLock::new(ring);
        prop_assert!(RING.verify(&text, &["at+jwt"], at(0)).is_err());
        prop_assert!(RING.verify_cached(&parts.join("."), &["at+jwt"], at(0)).is_err());
    }
}

/// Three rotations of one algorithm, ten minutes of announcement each, looked at every minute and just before it.
#[test]
fn the_life_of_keys_over_several_rotations() {
    let rows: Vec<SigningKey> = (0..4).map(|n| key(SigningAlg::Es256, if n == 0 { 0 } else { n * 90 - 10 }, n * 90)).collect();
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    let published = |now: Timestamp| -> BTreeSet<String> {
        let jwks: Value = serde_json::from_str(&ring.jwks(now)).unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect()
    };
    let minutes = 0..5 * 90;
    let instants: Vec<Timestamp> = minutes.flat_map(|minute| [at(minute), at(minute + 1) - TimeDelta::microseconds(1)]).collect();
    assert!(!ring.has_active(SigningAlg::Es256, at(0) - TimeDelta::microseconds(1)));
    for now in &instants {
        assert!(ring.has_active(SigningAlg::Es256, *now));
        let states = ring.states(*now);
        assert_eq!(states.iter().filter(|info| info.state == KeyState::Active).count(), 1);
        let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), *now).unwrap();
        let header: Value = serde_json::from_slice(&decoded(token.split('.').next().unwrap())).unwrap();
        let kid = header["kid"].as_str().unwrap();
        let signer = rows.iter().find(|row| row.kid == kid).unwrap();
        assert!(signer.active_from <= *now, "an announced key signed");
        assert!(rows.iter().all(|row| row.active_from > *now || row.active_from <= signer.active_from), "not the youngest");
        // Whoever has the token can verify it for all of `retire_after`.
        for later in instants.iter().filter(|later| now <= *later && **later <= *now + POLICY.retire_after) {
            assert!(published(*later).contains(kid));
        }
        assert!(ring.verify(&token, &["at+jwt"], *now + POLICY.retire_after).is_ok());
    }
    for pair in instants.windows(2) {
        let (now, later) = (pair[0], pair[1]);
        let changes = ring.next_change(now).is_some_and(|at| at <= later);
        assert_eq!(ring.states(now) != ring.states(later), changes);
        assert!(changes || ring.jwks(now) == ring.jwks(later));
    }
    // And in the end the old ones are gone, and their tokens with them.
    let old = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    assert!(ring.verify(&old, &["at+jwt"], at(149)).is_ok());
    assert_eq!(ring.verify(&old, &["at+jwt"], at(150)), Err(VerifyError::RetiredKey));
    assert_eq!(published(at(1000)), BTreeSet::from([rows[3].kid.clone()]));
    assert_eq!(ring.next_change(at(1000)), None);
}

#[test]
fn an_announced_key_is_published_signs_nothing_and_verifies_for_a_replica_that_is_ahead() {
    let rows = [key(SigningAlg::Es256, 0, 0), key(SigningAlg::Es256, 10, 20)];
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    assert!(ring.jwks(at(10)).contains(&rows[1].kid));
    let ahead = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(20)).unwrap();
    assert!(ring.verify(&ahead, &["at+jwt"], at(19)).is_ok());
    let now = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(19)).unwrap();
    assert_ne!(ahead.split('.').next(), now.split('.').next());
}

#[test]
fn a_key_retired_by_hand_verifies_nothing_from_then_on() {
    let mut rows = vec![key(SigningAlg::Es256, 0, 0)];
    let token = KeyRing::load(&rows, &sealer(), POLICY).unwrap().sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    rows[0].retired_at = Some(at(30));
    rows.push(key(SigningAlg::Es256, 30, 30));
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    for verify in
        [KeyRing::verify as fn(&KeyRing, &str, &[&str], Timestamp) -> _, |ring, token, typ, now| ring.verify_cached(token, typ, now).map(Arc::unwrap_or_clone)]
    {
        assert!(verify(&ring, &token, &["at+jwt"], at(30) - TimeDelta::microseconds(1)).is_ok());
        assert_eq!(verify(&ring, &token, &["at+jwt"], at(30)), Err(VerifyError::RetiredKey));
    }
    assert!(!ring.jwks(at(30)).contains(&rows[0].kid));
    assert!(ring.has_active(SigningAlg::Es256, at(30)));
    assert!(ring.knows(&rows[0].kid) && !ring.knows("other"));
}

#[test]
fn without_an_active_key_signing_says_so() {
    let ring = KeyRing::load(&[key(SigningAlg::Es256, 0, 10)], &sealer(), POLICY).unwrap();
    assert!(!ring.has_active(SigningAlg::Es256, at(9)));
    assert!(matches!(ring.sign(SigningAlg::Es256, "JWT", &claims(), at(9)), Err(KeyError::NoActiveKey(SigningAlg::Es256))));
    assert!(matches!(ring.sign(SigningAlg::EdDsa, "JWT", &claims(), at(10)), Err(KeyError::NoActiveKey(SigningAlg::EdDsa))));
    assert_eq!(ring.next_change(at(9)), Some(at(10)));
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

#[test]
fn remembering_changes_the_cost_and_never_the_answer() {
    let ring = ring();
    let (token, other) = (ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap(), ring.sign(SigningAlg::EdDsa, "JWT", &claims(), at(0)).unwrap());
    // A wrong type is not remembered, and remembering does not let it through.
    assert_eq!(ring.verify_cached(&token, &["JWT"], at(0)), Err(VerifyError::WrongType));
    assert!(ring.verified_tokens().is_empty());
    let first = ring.verify_cached(&token, &["at+jwt"], at(0)).unwrap();
    let second = ring.verify_cached(&token, &["application/AT+JWT"], at(0)).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "the second answer was remembered");
    assert_eq!(*first, claims());
    assert_eq!(ring.verify_cached(&token, &["JWT"], at(0)), Err(VerifyError::WrongType));
    // Failures are not remembered.
    for forged in [format!("{token}A"), token.replacen('.', "..", 1), other.replace('.', ""), String::new()] {
        assert!(ring.verify_cached(&forged, &["at+jwt", "JWT"], at(0)).is_err());
    }
    assert_eq!(ring.verified_tokens().len(), 1);
    // Long tokens are verified each time.
    let long = ring.sign(SigningAlg::EdDsa, "at+jwt", json!({ "pad": "a".repeat(4000) }).as_object().unwrap(), at(0)).unwrap();
    assert!(ring.verify_cached(&long, &["at+jwt"], at(0)).is_ok());
    assert_eq!(ring.verified_tokens().len(), 1);
    // Another ring, after a reload, knows nothing of it.
    let reloaded = KeyRing::load(&ROWS, &sealer(), POLICY).unwrap();
    assert!(reloaded.verified_tokens().is_empty());
}

#[test]
fn a_remembered_token_dies_with_its_key() {
    let rows = [key(SigningAlg::Es256, 0, 0), key(SigningAlg::Es256, 10, 20)];
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    assert!(ring.verify_cached(&token, &["at+jwt"], at(0)).is_ok());
    assert!(ring.verify_cached(&token, &["at+jwt"], at(79)).is_ok());
    assert_eq!(ring.verify_cached(&token, &["at+jwt"], at(80)), Err(VerifyError::RetiredKey));
}

#[test]
fn many_threads_share_one_ring() {
    let ring = ring();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ring = &ring;
            scope.spawn(move || {
                for number in 0..50 {
                    let claims = json!({ "thread": thread, "number": number }).as_object().unwrap().clone();
                    let token = ring.sign(SigningAlg::EdDsa, "at+jwt", &claims, at(0)).unwrap();
                    for _ in 0..3 {
                        assert_eq!(*ring.verify_cached(&token, &["at+jwt"], at(0)).unwrap(), claims);
                    }
                }
            });
        }
    });
    assert_eq!(ring.verified_tokens().len(), 200);
}
