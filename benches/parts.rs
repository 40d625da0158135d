//! What the pure parts cost on one core: `cargo bench --bench parts`. Absolute times are for reading, never asserted.

#![allow(clippy::unwrap_used)] // a benchmark that cannot start should stop

use std::hint::black_box;

use chrono::{DateTime, TimeDelta};
use criterion::{Criterion, criterion_group, criterion_main};
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

fn signatures(c: &mut Criterion) {
    let sealer = Sealer::new(MasterKey::generate(&SystemEntropy).subkey("signing keys"));
    let rows: Vec<SigningKey> = SigningAlg::ALL.map(|alg| key_ring::generate(alg, now(), now(), &sealer, &SystemEntropy).unwrap()).into();
    let ring = KeyRing::load(&rows, &sealer, KeyPolicy { retire_after: TimeDelta::hours(1) }).unwrap();
    let claims = claims();
    for alg in SigningAlg::ALL {
        let token = ring.sign(alg, "at+jwt", &claims, now()).unwrap();
        c.bench_function(&format!("sign {}", alg.as_str()), |b| b.iter(|| ring.sign(alg, "at+jwt", black_box(&claims), now()).unwrap()));
        c.bench_function(&format!("verify {}", alg.as_str()), |b| b.iter(|| ring.verify(black_box(&token), &["at+jwt"], now()).unwrap()));
    }
    let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims, now()).unwrap();
    c.bench_function("verify a remembered token", |b| b.iter(|| ring.verify_cached(black_box(&token), &["at+jwt"], now()).unwrap()));
    c.bench_function("JWKS of four keys", |b| b.iter(|| ring.jwks(black_box(now()))));
}

fn symmetric(c: &mut Criterion) {
    let master = MasterKey::generate(&SystemEntropy);
    c.bench_function("derive a subkey", |b| b.iter(|| master.subkey(black_box("codes"))));

    let sealer = Sealer::new(master.subkey("codes"));
    let code = [b'c'; 400];
    let text = sealer.seal_text(&SystemEntropy, b"code", &code);
    c.bench_function("seal a code of 400 bytes", |b| b.iter(|| sealer.seal_text(&SystemEntropy, b"code", black_box(&code))));
    c.bench_function("open a code of 400 bytes", |b| b.iter(|| sealer.open_text(b"code", black_box(&text)).unwrap()));

    let minter = Minter::new(master.subkey("refresh tokens"));
    let (family_id, family_secret) = (GrantId::generate(now(), &SystemEntropy), Secret::new([9; 32]));
    let token = minter.mint(family_id, 7, &family_secret);
    c.bench_function("mint a refresh token", |b| b.iter(|| minter.mint(family_id, black_box(7), &family_secret)));
    c.bench_function("parse and verify a refresh token", |b| {
        b.iter(|| minter.verify(&minter.parse(black_box(token.expose())).unwrap(), &family_secret).unwrap());
    });

    let deriver = Deriver::new(master.subkey("sid"));
    let (session_id, client_id) = (SessionId::generate(now(), &SystemEntropy), ClientId::parse("web").unwrap());
    c.bench_function("derive a sid", |b| b.iter(|| deriver.sid(black_box(session_id), &client_id)));
}

criterion_group!(parts, signatures, symmetric);
criterion_main!(parts);
