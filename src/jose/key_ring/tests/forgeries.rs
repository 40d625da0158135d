//! Tokens that must not verify, most of them signed with our own keys, so that the check alone refuses them.

use proptest::prelude::*;

use super::*;

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
        format!(r#"["ES256","{kid}","at+jwt"]"#),
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
