//! What we made and get back: signed tokens, refresh tokens, sealed codes. Nothing but the very text that was made is believed.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{halves, text};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::{Entropy, SystemEntropy};
use crate::domain::id::GrantId;
use crate::domain::refresh_family::PresentedRefreshToken;
use crate::domain::secret::Secret;
use crate::domain::signing_key::{SigningAlg, SigningKey};
use crate::jose::key_ring::{self, KeyPolicy, KeyRing, VerifyError};
use crate::jose::refresh_token::Minter;
use crate::jose::sealed::Sealer;
use crate::protocol::json as strict;

/// Three bytes an edit: what, where, and which character.
pub(super) fn edited(real: &str, edits: &[u8]) -> String {
    let mut text: Vec<char> = real.chars().collect();
    for edit in edits.chunks_exact(3) {
        let (place, character) = (usize::from(edit[1]) + 256 * usize::from(edit[0] >> 2), char::from(edit[2]));
        let at = place % (text.len() + 1);
        match edit[0] % 4 {
            0 => text.insert(at, character),
            1 if at < text.len() => text[at] = character,
            2 if at < text.len() => drop(text.remove(at)),
            3 => text.truncate(at),
            _ => {}
        }
    }
    text.into_iter().collect()
}

/// The first bytes changed by those of the input.
fn flipped(real: &[u8], by: &[u8]) -> Vec<u8> {
    real.iter().zip(by.iter().copied().chain(std::iter::repeat(0))).map(|(byte, by)| byte ^ by).collect()
}

/// `e` and edits of a real token, `b` and changes of its bytes, or a text from nowhere.
pub fn refresh_token(data: &[u8]) {
    static MINTER: LazyLock<Minter> = LazyLock::new(|| Minter::new(Secret::new([1; 32])));
    let family_secret = Secret::new([9; 32]);
    let family_id = GrantId(Uuid::from_u128(0x0102_0304_0506_7708_890a_0b0c_0d0e_0f10));
    let minted = MINTER.mint(family_id, 258, &family_secret);
    let real = minted.expose();
    let presented = match data.split_first() {
        Some((b'e', edits)) => edited(real, edits),
        Some((b'b', by)) => {
            let body = real.strip_prefix("gk_rt_").unwrap();
            format!("gk_rt_{}", URL_SAFE_NO_PAD.encode(flipped(&URL_SAFE_NO_PAD.decode(body).unwrap(), by)))
        }
        _ => text(data),
    };
    let found = MINTER.parse(&presented).and_then(|parsed| MINTER.verify(&parsed, &family_secret));
    let expected = (presented == *real).then_some(PresentedRefreshToken { family_id, generation: 258 });
    assert_eq!(found, expected);
    let of_another_family = MINTER.parse(&presented).and_then(|parsed| MINTER.verify(&parsed, &Secret::new([8; 32])));
    assert_eq!(of_another_family, None);
    assert!(Minter::new(Secret::new([2; 32])).parse(&presented).and_then(|parsed| MINTER.verify(&parsed, &family_secret)).is_none());
}

/// Sealed with it, a text is the same each time.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0x5a);
    }
}

/// As [`refresh_token`], of an authorization code.
pub fn code(data: &[u8]) {
    const AAD: &[u8] = b"authorization code";
    const PLAIN: &[u8] = br#"{"client_id":"app","redirect_uri":"https://app.example.com/cb"}"#;
    static SEALER: LazyLock<Sealer> = LazyLock::new(|| Sealer::new(Secret::new([7; 32])));
    static REAL: LazyLock<String> = LazyLock::new(|| SEALER.seal_text(&Fixed, AAD, PLAIN));
    let presented = match data.split_first() {
        Some((b'e', edits)) => edited(&REAL, edits),
        Some((b'b', by)) => URL_SAFE_NO_PAD.encode(flipped(&URL_SAFE_NO_PAD.decode(REAL.as_str()).unwrap(), by)),
        _ => text(data),
    };
    assert_eq!(SEALER.open_text(AAD, &presented).as_deref(), (presented == *REAL).then_some(PLAIN));
    assert_eq!(SEALER.open_text(b"ticket", &presented), None, "CO-06: of another purpose");
    assert_eq!(SEALER.open(AAD, data), None);
}

