//! The issuer's keys at run time: a snapshot of the ring, reloaded now and then so that a replica learns of keys that
//! another one made, and the JWKS as prepared bytes.
//!
//! A snapshot stays in use while the database is away: signing, verifying and the JWKS do not depend on it (P6).

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, MutexGuard};

use super::key_schedule::keep;
use super::{Core, Failure, running_settings};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::duration::Lifetime;
use crate::domain::entropy::Entropy;
use crate::domain::lifetime::{Limit, LimitOverrides, Limits};
use crate::domain::running_setting::RunningSetting;
use crate::domain::secret::Digest;
use crate::domain::signing_key::{SigningAlg, SigningKey};
use crate::jose::key_ring::{self, KeyPolicy, KeyRing};
use crate::jose::rotation::Schedule;
use crate::jose::sealed::Sealer;
use crate::protocol::error::OAuthError;
use crate::protocol::id_token;
use crate::store::{Connection, Store, StoreError, lifetime_rules, registered, signing_keys};

/// The prepared JWKS.
#[derive(Debug)]
pub struct Jwks {
    pub body: Bytes,
    pub etag: String,
    valid_until: Option<Timestamp>,
}

struct Snapshot {
    ring: KeyRing,
    /// What some client's ID tokens or userinfo are signed with.
    in_use: BTreeSet<SigningAlg>,
    registered: LimitOverrides,
    loaded_at: Timestamp,
    jwks: RwLock<Arc<Jwks>>,
}

pub struct Keys {
    snapshot: RwLock<Arc<Snapshot>>,
    sealer: Sealer,
    limits: Limits,
    algorithms: Vec<SigningAlg>,
    schedule: Schedule,
    /// One reload at a time; holds when the last one was tried.
    reloading: Mutex<Timestamp>,
}

/// A replica hears of a new key within this time; a key is announced for far longer before it signs.
const RELOAD_EVERY: TimeDelta = TimeDelta::seconds(60);
/// From here on what is known may be wrong, not only late.
const OUTDATED: TimeDelta = TimeDelta::minutes(10);
/// An unknown `kid` asks the database again, but a flood of forged ones does not.
const RELOAD_AT_MOST_EVERY: TimeDelta = TimeDelta::seconds(5);

