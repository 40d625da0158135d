//! What brings its own key: a proof of DPoP. Nothing is believed but what that key has signed, whole, and for no other request.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::tokens::edited;
use super::{halves, text};
use crate::domain::clock::Timestamp;
use crate::domain::dpop::{DpopProof, KeyThumbprint};
use crate::domain::secret::Digest;
use crate::jose::dpop_proof::read;
use crate::protocol::dpop::{Request, judge};

const TOKEN_ENDPOINT: &str = "https://login.example.com/oauth/token";

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

static KEY: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::private_key_from_raw_bytes(&[7; 32], Id::ED25519).unwrap());
static JWK: LazyLock<Value> = LazyLock::new(|| json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(KEY.raw_public_key().unwrap()) }));

fn signed(header: &str, claims: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = Signer::new_without_digest(&KEY).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

static REAL: LazyLock<String> = LazyLock::new(|| {
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": *JWK }).to_string();
    signed(&header, &json!({ "jti": "one", "htm": "POST", "htu": TOKEN_ENDPOINT, "iat": now().timestamp() }).to_string())
});

/// `e` and edits of a real proof; `h`, a header (in which JWK stands for our key), a line feed and claims, which our own key signs; `u` and two
/// addresses on two lines; or a text from nowhere.
pub fn dpop_proof(data: &[u8]) {
    match data.split_first() {
        Some((b'e', edits)) => {
            let presented = edited(&REAL, edits);
            let found = read(&presented);
            assert_eq!(found.is_ok(), presented == *REAL, "{presented}");
            if let Ok(proof) = found {
                let judged = |method, url, access_token| judge(&proof, &Request { method, url, access_token }, now()).is_ok();
                assert!(judged("POST", TOKEN_ENDPOINT, None));
                assert!(!judged("GET", TOKEN_ENDPOINT, None) && !judged("POST", "https://login.example.com/userinfo", None));
                assert!(!judged("POST", TOKEN_ENDPOINT, Some("token")));
            }
        }
        Some((b'h', rest)) => signed_by_its_key(&text(rest)),
        Some((b'u', rest)) => {
            let both = text(rest);
            let (one, other) = halves(&both);
            addresses(one, other);
        }
        _ => assert!(read(&text(data)).is_err()),
    }
}

/// The signature is good: what is believed is an object with the members that it needs, and of their kinds.
fn signed_by_its_key(input: &str) {
    let (header, claims) = halves(input);
    let header = header.replace("JWK", &JWK.to_string());
    let Ok(proof) = read(&signed(&header, claims)) else { return };
    // A number that nothing reads may be beyond all numbers.
    let (Ok(header), Ok(claims)) = (serde_json::from_str::<Value>(&header), serde_json::from_str::<Value>(claims)) else { return };
    assert!(["EdDSA", "Ed25519"].iter().any(|alg| header["alg"] == *alg) && header.get("crit").is_none(), "{header}");
    let typ = header["typ"].as_str().unwrap().to_ascii_lowercase();
    assert_eq!(typ.trim_start_matches("application/"), "dpop+jwt");
    assert!(header["jwk"].get("d").is_none() && header["jwk"]["x"] == JWK["x"], "{header}");
    assert_eq!((&claims["jti"], &claims["htm"], &claims["htu"]), (&json!(proof.jti), &json!(proof.htm), &json!(proof.htu)));
    assert!(claims["iat"].is_number() && (claims["ath"].is_null() || claims["ath"] == json!(proof.ath)));
}

/// Two addresses are the same both ways round or not at all, and none is the same as an address of another host.
fn addresses(one: &str, other: &str) {
    let same = |htu: &str, url: &str| {
        let key = KeyThumbprint::of(&Digest([0; 32]));
        let proof = DpopProof { key, jti: "one".to_owned(), htm: "GET".to_owned(), htu: htu.to_owned(), iat: now().timestamp(), ath: None };
        judge(&proof, &Request { method: "GET", url, access_token: None }, now()).is_ok()
    };
    assert_eq!(same(one, other), same(other, one), "{one} {other}");
    if same(one, other) {
        assert!(same(one, one) && same(other, other), "{one} {other}");
        for (raw, encoded) in [("^", "%5E"), ("{", "%7b"), ("|", "%7C"), ("}", "%7D")] {
            assert!(same(&one.replace(raw, encoded), other), "{one} {other}");
        }
        let host = |address: &str| url::Url::parse(address).unwrap().host_str().unwrap().to_owned();
        assert_eq!(host(one), host(other));
        assert!(!same(one, "https://another.example.com/") || host(one) == "another.example.com");
    }
}
