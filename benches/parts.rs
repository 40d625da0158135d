//! What the pure parts cost on one core: `cargo bench --bench parts`. Absolute times are for reading, never asserted.

#![allow(clippy::unwrap_used)] // a benchmark that cannot start should stop

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use gatekey::domain::clock::Timestamp;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::id::{ClientId, GrantId, SessionId};
use gatekey::domain::secret::Secret;
use gatekey::domain::signing_key::{SigningAlg, SigningKey};
use gatekey::jose::derive::MasterKey;
use gatekey::jose::key_ring::{self, KeyPolicy, KeyRing};
use gatekey::jose::refresh_token::Minter;
use gatekey::jose::sealed::Sealer;
use gatekey::jose::sid::Deriver;
use serde_json::{Map, Value, json};

fn main() {
    signatures();
    symmetric();
}

/// Prints the best of twenty rounds of 20 ms: what the part costs when nothing else is in its way.
fn time<T>(name: &str, mut part: impl FnMut() -> T) {
    let round = |part: &mut dyn FnMut()| {
        let (began, mut calls) = (Instant::now(), 0u32);
        while began.elapsed() < Duration::from_millis(20) {
            part();
            calls += 1;
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
    };
    let mut call = || drop(black_box(part()));
    let best = (0..20).map(|_| round(&mut call)).fold(f64::INFINITY, f64::min);
    println!("{name:<40} {best:>9.2} µs");
}

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// About what an access token carries.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": "https://id.example/", "sub": "0198c5a0-7b1e-7cc3-98c4-dc0c0c07398f", "aud": "https://api.example/", "client_id": "web",
        "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": "0198c5a0-7b1e-7cc3-98c4-dc0c0c073990", "scope": "openid profile offline_access",
        "gid": "0198c5a0-7b1e-7cc3-98c4-dc0c0c073991", "sid": "tI0x8dlh3WpBcM9yGm1c1A", "auth_time": 1_799_990_000, "acr": "pwd",
    });
    claims.as_object().unwrap().clone()
}

fn signatures() {
    let sealer = Sealer::new(MasterKey::generate(&SystemEntropy).subkey("signing keys"));
    let rows: Vec<SigningKey> = SigningAlg::ALL.map(|alg| key_ring::generate(alg, now(), now(), &sealer, &SystemEntropy).unwrap()).into();
    let ring = KeyRing::load(&rows, &sealer, KeyPolicy { retire_after: TimeDelta::hours(1) }).unwrap();
    let claims = claims();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims, now()).unwrap();
        time(&format!("sign {}", alg.as_str()), || ring.sign(alg, "at+jwt", black_box(&claims), now()).unwrap());
        time(&format!("verify {}", alg.as_str()), || ring.verify(black_box(&token), &["at+jwt"], now()).unwrap());
    }
    let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims, now()).unwrap();
    time("verify a remembered token", || ring.verify_cached(black_box(&token), &["at+jwt"], now()).unwrap());
    time("JWKS of four keys", || ring.jwks(black_box(now())));
}

fn symmetric() {
    let master = MasterKey::generate(&SystemEntropy);
    time("derive a subkey", || master.subkey(black_box("codes")));

    let sealer = Sealer::new(master.subkey("codes"));
    let code = [b'c'; 400];
    let text = sealer.seal_text(&SystemEntropy, b"code", &code);
    time("seal a code of 400 bytes", || sealer.seal_text(&SystemEntropy, b"code", black_box(&code)));
    time("open a code of 400 bytes", || sealer.open_text(b"code", black_box(&text)).unwrap());

    let minter = Minter::new(master.subkey("refresh tokens"));
    let (family_id, family_secret) = (GrantId::generate(now(), &SystemEntropy), Secret::new([9; 32]));
    let token = minter.mint(family_id, 7, &family_secret);
    time("mint a refresh token", || minter.mint(family_id, black_box(7), &family_secret));
    time("parse and verify a refresh token", || minter.verify(&minter.parse(black_box(token.expose())).unwrap(), &family_secret).unwrap());

    let deriver = Deriver::new(master.subkey("sid"));
    let (session_id, client_id) = (SessionId::generate(now(), &SystemEntropy), ClientId::parse("web").unwrap());
    time("derive a sid", || deriver.sid(black_box(session_id), &client_id));
}