struct Ring {
    rows: Vec<SigningKey>,
    sealer: Sealer,
    ring: KeyRing,
    claims: Map<String, Value>,
    /// One of each algorithm.
    tokens: [String; 4],
}

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

static RING: LazyLock<Ring> = LazyLock::new(|| {
    let sealer = Sealer::new(Secret::new([7; 32]));
    let rows: Vec<SigningKey> = SigningAlg::ALL.map(|alg| key_ring::generate(alg, now(), now(), &sealer, &SystemEntropy).unwrap()).into();
    let ring = KeyRing::load(&rows, &sealer, KeyPolicy { retire_after: TimeDelta::hours(1) }).unwrap();
    let claims = json!({ "iss": "https://login.example.com/", "sub": "alice", "exp": 1_800_000_600 }).as_object().unwrap().clone();
    let tokens = SigningAlg::ALL.map(|alg| ring.sign(alg, "at+jwt", &claims, now()).unwrap());
    Ring { rows, sealer, ring, claims, tokens }
});

/// `e`, an algorithm and edits of a real token; `h`, a header (in which KID stands for that of our key), a line feed and a payload, which our
/// own key signs; or a text from nowhere.
pub fn jws(data: &[u8]) {
    match data.split_first() {
        Some((b'e', rest)) => {
            let (which, edits) = rest.split_first().unwrap_or((&0, &[]));
            let real = &RING.tokens[usize::from(*which) % 4];
            let presented = edited(real, edits);
            assert_eq!(verified(&presented).ok().as_ref(), (presented == *real).then_some(&RING.claims));
        }
        Some((b'h', rest)) => signed_by_us(&text(rest)),
        _ => assert!(verified(&text(data)).is_err()),
    }
}

/// By every way in, which must agree.
fn verified(token: &str) -> Result<Map<String, Value>, VerifyError> {
    let found = RING.ring.verify(token, &["at+jwt"], now());
    for _ in 0..2 {
        assert_eq!(RING.ring.verify_cached(token, &["at+jwt"], now()).map(|claims| (*claims).clone()), found);
    }
    assert_eq!(RING.ring.verify_hint(token, &["at+jwt"]), found);
    assert!(RING.ring.verify(token, &["logout+jwt"], now()).is_err() || found.is_err(), "of one type only");
    found
}

/// The signature is good: the check of the header alone stands between a forged one and belief.
fn signed_by_us(input: &str) {
    let row = RING.rows.iter().find(|row| row.alg == SigningAlg::EdDsa).unwrap();
    let (header, payload) = halves(input);
    let header = header.replace("KID", &row.kid);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(payload));
    let private = PKey::private_key_from_der(&RING.sealer.open(row.kid.as_bytes(), &row.sealed_private).unwrap()).unwrap();
    let signature = Signer::new_without_digest(&private).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap();
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));

    let says = |header: &Map<String, Value>, name: &str, means: &dyn Fn(&str) -> bool| header.get(name).and_then(Value::as_str).is_some_and(means);
    // RFC 7515 §4: a JSON object, no name twice; and of ours, these three members.
    let good = strict::parse(&header).ok().and_then(|header| header.as_object().cloned()).is_some_and(|header| {
        let typ = |typ: &str| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt");
        header.len() == 3 && says(&header, "alg", &|alg| alg == "EdDSA") && says(&header, "kid", &|kid| kid == row.kid) && says(&header, "typ", &typ)
    });
    let expected = serde_json::from_str::<Map<String, Value>>(payload).ok().filter(|_| good && token.len() <= 16 * 1024);
    assert_eq!(verified(&token).ok(), expected, "{header}");
}