impl Keys {
    /// Loads the ring, making a first key for each of `algorithms` that has none.
    pub async fn open(
        store: &Store,
        sealer: Sealer,
        limits: &Limits,
        algorithms: Vec<SigningAlg>,
        schedule: Schedule,
        clock: &dyn Clock,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, Failure> {
        // Without the first keys there is no issuer; that a next one is due keeps nobody from starting.
        let first = Schedule { every: None, ..schedule };
        for alg in &algorithms {
            keep(store, &sealer, entropy, first, *alg, clock.now()).await?;
        }
        let now = clock.now();
        let snapshot = load(store, &sealer, limits, now).await?;
        Ok(Self { snapshot: RwLock::new(Arc::new(snapshot)), sealer, limits: *limits, algorithms, schedule, reloading: Mutex::new(now) })
    }

    pub async fn sign(&self, core: &Core, alg: SigningAlg, typ: &str, claims: &Map<String, Value>, mut now: Timestamp) -> Result<String, Failure> {
        let mut snapshot = self.fresh(core, now).await;
        if !snapshot.ring.has_active(alg, now) {
            // The first token in this algorithm: no verifier knows a key of it, so the new one may sign at once.
            keep(&core.store, &self.sealer, &core.entropy, self.schedule, alg, now).await?;
            // The key may be another replica's, made since this request began.
            now = core.now();
            self.reload(core, now).await?;
            snapshot = self.current();
        }
        snapshot.ring.sign(alg, typ, claims, now).map_err(|error| Failure::Unavailable(error.to_string()))
    }

    /// The claims of a token this issuer signed, with one of the types `typ`; expiry and audience are the caller's to judge.
    pub async fn verify(&self, core: &Core, token: &str, typ: &[&str]) -> Result<Arc<Map<String, Value>>, OAuthError> {
        let now = core.now();
        let refused = |error: key_ring::VerifyError| OAuthError::invalid_token(error.to_string());
        match self.fresh(core, now).await.ring.verify_cached(token, typ, now) {
            Err(key_ring::VerifyError::UnknownKey) if self.reload_if_quiet(core, now).await => {
                self.current().ring.verify_cached(token, typ, now).map_err(refused)
            }
            answer => answer.map_err(refused),
        }
    }

    /// The claims of an ID token that this issuer signed, however long ago.
    pub async fn verify_hint(&self, core: &Core, token: &str) -> Option<Map<String, Value>> {
        self.fresh(core, core.now()).await.ring.verify_hint(token, &[id_token::TYP]).ok()
    }

    /// The longest session limits that any client is registered with.
    pub async fn registered(&self, core: &Core) -> LimitOverrides {
        self.fresh(core, core.now()).await.registered
    }

    pub async fn jwks(&self, core: &Core) -> Arc<Jwks> {
        let now = core.now();
        let snapshot = self.fresh(core, now).await;
        let prepared = snapshot.jwks.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        if prepared.valid_until.is_none_or(|until| now < until) {
            return prepared;
        }
        let prepared = Arc::new(prepare(&snapshot.ring, now));
        *snapshot.jwks.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = prepared.clone();
        prepared
    }

    fn current(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The snapshot, reloaded first when it is old, by a clock that was set back too; while the database is away the old one serves.
    async fn fresh(&self, core: &Core, now: Timestamp) -> Arc<Snapshot> {
        let age = |snapshot: &Snapshot| now.signed_duration_since(snapshot.loaded_at).abs();
        let snapshot = self.current();
        if age(&snapshot) >= OUTDATED {
            // A replica that nobody asked for so long may not know the key that signs by now: everybody waits for the one who asks.
            let tried_at = self.reloading.lock().await;
            if age(&self.current()) >= OUTDATED {
                self.reload_unless_tried(core, tried_at, now).await;
            }
            return self.current();
        }
        if age(&snapshot) >= RELOAD_EVERY {
            // Whoever finds somebody else at it goes on with what there is.
            self.reload_if_quiet(core, now).await;
            return self.current();
        }
        snapshot
    }

    async fn reload_if_quiet(&self, core: &Core, now: Timestamp) -> bool {
        match self.reloading.try_lock() {
            Ok(tried_at) => self.reload_unless_tried(core, tried_at, now).await,
            Err(_) => false,
        }
    }

    async fn reload_unless_tried(&self, core: &Core, mut tried_at: MutexGuard<'_, Timestamp>, now: Timestamp) -> bool {
        if now.signed_duration_since(*tried_at).abs() < RELOAD_AT_MOST_EVERY {
            return false;
        }
        *tried_at = now;
        match self.reload_and_rotate(core, now).await {
            Ok(()) => true,
            Err(failure) => {
                tracing::warn!(%failure, "the signing keys could not be read again; the ones known stay in use");
                false
            }
        }
    }

    /// Reads the keys again, and makes the next one of an algorithm in use when it is due. So rotation needs no timer and no leader:
    /// an issuer that nobody asks anything needs no new key.
    async fn reload_and_rotate(&self, core: &Core, now: Timestamp) -> Result<(), Failure> {
        self.reload(core, now).await?;
        let snapshot = self.current();
        let every = running_settings::value(&core.store, &core.settings, RunningSetting::KeysRotateEvery).await?;
        let schedule = Schedule { every: if let Lifetime::Limited(every) = every { Some(every) } else { None }, ..self.schedule };
        let mut made = false;
        // An algorithm that has no key yet gets its first one when it is needed.
        for alg in self.in_use(&snapshot).into_iter().filter(|alg| snapshot.ring.has_active(*alg, now)) {
            match keep(&core.store, &self.sealer, &core.entropy, schedule, alg, now).await {
                Ok(one) => made |= one,
                Err(failure) => tracing::warn!(%failure, alg = alg.as_str(), "the next signing key could not be made; it is tried again in a minute"),
            }
        }
        if made { self.reload(core, now).await } else { Ok(()) }
    }

    /// Those of the settings, and what some client's ID tokens or userinfo are signed with.
    fn in_use(&self, snapshot: &Snapshot) -> BTreeSet<SigningAlg> {
        self.algorithms.iter().chain(&snapshot.in_use).copied().collect()
    }

    /// The algorithms whose next key is made by itself, in time.
    pub async fn rotated(&self, core: &Core) -> Result<BTreeSet<SigningAlg>, Failure> {
        let every = running_settings::value(&core.store, &core.settings, RunningSetting::KeysRotateEvery).await?;
        let snapshot = self.fresh(core, core.now()).await;
        Ok(if every == Lifetime::Unlimited { BTreeSet::new() } else { self.in_use(&snapshot) })
    }

    async fn reload(&self, core: &Core, now: Timestamp) -> Result<(), Failure> {
        let snapshot = load(&core.store, &self.sealer, &self.limits, now).await?;
        *self.snapshot.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(snapshot);
        Ok(())
    }
}

/// The stored keys, and what the limits of the registered clients mean for them and for sessions.
pub struct Stored {
    pub rows: Vec<SigningKey>,
    /// A key stays in the JWKS after its last signature for as long as a token of any client can live, and an hour more.
    pub policy: KeyPolicy,
    /// The longest session limits that any client is registered with.
    pub registered: LimitOverrides,
}

pub async fn stored(store: &Store, limits: &Limits) -> Result<Stored, StoreError> {
    let limits = *limits;
    store.scan(move |db| read(db, &limits)).await
}

fn read(db: &mut Connection, limits: &Limits) -> Result<Stored, StoreError> {
    let (mut longest, mut registered) = (longest_token(limits), LimitOverrides::default());
    for own in registered::limits(db)? {
        longest = longest.max(longest_token_of(&own));
        for limit in [Limit::SessionAbsolute, Limit::SessionIdle, Limit::UnrememberedAbsolute, Limit::UnrememberedIdle] {
            if own.get(limit).is_some_and(|value| registered.get(limit).is_none_or(|longest| value.is_longer_than(longest))) {
                registered.set(limit, own.get(limit));
            }
        }
    }
    let longest = lifetime_rules::all(db)?.iter().map(|rule| longest_token_of(&rule.limits)).fold(longest, TimeDelta::max);
    let policy = KeyPolicy { retire_after: longest + TimeDelta::hours(1) };
    Ok(Stored { rows: signing_keys::list(db)?, policy, registered })
}

fn longest_token(limits: &Limits) -> TimeDelta {
    length(limits.access_token).max(length(limits.id_token))
}

fn longest_token_of(limits: &LimitOverrides) -> TimeDelta {
    [limits.access_token, limits.id_token].into_iter().flatten().map(length).fold(TimeDelta::zero(), TimeDelta::max)
}

fn length(lifetime: Lifetime) -> TimeDelta {
    match lifetime {
        Lifetime::Limited(delta) => delta,
        Lifetime::Unlimited => TimeDelta::days(3650),
    }
}

async fn load(store: &Store, sealer: &Sealer, limits: &Limits, now: Timestamp) -> Result<Snapshot, Failure> {
    let limits = *limits;
    let (stored, in_use) = store.scan(move |db| Ok((read(db, &limits)?, registered::signing_algs(db)?))).await?;
    let Stored { rows, policy, registered } = stored;
    let ring = KeyRing::load(&rows, sealer, policy).map_err(|error| Failure::Unavailable(error.to_string()))?;
    let jwks = RwLock::new(Arc::new(prepare(&ring, now)));
    Ok(Snapshot { ring, in_use, registered, loaded_at: now, jwks })
}

fn prepare(ring: &KeyRing, now: Timestamp) -> Jwks {
    let body = ring.jwks(now);
    let Digest(hash) = Digest::of(body.as_bytes());
    let etag = format!("\"{}\"", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    Jwks { body: body.into(), etag, valid_until: ring.next_change(now) }
}
